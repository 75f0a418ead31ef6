//! Who is reached by a stream connection (TCP, or TLS over it) rather than by datagrams, and what a message says otherwise
//! there. The connections themselves are the shell's: here a connection is the far end's address, which is one connection's
//! alone.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::event::{Door, Home, Wire};
use super::hash::Secret;
use crate::base::limits::STREAMS_MAX;
use crate::base::{Rng, SteadyMap};

/// See the module.
#[derive(Debug)]
pub(super) struct Streams {
    /// There are connections at all.
    enabled: bool,
    /// Connections that messages have come by.
    open: SteadyMap<SocketAddr, Wire, Secret>,
    /// Neighbours that are configured so, in order.
    peers: Vec<(SocketAddr, Wire)>,
    /// Which way the request in hand is to go: where its target asks for a stream (`sips:`, `transport=tcp`), or where only
    /// the first shard's door leads.
    asked: Option<(SocketAddr, Door)>,
}

impl Default for Streams {
    fn default() -> Self {
        // Addresses of connections that the shell has let in, a thousand at most: nobody gains by a collision.
        let secret = Secret::draw(&mut Rng::from_u64(0));
        Self { enabled: false, open: SteadyMap::with_hasher(secret), peers: Vec::new(), asked: None }
    }
}

impl Streams {
    /// A message has come by this connection. One by TLS is not hidden by a plain one from the same port.
    pub(super) fn open(&mut self, source: SocketAddr, wire: Wire) {
        let known = self.open.get(&source).copied();
        if (known.is_none() && self.open.len() >= STREAMS_MAX) || known >= Some(wire) {
            return;
        }
        self.open.insert(source, wire);
    }

    /// The connection is gone.
    pub(super) fn close(&mut self, address: SocketAddr, wire: Wire) {
        if self.open.get(&address) == Some(&wire) {
            self.open.remove(&address);
        }
    }

    /// True while such a connection is there.
    pub(super) fn is_open(&self, address: SocketAddr, wire: Wire) -> bool {
        self.open.get(&address).is_some_and(|open| *open >= wire)
    }

    /// There are stream connections from now on.
    pub(super) const fn enable(&mut self) {
        self.enabled = true;
    }

    /// These neighbours are reached by a stream, and no others.
    pub(super) fn set_peers(&mut self, mut peers: Vec<(SocketAddr, Wire)>) {
        peers.sort_unstable();
        self.peers = peers;
    }

    /// The next request is to go by this door, or by any.
    pub(super) fn ask(&mut self, asked: Option<(SocketAddr, Door)>) {
        self.asked = asked.filter(|(_, door)| self.enabled || !door.is_stream());
    }

    /// True when the next request is to go by the first shard's door.
    pub(super) const fn asks_for_public(&self) -> bool {
        matches!(self.asked, Some((_, Door::Public)))
    }

    /// The connection that is there, or may be opened at any time.
    pub(super) fn leads(&self, address: SocketAddr) -> Option<Wire> {
        if !self.enabled {
            return None;
        }
        let peer = || self.peers.binary_search_by_key(&address, |(peer, _)| *peer).ok().map(|at| self.peers[at].1);
        self.open.get(&address).copied().or_else(peer)
    }

    /// The way of the request in hand to its destination.
    pub(super) fn next(&self, destination: SocketAddr) -> Door {
        match self.asked.filter(|(address, _)| *address == destination) {
            Some((_, door)) => door,
            None => self.leads(destination).map_or(Door::Own, Door::Stream),
        }
    }

    /// The same when it is on its way now.
    pub(super) fn door(&mut self, destination: SocketAddr) -> Door {
        let next = self.next(destination);
        self.asked = None;
        next
    }
}

/// A message of ours as it goes over a stream: the Via of a request names the transport, and a Contact that is ours asks for
/// it: over TLS with the address that TLS is spoken at, and by `sips:` where the far end does so (RFC 3261 8.1.1.8, 12.1.1).
/// Only messages on a stream pay for the copy.
pub(super) fn over_stream(payload: &Bytes, wire: Wire, home: &Home) -> Bytes {
    let header = memchr::memmem::find(payload, b"\r\n\r\n").unwrap_or(payload.len());
    let via = format!("Via: SIP/2.0/UDP {}", home.sent_by);
    let contact = format!("@{}>", home.sent_by);
    let (transport, sent_by) = match wire {
        Wire::Tcp => ("TCP", home.sent_by),
        Wire::Tls => ("TLS", home.tls.unwrap_or(home.sent_by)),
    };
    let is_sips = wire == Wire::Tls && is_sips(&payload[..header]);
    let mut is_request = !payload.starts_with(b"SIP/2.0 ");
    let mut out = BytesMut::with_capacity(payload.len() + ROOM);
    for line in payload[..header].split_inclusive(|byte| *byte == b'\n') {
        if is_request && let Some(rest) = line.strip_prefix(via.as_bytes()) {
            // The first Via is ours: a request of ours has no other.
            is_request = false;
            out.put_slice(format!("Via: SIP/2.0/{transport} {sent_by}").as_bytes());
            out.put_slice(rest);
        } else if line.starts_with(b"Contact: ")
            && let Some(at) = memchr::memmem::find(line, contact.as_bytes())
        {
            let (before, rest) = (&line[..at], &line[at + contact.len()..]);
            match before.strip_prefix(b"Contact: <sip:").filter(|_| is_sips) {
                Some(user) => {
                    out.put_slice(b"Contact: <sips:");
                    out.put_slice(user);
                    out.put_slice(format!("@{sent_by}>").as_bytes());
                }
                None => {
                    out.put_slice(before);
                    let name = transport.to_ascii_lowercase();
                    out.put_slice(format!("@{sent_by};transport={name}>").as_bytes());
                }
            }
            out.put_slice(rest);
        } else {
            out.put_slice(line);
        }
    }
    out.put_slice(&payload[header..]);
    out.freeze()
}

/// Whether the far end speaks `sips:`: a request of ours goes to such a URI; a response answers one that was sent to one, which
/// To still tells, or that came through a proxy which says so.
fn is_sips(header: &[u8]) -> bool {
    let mut lines = header.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    if !first.starts_with(b"SIP/2.0 ") {
        return first.split(|byte| *byte == b' ').nth(1).is_some_and(|uri| uri.starts_with(b"sips:"));
    }
    let names = |line: &&[u8]| line.starts_with(b"To: ") || line.starts_with(b"Record-Route: ");
    lines.filter(names).any(|line| memchr::memmem::find(line, b"<sips:").is_some() || line.starts_with(b"To: sips:"))
}

/// What a message may grow by.
const ROOM: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: Door = Door::Stream(Wire::Tcp);
    const TLS: Door = Door::Stream(Wire::Tls);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_request_names_tcp_in_its_via_and_contact_and_nowhere_else() {
        let sent_by = address("192.0.2.2:5060");
        let text = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;rport\r\n\
                    Contact: <sip:strowger@192.0.2.2:5060>\r\nContent-Length: 34\r\n\r\n\
                    Via: SIP/2.0/UDP @192.0.2.2:5060>\r\n";
        let over = over_stream(&Bytes::from(text), Wire::Tcp, &Home { sent_by, tls: None, public: None });
        let expected =
            text.replacen("/UDP", "/TCP", 1).replacen("5060>\r\nContent", "5060;transport=tcp>\r\nContent", 1);
        assert_eq!(String::from_utf8_lossy(&over), expected);
    }

    #[test]
    fn a_response_keeps_the_via_that_it_answers() {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nContact: <sip:x@192.0.2.9>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(over_stream(&Bytes::from(text), Wire::Tls, &with_tls()), text);
    }

    fn with_tls() -> Home {
        Home { sent_by: address("192.0.2.2:5060"), tls: Some(address("192.0.2.3:5061")), public: None }
    }

    fn over_tls(text: &str) -> String {
        String::from_utf8_lossy(&over_stream(&Bytes::from(text.to_string()), Wire::Tls, &with_tls())).into_owned()
    }

    #[test]
    fn over_tls_a_request_names_the_address_of_tls() {
        let text = |uri: &str, via: &str, contact: &str| {
            format!(
                "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/{via};rport\r\nContact: <{contact}>\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let plain = |uri| text(uri, "UDP 192.0.2.2:5060", "sip:strowger@192.0.2.2:5060");
        let by_sip = text("sip:a@b", "TLS 192.0.2.3:5061", "sip:strowger@192.0.2.3:5061;transport=tls");
        assert_eq!(over_tls(&plain("sip:a@b")), by_sip);
        let by_sips = text("sips:a@b", "TLS 192.0.2.3:5061", "sips:strowger@192.0.2.3:5061");
        assert_eq!(over_tls(&plain("sips:a@b")), by_sips);
    }

    #[test]
    fn whoever_calls_by_sips_is_answered_by_sips() {
        let text = |to: &str, more: &str, contact: &str| {
            format!(
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS h\r\nTo: <{to}>;tag=1\r\n{more}Contact: <{contact}>\r\n\r\n<sips:x>"
            )
        };
        let plain = "sip:strowger@192.0.2.2:5060";
        let (sip, sips) = ("sip:strowger@192.0.2.3:5061;transport=tls", "sips:strowger@192.0.2.3:5061");
        assert_eq!(over_tls(&text("sip:a@b", "", plain)), text("sip:a@b", "", sip));
        assert_eq!(over_tls(&text("sips:a@b", "", plain)), text("sips:a@b", "", sips));
        let proxy = "Record-Route: <sips:p;lr>\r\n";
        assert_eq!(over_tls(&text("sip:a@b", proxy, plain)), text("sip:a@b", proxy, sips));
    }

    #[test]
    fn a_plain_connection_does_not_hide_one_by_tls() {
        let far = address("192.0.2.9:4000");
        let mut streams = Streams::default();
        streams.enable();
        for wire in [Wire::Tcp, Wire::Tls, Wire::Tcp] {
            streams.open(far, wire);
        }
        assert_eq!(streams.leads(far), Some(Wire::Tls));
        streams.close(far, Wire::Tcp);
        assert_eq!(streams.door(far), TLS);
    }

    #[test]
    fn connections_are_bounded_and_forgotten_when_they_close() {
        let from = |port: usize| SocketAddr::from(([192, 0, 2, 1], u16::try_from(port).unwrap()));
        let mut streams = Streams::default();
        streams.set_peers(vec![(from(9_000), Wire::Tcp)]);
        streams.ask(Some((from(9_000), TCP)));
        assert_eq!(streams.door(from(9_000)), Door::Own, "there are no streams");
        streams.enable();
        for port in 1..=STREAMS_MAX + 10 {
            streams.open(from(port), Wire::Tcp);
        }
        assert_eq!(streams.open.len(), STREAMS_MAX);
        assert_eq!((streams.door(from(1)), streams.door(from(STREAMS_MAX + 1))), (TCP, Door::Own));
        streams.close(from(1), Wire::Tls);
        assert_eq!(streams.door(from(1)), TCP, "that was another connection");
        streams.close(from(1), Wire::Tcp);
        assert_eq!(streams.door(from(1)), Door::Own);
        streams.set_peers(vec![(from(9_001), Wire::Tls), (from(9_000), Wire::Tcp)]);
        assert_eq!([9_000, 9_001].map(|port| streams.door(from(port))), [TCP, TLS]);
        streams.ask(Some((from(9_002), TLS)));
        assert_eq!([9_002, 9_002].map(|port| streams.door(from(port))), [TLS, Door::Own], "once");
    }
}
