//! A trunk that must prove itself, and one that asks us to.

use super::*;
use crate::acd::{Proving, Refusal};
use crate::node::{Door, Wire};
use crate::sip::auth::{Algorithm, Answer, Credentials, Guard, Password, Verdict, answer};

fn user(password: &str) -> Credentials {
    Credentials { username: "trunk".to_owned(), password: Password::Text(password.to_owned()) }
}

fn world() -> World {
    let auth = "qualify = \"0s\"\nauth = { username = \"trunk\", password = \"secret\" }\n[peers.pbx]";
    World::new(&config(1, "").replace("qualify = \"0s\"\n[peers.pbx]", auth), 100)
}

/// The INVITE of a caller's challenge, made again as its trunk would.
fn proof(caller: &Caller, method: &str, password: &str) -> Answer {
    let uri = format!("{method} sip:800@{OURS} SIP/2.0\r\n\r\n");
    let request = Message::parse(Bytes::from(uri)).unwrap();
    answer(caller.answer.as_ref().unwrap(), &request, &user(password), 5).expect("a challenge that can be answered")
}

fn again(world: &mut World, caller: Caller, number: u32, proof: &Answer) -> Caller {
    let value = String::from_utf8_lossy(&proof.value).into_owned();
    let lines = format!(
        "From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\nContact: <sip:ann@192.0.2.1>\n{}: {value}\n",
        proof.name.as_str()
    );
    world.trunk(&caller, "INVITE", number, "800", "", &lines, OFFER);
    world.heard(caller)
}

fn refusals(world: &World) -> usize {
    let untrusted = |fact: &&Fact| matches!(fact, Fact::Refused { cause: Refusal::Untrusted, .. });
    world.facts.iter().filter(untrusted).count()
}

#[test]
fn a_call_gets_in_when_its_trunk_proves_itself() {
    let mut world = world();
    let caller = world.call("", OFFER);
    assert_eq!((caller.status(), world.node.live_dialogs()), (401, (0, 0)), "nothing is kept of who is asked");
    let sent = world.sent.back().unwrap().1.raw().len();
    assert!(sent < 700, "{sent} bytes");
    let proof = proof(&caller, "INVITE", "secret");
    let caller = again(&mut world, caller, 2, &proof);
    assert_ne!(caller.status(), 401);
    assert_eq!(world.calls().len(), 1);
    // The INVITE comes once more: it is the same call, and no challenge.
    let caller = again(&mut world, caller, 2, &proof);
    assert_ne!(caller.status(), 401);
    assert_eq!((world.calls().len(), refusals(&world)), (1, 0));
    // The same credentials do not open the door for another call.
    world.serial += 1;
    let thief = Caller { serial: world.serial, answer: None };
    let thief = again(&mut world, thief, 2, &proof);
    assert_eq!(thief.status(), 401);
    assert!(thief.answer.as_ref().unwrap().value(Name::WwwAuthenticate).unwrap().ends_with(b"stale=true"));
    // Inside the dialog nothing is asked.
    let invite = world.offer().expect("the agent is rung");
    world.agent(&invite, 200, ANSWER);
    let caller = world.heard(caller);
    assert_eq!(caller.status(), 200);
    world.within(&caller, "ACK", 2, "");
    world.within(&caller, "BYE", 3, "");
    assert!(world.calls().is_empty());
    world.ends_clean();
}

#[test]
fn a_wrong_password_is_refused_and_counted_and_leaves_nothing() {
    let mut world = world();
    let caller = world.call("", OFFER);
    let proof = proof(&caller, "INVITE", "guess");
    let caller = again(&mut world, caller, 2, &proof);
    assert_eq!((caller.status(), refusals(&world)), (403, 1));
    let unreadable = Answer { value: b"Digest realm=\"strowger".to_vec(), ..proof };
    let caller = again(&mut world, caller, 3, &unreadable);
    assert_eq!((caller.status(), world.node.live_dialogs()), (400, (0, 0)));
    world.ends_clean();
}

#[test]
fn a_trunk_whose_password_is_tried_is_believed_where_it_has_proven_itself() {
    let mut world = world();
    let caller = world.call("", OFFER);
    let good = proof(&caller, "INVITE", "secret");
    assert_ne!(again(&mut world, caller, 2, &good).status(), 401);
    let elsewhere = "192.0.2.1:6060";
    for number in 0..150 {
        assert_eq!(tries(&mut world, (Door::Own, elsewhere), number, "guess"), 403);
    }
    assert_eq!(
        tries(&mut world, (Door::Own, elsewhere), 1_000, "secret"),
        403,
        "whoever finds it by trying is not told"
    );
    assert!(tries(&mut world, (Door::Own, TRUNK), 1_001, "secret") < 400, "the trunk itself is not harmed");
    let [wrong, _, _, locked] = world.node.take_auth_failures()[Proving::Peer as usize];
    assert_eq!((wrong, locked), (100, 51));
    world.pass(Duration::from_secs(10));
    assert!(tries(&mut world, (Door::Own, elsewhere), 1_002, "secret") < 400, "it is forgiven in time");
}

/// Each connection has a port of its own.
#[test]
fn a_trunk_by_streams_is_believed_from_the_host_where_it_has_proven_itself() {
    let text = config(1, "").replace("[http]", "tcp = true\n[http]");
    let auth = "qualify = \"0s\"\nauth = { username = \"trunk\", password = \"secret\" }\n\
                sources = [\"192.0.2.1\", \"192.0.2.9\"]\n[peers.pbx]";
    let mut world = World::new(&text.replace("qualify = \"0s\"\n[peers.pbx]", auth), 100);
    let tcp = Door::Stream(Wire::Tcp);
    assert!(tries(&mut world, (tcp, "192.0.2.1:40000"), 1, "secret") < 400);
    for number in 0..150 {
        assert_eq!(tries(&mut world, (tcp, "192.0.2.9:40000"), 1_000 + number, "guess"), 403);
    }
    assert_eq!(tries(&mut world, (tcp, "192.0.2.9:40001"), 2, "secret"), 403, "from elsewhere it is believed no more");
    assert!(tries(&mut world, (tcp, "192.0.2.1:40001"), 3, "secret") < 400, "by its next connection it is");
    assert_eq!(
        tries(&mut world, (Door::Own, "192.0.2.1:40001"), 4, "secret"),
        403,
        "a datagram may come from anywhere"
    );
    // Whoever sits at its host does not try without end either.
    for number in 0..100 {
        assert_eq!(tries(&mut world, (tcp, "192.0.2.1:40002"), 2_000 + number, "guess"), 403);
    }
    assert_eq!(tries(&mut world, (tcp, "192.0.2.1:40002"), 5, "secret"), 403);
}

/// A call of the trunk that comes from there, is challenged and proves itself: what it is told.
fn tries(world: &mut World, (door, source): (Door, &str), number: u32, password: &str) -> u16 {
    let transport = if door == Door::Own { "UDP" } else { "TCP" };
    let request = |proof: &str| {
        format!(
            "INVITE sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/{transport} {source};branch=z9hG4bK{number}{}\nMax-Forwards: 70\n\
             From: <sip:x@h>;tag=x\nTo: <sip:800@{OURS}>\nCall-ID: try-{number}\nCSeq: 1 INVITE\nContact: <sip:x@h>\n\
             {proof}Content-Length: 0\n\n",
            proof.len()
        )
        .replace('\n', "\r\n")
    };
    let last = |world: &World| world.sent.back().unwrap().1.clone();
    world.now += Duration::from_millis(1);
    let take = |world: &mut World, request: String| {
        world.node.handle_message(world.now, door, address(source), request.into());
        world.settle();
    };
    take(world, request(""));
    let asked = last(world);
    assert_eq!(asked.status(), 401);
    let bare = Message::parse(Bytes::from(format!("INVITE sip:800@{OURS} SIP/2.0\r\n\r\n"))).unwrap();
    let proof = answer(&asked, &bare, &user(password), 5).unwrap();
    take(world, request(&format!("Authorization: {}\n", String::from_utf8_lossy(&proof.value))));
    world.heard(Caller { serial: 0, answer: Some(last(world)) }).status()
}

#[test]
fn an_options_and_who_has_no_auth_are_not_asked() {
    let mut world = world();
    let head = format!(
        "OPTIONS sip:{OURS} SIP/2.0\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bKo\nMax-Forwards: 70\nTo: <sip:{OURS}>\n\
         From: <sip:t@h>;tag=1\nCall-ID: o\nCSeq: 1 OPTIONS\n\n"
    );
    world.take(TRUNK, head.replace('\n', "\r\n"));
    assert_eq!(world.sent.back().unwrap().1.status(), 200);
    let mut open = World::new(&config(1, ""), 100);
    let caller = open.call("", OFFER);
    assert_ne!(caller.status(), 401);
}

#[test]
fn a_pbx_that_asks_gets_our_credentials_and_the_agent_is_rung() {
    let text = config(1, "").replace(
        "inbound = false\n",
        "inbound = false\noutbound_auth = { username = \"trunk\", password = \"secret\" }\n",
    );
    let mut world = World::new(&text, 100);
    let mut guard = Guard::new("pbx", &mut crate::base::Rng::from_u64(3));
    let caller = world.call("", OFFER);
    let invite = world.offer().expect("the agent is rung");
    let mut writer = respond(&invite, address(OURS), 401, None, b"agent");
    guard.challenge(world.now, address(OURS).ip(), &mut writer, &[Algorithm::Md5], Verdict::Missing);
    world.take(PBX, writer.finish());
    let invite = world.offer().expect("the agent is rung again");
    let credentials = user("secret");
    let verdict = guard.judge(world.now, address(OURS).ip(), &invite, &[Algorithm::Md5], |_| Some(&credentials));
    assert_eq!(verdict, Verdict::Good);
    world.agent(&invite, 200, ANSWER);
    assert_eq!(world.heard(caller).status(), 200);
}
