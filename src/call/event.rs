//! What a leg tells whoever owns the call. Plain data; a leg named here lives until `Failed` or `Ended`.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::LegId;
use crate::call::refer::Refer;
use crate::call::subscription::{Notice, Subscribed, SubscriptionId};
use crate::sip::message::Message;
use crate::sip::transaction::ServerKey;

/// Something happened to a leg.
#[derive(Debug, Clone)]
pub enum Event {
    /// A new call: the leg rings until it is answered or rejected.
    Incoming {
        /// The new leg.
        leg: LegId,
        /// Where the INVITE came from.
        source: SocketAddr,
        /// The INVITE. It holds its datagram's memory: read it and let it go.
        request: Box<Message>,
    },
    /// An INVITE was refused for its body (415) or for what it accepts (406); no leg was made.
    Unusable,
    /// Our INVITE is being worked on: a provisional came (RFC 3261 13.2.2.1).
    Progress {
        /// The leg.
        leg: LegId,
        /// 100 to 199.
        status: u16,
        /// The response tells of a forward (181, or a Diversion or History-Info header).
        forwarded: bool,
    },
    /// Our INVITE was answered; the ACK is sent.
    Answered {
        /// The leg.
        leg: LegId,
        /// The answer to our offer.
        sdp: Option<Bytes>,
    },
    /// Our INVITE failed, or its cancelling came to an end. The leg is gone.
    Failed {
        /// The leg.
        leg: LegId,
        /// How.
        failure: Failure,
    },
    /// The far end acknowledged our 2xx, with the answer to our offer where we made one.
    Confirmed {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: Option<Bytes>,
    },
    /// The far end wishes to change the session (re-INVITE or UPDATE). Answer at once with `accept_change` or `refuse_change`.
    Change {
        /// The leg.
        leg: LegId,
        /// Its new offer; `None`: we are asked to make one.
        sdp: Option<Bytes>,
    },
    /// The far end wishes the call to be handed on (REFER). Answer at once with `accept_refer` or `refuse_refer`.
    Refer {
        /// The leg.
        leg: LegId,
        /// What it asks for.
        refer: Box<Refer>,
    },
    /// The far end says who is connected there: in its answer, told before it, or in a change, told after it.
    Connected {
        /// The leg.
        leg: LegId,
        /// The URI.
        identity: Bytes,
    },
    /// SIP INFO came and has been answered.
    Info {
        /// The leg.
        leg: LegId,
        /// Its Content-Type.
        content_type: Bytes,
        /// Its body.
        body: Bytes,
    },
    /// The far end ended the leg, or it is lost. The leg is gone.
    Ended {
        /// The leg.
        leg: LegId,
        /// How.
        cause: EndCause,
    },
    /// Our offer of other audio (`reoffer`) has been answered.
    Reoffered {
        /// The leg.
        leg: LegId,
        /// What we offered.
        offer: Box<[u8]>,
        /// The answer; `None`: it was refused, and the session is as before.
        answer: Option<Bytes>,
    },
    /// The session is to be refreshed by a re-INVITE: `refresh` with what was last said.
    RefreshDue {
        /// The leg.
        leg: LegId,
    },
    /// The far end answered a probe (anything but 408 and 481 tells that it lives), or did not; or the session was not refreshed
    /// in time.
    Probed {
        /// The leg.
        leg: LegId,
        /// True: it knows the dialog.
        alive: bool,
    },
    /// A REGISTER, from somebody who may. Answer it with [`Legs::respond_in`](crate::call::Legs::respond_in).
    Register {
        /// Its transaction.
        key: ServerKey,
        /// Where it came from.
        source: SocketAddr,
        /// The request.
        request: Box<Message>,
    },
    /// A SUBSCRIBE of ours was answered, or was not.
    Subscribed {
        /// The subscription.
        id: SubscriptionId,
        /// What its owner gave.
        token: u64,
        /// How; after a refusal the subscription is gone.
        answer: Subscribed,
    },
    /// A NOTIFY came and has been answered; one that says the end has ended its subscription.
    Notified {
        /// The subscription.
        id: SubscriptionId,
        /// What its owner gave.
        token: u64,
        /// What it says.
        notice: Box<Notice>,
    },
    /// A neighbour answered (or did not answer) an OPTIONS outside any dialog.
    Qualified {
        /// What the asker gave.
        token: u64,
        /// True: any answer but 408 and 503.
        alive: bool,
    },
}

/// How our INVITE failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A final response of 300 or more, and the Q.850 cause that it names.
    Status(u16, Option<u8>),
    /// No final response in time (timer B), or none at all.
    Timeout,
    /// The far end said BYE before its answer came.
    Left,
    /// We gave it up: its final response has come, or 4 s have passed since the CANCEL.
    Released,
}

/// How a leg that was not given up by us ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// CANCEL, or BYE before our answer.
    Cancelled,
    /// BYE.
    Bye,
    /// Our 2xx was never acknowledged.
    Unacknowledged,
}
