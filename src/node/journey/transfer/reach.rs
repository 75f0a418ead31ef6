//! How the target is reached: agents whom the engine offers, numbers outside.

use std::net::SocketAddr;

use crate::acd::{Command, DeviceState, Direction, EndedBy, Target, TransferFailure, TransferStep};
use crate::base::{AgentId, CallId, Instant, LegId, PeerId};
use crate::call::{Failure, Invite};
use crate::node::contact::{Audio, Outside, Phase, Reach};
use crate::node::ladder::Whose;
use crate::node::ports::Holder;
use crate::node::shard::{Offered, Owner, Shard, Side, Timer};
use crate::sip::transaction::Door;

impl Shard {
    /// True when the call wishes this offer: the one of its queue, or the one by name that it has asked for.
    pub(in crate::node) fn wishes(&mut self, call: CallId, offered: &Offered) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        if let Some(handover) = &contact.handover
            && matches!(handover.reach, Reach::Ringing(_))
        {
            return match &handover.target {
                Target::Agent(agent) => offered.by_name && *agent == offered.agent,
                Target::Queue(_) => !offered.by_name,
                Target::Number(_) => false,
            };
        }
        !offered.by_name && matches!(contact.phase, Phase::Waiting(_)) && contact.moving.is_none()
    }

    /// The agent who was to be rung by name is not ready.
    pub(in crate::node) fn on_unavailable(&mut self, now: Instant, call: CallId, agent: AgentId) {
        let Some(handover) = self.contact(call).and_then(|contact| contact.handover.as_ref()) else { return };
        let is_sought = matches!(&handover.reach, Reach::Ringing(offers) if offers.is_empty());
        if is_sought && handover.target == Target::Agent(agent) {
            self.fail(now, call, TransferFailure::Unavailable);
        }
    }

    /// An offer has ended without an answer: where it was the one by name, the transfer fails. A queue goes on by itself.
    pub(in crate::node) fn on_offer_over(&mut self, now: Instant, call: CallId, agent: AgentId) {
        let Some(handover) = self.contact(call).and_then(|contact| contact.handover.as_ref()) else { return };
        let is_over = matches!(&handover.reach, Reach::Ringing(offers) if offers.is_empty());
        if is_over && handover.target == Target::Agent(agent) {
            self.fail(now, call, TransferFailure::NotTaken);
        }
    }

    /// The agent has won a call that is being handed on. False when it is none.
    pub(in crate::node) fn joins_handover(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        let Some(handover) = &mut contact.handover else { return false };
        let Reach::Ringing(offers) = &mut handover.reach else { return false };
        let Some(place) = offers.iter().position(|offer| offer.agent == agent && offer.epoch == epoch) else {
            // The agent has hung up since: nobody else is sought for the call.
            if offers.is_empty() {
                self.fail(now, call, TransferFailure::NotTaken);
            }
            return true;
        };
        let winner = offers.remove(place);
        let leg = winner.leg;
        // The other offers of the call have been taken back before.
        debug_assert!(offers.is_empty(), "{call} has one winner");
        tracing::info!(%call, agent = %self.directory.agent(agent).name, "target answered");
        let Some(contact) = self.contact(call) else { return true };
        if matches!(contact.phase, Phase::Alone) {
            contact.phase = Phase::Talking { agent: winner, since: now };
            self.finish_alone(now, call, leg);
            self.tell_hold(call);
        } else if let Some(handover) = &mut contact.handover {
            handover.reach = Reach::Agent(winner);
            self.begin_word(now, call, leg);
        }
        true
    }

    /// Calls a number outside; [`Reach::Calling`] until it answers.
    pub(in crate::node) fn call_outside(
        &mut self,
        now: Instant,
        call: CallId,
        number: &str,
    ) -> Result<(), TransferFailure> {
        let (peer, uri) = self.directory.outside(number).map_err(|_| TransferFailure::Unreachable)?;
        self.call_party(now, call, (peer, uri.as_bytes(), None), &[])
    }

    /// Calls somebody at a neighbour, or as there in another shard, with these header lines more; [`Reach::Calling`] until it
    /// answers.
    pub(super) fn call_party(
        &mut self,
        now: Instant,
        call: CallId,
        (peer, uri, beside): (PeerId, &[u8], Option<SocketAddr>),
        more: &[(&str, &[u8])],
    ) -> Result<(), TransferFailure> {
        let unreachable = TransferFailure::Unreachable;
        let route = beside.map(|address| (peer, address)).or_else(|| self.route_to(peer));
        let Some((peer, destination)) = route else {
            self.on_peer_fault(now, peer);
            return Err(unreachable);
        };
        let codecs = self.codecs_for_agent(call, peer);
        if codecs.is_empty() {
            return Err(unreachable);
        }
        let worker = self.contact(call).ok_or(unreachable)?.worker;
        let mut stream = self.open_stream(worker, Holder::Caller, Some(destination.ip())).ok_or(unreachable)?;
        let sdp = self.offer_of(call, peer, &mut stream, codecs);
        let Some(contact) = self.contacts.get(call.0) else { return Err(unreachable) };
        let identity = contact.caller.name_addr(self.legs.host());
        let id = call.to_string();
        let told: [(&str, &[u8]); 2] = [("P-Asserted-Identity", &identity), ("X-Strowger-Call", id.as_bytes())];
        let headers = [&told[..], more].concat();
        let hops = u32::from(contact.hops);
        let (from, sdp) = (&identity[..], Some(&sdp[..]));
        let invite =
            Invite { uri, destination, from, headers: &headers, sdp, hops, behind_nat: beside.map(|_| Door::Own) };
        let leg = self.legs.invite(now, &invite);
        self.owners.insert(leg, Owner::Outside(call));
        self.note_leg(leg, call, Whose::Outside);
        let ring = Some(self.timers.arm(now + self.directory.transfer.ring_timeout, Timer::Outside(leg)));
        if let Some(handover) = self.contact(call).and_then(|contact| contact.handover.as_mut())
            && let Target::Number(number) = handover.target.clone()
        {
            let audio = Audio::Stream(Box::new(stream));
            handover.reach = Reach::Calling(Outside { leg, peer, number, audio, ring, agent: None });
        }
        self.adopt_stream(call, Side::Agent(leg));
        Ok(())
    }

    /// The number has answered.
    pub(in crate::node) fn on_outside_answered(&mut self, now: Instant, call: CallId, leg: LegId, sdp: Option<&[u8]>) {
        if !self.accept_agent(call, leg, sdp) {
            return self.fail(now, call, TransferFailure::NotTaken);
        }
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        let Some(handover) = &mut contact.handover else { return };
        let taken = std::mem::replace(&mut handover.reach, Reach::Ringing(Vec::new()));
        let Reach::Calling(mut outside) = taken else {
            handover.reach = taken;
            return;
        };
        let ring = outside.ring.take();
        let is_attended = handover.attended;
        if is_attended {
            outside.agent = self.directory.agent_of_name(outside.number.expose());
        }
        let busy = outside.agent;
        if matches!(contact.phase, Phase::Alone) {
            contact.phase = Phase::Outside { party: outside, since: now };
            self.finish_alone(now, call, leg);
        } else {
            handover.reach = Reach::Number(outside);
            match is_attended {
                true => self.complete_attended(now, call),
                false => self.begin_word(now, call, leg),
            }
        }
        self.mark_device(busy, DeviceState::Busy(Direction::Internal));
        if let Some(timer) = ring {
            self.timers.cancel(timer);
        }
    }

    /// The number does not take the call; its leg is gone.
    pub(in crate::node) fn on_outside_failed(&mut self, now: Instant, call: CallId, failure: Failure) {
        let Some(outside) = self.contact(call).and_then(|contact| contact.outside()) else { return };
        let peer = outside.peer;
        let is_beside =
            self.contacts.get(call.0).and_then(|contact| contact.handover.as_ref()).is_some_and(|it| it.beside);
        let why = match failure {
            Failure::Timeout | Failure::Status(408 | 503, _) if is_beside => TransferFailure::Unreachable,
            Failure::Timeout | Failure::Status(408 | 503, _) => {
                self.on_peer_fault(now, peer);
                if self.call_elsewhere(now, call, peer) {
                    return;
                }
                TransferFailure::Unreachable
            }
            Failure::Status(401 | 407, _) => {
                self.on_challenge(peer);
                TransferFailure::Unreachable
            }
            Failure::Status(status, _) => {
                self.tell_referrer(now, call, status);
                TransferFailure::NotTaken
            }
            Failure::Left | Failure::Released => TransferFailure::NotTaken,
        };
        self.fail(now, call, why);
    }

    /// The number has rung long enough.
    pub(in crate::node) fn on_outside_rang_out(&mut self, now: Instant, leg: LegId) {
        let Some(Owner::Outside(call)) = self.owners.get(&leg).copied() else { return };
        if let Some(Reach::Calling(outside)) =
            self.contact(call).and_then(|contact| contact.handover.as_mut()).map(|handover| &mut handover.reach)
        {
            outside.ring = None;
            self.fail(now, call, TransferFailure::NotTaken);
        }
    }

    /// The number has hung up.
    pub(in crate::node) fn on_outside_gone(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        if matches!(contact.phase, Phase::Outside { .. }) {
            self.part_from_outside(now, call, by);
            return self.end_caller(now, call);
        }
        if contact.handover.is_some() {
            self.call_off(now, call, TransferStep::Cancelled);
        }
    }

    /// The target has answered a caller who was alone: they hear each other.
    fn finish_alone(&mut self, now: Instant, call: CallId, leg: LegId) {
        self.tell_referrer(now, call, 200);
        self.note_step(call, TransferStep::Completed);
        let Some(contact) = self.contact(call) else { return };
        contact.handover = None;
        if contact.talking().is_some() {
            self.give_room_back(call);
        }
        self.bridge(now, call, Side::Caller, Side::Agent(leg));
        self.mind_digits(call);
        self.watch(call, Side::Agent(leg));
    }

    /// The agent and the target it consults hear each other.
    fn begin_word(&mut self, now: Instant, call: CallId, leg: LegId) {
        self.note_step(call, TransferStep::Answered);
        if let Some(own) = self.contact(call).and_then(|contact| contact.talking()) {
            self.bridge(now, call, Side::Agent(own), Side::Agent(leg));
        }
        self.mind_digits(call);
        self.watch(call, Side::Agent(leg));
    }
}

impl Shard {
    /// The caller and a number outside have parted; the caller is in no queue and with nobody.
    pub(in crate::node) fn part_from_outside(&mut self, now: Instant, call: CallId, by: EndedBy) {
        let Some(contact) = self.contact(call) else { return };
        if !matches!(contact.phase, Phase::Outside { .. }) {
            return;
        }
        let Phase::Outside { party, since } = std::mem::replace(&mut contact.phase, Phase::Arriving) else { return };
        self.commands.push_back(Command::OutsideEnded { call, talk: now.since(since), by });
        self.drop_outside(now, party);
        self.give_room_back(call);
    }

    /// Hangs a number's leg up, where it is still there, and closes its audio.
    pub(in crate::node) fn drop_outside(&mut self, now: Instant, outside: Outside) {
        if let Some(timer) = outside.ring {
            self.timers.cancel(timer);
        }
        self.mark_device(outside.agent, DeviceState::Unknown);
        self.owners.remove(&outside.leg);
        self.legs.hang_up(now, outside.leg);
        self.close_audio(outside.audio, Holder::Caller);
    }
}
