//! The bounds of every wait histogram of the process: one set, fixed at the start ("Decisions" 4), in microseconds.
//! A value equal to a bound lies below it, as `le` says.

use std::time::Duration;

/// The bounds that every process has, in seconds: the usual thresholds of service levels and a tail (FEATURES 7.2).
const DEFAULT_SECONDS: [u64; 14] = [3, 5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 300, 600];

/// The default bounds and every configured threshold, in microseconds, ascending, each once.
pub fn histogram_bounds(thresholds: impl IntoIterator<Item = Duration>) -> Vec<u64> {
    let defaults = DEFAULT_SECONDS.into_iter().map(Duration::from_secs);
    normalised(defaults.chain(thresholds).map(micros))
}

/// Ascending, each once.
pub(super) fn normalised(bounds: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut bounds: Vec<u64> = bounds.into_iter().collect();
    bounds.sort_unstable();
    bounds.dedup();
    bounds
}

/// The index of the bucket that holds `value`; the number of bounds for what lies above all of them.
pub(super) fn bucket(bounds: &[u64], value: u64) -> usize {
    bounds.partition_point(|bound| *bound < value)
}

/// A duration in whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as seconds, for what leaves the process.
pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_defaults_and_the_thresholds_in_order_and_once() {
        let bounds = histogram_bounds([Duration::from_secs(20), Duration::from_millis(7_500)]);
        assert_eq!(bounds.len(), 15);
        assert!(bounds.is_sorted());
        assert_eq!(&bounds[..4], &[3_000_000, 5_000_000, 7_500_000, 10_000_000]);
    }

    #[test]
    fn a_value_on_a_bound_lies_in_its_bucket_and_one_above_in_the_next() {
        let bounds = [3_000_000, 5_000_000];
        assert_eq!(bucket(&bounds, 0), 0);
        assert_eq!(bucket(&bounds, 3_000_000), 0);
        assert_eq!(bucket(&bounds, 3_000_001), 1);
        assert_eq!(bucket(&bounds, 5_000_000), 1);
        assert_eq!(bucket(&bounds, 5_000_001), 2);
    }
}
