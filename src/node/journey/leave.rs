//! Leaving: hang-ups of either side, flow-outs, what a supervisor ends or moves, the drain's limit.

use std::sync::Arc;

use crate::acd::{
    Actor, Asks, Command, EndedBy, FlowOut, Gone, Intervention, OfferCause, TransferFailure, TransferStep,
};
use crate::base::limits::RETRY_AFTER;
use crate::base::{AgentId, CallId, Instant, LegId, QueueId};
use crate::call::{EndCause, Why};
use crate::config::MediaPolicy;
use crate::node::contact::{AgentLeg, Contact, Moving, Phase, Stage, status_of};
use crate::node::ports::Holder;
use crate::node::shard::{Drain, Owner, Shard, Side};

impl Shard {
    /// A leg is gone, and nobody here has hung it up. What its BYE says goes on to the leg that ends with it.
    pub(in crate::node) fn on_leg_ended(&mut self, now: Instant, leg: LegId, cause: EndCause) {
        if let Some(heard) = self.take_heard(leg) {
            self.legs.carry(heard.other, heard.lines);
        }
        // Whoever does not acknowledge our answer has not hung up: it is lost.
        let by = |side| match cause {
            EndCause::Cancelled | EndCause::Bye => side,
            EndCause::Unacknowledged => EndedBy::System,
        };
        match self.owners.remove(&leg) {
            Some(Owner::Caller(call)) => self.on_caller_gone(now, call, by(EndedBy::Caller)),
            Some(Owner::Agent(call)) => self.on_agent_gone(now, call, leg, by(EndedBy::Agent)),
            Some(Owner::Outside(call)) => self.on_outside_gone(now, call, by(EndedBy::Agent)),
            Some(Owner::Released(agent, epoch)) => self.on_released(leg, agent, epoch),
            Some(Owner::Code) => self.forget_code(leg),
            None => {}
        }
    }

    /// The caller's leg is gone.
    pub(in crate::node) fn on_caller_gone(&mut self, now: Instant, call: CallId, by: EndedBy) {
        self.let_target_go(now, call, TransferStep::Failed(TransferFailure::CallerGone));
        self.part_from_outside(now, call, by);
        let Some(contact) = self.contact(call) else { return };
        let how =
            match by {
                EndedBy::System => Gone::Lost,
                EndedBy::Caller | EndedBy::Agent | EndedBy::Supervisor | EndedBy::Transfer => {
                    if contact.hears_prompt(now) { Gone::InPrompt } else { Gone::HungUp }
                }
            };
        match std::mem::replace(&mut contact.phase, Phase::Arriving) {
            Phase::Arriving => self.commands.push_back(Command::CallerGone { call, how }),
            Phase::Alone | Phase::Outside { .. } => {}
            Phase::Waiting(offers) => {
                self.commands.push_back(Command::CallerGone { call, how });
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

    /// The agent's leg is gone: while they talk, the caller's leg ends too, unless somebody is consulted about it; before, the
    /// offer has failed.
    pub(in crate::node) fn on_agent_gone(&mut self, now: Instant, call: CallId, leg: LegId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        if contact.talking() == Some(leg) {
            if self.on_consultant_gone(now, call) {
                return;
            }
            self.end_talk_by(call, by);
            return self.end_caller(now, call);
        }
        if contact.is_joined(leg) {
            return self.call_off(now, call, TransferStep::Cancelled);
        }
        let Some(AgentLeg { agent, epoch, stage, .. }) = self.take_offer(call, leg) else { return };
        let cause = match stage {
            Stage::Confirming(_) => OfferCause::NoAnswer,
            Stage::Calling(_) | Stage::Answered => OfferCause::Failed,
        };
        // Where the engine has given the call to this agent meanwhile, the offer is over and this ends their talk.
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
        self.commands.push_back(Command::TalkEnded { call, agent, epoch, by });
        self.on_offer_over(now, call, agent);
    }

    /// One side of a joined call is gone.
    pub(in crate::node) fn on_side_gone(&mut self, now: Instant, call: CallId, side: Side, by: EndedBy) {
        let outside = self.contact(call).and_then(|contact| contact.outside()).map(|outside| outside.leg);
        match side {
            Side::Caller => self.on_caller_gone(now, call, by),
            Side::Agent(leg) if outside == Some(leg) => self.on_outside_gone(now, call, by),
            Side::Agent(leg) => self.on_agent_gone(now, call, leg, by),
        }
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
        if !contact.is_waiting() {
            return self.on_target_left(now, call, reason);
        }
        match contact.moving.take().map(|moving| *moving) {
            Some(Moving { what: Intervention::Requeue(queue), by }) => {
                self.redirect(now, call, queue, None);
                // Where it left for another reason, the engine has not heard of the supervisor.
                return match reason == FlowOut::Requeued {
                    true => self.enqueue(call),
                    false => self.requeue(call, None, by),
                };
            }
            // The end of a visit that a consultation has taken back.
            None if reason == FlowOut::Requeued => return,
            Some(Moving { what: Intervention::HangUp | Intervention::Withdraw, .. }) | None => {}
        }
        let Some(contact) = self.contact(call) else { return };
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
    pub(in crate::node) fn end_contact(&mut self, now: Instant, call: CallId, what: Intervention, by: Actor) {
        if self.contact(call).is_none_or(|contact| contact.is_waiting()) {
            return self.take_out(call, what, by);
        }
        if let Some((agent, epoch)) = self.free_caller(now, call) {
            self.commands.push_back(Command::EndTalk { call, agent, epoch, by });
        }
        self.end_caller(now, call);
    }

    /// A talk ends on both sides.
    pub(in crate::node) fn end_talk(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(leg) = self.contact(call).and_then(|contact| contact.talking()) else { return };
        self.let_target_go(now, call, TransferStep::Failed(TransferFailure::Withdrawn));
        self.hang_up_agent(now, call);
        self.on_agent_gone(now, call, leg, by);
    }

    /// A supervisor moves a waiting or talking call into a queue; it keeps its time.
    pub(in crate::node) fn move_contact(&mut self, now: Instant, call: CallId, queue: QueueId, by: Actor) {
        if self.contact(call).is_none_or(|contact| contact.is_waiting()) {
            return self.take_out(call, Intervention::Requeue(queue), by);
        }
        let talk = self.free_caller(now, call);
        self.redirect(now, call, queue, talk.map(|(agent, _)| agent));
        self.requeue(call, talk, by);
    }

    /// Everybody who waits flows out.
    pub(in crate::node) fn on_drain_limit(&mut self) {
        self.drain = Drain::LimitPassed;
        let calls: Vec<_> =
            self.contacts.iter().filter(|contact| contact.is_in_queue()).map(|contact| contact.id).collect();
        for call in calls {
            self.commands.push_back(Command::Leave { call, reason: FlowOut::EngineRestart });
        }
    }

    /// As [`Shard::part`]; the engine is told.
    pub(super) fn end_talk_by(&mut self, call: CallId, by: EndedBy) {
        if let Some((agent, epoch)) = self.part(call) {
            self.commands.push_back(Command::TalkEnded { call, agent, epoch, by });
        }
    }

    /// The talk, if there is one, is over: the agent's side goes, the contact has no agent any more. Who it was and the offer's
    /// epoch, for the engine to be told.
    pub(super) fn part(&mut self, call: CallId) -> Option<(AgentId, u32)> {
        let contact = self.contact(call)?;
        contact.talking()?;
        let Phase::Talking { agent, .. } = std::mem::replace(&mut contact.phase, Phase::Arriving) else { return None };
        contact.held = false;
        self.owners.remove(&agent.leg);
        self.close_audio(agent.audio, Holder::Agent);
        Some((agent.agent, agent.epoch))
    }

    pub(super) fn hang_up_agent(&mut self, now: Instant, call: CallId) {
        if let Some(leg) = self.contact(call).and_then(|contact| contact.talking()) {
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
        }
    }

    fn take_out(&mut self, call: CallId, what: Intervention, by: Actor) {
        let Some(contact) = self.contact(call) else { return };
        contact.moving = Some(Box::new(Moving { what, by: by.clone() }));
        self.commands.push_back(Command::TakeOut { call, what, by });
    }

    /// The call joins a queue anew, by nobody's wish but the rules'; out of a talk with an agent, if there was one.
    pub(super) fn rejoin(&mut self, now: Instant, call: CallId, queue: QueueId, left: Option<AgentId>) {
        self.redirect(now, call, queue, left);
        self.enqueue(call);
    }

    /// The contact is to join another queue.
    fn redirect(&mut self, now: Instant, call: CallId, queue: QueueId, left: Option<AgentId>) {
        self.prefer_in(now, call, queue, left);
        let answer = self.directory.queue(queue).config.answer;
        let Some(contact) = self.contact(call) else { return };
        contact.phase = Phase::Arriving;
        contact.queue = queue;
        contact.answer = answer;
    }

    /// The call joins the queue it is in, with what its number brings; a priority of its own goes with it to any queue.
    /// It has waited since it first came.
    pub(in crate::node) fn enqueue(&mut self, call: CallId) {
        let queue = self.queue_of(call);
        self.enqueue_in(call, queue);
    }

    /// As [`Shard::enqueue`], into another queue than its own.
    pub(super) fn enqueue_in(&mut self, call: CallId, queue: QueueId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let since = Some(contact.joined);
        let (priority, asks) = self.brings(contact, queue);
        self.commands.push_back(Command::Enqueue { call, queue, priority, since, asks });
    }

    /// As [`Shard::enqueue`], by a supervisor's wish and out of a talk where there was one.
    fn requeue(&mut self, call: CallId, talk: Option<(AgentId, u32)>, by: Actor) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let (queue, since) = (contact.queue, contact.joined);
        let (priority, asks) = self.brings(contact, queue);
        self.commands.push_back(Command::Requeue { call, talk, queue, priority, since, asks, by });
    }

    fn brings(&self, contact: &Contact, queue: QueueId) -> (i32, Asks) {
        let priority = contact.called.priority.unwrap_or_else(|| self.directory.queue(queue).config.priority);
        let attributes = &contact.called.attributes;
        let attributes = (!attributes.is_empty()).then(|| Arc::clone(attributes));
        let caller = self.directory.caller_key(contact.peer, &contact.caller);
        (priority, Asks { attributes, dimensions: contact.dimensions, caller, preferred: contact.wishes.preferred() })
    }

    /// The contact is over. Nobody is rung for it any more; the engine says so first.
    pub(super) fn forget(&mut self, now: Instant, call: CallId) {
        self.let_target_go(now, call, TransferStep::Failed(TransferFailure::Withdrawn));
        self.part_from_outside(now, call, EndedBy::System);
        self.give_room_back(call);
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
