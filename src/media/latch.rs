//! [`Latch`]: symmetric RTP (RFC 4961) for far ends behind NAT, where a peer is configured for it: audio goes to where audio
//! comes from. Whoever knows the port could send first (RFC 7362 4), so the address is taken only from several packets in a
//! row of one source, and then locked until a re-INVITE names another. A packet from the negotiated address locks that at once.

use std::net::SocketAddr;

use super::negotiate::unicast;
use super::rtp::Header;

/// What a stream has learned about where its far end really is.
#[derive(Debug)]
pub(crate) struct Latch {
    negotiated: SocketAddr,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody counts but who sends from the negotiated address.
    Open(Option<Candidate>),
    /// This is the far end; RTCP comes from the second address, once known.
    Locked { rtp: SocketAddr, ssrc: u32, rtcp: Option<SocketAddr> },
}

/// Who may become the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
}

/// Packets in a row that lock: one or two strays of an old call do not, 60 ms of audio do.
const PACKETS: u8 = 3;
/// A candidate's packets may be lost in between, but do not go back.
const AHEAD_MAX: u16 = 16;

impl Latch {
    /// A far end that has negotiated this address.
    pub(crate) const fn new(negotiated: SocketAddr) -> Self {
        Self { negotiated, state: State::Open(None) }
    }

    /// Whether a new negotiation leaves what was learned in force: the address said is the same.
    pub(crate) fn holds(&self, negotiated: SocketAddr) -> bool {
        self.negotiated == negotiated
    }

    /// True while another source may still become the far end.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Takes a packet into account; true when its source is the far end now and was not before.
    pub(crate) fn on_packet(&mut self, source: SocketAddr, header: &Header) -> bool {
        let State::Open(before) = self.state else { return false };
        if source.port() == 0 || !unicast(source.ip()) {
            return false;
        }
        let is_next = |candidate: &Candidate| {
            let ahead = header.sequence.wrapping_sub(candidate.sequence);
            candidate.source == source && candidate.ssrc == header.ssrc && (1..=AHEAD_MAX).contains(&ahead)
        };
        let packets = before.filter(is_next).map_or(1, |candidate| candidate.packets + 1);
        let ssrc = header.ssrc;
        if source == self.negotiated || packets >= PACKETS {
            self.state = State::Locked { rtp: source, ssrc, rtcp: None };
            return source != self.negotiated;
        }
        self.state = State::Open(Some(Candidate { source, ssrc, sequence: header.sequence, packets }));
        false
    }

    /// Takes an RTCP packet of this SSRC into account: true when its source is where RTCP goes from now on.
    pub(crate) fn on_report(&mut self, source: SocketAddr, sender: u32) -> bool {
        let State::Locked { rtp, ssrc, rtcp } = &mut self.state else { return false };
        let is_learned = rtcp.is_none() && *rtp != self.negotiated && source.ip() == rtp.ip() && sender == *ssrc;
        if is_learned {
            *rtcp = Some(source);
        }
        is_learned
    }

    /// Where RTP and RTCP go; `None` while that is what was negotiated. RTCP goes nowhere (port 0) until its way is known.
    pub(crate) fn learned(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self.state {
            State::Locked { rtp, rtcp, .. } if rtp != self.negotiated => {
                Some((rtp, rtcp.unwrap_or_else(|| SocketAddr::new(rtp.ip(), 0))))
            }
            State::Locked { .. } | State::Open(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_packets_in_a_row_of_one_source_lock_for_good() {
        let mut latch = Latch::new(at(1));
        let locks: Vec<bool> = (10..14).map(|n| latch.on_packet(at(2), &packet(7, n))).collect();
        assert_eq!(locks, [false, false, true, false]);
        assert_eq!(latch.learned(), Some((at(2), SocketAddr::new(at(2).ip(), 0))));
        assert!((20..40).all(|n| !latch.on_packet(at(3), &packet(7, n))), "locked");
        assert!(!latch.on_packet(at(1), &packet(7, 41)));
        assert_eq!(latch.learned().map(|learned| learned.0), Some(at(2)));
    }

    #[test]
    fn what_is_not_in_a_row_begins_anew() {
        for strays in [
            [(2, 7, 1), (3, 7, 2), (2, 7, 3), (3, 7, 4)],
            [(2, 7, 1), (2, 8, 2), (2, 7, 3), (2, 8, 4)],
            [(2, 7, 1), (2, 7, 1), (2, 7, 1), (2, 7, 1)],
            [(2, 7, 100), (2, 7, 99), (2, 7, 98), (2, 7, 97)],
            [(2, 7, 1), (2, 7, 1_000), (2, 7, 2_000), (2, 7, 3_000)],
        ] {
            let mut latch = Latch::new(at(1));
            assert!(!strays.iter().any(|(source, ssrc, n)| latch.on_packet(at(*source), &packet(*ssrc, *n))));
            assert_eq!(latch.learned(), None);
        }
    }

    #[test]
    fn the_negotiated_address_is_believed_at_once() {
        let mut latch = Latch::new(at(1));
        (1..3).for_each(|n| assert!(!latch.on_packet(at(2), &packet(7, n))));
        assert!(!latch.on_packet(at(1), &packet(9, 500)));
        assert!((3..9).all(|n| !latch.on_packet(at(2), &packet(7, n))));
        assert_eq!(latch.learned(), None);
    }

    #[test]
    fn addresses_that_nobody_has_are_not_taken() {
        for source in ["0.0.0.0:5", "224.0.0.5:5", "255.255.255.255:5", "192.0.2.2:0"] {
            let mut latch = Latch::new(at(1));
            assert!((1..9).all(|n| !latch.on_packet(source.parse().unwrap(), &packet(7, n))), "{source}");
        }
    }

    #[test]
    fn rtcp_is_learned_once_from_the_far_end_itself() {
        let mut latch = Latch::new(at(1));
        assert!(!latch.on_report(at(2), 7), "nobody is known yet");
        assert!((1..4).any(|n| latch.on_packet(at(2), &packet(7, n))));
        let of = |source: SocketAddr, port| SocketAddr::new(source.ip(), port);
        assert!(!latch.on_report(of(at(3), 9), 7), "another host");
        assert!(!latch.on_report(of(at(2), 9), 8), "another source");
        assert!(latch.on_report(of(at(2), 9), 7));
        assert!(!latch.on_report(of(at(2), 11), 7), "locked");
        assert_eq!(latch.learned(), Some((at(2), of(at(2), 9))));
    }

    fn at(host: u8) -> SocketAddr {
        ([192, 0, 2, host], 4_000).into()
    }

    fn packet(ssrc: u32, sequence: u16) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc }
    }
}
