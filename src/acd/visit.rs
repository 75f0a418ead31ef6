//! Queue visits: how a call joins a queue, how its wait is judged, and the one way out for each ending. A visit has exactly
//! one outcome, counted here and nowhere else.

use crate::acd::engine::{Admission, Engine, Timer};
use crate::acd::fact::Fact;
use crate::acd::lost::{LostCause, Scene};
use crate::acd::matching::Among;
use crate::acd::message::{Actor, Asks, Effect};
use crate::acd::outcome::{FlowOut, Gone, OfferCause};
use crate::acd::place::Claim;
use crate::acd::queue::{Alarm, Counts, Listing, Queue, Visit, Wish};
use crate::acd::refusal::Refusal;
use crate::acd::ringing::Ringing;
use crate::acd::routing::QueueState;
use crate::acd::setting::Intervention;
use crate::base::limits::CALLS_MAX;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// How a visit ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Answered(AgentId),
    Abandoned { while_ringing: bool, how: Gone },
    FlowedOut(FlowOut),
}

impl Engine {
    pub(super) fn on_enqueue(&mut self, call: CallId, queue: QueueId, claim: (i32, Option<Instant>), asks: Asks) {
        let (priority, since) = claim;
        if self.calls.contains_key(&call) {
            return;
        }
        let Some(row) = self.queues.get_mut(queue) else {
            // A queue that a reload has removed meanwhile: there is nothing to count the visit under.
            let dimensions = asks.dimensions;
            self.tell(Fact::Refused { queue: Some(queue), cause: Refusal::Closed, dimensions });
            self.ask(Effect::FlowOut { call, queue, reason: FlowOut::Closed });
            return;
        };
        let dimensions = asks.dimensions;
        self.seq += 1;
        let since = since.map_or(self.now, |since| since.min(self.now));
        let claim = Claim { priority, since, seq: self.seq };
        let reach = row.reach(since, self.now);
        let place = row.place(call, claim, reach);
        let line = self.matching.line(queue, asks.attributes.as_ref(), reach);
        let ringing = Ringing::new(row.ring(reach));
        let missed = row.is_late(self.now.since(since));
        let Asks { attributes, caller, preferred, .. } = asks;
        let joined = self.now;
        let wish = preferred.map(|preferred| Box::new(Wish { preferred: Some(preferred), awaits: None }));
        let visit = Visit { place, claim, reach, line, joined, attributes, caller, wish, ringing, missed };
        let full = self.calls.len() >= CALLS_MAX;
        let refusal = refusal(row, self.admission).or_else(|| full.then_some(FlowOut::Overload));
        row.counts.offered += 1;
        row.join(&visit);
        let is_watched = row.is_watched();
        let (is_oldest, is_timed) = (row.oldest_told.is_none_or(|told| since < told), row.is_timed_for(&visit));
        self.calls.insert(call, visit);
        self.tell(Fact::Offered { call, queue, dimensions });
        if missed {
            self.tell_missed(call, queue);
        }
        if let Some(reason) = refusal {
            self.finish(call, Outcome::FlowedOut(reason));
            self.ask(Effect::FlowOut { call, queue, reason });
            return;
        }
        self.ask(Effect::Queued { call });
        if is_oldest {
            self.tell_oldest(queue);
        }
        if !is_timed {
            self.arm_threshold(queue);
            self.arm_wait_max(queue);
            self.arm_reach(queue);
        }
        self.prefer(call);
        self.offer_or_wait(call);
        if is_watched {
            self.stir(queue);
        }
    }

    pub(super) fn on_caller_gone(&mut self, call: CallId, how: Gone) {
        let Some(visit) = self.calls.get(&call) else { return };
        let while_ringing = visit.ringing.first().is_some();
        self.cancel_offers(call, OfferCause::CallerGone);
        self.finish(call, Outcome::Abandoned { while_ringing, how });
    }

    /// A supervisor takes a waiting call out.
    pub(super) fn on_take_out(&mut self, call: CallId, what: Intervention, by: Actor) {
        if !self.calls.contains_key(&call) {
            return;
        }
        self.tell(Fact::Supervised { call, what, by });
        self.flow_out(
            call,
            match what {
                Intervention::HangUp | Intervention::Withdraw => FlowOut::Withdrawn,
                Intervention::Requeue(_) => FlowOut::Requeued,
            },
        );
    }

    pub(super) fn flow_out(&mut self, call: CallId, reason: FlowOut) {
        let Some(visit) = self.calls.get(&call) else { return };
        let queue = visit.place.queue;
        self.cancel_offers(call, OfferCause::Withdrawn);
        self.finish(call, Outcome::FlowedOut(reason));
        self.ask(Effect::FlowOut { call, queue, reason });
    }

    /// Who waits in a queue that is in an emergency leaves.
    pub(super) fn evacuate(&mut self, queue: QueueId) {
        let head =
            |row: &Queue| row.order.first().filter(|_| row.is_planned() && row.plan.state == QueueState::Emergency);
        while let Some(place) = self.queues.get(queue).and_then(head) {
            self.flow_out(place.call, FlowOut::Emergency);
        }
    }

    /// Ends a visit. The agents who rang for it have been dealt with.
    pub(super) fn finish(&mut self, call: CallId, outcome: Outcome) {
        let Some(mut visit) = self.calls.remove(&call) else { return };
        let (since, queue) = (visit.claim.since, visit.place.queue);
        let wait = self.now.since(since);
        let row = self.queues.get_mut(queue).expect("a visit's queue is kept until it is empty");
        row.leave(&visit);
        if row.len() == 0 {
            for alarm in row.alarms() {
                self.timers.cancel(alarm.key);
            }
            row.disarm();
        }
        if visit.ringing.listed {
            self.matching.unwait(&visit.spot());
        }
        for timer in visit.ringing.timers().chain(visit.awaits().map(|wait| wait.timer)) {
            self.timers.cancel(timer);
        }
        let is_missed = !visit.missed && row.is_late(wait);
        visit.missed |= is_missed;
        let was_oldest = row.oldest_told == Some(since);
        let (is_watched, is_kept) = (row.is_watched(), row.is_planned() || row.len() > 0);
        let scene = |while_ringing, how| Scene {
            short: wait <= row.plan.short_abandon,
            how,
            while_ringing,
            failed: visit.ringing.failed(),
            presence: self.matching.presence(visit.line),
        };
        let Counts { answered, abandoned, flowed_out, .. } = &mut row.counts;
        let (count, fact) = match outcome {
            Outcome::Answered(agent) => (answered, Fact::Answered { call, queue, agent, wait, since }),
            Outcome::Abandoned { while_ringing, how } => {
                let cause = LostCause::of_abandon(scene(while_ringing, how));
                (abandoned, Fact::Abandoned { call, queue, wait, while_ringing, cause })
            }
            Outcome::FlowedOut(reason) => {
                let cause = LostCause::of_flow_out(reason, self.matching.presence(visit.line));
                (flowed_out, Fact::FlowedOut { call, queue, wait, reason, cause })
            }
        };
        *count += 1;
        self.matching.quit(visit.line);
        if is_missed {
            self.tell_missed(call, queue);
        }
        self.tell(fact);
        if was_oldest {
            self.tell_oldest(queue);
        }
        if is_watched {
            match outcome {
                Outcome::Answered(_) if !visit.missed => self.on_decided(queue, true),
                Outcome::Abandoned { .. } if !visit.missed => self.on_decided(queue, false),
                // Decided when it passed the threshold, or never.
                Outcome::Answered(_) | Outcome::Abandoned { .. } | Outcome::FlowedOut(_) => {}
            }
            self.stir(queue);
        }
        if !is_kept {
            self.forget_when_drained(queue);
        }
    }

    /// Tells once when the call's wait is outside the service level.
    fn judge(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let (since, queue) = (visit.claim.since, visit.place.queue);
        let row = self.queues.get(queue).expect("a visit's queue is kept until it is empty");
        if visit.missed || !row.is_late(self.now.since(since)) {
            return;
        }
        visit.missed = true;
        self.tell_missed(call, queue);
    }

    fn tell_missed(&mut self, call: CallId, queue: QueueId) {
        self.tell(Fact::Missed { call, queue });
        self.on_decided(queue, false);
    }

    fn tell_oldest(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        let since = row.oldest();
        if row.oldest_told == since {
            return;
        }
        row.oldest_told = since;
        self.tell(Fact::Oldest { queue, since });
    }

    /// Removed queues are kept for those who wait in them, and no longer.
    pub(super) fn forget_when_drained(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get(queue) else { return };
        if row.listing == Listing::Configured || row.len() > 0 {
            return;
        }
        let Some(row) = self.queues.remove(queue) else { return };
        self.forget_watches(queue, &row);
        self.matching.forget(queue);
    }

    pub(super) fn on_threshold(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        row.threshold_alarm = None;
        for call in row.late(self.now) {
            self.judge(call);
        }
        self.arm_threshold(queue);
    }

    /// The longest wait ends a visit in its moment, also while an agent rings: the bound is a promise to the caller.
    pub(super) fn on_wait_max(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        row.wait_max_alarm = None;
        while let Some(call) = self.queues.get(queue).and_then(|row| row.overdue(self.now)) {
            self.flow_out(call, FlowOut::Timeout);
        }
        self.arm_wait_max(queue);
    }

    /// One timer serves all callers of the queue: an armed one that is early enough stays, and looks again when it fires.
    pub(super) fn arm_threshold(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        let Some(at) = later(row.threshold_alarm, row.next_threshold()) else { return };
        if let Some(alarm) = row.threshold_alarm {
            self.timers.cancel(alarm.key);
        }
        row.threshold_alarm = Some(Alarm { at, key: self.timers.arm(at, Timer::Threshold(queue)) });
    }

    /// Callers who have waited long enough look further. All of them move before anybody is matched.
    pub(super) fn on_reach(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        row.reach_alarm = None;
        while let Some(call) = self.queues.get(queue).and_then(|row| row.moves_on(self.now)) {
            self.place_anew(call);
        }
        self.arm_reach(queue);
    }

    /// Puts a waiting call where its claim and its wait say it belongs now.
    pub(super) fn place_anew(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let row = self.queues.get_mut(visit.place.queue).expect("a visit's queue is kept until it is empty");
        if std::mem::take(&mut visit.ringing.listed) {
            self.matching.unwait(&visit.spot());
        }
        let reach = row.reach(visit.claim.since, self.now);
        let place = row.place(call, visit.claim, reach);
        row.shift(visit, reach, place);
        visit.line = self.matching.line_beside(visit.line, reach);
        self.wait_anew(call);
        self.weigh(call);
    }

    /// Puts a waiting call that is in no index where it belongs now.
    pub(super) fn join_anew(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let row = self.queues.get_mut(visit.place.queue).expect("a visit's queue is kept until it is empty");
        // Its line is gone with its hall; who waits for one agent alone stands elsewhere.
        if std::mem::take(&mut visit.ringing.listed) && visit.awaits().is_some() {
            self.matching.unwait(&visit.spot());
        }
        visit.reach = row.reach(visit.claim.since, self.now);
        visit.place = row.place(call, visit.claim, visit.reach);
        visit.line = self.matching.line(visit.place.queue, visit.attributes.as_ref(), visit.reach);
        row.join(visit);
        self.wait_anew(call);
    }

    /// A call whose place or reach has changed, and which is in no index, waits for an agent there, where it wishes one.
    fn wait_anew(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let row = self.queues.get_mut(visit.place.queue).expect("a visit's queue is kept until it is empty");
        visit.ringing.follow(row.ring(visit.reach));
        if let Some(band) = visit.ringing.band() {
            visit.line = self.matching.banded(visit.line, band);
        }
        self.matching.unsettle(visit.line);
        self.list_call(call);
        self.arm_more(call);
    }

    /// Matches callers with ready agents in the halls where both may be found, the best call first.
    pub(super) fn settle_halls(&mut self) {
        self.look_at_stirred();
        if self.matching.is_settled() {
            return;
        }
        while let Some((place, among)) = self.matching.unsettled_head() {
            let call = place.call;
            match among {
                Among::Awaiting(agent) if self.is_listed(agent) => {
                    self.take(call, among, agent);
                    self.reserve(agent, call);
                }
                Among::Awaiting(_) => continue,
                Among::Line(line) => {
                    let Some(agent) = self.choose(call, line) else { continue };
                    self.reserve(agent, call);
                    self.matching.look_again(line);
                    let moved = self.calls.get(&call).map(|visit| visit.line).filter(|now| *now != line);
                    moved.into_iter().for_each(|line| self.matching.look_again(line));
                }
            }
            self.look_at_stirred();
        }
    }

    /// As [`Engine::arm_threshold`].
    pub(super) fn arm_reach(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        let Some(at) = later(row.reach_alarm, row.next_reach()) else { return };
        if let Some(alarm) = row.reach_alarm {
            self.timers.cancel(alarm.key);
        }
        row.reach_alarm = Some(Alarm { at, key: self.timers.arm(at, Timer::Reach(queue)) });
    }

    /// As [`Engine::arm_threshold`].
    pub(super) fn arm_wait_max(&mut self, queue: QueueId) {
        let Some(row) = self.queues.get_mut(queue) else { return };
        let Some(at) = later(row.wait_max_alarm, row.next_wait_max()) else { return };
        if let Some(alarm) = row.wait_max_alarm {
            self.timers.cancel(alarm.key);
        }
        row.wait_max_alarm = Some(Alarm { at, key: self.timers.arm(at, Timer::WaitMax(queue)) });
    }
}

/// When to arm: the armed timer is too late for the need, or there is none. A need beyond all time is none.
pub(super) fn later(armed: Option<Alarm>, need: Option<Instant>) -> Option<Instant> {
    need.filter(|&need| need < Instant::FAR && armed.is_none_or(|alarm| alarm.at > need))
}

fn refusal(queue: &Queue, admission: Admission) -> Option<FlowOut> {
    match (admission, queue.listing) {
        (Admission::Draining, _) => Some(FlowOut::Draining),
        (Admission::Open, Listing::Removed) => Some(FlowOut::Closed),
        (Admission::Open, Listing::Configured) => match queue.plan.state {
            QueueState::Open => queue.is_full().then_some(FlowOut::Full),
            QueueState::Closed => Some(FlowOut::Closed),
            QueueState::Emergency => Some(FlowOut::Emergency),
        },
    }
}
