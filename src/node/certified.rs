//! Which TLS connections' far ends have shown a certificate, as each shard knows it. Which certificates are good the shell
//! knows; what their names mean is decided in `credentials`, under the configuration in force.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::limits::STREAMS_MAX;
use crate::sip::transaction::{Door, Wire};

/// The names of a certificate, in lower case.
pub type Names = Arc<[Arc<str>]>;

/// The connections whose far ends have shown a good certificate, with its names.
#[derive(Debug, Default)]
pub(super) struct Certified {
    names: BTreeMap<SocketAddr, Names>,
    /// By which the message in hand came.
    pub(super) door: Door,
}

impl Certified {
    /// The stream that the message in hand came by.
    pub(super) const fn wire(&self) -> Option<Wire> {
        match self.door {
            Door::Stream(wire) => Some(wire),
            Door::Own | Door::Public => None,
        }
    }

    /// The far end of a connection has shown a good certificate with these names.
    pub(super) fn put(&mut self, far: SocketAddr, names: Names) {
        if self.names.len() < STREAMS_MAX {
            self.names.insert(far, names);
        }
    }

    /// The names of the certificate at a connection's far end.
    pub(super) fn names(&self, far: SocketAddr) -> Option<&Names> {
        self.names.get(&far)
    }

    /// The connection is gone.
    pub(super) fn remove(&mut self, far: SocketAddr) {
        self.names.remove(&far);
    }
}
