//! A response whose connection is gone (RFC 3261 18.2.2) goes by a new one, to where its request came from and the port that
//! its Via names: for neighbours and hosts of registered phones only, so that nobody else makes us connect to anything; over
//! TLS only to where a neighbour's requests go too, since that is who the certificate there is asked for.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::node::gate::Sender;
use crate::node::shard::Shard;
use crate::sip::message::Message;
use crate::sip::transaction::{Door, Transmit, Wire};
use crate::sip::value::SIP_PORT;

impl Shard {
    /// Points a response whose connection is gone to a new one. Where none may be opened it is left to be lost with its own.
    pub(super) fn reconnect(&self, transmit: &mut Transmit) {
        let Door::Stream(wire) = transmit.door else { return };
        let far = transmit.destination;
        if !transmit.payload.starts_with(b"SIP/2.0 ") || self.legs.is_connected(far, wire) {
            return;
        }
        let there = SocketAddr::new(far.ip(), listens_at(&transmit.payload, wire));
        let leads = self.legs.stream_to(there) == Some(wire);
        if leads || wire == Wire::Tcp && !matches!(self.sender(far), Sender::Stranger) {
            (transmit.destination, transmit.anew) = (there, true);
        }
    }
}

/// The port that whoever is answered listens at.
fn listens_at(response: &Bytes, wire: Wire) -> u16 {
    let default = match wire {
        Wire::Tcp => SIP_PORT,
        Wire::Tls => SIP_PORT + 1,
    };
    let read = Message::parse(response.clone()).ok();
    read.and_then(|response| response.top_via()?.port).unwrap_or(default)
}
