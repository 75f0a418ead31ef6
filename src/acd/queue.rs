//! [`Queue`]: who waits where, since when, and the counts that must add up. It never chooses an agent and emits nothing;
//! the engine asks it and says what follows.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::awaited::Wait;
use crate::acd::index::Index;
use crate::acd::lending::Record;
use crate::acd::matching::{LineId, Spot};
use crate::acd::message::Preference;
use crate::acd::place::{Claim, Place};
use crate::acd::plan::QueuePlan;
use crate::acd::reach::{self, Reach};
use crate::acd::requirement::Attributes;
use crate::acd::reserve::{Crowd, Pace, ReserveState};
use crate::acd::ringing::Ringing;
use crate::acd::strategy::{self, Ring};
use crate::base::{CallId, CallerKey, Instant, TimerKey};

/// A call's stay in one queue.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) place: Place,
    /// What the place is made from.
    pub(super) claim: Claim,
    /// The reach of the queue that the wait has reached.
    pub(super) reach: usize,
    /// Where it stands while it waits for an agent.
    pub(super) line: LineId,
    /// When this stay began; the claim may be older, after a requeue.
    pub(super) joined: Instant,
    /// What the call brings.
    pub(super) attributes: Option<Arc<Attributes>>,
    /// Who calls, where that can be told.
    pub(super) caller: Option<CallerKey>,
    /// What most calls do not bring: whom it prefers.
    pub(super) wish: Option<Box<Wish>>,
    /// Who is reserved for it.
    pub(super) ringing: Ringing,
    /// The wait has been told to have passed the threshold.
    pub(super) missed: bool,
}

/// Whom a call prefers. Apart from the call, of which a hundred thousand may wait, so that those without it are small.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Whom it is to be offered to first.
    pub(super) preferred: Option<Preference>,
    /// The agent for whom it waits alone.
    pub(super) awaits: Option<Wait>,
}

impl Visit {
    /// Where it waits for an agent, while it does.
    pub(super) fn spot(&self) -> Spot {
        Spot { place: self.place, line: self.line, awaits: self.awaits().map(|wait| wait.agent) }
    }

    /// The agent for whom it waits alone.
    pub(super) fn awaits(&self) -> Option<Wait> {
        self.wish.as_ref()?.awaits
    }

    /// Whom it is to be offered to first.
    pub(super) fn preferred(&self) -> Option<Preference> {
        self.wish.as_ref()?.preferred
    }

    /// It begins or ceases to wait for one agent alone.
    pub(super) fn set_awaits(&mut self, awaits: Option<Wait>) {
        if awaits.is_some() || self.wish.is_some() {
            self.wish.get_or_insert_default().awaits = awaits;
        }
    }
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
    /// From which wait on its callers look further.
    pub(super) reaches: Arc<[Reach]>,
    /// How many agents one call rings, reach by reach.
    rings: Vec<Ring>,
    pub(super) counts: Counts,
    /// Everybody who waits, those being offered included.
    pub(super) order: Index<Place>,
    /// The same by the moment from which they wait, reach by reach.
    by_since: Vec<Index<(Instant, CallId)>>,
    /// Kept only while there is a `wait_max`.
    by_joined: Index<(Instant, CallId)>,
    /// Who joined before has been looked at for the threshold.
    undecided_from: Instant,
    /// The head last told.
    pub(super) oldest_told: Option<Instant>,
    pub(super) threshold_alarm: Option<Alarm>,
    pub(super) wait_max_alarm: Option<Alarm>,
    pub(super) reach_alarm: Option<Alarm>,
    /// Callers for whom somebody rings.
    pub(super) rung: usize,
    /// What is watched of it is to be looked at.
    pub(super) stirred: bool,
    /// How long its calls take.
    pub(super) pace: Pace,
    /// Whether its reserve is in.
    pub(super) reserve: ReserveState,
    pub(super) reserve_alarm: Option<Alarm>,
    /// Where it may lend its members.
    pub(super) lender: Option<Box<Lender>>,
}

/// A queue that may lend its members.
#[derive(Debug)]
pub(super) struct Lender {
    pub(super) record: Record,
    /// It does.
    pub(super) lends: bool,
    /// Since when it does or does not.
    pub(super) since: Instant,
    /// When it may again.
    pub(super) resumes: Instant,
    pub(super) alarm: Option<Alarm>,
}

impl Queue {
    pub(super) fn new(plan: QueuePlan, now: Instant) -> Self {
        Self {
            rings: vec![strategy::ring_of(plan.strategy)],
            reaches: Reach::all(&plan.routing, std::iter::empty()).into(),
            plan,
            listing: Listing::Configured,
            counts: Counts::default(),
            order: Index::default(),
            by_since: Vec::new(),
            by_joined: Index::default(),
            undecided_from: Instant::ZERO,
            oldest_told: None,
            threshold_alarm: None,
            wait_max_alarm: None,
            reach_alarm: None,
            rung: 0,
            stirred: false,
            pace: Pace::default(),
            reserve: ReserveState { active: false, since: now },
            reserve_alarm: None,
            lender: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_planned(&self) -> bool {
        self.listing == Listing::Configured
    }

    pub(super) fn is_full(&self) -> bool {
        self.plan.waiting_max.is_some_and(|max| self.len() >= max as usize)
    }

    pub(super) fn join(&mut self, visit: &Visit) {
        self.order.insert(visit.place);
        self.by_since[visit.reach].insert((visit.claim.since, visit.place.call));
        if self.plan.wait_max.is_some() {
            self.by_joined.insert((visit.joined, visit.place.call));
        }
    }

    pub(super) fn leave(&mut self, visit: &Visit) {
        self.order.remove(&visit.place);
        self.by_since[visit.reach].remove(&(visit.claim.since, visit.place.call));
        self.by_joined.remove(&(visit.joined, visit.place.call));
    }

    /// The visit is in another reach, and has another place where that bumps its priority.
    pub(super) fn shift(&mut self, visit: &mut Visit, reach: usize, place: Place) {
        let key = (visit.claim.since, place.call);
        if visit.reach != reach {
            self.by_since[visit.reach].remove(&key);
            self.by_since[reach].insert(key);
            visit.reach = reach;
        }
        if visit.place != place {
            self.order.remove(&visit.place);
            self.order.insert(place);
            visit.place = place;
        }
    }

    /// A new plan for a queue that is in it. Where its order or its longest wait differ, those who wait have to join anew.
    pub(super) fn replan(&mut self, plan: QueuePlan) {
        self.plan = plan;
        self.listing = Listing::Configured;
        self.undecided_from = Instant::ZERO;
    }

    /// Other reaches; those who wait have to join anew.
    pub(super) fn set_reaches(&mut self, reaches: Arc<[Reach]>) {
        self.order = Index::default();
        self.by_joined = Index::default();
        self.by_since.clear();
        self.by_since.resize_with(reaches.len(), Index::default);
        self.rings = reaches.iter().map(|reach| self.ring_after(reach.step)).collect();
        self.reaches = reaches;
    }

    /// How many agents a call in a reach rings: by the strategy of the last step that its own wait has reached.
    pub(super) fn ring(&self, reach: usize) -> Ring {
        self.rings[reach]
    }

    fn ring_after(&self, step: usize) -> Ring {
        let taken = self.plan.routing.steps[..step].iter();
        strategy::ring_of(taken.rev().find_map(|step| step.strategy).unwrap_or(self.plan.strategy))
    }

    /// When the next caller reaches the next reach.
    pub(super) fn next_reach(&self) -> Option<Instant> {
        let callers = self.by_since.iter().zip(self.reaches.iter().skip(1));
        callers.filter_map(|(callers, next)| Some(callers.first()?.0 + next.after)).min()
    }

    /// The first caller, by reaches, who has reached the next.
    pub(super) fn moves_on(&self, now: Instant) -> Option<CallId> {
        let mut callers = self.by_since.iter().zip(self.reaches.iter().skip(1));
        callers.find_map(|(callers, next)| {
            let (since, call) = callers.first()?;
            (since + next.after <= now).then_some(call)
        })
    }

    /// The reach that a wait since then has reached.
    pub(super) fn reach(&self, since: Instant, now: Instant) -> usize {
        reach::reached(&self.reaches, since, now)
    }

    /// The place of a claim in a reach.
    pub(super) fn place(&self, call: CallId, claim: Claim, reach: usize) -> Place {
        Place::new(call, self.plan.id, &self.plan.routing, claim, self.reaches[reach].bump)
    }

    /// The earliest moment of joining among those who wait.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.by_since.iter().filter_map(Index::first).map(|(since, _)| since).min()
    }

    /// Who waits, as the rule of its reserve asks; so many of its own agents are at work.
    pub(super) fn crowd(&self, at_work: u32) -> Crowd {
        let waiting = self.len().saturating_sub(self.rung);
        Crowd { waiting, oldest: self.oldest(), estimate: self.pace.estimate(waiting, at_work) }
    }

    /// True when its reserve joins by what callers are to expect.
    pub(super) fn estimates(&self) -> bool {
        self.plan.routing.reserve.thresholds.estimate.is_some()
    }

    /// True when its reserve may join or leave, or it may lend its members.
    pub(super) fn is_watched(&self) -> bool {
        self.lender.is_some() || self.reserve.active || !self.plan.routing.reserve.is_idle()
    }

    /// The timers that do not end with the last caller.
    pub(super) fn watches(&self) -> impl Iterator<Item = Alarm> {
        self.reserve_alarm.into_iter().chain(self.lender.as_ref().and_then(|lender| lender.alarm))
    }

    /// True when such a wait is outside the service level: exactly the threshold is in.
    pub(super) fn is_late(&self, wait: Duration) -> bool {
        wait > self.plan.threshold
    }

    /// When the next wait passes the threshold: one microsecond after it.
    pub(super) fn next_threshold(&self) -> Option<Instant> {
        let from = (self.undecided_from, CallId(0));
        let (since, _) = self.by_since.iter().filter_map(|callers| callers.first_from(from)).min()?;
        Some(since + self.plan.threshold + Duration::from_micros(1))
    }

    /// Who has passed the threshold since the last question; some may have been told before a reload changed it.
    pub(super) fn late(&mut self, now: Instant) -> Vec<CallId> {
        let threshold_us = u64::try_from(self.plan.threshold.as_micros()).unwrap_or(u64::MAX);
        let in_time = Instant::from_micros(now.as_micros().saturating_sub(threshold_us));
        let from = self.undecided_from.min(in_time);
        self.undecided_from = in_time;
        let late = (from, CallId(0))..(in_time, CallId(0));
        // Who has waited longest is in the last reach.
        let callers = self.by_since.iter().rev().flat_map(|callers| callers.between(late.clone()));
        callers.map(|(_, call)| call).collect()
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

    /// True when the armed timers are early enough for a visit.
    pub(super) fn is_timed_for(&self, visit: &Visit) -> bool {
        let by = |alarm: Option<Alarm>, need| alarm.is_some_and(|alarm| alarm.at <= need);
        let next = self.reaches.get(visit.reach + 1);
        by(self.threshold_alarm, visit.claim.since + self.plan.threshold)
            && self.plan.wait_max.is_none_or(|max| by(self.wait_max_alarm, visit.joined + max))
            && next.is_none_or(|next| by(self.reach_alarm, visit.claim.since + next.after))
    }

    /// The timers that are armed for its callers.
    pub(super) fn alarms(&self) -> impl Iterator<Item = Alarm> {
        [self.threshold_alarm, self.wait_max_alarm, self.reach_alarm].into_iter().flatten()
    }

    /// Forgets the timers of callers.
    pub(super) const fn disarm(&mut self) {
        (self.threshold_alarm, self.wait_max_alarm, self.reach_alarm) = (None, None, None);
    }

    /// A broken rule, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        let (counts, id) = (self.counts, self.plan.id);
        let waiting = self.len() as u64;
        if counts.offered != counts.answered + counts.abandoned + counts.flowed_out + waiting {
            return Err(format!("{id}: {counts:?} and {waiting} waiting do not add up"));
        }
        let joined = if self.plan.wait_max.is_some() { self.len() } else { 0 };
        if self.by_since.iter().map(Index::len).sum::<usize>() != self.len() || self.by_joined.len() != joined {
            return Err(format!("{id}: the indexes of its callers differ"));
        }
        if self.oldest_told != self.oldest() {
            return Err(format!("{id}: the oldest told is {:?}, is {:?}", self.oldest_told, self.oldest()));
        }
        for (what, alarm, need) in [
            ("threshold", self.threshold_alarm, self.next_threshold()),
            ("wait_max", self.wait_max_alarm, self.next_wait_max()),
            ("reach", self.reach_alarm, self.next_reach()),
        ] {
            if need.is_some_and(|need| need < Instant::FAR && alarm.is_none_or(|alarm| alarm.at > need)) {
                return Err(format!("{id}: no {what} timer for {need:?}"));
            }
        }
        if self.len() == 0 && self.alarms().next().is_some() {
            return Err(format!("{id}: a timer for nobody"));
        }
        if self.listing == Listing::Removed && self.order.is_empty() {
            return Err(format!("{id}: removed and empty, yet kept"));
        }
        Ok(())
    }
}
