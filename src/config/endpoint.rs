//! Where a neighbour is.

use std::fmt;

/// One address of a peer. In the manner of RFC 2782 the lowest priority is tried first, and of several with the same those
/// with more weight more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// `address = "pbx.example:5060"`: host and port.
    pub endpoint: Endpoint,
    /// `priority = 0`: lower goes first.
    pub priority: u16,
    /// `weight = 1`: its share among those of its priority; 0: only when they are down.
    pub weight: u16,
}

/// A host (name or address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// As in a SIP URI: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
