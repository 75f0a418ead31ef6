//! [`Outgoing`]: the one RTP source that a far end hears from us. Whatever the audio comes from, the SSRC stays, sequence
//! numbers continue, and the timestamp clock runs with real time. It holds no audio.

use super::codec::SAMPLE_RATE;
use super::message::Codec;
use super::rtcp::{SenderInfo, ntp};
use super::rtp::Header;
use crate::base::Instant;

/// One sending source.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    ssrc: u32,
    opened: Instant,
    /// The clock's value at `opened`.
    base: u32,
    /// Of the clock, in 1/8000 s.
    ticks: u32,
    /// Where the next new packet goes.
    next_sequence: u16,
    /// The earliest timestamp that overlaps nothing sent.
    next_timestamp: u32,
    /// The next audio packet begins a talk-spurt.
    spurt: bool,
    anchor: Option<Anchor>,
    packets: u32,
    octets: u32,
    packets_reported: u32,
}

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Audio of so many ticks, in as many octets.
    Audio(u32),
    /// Audio of so many ticks, in so many octets.
    Packed { ticks: u32, octets: u32 },
    /// A telephone-event that lasts so many ticks up to now.
    Event(u32),
}

impl Span {
    /// A payload of a codec.
    pub(crate) fn of(codec: Codec, payload: &[u8]) -> Self {
        match codec {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => Self::Audio(payload.len() as u32),
            Codec::G729 | Codec::Opus => Self::Packed { ticks: codec.length(payload), octets: payload.len() as u32 },
        }
    }

    const fn is_audio(self) -> bool {
        matches!(self, Self::Audio(_) | Self::Packed { .. })
    }

    const fn ticks(self) -> u32 {
        match self {
            Self::Audio(ticks) | Self::Event(ticks) | Self::Packed { ticks, .. } => ticks,
        }
    }

    const fn octets(self) -> u32 {
        match self {
            Self::Audio(octets) | Self::Packed { octets, .. } => octets,
            Self::Event(_) => EVENT_OCTETS,
        }
    }
}

/// How a relayed source's numbers become ours.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    /// Ours minus theirs.
    sequence: u16,
    /// Ours minus theirs.
    timestamp: u32,
    /// Their highest sequence number.
    highest: u16,
    /// How far back late packets may lie: what came before the anchor has numbers that were used otherwise.
    reach: u16,
    /// Their timestamp minus our clock when the timestamps were matched.
    skew: u32,
}

/// The highest first sequence number where the far end counts how often they roll over.
const SEQUENCE_FIRST_MAX: u16 = u16::MAX >> 1;

impl Outgoing {
    /// A source that has not sent yet.
    pub(crate) const fn new(now: Instant, ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            opened: now,
            base: timestamp,
            ticks: 1,
            next_sequence: sequence,
            next_timestamp: timestamp,
            spurt: true,
            anchor: None,
            packets: 0,
            octets: 0,
            packets_reported: 0,
        }
    }

    /// What the far end hears changes, or pauses: the next audio begins a talk-spurt, its timestamp is the clock's.
    pub(crate) const fn turn(&mut self) {
        self.anchor = None;
        self.spurt = true;
    }

    /// Whoever hears it from now on counts how often sequence numbers roll over, and has heard none so far. One that misses the
    /// first packets counts right too if those are in the lower half (RFC 3711 3.3.1).
    pub(crate) const fn begin_round(&mut self) {
        self.next_sequence &= SEQUENCE_FIRST_MAX;
        self.turn();
    }

    /// The clock runs so fast from now on. With another codec it goes on from where it is (RFC 7160 4.2).
    pub(crate) fn run_at(&mut self, now: Instant, ticks: u32) {
        if self.ticks == ticks {
            return;
        }
        self.base = later(self.clock(now), self.next_timestamp);
        self.next_timestamp = self.base;
        (self.opened, self.ticks) = (now, ticks);
        self.turn();
    }

    /// True when what was sent reaches so far ahead of the clock that a packet of our own can wait a turn: changing between
    /// sources sends a little more than real time each time, and released audio far more.
    pub(crate) const fn leads(&self, at: Instant, samples: u32) -> bool {
        self.next_timestamp.wrapping_sub(self.clock(at)) as i32 >= (samples * self.ticks) as i32
    }

    /// The header of a packet of our own, due at `at`.
    pub(crate) fn play(&mut self, at: Instant, payload_type: u8, span: Span) -> Header {
        let timestamp = later(self.clock(at), self.next_timestamp);
        let marker = self.spurt || timestamp != self.next_timestamp;
        let header = Header { marker, payload_type, sequence: self.next_sequence, timestamp, ssrc: self.ssrc };
        self.spurt = false;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.next_timestamp = timestamp.wrapping_add(span.ticks());
        self.count(span);
        header
    }

    /// The header of a relayed packet; `None` for a duplicate and for what has no place before what was sent. Gaps stay
    /// gaps, so that the far end sees the loss.
    pub(crate) fn relay(&mut self, now: Instant, theirs: &Header, payload_type: u8, span: Span) -> Option<Header> {
        let mut anchor = match self.anchor {
            Some(anchor) if anchor.holds(theirs) => anchor,
            Some(_) | None => self.anchored(now, theirs),
        };
        anchor.reach(theirs)?;
        let drift = theirs.timestamp.wrapping_sub(self.clock(now)).wrapping_sub(anchor.skew) as i32;
        let newest = theirs.sequence == anchor.highest;
        if span.is_audio() && drift.unsigned_abs() > DRIFT_MAX * self.ticks {
            if !newest {
                return None;
            }
            let Anchor { timestamp, skew, .. } = self.anchored(now, theirs);
            anchor = Anchor { timestamp, skew, ..anchor };
        }
        let sequence = theirs.sequence.wrapping_add(anchor.sequence);
        let timestamp = theirs.timestamp.wrapping_add(anchor.timestamp);
        self.anchor = Some(anchor);
        if newest {
            self.next_sequence = sequence.wrapping_add(1);
        }
        let marker = span.is_audio() && std::mem::take(&mut self.spurt) || theirs.marker;
        self.next_timestamp = later(timestamp.wrapping_add(span.ticks()), self.next_timestamp);
        self.count(span);
        Some(Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc })
    }

    /// A packet of the relayed source is left out on purpose: it leaves no gap.
    pub(crate) fn skip(&mut self, theirs: &Header) {
        let Some(anchor) = &mut self.anchor else { return };
        if anchor.holds(theirs) && anchor.ahead(theirs) > 0 {
            anchor.highest = theirs.sequence;
            anchor.sequence = anchor.sequence.wrapping_sub(1);
            anchor.reach = 0;
        }
    }

    /// The SSRC.
    pub(crate) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// True when anything was sent.
    pub(crate) const fn has_sent(&self) -> bool {
        self.packets != 0
    }

    /// For a sender report, if anything was sent since the last one (RFC 3550 6.4).
    pub(crate) fn report(&mut self, now: Instant) -> Option<SenderInfo> {
        if self.packets == self.packets_reported {
            return None;
        }
        self.packets_reported = self.packets;
        Some(SenderInfo { ntp: ntp(now), timestamp: self.clock(now), packets: self.packets, octets: self.octets })
    }

    /// A mapping by which this packet follows what was sent, at the clock's time.
    fn anchored(&mut self, now: Instant, theirs: &Header) -> Anchor {
        self.spurt = true;
        let clock = self.clock(now);
        Anchor {
            ssrc: theirs.ssrc,
            sequence: self.next_sequence.wrapping_sub(theirs.sequence),
            timestamp: later(clock, self.next_timestamp).wrapping_sub(theirs.timestamp),
            highest: theirs.sequence.wrapping_sub(1),
            reach: 0,
            skew: theirs.timestamp.wrapping_sub(clock),
        }
    }

    const fn clock(&self, now: Instant) -> u32 {
        let samples = now.since(self.opened).as_micros() / (1_000_000 / SAMPLE_RATE as u128);
        self.base.wrapping_add((samples as u32).wrapping_mul(self.ticks))
    }

    const fn count(&mut self, span: Span) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(span.octets());
    }
}

impl Anchor {
    /// True while the source is the same and its numbers follow: RFC 3550 A.1.
    const fn holds(&self, theirs: &Header) -> bool {
        let ahead = self.ahead(theirs);
        self.ssrc == theirs.ssrc && ahead <= DROPOUT_MAX && ahead >= -MISORDER_MAX
    }

    const fn ahead(&self, theirs: &Header) -> i16 {
        theirs.sequence.wrapping_sub(self.highest) as i16
    }

    /// Takes in a packet; `None` when it is a duplicate or lies before the anchor.
    fn reach(&mut self, theirs: &Header) -> Option<()> {
        let ahead = self.ahead(theirs);
        if ahead > 0 {
            self.highest = theirs.sequence;
            self.reach = self.reach.saturating_add(ahead.unsigned_abs());
            return Some(());
        }
        (ahead < 0 && ahead.unsigned_abs() < self.reach).then_some(())
    }
}

/// RFC 3550 A.1: a larger jump forward is another stream of the source.
const DROPOUT_MAX: i16 = 3_000;
/// RFC 3550 A.1: what lies further back is another stream.
const MISORDER_MAX: i16 = 100;
/// A source's clock may lead or lag so far before its timestamps are matched anew: 2 s, which honest clocks take hours for.
const DRIFT_MAX: u32 = 2 * SAMPLE_RATE;
/// The payload of a telephone-event.
const EVENT_OCTETS: u32 = 4;

/// The later of two timestamps that lie within half the circle.
const fn later(a: u32, b: u32) -> u32 {
    if (a.wrapping_sub(b) as i32) > 0 { a } else { b }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn music_then_relay_then_music_is_one_continuous_source() {
        let mut out = Outgoing::new(at(0), 9, 65_534, u32::MAX - 200);
        let one = out.play(at(5), 8, Span::Audio(160));
        let two = out.play(at(25), 8, Span::Audio(160));
        assert_eq!((one.sequence, one.marker, two.sequence, two.marker), (65_534, true, 65_535, false));
        assert_eq!(one.timestamp, (u32::MAX - 200).wrapping_add(40), "5 ms after the begin");
        assert_eq!(two.timestamp.wrapping_sub(one.timestamp), 160);
        out.turn();
        let three = out.relay(at(125), &theirs(1_000, 77), 8, Span::Audio(160)).unwrap();
        let four = out.relay(at(145), &theirs(1_001, 237), 8, Span::Audio(160)).unwrap();
        assert_eq!((three.sequence, three.marker, four.sequence, four.marker), (0, true, 1, false));
        assert_eq!(three.timestamp.wrapping_sub(two.timestamp), 800, "100 ms later");
        assert_eq!(four.timestamp.wrapping_sub(three.timestamp), 160);
        out.turn();
        let five = out.play(at(150), 8, Span::Audio(160));
        assert_eq!((five.sequence, five.marker), (2, true));
        assert_eq!(five.timestamp.wrapping_sub(four.timestamp), 160, "never inside what was sent");
        assert!([one, two, three, four, five].iter().all(|header| header.ssrc == 9));
    }

    #[test]
    fn a_packet_of_our_own_can_wait_while_the_source_leads() {
        let mut out = Outgoing::new(at(0), 9, 0, 0);
        for n in 0..5 {
            out.relay(at(0), &theirs(n, u32::from(n) * 160), 8, Span::Audio(160)).unwrap();
        }
        let waits: Vec<bool> = [0, 60, 80, 81, 100].iter().map(|millis| out.leads(at(*millis), 160)).collect();
        assert_eq!(waits, [true, true, true, false, false]);
    }

    #[test]
    fn loss_stays_a_gap_and_disorder_stays_disorder() {
        let mut out = Outgoing::new(at(0), 9, 100, 0);
        let sequences: Vec<Option<u16>> = [10, 11, 14, 13, 13, 9, 14, 15]
            .into_iter()
            .map(|n| out.relay(at(0), &theirs(n, u32::from(n) * 160), 0, Span::Audio(160)).map(|h| h.sequence))
            .collect();
        let expected = [Some(100), Some(101), Some(104), Some(103), Some(103), None, None, Some(105)];
        assert_eq!(sequences, expected, "before the anchor, and the newest twice, are dropped");
    }

    #[test]
    fn what_is_left_out_on_purpose_leaves_no_gap() {
        let mut out = Outgoing::new(at(0), 9, 100, 0);
        let mut relay = |n, kept: bool| {
            if !kept {
                out.skip(&theirs(n, 0));
                return None;
            }
            out.relay(at(0), &theirs(n, 0), 0, Span::Audio(160)).map(|header| header.sequence)
        };
        assert_eq!(relay(5, true), Some(100));
        assert_eq!(relay(6, false), None);
        assert_eq!(relay(7, true), Some(101));
        assert_eq!(relay(9, false), None);
        assert_eq!(relay(10, true), Some(103), "8 was lost");
        assert_eq!(relay(8, true), None, "too late: its number is taken");
    }

    #[test]
    fn another_source_and_a_jump_are_anchored_anew() {
        let mut out = Outgoing::new(at(0), 9, 100, 0);
        out.relay(at(0), &theirs(5, 0), 0, Span::Audio(160)).unwrap();
        let next = out.relay(at(20), &Header { ssrc: 3, ..theirs(60_000, 12_345) }, 0, Span::Audio(160)).unwrap();
        assert_eq!((next.sequence, next.timestamp, next.marker), (101, 160, true));
        let next = out.relay(at(40), &Header { ssrc: 3, ..theirs(20_000, 99) }, 0, Span::Audio(160)).unwrap();
        assert_eq!((next.sequence, next.timestamp, next.marker), (102, 320, true));
    }

    #[test]
    fn a_jump_of_the_timestamp_alone_is_smoothed_but_a_silence_is_not() {
        let mut out = Outgoing::new(at(0), 9, 0, 0);
        out.relay(at(0), &theirs(1, 0), 0, Span::Audio(160)).unwrap();
        let silence = out.relay(at(5_000), &Header { marker: true, ..theirs(2, 40_000) }, 0, Span::Audio(160)).unwrap();
        assert_eq!((silence.timestamp, silence.marker), (40_000, true));
        let jumped = out.relay(at(5_020), &theirs(3, 1_000_000), 0, Span::Audio(160)).unwrap();
        assert_eq!((jumped.sequence, jumped.timestamp, jumped.marker), (2, 40_160, true));
        assert_eq!(out.relay(at(5_030), &theirs(2, 40_000), 0, Span::Audio(160)), None, "late, of the time before");
        let after = out.relay(at(5_040), &theirs(4, 1_000_160), 0, Span::Audio(160)).unwrap();
        assert_eq!((after.timestamp, after.marker), (40_320, false));
    }

    #[test]
    fn all_packets_of_a_long_key_press_keep_one_timestamp() {
        let mut out = Outgoing::new(at(0), 9, 0, 500);
        for n in 0..300_u16 {
            let theirs = Header { marker: n == 0, ..theirs(n, 7_000) };
            let event = out.relay(at(u64::from(n) * 20), &theirs, 101, Span::Event(u32::from(n) * 160)).unwrap();
            assert_eq!((event.timestamp, event.sequence, event.marker, event.payload_type), (500, n, n == 0, 101));
        }
        let audio = out.relay(at(6_000), &theirs(300, 7_000 + 48_000), 8, Span::Audio(160)).unwrap();
        assert_eq!(audio.timestamp, 48_500);
    }

    #[test]
    fn a_sender_report_is_due_only_after_sending() {
        let mut out = Outgoing::new(at(0), 9, 0, 500);
        assert_eq!(out.report(at(1)), None);
        out.play(at(20), 8, Span::Audio(160));
        let info = out.report(at(1_000)).unwrap();
        assert_eq!((info.packets, info.octets, info.timestamp), (1, 160, 8_500));
        assert_eq!(out.report(at(2_000)), None);
    }

    proptest! {
        #[test]
        fn any_relayed_numbers_never_panic(packets in proptest::collection::vec(any::<(u16, u32, u8, u64, u32)>(), 0..60)) {
            let mut out = Outgoing::new(at(0), 9, 0, 0);
            for (sequence, timestamp, kind, now, samples) in packets {
                let theirs = Header { ssrc: u32::from(kind & 1), ..theirs(sequence, timestamp) };
                match kind >> 6 {
                    0 => out.skip(&theirs),
                    1 => drop(out.play(at(now >> 16), 0, Span::Audio(samples))),
                    2 => drop(out.relay(at(now >> 16), &theirs, 0, Span::Audio(samples))),
                    _ => drop(out.relay(at(now >> 16), &theirs, 0, Span::Event(samples))),
                }
            }
        }

        #[test]
        fn no_sequence_number_is_used_twice_for_different_audio(steps in proptest::collection::vec((0..4u8, 0..6u16), 1..200)) {
            let mut out = Outgoing::new(at(0), 9, 0, 0);
            let (mut used, mut sequence) = (std::collections::BTreeSet::new(), 500_u16);
            let mut seen = std::collections::BTreeSet::new();
            for (now, (kind, step)) in (0..).step_by(20).zip(steps) {
                let header = match kind {
                    0 => {
                        out.turn();
                        Some(out.play(at(now), 0, Span::Audio(160)))
                    }
                    1 => {
                        let late = theirs(sequence.wrapping_sub(step), 0);
                        if !seen.insert(late.sequence) { continue }
                        out.relay(at(now), &late, 0, Span::Audio(160))
                    }
                    _ => {
                        sequence = sequence.wrapping_add(step + 1);
                        if !seen.insert(sequence) { continue }
                        out.relay(at(now), &theirs(sequence, 0), 0, Span::Audio(160))
                    }
                };
                if let Some(header) = header {
                    prop_assert!(used.insert(header.sequence), "{}", header.sequence);
                }
            }
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn theirs(sequence: u16, timestamp: u32) -> Header {
        Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: 1 }
    }

    #[test]
    fn with_another_clock_the_timestamps_go_on_from_where_they_are() {
        let mut out = Outgoing::new(at(0), 9, 0, 1_000);
        let one = out.play(at(0), 8, Span::Audio(160));
        out.run_at(at(20), Codec::Opus.ticks());
        out.run_at(at(20), Codec::Opus.ticks());
        let packet = [31 << 3; 60];
        let two = out.play(at(20), 107, Span::of(Codec::Opus, &packet));
        let three = out.play(at(40), 107, Span::of(Codec::Opus, &packet));
        assert_eq!((one.timestamp, two.timestamp, three.timestamp), (1_000, 1_160, 2_120));
        assert_eq!((two.marker, three.marker), (true, false));
        let sent = out.report(at(60)).unwrap();
        assert_eq!((sent.packets, sent.octets), (3, 280));
    }
}
