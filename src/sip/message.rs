//! [`Message`]: a SIP message as a lazy view over the datagram it came in. One pass indexes the start line and the header
//! lines; values are read in place when they are asked for. Parsing allocates nothing for messages of up to 24 header lines.
//! Bytes stay bytes: nothing has to be UTF-8, and a folded line's break is white space inside its value.
//! Indexing is lenient, so that a wrong request can still be answered; what must be refused is decided in `check`.

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;
use thiserror::Error;

use super::name::{Method, Name};
use super::span::{AddressAt, CSeqAt, Span, ViaAt};
use super::value::{CSeq, Elements, NameAddr, Via, decimal, split_commas};
use crate::base::limits::{HEADERS_MAX, MESSAGE_BYTES_MAX};

/// Why a datagram cannot be indexed as a SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Only line breaks: a keep-alive (RFC 5626 3.5.1, RFC 6223).
    #[error("empty datagram")]
    Empty,
    /// More bytes than `limits::MESSAGE_BYTES_MAX`.
    #[error("message too long")]
    TooLong,
    /// The first line is neither a request line nor a status line.
    #[error("no start line")]
    StartLine,
    /// The protocol of the start line is not SIP.
    #[error("not SIP")]
    NotSip,
}

/// How Content-Length and the bytes that came agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// No Content-Length: the body is the rest of the datagram.
    Absent,
    /// The bytes are there; what follows them is ignored (RFC 3261 18.3).
    Fits,
    /// Fewer bytes came than announced.
    Short {
        /// How many are missing.
        missing: u64,
    },
    /// Not a number.
    Unreadable,
    /// More than one Content-Length.
    Repeated,
}

/// One header line: its name, and where name and value stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) name: Name,
    text: Span,
    pub(super) value: Span,
}

/// Header lines held without an allocation: nine of ten messages of real trunks have fewer.
type Lines = SmallVec<[Line; 24]>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    Request { method: Method, text: Span, uri: Span },
    Response { status: u16, reason: Span },
}

/// A SIP message; see the module.
#[derive(Clone)]
pub struct Message {
    raw: Bytes,
    start: Start,
    start_line: Span,
    version: Span,
    lines: Lines,
    body: Span,
    length: Length,
    stray: bool,
    crowded: bool,
    names: Names,
    known: Known,
}

/// Which names there are, a bit each, and which of them more than once.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    seen: u64,
    repeated: u64,
}

impl Names {
    const fn add(&mut self, name: Name) {
        let bit = 1 << name as u8;
        self.repeated |= self.seen & bit;
        self.seen |= bit;
    }
}

/// What every layer asks for, read once; `None` where it cannot be read.
#[derive(Debug, Clone, Copy)]
struct Known {
    via: Option<ViaAt>,
    /// The first Via line holds that Via and nothing else.
    via_alone: bool,
    from: Option<AddressAt>,
    to: Option<AddressAt>,
    cseq: Option<CSeqAt>,
}

impl Known {
    /// Reads the first line of each name.
    fn read(raw: &[u8], lines: &[Line]) -> Self {
        let value = |name| lines.iter().find(|line| line.name == name).map(|line| line.value.of(raw));
        let line = value(Name::Via).unwrap_or_default();
        let top = split_commas(line).next().unwrap_or_default();
        let via = Via::parse(top);
        let address = |name| value(name).and_then(NameAddr::parse).map(|address| AddressAt::find(raw, &address));
        Self {
            via: via.map(|via| ViaAt::find(raw, &via)),
            via_alone: via.is_some() && top.len() == line.len(),
            from: address(Name::From),
            to: address(Name::To),
            cseq: value(Name::CSeq).and_then(CSeq::parse).map(|cseq| CSeqAt::find(raw, &cseq)),
        }
    }
}

impl Message {
    /// Indexes a datagram.
    ///
    /// # Errors
    /// [`Malformed`] when there is nothing that could be answered or matched; a message that breaks rules is no error here.
    pub fn parse(datagram: Bytes) -> Result<Self, Malformed> {
        if datagram.len() > MESSAGE_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let raw = &datagram[..];
        let (begin, end, after) = first_line(raw)?;
        let start_line = Span::new(begin, end);
        let (start, version) = start(raw, begin, end)?;
        let mut lines = Lines::new();
        let Headers { names, body_at, stray, crowded } = Headers::read(raw, after, &mut lines);
        let (body, length) = body(raw, body_at, &lines);
        let known = Known::read(raw, &lines);
        Ok(Self { start, start_line, version, lines, body, length, stray, crowded, names, known, raw: datagram })
    }

    /// True for a request, false for a response.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// A request's method; a response's is the one of its CSeq.
    pub fn method(&self) -> Method {
        match self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq().map_or(Method::Other, |cseq| cseq.method),
        }
    }

    /// The method as written; empty for a response without a readable CSeq.
    pub fn method_text(&self) -> &[u8] {
        match self.start {
            Start::Request { text, .. } => text.of(&self.raw),
            Start::Response { .. } => self.cseq().map_or(b"", |cseq| cseq.method_text),
        }
    }

    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &[u8] {
        match self.start {
            Start::Request { uri, .. } => uri.of(&self.raw),
            Start::Response { .. } => b"",
        }
    }

    /// A response's status code, 0 for a request. A number above `u16::MAX` is given as that.
    pub const fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }

    /// A response's reason phrase; may be empty, need not be UTF-8.
    pub fn reason(&self) -> &[u8] {
        match self.start {
            Start::Request { .. } => b"",
            Start::Response { reason, .. } => reason.of(&self.raw),
        }
    }

    /// The protocol and its version as written, `SIP/2.0`.
    pub fn version(&self) -> &[u8] {
        self.version.of(&self.raw)
    }

    /// The start line without its line break.
    pub fn start_line(&self) -> &[u8] {
        self.start_line.of(&self.raw)
    }

    /// The value of the first line of that name, trimmed; a folded one still holds its line breaks.
    pub fn value(&self, name: Name) -> Option<&[u8]> {
        if !self.has(name) {
            return None;
        }
        self.lines.iter().find(|line| line.name == name).map(|line| line.value.of(&self.raw))
    }

    /// True when there is a line of that name.
    pub const fn has(&self, name: Name) -> bool {
        self.names.seen >> name as u8 & 1 == 1
    }

    /// True when there are several lines of that name.
    pub const fn repeats(&self, name: Name) -> bool {
        self.names.repeated >> name as u8 & 1 == 1
    }

    /// The values of all lines of that name, in order.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let lines = if self.has(name) { &self.lines[..] } else { &[] };
        lines.iter().filter(move |line| line.name == name).map(|line| line.value.of(&self.raw))
    }

    /// The comma-separated elements over all lines of that name, in order; a whole line where commas belong to the value.
    pub fn elements(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let list = name.is_list();
        self.values(name).flat_map(move |value| if list { split_commas(value) } else { Elements::whole(value) })
    }

    /// The first value of any header field by its text, in any letter case; known names are found by their compact form too.
    pub fn other(&self, name: &str) -> Option<&[u8]> {
        let known = Name::parse(name.as_bytes());
        if known != Name::Other {
            return self.value(known);
        }
        let mut others = self.lines.iter().filter(|line| line.name == Name::Other);
        let line = others.find(|line| line.text.of(&self.raw).eq_ignore_ascii_case(name.as_bytes()))?;
        Some(line.value.of(&self.raw))
    }

    /// All header lines in order: name, name as written, value.
    pub fn headers(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.lines.iter().map(|line| (line.name, line.text.of(&self.raw), line.value.of(&self.raw)))
    }

    /// The body: what Content-Length announces, or the rest of the datagram when it says nothing usable.
    pub fn body(&self) -> &[u8] {
        self.body.of(&self.raw)
    }

    /// The body as a part of the datagram, without copying it.
    pub fn body_bytes(&self) -> Bytes {
        self.raw.slice(usize::from(self.body.from)..usize::from(self.body.to))
    }

    /// The datagram.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// How Content-Length and the bytes that came agree.
    pub const fn length(&self) -> Length {
        self.length
    }

    /// True when a line among the header lines is none: no colon, or no token before it.
    pub const fn has_stray_line(&self) -> bool {
        self.stray
    }

    /// True when there are more header lines than `limits::HEADERS_MAX`: only the first ones are read, enough to say so.
    pub const fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Option<&[u8]> {
        self.value(Name::CallId)
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<&[u8]> {
        Some(self.known.from?.tag?.of(&self.raw))
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&[u8]> {
        Some(self.known.to?.tag?.of(&self.raw))
    }

    /// The CSeq, when it can be read.
    pub fn cseq(&self) -> Option<CSeq<'_>> {
        self.known.cseq.as_ref().map(|cseq| cseq.of(&self.raw))
    }

    /// The topmost Via, when it can be read.
    pub fn top_via(&self) -> Option<Via<'_>> {
        self.known.via.as_ref().map(|via| via.of(&self.raw))
    }

    /// True when the topmost Via can be read and is the only one.
    pub const fn has_one_via(&self) -> bool {
        self.known.via_alone && !self.repeats(Name::Via)
    }

    /// From, when it can be read.
    pub fn from(&self) -> Option<NameAddr<'_>> {
        self.known.from.as_ref().map(|from| from.of(&self.raw))
    }

    /// To, when it can be read.
    pub fn to(&self) -> Option<NameAddr<'_>> {
        self.known.to.as_ref().map(|to| to.of(&self.raw))
    }

    /// The first Contact, when it can be read; its URI is `*` for the wildcard of REGISTER.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        NameAddr::parse(split_commas(self.value(Name::Contact)?).next()?)
    }

    /// Max-Forwards, when it is there and a number.
    pub fn max_forwards(&self) -> Option<u32> {
        decimal(self.value(Name::MaxForwards)?).and_then(|hops| u32::try_from(hops).ok())
    }
}

impl fmt::Debug for Message {
    /// Without addresses and body, which tell who calls whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("method", &String::from_utf8_lossy(self.method_text()))
            .field("status", &self.status())
            .field("call_id", &self.call_id().map(String::from_utf8_lossy))
            .field("bytes", &self.raw.len())
            .finish()
    }
}

/// Where the first line that is not empty begins and ends, and where the next line begins.
#[inline]
pub(super) fn first_line(raw: &[u8]) -> Result<(usize, usize, usize), Malformed> {
    let begin = raw.iter().position(|b| !matches!(b, b'\r' | b'\n')).ok_or(Malformed::Empty)?;
    let (end, after) = line_end(raw, begin);
    Ok((begin, end, after))
}

/// The end of the header line that begins at `from`, with the lines that continue it (RFC 3261 7.3.1: they begin with white
/// space), and where the next begins. It ends where it begins when it is the empty line before the body.
#[inline]
pub(super) fn header_end(raw: &[u8], from: usize) -> (usize, usize) {
    let (mut end, mut next) = line_end(raw, from);
    if end > from {
        while next < raw.len() && matches!(raw[next], b' ' | b'\t') {
            (end, next) = line_end(raw, next);
        }
    }
    (end, next)
}

/// The end of the line that begins at `from` without its break, and where the next line begins.
fn line_end(raw: &[u8], from: usize) -> (usize, usize) {
    match memchr::memchr(b'\n', &raw[from..]) {
        Some(at) if at > 0 && raw[from + at - 1] == b'\r' => (from + at - 1, from + at + 1),
        Some(at) => (from + at, from + at + 1),
        None => (raw.len(), raw.len()),
    }
}

/// Reads the start line `raw[begin..end]`: what it is, and its protocol version.
pub(super) fn start(raw: &[u8], begin: usize, end: usize) -> Result<(Start, Span), Malformed> {
    let line = &raw[begin..end];
    let first = memchr::memchr(b' ', line).ok_or(Malformed::StartLine)?;
    if is_sip(&line[..first]) {
        let rest = &line[first + 1..];
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Err(Malformed::StartLine);
        }
        let status = decimal(&rest[..digits]).and_then(|code| u16::try_from(code).ok()).unwrap_or(u16::MAX);
        let reason = begin + first + 1 + digits;
        let reason = Span::new(if raw.get(reason) == Some(&b' ') { reason + 1 } else { reason }.min(end), end);
        return Ok((Start::Response { status, reason }, Span::new(begin, begin + first)));
    }
    let trimmed = line.trim_ascii_end();
    let last = memchr::memrchr(b' ', trimmed).filter(|&last| last > first).ok_or(Malformed::StartLine)?;
    if first == 0 {
        return Err(Malformed::StartLine);
    }
    if !is_sip(&trimmed[last + 1..]) {
        return Err(if trimmed[last + 1..].contains(&b'/') { Malformed::NotSip } else { Malformed::StartLine });
    }
    let uri = trim(raw, begin + first, begin + last);
    let method = Method::from_bytes(&line[..first]);
    let text = Span::new(begin, begin + first);
    Ok((Start::Request { method, text, uri }, Span::new(begin + last + 1, begin + trimmed.len())))
}

fn is_sip(text: &[u8]) -> bool {
    text.len() > 4 && text[..4].eq_ignore_ascii_case(b"SIP/")
}

/// `raw[from..to]` without white space and line breaks at its ends.
fn trim(raw: &[u8], from: usize, to: usize) -> Span {
    let text = &raw[from..to];
    // One space before it and none behind, as nearly everybody writes a value.
    if let [b' ', first, .., last] = text
        && *first > b' '
        && *last > b' '
    {
        return Span::new(from + 1, to);
    }
    let begun = text.trim_ascii_start();
    let from = to - begun.len();
    Span::new(from, from + begun.trim_ascii_end().len())
}

/// What the header lines of a message are together, and where its body begins.
struct Headers {
    names: Names,
    body_at: usize,
    stray: bool,
    crowded: bool,
}

impl Headers {
    fn read(raw: &[u8], mut at: usize, lines: &mut Lines) -> Self {
        let mut headers = Self { names: Names::default(), body_at: raw.len(), stray: false, crowded: false };
        while at < raw.len() {
            let (end, next) = header_end(raw, at);
            if end == at {
                headers.body_at = next;
                break;
            }
            match header(raw, at, end) {
                Some(_) if lines.len() == HEADERS_MAX => {
                    headers.crowded = true;
                    break;
                }
                Some(line) => {
                    headers.names.add(line.name);
                    lines.push(line);
                }
                None => headers.stray = true,
            }
            at = next;
        }
        headers
    }
}

/// Reads `raw[at..end]` as a header line; `None` when no token stands before a colon.
pub(super) fn header(raw: &[u8], at: usize, end: usize) -> Option<Line> {
    let line = &raw[at..end];
    if let Some((name, colon)) = Name::begins(line) {
        return Some(Line { name, text: Span::new(at, at + colon), value: trim(raw, at + colon + 1, end) });
    }
    let colon = line.iter().position(|b| *b == b':')?;
    let mut text = &line[..colon];
    while let [before @ .., b' ' | b'\t'] = text {
        text = before;
    }
    let name = Name::parse(text);
    // A known name is a token.
    if name == Name::Other && (text.is_empty() || !text.iter().all(|b| is_token(*b))) {
        return None;
    }
    Some(Line { name, text: Span::new(at, at + text.len()), value: trim(raw, at + colon + 1, end) })
}

/// The body by the one rule of the house: a single readable Content-Length that fits cuts it, else it is the rest.
fn body(raw: &[u8], body_at: usize, lines: &[Line]) -> (Span, Length) {
    let rest = raw.len() - body_at;
    let mut said = lines.iter().filter(|line| line.name == Name::ContentLength);
    let length = match (said.next(), said.next()) {
        (None, _) => Length::Absent,
        (Some(_), Some(_)) => Length::Repeated,
        (Some(line), None) => match decimal(line.value.of(raw)) {
            None => Length::Unreadable,
            Some(bytes) if bytes > rest as u64 => Length::Short { missing: bytes - rest as u64 },
            Some(bytes) => return (Span::new(body_at, body_at + bytes as usize), Length::Fits),
        },
    };
    (Span::new(body_at, raw.len()), length)
}

/// A character of a token (RFC 3261 25.1).
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, Malformed> {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn what_cannot_be_indexed_says_why() {
        assert_eq!(parse("").unwrap_err(), Malformed::Empty);
        assert_eq!(parse("\r\n\r\n").unwrap_err(), Malformed::Empty);
        assert_eq!(parse("GET / HTTP/1.1\r\n\r\n").unwrap_err(), Malformed::NotSip);
        for text in
            ["hello", "hello world\r\n", " OPTIONS sip:a@b SIP/2.0\r\n", "SIP/2.0 OK\r\n", "OPTIONS SIP/2.0\r\n"]
        {
            assert_eq!(parse(text).unwrap_err(), Malformed::StartLine, "{text}");
        }
        assert_eq!(Message::parse(Bytes::from(vec![b'a'; MESSAGE_BYTES_MAX + 1])).unwrap_err(), Malformed::TooLong);
    }

    #[test]
    fn the_bound_on_header_lines_holds_exactly() {
        let with = |count: usize| parse(&format!("OPTIONS sip:a@b SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(count)));
        assert_eq!(with(HEADERS_MAX).unwrap().headers().count(), HEADERS_MAX);
        assert!(!with(HEADERS_MAX).unwrap().is_crowded());
        assert!(with(HEADERS_MAX + 1).unwrap().is_crowded());
    }

    #[test]
    fn the_longest_datagram_is_read_to_its_last_byte() {
        let head = "OPTIONS sip:a@b SIP/2.0\r\n\r\n";
        let text = format!("{head}{}", "x".repeat(MESSAGE_BYTES_MAX - head.len()));
        assert_eq!(parse(&text).unwrap().body().len(), MESSAGE_BYTES_MAX - head.len());
    }

    #[test]
    fn the_start_line_is_found_behind_empty_lines_and_in_any_letter_case() {
        let request = parse("\r\n\r\noptions sip:a@b sip/2.0\nX: y\n\nbody").unwrap();
        assert_eq!((request.method(), request.method_text()), (Method::Other, &b"options"[..]));
        assert_eq!((request.uri(), request.version(), request.status()), (&b"sip:a@b"[..], &b"sip/2.0"[..], 0));
        assert_eq!((request.other("x"), request.body()), (Some(&b"y"[..]), &b"body"[..]));
        let response = parse("SIP/2.0 183 \u{e4}\r\nCSeq: 7 INVITE\r\n\r\n").unwrap();
        assert_eq!((response.status(), response.reason()), (183, "\u{e4}".as_bytes()));
        assert_eq!((response.method(), response.method_text()), (Method::Invite, &b"INVITE"[..]));
        assert_eq!(parse("SIP/2.0 100\r\n\r\n").unwrap().reason(), b"");
    }

    #[test]
    fn lines_fold_and_repeat_and_have_compact_names() {
        let message = parse(
            "BYE sip:a@b SIP/2.0\r\nv: one,\r\n two\r\nROUTE : <sip:r,s>\r\nVia:three\r\ni: x\r\nSubject: a, b\r\n\r\n",
        )
        .unwrap();
        assert_eq!(message.value(Name::Via), Some(&b"one,\r\n two"[..]));
        assert_eq!(message.values(Name::Via).count(), 2);
        assert_eq!(message.elements(Name::Via).collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
        assert_eq!(message.elements(Name::Route).collect::<Vec<_>>(), [b"<sip:r,s>"]);
        assert_eq!(message.elements(Name::Subject).collect::<Vec<_>>(), [b"a, b"]);
        assert_eq!((message.call_id(), message.other("CALL-ID")), (Some(&b"x"[..]), Some(&b"x"[..])));
        assert_eq!(message.headers().nth(1).unwrap(), (Name::Route, &b"ROUTE"[..], &b"<sip:r,s>"[..]));
        assert!(!message.has_stray_line());
    }

    #[test]
    fn a_line_that_is_no_header_is_left_out_and_remembered() {
        for stray in ["no colon", ": no name", "na me: x", "n\u{e4}me: x", " folded"] {
            let message = parse(&format!("BYE sip:a@b SIP/2.0\r\n{stray}\r\nTo: x\r\n\r\n")).unwrap();
            assert!(message.has_stray_line(), "{stray}");
            assert_eq!(message.headers().count(), 1, "{stray}");
        }
    }

    #[test]
    fn one_rule_cuts_the_body() {
        let with = |lines: &str| parse(&format!("BYE sip:a@b SIP/2.0\r\n{lines}\r\nbody")).unwrap();
        for (lines, body, length) in [
            ("", "body", Length::Absent),
            ("l: 2\r\n", "bo", Length::Fits),
            ("Content-Length: 4\r\n", "body", Length::Fits),
            ("Content-Length: 6\r\n", "body", Length::Short { missing: 2 }),
            ("Content-Length: -1\r\n", "body", Length::Unreadable),
            ("Content-Length: 18446744073709551616\r\n", "body", Length::Unreadable),
            ("l: 2\r\nContent-Length: 2\r\n", "body", Length::Repeated),
        ] {
            let message = with(lines);
            assert_eq!((message.body(), message.length()), (body.as_bytes(), length), "{lines}");
            assert_eq!(message.body_bytes(), body);
        }
    }

    #[test]
    fn a_message_that_ends_in_its_headers_is_indexed() {
        let message = parse("BYE sip:a@b SIP/2.0\r\nTo: x\r\nCall-ID: y").unwrap();
        assert_eq!((message.call_id(), message.body()), (Some(&b"y"[..]), &b""[..]));
        assert_eq!(parse("BYE sip:a@b SIP/2.0").unwrap().headers().count(), 0);
    }

    #[test]
    fn debug_tells_no_address() {
        let text = format!("{:?}", parse("BYE sip:secret@b SIP/2.0\r\nFrom: <sip:secret@b>\r\ni: x\r\n\r\n").unwrap());
        assert!(text.contains("BYE") && !text.contains("secret"), "{text}");
    }
}
