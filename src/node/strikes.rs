//! [`Strikes`]: wrong passwords, counted by account and by source, so that none is found by trying. Both counts are bounded:
//! accounts are configured, and sources share a table of fixed size by a keyed hash.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::{Instant, PeerId, Rng};
use crate::sip::transaction::Secret;

/// An account may be tried wrongly so often at once, and then once in each `ACCOUNT_EVERY`: some 1,450 times a day.
const ACCOUNT_TRIES: u32 = 10;
const ACCOUNT_EVERY: Duration = Duration::from_secs(60);
/// A source likewise; many phones may stand behind one address.
const SOURCE_TRIES: u32 = 60;
const SOURCE_EVERY: Duration = Duration::from_secs(10);
/// Places for sources, of 16 bytes.
const SOURCES: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Strikes {
    accounts: BTreeMap<PeerId, Tries>,
    sources: Box<[Tries]>,
    secret: Secret,
}

/// Wrong tries that are not yet forgiven.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    wrong: u32,
    /// The last one forgiven, or the first made.
    since: Instant,
}

impl Strikes {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { accounts: BTreeMap::new(), sources: vec![Tries::default(); SOURCES].into(), secret: Secret::draw(rng) }
    }

    /// Whether a password for this account from this source is looked at.
    pub(super) fn may_try(&mut self, now: Instant, account: Option<PeerId>, source: IpAddr) -> bool {
        let account = account.and_then(|id| self.accounts.get_mut(&id));
        let account_may = account.is_none_or(|tries| tries.left(now, ACCOUNT_EVERY) < ACCOUNT_TRIES);
        account_may && self.source(source).left(now, SOURCE_EVERY) < SOURCE_TRIES
    }

    /// A wrong one; true for the first of an account after none for a while.
    pub(super) fn strike(&mut self, now: Instant, account: Option<PeerId>, source: IpAddr) -> bool {
        self.source(source).add(now, SOURCE_EVERY);
        account.is_some_and(|id| self.accounts.entry(id).or_default().add(now, ACCOUNT_EVERY) == 1)
    }

    fn source(&mut self, source: IpAddr) -> &mut Tries {
        let place = match source.to_canonical() {
            IpAddr::V4(ip) => self.secret.digest(&ip.octets()),
            // Whoever has one address of IPv6 has a network of them.
            IpAddr::V6(ip) => self.secret.digest(&ip.octets()[..8]),
        };
        &mut self.sources[place as usize % SOURCES]
    }
}

impl Tries {
    fn left(&mut self, now: Instant, every: Duration) -> u32 {
        let forgiven = u32::try_from(now.since(self.since).as_micros() / every.as_micros()).unwrap_or(u32::MAX);
        if forgiven > 0 {
            self.wrong = self.wrong.saturating_sub(forgiven);
            self.since = if self.wrong == 0 { now } else { self.since + every * forgiven };
        }
        self.wrong
    }

    fn add(&mut self, now: Instant, every: Duration) -> u32 {
        if self.left(now, every) == 0 {
            self.since = now;
        }
        self.wrong = self.wrong.saturating_add(1);
        self.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn an_account_is_tried_a_few_times_and_then_once_a_minute_from_wherever() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let mut tried = 0;
        for second in 0..3_600u32 {
            // Each from another source.
            let source = IpAddr::from((0x0a00_0000 + second * 7).to_be_bytes());
            if strikes.may_try(at(second.into()), Some(PeerId(1)), source) {
                strikes.strike(at(second.into()), Some(PeerId(1)), source);
                tried += 1;
            }
        }
        assert!((60..=70).contains(&tried), "{tried} in an hour");
        assert!(strikes.may_try(at(3_600), Some(PeerId(2)), IpAddr::from([192, 0, 2, 1])), "another account");
        assert!(strikes.may_try(at(9_000), Some(PeerId(1)), IpAddr::from([192, 0, 2, 1])), "and this one later");
    }

    #[test]
    fn a_source_that_tries_many_accounts_is_not_heard() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let source = IpAddr::from([192, 0, 2, 1]);
        for account in 0..SOURCE_TRIES {
            assert!(strikes.may_try(at(1), Some(PeerId(account)), source));
            strikes.strike(at(1), Some(PeerId(account)), source);
        }
        assert!(!strikes.may_try(at(1), Some(PeerId(999)), source) && !strikes.may_try(at(1), None, source));
        assert!(strikes.may_try(at(1), Some(PeerId(999)), IpAddr::from([192, 0, 2, 2])));
        assert!(strikes.may_try(at(12), Some(PeerId(999)), source));
    }

    #[test]
    fn memory_does_not_grow_with_sources() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        for source in 0..100_000u32 {
            strikes.strike(at(1), None, IpAddr::from(source.to_be_bytes()));
        }
        assert_eq!((strikes.sources.len(), strikes.accounts.len()), (SOURCES, 0));
    }
}
