//! Reading and writing messages, and a call through the transaction layer.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rsip::message::HeadersExt as _;
use strowger::base::{Instant, Rng};
use strowger::config::built_in;
use strowger::node::{Parts, Resolved, Setup};
use strowger::sip::check::check;
use strowger::sip::dialog::Dialog;
use strowger::sip::message::Message;
use strowger::sip::name::Method;
use strowger::sip::transaction::{Event, Stack, StackConfig};
use strowger::sip::write::respond;

/// A trunk's INVITE of 700 octets; every `@@@@@@@@` is the call's number.
pub(crate) const INVITE: &str = "INVITE sip:800@192.0.2.2:5060 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-@@@@@@@@-i;rport\r\n\
    Max-Forwards: 70\r\n\
    From: \"Anna Caller\" <sip:+4930555123@192.0.2.1>;tag=@@@@@@@@\r\n\
    To: <sip:800@192.0.2.2:5060>\r\n\
    Call-ID: @@@@@@@@-7c5f0e1a@192.0.2.1\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:+4930555123@192.0.2.1:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE, PRACK\r\n\
    Supported: timer, replaces, 100rel\r\n\
    User-Agent: Trunk/1.0\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 182\r\n\r\n\
    v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

/// A phone's 200.
pub(crate) const OK: &str = "SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK-0000000000000001;received=192.0.2.2;rport=5060\r\n\
    From: <sip:+4930555123@192.0.2.2>;tag=9f3a7c5f0e1a\r\n\
    To: <sip:1001@192.0.2.3:5060>;tag=as5d0e1a7c\r\n\
    Call-ID: 0f7b2c9d4e5a6b7c8d9e0f1a2b3c4d5e@192.0.2.2\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:1001@192.0.2.3:5060;transport=udp>\r\n\
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE, PRACK\r\n\
    Supported: replaces, timer\r\n\
    Server: PBX/1.0\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 179\r\n\r\n\
    v=0\r\no=- 2 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

/// A message with a hole for the call's number, filled without a search.
#[derive(Debug)]
pub(crate) struct Template {
    text: Vec<u8>,
    holes: Vec<usize>,
}

const HOLE: &str = "@@@@@@@@";

impl Template {
    /// Finds the holes.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), holes: text.match_indices(HOLE).map(|(at, _)| at).collect() }
    }

    /// The message of a call.
    pub(crate) fn fill(&self, number: u32) -> Bytes {
        let mut text = self.text.clone();
        let digits = digits(number);
        for hole in &self.holes {
            text[*hole..hole + HOLE.len()].copy_from_slice(&digits);
        }
        Bytes::from(text)
    }
}

/// A number as it stands in a hole.
pub(crate) fn digits(number: u32) -> [u8; HOLE.len()] {
    std::array::from_fn(|n| b"0123456789abcdef"[(number >> (28 - 4 * n)) as usize & 15])
}

/// Which of four shards an INVITE belongs to.
pub(crate) fn route_datagram() -> impl FnMut() + use<> {
    let datagram = Template::new(INVITE).fill(1);
    let addresses: Vec<_> = (5_060..5_064).map(|port| SocketAddr::from(([192, 0, 2, 2], port))).collect();
    let setup = Setup {
        config: Arc::new(built_in()),
        resolved: Resolved::default(),
        seed: [7; 32],
        sip_address: addresses[0],
        leases: Vec::new(),
        other: None,
    };
    let router = Parts::new(Instant::ZERO, &setup, &addresses).router;
    move || {
        black_box(router.owner(black_box(&datagram)));
    }
}

fn trunk() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}

/// Reads a message as far as its transaction needs: Via branch, tags, Call-ID, CSeq.
pub(crate) fn parse(text: &str) -> impl FnMut() + use<> {
    let datagram = Template::new(text).fill(1);
    move || {
        let message = Message::parse(black_box(&datagram).clone()).expect("a well-formed message");
        let via = message.top_via().and_then(|via| via.branch).map(<[u8]>::len);
        black_box((via, message.from_tag(), message.to_tag(), message.call_id(), message.cseq()));
    }
}

/// The same with another parser.
pub(crate) fn parse_rsip(text: &str) -> impl FnMut() + use<> {
    use rsip::prelude::ToTypedHeader as _;
    let datagram = Template::new(text).fill(1);
    move || {
        let message = rsip::SipMessage::try_from(black_box(datagram.as_ref())).expect("a well-formed message");
        let via = message.via_header().and_then(|via| via.typed()).expect("a Via");
        let from = message.from_header().and_then(|from| from.typed()).expect("a From");
        let to = message.to_header().and_then(|to| to.typed()).expect("a To");
        let cseq = message.cseq_header().and_then(|cseq| cseq.typed()).expect("a CSeq");
        black_box((via.branch().is_some(), from.tag(), to.tag(), message.call_id_header().is_ok(), cseq.seq));
    }
}

/// The same with the parser of another stack.
pub(crate) fn parse_rsipstack(text: &str) -> impl FnMut() + use<> {
    use rsipstack::sip::prelude::{HeadersExt as _, ToTypedHeader as _};
    let datagram = Template::new(text).fill(1);
    move || {
        let message =
            rsipstack::sip::SipMessage::try_from(black_box(&datagram).clone()).expect("a well-formed message");
        let via = message.top_via_header().and_then(|via| via.typed()).expect("a Via");
        let from = message.from_header().and_then(|from| from.typed()).expect("a From");
        let to = message.to_header().and_then(|to| to.typed()).expect("a To");
        let cseq = message.cseq_header().and_then(|cseq| cseq.typed()).expect("a CSeq");
        black_box((via.branch().is_some(), from.tag(), to.tag(), message.call_id_header().is_ok(), cseq.seq));
    }
}

/// Checks an INVITE that has been read.
pub(crate) fn check_invite() -> impl FnMut() {
    let message = Message::parse(Template::new(INVITE).fill(1)).expect("a well-formed message");
    move || {
        assert!(check(black_box(&message)).is_ok(), "a good INVITE");
    }
}

/// Writes a 200 with a session description.
pub(crate) fn respond_200() -> impl FnMut() {
    let message = Message::parse(Template::new(INVITE).fill(1)).expect("a well-formed message");
    let body = OK.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    move || {
        let writer = respond(black_box(&message), trunk(), 200, None, b"9f3a7c5f0e1a");
        black_box(writer.finish_body("application/sdp", body.as_bytes()));
    }
}

/// An INVITE comes again: read, checked, found by its transaction key, and the 100 sent once more.
pub(crate) fn transaction_key() -> impl FnMut() {
    let mut stack = stack();
    let invite = Template::new(INVITE).fill(1);
    stack.handle_datagram(Instant::ZERO, trunk(), invite.clone());
    while stack.poll_event().is_some() || stack.poll_transmit().is_some() {}
    move || {
        stack.handle_datagram(Instant::ZERO, trunk(), black_box(&invite).clone());
        assert!(stack.poll_transmit().is_some(), "the 100 again");
        assert!(stack.poll_event().is_none(), "a repeated request is absorbed");
    }
}

/// A dialog from the INVITE to its end, the called side's: made, a BYE recognised as its own, a BYE written.
pub(crate) fn dialog_life() -> impl FnMut() {
    const TAG: &[u8] = b"9f3a7c5f0e1a";
    let mut stack = stack();
    let read = |text: &str| Message::parse(Template::new(text).fill(1)).expect("a well-formed message");
    let (invite, bye) = (read(INVITE), read(&in_dialog("BYE", 2)));
    move || {
        let mut dialog = Dialog::incoming(black_box(&invite), trunk(), TAG).expect("an INVITE with a Contact");
        assert!(dialog.matches(black_box(&bye)) && dialog.accept_sequence(2), "its own BYE");
        let (_, writer, destination) = dialog.request(&mut stack, Method::Bye);
        black_box((writer.finish(), destination));
    }
}

fn stack() -> Stack {
    Stack::new(StackConfig::new(SocketAddr::from(([192, 0, 2, 2], 5060))), Rng::from_u64(1))
}

/// A call through the transaction layer of the called side: INVITE, 100, 200, ACK, BYE, 200; ten calls a second of the
/// stack's time, so that some 320 older ones linger (RFC 3261 timers J and L).
pub(crate) fn transaction_call() -> impl FnMut() {
    let mut stack = stack();
    let invite = Template::new(INVITE);
    let ack = Template::new(&in_dialog("ACK", 1));
    let bye = Template::new(&in_dialog("BYE", 2));
    let body = OK.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut number = 0;
    let mut now = Instant::ZERO;
    move || {
        number += 1;
        now += Duration::from_millis(100);
        stack.handle_timeout(now);
        for (template, body) in [(&invite, Some(body)), (&ack, None), (&bye, None)] {
            stack.handle_datagram(now, trunk(), template.fill(number));
            let Some(Event::Request { key, source, message }) = stack.poll_event() else { continue };
            let writer = respond(&message, source, 200, None, b"9f3a7c5f0e1a");
            let payload = match body {
                Some(body) => writer.finish_body("application/sdp", body.as_bytes()),
                None => writer.finish(),
            };
            stack.respond(now, key, 200, payload);
        }
        let sent = std::iter::from_fn(|| stack.poll_transmit()).count();
        assert!(sent >= 3, "100, 200 and 200");
    }
}

/// The caller's request in the dialog whose tag on our side is known.
fn in_dialog(method: &str, number: u32) -> String {
    format!(
        "{method} sip:800@192.0.2.2:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-@@@@@@@@-{method};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Anna Caller\" <sip:+4930555123@192.0.2.1>;tag=@@@@@@@@\r\n\
         To: <sip:800@192.0.2.2:5060>;tag=9f3a7c5f0e1a\r\n\
         Call-ID: @@@@@@@@-7c5f0e1a@192.0.2.1\r\n\
         CSeq: {number} {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
