//! [`Stream`]: one RTP endpoint: what it hears, who hears it, and what was received. It sends nothing itself; the worker
//! does.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::dtmf;
use super::fax::Search;
use super::latch::Latch;
use super::message::{Codec, Far};
use super::negotiate::{DTMF_PAYLOAD_TYPE, unicast};
use super::outgoing::Outgoing;
use super::player::Player;
use super::reception::Reception;
use super::rtp::Packet;
use super::srtp::{Guard, Keys};
use crate::base::limits::HELD_PACKETS_MAX;
use crate::base::{Instant, StreamId, TimerKey};

/// One open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// Unknown until negotiated; then the only source that counts.
    pub(crate) far: Option<Far>,
    /// Where the audio is encrypted.
    pub(crate) guard: Option<Box<Guard>>,
    /// Where symmetric RTP is configured: what was learned about the far end; `far` has it.
    pub(crate) latch: Option<Box<Latch>>,
    /// RTP packets sent to the far end's address, up to [`LINK_AFTER`], from where on its socket is linked to it.
    pub(crate) sent_there: u16,
    pub(crate) hearing: Hearing,
    /// The slots whose [`Hearing::Relay`] names this one.
    pub(crate) listeners: SmallVec<[u32; 2]>,
    /// What came ahead of its rule; `None` once somebody has heard this stream or is not to, so that a later pause in
    /// between plays nothing stale.
    pub(crate) held: Option<Held>,
    pub(crate) outgoing: Outgoing,
    pub(crate) reception: Option<Reception>,
    pub(crate) digits: dtmf::Receiver,
    /// Whether the far end is looked at for a fax machine.
    pub(crate) fax: Search,
    /// Keys go on to the listeners.
    pub(crate) digits_passed: bool,
    pub(crate) watch: Watch,
    /// When RTP came last, or began to be expected.
    pub(crate) heard: Instant,
    /// The next RTCP report; armed once the far end is known.
    pub(crate) report: Option<TimerKey>,
}

/// What a stream hears.
#[derive(Debug)]
pub(crate) enum Hearing {
    /// No rule has come yet: nothing is sent, what arrives is held.
    Waiting,
    /// Nothing.
    Silence,
    /// Tracks.
    Tracks(Player),
    /// What the slot receives.
    Relay(u32),
}

/// Whether silence of the far end is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nobody asked.
    Off,
    /// Asked, but RTP is not expected now.
    Paused(Duration),
    /// The timer runs.
    Armed(Duration, TimerKey),
    /// Told; armed again when RTP comes.
    Told(Duration),
}

/// What a payload type stands for on this leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Audio.
    Audio(Codec),
    /// A telephone-event.
    Digit,
    /// Comfort noise and whatever was not agreed upon.
    Unknown,
}

impl Stream {
    /// A stream without rules.
    pub(crate) fn new(now: Instant, id: StreamId, outgoing: Outgoing) -> Self {
        Self {
            id,
            far: None,
            guard: None,
            latch: None,
            sent_there: 0,
            hearing: Hearing::Waiting,
            listeners: SmallVec::new(),
            held: Some(Held::default()),
            outgoing,
            reception: None,
            digits: dtmf::Receiver::default(),
            fax: Search::Unasked,
            digits_passed: true,
            watch: Watch::Off,
            heard: now,
            report: None,
        }
    }

    /// Takes over what the packets are encrypted with.
    pub(crate) fn secure(&mut self, keys: Option<&Keys>) {
        match (keys, &mut self.guard) {
            (Some(keys), Some(guard)) => guard.change(keys),
            (Some(keys), None) => self.guard = Some(Box::new(Guard::new(keys))),
            (None, _) => self.guard = None,
        }
        if self.guard.as_ref().is_some_and(|guard| guard.is_unused()) {
            self.outgoing.begin_round();
        }
    }

    /// Takes over what was negotiated. What symmetric RTP has learned stays in force while the far end says the same address.
    pub(crate) fn negotiate(&mut self, mut far: Far) {
        let known = self.latch.take().filter(|latch| latch.holds(far.address));
        self.latch = far.symmetric.then(|| known.unwrap_or_else(|| Box::new(Latch::new(far.address))));
        if let Some((address, rtcp)) = self.latch.as_ref().and_then(|latch| latch.learned()) {
            (far.address, far.rtcp) = (address, rtcp);
        }
        if self.far.is_some_and(|before| before.codec.ticks() != far.codec.ticks()) {
            self.reception = None;
        }
        self.far = Some(far);
    }

    /// Where symmetric RTP is configured: judges a packet; what is learned is the far end from now on.
    pub(crate) fn learn(&mut self, source: SocketAddr, datagram: &[u8]) {
        let (Some(far), Some(latch)) = (&mut self.far, &mut self.latch) else { return };
        let Some(packet) = Packet::parse(datagram).filter(|packet| !packet.header.is_rtcp()) else { return };
        let counts = far.receive && content(far, packet.header.payload_type) != Content::Unknown;
        if counts
            && latch.on_packet(source, &packet.header)
            && let Some((address, rtcp)) = latch.learned()
        {
            (far.address, far.rtcp) = (address, rtcp);
        }
    }

    /// Counts a packet sent to the far end; true when there have been so many that its socket is to be linked to it. It is
    /// not while packets from elsewhere may still count.
    pub(crate) fn count_sent(&mut self) -> bool {
        if self.sent_there == LINK_AFTER || self.latch.as_ref().is_some_and(|latch| latch.is_open()) {
            return false;
        }
        self.sent_there += 1;
        self.sent_there == LINK_AFTER
    }

    /// The far end's address changes: counting begins anew. True when its socket is linked to the old one.
    pub(crate) const fn unlink(&mut self) -> bool {
        let is_linked = self.sent_there == LINK_AFTER;
        self.sent_there = 0;
        is_linked
    }

    /// Where RTP may be sent now.
    pub(crate) fn destination(&self) -> Option<Far> {
        self.far.filter(|far| far.send && far.address.port() != 0 && unicast(far.address.ip()))
    }

    /// Where RTCP may be sent: also while on hold (RFC 3264 8.4).
    pub(crate) fn report_destination(&self) -> Option<SocketAddr> {
        self.far.map(|far| far.rtcp).filter(|rtcp| rtcp.port() != 0 && unicast(rtcp.ip()))
    }

    /// Keeps a datagram, if its rule has not come.
    pub(crate) fn hold(&mut self, source: SocketAddr, datagram: &[u8]) {
        let Some(held) = &mut self.held else { return };
        held.push(source, datagram);
    }

    /// What was kept, oldest first; more may be kept.
    pub(crate) fn take_held(&mut self) -> VecDeque<(SocketAddr, Bytes)> {
        self.held.as_mut().map(Held::take).unwrap_or_default()
    }

    /// True when the far end should be sending.
    pub(crate) fn expects(&self) -> bool {
        self.far.is_some_and(|far| far.receive)
    }
}

/// Packets sent to one address after which a socket is linked to it: five seconds of audio. Linking and its end cost two
/// system calls and save a tenth of each packet's; short calls do without.
pub(crate) const LINK_AFTER: u16 = 250;

/// What a received payload type means. Static types of G.711 are understood even when the other law was chosen, since an
/// offerer must be ready for all it offered and many send what they like; 101 is what our offers call telephone-event.
pub(crate) fn content(far: &Far, payload_type: u8) -> Content {
    if payload_type == far.payload_type {
        return Content::Audio(far.codec);
    }
    if far.dtmf.is_some_and(|dtmf| payload_type == dtmf || payload_type == DTMF_PAYLOAD_TYPE) {
        return Content::Digit;
    }
    let known = [Codec::Pcma, Codec::Pcmu].into_iter().find(|codec| codec.payload_type() == payload_type);
    known.map_or(Content::Unknown, Content::Audio)
}

/// Packets that came ahead of their rule; the oldest gives way at [`HELD_PACKETS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<(SocketAddr, Bytes)>);

impl Held {
    /// Keeps a copy of a datagram.
    pub(crate) fn push(&mut self, source: SocketAddr, datagram: &[u8]) {
        if self.0.len() == HELD_PACKETS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((source, Bytes::copy_from_slice(datagram)));
    }

    /// All, oldest first.
    pub(crate) fn take(&mut self) -> VecDeque<(SocketAddr, Bytes)> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_are_those_of_the_leg_and_the_static_ones() {
        let far = |dtmf| Far {
            address: ([192, 0, 2, 1], 4_000).into(),
            rtcp: ([192, 0, 2, 1], 4_001).into(),
            codec: Codec::Pcma,
            payload_type: 100,
            dtmf,
            send: true,
            receive: true,
            symmetric: false,
        };
        assert_eq!(content(&far(Some(96)), 100), Content::Audio(Codec::Pcma));
        assert_eq!(content(&far(Some(96)), 96), Content::Digit);
        assert_eq!(content(&far(Some(96)), 101), Content::Digit);
        assert_eq!(content(&far(None), 101), Content::Unknown);
        assert_eq!(content(&far(None), 0), Content::Audio(Codec::Pcmu));
        assert_eq!(content(&far(None), 13), Content::Unknown);
    }

    #[test]
    fn the_oldest_held_packet_gives_way() {
        let mut held = Held::default();
        (0..HELD_PACKETS_MAX as u8 + 3).for_each(|n| held.push(([192, 0, 2, 1], 4_000).into(), &[n]));
        let kept: Vec<u8> = held.take().iter().map(|(_, datagram)| datagram[0]).collect();
        assert_eq!(kept, (3..HELD_PACKETS_MAX as u8 + 3).collect::<Vec<_>>());
        assert!(held.take().is_empty());
    }
}
