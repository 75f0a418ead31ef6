//! Differential tests: two other SIP libraries, `rsip` and `rsipstack`, read the same messages as our own reader does. Where
//! all agree that a message can be read, they must read the same: start line, the values that transactions and dialogs are
//! found by, and the body. Where they may differ is listed in [`KNOWN`], each class with its reason, and must stay true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use strowger::sip::check::{acceptable_response, check};
use strowger::sip::message::Message;

/// What a reader makes of a message. Texts as written, so that nobody's normal form counts as a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    /// The method, or the status code.
    start: String,
    call_id: String,
    cseq: (u32, String),
    branch: Option<String>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    body: Vec<u8>,
}

/// A part of [`Reading`], as it is named in [`KNOWN`]; `Refused` is a reader that does not read a message which we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Refused,
    Start,
    CallId,
    CSeq,
    Branch,
    FromTag,
    ToTag,
    Body,
}

impl Reading {
    fn differs(&self, other: &Self) -> Vec<Part> {
        let parts = [
            (Part::Start, self.start == other.start),
            (Part::CallId, self.call_id == other.call_id),
            (Part::CSeq, self.cseq == other.cseq),
            (Part::Branch, self.branch == other.branch),
            (Part::FromTag, self.from_tag == other.from_tag),
            (Part::ToTag, self.to_tag == other.to_tag),
            (Part::Body, self.body == other.body),
        ];
        parts.into_iter().filter(|(_, same)| !same).map(|(part, _)| part).collect()
    }
}

/// Our own reading of a message that is taken: one that [`check`] or [`acceptable_response`] refuses is `None`.
fn ours(datagram: &[u8]) -> Option<Reading> {
    let message = Message::parse(Bytes::copy_from_slice(datagram)).ok()?;
    let taken = if message.is_request() { check(&message).is_ok() } else { acceptable_response(&message) };
    if !taken {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let cseq = message.cseq()?;
    Some(Reading {
        start: if message.is_request() { text(message.method_text()) } else { message.status().to_string() },
        call_id: text(message.call_id()?),
        cseq: (cseq.number, text(cseq.method_text)),
        branch: message.top_via()?.branch.map(text),
        from_tag: message.from_tag().map(text),
        to_tag: message.to_tag().map(text),
        body: message.body().to_vec(),
    })
}

/// Another library's reading; both have the same shape of interface.
macro_rules! reader {
    ($name:ident, $($library:ident)::+, $value:expr, $branch_of:expr) => {
        fn $name(datagram: &[u8]) -> Option<Reading> {
            use $($library)::+::prelude::*;
            let message = SipMessage::try_from(datagram).ok()?;
            let cseq = message.cseq_header().ok()?.typed().ok()?;
            let (start, body) = match &message {
                SipMessage::Request(request) => (request.method.to_string(), request.body.clone()),
                SipMessage::Response(response) => (u16::from(response.status_code.clone()).to_string(), response.body.clone()),
            };
            Some(Reading {
                start,
                call_id: message.call_id_header().ok()?.value().to_string(),
                cseq: (cseq.seq, cseq.method.to_string()),
                branch: $branch_of(&message)?.branch().map($value),
                from_tag: message.from_header().ok()?.typed().ok()?.tag().map($value),
                to_tag: message.to_header().ok()?.typed().ok()?.tag().map($value),
                body,
            })
        }
    };
}

mod by_rsip {
    use rsip::SipMessage;

    use super::Reading;

    reader!(reading, rsip, |text| text.value().to_string(), |message: &SipMessage| {
        message.via_header().ok()?.typed().ok()
    });

    pub(super) fn read(datagram: &[u8]) -> Option<Reading> {
        reading(datagram)
    }
}

mod by_rsipstack {
    use rsipstack::sip::SipMessage;

    use super::Reading;

    reader!(reading, rsipstack::sip, |text| text.0.clone(), |message: &SipMessage| {
        message.top_via_header().ok()?.typed().ok()
    });

    pub(super) fn read(datagram: &[u8]) -> Option<Reading> {
        reading(datagram)
    }
}

/// A library: its name and its reader.
type Library = (&'static str, fn(&[u8]) -> Option<Reading>);

const LIBRARIES: [Library; 2] = [("rsip", by_rsip::read), ("rsipstack", by_rsipstack::read)];

/// Torture messages that we take and a library reads otherwise.
const KNOWN: [(&str, &str, &[Part]); 7] = [
    // rsip knows neither compact names nor folded lines.
    ("wsinv longreq esc01 semiuri dblreq", "rsip", &[Part::Refused]),
    // rsip cuts an IPv6 reference at its first colon.
    (
        "ipv4-mapped-ipv6 ipv6-bug-abnf-3-colons ipv6-correct-abnf-2-colons ipv6-good ipv6-in-sdp mult-ip-in-header \
         mult-ip-in-sdp port-ambiguous port-unambiguous via-received-param-no-delim via-received-param-with-delim",
        "rsip",
        &[Part::Refused],
    ),
    // Methods that neither knows: RFC 3261 7.1 has extension-method, which is answered 405 and therefore read.
    ("esc02 intmeth", "rsip", &[Part::Refused]),
    ("esc02 intmeth", "rsipstack", &[Part::Refused]),
    // The grammar error of RFC 5118 4.5, which it says to accept.
    ("ipv6-bug-abnf-3-colons", "rsipstack", &[Part::Refused]),
    // A message of RFC 2543 without Content-Length: on a datagram the body goes to its end (RFC 3261 18.3).
    ("inv2543", "rsipstack", &[Part::Body]),
    // White space around the equals sign of a parameter (SWS EQUAL SWS, RFC 3261 25.1), kept by rsipstack in name or value.
    ("wsinv", "rsipstack", &[Part::FromTag, Part::ToTag]),
];

/// The torture messages as they go over the wire, by file name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let list = |part: &str| std::fs::read_dir(folder.join(part)).expect("the corpus is in the tree");
    let mut files: Vec<PathBuf> =
        ["rfc4475", "rfc5118"].into_iter().flat_map(list).map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| (name_of(&file), wire(&file))).collect()
}

fn name_of(file: &Path) -> String {
    file.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Those of RFC 5118 stand with bare line feeds, and some without their last blank line.
fn wire(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).expect("a file of the corpus");
    if file.parent().is_some_and(|folder| folder.ends_with("rfc4475")) {
        return bytes;
    }
    let mut text = String::from_utf8(bytes).expect("these are text").replace('\n', "\r\n");
    if !text.contains("\r\n\r\n") {
        text.push_str("\r\n");
    }
    text.into_bytes()
}

#[test]
fn torture_messages_are_read_alike_but_for_the_known_classes() {
    let mut found = BTreeSet::new();
    for (name, datagram) in corpus() {
        let Some(ours) = ours(&datagram) else { continue };
        for (library, read) in LIBRARIES {
            let parts = read(&datagram).map_or_else(|| vec![Part::Refused], |theirs| ours.differs(&theirs));
            found.extend(parts.into_iter().map(|part| (name.clone(), library, part)));
        }
    }
    let known: BTreeSet<_> = KNOWN
        .iter()
        .flat_map(|(names, library, parts)| {
            let names = names.split(' ');
            names.flat_map(move |name| parts.iter().map(move |part| (name.to_string(), *library, *part)))
        })
        .collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(unknown.is_empty() && gone.is_empty(), "new: {unknown:#?}\nnot so any more: {gone:#?}");
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9.!*_+~-]{0,15}"
}

/// The names of the header fields that messages are found by, long and compact.
const NAMES: [[&str; 2]; 5] = [["Via", "v"], ["From", "f"], ["To", "t"], ["Call-ID", "i"], ["Content-Length", "l"]];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What every reader of SIP has to read: long and compact names, white space before values, a name-addr with
    /// or without a display name, parameters before and behind the tag, a second Via.
    #[test]
    fn everyday_messages_are_read_alike(
        (method, status) in ("INVITE|ACK|BYE|CANCEL|OPTIONS|INFO|UPDATE", proptest::option::of(100..699_u16)),
        (branch, call_id, number) in (token(), token(), any::<u32>().prop_map(|number| number >> 1)),
        (from_tag, to_tag) in (token(), proptest::option::of(token())),
        (display, user, host, port) in ("|[A-Za-z ]{1,12} |\"[A-Za-z ,;]{1,12}\" ", "[a-z0-9]{1,12}", "[a-z]{1,8}\\.test", 1..u16::MAX),
        (compact, space, second, body) in (any::<[bool; 5]>(), "[ \t]{0,3}", any::<bool>(), "[a-z=\r\n]{0,40}"),
    ) {
        let first = match status {
            Some(status) => format!("SIP/2.0 {status} Some Reason"),
            None => format!("{method} sip:{user}@{host} SIP/2.0"),
        };
        let to_tag_text = to_tag.as_ref().map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let written = |compact: [bool; 5]| {
            let [via, from, to, id, length] = std::array::from_fn(|n| NAMES[n][usize::from(compact[n])]);
            // A response with two is not ours (RFC 3261 8.1.3.3).
            let second = if second && status.is_none() { format!("{via}: SIP/2.0/UDP other.test;branch=z9hG4bKother\r\n") } else { String::new() };
            format!(
                "{first}\r\n{via}:{space}SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{branch}\r\n{second}\
                 Max-Forwards: 70\r\n{from}:{space}{display}<sip:{user}@{host}>;a=b;tag={from_tag}\r\n\
                 {to}: <sip:{user}@{host}:{port}>{to_tag_text}\r\n{id}:{space}{call_id}\r\nCSeq: {number} {method}\r\n\
                 Contact: <sip:{user}@{host}>\r\n{length}: {}\r\n\r\n{body}",
                body.len()
            )
        };
        let (text, long) = (written(compact), written([false; 5]));
        let wanted = Reading {
            start: status.map_or_else(|| method.clone(), |status| status.to_string()),
            call_id: call_id.clone(),
            cseq: (number, method.clone()),
            branch: Some(format!("z9hG4bK{branch}")),
            from_tag: Some(from_tag.clone()),
            to_tag: to_tag.clone(),
            body: body.clone().into_bytes(),
        };
        prop_assert_eq!(ours(text.as_bytes()), Some(wanted.clone()), "ours: {}", text);
        prop_assert_eq!(by_rsipstack::read(text.as_bytes()), Some(wanted.clone()), "rsipstack: {}", text);
        // rsip knows no compact names.
        prop_assert_eq!(by_rsip::read(long.as_bytes()), Some(wanted), "rsip: {}", long);
    }
}
