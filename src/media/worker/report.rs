//! RTCP of the worker: a report every 5 s to each known far end, and a BYE at the end (RFC 3550 6.2, 6.3.7).

use std::time::Duration;

use super::{Timer, Worker};
use crate::base::Instant;
use crate::media::outbox::Kind;
use crate::media::rtcp::{COMPOUND_BYTES_MAX, Compound};
use crate::media::srtp::RTCP_OVERHEAD;

impl Worker {
    /// The first report comes after half the interval (RFC 3550 6.2), shifted by the random SSRC so that streams opened
    /// together do not report together.
    pub(super) fn arm_first_report(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.stream(slot) else { return };
        let shift = Duration::from_millis((stream.outgoing.ssrc() % SHIFT_MS).into());
        let key = self.timers.arm(now + INTERVAL / 2 + shift, Timer::Report(slot));
        let Some(stream) = self.stream(slot) else { return };
        stream.report = Some(key);
    }

    pub(super) fn on_report_timer(&mut self, now: Instant, slot: u32) {
        self.report(now, slot, false);
        let key = self.timers.arm(now + INTERVAL, Timer::Report(slot));
        let Some(stream) = self.stream(slot) else { return };
        stream.report = Some(key);
    }

    /// Says good-bye to a far end that may have heard of us.
    pub(super) fn say_bye(&mut self, now: Instant, slot: u32) {
        if self.stream(slot).is_some_and(|stream| stream.outgoing.has_sent()) {
            self.report(now, slot, true);
        }
    }

    fn report(&mut self, now: Instant, slot: u32, bye: bool) {
        let port = self.port_of(slot);
        let Some(stream) = self.stream(slot) else { return };
        let Some(destination) = stream.report_destination() else { return };
        let report = stream.reception.as_mut().map(|reception| reception.report(now));
        let compound = Compound { ssrc: stream.outgoing.ssrc(), sender: stream.outgoing.report(now), report, bye };
        let guard = self.slots.get_mut(slot as usize).and_then(|entry| entry.usage.stream()?.guard.as_deref_mut());
        let bytes = COMPOUND_BYTES_MAX + if guard.is_some() { RTCP_OVERHEAD } else { 0 };
        self.outbox.send((port, Kind::Rtcp), destination, bytes, |out| {
            compound.write(out);
            if let Some(guard) = guard {
                guard.protect_rtcp(out);
            }
        });
    }
}

/// The minimum of RFC 3550 6.2, which a call of two never exceeds.
const INTERVAL: Duration = Duration::from_secs(5);
const SHIFT_MS: u32 = 1_000;
