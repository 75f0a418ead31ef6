//! RTCP (RFC 3550 6), as little as peers and monitors need: writes SR or RR with a report, SDES CNAME and BYE; of what it
//! receives it keeps the sender report that the next report must refer to. Everything else is skipped.

use bytes::{BufMut, BytesMut};

use crate::base::Instant;

/// What a sender report tells of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The moment, in NTP's 32.32 format.
    pub ntp: u64,
    /// The same moment on the stream's timestamp clock.
    pub timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Octets of payload sent so far.
    pub octets: u32,
}

/// One reception report block (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The source reported on.
    pub ssrc: u32,
    /// Packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning (24 bits, signed).
    pub cumulative_lost: i32,
    /// Highest sequence number received, extended by its cycles.
    pub highest_sequence: u32,
    /// Interarrival jitter in samples.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 when none came.
    pub last_sender_report: u32,
    /// Since that report, in 1/65,536 s.
    pub delay: u32,
}

/// A compound packet of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compound {
    /// Our source.
    pub ssrc: u32,
    /// Makes it an SR; else it is an RR.
    pub sender: Option<SenderInfo>,
    /// What we receive, if anything.
    pub report: Option<Report>,
    /// We leave.
    pub bye: bool,
}

/// A sender report of the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Its source.
    pub ssrc: u32,
    /// The middle 32 bits of its NTP time.
    pub ntp_middle: u32,
}

/// Most octets that [`Compound::write`] appends.
pub const COMPOUND_BYTES_MAX: usize = 28 + 24 + 24 + 8;

impl Compound {
    /// Appends the packets: SR or RR, SDES, BYE. The CNAME is drawn from the SSRC, which is random and kept for the
    /// stream's life: one short-term name for each session (RFC 7022 4.2).
    pub fn write(&self, out: &mut BytesMut) {
        let reports = u8::from(self.report.is_some());
        let report_words = if self.report.is_some() { 6 } else { 0 };
        match self.sender {
            Some(_) => head(out, reports, SENDER_REPORT, 6 + report_words),
            None => head(out, reports, RECEIVER_REPORT, 1 + report_words),
        }
        out.put_u32(self.ssrc);
        if let Some(sender) = self.sender {
            out.put_u64(sender.ntp);
            out.put_u32(sender.timestamp);
            out.put_u32(sender.packets);
            out.put_u32(sender.octets);
        }
        if let Some(report) = self.report {
            report.write(out);
        }
        head(out, 1, DESCRIPTION, 5);
        out.put_u32(self.ssrc);
        out.put_slice(&[CNAME, CNAME_BYTES]);
        for shift in (0..8).rev() {
            out.put_u8(HEX[(self.ssrc >> (4 * shift) & 15) as usize]);
        }
        out.put_slice(b"@sip\0\0");
        if self.bye {
            head(out, 1, BYE, 1);
            out.put_u32(self.ssrc);
        }
    }
}

impl Report {
    fn write(&self, out: &mut BytesMut) {
        out.put_u32(self.ssrc);
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        out.put_u32(u32::from(self.fraction_lost) << 24 | lost);
        out.put_u32(self.highest_sequence);
        out.put_u32(self.jitter);
        out.put_u32(self.last_sender_report);
        out.put_u32(self.delay);
    }
}

/// The last sender report in a compound packet; whatever is not understood is skipped.
pub fn sender_report(datagram: &[u8]) -> Option<SenderReport> {
    let (mut rest, mut found) = (datagram, None);
    while let Some(([first, kind, high, low], body)) = rest.split_first_chunk::<4>() {
        let length = 4 * usize::from(u16::from_be_bytes([*high, *low]));
        let Some((body, next)) = body.split_at_checked(length) else { break };
        if first >> 6 == 2 && *kind == SENDER_REPORT {
            found = read_sender_report(body).or(found);
        }
        rest = next;
    }
    found
}

/// The source that sends a compound packet: that of the report which begins it (RFC 3550 6.1).
pub fn sender(datagram: &[u8]) -> Option<u32> {
    let [first, kind, _, _, s0, s1, s2, s3] = *datagram.first_chunk::<8>()?;
    let is_report = first >> 6 == 2 && (kind == SENDER_REPORT || kind == RECEIVER_REPORT);
    is_report.then_some(u32::from_be_bytes([s0, s1, s2, s3]))
}

/// A moment as NTP time. Only its differences count: without a calendar the time since the start is sent, as RFC 3550 6.4.1
/// allows.
pub const fn ntp(now: Instant) -> u64 {
    let micros = now.as_micros();
    ((micros / 1_000_000) << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
/// Eight hexadecimal digits and `@sip`.
const CNAME_BYTES: u8 = 12;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// `words` is the length of what follows in 32-bit words.
fn head(out: &mut BytesMut, count: u8, kind: u8, words: u16) {
    out.put_u8(2 << 6 | count);
    out.put_u8(kind);
    out.put_u16(words);
}

fn read_sender_report(body: &[u8]) -> Option<SenderReport> {
    let [s0, s1, s2, s3, _, _, n0, n1, n2, n3, ..] = *body.first_chunk::<24>()?;
    Some(SenderReport { ssrc: u32::from_be_bytes([s0, s1, s2, s3]), ntp_middle: u32::from_be_bytes([n0, n1, n2, n3]) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENDER: SenderInfo = SenderInfo { ntp: 0x1122_3344_5566_7788, timestamp: 9, packets: 10, octets: 1_600 };
    const REPORT: Report = Report {
        ssrc: 7,
        fraction_lost: 64,
        cumulative_lost: -1,
        highest_sequence: 0x1_0002,
        jitter: 5,
        last_sender_report: 6,
        delay: 8,
    };

    #[test]
    fn a_compound_packet_has_the_octets_of_the_rfc() {
        let text = written(Compound { ssrc: 0xDEAD_BEEF, sender: Some(SENDER), report: Some(REPORT), bye: true });
        let expected = "81c8000c deadbeef 1122334455667788 00000009 0000000a 00000640 \
            00000007 40ffffff 00010002 00000005 00000006 00000008 \
            81ca0005 deadbeef 010c6465616462656566 40736970 0000 81cb0001 deadbeef";
        assert_eq!(hex(&text), expected.replace(' ', ""));
        assert_eq!(text.len(), COMPOUND_BYTES_MAX);
        let text = written(Compound { ssrc: 1, sender: None, report: None, bye: false });
        assert_eq!(hex(&text), "80c900010000000181ca000500000001010c3030303030303031407369700000");
    }

    #[test]
    fn the_last_sender_report_is_found_among_others() {
        let mut text = written(Compound { ssrc: 5, sender: None, report: Some(REPORT), bye: false });
        text.extend_from_slice(&written(Compound { ssrc: 9, sender: Some(SENDER), report: None, bye: true }));
        assert_eq!(sender_report(&text), Some(SenderReport { ssrc: 9, ntp_middle: 0x3344_5566 }));
        assert_eq!(sender_report(&text[..30]), None);
    }

    #[test]
    fn a_compound_packet_tells_its_sender() {
        for sender_info in [Some(SENDER), None] {
            let text = written(Compound { ssrc: 5, sender: sender_info, report: Some(REPORT), bye: false });
            assert_eq!((sender(&text), sender(&text[..7])), (Some(5), None));
        }
        assert_eq!(sender(&[0x80, 8, 0, 0, 0, 0, 0, 5]), None, "RTP");
    }

    #[test]
    fn time_is_told_in_seconds_and_fractions() {
        assert_eq!(ntp(Instant::from_micros(3_500_000)), 3 << 32 | 1 << 31);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(datagram in proptest::collection::vec(any::<u8>(), 0..100), at in 0..84usize, byte: u8) {
            sender_report(&datagram);
            let mut text = written(Compound { ssrc: 5, sender: Some(SENDER), report: Some(REPORT), bye: true });
            text[at] = byte;
            sender_report(&text);
        }
    }

    fn written(compound: Compound) -> BytesMut {
        let mut out = BytesMut::new();
        compound.write(&mut out);
        out
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}
