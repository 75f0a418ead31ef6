//! What is watched of a queue beside its callers: whether its reserve is in, and whether it lends its members. Both are looked
//! at when somebody comes or leaves, when a visit is decided, and at the one moment at which time alone may change them.

use crate::acd::engine::{Engine, Timer};
use crate::acd::fact::Fact;
use crate::acd::gates::Way;
use crate::acd::lending::{Lending, Record};
use crate::acd::queue::{Alarm, Lender, Queue};
use crate::acd::reserve::{ReserveRule, ReserveState};
use crate::acd::visit::later;
use crate::base::{Instant, QueueId};
use std::time::Duration;

/// A queue's reserve as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveStatus {
    /// It is in: its members take callers.
    pub active: bool,
    /// Since when it is in or out.
    pub since: Instant,
    /// What the last of those who wait is to expect of the queue's own agents at work; `None` while that is not known, and
    /// [`Duration::MAX`] while nobody is at work.
    pub estimate: Option<Duration>,
    /// By what rule.
    pub rule: ReserveRule,
}

/// What a queue lends as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LendingStatus {
    /// It lends its members.
    pub lends: bool,
    /// Since when it does or does not.
    pub since: Instant,
    /// Visits answered in time, of those decided in its window.
    pub good: u32,
    /// Visits decided in its window.
    pub decided: u32,
    /// By what rule, and to whom.
    pub rule: Lending,
}

impl Engine {
    /// The reserve of a queue; `None` for an unknown queue, and for one whose reserve is out and never called.
    pub fn reserve_of(&self, queue: QueueId) -> Option<ReserveStatus> {
        let row = self.queues.get(queue)?;
        let (ReserveState { active, since }, rule) = (row.reserve, row.plan.routing.reserve);
        let estimate = row.crowd(self.matching.at_work(queue)).estimate;
        (active || !rule.is_idle()).then_some(ReserveStatus { active, since, estimate, rule })
    }

    /// What a queue lends; `None` for one that never does. The record is as of the last time that it mattered.
    pub fn lending_of(&self, queue: QueueId) -> Option<LendingStatus> {
        let row = self.queues.get(queue)?;
        let lender = row.lender.as_ref()?;
        let (good, decided) = lender.record.sums();
        let (lends, since) = (lender.lends, lender.since);
        Some(LendingStatus { lends, since, good, decided, rule: row.plan.routing.lending.clone() })
    }

    /// Somebody has come or left, or is rung or no longer: what is watched of the queue is looked at before anybody is matched
    /// anew, so that a reserve takes the best of those who wait, not who brought it in.
    pub(super) fn stir(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        if row.is_watched() && !std::mem::replace(&mut row.stirred, true) {
            self.stirred.push(queue);
        }
    }

    pub(super) fn look_at_stirred(&mut self) {
        while let Some(queue) = self.matching.pop_manned() {
            self.stir_estimate(queue);
        }
        while let Some(queue) = self.stirred.pop() {
            if let Some(row) = self.queues.get_mut(queue) {
                row.stirred = false;
            }
            self.look_at_reserve(queue);
            self.look_at_lending(queue);
        }
    }

    /// What callers of the queue are to expect may be another now.
    fn stir_estimate(&mut self, queue: QueueId) {
        if self.queues.get(queue).is_some_and(Queue::estimates) {
            self.stir(queue);
        }
    }

    /// A talk of the queue has ended.
    pub(super) fn note_talk(&mut self, queue: QueueId, talk: Duration) {
        if let Some(row) = self.queues.get_mut(queue) {
            row.pace.talked(talk);
        }
        self.stir_estimate(queue);
    }

    /// A wrap-up of the queue has ended.
    pub(super) fn note_wrap_up(&mut self, queue: QueueId, wrap_up: Duration) {
        if let Some(row) = self.queues.get_mut(queue) {
            row.pace.wrapped_up(wrap_up);
        }
        self.stir_estimate(queue);
    }

    /// The crowd or the rule is another, or its moment has come.
    fn look_at_reserve(&mut self, queue: QueueId) {
        let (now, at_work) = (self.now, self.matching.at_work(queue));
        let Some(row) = self.queues.get_mut(queue) else { return };
        let (rule, crowd, before) = (row.plan.routing.reserve, row.crowd(at_work), row.reserve);
        let active = rule.is_in(before, crowd, now);
        if active != before.active {
            row.reserve = ReserveState { active, since: now };
        }
        let (state, armed) = (row.reserve, row.reserve_alarm);
        if let Some(at) = later(armed, rule.next(state, crowd, now)) {
            if let Some(alarm) = armed {
                self.timers.cancel(alarm.key);
            }
            row.reserve_alarm = Some(Alarm { at, key: self.timers.arm(at, Timer::Reserve(queue)) });
        }
        if active != before.active {
            self.matching.turn(queue, Way::Reserve, active);
            self.tell(Fact::Reserve { queue, active });
        }
    }

    /// The moment armed for has come.
    pub(super) fn on_reserve(&mut self, queue: QueueId) {
        if let Some(row) = self.queues.get_mut(queue) {
            row.reserve_alarm = None;
        }
        self.look_at_reserve(queue);
    }

    /// A visit of the queue is decided, in time or not.
    pub(super) fn on_decided(&mut self, queue: QueueId, good: bool) {
        let now = self.now;
        let Some(lender) = self.queues.get_mut(queue).and_then(|row| row.lender.as_mut()) else { return };
        lender.record.note(good, now);
        self.stir(queue);
    }

    /// What was decided or the rule is another, or its moment has come.
    fn look_at_lending(&mut self, queue: QueueId) {
        let now = self.now;
        let Some(row) = self.queues.get_mut(queue) else { return };
        let (is_planned, rule) = (row.is_planned(), &row.plan.routing.lending);
        let Some(lender) = row.lender.as_mut() else { return };
        lender.record.advance(now);
        let holds = is_planned && lender.record.holds(rule.target);
        let lends = holds && (lender.lends || lender.resumes <= now);
        let need = lender.record.next().into_iter().chain((holds && !lends).then_some(lender.resumes)).min();
        if let Some(at) = later(lender.alarm, need) {
            if let Some(alarm) = lender.alarm {
                self.timers.cancel(alarm.key);
            }
            lender.alarm = Some(Alarm { at, key: self.timers.arm(at, Timer::Lending(queue)) });
        }
        if lends == lender.lends {
            return;
        }
        (lender.lends, lender.since) = (lends, now);
        if !lends {
            lender.resumes = now + rule.pause;
        }
        self.turn_loans(queue, lends);
        self.tell(Fact::Lending { queue, lends });
    }

    /// The moment armed for has come.
    pub(super) fn on_lending(&mut self, queue: QueueId) {
        if let Some(lender) = self.queues.get_mut(queue).and_then(|row| row.lender.as_mut()) {
            lender.alarm = None;
        }
        self.look_at_lending(queue);
    }

    /// Opens or closes the way for the queue's members into those that it lends to.
    fn turn_loans(&mut self, queue: QueueId, open: bool) {
        let Some(row) = self.queues.get(queue) else { return };
        for loan in &row.plan.routing.lending.to {
            self.matching.turn(loan.queue, Way::Lent(queue), open);
        }
    }

    /// The halls are new, and so may be the rules: what was open is opened again, then looked at.
    pub(super) fn watch_anew(&mut self) {
        for queue in self.queues.ids() {
            self.keep_lender(queue);
            let Some(row) = self.queues.get(queue) else { continue };
            let (reserve, lends) = (row.reserve.active, row.lender.as_ref().is_some_and(|lender| lender.lends));
            if reserve {
                self.matching.turn(queue, Way::Reserve, true);
            }
            if lends {
                self.turn_loans(queue, true);
            }
            self.look_at_reserve(queue);
            self.look_at_lending(queue);
        }
    }

    /// A queue that the plan lets lend is a lender, with its record; another is none.
    fn keep_lender(&mut self, queue: QueueId) {
        let now = self.now;
        let Some(row) = self.queues.get_mut(queue) else { return };
        let rule = &row.plan.routing.lending;
        if rule.to.is_empty() {
            let Some(lender) = row.lender.take() else { return };
            return self.forget_lender(queue, &lender);
        }
        match &mut row.lender {
            Some(lender) => {
                lender.record.advance(now);
                lender.record.resize(rule.window);
            }
            None => {
                let record = Record::new(rule.window, now);
                let lender = Lender { record, lends: false, since: now, resumes: Instant::ZERO, alarm: None };
                row.lender = Some(Box::new(lender));
            }
        }
    }

    /// The queue is gone.
    pub(super) fn forget_watches(&mut self, queue: QueueId, row: &Queue) {
        if let Some(alarm) = row.reserve_alarm {
            self.timers.cancel(alarm.key);
        }
        if row.reserve.active {
            self.tell(Fact::Reserve { queue, active: false });
        }
        if let Some(lender) = &row.lender {
            for loan in &row.plan.routing.lending.to {
                self.matching.turn(loan.queue, Way::Lent(queue), false);
            }
            self.forget_lender(queue, lender);
        }
    }

    fn forget_lender(&mut self, queue: QueueId, lender: &Lender) {
        if let Some(alarm) = lender.alarm {
            self.timers.cancel(alarm.key);
        }
        if lender.lends {
            self.tell(Fact::Lending { queue, lends: false });
        }
    }

    /// A broken rule in words.
    pub(super) fn check_watches(&self, id: QueueId, queue: &Queue) -> Result<(), String> {
        let (rule, state, crowd) =
            (queue.plan.routing.reserve, queue.reserve, queue.crowd(self.matching.at_work(queue.plan.id)));
        if !self.matching.is_turned(id, Way::Reserve, state.active) {
            return Err(format!("{id}: the hall is wrong about its reserve"));
        }
        let is_due = |at: Instant| at <= self.now || at >= Instant::FAR;
        let is_armed = |alarm: Option<Alarm>, at: Instant| alarm.is_some_and(|alarm| alarm.at <= at);
        if rule.next(state, crowd, self.now).is_some_and(|at| !is_due(at) && !is_armed(queue.reserve_alarm, at)) {
            return Err(format!("{id}: no timer for its reserve"));
        }
        let Some(lender) = &queue.lender else { return Ok(()) };
        let loans = &queue.plan.routing.lending.to;
        if !loans.iter().all(|loan| self.matching.is_turned(loan.queue, Way::Lent(id), lender.lends)) {
            return Err(format!("{id}: a hall is wrong about whom it lends"));
        }
        if lender.record.next().is_some_and(|at| !is_due(at) && !is_armed(lender.alarm, at)) {
            return Err(format!("{id}: no timer for its lending"));
        }
        Ok(())
    }
}
