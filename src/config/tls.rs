//! Reads what `[sip]` and `[peers.NAME]` say of TLS: where it is spoken, whose certificates are shown and trusted. Files are
//! only named here; the shell reads them, and says what is wrong with one by the line that names it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::error::Report;
use super::reader::{Item, Section, string};
use super::transport::{FileAt, KeyFiles, PeerTls, Transport};
use super::types::SipConfig;
use super::values;
use crate::base::PerFamily;
use crate::media::Srtp;

const SRTP: [(&str, Srtp); 3] = [("no", Srtp::No), ("optional", Srtp::Optional), ("required", Srtp::Required)];
/// The keys of `[sip]`.
pub(super) const SIP_KEYS: [&str; 6] =
    ["tls", "tls_certificate", "tls_key", "tls_ca", "tls_client_ca", "require_client_certificate"];
/// The keys of a peer.
pub(super) const PEER_KEYS: [&str; 5] = ["tls_server_name", "tls_ca", "tls_certificate", "tls_key", "tls_client_names"];
/// Most names of one peer's certificates: a cluster's members.
const CLIENT_NAMES_MAX: usize = 16;

impl SipConfig {
    /// Where the world reaches TLS; `own` is the address that the world sees of SIP, in the same address family.
    pub fn tls_address(&self, own: IpAddr) -> Option<SocketAddr> {
        let first = (self.tls.as_ref()?.listen, self.listen, self.advertise);
        let other = self.other.as_ref().filter(|other| other.listen.is_ipv4() == own.is_ipv4());
        let (tls, listen, advertise) = match other {
            Some(other) => (other.tls?, other.listen, other.advertise),
            None => first,
        };
        let apart = !tls.ip().is_unspecified() && tls.ip() != listen.ip() && advertise.is_none();
        Some(SocketAddr::new(if apart { tls.ip() } else { own }, tls.port()))
    }

    /// Where SIP is spoken, in each address family.
    pub fn spoken(&self) -> PerFamily<SocketAddr> {
        PerFamily::new(self.listen.ip(), self.listen, self.other.as_ref().map(|other| other.listen))
    }

    /// True when some stream connection may come or go.
    pub const fn has_streams(&self) -> bool {
        self.tcp || self.tls.is_some()
    }
}

/// `srtp` of a peer or of agents; that it needs TLS is for the caller to see to.
pub(super) fn srtp(section: &Section<'_, '_>, report: &mut Report<'_>) -> Srtp {
    section.read("srtp", report, |value| values::choice(value, &SRTP)).unwrap_or_default()
}

/// What a peer says of TLS.
pub(super) fn peer_tls(
    section: &Section<'_, '_>,
    sip: Option<&SipConfig>,
    transport: Transport,
    report: &mut Report<'_>,
) -> PeerTls {
    let server_name = section.read("tls_server_name", report, |value| certificate_name(string(value)?));
    let ca = file(section, "tls_ca", report);
    let own = key_files(section, report);
    if transport != Transport::Tls {
        for item in PEER_KEYS[..4].iter().filter_map(|key| section.get(key)) {
            report.whole(item.at, &item.path, "needs transport = \"tls\"");
        }
    }
    PeerTls { server_name, ca, own, client_names: client_names(section, sip, report) }
}

fn client_names(section: &Section<'_, '_>, sip: Option<&SipConfig>, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let Some(item) = section.get("tls_client_names") else { return Vec::new() };
    let names = section.list("tls_client_names", report, |value| certificate_name(string(value)?)).unwrap_or_default();
    if names.len() > CLIENT_NAMES_MAX || item.value.as_array().is_some_and(|list| list.is_empty()) {
        report.value(item.at, &item.path, format!("names {}; 1 to {CLIENT_NAMES_MAX} are allowed", names.len()));
    }
    let asks = |sip: &SipConfig| sip.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if sip.is_some_and(|sip| !asks(sip)) {
        report.whole(item.at, &item.path, "needs sip.tls_client_ca, which says whose certificates count");
    }
    if let Some(sources) = section.get("sources") {
        let message = "is not used with tls_client_names: calls are taken by the certificate, from any address";
        report.whole(sources.at, &sources.path, message);
    }
    names.into_iter().map(|(name, _)| name.into()).collect()
}

/// Two peers with a name in common could not be told apart. `known` are the names so far, with the path and byte of each.
pub(super) fn refuse_repeated(
    item: &Item<'_, '_>,
    names: &[Arc<str>],
    known: &mut BTreeMap<Arc<str>, (String, usize)>,
    report: &mut Report<'_>,
) {
    let elements = Section::open_map(item, report).and_then(|peer| peer.elements("tls_client_names", report));
    for (name, element) in names.iter().zip(elements.unwrap_or_default()) {
        if let Some((path, at)) = known.get(name) {
            let message = format!("`{name}` stands in {path} (line {}) already", report.line(*at));
            report.whole(element.at, &element.path, message);
        }
        known.entry(Arc::clone(name)).or_insert((element.path, element.at));
    }
}

/// A certificate's name as it is compared: lower case, or an address.
fn certificate_name(text: &str) -> Result<String, String> {
    match values::endpoint(text) {
        Ok(endpoint) if endpoint.host == text => Ok(text.to_ascii_lowercase()),
        Ok(_) | Err(_) if text.parse::<IpAddr>().is_ok() => Ok(text.to_ascii_lowercase()),
        Ok(_) | Err(_) => Err(format!("`{}` is no host name; write it like \"pbx.example\"", text.escape_debug())),
    }
}

/// A certificate and its key: both or neither.
pub(super) fn key_files(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<KeyFiles> {
    for (one, other) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
        if let (Some(item), None) = (section.get(one), section.get(other)) {
            report.whole(item.at, &item.path, format!("needs {other} = \"FILE.pem\" too"));
        }
    }
    let (certificate, key) = (file(section, "tls_certificate", report), file(section, "tls_key", report));
    Some(KeyFiles { certificate: certificate?, key: key? })
}

/// A file with its place.
pub(super) fn file(section: &Section<'_, '_>, key: &str, report: &mut Report<'_>) -> Option<FileAt> {
    let path = section.read(key, report, values::path)?;
    let item = section.get(key)?;
    Some(FileAt { path, line: report.line(item.at), key: item.path })
}
