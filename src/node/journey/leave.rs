//! Leaving: hang-ups of either side, flow-outs, what a supervisor ends or moves, the drain's limit.

use std::sync::Arc;

use crate::acd::{Asks, Command, EndedBy, FlowOut};
use crate::base::limits::RETRY_AFTER;
use crate::base::{CallId, Instant, QueueId};
use crate::config::MediaPolicy;
use crate::node::contact::{Contact, Move, Phase, status_of};
use crate::node::ports::Holder;
use crate::node::shard::{Drain, Shard, Side};

impl Shard {
    /// The caller's leg is gone.
    pub(in crate::node) fn on_caller_gone(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        match std::mem::replace(&mut contact.phase, Phase::Waiting) {
            Phase::Arriving | Phase::Waiting => self.commands.push_back(Command::CallerGone { call }),
            Phase::Offering(offer) => {
                self.commands.push_back(Command::CallerGone { call });
                self.release_offer(now, offer);
            }
            Phase::Talking { agent, .. } => {
                self.owners.remove(&agent.leg);
                self.legs.hang_up(now, agent.leg);
                self.close_audio(agent.audio, Holder::Agent);
                self.commands.push_back(Command::TalkEnded { call, agent: agent.agent, epoch: agent.epoch, by });
            }
        }
        self.forget(call);
    }

    /// The agent's leg is gone while they talk: the caller's leg ends too.
    pub(in crate::node) fn on_agent_gone(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        if !matches!(contact.phase, Phase::Talking { .. }) {
            return;
        }
        let leg = contact.leg;
        self.part(call, by);
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.forget(call);
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
        self.forget(call);
    }

    /// A supervisor ends a call.
    pub(in crate::node) fn end_contact(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        if matches!(contact.phase, Phase::Talking { .. }) {
            self.hang_up_agent(now, call);
            return self.on_agent_gone(now, call, EndedBy::Supervisor);
        }
        self.take_out(call, Move::End, FlowOut::Withdrawn);
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
        let Phase::Talking { agent, .. } = std::mem::replace(&mut contact.phase, Phase::Waiting) else { return };
        self.owners.remove(&agent.leg);
        self.close_audio(agent.audio, Holder::Agent);
        self.commands.push_back(Command::TalkEnded { call, agent: agent.agent, epoch: agent.epoch, by });
    }

    fn hang_up_agent(&mut self, now: Instant, call: CallId) {
        if let Some(leg) = self.leg_of(call, Side::Agent) {
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
        let asks = Asks { attributes: (!attributes.is_empty()).then(|| Arc::clone(attributes)) };
        self.commands.push_back(Command::Enqueue { call, queue, priority, since, asks });
    }

    /// The contact is over.
    fn forget(&mut self, call: CallId) {
        let Some(contact) = self.contacts.remove(call.0) else { return };
        for timer in [contact.unanswered, contact.probe].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.close_audio(contact.audio, Holder::Caller);
        if contact.media == MediaPolicy::Anchor {
            self.ports.leave(contact.worker);
        }
    }
}
