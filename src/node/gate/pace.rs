//! Rates: how many calls came through lately, and buckets of tokens.

use std::time::Duration;

use crate::base::Instant;

/// Waiting for too long is tolerated for this time: a burst is not an overload.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// So many may wait whatever the pace was: the shell handles as many in a turn.
const WAITING_MIN: usize = 64;

/// How many calls came through in the last whole interval.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    count: u64,
    /// In an [`INTERVAL`].
    last: u64,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, count: 0, last: 0 }
    }

    /// One comes through.
    pub(super) fn count(&mut self, now: Instant) {
        let passed = now.since(self.since);
        if passed >= INTERVAL {
            // An interval in which nothing came ends only with the next call.
            self.last = self.count * INTERVAL.as_micros() as u64 / (passed.as_micros() as u64).max(1);
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
    }

    /// How many come through within a time.
    pub(super) fn within(&self, time: Duration) -> usize {
        WAITING_MIN.max((self.last * time.as_micros() as u64 / INTERVAL.as_micros() as u64) as usize)
    }
}

/// A bucket of tokens that fills at a rate and holds a tenth of a second's worth.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u32,
    /// Millionths of a token.
    level: u64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(now: Instant, per_second: u32) -> Self {
        Self { per_second, level: u64::from(per_second) * 100_000, filled: now }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let more = now.since(self.filled).as_micros().min(1_000_000) as u64 * u64::from(self.per_second);
        self.level = (self.level + more).min(u64::from(self.per_second) * 100_000);
        self.filled = now;
        let Some(rest) = self.level.checked_sub(1_000_000) else { return false };
        self.level = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_interval() {
        let mut pace = Pace::new(Instant::ZERO);
        assert_eq!(pace.within(INTERVAL), WAITING_MIN);
        // 10 a millisecond: 2,000 in 200 ms.
        for n in 0..=2_000 {
            pace.count(Instant::from_micros(n * 100));
        }
        assert_eq!(pace.within(INTERVAL), 2_000);
        assert_eq!(pace.within(INTERVAL / 4), 500);
        // An idle second dilutes the interval it ended in.
        pace.count(Instant::from_micros(1_200_000));
        assert_eq!(pace.within(INTERVAL), WAITING_MIN);
    }
}
