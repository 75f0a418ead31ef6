//! The other shards of a node, as one of them sees them. A phone's two calls may be in two shards: what one of them wishes to put
//! into the other's call it sends there as to a neighbour, an INVITE with Replaces from port to port, and the audio goes from
//! port to port too. Nothing else is taken from a shard that way.

use std::net::{IpAddr, SocketAddr};

use crate::base::ShardId;
use crate::call::legs::leg_of_tag;
use crate::config::Config;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::replaces::Replaces;

/// Where the shards are, by their numbers; empty where there is one.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    addresses: Box<[SocketAddr]>,
}

impl Siblings {
    /// The shards at these addresses, as the world sees them. Among each other they use what they listen at, or what
    /// the inside of a NAT sees: not every NAT sends back what comes from inside.
    pub(super) fn new(config: &Config, addresses: &[SocketAddr]) -> Self {
        let listens = Some(config.sip.listen.ip()).filter(|ip| !ip.is_unspecified());
        let inside: Option<IpAddr> = listens.or_else(|| config.sip.local.as_ref().map(|local| local.address));
        let address = |it: &SocketAddr| SocketAddr::new(inside.unwrap_or_else(|| it.ip()), it.port());
        Self { addresses: addresses.iter().map(address).collect() }
    }

    /// The address of another shard than this one that has a dialog, if its tag is of our making: a leg and 64 bits. Others
    /// write tags with dashes too.
    pub(super) fn of(&self, own: ShardId, dialog: &Replaces<'_>) -> Option<SocketAddr> {
        let bits = &dialog.to_tag[memchr::memchr(b'-', dialog.to_tag)? + 1..];
        if bits.len() != 16 || !bits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let shard = leg_of_tag(dialog.to_tag)?.shard();
        self.addresses.get(usize::from(shard.0)).copied().filter(|_| shard != own)
    }

    /// True when another shard asks for a place in a call here. Who forges its address would have to know the dialog.
    pub(super) fn asks(&self, source: SocketAddr, request: &Message) -> bool {
        self.has(source) && request.method() == Method::Invite && request.value(Name::Replaces).is_some()
    }

    /// True when a shard is there.
    pub(super) fn has(&self, source: SocketAddr) -> bool {
        self.addresses.contains(&source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Instant;
    use crate::config;
    use crate::node::{Parts, Resolved, Setup};

    #[test]
    fn only_tags_of_our_making_name_another_shard() {
        let addresses = [5060, 5061].map(|port| SocketAddr::from(([192, 0, 2, 2], port)));
        let (config, resolved) = (std::sync::Arc::new(config::built_in()), Resolved::default());
        let setup =
            Setup { config, resolved, seed: [7; 32], sip_address: addresses[0], leases: Vec::new(), other: None };
        let Parts { shards, .. } = Parts::new(Instant::ZERO, &setup, &addresses);
        let port = |shard: usize, tag: &str| {
            let text = format!("call;to-tag={tag};from-tag=x");
            shards[shard]
                .siblings
                .of(ShardId(shard as u8), &Replaces::parse(text.as_bytes()).unwrap())
                .map(|address| address.port())
        };
        let tag = |shard: u64| format!("{:x}-0123456789abcdef", shard << 56 | 1 << 32);
        assert_eq!([port(0, &tag(1)), port(1, &tag(0))], [Some(5061), Some(5060)]);
        assert_eq!([port(0, &tag(0)), port(1, &tag(1)), port(0, &tag(2))], [None; 3]);
        for other in
            ["4a1bb5c1-3f6b-4c1e-9d55-0a1b2c3d4e5f", "4a1bb5c1-", "abc", "-0123456789abcdef", "g-0123456789abcdef"]
        {
            assert_eq!(port(1, other), None, "{other}");
        }
    }
}
