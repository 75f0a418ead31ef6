//! Encrypted audio as it is negotiated: what each setting of a neighbour makes of an offer and of an answer, and which keys the
//! media worker is told.

use super::*;
use crate::media::rtp::Header;
use crate::media::srtp::{Guard, Suite};
use crate::media::{Command as Media, Crypto, Far, Keys, MasterKey, SessionDescription, Srtp, Worker};
use crate::node::{Door, Wire};
use bytes::BytesMut;

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
    world_of(1, trunk, pbx)
}

/// With so many agents.
fn world_of(agents: u32, trunk: &str, pbx: &str) -> Tls {
    let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n[http]";
    let by = |srtp: &str| format!("transport = \"tls\"\nsrtp = \"{srtp}\"");
    let text = config(agents, "answer = \"on_agent\"")
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
fn comes(world: &mut Tls, source: &str, payload: impl Into<Bytes>) -> Vec<Message> {
    comes_by(world, TLS, source, payload)
}

fn comes_by(Tls { world, media }: &mut Tls, door: Door, source: &str, payload: impl Into<Bytes>) -> Vec<Message> {
    world.node.handle_message(world.now, door, address(source), payload.into());
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
    answered_by(world, TLS, offer, sdp)
}

fn answered_by(world: &mut Tls, door: Door, offer: &Message, sdp: &str) -> Vec<Message> {
    let mut answer = respond(offer, address(OURS), 200, None, b"agent");
    answer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX};transport=tls>"));
    comes_by(world, door, PBX, body(answer, sdp))
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
    let with = |lifetime: &str| savp(PLAIN).replace("AAAA\r\n", &format!("AAAA|{lifetime}\r\n"));
    let both = PLAIN.to_owned() + KEY;
    for (offer, expected) in [
        (PLAIN.to_owned(), [180, 180, 488]),
        (savp(PLAIN), [488, 180, 180]),
        (both, [180, 180, 180]),
        (with("2^31"), [488, 180, 180]),
        (with("2^20"), [488, 488, 488]),
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

/// A hold at 0.0.0.0 says nothing of who comes after it: by the key and the address before it that is known.
#[test]
fn whoever_comes_after_a_hold_at_no_address_is_another_by_its_address_and_key() {
    let said = |port: &str, key: &str| savp(PLAIN).replace("4000", port).replace("AAAA\r\n", &format!("{key}\r\n"));
    let hold = |key: &str| said("4000", key).replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0");
    for (held, after, fresh) in [
        (hold("AAAA"), said("4000", "AAAA"), None),
        (hold("AAAA"), said("4002", "AAAA"), None),
        (hold("AAAA"), said("4000", "BBBB"), Some(false)),
        (hold("AAAA"), said("4002", "BBBB"), Some(true)),
        (hold("BBBB"), said("4000", "BBBB"), None),
        (hold("BBBB"), said("4002", "BBBB"), Some(true)),
    ] {
        let mut world = world("required", "no");
        let rung = comes(&mut world, TRUNK, invite(1, &savp(PLAIN)));
        let offer = rung.iter().find(|message| message.is_request()).unwrap();
        let sent = answered(&mut world, offer, ANSWER);
        let ok = of_status(&sent, 200).expect("the caller is told");
        let ours = crypto(&sdp(ok)).key;
        let tag = format!(";tag={}", String::from_utf8_lossy(ok.to_tag().unwrap()));
        comes(&mut world, TRUNK, request("ACK", 1, &tag, 1, ""));
        let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, 2, &held));
        assert_eq!(crypto(&sdp(of_status(&sent, 200).expect("an answer"))).key, ours, "{held}");
        comes(&mut world, TRUNK, request("ACK", 1, &tag, 2, ""));
        told(&mut world);
        let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, 3, &after));
        let key = crypto(&sdp(of_status(&sent, 200).expect("an answer"))).key;
        assert_eq!(key != ours, fresh == Some(true), "{held} {after}");
        let keys: Vec<Keys> = told(&mut world).iter().filter_map(|told| told.ok().flatten()).collect();
        assert_eq!(keys.iter().map(|keys| keys.fresh).collect::<Vec<_>>(), Vec::from_iter(fresh), "{held} {after}");
    }
}

/// Also where phones by TLS and by UDP share an address.
#[test]
fn an_agent_s_own_phone_is_told_keys_where_its_uri_is_by_tls() {
    let phone = |name: &str, uri: &str, more: &str| format!("[agents.{name}]\nuri = \"{uri}\"\n{more}\n");
    for (srtp, expected) in [("optional", " RTP/AVP "), ("required", " RTP/SAVP ")] {
        let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n[http]";
        let mut text = config(0, "answer = \"on_agent\"").replace("[http]", tls);
        text += &phone("plain", "sip:8@192.0.2.70:5061", "");
        text += &phone("sealed", "sip:7@192.0.2.70:5061;transport=tls", &format!("srtp = \"{srtp}\""));
        let mut world = World::new(&text, 100);
        for _ in 0..2 {
            world.call("", PLAIN);
        }
        let mut told = Vec::new();
        while let Some(invite) = world.sent_to("192.0.2.70:5061", Method::Invite) {
            let sdp = sdp(&invite);
            told.push((invite.uri().starts_with(b"sip:7@"), sdp.contains("a=crypto:"), sdp.contains(expected)));
        }
        told.sort_unstable();
        assert_eq!(told, [(false, false, expected == " RTP/AVP "), (true, true, true)], "{srtp}");
    }
}

#[test]
fn without_media_keys_go_on_over_tls_alone() {
    for (trunk, pbx) in [(true, true), (true, false), (false, true)] {
        let mut world = world_without_media(trunk, pbx);
        let sent = comes(&mut world, TRUNK, invite(1, &(PLAIN.to_owned() + KEY)));
        let offer = sent.iter().find(|message| message.is_request()).expect("the agent is rung");
        assert_eq!(sdp(offer), PLAIN.to_owned() + if pbx { KEY } else { "" });
        let door = if pbx { TLS } else { Door::Own };
        let sent = answered_by(&mut world, door, offer, &(ANSWER.to_owned() + KEY));
        let ok =
            sent.iter().find(|message| !message.is_request() && message.status() == 200).expect("the caller is told");
        assert_eq!(sdp(ok), ANSWER.to_owned() + if trunk { KEY } else { "" }, "{trunk} {pbx}");
    }
}

/// As [`world`], where the queue leaves the audio to both ends, who are reached by TLS or not.
fn world_without_media(trunk: bool, pbx: bool) -> Tls {
    let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n[http]";
    let by = |is: bool| if is { "transport = \"tls\"" } else { "" };
    let text = config(1, "answer = \"on_agent\"\nmedia = \"none\"")
        .replace("[http]", tls)
        .replace("qualify = \"0s\"\n[peers.pbx]", &format!("qualify = \"0s\"\n{}\n[peers.pbx]", by(trunk)))
        .replace("inbound = false", &format!("inbound = false\n{}", by(pbx)));
    Tls { world: World::new(&text, 100), media: Vec::new() }
}

/// One end of a call, with real audio: what it says is encrypted, and what it hears must be.
struct Ear {
    guard: Guard,
    at: SocketAddr,
    ours: PortId,
    sequence: u16,
}

impl Ear {
    /// Who has said `said` and was told `told`.
    fn new(said: &str, told: &str) -> Self {
        let (said, told) = (parsed(said), parsed(told));
        let (theirs, ours) = (said.crypto().expect("a key"), told.crypto().expect("a key"));
        assert_eq!((theirs.suite, theirs.tag), (ours.suite, ours.tag));
        let keys = Keys { suite: ours.suite, ours: theirs.key, theirs: ours.key, fresh: true };
        let ours = PortId(u32::from(told.address().unwrap().port() - 20_000) / 2);
        Self { guard: Guard::new(&keys), at: said.address().unwrap(), ours, sequence: 65_533 }
    }

    fn says(&mut self, worker: &mut Worker, now: Instant, octet: u8) {
        let mut packet = BytesMut::new();
        let timestamp = u32::from(self.sequence) * 160;
        Header { marker: false, payload_type: 8, sequence: self.sequence, timestamp, ssrc: self.at.port().into() }
            .write(&mut packet);
        packet.extend_from_slice(&[octet; 160]);
        assert!(self.guard.protect_rtp(&mut packet));
        self.sequence = self.sequence.wrapping_add(1);
        worker.handle_rtp(now, self.ours, self.at, &packet);
    }

    /// What all of a packet that came to it said.
    fn hears(&mut self, sent: &[(SocketAddr, Bytes)]) -> Vec<u8> {
        let here = sent.iter().filter(|(to, _)| *to == self.at);
        let heard = here.map(|(_, payload)| {
            let mut clear = Vec::new();
            assert!(self.guard.unprotect_rtp(payload, &mut clear), "it authenticates");
            assert_ne!(payload[12..clear.len()], clear[12..], "it was encrypted");
            assert!(clear[12..].iter().all(|octet| *octet == clear[12]));
            clear[12]
        });
        heard.collect()
    }
}

fn parsed(text: &str) -> SessionDescription {
    SessionDescription::parse_as(text.as_bytes(), Srtp::Required).unwrap()
}

/// Both speak; each hears the other alone, and nobody anybody else.
fn talk(world: &mut Tls, worker: &mut Worker, one: &mut Ear, other: &mut Ear) {
    for command in std::mem::take(&mut world.media) {
        worker.handle_command(world.world.now, command);
    }
    let now = world.world.now;
    let mut sent = Vec::new();
    for _ in 0..5 {
        one.says(worker, now, 0x11);
        other.says(worker, now, 0x22);
        let audio = std::iter::from_fn(|| worker.poll_transmit()).filter(|sent| sent.kind == media::PortKind::Rtp);
        sent.extend(audio.map(|sent| (sent.destination, sent.payload)));
    }
    assert_eq!((one.hears(&sent), other.hears(&sent)), (vec![0x22; 5], vec![0x11; 5]));
    assert!(sent.iter().all(|(to, _)| [one.at, other.at].contains(to)), "{sent:?}");
    assert_eq!(worker.take_unauthentic(), 0);
}

/// A request of an agent in the dialog of its INVITE.
fn of_agent(invite: &Message, method: &str, cseq: u32, lines: &str, sdp: &str) -> String {
    let text = |name| String::from_utf8_lossy(invite.value(name).unwrap_or_default()).into_owned();
    let [from, to, call_id] = [Name::From, Name::To, Name::CallId].map(text);
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let head = format!(
        "{method} sip:strowger@{OURS} SIP/2.0\nVia: SIP/2.0/TLS {PBX};branch=z9hG4bKagent{cseq}{method}\nMax-Forwards: 70\n\
         From: {to};tag=agent\nTo: {from}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n\
         Contact: <sip:agent@{PBX};transport=tls>\n{lines}{kind}Content-Length: {}\n\n",
        sdp.len()
    );
    head.replace('\n', "\r\n") + sdp
}

fn of_status(sent: &[Message], status: u16) -> Option<&Message> {
    sent.iter().find(|message| !message.is_request() && message.status() == status)
}

#[test]
fn both_ends_hear_each_other_encrypted_through_hold_a_move_a_refused_change_and_a_transfer() {
    let mut world = world_of(2, "required", "required");
    let leases = (0..100)
        .map(|n| Lease { port: PortId(n), address: SocketAddr::new(address(OURS).ip(), 20_000 + 2 * n as u16) });
    let mut worker = Worker::new(world.world.now, &leases.collect::<Vec<_>>());
    let key = |letter: &str| {
        KEY.replace(":4 ", ":1 ").replace("_32", "_80").replace("AAAA\r\n", &format!("{letter}|2^31\r\n"))
    };
    let agent_says =
        |port: &str, letter: &str| ANSWER.replace("RTP/AVP 0", "RTP/SAVP 8").replace("5000", port) + &key(letter);
    let caller_says = savp(PLAIN);
    let rung = comes(&mut world, TRUNK, invite(1, &caller_says));
    let first = rung.iter().find(|message| message.is_request()).unwrap().clone();
    let said = agent_says("5000", "BBBB");
    let sent = answered(&mut world, &first, &said);
    let ok = of_status(&sent, 200).expect("the caller is told");
    let tag = format!(";tag={}", String::from_utf8_lossy(ok.to_tag().unwrap()));
    let mut caller = Ear::new(&caller_says, &sdp(ok));
    let mut agent = Ear::new(&said, &sdp(&first));
    comes(&mut world, TRUNK, request("ACK", 1, &tag, 1, ""));
    talk(&mut world, &mut worker, &mut caller, &mut agent);
    // The agent holds and resumes: the keys stay.
    for (cseq, more) in [(1, "a=sendonly\r\n"), (2, "")] {
        let sent = comes(&mut world, PBX, of_agent(&first, "INVITE", cseq, "", &(said.clone() + more)));
        let ok = of_status(&sent, 200).expect("an answer");
        assert_eq!(parsed(&sdp(ok)).crypto(), Some(&Crypto::offer(parsed(&sdp(&first)).crypto().unwrap().key)));
        comes(&mut world, PBX, of_agent(&first, "ACK", cseq, "", ""));
    }
    talk(&mut world, &mut worker, &mut caller, &mut agent);
    // The caller would go on in the clear: refused, and the talk goes on. Then it goes elsewhere, with another key.
    let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, 2, PLAIN));
    assert_eq!(status(&sent), 488);
    comes(&mut world, TRUNK, request("ACK", 1, &tag, 2, ""));
    talk(&mut world, &mut worker, &mut caller, &mut agent);
    let moved = caller_says.replace("4000", "4002").replace("AAAA\r\n", "CCCC\r\n");
    let sent = comes(&mut world, TRUNK, request("INVITE", 1, &tag, 3, &moved));
    let mut caller = Ear::new(&moved, &sdp(of_status(&sent, 200).expect("an answer")));
    comes(&mut world, TRUNK, request("ACK", 1, &tag, 3, ""));
    talk(&mut world, &mut worker, &mut caller, &mut agent);
    // The agent hands the caller on: the other one has keys of its own.
    let refer = of_agent(&first, "REFER", 3, &format!("Refer-To: <sip:1002@{OURS}>\n"), "");
    let sent = comes(&mut world, PBX, refer);
    assert!(of_status(&sent, 202).is_some());
    let second = sent.iter().find(|message| message.is_request() && message.method() == Method::Invite).cloned();
    let second = second.expect("the other one is rung");
    assert_ne!(parsed(&sdp(&second)).crypto().unwrap().key, parsed(&sdp(&first)).crypto().unwrap().key);
    let said = agent_says("5002", "DDDD");
    answered(&mut world, &second, &said);
    let mut other = Ear::new(&said, &sdp(&second));
    talk(&mut world, &mut worker, &mut caller, &mut other);
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
fn what_both_ends_have_said_is_not_shown_for_the_keys_in_it() {
    let as_numbers = format!("{:?}", b"inline");
    let is_shown = |world: &Tls| {
        let shown = format!("{:?}", world.world.node.shard.contacts);
        assert!(shown.contains(" bytes"), "{shown}");
        shown.contains("inline") || shown.contains(as_numbers.trim_matches(['[', ']']))
    };
    for mut world in [world("required", "required"), world_without_media(true, true)] {
        let rung = comes(&mut world, TRUNK, invite(1, &savp(PLAIN)));
        let offer = rung.iter().find(|message| message.is_request()).expect("the agent is rung");
        assert!(!is_shown(&world), "an offer that waits");
        let key = KEY.replace(":4 ", ":1 ").replace("_32", "_80");
        let sent = answered(&mut world, offer, &(ANSWER.replace("RTP/AVP", "RTP/SAVP") + &key));
        assert!(of_status(&sent, 200).is_some_and(|ok| sdp(ok).contains("inline:")), "the caller is told a key");
        assert!(!is_shown(&world), "what both have said");
    }
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
