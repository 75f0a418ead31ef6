//! [`Strikes`]: wrong passwords, counted by account and by source, so that none is found by trying. All counts are bounded:
//! accounts are configured, and sources share a table of fixed size by a keyed hash.
//!
//! An account that is tried too often is believed from nowhere but from its home: where it has proven itself last. So whoever
//! tries does not shut its owner out, and there a count of its own sees to it that a forged address is worth nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::{Instant, PeerId, Rng};
use crate::node::source::Sources;
use crate::sip::transaction::Secret;

/// A phone's account may be tried wrongly so often at once, and then once in each `every`: some 1,450 times a day.
pub(super) const PHONE: Limit = Limit { tries: 10, every: Duration::from_secs(60) };
/// A neighbour's: it makes many calls, and whoever writes in its name does so from a network that it trusts.
pub(super) const PEER: Limit = Limit { tries: 100, every: Duration::from_secs(1) };
/// A phone where it is at home, and a source; many phones may stand behind one address.
const SOURCE: Limit = Limit { tries: 60, every: Duration::from_secs(10) };
/// Places for neighbours' homes, of 8 bytes: a few for each.
const HOMES: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Strikes {
    accounts: BTreeMap<PeerId, Tries>,
    /// The same, for tries that seem to come from the phone itself.
    at_home: BTreeMap<PeerId, Tries>,
    sources: Sources<Tries>,
    /// Where neighbours have proven themselves, by a keyed hash of both.
    homes: Box<[u64]>,
    secret: Secret,
}

/// How many wrong tries are taken at once, and in what time one is forgiven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    tries: u32,
    every: Duration,
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
        Self {
            accounts: BTreeMap::new(),
            at_home: BTreeMap::new(),
            sources: Sources::new(Secret::draw(rng), Tries::default()),
            homes: vec![0; HOMES].into(),
            secret: Secret::draw(rng),
        }
    }

    /// Whether passwords from this source are looked at.
    pub(super) fn hears(&mut self, now: Instant, source: IpAddr) -> bool {
        self.sources.of(source).left(now, SOURCE.every) < SOURCE.tries
    }

    /// Whether a good password for this account, which does not come from its home, is believed.
    pub(super) fn believes(&mut self, now: Instant, account: Option<PeerId>, limit: Limit) -> bool {
        let tries = account.and_then(|id| self.accounts.get_mut(&id));
        tries.is_none_or(|tries| tries.left(now, limit.every) < limit.tries)
    }

    /// The same for one that comes from there.
    pub(super) fn believes_at_home(&mut self, now: Instant, account: PeerId) -> bool {
        self.at_home.get_mut(&account).is_none_or(|tries| tries.left(now, SOURCE.every) < SOURCE.tries)
    }

    /// A wrong one from this source.
    pub(super) fn strike_source(&mut self, now: Instant, source: IpAddr) {
        self.sources.of(source).add(now, SOURCE.every);
    }

    /// A wrong one for this account, not from its home; true for the first after none for a while.
    pub(super) fn strike(&mut self, now: Instant, account: PeerId, limit: Limit) -> bool {
        self.accounts.entry(account).or_default().add(now, limit.every) == 1
    }

    /// The same from there.
    pub(super) fn strike_at_home(&mut self, now: Instant, account: PeerId) -> bool {
        self.at_home.entry(account).or_default().add(now, SOURCE.every) == 1
    }

    /// A neighbour has proven itself here.
    pub(super) fn settle(&mut self, peer: PeerId, at: SocketAddr) {
        let home = self.home(peer, at);
        self.homes[home as usize % HOMES] = home;
    }

    /// Whether it has, as far as is remembered.
    pub(super) fn is_home(&self, peer: PeerId, at: SocketAddr) -> bool {
        let home = self.home(peer, at);
        self.homes[home as usize % HOMES] == home
    }

    fn home(&self, peer: PeerId, at: SocketAddr) -> u64 {
        let mut bytes = [0; 22];
        match at.ip().to_canonical() {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes[..16].copy_from_slice(&ip.octets()),
        }
        bytes[16..18].copy_from_slice(&at.port().to_be_bytes());
        bytes[18..].copy_from_slice(&peer.0.to_be_bytes());
        self.secret.digest(&bytes)
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
        for second in 0..3_600 {
            if strikes.believes(at(second), Some(PeerId(1)), PHONE) {
                strikes.strike(at(second), PeerId(1), PHONE);
                tried += 1;
            }
        }
        assert!((60..=70).contains(&tried), "{tried} in an hour");
        assert!(strikes.believes(at(3_600), Some(PeerId(2)), PHONE), "another account");
        assert!(strikes.believes(at(3_600), None, PHONE) && strikes.believes_at_home(at(3_600), PeerId(1)));
        assert!(strikes.believes(at(9_000), Some(PeerId(1)), PHONE), "and this one later");
    }

    #[test]
    fn who_forges_the_address_of_a_phones_home_does_not_try_without_end_either() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let mut tried = 0;
        for second in 0..3_600 {
            if strikes.believes_at_home(at(second), PeerId(1)) {
                strikes.strike_at_home(at(second), PeerId(1));
                tried += 1;
            }
        }
        assert!((360..=421).contains(&tried), "{tried} in an hour");
        assert!(strikes.believes(at(3_600), Some(PeerId(1)), PHONE), "from elsewhere it is counted by itself");
    }

    #[test]
    fn a_source_that_tries_many_accounts_is_not_heard() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let source = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..SOURCE.tries {
            assert!(strikes.hears(at(1), source));
            strikes.strike_source(at(1), source);
        }
        assert!(!strikes.hears(at(1), source));
        assert!(strikes.hears(at(1), IpAddr::from([192, 0, 2, 2])));
        assert!(strikes.hears(at(12), source));
    }

    #[test]
    fn a_neighbour_is_at_home_where_it_has_proven_itself() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let (one, other): (SocketAddr, SocketAddr) =
            ("192.0.2.1:5060".parse().unwrap(), "192.0.2.1:5061".parse().unwrap());
        assert!(!strikes.is_home(PeerId(1), one));
        strikes.settle(PeerId(1), one);
        assert!(
            strikes.is_home(PeerId(1), one) && !strikes.is_home(PeerId(1), other) && !strikes.is_home(PeerId(2), one)
        );
    }

    #[test]
    fn memory_does_not_grow_with_sources() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        for source in 0..100_000u32 {
            strikes.strike_source(at(1), IpAddr::from(source.to_be_bytes()));
            strikes.settle(PeerId(1), SocketAddr::new(IpAddr::from(source.to_be_bytes()), 5060));
        }
        assert_eq!((strikes.accounts.len(), strikes.homes.len()), (0, HOMES));
    }
}
