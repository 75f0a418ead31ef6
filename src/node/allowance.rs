//! [`Allowance`]: how many bytes may be sent to whoever has not proven itself: no more than came from there, but for one answer
//! in advance. A request under a false address so brings its victim no more than its sender has spent. Bounded: sources
//! share a table of fixed size.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::{Instant, Rng};
use crate::node::source::Sources;
use crate::sip::transaction::Secret;

/// Bytes in advance, to a source that was not heard of for [`REST`]: a challenge is longer than a short REGISTER.
pub(super) const ADVANCE: u32 = 1_200;
/// So long it takes until what was sent in advance is forgotten.
pub(super) const REST: Duration = Duration::from_secs(60);
/// At most so much is saved up: the answers to some requests that were lost on their way.
const SAVED_MAX: u32 = 8_192;

/// See the module.
#[derive(Debug)]
pub(super) struct Allowance {
    sources: Sources<Balance>,
}

#[derive(Debug, Clone, Copy)]
struct Balance {
    bytes: u32,
    /// When time was last counted.
    since: Instant,
}

impl Allowance {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let fresh = Balance { bytes: ADVANCE, since: Instant::ZERO };
        Self { sources: Sources::new(Secret::draw(rng), fresh) }
    }

    /// So many bytes came from a source.
    pub(super) fn earn(&mut self, now: Instant, source: IpAddr, bytes: usize) {
        let balance = self.balance(now, source);
        let bytes = u32::try_from(bytes).unwrap_or(SAVED_MAX);
        balance.bytes = balance.bytes.saturating_add(bytes).min(SAVED_MAX);
    }

    /// A source has proven itself: it is sent what it asks for.
    pub(super) fn grant(&mut self, now: Instant, source: IpAddr) {
        self.balance(now, source).bytes = SAVED_MAX;
    }

    /// Whether so many bytes may be sent to a source; pays for them.
    pub(super) fn pay(&mut self, now: Instant, source: IpAddr, bytes: usize) -> bool {
        let balance = self.balance(now, source);
        let left = u32::try_from(bytes).ok().and_then(|bytes| balance.bytes.checked_sub(bytes));
        balance.bytes = left.unwrap_or(balance.bytes);
        left.is_some()
    }

    fn balance(&mut self, now: Instant, source: IpAddr) -> &mut Balance {
        let balance = self.sources.of(source);
        let each = REST / ADVANCE;
        let earned = u32::try_from(now.since(balance.since).as_micros() / each.as_micros()).unwrap_or(ADVANCE);
        if balance.bytes.saturating_add(earned) >= ADVANCE {
            *balance = Balance { bytes: balance.bytes.max(ADVANCE), since: now };
        } else {
            *balance = Balance { bytes: balance.bytes + earned, since: balance.since + each * earned };
        }
        balance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_source_is_sent_no_more_than_came_from_it_but_for_one_answer_a_minute() {
        let mut allowance = Allowance::new(&mut Rng::from_u64(1));
        let (mut received, mut sent) = (0, 0);
        // Ten a second for ten minutes, each answered by half as much again where that may be.
        for turn in 0..6_000 {
            allowance.earn(at(turn * 100), address(7), 400);
            received += 400;
            if allowance.pay(at(turn * 100), address(7), 600) {
                sent += 600;
            }
        }
        assert!(sent <= received + 11 * u64::from(ADVANCE), "{sent} for {received}");
        assert!(sent >= received - 600, "and hardly less: {sent} for {received}");
    }

    #[test]
    fn one_source_does_not_spend_anothers_allowance_and_who_rests_is_as_new() {
        let mut allowance = Allowance::new(&mut Rng::from_u64(1));
        assert!(allowance.pay(at(0), address(1), 1_000) && !allowance.pay(at(0), address(1), 1_000));
        assert!(allowance.pay(at(0), address(2), 1_000));
        assert!(!allowance.pay(at(30_000), address(1), 1_000));
        assert!(allowance.pay(at(61_000), address(1), 1_000));
        assert!(!allowance.pay(at(1_000_000_000), address(1), 1_201), "no more than one in advance");
    }

    #[test]
    fn who_has_proven_itself_is_answered_at_length_and_nothing_is_saved_up_without_end() {
        let mut allowance = Allowance::new(&mut Rng::from_u64(1));
        allowance.grant(at(0), address(1));
        assert!(allowance.pay(at(0), address(1), SAVED_MAX as usize));
        for _ in 0..1_000 {
            allowance.earn(at(1), address(1), 65_535);
        }
        assert!(!allowance.pay(at(1), address(1), SAVED_MAX as usize + 1));
        assert!(allowance.pay(at(1), address(1), SAVED_MAX as usize) && !allowance.pay(at(1), address(1), 100));
    }
}
