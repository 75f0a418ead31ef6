//! Offers: one attempt to give a waiting call to an agent. An agent holds at most one, with a deadline; a call has at most
//! one that is open. A cancelled offer frees the call at once, and the agent when its leg has ended.

use std::time::Duration;

use crate::acd::agent::{Device, Duty, Offer, Phase, Talk};
use crate::acd::engine::{Engine, Timer};
use crate::acd::message::{Actor, Effect, EndedBy, Fact, FlowOut, OfferCause};
use crate::acd::plan::Reason;
use crate::acd::queue::Visit;
use crate::acd::visit::Outcome;
use crate::base::{AgentId, CallId};

/// How long after the ring timeout a reservation may last: the node lets go of a cancelled leg 4 s after CANCEL, which may
/// be held back 2 s for a provisional; the rest is slack.
const RELEASE_MAX: Duration = Duration::from_secs(10);

/// How long an agent is left alone after a fault of its peer, while nobody has said that the peer is down.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// What an ended offer means for the agent.
enum Aftermath {
    /// It was not the agent's doing.
    Unpunished,
    /// Nor here, but the same would happen again at once.
    HeldOff,
    /// Not ready for a while.
    Paused(Reason),
}

impl Engine {
    /// Offers a call that has no offer to the best idle agent, or lets it wait for one.
    pub(super) fn offer_or_wait(&mut self, call: CallId) {
        let Some(visit) = self.calls.get(&call) else { return };
        let (line, place) = (visit.line, visit.place);
        match self.choose(call, line) {
            Some(agent) => self.reserve(agent, call),
            None => self.matching.wait(line, place),
        }
    }

    /// Reserves a ready agent for a call that has been taken out of the waiting index.
    pub(super) fn reserve(&mut self, agent: AgentId, call: CallId) {
        let visit = self.calls.get_mut(&call).expect("who is in the index waits");
        debug_assert!(visit.agent.is_none(), "{call} has no other offer");
        visit.agent = Some(agent);
        let queue = visit.place.queue;
        let ring = self.queues.get(queue).expect("a visit's queue is kept until it is empty").plan.ring_timeout;
        self.epoch = self.epoch.wrapping_add(1);
        let epoch = self.epoch;
        let (made, free_by) = (self.now, self.now + ring + RELEASE_MAX);
        let offer = Offer { call, queue, epoch, made, free_by, device: Device::Silent, phase: Phase::Open };
        self.begin(agent, Duty::Offering(offer), Actor::Engine);
        self.arm(agent, ring, Timer::Ring);
        self.tell(Fact::OfferMade { call, queue, agent, epoch });
        self.ask(Effect::Offer { call, agent, epoch, queue });
    }

    pub(super) fn on_ringing(&mut self, call: CallId, agent: AgentId, epoch: u32) {
        let Some(mut offer) = self.open_offer(call, agent, epoch) else { return };
        offer.device = Device::Rings;
        self.change_offer(agent, offer);
    }

    pub(super) fn on_answered(&mut self, call: CallId, agent: AgentId, epoch: u32) {
        let Some(offer) = self.open_offer(call, agent, epoch) else { return };
        let queue = self.queues.get(offer.queue).expect("a visit's queue is kept until it is empty");
        let talk = Talk { call, queue: offer.queue, epoch, since: self.now, wrap_up: queue.plan.wrap_up };
        self.tell_end(agent, &offer, OfferCause::Answered);
        self.matching.took(agent, offer.queue);
        self.finish(call, Outcome::Answered(agent));
        if let Some(row) = self.agents.get_mut(agent) {
            row.history.answered(self.now);
        }
        self.begin(agent, Duty::Talking(talk), Actor::Engine);
    }

    pub(super) fn on_failed(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) {
        let Some(offer) = self.agents.get(agent).and_then(|row| row.offer(epoch)).copied() else { return };
        if offer.call != call {
            return;
        }
        match offer.phase {
            // It crossed our cancellation; the leg is gone either way, and the first cause stands.
            Phase::Releasing(first) => self.free(agent, first),
            Phase::Open => {
                self.part(agent, &offer, cause);
                self.after_offer(agent, aftermath_of_failure(cause));
                self.offer_or_wait(call);
            }
        }
    }

    pub(super) fn on_released(&mut self, agent: AgentId, epoch: u32) {
        let Some(offer) = self.agents.get(agent).and_then(|row| row.offer(epoch)) else { return };
        match offer.phase {
            Phase::Open => {}
            Phase::Releasing(cause) => self.free(agent, cause),
        }
    }

    pub(super) fn on_ring_timeout(&mut self, agent: AgentId) {
        let Some(Duty::Offering(offer)) = self.timed_out(agent) else { return };
        let call = offer.call;
        let cause = match offer.device {
            Device::Silent => OfferCause::NeverRang,
            Device::Rings => OfferCause::NoAnswer,
        };
        self.cancel_offer(agent, cause);
        self.offer_or_wait(call);
    }

    pub(super) fn on_release_overdue(&mut self, agent: AgentId) {
        let Some(Duty::Offering(Offer { phase: Phase::Releasing(cause), .. })) = self.timed_out(agent) else { return };
        let cause = *cause;
        self.repairs += 1;
        self.free(agent, cause);
    }

    /// Takes an open offer back. The call has no offer afterwards and is in no index: the caller decides where it goes.
    pub(super) fn cancel_offer(&mut self, agent: AgentId, cause: OfferCause) {
        let Some(Duty::Offering(offer)) = self.agents.get(agent).map(|row| &row.duty) else { return };
        let mut offer = *offer;
        if offer.phase != Phase::Open {
            return;
        }
        self.part(agent, &offer, cause);
        offer.phase = Phase::Releasing(cause);
        self.change_offer(agent, offer);
        let free_in = offer.free_by.since(self.now).max(RELEASE_MAX);
        self.arm(agent, free_in, Timer::Release);
        self.ask(Effect::CancelOffer { call: offer.call, agent, epoch: offer.epoch, cause });
    }

    pub(super) fn on_talk_ended(&mut self, call: CallId, agent: AgentId, epoch: u32, by: EndedBy) {
        let talk = self.agents.get(agent).and_then(|row| row.talk(call, epoch));
        let (Some(talk), Some(row)) = (talk, self.agents.get_mut(agent)) else {
            let open = self.open_offer(call, agent, epoch).is_some();
            return if !open {
                self.on_unheard_talk_ended(call, epoch, by)
            };
        };
        let Talk { queue, since, wrap_up, .. } = talk;
        row.history.talk_ended(self.now, self.now.since(since));
        self.tell(Fact::TalkEnded { call, queue, agent, talk: self.now.since(since), by });
        if wrap_up.is_zero() {
            return self.settle(agent);
        }
        self.begin(agent, Duty::WrapUp(queue), Actor::Engine);
        self.arm(agent, wrap_up, Timer::WrapUp);
    }

    /// An answer crossed our cancellation of its offer, and they parted before the shard heard of that: the visit, which goes
    /// on here, is over there.
    fn on_unheard_talk_ended(&mut self, call: CallId, epoch: u32, by: EndedBy) {
        // Only an offer of this visit: after the last that was made before it, and made indeed.
        let made =
            |visit: &&Visit| epoch.wrapping_sub(visit.epoch).wrapping_sub(1) < self.epoch.wrapping_sub(visit.epoch);
        let Some(visit) = self.calls.get(&call).filter(made) else { return };
        let agent = visit.agent;
        if let Some(agent) = agent {
            self.cancel_offer(agent, OfferCause::CallerGone);
        }
        let outcome = match by {
            EndedBy::Caller => Outcome::Abandoned { while_ringing: agent.is_some() },
            EndedBy::Supervisor => Outcome::FlowedOut(FlowOut::Withdrawn),
            EndedBy::Agent | EndedBy::System => Outcome::FlowedOut(FlowOut::System),
        };
        self.finish(call, outcome);
    }

    /// The leg of a cancelled offer is gone.
    fn free(&mut self, agent: AgentId, cause: OfferCause) {
        self.after_offer(agent, aftermath(cause));
    }

    fn after_offer(&mut self, agent: AgentId, aftermath: Aftermath) {
        let Some(row) = self.agents.get(agent) else { return };
        let pause = match &aftermath {
            Aftermath::Paused(Reason::Busy | Reason::Failed) => row.busy_pause,
            Aftermath::Paused(_) => row.return_after,
            Aftermath::HeldOff => HOLD_OFF,
            Aftermath::Unpunished => Duration::ZERO,
        };
        if row.wants_out() {
            return self.settle(agent);
        }
        match aftermath {
            Aftermath::Unpunished => self.settle(agent),
            Aftermath::HeldOff => self.hold_off(agent, pause),
            Aftermath::Paused(reason) => {
                self.begin(agent, Duty::NotReady(reason), Actor::Engine);
                self.arm(agent, pause, Timer::Return);
            }
        }
    }

    /// Call and agent are no longer bound.
    fn part(&mut self, agent: AgentId, offer: &Offer, cause: OfferCause) {
        self.tell_end(agent, offer, cause);
        let visit = self.calls.get_mut(&offer.call).expect("an open offer's call waits");
        visit.agent = None;
    }

    fn tell_end(&mut self, agent: AgentId, offer: &Offer, cause: OfferCause) {
        let &Offer { call, queue, epoch, made, .. } = offer;
        self.tell(Fact::OfferEnded { call, queue, agent, epoch, cause, ring: self.now.since(made) });
    }

    fn open_offer(&self, call: CallId, agent: AgentId, epoch: u32) -> Option<Offer> {
        let offer = self.agents.get(agent)?.offer(epoch)?;
        (offer.call == call && offer.phase == Phase::Open).then_some(*offer)
    }
}

/// A leg that failed by itself and is nobody's fault: the same would happen again at once.
fn aftermath_of_failure(cause: OfferCause) -> Aftermath {
    match aftermath(cause) {
        Aftermath::Unpunished | Aftermath::HeldOff => Aftermath::HeldOff,
        Aftermath::Paused(reason) => Aftermath::Paused(reason),
    }
}

fn aftermath(cause: OfferCause) -> Aftermath {
    match cause {
        OfferCause::NoAnswer => Aftermath::Paused(Reason::NoAnswer),
        OfferCause::Declined => Aftermath::Paused(Reason::Rejected),
        OfferCause::Busy => Aftermath::Paused(Reason::Busy),
        OfferCause::Failed | OfferCause::NeverRang => Aftermath::Paused(Reason::Failed),
        OfferCause::Answered
        | OfferCause::PeerFault
        | OfferCause::CallerGone
        | OfferCause::Withdrawn
        | OfferCause::AgentGone => Aftermath::Unpunished,
    }
}
