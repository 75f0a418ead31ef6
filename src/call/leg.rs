//! One leg: an INVITE dialog and where it stands.
//!
//! ```text
//!   caller's side            agent's side
//!   Incoming                 Calling ----give up----> Cancelling
//!      | answer                 | 2xx                     | final, or 4 s
//!      v                        v                         v
//!   Talking <-------------- Talking                     gone
//!      | hang up (once acknowledged)   | BYE from the far end
//!      v                               v
//!   Ending ---- final of our BYE --> gone
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, LegId, TimerKey};
use crate::call::session::Session;
use crate::call::subscription::SubscriptionId;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, ServerKey, Stack};
use crate::sip::write::Writer;

/// One leg; see the module.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) dialog: Dialog,
    pub(super) state: State,
    /// Our INVITE, whose further 2xx still come for a while.
    pub(super) invite: Option<ClientKey>,
    /// Our 2xx that waits for its ACK (13.3.1.4).
    pub(super) unacknowledged: Option<Box<Unacknowledged>>,
    /// A re-INVITE or UPDATE that waits for the owner's answer.
    pub(super) change: Option<Box<Change>>,
    /// Its session timer, where one of both ends wishes one.
    pub(super) session: Option<Box<Session>>,
    /// Other audio that we offer.
    pub(super) reoffer: Option<Box<Reoffer>>,
    /// The last reliable provisional of the far end.
    pub(super) taken: Option<Box<Taken>>,
    /// REFERs that have come.
    pub(super) referred: u8,
    /// A probe on its way.
    pub(super) probing: Probing,
    /// The far end says that it takes UPDATE (RFC 3311 4).
    pub(super) takes_update: bool,
    /// The call is ours, and its Call-ID.
    pub(super) called: bool,
    /// What our CANCEL or BYE says.
    pub(super) why: Why,
}

/// Header lines of whoever is on the other side of a call, by name and value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(pub Vec<(Box<str>, Box<[u8]>)>);

impl Leg {
    /// Its BYE, not yet sent.
    pub(super) fn bye(&mut self, stack: &mut Stack) -> (ClientKey, Writer, SocketAddr) {
        let (key, mut writer, destination) = self.dialog.request(stack, Method::Bye);
        if let Some(reason) = self.why.header() {
            writer.line(Name::Reason, reason);
        }
        (key, writer, destination)
    }
}

/// Where a leg stands.
#[derive(Debug)]
pub(super) enum State {
    /// The INVITE of the far end waits for our final response.
    Incoming(Box<Incoming>),
    /// Our INVITE waits for its final response.
    Calling {
        key: ClientKey,
        /// A provisional has come: a CANCEL may be sent (9.1).
        provisional: bool,
    },
    /// Our INVITE was given up.
    Cancelling {
        key: ClientKey,
        /// CANCEL is held back until a provisional comes.
        sent: bool,
        /// Until then the owner waits; `None`: it has been told that the leg is gone.
        release: Option<TimerKey>,
    },
    /// Both ends agreed.
    Talking,
    /// We hang up; the BYE waits for the ACK of our 2xx when that is still due.
    Ending,
}

/// The unanswered INVITE of a caller, as little of it as later responses need.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) key: ServerKey,
    /// The CSeq number of the INVITE.
    pub(super) number: u32,
    /// Via, From, To, Call-ID and CSeq lines of each response.
    pub(super) headers: Box<[u8]>,
    /// The INVITE carried an offer.
    pub(super) offered: bool,
    /// The provisional repeated each minute (13.3.1.1), and its body.
    pub(super) provisional: Option<(u16, Option<Bytes>)>,
    pub(super) refresh: Option<TimerKey>,
    /// The caller requires provisionals to be acknowledged (RFC 3262); or it can, and has made no offer.
    pub(super) reliable: Option<Box<Reliable>>,
}

/// Provisionals that are acknowledged.
#[derive(Debug, Default)]
pub(super) struct Reliable {
    /// The caller requires it of all; else only what follows our offer, and that itself, is reliable.
    pub(super) required: bool,
    /// The RSeq of the last one; 0 before the first.
    pub(super) number: u32,
    /// The one that waits for its PRACK.
    pub(super) sent: Option<Sent>,
    /// Another one is to follow.
    pub(super) waiting: bool,
    /// A description of ours has gone out.
    pub(super) described: bool,
    /// The 2xx waits too, with this body.
    pub(super) answer: Option<Box<[u8]>>,
}

/// A provisional that waits for its PRACK.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) status: u16,
    pub(super) response: Bytes,
    pub(super) described: bool,
    pub(super) interval: Duration,
    pub(super) give_up: Instant,
    pub(super) timer: TimerKey,
}

/// A reliable provisional that we have acknowledged.
#[derive(Debug)]
pub(super) struct Taken {
    /// The fork that sent it.
    pub(super) tag: Box<[u8]>,
    /// Its RSeq.
    pub(super) number: u64,
    /// The answer to our offer, which the 2xx need not repeat.
    pub(super) sdp: Option<Bytes>,
}

/// A 2xx of ours on its way.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) key: ServerKey,
    /// Whether a BYE may go out before its ACK.
    pub(super) of: Answers,
    /// The CSeq number, which the ACK repeats (13.2.2.4).
    pub(super) number: u32,
    pub(super) response: Bytes,
    /// It carried our offer, so that the ACK carries the answer.
    pub(super) offer: bool,
    pub(super) interval: Duration,
    pub(super) give_up: Instant,
    pub(super) timer: TimerKey,
}

/// Which INVITE a 2xx of ours answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// The one that began the dialog: no BYE before its ACK (RFC 3261 15).
    Call,
    /// One inside the dialog.
    Change,
}

/// A change that the far end asks for.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: ServerKey,
    pub(super) source: SocketAddr,
    pub(super) request: Message,
    pub(super) method: Method,
    pub(super) offered: bool,
}

/// An offer of ours inside a dialog.
#[derive(Debug)]
pub(super) struct Reoffer {
    pub(super) sdp: Box<[u8]>,
    /// The re-INVITE that is out.
    pub(super) key: Option<ClientKey>,
    /// Until then the dialog is busy.
    pub(super) timer: Option<TimerKey>,
    pub(super) tries: u8,
}

/// Why a leg is hung up, as the far end is told (Reason, RFC 3326).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing is said.
    Unsaid,
    /// Somebody else took the call: the device shows no missed call.
    CompletedElsewhere,
}

impl Why {
    /// The header's value.
    pub(super) const fn header(self) -> Option<&'static [u8]> {
        match self {
            Self::Unsaid => None,
            Self::CompletedElsewhere => Some(b"SIP;cause=200;text=\"Call completed elsewhere\""),
        }
    }
}

/// Whether the far end is being asked whether it knows the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probing {
    No,
    Yes,
    /// It does not, but may never have heard of it: it is asked once more after the next provisional.
    Again,
}

/// A timer of a leg.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// Send the provisional again.
    Refresh(LegId),
    /// Send the reliable provisional again, or give up.
    Reliable(LegId),
    /// Send the 2xx again, or give up.
    Retransmit(LegId),
    /// 4 s after CANCEL: the owner need not wait any more.
    Release(LegId),
    /// The dialog may be free for an offer of ours.
    Reoffer(LegId),
    /// A refresh of the session is due, or the session is over.
    Session(LegId),
    /// A neighbour's OPTIONS has had its time.
    Qualify(ClientKey),
    /// A subscription that we have ended has had its time to end.
    Unsubscribed(SubscriptionId),
}
