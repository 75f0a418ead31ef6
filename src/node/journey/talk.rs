//! Talking: the legs are joined, changes of the session are answered, silence is probed.

use std::time::Duration;

use crate::acd::{Command, EndedBy, FlowOut, Intervention, OfferCause};
use crate::base::{AgentId, CallId, Instant, LegId, StreamId};
use crate::config::MediaPolicy;
use crate::media::{self, Source, TrackId};
use crate::node::contact::{AgentLeg, Audio, Contact, Moving, Phase, Stage};
use crate::node::shard::{Owner, Shard, Side, Timer};

/// How long whoever holds by `sendonly` may take to begin with music of its own; then the queue's is played.
const OWN_MUSIC: Duration = Duration::from_millis(500);

impl Shard {
    pub(in crate::node) fn on_agent_answered(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let call = match self.owners.get(&leg).copied() {
            Some(Owner::Agent(call)) => call,
            Some(Owner::Outside(call)) => return self.on_outside_answered(now, call, leg, sdp),
            Some(Owner::Released(agent, epoch)) => {
                self.legs.hang_up(now, leg);
                return self.on_released(leg, agent, epoch);
            }
            Some(Owner::Caller(_) | Owner::Code) | None => return self.legs.hang_up(now, leg),
        };
        if !self.accept_agent(call, leg, sdp) {
            let Some(AgentLeg { agent, epoch, .. }) = self.take_offer(call, leg) else { return };
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
            self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::Failed });
            return self.on_offer_over(now, call, agent);
        }
        let Some(offer) = self.contact(call).and_then(|contact| contact.agent_mut(leg)) else { return };
        let (agent, epoch, rang) = (offer.agent, offer.epoch, std::mem::replace(&mut offer.rang, true));
        if let Stage::Calling(Some(timer)) = std::mem::replace(&mut offer.stage, Stage::Answered) {
            self.timers.cancel(timer);
        }
        if let Some(heard) = self.take_heard(leg)
            && let Some(offer) = self.contact(call).and_then(|contact| contact.agent_mut(leg))
        {
            offer.carried = Some(heard.lines);
        }
        if !rang {
            self.commands.push_back(Command::OfferRinging { call, agent, epoch });
        }
        if let Some(confirm) = self.directory.agent(agent).confirm {
            return self.ask_for_key(now, call, leg, confirm.within);
        }
        // Who wins is the engine's to say: others may be rung for the same call, and the answer may cross the offer's end.
        self.commands.push_back(Command::OfferAnswered { call, agent, epoch });
    }

    /// Who answered hears a tune until it presses its key; the caller goes on waiting.
    fn ask_for_key(&mut self, now: Instant, call: CallId, leg: LegId, within: Duration) {
        let timer = self.timers.arm(now + within, Timer::Confirm(leg));
        let Some(offer) = self.contact(call).and_then(|contact| contact.agent_mut(leg)) else { return };
        offer.stage = Stage::Confirming(timer);
        if let Audio::Stream(stream) = &offer.audio {
            let (stream, tracks) = (stream.id, vec![TrackId(0)]);
            self.media.push_back(media::Command::Hear { stream, source: Source::Tracks { tracks, repeat: true } });
        }
    }

    /// A key from an agent who has answered and does not talk yet.
    pub(in crate::node) fn on_key(&mut self, call: CallId, leg: LegId, digit: char) {
        let Some(offer) = self.contacts.get_mut(call.0).and_then(|contact| contact.agent_mut(leg)) else { return };
        let (agent, epoch) = (offer.agent, offer.epoch);
        let Stage::Confirming(timer) = offer.stage else { return };
        if self.directory.agent(agent).confirm.is_some_and(|confirm| confirm.digit != digit) {
            return;
        }
        offer.stage = Stage::Answered;
        self.timers.cancel(timer);
        self.commands.push_back(Command::OfferAnswered { call, agent, epoch });
    }

    /// Whatever answered is nobody who takes the call.
    pub(in crate::node) fn on_unconfirmed(&mut self, now: Instant, leg: LegId) {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return };
        let Some(AgentLeg { agent, epoch, .. }) = self.take_offer(call, leg) else { return };
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::NoAnswer });
        self.on_offer_over(now, call, agent);
    }

    /// The agent has won the call: the caller is answered where it is not yet, and both hear each other.
    pub(in crate::node) fn on_join(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) {
        if self.joins_handover(now, call, agent, epoch) {
            return;
        }
        let Some(contact) = self.contact(call) else { return };
        let Phase::Waiting(offers) = &mut contact.phase else { return };
        let Some(place) = offers.iter().position(|offer| offer.agent == agent && offer.epoch == epoch) else {
            // The agent has hung up since.
            return self.end_caller(now, call);
        };
        let winner = offers.swap_remove(place);
        let leg = winner.leg;
        let theirs = match &winner.audio {
            Audio::Described(described) => described.theirs.clone(),
            Audio::Pending(_) | Audio::Stream(_) => None,
        };
        contact.phase = Phase::Talking { agent: winner, since: now };
        contact.wishes.talks();
        let moving = contact.moving.take();
        if !self.answer_caller(now, call, theirs.as_deref()) {
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
            return self.on_agent_gone(now, call, leg, EndedBy::System);
        }
        tracing::info!(%call, agent = %self.directory.agent(agent).name, "agent answered");
        let Some(moving) = moving else {
            self.connect(now, call, leg);
            return self.tell_hold(call);
        };
        // The supervisor's word crossed the answer.
        let Moving { what, by } = *moving;
        match what {
            Intervention::Requeue(queue) => self.move_contact(now, call, queue, by),
            Intervention::HangUp | Intervention::Withdraw => self.end_contact(now, call, what, by),
        }
    }

    /// The far end acknowledged our 2xx; where we made the offer this is its answer. A caller who never says where its audio
    /// goes cannot be served.
    pub(in crate::node) fn on_confirmed(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (call, Side::Agent(leg)),
            Some(Owner::Code) => return self.on_code_confirmed(now, leg, sdp),
            Some(Owner::Released(..)) | None => return,
        };
        if self.accept_confirmation(call, side, sdp) {
            if sdp.is_some() {
                self.realign(now, call);
            }
            return;
        }
        tracing::info!(%call, ?side, "no usable answer to our offer");
        if matches!(self.contact(call).map(|contact| &contact.phase), Some(Phase::Arriving | Phase::Waiting(_))) {
            return self.commands.push_back(Command::Leave { call, reason: FlowOut::System });
        }
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.on_side_gone(now, call, side, EndedBy::System);
    }

    /// re-INVITE or UPDATE: a new address or direction applies to that leg alone; what cannot be used is refused and the
    /// session stays.
    pub(in crate::node) fn on_change(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (call, Side::Agent(leg)),
            Some(Owner::Released(..) | Owner::Code) | None => return self.legs.refuse_change(now, leg, 488),
        };
        let before = (self.holds(call, side), self.is_silent(call, side));
        let srtp = self.srtp_on(call, side);
        if !self.may_tell_keys(srtp) {
            return self.legs.refuse_change(now, leg, 488);
        }
        match self.change_audio(call, side, (srtp, sdp)) {
            Some(answer) => {
                self.legs.accept_change(now, leg, Some(&answer));
                self.tell_hold(call);
                self.mind_hold(call, side, before);
            }
            None => self.legs.refuse_change(now, leg, 488),
        }
    }

    /// The session timer asks for a re-INVITE: what was last said is said again.
    pub(in crate::node) fn on_refresh_due(&mut self, now: Instant, leg: LegId) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (call, Side::Agent(leg)),
            Some(Owner::Released(..) | Owner::Code) | None => return,
        };
        if let Some(ours) = self.last_said(call, side) {
            self.legs.refresh(now, leg, &ours);
        }
    }

    /// No RTP where it was expected: the far end is asked whether it still lives.
    pub(in crate::node) fn on_silent(&mut self, now: Instant, stream: StreamId) {
        let Some((call, side)) = self.side_of(stream) else { return };
        if self.is_talk(call) && self.holds(call, side) && !self.is_silent(call, side) {
            self.set_filled(call, side, true);
            self.fill_silence(call, side);
            return self.watch(call, side);
        }
        if let Some(leg) = self.leg_of(call, side) {
            self.legs.probe(now, leg);
        }
    }

    /// A call whose audio we do not see: its ends are asked.
    pub(in crate::node) fn on_probe_due(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let outside = contact.outside().map(|outside| outside.leg);
        for leg in [Some(contact.leg), contact.talking(), outside].into_iter().flatten() {
            self.legs.probe(now, leg);
        }
        self.arm_probe(now, call);
    }

    pub(in crate::node) fn on_probed(&mut self, now: Instant, leg: LegId, alive: bool) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (call, Side::Agent(leg)),
            Some(Owner::Released(..) | Owner::Code) | None => return,
        };
        if alive {
            // Of a caller who only rings there is nothing to hear.
            let is_heard = |contact: &Contact| side != Side::Caller || contact.answered.is_some();
            if self.contacts.get(call.0).is_some_and(is_heard) {
                self.watch(call, side);
            }
            return;
        }
        tracing::info!(%call, ?side, "far end does not know the call any more");
        let peer = self.contacts.get(call.0).and_then(|contact| match side {
            Side::Caller => contact.peer.filter(|_| contact.answered.is_some()),
            Side::Agent(leg) => contact.audio_on(leg).map(|(_, peer)| peer),
        });
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.on_side_gone(now, call, side, EndedBy::System);
        if let Some(peer) = peer {
            self.on_call_unknown(now, peer);
        }
    }

    /// Tells the worker to watch for silence on one side.
    pub(in crate::node) fn watch(&mut self, call: CallId, side: Side) {
        self.watch_for(call, side, (!self.silence_probe.is_zero()).then_some(self.silence_probe));
    }

    fn watch_for(&mut self, call: CallId, side: Side, silence: Option<Duration>) {
        let Some(stream) = self.audio_of(call, side).and_then(Audio::stream).map(|stream| stream.id) else { return };
        self.media.push_back(media::Command::Watch { stream, silence });
    }

    /// Tells the engine when one of both begins to hold, or nobody does any more.
    pub(in crate::node) fn tell_hold(&mut self, call: CallId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let Phase::Talking { agent, .. } = &contact.phase else { return };
        let held = self.holds(call, Side::Caller) || self.holds(call, Side::Agent(agent.leg));
        if contact.held == held || !self.has_slot() {
            return;
        }
        let (agent, epoch) = (agent.agent, agent.epoch);
        if let Some(contact) = self.contact(call) {
            contact.held = held;
        }
        self.commands.push_back(Command::Held { call, agent, epoch, held });
    }

    /// True when this side holds and sends nothing, not even music of its own.
    pub(in crate::node::journey) fn is_silent(&self, call: CallId, side: Side) -> bool {
        let stream = self.audio_of(call, side).and_then(Audio::stream);
        stream.is_some_and(|stream| stream.far.is_some_and(|far| !far.send && (!far.receive || stream.filled)))
    }

    /// Somebody has changed its session: `before` says whether it held, and held in silence. Whoever begins to hold and may send
    /// music of its own (`sendonly`) is given a moment for that: an Asterisk that passes a hold on sends none.
    fn mind_hold(&mut self, call: CallId, side: Side, before: (bool, bool)) {
        let holds = self.holds(call, side);
        if holds != before.0 && self.is_talk(call) {
            self.set_filled(call, side, false);
            if holds && !self.is_silent(call, side) {
                self.watch_for(call, side, Some(OWN_MUSIC));
            } else {
                self.watch(call, side);
            }
        }
        if self.is_silent(call, side) != before.1 {
            self.fill_silence(call, side);
        }
    }

    fn set_filled(&mut self, call: CallId, side: Side, filled: bool) {
        if let Some(stream) = self.audio_mut(call, side).and_then(Audio::stream_mut) {
            stream.filled = filled;
        }
    }

    /// True while caller and agent talk, and the caller is not being handed on.
    fn is_talk(&self, call: CallId) -> bool {
        let contact = self.contacts.get(call.0);
        contact.is_some_and(|contact| contact.handover.is_none() && matches!(contact.phase, Phase::Talking { .. }))
    }

    /// Whoever is held by a side that sends nothing hears the queue's music, and then that side again.
    pub(in crate::node::journey) fn fill_silence(&mut self, call: CallId, side: Side) {
        let Some(contact) = self.contacts.get(call.0).filter(|contact| contact.handover.is_none()) else { return };
        let Phase::Talking { agent, .. } = &contact.phase else { return };
        let other = if side == Side::Caller { Side::Agent(agent.leg) } else { Side::Caller };
        let stream = |side| self.audio_of(call, side).and_then(Audio::stream).map(|stream| stream.id);
        let (Some(here), Some(there)) = (stream(side), stream(other)) else { return };
        let music = self.directory.queue(self.queue_of(call)).audio.music;
        let source = match self.is_silent(call, side) {
            true => Source::Tracks { tracks: vec![music], repeat: true },
            false => Source::Relay(here),
        };
        self.media.push_back(media::Command::Hear { stream: there, source });
    }

    /// Each side hears the other.
    fn connect(&mut self, now: Instant, call: CallId, leg: LegId) {
        self.bridge(now, call, Side::Caller, Side::Agent(leg));
        self.mind_digits(call);
        self.watch(call, Side::Agent(leg));
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
