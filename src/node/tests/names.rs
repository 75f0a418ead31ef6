//! Numbers, callers and names: where they are read, how they are shown, and that ids outlive a reload.

use super::*;
use crate::acd::{Actor, AgentTarget, Reason};
use crate::node::{AgentChange, Selection};

#[test]
fn the_called_number_is_the_first_source_that_has_one() {
    let queues: String = (1..=6).map(|n| format!("[queues.q{n}]\nnumbers = [\"80{n}\"]\n")).collect();
    let sources =
        "dnis = [\"header:X-DNIS\", \"p-called-party-id\", \"history-info\", \"diversion\", \"to\", \"request-uri\"]";
    let text = config(0, &queues).replace("[peers.pbx]", &format!("{sources}\n[peers.pbx]"));
    let mut world = World::new(&text, 100);
    let history = "History-Info: <sip:803@h>;index=1, <sip:999@h>;index=1.1\n";
    let diversion = "Diversion: <sip:998@h>;reason=no-answer, \"Shop\" <tel:804>;reason=deflection\n";
    let called = "P-Called-Party-ID: <sip:802@h>\n";
    let cases = [
        (format!("X-DNIS: 801\n{called}{history}{diversion}"), "q1"),
        (format!("X-DNIS: <sip:801;npdi@h>\n{called}"), "q1"),
        (format!("{called}{history}{diversion}"), "q2"),
        (format!("{diversion}{history}"), "q3"),
        (diversion.to_owned(), "q4"),
        (String::new(), "q5"),
    ];
    for (lines, queue) in cases {
        world.call_to("805", &lines, OFFER);
        let Reply::Calls { rows, .. } = world.control(Control::Calls { offset: 0, limit: 100 }) else { panic!("rows") };
        assert_eq!(&*rows.last().unwrap().queue, queue, "{lines}");
    }
    assert_eq!(world.call_to("+49 805", "", OFFER).status(), 400);
    assert_eq!(world.call_to("807", "", OFFER).status(), 404);
    assert_eq!(world.call_to("807", "X-DNIS:\n", OFFER).status(), 404);
}

#[test]
fn the_agent_is_shown_who_calls() {
    let shown = |lines: &str| {
        let mut world = World::new(&config(1, ""), 100);
        world.call(lines, OFFER);
        let invite = world.offer().expect("an agent is rung");
        let from = String::from_utf8_lossy(invite.value(Name::From).unwrap()).into_owned();
        let asserted = String::from_utf8_lossy(invite.value(Name::PAssertedIdentity).unwrap()).into_owned();
        assert_eq!(from.split(";tag=").next(), Some(asserted.as_str()));
        assert_eq!(invite.other("X-Strowger-Queue"), Some(&b"q"[..]));
        asserted
    };
    let at = format!("@{OURS}>");
    assert_eq!(shown(""), format!("\"Ann\" <sip:+4930{at}"));
    assert_eq!(
        shown("From: \"Trunk\" <sip:0@h>;tag=t\nP-Asserted-Identity: \"Bo\" <tel:+4940>\n"),
        format!("\"Bo\" <sip:+4940{at}")
    );
    assert_eq!(shown("From: <sip:h.example>;tag=t\n"), "<sip:anonymous@anonymous.invalid>");
    let private = "P-Asserted-Identity: <tel:+4940>\nPrivacy: user; id\n";
    assert_eq!(shown(private), "<sip:anonymous@anonymous.invalid>");
    assert_eq!(shown("Privacy: none\n"), format!("\"Ann\" <sip:+4930{at}"));
    assert_eq!(shown("From: \"A \\\"B\\\\\" <sip:a%20%22b@h>;tag=t\n"), format!("\"A B\" <sip:a%20%22b{at}"));
    assert_eq!(shown("From: \"M\u{fc}ller; Co\" <sip:1@h>;tag=t\n"), format!("\"M\u{fc}ller; Co\" <sip:1{at}"));
}

#[test]
fn the_agents_phone_is_told_queue_label_and_hold_time_on_the_wire() {
    let mut world = World::new(&config(1, "label = \"Support\""), 100);
    let set = |world: &mut World, target: AgentTarget| {
        let (who, change) = (Selection::one("1001"), AgentChange::State(target));
        let reply = world.node.handle_control(world.now, Control::SetAgents { who, change, by: "anna".into() });
        assert!(matches!(reply, Reply::Set(_)), "{reply:?}");
        world.settle();
    };
    set(&mut world, AgentTarget::NotReady(Reason::Initial));
    world.call("", OFFER);
    world.pass(Duration::from_millis(9_999));
    assert!(world.offer().is_none());
    set(&mut world, AgentTarget::Ready);
    let invite = world.offer().expect("an agent is rung");
    let header = |name: &str| String::from_utf8_lossy(invite.other(name).expect("the header")).into_owned();
    assert_eq!(header("X-Strowger-Queue"), "q");
    assert_eq!(header("X-Strowger-Wait"), "9", "whole seconds since the caller joined");
    let from = String::from_utf8_lossy(invite.value(Name::From).unwrap()).into_owned();
    assert!(from.starts_with(&format!("\"Support: Ann\" <sip:+4930@{OURS}>;tag=")), "{from}");
    // Who is asserted is the caller alone.
    assert_eq!(invite.value(Name::PAssertedIdentity), Some(format!("\"Ann\" <sip:+4930@{OURS}>").as_bytes()));
}

#[test]
fn a_queue_writes_its_prefix_and_ring_tone_for_the_phone() {
    let keys = "caller_prefix = \"{queue} {wait}s {call} \"\nalert_info = \"<http://pbx/q.wav>;info=q\"";
    let shown = |lines: &str| {
        let mut world = World::new(&config(1, keys), 100);
        world.call(lines, OFFER);
        let invite = world.offer().expect("an agent is rung");
        assert_eq!(invite.value(Name::AlertInfo), Some(&b"<http://pbx/q.wav>;info=q"[..]));
        let from = String::from_utf8_lossy(invite.value(Name::From).unwrap()).into_owned();
        let call = String::from_utf8_lossy(invite.other("X-Strowger-Call").unwrap()).into_owned();
        from.split(";tag=").next().unwrap().replace(&call, "C")
    };
    assert_eq!(shown(""), format!("\"q 0s C Ann\" <sip:+4930@{OURS}>"));
    assert_eq!(shown("From: <sip:+4931@h>;tag=t\n"), format!("\"q 0s C +4931\" <sip:+4931@{OURS}>"));
    assert_eq!(shown("Privacy: id\n"), "\"q 0s C\" <sip:anonymous@anonymous.invalid>");
}

#[test]
fn a_caller_who_hides_is_hidden_unless_the_trunk_may_know() {
    let shown = |lines: &str, trunk: &str| {
        let mut world = World::new(&config(1, "").replace("[peers.pbx]", &format!("{trunk}\n[peers.pbx]")), 100);
        world.call(lines, OFFER);
        let invite = world.offer().expect("an agent is rung");
        let asserted = String::from_utf8_lossy(invite.value(Name::PAssertedIdentity).unwrap()).into_owned();
        let Reply::Calls { rows, .. } = world.control(Control::Calls { offset: 0, limit: 1 }) else { panic!("rows") };
        assert_eq!(invite.value(Name::Privacy).is_some(), rows[0].caller.expose().is_empty());
        (asserted, rows[0].caller.expose().clone())
    };
    let nobody = ("<sip:anonymous@anonymous.invalid>".to_string(), String::new());
    let known = (format!("<sip:+4940@{OURS}>"), "+4940".to_string());
    for privacy in ["id", "user;critical", "header", "Header; ID"] {
        let lines = format!("P-Asserted-Identity: <tel:+4940>\nPrivacy: {privacy}\n");
        assert_eq!(shown(&lines, ""), nobody, "{privacy}");
        assert_eq!(shown(&lines, "privacy = \"ignore\""), known, "{privacy}");
    }
    assert_eq!(shown("P-Asserted-Identity: <tel:+4940>\nPrivacy: none\n", ""), known);
    for from in ["\"Anonymous\" <sip:anonymous@h>", "<sip:Unknown@h>", "\"Bo\" <sip:bo@anonymous.invalid>"] {
        assert_eq!(shown(&format!("From: {from};tag=t\n"), ""), nobody, "{from}");
    }
}

#[test]
fn listed_header_fields_go_on_to_the_phone_and_no_others() {
    let trunk = "carry_headers = [\"X-PBX-*\", \"x-account\", \"Diversion\", \"History-Info\", \"Subject\"]";
    let text = config(1, "").replace("[peers.pbx]", &format!("{trunk}\n[peers.pbx]"));
    let carried = |lines: &str| {
        let mut world = World::new(&text, 100);
        world.call(lines, OFFER);
        let invite = world.offer().expect("an agent is rung");
        let ours = |name: &[u8]| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            name.starts_with("x-") || ["diversion", "history-info", "subject"].contains(&&*name)
        };
        let shown = |(_, name, value): (Name, &[u8], &[u8])| {
            format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        let all: Vec<_> = invite.headers().filter(|(_, name, _)| ours(name)).map(shown).collect();
        all.into_iter().filter(|line| !line.starts_with("X-Strowger")).collect::<Vec<_>>()
    };
    let both = "Diversion: <sip:1@h>;reason=no-answer\nHistory-Info: <sip:2@h>;index=1\n";
    assert_eq!(
        carried(&format!("X-PBX-Id: 7\nx-pbx-vip: yes;q=1\nX-Account: a\nX-Accounts: b\nX-Other: c\n{both}")),
        [
            "X-PBX-Id: 7",
            "x-pbx-vip: yes;q=1",
            "X-Account: a",
            "Diversion: <sip:1@h>;reason=no-answer",
            "History-Info: <sip:2@h>;index=1"
        ]
    );
    assert!(carried(&format!("Privacy: id\n{both}")).is_empty(), "who diverted is as private");
    assert_eq!(carried("X-PBX-Folded: a\n X-Strowger-Queue: b\n"), ["X-PBX-Folded: a X-Strowger-Queue: b"]);
    assert!(carried("X-PBX-Bell: \u{7}\n").is_empty());
    assert_eq!(carried("s: order 7\n"), ["Subject: order 7"], "the compact form of Subject");
    let many: String = (0..40).map(|n| format!("X-PBX-{n}: v\n")).collect();
    assert_eq!(carried(&many).len(), 16);
    let long = format!("X-PBX-Long: {}\nX-PBX-Short: s\n", "v".repeat(600));
    assert_eq!(carried(&long), ["X-PBX-Short: s"], "one that does not fit is left out whole");
}

#[test]
fn a_calls_ladder_has_both_legs_and_outlives_it() {
    let mut world = World::new(&config(1, ""), 100);
    let call = world.call("", OFFER);
    let invite = world.offer().expect("an agent is rung");
    let id: CallId =
        CallId(std::str::from_utf8(invite.other("X-Strowger-Call").unwrap()).unwrap()[1..].parse().unwrap());
    world.pass(Duration::from_millis(600));
    let Reply::Ladder(view) = world.control(Control::Ladder { call: id, shows_numbers: false }) else {
        panic!("ladder")
    };
    let shown: Vec<_> = view.messages.iter().map(|m| (&*m.leg, m.sent, &*m.line, &*m.cseq, m.again)).collect();
    for expected in [
        ("caller", false, "INVITE sip:***@192.0.2.2 SIP/2.0", "1 INVITE", false),
        ("caller", true, "SIP/2.0 100 Trying", "1 INVITE", false),
        ("caller", true, "SIP/2.0 200 OK", "1 INVITE", false),
        ("agent 1001", true, "INVITE sip:***@192.0.2.3 SIP/2.0", "1 INVITE", false),
        ("agent 1001", true, "INVITE sip:***@192.0.2.3 SIP/2.0", "1 INVITE", true),
    ] {
        assert!(shown.contains(&expected), "{expected:?} in {shown:#?}");
    }
    assert_eq!(view.messages[0].line, "INVITE sip:***@192.0.2.2 SIP/2.0", "in the order of time");
    assert!(view.messages.iter().all(|m| m.peer == address(if m.leg == "caller" { TRUNK } else { PBX })));
    let _ = call;
    let by = Actor::from("anna");
    world.node.handle_control(world.now, Control::HangUp { call: id, by });
    world.settle();
    world.pass(Duration::from_secs(120));
    assert_eq!(world.node.live_calls(), 0);
    let Reply::Ladder(view) = world.control(Control::Ladder { call: id, shows_numbers: true }) else {
        panic!("ladder")
    };
    assert!(view.messages.iter().any(|m| m.line.starts_with("INVITE sip:1001@")), "{view:#?}");
    let other = world.control(Control::Ladder { call: CallId(id.0 + 1), shows_numbers: true });
    assert!(matches!(other, Reply::NotFound(_)), "{other:?}");
}

#[test]
fn a_display_name_that_is_no_utf_8_reaches_the_agent_escaped() {
    let mut world = World::new(&config(1, ""), 100);
    let head = format!(
        "INVITE sip:800@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bKl\r\nMax-Forwards: 70\r\nTo: <sip:800@h>\r\n\
         Call-ID: l\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@192.0.2.1>\r\nContent-Length: 0\r\nFrom: \"M"
    );
    let mut payload = head.into_bytes();
    payload.extend_from_slice(b"\xfcller\" <sip:1@h>;tag=t\r\n\r\n");
    world.take(TRUNK, payload);
    let invite = world.offer().expect("an agent is rung");
    let from = std::str::from_utf8(invite.value(Name::From).unwrap()).unwrap();
    assert!(from.starts_with("\"M%FCller\" <sip:1@"), "{from}");
}

#[test]
fn a_call_that_comes_back_to_us_runs_out_of_hops() {
    let mut world = World::new(&config(1, ""), 100);
    let head = format!(
        "INVITE sip:800@{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK};branch=z9hG4bKh\r\nMax-Forwards: 5\r\nTo: <sip:800@h>\r\n\
         Call-ID: h\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@192.0.2.1>\r\nContent-Length: 0\r\nFrom: <sip:1@h>;tag=t\r\n\r\n"
    );
    world.take(TRUNK, head);
    assert_eq!(world.offer().expect("an agent is rung").max_forwards(), Some(4));
}

#[test]
fn ids_are_kept_over_reloads_and_never_used_again() {
    let mut world = World::new(&config(3, ""), 100);
    let ids = |world: &World| -> Vec<_> {
        world.node.plan().agents.iter().map(|agent| (agent.name.to_string(), agent.id.0)).collect()
    };
    let named = |names: &[(&str, u32)]| -> Vec<_> { names.iter().map(|(name, id)| (name.to_string(), *id)).collect() };
    assert_eq!(ids(&world), named(&[("1001", 0), ("1002", 1), ("1003", 2)]));
    world.reload(&config(3, "").replace("1002", "1500"));
    assert_eq!(ids(&world), named(&[("1001", 0), ("1003", 2), ("1500", 3)]));
    world.reload(&config(3, ""));
    assert_eq!(ids(&world), named(&[("1001", 0), ("1002", 1), ("1003", 2)]));
}

#[test]
fn phones_of_one_address_are_one_neighbour_and_a_configured_one_is_not_replaced() {
    let agents = "[agents.1]\nuri = \"sip:1@192.0.2.50:5070\"\n[agents.2]\nuri = \"sip:2@192.0.2.50:5070\"\n";
    let world = World::new(&config(0, agents), 100);
    let names: Vec<_> = world.node.shard.directory.peers().map(|(_, peer)| peer.name.to_string()).collect();
    assert_eq!(names, ["trunk", "pbx", "192.0.2.50:5070"]);
    let shown: Vec<_> = world.node.peers().into_iter().map(|(_, name)| name.to_string()).collect();
    assert_eq!(shown, ["trunk", "pbx"], "phones are no series of a metric");
}

#[test]
fn calls_come_from_the_sources_of_the_configuration_in_force() {
    let mut world = World::new(&config(0, ""), 100);
    assert_eq!(world.call("", OFFER).status(), 200);
    let wider = config(0, "").replace("[peers.pbx]", "sources = [\"192.0.2.9\", \"198.51.100.0/24\"]\n[peers.pbx]");
    world.reload(&wider);
    assert_eq!(world.call("", OFFER).status(), 403);
    for (host, trusted) in [("192.0.2.9", true), ("198.51.100.77", true), ("198.51.101.1", false), ("192.0.2.3", false)]
    {
        world.sent.clear();
        world.serial += 1;
        let text = format!(
            "INVITE sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{host}\nMax-Forwards: 70\nTo: <sip:800@h>\n\
             From: <sip:1@h>;tag=t\nCall-ID: {host}\nCSeq: 1 INVITE\nContact: <sip:1@{host}>\nContent-Length: 0\n\n"
        );
        world.take(&format!("{host}:5060"), text.replace('\n', "\r\n"));
        let status = world.sent.back().unwrap().1.status();
        assert_eq!(status == 200, trusted, "{host}");
    }
}

#[test]
fn a_removed_neighbour_is_asked_no_more_and_one_that_comes_back_is() {
    let text = config(0, "").replace("qualify = \"0s\"\ninbound", "qualify = \"30s\"\ninbound");
    let mut world = World::new(&text, 100);
    world.pass(Duration::from_secs(1));
    assert!(world.sent_to(PBX, Method::Options).is_some());
    world.pass(Duration::from_secs(9));
    world.sent.clear();
    let without = text.replace("[peers.pbx]", "[peers.other]").replace(PBX, "192.0.2.4:5060");
    world.reload(&without);
    world.pass(Duration::from_secs(300));
    assert!(world.sent.iter().filter(|(to, _)| *to == address(PBX)).count() <= 1);
    world.sent.clear();
    world.reload(&text);
    world.pass(Duration::from_secs(1));
    let options = world.sent_to(PBX, Method::Options).expect("it was down, so it is asked at once");
    world.ok(PBX, &options);
    assert!(world.facts.iter().any(|fact| matches!(fact, Fact::PeerState { up: true, .. })));
}
