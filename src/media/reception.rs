//! What a stream has received from one source, for reception reports: loss and jitter by RFC 3550 A.1, A.3 and A.8. It keeps
//! a handful of numbers and no packet.

use super::rtcp::{Report, SenderReport};
use super::rtp::Header;
use crate::base::Instant;

/// Statistics of one received source; begins with its first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reception {
    /// Of the source's clock, in 1/8000 s.
    ticks: u32,
    ssrc: u32,
    first: u32,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: u32,
    /// In 1/16 ticks.
    jitter: u32,
    sender_report: Option<(SenderReport, Instant)>,
}

impl Reception {
    /// The first packet of a source, whose clock runs at so many ticks in 1/8000 s.
    pub(crate) fn new(now: Instant, header: &Header, ticks: u32) -> Self {
        let sequence = u32::from(header.sequence);
        Self {
            ticks,
            ssrc: header.ssrc,
            first: sequence,
            highest: sequence,
            received: 1,
            expected_before: 0,
            received_before: 0,
            transit: transit(now, header, ticks),
            jitter: 0,
            sender_report: None,
        }
    }

    /// Counts a further packet; one of another source begins anew.
    pub(crate) fn on_packet(&mut self, now: Instant, header: &Header) {
        let ahead = header.sequence.wrapping_sub(self.highest as u16);
        let jumped = ahead > DROPOUT_MAX && ahead < MISORDER_MIN;
        if header.ssrc != self.ssrc || jumped {
            *self = Self::new(now, header, self.ticks);
            return;
        }
        self.received = self.received.wrapping_add(1);
        if ahead <= DROPOUT_MAX {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        }
        let transit = transit(now, header, self.ticks);
        let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        self.jitter = self.jitter.saturating_sub((self.jitter + 8) >> 4).saturating_add(difference.min(JITTER_MAX));
    }

    /// Notes the sender report that the next report refers to.
    pub(crate) const fn on_sender_report(&mut self, now: Instant, report: SenderReport) {
        if report.ssrc == self.ssrc {
            self.sender_report = Some((report, now));
        }
    }

    /// The block of a report sent now; the fraction lost begins anew.
    pub(crate) fn report(&mut self, now: Instant) -> Report {
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let expected_interval = expected.wrapping_sub(self.expected_before);
        let received_interval = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost = u64::from(expected_interval.saturating_sub(received_interval));
        let fraction = (lost << 8).checked_div(u64::from(expected_interval)).unwrap_or(0).min(255);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(report, at)| {
            let delay = (now.since(at).as_micros() << 16) / 1_000_000;
            (report.ntp_middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Report {
            ssrc: self.ssrc,
            fraction_lost: fraction as u8,
            cumulative_lost: expected.wrapping_sub(self.received) as i32,
            highest_sequence: self.highest,
            jitter: self.jitter >> 4,
            last_sender_report,
            delay,
        }
    }
}

/// RFC 3550 A.1: a jump forward of more is another stream of the source.
const DROPOUT_MAX: u16 = 3_000;
/// RFC 3550 A.1: what is at most 100 behind came late.
const MISORDER_MIN: u16 = u16::MAX - 100;
/// A source whose clock jumps does not make the mean useless: ten seconds.
const JITTER_MAX: u32 = 80_000;

/// Arrival minus timestamp, in ticks of the clock; only differences count.
const fn transit(now: Instant, header: &Header, ticks: u32) -> u32 {
    ((now.as_micros() / 125) as u32).wrapping_mul(ticks).wrapping_sub(header.timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_stream_has_neither_loss_nor_jitter() {
        let mut reception = Reception::new(at(0), &packet(65_530), 1);
        (1..100).for_each(|n| reception.on_packet(at(n), &packet(65_530 + n)));
        let report = reception.report(at(100));
        assert_eq!((report.fraction_lost, report.cumulative_lost, report.jitter), (0, 0, 0));
        assert_eq!(report.highest_sequence, 65_530 + 99, "extended by the cycle");
    }

    #[test]
    fn loss_is_told_since_the_last_report_and_in_all() {
        let mut reception = Reception::new(at(0), &packet(0), 1);
        (1..100).filter(|n| n % 4 != 0).for_each(|n| reception.on_packet(at(n), &packet(n)));
        let report = reception.report(at(100));
        assert_eq!((report.fraction_lost, report.cumulative_lost), (61, 24), "24 of 100, in 1/256");
        (100..200).for_each(|n| reception.on_packet(at(n), &packet(n)));
        let report = reception.report(at(200));
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 24));
    }

    #[test]
    fn jitter_is_the_mean_deviation() {
        let mut reception = Reception::new(at(0), &packet(0), 1);
        for n in 1..400 {
            let late = std::time::Duration::from_millis(if n % 2 == 0 { 0 } else { 10 });
            reception.on_packet(at(n) + late, &packet(n));
        }
        let jitter = reception.report(at(400)).jitter;
        assert!((75..=80).contains(&jitter), "10 ms are 80 samples: {jitter}");
    }

    #[test]
    fn a_late_packet_counts_and_a_new_source_begins_anew() {
        let mut reception = Reception::new(at(0), &packet(0), 1);
        [1, 3, 2].into_iter().for_each(|n| reception.on_packet(at(n), &packet(n)));
        assert_eq!(reception.report(at(4)).cumulative_lost, 0);
        reception.on_packet(at(5), &Header { ssrc: 8, ..packet(40_000) });
        let report = reception.report(at(6));
        assert_eq!((report.ssrc, report.cumulative_lost, report.highest_sequence), (8, 0, 40_000));
    }

    #[test]
    fn the_sender_report_of_this_source_is_referred_to() {
        let mut reception = Reception::new(at(0), &packet(0), 1);
        reception.on_sender_report(at(0), SenderReport { ssrc: 99, ntp_middle: 1 });
        assert_eq!(reception.report(at(1)).last_sender_report, 0);
        reception.on_sender_report(at(0), SenderReport { ssrc: 7, ntp_middle: 0xABCD });
        let report = reception.report(at(25));
        assert_eq!((report.last_sender_report, report.delay), (0xABCD, 1 << 15));
    }

    fn at(packet: u32) -> Instant {
        Instant::from_micros(u64::from(packet) * 20_000)
    }

    fn packet(n: u32) -> Header {
        let timestamp = n.wrapping_mul(160);
        Header { marker: false, payload_type: 8, sequence: n as u16, timestamp, ssrc: 7 }
    }
}
