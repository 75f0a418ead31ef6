//! [`Queue`]: who waits where, since when, and the counts that must add up. It never chooses an agent and emits nothing;
//! the engine asks it and says what follows.

use std::cmp::Reverse;
use std::time::Duration;

use crate::acd::index::Index;
use crate::acd::plan::QueuePlan;
use crate::base::{AgentId, CallId, Instant, QueueId, TimerKey};

/// A waiting call's place: higher priority first, then the longer wait, then the lower queue, then the earlier arrival. The
/// same order holds inside a queue and between queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) priority: Reverse<i32>,
    pub(super) since: Instant,
    pub(super) queue: QueueId,
    pub(super) seq: u64,
    pub(super) call: CallId,
}

/// A call's stay in one queue.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) place: Place,
    /// When this stay began; [`Place::since`] may be earlier, after a requeue.
    pub(super) joined: Instant,
    /// Who is reserved for it.
    pub(super) agent: Option<AgentId>,
    /// The wait has been told to have passed the threshold.
    pub(super) missed: bool,
    /// The engine's last offer before it.
    pub(super) epoch: u32,
}

/// What became of the visits of a queue. `offered = answered + abandoned + flowed_out + waiting` at every instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Visits begun.
    pub offered: u64,
    /// Visits that ended with an agent.
    pub answered: u64,
    /// Visits that ended because the caller hung up.
    pub abandoned: u64,
    /// Visits that ended for another reason.
    pub flowed_out: u64,
}

/// Whether a queue is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// In the plan.
    Configured,
    /// Removed by a reload; serves those who wait, and is forgotten with the last of them.
    Removed,
}

/// The one timer that a queue needs for all its callers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alarm {
    pub(super) at: Instant,
    pub(super) key: TimerKey,
}

/// One queue at run time.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) plan: QueuePlan,
    pub(super) listing: Listing,
    /// The pool whose agents serve it.
    pub(super) pool: usize,
    pub(super) counts: Counts,
    /// Everybody who waits, those being offered included.
    pub(super) order: Index<Place>,
    by_since: Index<(Instant, CallId)>,
    /// Kept only while there is a `wait_max`.
    by_joined: Index<(Instant, CallId)>,
    /// Who joined before has been looked at for the threshold.
    undecided_from: Instant,
    /// The head last told.
    pub(super) oldest_told: Option<Instant>,
    pub(super) threshold_alarm: Option<Alarm>,
    pub(super) wait_max_alarm: Option<Alarm>,
}

impl Queue {
    pub(super) fn new(plan: QueuePlan) -> Self {
        Self {
            plan,
            listing: Listing::Configured,
            pool: 0,
            counts: Counts::default(),
            order: Index::default(),
            by_since: Index::default(),
            by_joined: Index::default(),
            undecided_from: Instant::ZERO,
            oldest_told: None,
            threshold_alarm: None,
            wait_max_alarm: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.plan.waiting_max.is_some_and(|max| self.len() >= max as usize)
    }

    pub(super) fn join(&mut self, visit: &Visit) {
        self.order.insert(visit.place);
        self.by_since.insert((visit.place.since, visit.place.call));
        if self.plan.wait_max.is_some() {
            self.by_joined.insert((visit.joined, visit.place.call));
        }
    }

    pub(super) fn leave(&mut self, visit: &Visit) {
        self.order.remove(&visit.place);
        self.by_since.remove(&(visit.place.since, visit.place.call));
        self.by_joined.remove(&(visit.joined, visit.place.call));
    }

    /// A reload's new plan. `joined` lists who waits with the moment this stay began.
    pub(super) fn replan(&mut self, plan: QueuePlan, joined: impl Iterator<Item = (Instant, CallId)>) {
        self.by_joined = if plan.wait_max.is_some() { joined.collect() } else { Index::default() };
        self.plan = plan;
        self.listing = Listing::Configured;
        self.undecided_from = Instant::ZERO;
    }

    /// The earliest moment of joining among those who wait.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.by_since.first().map(|(since, _)| since)
    }

    /// True when such a wait is outside the service level: exactly the threshold is in.
    pub(super) fn is_late(&self, wait: Duration) -> bool {
        wait > self.plan.threshold
    }

    /// When the next wait passes the threshold: one microsecond after it.
    pub(super) fn next_threshold(&self) -> Option<Instant> {
        let (since, _) = self.by_since.first_from((self.undecided_from, CallId(0)))?;
        Some(since + self.plan.threshold + Duration::from_micros(1))
    }

    /// Who has passed the threshold since the last question; some may have been told before a reload changed it.
    pub(super) fn late(&mut self, now: Instant) -> Vec<CallId> {
        let threshold_us = u64::try_from(self.plan.threshold.as_micros()).unwrap_or(u64::MAX);
        let in_time = Instant::from_micros(now.as_micros().saturating_sub(threshold_us));
        let from = self.undecided_from.min(in_time);
        self.undecided_from = in_time;
        self.by_since.between((from, CallId(0))..(in_time, CallId(0))).map(|(_, call)| call).collect()
    }

    /// When the next wait reaches `wait_max`, counted from the beginning of this stay: a requeued call gets a whole one.
    pub(super) fn next_wait_max(&self) -> Option<Instant> {
        let (joined, _) = self.by_joined.first()?;
        Some(joined + self.plan.wait_max?)
    }

    /// The first call that has reached `wait_max`.
    pub(super) fn overdue(&self, now: Instant) -> Option<CallId> {
        let due = self.next_wait_max()? <= now;
        self.by_joined.first().filter(|_| due).map(|(_, call)| call)
    }

    /// A broken rule, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let (counts, id) = (self.counts, self.plan.id);
        let waiting = self.len() as u64;
        if counts.offered != counts.answered + counts.abandoned + counts.flowed_out + waiting {
            return Err(format!("{id}: {counts:?} and {waiting} waiting do not add up"));
        }
        let joined = if self.plan.wait_max.is_some() { self.len() } else { 0 };
        if self.by_since.len() != self.len() || self.by_joined.len() != joined {
            return Err(format!("{id}: the indexes of its callers differ"));
        }
        if self.oldest_told != self.oldest() {
            return Err(format!("{id}: the oldest told is {:?}, is {:?}", self.oldest_told, self.oldest()));
        }
        for (what, alarm, need) in [
            ("threshold", self.threshold_alarm, self.next_threshold()),
            ("wait_max", self.wait_max_alarm, self.next_wait_max()),
        ] {
            if need.is_some_and(|need| need < Instant::FAR && alarm.is_none_or(|alarm| alarm.at > need)) {
                return Err(format!("{id}: no {what} timer for {need:?}"));
            }
        }
        if self.len() == 0 && (self.threshold_alarm.is_some() || self.wait_max_alarm.is_some()) {
            return Err(format!("{id}: a timer for nobody"));
        }
        if self.listing == Listing::Removed && self.order.is_empty() {
            return Err(format!("{id}: removed and empty, yet kept"));
        }
        Ok(())
    }
}
