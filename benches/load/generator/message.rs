//! The few SIP messages of a plain call (RFC 3665 3.1): written from fixed text, read line by line. Independent of the
//! engine's own parser, and only as general as the engine's own messages: long header names, one space after the colon.

use std::io::Write as _;
use std::net::SocketAddrV4;

use memchr::memchr;
use smallvec::SmallVec;

/// A received message: the values of the lines that matter.
#[derive(Debug, Default)]
pub(crate) struct Lines<'a> {
    /// The first line.
    pub(crate) start: &'a [u8],
    pub(crate) via: SmallVec<[&'a [u8]; 2]>,
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a [u8],
    pub(crate) call_id: &'a [u8],
    pub(crate) cseq: &'a [u8],
    /// The URI between the angle brackets.
    pub(crate) contact: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Lines<'a> {
    /// Reads a datagram.
    pub(crate) fn read(datagram: &'a [u8]) -> Self {
        let mut lines = Self::default();
        let mut rest = datagram;
        while let Some(end) = memchr(b'\n', rest) {
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            rest = &rest[end + 1..];
            if line.is_empty() {
                lines.body = rest;
                break;
            }
            if lines.start.is_empty() {
                lines.start = line;
                continue;
            }
            match line[0] {
                b'V' => line.strip_prefix(b"Via: ").into_iter().for_each(|value| lines.via.push(value)),
                b'F' => lines.from = line.strip_prefix(b"From: ").unwrap_or(lines.from),
                b'T' => lines.to = line.strip_prefix(b"To: ").unwrap_or(lines.to),
                b'C' => lines.read_c(line),
                _ => {}
            }
        }
        lines
    }

    fn read_c(&mut self, line: &'a [u8]) {
        if let Some(value) = line.strip_prefix(b"Call-ID: ") {
            self.call_id = value;
        } else if let Some(value) = line.strip_prefix(b"CSeq: ") {
            self.cseq = value;
        } else if let Some(value) = line.strip_prefix(b"Contact: ") {
            let inner = value.split(|octet| *octet == b'<').nth(1).unwrap_or(value);
            self.contact = inner.split(|octet| *octet == b'>').next().unwrap_or(inner);
        }
    }

    /// The status code; `None` for a request.
    pub(crate) fn status(&self) -> Option<u16> {
        number(self.start.strip_prefix(b"SIP/2.0 ")?)
    }

    /// The method of a request, or of the request that a response answers.
    pub(crate) fn method(&self) -> &'a [u8] {
        self.cseq.split(|octet| *octet == b' ').nth(1).unwrap_or_default()
    }

    /// The port of the first stream of the session description.
    pub(crate) fn media_port(&self) -> Option<u16> {
        let at = memchr::memmem::find(self.body, b"m=audio ")?;
        number(&self.body[at + 8..])
    }
}

/// The decimal number that a text begins with.
fn number(text: &[u8]) -> Option<u16> {
    let digits = text.iter().take_while(|octet| octet.is_ascii_digit());
    digits.fold(None, |value: Option<u16>, digit| {
        Some(value.unwrap_or(0).saturating_mul(10).saturating_add(u16::from(digit - b'0')))
    })
}

/// Eight hexadecimal digits.
pub(crate) fn hex(value: u32) -> [u8; 8] {
    std::array::from_fn(|n| b"0123456789abcdef"[(value >> (28 - 4 * n)) as usize & 15])
}

/// The number that [`hex`] wrote.
pub(crate) fn unhex(text: &[u8]) -> Option<u32> {
    text.get(..8)?.iter().try_fold(0u32, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// A caller's side of the messages: everything but the call's own names is written beforehand.
#[derive(Debug)]
pub(crate) struct Templates {
    /// `Via: ...;branch=z9hG4bK`.
    via: Vec<u8>,
    /// From the branch's end to the From tag.
    from: Vec<u8>,
    contact: Vec<u8>,
    /// What follows the domain of Call-ID.
    host: Vec<u8>,
    engine: String,
    run: [u8; 8],
    /// The INVITE that was written last: the next to the same number differs in its names only.
    ready: Ready,
}

/// An INVITE of which all but the call's names is written.
#[derive(Debug, Default)]
struct Ready {
    number: &'static str,
    media_port: u16,
    text: Vec<u8>,
    /// Where the slot stands, and where the serial number.
    slots: SmallVec<[usize; 4]>,
    serials: SmallVec<[usize; 4]>,
}

/// A call's names: the slot where its state is, and a serial number that tells it from an older call there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

impl Templates {
    /// For callers on `port` that call an engine; `run` tells runs apart.
    pub(crate) fn new(port: u16, engine: SocketAddrV4, run: u32) -> Self {
        Self {
            via: format!("Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK").into_bytes(),
            from: format!("\r\nMax-Forwards: 70\r\nFrom: \"Caller\" <sip:caller@127.0.0.1:{port}>;tag=").into_bytes(),
            contact: format!("Contact: <sip:caller@127.0.0.1:{port}>\r\n").into_bytes(),
            host: b"@127.0.0.1\r\n".to_vec(),
            engine: engine.to_string(),
            run: hex(run),
            ready: Ready::default(),
        }
    }

    /// The call that a Call-ID names.
    pub(crate) fn name(&self, call_id: &[u8]) -> Option<Name> {
        let name = Name { slot: unhex(call_id)?, serial: unhex(call_id.get(8..)?)? };
        (call_id.get(16..24)? == self.run).then_some(name)
    }

    /// An INVITE whose caller receives audio on `media_port`.
    pub(crate) fn invite(&mut self, out: &mut Vec<u8>, name: Name, number: &'static str, media_port: u16) {
        if self.ready.number != number || self.ready.media_port != media_port {
            let mut text = Vec::with_capacity(1_024);
            self.write_invite(&mut text, Ready::MARKS, number, media_port);
            self.ready = Ready::new(number, media_port, text);
        }
        self.ready.fill(name);
        out.clear();
        out.extend_from_slice(&self.ready.text);
    }

    fn write_invite(&self, out: &mut Vec<u8>, name: Name, number: &str, media_port: u16) {
        let _ = write!(out, "INVITE sip:{number}@{} SIP/2.0\r\n", self.engine);
        self.head(out, name, b'i');
        let _ = write!(out, "To: <sip:{number}@{}>\r\n", self.engine);
        self.tail(out, name, b"CSeq: 1 INVITE\r\n");
        out.extend_from_slice(&self.contact);
        body(out, media_port);
    }

    /// The ACK of a final response: its To, towards its contact, or for a refusal on the INVITE's own branch.
    pub(crate) fn ack(&self, out: &mut Vec<u8>, name: Name, to: &[u8], target: Option<&[u8]>, number: &str) {
        let branch = if target.is_some() { b'a' } else { b'i' };
        self.request(out, name, b"ACK", (to, target, number), branch, b"CSeq: 1 ACK\r\n");
    }

    /// A BYE.
    pub(crate) fn bye(&self, out: &mut Vec<u8>, name: Name, to: &[u8], target: &[u8]) {
        self.request(out, name, b"BYE", (to, Some(target), ""), b'b', b"CSeq: 2 BYE\r\n");
    }

    /// A CANCEL of the INVITE.
    pub(crate) fn cancel(&self, out: &mut Vec<u8>, name: Name, number: &str) {
        let to = format!("<sip:{number}@{}>", self.engine);
        self.request(out, name, b"CANCEL", (to.as_bytes(), None, number), b'i', b"CSeq: 1 CANCEL\r\n");
    }

    fn request(
        &self,
        out: &mut Vec<u8>,
        name: Name,
        method: &[u8],
        (to, target, number): (&[u8], Option<&[u8]>, &str),
        branch: u8,
        cseq: &[u8],
    ) {
        out.clear();
        out.extend_from_slice(method);
        match target {
            Some(target) => put(out, &[b" ", target]),
            None => drop(write!(out, " sip:{number}@{}", self.engine)),
        }
        out.extend_from_slice(b" SIP/2.0\r\n");
        self.head(out, name, branch);
        put(out, &[b"To: ", to, b"\r\n"]);
        self.tail(out, name, cseq);
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }

    fn head(&self, out: &mut Vec<u8>, name: Name, branch: u8) {
        let (slot, serial) = (hex(name.slot), hex(name.serial));
        put(out, &[&self.via, &slot, &serial, &self.run, &[branch], &self.from, &serial, b"\r\n"]);
    }

    fn tail(&self, out: &mut Vec<u8>, name: Name, cseq: &[u8]) {
        put(out, &[b"Call-ID: ", &hex(name.slot), &hex(name.serial), &self.run, &self.host, cseq]);
    }
}

impl Ready {
    /// Names that stand nowhere else in the message.
    const MARKS: Name = Name { slot: 0x5107_5107, serial: 0x5e41_a15e };

    fn new(number: &'static str, media_port: u16, text: Vec<u8>) -> Self {
        let places = |mark| memchr::memmem::find_iter(&text, &hex(mark)).collect();
        let (slots, serials) = (places(Self::MARKS.slot), places(Self::MARKS.serial));
        Self { number, media_port, text, slots, serials }
    }

    fn fill(&mut self, name: Name) {
        for (places, value) in [(&self.slots, hex(name.slot)), (&self.serials, hex(name.serial))] {
            places.iter().for_each(|at| self.text[*at..at + 8].copy_from_slice(&value));
        }
    }
}

/// The address of a URI that names one, as the engine's Contact does.
pub(crate) fn address(uri: &[u8]) -> Option<SocketAddrV4> {
    let rest = uri.strip_prefix(b"sip:")?;
    let rest = rest.split(|octet| *octet == b'@').next_back()?;
    let text = rest.split(|octet| matches!(octet, b';' | b'?')).next()?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The response of an agent or a caller to a request: To gets a tag unless it has one; an agent's contact and, with
/// `media_port`, a session description follow.
pub(crate) fn respond(out: &mut Vec<u8>, line: &str, request: &Lines<'_>, contact: &[u8], media_port: Option<u16>) {
    out.clear();
    put(out, &[b"SIP/2.0 ", line.as_bytes(), b"\r\n"]);
    for via in &request.via {
        put(out, &[b"Via: ", via, b"\r\n"]);
    }
    put(out, &[b"From: ", request.from, b"\r\nTo: ", request.to]);
    if memchr::memmem::find(request.to, b";tag=").is_none() {
        // One call has one tag, also when the INVITE comes twice: the end of the engine's own Call-ID would do, its length too.
        put(out, &[b";tag=a", &hex(checksum(request.call_id))]);
    }
    put(out, &[b"\r\nCall-ID: ", request.call_id, b"\r\nCSeq: ", request.cseq, b"\r\n", contact]);
    match media_port {
        Some(port) => body(out, port),
        None => out.extend_from_slice(b"Content-Length: 0\r\n\r\n"),
    }
}

/// Tags only have to differ between the calls of a run.
fn checksum(text: &[u8]) -> u32 {
    text.iter().fold(0x811c_9dc5, |sum, octet| (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

fn body(out: &mut Vec<u8>, port: u16) {
    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ";
    const TAIL: &str = " RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
                        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    let digits = port.checked_ilog10().unwrap_or(0) as usize + 1;
    let length = HEAD.len() + digits + TAIL.len();
    let _ = write!(out, "Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{HEAD}{port}{TAIL}");
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_invite_differs_from_a_written_one_in_nothing() {
        let mut templates = Templates::new(40_000, "127.0.0.1:5060".parse().unwrap(), 7);
        let (mut quick, mut written) = (Vec::new(), Vec::new());
        for (name, number, port) in [(1, "800", 50_000), (2, "800", 50_000), (3, "801", 50_000), (4, "801", 9)] {
            let name = Name { slot: name, serial: name << 8 };
            templates.invite(&mut quick, name, number, port);
            written.clear();
            templates.write_invite(&mut written, name, number, port);
            assert_eq!(String::from_utf8_lossy(&quick), String::from_utf8_lossy(&written));
            assert_eq!(templates.name(Lines::read(&quick).call_id), Some(name));
        }
    }

    #[test]
    fn a_contact_names_where_requests_go() {
        let there = Some("127.0.0.1:5061".parse().unwrap());
        assert_eq!(address(b"sip:127.0.0.1:5061"), there);
        assert_eq!(address(b"sip:s2@127.0.0.1:5061;transport=udp"), there);
        assert_eq!((address(b"sip:example.org"), address(b"")), (None, None));
    }
}
