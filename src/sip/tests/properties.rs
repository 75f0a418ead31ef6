//! Properties that hold for any bytes: reading never fails by panic, what is written is read back, no value begins a line; and
//! `rsip`, another implementation, as the oracle on messages that it can read.

use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use proptest::prelude::*;
use rsip::headers::{ToTypedHeader as _, UntypedHeader as _};
use rsip::message::HeadersExt as _;

use crate::sip::check::{acceptable_response, accepts_sdp, body_is_plain, body_is_sdp_or_absent, check};
use crate::sip::grammar::{agent_uri, refer_address};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::package::{Package, Picture};
use crate::sip::uri::Uri;
use crate::sip::value::{MediaType, NameAddr, Params, Via, split_commas, unquote};
use crate::sip::write::{Writer, respond};

/// Uses everything that reads a message.
fn read_all(datagram: &[u8]) {
    let Ok(message) = Message::parse(Bytes::copy_from_slice(datagram)) else { return };
    let _ = (message.method(), message.method_text(), message.uri(), message.status(), message.reason());
    let _ = (message.cseq(), message.from_tag(), message.to_tag(), message.max_forwards(), message.contact());
    let _ = (message.body_bytes(), format!("{message:?}"), Uri::parse(message.uri()).map(|uri| uri.socket_addr()));
    for (name, text, value) in message.headers() {
        assert!(!text.is_empty());
        assert_eq!(value, value.trim_ascii());
        let _ = (message.elements(name).count(), NameAddr::parse(value), Via::parse(value), MediaType::parse(value));
        let _ = (Params::new(value).count(), split_commas(value).count(), unquote(value), refer_address(value).is_ok());
    }
    let _ = (acceptable_response(&message), accepts_sdp(&message), body_is_plain(&message));
    let _ = (check(&message).is_ok(), body_is_sdp_or_absent(&message));
    let answer = respond(&message, "192.0.2.1:5060".parse().unwrap(), 400, None, b"tag").finish();
    let answer = Message::parse(answer).unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.values(Name::ContentLength).count(), 1);
    assert!(!answer.has_stray_line());
}

/// The torture messages as they stand in their files.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<PathBuf> = ["rfc4475", "rfc5118"]
        .iter()
        .flat_map(|part| std::fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
});

const DIALOGS: &[u8] =
    b"<dialog-info version=\"0\" state=\"full\"><dialog id=\"1\" direction=\"recipient\"><remote><identity>sip:2@a\
    </identity></remote><state>early</state></dialog></dialog-info>";
const PRESENCE: &[u8] =
    b"<presence xmlns:r=\"x\"><note>Ringing</note><tuple id=\"1\"><status><basic>open</basic></status></tuple>\
    <r:person><r:activities><r:busy/><![CDATA[x]]></r:activities></r:person></presence>";

/// A change at a place: the byte set, the byte taken out, or the byte put in.
fn mutate(bytes: &mut Vec<u8>, changes: &[(u16, u8, u8)]) {
    const TELLING: &[u8] = b"\r\n \t,;:<>\"\\[]=/@?%0a\x00\xff";
    for &(place, kind, byte) in changes {
        let at = usize::from(place) % (bytes.len() + 1);
        let byte = if byte < 128 { TELLING[usize::from(byte) % TELLING.len()] } else { byte };
        match kind % 4 {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 if at < bytes.len() => bytes[at] = byte,
            3 if kind > 240 => bytes.truncate(at),
            _ => {}
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!%*_+`'~-]{1,20}"
}

/// A value as it may stand in a line: any bytes but line breaks, nothing white at its ends.
fn value() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>().prop_map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }), 0..40)
        .prop_map(|value| value.trim_ascii().to_vec())
}

proptest! {
    #[test]
    fn no_change_of_a_message_makes_reading_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 1..30),
    ) {
        let mut bytes = which.get(&CORPUS).clone();
        mutate(&mut bytes, &changes);
        read_all(&bytes);
    }

    #[test]
    fn no_change_of_a_device_s_document_makes_reading_panic(
        changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 1..30),
    ) {
        for (package, body) in [(Package::Dialog, DIALOGS), (Package::Presence, PRESENCE)] {
            prop_assert!(package.parse(body).is_ok());
            let mut bytes = body.to_vec();
            mutate(&mut bytes, &changes);
            let mut picture = Picture::default();
            let _ = package.parse(&bytes).map(|document| picture.take(document));
            let _ = picture.activity();
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        read_all(&bytes);
        let mut request = b"OPTIONS sip:a@b SIP/2.0\r\nVia: ".to_vec();
        request.extend_from_slice(&bytes);
        read_all(&request);
        let _ = agent_uri(&text);
        let _ = agent_uri(&format!("sip:{text}"));
    }

    #[test]
    fn what_is_written_is_read_back(
        lines in proptest::collection::vec((token(), value()), 0..30),
        subject in value(),
        body in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut writer = Writer::request(Method::Info, b"sip:a@b");
        writer.line(Name::Subject, &subject);
        let mut wanted = vec![(Name::Subject, subject)];
        for (name, value) in lines {
            writer.line_text(&name, &value);
            if Name::parse(name.as_bytes()) != Name::ContentLength {
                wanted.push((Name::parse(name.as_bytes()), value));
            }
        }
        let message = Message::parse(writer.finish_body("text/plain", &body)).unwrap();
        prop_assert_eq!(message.method(), Method::Info);
        prop_assert_eq!(message.body(), &body[..]);
        let got: Vec<_> = message.headers().map(|(name, _, value)| (name, value.to_vec())).collect();
        prop_assert_eq!(&got[..wanted.len()], &wanted[..]);
        prop_assert_eq!(got.len(), wanted.len() + 2);
    }

    #[test]
    fn no_name_and_no_value_begins_a_line(
        name in "[A-Za-z: \r\n]{0,12}",
        value in "[A-Za-z: \t\r\n]{0,30}",
        reason in "[A-Za-z: \r\n]{0,20}",
    ) {
        let mut writer = Writer::response(200, &reason);
        writer.line_text(&name, value.as_bytes()).line_fmt(Name::Server, format_args!("{value}"));
        let message = Message::parse(writer.finish()).unwrap();
        prop_assert!(message.headers().count() <= 3);
        prop_assert_eq!(message.headers().last().map(|(name, _, _)| name), Some(Name::ContentLength));
        prop_assert!(!message.has_stray_line());
        prop_assert_eq!(message.body(), b"");
    }

    #[test]
    fn another_implementation_reads_the_same(
        user in "[a-z0-9]{1,12}",
        host in "[a-z]{1,8}\\.(example|test)",
        port in 1024..u16::MAX,
        display in "[A-Za-z ]{1,12}",
        branch in "z9hG4bK[a-zA-Z0-9]{4,20}",
        tag in "[a-zA-Z0-9]{4,12}",
        call_id in "[a-zA-Z0-9]{4,20}@[a-z]{3,8}",
        number in 1..u32::MAX,
        body in "[a-z=\r\n]{0,40}",
    ) {
        let mut writer = Writer::request(Method::Invite, format!("sip:{user}@{host}:{port}").as_bytes());
        writer
            .line_fmt(Name::Via, format_args!("SIP/2.0/UDP {host}:{port};branch={branch}"))
            .line(Name::MaxForwards, b"70")
            .line_fmt(Name::From, format_args!("\"{display}\" <sip:{user}@{host}>;tag={tag}"))
            .line_fmt(Name::To, format_args!("<sip:{user}@{host}>"))
            .line_fmt(Name::CallId, format_args!("{call_id}"))
            .line_fmt(Name::CSeq, format_args!("{number} INVITE"))
            .line_fmt(Name::Contact, format_args!("<sip:{user}@{host}:{port}>"));
        let bytes = writer.finish_body("application/sdp", body.as_bytes());
        let theirs = rsip::Request::try_from(bytes.as_ref()).unwrap();
        let ours = Message::parse(bytes).unwrap();
        prop_assert_eq!(check(&ours), Ok(()));
        prop_assert_eq!(text(ours.uri()), theirs.uri.to_string());
        prop_assert_eq!(ours.body(), &theirs.body[..]);
        prop_assert_eq!(ours.call_id().unwrap(), theirs.call_id_header().unwrap().value().as_bytes());
        let via = theirs.via_header().unwrap().typed().unwrap();
        prop_assert_eq!(text(ours.top_via().unwrap().branch.unwrap()), via.branch().unwrap().value().to_string());
        prop_assert_eq!(ours.top_via().unwrap().port, via.sent_by().port().map(|port| *port.value()));
        let from = theirs.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.from_tag().unwrap(), from.tag().unwrap().value().as_bytes());
        prop_assert_eq!(text(ours.from().unwrap().uri), from.uri.to_string());
        prop_assert_eq!(ours.to_tag(), None);
        let cseq = theirs.cseq_header().unwrap().typed().unwrap();
        prop_assert_eq!(ours.cseq().unwrap().number, cseq.seq);
        prop_assert_eq!(ours.max_forwards().unwrap(), theirs.max_forwards_header().unwrap().num().unwrap());
        prop_assert_eq!(ours.headers().count(), theirs.headers.iter().count());
    }
}
