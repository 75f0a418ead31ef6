//! A neighbour as the directory keeps it: where it is, how it is reached, and how it writes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::ValueId;
use crate::base::PeerId;
use crate::config::{
    CallerPrivacy, ConnectedLine, DeviceWatch, DnisSource, Endpoint, NumberingConfig, PeerAuth, PeerConfig, Transport,
};
use crate::media::{Codecs, Srtp};
use crate::node::message::Resolved;
use crate::node::peers::Member;
use crate::sip::auth::Credentials;
use crate::sip::transaction::Wire;
use crate::sip::uri::Uri;

/// Before the agent's name in that of its registered phone.
pub(super) const REGISTRATION: &str = "registration of ";

/// A neighbour, present or past: configured, or the direct address of an agent's phone.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) name: Arc<str>,
    pub(super) address: Option<SocketAddr>,
    /// Its addresses, each a neighbour of its own, where it has several.
    pub(super) members: Vec<Member>,
    /// Whose address it is, where it is one of several.
    pub(super) group: Option<PeerId>,
    pub(super) dnis: Vec<DnisSource>,
    /// Its phones' audio may come from elsewhere than they say.
    pub(super) symmetric_rtp: bool,
    /// Whether its audio is encrypted.
    pub(super) srtp: Srtp,
    /// What may be used with it, where it has a list of its own.
    pub(super) codecs: Option<Codecs>,
    /// How it is reached.
    pub(super) transport: Transport,
    pub(super) qualify: Duration,
    /// What another party on an agent's leg means.
    pub(super) connected_line: ConnectedLine,
    /// How it is asked what its phones do.
    pub(super) device_state: Option<DeviceWatch>,
    pub(super) listing: Listing,
    pub(super) origin: Origin,
    /// By what it proves itself, where its address does not suffice.
    pub(super) auth: Option<Arc<PeerAuth>>,
    /// By what it registers: it is an agent's phone, which tells where it is.
    pub(super) account: Option<Arc<Credentials>>,
    /// How it writes callers' numbers.
    pub(super) numbering: NumberingConfig,
    pub(super) privacy: CallerPrivacy,
    /// Names of header fields that go on between its callers and agents' phones.
    pub(super) carry_headers: Vec<Arc<str>>,
    /// Itself, as what contacts are told apart by.
    pub(super) trunk: ValueId,
}

/// Where a neighbour is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In `[peers]`.
    Configured,
    /// In the URI of an agent's own phone; there may be thousands.
    Phone,
}

/// Whether a neighbour belongs to the configuration in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Present,
    Removed,
}

impl Peer {
    /// The agent whose phone registers as this neighbour.
    pub(super) fn registers_as(&self) -> Option<&str> {
        self.account.as_ref().and_then(|_| self.name.strip_prefix(REGISTRATION))
    }

    /// Whether a phone that registers may do so, and be called, this way: keys stand in SIP.
    pub(super) fn may_come_by(&self, wire: Option<Wire>) -> bool {
        self.srtp != Srtp::Required || wire == Some(Wire::Tls)
    }

    pub(super) fn configured(config: &PeerConfig, resolved: &Resolved) -> Self {
        Self {
            name: config.name.clone(),
            address: address(&config.address, resolved),
            members: Vec::new(),
            group: None,
            dnis: config.dnis.clone(),
            symmetric_rtp: config.symmetric_rtp,
            srtp: config.srtp,
            codecs: config.codecs,
            transport: config.transport,
            qualify: config.qualify,
            connected_line: config.connected_line,
            device_state: config.device_state,
            listing: Listing::Present,
            origin: Origin::Configured,
            auth: config.auth.clone(),
            account: None,
            numbering: config.numbering.clone(),
            privacy: config.privacy,
            carry_headers: config.carry_headers.clone(),
            trunk: ValueId::default(),
        }
    }

    /// The one that an agent's URI names. Phones of one address are another neighbour where their audio is encrypted.
    pub(super) fn direct(uri: &str, srtp: Srtp, resolved: &Resolved) -> Self {
        let endpoint = Uri::parse(uri.as_bytes()).ok().map(|uri| Endpoint {
            host: String::from_utf8_lossy(uri.host).trim_matches(['[', ']']).to_string(),
            port: uri.port_or_default(),
        });
        let wire = Uri::parse(uri.as_bytes()).ok().and_then(|uri| Wire::of(&uri));
        let name = endpoint.as_ref().map_or_else(|| uri.to_string(), |at| format!("{}:{}", at.host, at.port));
        let name = match srtp {
            Srtp::No => name,
            Srtp::Optional => name + " (SRTP optional)",
            Srtp::Required => name + " (SRTP)",
        };
        let phone = Self::phone(name.into(), endpoint.and_then(|endpoint| address(&endpoint, resolved)));
        Self { srtp, transport: wire.map_or(Transport::Udp, Transport::from), ..phone }
    }

    pub(super) fn phone(name: Arc<str>, address: Option<SocketAddr>) -> Self {
        Self {
            name,
            address,
            members: Vec::new(),
            group: None,
            dnis: Vec::new(),
            symmetric_rtp: false,
            srtp: Srtp::No,
            codecs: None,
            transport: Transport::Udp,
            qualify: Duration::ZERO,
            // A phone hands on by REFER.
            connected_line: ConnectedLine::Ignore,
            device_state: None,
            listing: Listing::Present,
            origin: Origin::Phone,
            auth: None,
            account: None,
            numbering: NumberingConfig::default(),
            privacy: CallerPrivacy::default(),
            carry_headers: Vec::new(),
            trunk: ValueId::default(),
        }
    }
}

/// Where an endpoint is; `None` when its name is not known.
pub(super) fn address(endpoint: &Endpoint, resolved: &Resolved) -> Option<SocketAddr> {
    Some(SocketAddr::new(hosts(endpoint, resolved).next()?, endpoint.port))
}

/// Every address of an endpoint's host, the one that is called first.
pub(super) fn hosts(endpoint: &Endpoint, resolved: &Resolved) -> impl Iterator<Item = IpAddr> {
    let found = resolved.hosts.get(&endpoint.host).into_iter().flatten().copied();
    endpoint.host.parse().ok().into_iter().chain(found)
}
