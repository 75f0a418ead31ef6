//! How a transfer begins: whether it may, and its first step.

use std::sync::Arc;

use crate::acd::{Command, EndedBy, QueueState, Target, Transfer, TransferFailure, TransferKind, TransferStep};
use crate::base::{AgentId, CallId, Instant, LegId, QueueId};
use crate::config::MediaPolicy;
use crate::media::{self, Source, TrackId};
use crate::node::contact::{Handover, Phase};
use crate::node::shard::{Drain, Shard, Side};

impl Shard {
    /// Hands a talking caller on. `who` asks through the control plane; `None`: the agent by its keys.
    ///
    /// # Errors
    /// Why that cannot be, in words; nothing has happened then.
    pub(in crate::node) fn transfer(
        &mut self,
        now: Instant,
        call: CallId,
        (kind, target): (TransferKind, Target),
        who: Option<Arc<str>>,
    ) -> Result<(), String> {
        self.may_transfer(call, kind, &target)?;
        self.hand_over(now, call, (kind, target), who, None);
        Ok(())
    }

    /// As [`Shard::transfer`], for what may be; `referrer` is the leg on which the agent has asked by REFER.
    pub(super) fn hand_over(
        &mut self,
        now: Instant,
        call: CallId,
        (kind, target): (TransferKind, Target),
        who: Option<Arc<str>>,
        referrer: Option<LegId>,
    ) {
        let Some(by) = self.contact(call).and_then(|contact| contact.talking_agent()) else { return };
        tracing::info!(%call, agent = %self.directory.agent(by).name, kind = kind.as_str(), to = target.as_str(), "transfer");
        self.note(call, by, (kind, target.clone()), TransferStep::Begun(who));
        match (kind, target) {
            (TransferKind::Blind, Target::Queue(queue)) => {
                self.hang_up_agent(now, call);
                self.hand_to_queue(now, call, queue);
                self.note(call, by, (kind, Target::Queue(queue)), TransferStep::Completed);
                if let Some(leg) = referrer {
                    self.legs.tell_referrer(now, leg, 200);
                }
            }
            (TransferKind::Blind, target @ (Target::Agent(_) | Target::Number(_))) => {
                self.hang_up_agent(now, call);
                self.end_talk_by(call, EndedBy::Transfer);
                if let Some(contact) = self.contact(call) {
                    contact.phase = Phase::Alone;
                }
                self.play_queue(now, call);
                self.seek(now, call, Handover::to(kind, target, by, referrer));
            }
            (TransferKind::Consult, target) => {
                self.part_for_a_word(now, call, &target);
                self.seek(now, call, Handover::to(kind, target, by, referrer));
            }
        }
    }

    pub(super) fn may_transfer(&self, call: CallId, kind: TransferKind, target: &Target) -> Result<(), String> {
        let (media, agent) = match (kind, target) {
            (TransferKind::Blind, Target::Queue(_)) => self.may_part(call)?,
            (TransferKind::Blind | TransferKind::Consult, _) => self.may_hand_on(call, true)?,
        };
        match target {
            Target::Queue(queue) => self.may_join(media, *queue),
            Target::Agent(to) if *to == agent => Err("it is the agent who talks".to_string()),
            Target::Agent(_) => Ok(()),
            // An agent whom a reload has removed is a number as any other, but for its own calls.
            Target::Number(number) if self.is_own(agent, number.expose()) => {
                Err("it is the agent who talks".to_string())
            }
            Target::Number(number) => self.directory.outside(number.expose()).map(drop),
        }
    }

    /// Whether a caller may go from its agent to somebody whose audio passes here, for whom a port may be needed; how its media
    /// is treated, and the agent.
    pub(super) fn may_hand_on(&self, call: CallId, needs_port: bool) -> Result<(MediaPolicy, AgentId), String> {
        let (media, agent) = self.may_part(call)?;
        if media == MediaPolicy::None {
            return Err("the audio of this call does not pass here".to_string());
        }
        let worker = self.contacts.get(call.0).map(|contact| contact.worker).unwrap_or_default();
        let (agents, each) = (self.directory.plan.agents.len(), self.directory.rings_at_most);
        if needs_port && !self.ports.has_room(worker, agents, each) {
            return Err("no port is free for another party's audio".to_string());
        }
        Ok((media, agent))
    }

    /// Whether a caller talks and may be parted from its agent.
    fn may_part(&self, call: CallId) -> Result<(MediaPolicy, AgentId), String> {
        let contact = self.contacts.get(call.0).ok_or_else(|| format!("no call {call}"))?;
        let Phase::Talking { agent, .. } = &contact.phase else { return Err(format!("{call} talks with no agent")) };
        if contact.handover.is_some() {
            return Err(format!("{call} is being handed on already"));
        }
        if !self.has_slot() {
            return Err("the node is overloaded".to_string());
        }
        Ok((contact.media, agent.agent))
    }

    /// Whether a call whose media is treated so may join a queue, as far as the shard knows.
    ///
    /// # Errors
    /// Why it would be let go instead of waiting.
    pub(in crate::node) fn may_join(&self, media: MediaPolicy, queue: QueueId) -> Result<(), String> {
        let config = &self.directory.queue(queue).config;
        if media != config.media {
            return Err("the queue treats media in another way".to_string());
        }
        if self.drain != Drain::No {
            return Err(format!("{} takes no calls: the node drains", config.name));
        }
        match config.state {
            QueueState::Open => Ok(()),
            QueueState::Closed => Err(format!("{} takes no calls: it is closed", config.name)),
            QueueState::Emergency => Err(format!("{} takes no calls: it is in an emergency", config.name)),
        }
    }

    /// The agent turns from the caller, who hears music, and hears a tune itself.
    fn part_for_a_word(&mut self, now: Instant, call: CallId, target: &Target) {
        let track = match target {
            Target::Queue(queue) => self.directory.queue(*queue).audio.music,
            Target::Agent(_) | Target::Number(_) => TrackId(0),
        };
        let Some(Phase::Talking { agent, .. }) = self.contacts.get(call.0).map(|contact| &contact.phase) else {
            return;
        };
        let (agent, epoch, stream) = (agent.agent, agent.epoch, agent.audio.stream().map(|stream| stream.id));
        self.commands.push_back(Command::Consults { call, agent, epoch, consults: true });
        self.play_queue(now, call);
        if let Some(stream) = stream {
            let source = Source::Tracks { tracks: vec![track], repeat: true };
            self.media.push_back(media::Command::Hear { stream, source });
        }
    }

    /// Seeks the target; the caller and the agent are where they are to be meanwhile.
    fn seek(&mut self, now: Instant, call: CallId, handover: Handover) {
        let target = handover.target.clone();
        let Some(contact) = self.contact(call) else { return };
        contact.handover = Some(Box::new(handover));
        contact.lent = true;
        let (worker, queue) = (contact.worker, contact.queue);
        self.ports.enter(worker);
        match target {
            Target::Agent(agent) => self.commands.push_back(Command::OfferTo { call, agent, queue }),
            Target::Queue(queue) => self.enqueue_in(call, queue),
            Target::Number(number) => {
                if let Err(failure) = self.call_outside(now, call, number.expose()) {
                    self.fail(now, call, failure);
                }
            }
        }
    }

    /// The target was not reached: back to the agent who waits for it, or else to the queue.
    pub(super) fn fail(&mut self, now: Instant, call: CallId, failure: TransferFailure) {
        tracing::info!(%call, why = failure.as_str(), "transfer fails");
        self.call_off(now, call, TransferStep::Failed(failure));
    }

    /// Tells a step of the transfer under way.
    pub(super) fn note_step(&mut self, call: CallId, step: TransferStep) {
        let Some(handover) = self.contacts.get(call.0).and_then(|contact| contact.handover.as_ref()) else { return };
        let (by, kind, target) = (handover.by, handover.kind, handover.target.clone());
        self.note(call, by, (kind, target), step);
    }

    pub(super) fn note(
        &mut self,
        call: CallId,
        agent: AgentId,
        (kind, target): (TransferKind, Target),
        step: TransferStep,
    ) {
        let queue = self.queue_of(call);
        self.commands.push_back(Command::Transfer(Box::new(Transfer { call, queue, agent, kind, target, step })));
    }

    /// These two hear each other.
    pub(in crate::node) fn bridge(&mut self, now: Instant, call: CallId, one: Side, other: Side) {
        let stream = |side| self.audio_of(call, side).and_then(|audio| audio.stream()).map(|stream| stream.id);
        let (Some(first), Some(second)) = (stream(one), stream(other)) else { return };
        self.media.push_back(media::Command::Hear { stream: first, source: Source::Relay(second) });
        self.media.push_back(media::Command::Hear { stream: second, source: Source::Relay(first) });
        self.align(now, call, one, other);
    }

    /// The leg that hears what comes on this side, if somebody does.
    pub(in crate::node) fn other_end(&self, call: CallId, side: Side) -> Option<LegId> {
        let contact = self.contacts.get(call.0)?;
        let consulted = contact.handover.as_ref().map(|handover| handover.consulted());
        match (&contact.phase, consulted, side) {
            (Phase::Talking { agent, .. }, None, Side::Caller) => Some(agent.leg),
            (Phase::Talking { agent, .. }, None, Side::Agent(leg)) => (agent.leg == leg).then_some(contact.leg),
            (Phase::Talking { agent, .. }, Some(consulted), Side::Agent(leg)) => {
                if agent.leg == leg {
                    consulted
                } else {
                    (consulted == Some(leg)).then_some(agent.leg)
                }
            }
            (Phase::Outside { party, .. }, _, Side::Caller) => Some(party.leg),
            (Phase::Outside { party, .. }, _, Side::Agent(leg)) => (party.leg == leg).then_some(contact.leg),
            (Phase::Talking { .. }, Some(_), Side::Caller)
            | (Phase::Arriving | Phase::Waiting(_) | Phase::Alone, _, Side::Caller | Side::Agent(_)) => None,
        }
    }
}
