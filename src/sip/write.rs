//! [`Writer`]: builds a message into one buffer. Line breaks are taken out of every value, so that no value can begin a header
//! line of its own, and Content-Length is always the writer's own. Writes header fields in the order they are given.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::message::{Message, is_token};
use super::name::{Method, Name};
use super::value::{Params, split_commas};
use crate::base::Digits;

/// Room reserved for a message: most fit.
const BUFFER_BYTES: usize = 1024;
/// Buffers are cut from blocks of this size. A block is used again once everything written into it is dropped, so that writing
/// allocates nothing as long as messages are sent soon; who keeps a message for longer keeps a copy.
const BLOCK_BYTES: usize = 16 * BUFFER_BYTES;

thread_local! {
    /// What is left of the block in use. It holds no text and no state: only memory.
    static BLOCK: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A buffer from the block in use.
fn buffer() -> BytesMut {
    BLOCK.with_borrow_mut(|block| {
        if block.capacity() < BUFFER_BYTES && !block.try_reclaim(BLOCK_BYTES) {
            *block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        let rest = block.split_off(BUFFER_BYTES);
        mem::replace(block, rest)
    })
}

/// A message being written; see the module.
#[derive(Debug)]
pub struct Writer {
    out: BytesMut,
}

impl Writer {
    /// Begins a request. White space and control characters are taken out of the URI.
    pub fn request(method: Method, uri: &[u8]) -> Self {
        let mut out = buffer();
        out.extend_from_slice(method.as_str().as_bytes());
        out.put_u8(b' ');
        // Without an early end, so that the compiler takes many bytes at a time.
        if uri.iter().fold(false, |bad, b| bad | (*b <= b' ') | (*b == 0x7f)) {
            out.extend(uri.iter().filter(|b| **b > b' ' && **b != 0x7f));
        } else {
            out.extend_from_slice(uri);
        }
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// Begins a response. `code` is 100..=699; the reason phrase is free text, see [`reason_phrase`] for the usual one.
    pub fn response(code: u16, reason: &str) -> Self {
        debug_assert!((100..700).contains(&code), "a status code has three digits");
        let mut writer = Self { out: buffer() };
        let digit = |value: u16| b'0' + (value % 10) as u8;
        writer.out.extend_from_slice(b"SIP/2.0 ");
        writer.out.extend_from_slice(&[digit(code / 100), digit(code / 10), digit(code), b' ']);
        writer.put_value(reason.as_bytes());
        writer.out.extend_from_slice(b"\r\n");
        writer
    }

    /// Writes one header line. A Content-Length is left out, for [`Writer::finish`] writes it; so is [`Name::Other`], which has
    /// no text: see [`Writer::line_text`].
    pub fn line(&mut self, name: Name, value: &[u8]) -> &mut Self {
        if self.begin(name) {
            self.put_value(value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Writes one header line whose value is these parts, one behind the other.
    pub fn line_of(&mut self, name: Name, parts: &[&[u8]]) -> &mut Self {
        if !self.begin(name) {
            return self;
        }
        let before = self.out.len();
        for part in parts {
            self.out.extend_from_slice(part);
        }
        if has_control(&self.out[before..]) && memchr::memchr2(b'\r', b'\n', &self.out[before..]).is_some() {
            self.out.truncate(before);
            self.put_value(&parts.concat());
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Writes one header line by the name's text; characters that no header name may have are taken out.
    pub fn line_text(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let known = Name::parse(name.as_bytes());
        if known != Name::Other {
            return self.line(known, value);
        }
        let before = self.out.len();
        self.out.extend(name.bytes().filter(|b| is_token(*b)));
        // Taking characters out can leave nothing, or the name of a header field the writer keeps for itself.
        if self.out.len() == before || Name::parse(&self.out[before..]) != Name::Other {
            self.out.truncate(before);
            return self;
        }
        self.out.extend_from_slice(b": ");
        self.put_value(value);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Writes one header line from formatted text: `writer.line_fmt(Name::CSeq, format_args!("{number} INVITE"))`.
    pub fn line_fmt(&mut self, name: Name, value: fmt::Arguments<'_>) -> &mut Self {
        if self.begin(name) {
            // Neither the buffer nor the adapter fails; a failing Display of the caller leaves a shorter value.
            let _ = fmt::Write::write_fmt(&mut Clean(self), value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Copies all lines of that name, each unfolded to one line.
    pub fn copy(&mut self, from: &Message, name: Name) -> &mut Self {
        if from.repeats(name) {
            for value in from.values(name) {
                self.line(name, value);
            }
        } else if let Some(value) = from.value(name) {
            self.line(name, value);
        }
        self
    }

    /// Writes header lines that [`Writer::into_headers`] gave.
    pub fn lines(&mut self, block: &[u8]) -> &mut Self {
        self.out.extend_from_slice(block);
        self
    }

    /// The header lines written so far, without the start line: what later responses to the same request share.
    pub fn into_headers(self) -> Box<[u8]> {
        let start = memchr::memchr(b'\n', &self.out).map_or(0, |end| end + 1);
        self.out[start..].into()
    }

    /// Ends a message without a body.
    pub fn finish(mut self) -> Bytes {
        self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.out.freeze()
    }

    /// Ends a message with a body.
    pub fn finish_body(mut self, content_type: &str, body: &[u8]) -> Bytes {
        self.line(Name::ContentType, content_type.as_bytes());
        self.out.extend_from_slice(b"Content-Length: ");
        self.out.extend_from_slice(Digits::decimal(body.len() as u64).as_bytes());
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);
        self.out.freeze()
    }

    /// Writes `Name: `; false for the names that a caller may not write.
    fn begin(&mut self, name: Name) -> bool {
        if matches!(name, Name::ContentLength | Name::Other) {
            return false;
        }
        self.out.extend_from_slice(name.head().as_bytes());
        true
    }

    /// Writes text with each line break, and the white space around it, as one space.
    fn put_value(&mut self, value: &[u8]) {
        if !has_control(value) || memchr::memchr2(b'\r', b'\n', value).is_none() {
            return self.out.extend_from_slice(value);
        }
        let pieces = value.split(|b| matches!(b, b'\r' | b'\n')).map(<[u8]>::trim_ascii).filter(|p| !p.is_empty());
        for (index, piece) in pieces.enumerate() {
            if index > 0 {
                self.out.put_u8(b' ');
            }
            self.out.extend_from_slice(piece);
        }
    }

    /// Writes the top Via of a response: as it came, with `received` and `rport` as the server has to set them.
    fn top_via(&mut self, request: &Message, line: &[u8], source: SocketAddr) {
        let Some(via) = request.top_via() else {
            self.line(Name::Via, line);
            return;
        };
        // RFC 3581 4 for rport, RFC 3261 18.2.1 for a sent-by that is not the source. A `received` sent along is not true.
        let received = via.rport.is_some() || via.host_ip() != Some(source.ip());
        if !received && via.received.is_none() {
            self.line(Name::Via, line);
            return;
        }
        self.begin(Name::Via);
        self.put_value(via.sent);
        for (name, value) in Params::new(via.params) {
            if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
                continue;
            }
            self.out.put_u8(b';');
            self.put_value(name);
            if let Some(value) = value {
                self.out.put_u8(b'=');
                self.put_value(value);
            }
        }
        if received {
            self.out.extend_from_slice(b";received=");
            self.put_ip(source.ip());
        }
        if via.rport.is_some() {
            self.out.extend_from_slice(b";rport=");
            self.out.extend_from_slice(Digits::decimal(u64::from(source.port())).as_bytes());
        }
        for element in split_commas(line).skip(1) {
            self.out.extend_from_slice(b", ");
            self.put_value(element);
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

impl Writer {
    fn put_ip(&mut self, ip: IpAddr) {
        let IpAddr::V4(ip) = ip else {
            // Writing into a buffer that grows cannot fail.
            let _ = fmt::Write::write_fmt(&mut self.out, format_args!("{ip}"));
            return;
        };
        for (index, octet) in ip.octets().into_iter().enumerate() {
            if index > 0 {
                self.out.put_u8(b'.');
            }
            self.out.extend_from_slice(Digits::decimal(u64::from(octet)).as_bytes());
        }
    }
}

/// True when a byte is below the space, eight at a time: values are short, and nearly none has one.
fn has_control(value: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    // The borrow of a byte below 0x20 reaches its top bit.
    let has = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word.wrapping_sub(ONES * 0x20) & !word & (ONES * 0x80) != 0
    };
    let (words, rest) = value.as_chunks();
    words.iter().any(has) || value.last_chunk().map_or_else(|| rest.iter().any(|byte| *byte < b' '), has)
}

/// Formatted text without its line breaks.
struct Clean<'a>(&'a mut Writer);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_none() {
            self.0.out.extend_from_slice(text.as_bytes());
        } else {
            self.0.out.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        }
        Ok(())
    }
}

/// Begins the response to a request that came from `source` (RFC 3261 8.2.6): all Via lines, the top one with `received` and
/// `rport`, From, To with our tag when it has none (100 gets none), Call-ID, CSeq, and in a 100 the Timestamp. The reason phrase
/// is the code's usual one when `None`.
pub fn respond(request: &Message, source: SocketAddr, code: u16, reason: Option<&str>, to_tag: &[u8]) -> Writer {
    let mut writer = Writer::response(code, reason.unwrap_or_else(|| reason_phrase(code)));
    let mut vias = request.values(Name::Via);
    if let Some(top) = vias.next() {
        writer.top_via(request, top, source);
    }
    for via in vias {
        writer.line(Name::Via, via);
    }
    writer.copy(request, Name::From);
    if code > 100 && !to_tag.is_empty() && request.to_tag().is_none() {
        if let Some(to) = request.value(Name::To) {
            writer.begin(Name::To);
            writer.put_value(to);
            writer.out.extend_from_slice(b";tag=");
            writer.put_value(to_tag);
            writer.out.extend_from_slice(b"\r\n");
        }
    } else {
        writer.copy(request, Name::To);
    }
    writer.copy(request, Name::CallId).copy(request, Name::CSeq);
    if code == 100 {
        writer.copy(request, Name::Timestamp);
    }
    writer
}

/// The usual reason phrase of a status code (RFC 3261 21 and the registry), or that of its class.
pub fn reason_phrase(code: u16) -> &'static str {
    if let Ok(row) = PHRASES.binary_search_by_key(&code, |row| row.0) {
        return PHRASES[row].1;
    }
    match code {
        0..200 => "Progress",
        200..300 => "OK",
        300..400 => "Redirection",
        400..500 => "Request Failure",
        500..600 => "Server Failure",
        600.. => "Global Failure",
    }
}

/// Status codes in order, with their phrases.
const PHRASES: &[(u16, &str)] = &[
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (429, "Provide Referrer Identity"),
    (433, "Anonymity Disallowed"),
    (469, "Bad Info Package"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (580, "Precondition Failure"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (604, "Does Not Exist Anywhere"),
    (606, "Not Acceptable"),
    (607, "Unwanted"),
    (608, "Rejected"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &str) -> Message {
        let text = format!("INVITE sip:a@b SIP/2.0\r\n{lines}\r\n");
        Message::parse(Bytes::from(text)).unwrap()
    }

    fn text(writer: Writer) -> String {
        String::from_utf8(writer.finish().to_vec()).unwrap()
    }

    #[test]
    fn a_response_carries_what_the_rfc_says() {
        let request = request(
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nv: SIP/2.0/UDP h\r\nf: <sip:x@y>;tag=1\r\nTo:\r\n <sip:a@b>\r\n\
             Call-ID: c\r\nCSeq: 1\r\n INVITE\r\nTimestamp: 54\r\nSubject: no\r\n",
        );
        let source = "192.0.2.1:5060".parse().unwrap();
        let common = |to: &str| {
            format!(
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:x@y>;tag=1\r\n\
                 To: <sip:a@b>{to}\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
            )
        };
        let end = "Content-Length: 0\r\n\r\n";
        let trying = respond(&request, source, 100, None, b"t");
        assert_eq!(text(trying), format!("SIP/2.0 100 Trying\r\n{}Timestamp: 54\r\n{end}", common("")));
        let busy = respond(&request, source, 486, Some("Full"), b"t");
        assert_eq!(text(busy), format!("SIP/2.0 486 Full\r\n{}{end}", common(";tag=t")));
        let untagged = respond(&request, source, 400, None, b"");
        assert_eq!(text(untagged), format!("SIP/2.0 400 Bad Request\r\n{}{end}", common("")));
    }

    #[test]
    fn a_tag_that_is_there_is_kept() {
        let request = request("To: <sip:a@b>;tag=theirs\r\n");
        let text = text(respond(&request, "192.0.2.1:5060".parse().unwrap(), 200, None, b"ours"));
        assert!(text.contains("To: <sip:a@b>;tag=theirs\r\n"), "{text}");
    }

    #[test]
    fn the_top_via_tells_where_the_request_came_from() {
        let via = |via: &str, source: &str| {
            let request = request(&format!("Via: {via}\r\nVia: SIP/2.0/UDP other;rport\r\n"));
            let text = text(respond(&request, source.parse().unwrap(), 200, None, b"t"));
            let mut lines = text.lines().filter_map(|line| line.strip_prefix("Via: ").map(str::to_string));
            (lines.next().unwrap(), lines.next().unwrap())
        };
        for (sent, source, answered) in [
            ("SIP/2.0/UDP 192.0.2.1:5060;branch=b", "192.0.2.1:40000", "SIP/2.0/UDP 192.0.2.1:5060;branch=b"),
            ("SIP/2.0/UDP h;branch=b", "192.0.2.1:9", "SIP/2.0/UDP h;branch=b;received=192.0.2.1"),
            ("SIP/2.0/UDP 10.0.0.1;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.1"),
            (
                "SIP/2.0/UDP 192.0.2.1;rport;branch=b",
                "192.0.2.1:9",
                "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.1;rport=9",
            ),
            ("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;x", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;x"),
            ("SIP/2.0/UDP h;rport , SIP/2.0/TCP i", "[::1]:9", "SIP/2.0/UDP h;received=::1;rport=9, SIP/2.0/TCP i"),
            ("nonsense", "192.0.2.1:9", "nonsense"),
        ] {
            assert_eq!(via(sent, source), (answered.to_string(), "SIP/2.0/UDP other;rport".to_string()));
        }
    }

    #[test]
    fn no_value_begins_a_line_of_its_own() {
        let mut writer = Writer::request(Method::Bye, b"sip:a@b SIP/2.0\r\nEvil: 1\r\n\r\n");
        writer
            .line(Name::Subject, b"a\r\nEvil: 2\r\n\r\nb")
            .line_text("X-Queue", b"\r\n\r\nEvil: 3")
            .line_text("X\r\nEvil: 4", b"x")
            .line_text("Content-\r\nLength", b"9")
            .line_text(" \r\n", b"9")
            .line_text("l", b"9")
            .line(Name::ContentLength, b"9")
            .line_fmt(Name::Reason, format_args!("{}", "x\r\nEvil: 5\n"));
        let bytes = writer.finish_body("text/plain\r\nEvil: 6", b"\r\nbody");
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.uri(), b"sip:a@bSIP/2.0Evil:1");
        let lines: Vec<_> = message
            .headers()
            .map(|(_, name, value)| [name, value].map(|t| String::from_utf8_lossy(t).into_owned()))
            .collect();
        assert_eq!(
            lines,
            [
                ["Subject", "a Evil: 2 b"],
                ["X-Queue", "Evil: 3"],
                ["XEvil4", "x"],
                ["Reason", "x  Evil: 5"],
                ["Content-Type", "text/plain Evil: 6"],
                ["Content-Length", "6"],
            ]
        );
        assert_eq!(message.body(), b"\r\nbody");
        let response = Writer::response(200, "OK\r\nEvil: 1").finish();
        assert!(response.starts_with(b"SIP/2.0 200 OK Evil: 1\r\nContent-Length: 0\r\n"));
    }

    #[test]
    fn copying_unfolds_every_line() {
        let from = request("Record-Route: <sip:a>\r\n\t, <sip:b>\r\nRecord-Route: <sip:c>\r\n");
        let mut writer = Writer::response(200, "OK");
        writer.copy(&from, Name::RecordRoute).copy(&from, Name::Route);
        let want =
            "SIP/2.0 200 OK\r\nRecord-Route: <sip:a> , <sip:b>\r\nRecord-Route: <sip:c>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(text(writer), want);
    }

    #[test]
    fn a_control_character_is_seen_wherever_it_stands() {
        for length in 0..40 {
            let mut text = vec![b' '; length];
            assert!(!has_control(&text));
            text.iter_mut().zip(0..).for_each(|(byte, n)| *byte = [0xff, b' ', 0x80, b'a'][n % 4]);
            assert!(!has_control(&text), "{length}");
            for at in 0..length {
                for byte in [0, b'\n', b'\r', 0x1f] {
                    let before = mem::replace(&mut text[at], byte);
                    assert!(has_control(&text), "{length} {at} {byte}");
                    text[at] = before;
                }
            }
        }
    }

    #[test]
    fn every_code_has_a_phrase() {
        assert!(PHRASES.is_sorted_by_key(|row| row.0));
        assert!((100..700).all(|code| !reason_phrase(code).is_empty()));
        assert_eq!((reason_phrase(487), reason_phrase(499)), ("Request Terminated", "Request Failure"));
        assert_eq!((reason_phrase(100), reason_phrase(608)), ("Trying", "Rejected"));
    }
}
