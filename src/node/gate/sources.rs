//! What each source of strangers is looked at: a share, so that one alone does not take what all have. Bounded: sources share a
//! table of fixed size. Its hash has no key, for whoever can send from addresses of his choice can also send from that
//! which he wishes to shut out.

use std::net::IpAddr;

use crate::base::Instant;

/// Places, of 16 bytes.
const SOURCES: usize = 4_096;
/// Multiplies as in Knuth's hash: 2^64 over the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module.
#[derive(Debug)]
pub(super) struct Sources {
    shares: Box<[Share]>,
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

impl Sources {
    /// So many looks a second at each.
    pub(super) fn new(now: Instant, per_second: u32) -> Self {
        Self { look: 1_000_000 / per_second, shares: vec![Share { level: 1_000_000, filled: now }; SOURCES].into() }
    }

    /// Takes a look at this source if there is one left.
    pub(super) fn take(&mut self, now: Instant, source: IpAddr) -> bool {
        let share = &mut self.shares[place_of(source)];
        let more = u32::try_from(now.since(share.filled).as_micros()).unwrap_or(u32::MAX);
        share.level = share.level.saturating_add(more).min(1_000_000);
        share.filled = now;
        let Some(rest) = share.level.checked_sub(self.look) else { return false };
        share.level = rest;
        true
    }
}

/// An address of IPv4, or a network of IPv6: whoever has one address of that has all of it.
fn place_of(source: IpAddr) -> usize {
    let number = match source.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    };
    (number.wrapping_mul(SPREAD) >> 52) as usize % SOURCES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sources: &mut Sources, from: u64, source: [u8; 4], tries: u64) -> u64 {
        (0..tries).filter(|turn| sources.take(Instant::from_micros(from + turn * 1_000), source.into())).count() as u64
    }

    #[test]
    fn one_source_takes_its_share_and_others_have_theirs() {
        let mut sources = Sources::new(Instant::ZERO, 50);
        let share = 50;
        let first = taken(&mut sources, 0, [192, 0, 2, 1], 10_000);
        assert!(first.abs_diff(11 * share) <= 1, "{first} of ten seconds, and one in advance");
        assert_eq!(taken(&mut sources, 10_000_000, [192, 0, 2, 2], 10), 10);
        assert_eq!(
            taken(&mut sources, 20_000_000, [192, 0, 2, 1], share),
            share,
            "what rests is full again, and no fuller"
        );
    }

    #[test]
    fn neighbouring_addresses_have_places_of_their_own() {
        let places: std::collections::BTreeSet<_> = (0..=255).map(|host| place_of([192, 0, 2, host].into())).collect();
        assert!(places.len() > 200, "{}", places.len());
        let place = |text: &str| place_of(text.parse().unwrap());
        assert_eq!(place("2001:db8::1"), place("2001:db8::2"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }
}
