//! Host names of a configuration to addresses. The pure rooms are told the result; numeric hosts need none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::base::PerFamily;
use crate::config::Config;

/// How long one name may take; the resolver's own patience may be longer.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Looks up every host name that the configuration sends to, in the families of `bound`. A name that is not found keeps its
/// address in `known`, or is left out: its neighbour is down until a later look-up finds it.
pub async fn resolve(config: &Config, bound: &PerFamily<SocketAddr>, known: &Hosts) -> Hosts {
    let mut hosts = BTreeMap::new();
    for name in names(config) {
        let known = known.get(&name).map_or(&[][..], Vec::as_slice);
        let found = lookup(&name).await;
        let addresses = choose(&found, known, bound);
        match addresses.first() {
            None => tracing::warn!(name, "host name not found"),
            Some(address) if !found.contains(address) => {
                tracing::warn!(name, %address, "host name not found, its last address is kept");
            }
            Some(_) => {}
        }
        if !addresses.is_empty() {
            hosts.insert(name, addresses);
        }
    }
    hosts
}

/// Host names to addresses, as [`crate::node::Resolved`] has them.
pub type Hosts = BTreeMap<String, Vec<IpAddr>>;

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

/// All addresses of a name; none when it is not found.
async fn lookup(name: &str) -> Vec<IpAddr> {
    match tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// One address of each family that is bound, that of the first one first. It stays what it was while it is still found, in
/// whatever order a name of several tells them, and where none of its family is found: an answer of the resolver's that is
/// lost moves nobody's calls to the other family, and makes nobody a stranger. Where nothing is found, all is as it was.
fn choose(found: &[IpAddr], known: &[IpAddr], bound: &PerFamily<SocketAddr>) -> Vec<IpAddr> {
    let of = |all: &[IpAddr], listen: &SocketAddr| all.iter().copied().find(|ip| ip.is_ipv4() == listen.is_ipv4());
    if bound.all().all(|listen| of(found, listen).is_none()) {
        return known.to_vec();
    }
    let chosen = bound.all().filter_map(|listen| {
        let last = of(known, listen);
        last.filter(|ip| found.contains(ip)).or_else(|| of(found, listen)).or(last)
    });
    chosen.collect()
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
    fn a_name_has_an_address_of_each_family_and_is_called_by_the_first() {
        let ips = |text: &str| text.split_whitespace().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let [four, six]: [SocketAddr; 2] = ["192.0.2.2:5060", "[2001:db8::2]:5060"].map(|at| at.parse().unwrap());
        let both = PerFamily::new(four.ip(), four, Some(six));
        for (found, known, expected) in [
            ("2001:db8::9 2001:db8::8 192.0.2.9", "", "192.0.2.9 2001:db8::9"),
            ("2001:db8::9", "", "2001:db8::9"),
            ("2001:db8::9", "192.0.2.8 2001:db8::8", "192.0.2.8 2001:db8::9"),
            ("192.0.2.9", "192.0.2.8 2001:db8::8", "192.0.2.9 2001:db8::8"),
            ("", "192.0.2.8 2001:db8::8", "192.0.2.8 2001:db8::8"),
            ("192.0.2.9", "2001:db8::8", "192.0.2.9 2001:db8::8"),
            ("192.0.2.9 192.0.2.8 2001:db8::9 2001:db8::8", "192.0.2.8 2001:db8::8", "192.0.2.8 2001:db8::8"),
            ("192.0.2.9 192.0.2.8", "192.0.2.8", "192.0.2.8"),
        ] {
            assert_eq!(choose(&ips(found), &ips(known), &both), ips(expected), "{found}; {known}");
        }
        let one = PerFamily::new(six.ip(), six, None);
        assert_eq!(choose(&ips("192.0.2.9 2001:db8::9"), &[], &one), ips("2001:db8::9"));
        assert_eq!(choose(&ips("192.0.2.9"), &[], &one), ips(""));
    }

    #[test]
    fn a_listener_on_one_address_is_seen_there() {
        assert_eq!(own_address("127.0.0.9:5060".parse().unwrap()).to_string(), "127.0.0.9");
        assert!(!own_address("0.0.0.0:5060".parse().unwrap()).is_unspecified());
    }
}
