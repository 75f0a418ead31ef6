//! Typed grammar off the hot path, by the `rsip` crate, which nothing else uses: URIs of the configuration and the addresses of
//! REFER. rsip reads as far as it can and drops the rest, so each text passes our own reader first and the two must agree.
//! Not for messages: rsip refuses folded lines, compact names and bytes beyond UTF-8.

use thiserror::Error;

use super::uri::{Scheme, Uri, UriError, decode};
use super::value::NameAddr;

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrammarError {
    /// The URI cannot be read.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Neither `sip:` nor `sips:`.
    #[error("not a sip: or sips: URI")]
    Scheme,
    /// No user before the host.
    #[error("no user before the @")]
    User,
    /// Quotes, angle brackets or parameters cannot be read.
    #[error("not an address")]
    Address,
}

/// An address taken apart into owned text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The display name without its quotes; empty when there is none.
    pub display: String,
    /// The URI without angle brackets.
    pub uri: String,
    /// The host without the brackets of an IPv6 reference.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
}

/// Reads the URI by which an agent's device is reached: `sip:1001@pbx.example.com:5060`.
///
/// # Errors
/// [`GrammarError`] says what is wrong with the text.
pub fn agent_uri(text: &str) -> Result<Address, GrammarError> {
    let ours = Uri::parse(text.as_bytes())?;
    if !matches!(ours.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(GrammarError::Scheme);
    }
    if ours.user.is_none() {
        return Err(GrammarError::User);
    }
    agree(ours, text)?;
    Ok(Address {
        display: String::new(),
        uri: text.to_string(),
        host: String::from_utf8_lossy(ours.host).into_owned(),
        port: ours.port,
    })
}

/// Reads a Refer-To or Referred-By value (RFC 3515 2.1), folded or not.
///
/// # Errors
/// [`GrammarError`] says what is wrong with the value.
pub fn refer_address(value: &[u8]) -> Result<Address, GrammarError> {
    let text = unfold(value)?;
    let address = NameAddr::parse(text.as_bytes()).ok_or(GrammarError::Address)?;
    let uri = Uri::parse(address.uri)?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(GrammarError::Scheme);
    }
    // rsip knows no headers in URIs, and a Refer-To with Replaces has them: it reads the address without.
    let plain = String::from_utf8_lossy(address.uri).into_owned();
    let bare = plain.split('?').next().unwrap_or(&plain);
    agree(uri, bare)?;
    Ok(Address {
        display: String::from_utf8_lossy(&address.display_text()).into_owned(),
        host: String::from_utf8_lossy(uri.host).into_owned(),
        port: uri.port,
        uri: plain,
    })
}

/// The value on one line: each break with the white space around it as one space.
fn unfold(value: &[u8]) -> Result<String, GrammarError> {
    let text = std::str::from_utf8(value).map_err(|_| GrammarError::Address)?;
    Ok(text.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

/// rsip must read the same user, host and port, else it dropped a part of the text; it also knows the transports
/// and methods that the parameters of that name may have, so that a misspelt `transport=upd` is found.
fn agree(ours: Uri<'_>, text: &str) -> Result<(), GrammarError> {
    // rsip cuts an IPv6 reference at its first colon: such a host is our reader's alone.
    if ours.host_ip().is_some_and(|address| address.is_ipv6()) {
        return Ok(());
    }
    // rsip takes a dot for the host's, also in the user; the escape means the same.
    let text = match text.split_once('@') {
        Some((user, rest)) => format!("{}@{rest}", user.replace('.', "%2E")),
        None => text.to_string(),
    };
    let theirs = rsip::Uri::try_from(text).map_err(|_| GrammarError::Address)?;
    let same = decode(theirs.user().unwrap_or("").as_bytes()) == ours.user_decoded()
        && theirs.host().to_string().as_bytes().eq_ignore_ascii_case(ours.host)
        && theirs.port().map(|port| *port.value()) == ours.port;
    if same { Ok(()) } else { Err(GrammarError::Address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_s_uri_names_user_and_host() {
        let address = agent_uri("sip:1001@pbx.example.com:5080;transport=udp").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("pbx.example.com", Some(5080)));
        assert_eq!(agent_uri("sip:1001@[2001:db8::1]:5060").unwrap().host, "2001:db8::1");
        for text in
            ["sip:+86138;ext=2@h.example", "sips:1001@192.0.2.1", "sip:a.b_c-d@h;user=phone;lr;x=y", "SIP:1001@h"]
        {
            assert!(agent_uri(text).is_ok(), "{text}: {:?}", agent_uri(text));
        }
        assert!(agent_uri("sip:1001@h;transport=TCP").is_ok());
        assert_eq!(agent_uri("sip:1001@h;transport=upd"), Err(GrammarError::Address));
        assert_eq!(agent_uri("sip:pbx.example.com"), Err(GrammarError::User));
        assert_eq!(agent_uri("tel:+123"), Err(GrammarError::Scheme));
        assert_eq!(agent_uri("1001"), Err(GrammarError::Uri(UriError::Scheme)));
        assert_eq!(agent_uri("sip:1001@host name"), Err(GrammarError::Uri(UriError::Character)));
    }

    #[test]
    fn a_referred_address_may_be_folded_and_carry_headers() {
        let address =
            refer_address(b"\"Bob\"\r\n <sip:bob@192.0.2.7:5062?Replaces=a%40b%3Bto-tag%3D1>;method=INVITE").unwrap();
        assert_eq!((address.display.as_str(), address.host.as_str(), address.port), ("Bob", "192.0.2.7", Some(5062)));
        assert_eq!(address.uri, "sip:bob@192.0.2.7:5062?Replaces=a%40b%3Bto-tag%3D1");
        assert_eq!(refer_address(b"<sip:bob@host"), Err(GrammarError::Address));
        assert_eq!(refer_address(b"<http://x>"), Err(GrammarError::Scheme));
        assert_eq!(refer_address(b"<sip:\xff@h>"), Err(GrammarError::Address));
    }
}
