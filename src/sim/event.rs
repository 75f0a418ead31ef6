//! What comes out of a simulated phone: SIP datagrams and events.

use std::net::SocketAddr;

use bytes::Bytes;

/// A SIP datagram a phone sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub destination: SocketAddr,
    /// What.
    pub payload: Bytes,
}

/// What happened at a phone, for whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneEvent {
    /// A call came (agent).
    Incoming,
    /// The far end rings (caller), or our bell rings (agent).
    Ringing,
    /// The far end sends audio before it answers (caller).
    EarlyMedia,
    /// The call is answered.
    Answered,
    /// The audio terms may have changed.
    Changed,
    /// A re-INVITE of ours was refused.
    Refused(u16),
    /// The far end hung up or gave up.
    EndedByFar,
    /// We hung up.
    EndedByUs,
    /// The far end refused the call.
    Failed(u16),
    /// The far end never answered a request of ours.
    Unanswered,
    /// A second call came while one was there; refused with 486.
    Doubled,
}
