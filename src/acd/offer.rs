//! Offers: one attempt to give a waiting call to an agent. An agent holds at most one, with a deadline; a call has as many
//! that are open as its queue's strategy rings at once, and the first answer wins. A cancelled offer frees the call at once,
//! and the agent when its leg has ended.

use std::time::Duration;

use crate::acd::agent::{Device, Duty, Offer, Phase, Talk, Way};
use crate::acd::awaited::Wait;
use crate::acd::engine::{Engine, Timer};
use crate::acd::fact::{Fact, Repair};
use crate::acd::message::{Actor, Asks, Effect};
use crate::acd::outcome::{EndedBy, FlowOut, OfferCause, OfferResult};
use crate::acd::plan::Reason;
use crate::acd::queue::Visit;
use crate::acd::setting::Intervention;
use crate::acd::visit::Outcome;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// How long after the ring timeout a reservation may last: the node lets go of a cancelled leg 4 s after CANCEL, which may
/// be held back 2 s for a provisional; the rest is slack.
pub(super) const RELEASE_MAX: Duration = Duration::from_secs(10);

/// How long an agent is left alone after a fault of its peer, while nobody has said that the peer is down.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// What an ended offer means for the agent.
enum Aftermath {
    /// It was not the agent's doing.
    Unpunished,
    /// Nor here, but the same would happen again at once.
    HeldOff,
    /// The device is not there: unreachable until it shows life.
    Unreachable,
    /// Not ready for a while.
    Paused(Reason),
}

impl Engine {
    /// Offers a call to the best idle agents, as many as it wishes; where it wishes more, it waits for them.
    pub(super) fn offer_or_wait(&mut self, call: CallId) {
        self.give_up_in_vain(call);
        if !self.matching.is_settled() {
            // What happened to its agent has set others free too, who may stand before it: each in turn.
            self.list_call(call);
            let line = self.calls.get(&call).filter(|visit| visit.awaits().is_none()).map(|visit| visit.line);
            if let Some(line) = line {
                return self.matching.unsettle(line);
            }
            self.unlist_call(call);
        }
        while let Some(visit) = self.calls.get(&call).filter(|visit| visit.ringing.wants_more()) {
            let (line, awaits) = (visit.line, visit.awaits());
            let next = match awaits {
                Some(wait) => self.choose_preferred(call, wait.agent),
                None => self.choose(call, line),
            };
            match next {
                Some(agent) => self.reserve(agent, call),
                None => return self.list_call(call),
            }
        }
    }

    /// Puts a call that wishes an agent into the index of those who wait.
    pub(super) fn list_call(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        if !visit.ringing.wants_more() || std::mem::replace(&mut visit.ringing.listed, true) {
            return;
        }
        self.matching.wait(visit.spot());
    }

    /// Takes a call out of the index of those who wish an agent, if it is there.
    pub(super) fn unlist_call(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        if std::mem::take(&mut visit.ringing.listed) {
            self.matching.unwait(&visit.spot());
        }
    }

    /// Reserves a ready agent for a call that wishes one. The call leaves the index when it wishes no more.
    pub(super) fn reserve(&mut self, agent: AgentId, call: CallId) {
        let visit = self.calls.get_mut(&call).expect("who is in the index waits");
        debug_assert!(visit.ringing.wants_more(), "{call} wishes an agent");
        let is_first = visit.ringing.len() == 0;
        let queue = visit.place.queue;
        let row = self.queues.get_mut(queue).expect("a visit's queue is kept until it is empty");
        row.rung += usize::from(is_first);
        let is_watched = row.is_watched();
        let ring = row.plan.ring_timeout;
        self.hold_to_band(call, agent);
        self.bind(call, agent);
        self.arm_more(call);
        if is_watched {
            self.stir(queue);
        }
        self.epoch = self.epoch.wrapping_add(1);
        let epoch = self.epoch;
        let (made, free_by) = (self.now, self.now + ring + RELEASE_MAX);
        let (device, phase, way) = (Device::Silent, Phase::Open, Way::Queue);
        let offer = Offer { call, queue, epoch, made, free_by, device, phase, way };
        self.begin(agent, Duty::Offering(offer), Actor::Engine);
        self.arm(agent, ring, Timer::Ring);
        self.tell(Fact::OfferMade { call, queue, agent, epoch });
        self.ask(Effect::Offer { call, agent, epoch, queue, by_name: false });
    }

    /// One more agent is to ring for the call, which leaves the index when it wishes no more.
    fn bind(&mut self, call: CallId, agent: AgentId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.ringing.add(agent);
        if !visit.ringing.wants_more() {
            self.unlist_call(call);
        }
    }

    /// Where only agents of the best band are to ring, the first of them decides which that is.
    fn hold_to_band(&mut self, call: CallId, agent: AgentId) {
        let Some(visit) = self.calls.get(&call).filter(|visit| visit.ringing.wants_band()) else { return };
        let (line, was_listed) = (visit.line, visit.ringing.listed);
        let Some(band) = self.matching.band(line, agent) else { return };
        self.unlist_call(call);
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.ringing.hold_to(band);
        visit.line = self.matching.banded(line, band);
        if was_listed {
            self.list_call(call);
        }
    }

    pub(super) fn on_ringing(&mut self, call: CallId, agent: AgentId, epoch: u32) {
        let Some(mut offer) = self.open_offer(call, agent, epoch) else { return };
        offer.device = Device::Rings;
        self.change(agent, Duty::Offering(offer));
    }

    pub(super) fn on_answered(&mut self, call: CallId, agent: AgentId, epoch: u32) {
        let Some(offer) = self.open_offer(call, agent, epoch) else { return };
        if offer.way == Way::Direct {
            return self.on_reached(agent, &offer);
        }
        let plan = &self.queues.get(offer.queue).expect("a visit's queue is kept until it is empty").plan;
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.no_answers = 0;
        let (queue, after) = (offer.queue, self.now.since(offer.made));
        let wrap_up = row.policy.wrap_up.unwrap_or(plan.wrap_up);
        let talk = Talk::new(call, queue, epoch, self.now, wrap_up);
        if !row.policy.auto_answer && after < row.policy.answer_min {
            self.tell(Fact::InstantAnswer { call, queue, agent, after });
        }
        self.part(agent, &offer, OfferCause::Answered);
        self.cancel_offers(call, OfferCause::Rescinded);
        self.matching.took(agent, offer.queue);
        self.remember(call, agent);
        self.finish(call, Outcome::Answered(agent));
        if let Some(row) = self.agents.get_mut(agent) {
            row.history.answered(self.now);
        }
        self.begin(agent, Duty::Talking(talk), Actor::Engine);
        self.ask(Effect::Join { call, agent, epoch });
        self.found(agent);
    }

    /// Nobody has answered for a while: one more rings beside those who do.
    pub(super) fn on_ring_more(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.ringing.wish_more();
        self.offer_or_wait(call);
        self.arm_more(call);
    }

    /// Arms the step to one more agent, where one is waited for.
    pub(super) fn arm_more(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call).filter(|visit| visit.ringing.wants_step()) else { return };
        let row = self.queues.get(visit.place.queue).expect("a visit's queue is kept until it is empty");
        visit.ringing.arm_step(self.timers.arm(self.now + row.plan.ring_step, Timer::RingMore(call)));
    }

    pub(super) fn on_failed(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) {
        let Some(offer) = self.agents.get(agent).and_then(|row| row.offer(epoch)).copied() else { return };
        if offer.call != call {
            return;
        }
        match offer.phase {
            // It crossed our cancellation; the leg is gone either way, and the first cause stands.
            Phase::Releasing(first) => self.after_offer(agent, &offer, aftermath(first)),
            Phase::Open => {
                self.part(agent, &offer, cause);
                self.after_offer(agent, &offer, aftermath_of_failure(cause));
                self.finds_nobody(&offer, cause);
            }
        }
    }

    pub(super) fn on_released(&mut self, agent: AgentId, epoch: u32) {
        let Some(offer) = self.agents.get(agent).and_then(|row| row.offer(epoch)).copied() else { return };
        match offer.phase {
            Phase::Open => {}
            Phase::Releasing(cause) => self.after_offer(agent, &offer, aftermath(cause)),
        }
    }

    pub(super) fn on_ring_timeout(&mut self, agent: AgentId) {
        let Some(Duty::Offering(offer)) = self.timed_out(agent) else { return };
        let offer = *offer;
        let cause = match offer.device {
            Device::Silent => OfferCause::NeverRang,
            Device::Rings => OfferCause::NoAnswer,
        };
        self.cancel_offer(agent, cause);
        self.finds_nobody(&offer, cause);
    }

    /// An offer has ended without an answer. A call that waits goes on to others; what becomes of one that does not is for
    /// whoever had the agent rung.
    fn finds_nobody(&mut self, offer: &Offer, cause: OfferCause) {
        if offer.way == Way::Queue {
            self.count_attempt(offer.call, cause);
            self.go_on(offer.call);
        }
    }

    pub(super) fn on_release_overdue(&mut self, agent: AgentId) {
        let Some(Duty::Offering(offer)) = self.timed_out(agent) else { return };
        let offer = *offer;
        let Phase::Releasing(cause) = offer.phase else { return };
        self.tell_repair(Repair::Release, Some(agent), Some(offer.call));
        self.after_offer(agent, &offer, aftermath(cause));
    }

    /// An offer has ended without an answer: the call is offered on, or leaves when it was offered often enough.
    pub(super) fn go_on(&mut self, call: CallId) {
        if self.calls.get(&call).is_some_and(|visit| visit.ringing.is_exhausted()) {
            return self.flow_out(call, FlowOut::OffersMax);
        }
        self.offer_or_wait(call);
    }

    /// Counts an offer that found nobody: the last one allowed ends the seeking, another lets the call rest.
    fn count_attempt(&mut self, call: CallId, cause: OfferCause) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        match cause.result() {
            // One phone that is off is no reason for which a caller is lost: what the other agents do is.
            OfferResult::Failed if cause == OfferCause::Absent => {}
            OfferResult::Rejected | OfferResult::TimedOut | OfferResult::Failed => visit.ringing.note_failure(cause),
            OfferResult::Accepted | OfferResult::Canceled | OfferResult::Rescinded => {}
        }
        if !is_attempt(cause) {
            return;
        }
        let row = self.queues.get(visit.place.queue).expect("a visit's queue is kept until it is empty");
        let policy = &row.plan.offers;
        let attempts = visit.ringing.count_attempt();
        if policy.max.is_some_and(|max| attempts >= max) {
            visit.ringing.exhaust();
        } else if !policy.retry.is_zero() && visit.ringing.len() == 0 && !visit.ringing.rests() {
            visit.ringing.rest(self.timers.arm(self.now + policy.retry, Timer::Rested(call)));
        }
        if !visit.ringing.wants_more() {
            self.unlist_call(call);
        }
    }

    /// The call has rested.
    pub(super) fn on_rested(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.ringing.rested();
        self.offer_or_wait(call);
    }

    /// Takes every open offer of a call back.
    pub(super) fn cancel_offers(&mut self, call: CallId, cause: OfferCause) {
        while let Some(agent) = self.calls.get(&call).and_then(|visit| visit.ringing.first()) {
            self.cancel_offer(agent, cause);
        }
    }

    /// Takes an open offer back. The call may wish another agent afterwards, and is in no index for it: the caller of this
    /// decides where it goes.
    pub(super) fn cancel_offer(&mut self, agent: AgentId, cause: OfferCause) {
        let Some(Duty::Offering(offer)) = self.agents.get(agent).map(|row| &row.duty) else { return };
        let mut offer = *offer;
        if offer.phase != Phase::Open {
            return;
        }
        self.part(agent, &offer, cause);
        offer.phase = Phase::Releasing(cause);
        self.change(agent, Duty::Offering(offer));
        let free_in = offer.free_by.since(self.now).max(RELEASE_MAX);
        self.arm(agent, free_in, Timer::Release);
        self.ask(Effect::CancelOffer { call: offer.call, agent, epoch: offer.epoch, cause });
    }

    pub(super) fn on_talk_ended(&mut self, call: CallId, agent: AgentId, epoch: u32, by: EndedBy) {
        if let Some(talk) = self.end_talk(call, agent, epoch, by) {
            self.after_talk(agent, talk);
        }
    }

    /// A supervisor has ended a talk.
    pub(super) fn on_end_talk(&mut self, call: CallId, agent: AgentId, epoch: u32, by: Actor) {
        if self.agents.get(agent).is_some_and(|row| row.talk(call, epoch).is_some()) {
            self.tell(Fact::Supervised { call, what: Intervention::HangUp, by });
        }
        self.on_talk_ended(call, agent, epoch, EndedBy::Supervisor);
    }

    /// The call joins a queue before the agent it talked with is matched: others are offered it first, and the agent takes
    /// the first in line, be it the same caller.
    pub(super) fn on_requeue(
        &mut self,
        call: CallId,
        talk: Option<(AgentId, u32)>,
        queue: QueueId,
        claim: (i32, Option<Instant>),
        asks: Asks,
    ) {
        let parted = talk.and_then(|(agent, epoch)| {
            let talk = self.end_talk(call, agent, epoch, EndedBy::Supervisor)?;
            Some((agent, talk))
        });
        self.on_enqueue(call, queue, claim, asks);
        if let Some((agent, talk)) = parted {
            self.after_talk(agent, talk);
        }
    }

    /// The talk is over; what the agent does next is for [`Engine::after_talk`].
    fn end_talk(&mut self, call: CallId, agent: AgentId, epoch: u32, by: EndedBy) -> Option<Talk> {
        let row = self.agents.get_mut(agent)?;
        let talk = row.talk(call, epoch)?;
        let (queue, lasted) = (talk.queue, self.now.since(talk.since));
        row.history.talk_ended(self.now, lasted);
        let hold = talk.hold_until(self.now);
        self.tell(Fact::TalkEnded { call, queue, agent, talk: lasted, hold, by });
        self.note_talk(queue, lasted);
        Some(talk)
    }

    fn after_talk(&mut self, agent: AgentId, talk: Talk) {
        let Talk { queue, wrap_up, .. } = talk;
        if wrap_up.is_zero() {
            return self.settle(agent);
        }
        self.begin(agent, Duty::WrapUp { queue, until: self.now + wrap_up }, Actor::Engine);
        self.arm(agent, wrap_up, Timer::WrapUp);
    }

    /// The leg of an offer is gone.
    fn after_offer(&mut self, agent: AgentId, offer: &Offer, aftermath: Aftermath) {
        let allowed = self.queues.get(offer.queue).map_or(1, |queue| queue.plan.offers.no_answer_max);
        let Some(row) = self.agents.get_mut(agent) else { return };
        match aftermath {
            // Somebody was there.
            Aftermath::Paused(Reason::Busy | Reason::Rejected | Reason::NoAnswer) => row.absences = 0,
            Aftermath::Paused(_) | Aftermath::Unpunished | Aftermath::HeldOff | Aftermath::Unreachable => {}
        }
        let pause = match &aftermath {
            Aftermath::Paused(Reason::Busy | Reason::Failed) => row.busy_pause,
            Aftermath::Paused(Reason::Rejected) => row.policy.reject_pause.unwrap_or(row.return_after),
            Aftermath::Paused(Reason::NoAnswer) => {
                row.no_answers += 1;
                let is_last = row.no_answers >= row.policy.no_answer_max.unwrap_or(allowed);
                if is_last {
                    row.no_answers = 0;
                }
                if is_last { row.return_after } else { row.policy.no_answer_pause }
            }
            Aftermath::Paused(Reason::Initial | Reason::Custom(_)) => row.return_after,
            Aftermath::HeldOff => HOLD_OFF,
            Aftermath::Unpunished | Aftermath::Unreachable => Duration::ZERO,
        };
        if row.wants_out() {
            return self.settle(agent);
        }
        match aftermath {
            Aftermath::Unpunished => self.settle(agent),
            Aftermath::HeldOff => self.hold_off(agent, pause),
            Aftermath::Unreachable => self.absent(agent),
            Aftermath::Paused(reason) => {
                self.begin(agent, Duty::NotReady(reason), Actor::Engine);
                self.arm(agent, pause, Timer::Return);
            }
        }
    }

    /// Call and agent are no longer bound.
    fn part(&mut self, agent: AgentId, offer: &Offer, cause: OfferCause) {
        self.tell_end(agent, offer, cause);
        if offer.way == Way::Direct {
            return;
        }
        let visit = self.calls.get_mut(&offer.call).expect("an open offer's call waits");
        visit.ringing.remove(agent);
        if visit.ringing.len() == 0 {
            self.on_silence(offer.call);
        }
        let is_preferred = |wait: Wait| wait.agent == agent && cause != OfferCause::Answered;
        if self.calls.get(&offer.call).and_then(Visit::awaits).is_some_and(is_preferred) {
            self.give_up(offer.call);
        }
    }

    /// Nobody rings for the call any more: agents of any band may.
    fn on_silence(&mut self, call: CallId) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let (queue, reach) = (visit.place.queue, visit.reach);
        if visit.ringing.free_band() {
            self.unlist_call(call);
            let Some(visit) = self.calls.get_mut(&call) else { return };
            visit.line = self.matching.line_beside(visit.line, reach);
        }
        if let Some(row) = self.queues.get_mut(queue) {
            row.rung -= 1;
            if row.is_watched() {
                self.stir(queue);
            }
        }
    }

    /// The caller may prefer the agent the next time.
    fn remember(&mut self, call: CallId, agent: AgentId) {
        if let Some(caller) = self.calls.get(&call).and_then(|visit| visit.caller) {
            self.recall.note(self.now, caller, agent);
        }
    }

    pub(super) fn tell_end(&mut self, agent: AgentId, offer: &Offer, cause: OfferCause) {
        let &Offer { call, queue, epoch, made, .. } = offer;
        self.tell(Fact::OfferEnded { call, queue, agent, epoch, cause, ring: self.now.since(made) });
    }

    fn open_offer(&self, call: CallId, agent: AgentId, epoch: u32) -> Option<Offer> {
        let offer = self.agents.get(agent)?.offer(epoch)?;
        (offer.call == call && offer.phase == Phase::Open).then_some(*offer)
    }
}

/// True when the offer reached a device and nobody took the call.
const fn is_attempt(cause: OfferCause) -> bool {
    match cause {
        OfferCause::NoAnswer | OfferCause::Declined | OfferCause::Busy | OfferCause::NeverRang | OfferCause::Failed => {
            true
        }
        OfferCause::Answered
        | OfferCause::PeerFault
        | OfferCause::Absent
        | OfferCause::CallerGone
        | OfferCause::Withdrawn
        | OfferCause::Rescinded
        | OfferCause::AgentGone => false,
    }
}

/// A leg that failed by itself and is nobody's fault: the same would happen again at once.
fn aftermath_of_failure(cause: OfferCause) -> Aftermath {
    match aftermath(cause) {
        Aftermath::Unpunished | Aftermath::HeldOff => Aftermath::HeldOff,
        Aftermath::Unreachable => Aftermath::Unreachable,
        Aftermath::Paused(reason) => Aftermath::Paused(reason),
    }
}

fn aftermath(cause: OfferCause) -> Aftermath {
    match cause {
        OfferCause::NoAnswer => Aftermath::Paused(Reason::NoAnswer),
        OfferCause::Declined => Aftermath::Paused(Reason::Rejected),
        OfferCause::Busy => Aftermath::Paused(Reason::Busy),
        OfferCause::Absent => Aftermath::Unreachable,
        OfferCause::Failed | OfferCause::NeverRang => Aftermath::Paused(Reason::Failed),
        OfferCause::Answered
        | OfferCause::PeerFault
        | OfferCause::CallerGone
        | OfferCause::Withdrawn
        | OfferCause::Rescinded
        | OfferCause::AgentGone => Aftermath::Unpunished,
    }
}
