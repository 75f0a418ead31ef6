//! [`Strikes`]: wrong passwords, counted by account and by source, so that none is found by trying. All counts are bounded:
//! accounts are configured, and sources share a table of fixed size by a keyed hash.
//!
//! An account that is tried too often is believed from nowhere but from where it is at home: where its phone is registered, and
//! the host where it has proven itself last, for behind NAT a phone that has restarted has another port. So whoever tries does
//! not shut its owner out. At home there are counts of their own, for others may sit behind the same address.
//!
//! A neighbour is at home by datagrams at an address and port, and by streams, which have a new port each time, at a host.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::{Instant, PeerId, Rng, origin};
use crate::node::source::Sources;
use crate::sip::transaction::Secret;

/// A phone's account may be tried wrongly so often at once, and then once in each `every`: some 1,450 times a day.
const ACCOUNT: Limit = Limit { tries: 10, every: Duration::from_secs(60) };
/// A neighbour's: it makes many calls, and whoever writes in its name does so from a network that it trusts.
const NEIGHBOUR: Limit = Limit { tries: 100, every: Duration::from_secs(1) };
/// A phone where it is registered, and a source; many phones may stand behind one address.
const SOURCE: Limit = Limit { tries: 60, every: Duration::from_secs(10) };
/// Places for neighbours' homes, of 8 bytes: a few for each.
const HOMES: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Strikes {
    accounts: BTreeMap<(PeerId, Place), Tries>,
    /// The hosts where phones have proven themselves last; see [`origin`].
    hosts: BTreeMap<PeerId, u64>,
    sources: Sources<Tries>,
    /// Where neighbours have proven themselves, by a keyed hash of both.
    homes: Box<[u64]>,
    secret: Secret,
}

/// From where an account is tried: each has a count of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Where the phone is registered.
    Phone,
    /// The host where it has proven itself last.
    Host,
    /// From elsewhere.
    Elsewhere,
    /// In a neighbour's name by a stream, from the host where it has proven itself by one.
    NeighbourHost,
    /// In a neighbour's name, from where it has not proven itself.
    Neighbour,
}

/// How many wrong tries are taken at once, and in what time one is forgiven.
#[derive(Debug, Clone, Copy)]
struct Limit {
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
            hosts: BTreeMap::new(),
            sources: Sources::new(Secret::draw(rng), Tries::default()),
            homes: vec![0; HOMES].into(),
            secret: Secret::draw(rng),
        }
    }

    /// Whether passwords from this source are looked at.
    pub(super) fn hears(&mut self, now: Instant, source: IpAddr) -> bool {
        self.sources.of(source).left(now, SOURCE.every) < SOURCE.tries
    }

    /// Whether a good password for this account is believed from there.
    pub(super) fn believes(&mut self, now: Instant, account: PeerId, from: Place) -> bool {
        let limit = from.limit();
        self.accounts.get_mut(&(account, from)).is_none_or(|tries| tries.left(now, limit.every) < limit.tries)
    }

    /// A wrong one from this source.
    pub(super) fn strike_source(&mut self, now: Instant, source: IpAddr) {
        self.sources.of(source).add(now, SOURCE.every);
    }

    /// A wrong one for this account from there; true for the first after none for a while.
    pub(super) fn strike(&mut self, now: Instant, account: PeerId, from: Place) -> bool {
        self.accounts.entry((account, from)).or_default().add(now, from.limit().every) == 1
    }

    /// A phone has proven itself from this host.
    pub(super) fn move_in(&mut self, account: PeerId, host: IpAddr) {
        self.hosts.insert(account, origin(host));
    }

    /// Whether that is where it has done so last.
    pub(super) fn lives_at(&self, account: PeerId, host: IpAddr) -> bool {
        self.hosts.get(&account) == Some(&origin(host))
    }

    /// A neighbour has proven itself here, by a stream or not.
    pub(super) fn settle(&mut self, peer: PeerId, at: SocketAddr, by_stream: bool) {
        let home = self.home(peer, at, by_stream);
        self.homes[home as usize % HOMES] = home;
    }

    /// From where a neighbour is tried; `None` at home, where it is believed in any case: nobody else is there.
    pub(super) fn tried_from(&self, peer: PeerId, at: SocketAddr, by_stream: bool) -> Option<Place> {
        let home = self.home(peer, at, by_stream);
        match (self.homes[home as usize % HOMES] == home, by_stream) {
            (false, _) => Some(Place::Neighbour),
            (true, true) => Some(Place::NeighbourHost),
            (true, false) => None,
        }
    }

    fn home(&self, peer: PeerId, at: SocketAddr, by_stream: bool) -> u64 {
        let mut bytes = [0; 22];
        match at.ip().to_canonical() {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes[..16].copy_from_slice(&ip.octets()),
        }
        // No datagram comes from port 0.
        let port = if by_stream { 0 } else { at.port() };
        bytes[16..18].copy_from_slice(&port.to_be_bytes());
        bytes[18..].copy_from_slice(&peer.0.to_be_bytes());
        self.secret.digest(&bytes)
    }
}

impl Place {
    const fn limit(self) -> Limit {
        match self {
            Self::Phone => SOURCE,
            Self::Host | Self::Elsewhere => ACCOUNT,
            Self::NeighbourHost | Self::Neighbour => NEIGHBOUR,
        }
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
            if strikes.believes(at(second), PeerId(1), Place::Elsewhere) {
                strikes.strike(at(second), PeerId(1), Place::Elsewhere);
                tried += 1;
            }
        }
        assert!((60..=70).contains(&tried), "{tried} in an hour");
        assert!(strikes.believes(at(3_600), PeerId(2), Place::Elsewhere), "another account");
        assert!([Place::Phone, Place::Host].into_iter().all(|from| strikes.believes(at(3_600), PeerId(1), from)));
        assert!(strikes.believes(at(9_000), PeerId(1), Place::Elsewhere), "and this one later");
    }

    #[test]
    fn a_phone_is_at_home_at_the_host_where_it_has_proven_itself_last() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        assert!(!strikes.lives_at(PeerId(1), one));
        strikes.move_in(PeerId(1), one);
        assert!(strikes.lives_at(PeerId(1), one) && !strikes.lives_at(PeerId(2), one));
        strikes.move_in(PeerId(1), other);
        assert!(strikes.lives_at(PeerId(1), other) && !strikes.lives_at(PeerId(1), one));
    }

    #[test]
    fn whoever_sits_where_a_phone_is_does_not_try_without_end_either() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        let mut tried = 0;
        for second in 0..3_600 {
            if strikes.believes(at(second), PeerId(1), Place::Phone) {
                strikes.strike(at(second), PeerId(1), Place::Phone);
                tried += 1;
            }
        }
        assert!((360..=421).contains(&tried), "{tried} in an hour");
        assert!(strikes.believes(at(3_600), PeerId(1), Place::Elsewhere), "from elsewhere it is counted by itself");
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
        let [one, port, host] = ["192.0.2.1:5060", "192.0.2.1:5061", "192.0.2.2:5060"].map(|at| at.parse().unwrap());
        let all =
            |strikes: &Strikes, by_stream| [one, port, host].map(|at| strikes.tried_from(PeerId(1), at, by_stream));
        assert_eq!(all(&strikes, false), [Some(Place::Neighbour); 3]);
        strikes.settle(PeerId(1), one, false);
        assert_eq!(all(&strikes, false), [None, Some(Place::Neighbour), Some(Place::Neighbour)]);
        assert_eq!(all(&strikes, true), [Some(Place::Neighbour); 3]);
        strikes.settle(PeerId(1), one, true);
        let by_stream = [Some(Place::NeighbourHost), Some(Place::NeighbourHost), Some(Place::Neighbour)];
        assert_eq!(all(&strikes, true), by_stream, "a connection has a port of its own");
        assert_eq!(strikes.tried_from(PeerId(2), one, true), Some(Place::Neighbour));
    }

    #[test]
    fn memory_does_not_grow_with_sources() {
        let mut strikes = Strikes::new(&mut Rng::from_u64(1));
        for source in 0..100_000u32 {
            strikes.strike_source(at(1), IpAddr::from(source.to_be_bytes()));
            strikes.settle(PeerId(1), SocketAddr::new(IpAddr::from(source.to_be_bytes()), 5060), source % 2 == 0);
        }
        assert_eq!((strikes.accounts.len(), strikes.homes.len()), (0, HOMES));
    }
}
