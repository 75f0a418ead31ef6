//! TLS for the stream connections: with which keys, and who must be at the far end. What is put in force counts for connections
//! that begin afterwards; those that live keep what they began with.
//!
//! A handshake costs this thread's time, not that of signalling: see `HANDSHAKES_PER_SECOND` of [`crate::base::limits`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio_rustls::rustls::client::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::{Config, Transport};
use crate::io::certificates::Keys;
use crate::node::{Resolved, Wire};
use crate::sip::uri::Uri;

/// See the module.
#[derive(Debug)]
pub(super) struct Tls {
    keys: Arc<Keys>,
    /// Who must be at an address that is configured, by name or as it is written.
    ends: BTreeMap<SocketAddr, End>,
    /// The same by host alone: connections to where a peer's Contact says.
    hosts: BTreeMap<IpAddr, End>,
    /// The addresses of all peers.
    neighbours: BTreeSet<IpAddr>,
}

/// Who must be at the far end of a connection that we open.
#[derive(Debug, Clone)]
struct End {
    name: ServerName<'static>,
    client: Arc<ClientConfig>,
}

impl Tls {
    /// With these keys, under this configuration.
    pub(super) fn new(keys: &Arc<Keys>, config: &Config, resolved: &Resolved) -> Self {
        let mut tls =
            Self { keys: Arc::clone(keys), ends: BTreeMap::new(), hosts: BTreeMap::new(), neighbours: BTreeSet::new() };
        let addresses = |host: &str| -> Vec<IpAddr> {
            host.parse().map(|ip| vec![ip]).ok().or_else(|| resolved.hosts.get(host).cloned()).unwrap_or_default()
        };
        for agent in config.agents.iter().filter(|agent| agent.peer.is_none() && agent.register.is_none()) {
            let uri = Uri::parse(agent.uri.as_bytes()).ok().filter(|uri| Wire::of(uri) == Some(Wire::Tls));
            let Some(uri) = uri else { continue };
            let host = String::from_utf8_lossy(uri.host);
            let host = host.trim_matches(['[', ']']);
            for ip in addresses(host) {
                tls.put(SocketAddr::new(ip, uri.port_or_default()), host, &keys.client);
            }
        }
        for (peer, one) in config.peers.iter().flat_map(|peer| peer.addresses.iter().map(move |one| (peer, one))) {
            for ip in addresses(&one.endpoint.host) {
                tls.neighbours.insert(ip.to_canonical());
                if peer.transport == Transport::Tls {
                    let name = peer.tls.server_name.as_deref().unwrap_or(&one.endpoint.host);
                    let client = keys.peers.get(&peer.name).unwrap_or(&keys.client);
                    tls.put(SocketAddr::new(ip, one.endpoint.port), name, client);
                }
            }
        }
        tls
    }

    fn put(&mut self, at: SocketAddr, name: &str, client: &Arc<ClientConfig>) {
        let name = ServerName::try_from(name.to_string()).unwrap_or_else(|_| ServerName::from(at.ip()));
        let end = End { name, client: Arc::clone(client) };
        self.hosts.insert(at.ip(), end.clone());
        self.ends.insert(at, end);
    }

    /// For a connection that has come.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.keys.server))
    }

    /// For a connection that we open, and the name that the certificate at its far end must have (RFC 5922 7.2): what is
    /// configured, else its address.
    pub(super) fn connector(&self, far: SocketAddr) -> (TlsConnector, ServerName<'static>) {
        match self.ends.get(&far).or_else(|| self.hosts.get(&far.ip())) {
            Some(End { name, client }) => (TlsConnector::from(Arc::clone(client)), name.clone()),
            None => (TlsConnector::from(Arc::clone(&self.keys.client)), ServerName::from(far.ip())),
        }
    }

    /// True for the address of a peer.
    pub(super) fn is_neighbour(&self, address: IpAddr) -> bool {
        self.neighbours.contains(&address.to_canonical())
    }
}
