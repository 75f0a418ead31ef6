//! Attended transfer by REFER with Replaces (RFC 5589 7): the phone has talked with somebody in another dialog, and its caller
//! is to take the phone's place there.
//!
//! * *The other dialog is a call of the phone to us* (it has called a queue): the caller takes its place in that call, waiting
//!   or talking, and both dialogs of the phone end. Two calls become one: the first has had its agent and ends as transferred,
//!   the second keeps its place, its agent and its figures, and has another caller.
//! * *It is elsewhere*, at the PBX: the neighbour that the URI's host is, or else the agent's own, gets an INVITE with that
//!   Replaces and `Require: replaces`, so that nobody is called who was not in talk with the phone. The agent stays with its
//!   caller until that is answered: then both talk, and the agent's leg ends; where it fails, the phone hears why and nothing
//!   has changed.
//!
//! * *It is a call of the phone in another shard*: that shard gets this INVITE, so that the caller takes the phone's place there;
//!   see `sibling`. Here the caller talks with somebody outside from then on.
//!
//! The REFER may come on either dialog of the phone, naming the other; in two shards, on the talk's. Two calls of one shard must
//! have one media worker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Command, EndedBy, Target, TransferKind, TransferStep};
use crate::base::{CallId, Instant, LegId, PeerId, Pii};
use crate::call::{LegStanding, Refer};
use crate::node::contact::{Audio, Handover, Phase, Reach};
use crate::node::ladder::Whose;
use crate::node::neighbour::Origin;
use crate::node::ports::Holder;
use crate::node::shard::{Owner, Shard, Side};
use crate::sip::uri::Uri;

/// What a REFER with Replaces comes to.
#[derive(Debug)]
enum Asked {
    /// The first call's caller takes the place of the second's.
    Join { first: CallId, second: CallId },
    /// The neighbour is called for this call, or the shard at `beside`.
    Call { call: CallId, peer: PeerId, beside: Option<SocketAddr> },
}

impl Shard {
    /// A phone asks for an attended transfer.
    pub(super) fn on_attended(&mut self, now: Instant, leg: LegId, refer: Refer) {
        match self.attended(leg, &refer) {
            Ok(Asked::Join { first, second }) => {
                self.legs.accept_refer(now, refer);
                self.join_calls(now, first, second, leg);
            }
            Ok(Asked::Call { call, peer, beside }) => self.call_in_place(now, call, (leg, peer, beside), refer),
            Err((status, why)) => {
                tracing::info!(status, %why, "what a REFER with Replaces asks for cannot be done");
                self.legs.refuse_refer(now, &refer, status);
            }
        }
    }

    /// What is asked for, where it can be done; else a status and why. Never 481: that would end the phone's dialog (RFC 5057
    /// 5.1).
    fn attended(&self, leg: LegId, refer: &Refer) -> Result<Asked, (u16, String)> {
        let Some((uri, dialog)) = refer.replaces() else { return Err((400, "no dialog is named".to_string())) };
        match self.legs.named(&dialog) {
            Some((other, LegStanding::Incoming | LegStanding::Talking)) => self.may_join_calls(leg, other),
            Some((_, LegStanding::Calling | LegStanding::Over)) => {
                Err((603, "the dialog is over, or rings".to_string()))
            }
            None => {
                let talk = self.talking_on(leg);
                let call = talk.ok_or_else(|| (403, "it is not an agent's who talks".to_string()))?;
                self.may_hand_on(call, true).map_err(|why| (self.status_of_refusal(call), why))?;
                let peer = self.neighbour_for(call, leg, uri);
                let peer = peer.ok_or_else(|| (403, "no neighbour to call it by".to_string()))?;
                Ok(Asked::Call { call, peer, beside: self.siblings.of(self.id, &dialog) })
            }
        }
    }

    /// Whether these are an agent's talk and a call of the same phone, in either order, which can become one.
    fn may_join_calls(&self, leg: LegId, other: LegId) -> Result<Asked, (u16, String)> {
        let owner = |leg| self.owners.get(&leg).copied();
        let (talking, first, second) = match (owner(leg), owner(other)) {
            (Some(Owner::Agent(first)), Some(Owner::Caller(second))) => (leg, first, second),
            (Some(Owner::Caller(second)), Some(Owner::Agent(first))) => (other, first, second),
            _ => return Err((403, "it is not a talk and a call of one phone".to_string())),
        };
        if first == second || self.talking_on(talking) != Some(first) {
            return Err((403, "it is not an agent's who talks".to_string()));
        }
        self.may_hand_on(first, false).map_err(|why| (self.status_of_refusal(first), why))?;
        let (Some(one), Some(two)) = (self.contacts.get(first.0), self.contacts.get(second.0)) else {
            return Err((403, "no such call".to_string()));
        };
        let is_moving = two.handover.is_some() || two.moving.is_some() || matches!(two.phase, Phase::Alone);
        if is_moving {
            return Err((491, format!("{second} is being handed on")));
        }
        if (one.media, one.worker) != (two.media, two.worker) {
            return Err((501, "the audio of the two calls passes by different ways".to_string()));
        }
        Ok(Asked::Join { first, second })
    }

    /// A configured neighbour that the host is, else the one of the agent's leg; an agent's own phone is none.
    fn neighbour_for(&self, call: CallId, leg: LegId, uri: &[u8]) -> Option<PeerId> {
        let host = Uri::parse(uri).ok().and_then(|uri| uri.host_ip());
        let named = host.and_then(|host| self.directory.trusted(host));
        let own = || self.contacts.get(call.0)?.audio_on(leg).map(|(_, peer)| peer);
        let is_configured = |peer: &PeerId| self.directory.peer(*peer).origin == Origin::Configured;
        named.or_else(own).filter(is_configured)
    }

    /// The first call's caller takes the place of the second's; the phone that was in both is let go.
    fn join_calls(&mut self, now: Instant, first: CallId, second: CallId, referrer: LegId) {
        let Some(by) = self.contact(first).and_then(|contact| contact.talking_agent()) else { return };
        let Some(joined) = self.contact(second) else { return };
        let target = match &joined.phase {
            Phase::Talking { agent, .. } => Target::Agent(agent.agent),
            Phase::Outside { party, .. } => Target::Number(party.number.clone()),
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone => Target::Queue(joined.queue),
        };
        tracing::info!(call = %first, to = %second, "attended transfer: the caller takes the agent's place in another call");
        let told = (TransferKind::Consult, target);
        self.note(first, by, told.clone(), TransferStep::Begun(None));
        self.hang_up_agent(now, first);
        self.end_talk_by(first, EndedBy::Transfer);
        let is_outside = matches!(told.1, Target::Number(_));
        self.note(first, by, told, TransferStep::Completed);
        if is_outside {
            // The talk with the number goes on in the second call, which tells of its end.
            let (talk, by) = (Duration::ZERO, EndedBy::Transfer);
            self.commands.push_back(Command::OutsideEnded { call: first, talk, by });
        }
        self.legs.tell_referrer(now, referrer, 200);
        self.let_phone_go(now, second);
        self.merge(now, first, second);
    }

    /// The second call's caller's leg and audio end; the call has none until [`Shard::merge`].
    fn let_phone_go(&mut self, now: Instant, second: CallId) {
        let Some(contact) = self.contacts.get_mut(second.0) else { return };
        let audio = std::mem::replace(&mut contact.audio, Audio::Pending(None));
        let leg = contact.leg;
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.close_audio(audio, Holder::Caller);
    }

    /// The first call's caller is the second's, and the first call is no more.
    fn merge(&mut self, now: Instant, first: CallId, second: CallId) {
        let Some(from) = self.contacts.get_mut(first.0) else { return };
        let audio = std::mem::replace(&mut from.audio, Audio::Pending(None));
        let (leg, caller, carried) = (from.leg, from.caller.clone(), from.carried.take());
        let (peer, hops, answered) = (from.peer, from.hops, from.answered);
        self.forget(now, first);
        let Some(contact) = self.contacts.get_mut(second.0) else { return };
        (contact.leg, contact.audio, contact.caller, contact.carried) = (leg, audio, caller, carried);
        (contact.peer, contact.hops) = (peer, hops);
        if contact.answered.is_none() {
            contact.answered = answered;
            if let Some(timer) = contact.unanswered.take() {
                self.timers.cancel(timer);
            }
            self.commands.push_back(Command::CallerAnswered { call: second });
        }
        let other = contact.talking().or_else(|| contact.outside().map(|outside| outside.leg));
        self.owners.insert(leg, Owner::Caller(second));
        self.ladders.handle_leg(leg, second, Whose::Caller);
        match other {
            Some(other) => self.bridge(now, second, Side::Caller, Side::Agent(other)),
            None => self.play_queue(now, second),
        }
        self.mind_digits(second);
        self.tell_hold(second);
    }

    /// Somebody elsewhere is called, to replace its dialog with the phone by one with us.
    fn call_in_place(
        &mut self,
        now: Instant,
        call: CallId,
        (leg, peer, beside): (LegId, PeerId, Option<SocketAddr>),
        refer: Refer,
    ) {
        let Some((uri, dialog)) = refer.replaces().map(|(uri, dialog)| (uri.to_vec(), dialog.write())) else { return };
        let host = Uri::parse(&uri).map(|uri| String::from_utf8_lossy(uri.host).into_owned()).unwrap_or_default();
        let number = if refer.to().is_empty() { host } else { refer.to().to_string() };
        self.legs.accept_refer(now, refer);
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        let Phase::Talking { agent, .. } = &contact.phase else { return };
        let (by, epoch, worker) = (agent.agent, agent.epoch, contact.worker);
        let (kind, target) = (TransferKind::Consult, Target::Number(Pii::new(Arc::from(number))));
        let told = (kind, target.clone());
        let reach = Reach::Ringing(Vec::new());
        let (referrer, attended) = (Some(leg), true);
        let handover = Handover { kind, target, by, referrer, attended, beside: beside.is_some(), reach };
        contact.handover = Some(Box::new(handover));
        contact.lent = true;
        self.ports.enter(worker);
        tracing::info!(%call, agent = %self.directory.agent(by).name, "attended transfer by REFER");
        self.note(call, by, told, TransferStep::Begun(None));
        self.commands.push_back(Command::Consults { call, agent: by, epoch, consults: true });
        let headers: [(&str, &[u8]); 2] = [("Replaces", &dialog), ("Require", b"replaces")];
        if let Err(failure) = self.call_party(now, call, (peer, &uri, beside), &headers) {
            self.fail(now, call, failure);
        }
    }

    /// Who was called in the phone's place has answered: the agent's part is over.
    pub(super) fn complete_attended(&mut self, now: Instant, call: CallId) {
        self.tell_referrer(now, call, 200);
        self.hang_up_agent(now, call);
        self.complete_without_agent(now, call);
        if let Some(leg) = self.contact(call).and_then(|contact| contact.outside()).map(|outside| outside.leg) {
            self.watch(call, Side::Agent(leg));
        }
    }

    /// How a REFER for this call is refused: it is being handed on already, or it cannot be at all.
    pub(super) fn status_of_refusal(&self, call: CallId) -> u16 {
        if self.contacts.get(call.0).is_some_and(|contact| contact.handover.is_some()) { 491 } else { 403 }
    }
}
