//! Who is reached by a stream connection (TCP) rather than by datagrams, and what a message says otherwise there. The connections
//! themselves are the shell's: here a connection is the far end's address, which is one connection's alone.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::event::Door;
use super::hash::Secret;
use crate::base::limits::STREAMS_MAX;
use crate::base::{Rng, SteadyMap};

/// See the module.
#[derive(Debug)]
pub(super) struct Streams {
    /// There are connections at all.
    enabled: bool,
    /// Connections that messages have come by.
    open: SteadyMap<SocketAddr, (), Secret>,
    /// Neighbours that are configured so, in order.
    peers: Vec<SocketAddr>,
    /// Where the target of the request in hand asks for a stream (`transport=tcp`).
    asked: Option<SocketAddr>,
}

impl Default for Streams {
    fn default() -> Self {
        // Addresses of connections that the shell has let in, a thousand at most: nobody gains by a collision.
        let secret = Secret::draw(&mut Rng::from_u64(0));
        Self { enabled: false, open: SteadyMap::with_hasher(secret), peers: Vec::new(), asked: None }
    }
}

impl Streams {
    /// A message has come by this connection.
    pub(super) fn open(&mut self, source: SocketAddr) {
        if self.open.len() < STREAMS_MAX && !self.open.contains_key(&source) {
            self.open.insert(source, ());
        }
    }

    /// The connection is gone.
    pub(super) fn close(&mut self, address: SocketAddr) {
        self.open.remove(&address);
    }

    /// There are stream connections from now on.
    pub(super) const fn enable(&mut self) {
        self.enabled = true;
    }

    /// These neighbours are reached by a stream, and no others.
    pub(super) fn set_peers(&mut self, mut peers: Vec<SocketAddr>) {
        peers.sort_unstable();
        self.peers = peers;
    }

    /// The target of the next request asks for a stream, or does not.
    pub(super) fn ask(&mut self, asked: Option<SocketAddr>) {
        self.asked = asked.filter(|_| self.enabled);
    }

    /// True when the connection is there, or may be opened at any time.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.enabled && (self.open.contains_key(&address) || self.peers.binary_search(&address).is_ok())
    }

    /// The way of the request in hand to its destination.
    pub(super) fn door(&mut self, destination: SocketAddr) -> Door {
        if self.asked.take() == Some(destination) || self.has(destination) { Door::Stream } else { Door::Own }
    }
}

/// A message of ours as it goes over a stream: the Via of a request names TCP, and a Contact that is ours asks for TCP.
/// `sent_by` is our address. Only messages on a stream pay for the copy.
pub(super) fn over_stream(payload: &Bytes, sent_by: SocketAddr) -> Bytes {
    let header = memchr::memmem::find(payload, b"\r\n\r\n").unwrap_or(payload.len());
    let own = format!("@{sent_by}>");
    let mut is_request = !payload.starts_with(b"SIP/2.0 ");
    let mut out = BytesMut::with_capacity(payload.len() + PARAMETER.len());
    for line in payload[..header].split_inclusive(|byte| *byte == b'\n') {
        if is_request && let Some(rest) = line.strip_prefix(b"Via: SIP/2.0/UDP ") {
            // The first Via is ours: a request of ours has no other.
            is_request = false;
            out.put_slice(b"Via: SIP/2.0/TCP ");
            out.put_slice(rest);
        } else if line.starts_with(b"Contact: ")
            && let Some(at) = memchr::memmem::find(line, own.as_bytes())
        {
            let end = at + own.len() - 1;
            out.put_slice(&line[..end]);
            out.put_slice(PARAMETER);
            out.put_slice(&line[end..]);
        } else {
            out.put_slice(line);
        }
    }
    out.put_slice(&payload[header..]);
    out.freeze()
}

/// What a Contact asks for.
const PARAMETER: &[u8] = b";transport=tcp";

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_request_names_tcp_in_its_via_and_contact_and_nowhere_else() {
        let sent_by = address("192.0.2.2:5060");
        let text = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;rport\r\n\
                    Contact: <sip:strowger@192.0.2.2:5060>\r\nContent-Length: 34\r\n\r\n\
                    Via: SIP/2.0/UDP @192.0.2.2:5060>\r\n";
        let over = over_stream(&Bytes::from(text), sent_by);
        let expected =
            text.replacen("/UDP", "/TCP", 1).replacen("5060>\r\nContent", "5060;transport=tcp>\r\nContent", 1);
        assert_eq!(String::from_utf8_lossy(&over), expected);
    }

    #[test]
    fn a_response_keeps_the_via_that_it_answers() {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nContact: <sip:x@192.0.2.9>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(over_stream(&Bytes::from(text), address("192.0.2.2:5060")), text);
    }

    #[test]
    fn connections_are_bounded_and_forgotten_when_they_close() {
        let from = |port: usize| SocketAddr::from(([192, 0, 2, 1], u16::try_from(port).unwrap()));
        let mut streams = Streams::default();
        streams.set_peers(vec![from(9_000)]);
        streams.ask(Some(from(9_000)));
        assert_eq!(streams.door(from(9_000)), Door::Own, "there are no streams");
        streams.enable();
        for port in 1..=STREAMS_MAX + 10 {
            streams.open(from(port));
        }
        assert_eq!(streams.open.len(), STREAMS_MAX);
        assert_eq!((streams.door(from(1)), streams.door(from(STREAMS_MAX + 1))), (Door::Stream, Door::Own));
        streams.close(from(1));
        assert_eq!(streams.door(from(1)), Door::Own);
        streams.set_peers(vec![from(9_001), from(9_000)]);
        assert_eq!([9_000, 9_001].map(|port| streams.door(from(port))), [Door::Stream; 2]);
        streams.ask(Some(from(9_002)));
        assert_eq!([9_002, 9_002].map(|port| streams.door(from(port))), [Door::Stream, Door::Own], "once");
    }
}
