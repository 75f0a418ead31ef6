//! What crosses the transaction layer's border: its ids, its events and the datagrams it sends. Data only.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::ShardId;
use crate::sip::message::Message;
use crate::sip::uri::{Scheme, Uri};

/// Names one client transaction; never reused. An INVITE's CANCEL has the key of the INVITE with the lowest bit set, because
/// both share one branch (RFC 3261 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub(super) u64);

/// Names one server transaction; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub(super) u64);

/// What we are called in one address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// The address written into Via, where responses come back to.
    pub sent_by: SocketAddr,
    /// The same for what goes over TLS; `None` where TLS is not spoken.
    pub tls: Option<SocketAddr>,
    /// The same for requests that go by the first shard's door; `None` in that shard itself.
    pub public: Option<SocketAddr>,
}

/// What a stack needs to know of its node.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// What messages are written with.
    pub home: Home,
    /// Whose stack it is; each branch tells it.
    pub shard: ShardId,
    /// The text of Server in responses the stack makes by itself.
    pub server: &'static str,
    /// The round trip estimate, RFC 3261 17.1.1.1.
    pub t1: Duration,
    /// The longest interval of retransmissions of a non-INVITE request and of an INVITE response, RFC 3261 17.1.2.2.
    pub t2: Duration,
    /// The longest time a message stays in the network, RFC 3261 17.1.2.2.
    pub t4: Duration,
}

impl StackConfig {
    /// The timers of RFC 3261 Table 4: T1 500 ms, T2 4 s, T4 5 s.
    pub fn new(sent_by: SocketAddr) -> Self {
        Self {
            home: Home { sent_by, tls: None, public: None },
            shard: ShardId(0),
            server: concat!("Strowger/", env!("CARGO_PKG_VERSION")),
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }

    /// 64*T1: timers B, D, F, H, J, L and M (32 s with the defaults).
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }
}

/// A way that messages come and go by. A response leaves by the door that its request came in by (RFC 3581 4), a request to
/// a phone that has registered by the first shard's door by that one, everything else by the shard's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    /// The shard's own, named in the Via and Contact that it writes.
    #[default]
    Own,
    /// That of the first shard, where calls come in.
    Public,
    /// The stream connection with the far end at the destination's address: the one that a request came by, or one that is
    /// opened for the message.
    Stream(Wire),
}

impl Door {
    /// True where nothing is lost and nothing repeated.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// What a stream connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wire {
    /// SIP as it is.
    Tcp,
    /// SIP inside TLS.
    Tls,
}

impl Wire {
    /// The wire that a URI asks for: `sips:`, or its parameter `transport`.
    pub fn of(uri: &Uri<'_>) -> Option<Self> {
        let asks = |name: &str| uri.param("transport").is_some_and(|asked| asked.eq_ignore_ascii_case(name.as_bytes()));
        match uri.scheme {
            Scheme::Sips => Some(Self::Tls),
            Scheme::Sip if asks("tcp") => Some(Self::Tcp),
            Scheme::Sip if asks("tls") => Some(Self::Tls),
            Scheme::Sip | Scheme::Tel | Scheme::Other => None,
        }
    }
}

/// What became of an INVITE that there is no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It was refused, and nothing is kept of it.
    Now,
    /// It repeats one that was taken in, and was absorbed there.
    Before,
    /// It cannot be an INVITE at all, whatever room there is: nothing was done.
    Not,
}

/// One datagram, or message of a stream, to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Which way.
    pub door: Door,
    /// Where to.
    pub destination: SocketAddr,
    /// Of a response by a stream: its connection is gone, and another one may be opened for it. A request may open one anyway.
    pub anew: bool,
    /// The whole message.
    pub payload: Bytes,
}

/// What the transaction layer tells its user.
#[derive(Debug)]
pub enum Event {
    /// A new request, once; never ACK or CANCEL. An INVITE has been answered with 100 already.
    Request {
        /// The transaction to answer.
        key: ServerKey,
        /// Where the request came from.
        source: SocketAddr,
        /// The request.
        message: Message,
    },
    /// An ACK that belongs to no non-2xx final response, so that of a 2xx.
    Ack {
        /// Where the ACK came from.
        source: SocketAddr,
        /// The ACK.
        message: Message,
    },
    /// A CANCEL of an INVITE without a final response; the CANCEL is answered, the INVITE wants its 487.
    Cancelled {
        /// The INVITE's transaction.
        key: ServerKey,
        /// The CANCEL.
        message: Message,
    },
    /// A provisional response, the first final one, or a further 2xx of an INVITE (a retransmission or another fork).
    Response {
        /// The request's transaction.
        key: ClientKey,
        /// Where the response came from.
        source: SocketAddr,
        /// The response.
        message: Message,
    },
    /// A request of ours was answered with 401 or 407, in place of [`Event::Response`]: it may be repeated with credentials.
    Challenged {
        /// The request's transaction.
        key: ClientKey,
        /// Where the response came from.
        source: SocketAddr,
        /// Where the request went.
        destination: SocketAddr,
        /// The response.
        message: Message,
        /// The request.
        request: Bytes,
    },
    /// A 2xx of an INVITE of ours whose transaction is over or had failed: a late fork, to be acknowledged and ended, or a repeat
    /// whose ACK was lost.
    Stray2xx {
        /// The INVITE's transaction, as it was.
        key: ClientKey,
        /// Where the response came from.
        source: SocketAddr,
        /// The response.
        message: Message,
    },
    /// A client transaction ended without a final response.
    Failed {
        /// The transaction that ended.
        key: ClientKey,
        /// Why.
        cause: FailureCause,
    },
    /// No ACK came for a non-2xx final response (timer H); the transaction is over.
    Unacknowledged {
        /// The transaction that ended.
        key: ServerKey,
    },
}

/// Why a client transaction ended without a final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// Timer B or F, or 64*T1 after a CANCEL without a final response to the INVITE (RFC 3261 9.1).
    Timeout,
}
