//! [`Timers`]: deadlines with the key of what they are for. Cancelling is exact; due keys come out in order of time, then of
//! arming, so that the same inputs give the same outputs.

use std::collections::BTreeMap;

use super::time::Instant;

/// Names one armed timer, to cancel it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    at: Instant,
    seq: u64,
}

/// A set of armed timers, each carrying a `K`. Arm and cancel cost O(log n).
#[derive(Debug)]
pub struct Timers<K> {
    armed: BTreeMap<TimerKey, K>,
    seq: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { armed: BTreeMap::new(), seq: 0 }
    }
}

impl<K> Timers<K> {
    /// Arms a timer; it stays until it is due or cancelled.
    pub fn arm(&mut self, at: Instant, what: K) -> TimerKey {
        self.seq += 1;
        let key = TimerKey { at, seq: self.seq };
        self.armed.insert(key, what);
        key
    }

    /// Disarms a timer; a key already due or cancelled is ignored.
    pub fn cancel(&mut self, key: TimerKey) -> Option<K> {
        self.armed.remove(&key)
    }

    /// The next deadline.
    pub fn next(&self) -> Option<Instant> {
        self.armed.first_key_value().map(|(key, _)| key.at)
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let entry = self.armed.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove())
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.armed.len()
    }

    /// True when nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_in_order_and_cancelled_ones_never() {
        let at = Instant::from_micros;
        let mut timers = Timers::default();
        timers.arm(at(20), "b");
        let c = timers.arm(at(10), "c");
        timers.arm(at(10), "a");
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.cancel(c), Some("c"));
        assert_eq!(timers.cancel(c), None);
        assert_eq!(timers.pop_due(at(15)), Some("a"));
        assert_eq!(timers.pop_due(at(15)), None);
        assert_eq!(timers.pop_due(at(20)), Some("b"));
        assert!(timers.is_empty());
    }
}
