//! The small grammars of values: durations, names, numbers, addresses, networks, port ranges, SIP URIs. Each takes text and
//! answers with the typed value or with what is wrong and what to write instead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use toml::de::DeValue;

use super::endpoint::Endpoint;
use super::error::did_you_mean;
use super::reader::{expected, string};
use super::types::{DnisSource, SipConfig};
use crate::sip::grammar;
use crate::sip::transaction::Wire;

/// The port of SIP over UDP (RFC 3261 18.1.1) where none is written.
const SIP_PORT: u16 = 5060;
/// Longest name of a queue, agent, peer or skill: it is repeated in every metric series and call record.
const NAME_CHARS_MAX: usize = 64;

/// The least of a duration that must not be nothing.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// The bound of what rings or is asked: nobody waits longer for an answer.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// The bound of every other duration.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// `20s`, `200ms`, `5m`, `1h` within bounds, both included.
pub(super) fn duration(value: &DeValue<'_>, min: Duration, max: Duration) -> Result<Duration, String> {
    if let Some(integer) = value.as_integer() {
        return Err(format!("a duration needs a unit; write \"{integer}s\""));
    }
    let text = value.as_str().ok_or_else(|| expected("a duration such as \"20s\"", value))?;
    let Some(duration) = parse_duration(text) else {
        return Err(format!("`{text}` is no duration; write a whole number and ms, s, m or h, such as \"20s\""));
    };
    if duration < min || duration > max {
        return Err(format!("{text} is out of range; allowed are {} to {}", show(min), show(max)));
    }
    Ok(duration)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let count: u64 = count.parse().ok()?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    count.checked_mul(unit_ms).map(Duration::from_millis)
}

/// A duration as it is written in a configuration, in the largest unit that holds it whole.
pub(super) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_string(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// A name: letters, digits, `.`, `_`, `-`, `+`.
pub(super) fn name(text: &str) -> Result<&str, String> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || !text.chars().all(good) {
        return Err(format!(
            "`{}` is no name; allowed are 1 to {NAME_CHARS_MAX} letters, digits, and any of . _ - +",
            text.escape_debug()
        ));
    }
    Ok(text)
}

/// A called number: what may stand in the user part of a SIP URI without an escape (RFC 3261 25.1), and `#`, which
/// devices send bare.
pub(super) fn called_number<'t>(value: &'t DeValue<'_>) -> Result<&'t str, String> {
    let text = string(value)?;
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/#".contains(c);
    if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(good) {
        return Err(format!("`{}` is no number that a caller can dial", text.escape_debug()));
    }
    Ok(text)
}

/// A path, not empty.
pub(super) fn path(value: &DeValue<'_>) -> Result<std::path::PathBuf, String> {
    let text = string(value)?;
    if text.is_empty() || text.contains('\0') { Err("is not a path".to_string()) } else { Ok(text.into()) }
}

/// One of a table of words.
pub(super) fn choice<T: Clone>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = string(value)?;
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(meaning.clone());
    }
    let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let hint = did_you_mean(text, words.iter().map(|(word, _)| *word));
    Err(format!("unknown value `{}`, expected {}{hint}", text.escape_debug(), all.join(" or ")))
}

/// `127.0.0.1:5060`, an address to listen at. Port 0 lets the system choose.
pub(super) fn socket_address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let text = string(value)?;
    let address: SocketAddr = text.parse().map_err(|_| {
        format!(
            "`{}` is no address with a port; write it like \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"",
            text.escape_debug()
        )
    })?;
    of_its_family(address.ip()).map(|_| address)
}

/// IPv4 in the form of IPv6 (RFC 4291 2.5.5.2) would be taken for IPv6, whose socket does not reach it.
fn of_its_family(ip: IpAddr) -> Result<IpAddr, String> {
    let plain = ip.to_canonical();
    if plain == ip { Ok(ip) } else { Err(format!("{ip} is the IPv4 address {plain}; write it so")) }
}

/// An address without a port.
pub(super) fn address(value: &DeValue<'_>) -> Result<IpAddr, String> {
    let text = string(value)?;
    text.parse().map_err(|_| format!("`{}` is no IP address", text.escape_debug())).and_then(of_its_family)
}

/// `20000-29999`: an even first and an odd last port (RFC 3550 11: RTP even, its RTCP the next one).
pub(super) fn ports(value: &DeValue<'_>) -> Result<(u16, u16), String> {
    let text = string(value)?;
    let range = text.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?)));
    let Some((first, last)) = range else {
        return Err(format!("`{}` is no range of ports; write it like \"20000-29999\"", text.escape_debug()));
    };
    if first < 1024 {
        return Err(format!("{first} is a port of the system's; begin at 1024 or above"));
    }
    if first % 2 == 1 {
        return Err(format!("the first port must be even (RTP), {first} is odd"));
    }
    if last % 2 == 0 {
        return Err(format!("the last port must be odd (RTCP), {last} is even"));
    }
    if last < first {
        return Err(format!("the last port {last} is below the first {first}"));
    }
    if last - first < 3 {
        return Err(format!("{first}-{last} holds one leg; a call needs two, that is four ports"));
    }
    Ok((first, last))
}

fn port(text: &str) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `192.0.2.0/24` or a single address.
pub(super) fn network(value: &DeValue<'_>) -> Result<(IpAddr, u8), String> {
    let text = string(value)?;
    let wrong = || format!("`{}` is no network; write it like \"192.0.2.0/24\" or \"192.0.2.7\"", text.escape_debug());
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address = address.parse().map_err(|_| wrong()).and_then(of_its_family)?;
    let bits = address_bits(address);
    let Some(length) = length else { return Ok((address, bits)) };
    let length =
        port(length).and_then(|length| u8::try_from(length).ok()).filter(|length| *length <= bits).ok_or_else(wrong)?;
    let first = network_start(address, length);
    if first != address {
        return Err(format!("{address} is not the first address of its network; write \"{first}/{length}\""));
    }
    Ok((address, length))
}

/// 32 or 128.
pub(super) const fn address_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with all bits after the prefix cleared.
fn network_start(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// True when two networks have an address in common: the wider one holds the other's start.
pub(super) fn networks_overlap(one: (IpAddr, u8), other: (IpAddr, u8)) -> bool {
    let length = one.1.min(other.1);
    one.0.is_ipv4() == other.0.is_ipv4() && network_start(one.0, length) == network_start(other.0, length)
}

/// The port of SIP by this wire.
pub(super) fn port_of(wire: Option<Wire>) -> u16 {
    if wire == Some(Wire::Tls) { SIP_PORT + 1 } else { SIP_PORT }
}

/// `pbx.example:5060`, `192.0.2.9`, `[2001:db8::1]:5060`: host and port, 5060 where none is written.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    endpoint_or(text, SIP_PORT)
}

/// The same with another port where none is written.
pub(super) fn endpoint_or(text: &str, usual: u16) -> Result<Endpoint, String> {
    let wrong = || format!("`{}` is no host with a port; write it like \"pbx.example:5060\"", text.escape_debug());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        let host: Ipv6Addr = host.parse().map_err(|_| wrong())?;
        of_its_family(host.into())?;
        let port = match rest.strip_prefix(':') {
            Some(text) => port(text).filter(|port| *port > 0).ok_or_else(wrong)?,
            None if rest.is_empty() => usual,
            None => return Err(wrong()),
        };
        return Ok(Endpoint { host: host.to_string(), port });
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("an IPv6 address stands in brackets; write \"[{text}]:5060\""));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, text)) => (host, port(text).filter(|port| *port > 0).ok_or_else(wrong)?),
        None => (text, usual),
    };
    if !is_host(host) {
        return Err(wrong());
    }
    Ok(Endpoint { host: host.to_string(), port })
}

/// An IPv4 address or a host name (RFC 1123 2.1). What is all digits and dots must be an address.
fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let label = |label: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        label.len() <= 63
            && edge(label.chars().next())
            && edge(label.chars().last())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let top_is_word = text.rsplit('.').next().is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()));
    text.len() <= 253 && top_is_word && text.split('.').all(label)
}

/// A `sip:` or `sips:` URI of a device that is reached by a transport which is spoken; answers with its host.
pub(super) fn sip_uri(uri: &str, sip: Option<&SipConfig>) -> Result<Endpoint, String> {
    let shown = uri.escape_debug();
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Err(format!("`{shown}` is no SIP URI; write it like \"sip:1001@192.0.2.9:5060\""));
    };
    let is_sips = scheme.eq_ignore_ascii_case("sips");
    if !is_sips && !scheme.eq_ignore_ascii_case("sip") {
        return Err(format!("`{shown}` has the scheme `{}`; only sip: and sips: are spoken", scheme.escape_debug()));
    }
    if let Some(bad) = rest.chars().find(|c| !c.is_ascii_graphic() || "<>\"{}\\^`|".contains(*c)) {
        return Err(format!("`{shown}` holds {bad:?}, which may not stand in a SIP URI"));
    }
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.is_empty() || user.contains('@')) {
        return Err(format!("`{shown}` has no usable user before the @"));
    }
    if host.contains('?') {
        return Err(format!("`{shown}` carries headers after ?, which are not sent"));
    }
    let (host, parameters) = host.split_once(';').map_or((host, ""), |(host, parameters)| (host, parameters));
    let transport = parameters.split(';').find_map(|p| p.strip_prefix("transport=")).unwrap_or("udp");
    let wire = match transport.to_ascii_lowercase().as_str() {
        "udp" | "tls" | "tcp" if is_sips => Some(Wire::Tls),
        "udp" => None,
        "tcp" => Some(Wire::Tcp),
        "tls" => Some(Wire::Tls),
        _ => return Err(format!("`{shown}` asks for the transport `{transport}`; there are udp, tcp and tls")),
    };
    match (wire, sip) {
        (Some(Wire::Tcp), Some(sip)) if !sip.tcp => return Err(format!("`{shown}` needs sip.tcp = true")),
        (Some(Wire::Tls), Some(sip)) if sip.tls.is_none() => {
            return Err(format!("`{shown}` needs sip.tls = \"0.0.0.0:5061\""));
        }
        (Some(Wire::Tcp | Wire::Tls) | None, _) => {}
    }
    let host = endpoint_or(host, port_of(wire)).map_err(|why| format!("`{shown}` names no usable host: {why}"))?;
    match user.map(|_| grammar::agent_uri(uri)) {
        Some(Err(error)) => Err(format!("`{shown}` is no usable SIP URI: {error}")),
        Some(Ok(_)) | None => Ok(host),
    }
}

/// The name of a SIP header: a token (RFC 3261 25.1).
pub(super) fn header_name(text: &str) -> Result<&str, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.bytes().all(token) {
        return Err(format!("`{}` is no header's name", text.escape_debug()));
    }
    Ok(text)
}

/// One place where the called number may stand.
pub(super) fn dnis_source(value: &DeValue<'_>) -> Result<DnisSource, String> {
    let text = string(value)?;
    if let Some(header) = text.strip_prefix("header:") {
        return header_name(header).map(|name| DnisSource::Header(name.to_string()));
    }
    choice(
        value,
        &[
            ("p-called-party-id", DnisSource::PCalledPartyId),
            ("history-info", DnisSource::HistoryInfo),
            ("diversion", DnisSource::Diversion),
            ("to", DnisSource::To),
            ("request-uri", DnisSource::RequestUri),
            // Only named in the error: the form itself is read above.
            ("header:NAME", DnisSource::Header(String::new())),
        ],
    )
}
