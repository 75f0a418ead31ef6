//! Our credentials for those who ask for them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::sip::auth::Credentials;

/// Whom our credentials are for, by the address that requests go to.
#[derive(Debug, Clone, Default)]
pub struct Wallet(BTreeMap<SocketAddr, Arc<Credentials>>);

impl Wallet {
    /// Puts credentials in.
    pub fn put(&mut self, address: SocketAddr, credentials: Arc<Credentials>) {
        self.0.insert(address, credentials);
    }

    /// Those for an address: of this port, else of any at that host, for a far end may answer calls at another port.
    pub(super) fn find(&self, address: SocketAddr) -> Option<&Arc<Credentials>> {
        let host = |ip: IpAddr| SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX);
        self.0.get(&address).or_else(|| self.0.range(host(address.ip())).next().map(|(_, credentials)| credentials))
    }
}
