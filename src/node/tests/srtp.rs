//! Encrypted audio as it is negotiated: what each setting of a neighbour makes of an offer and of an answer, and which keys the
//! media worker is told.

use super::*;
use crate::media::srtp::Suite;
use crate::media::{Command as Media, Crypto, Far, Keys, MasterKey, SessionDescription, Srtp};
use crate::node::{Door, Wire};

const TLS: Door = Door::Stream(Wire::Tls);
const KEY: &str = "a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
const PLAIN: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\n";

/// A node, and what its media worker was told.
struct Tls {
    world: World,
    media: Vec<Media>,
}

/// Trunk and PBX by TLS, with what they say of encryption.
fn world(trunk: &str, pbx: &str) -> Tls {
    let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n[http]";
    let by = |srtp: &str| format!("transport = \"tls\"\nsrtp = \"{srtp}\"");
    let text = config(1, "answer = \"on_agent\"")
        .replace("[http]", tls)
        .replace("qualify = \"0s\"\n[peers.pbx]", &format!("qualify = \"0s\"\n{}\n[peers.pbx]", by(trunk)))
        .replace("inbound = false", &format!("inbound = false\n{}", by(pbx)));
    Tls { world: World::new(&text, 100), media: Vec::new() }
}

fn savp(text: &str) -> String {
    text.replace("RTP/AVP", "RTP/SAVP") + KEY
}

fn invite(call: u32, sdp: &str) -> String {
    request("INVITE", call, "", 1, sdp)
}

/// A request of the caller, by its tag of ours once it has one.
fn request(method: &str, call: u32, tag: &str, cseq: u32, sdp: &str) -> String {
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let head = format!(
        "{method} sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/TLS {TRUNK};branch=z9hG4bKsrtp{call}{cseq}{method}\nMax-Forwards: 70\n\
         From: <sip:+4930@{TRUNK}>;tag=t\nTo: <sip:800@{OURS}>{tag}\nCall-ID: srtp-{call}\nCSeq: {cseq} {method}\n\
         Contact: <sip:ann@{TRUNK};transport=tls>\n{kind}Content-Length: {}\n\n",
        sdp.len()
    );
    head.replace('\n', "\r\n") + sdp
}

/// What is sent when this comes.
fn comes(Tls { world, media }: &mut Tls, source: &str, payload: impl Into<Bytes>) -> Vec<Message> {
    world.node.handle_message(world.now, TLS, address(source), payload.into());
    media.extend(std::iter::from_fn(|| world.node.poll_media()));
    let sent = std::iter::from_fn(|| world.node.poll_transmit()).map(|sent| Message::parse(sent.payload).unwrap());
    let sent = sent.collect();
    world.settle();
    sent
}

/// What was told to the media worker since the last time: keys and far ends.
fn told(world: &mut Tls) -> Vec<Result<Option<Keys>, Far>> {
    let commands = std::mem::take(&mut world.media);
    let told = commands.into_iter().filter_map(|command| match command {
        Media::Secure { keys, .. } => Some(Ok(keys.map(|keys| *keys))),
        Media::Far { far, .. } => Some(Err(far)),
        Media::Open { .. }
        | Media::Fax { .. }
        | Media::Hear { .. }
        | Media::Digits { .. }
        | Media::Watch { .. }
        | Media::Close { .. } => None,
    });
    told.collect()
}

fn sdp(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

fn crypto(text: &str) -> Crypto {
    *SessionDescription::parse_as(text.as_bytes(), Srtp::Required).unwrap().crypto().expect("a key")
}

fn answered(world: &mut Tls, offer: &Message, sdp: &str) -> Vec<Message> {
    let mut answer = respond(offer, address(OURS), 200, None, b"agent");
    answer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX};transport=tls>"));
    comes(world, PBX, body(answer, sdp))
}

fn status(sent: &[Message]) -> u16 {
    sent.iter()
        .filter(|message| !message.is_request())
        .map(Message::status)
        .filter(|status| *status != 100)
        .max()
        .unwrap_or(0)
}

#[test]
fn an_offer_is_taken_or_refused_as_the_trunk_s_setting_says() {
    let lifetime = savp(PLAIN).replace("AAAA\r\n", "AAAA|2^20\r\n");
    let both = PLAIN.to_owned() + KEY;
    for (offer, expected) in [
        (PLAIN.to_owned(), [180, 180, 488]),
        (savp(PLAIN), [488, 180, 180]),
        (both, [180, 180, 180]),
        (lifetime, [488, 488, 488]),
        (PLAIN.replace("AVP", "SAVP"), [488, 488, 488]),
    ] {
        for (trunk, expected) in ["no", "optional", "required"].into_iter().zip(expected) {
            let mut world = world(trunk, "no");
            let sent = comes(&mut world, TRUNK, invite(1, &offer));
            let is_rung = sent.iter().any(|message| message.is_request());
            assert_eq!((if is_rung { 180 } else { status(&sent) }), expected, "{trunk}: {offer}");
        }
    }
    // An INVITE without an offer gets one that is encrypted, in the 200.
    let mut world = world("required", "no");
    let rung = comes(&mut world, TRUNK, invite(1, ""));
    let offer = rung.iter().find(|message| message.is_request()).unwrap();
    let sent = answered(&mut world, offer, ANSWER);
    let ok = sent.iter().find(|message| !message.is_request() && message.status() == 200).expect("the caller is told");
    assert!(sdp(ok).contains(" RTP/SAVP "), "{}", sdp(ok));
    assert_eq!(crypto(&sdp(ok)).tag, 1);
}

#[test]
fn each_leg_has_keys_of_its_own() {
    let mut world = world("required", "required");
    let rung = comes(&mut world, TRUNK, invite(1, &savp(PLAIN)));
    let offer = rung.iter().find(|message| message.is_request()).unwrap();
    let offered = crypto(&sdp(offer));
    assert_eq!((offered.tag, offered.suite), (1, Suite::Sha1Tag80));
    assert!(sdp(offer).contains(" RTP/SAVP "));
    told(&mut world);
    let theirs = KEY.replace(":4 ", ":1 ").replace("_32", "_80").replace("AAAA\r\n", "BBBB\r\n");
    let sent = answered(&mut world, offer, &(ANSWER.replace("RTP/AVP", "RTP/SAVP") + &theirs));
    let ok = sent.iter().find(|message| !message.is_request() && message.status() == 200).expect("the caller is told");
    let answer = crypto(&sdp(ok));
    assert_eq!((answer.tag, answer.suite), (4, Suite::Sha1Tag32), "what the caller offered");
    assert_ne!(answer.key, offered.key);
    let told = told(&mut world);
    let keys: Vec<Keys> = told.iter().filter_map(|told| told.ok().flatten()).collect();
    assert_eq!(keys.len(), 2, "{told:?}");
    for (ours, theirs, suite) in [
        (offered.key, crypto(&savp("v=0\r\nm=audio 1 RTP/AVP 8\r\n").replace(KEY, &theirs)).key, Suite::Sha1Tag80),
        (answer.key, crypto(&savp("v=0\r\nm=audio 1 RTP/AVP 8\r\n")).key, Suite::Sha1Tag32),
    ] {
        assert!(keys.contains(&Keys { suite, ours, theirs, fresh: true }), "{keys:?}");
    }
    assert!(matches!(told[..2], [Ok(Some(_)), Err(_)]), "the keys before the far end");
}

#[test]
fn an_agent_s_answer_without_its_key_or_with_another_is_none() {
    let wrong_tag = ANSWER.replace("RTP/AVP", "RTP/SAVP") + KEY;
    let right = wrong_tag.replace(":4 ", ":1 ").replace("_32", "_80");
    for (pbx, answer, is_taken) in [
        ("required", ANSWER, false),
        ("required", &wrong_tag, false),
        ("required", &wrong_tag.replace(":4 ", ":1 "), false),
        ("required", &right, true),
        ("optional", ANSWER, true),
        ("optional", &right.replace("SAVP", "AVP"), true),
        ("no", &right, false),
    ] {
        let mut world = world("no", pbx);
        let rung = comes(&mut world, TRUNK, invite(1, PLAIN));
        let offer = rung.iter().find(|message| message.is_request()).unwrap();
        let expected = match pbx {
            "required" => " RTP/SAVP ",
            _ => " RTP/AVP ",
        };
        assert!(sdp(offer).contains(expected) && sdp(offer).contains("a=crypto:1 ") == (pbx != "no"), "{}", sdp(offer));
        told(&mut world);
        let sent = answered(&mut world, offer, answer);
        assert_eq!(status(&sent) == 200, is_taken, "{pbx}: {answer}");
        let secured = told(&mut world).iter().any(|told| told.is_ok());
        assert_eq!(secured, is_taken && answer.contains("crypto"), "{pbx}: {answer}");
    }
}

#[test]
fn a_re_invite_changes_the_far_end_s_key_and_ours_only_for_another_far_end() {
    let mut world = world("required", "no");
    let rung = comes(&mut world, TRUNK, invite(1, &savp(PLAIN)));
    let offer = rung.iter().find(|message| message.is_request()).unwrap();
    let sent = answered(&mut world, offer, ANSWER);
    let ok = sent.iter().find(|message| !message.is_request() && message.status() == 200).expect("the caller is told");
    let ours = crypto(&sdp(ok)).key;
    let tag = String::from_utf8_lossy(ok.to_tag().unwrap()).into_owned();
    let tag = format!(";tag={tag}");
    comes(&mut world, TRUNK, request("ACK", 1, &tag, 1, ""));
    told(&mut world);
    let moved = |port: &str, key: &str| savp(PLAIN).replace("4000", port).replace("AAAA\r\n", &format!("{key}\r\n"));
    for (cseq, port, key, stays, tells) in [
        (2, "4000", "AAAA", true, 0),
        (3, "4000", "BBBB", true, 1),
        (4, "4002", "BBBB", true, 0),
        (5, "4004", "CCCC", false, 1),
    ] {
        let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, cseq, &moved(port, key)));
        let answer = sent.iter().find(|message| !message.is_request() && message.status() == 200).expect("an answer");
        assert_eq!(crypto(&sdp(answer)).key == ours, stays, "{cseq}");
        let keys: Vec<Keys> = told(&mut world).iter().filter_map(|told| told.ok().flatten()).collect();
        assert_eq!(keys.len(), tells, "{cseq}");
        assert!(keys.iter().all(|keys| keys.fresh != stays && (keys.ours == ours) == stays), "{cseq}");
        comes(&mut world, TRUNK, request("ACK", 1, &tag, cseq, ""));
    }
    let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, 6, PLAIN));
    assert_eq!((status(&sent), told(&mut world).len()), (488, 0), "not in the clear");
}

#[test]
fn no_stream_begins_right_before_its_number_rolls_over() {
    let mut world = world("required", "no");
    (0..30).for_each(|call| drop(comes(&mut world, TRUNK, invite(call, &savp(PLAIN)))));
    let first = |command: &Media| if let Media::Open { sequence, .. } = command { Some(*sequence) } else { None };
    let first: Vec<u16> = world.media.iter().filter_map(first).collect();
    assert!(first.len() >= 30 && first.iter().all(|sequence| *sequence < 1 << 15), "{first:?}");
}

#[test]
fn keys_are_not_shown() {
    let key = MasterKey::new(&mut crate::base::Rng::from_u64(1));
    let command = Media::Secure {
        stream: StreamId(1),
        keys: Some(Box::new(Keys { suite: Suite::Sha1Tag80, ours: key, theirs: key, fresh: true })),
    };
    assert!(format!("{command:?}").contains("ours: ***, theirs: ***"));
}
