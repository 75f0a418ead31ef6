//! Reads `[peers.NAME]`: the SIP neighbours, and refuses two that both send calls from the same address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::limits;
use crate::media::Srtp;
use crate::sip::package::Package;

use super::credentials;
use super::error::Report;
use super::listeners::codecs;
use super::peer_addresses;
use super::peer_manners::{CallerPrivacy, ConnectedLine, DeviceWatch, NumberingConfig, StaleDevice};
use super::reader::{Item, Section, boolean, string};
use super::tls;
use super::transport::Transport;
use super::types::{DnisSource, PeerConfig, SipConfig};
use super::values::{self, DAY, HOUR, SECOND};

const PEER_KEYS: [&str; 21] = [
    "address",
    "addresses",
    "sources",
    "inbound",
    "dnis",
    "transport",
    "qualify",
    "symmetric_rtp",
    "srtp",
    "codecs",
    "auth",
    "outbound_auth",
    "connected_line",
    "device_state",
    "device_state_expires",
    "device_state_stale",
    "country_code",
    "national_prefix",
    "international_prefix",
    "privacy",
    "carry_headers",
];
const PRIVACY: [(&str, CallerPrivacy); 2] = [("keep", CallerPrivacy::Keep), ("ignore", CallerPrivacy::Ignore)];
/// Header fields that are no `X-` but may go on to an agent's phone: nothing of ours depends on them.
const CARRIED: [&str; 6] = ["Diversion", "History-Info", "Subject", "User-to-User", "P-Charging-Vector", "Session-ID"];
/// The longest name of a header field that is carried.
const CARRIED_NAME_BYTES_MAX: usize = 64;
/// Longest country code (E.164: 3 digits), and longest prefix dialled before a number.
const PREFIX_DIGITS_MAX: usize = 6;

/// The least time to subscribe for: less is as good as asking all the time.
const DEVICE_STATE_EXPIRES_MIN: Duration = Duration::from_secs(60);
/// A lost NOTIFY leaves an agent in a wrong state for so long at most; thousands of agents are some ten SUBSCRIBEs a second.
const DEVICE_STATE_EXPIRES: Duration = Duration::from_secs(600);
const QUALIFY: Duration = Duration::from_secs(30);

/// The peers of a text: those that could be read, and the names of all, so that an agent's reference to a wrong one is
/// not an error of its own.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) read: Vec<PeerConfig>,
    pub(super) names: Vec<String>,
}

/// A network that calls come from, with its place.
#[derive(Debug)]
struct Source {
    network: (IpAddr, u8),
    peer: Arc<str>,
    at: usize,
    path: String,
}

/// All `[peers.NAME]` in the order of the text.
pub(super) fn peers(document: &Section<'_, '_>, sip: Option<&SipConfig>, report: &mut Report<'_>) -> Peers {
    let mut peers = Peers::default();
    let Some(map) = document.get("peers").and_then(|item| Section::open_map(&item, report)) else { return peers };
    let items = map.items();
    if items.len() > limits::PEERS_MAX {
        report.value(map.at, &map.path, format!("{} peers; allowed are {}", items.len(), limits::PEERS_MAX));
        return peers;
    }
    let mut sources: Vec<Source> = Vec::new();
    let mut certified = BTreeMap::new();
    for item in &items {
        peers.names.push(item.key.to_string());
        let Some(peer) = peer(item, sip, &mut sources, report) else { continue };
        tls::refuse_repeated(item, &peer.tls.client_names, &mut certified, report);
        peers.read.push(peer);
    }
    peers
}

fn peer(
    item: &Item<'_, '_>,
    sip: Option<&SipConfig>,
    known: &mut Vec<Source>,
    report: &mut Report<'_>,
) -> Option<PeerConfig> {
    if let Err(message) = values::name(&item.key) {
        report.value(item.at, &item.path, message);
    }
    let section = Section::open(item, &[&PEER_KEYS[..], &tls::PEER_KEYS].concat(), report)?;
    let name: Arc<str> = item.key.as_ref().into();
    let transport = transport(&section, sip, report);
    let addresses = peer_addresses::read(&section, values::port_of(transport.wire()), sip, report);
    let wrote_sources = section.list("sources", report, values::network);
    let inbound = section.read("inbound", report, boolean).unwrap_or(true);
    let qualify = section
        .read("qualify", report, |value| {
            let qualify = values::duration(value, Duration::ZERO, HOUR)?;
            let too_often = qualify > Duration::ZERO && qualify < SECOND;
            if too_often {
                Err("more than once a second burdens the peer; \"0s\" is never".to_string())
            } else {
                Ok(qualify)
            }
        })
        .unwrap_or(QUALIFY);
    let tls = tls::peer_tls(&section, sip, transport, report);
    let symmetric_rtp = section.read("symmetric_rtp", report, boolean).unwrap_or(false);
    let srtp = srtp(&section, transport, report);
    let codecs = codecs(&section, report);
    let auth = credentials::auth(&section, report);
    let outbound_auth = credentials::outbound_auth(&section, report);
    let connected_line = section
        .read("connected_line", report, |value| {
            values::choice(value, &[("transfer", ConnectedLine::Transfer), ("ignore", ConnectedLine::Ignore)])
        })
        .unwrap_or_default();
    let device_state = device_state(&section, report);
    let dnis = dnis(&section, report);
    let numbering = numbering(&section, report);
    let privacy = section.read("privacy", report, |value| values::choice(value, &PRIVACY)).unwrap_or_default();
    let carry_headers = carry_headers(&section, report);
    let path = section.child(if wrote_sources.is_some() { "sources" } else { addresses.key });
    let sources = wrote_sources.unwrap_or(addresses.sources);
    if inbound && tls.client_names.is_empty() {
        refuse_overlap(&name, &sources, &path, known, report);
    }
    Some(PeerConfig {
        name,
        address: addresses.read.first()?.endpoint.clone(),
        addresses: addresses.read,
        sources: sources.into_iter().map(|(network, _)| network).collect(),
        inbound,
        dnis,
        symmetric_rtp,
        srtp,
        codecs,
        transport,
        tls,
        connected_line,
        device_state,
        qualify,
        numbering,
        auth,
        outbound_auth,
        privacy,
        carry_headers,
    })
}

fn transport(section: &Section<'_, '_>, sip: Option<&SipConfig>, report: &mut Report<'_>) -> Transport {
    let choices = [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];
    let transport = section.read("transport", report, |value| values::choice(value, &choices));
    let at = section.get("transport").map_or(section.at, |item| item.at);
    if transport == Some(Transport::Tcp) && sip.is_some_and(|sip| !sip.tcp) {
        report.whole(at, &section.child("transport"), "needs sip.tcp = true");
    }
    if transport == Some(Transport::Tls) && sip.is_some_and(|sip| sip.tls.is_none()) {
        report.whole(at, &section.child("transport"), "needs sip.tls = \"0.0.0.0:5061\"");
    }
    transport.unwrap_or(Transport::Udp)
}

/// Keys in SDP are for everybody to read who can read SIP.
fn srtp(section: &Section<'_, '_>, transport: Transport, report: &mut Report<'_>) -> Srtp {
    let srtp = tls::srtp(section, report);
    if let Some(item) = section.get("srtp").filter(|_| srtp != Srtp::No && transport != Transport::Tls) {
        report.whole(item.at, &item.path, "needs transport = \"tls\": its keys stand in SIP");
    }
    srtp
}

fn device_state(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<DeviceWatch> {
    let choices = [("dialog-info", Some(Package::Dialog)), ("presence", Some(Package::Presence)), ("off", None)];
    let package = section.read("device_state", report, |value| values::choice(value, &choices)).flatten();
    let expires = section
        .read("device_state_expires", report, |value| values::duration(value, DEVICE_STATE_EXPIRES_MIN, DAY))
        .unwrap_or(DEVICE_STATE_EXPIRES);
    let choices = [("routable", StaleDevice::Routable), ("unroutable", StaleDevice::Unroutable)];
    let stale = section.read("device_state_stale", report, |value| values::choice(value, &choices)).unwrap_or_default();
    package.map(|package| DeviceWatch { package, expires, stale })
}

fn dnis(section: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<DnisSource> {
    let Some(item) = section.get("dnis") else { return vec![DnisSource::RequestUri] };
    if item.value.as_array().is_some_and(|list| list.is_empty()) {
        report.value(item.at, &item.path, "is empty; leave it out for [\"request-uri\"]");
    }
    let sources = section.list("dnis", report, values::dnis_source).unwrap_or_default();
    sources.into_iter().map(|(source, _)| source).collect()
}

fn numbering(section: &Section<'_, '_>, report: &mut Report<'_>) -> NumberingConfig {
    let usual = NumberingConfig::default();
    NumberingConfig {
        country_code: section.read("country_code", report, |value| digits(value, 1)),
        national_prefix: section
            .read("national_prefix", report, |value| digits(value, 0))
            .unwrap_or(usual.national_prefix),
        international_prefix: section
            .read("international_prefix", report, |value| digits(value, 1))
            .unwrap_or(usual.international_prefix),
    }
}

fn carry_headers(section: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let names = section.list("carry_headers", report, carried).unwrap_or_default();
    if let Some((_, at)) = names.get(limits::CARRIED_HEADERS_MAX) {
        let message = format!("names more than {} header fields", limits::CARRIED_HEADERS_MAX);
        report.value(*at, &section.child("carry_headers"), message);
    }
    names.into_iter().map(|(name, _)| name).collect()
}

/// A name that begins with `X-`, with or without a `*` at its end, or one of [`CARRIED`]. Ours are not the trunk's to set.
fn carried(value: &toml::de::DeValue<'_>) -> Result<Arc<str>, String> {
    let text = string(value)?;
    if let Some(name) = CARRIED.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        return Ok((*name).into());
    }
    let name = text.strip_suffix('*').unwrap_or(text);
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    if begins("X-Strowger") {
        return Err("X-Strowger-... are ours".to_string());
    }
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if begins("X-") && is_name && text.len() <= CARRIED_NAME_BYTES_MAX {
        return Ok(text.into());
    }
    let shown = text.escape_debug();
    Err(format!("`{shown}` is neither a name such as X-PBX-Account or X-PBX-* nor one of {}", CARRIED.join(", ")))
}

fn digits(value: &toml::de::DeValue<'_>, least: usize) -> Result<Arc<str>, String> {
    let text = string(value)?;
    if (least..=PREFIX_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.into());
    }
    Err(format!("`{}` is not {least} to {PREFIX_DIGITS_MAX} digits", text.escape_debug()))
}

/// Two inbound peers with an address in common could not be told apart.
fn refuse_overlap(
    peer: &Arc<str>,
    sources: &[((IpAddr, u8), usize)],
    path: &str,
    known: &mut Vec<Source>,
    report: &mut Report<'_>,
) {
    for (network, at) in sources {
        let other = known.iter().find(|source| values::networks_overlap(source.network, *network));
        if let Some(other) = other {
            let (address, length) = *network;
            let whose = if other.peer == *peer { "itself".to_string() } else { format!("`{}`", other.peer) };
            let message = format!(
                "{address}/{length} overlaps {}/{} of {whose} ({}, line {})",
                other.network.0,
                other.network.1,
                other.path,
                report.line(other.at)
            );
            report.whole(*at, path, message);
        }
        known.push(Source { network: *network, peer: Arc::clone(peer), at: *at, path: path.to_string() });
    }
}
