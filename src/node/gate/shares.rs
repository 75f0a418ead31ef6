//! How many requests of each stranger are looked at: a share, so that one alone does not take what all have.

use std::net::IpAddr;

use crate::base::{Instant, Rng};
use crate::node::source::Sources;
use crate::sip::transaction::Secret;

/// See the module.
#[derive(Debug)]
pub(super) struct Shares {
    sources: Sources<Share>,
    /// What one look costs, in microseconds of filling.
    look: u32,
}

/// A bucket that holds a second's worth.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Micro-seconds of filling that have not been spent.
    level: u32,
    filled: Instant,
}

impl Shares {
    /// So many looks a second at each.
    pub(super) fn new(now: Instant, per_second: u32) -> Self {
        // No true secret: whoever can send from addresses of his choice can also send from that which he wishes to shut out.
        let secret = Secret::draw(&mut Rng::from_u64(0));
        Self { look: 1_000_000 / per_second, sources: Sources::new(secret, Share { level: 1_000_000, filled: now }) }
    }

    /// Takes a look at this source if there is one left.
    pub(super) fn take(&mut self, now: Instant, source: IpAddr) -> bool {
        let share = self.sources.of(source);
        let more = u32::try_from(now.since(share.filled).as_micros()).unwrap_or(u32::MAX);
        share.level = share.level.saturating_add(more).min(1_000_000);
        share.filled = now;
        let Some(rest) = share.level.checked_sub(self.look) else { return false };
        share.level = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(shares: &mut Shares, from: u64, source: [u8; 4], tries: u64) -> u64 {
        (0..tries).filter(|turn| shares.take(Instant::from_micros(from + turn * 1_000), source.into())).count() as u64
    }

    #[test]
    fn one_source_takes_its_share_and_others_have_theirs() {
        let mut shares = Shares::new(Instant::ZERO, 50);
        let share = 50;
        let first = taken(&mut shares, 0, [192, 0, 2, 1], 10_000);
        assert!(first.abs_diff(11 * share) <= 1, "{first} of ten seconds, and one in advance");
        assert_eq!(taken(&mut shares, 10_000_000, [192, 0, 2, 2], 10), 10);
        assert_eq!(
            taken(&mut shares, 20_000_000, [192, 0, 2, 1], share),
            share,
            "what rests is full again, and no fuller"
        );
    }
}
