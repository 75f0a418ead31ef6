//! Reads `[sip]`, `[media]`, `[http]` and `[drain]`: where the node listens and how it ends. The defaults stand in the fields'
//! documentation.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::base::PerFamily;
use crate::base::limits::{LOCAL_NETWORKS_MAX, MEDIA_WORKERS_MAX, SHARDS_MAX};
use crate::call::session::{INTERVAL_MAX, INTERVAL_MIN, SessionTerms};
use crate::media::{Codec, Codecs};
use crate::sip::transaction::LocalNetworks;

use super::error::Report;
use super::families::{self, Host, Written, same_family};
use super::reader::{Item, Section, boolean, integer, string};
use super::tls;
use super::transport::TlsConfig;
use super::types::{DrainConfig, HttpConfig, MediaConfig, OtherFamily, SipConfig, UnknownSource};
use super::values::{self, DAY, SECOND, show};

const SIP_KEYS: [&str; 9] = [
    "listen",
    "tcp",
    "advertise",
    "local_networks",
    "local_address",
    "shards",
    "unknown_source",
    "session_expires",
    "min_se",
];
const MEDIA_KEYS: [&str; 5] = ["address", "ports", "workers", "codecs", "silence_probe"];
const HTTP_KEYS: [&str; 4] = ["listen", "tokens", "token_files", "numbers"];
const DRAIN_KEYS: [&str; 1] = ["limit"];

const MEDIA_PORTS: (u16, u16) = (20_000, 29_999);
const SILENCE_PROBE: Duration = Duration::from_secs(90);
const HTTP_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DRAIN_LIMIT: Duration = Duration::from_secs(300);
/// Most tokens: each request is compared with all of them.
const TOKENS_MAX: usize = 1_000;

/// `[sip]`
pub(super) fn sip(document: &Section<'_, '_>, report: &mut Report<'_>) -> Option<SipConfig> {
    let Some(item) = document.get("sip") else {
        report.whole(0, "sip.listen", "is missing; write [sip] and listen = \"192.0.2.1:5060\"");
        return None;
    };
    let section = Section::open(&item, &[&SIP_KEYS[..], &tls::SIP_KEYS].concat(), report)?;
    if section.get("listen").is_none() {
        section.required("listen", "\"192.0.2.1:5060\"", report, values::socket_address);
    }
    let listen = families::read(&section, "listen", report, values::socket_address);
    let wrote_advertise = section.get("advertise");
    let advertise = families::read(&section, "advertise", report, reachable);
    let tcp = section.read("tcp", report, boolean).unwrap_or(false);
    let shards = section.read("shards", report, |value| {
        integer(value, 1, SHARDS_MAX.into()).and_then(|count| u8::try_from(count).map_err(|_| count.to_string()))
    });
    let unknown_source = section
        .read("unknown_source", report, |value| {
            values::choice(value, &[("reject", UnknownSource::Reject), ("silent", UnknownSource::Silent)])
        })
        .unwrap_or(UnknownSource::Reject);
    let session = session_terms(&section, report);
    let listen: Vec<SocketAddr> = listen?.all().map(|(listen, ..)| listen).collect();
    let (first, other) = (*listen.first()?, listen.get(1).copied());
    let spoken = PerFamily::new(first.ip(), first, other);
    let is_advertised = |listen| advertise.as_ref().is_some_and(|advertise| advertise.of(listen).is_some());
    for listen in spoken.all().filter(|listen| listen.ip().is_unspecified()) {
        let message = format!("{} is no address that others can reach", listen.ip());
        match (&wrote_advertise, &advertise) {
            (None, _) => report.whole(section.at, &section.child("advertise"), format!("is missing: {message}")),
            (Some(item), Some(_)) if spoken.other().is_some() && !is_advertised(*listen) => {
                report.whole(item.at, &item.path, format!("has none of {}: {message}", families::name(listen.ip())));
            }
            (Some(_), _) => {}
        }
    }
    if let Some(advertise) = &advertise {
        advertise.check_families(&spoken, report);
    }
    let advertise = |listen| advertise.as_ref().and_then(|advertise| advertise.of(listen));
    let (tls, other_tls) = sip_tls(&section, &spoken, report).unzip();
    let local = local(&section, &spoken, report);
    let other = other.map(|listen| OtherFamily {
        listen,
        advertise: advertise(listen),
        local: local.as_ref().and_then(|local| local.other().cloned()),
        tls: other_tls.flatten(),
    });
    let local = local.map(|local| Arc::clone(local.first()));
    let (listen, advertise, shards) = (first, advertise(first), shards.unwrap_or(1));
    Some(SipConfig { listen, other, tcp, tls, advertise, local, shards, unknown_source, session })
}

/// An address that others can reach.
fn reachable(value: &toml::de::DeValue<'_>) -> Result<IpAddr, String> {
    let address = values::address(value)?;
    if address.is_unspecified() { Err(format!("{address} is no address that others can reach")) } else { Ok(address) }
}

/// What `[sip]` says of TLS, and where it is spoken in the other family.
fn sip_tls(
    section: &Section<'_, '_>,
    spoken: &PerFamily<SocketAddr>,
    report: &mut Report<'_>,
) -> Option<(TlsConfig, Option<SocketAddr>)> {
    let Some(item) = section.get("tls") else {
        for key in &tls::SIP_KEYS[1..] {
            if let Some(item) = section.get(key) {
                report.whole(item.at, &item.path, "needs sip.tls; write tls = \"0.0.0.0:5061\"");
            }
        }
        return None;
    };
    let at = families::read(section, "tls", report, |value| match values::socket_address(value)? {
        address if address.port() == 0 => Err("needs a port; 5061 is that of SIP over TLS".to_string()),
        address => Ok(address),
    });
    if let Some(at) = &at {
        at.check_families(spoken, report);
        complete(at, spoken, &item, report);
        for (at, byte, path) in at.all() {
            let listen = spoken.towards(at.ip());
            if at.port() == listen.port() && section.read("tcp", report, boolean) == Some(true) {
                report.whole(byte, path, format!("port {} is that of sip.listen, where TCP is spoken", at.port()));
            }
        }
    }
    let own = tls::key_files(section, report);
    if own.is_none() && !section.has_any(&["tls_certificate", "tls_key"]) {
        report.whole(item.at, &item.path, "needs tls_certificate = \"FILE.pem\" and tls_key = \"FILE.pem\"");
    }
    let ca = tls::file(section, "tls_ca", report);
    let client_ca = tls::file(section, "tls_client_ca", report);
    let require = section.read("require_client_certificate", report, boolean);
    if let (None, Some(item)) = (&client_ca, section.get("require_client_certificate")) {
        report.whole(item.at, &item.path, "needs tls_client_ca, which says whose certificates count");
    }
    let (at, require_client_certificate) = (at?, require.unwrap_or(true));
    // One of a family that is not spoken is reported already.
    let listen = at.of(*spoken.first()).or_else(|| at.all().next().map(|(at, ..)| at))?;
    let other = spoken.other().and_then(|other| at.of(*other));
    Some((TlsConfig { listen, own: own?, ca, client_ca, require_client_certificate }, other))
}

/// Reports a family that is spoken and that a key says nothing of.
fn complete<T: Copy + Into<Host>>(
    written: &Written<T>,
    spoken: &PerFamily<SocketAddr>,
    item: &Item<'_, '_>,
    report: &mut Report<'_>,
) {
    // With one family that is said already.
    let lacking = spoken.all().filter(|listen| spoken.other().is_some() && written.of(**listen).is_none());
    for listen in lacking {
        let family = families::name(listen.ip());
        report.whole(item.at, &item.path, format!("has no address of {family}, which sip.listen speaks too"));
    }
}

/// `local_networks` and `local_address` of `[sip]`, for each family.
fn local(
    section: &Section<'_, '_>,
    spoken: &PerFamily<SocketAddr>,
    report: &mut Report<'_>,
) -> Option<PerFamily<Arc<LocalNetworks>>> {
    let wrote_address = section.get("local_address");
    let address = families::read(section, "local_address", report, reachable);
    let Some(item) = section.get("local_networks") else {
        if let Some(item) = wrote_address {
            report.value(item.at, &item.path, "says nothing without local_networks");
        }
        return None;
    };
    let networks = section.list("local_networks", report, values::network)?;
    if networks.len() > LOCAL_NETWORKS_MAX {
        report.value(
            item.at,
            &item.path,
            format!("lists {} networks; allowed are {LOCAL_NETWORKS_MAX}", networks.len()),
        );
        return None;
    }
    for (network, at) in &networks {
        same_family(network.0, spoken, *at, &item.path, report);
    }
    if let Some(address) = &address {
        address.check_families(spoken, report);
    }
    let mut of = |listen: SocketAddr| {
        let its = networks.iter().map(|(network, _)| *network).filter(|(ip, _)| ip.is_ipv4() == listen.is_ipv4());
        let its: Vec<_> = its.collect();
        let written = address.as_ref().and_then(|address| address.of(listen));
        let is_wrong = wrote_address.is_some() && address.is_none();
        let is_needed = listen.ip().is_unspecified() && (!its.is_empty() || spoken.other().is_none());
        if is_needed && written.is_none() && !is_wrong {
            let message = format!("needs local_address: {} is no address that others can reach", listen.ip());
            report.whole(item.at, &item.path, message);
        }
        Arc::new(LocalNetworks { networks: its, address: written.unwrap_or_else(|| listen.ip()) })
    };
    let first = of(*spoken.first());
    Some(PerFamily::new(spoken.first().ip(), first, spoken.other().map(|other| of(*other))))
}

/// `session_expires` and `min_se` of `[sip]`.
fn session_terms(section: &Section<'_, '_>, report: &mut Report<'_>) -> SessionTerms {
    let min = section.read("min_se", report, |value| values::duration(value, INTERVAL_MIN, INTERVAL_MAX));
    let min = min.unwrap_or(INTERVAL_MIN);
    let expires = section.read("session_expires", report, |value| {
        let expires = values::duration(value, Duration::ZERO, INTERVAL_MAX)?;
        match expires {
            Duration::ZERO => Ok(None),
            _ if expires < min => Err(format!("{} is shorter than min_se, {}", show(expires), show(min))),
            _ => Ok(Some(expires)),
        }
    });
    SessionTerms { expires: expires.flatten(), min }
}

/// `[media]`; `spoken` is `listen` of `[sip]`.
pub(super) fn media(
    document: &Section<'_, '_>,
    spoken: Option<PerFamily<SocketAddr>>,
    report: &mut Report<'_>,
) -> Option<MediaConfig> {
    let Some(item) = document.get("media") else {
        let spoken = spoken?;
        let (address, other) = (spoken.first().ip(), spoken.other().map(SocketAddr::ip));
        let (ports, workers, codecs, silence_probe) = (MEDIA_PORTS, None, None, SILENCE_PROBE);
        return Some(MediaConfig { address, other, ports, workers, codecs, silence_probe });
    };
    let section = Section::open(&item, &MEDIA_KEYS, report)?;
    let address = families::read(&section, "address", report, values::address);
    let ports = section.read("ports", report, values::ports).unwrap_or(MEDIA_PORTS);
    let workers = section.read("workers", report, workers).flatten();
    let codecs = codecs(&section, report);
    let silence_probe =
        section.read("silence_probe", report, |value| values::duration(value, SECOND, DAY)).unwrap_or(SILENCE_PROBE);
    let spoken = spoken?;
    if let (Some(address), Some(item)) = (&address, section.get("address")) {
        address.check_families(&spoken, report);
        complete(address, &spoken, &item, report);
    }
    let address = |listen: SocketAddr| {
        let written = address.as_ref().and_then(|address| address.of(listen));
        written.unwrap_or_else(|| listen.ip())
    };
    for listen in spoken.all() {
        let address = address(*listen);
        let same_host = address == listen.ip() || address.is_unspecified() || listen.ip().is_unspecified();
        if same_host && (ports.0..=ports.1).contains(&listen.port()) {
            let message = format!("{}-{} holds {}, the port of sip.listen", ports.0, ports.1, listen.port());
            let at = section.get("ports").map_or(section.at, |item| item.at);
            report.whole(at, &section.child("ports"), message);
        }
    }
    let (address, other) = (address(*spoken.first()), spoken.other().map(|listen| address(*listen)));
    Some(MediaConfig { address, other, ports, workers, codecs, silence_probe })
}

/// `codecs` of `[media]` or of a peer: at least one, each once.
pub(super) fn codecs(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Codecs> {
    let item = section.get("codecs")?;
    if item.value.as_array().is_some_and(|list| list.is_empty()) {
        report.value(item.at, &item.path, "is empty: no call could be taken; leave it out for all codecs");
    }
    let known = Codec::ALL.map(|codec| (codec.as_str(), codec));
    let list = section.list("codecs", report, |value| values::choice(value, &known))?;
    let mut codecs = Codecs::NONE;
    for (codec, at) in list {
        if codecs.contains(codec) {
            report.value(at, &item.path, format!("names {} twice", codec.as_str()));
        }
        codecs.push(codec);
    }
    (!codecs.is_empty()).then_some(codecs)
}

/// A number of media workers, or `"auto"`.
fn workers(value: &toml::de::DeValue<'_>) -> Result<Option<u8>, String> {
    match value.as_str() {
        Some("auto") => Ok(None),
        Some(other) => Err(format!("`{other}` is no number of threads; write one, or \"auto\"")),
        None => integer(value, 1, MEDIA_WORKERS_MAX.into()).map(|count| Some(count as u8)),
    }
}

/// `[http]`
pub(super) fn http(document: &Section<'_, '_>, report: &mut Report<'_>) -> Option<HttpConfig> {
    let Some(item) = document.get("http") else {
        return Some(HttpConfig {
            listen: HTTP_LISTEN,
            tokens: Vec::new(),
            token_files: Vec::new(),
            numbers: Vec::new(),
        });
    };
    let section = Section::open(&item, &HTTP_KEYS, report)?;
    let wrote_listen = section.get("listen");
    let listen = section.read("listen", report, values::socket_address);
    let tokens = named(&section, "tokens", report, |value| {
        let secret = string(value)?;
        let good = |b: u8| b.is_ascii_graphic();
        if secret.is_empty() || !secret.bytes().all(good) {
            return Err("a token is one or more visible ASCII characters (RFC 6750 2.1)".to_string());
        }
        Ok(secret.to_string())
    });
    let token_files = named(&section, "token_files", report, values::path);
    for (name, at) in token_files.iter().map(|(name, _, at)| (name, *at)) {
        if tokens.iter().any(|(other, ..)| other == name) {
            report.value(at, &format!("{}.{name}", section.child("token_files")), "also has a token in http.tokens");
        }
    }
    let numbers = section.list("numbers", report, |value| string(value).map(ToString::to_string)).unwrap_or_default();
    for (name, at) in &numbers {
        let has_token =
            tokens.iter().any(|(user, ..)| user == name) || token_files.iter().any(|(user, ..)| user == name);
        if !has_token {
            let message = format!("`{}` has no token in http.tokens or http.token_files", name.escape_debug());
            report.value(*at, &section.child("numbers"), message);
        }
    }
    let wrote_tokens = section.get("tokens").is_some() || section.get("token_files").is_some();
    let has_tokens = !tokens.is_empty() || !token_files.is_empty();
    let listen = if wrote_listen.is_some() { listen? } else { HTTP_LISTEN };
    if let Some(item) = wrote_listen
        && !listen.ip().is_loopback()
        && !has_tokens
    {
        let but = if wrote_tokens { "has no usable token" } else { "needs a token" };
        let message = format!("{listen} is not loopback and {but}; write tokens = {{ NAME = \"secret\" }}");
        report.whole(item.at, &item.path, message);
    }
    Some(HttpConfig {
        listen,
        tokens: tokens.into_iter().map(|(name, secret, _)| (name, secret)).collect(),
        token_files: token_files.into_iter().map(|(name, file, _)| (name, file)).collect(),
        numbers: numbers.into_iter().map(|(name, _)| name).collect(),
    })
}

/// `[drain]`
pub(super) fn drain(document: &Section<'_, '_>, report: &mut Report<'_>) -> Option<DrainConfig> {
    let Some(item) = document.get("drain") else {
        return Some(DrainConfig { limit: DRAIN_LIMIT });
    };
    let section = Section::open(&item, &DRAIN_KEYS, report)?;
    let limit =
        section.read("limit", report, |value| values::duration(value, Duration::ZERO, DAY)).unwrap_or(DRAIN_LIMIT);
    Some(DrainConfig { limit })
}

/// A table from names of the user's choice to one kind of value, each with its byte.
fn named<'t, 'i, T>(
    section: &Section<'t, 'i>,
    key: &str,
    report: &mut Report<'_>,
    reader: impl Fn(&'t toml::de::DeValue<'i>) -> Result<T, String>,
) -> Vec<(String, T, usize)> {
    let Some(map) = section.get(key).and_then(|item| Section::open_map(&item, report)) else {
        return Vec::new();
    };
    let items = map.items();
    if items.len() > TOKENS_MAX {
        report.value(map.at, &map.path, format!("holds {} names; allowed are {TOKENS_MAX}", items.len()));
        return Vec::new();
    }
    let mut values = Vec::new();
    for item in items {
        if let Err(message) = values::name(&item.key) {
            report.value(item.at, &item.path, message);
        }
        match reader(item.value) {
            Ok(value) => values.push((item.key.to_string(), value, item.at)),
            Err(message) => report.value(item.at, &item.path, message),
        }
    }
    values
}
