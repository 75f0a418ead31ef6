//! Typed grammar off the hot path, by the `rsip` crate, which nothing else uses: URIs of the configuration and the addresses of
//! REFER. rsip reads as far as it can and drops the rest, so each text passes our own reader first and the two must agree.
//! Not for messages: rsip refuses folded lines, compact names and bytes beyond UTF-8.

use thiserror::Error;

use super::uri::{Scheme, Uri, UriError};
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
    let theirs = rsip::Uri::try_from(text).map_err(|_| GrammarError::Address)?;
    agree(ours, &theirs)?;
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
    let theirs = rsip::Uri::try_from(bare).map_err(|_| GrammarError::Address)?;
    agree(uri, &theirs)?;
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

/// rsip must have read the same host and port, else it dropped a part of the text.
fn agree(ours: Uri<'_>, theirs: &rsip::Uri) -> Result<(), GrammarError> {
    let host = theirs.host().to_string();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = theirs.port().map(|port| *port.value());
    let same = host.as_bytes().eq_ignore_ascii_case(ours.host) && port == ours.port;
    if same { Ok(()) } else { Err(GrammarError::Address) }
}
