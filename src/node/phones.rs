//! Where the phones are that register here, as each shard knows them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::{Instant, PeerId};
use crate::sip::transaction::{Door, Wire};

/// Where a registered phone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registered {
    /// The newest contact: the Request-URI of calls to it.
    pub(super) uri: Box<[u8]>,
    /// Where they are sent.
    pub(super) source: SocketAddr,
    /// The stream connection that leads there.
    pub(super) wire: Option<Wire>,
    /// When it runs out.
    pub(super) until: Instant,
    /// How many contacts there are.
    pub(super) contacts: usize,
}

impl Registered {
    /// Which way it is reached: by its connection, else by the first shard's door, for a NAT on the way lets nothing in but
    /// from where the phone has registered.
    pub(super) fn door(&self) -> Door {
        self.wire.map_or(Door::Public, Door::Stream)
    }
}

/// The registered phones, as each shard knows them.
#[derive(Debug, Default)]
pub(super) struct Phones {
    by_peer: BTreeMap<PeerId, Arc<Registered>>,
    /// How many are at each host.
    hosts: BTreeMap<IpAddr, u32>,
}

impl Phones {
    /// Where this one is.
    pub(super) fn get(&self, peer: PeerId) -> Option<&Arc<Registered>> {
        self.by_peer.get(&peer)
    }

    /// True when some phone is at this host.
    pub(super) fn has_host(&self, host: IpAddr) -> bool {
        self.hosts.contains_key(&host)
    }

    pub(super) fn put(&mut self, peer: PeerId, registered: Option<Arc<Registered>>) {
        let before = match registered {
            Some(registered) => {
                *self.hosts.entry(registered.source.ip()).or_default() += 1;
                self.by_peer.insert(peer, registered)
            }
            None => self.by_peer.remove(&peer),
        };
        let Some(host) = before.map(|before| before.source.ip()) else { return };
        if let Some(count) = self.hosts.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(&host);
            }
        }
    }
}
