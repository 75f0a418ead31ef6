//! [`ReserveRule`]: when the members that a queue holds in reserve join its agents, and when they leave again (FEATURES E7).
//! A rule and a state, nothing else: `watch` asks at every event that may matter and at the moment told here.
//!
//! By itself the reserve joins when more than [`ReserveThresholds::waiting`] callers wait, or somebody has waited for
//! [`ReserveThresholds::wait`], or the last of those who wait is to expect more than [`ReserveThresholds::estimate`]. It leaves
//! when all have cleared: no more than `leave_waiting` wait, nobody for `leave_wait`, and nobody is to expect more than
//! `leave_estimate`; but no sooner than `at_least` after it joined. Callers for whom an agent rings are no longer among the
//! number that waits: a busy queue has always some. The longest wait is that of the whole queue. What to expect is told by
//! [`Pace`] for the queue's own agents at work, without its reserve and whom others lend: so the reserve does not send itself
//! away.

use std::time::Duration;

use crate::base::Instant;

/// Who decides whether the reserve of a queue is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ReserveMode {
    /// The thresholds.
    #[default]
    Auto,
    /// A supervisor: it is in.
    On,
    /// A supervisor: it is out.
    Off,
}

impl ReserveMode {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// When the reserve of a queue joins and leaves by itself. The default: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReserveThresholds {
    /// It joins while more than so many wait for whom nobody rings; `None`: however many do.
    pub waiting: Option<u32>,
    /// It joins when somebody has waited so long; `None`: however long anybody does.
    pub wait: Option<Duration>,
    /// It joins when the last of those who wait is to expect a longer wait; `None`: however long.
    pub estimate: Option<Duration>,
    /// It leaves when no more than so many wait; at most `waiting`, and nothing without it.
    pub leave_waiting: u32,
    /// It leaves when nobody has waited so long; at most `wait`, and nothing without it.
    pub leave_wait: Duration,
    /// It leaves when nobody is to expect more; at most `estimate`, and nothing without it.
    pub leave_estimate: Duration,
    /// It stays for so long at least.
    pub at_least: Duration,
}

/// The rule by which a queue's reserve is in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReserveRule {
    /// Who decides.
    pub mode: ReserveMode,
    /// How, where nobody does by hand.
    pub thresholds: ReserveThresholds,
}

/// Whether a queue's reserve is in, and since when it has been so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReserveState {
    pub(super) active: bool,
    pub(super) since: Instant,
}

/// Who waits in a queue, as far as the rule asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    /// Callers for whom nobody rings.
    pub(super) waiting: usize,
    /// Since when the longest has waited.
    pub(super) oldest: Option<Instant>,
    /// What the last of them is to expect; `None` while that is not known.
    pub(super) estimate: Option<Duration>,
}

/// How long agents take for a call of a queue, talk and wrap-up: a mean in which the last [`Pace::CALLS`] calls count most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pace {
    /// How many calls it is made of, up to [`Pace::CALLS`].
    calls: u32,
    /// Microseconds.
    handle: u64,
}

impl Pace {
    const CALLS: u32 = 16;

    /// A talk has ended.
    pub(super) fn talked(&mut self, talk: Duration) {
        self.calls = (self.calls + 1).min(Self::CALLS);
        let calls = u64::from(self.calls);
        self.handle = (self.handle - self.handle / calls).saturating_add(micros(talk) / calls);
    }

    /// A wrap-up has ended, whose talk has been told.
    pub(super) fn wrapped_up(&mut self, wrap_up: Duration) {
        if self.calls > 0 {
            self.handle = self.handle.saturating_add(micros(wrap_up) / u64::from(self.calls));
        }
    }

    /// What the last of so many who wait for so many agents is to expect: FEATURES section 3's estimator, `(q + 1) / (n mu)` with
    /// q callers ahead, as if nobody gave up. `None` before the first call was handled; without agents, for ever.
    pub(super) fn estimate(&self, waiting: usize, agents: u32) -> Option<Duration> {
        match (u32::try_from(waiting).unwrap_or(u32::MAX), agents) {
            (0, _) => Some(Duration::ZERO),
            (_, 0) => Some(Duration::MAX),
            (waiting, agents) => {
                let wait = self.handle.saturating_mul(waiting.into()) / u64::from(agents);
                (self.calls > 0).then_some(Duration::from_micros(wait))
            }
        }
    }
}

/// Without a division; for ever is long enough at the end.
fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

impl ReserveRule {
    /// True when nothing that happens can call the reserve in.
    pub(super) fn is_idle(&self) -> bool {
        let ReserveThresholds { waiting, wait, estimate, .. } = self.thresholds;
        self.mode == ReserveMode::Auto && waiting.is_none() && wait.is_none() && estimate.is_none()
    }

    /// Whether the reserve is in now, that was so before.
    pub(super) fn is_in(&self, before: ReserveState, crowd: Crowd, now: Instant) -> bool {
        match (self.mode, before.active) {
            (ReserveMode::On, _) => true,
            (ReserveMode::Off, _) => false,
            (ReserveMode::Auto, false) => self.thresholds.are_passed(crowd, now),
            (ReserveMode::Auto, true) => {
                now < before.since + self.thresholds.at_least || !self.thresholds.are_clear(crowd, now)
            }
        }
    }

    /// The next moment at which time alone may change that.
    pub(super) fn next(&self, state: ReserveState, crowd: Crowd, now: Instant) -> Option<Instant> {
        let thresholds = &self.thresholds;
        match (self.mode, state.active) {
            (ReserveMode::On | ReserveMode::Off, _) => None,
            (ReserveMode::Auto, false) => Some(crowd.oldest? + thresholds.wait?),
            (ReserveMode::Auto, true) => thresholds.are_clear(crowd, now).then_some(state.since + thresholds.at_least),
        }
    }
}

impl ReserveThresholds {
    fn are_passed(&self, crowd: Crowd, now: Instant) -> bool {
        let waits_long = |wait| crowd.oldest.is_some_and(|since| since + wait <= now);
        let is_long = self.estimate.zip(crowd.estimate).is_some_and(|(most, estimate)| estimate > most);
        is_long || self.waiting.is_some_and(|most| crowd.waiting > most as usize) || self.wait.is_some_and(waits_long)
    }

    fn are_clear(&self, crowd: Crowd, now: Instant) -> bool {
        let waits_long = crowd.oldest.is_some_and(|since| since + self.leave_wait <= now);
        let is_long = crowd.estimate.is_some_and(|estimate| estimate > self.leave_estimate);
        (self.waiting.is_none() || crowd.waiting <= self.leave_waiting as usize)
            && (self.wait.is_none() || !waits_long)
            && (self.estimate.is_none() || !is_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    const fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    const RULE: ReserveRule = ReserveRule {
        mode: ReserveMode::Auto,
        thresholds: ReserveThresholds {
            waiting: Some(5),
            wait: Some(secs(60)),
            leave_waiting: 3,
            leave_wait: secs(20),
            at_least: secs(30),
            estimate: None,
            leave_estimate: secs(0),
        },
    };

    const fn crowd(waiting: usize, oldest: u64) -> Crowd {
        Crowd { waiting, oldest: if waiting == 0 { None } else { Some(at(oldest)) }, estimate: None }
    }

    #[test]
    fn it_joins_and_leaves_by_what_the_last_caller_is_to_expect() {
        let thresholds = ReserveThresholds { estimate: Some(secs(90)), leave_estimate: secs(60), ..Default::default() };
        let rule = ReserveRule { mode: ReserveMode::Auto, thresholds };
        let expects = |estimate| Crowd { estimate, ..crowd(1, 0) };
        let (out, joined) = (ReserveState { active: false, since: at(0) }, ReserveState { active: true, since: at(0) });
        assert!(!rule.is_idle());
        for (estimate, joins, stays) in [
            (None, false, false),
            (Some(secs(60)), false, false),
            (Some(secs(61)), false, true),
            (Some(secs(90)), false, true),
            (Some(secs(91)), true, true),
            (Some(Duration::MAX), true, true),
        ] {
            assert_eq!(rule.is_in(out, expects(estimate), at(9)), joins, "{estimate:?}");
            assert_eq!(rule.is_in(joined, expects(estimate), at(9)), stays, "{estimate:?}");
        }
    }

    #[test]
    fn the_pace_is_talk_and_wrap_up_of_the_last_calls() {
        let mut pace = Pace::default();
        pace.wrapped_up(secs(5));
        assert_eq!([pace.estimate(0, 0), pace.estimate(1, 1)], [Some(Duration::ZERO), None], "nothing is known");
        assert_eq!(pace.estimate(1, 0), Some(Duration::MAX), "nobody is at work");
        pace.talked(secs(40));
        pace.wrapped_up(secs(20));
        assert_eq!(pace.estimate(3, 2), Some(secs(90)));
        pace.talked(secs(100));
        pace.wrapped_up(secs(20));
        assert_eq!(pace.estimate(1, 1), Some(secs(90)), "half of 60 and of 120");
        for _ in 0..300 {
            pace.talked(secs(10));
        }
        let estimate = pace.estimate(1, 1).expect("known");
        assert!(estimate > secs(9) && estimate < secs(11), "{estimate:?}");
    }

    #[test]
    fn it_joins_above_the_number_or_at_the_wait() {
        let out = ReserveState { active: false, since: at(0) };
        for (crowd, now, joins) in [
            (crowd(0, 0), 500, false),
            (crowd(5, 100), 159, false),
            (crowd(6, 100), 100, true),
            (crowd(1, 100), 159, false),
            (crowd(1, 100), 160, true),
        ] {
            assert_eq!(RULE.is_in(out, crowd, at(now)), joins, "{crowd:?} at {now}");
        }
        assert_eq!(RULE.next(out, crowd(1, 100), at(101)), Some(at(160)));
        assert_eq!(RULE.next(out, crowd(0, 0), at(101)), None);
    }

    #[test]
    fn it_leaves_when_both_have_cleared_and_not_at_once() {
        let joined = ReserveState { active: true, since: at(100) };
        for (crowd, now, stays) in [
            (crowd(0, 0), 129, true),
            (crowd(0, 0), 130, false),
            (crowd(3, 115), 134, false),
            (crowd(3, 115), 135, true),
            (crowd(4, 134), 135, true),
        ] {
            assert_eq!(RULE.is_in(joined, crowd, at(now)), stays, "{crowd:?} at {now}");
        }
        assert_eq!(RULE.next(joined, crowd(2, 110), at(111)), Some(at(130)));
        assert_eq!(RULE.next(joined, crowd(4, 110), at(111)), None, "somebody has to leave first");
    }

    #[test]
    fn a_supervisors_word_stands_over_the_thresholds_and_ends_with_them() {
        let (out, joined) = (ReserveState { active: false, since: at(0) }, ReserveState { active: true, since: at(0) });
        let by_hand = |mode| ReserveRule { mode, ..RULE };
        assert!(by_hand(ReserveMode::On).is_in(out, crowd(0, 0), at(1)));
        assert!(!by_hand(ReserveMode::Off).is_in(joined, crowd(9, 0), at(1)));
        assert_eq!(by_hand(ReserveMode::On).next(joined, crowd(0, 0), at(1)), None);
        let never = ReserveRule::default();
        assert!(never.is_idle() && !never.is_in(out, crowd(99, 0), at(9_999)));
        assert!(!never.is_in(joined, crowd(99, 0), at(9_999)), "what was on by hand leaves");
        assert!(!by_hand(ReserveMode::Off).is_idle() && !RULE.is_idle());
    }
}
