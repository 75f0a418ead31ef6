//! Session descriptions and ports: what each policy says to the caller, and that who is let in finds a port.

use super::*;
use crate::acd::LostCause;
use crate::media::{Codecs, TrackId};
use crate::node::{Prompt, QueueAudio};

const HOLD: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendonly\r\n";
const V6: &str =
    "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";
const GSM: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n";

#[test]
fn an_offer_that_cannot_be_answered_is_refused_with_488() {
    let mut world = World::new(&config(0, ""), 100);
    for offer in [V6, GSM, "v=0\r\n", "nonsense"] {
        assert_eq!(world.call("", offer).status(), 488, "{offer}");
    }
    let mut world = World::new(&config(0, "media = \"none\""), 100);
    for offer in [GSM, "v=0\r\n", "nonsense"] {
        assert_eq!(world.call("", offer).status(), 488, "{offer}");
    }
    let refused = world.facts.iter().filter(|fact| matches!(fact, Fact::Refused { .. })).count();
    assert_eq!((refused, world.node.live_calls()), (3, 0));
}

#[test]
fn an_invite_without_offer_is_made_one_in_the_200_under_each_policy() {
    for (answer, first) in [("on_queue", 200), ("on_agent", 180), ("early", 180)] {
        let mut world = World::new(&config(1, &format!("answer = \"{answer}\"")), 100);
        let caller = world.call("", "");
        assert_eq!(caller.status(), first, "{answer}");
        if first == 180 {
            assert_eq!(caller.sdp(), "", "an unreliable provisional carries no offer");
        }
        let invite = world.offer().expect("an agent is rung");
        world.agent(&invite, 200, ANSWER);
        let caller = world.heard(caller);
        assert_eq!(caller.status(), 200);
        assert!(
            caller.sdp().contains("RTP/AVP 8 0 101") || caller.sdp().contains("RTP/AVP 0 8 101"),
            "{}",
            caller.sdp()
        );
        world.within(&caller, "ACK", 1, ANSWER);
        assert_eq!(world.calls()[0].1, "talking");
        world.within(&caller, "BYE", 2, "");
        world.ends_clean();
    }
}

#[test]
fn a_caller_that_never_answers_our_offer_is_let_go() {
    for agents in [0, 1] {
        let mut world = World::new(&config(agents, ""), 100);
        let caller = world.call("", "");
        if let Some(invite) = world.offer() {
            world.agent(&invite, 200, ANSWER);
        }
        world.within(&caller, "ACK", 1, GSM);
        assert!(world.sent_to("192.0.2.1:5060", Method::Bye).is_some());
        assert!(world.calls().is_empty());
        world.ends_clean();
    }
}

#[test]
fn an_early_answer_is_the_same_in_183_and_200() {
    let mut world = World::new(&config(1, "answer = \"early\""), 100);
    let caller = world.call("", OFFER);
    assert_eq!(caller.status(), 183);
    let early = caller.sdp();
    assert!(early.contains("m=audio 20000 RTP/AVP 0\r\n"));
    let invite = world.offer().unwrap();
    world.agent(&invite, 200, ANSWER);
    let caller = world.heard(caller);
    assert_eq!((caller.status(), caller.sdp()), (200, early));
}

#[test]
fn without_media_the_descriptions_go_through_and_a_refresh_or_hold_is_accepted() {
    let mut world = World::new(&config(1, "media = \"none\"\nanswer = \"on_agent\""), 0);
    let caller = world.call("", OFFER);
    let invite = world.offer().expect("an agent is rung");
    assert_eq!(invite.body(), OFFER.as_bytes());
    world.agent(&invite, 200, ANSWER);
    let caller = world.heard(caller);
    assert_eq!((caller.status(), caller.sdp()), (200, ANSWER.to_owned()));
    world.within(&caller, "ACK", 1, "");
    world.within(&caller, "UPDATE", 2, &OFFER.replace("o=- 1 1", "o=- 1 2"));
    let last = world.sent.back().unwrap().1.clone();
    assert_eq!((last.status(), last.body()), (200, ANSWER.as_bytes()));
    world.within(&caller, "UPDATE", 3, &format!("{OFFER}a=sendonly\r\n"));
    let held = world.sent.back().unwrap().1.clone();
    assert_eq!(held.status(), 200);
    assert!(String::from_utf8_lossy(held.body()).contains("a=recvonly"));
    let moved = OFFER.replace("m=audio 4000", "m=audio 4002");
    assert_ne!(moved, OFFER);
    world.within(&caller, "UPDATE", 4, &moved);
    assert_eq!(world.sent.back().unwrap().1.status(), 488);
    assert_eq!(world.calls()[0].1, "talking");
}

#[test]
fn an_agents_200_without_a_usable_answer_is_no_answer() {
    for (queue, sdp) in [("", ""), ("", GSM), ("", V6), ("media = \"none\"\nanswer = \"on_agent\"", "")] {
        let mut world = World::new(&config(2, queue), 100);
        let caller = world.call("", OFFER);
        let before = caller.status();
        let invite = world.offer().unwrap();
        world.agent(&invite, 200, sdp);
        assert!(world.sent_to(PBX, Method::Ack).is_some());
        let bye = world.sent_to(PBX, Method::Bye).expect("its leg is ended");
        world.ok(PBX, &bye);
        assert_eq!(world.heard(caller).status(), before, "the caller waits on");
        assert!(world.offer().is_some(), "the other agent is rung");
        assert_eq!(world.calls()[0].1, "offering");
    }
}

#[test]
fn a_hold_is_answered_and_an_unusable_change_leaves_the_call() {
    let mut world = World::new(&config(1, ""), 100);
    let (caller, _) = world.talk();
    let mut change = |number: u32, sdp: &str| {
        world.within(&caller, "UPDATE", number, sdp);
        let message = &world.sent.back().unwrap().1;
        (message.status(), String::from_utf8_lossy(message.body()).into_owned())
    };
    let (status, held) = change(2, HOLD);
    assert!(status == 200 && held.contains("a=recvonly") && held.contains(" 2 IN IP4"), "{held}");
    assert_eq!(change(3, HOLD), (200, held));
    assert_eq!(change(4, V6).0, 488);
    assert_eq!(change(5, GSM).0, 488);
    assert!(change(6, OFFER).1.contains("a=sendrecv"));
    assert_eq!(world.calls()[0].1, "talking");
}

#[test]
fn who_holds_without_music_of_its_own_is_heard_as_the_queues() {
    let mut world = World::new(&config(1, ""), 100);
    let (caller, _) = world.talk();
    // Whom a stream hears, where it hears another, or music.
    let heard = |command: &media::Command| match command.clone() {
        media::Command::Hear { stream, source: media::Source::Relay(other) } => Some((stream, Some(other))),
        media::Command::Hear { stream, .. } => Some((stream, None)),
        media::Command::Open { .. }
        | media::Command::Secure { .. }
        | media::Command::Far { .. }
        | media::Command::Digits { .. }
        | media::Command::Fax { .. }
        | media::Command::Watch { .. }
        | media::Command::Close { .. } => None,
    };
    // The caller's stream was there first.
    let relays = world.media.iter().filter_map(heard).filter_map(|(stream, other)| Some((stream, other?)));
    let (agent, theirs) = relays.max_by_key(|(stream, _)| stream.0).expect("they hear each other");
    let after = |world: &mut World, number: u32, sdp: &str, is_silent: bool| {
        world.media.clear();
        if number > 0 {
            world.within(&caller, "UPDATE", number, sdp);
            assert_eq!(world.sent.back().unwrap().1.status(), 200);
        }
        if is_silent {
            world.node.handle_media(world.now, media::Event::Silent { stream: theirs });
            world.settle();
        }
        let to_agent = world.media.iter().filter_map(heard).find(|(stream, _)| *stream == agent);
        to_agent.map(|(_, other)| other.is_some())
    };
    assert_eq!(after(&mut world, 2, HOLD, false), None, "music of its own may come");
    assert_eq!(after(&mut world, 3, HOLD, true), Some(false), "none came");
    assert_eq!(after(&mut world, 0, "", true), None, "and is asked for now whether it lives");
    assert_eq!(after(&mut world, 4, OFFER, false), Some(true), "they talk again");
    assert_eq!(after(&mut world, 5, HOLD, false), None);
    assert_eq!(after(&mut world, 6, OFFER, true), None, "nothing was filled, and nobody holds");
}

#[test]
fn who_is_let_in_finds_a_port_for_the_agent_too() {
    for answer in ["on_queue", "on_agent", "early"] {
        for ports in 0..8 {
            let mut world = World::new(&config(2, &format!("answer = \"{answer}\"")), ports);
            let callers: Vec<_> = (0..8).map(|_| world.call("", OFFER)).collect();
            let admitted = callers.iter().filter(|caller| caller.status() != 503).count();
            // One each, and for both agents, or for the only contact's one.
            let expected = if ports < 4 { ports / 2 } else { ports - 2 };
            assert_eq!(admitted, expected as usize, "{answer}, {ports} ports");
            let rung = std::iter::from_fn(|| world.offer()).count();
            assert_eq!(rung, admitted.min(2));
        }
    }
}

#[test]
fn ports_come_back_when_the_call_is_over() {
    let mut world = World::new(&config(1, ""), 2);
    for _ in 0..3 {
        let (caller, _) = world.talk();
        assert_eq!(world.call("", OFFER).status(), 503);
        world.within(&caller, "BYE", 2, "");
        let bye = world.sent_to(PBX, Method::Bye).expect("the agent's leg ends");
        world.ok(PBX, &bye);
    }
    world.ends_clean();
}

#[test]
fn who_hangs_up_during_the_prompt_is_lost_there_and_afterwards_in_the_queue() {
    let prompt = Some(Prompt { track: TrackId(1), length: Duration::from_secs(20) });
    let audio = [("q".into(), QueueAudio { music: TrackId(0), prompt, codecs: Codecs::G711 })].into();
    let mut world = World::hearing(&config(0, ""), 100, Resolved { audio, ..Resolved::default() });
    for (wait, cause) in [(4, LostCause::CallerShort), (19, LostCause::CallerInPrompt), (21, LostCause::NoAgentOnDuty)]
    {
        let caller = world.call("", OFFER);
        world.within(&caller, "ACK", 1, "");
        world.pass(Duration::from_secs(wait));
        world.facts.clear();
        world.within(&caller, "BYE", 2, "");
        let told = world
            .facts
            .iter()
            .find_map(|fact| if let Fact::Abandoned { cause, .. } = fact { Some(*cause) } else { None });
        assert_eq!(told, Some(cause), "after {wait} s");
    }
}

/// RFC 3262 5.
#[test]
fn a_caller_without_an_offer_is_made_one_before_the_answer_where_it_acknowledges_and_must_answer_it() {
    for (lines, answer, waits) in [
        ("Supported: 100rel\n", OFFER, true),
        ("Require: 100rel\n", OFFER, true),
        ("Supported: 100rel\n", "", false),
        ("Supported: 100rel\n", "v=0\r\nm=audio 4000 RTP/AVP 99\r\n", false),
    ] {
        let mut world = World::new(&config(0, "answer = \"early\""), 100);
        let caller = world.call(lines, "");
        assert_eq!(caller.status(), 183, "{lines}");
        assert!(caller.sdp().contains("m=audio "), "{lines}");
        let told = caller.answer.clone().unwrap();
        let [number, tag] =
            [told.value(Name::RSeq), told.to_tag()].map(|it| String::from_utf8_lossy(it.unwrap()).into_owned());
        let lines = format!("From: \"Ann\" <sip:+4930@192.0.2.1>;tag=t\nRAck: {number} 1 INVITE\n");
        world.trunk(&caller, "PRACK", 2, "strowger", &format!(";tag={tag}"), &lines, answer);
        let caller = world.heard(caller);
        assert_eq!((caller.status(), world.calls().len()), if waits { (183, 1) } else { (500, 0) }, "{answer}");
        world.ends_clean();
    }
    let mut world = World::new(&config(0, "answer = \"early\""), 100);
    assert_eq!(world.call("", "").status(), 180, "by an unreliable one it cannot be");
}
