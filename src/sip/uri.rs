//! SIP, SIPS and tel URIs, read in place (RFC 3261 19.1, RFC 3966). Percent escapes are kept until they are asked for.
//! Never resolves a host name.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::value::{Params, SIP_PORT, host_port, ip};

/// A URI's scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Another scheme; everything behind it stands in `host`.
    Other,
}

/// Why a text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UriError {
    /// No scheme with its colon.
    #[error("no scheme")]
    Scheme,
    /// White space, angle brackets, quotes or control characters, which have to be escaped.
    #[error("character not allowed")]
    Character,
    /// An empty user before the `@`.
    #[error("empty user")]
    User,
    /// The host is empty, no host name and no address (an IPv6 address needs brackets), or the port is no number.
    #[error("bad host or port")]
    Host,
    /// A percent sign without two hexadecimal digits.
    #[error("bad escape")]
    Escape,
}

/// A URI read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user as written, user parameters included, without the password; the number of a tel URI.
    pub user: Option<&'a [u8]>,
    /// The host without the brackets of an IPv6 reference; empty for tel.
    pub host: &'a [u8],
    /// The port.
    pub port: Option<u16>,
    /// The parameters, empty or beginning with a semicolon.
    pub params: &'a [u8],
    /// The header part behind the question mark, empty when there is none.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone: no angle brackets, no white space.
    ///
    /// # Errors
    /// [`UriError`] says which part cannot be read.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        if text.iter().any(|b| matches!(b, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f)) {
            return Err(UriError::Character);
        }
        let colon = memchr::memchr(b':', text).ok_or(UriError::Scheme)?;
        let (name, rest) = (&text[..colon], &text[colon + 1..]);
        let is_scheme = name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(UriError::Scheme);
        }
        if name.eq_ignore_ascii_case(b"sip") {
            Self::parse_sip(Scheme::Sip, rest)
        } else if name.eq_ignore_ascii_case(b"sips") {
            Self::parse_sip(Scheme::Sips, rest)
        } else if name.eq_ignore_ascii_case(b"tel") {
            Self::parse_tel(rest)
        } else {
            Ok(Self { scheme: Scheme::Other, user: None, host: rest, port: None, params: b"", headers: b"" })
        }
    }

    fn parse_sip(scheme: Scheme, text: &'a [u8]) -> Result<Self, UriError> {
        // User parts may hold `;` and `?`, so that the `@` is looked for first (RFC 3261 19.1.1).
        let (user, rest) = match memchr::memchr(b'@', text) {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        let user = user.map(|user| &user[..memchr::memchr(b':', user).unwrap_or(user.len())]);
        if user.is_some_and(<[u8]>::is_empty) {
            return Err(UriError::User);
        }
        if user.is_some_and(|user| !escapes_are_whole(user)) {
            return Err(UriError::Escape);
        }
        let (rest, headers) = match memchr::memchr(b'?', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &[][..]),
        };
        let (host, params) = rest.split_at(memchr::memchr(b';', rest).unwrap_or(rest.len()));
        let bare_v6 = memchr::memchr2(b'[', b']', host).is_none() && memchr::memchr_iter(b':', host).count() > 1;
        let (host, port) = host_port(host).filter(|_| !bare_v6).ok_or(UriError::Host)?;
        Ok(Self { scheme, user, host, port, params, headers })
    }

    fn parse_tel(text: &'a [u8]) -> Result<Self, UriError> {
        let (number, params) = text.split_at(memchr::memchr(b';', text).unwrap_or(text.len()));
        if number.is_empty() {
            return Err(UriError::User);
        }
        Ok(Self { scheme: Scheme::Tel, user: Some(number), host: b"", port: None, params, headers: b"" })
    }

    /// The user with its percent escapes decoded, user parameters included; `%00` becomes NUL. Empty when there is none.
    pub fn user_decoded(&self) -> Cow<'a, [u8]> {
        decode(self.user.unwrap_or(b""))
    }

    /// The number or name dialled: the user without its `;x=y` parameters, decoded. Empty when there is no user.
    pub fn number(&self) -> Cow<'a, [u8]> {
        let user = self.user.unwrap_or(b"");
        decode(&user[..memchr::memchr(b';', user).unwrap_or(user.len())])
    }

    /// A URI parameter by name (any letter case): empty when it has no value, `None` when it is absent.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        Params::find(self.params, name)
    }

    /// The host as an address, when it is numeric.
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip(self.host)
    }

    /// Where the URI points when its host is numeric; port 5060 when it names none, 5061 for sips.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let default = if self.scheme == Scheme::Sips { SIP_PORT + 1 } else { SIP_PORT };
        Some(SocketAddr::new(self.host_ip()?, self.port.unwrap_or(default)))
    }

    /// True when both name the same user at the same host and port: the part of RFC 3261 19.1.4 that tells places apart.
    /// Parameters and headers are not compared.
    pub fn same_place(&self, other: &Self) -> bool {
        let host = |uri: &Self| uri.host_ip();
        let hosts = match (host(self), host(other)) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.host.eq_ignore_ascii_case(other.host),
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.scheme == other.scheme && hosts && self.port == other.port && self.user_decoded() == other.user_decoded()
    }
}

/// True when every percent sign is followed by two hexadecimal digits.
fn escapes_are_whole(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text)
        .all(|at| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// Percent escapes decoded; a percent sign that begins none is kept.
pub fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let escape = match text[at..] {
            [b'%', high, low, ..] => digit(high).zip(digit(low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => out.push(high << 4 | low),
            None => out.push(text[at]),
        }
        at += if escape.is_some() { 3 } else { 1 };
    }
    Cow::Owned(out)
}
