//! The other address family, where two are spoken.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::sip::transaction::LocalNetworks;

/// The second of two address families that are spoken: each key that holds an address of ours may be a list with one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFamily {
    /// The UDP address, of `listen`. Cannot change at run time.
    pub listen: SocketAddr,
    /// Of `advertise`.
    pub advertise: Option<IpAddr>,
    /// Of `local_networks` and `local_address`.
    pub local: Option<Arc<LocalNetworks>>,
    /// Of `tls`, which lists both families or none.
    pub tls: Option<SocketAddr>,
}
