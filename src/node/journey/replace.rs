//! An INVITE that is to take somebody's place in a call (Replaces, RFC 3891): another phone has been told by REFER, or by hand,
//! whom it is to replace. Only a trusted neighbour gets so far. The new leg is answered with the audio of the old one, which
//! moves to another far end: nobody else in the call is touched, whatever they hear goes on. Then the old leg is hung up.
//!
//! | dialog named | what becomes of the call |
//! |---|---|
//! | the caller's, answered | it stays where it is, waiting or talking, with another caller |
//! | the agent's who talks | goes on as transferred; the agent is in wrap-up. Where the agent itself replaces its leg, nothing changes |
//! | a number outside | goes on with somebody else |
//! | none of ours; a caller's not answered (RFC 3891 3) | 481 |
//! | an agent's who is rung | 403: who takes a call is for the queue to say |
//! | in a consultation, or not joined yet | 491 |
//! | one that ends | 603 |
//! | answered, and `early-only` | 486 |
//! | of a call whose audio does not pass here | 488 |

use std::net::SocketAddr;

use crate::acd::{DeviceState, Direction, TransferKind};
use crate::base::{CallId, Instant, LegId, PeerId};
use crate::call::LegStanding;
use crate::config::MediaPolicy;
use crate::node::carried;
use crate::node::contact::Phase;
use crate::node::identity::Caller;
use crate::node::ladder::Whose;
use crate::node::shard::{Owner, Shard, Side};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::replaces::Replaces;
use crate::sip::transaction::HOPS_MAX;

/// A status and its reason phrase.
type Refused = (u16, &'static str);

const UNKNOWN: Refused = (481, "No Such Dialog");

impl Shard {
    /// A new call names a dialog whose place it is to take.
    pub(super) fn on_replacing(&mut self, now: Instant, leg: LegId, source: SocketAddr, request: &Message) {
        if let Err((status, why)) = self.take_place(now, leg, source, request) {
            tracing::info!(status, why, "an INVITE that is to replace a dialog is refused");
            self.legs.reject(now, leg, status, why, None);
        }
    }

    fn take_place(&mut self, now: Instant, leg: LegId, source: SocketAddr, request: &Message) -> Result<(), Refused> {
        let (old, call, side) = self.place_of(request)?;
        // From another shard it counts as come from the call's own neighbour.
        let sibling = self.contacts.get(call.0).filter(|_| self.siblings.has(source)).and_then(|contact| contact.peer);
        let peer = sibling.or_else(|| self.trusted(source)).ok_or((403, "Forbidden"))?;
        let held = self.is_silent(call, side);
        let offer = (!request.body().is_empty()).then(|| request.body());
        let srtp = self.srtp_of(Some(peer));
        if offer.is_none() && sibling.is_none() {
            self.face_side(call, side, source.ip());
        }
        let answer = self.change_audio(call, side, (srtp, offer)).ok_or((488, "No Usable Audio"))?;
        let side = match side {
            Side::Caller => {
                self.seat_caller(call, leg, peer, request);
                Side::Caller
            }
            Side::Agent(_) => {
                self.seat_other(now, call, (leg, peer), request);
                Side::Agent(leg)
            }
        };
        tracing::info!(%call, ?side, "somebody takes another's place");
        if sibling.is_some() {
            self.legs.pin(leg);
        }
        self.owners.remove(&old);
        self.legs.hang_up(now, old);
        self.adopt_stream(call, side);
        self.move_audio(call, side);
        self.legs.answer(now, leg, &answer);
        self.tell_hold(call);
        if self.is_silent(call, side) != held {
            self.fill_silence(call, side);
        }
        self.watch(call, side);
        self.align_place(now, call, side);
        Ok(())
    }

    /// Who has come may have another codec than whom it hears.
    fn align_place(&mut self, now: Instant, call: CallId, side: Side) {
        match (side, self.other_end(call, side)) {
            (Side::Caller, Some(other)) => self.align(now, call, side, Side::Agent(other)),
            (Side::Agent(_), Some(_)) => self.align(now, call, side, Side::Caller),
            (Side::Caller, None) => self.align_music(now, call),
            (Side::Agent(_), None) => {}
        }
    }

    /// The leg to be replaced, and its side of which call.
    fn place_of(&self, request: &Message) -> Result<(LegId, CallId, Side), Refused> {
        let mut values = request.values(Name::Replaces);
        let (Some(value), None) = (values.next(), values.next()) else { return Err((400, "Not One Replaces")) };
        let dialog = Replaces::parse(value).ok_or((400, "Bad Replaces"))?;
        let (old, standing) = self.legs.named(&dialog).ok_or(UNKNOWN)?;
        match standing {
            LegStanding::Incoming => return Err(UNKNOWN),
            LegStanding::Calling => return Err((403, "Forbidden")),
            LegStanding::Over => return Err((603, "Decline")),
            LegStanding::Talking if dialog.early_only => return Err((486, "Busy Here")),
            LegStanding::Talking => {}
        }
        let (call, side) = match self.owners.get(&old) {
            Some(Owner::Caller(call)) => (*call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (*call, Side::Agent(old)),
            Some(Owner::Code | Owner::Released(..)) | None => return Err(UNKNOWN),
        };
        let contact = self.contacts.get(call.0).ok_or(UNKNOWN)?;
        if contact.media == MediaPolicy::None {
            return Err((488, "Not Acceptable Here"));
        }
        let is_settled = side == Side::Caller || (contact.handover.is_none() && contact.is_joined(old));
        if !is_settled || !self.has_slot() {
            return Err((491, "Request Pending"));
        }
        Ok((old, call, side))
    }

    fn seat_caller(&mut self, call: CallId, leg: LegId, peer: PeerId, request: &Message) {
        let trunk = self.directory.peer(peer);
        let caller = Caller::of(request, trunk.privacy);
        let carried = carried::of_invite(request, &trunk.carry_headers, &caller);
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        (contact.leg, contact.peer) = (leg, Some(peer));
        (contact.caller, contact.carried) = (caller, carried);
        contact.hops = request.max_forwards().unwrap_or(HOPS_MAX).min(HOPS_MAX).saturating_sub(1) as u8;
        self.owners.insert(leg, Owner::Caller(call));
        self.ladders.handle_leg(leg, call, Whose::Caller);
    }

    /// In the place of the agent, or of a number outside.
    fn seat_other(&mut self, now: Instant, call: CallId, (leg, peer): (LegId, PeerId), request: &Message) {
        let caller = Caller::of(request, self.directory.peer(peer).privacy);
        let number = if caller.is_unknown() { "anonymous" } else { caller.number.expose() };
        let other = self.directory.agent_of_name(number);
        let own = self.contacts.get(call.0).and_then(|contact| contact.talking_agent());
        let is_same = own.is_some_and(|own| self.is_own(own, number));
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        match &mut contact.phase {
            Phase::Talking { agent, .. } if is_same => {
                (agent.leg, agent.peer) = (leg, peer);
                let whose = Whose::Agent(agent.agent);
                self.owners.insert(leg, Owner::Agent(call));
                self.ladders.handle_leg(leg, call, whose);
            }
            Phase::Talking { .. } => {
                self.follow_transfer(now, call, (TransferKind::Consult, Some(number)), Some((leg, peer)));
                self.ladders.handle_leg(leg, call, Whose::Outside);
            }
            Phase::Outside { party, .. } => {
                (party.leg, party.peer) = (leg, peer);
                let before = std::mem::replace(&mut party.agent, other);
                self.owners.insert(leg, Owner::Outside(call));
                self.ladders.handle_leg(leg, call, Whose::Outside);
                self.mark_device(before, DeviceState::Unknown);
                self.mark_device(other, DeviceState::Busy(Direction::Internal));
            }
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone => {}
        }
    }
}
