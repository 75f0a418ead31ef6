//! Every message of RFC 4475 and RFC 5118 against the verdict that the table in tests/torture/README.md gives it, as far as
//! parsing and checking decide it. Methods, registrations and dialogs are decided above; the node's tests cover those.

use std::path::PathBuf;

use bytes::Bytes;

use crate::sip::check::{acceptable_response, accepts_sdp, body_is_sdp_or_absent, check};
use crate::sip::message::{Malformed, Message};
use crate::sip::name::{Method, Name};
use crate::sip::uri::Uri;
use crate::sip::value::{CSeq, NameAddr};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

/// The message as it goes over the wire.
fn wire(name: &str) -> Bytes {
    let dat = folder().join("rfc4475").join(format!("{name}.dat"));
    if dat.exists() {
        return Bytes::from(std::fs::read(dat).unwrap());
    }
    let text = String::from_utf8(std::fs::read(folder().join("rfc5118").join(name)).unwrap()).unwrap();
    let mut text = text.replace('\n', "\r\n");
    if !text.contains("\r\n\r\n") {
        text.push_str("\r\n");
    }
    Bytes::from(text)
}

fn message(name: &str) -> Message {
    Message::parse(wire(name)).unwrap()
}

/// What this layer says: a refusal's code, `V` for what may go on, `SILENT` for what is dropped.
fn verdict(name: &str) -> String {
    let Ok(message) = Message::parse(wire(name)) else { return "SILENT".into() };
    if !message.is_request() {
        return if acceptable_response(&message) { "V".into() } else { "SILENT".into() };
    }
    match check(&message) {
        Err(refusal) => refusal.code.to_string(),
        Ok(()) if message.method() != Method::Invite => "V".into(),
        Ok(()) if !body_is_sdp_or_absent(&message) => "415".into(),
        Ok(()) if !accepts_sdp(&message) => "406".into(),
        Ok(()) => "V".into(),
    }
}

/// The table's expectation for this layer, where it is not the table's own text: the methods these requests name are refused
/// above (405), and these two responses are well formed and match no transaction. `test` has no version in its request line.
fn expected(name: &str, column: &str) -> Vec<String> {
    match name {
        "intmeth" | "esc02" | "unreason" | "noreason" => vec!["V".into()],
        "test" => vec!["SILENT".into()],
        "baddate" => vec!["V".into()],
        "sdp01" => vec!["406".into()],
        "zeromf" => vec!["483".into()],
        _ => column.split('/').map(str::to_string).collect(),
    }
}

#[test]
fn every_torture_message_gets_its_verdict() {
    let table = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| file")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (name, column) = (cells[1], cells[3].split('(').next().unwrap().trim());
        let (expected, got) = (expected(name, column), verdict(name));
        if !expected.contains(&got) {
            wrong.push(format!("{name}: {got}, expected {expected:?}"));
        }
        count += 1;
    }
    assert_eq!(count, 62);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn white_space_in_every_place_is_read() {
    let message = message("wsinv");
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.from_tag(), Some(&b"98asjd8"[..]));
    assert_eq!(message.from().unwrap().display_text(), &b"J Rosenberg \\\""[..]);
    assert_eq!(message.call_id(), Some(&b"wsinv.ndaksdj@192.0.2.1"[..]));
    assert_eq!(message.cseq(), Some(CSeq { number: 9, method: Method::Invite, method_text: b"INVITE" }));
    assert_eq!(message.max_forwards(), Some(68));
    let via = message.top_via().unwrap();
    assert_eq!((via.transport, via.host, via.branch), (&b"UDP"[..], &b"192.0.2.2"[..], Some(&b"390skdjuw"[..])));
    let vias: Vec<_> = message.elements(Name::Via).map(|via| crate::sip::value::Via::parse(via).unwrap()).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[1].transport, vias[1].branch), (&b"TCP"[..], Some(&b"z9hG4bK9ikj8"[..])));
    assert_eq!((vias[2].host, vias[2].branch), (&b"192.168.255.111"[..], Some(&b"z9hG4bK30239"[..])));
    let contact = message.contact().unwrap();
    assert_eq!((contact.uri, contact.param("q")), (&b"sip:jdrosen@example.com"[..], Some(&b"0.33"[..])));
    assert_eq!(message.value(Name::Subject), Some(&b""[..]));
    assert_eq!(message.other("unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn escapes_stay_in_the_address_and_names_never_have_them() {
    let message = message("escnull");
    let to = message.to().unwrap();
    assert_eq!(Uri::parse(to.uri).unwrap().user_decoded(), &b"null-\0-null"[..]);
    let contacts: Vec<_> =
        message.elements(Name::Contact).map(|contact| NameAddr::parse(contact).unwrap().uri.len()).collect();
    assert_eq!(contacts, [25, 28]);
    let message = self::message("esc02");
    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.values(Name::Contact).count(), 2);
}

#[test]
fn the_refusal_of_an_extension_names_it() {
    let refusal = check(&message("bext01")).unwrap_err();
    assert_eq!(refusal.code, 420);
    let unsupported = b"nothingSupportsThis, nothingSupportsThisEither".to_vec();
    assert_eq!(refusal.extra, Some((Name::Unsupported, unsupported)));
}

#[test]
fn a_reason_phrase_says_what_is_wrong() {
    for (name, reason) in [
        ("scalar02", "CSeq number exceeds 2^32-1"),
        ("mismatch01", "CSeq method differs from the request's"),
        ("insuf", "Missing To"),
        ("multi01", "More than one To"),
        ("mcl01", "More than one Content-Length"),
        ("clerr", "Content-Length exceeds the datagram"),
        ("ncl", "Bad Content-Length"),
        ("badinv01", "Bad Via"),
        ("quotbal", "Bad To: quotes or angle brackets"),
        ("badaspec", "Bad To: character not allowed"),
        ("baddn", "Bad From: display name needs quotes"),
        ("regbadct", "Bad Contact: URI with headers needs angle brackets"),
        ("unksm2", "To of a REGISTER is no SIP URI"),
        ("escruri", "Bad Request-URI: headers are not allowed"),
        ("ltgtruri", "Bad Request-URI: character not allowed"),
        ("ipv6-bad", "Bad Request-URI: bad host or port"),
        ("lwsruri", "White space in the request line"),
        ("lwsstart", "White space in the request line"),
        ("trws", "White space in the request line"),
    ] {
        assert_eq!(check(&message(name)).unwrap_err().reason, reason, "{name}");
    }
}

#[test]
fn numbers_and_bodies_are_read_as_the_rfc_says() {
    assert_eq!(message("bigcode").status(), u16::MAX);
    assert_eq!(message("noreason").status(), 100);
    assert_eq!(message("noreason").reason(), b"");
    assert!(message("unreason").reason().starts_with(b"= 2**3"));
    assert_eq!(message("dblreq").body(), b"");
    assert_eq!(message("longreq").values(Name::Via).count(), 34);
    let uri = message("semiuri");
    let uri = Uri::parse(uri.uri()).unwrap();
    assert_eq!(uri.user_decoded(), &b"user;par=u@example.net"[..]);
    assert_eq!(uri.number(), &b"user"[..]);
    assert!(!message("badbranch").top_via().unwrap().has_unique_branch());
    assert_eq!(Message::parse(wire("test")).unwrap_err(), Malformed::StartLine);
}

#[test]
fn ipv6_is_read_with_and_without_brackets() {
    let with = message("via-received-param-with-delim");
    let without = message("via-received-param-no-delim");
    assert_eq!(with.top_via().unwrap().received, Some(&b"2001:db8::9:255"[..]));
    assert_eq!(with.top_via().unwrap().received, without.top_via().unwrap().received);
    let three = message("ipv6-bug-abnf-3-colons");
    let two = message("ipv6-correct-abnf-2-colons");
    let address = Uri::parse(three.uri()).unwrap().socket_addr();
    assert_eq!(address, Uri::parse(two.uri()).unwrap().socket_addr());
    assert_eq!(address, Some("[2001:db8::192.0.2.1]:5060".parse().unwrap()));
    let ambiguous = message("port-ambiguous");
    assert_eq!(Uri::parse(ambiguous.uri()).unwrap().port, None);
    let unambiguous = message("port-unambiguous");
    assert_eq!(Uri::parse(unambiguous.uri()).unwrap().port, Some(5070));
    assert_eq!(message("ipv4-mapped-ipv6").top_via().unwrap().port, Some(19823));
}
