//! Talking: the legs are joined, changes of the session are answered, silence is probed.

use crate::acd::{Command, EndedBy, FlowOut, OfferCause};
use crate::base::{AgentId, CallId, Instant, LegId, StreamId};
use crate::config::MediaPolicy;
use crate::media::{self, Source};
use crate::node::contact::{AgentLeg, Audio, Phase};
use crate::node::ports::Holder;
use crate::node::shard::{Drain, Owner, Shard, Side, Timer};

impl Shard {
    pub(in crate::node) fn on_agent_answered(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let call = match self.owners.get(&leg).copied() {
            Some(Owner::Agent(call)) => call,
            Some(Owner::Released(agent, epoch)) => {
                self.legs.hang_up(now, leg);
                return self.on_released(leg, agent, epoch);
            }
            Some(Owner::Caller(_)) | None => return self.legs.hang_up(now, leg),
        };
        let Some(offer) = self.contact(call).and_then(|contact| contact.agent()) else { return };
        let (agent, epoch, rang) = (offer.agent, offer.epoch, offer.rang);
        let joinable = self.accept_agent(call, sdp);
        if !joinable || !self.answer_caller(now, call, sdp) {
            let _ = self.take_offer(call, agent, epoch);
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
            if joinable {
                self.commands.push_back(Command::Leave { call, reason: FlowOut::System });
            }
            let cause = if joinable { OfferCause::Withdrawn } else { OfferCause::Failed };
            return self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
        }
        if !rang {
            self.commands.push_back(Command::OfferRinging { call, agent, epoch });
        }
        self.join(now, call);
        self.commands.push_back(Command::OfferAnswered { call, agent, epoch });
        tracing::info!(%call, agent = %self.directory.agent(agent).name, "agent answered");
    }

    /// The engine took the offer back before it heard of the answer. Its word stands: they part, and the caller waits again.
    pub(in crate::node) fn undo_talk(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        let meant =
            matches!(&contact.phase, Phase::Talking { agent: it, .. } if it.agent == agent && it.epoch == epoch);
        if !meant {
            return false;
        }
        let Phase::Talking { agent: device, .. } = std::mem::replace(&mut contact.phase, Phase::Waiting) else {
            return false;
        };
        self.owners.remove(&device.leg);
        self.legs.hang_up(now, device.leg);
        self.close_audio(device.audio, Holder::Agent);
        self.commands.push_back(Command::OfferReleased { agent, epoch });
        self.play_queue(call);
        if self.drain == Drain::LimitPassed {
            self.commands.push_back(Command::Leave { call, reason: FlowOut::Draining });
        }
        true
    }

    /// The far end acknowledged our 2xx; where we made the offer this is its answer. A caller who never says where its audio
    /// goes cannot be served.
    pub(in crate::node) fn on_confirmed(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call)) => (call, Side::Agent),
            Some(Owner::Released(..)) | None => return,
        };
        if self.accept_confirmation(call, side, sdp) {
            return;
        }
        tracing::info!(%call, ?side, "no usable answer to our offer");
        if !matches!(self.contact(call).map(|contact| &contact.phase), Some(Phase::Talking { .. })) {
            return self.commands.push_back(Command::Leave { call, reason: FlowOut::System });
        }
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        match side {
            Side::Caller => self.on_caller_gone(now, call, EndedBy::System),
            Side::Agent => self.on_agent_gone(now, call, EndedBy::System),
        }
    }

    /// re-INVITE or UPDATE: a new address or direction applies to that leg alone; what cannot be used is refused and the
    /// session stays.
    pub(in crate::node) fn on_change(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call)) => (call, Side::Agent),
            Some(Owner::Released(..)) | None => return self.legs.refuse_change(now, leg, 488),
        };
        match self.change_audio(call, side, sdp) {
            Some(answer) => self.legs.accept_change(now, leg, Some(&answer)),
            None => self.legs.refuse_change(now, leg, 488),
        }
    }

    /// No RTP where it was expected: the far end is asked whether it still lives.
    pub(in crate::node) fn on_silent(&mut self, now: Instant, stream: StreamId) {
        let Some((call, side)) = self.streams.get(&stream).copied() else { return };
        if let Some(leg) = self.leg_of(call, side) {
            self.legs.probe(now, leg);
        }
    }

    /// A call whose audio we do not see: its ends are asked.
    pub(in crate::node) fn on_probe_due(&mut self, now: Instant, call: CallId) {
        for side in [Side::Caller, Side::Agent] {
            if let Some(leg) = self.leg_of(call, side) {
                self.legs.probe(now, leg);
            }
        }
        self.arm_probe(now, call);
    }

    pub(in crate::node) fn on_probed(&mut self, now: Instant, leg: LegId, alive: bool) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call)) => (call, Side::Agent),
            Some(Owner::Released(..)) | None => return,
        };
        if alive {
            return self.watch(call, side);
        }
        tracing::info!(%call, ?side, "far end does not know the call any more");
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        match side {
            Side::Caller => self.on_caller_gone(now, call, EndedBy::System),
            Side::Agent => self.on_agent_gone(now, call, EndedBy::System),
        }
    }

    /// Tells the worker to watch for silence on one side.
    pub(in crate::node) fn watch(&mut self, call: CallId, side: Side) {
        let silence = (!self.silence_probe.is_zero()).then_some(self.silence_probe);
        let Some(stream) = self.audio_of(call, side).and_then(Audio::stream).map(|stream| stream.id) else { return };
        self.media.push_back(media::Command::Watch { stream, silence });
    }

    /// Joins both sides: each hears the other.
    fn join(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        let Phase::Offering(agent) = std::mem::replace(&mut contact.phase, Phase::Waiting) else { return };
        if let (Audio::Stream(caller), Audio::Stream(device)) = (&contact.audio, &agent.audio) {
            let (caller, device) = (caller.id, device.id);
            self.media.push_back(media::Command::Hear { stream: caller, source: Source::Relay(device) });
            self.media.push_back(media::Command::Hear { stream: device, source: Source::Relay(caller) });
        }
        if let Some(timer) = agent.silence {
            self.timers.cancel(timer);
        }
        if let Some(contact) = self.contact(call) {
            contact.phase = Phase::Talking { agent: AgentLeg { silence: None, ..agent }, since: now };
        }
        self.watch(call, Side::Agent);
    }

    /// Without media nothing else tells that an answered call's far end is gone.
    pub(in crate::node) fn arm_probe(&mut self, now: Instant, call: CallId) {
        let after = self.silence_probe;
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        if contact.media == MediaPolicy::Anchor || after.is_zero() {
            return;
        }
        contact.probe = Some(self.timers.arm(now + after, Timer::Probe(call)));
    }
}
