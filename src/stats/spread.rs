//! [`Spread`]: how a duration of the engine's own working is spread, as atomics that one thread adds to and anybody reads. Not
//! consistent over its cells: it shows where time goes, it proves nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::acd::{Silent, Unprovens};
use crate::base::Instant;
use crate::stats::credentials::AuthFailures;
use crate::stats::handshakes::{Counts, Handshakes};
use crate::stats::silence::Silences;

/// Upper bounds of the buckets, in microseconds: from a decision's time to that of a retransmission.
pub const SPREAD_BOUNDS: [u64; 12] =
    [10, 50, 100, 500, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];

/// See the module.
#[derive(Debug, Default)]
pub struct Spread {
    buckets: [AtomicU64; SPREAD_BOUNDS.len() + 1],
    micros: AtomicU64,
    most: AtomicU64,
}

impl Spread {
    /// Notes one.
    pub fn record(&self, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        let bucket = SPREAD_BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(SPREAD_BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if micros > self.most.load(Ordering::Relaxed) {
            self.most.fetch_max(micros, Ordering::Relaxed);
        }
    }

    /// Notes what began at `begin`.
    pub fn record_since(&self, begin: Instant, now: Instant) {
        self.record(now.since(begin));
    }

    pub(super) fn read(&self) -> SpreadReading {
        SpreadReading {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            micros: self.micros.load(Ordering::Relaxed),
            most: self.most.load(Ordering::Relaxed),
        }
    }
}

/// A copy of a [`Spread`].
#[derive(Debug)]
pub(super) struct SpreadReading {
    /// One more than the bounds: the last is what lies above.
    pub(super) buckets: [u64; SPREAD_BOUNDS.len() + 1],
    pub(super) micros: u64,
    pub(super) most: u64,
}

/// Where the engine's time goes.
#[derive(Debug, Default)]
pub struct Working {
    /// From reading a datagram to handling it.
    pub datagram_wait: Spread,
    /// Handling one input, with all that follows from it.
    pub decision: Spread,
    /// From the signalling thread's command to the media thread's taking it.
    pub media_commands: Spread,
    /// From the media thread's event to the signalling thread's taking it.
    pub media_events: Spread,
    /// From a shard's letter to the hub's taking it; nothing while the engine runs inline.
    pub letters_up: Spread,
    /// From the hub's letter to the shard's taking it; nothing while the engine runs inline.
    pub letters_down: Spread,
    /// From the passing of a datagram to another shard to its taking it.
    pub passed: Spread,
    /// From the control plane's request to the signalling thread's taking it.
    pub requests: Spread,
    /// What the admission gate left without an answer.
    pub silent: Silences,
    /// Credentials that were not good.
    pub auth_failures: AuthFailures,
    /// TLS handshakes.
    pub handshakes: Handshakes,
    srtp_dropped: AtomicU64,
}

impl Working {
    /// So many encrypted packets more have been dropped: not the far end's, or seen before.
    pub fn count_srtp_dropped(&self, packets: u64) {
        if packets > 0 {
            self.srtp_dropped.fetch_add(packets, Ordering::Relaxed);
        }
    }
}

/// A copy of [`Working`].
#[derive(Debug)]
pub(super) struct WorkingReading {
    pub(super) datagram_wait: SpreadReading,
    pub(super) decision: SpreadReading,
    /// By the channel's name.
    pub(super) channels: [(&'static str, SpreadReading); 6],
    pub(super) silent: Silent,
    pub(super) auth_failures: Unprovens,
    pub(super) handshakes: Counts,
    pub(super) srtp_dropped: u64,
}

impl WorkingReading {
    pub(super) fn of(working: &Working) -> Self {
        Self {
            datagram_wait: working.datagram_wait.read(),
            decision: working.decision.read(),
            channels: [
                ("media_commands", working.media_commands.read()),
                ("media_events", working.media_events.read()),
                ("letters_up", working.letters_up.read()),
                ("letters_down", working.letters_down.read()),
                ("passed", working.passed.read()),
                ("requests", working.requests.read()),
            ],
            silent: working.silent.read(),
            auth_failures: working.auth_failures.read(),
            handshakes: working.handshakes.read(),
            srtp_dropped: working.srtp_dropped.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_whose_bound_it_does_not_pass() {
        let spread = Spread::default();
        for micros in [0, 10, 11, 500_000, 500_001] {
            spread.record(Duration::from_micros(micros));
        }
        let reading = spread.read();
        assert_eq!(reading.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((reading.micros, reading.most), (1_000_022, 500_001));
    }
}
