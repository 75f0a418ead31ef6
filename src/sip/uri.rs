//! SIP, SIPS and tel URIs, read in place (RFC 3261 19.1, RFC 3966). Percent escapes are kept until they are asked for.
//! Never resolves a host name.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::message::is_token;
use super::value::{Params, SIP_PORT, decimal, host_port, ip, is_host};

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
        Self::usual(text).map_or_else(|| Self::parse_whole(text), Ok)
    }

    /// A SIP URI as nearly all are: a user without escapes or password, a host name or IPv4 address, a port, parameters. Anything
    /// else, right or wrong, is for the whole reader, which reads these alike.
    fn usual(text: &'a [u8]) -> Option<Self> {
        let rest = text.strip_prefix(b"sip:")?;
        let at = rest.iter().position(|b| !(is_host(*b) || matches!(b, b'+' | b'*'))).unwrap_or(rest.len());
        let (user, place) = match rest[at..] {
            [b'@', ref place @ ..] if at > 0 => (Some(&rest[..at]), place),
            _ => (None, rest),
        };
        let (host, tail) = place.split_at(place.iter().position(|b| !is_host(*b)).unwrap_or(place.len()));
        let (port, params) = match tail {
            [b':', tail @ ..] => {
                let (digits, params) = tail.split_at(tail.iter().position(|b| *b == b';').unwrap_or(tail.len()));
                (Some(u16::try_from(decimal(digits)?).ok()?), params)
            }
            _ => (None, tail),
        };
        let is_plain = |b: &u8| is_token(*b) || matches!(b, b';' | b'=' | b':');
        let is_whole = !host.is_empty() && matches!(params, [] | [b';', ..]) && params.iter().all(is_plain);
        is_whole.then_some(Self { scheme: Scheme::Sip, user, host, port, params, headers: b"" })
    }

    fn parse_whole(text: &'a [u8]) -> Result<Self, UriError> {
        // Without an early end, so that the compiler takes many bytes at a time.
        if text.iter().fold(false, |bad, b| bad | matches!(b, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f)) {
            return Err(UriError::Character);
        }
        if let Some(rest) = text.strip_prefix(b"sip:") {
            return Self::parse_sip(Scheme::Sip, rest);
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
        let (mut at, mut password, mut escaped) = (0, None, false);
        while at < text.len() && text[at] != b'@' {
            match text[at] {
                b':' if password.is_none() => password = Some(at),
                b'%' if password.is_none() => escaped = true,
                _ => {}
            }
            at += 1;
        }
        let (user, rest) = match text.split_at_checked(at) {
            Some((user, [b'@', rest @ ..])) => (Some(&user[..password.unwrap_or(at)]), rest),
            _ => (None, text),
        };
        if user.is_some_and(<[u8]>::is_empty) {
            return Err(UriError::User);
        }
        if user.is_some_and(|user| escaped && !escapes_are_whole(user)) {
            return Err(UriError::Escape);
        }
        let end = rest.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(rest.len());
        let (host, tail) = rest.split_at(end);
        let (params, headers) = match tail.iter().position(|b| *b == b'?') {
            Some(at) => (&tail[..at], &tail[at + 1..]),
            None => (tail, &[][..]),
        };
        let (host, port) = host_port(host).ok_or(UriError::Host)?;
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

    /// Where the URI points when its host is numeric.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host_ip()?, self.port_or_default()))
    }

    /// The port; where it names none 5060, and 5061 for `sips:` and for `transport=tls` (RFC 3263 4.2).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| {
            let asks = || self.param("transport").is_some_and(|name| name.eq_ignore_ascii_case(b"tls"));
            if self.scheme == Scheme::Sips || asks() { SIP_PORT + 1 } else { SIP_PORT }
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn every_part_of_a_sip_uri_is_read() {
        let uri = Uri::parse(b"SIPS:+86%31;ext=2:secret@[2001:db8::1]:5071;transport=tcp;lr?Subject=x").unwrap();
        assert_eq!((uri.scheme, uri.user, uri.port), (Scheme::Sips, Some(&b"+86%31;ext=2"[..]), Some(5071)));
        assert_eq!((uri.host, uri.headers), (&b"2001:db8::1"[..], &b"Subject=x"[..]));
        assert_eq!(
            (uri.param("Transport"), uri.param("lr"), uri.param("x")),
            (Some(&b"tcp"[..]), Some(&b""[..]), None)
        );
        assert_eq!((uri.user_decoded(), uri.number()), (Cow::from(&b"+861;ext=2"[..]), Cow::from(&b"+861"[..])));
        let bare = Uri::parse(b"sip:example.com").unwrap();
        assert_eq!((bare.user, bare.socket_addr()), (None, None));
        assert_eq!(bare.user_decoded(), &b""[..]);
    }

    #[test]
    fn numeric_hosts_become_addresses_with_the_scheme_s_port() {
        let addr = |text: &'static str| Uri::parse(text.as_bytes()).unwrap().socket_addr().unwrap().to_string();
        assert_eq!(addr("sip:a@192.0.2.1"), "192.0.2.1:5060");
        assert_eq!(addr("sips:a@192.0.2.1"), "192.0.2.1:5061");
        assert_eq!(addr("sip:a@192.0.2.1;transport=TLS"), "192.0.2.1:5061");
        assert_eq!(addr("sip:[2001:db8:::192.0.2.1]:7"), "[2001:db8::c000:201]:7");
    }

    #[test]
    fn tel_and_unknown_schemes_are_told_apart() {
        let tel = Uri::parse(b"tel:+1-201-555-0123;phone-context=x").unwrap();
        assert_eq!((tel.scheme, tel.number()), (Scheme::Tel, Cow::from(&b"+1-201-555-0123"[..])));
        assert_eq!(tel.param("phone-context"), Some(&b"x"[..]));
        assert_eq!(Uri::parse(b"soap.beep://192.0.2.103:3002").unwrap().scheme, Scheme::Other);
    }

    #[test]
    fn a_wrong_uri_says_which_part_is_wrong() {
        for (text, error) in [
            ("", UriError::Scheme),
            ("example.com", UriError::Scheme),
            ("1a:b", UriError::Scheme),
            ("sip:a b@h", UriError::Character),
            ("<sip:a@h>", UriError::Character),
            ("sip:a@h\r\nX: y", UriError::Character),
            ("sip:@h", UriError::User),
            ("tel:", UriError::User),
            ("sip:%4@h", UriError::Escape),
            ("sip:%zz@h", UriError::Escape),
            ("sip:", UriError::Host),
            ("sip:a@", UriError::Host),
            ("sip:a@h:", UriError::Host),
            ("sip:a@h:70000", UriError::Host),
            ("sip:2001:db8::10", UriError::Host),
            ("sip:2001:db8::10:5060", UriError::Host),
            ("sip:a@[::1", UriError::Host),
            ("sip:a@[::1]x", UriError::Host),
            ("sip:a@b@c", UriError::Host),
        ] {
            assert_eq!(Uri::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn the_usual_is_read_as_by_the_whole_reader() {
        let samples = [
            "sip:+4930555123@192.0.2.1:5060;transport=udp",
            "sip:800@acd",
            "sip:192.0.2.2:5060",
            "sip:acd;lr",
            "sip:a@b@c",
            "sip:a@h:05060",
            "sip:a@h:65536",
            "sip:a@h:",
            "sip:@h",
            "sip:",
            "sip:a@",
            "sip:a@h;x=y?z",
            "sip:a@h ;x",
            "sip:a:b@h",
            "sip:a;b@h",
            "sip:a@h;b@c",
            "sip:h;b@c",
            "sip:h:5;b@c",
            "sip:h:5@c",
            "sip:a%31@h",
            "sip:a@[::1]:5",
            "sips:a@h",
            "SIP:a@h",
            "sip:a@h;;;",
        ];
        let (mut rng, mut read) = (Rng::from_u64(3), 0);
        for round in 0..20_000 {
            let mut text = samples[round % samples.len()].as_bytes().to_vec();
            for _ in 0..rng.below(3) {
                let at = rng.below(text.len() as u32) as usize;
                let mark = b"@:;?%[]=+ a1.\"<"[rng.below(15) as usize];
                if rng.below(2) == 0 { text.insert(at, mark) } else { text[at] = mark }
            }
            if let Some(usual) = Uri::usual(&text) {
                read += 1;
                assert_eq!(Uri::parse_whole(&text), Ok(usual), "{}", String::from_utf8_lossy(&text));
            }
        }
        assert!(read > 2_000, "{read}");
    }

    #[test]
    fn places_compare_by_meaning() {
        let same = |a: &'static str, b: &'static str| {
            Uri::parse(a.as_bytes()).unwrap().same_place(&Uri::parse(b.as_bytes()).unwrap())
        };
        assert!(same("sip:%61lice@Example.com", "sip:alice@example.COM;transport=udp"));
        assert!(same("sip:a@[2001:db8::1]", "sip:a@[2001:0db8::0001]"));
        assert!(!same("sip:Alice@example.com", "sip:alice@example.com"));
        assert!(!same("sip:a@example.com:5060", "sip:a@example.com"));
        assert!(!same("sip:a@192.0.2.1", "sip:a@example.com"));
        assert!(!same("sip:a@h", "sips:a@h"));
    }
}
