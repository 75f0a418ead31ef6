//! [`Lending`]: a queue lends its members to others while its own service level holds (FEATURES E8). Here: the rule, and the
//! [`Record`] of how its last visits were decided; `watch` keeps it, and opens and closes the way.
//!
//! The record counts a visit when it is decided: answered in time is good; abandoned, or a wait that passes the threshold, is
//! bad, whatever becomes of the caller then; who flows out in time does not count. It holds the running minute of the engine's
//! clock and the `window - 1` minutes before. A queue lends while `good >= target * (good + bad)`, so also when nothing has
//! been decided; once it has ceased to, it lends again no sooner than after `pause`.
//!
//! Only members are lent, those in reserve excepted, and never what a queue has borrowed: queues may lend to each other.

use std::time::Duration;

use crate::base::{Instant, QueueId};

/// How a queue lends its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lending {
    /// The service level that it protects, in thousandths.
    pub target: u16,
    /// Over how many minutes that is measured, the running one included; 1 to [`Lending::WINDOW_MAX`].
    pub window: u32,
    /// How long it lends nobody at least, once the service level has fallen below the target.
    pub pause: Duration,
    /// To whom, and on what terms; a queue stands here once.
    pub to: Vec<Loan>,
}

impl Lending {
    /// The longest window, in minutes.
    pub const WINDOW_MAX: u32 = 60;
}

impl Default for Lending {
    fn default() -> Self {
        Self { target: 800, window: 30, pause: Duration::from_secs(60), to: Vec::new() }
    }
}

/// The terms on which a queue's members serve another. Whatever they are, its own agents are asked before, and its callers
/// wait until the lent agent has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// The other queue.
    pub queue: QueueId,
    /// The tier, by the other queue's rules.
    pub level: u32,
    /// The penalty, by the other queue's rules.
    pub penalty: u32,
    /// They see a caller only after this wait.
    pub delay: Duration,
}

/// How the visits of the last minutes were decided. Of constant size.
#[derive(Debug)]
pub(super) struct Record {
    /// By the number of the minute, modulo their count: good and bad.
    minutes: [[u32; 2]; Lending::WINDOW_MAX as usize],
    /// The running minute.
    running: u64,
    window: u64,
    /// Over the window.
    sum: [u32; 2],
}

impl Record {
    pub(super) fn new(window: u32, now: Instant) -> Self {
        let window = window.clamp(1, Lending::WINDOW_MAX).into();
        Self { minutes: [[0; 2]; Lending::WINDOW_MAX as usize], running: minute(now), window, sum: [0; 2] }
    }

    /// Another window, over what is known.
    pub(super) fn resize(&mut self, window: u32) {
        self.window = window.clamp(1, Lending::WINDOW_MAX).into();
        self.sum = [0; 2];
        for past in 0..self.window.min(self.running + 1) {
            let minute = *self.of(self.running - past);
            self.add(minute);
        }
    }

    /// Notes a decided visit.
    pub(super) fn note(&mut self, good: bool, now: Instant) {
        self.advance(now);
        let one = [u32::from(good), u32::from(!good)];
        let minute = self.of(self.running);
        *minute = [minute[0] + one[0], minute[1] + one[1]];
        self.add(one);
    }

    /// Forgets what is over.
    pub(super) fn advance(&mut self, now: Instant) {
        let now = minute(now);
        if now > self.running + u64::from(Lending::WINDOW_MAX) {
            self.minutes.fill([0; 2]);
            (self.sum, self.running) = ([0; 2], now);
        }
        while self.running < now {
            self.running += 1;
            if let Some(left) = self.running.checked_sub(self.window) {
                let [good, bad] = *self.of(left);
                self.sum = [self.sum[0] - good, self.sum[1] - bad];
            }
            *self.of(self.running) = [0; 2];
        }
    }

    /// True when this share of the visits, in thousandths, was good.
    pub(super) fn holds(&self, target: u16) -> bool {
        let [good, bad] = self.sum.map(u64::from);
        good * 1_000 >= u64::from(target) * (good + bad)
    }

    /// Good visits, and all.
    pub(super) const fn sums(&self) -> (u32, u32) {
        (self.sum[0], self.sum[0] + self.sum[1])
    }

    /// When time alone may change what holds: when the oldest minute with visits is over. Never while all are good.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.sum[1] == 0 {
            return None;
        }
        let first = (self.running + 1).saturating_sub(self.window);
        let known = |minute: &u64| self.minutes[slot(*minute)] != [0; 2];
        let oldest = (first..=self.running).find(known)?;
        Some(Instant::from_micros((oldest + self.window) * MINUTE_US))
    }

    fn of(&mut self, minute: u64) -> &mut [u32; 2] {
        &mut self.minutes[slot(minute)]
    }

    fn add(&mut self, [good, bad]: [u32; 2]) {
        self.sum = [self.sum[0] + good, self.sum[1] + bad];
    }
}

const MINUTE_US: u64 = 60_000_000;

fn minute(at: Instant) -> u64 {
    at.as_micros() / MINUTE_US
}

fn slot(minute: u64) -> usize {
    // Below the number of minutes, which is small.
    (minute % u64::from(Lending::WINDOW_MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    #[test]
    fn the_record_is_what_was_decided_in_the_window() {
        let mut rng = Rng::from_u64(5);
        for window in [1, 2, 7, 59, 60] {
            let mut record = Record::new(window, at(0));
            let mut told: Vec<(u64, bool)> = Vec::new();
            let mut now = 0;
            for step in 0..2_000 {
                now += u64::from(if rng.chance(0.01) { rng.below(9_000) } else { rng.below(50) });
                if rng.chance(0.6) {
                    let good = rng.chance(0.7);
                    record.note(good, at(now));
                    told.push((now / 60, good));
                } else {
                    record.advance(at(now));
                }
                if step % 100 == 0 {
                    record.resize(window);
                }
                let counted: Vec<_> = told.iter().filter(|(minute, _)| minute + u64::from(window) > now / 60).collect();
                let good = counted.iter().filter(|(_, good)| *good).count();
                assert_eq!(record.sums(), (good as u32, counted.len() as u32), "{window} {now}");
                let changes = (good < counted.len()).then(|| at((counted[0].0 + u64::from(window)) * 60));
                assert_eq!(record.next(), changes, "{window} {now}");
            }
        }
    }

    #[test]
    fn exactly_the_target_holds_and_nothing_decided_holds() {
        let mut record = Record::new(30, at(0));
        assert!(record.holds(1_000));
        for good in [true, true, true, true, false] {
            record.note(good, at(1));
        }
        assert!(record.holds(800) && !record.holds(801));
    }
}
