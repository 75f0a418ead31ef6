//! The reference's side of reserves and lending: what must hold by facts and plans alone. Time is judged by the last moment at
//! which timers have fired; events are judged as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::naive::Rules;
use crate::acd::*;
use crate::base::{Instant, QueueId};

/// See the module.
#[derive(Default)]
pub(super) struct Watches {
    /// Since when each reserve is in.
    joined: BTreeMap<QueueId, Instant>,
    /// Of queues that may lend: the minute of each decided visit, and whether it was good.
    decided: BTreeMap<QueueId, Vec<(u64, bool)>>,
    /// When queues that ceased to lend may again.
    resumes: BTreeMap<QueueId, Instant>,
}

fn minute(at: Instant) -> u64 {
    at.as_micros() / 60_000_000
}

impl Watches {
    /// Only these queues are there, planned or waited in.
    pub(super) fn keep(&mut self, there: &BTreeSet<QueueId>, rules: &Rules) {
        let lends = |queue: &QueueId| there.contains(queue) && !rules.queues[queue].routing.lending.to.is_empty();
        self.decided.retain(|queue, _| lends(queue));
        self.resumes.retain(|queue, _| lends(queue));
        for &queue in rules.planned.iter().filter(|queue| lends(queue)) {
            self.decided.entry(queue).or_default();
        }
    }

    pub(super) fn decide(&mut self, queue: QueueId, at: Instant, good: bool) {
        if let Some(decided) = self.decided.get_mut(&queue) {
            decided.push((minute(at), good));
        }
    }

    /// True when enough of the visits of the window were good.
    fn holds(&self, rules: &Rules, queue: QueueId, now: Instant) -> bool {
        let rule = &rules.queues[&queue].routing.lending;
        let Some(decided) = self.decided.get(&queue).filter(|_| rules.planned.contains(&queue)) else { return false };
        let counted: Vec<bool> =
            decided.iter().filter(|(at, _)| at + u64::from(rule.window) > minute(now)).map(|(_, good)| *good).collect();
        let good = counted.iter().filter(|good| **good).count();
        good as u64 * 1_000 >= u64::from(rule.target) * counted.len() as u64
    }

    fn may_resume(&self, queue: QueueId, now: Instant) -> bool {
        self.resumes.get(&queue).is_none_or(|at| *at <= now)
    }

    pub(super) fn on_lending(&mut self, rules: &mut Rules, (queue, lends): (QueueId, bool), at: Instant) {
        let holds = self.holds(rules, queue, at);
        if lends {
            assert!(holds && self.may_resume(queue, at), "{queue} lends too early");
            assert!(rules.lenders.insert(queue), "{queue} lends already");
        } else {
            assert!(!holds, "{queue} ceases to lend for no reason");
            assert!(rules.lenders.remove(&queue), "{queue} lent nobody");
            if self.decided.contains_key(&queue) {
                self.resumes.insert(queue, at + rules.queues[&queue].routing.lending.pause);
            }
        }
    }

    pub(super) fn judge_lenders(&self, rules: &Rules, now: Instant) {
        for queue in self.decided.keys() {
            let lends = rules.lenders.contains(queue);
            let ought = self.holds(rules, *queue, now) && (lends || self.may_resume(*queue, now));
            assert_eq!(lends, ought, "{queue} lends, or ought to");
        }
    }

    pub(super) fn on_reserve(
        &mut self,
        rules: &mut Rules,
        (queue, active): (QueueId, bool),
        crowd: (usize, Option<Instant>),
        at: Instant,
    ) {
        let rule = rules.queues[&queue].routing.reserve;
        let is_gone = !rules.planned.contains(&queue) && crowd.1.is_none();
        if active {
            // What was to expect in that moment is not known here: the end of the step is judged.
            let estimates = rule.thresholds.estimate.is_some();
            let passed = rule.mode == ReserveMode::Auto && (estimates || is_passed(&rule.thresholds, crowd, at));
            assert!(passed || rule.mode == ReserveMode::On, "{queue}: the reserve joins for no reason");
            assert!(rules.reserves.insert(queue) && self.joined.insert(queue, at).is_none());
        } else {
            let joined = self.joined.remove(&queue).expect("it was in");
            let may_leave = joined + rule.thresholds.at_least <= at && is_clear(&rule.thresholds, crowd, at);
            let leaves = rule.mode == ReserveMode::Off || (rule.mode == ReserveMode::Auto && may_leave);
            assert!(leaves || is_gone, "{queue}: the reserve leaves for no reason");
            assert!(rules.reserves.remove(&queue));
        }
    }

    /// Nothing is due that has not happened, by what is seen now and the time at which timers fired last.
    pub(super) fn judge_reserve(
        &self,
        rules: &Rules,
        queue: QueueId,
        crowd: (usize, Option<Instant>),
        expected: Option<Duration>,
        (now, timed): (Instant, Instant),
    ) {
        let (waiting, oldest) = crowd;
        if oldest.is_none() && !rules.planned.contains(&queue) {
            return assert!(!rules.reserves.contains(&queue));
        }
        let ReserveRule { mode, thresholds } = rules.queues[&queue].routing.reserve;
        match (mode, self.joined.get(&queue)) {
            (ReserveMode::On, joined) => assert!(joined.is_some(), "{queue}: switched on, and out"),
            (ReserveMode::Off, joined) => assert!(joined.is_none(), "{queue}: switched off, and in"),
            (ReserveMode::Auto, None) => {
                let long = oldest.filter(|since| *since <= timed);
                assert!(!is_passed(&thresholds, (waiting, long), timed), "{queue}: the reserve is out");
                let is_long = thresholds.estimate.zip(expected).is_some_and(|(most, expected)| expected > most);
                assert!(!is_long, "{queue}: the reserve is out, {expected:?} are to expect");
            }
            (ReserveMode::Auto, Some(&joined)) => {
                let may_leave = joined + thresholds.at_least <= timed;
                let is_long = expected.is_some_and(|expected| expected > thresholds.leave_estimate);
                let is_clear =
                    is_clear(&thresholds, crowd, now.max(timed)) && !(thresholds.estimate.is_some() && is_long);
                assert!(!may_leave || !is_clear, "{queue}: the reserve is in");
            }
        }
    }
}

fn waits(since: Option<Instant>, wait: Duration, now: Instant) -> bool {
    since.is_some_and(|since| now.since(since) >= wait && now >= since)
}

fn is_passed(thresholds: &ReserveThresholds, (waiting, oldest): (usize, Option<Instant>), now: Instant) -> bool {
    let many = thresholds.waiting.is_some_and(|most| waiting > most as usize);
    many || thresholds.wait.is_some_and(|wait| waits(oldest, wait, now))
}

fn is_clear(thresholds: &ReserveThresholds, (waiting, oldest): (usize, Option<Instant>), now: Instant) -> bool {
    let few = thresholds.waiting.is_none() || waiting <= thresholds.leave_waiting as usize;
    few && (thresholds.wait.is_none() || !waits(oldest, thresholds.leave_wait, now))
}
