//! Which header lines go on from one side of a call to the other. Where no neighbour has a list (`carry_headers`) nothing is
//! looked at.
//!
//! | what comes | what says its lines more |
//! |---|---|
//! | the caller's INVITE | each INVITE to an agent's phone |
//! | the 2xx of the agent who wins the call | our 200 to the caller, where that is still to be sent |
//! | BYE of the caller | our BYE to the agent who talks with it |
//! | BYE of the agent who talks, in no consultation | our BYE to the caller |
//!
//! No provisional of an agent's is told to the caller, and once that is answered nothing is until its end. A number outside
//! gets no lines, and none of its go on.

use crate::base::LegId;
use crate::call::legs::leg_of_tag;
use crate::node::carried::{self, Heard};
use crate::node::contact::Contact;
use crate::node::neighbour::Listing;
use crate::node::shard::{Owner, Shard};
use crate::sip::message::Message;
use crate::sip::name::Method;

impl Shard {
    /// What of a message inside a dialog may have to go on to the other side; the legs have yet to say what it is worth.
    pub(in crate::node) fn heard_in(&self, message: &Message) -> Option<Heard> {
        if !self.directory.carries {
            return None;
        }
        let is_bye = message.is_request() && message.method() == Method::Bye;
        let is_answer =
            !message.is_request() && message.method() == Method::Invite && (200..300).contains(&message.status());
        if !is_bye && !is_answer {
            return None;
        }
        let leg = leg_of_tag(if is_bye { message.to_tag() } else { message.from_tag() }?)?;
        let (Owner::Caller(call) | Owner::Agent(call)) = *self.owners.get(&leg)? else { return None };
        let contact = self.contacts.get(call.0)?;
        let other = if is_bye { ended_with(contact, leg) } else { to_be_answered(contact) }?;
        let peer = self.directory.peer(contact.peer?);
        let lines = carried::of_other(message, &peer.carry_headers).filter(|_| peer.listing == Listing::Present)?;
        Some(Heard { leg, other, lines })
    }

    /// The lines of the message that this leg tells of.
    pub(in crate::node) fn take_heard(&mut self, leg: LegId) -> Option<Heard> {
        self.heard.take().filter(|heard| heard.leg == leg)
    }
}

/// The caller's leg, while our 200 is still to be sent there.
fn to_be_answered(contact: &Contact) -> Option<LegId> {
    contact.answered.is_none().then_some(contact.leg)
}

/// The leg that is hung up because this one is.
fn ended_with(contact: &Contact, leg: LegId) -> Option<LegId> {
    let agent = contact.talking()?;
    if leg == contact.leg {
        return Some(agent);
    }
    (leg == agent && contact.handover.is_none()).then_some(contact.leg)
}
