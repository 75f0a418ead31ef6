//! How a transfer ends: completed, called off, or with the caller or by a supervisor.

use crate::acd::{Command, EndedBy, FlowOut, OfferCause, Target, TransferFailure, TransferStep};
use crate::base::{AgentId, CallId, Instant, QueueId};
use crate::call::Why;
use crate::config::OnHangUp;
use crate::node::contact::{AgentLeg, Handover, Phase, Reach, Stage};
use crate::node::journey::transfer::refer::status_of;
use crate::node::ports::Holder;
use crate::node::shard::{Shard, Side};

impl Shard {
    /// The agent who consults gives the caller to the target.
    ///
    /// # Errors
    /// Nobody is consulted.
    pub(in crate::node) fn complete(&mut self, now: Instant, call: CallId) -> Result<(), String> {
        self.consults(call)?;
        self.hang_up_agent(now, call);
        self.complete_without_agent(now, call);
        Ok(())
    }

    /// The agent who consults goes back to the caller.
    ///
    /// # Errors
    /// Nobody is consulted.
    pub(in crate::node) fn cancel(&mut self, now: Instant, call: CallId) -> Result<(), String> {
        self.consults(call)?;
        self.call_off(now, call, TransferStep::Cancelled);
        Ok(())
    }

    fn consults(&self, call: CallId) -> Result<(), String> {
        let contact = self.contacts.get(call.0).ok_or_else(|| format!("no call {call}"))?;
        match (&contact.phase, &contact.handover) {
            (Phase::Talking { .. }, Some(_)) => Ok(()),
            (Phase::Arriving | Phase::Waiting(_) | Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. }, _) => {
                Err(format!("{call} is in no consultation"))
            }
        }
    }

    /// A visit is over that is not what the caller waits in: the queue that is consulted has let the call go, or what a
    /// consultation has taken back has left.
    pub(in crate::node) fn on_target_left(&mut self, now: Instant, call: CallId, reason: FlowOut) {
        let is_sought = self.contact(call).is_some_and(|contact| contact.is_in_queue());
        if is_sought && reason != FlowOut::Requeued {
            self.fail(now, call, TransferFailure::FlowedOut);
        }
    }

    /// The leg of the agent who consults is gone. False when it consults nobody.
    pub(in crate::node) fn on_consultant_gone(&mut self, now: Instant, call: CallId) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        if contact.handover.is_none() || contact.talking().is_none() {
            return false;
        }
        // Who has asked by REFER has done its part.
        let is_attended = contact.handover.as_ref().is_some_and(|handover| handover.attended);
        match self.directory.transfer.on_hang_up {
            OnHangUp::Requeue if is_attended => self.complete_without_agent(now, call),
            OnHangUp::Complete => self.complete_without_agent(now, call),
            OnHangUp::Requeue => {
                self.let_target_go(now, call, TransferStep::Cancelled);
                let queue = self.queue_of(call);
                self.hand_to_queue(now, call, queue);
            }
        }
        true
    }

    /// The agent's leg ends or has ended; the caller goes where the consultation stands.
    pub(super) fn complete_without_agent(&mut self, now: Instant, call: CallId) {
        let Some(mut handover) = self.contact(call).and_then(|contact| contact.handover.take()) else { return };
        let (by, told) = (handover.by, (handover.kind, handover.target.clone()));
        let reach = std::mem::replace(&mut handover.reach, Reach::Ringing(Vec::new()));
        let step = match (reach, &handover.target) {
            (Reach::Ringing(offers), Target::Queue(queue)) => {
                let queue = *queue;
                self.note(call, by, told, TransferStep::Completed);
                self.end_talk_by(call, EndedBy::Transfer);
                self.settle_in(call, Phase::Waiting(offers), Some(queue));
                self.give_room_back(call);
                return self.play_queue(now, call);
            }
            // Blind from here: the caller is alone with the music that it hears already.
            (reach @ (Reach::Ringing(_) | Reach::Calling(_)), _) => {
                handover.reach = reach;
                let is_attended = handover.attended;
                self.end_talk_by(call, EndedBy::Transfer);
                self.settle_in(call, Phase::Alone, None);
                if let Some(contact) = self.contact(call) {
                    contact.handover = Some(handover);
                }
                if is_attended {
                    self.play_queue(now, call);
                }
                return;
            }
            (Reach::Agent(agent), target) => {
                let queue = if let Target::Queue(queue) = target { Some(*queue) } else { None };
                (Phase::Talking { agent, since: now }, queue)
            }
            (Reach::Number(party), _) => (Phase::Outside { party, since: now }, None),
        };
        self.note(call, by, told, TransferStep::Completed);
        self.end_talk_by(call, EndedBy::Transfer);
        let (phase, queue) = step;
        self.settle_in(call, phase, queue);
        let Some(contact) = self.contact(call) else { return };
        let leg = contact.talking().or_else(|| contact.outside().map(|outside| outside.leg));
        if contact.talking().is_some() {
            self.give_room_back(call);
        }
        if let Some(leg) = leg {
            self.bridge(now, call, Side::Caller, Side::Agent(leg));
        }
        self.mind_digits(call);
        self.tell_hold(call);
    }

    /// The caller joins a queue; it stands in line before the agent who had it is free for others.
    pub(super) fn hand_to_queue(&mut self, now: Instant, call: CallId, queue: QueueId) {
        let talk = self.part(call);
        self.rejoin(now, call, queue, talk.map(|(agent, _)| agent));
        if let Some((agent, epoch)) = talk {
            self.commands.push_back(Command::TalkEnded { call, agent, epoch, by: EndedBy::Transfer });
        }
    }

    fn settle_in(&mut self, call: CallId, phase: Phase, queue: Option<QueueId>) {
        let Some(contact) = self.contact(call) else { return };
        contact.phase = phase;
        contact.queue = queue.unwrap_or(contact.queue);
    }

    /// The target is let go: the agent who consults is back with the caller, a caller alone back in the queue.
    pub(in crate::node) fn call_off(&mut self, now: Instant, call: CallId, step: TransferStep) {
        self.let_target_go(now, call, step);
        let Some(contact) = self.contacts.get(call.0) else { return };
        match &contact.phase {
            Phase::Talking { agent, .. } => {
                let (agent, epoch, leg) = (agent.agent, agent.epoch, agent.leg);
                self.commands.push_back(Command::Consults { call, agent, epoch, consults: false });
                self.bridge(now, call, Side::Caller, Side::Agent(leg));
                if self.is_silent(call, Side::Agent(leg)) {
                    self.fill_silence(call, Side::Agent(leg));
                }
                self.mind_digits(call);
            }
            Phase::Alone => {
                let queue = contact.queue;
                self.rejoin(now, call, queue, None);
            }
            Phase::Arriving | Phase::Waiting(_) | Phase::Outside { .. } => {}
        }
    }

    /// Lets the target go, if there is one, and tells how the transfer ended; whoever else is there stays where it is.
    pub(in crate::node) fn let_target_go(&mut self, now: Instant, call: CallId, step: TransferStep) {
        if let Some(status) = status_of(&step) {
            self.tell_referrer(now, call, status);
        }
        self.note_step(call, step);
        let Some(handover) = self.contact(call).and_then(|contact| contact.handover.take()) else { return };
        let Handover { target, reach, .. } = *handover;
        match reach {
            Reach::Ringing(offers) => {
                if matches!(target, Target::Queue(_)) {
                    self.commands.push_back(Command::Leave { call, reason: FlowOut::Requeued });
                }
                for offer in offers {
                    self.withdraw(now, call, offer);
                }
            }
            Reach::Agent(AgentLeg { agent, epoch, leg, audio, .. }) => {
                self.owners.remove(&leg);
                self.legs.hang_up(now, leg);
                self.close_audio(audio, Holder::Agent);
                self.commands.push_back(Command::TalkEnded { call, agent, epoch, by: EndedBy::Transfer });
            }
            Reach::Calling(outside) | Reach::Number(outside) => self.drop_outside(now, outside),
        }
        self.give_room_back(call);
    }

    /// Gives up an agent who is rung. Where the engine has given it the call meanwhile, this ends their talk.
    fn withdraw(&mut self, now: Instant, call: CallId, offer: AgentLeg) {
        let (agent, epoch) = (offer.agent, offer.epoch);
        self.commands.push_back(Command::WithdrawOffer { call, agent, epoch, cause: OfferCause::Withdrawn });
        if offer.stage == Stage::Answered {
            self.commands.push_back(Command::TalkEnded { call, agent, epoch, by: EndedBy::Transfer });
        }
        self.release_offer(now, offer, Why::Unsaid);
    }

    /// A caller who does not wait is freed of whomever it has: the agent, the target, the number. The agent and its epoch, for
    /// the engine to be told.
    pub(in crate::node) fn free_caller(&mut self, now: Instant, call: CallId) -> Option<(AgentId, u32)> {
        self.let_target_go(now, call, TransferStep::Failed(TransferFailure::Withdrawn));
        self.hang_up_agent(now, call);
        self.part_from_outside(now, call, EndedBy::Supervisor);
        let talk = self.part(call);
        if let Some(contact) = self.contact(call) {
            contact.phase = Phase::Arriving;
        }
        talk
    }

    /// What was reserved for another party is free again.
    pub(in crate::node) fn give_room_back(&mut self, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        if std::mem::take(&mut contact.lent) {
            let worker = contact.worker;
            self.ports.leave(worker);
        }
    }
}
