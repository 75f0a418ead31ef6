//! Header lines that go on from one side of a call to the other: which, in which messages, and never to anybody else.

use super::*;
use crate::acd::TransferKind;

const LIST: &str = "carry_headers = [\"X-PBX-*\", \"x-account\", \"Diversion\", \"History-Info\", \"Subject\", \"User-to-User\", \"P-Charging-Vector\"]";
/// What a message of either side says in most of these tests.
const SAID: &str = "X-PBX-Case: 7\nX-Other: 8\n";

/// A configuration whose trunk has the list.
fn listing(agents: u32, queue: &str) -> String {
    config(agents, queue).replace("[peers.pbx]", &format!("{LIST}\n[peers.pbx]"))
}

/// The lines of a message that are none of those that every message has.
fn said(message: &Message) -> Vec<String> {
    let usual = |name: &str| name.starts_with("X-Strowger") || Name::parse(name.as_bytes()) != Name::Other;
    let known = ["Diversion", "History-Info", "Subject", "Reason"];
    let shown = |(_, name, value): (Name, &[u8], &[u8])| {
        let name = String::from_utf8_lossy(name).into_owned();
        (!usual(&name) || known.contains(&&*name)).then(|| format!("{name}: {}", String::from_utf8_lossy(value)))
    };
    message.headers().filter_map(shown).collect()
}

fn value(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.value(name).unwrap_or_default()).into_owned()
}

/// The agent's response to its INVITE, with these lines.
fn answers(world: &mut World, invite: &Message, status: u16, lines: &str) {
    let sdp = if status == 200 { ANSWER } else { "" };
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let [via, from, to, call] = [Name::Via, Name::From, Name::To, Name::CallId].map(|name| value(invite, name));
    let head = format!(
        "SIP/2.0 {status} So\nVia: {via}\nFrom: {from}\nTo: {to};tag=agent\nCall-ID: {call}\nCSeq: 1 INVITE\n\
         Contact: <sip:agent@{PBX}>\n{lines}{kind}Content-Length: {}\n\n",
        sdp.len()
    );
    world.take(PBX, head.replace('\n', "\r\n") + sdp);
}

/// A request of the agent's phone inside the dialog of this INVITE; `from` is our tag's part of it as it is written.
fn asks(world: &mut World, invite: &Message, method: &str, from: &str, lines: &str, body: &str) {
    world.serial += 1;
    let [to, call] = [Name::To, Name::CallId].map(|name| value(invite, name));
    let number = world.serial;
    let head = format!(
        "{method} sip:strowger@{OURS} SIP/2.0\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bKagent{number}\nMax-Forwards: 70\n\
         From: {to};tag=agent\nTo: {from}\nCall-ID: {call}\nCSeq: {number} {method}\n{lines}Content-Length: {}\n\n",
        body.len()
    );
    world.take(PBX, head.replace('\n', "\r\n") + body);
}

fn agent_leaves(world: &mut World, invite: &Message, lines: &str) {
    asks(world, invite, "BYE", &value(invite, Name::From), lines, "");
}

fn caller_leaves(world: &mut World, caller: &Caller, lines: &str) {
    let tag = String::from_utf8_lossy(caller.answer.as_ref().unwrap().to_tag().unwrap()).into_owned();
    let lines = format!("From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\n{lines}");
    world.trunk(caller, "BYE", 9, "strowger", &format!(";tag={tag}"), &lines, "");
}

/// What our BYE to the caller says.
fn caller_hears(world: &mut World) -> Vec<String> {
    said(&world.sent_to(TRUNK, Method::Bye).expect("the caller is hung up on"))
}

/// What our BYE to an agent says.
fn agent_hears(world: &mut World) -> Vec<String> {
    said(&world.sent_to(PBX, Method::Bye).expect("the agent is hung up on"))
}

/// What the caller's 200 says once the agent has answered with these lines.
fn answered_with(lines: &str) -> Vec<String> {
    let mut world = World::new(&listing(1, "answer = \"on_agent\""), 100);
    let caller = world.call("", OFFER);
    let invite = world.offer().expect("an agent is rung");
    answers(&mut world, &invite, 180, "X-PBX-Rings: 1\n");
    let caller = world.heard(caller);
    assert_eq!((caller.status(), said(caller.answer.as_ref().unwrap())), (180, vec![]), "rings by its queue");
    answers(&mut world, &invite, 200, lines);
    let caller = world.heard(caller);
    assert_eq!(caller.status(), 200);
    let told = said(caller.answer.as_ref().unwrap());
    world.within(&caller, "ACK", 1, "");
    agent_leaves(&mut world, &invite, "");
    assert!(caller_hears(&mut world).is_empty(), "what was said once is not said again");
    told
}

#[test]
fn listed_lines_of_the_agents_answer_stand_in_the_callers_and_no_others() {
    let private =
        "Diversion: <sip:1@h>\nHistory-Info: <sip:2@h>;index=1\nSubject: s\nP-Charging-Vector: icid-value=1\n";
    let others = "X-Other: 8\nX-Strowger-Call: c1\nReason: SIP;cause=200\nX-Accounts: b\n";
    assert_eq!(
        answered_with(&format!("X-PBX-Case: 7\nx-ACCOUNT: a\nUser-to-User: 00;encoding=hex\n{private}{others}")),
        ["X-PBX-Case: 7", "x-ACCOUNT: a", "User-to-User: 00;encoding=hex"]
    );
    assert!(answered_with("").is_empty());
    assert_eq!(answered_with("X-PBX-Folded: a\n X-Strowger-Queue: b\n"), ["X-PBX-Folded: a X-Strowger-Queue: b"]);
    assert!(answered_with("X-PBX-Bell: \u{7}\n").is_empty());
    let many: String = (0..40).map(|n| format!("X-PBX-{n}: v\n")).collect();
    assert_eq!(answered_with(&many).len(), 16);
    let long = format!("X-PBX-Long: {}\nX-PBX-Short: s\n", "v".repeat(600));
    assert_eq!(answered_with(&long), ["X-PBX-Short: s"], "one that does not fit is left out whole");
}

#[test]
fn a_caller_whom_the_queue_has_answered_is_told_nothing_of_the_agents_answer() {
    let mut world = World::new(&listing(1, ""), 100);
    let caller = world.call("", OFFER);
    assert_eq!(caller.status(), 200);
    world.within(&caller, "ACK", 1, "");
    let invite = world.offer().expect("an agent is rung");
    world.sent.clear();
    answers(&mut world, &invite, 200, SAID);
    assert!(world.sent.iter().all(|(to, _)| *to == address(PBX)), "{:?}", world.sent);
    agent_leaves(&mut world, &invite, "");
    assert!(caller_hears(&mut world).is_empty());
}

#[test]
fn a_bye_says_the_listed_lines_to_the_other_side() {
    let lines = format!("{SAID}Subject: s\nReason: Q.850;cause=16\nUser-to-User: 01\n");
    let mut world = World::new(&listing(1, ""), 100);
    let (_, invite) = world.talk();
    agent_leaves(&mut world, &invite, &lines);
    assert_eq!(caller_hears(&mut world), ["X-PBX-Case: 7", "User-to-User: 01"]);
    let (caller, _) = world.talk();
    caller_leaves(&mut world, &caller, &lines);
    assert_eq!(agent_hears(&mut world), ["X-PBX-Case: 7", "User-to-User: 01"]);
}

#[test]
fn only_the_list_of_the_callers_neighbour_counts_as_it_is_when_the_message_comes() {
    let phones = config(1, "").replace("[queues.q]", &format!("{LIST}\n[queues.q]"));
    let mut world = World::new(&phones, 100);
    let (_, invite) = world.talk();
    agent_leaves(&mut world, &invite, SAID);
    assert!(caller_hears(&mut world).is_empty(), "the phones' own list is about their calls");
    let (caller, invite) = world.talk();
    world.reload(&listing(1, ""));
    caller_leaves(&mut world, &caller, SAID);
    assert_eq!(agent_hears(&mut world), ["X-PBX-Case: 7"]);
    drop(invite);
    let (_, invite) = world.talk();
    world.reload(&phones);
    agent_leaves(&mut world, &invite, SAID);
    assert!(caller_hears(&mut world).is_empty(), "the list is gone");
}

#[test]
fn the_lines_are_of_the_agent_who_wins() {
    let queue = "answer = \"on_agent\"\nstrategy = \"ring-all\"";
    let text = listing(2, queue).replace("[agents.\"1001\"]", "[agents.\"1001\"]\nconfirm = \"1\"");
    for wins in ["1001", "1002"] {
        let mut world = World::new(&text, 100);
        let caller = world.call("", OFFER);
        let mut rung = [world.offer().expect("one"), world.offer().expect("and the other")];
        rung.sort_by_key(|invite| invite.uri().to_vec());
        let [first, second] = rung;
        answers(&mut world, &first, 200, "X-PBX-Who: first\n");
        assert_eq!(world.heard(Caller { answer: None, ..caller }).status(), 180, "it has to press its key");
        let caller = Caller { serial: 1, answer: None };
        if wins == "1001" {
            let key = "Content-Type: application/dtmf-relay\n";
            asks(&mut world, &first, "INFO", &value(&first, Name::From), key, "Signal=1\r\nDuration=160\r\n");
        } else {
            answers(&mut world, &second, 200, "X-PBX-Who: second\n");
        }
        let answer = world.heard(caller).answer.expect("an answer");
        let who = if wins == "1001" { "first" } else { "second" };
        assert_eq!((answer.status(), said(&answer)), (200, vec![format!("X-PBX-Who: {who}")]));
        if wins == "1002" {
            let bye = world.sent_to(PBX, Method::Bye).expect("the other's leg ends");
            assert_eq!(said(&bye), ["Reason: SIP;cause=200;text=\"Call completed elsewhere\""]);
        }
    }
}

#[test]
fn an_answer_that_waits_for_its_prack_says_them_too() {
    let mut world = World::new(&listing(1, "answer = \"early\""), 100);
    let caller = world.call("Require: 100rel\n", OFFER);
    assert_eq!(caller.status(), 183);
    let number = value(caller.answer.as_ref().unwrap(), Name::RSeq);
    let invite = world.offer().expect("an agent is rung");
    answers(&mut world, &invite, 200, SAID);
    let caller = world.heard(caller);
    assert_eq!(caller.status(), 183);
    let tag = String::from_utf8_lossy(caller.answer.as_ref().unwrap().to_tag().unwrap()).into_owned();
    let lines = format!("From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\nRAck: {number} 1 INVITE\n");
    world.trunk(&caller, "PRACK", 2, "strowger", &format!(";tag={tag}"), &lines, "");
    let caller = world.heard(caller);
    assert_eq!((caller.status(), said(caller.answer.as_ref().unwrap())), (200, vec!["X-PBX-Case: 7".to_owned()]));
}

#[test]
fn whoever_consults_and_leaves_says_nothing_and_whom_the_caller_has_then_does() {
    for lines in ["", "X-PBX-Who: second\n"] {
        let mut world = World::new(&listing(2, "[transfer]\non_hang_up = \"complete\""), 100);
        let (_, invite) = world.talk();
        let (call, _) = world.calls()[0];
        let to = "agent:1002".to_owned();
        world.control(Control::Transfer { call, kind: TransferKind::Consult, to, by: "test".into() });
        let second = world.offer().expect("the target is rung");
        answers(&mut world, &second, 200, SAID);
        agent_leaves(&mut world, &invite, SAID);
        assert_eq!(world.calls()[0].1, "talking");
        assert!(world.sent_to(TRUNK, Method::Bye).is_none());
        agent_leaves(&mut world, &second, lines);
        assert_eq!(caller_hears(&mut world), Vec::from_iter(lines.lines()));
    }
}

#[test]
fn a_number_outside_gets_none_and_none_of_its_go_on() {
    let outside = "[transfer]\npeer = \"pbx\"\nnumbers = [\"44\"]\n";
    for caller_ends in [true, false] {
        let mut world = World::new(&listing(1, outside), 100);
        let (caller, _) = world.talk_with("X-PBX-Case: 7\n");
        let (call, _) = world.calls()[0];
        let to = "number:4420".to_owned();
        world.control(Control::Transfer { call, kind: TransferKind::Blind, to, by: "test".into() });
        assert!(agent_hears(&mut world).is_empty());
        let invite = world.offer().expect("the number is called");
        assert!(said(&invite).is_empty());
        answers(&mut world, &invite, 200, SAID);
        match caller_ends {
            true => {
                caller_leaves(&mut world, &caller, SAID);
                assert!(agent_hears(&mut world).is_empty());
            }
            false => {
                agent_leaves(&mut world, &invite, SAID);
                assert!(caller_hears(&mut world).is_empty());
            }
        }
    }
}

#[test]
fn what_a_stranger_says_of_a_dialog_that_it_only_guesses_goes_nowhere() {
    let mut world = World::new(&listing(1, ""), 100);
    let (_, invite) = world.talk();
    let from = value(&invite, Name::From);
    let guessed = from[..from.rfind('-').unwrap()].to_owned() + "-0000000000000000";
    asks(&mut world, &invite, "BYE", &guessed, "X-PBX-Case: forged\n", "");
    assert!(world.sent_to(TRUNK, Method::Bye).is_none());
    agent_leaves(&mut world, &invite, "");
    assert!(caller_hears(&mut world).is_empty());
}
