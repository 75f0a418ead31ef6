//! Spans counted in buckets that are at most 1/32 of their value wide: percentiles without keeping every value.

/// Halves of a power of two: 32 buckets for each.
const PRECISION: u32 = 5;
const BUCKETS: usize = (64 - PRECISION as usize + 1) << PRECISION;

/// A histogram of nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one value.
    pub(crate) fn add(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// The upper edge of the bucket below which the fraction of the values lies, in milliseconds; `None` without values.
    pub(crate) fn quantile_ms(&self, fraction: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((self.count as f64 * fraction).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(|index| milliseconds(upper(index).min(self.max)))
    }

    /// The largest value in milliseconds.
    pub(crate) fn max_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| milliseconds(self.max))
    }
}

/// Milliseconds with the precision of a microsecond.
fn milliseconds(nanos: u64) -> f64 {
    (nanos as f64 / 1e3).round() / 1e3
}

/// Values below 2^PRECISION have a bucket each; above, each power of two is cut into 2^PRECISION.
fn bucket(value: u64) -> usize {
    let shift = (64 - value.leading_zeros()).saturating_sub(PRECISION + 1);
    ((shift as usize) << PRECISION) + (value >> shift) as usize
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    let shift = (index >> PRECISION).saturating_sub(1);
    let low = (index - (shift << PRECISION)) as u64;
    (low << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_values_and_is_at_most_a_32nd_wide() {
        for value in (0..10_000).chain((0..50).map(|power| 1_234_567u64 << (power % 40))) {
            let top = upper(bucket(value));
            assert!(top >= value && top - value <= value / 32, "{value} {top}");
        }
    }

    #[test]
    fn quantiles_lie_where_the_values_lie() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        (1..=1_000u64).for_each(|n| histogram.add(n * 1_000_000));
        let median = histogram.quantile_ms(0.5).unwrap();
        assert!((500.0..520.0).contains(&median), "{median}");
        assert_eq!(histogram.quantile_ms(1.0), Some(1_000.0));
        assert_eq!(histogram.max_ms(), Some(1_000.0));
    }
}
