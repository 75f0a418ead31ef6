//! Header field values, read in place: name-addr, parameters, CSeq, Via, media types, comma lists. Every type borrows from the
//! message; nothing here allocates but the two functions that return a `Cow`.
//! Reading is lenient (what RFC 4475 calls valid is read); what must be refused is decided in `check`.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::name::Method;
pub use crate::base::digits::decimal;

/// The default port of SIP over UDP and TCP (RFC 3261 19.1.2).
pub const SIP_PORT: u16 = 5060;

/// The parts of `value` between commas that stand outside quotes and angle brackets, trimmed; empty ones are left out.
pub fn split_commas(value: &[u8]) -> Elements<'_> {
    Elements { rest: value, whole: None }
}

/// Iterator of [`split_commas`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    whole: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    /// A value that is one element, whatever commas it holds.
    pub(super) const fn whole(value: &'a [u8]) -> Self {
        Self { rest: &[], whole: Some(value) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (element, rest) = match comma(self.rest) {
                Some(at) => (&self.rest[..at], &self.rest[at + 1..]),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
        self.whole.take()
    }
}

/// The first comma outside quotes and angle brackets.
fn comma(text: &[u8]) -> Option<usize> {
    memchr::memchr(b',', text)?;
    let (mut at, mut angle) = (0, false);
    while at < text.len() {
        match text[at] {
            b',' if !angle => return Some(at),
            b'"' => at = quote_end(text, at).unwrap_or(text.len()),
            b'<' => angle = true,
            b'>' => angle = false,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index of the quote that closes the one at `open`, skipping quoted pairs.
pub(crate) fn quote_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// `;name=value` parameters in order: name and value trimmed, quotes kept. Empty parameters are left out.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    /// The parameters of `text`, which may begin with a semicolon.
    pub const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// The value of the parameter `name` (any letter case): `None` when absent, empty when it has no value.
    pub fn find(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
        Self::new(text)
            .find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.unwrap_or(b""))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            if let [b';', rest @ ..] = self.rest {
                self.rest = rest;
                continue;
            }
            let (at, equals) = parameter(self.rest);
            let (text, rest) = self.rest.split_at(at);
            self.rest = rest.get(1..).unwrap_or(&[]);
            match equals {
                Some(equals) => return Some((text[..equals].trim_ascii(), Some(text[equals + 1..].trim_ascii()))),
                None if text.trim_ascii().is_empty() => {}
                None => return Some((text.trim_ascii(), None)),
            }
        }
        None
    }
}

/// Where the parameter that `text` begins with ends, and where its name does.
fn parameter(text: &[u8]) -> (usize, Option<usize>) {
    let end = memchr::memchr2(b';', b'"', text).unwrap_or(text.len());
    if text.get(end) != Some(&b'"') {
        return (end, text[..end].iter().position(|b| *b == b'='));
    }
    let (mut at, mut equals) = (0, None);
    while at < text.len() {
        match text[at] {
            b';' => break,
            b'=' if equals.is_none() => equals = Some(at),
            b'"' => at = quote_end(text, at).unwrap_or(text.len()),
            _ => {}
        }
        at += 1;
    }
    (at.min(text.len()), equals)
}

/// The text of a quoted string without its quotes and quoted pairs; any other text as it is.
pub fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = text else { return Cow::Borrowed(text) };
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        out.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
    }
    Cow::Owned(out)
}

/// An address of From, To, Contact and their kin: name-addr or addr-spec with header parameters (RFC 3261 20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, its quotes included; `None` when there is none.
    pub display: Option<&'a [u8]>,
    /// The URI between the angle brackets, or without them up to the first semicolon.
    pub uri: &'a [u8],
    /// The header parameters, empty or beginning with a semicolon.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one address. `None` when quotes or angle brackets do not close, or something else than parameters follows.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.first() == Some(&b'<') {
            return Self::bracketed(value, 0);
        }
        let after_display = if value.first() == Some(&b'"') { quote_end(value, 0)? + 1 } else { 0 };
        let (open, mark) = find_any(value, after_display)?;
        if mark != b'<' {
            return (after_display == 0 && mark == b';').then(|| {
                let (uri, params) = value.split_at(open);
                Self { display: None, uri: uri.trim_ascii_end(), params }
            });
        }
        if after_display > 0 && !value[after_display..open].trim_ascii().is_empty() {
            return None;
        }
        Self::bracketed(value, open)
    }

    /// Reads an address whose `<` stands at `open`.
    fn bracketed(value: &'a [u8], open: usize) -> Option<Self> {
        let close = open + memchr::memchr(b'>', &value[open..])?;
        let display = value[..open].trim_ascii();
        let params = value[close + 1..].trim_ascii_start();
        let ends_well = params.is_empty() || params[0] == b';';
        let display = (!display.is_empty()).then_some(display);
        ends_well.then_some(Self { display, uri: &value[open + 1..close], params })
    }

    /// The value of a header parameter (any letter case), quotes kept: empty when it has none, `None` when it is absent.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        Params::find(self.params, name)
    }

    /// The tag that names a dialog's side (RFC 3261 19.3).
    pub fn tag(&self) -> Option<&'a [u8]> {
        // As nearly everybody writes it.
        if let Some(tag) = self.params.strip_prefix(b";tag=")
            && tag.iter().all(|b| is_host(*b))
        {
            return (!tag.is_empty()).then_some(tag);
        }
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name without quotes and quoted pairs; empty when there is none.
    pub fn display_text(&self) -> Cow<'a, [u8]> {
        unquote(self.display.unwrap_or(b""))
    }
}

/// The first `<`, `;` or `"` from `from` on; the end of the text counts as a semicolon.
fn find_any(text: &[u8], from: usize) -> Option<(usize, u8)> {
    let tail = text.get(from..)?;
    Some(memchr::memchr3(b'<', b';', b'"', tail).map_or((text.len(), b';'), |at| (from + at, tail[at])))
}

/// A CSeq value: sequence number and method (RFC 3261 20.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as written.
    pub method_text: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads a value. `None` when the number exceeds 2^32-1 or the two parts are not there.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let space = value.iter().position(u8::is_ascii_whitespace)?;
        let number = u32::try_from(decimal(&value[..space])?).ok()?;
        let method_text = value[space..].trim_ascii_start();
        if method_text.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        Some(Self { number, method: Method::from_bytes(method_text), method_text })
    }
}

/// One Via value (RFC 3261 20.42).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The protocol version, `2.0`.
    pub version: &'a [u8],
    /// The transport as written, for example `UDP`.
    pub transport: &'a [u8],
    /// The sent-by host, without the brackets of an IPv6 reference.
    pub host: &'a [u8],
    /// The sent-by port.
    pub port: Option<u16>,
    /// The branch parameter.
    pub branch: Option<&'a [u8]>,
    /// The received parameter, without brackets (RFC 5118 4.5 shows both ways).
    pub received: Option<&'a [u8]>,
    /// The rport parameter (RFC 3581): `Some(None)` asks for it, `Some(Some(_))` answers.
    pub rport: Option<Option<u16>>,
    /// Everything before the parameters, as written.
    pub sent: &'a [u8],
    /// The parameters, empty or beginning with a semicolon.
    pub params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one element of a Via line. `None` when protocol, transport or sent-by cannot be read.
    pub fn parse(element: &'a [u8]) -> Option<Self> {
        let element = element.trim_ascii();
        let (sent, params) = element.split_at(memchr::memchr(b';', element).unwrap_or(element.len()));
        let sent = sent.trim_ascii_end();
        let (version, transport, sent_by) = protocol(sent)?;
        // Some write an IPv6 address without brackets; with more than one colon it can only be that.
        let bare_v6 = || ip(sent_by).filter(IpAddr::is_ipv6).map(|_| (sent_by, None));
        let (host, port) = host_port(sent_by).or_else(bare_v6)?;
        let mut via = Self { version, transport, host, port, branch: None, received: None, rport: None, sent, params };
        for (name, value) in Params::new(params) {
            if name.eq_ignore_ascii_case(b"branch") {
                via.branch = via.branch.or(value);
            } else if name.eq_ignore_ascii_case(b"received") {
                via.received = via.received.or_else(|| value.map(without_brackets));
            } else if name.eq_ignore_ascii_case(b"rport") {
                via.rport = Some(value.and_then(port_number));
            }
        }
        Some(via)
    }

    /// A parameter's value by name (any letter case): empty when it has none, `None` when it is absent.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        Params::find(self.params, name)
    }

    /// True when the branch identifies the transaction as RFC 3261 8.1.1.7 has it: the magic cookie and something behind it.
    pub fn has_unique_branch(&self) -> bool {
        self.branch.is_some_and(|branch| branch.len() > 7 && branch[..7].eq_ignore_ascii_case(b"z9hG4bK"))
    }

    /// The sent-by host as an address, when it is numeric.
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip(self.host)
    }

    /// Where a response to a request with this top Via goes, when the request came from `source` over UDP (RFC 3261 18.2.2,
    /// RFC 3581 4): the source when rport was asked for, else the source's address at the sent-by port. `maddr` is not
    /// followed: it asks for multicast, and would let a sender point our answers at somebody else.
    pub fn response_target(&self, source: SocketAddr) -> SocketAddr {
        if self.rport.is_some() { source } else { SocketAddr::new(source.ip(), self.port.unwrap_or(SIP_PORT)) }
    }
}

/// Version, transport and sent-by of what stands before a Via's parameters.
fn protocol(sent: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if let Some(sent_by) = sent.strip_prefix(b"SIP/2.0/UDP ") {
        return Some((&sent[4..7], &sent[8..11], sent_by.trim_ascii()));
    }
    let (protocol, rest) = split_slash(sent)?;
    let (version, rest) = split_slash(rest)?;
    let rest = rest.trim_ascii_start();
    let (transport, sent_by) = rest.split_at(rest.iter().position(u8::is_ascii_whitespace)?);
    let is_sip = protocol.eq_ignore_ascii_case(b"SIP") && !transport.is_empty();
    is_sip.then(|| (version, transport, sent_by.trim_ascii()))
}

/// The text before and after the first slash, the first trimmed.
fn split_slash(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'/', text)?;
    Some((text[..at].trim_ascii(), &text[at + 1..]))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`, with white space around the colon (RFC 3261 25.1: COLON); the host comes without
/// brackets.
pub(crate) fn host_port(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, tail) = match text.strip_prefix(b"[") {
        Some(inner) => {
            let close = inner.iter().position(|b| *b == b']')?;
            let host = &inner[..close];
            let is_v6 = !host.is_empty() && host.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            (is_v6.then_some(host)?, &inner[close + 1..])
        }
        None => {
            let end = text.iter().position(|b| !is_host(*b)).unwrap_or(text.len());
            ((end > 0).then(|| &text[..end])?, &text[end..])
        }
    };
    match tail.trim_ascii_start() {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(port_number(port.trim_ascii())?))),
        _ => None,
    }
}

/// A character of a host name or IPv4 address; the underscore is no part of the grammar, but of many networks.
pub(super) fn is_host(byte: u8) -> bool {
    HOST[usize::from(byte)]
}

static HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        byte += 1;
    }
    table
};

fn without_brackets(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text)
}

fn port_number(text: &[u8]) -> Option<u16> {
    decimal(text).and_then(|number| u16::try_from(number).ok())
}

/// A numeric address without brackets. The third colon of `2001:db8:::192.0.2.1`, a product of RFC 3261's own grammar, is
/// read as if it were not there (RFC 5118 4.10).
pub(crate) fn ip(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(text) {
        return Some(IpAddr::V4(address));
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let at = text.find(":::")?;
    let (mut short, (head, tail)) = ([0; 45], (&text[..at], &text[at + 1..]));
    let len = head.len() + tail.len();
    short.get_mut(..head.len())?.copy_from_slice(head.as_bytes());
    short.get_mut(head.len()..len)?.copy_from_slice(tail.as_bytes());
    std::str::from_utf8(&short[..len]).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Four numbers between dots, without leading zeros; what the standard library reads, at a quarter of its cost.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut place, mut number, mut digits) = ([0; 4], 0, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits == 0 || number > 0 => {
                number = number * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && place < 3 => {
                octets[place] = u8::try_from(number).ok()?;
                (place, number, digits) = (place + 1, 0, 0);
            }
            _ => return None,
        }
        if digits > 3 {
            return None;
        }
    }
    octets[3] = u8::try_from(number).ok()?;
    (place == 3 && digits > 0).then(|| octets.into())
}

/// A media type with its parameters, as in Content-Type and Accept (RFC 3261 20.1, 20.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The type, `application`; `*` in a range.
    pub kind: &'a [u8],
    /// The subtype, `sdp`; `*` in a range.
    pub subtype: &'a [u8],
    /// The parameters, empty or beginning with a semicolon.
    pub params: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Reads one value. `None` without a slash between two parts.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (media, params) = value.split_at(memchr::memchr(b';', value).unwrap_or(value.len()));
        let (kind, subtype) = split_slash(media)?;
        let subtype = subtype.trim_ascii();
        (!kind.is_empty() && !subtype.is_empty()).then_some(Self { kind, subtype, params })
    }

    /// True when this is the type given, letter case aside.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes()) && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// True when this, read as a range of Accept, covers the type given; a quality of zero excludes it.
    pub fn covers(&self, kind: &str, subtype: &str) -> bool {
        let fits = |have: &[u8], want: &str| have == b"*" || have.eq_ignore_ascii_case(want.as_bytes());
        let excluded = Params::find(self.params, "q")
            .is_some_and(|q| q.first() == Some(&b'0') && q[1..].iter().all(|b| matches!(b, b'.' | b'0')));
        fits(self.kind, kind) && fits(self.subtype, subtype) && !excluded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_split_only_outside_quotes_and_brackets() {
        let parts = |text| split_commas(text).collect::<Vec<_>>();
        assert_eq!(
            parts(b"\"a, \\\", b\" <sip:x,y@h>;q=1 , <sip:z@h>"),
            [&b"\"a, \\\", b\" <sip:x,y@h>;q=1"[..], b"<sip:z@h>"]
        );
        assert_eq!(parts(b" a,, b ,\r\n c,"), [b"a", b"b", b"c"]);
        assert!(parts(b" , ,").is_empty());
        assert_eq!(parts(b"\"open, quote").len(), 1);
    }

    #[test]
    fn an_address_is_read_in_all_its_forms() {
        let plain = NameAddr::parse(b"sip:a@b;tag=1;x").unwrap();
        assert_eq!((plain.display, plain.uri, plain.params), (None, &b"sip:a@b"[..], &b";tag=1;x"[..]));
        assert_eq!((plain.tag(), plain.param("X"), plain.param("y")), (Some(&b"1"[..]), Some(&b""[..]), None));
        let tricky = NameAddr::parse(b"\"a <;tag=0> \\\" b\" <sip:a;tag=2@b;tag=3> ; TAG = 4").unwrap();
        assert_eq!((tricky.uri, tricky.tag()), (&b"sip:a;tag=2@b;tag=3"[..], Some(&b"4"[..])));
        assert_eq!(tricky.display_text(), &b"a <;tag=0> \" b"[..]);
        let words = NameAddr::parse(b"A. Bell<sip:a@b>").unwrap();
        assert_eq!((words.display, words.params), (Some(&b"A. Bell"[..]), &b""[..]));
        assert_eq!(words.display_text(), &b"A. Bell"[..]);
    }

    #[test]
    fn an_address_that_does_not_close_is_none() {
        for text in
            ["\"a <sip:a@b>", "<sip:a@b", "\"a\" sip:a@b", "\"a\" b <sip:a@b>", "<sip:a@b> x", "<a>,<b>", "a\"b"]
        {
            assert_eq!(NameAddr::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn parameters_keep_quoted_semicolons_and_skip_empty_ones() {
        let all: Vec<_> = Params::new(b"; a = \"x;y\\\";\" ;;b; c=").collect();
        let want: [(&[u8], Option<&[u8]>); 3] = [(b"a", Some(b"\"x;y\\\";\"")), (b"b", None), (b"c", Some(b""))];
        assert_eq!(all, want);
        assert_eq!(Params::new(b";a=\"open").count(), 1);
        assert_eq!(Params::new(b";a=\"open\\").count(), 1);
    }

    #[test]
    fn quoted_pairs_are_taken_out() {
        assert_eq!(unquote(b"\"a\\\"b\\\\\""), &b"a\"b\\"[..]);
        assert_eq!(unquote(b"plain"), &b"plain"[..]);
        assert_eq!(unquote(b"\""), &b"\""[..]);
    }

    #[test]
    fn a_decimal_number_has_digits_only() {
        assert_eq!(decimal(b"0068"), Some(68));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1 ", "18446744073709551616", "1a"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_cseq_fits_32_bits_and_has_two_parts() {
        assert_eq!(CSeq::parse(b"4294967295\r\n ACK").unwrap().number, u32::MAX);
        assert_eq!(CSeq::parse(b"1 invite").unwrap().method, Method::Other);
        for text in ["4294967296 ACK", "1", "INVITE 1", "1 INVITE x", ""] {
            assert_eq!(CSeq::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_via_is_read_with_every_kind_of_host() {
        let via = |text: &'static str| Via::parse(text.as_bytes());
        let full = via("SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9hG4bK1;received=[2001:db8::1]").unwrap();
        assert_eq!((full.port, full.rport, full.branch), (Some(5062), Some(None), Some(&b"z9hG4bK1"[..])));
        assert_eq!(full.received, Some(&b"2001:db8::1"[..]));
        assert!(full.has_unique_branch());
        assert_eq!(via("SIP/2.0/UDP h;rport=5070").unwrap().rport, Some(Some(5070)));
        assert_eq!(via("SIP/2.0/UDP h : 5070").unwrap().port, Some(5070));
        assert_eq!(via("SIP/2.0/TCP [2001:db8::9]:6").unwrap().host_ip(), "2001:db8::9".parse().ok());
        let bare = via("SIP/2.0/TCP 2001:db8::9:1").unwrap();
        assert_eq!((bare.host_ip(), bare.port), ("2001:db8::9:1".parse().ok(), None));
        for text in
            ["SIP/2.0/UDP", "SIP/2.0 h", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:x", "SIP/2.0/UDP [::1", "SIP/2.0/UDP a b"]
        {
            assert_eq!(via(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_between_dots_are_read_as_by_the_standard_library() {
        let samples = [
            "0.0.0.0",
            "255.255.255.255",
            "192.0.2.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.",
            ".1.2.3",
            "1..2.3",
            "01.2.3.4",
            "1.2.3.00",
            "256.1.1.1",
            "1.1.1.256",
            "1.1.1.1000",
            "99999.1.1.1",
            "1.2.3.4 ",
            " 1.2.3.4",
            "1.2.3.a",
            "+1.2.3.4",
            "",
            "...",
            "::1",
        ];
        for text in samples {
            assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn a_response_goes_to_the_source_when_rport_is_asked_and_else_to_the_port_of_sent_by() {
        let source = "198.51.100.7:40000".parse().unwrap();
        let target = |text: &'static str| Via::parse(text.as_bytes()).unwrap().response_target(source).to_string();
        assert_eq!(target("SIP/2.0/UDP 192.0.2.1:5062;rport"), "198.51.100.7:40000");
        assert_eq!(target("SIP/2.0/UDP 192.0.2.1:5062"), "198.51.100.7:5062");
        assert_eq!(target("SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.1"), "198.51.100.7:5060");
    }

    #[test]
    fn a_media_range_covers_its_types_unless_its_quality_is_zero() {
        let covers = |text: &'static str| MediaType::parse(text.as_bytes()).unwrap().covers("application", "sdp");
        assert!(covers("Application/SDP") && covers("application/*;q=0.1") && covers("*/*"));
        assert!(!covers("text/plain") && !covers("application/sdp;q=0.0") && !covers("application/sdp; q=0"));
        assert_eq!(MediaType::parse(b"sdp"), None);
        assert!(MediaType::parse(b"multipart / mixed ;boundary=x").unwrap().is("multipart", "mixed"));
    }
}
