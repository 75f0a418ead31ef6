//! SIP messages as the simulator's phones read and write them: a start line, headers in order, a body.
//!
//! Deliberately not the engine's own view and writer: what the engine writes is read here by other code, so that a mistake
//! cannot hide by being made twice. Small and strict; it reads only what the engine may send. Never used by the engine.

use std::fmt::Write as _;

use bytes::Bytes;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method, as on the wire.
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// `SIP/2.0 code reason`
    Response {
        /// 100 to 699.
        code: u16,
        /// The reason phrase.
        reason: String,
    },
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// The first line.
    pub start: Start,
    headers: Vec<(String, String)>,
    /// The body; text, since SDP and DTMF relay are all a phone gets.
    pub body: String,
}

impl Wire {
    /// An empty request.
    pub fn request(method: &str, uri: &str) -> Self {
        let start = Start::Request { method: method.to_string(), uri: uri.to_string() };
        Self { start, headers: Vec::with_capacity(12), body: String::new() }
    }

    /// A response to `request` with the headers RFC 3261 8.2.6.2 says; `to_tag` is added where To has none.
    pub fn response(request: &Self, code: u16, to_tag: &str) -> Self {
        let start = Start::Response { code, reason: reason(code).to_string() };
        let mut response = Self { start, headers: Vec::with_capacity(10), body: String::new() };
        for (name, value) in &request.headers {
            match name.as_str() {
                "Via" | "From" | "Call-ID" | "CSeq" => response.headers.push((name.clone(), value.clone())),
                "Record-Route" if code > 100 && code < 300 => response.headers.push((name.clone(), value.clone())),
                "To" if code == 100 || tag(value).is_some() => response.headers.push((name.clone(), value.clone())),
                "To" => response.headers.push((name.clone(), format!("{value};tag={to_tag}"))),
                _ => {}
            }
        }
        response
    }

    /// The same response with another code.
    #[must_use]
    pub fn with_code(mut self, code: u16) -> Self {
        self.start = Start::Response { code, reason: reason(code).to_string() };
        self
    }

    /// Adds a header at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_string(), value.into()));
        self
    }

    /// Adds a header on top.
    #[must_use]
    pub fn with_first(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(0, (name.to_string(), value.into()));
        self
    }

    /// Without the headers of these (full) names.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.headers.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn with_body(self, kind: &str, body: String) -> Self {
        let mut message = self.with("Content-Type", kind);
        message.body = body;
        message
    }

    /// Reads a datagram; `None` when it is no SIP message (a keep-alive, RTP, rubbish) or its length is wrong.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = start_line(lines.next()?)?;
        let mut headers: Vec<(String, String)> = Vec::with_capacity(16);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            headers.push((full_name(name.trim()).to_string(), value.trim().to_string()));
        }
        let message = Self { start, headers, body: body.to_string() };
        match message.header("Content-Length") {
            Some(length) if length.parse() != Ok(message.body.len()) => None,
            _ => Some(message),
        }
    }

    /// The bytes to send.
    pub fn encode(&self) -> Bytes {
        let mut text = String::with_capacity(512 + self.body.len());
        let written = match &self.start {
            Start::Request { method, uri } => write!(text, "{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => write!(text, "SIP/2.0 {code} {reason}\r\n"),
        };
        written.expect("writing to a string succeeds");
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        write!(text, "Content-Length: {}\r\n\r\n", self.body.len()).expect("writing to a string succeeds");
        text.push_str(&self.body);
        Bytes::from(text)
    }

    /// All headers, as on the wire.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first header of this (full) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every header of this (full) name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The code of a response.
    pub const fn code(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { code, .. } => Some(*code),
        }
    }

    /// The Request-URI of a request, else empty.
    pub fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.trim().parse().ok()?, method.trim()))
    }

    /// The branch of the top Via.
    pub fn branch(&self) -> Option<&str> {
        parameter(self.header("Via")?.split(',').next()?, "branch")
    }

    /// The Call-ID, empty when absent.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<&str> {
        tag(self.header("From")?)
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&str> {
        tag(self.header("To")?)
    }
}

/// The URI inside a name-addr (`"x" <sip:a@b>;tag=1`) or an addr-spec.
pub fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => value.split(';').next().unwrap_or(value),
    }
}

/// The user part of a SIP URI, empty when it has none.
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user.split(';').next().unwrap_or(user))
}

fn tag(value: &str) -> Option<&str> {
    parameter(value.rsplit_once('>').map_or(value, |(_, rest)| rest), "tag")
}

fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn start_line(line: &str) -> Option<Start> {
    let (first, rest) = line.split_once(' ')?;
    let (second, third) = rest.split_once(' ')?;
    if first == "SIP/2.0" {
        return Some(Start::Response { code: second.parse().ok()?, reason: third.to_string() });
    }
    (third == "SIP/2.0").then(|| Start::Request { method: first.to_string(), uri: second.to_string() })
}

fn full_name(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        _ => name,
    }
}

const fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        404 => "Not Found",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let request = Wire::request("INVITE", "sip:800@10.0.0.1")
            .with("Via", "SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKx;rport")
            .with("From", "\"A; B\" <sip:a@10.0.1.1>;tag=1a")
            .with("To", "<sip:800@10.0.0.1>")
            .with("Call-ID", "c1")
            .with("CSeq", "7 INVITE")
            .with_body("application/sdp", "v=0\r\n".to_string());
        let read = Wire::parse(&request.encode()).unwrap();
        assert_eq!((read.method(), read.uri(), read.call_id()), (Some("INVITE"), "sip:800@10.0.0.1", "c1"));
        assert_eq!((read.branch(), read.cseq()), (Some("z9hG4bKx"), Some((7, "INVITE"))));
        assert_eq!((read.from_tag(), read.to_tag()), (Some("1a"), None));
        assert_eq!(read.body, "v=0\r\n");
        let response = Wire::parse(&Wire::response(&read, 200, "2b").encode()).unwrap();
        assert_eq!((response.code(), response.to_tag(), response.from_tag()), (Some(200), Some("2b"), Some("1a")));
    }

    #[test]
    fn a_wrong_length_is_no_message() {
        assert!(Wire::parse(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nab").is_none());
        assert!(Wire::parse(b"\r\n\r\n").is_none());
        assert_eq!(user_of(uri_of("\"x\" <sip:1001@10.0.2.1:5060;user=phone>;tag=9")), "1001");
    }
}
