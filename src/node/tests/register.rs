//! Phones that register at the node itself.

use super::*;
use crate::acd::Refusal;
use crate::sip::auth::{Credentials, Password, answer};

/// Behind NAT: what it says of itself is not where it is.
const PHONE: &str = "198.51.100.7:41000";
const CONTACT: &str = "sip:1001@192.168.1.5:5060";

struct Phone {
    source: &'static str,
    call_id: &'static str,
    number: u32,
    password: &'static str,
}

impl Phone {
    const fn new() -> Self {
        Self { source: PHONE, call_id: "phone", number: 0, password: "secret" }
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
        world.take(source, text.replace('\n', "\r\n"));
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
        let mut thief = Phone { source: "203.0.113.9:5060", call_id: "thief", number: guess * 2, password: "guess" };
        match thief.register(&mut world, &contact(600)) {
            403 => refused += 1,
            0 => unheard += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((refused, unheard), (10, 190));
    assert_eq!(world.node.live_dialogs().1, 1, "the registration's own transaction, and no other");
    // Even the right password does not help who guesses; the phone itself is not harmed.
    let mut thief = Phone { source: "203.0.113.9:5060", call_id: "thief", number: 1_000, password: "secret" };
    assert_eq!(thief.register(&mut world, &contact(600)), 0);
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
fn nobody_registers_where_no_agent_does() {
    let (mut world, mut phone) = (World::new(&config(1, ""), 100), Phone::new());
    assert_eq!(phone.send(&mut world, &contact(600)).map(|answer| answer.status()), Some(405));
    assert_eq!(world.node.live_dialogs().0, 0);
}
