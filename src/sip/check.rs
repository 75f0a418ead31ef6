//! What must be refused before anything acts on a message: the verdicts of RFC 3261 8.2 and 16.3 as RFC 4475 and 5118 show
//! them. Reads only; which methods and bodies the node takes is decided above, with the helpers at the end.

use std::borrow::Cow;

use super::message::{Length, Message, is_token};
use super::name::{Method, Name};
use super::uri::{Scheme, Uri, UriError};
use super::value::{MediaType, NameAddr, Via, decimal, quote_end};

/// A refusal: what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub code: u16,
    /// What is wrong, as the reason phrase.
    pub reason: Cow<'static, str>,
    /// A header field to add, such as the Unsupported of a 420.
    pub extra: Option<(Name, Vec<u8>)>,
}

impl Refusal {
    /// A refusal without a further header field.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into(), extra: None }
    }

    fn bad(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, reason)
    }
}

/// Checks a request.
///
/// # Errors
/// [`Refusal`] with 400, 416, 420, 483 or 505. An ACK is never answered: whoever gets a refusal for one drops it.
pub fn check(request: &Message) -> Result<(), Refusal> {
    if request.version() != b"SIP/2.0" && !request.version().eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Refusal::new(505, "Version Not Supported"));
    }
    start_line(request)?;
    single_fields(request)?;
    vias(request)?;
    cseq(request)?;
    content_length(request)?;
    addresses(request)?;
    request_uri(request)?;
    max_forwards(request)?;
    require(request)
}

/// True when a response may be matched to a transaction; anything else is dropped without a word (RFC 3261 8.1.3.3, 18.1.2).
pub fn acceptable_response(response: &Message) -> bool {
    // More than one Via means that it was not meant for us: we never proxy.
    let via = response.has_one_via() || (response.top_via().is_some() && response.elements(Name::Via).nth(1).is_none());
    let single = [Name::From, Name::To, Name::CallId, Name::CSeq];
    !response.is_request()
        && !response.is_crowded()
        && (100..700).contains(&response.status())
        && response.version().eq_ignore_ascii_case(b"SIP/2.0")
        && via
        && single.iter().all(|name| response.has(*name) && !response.repeats(*name))
        && response.cseq().is_some()
        && response.call_id().is_some_and(|id| !id.is_empty())
        && content_length(response).is_ok()
}

/// Exactly `method SP uri SP version`, and a method that is a token.
fn start_line(request: &Message) -> Result<(), Refusal> {
    let (method, uri, version) = (request.method_text(), request.uri(), request.version());
    if request.method() == Method::Other && !method.iter().all(|b| is_token(*b)) {
        return Err(Refusal::bad("Method is no token"));
    }
    let one_space_each = request.start_line().len() == method.len() + uri.len() + version.len() + 2;
    if !one_space_each || uri.is_empty() || has_white_space(uri) {
        return Err(Refusal::bad("White space in the request line"));
    }
    if request.is_crowded() {
        return Err(Refusal::bad("Too many header lines"));
    }
    if request.has_stray_line() {
        return Err(Refusal::bad("Header line without a name and a colon"));
    }
    Ok(())
}

/// Header fields that must be there once, and those that may be there once (RFC 3261 8.1.1 and 20).
fn single_fields(request: &Message) -> Result<(), Refusal> {
    for name in [Name::To, Name::From, Name::CallId, Name::CSeq] {
        let reason = match request.value(name) {
            None => "Missing",
            Some(_) if request.repeats(name) => "More than one",
            Some([]) => "Empty",
            Some(_) => continue,
        };
        return Err(Refusal::bad(format!("{reason} {}", name.as_str())));
    }
    // Max-Forwards may be missing: RFC 2543 did not know it.
    for name in [Name::MaxForwards, Name::ContentLength, Name::ContentType, Name::Expires] {
        if request.repeats(name) {
            return Err(Refusal::bad(format!("More than one {}", name.as_str())));
        }
    }
    if has_white_space(request.call_id().unwrap_or(b"")) {
        return Err(Refusal::bad("Call-ID is no word"));
    }
    Ok(())
}

/// True when there is white space; without an early end, so that the compiler takes many bytes at a time.
fn has_white_space(text: &[u8]) -> bool {
    text.iter().fold(false, |found, b| found | b.is_ascii_whitespace())
}

fn vias(request: &Message) -> Result<(), Refusal> {
    let top = request.top_via();
    if let Some(via) = top.filter(|_| request.has_one_via()) {
        return if via_is_whole(&via) { Ok(()) } else { Err(Refusal::bad("Bad Via")) };
    }
    let mut count = 0;
    for element in request.elements(Name::Via) {
        if !Via::parse(element).is_some_and(|via| via_is_whole(&via)) {
            return Err(Refusal::bad("Bad Via"));
        }
        count += 1;
    }
    if count == 0 { Err(Refusal::bad("Missing Via")) } else { Ok(()) }
}

fn via_is_whole(via: &Via<'_>) -> bool {
    via.version == b"2.0" && via.transport.iter().all(|b| is_token(*b)) && params_are_whole(via.params)
}

fn cseq(request: &Message) -> Result<(), Refusal> {
    let Some(cseq) = request.cseq() else {
        let value = request.value(Name::CSeq).unwrap_or(b"");
        let number = value.split(u8::is_ascii_whitespace).next().unwrap_or(b"");
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        let too_large = is_number && decimal(number).is_none_or(|number| number > u64::from(u32::MAX));
        return Err(Refusal::bad(if too_large { "CSeq number exceeds 2^32-1" } else { "Bad CSeq" }));
    };
    if cseq.method_text != request.method_text() {
        return Err(Refusal::bad("CSeq method differs from the request's"));
    }
    Ok(())
}

/// Bytes of a body that may be missing when it ends with a whole line: some senders count wrongly (the message of RFC 5118
/// 4.6 announces 17 bytes too many), while a datagram cut on its way ends in the middle.
const LENGTH_SLACK: u64 = 32;

fn content_length(message: &Message) -> Result<(), Refusal> {
    match message.length() {
        Length::Absent | Length::Fits => Ok(()),
        Length::Short { missing } if missing <= LENGTH_SLACK && message.body().ends_with(b"\r\n") => Ok(()),
        Length::Short { .. } => Err(Refusal::bad("Content-Length exceeds the datagram")),
        Length::Unreadable => Err(Refusal::bad("Bad Content-Length")),
        Length::Repeated => Err(Refusal::bad("More than one Content-Length")),
    }
}

/// From, To and Contact: display name, URI, parameters.
fn addresses(request: &Message) -> Result<(), Refusal> {
    for (name, read) in [(Name::From, request.from()), (Name::To, request.to())] {
        let uri = address(request.value(name).unwrap_or(b""), read, name)?;
        // The address of record that a REGISTER names must be a SIP URI (RFC 3261 10.3).
        if request.method() == Method::Register && name == Name::To && !matches!(uri, Scheme::Sip | Scheme::Sips) {
            return Err(Refusal::bad("To of a REGISTER is no SIP URI"));
        }
    }
    for contact in request.elements(Name::Contact) {
        if contact != b"*" {
            address(contact, NameAddr::parse(contact), Name::Contact)?;
        }
    }
    Ok(())
}

/// Checks one address, `read` from `value`, and gives its URI's scheme.
fn address(value: &[u8], read: Option<NameAddr<'_>>, name: Name) -> Result<Scheme, Refusal> {
    let bad = |what: &str| Refusal::bad(format!("Bad {}: {what}", name.as_str()));
    let address = read.ok_or_else(|| bad("quotes or angle brackets"))?;
    if address.display.is_some_and(|display| !display_is_whole(display)) {
        return Err(bad("display name needs quotes"));
    }
    let uri = Uri::parse(address.uri).map_err(|error| bad(&error.to_string()))?;
    // Without angle brackets a question mark, comma or semicolon is not the URI's (RFC 3261 20.10).
    let bracketed = address.uri.as_ptr() != value.trim_ascii().as_ptr();
    if !bracketed && !uri.headers.is_empty() {
        return Err(bad("URI with headers needs angle brackets"));
    }
    if !params_are_whole(address.params) {
        return Err(bad("parameters"));
    }
    Ok(uri.scheme)
}

/// A quoted string, or words. Words may hold what many phones send unquoted (`(`, `@`, letters beyond ASCII), but nothing that
/// other readers would take for the address itself.
fn display_is_whole(display: &[u8]) -> bool {
    if display.first() == Some(&b'"') {
        return quote_end(display, 0) == Some(display.len() - 1);
    }
    display.iter().all(|b| match b {
        b',' | b';' | b'"' | b'<' | b'>' | b'\\' => false,
        _ => *b >= b' ' || b.is_ascii_whitespace(),
    })
}

/// `*(;token[=value])`: no empty parameter, quotes closed, no white space inside an unquoted value.
fn params_are_whole(params: &[u8]) -> bool {
    // As nearly every From and To has them.
    if params.strip_prefix(b";tag=").is_some_and(|tag| !tag.is_empty() && tag.iter().all(|b| is_token(*b))) {
        return true;
    }
    let mut rest = params;
    while let [b';', tail @ ..] = rest {
        let Some((at, equals)) = whole_parameter(tail) else { return false };
        let name = tail[..equals.unwrap_or(at)].trim_ascii();
        let value = equals.map(|equals| tail[equals + 1..at].trim_ascii());
        let value_is_whole = value.is_none_or(|value| {
            let is_plain = |b: &u8| is_token(*b) || !(b.is_ascii_whitespace() || *b == b',');
            !value.is_empty() && (value[0] == b'"' || value.iter().all(is_plain))
        });
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) || !value_is_whole {
            return false;
        }
        rest = &tail[at..];
    }
    rest.is_empty()
}

/// Where the parameter that `text` begins with ends, and where its name does; `None` when its quotes do not close.
fn whole_parameter(text: &[u8]) -> Option<(usize, Option<usize>)> {
    let end = memchr::memchr2(b';', b'"', text).unwrap_or(text.len());
    if text.get(end) != Some(&b'"') {
        return Some((end, text[..end].iter().position(|b| *b == b'=')));
    }
    let (mut at, mut equals) = (0, None);
    while at < text.len() && text[at] != b';' {
        match text[at] {
            b'=' if equals.is_none() => equals = Some(at),
            b'"' => at = quote_end(text, at)?,
            _ => {}
        }
        at += 1;
    }
    Some((at, equals))
}

fn request_uri(request: &Message) -> Result<(), Refusal> {
    match Uri::parse(request.uri()) {
        Ok(uri) if uri.scheme == Scheme::Other => Err(Refusal::new(416, "Unsupported URI Scheme")),
        Ok(uri) if !uri.headers.is_empty() => Err(Refusal::bad("Bad Request-URI: headers are not allowed")),
        Ok(_) => Ok(()),
        Err(UriError::Scheme) => Err(Refusal::bad("Bad Request-URI: no scheme")),
        Err(error) => Err(Refusal::bad(format!("Bad Request-URI: {error}"))),
    }
}

fn max_forwards(request: &Message) -> Result<(), Refusal> {
    match (request.value(Name::MaxForwards), request.max_forwards()) {
        (Some(_), None) => Err(Refusal::bad("Bad Max-Forwards")),
        (Some(_), Some(0)) => Err(Refusal::new(483, "Too Many Hops")),
        (Some(_), Some(_)) | (None, _) => Ok(()),
    }
}

/// The extensions that a Require may name.
const EXTENSIONS: [&[u8]; 3] = [b"timer", b"100rel", b"replaces"];

/// A Require may name no extension that we lack. ACK and CANCEL must not be refused for it (RFC 3261 8.2.2.3).
fn require(request: &Message) -> Result<(), Refusal> {
    if matches!(request.method(), Method::Ack | Method::Cancel) {
        return Ok(());
    }
    let mut unsupported = Vec::new();
    for tag in request.elements(Name::Require) {
        if EXTENSIONS.iter().any(|known| tag.eq_ignore_ascii_case(known)) {
            continue;
        }
        if !unsupported.is_empty() {
            unsupported.extend_from_slice(b", ");
        }
        unsupported.extend_from_slice(tag);
    }
    if unsupported.is_empty() {
        return Ok(());
    }
    Err(Refusal { extra: Some((Name::Unsupported, unsupported)), ..Refusal::new(420, "Bad Extension") })
}

/// True when the body is SDP, or there is none (RFC 3261 13.2.1: an INVITE may come without an offer).
pub fn body_is_sdp_or_absent(message: &Message) -> bool {
    match message.value(Name::ContentType) {
        None => message.body().is_empty(),
        Some(value) => MediaType::parse(value).is_some_and(|media| media.is("application", "sdp")),
    }
}

/// True when the body is not encoded: no Content-Encoding but `identity`.
pub fn body_is_plain(message: &Message) -> bool {
    message.elements(Name::ContentEncoding).all(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

/// True when the sender takes SDP in the answer: no Accept, or one that covers application/sdp (RFC 3261 20.1).
pub fn accepts_sdp(message: &Message) -> bool {
    let mut ranges = message.elements(Name::Accept).peekable();
    // No Accept means application/sdp; an empty one means that nothing is taken.
    if ranges.peek().is_none() {
        return message.value(Name::Accept).is_none();
    }
    ranges.any(|range| MediaType::parse(range).is_some_and(|media| media.covers("application", "sdp")))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const GOOD: &str = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:x@h>\r\n\r\n";

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn refusal(from: &str, to: &str) -> (u16, String) {
        assert!(GOOD.contains(from), "{from}");
        let refusal = check(&message(&GOOD.replacen(from, to, 1))).expect_err(to);
        (refusal.code, refusal.reason.into_owned())
    }

    #[test]
    fn a_request_that_is_whole_passes() {
        assert_eq!(check(&message(GOOD)), Ok(()));
        for (from, to) in [
            ("SIP/2.0\r\nVia", "sip/2.0\r\nVia"),
            ("Max-Forwards: 70\r\n", ""),
            ("Contact: <sip:x@h>", "Contact: *"),
            ("From: <", "From: John (Sales) @ \u{fc} <"),
            ("INVITE sip:a@b", "INVITE tel:+123"),
            ("h;branch", "[2001:db8::1]:5060;branch"),
        ] {
            assert_eq!(check(&message(&GOOD.replacen(from, to, 1))), Ok(()), "{to}");
        }
    }

    #[test]
    fn each_rule_refuses_in_words() {
        let bad = |reason: &str| (400, reason.to_string());
        assert_eq!(refusal("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), (505, "Version Not Supported".into()));
        assert_eq!(refusal("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", ""), bad("Missing Via"));
        assert_eq!(refusal("Via: SIP/2.0", "Via: SIP/3.0"), bad("Bad Via"));
        assert_eq!(refusal("To: <sip:a@b>\r\n", ""), bad("Missing To"));
        assert_eq!(refusal("Call-ID: c", "Call-ID:"), bad("Empty Call-ID"));
        assert_eq!(refusal("Call-ID: c", "Call-ID: c d"), bad("Call-ID is no word"));
        assert_eq!(refusal("Call-ID: c", "Call-ID: c\r\ni: d"), bad("More than one Call-ID"));
        assert_eq!(refusal("CSeq: 1", "CSeq: 4294967296"), bad("CSeq number exceeds 2^32-1"));
        assert_eq!(refusal("CSeq: 1", "CSeq: x"), bad("Bad CSeq"));
        assert_eq!(refusal("CSeq: 1 INVITE", "CSeq: 1 ACK"), bad("CSeq method differs from the request's"));
        assert_eq!(refusal("Max-Forwards: 70", "Max-Forwards: 0"), (483, "Too Many Hops".into()));
        assert_eq!(refusal("Max-Forwards: 70", "Max-Forwards: x"), bad("Bad Max-Forwards"));
        assert_eq!(refusal("From: <sip:x@y>;tag=1", "From: <sip:x@y>;;tag=1"), bad("Bad From: parameters"));
        assert_eq!(refusal("From: <sip:x@y>;tag=1", "From: <sip:x@y>;tag=\"1"), bad("Bad From: parameters"));
        assert_eq!(refusal("From: <sip:x@y>;tag=1", "From: <sip:x@y>;tag=1, <sip:z@y>"), bad("Bad From: parameters"));
        assert_eq!(
            refusal("Contact: <sip:x@h>", "Contact: <sip:x@h>, <sip:y"),
            bad("Bad Contact: quotes or angle brackets")
        );
        assert_eq!(refusal("Contact:", "Junk\r\nContact:"), bad("Header line without a name and a colon"));
        assert_eq!(refusal("INVITE sip:a@b", "INVITE foo:a@b"), (416, "Unsupported URI Scheme".into()));
        assert_eq!(refusal("INVITE sip:a@b", "INVITE a@b"), bad("Bad Request-URI: no scheme"));
        assert_eq!(refusal("INVITE sip:a@b", "IN(VITE sip:a@b"), bad("Method is no token"));
    }

    #[test]
    fn a_body_cut_on_its_way_is_refused_and_a_miscount_is_not() {
        let with = |length: usize, body: &str| {
            let text = GOOD.replacen("\r\n\r\n", &format!("\r\nContent-Length: {length}\r\n\r\n{body}"), 1);
            check(&message(&text)).map_err(|refusal| refusal.code)
        };
        assert_eq!(with(6, "v=0\r\nx"), Ok(()));
        assert_eq!(with(7, "v=0\r\nx"), Err(400));
        assert_eq!(with(5 + 32, "v=0\r\n"), Ok(()));
        assert_eq!(with(5 + 33, "v=0\r\n"), Err(400));
    }

    #[test]
    fn only_an_ack_and_a_cancel_may_require_what_we_lack() {
        let with = |method: &str| {
            let text = GOOD.replace("INVITE", method).replacen(
                "CSeq",
                "Require: 100rel,\r\n Timer, sec-agree,precondition\r\nCSeq",
                1,
            );
            check(&message(&text)).map_err(|refusal| (refusal.code, refusal.extra))
        };
        assert_eq!(with("ACK"), Ok(()));
        assert_eq!(with("CANCEL"), Ok(()));
        assert_eq!(with("INVITE"), Err((420, Some((Name::Unsupported, b"sec-agree, precondition".to_vec())))));
    }

    #[test]
    fn a_response_is_acceptable_only_when_it_can_be_ours() {
        const GOOD: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=1\r\n\
            To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        assert!(acceptable_response(&message(GOOD)));
        assert!(acceptable_response(&message(&GOOD.replace("200 OK", "699 "))));
        for (from, to) in [
            ("200", "99"),
            ("200", "700"),
            ("200", "4294967301"),
            ("SIP/2.0 200", "SIP/3.0 200"),
            ("z9hG4bK1\r\n", "z9hG4bK1, SIP/2.0/UDP i\r\n"),
            ("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", ""),
            ("CSeq: 1", "CSeq: 9292394834772304023312"),
            ("Call-ID: c", "Call-ID: c\r\nCall-ID: d"),
            ("Call-ID: c", "Content-Length: 1\r\nCall-ID: c"),
        ] {
            assert!(!acceptable_response(&message(&GOOD.replacen(from, to, 1))), "{to}");
        }
    }

    #[test]
    fn bodies_and_what_is_accepted_are_told() {
        let with = |lines: &str, body: &str| message(&GOOD.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n{body}"), 1));
        assert!(body_is_sdp_or_absent(&with("", "")));
        assert!(body_is_sdp_or_absent(&with("c: Application/SDP;x=y\r\n", "v=0")));
        assert!(!body_is_sdp_or_absent(&with("", "v=0")) && !body_is_sdp_or_absent(&with("c: text/plain\r\n", "x")));
        assert!(body_is_plain(&with("e: identity\r\n", "")) && !body_is_plain(&with("e: gzip\r\n", "")));
        assert!(accepts_sdp(&with("", "")) && accepts_sdp(&with("Accept: text/plain, application/*\r\n", "")));
        assert!(!accepts_sdp(&with("Accept:\r\n", "")) && !accepts_sdp(&with("Accept: text/plain\r\n", "")));
    }
}
