//! Host names of a configuration to addresses. The pure rooms are told the result; numeric hosts need none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::base::PerFamily;
use crate::config::Config;

/// How long one name may take; the resolver's own patience may be longer.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Looks up every host name that the configuration sends to. A name that is not found keeps its address in `known`, or is
/// left out: its neighbour is down until a later look-up finds it.
pub async fn resolve(config: &Config, known: &BTreeMap<String, IpAddr>) -> BTreeMap<String, IpAddr> {
    let mut found = BTreeMap::new();
    for name in names(config) {
        if let Some(address) = lookup(&name, &config.sip.spoken()).await {
            found.insert(name, address);
        } else if let Some(address) = known.get(&name) {
            tracing::warn!(name, %address, "host name not found, its last address is kept");
            found.insert(name, *address);
        } else {
            tracing::warn!(name, "host name not found");
        }
    }
    found
}

/// The address that the world sees, where `listen` is every address of the machine and none is configured: the one that
/// packets to a far host leave from, else loopback.
pub fn own_address(listen: SocketAddr) -> IpAddr {
    if !listen.ip().is_unspecified() {
        return listen.ip();
    }
    // Documentation addresses (RFC 5737, RFC 3849): a datagram socket's connect sends nothing.
    let far = if listen.is_ipv4() { "192.0.2.1:9" } else { "[2001:db8::1]:9" };
    let outgoing = UdpSocket::bind(SocketAddr::new(listen.ip(), 0)).and_then(|socket| {
        socket.connect(far)?;
        socket.local_addr()
    });
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    outgoing.unwrap_or(loopback).ip()
}

fn names(config: &Config) -> BTreeSet<String> {
    let addresses = config.peers.iter().flat_map(|peer| &peer.addresses);
    let peers = addresses.map(|one| one.endpoint.host.as_str());
    let phones = config
        .agents
        .iter()
        .filter(|agent| agent.peer.is_none() && agent.register.is_none())
        .filter_map(|agent| uri_host(&agent.uri));
    peers.chain(phones).filter(|host| host.parse::<IpAddr>().is_err()).map(str::to_string).collect()
}

/// The host of a SIP URI (RFC 3261 25.1) that the configuration has accepted; IPv6 without brackets.
fn uri_host(uri: &str) -> Option<&str> {
    let rest = uri.split_once(':')?.1;
    let rest = rest.split([';', '?']).next()?;
    let host_port = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match host_port.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next(),
        None => host_port.split(':').next(),
    }
}

/// An address of the first family, else of the other one where that is spoken.
async fn lookup(name: &str, spoken: &PerFamily<SocketAddr>) -> Option<IpAddr> {
    let Ok(Ok(addresses)) = tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((name, 0))).await else {
        return None;
    };
    let addresses: Vec<_> = addresses.map(|address| address.ip()).collect();
    let of = |listen: &SocketAddr| addresses.iter().copied().find(|ip| ip.is_ipv4() == listen.is_ipv4());
    spoken.all().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_uri_is_found() {
        assert_eq!(uri_host("sip:1001@pbx.example:5070;transport=udp"), Some("pbx.example"));
        assert_eq!(uri_host("sip:pbx.example"), Some("pbx.example"));
        assert_eq!(uri_host("sip:a@[2001:db8::1]:5060"), Some("2001:db8::1"));
        assert_eq!(uri_host("nonsense"), None);
    }

    #[test]
    fn a_listener_on_one_address_is_seen_there() {
        assert_eq!(own_address("127.0.0.9:5060".parse().unwrap()).to_string(), "127.0.0.9");
        assert!(!own_address("0.0.0.0:5060".parse().unwrap()).is_unspecified());
    }
}
