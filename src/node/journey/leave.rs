//! Leaving: hang-ups of either side, flow-outs, what a supervisor ends or moves, the drain's limit.

use std::sync::Arc;

use crate::acd::{Asks, Command, EndedBy, FlowOut, OfferCause};
use crate::base::limits::RETRY_AFTER;
use crate::base::{CallId, Instant, LegId, QueueId};
use crate::call::Why;
use crate::config::MediaPolicy;
use crate::node::contact::{AgentLeg, Contact, Move, Phase, Stage, status_of};
use crate::node::ports::Holder;
use crate::node::shard::{Drain, Shard};

impl Shard {
    /// The caller's leg is gone.
    pub(in crate::node) fn on_caller_gone(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        match std::mem::replace(&mut contact.phase, Phase::Arriving) {
            Phase::Arriving => self.commands.push_back(Command::CallerGone { call }),
            Phase::Waiting(offers) => {
                self.commands.push_back(Command::CallerGone { call });
                for offer in offers {
                    // Where the engine has given the call to this agent meanwhile, this ends their talk; else it says nothing.
                    if offer.stage == Stage::Answered {
                        let (agent, epoch) = (offer.agent, offer.epoch);
                        self.commands.push_back(Command::TalkEnded { call, agent, epoch, by });
                    }
                    self.release_offer(now, offer, Why::Unsaid);
                }
            }
            Phase::Talking { agent, .. } => {
                self.owners.remove(&agent.leg);
                self.legs.hang_up(now, agent.leg);
                self.close_audio(agent.audio, Holder::Agent);
                self.commands.push_back(Command::TalkEnded { call, agent: agent.agent, epoch: agent.epoch, by });
            }
        }
        self.forget(now, call);
    }

    /// The agent's leg is gone: while they talk, the caller's leg ends too; before, the offer has failed.
    pub(in crate::node) fn on_agent_gone(&mut self, now: Instant, call: CallId, leg: LegId, by: EndedBy) {
        if self.contact(call).and_then(|contact| contact.talking()) == Some(leg) {
            self.part(call, by);
            return self.end_caller(now, call);
        }
        let Some(AgentLeg { agent, epoch, stage, .. }) = self.take_offer(call, leg) else { return };
        let cause = match stage {
            Stage::Confirming(_) => OfferCause::NoAnswer,
            Stage::Calling(_) | Stage::Answered => OfferCause::Failed,
        };
        // Where the engine has given the call to this agent meanwhile, the offer is over and this ends their talk.
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
        self.commands.push_back(Command::TalkEnded { call, agent, epoch, by });
    }

    /// The contact is over: the caller's leg ends.
    pub(in crate::node) fn end_caller(&mut self, now: Instant, call: CallId) {
        let Some(leg) = self.contact(call).map(|contact| contact.leg) else { return };
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.forget(now, call);
    }

    /// The engine let the call go.
    pub(in crate::node) fn on_flow_out(&mut self, now: Instant, call: CallId, reason: FlowOut) {
        let Some(contact) = self.contact(call) else { return };
        if let Some(Move::To(queue)) = contact.moving.take() {
            return self.rejoin(call, queue);
        }
        let (leg, answered) = (contact.leg, contact.answered.is_some());
        // This may be the end of a visit before the one just asked for, which then ends too.
        if matches!(contact.phase, Phase::Arriving) {
            self.commands.push_back(Command::Leave { call, reason });
        }
        self.owners.remove(&leg);
        if answered {
            self.legs.hang_up(now, leg);
        } else {
            let (status, text) = status_of(reason);
            self.legs.reject(now, leg, status, text, (status == 503).then_some(RETRY_AFTER));
        }
        self.forget(now, call);
    }

    /// A supervisor ends a call.
    pub(in crate::node) fn end_contact(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        if contact.talking().is_some() {
            return self.end_talk(now, call, EndedBy::Supervisor);
        }
        self.take_out(call, Move::End, FlowOut::Withdrawn);
    }

    /// A talk ends on both sides.
    pub(in crate::node) fn end_talk(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(leg) = self.contact(call).and_then(|contact| contact.talking()) else { return };
        self.hang_up_agent(now, call);
        self.on_agent_gone(now, call, leg, by);
    }

    /// A supervisor moves a waiting or talking call into a queue; it keeps its time.
    pub(in crate::node) fn move_contact(&mut self, now: Instant, call: CallId, queue: QueueId) {
        let Some(contact) = self.contact(call) else { return };
        if matches!(contact.phase, Phase::Talking { .. }) {
            self.hang_up_agent(now, call);
            self.part(call, EndedBy::Supervisor);
            return self.rejoin(call, queue);
        }
        self.take_out(call, Move::To(queue), FlowOut::Requeued);
    }

    /// Everybody who waits flows out.
    pub(in crate::node) fn on_drain_limit(&mut self) {
        self.drain = Drain::LimitPassed;
        let waiting = |contact: &&Contact| !matches!(contact.phase, Phase::Talking { .. });
        let calls: Vec<_> = self.contacts.iter().filter(waiting).map(|contact| contact.id).collect();
        for call in calls {
            self.commands.push_back(Command::Leave { call, reason: FlowOut::Draining });
        }
    }

    /// The talk is over: the agent's side goes, the contact has no agent any more.
    fn part(&mut self, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        let Phase::Talking { agent, .. } = std::mem::replace(&mut contact.phase, Phase::Arriving) else { return };
        contact.held = false;
        self.owners.remove(&agent.leg);
        self.close_audio(agent.audio, Holder::Agent);
        self.commands.push_back(Command::TalkEnded { call, agent: agent.agent, epoch: agent.epoch, by });
    }

    fn hang_up_agent(&mut self, now: Instant, call: CallId) {
        if let Some(leg) = self.contact(call).and_then(|contact| contact.talking()) {
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
        }
    }

    fn take_out(&mut self, call: CallId, then: Move, reason: FlowOut) {
        let Some(contact) = self.contact(call) else { return };
        contact.moving = Some(then);
        self.commands.push_back(Command::Leave { call, reason });
    }

    fn rejoin(&mut self, call: CallId, queue: QueueId) {
        let answer = self.directory.queue(queue).config.answer;
        let Some(contact) = self.contact(call) else { return };
        contact.phase = Phase::Arriving;
        contact.queue = queue;
        contact.answer = answer;
        self.enqueue(call);
    }

    /// The call joins the queue it is in, with what its number brings; a priority of its own goes with it to any queue.
    /// It has waited since it first came.
    pub(in crate::node) fn enqueue(&mut self, call: CallId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let since = Some(contact.joined);
        let queue = contact.queue;
        let priority = contact.called.priority.unwrap_or_else(|| self.directory.queue(queue).config.priority);
        let attributes = &contact.called.attributes;
        let asks = Asks {
            attributes: (!attributes.is_empty()).then(|| Arc::clone(attributes)),
            caller: self.directory.recall.and_then(|secret| contact.caller.key(secret)),
            preferred: contact.preferred,
        };
        self.commands.push_back(Command::Enqueue { call, queue, priority, since, asks });
    }

    /// The contact is over. Nobody is rung for it any more; the engine says so first.
    fn forget(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contacts.remove(call.0) else { return };
        if let Phase::Waiting(offers) = contact.phase {
            offers.into_iter().for_each(|offer| self.release_offer(now, offer, Why::Unsaid));
        }
        for timer in [contact.unanswered, contact.probe].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.close_audio(contact.audio, Holder::Caller);
        if contact.media == MediaPolicy::Anchor {
            self.ports.leave(contact.worker);
        }
    }
}
