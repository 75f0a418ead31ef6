//! A SIP message as a trace keeps it: proofs of passwords, keys and what somebody keys in are blanked always, numbers and names
//! of people unless they were asked for. Lengths change, so Content-Length tells what it was on the wire.

use std::borrow::Cow;

use crate::base::Pii;
use crate::base::limits::TRACE_MESSAGE_BYTES_MAX;
use crate::sip::value::quote_end;

/// Stands for what is not shown.
const BLANK: &[u8] = b"***";
/// So many digits in a row may be a number.
const NUMBER_DIGITS: usize = 5;

/// What the value of a header field may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A proof of a password.
    Secret,
    /// Who it is, as addresses.
    Addresses,
    /// What only machines read.
    Plain,
    /// It cannot be known.
    Free,
}

/// Header fields by what they tell, with their compact names.
const KINDS: [(&[&str], Kind); 3] = [
    (&["authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info"], Kind::Secret),
    (
        &[
            "from",
            "f",
            "to",
            "t",
            "contact",
            "m",
            "p-asserted-identity",
            "p-preferred-identity",
            "remote-party-id",
            "diversion",
            "history-info",
            "p-called-party-id",
            "refer-to",
            "r",
            "referred-by",
            "b",
            "route",
            "record-route",
            "reply-to",
            "call-info",
            "alert-info",
            "error-info",
            "p-associated-uri",
            "service-route",
            "path",
        ],
        Kind::Addresses,
    ),
    (
        &[
            "via",
            "v",
            "cseq",
            "call-id",
            "i",
            "content-type",
            "c",
            "content-length",
            "l",
            "content-encoding",
            "e",
            "content-disposition",
            "max-forwards",
            "expires",
            "session-expires",
            "x",
            "min-se",
            "min-expires",
            "rseq",
            "rack",
            "date",
            "server",
            "user-agent",
            "allow",
            "supported",
            "k",
            "require",
            "proxy-require",
            "unsupported",
            "accept",
            "accept-encoding",
            "accept-language",
            "warning",
            "reason",
            "privacy",
            "event",
            "o",
            "allow-events",
            "u",
            "subscription-state",
            "www-authenticate",
            "proxy-authenticate",
            "timestamp",
            "retry-after",
            "replaces",
            "mime-version",
            "organization",
            "priority",
            "x-strowger-call",
            "x-strowger-wait",
        ],
        Kind::Plain,
    ),
];

/// The message as it is kept, at most [`TRACE_MESSAGE_BYTES_MAX`] of it; the numbers in it where they are `shown`.
pub(in crate::node) fn kept(raw: &[u8], shown: bool) -> Vec<u8> {
    let (head, body) = raw.split_at(head_bytes(raw));
    let mut out = Vec::with_capacity(raw.len().min(TRACE_MESSAGE_BYTES_MAX) + 64);
    let mut kind = Kind::Plain;
    for (index, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if out.len() >= TRACE_MESSAGE_BYTES_MAX {
            break;
        }
        kind = match index {
            0 => Kind::Addresses,
            _ => header_line(line, kind, shown, &mut out),
        };
        if index == 0 {
            start_line(line, shown, &mut out);
        }
    }
    // Digits that are keyed in are PINs.
    if !body.is_empty() && head.starts_with(b"INFO ") {
        out.extend_from_slice(BLANK);
    } else {
        let is_sdp = body.starts_with(b"v=0");
        // As they are read: one may end with LF or CR alone.
        for line in body.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            if out.len() >= TRACE_MESSAGE_BYTES_MAX {
                break;
            }
            body_line(line, is_sdp, shown, &mut out);
        }
    }
    out.truncate(TRACE_MESSAGE_BYTES_MAX);
    out
}

/// The octets before the body, whose lines may end with LF alone.
fn head_bytes(raw: &[u8]) -> usize {
    let begin = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut end = begin;
    for line in raw[begin..].split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    end
}

fn start_line(line: &[u8], shown: bool, out: &mut Vec<u8>) {
    if shown || line.starts_with(b"SIP/2.0 ") {
        out.extend_from_slice(line);
    } else {
        uris(line, out);
    }
}

/// Writes a line; tells of which kind the header field is that a folded line would go on with.
fn header_line(line: &[u8], before: Kind, shown: bool, out: &mut Vec<u8>) -> Kind {
    let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let colon = if folded { 0 } else { memchr::memchr(b':', line).map_or(line.len(), |colon| colon + 1) };
    let (name, value) = line.split_at(colon);
    let kind = if folded { before } else { kind_of(name.strip_suffix(b":").unwrap_or(name).trim_ascii()) };
    match kind {
        Kind::Secret if folded => {}
        Kind::Secret => {
            out.extend_from_slice(name);
            let scheme = value.trim_ascii().split(|byte| *byte == b' ').next().unwrap_or_default();
            if scheme.iter().all(u8::is_ascii_alphabetic) {
                out.extend_from_slice(b" ");
                out.extend_from_slice(scheme);
            }
            out.extend_from_slice(b" ***\r\n");
        }
        Kind::Plain => out.extend_from_slice(line),
        Kind::Addresses | Kind::Free if shown => out.extend_from_slice(line),
        Kind::Addresses => {
            out.extend_from_slice(name);
            addresses(value, out);
        }
        Kind::Free => {
            out.extend_from_slice(name);
            free(value, out);
        }
    }
    kind
}

fn kind_of(name: &[u8]) -> Kind {
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    let found = KINDS.iter().find(|(names, _)| names.iter().any(&is));
    found.map_or(if name.is_empty() { Kind::Plain } else { Kind::Free }, |(_, kind)| *kind)
}

fn body_line(line: &[u8], is_sdp: bool, shown: bool, out: &mut Vec<u8>) {
    if let Some(begin) = secret_after(line) {
        out.extend_from_slice(&line[..begin]);
        out.extend_from_slice(BLANK);
        return out.extend_from_slice(end_of(line));
    }
    match (shown, is_sdp) {
        (true, _) => out.extend_from_slice(line),
        (false, false) => free(line, out),
        (false, true) => sdp_line(line, out),
    }
}

/// Where a key begins in a line of a session description, however spaces stand in it.
fn secret_after(line: &[u8]) -> Option<usize> {
    let at = memchr::memchr(b'=', line)?;
    let (kind, rest) = (line[..at].trim_ascii(), &line[at + 1..]);
    if kind.eq_ignore_ascii_case(b"k") {
        return Some(at + 1);
    }
    let colon = memchr::memchr(b':', rest)?;
    let name = rest[..colon].trim_ascii();
    let is_key = [&b"crypto"[..], b"key-mgmt"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (kind.eq_ignore_ascii_case(b"a") && is_key).then_some(at + 1 + colon + 1)
}

/// How a line ends.
fn end_of(line: &[u8]) -> &[u8] {
    &line[line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1)..]
}

/// Of a session description: the user of `o=`, and what people may have written.
fn sdp_line(line: &[u8], out: &mut Vec<u8>) {
    let Some((begin, rest)) = line.split_at_checked(2) else { return out.extend_from_slice(line) };
    let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    match begin {
        b"o=" if rest[..end] != *b"-" => {
            out.extend_from_slice(b"o=***");
            out.extend_from_slice(&rest[end..]);
        }
        b"s=" | b"i=" | b"u=" | b"e=" | b"p=" if rest.trim_ascii() != b"-" => {
            out.extend_from_slice(begin);
            out.extend_from_slice(BLANK);
            out.extend_from_slice(end_of(line));
        }
        _ => out.extend_from_slice(line),
    }
}

/// A text of which nothing is known: users of URIs and long numbers are masked.
fn free(text: &[u8], out: &mut Vec<u8>) {
    let mut masked = Vec::with_capacity(text.len());
    uris(text, &mut masked);
    let mut at = 0;
    while at < masked.len() {
        let run = masked[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run >= NUMBER_DIGITS {
            out.extend_from_slice(BLANK);
        } else {
            out.extend_from_slice(&masked[at..at + run.max(1)]);
        }
        at += run.max(1);
    }
}

/// Addresses with their display names, which are not shown, and the rest.
fn addresses(value: &[u8], out: &mut Vec<u8>) {
    let mut named = Vec::with_capacity(value.len());
    let (mut at, mut begins) = (0, true);
    while at < value.len() {
        let rest = &value[at..];
        let plain = rest.iter().take_while(|byte| !matches!(byte, b'<' | b'"' | b',')).count();
        match rest.first() {
            Some(b'"') => {
                let end = quote_end(value, at).map_or(value.len(), |end| end + 1);
                named.extend_from_slice(b"\"***\"");
                at = end;
            }
            Some(b'<') => {
                let end = memchr::memchr(b'>', rest).map_or(rest.len(), |end| end + 1);
                named.extend_from_slice(&rest[..end]);
                (at, begins) = (at + end, false);
            }
            Some(b',') => {
                named.push(b',');
                (at, begins) = (at + 1, true);
            }
            Some(_) | None => {
                let is_name = begins && rest.get(plain) == Some(&b'<') && !rest[..plain].trim_ascii().is_empty();
                named.extend_from_slice(if is_name { b" *** " } else { &rest[..plain] });
                at += plain;
            }
        }
    }
    uris(&named, out);
}

/// A text in which the users of SIP URIs, and the numbers of tel URIs, are masked.
fn uris(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let scheme = [&b"sip:"[..], b"sips:", b"tel:"]
            .into_iter()
            .find(|scheme| rest.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
        let Some(scheme) = scheme else {
            out.push(rest[0]);
            at += 1;
            continue;
        };
        out.extend_from_slice(&rest[..scheme.len()]);
        let rest = &rest[scheme.len()..];
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'>' | b'"' | b','));
        let uri = &rest[..end.unwrap_or(rest.len())];
        at += scheme.len() + uri.len();
        if scheme == b"tel:" {
            let number = uri.iter().position(|byte| *byte == b';').unwrap_or(uri.len());
            person(&uri[..number], out);
            out.extend_from_slice(without_headers(&uri[number..]));
            continue;
        }
        let host = memchr::memchr(b'@', uri);
        if let Some(user) = host.map(|host| &uri[..host]) {
            let name = user.iter().position(|byte| matches!(byte, b';' | b':')).unwrap_or(user.len());
            person(&user[..name], out);
        }
        out.extend_from_slice(without_headers(&uri[host.unwrap_or(0)..]));
    }
}

/// The headers of a URI may name people in any way.
fn without_headers(uri: &[u8]) -> &[u8] {
    &uri[..memchr::memchr(b'?', uri).unwrap_or(uri.len())]
}

/// Somebody's number or name; our own is none.
fn person(name: &[u8], out: &mut Vec<u8>) {
    if name == b"strowger" {
        return out.extend_from_slice(name);
    }
    let name: Cow<'_, str> = String::from_utf8_lossy(name);
    out.extend_from_slice(Pii::new(name).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        String::from_utf8(kept(text.replace('\n', "\r\n").as_bytes(), false)).unwrap().replace('\r', "")
    }

    fn shown(text: &str) -> String {
        String::from_utf8(kept(text.replace('\n', "\r\n").as_bytes(), true)).unwrap().replace('\r', "")
    }

    #[test]
    fn numbers_and_names_are_masked_wherever_they_stand() {
        let text = "INVITE sip:+4930123456;npdi@192.0.2.2:5060;user=phone SIP/2.0\n\
                    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK123456789\n\
                    From: \"Ann <b> Lee\" <sip:+4930123456@192.0.2.1>;tag=1234567\n\
                    t: Ann Lee <tel:+4930123456;phone-context=x>\n\
                    Contact: <sip:+4930123456:pw@192.0.2.1?P-Asserted-Identity=sip%3A4930123456%40h>\n\
                    Diversion: \"Desk 123456\" <sip:4930123456@h>;reason=busy, <sip:77@h>\n\
                    X-Account: account 4930123456, room 12\n\
                    Call-ID: 98765432101@h\n\
                    P-Asserted-Identity: sip:4930123456@h\n\n\
                    v=0\no=4930123456 1 1 IN IP4 192.0.2.1\ns=Ann 4930123456\ne=ann@h\nm=audio 40000 RTP/AVP 0\n";
        let out = masked(text);
        assert!(!out.contains("123456\"") && !out.contains("30123456") && !out.contains("Ann"), "{out}");
        for line in [
            "INVITE sip:+49***(8)@192.0.2.2:5060;user=phone SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK123456789",
            "From: \"***\" <sip:+49***(8)@192.0.2.1>;tag=1234567",
            "t: *** <tel:+49***(8);phone-context=x>",
            "Contact: <sip:+49***(8)@192.0.2.1>",
            "Diversion: \"***\" <sip:493***(7)@h>;reason=busy, <sip:***@h>",
            "X-Account: account ***, room 12",
            "Call-ID: 98765432101@h",
            "P-Asserted-Identity: sip:493***(7)@h",
            "o=*** 1 1 IN IP4 192.0.2.1",
            "s=***",
            "e=***",
            "m=audio 40000 RTP/AVP 0",
        ] {
            assert!(out.lines().any(|shown| shown == line), "{line} in {out}");
        }
        assert_eq!(shown(text), text);
    }

    #[test]
    fn secrets_are_blanked_though_numbers_are_shown() {
        let text = "INVITE sip:1@h SIP/2.0\nAuthorization : Digest username=\"a\",\n response=\"5ec2e7\"\n\
                    pRoxy-authorization: Digest response=\"5ec2e7\"\nTo: <sip:1@h>\n\n\
                    v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ec2e7\nA=CRYPTO:5ec2e7\nk=clear:5ec2e7\na=sendrecv\n";
        let out = shown(text);
        assert!(!out.contains("5ec2e7"), "{out}");
        assert!(
            out.contains("Digest ***\n") && out.contains("a=crypto:***\n") && out.ends_with("a=sendrecv\n"),
            "{out}"
        );
        let typed = "INFO sip:1@h SIP/2.0\nContent-Type: application/dtmf-relay\n\nSignal=7\nDuration=160\n";
        assert!(shown(typed).ends_with("\n\n***"), "{}", shown(typed));
    }

    #[test]
    fn keys_are_blanked_however_lines_end_and_spaces_stand() {
        let crlf = "INVITE sip:1@h SIP/2.0\r\nTo: <sip:1@h>\r\n\r\nv=0\r\no=4930123456 1 1 IN IP4 h\r\n\
                    a=crypto:1 X inline:5ec2e7\r\n a = crypto : 1 X inline:5ec2e7\r\nk =clear:5ec2e7\r\na=sendrecv\r\n";
        let (head, body) = crlf.split_once("\r\n\r\n").unwrap();
        for text in [
            crlf.to_owned(),
            crlf.replace("\r\n", "\n"),
            format!("\r\n{crlf}"),
            format!("{head}\r\n\r\n{}", body.replace("\r\n", "\r")),
        ] {
            let [masked, shown] = [false, true].map(|shown| String::from_utf8(kept(text.as_bytes(), shown)).unwrap());
            assert!(!shown.contains("5ec2e7") && !masked.contains("5ec2e7"), "{text:?}: {shown}");
            assert!(shown.contains("4930123456") && !masked.contains("30123456"), "{text:?}: {masked}");
            assert_eq!(shown.lines().count(), text.lines().count(), "{text:?}: {shown:?}");
            assert!(shown.contains("a=crypto:***") && shown.contains("a=sendrecv"), "{shown}");
        }
    }

    #[test]
    fn strange_bytes_do_no_harm_and_long_messages_are_cut() {
        for text in [
            &b""[..],
            b"\r\n",
            b"x",
            b":",
            b"\r\n\r\n\r\n",
            b"INVITE sip: SIP/2.0\r\nFrom: \"\r\n <",
            b"a\r\nTo: <sip:\xff\xfe@",
            b"a\r\nTo: sip:@\r\nTo: tel:\r\n: x\r\n \r\n\r\no=",
            b"a\r\nAuthorization:\r\n\r\nv=0\r\no=\r\n",
        ] {
            let out = kept(text, false);
            assert!(out.len() <= text.len() * 4 + 64);
            assert!(!kept(text, true).is_empty() || text.is_empty());
        }
        let long = [&b"MESSAGE sip:1@h SIP/2.0\r\nSubject: "[..], &b"x".repeat(60_000), b"\r\n\r\n"].concat();
        assert_eq!(kept(&long, true).len(), TRACE_MESSAGE_BYTES_MAX);
        let many = b"A: sip:1@h\r\n".repeat(5_000);
        assert_eq!(kept(&many, false).len(), TRACE_MESSAGE_BYTES_MAX);
    }
}
