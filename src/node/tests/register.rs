//! Phones that register at the node itself.

use super::*;
use crate::acd::{Proving, Refusal, Silence};
use crate::node::message::RungView;
use crate::node::{Door, Wire};
use crate::sip::auth::{Credentials, Password, answer};

/// Behind NAT: what it says of itself is not where it is.
const PHONE: &str = "198.51.100.7:41000";
const CONTACT: &str = "sip:1001@192.168.1.5:5060";

struct Phone {
    source: &'static str,
    call_id: &'static str,
    number: u32,
    password: &'static str,
    door: Door,
}

impl Phone {
    const fn new() -> Self {
        Self { source: PHONE, call_id: "phone", number: 0, password: "secret", door: Door::Own }
    }

    /// One REGISTER; the answer, if one came.
    fn send(&mut self, world: &mut World, lines: &str) -> Option<Message> {
        self.number += 1;
        let (source, number, id) = (self.source, self.number, self.call_id);
        let text = format!(
            "REGISTER sip:{OURS} SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK{id}{number};rport\n\
             Max-Forwards: 70\nFrom: <sip:1001@{OURS}>;tag=p\nTo: <sip:1001@{OURS}>\nCall-ID: {id}\n\
             CSeq: {number} REGISTER\nUser-Agent: Phone of the Test 1.0\n{lines}Content-Length: 0\n\n"
        );
        let before = world.sent.len();
        world.node.handle_message(world.now, self.door, address(source), text.replace('\n', "\r\n").into());
        world.settle();
        world.sent.iter().skip(before).map(|(_, message)| message).find(|message| !message.is_request()).cloned()
    }

    /// As a phone does: again with credentials when it is asked. The last status; 0: none came.
    fn register(&mut self, world: &mut World, lines: &str) -> u16 {
        let Some(asked) = self.send(world, lines) else { return 0 };
        assert_eq!(asked.status(), 401);
        let request = Message::parse(Bytes::from(format!("REGISTER sip:{OURS} SIP/2.0\r\n\r\n"))).unwrap();
        let credentials =
            Credentials { username: "1001".to_owned(), password: Password::Text(self.password.to_owned()) };
        let proof = answer(&asked, &request, &credentials, self.number.into()).expect("a challenge");
        let proof = format!("{}: {}\n", proof.name.as_str(), String::from_utf8_lossy(&proof.value));
        self.send(world, &(proof + lines)).map_or(0, |response| response.status())
    }
}

fn contact(seconds: u32) -> String {
    format!("Contact: <{CONTACT}>;expires={seconds}\n")
}

fn world() -> World {
    let agent = "[agents.\"1001\"]\nregister = true\npassword = \"secret\"\n";
    World::new(&(config(0, "") + agent), 100)
}

/// State, why it is not reachable, and where it is registered.
fn agent(world: &mut World) -> (&'static str, Option<&'static str>, Option<String>) {
    let Reply::Agents { rows, .. } = world.control(Control::Agents { offset: 0, limit: 10 }) else { panic!("rows") };
    let row = rows.into_iter().next().unwrap();
    (row.state, row.unreachable, row.registration.map(|registration| registration.source))
}

fn at_phone() -> (&'static str, Option<&'static str>, Option<String>) {
    ("ready", None, Some(PHONE.to_owned()))
}

const NOWHERE: (&str, Option<&str>, Option<String>) = ("unreachable", Some("not registered"), None);

#[test]
fn a_phone_registers_is_rung_where_it_is_and_is_unreachable_when_it_has_run_out() {
    let (mut world, mut phone) = (world(), Phone::new());
    world.pass(Duration::from_secs(1));
    assert_eq!(agent(&mut world), NOWHERE);
    let caller = world.call("", OFFER);
    assert!(world.sent_to(PHONE, Method::Invite).is_none());
    assert_eq!(phone.register(&mut world, &contact(120)), 200);
    let granted = world.sent.back().unwrap().1.value(Name::Contact).map(<[u8]>::to_vec);
    // The call that waited is offered at once.
    let invite = world.sent_to(PHONE, Method::Invite).expect("the phone is rung");
    assert_eq!(invite.uri(), CONTACT.as_bytes());
    assert!(granted.is_none_or(|line| !line.is_empty()));
    let mut writer = respond(&invite, address(OURS), 200, None, b"agent");
    writer.line_fmt(Name::Contact, format_args!("<{CONTACT}>"));
    world.take(PHONE, body(writer, ANSWER));
    let caller = world.heard(caller);
    assert_eq!(caller.status(), 200);
    assert!(world.sent_to(PHONE, Method::Ack).is_some(), "all of the call goes to where the phone is");
    world.within(&caller, "ACK", 1, "");
    world.within(&caller, "BYE", 2, "");
    let bye = world.sent_to(PHONE, Method::Bye).expect("the BYE too");
    world.ok(PHONE, &bye);
    assert_eq!(agent(&mut world), at_phone());
    // It answers OPTIONS, until its time has run out.
    for _ in 0..3 {
        world.pass(Duration::from_secs(30));
        let options = world.sent_to(PHONE, Method::Options).expect("the NAT is kept open");
        world.ok(PHONE, &options);
    }
    assert_eq!(agent(&mut world), at_phone());
    world.pass(Duration::from_secs(31));
    assert_eq!(agent(&mut world), NOWHERE);
    assert_eq!(phone.register(&mut world, &contact(120)), 200, "and back");
    assert_eq!(agent(&mut world), at_phone());
    assert_eq!(phone.register(&mut world, "Contact: *\nExpires: 0\n"), 200, "and gone by itself");
    assert_eq!(agent(&mut world), NOWHERE);
    world.ends_clean();
}

fn ladder(world: &mut World, call: CallId) -> Vec<RungView> {
    let Reply::Ladder(view) = world.control(Control::Ladder { call, shows_numbers: true }) else { panic!("ladder") };
    view.messages
}

#[test]
fn a_call_s_ladder_has_what_its_phone_said_after_others_were_refused_and_nothing_of_a_stranger() {
    let (mut world, mut phone) = (world(), Phone::new());
    assert_eq!(phone.register(&mut world, &contact(120)), 200);
    world.call("", OFFER);
    let (call, _) = world.calls()[0];
    let invite = world.sent_to(PHONE, Method::Invite).expect("the phone is rung");
    let mut writer = respond(&invite, address(OURS), 200, None, b"agent");
    writer.line_fmt(Name::Contact, format_args!("<{CONTACT}>"));
    world.take(PHONE, body(writer, ANSWER));
    let text = |name| String::from_utf8_lossy(invite.value(name).unwrap()).into_owned();
    let bye = |number: u32, to: &str| {
        format!(
            "BYE sip:{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number};rport\r\nMax-Forwards: 70\r\n\
             From: {};tag=agent\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {number} BYE\r\nContent-Length: 0\r\n\r\n",
            text(Name::To),
            text(Name::CallId)
        )
    };
    let before = ladder(&mut world, call);
    world.take("203.0.113.77:5060", bye(7, "<sip:x@h>;tag=1-2"));
    assert_eq!(ladder(&mut world, call), before);
    let other = format!(
        "INVITE sip:800@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bKother\r\nMax-Forwards: 70\r\n\
         From: <sip:x@h>;tag=x\r\nTo: <sip:800@h>\r\nCall-ID: other\r\nCSeq: 1 INVITE\r\nContact: <sip:x@h>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    world.node.handle_refused(world.now, Door::Own, address(TRUNK), other.into());
    world.settle();
    world.take(PHONE, bye(9, &text(Name::From)));
    assert!(ladder(&mut world, call).iter().any(|rung| &*rung.cseq == "9 BYE" && !rung.sent));
}

/// A node with TLS and one phone, whose audio is encrypted so.
fn secured(srtp: &str) -> String {
    let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n[http]";
    let agent = format!("[agents.\"1001\"]\nregister = true\npassword = \"secret\"\nsrtp = \"{srtp}\"\n");
    config(0, "").replace("[http]", tls) + &agent
}

const TLS: Door = Door::Stream(Wire::Tls);
const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|2^31\r\n";

#[test]
fn a_registered_phone_is_told_keys_over_tls_alone() {
    for (srtp, door, status, expected) in [
        ("no", TLS, 200, Some((" RTP/AVP ", false))),
        ("optional", TLS, 200, Some((" RTP/AVP ", true))),
        ("optional", Door::Own, 200, Some((" RTP/AVP ", false))),
        ("optional", Door::Stream(Wire::Tcp), 200, Some((" RTP/AVP ", false))),
        ("required", TLS, 200, Some((" RTP/SAVP ", true))),
        ("required", Door::Own, 403, None),
        ("required", Door::Stream(Wire::Tcp), 403, None),
    ] {
        let (mut world, mut phone) = (World::new(&secured(srtp), 100), Phone { door, ..Phone::new() });
        assert_eq!(phone.register(&mut world, &contact(120)), status, "{srtp} {door:?}");
        world.call("", OFFER);
        let sdp =
            world.sent_to(PHONE, Method::Invite).map(|invite| String::from_utf8_lossy(invite.body()).into_owned());
        let said = sdp.as_ref().map(|sdp| (sdp.contains(" RTP/SAVP "), sdp.contains("a=crypto:")));
        assert_eq!(said, expected.map(|(profile, keys)| (profile == " RTP/SAVP ", keys)), "{srtp} {door:?}: {sdp:?}");
    }
}

#[test]
fn what_a_phone_s_call_has_begun_with_stays_however_it_registers_meanwhile() {
    for (door, other) in [(TLS, Door::Own), (Door::Own, TLS)] {
        let (mut world, mut phone) = (World::new(&secured("optional"), 100), Phone { door, ..Phone::new() });
        assert_eq!(phone.register(&mut world, &contact(120)), 200);
        world.call("", OFFER);
        let invite = world.sent_to(PHONE, Method::Invite).expect("the phone is rung");
        let mut writer = respond(&invite, address(OURS), 200, None, b"agent");
        writer.line_fmt(Name::Contact, format_args!("<{CONTACT}>"));
        let is_tls = door == TLS;
        let said = if is_tls { ANSWER.to_owned() + KEY } else { ANSWER.to_owned() };
        world.node.handle_message(world.now, door, address(PHONE), body(writer, &said));
        world.settle();
        assert!(world.sent_to(PHONE, Method::Ack).is_some());
        phone.door = other;
        assert_eq!(phone.register(&mut world, &contact(120)), 200);
        let keyed = OFFER.to_owned() + KEY;
        // With keys by the door of the call, and by another one.
        for (cseq, by, expected) in [(1, door, (200, is_tls)), (2, other, (if is_tls { 488 } else { 200 }, false))] {
            let response = again(&mut world, &invite, by, cseq, &keyed);
            let answer = (response.status(), response.body().windows(9).any(|part| part == b"a=crypto:"));
            assert_eq!(answer, expected, "{door:?}, {by:?}");
        }
    }
}

/// The phone's re-INVITE; the answer to it.
fn again(world: &mut World, invite: &Message, door: Door, cseq: u32, sdp: &str) -> Message {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let [from, to, call_id] = [Name::From, Name::To, Name::CallId].map(|name| text(invite.value(name)));
    let head = format!(
        "INVITE sip:{OURS} SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKagain{cseq};rport\nMax-Forwards: 70\n\
         From: {to};tag=agent\nTo: {from}\nCall-ID: {call_id}\nCSeq: {cseq} INVITE\nContact: <{CONTACT}>\n\
         Content-Type: application/sdp\nContent-Length: {}\n\n",
        sdp.len()
    );
    world.node.handle_message(world.now, door, address(PHONE), (head.replace('\n', "\r\n") + sdp).into());
    world.settle();
    let is_answer = |message: &&Message| !message.is_request() && message.status() != 100;
    let response = world.sent.iter().rev().map(|(_, message)| message).find(is_answer).cloned().expect("an answer");
    let ack = head.replace("INVITE sip", "ACK sip").replace(" INVITE\n", " ACK\n");
    let ack = ack.split("Content-Type").next().unwrap_or_default().replace('\n', "\r\n") + "Content-Length: 0\r\n\r\n";
    world.node.handle_message(world.now, door, address(PHONE), ack.into());
    world.settle();
    response
}

#[test]
fn a_phone_that_must_come_over_tls_from_now_on_is_forgotten_where_it_is() {
    for (door, stays) in [(TLS, true), (Door::Own, false)] {
        let (mut world, mut phone) = (World::new(&secured("optional"), 100), Phone { door, ..Phone::new() });
        assert_eq!(phone.register(&mut world, &contact(120)), 200);
        world.reload(&secured("required"));
        let expected = if stays { at_phone() } else { NOWHERE };
        assert_eq!(agent(&mut world), expected, "{door:?}");
        world.call("", OFFER);
        assert_eq!(world.sent_to(PHONE, Method::Invite).is_some(), stays, "{door:?}");
    }
}

#[test]
fn a_registered_phone_that_does_not_answer_is_unreachable_until_it_does() {
    let (mut world, mut phone) = (world(), Phone::new());
    assert_eq!(phone.register(&mut world, &contact(600)), 200);
    world.pass(Duration::from_secs(40));
    assert_eq!(agent(&mut world), ("unreachable", Some("does not answer"), Some(PHONE.to_owned())));
    while world.sent_to(PHONE, Method::Options).is_some() {}
    world.pass(Duration::from_secs(3));
    let options = world.sent_to(PHONE, Method::Options).expect("it is asked again");
    world.ok(PHONE, &options);
    assert_eq!(agent(&mut world), at_phone());
}

#[test]
fn what_a_registered_phone_refuses_comes_from_the_device_and_registering_shows_that_it_is_there() {
    for (status, expected) in
        [(480, ("not_ready", None)), (404, ("unreachable", Some("calls do not reach the device")))]
    {
        let (mut world, mut phone) = (world(), Phone::new());
        assert_eq!(phone.register(&mut world, &contact(600)), 200);
        world.call("", OFFER);
        let invite = world.sent_to(PHONE, Method::Invite).expect("the phone is rung");
        let refusal = respond(&invite, address(OURS), status, None, b"agent").finish();
        world.take(PHONE, refusal);
        let (state, why, _) = agent(&mut world);
        assert_eq!((state, why), expected);
        world.pass(Duration::from_secs(2));
        assert_eq!(phone.register(&mut world, &contact(600)), 200);
        assert_eq!(world.sent_to(PHONE, Method::Invite).is_some(), status == 404, "{status}");
    }
}

#[test]
fn a_phone_that_is_short_of_time_is_told_the_least_and_a_query_tells_what_there_is() {
    let (mut world, mut phone) = (world(), Phone::new());
    assert_eq!(phone.register(&mut world, &contact(10)), 423);
    assert_eq!(world.sent.back().unwrap().1.other("Min-Expires"), Some(&b"60"[..]));
    assert_eq!(phone.register(&mut world, &contact(99_999)), 200);
    assert_eq!(phone.register(&mut world, ""), 200);
    let row = world.sent.back().unwrap().1.value(Name::Contact).unwrap().to_vec();
    assert_eq!(String::from_utf8_lossy(&row), format!("<{CONTACT}>;expires=3600"));
}

#[test]
fn an_agent_that_is_gone_from_the_configuration_is_not_registered_any_more() {
    let (mut world, mut phone) = (world(), Phone::new());
    assert_eq!(phone.register(&mut world, &contact(600)), 200);
    world.reload(&config(1, ""));
    world.pass(Duration::from_secs(60));
    while world.sent_to(PHONE, Method::Options).is_some() {}
    world.pass(Duration::from_secs(60));
    assert!(world.sent_to(PHONE, Method::Options).is_none(), "nobody asks for it");
    let text = config(0, "") + "[agents.\"1001\"]\nregister = true\npassword = \"other\"\n";
    world.reload(&text);
    assert_eq!(agent(&mut world), NOWHERE);
    assert_eq!(phone.register(&mut world, &contact(600)), 403);
    phone.password = "other";
    assert_eq!(phone.register(&mut world, &contact(600)), 200);
    assert_eq!(agent(&mut world), at_phone());
}

#[test]
fn a_flood_of_registrations_finds_no_password_and_is_worth_nothing() {
    let (mut world, mut phone) = (world(), Phone::new());
    assert_eq!(phone.register(&mut world, &contact(600)), 200);
    let (mut refused, mut unheard) = (0, 0);
    for guess in 0..200 {
        let mut thief = Phone {
            source: "203.0.113.9:5060",
            call_id: "thief",
            number: guess * 2,
            password: "guess",
            ..Phone::new()
        };
        match thief.register(&mut world, &contact(600)) {
            403 => refused += 1,
            0 => unheard += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((refused, unheard), (60, 140), "a source is not heard any more after so many wrong ones");
    let counted = world.node.take_auth_failures()[Proving::Register as usize];
    assert!(counted[..3] == [10, 0, 0] && counted[3] > 100, "an account is not opened any more after ten: {counted:?}");
    assert_eq!(world.node.live_dialogs().1, 1, "the registration's own transaction, and no other");
    // Even the right password does not help who guesses; the phone itself is not harmed.
    let mut thief =
        Phone { source: "203.0.113.9:5060", call_id: "thief", number: 1_000, password: "secret", ..Phone::new() };
    assert_eq!(thief.register(&mut world, &contact(600)), 0);
    let mut other =
        Phone { source: "203.0.113.10:5060", call_id: "other", number: 2_000, password: "secret", ..Phone::new() };
    assert_eq!(other.register(&mut world, &contact(600)), 403, "from wherever");
    // The phone has restarted, and its NAT gives it another port.
    let mut restarted =
        Phone { source: "198.51.100.7:42000", call_id: "restarted", number: 0, password: "secret", door: Door::Own };
    assert_eq!(restarted.register(&mut world, &contact(600)), 200);
    world.pass(Duration::from_secs(5_000));
    assert_eq!(agent(&mut world), NOWHERE);
    for guess in 0..20 {
        let mut thief = Phone {
            source: "203.0.113.11:5060",
            call_id: "again",
            number: guess * 2,
            password: "guess",
            door: Door::Own,
        };
        assert_eq!(thief.register(&mut world, &contact(600)), 403);
    }
    assert_eq!(other.register(&mut world, &contact(600)), 403, "locked again");
    assert_eq!(phone.register(&mut world, &contact(600)), 200);
    assert_eq!(agent(&mut world), at_phone());
    let untrusted = |fact: &&Fact| matches!(fact, Fact::Refused { cause: Refusal::Untrusted, .. });
    assert_eq!(world.facts.iter().filter(untrusted).count(), 0, "no contact of a caller");
    // A short request with a false source brings no long answer.
    let short = "REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:x>;tag=1\r\nTo: <sip:1001@x>\r\n\
                 Call-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n";
    let before = world.sent.len();
    world.take("203.0.113.50:5060", short);
    assert!(world.sent.iter().skip(before).all(|(_, answer)| answer.raw().len() <= 2 * short.len()));
}

#[test]
fn who_writes_under_another_s_address_shuts_nobody_out() {
    let mut world = world();
    // Asked at an address of his own, he answers under that of a phone which he wishes to shut out.
    let mut thief =
        Phone { source: "203.0.113.9:5060", call_id: "thief", number: 0, password: "guess", door: Door::Own };
    let asked = thief.send(&mut world, "").expect("a challenge");
    let request = Message::parse(Bytes::from(format!("REGISTER sip:{OURS} SIP/2.0\r\n\r\n"))).unwrap();
    let credentials = Credentials { username: "1001".to_owned(), password: Password::Text("guess".to_owned()) };
    let proof = format!("Authorization: {}\n", answer_to(&asked, &request, &credentials));
    thief.source = PHONE;
    for _ in 0..200 {
        assert_ne!(thief.send(&mut world, &proof).map(|answer| answer.status()), Some(403), "nothing was judged");
        world.now += Duration::from_millis(100);
    }
    let [wrong, stale, _, locked] = world.node.take_auth_failures()[Proving::Register as usize];
    assert_eq!((wrong, stale, locked), (0, 200, 0));
    assert_eq!(Phone::new().register(&mut world, &contact(600)), 200);
}

/// What a user who guesses is told, with all that differs by itself taken out: nonce, tag, and the user's own name.
fn told(world: &mut World, user: &str, source: &'static str, guess: u32) -> Vec<String> {
    let id = if user == "1001" { "guess-1001" } else { "guess-none" };
    let rename = |text: &str| text.replace("1001@", &format!("{user}@"));
    let mut all = Vec::new();
    let mut proof = String::new();
    for number in [guess * 2 + 1, guess * 2 + 2] {
        let text = rename(&format!(
            "REGISTER sip:{OURS} SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK{id}{source}{number};rport\n\
             Max-Forwards: 70\nFrom: <sip:1001@{OURS}>;tag=p\nTo: <sip:1001@{OURS}>\nCall-ID: {id}\n\
             CSeq: {number} REGISTER\nContact: <sip:x@h>\nExpires: 600\nUser-Agent: Scanner of the Test 1.0\n{proof}Content-Length: 0\n\n"
        ));
        let before = world.sent.len();
        world.take(source, text.replace('\n', "\r\n"));
        let Some((_, answer)) = world.sent.get(before) else {
            all.push(String::new());
            continue;
        };
        if answer.status() == 401 {
            let request = Message::parse(Bytes::from(format!("REGISTER sip:{OURS} SIP/2.0\r\n\r\n"))).unwrap();
            let credentials = Credentials { username: user.to_owned(), password: Password::Text("guess".to_owned()) };
            let made = answer_to(answer, &request, &credentials);
            proof = format!("Authorization: {made}\n");
        }
        let text = String::from_utf8_lossy(answer.raw()).replace(user, "USER").replace("guess-none", "guess-USER");
        let lines = text.lines().map(|line| {
            let line = line.split(";tag=").next().unwrap_or_default();
            line.split("nonce=").next().unwrap_or_default().to_owned()
        });
        all.push(format!("{} bytes, {}", answer.raw().len(), lines.collect::<Vec<_>>().join("|")));
    }
    all
}

fn answer_to(asked: &Message, request: &Message, credentials: &Credentials) -> String {
    let proof = answer(asked, request, credentials, 7).expect("a challenge");
    String::from_utf8_lossy(&proof.value).into_owned()
}

#[test]
fn nobody_learns_which_accounts_there_are() {
    let mut world = world();
    // From ever other sources, for an account that there is and one of as long a name that there is not.
    for guess in 0..40 {
        let source: &'static str = Box::leak(format!("203.0.113.{}:5060", guess / 2).into_boxed_str());
        let (there, nowhere) = (told(&mut world, "1001", source, guess), told(&mut world, "9009", source, guess));
        assert_eq!(there, nowhere, "guess {guess}");
        assert!(there[0].contains("SIP/2.0 401") && there[1].contains("SIP/2.0 403"), "{there:?}");
    }
    let [wrong, _, _, locked] = world.node.take_auth_failures()[Proving::Register as usize];
    assert_eq!((wrong, locked), (50, 30), "though the account has been locked from the tenth on");
}

#[test]
fn strangers_are_sent_no_more_than_came_from_them_and_nothing_is_kept_of_them() {
    let mut world = world();
    let (mut received, mut silent) = (0, 0);
    for turn in 0..2_000 {
        let (method, tag) = match turn % 5 {
            0 => ("REGISTER", ""),
            1 => ("OPTIONS", ""),
            2 => ("SUBSCRIBE", ""),
            3 => ("BYE", ";tag=1-2"),
            _ => ("INVITE", ""),
        };
        let text = format!(
            "{method} sip:1001@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{turn};rport\r\nFrom: <sip:x>;tag=1\r\n\
             To: <sip:1001@h>{tag}\r\nCall-ID: {turn}\r\nCSeq: 1 {method}\r\n\r\n"
        );
        received += text.len();
        world.take("203.0.113.77:5060", text);
        world.now += Duration::from_millis(1);
        silent += world.node.take_silent()[Silence::Answer as usize];
    }
    let sent: usize = world.sent.iter().map(|(_, answer)| answer.raw().len()).sum();
    assert!(sent <= received + 1_300, "{sent} bytes for {received}");
    assert!(sent > received / 2, "{sent} bytes for {received}: who asks little is answered");
    assert!(silent > 100 && world.sent.len() + silent as usize <= 2_000, "{silent} of {}", world.sent.len());
    assert_eq!(world.node.live_dialogs(), (0, 0));
}

#[test]
fn nobody_registers_where_no_agent_does() {
    let (mut world, mut phone) = (World::new(&config(1, ""), 100), Phone::new());
    assert_eq!(phone.send(&mut world, &contact(600)).map(|answer| answer.status()), Some(405));
    assert_eq!(world.node.live_dialogs().0, 0);
}
