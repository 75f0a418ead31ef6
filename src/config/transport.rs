//! How a neighbour is reached, and whose certificates are shown and trusted on the way.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::sip::transaction::Wire;

/// `transport` of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection that is encrypted, and proves who the other is.
    Tls,
}

impl From<Wire> for Transport {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Tcp => Self::Tcp,
            Wire::Tls => Self::Tls,
        }
    }
}

impl Transport {
    /// The stream that it means; `None` for datagrams.
    pub const fn wire(self) -> Option<Wire> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some(Wire::Tcp),
            Self::Tls => Some(Wire::Tls),
        }
    }
}

/// SIP over TLS, where `[sip] tls` is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `tls = "0.0.0.0:5061"`: where TLS is spoken, for all shards. Cannot change at run time.
    pub listen: SocketAddr,
    /// `tls_certificate`, `tls_key`: what we show to whoever connects, and to whom we connect where that asks for it. Read again
    /// at each reload; connections that live stay as they are.
    pub own: KeyFiles,
    /// `tls_ca`: who signs the certificates of peers that we connect to. Default: those that the system trusts.
    pub ca: Option<FileAt>,
    /// `tls_client_ca`: who signs the certificates of those that connect to us. Default: nobody is asked for one.
    pub client_ca: Option<FileAt>,
    /// `require_client_certificate = true`: who has none is refused. `false`: it is trusted by its address or by digest, as
    /// without TLS. Default true.
    pub require_client_certificate: bool,
}

/// A certificate with its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// The certificate, and behind it those that lead to the CA.
    pub certificate: FileAt,
    /// Its private key.
    pub key: FileAt,
}

/// A file, relative to the directory of the configuration, with where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAt {
    /// The file.
    pub path: PathBuf,
    /// The line of the configuration, counted from 1.
    pub line: usize,
    /// The key's path, such as `sip.tls_certificate`.
    pub key: String,
}

/// TLS with one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// `tls_server_name = "pbx.example"`: the name that its certificate must have (RFC 5922). Default: the host of its address.
    pub server_name: Option<String>,
    /// `tls_ca`: who signs its certificate. Default: that of `[sip]`.
    pub ca: Option<FileAt>,
    /// `tls_certificate`, `tls_key`: what we show to it. Default: that of `[sip]`.
    pub own: Option<KeyFiles>,
    /// `tls_client_names = ["pbx.example"]`: its calls are those that come over TLS with a certificate of one of these names,
    /// from whatever address. Lower case. Default none: it is known by its address.
    pub client_names: Vec<Arc<str>>,
}
