//! Codecs: what is offered to whom, in which words, and what becomes of two who have chosen different ones.

use super::*;
use crate::acd::OfferCause;
use crate::media::{Codec, Codecs, TrackId};
use crate::node::QueueAudio;

/// A wide-band caller with payload types of its own.
const WIDE: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 111 9 18 8 97 98\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n\
    a=fmtp:18 annexb=no\r\na=rtpmap:97 telephone-event/8000\r\na=rtpmap:98 telephone-event/48000\r\na=ptime:40\r\n";

fn sdp(host: &str, media: &str) -> String {
    format!("v=0\r\no=- 2 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}")
}

/// An agent's answer.
fn agent(media: &str) -> String {
    sdp("192.0.2.3", &format!("m=audio 5000 RTP/AVP {media}\r\n"))
}

/// A caller's.
fn caller(media: &str) -> String {
    sdp("192.0.2.1", &format!("m=audio 4000 RTP/AVP {media}\r\n"))
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

fn formats(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("m=audio ")?.split_once("AVP ")).map_or("", |(_, formats)| formats)
}

/// Answers a re-INVITE of ours.
fn answers(world: &mut World, from: &str, request: &Message, status: u16, sdp: &str) {
    let writer = respond(request, address(OURS), status, None, b"x");
    world.take(from, body(writer, sdp));
}

#[test]
fn the_agent_is_offered_what_the_caller_offers_and_the_caller_told_what_the_agent_takes() {
    let mut world = World::new(&config(1, "answer = \"on_agent\""), 100);
    let call = world.call("", WIDE);
    let invite = world.offer().expect("an agent is rung");
    let offered = text(&invite);
    assert_eq!(formats(&offered), "111 9 18 8 0 97 98");
    for line in ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 useinbandfec=1", "a=fmtp:18 annexb=no", "a=ptime:40"] {
        assert!(offered.contains(line), "{line} in {offered}");
    }
    world.agent(&invite, 200, &agent("111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=0"));
    let call = world.heard(call);
    assert_eq!((call.status(), formats(&call.sdp())), (200, "111 98"), "events by the clock of Opus");
    assert!(call.sdp().contains("a=fmtp:111 stereo=0") && call.sdp().contains("a=ptime:40"), "{}", call.sdp());
    world.within(&call, "ACK", 1, "");
    assert!(world.sent_to(TRUNK, Method::Invite).is_none());
    world.within(&call, "BYE", 2, "");
    world.ends_clean();
}

#[test]
fn a_waiting_caller_gets_the_codec_in_which_there_is_music() {
    let answer = |codecs: Codecs, offer: &str| {
        let audio = [("q".into(), QueueAudio { music: TrackId(0), prompt: None, codecs })].into();
        let mut world = World::hearing(&config(0, ""), 100, Resolved { audio, ..Resolved::default() });
        let call = world.call("", offer);
        assert_eq!(call.status(), 200);
        formats(&call.sdp()).to_string()
    };
    assert_eq!(answer(Codecs::G711, WIDE), "8 97");
    assert_eq!(answer(Codecs::G711.with(Codec::G722), WIDE), "9 97");
    assert_eq!(answer(Codecs::G711.with(Codec::Opus), WIDE), "111 98");
    assert_eq!(answer(Codecs::G711, &caller("18")), "18", "rather silence than no call");
}

#[test]
fn an_agent_who_chooses_another_codec_has_the_caller_offered_it() {
    let mut world = World::new(&config(1, ""), 100);
    let call = world.call("", WIDE);
    world.within(&call, "ACK", 1, "");
    let invite = world.offer().unwrap();
    assert_eq!(formats(&text(&invite)), "8 0 111 9 18 97 98", "what the caller hears comes first");
    world.agent(&invite, 200, &agent("111\r\na=rtpmap:111 opus/48000/2"));
    let change = world.sent_to(TRUNK, Method::Invite).expect("the caller is offered Opus");
    assert_eq!(formats(&text(&change)), "111 97 98");
    assert!(text(&change).contains("a=fmtp:111 useinbandfec=1"));
    answers(&mut world, TRUNK, &change, 200, &caller("111 98\r\na=rtpmap:111 opus/48000/2"));
    assert!(world.sent_to(TRUNK, Method::Ack).is_some());
    assert!(world.sent_to(TRUNK, Method::Invite).is_none() && world.sent_to(PBX, Method::Invite).is_none());
    // A re-INVITE that would part them is refused, and the session stays.
    world.within(&call, "INVITE", 2, &caller("18"));
    assert_eq!(world.heard(call).status(), 488);
    assert_eq!(world.calls()[0].1, "talking");
}

#[test]
fn a_caller_who_refuses_leaves_it_to_the_agent_and_then_the_call_ends() {
    for agrees in [true, false] {
        let mut world = World::new(&config(1, ""), 100);
        let call = world.call("", WIDE);
        world.within(&call, "ACK", 1, "");
        let invite = world.offer().unwrap();
        world.agent(&invite, 200, &agent("9"));
        let change = world.sent_to(TRUNK, Method::Invite).unwrap();
        answers(&mut world, TRUNK, &change, 488, "");
        let change = world.sent_to(PBX, Method::Invite).expect("the agent is offered what the caller speaks");
        assert_eq!(formats(&text(&change)), "8 0 97");
        answers(&mut world, PBX, &change, if agrees { 200 } else { 488 }, &agent("8"));
        assert_eq!(world.calls().len(), usize::from(agrees));
        if agrees {
            world.within(&call, "BYE", 2, "");
        } else {
            assert!(world.sent_to(PBX, Method::Bye).is_some() && world.sent_to(TRUNK, Method::Bye).is_some());
        }
        world.ends_clean();
    }
}

#[test]
fn codecs_that_are_not_allowed_are_neither_offered_nor_taken_and_the_list_sets_the_order() {
    let with = |trunk: &str, pbx: &str| {
        let text = config(1, "answer = \"on_agent\"");
        let text = text.replace("[peers.pbx]\n", &format!("{trunk}\n[peers.pbx]\n{pbx}\n"));
        World::new(&text, 100)
    };
    for (trunk, pbx, offered) in [
        ("codecs = [\"g722\", \"opus\"]", "", "9 111 97 98"),
        ("", "codecs = [\"pcmu\", \"g722\"]", "0 9 97"),
        ("codecs = [\"pcma\"]", "codecs = [\"pcmu\"]", "0 101"),
    ] {
        let mut world = with(trunk, pbx);
        world.call("", WIDE);
        let invite = world.offer().expect("an agent is rung");
        assert_eq!(formats(&text(&invite)), offered, "{trunk} {pbx}");
    }
    let mut world = with("codecs = [\"pcmu\"]", "");
    assert_eq!(world.call("", WIDE).status(), 488, "the trunk may use nothing of what is offered");
    let mut world = with("", "codecs = [\"opus\"]");
    world.call("", OFFER);
    assert!(world.offer().is_none(), "no codec is left for the agent");
    let failed = |fact: &Fact| matches!(fact, Fact::OfferEnded { cause: OfferCause::Failed, .. });
    assert!(world.facts.iter().any(failed));
}

#[test]
fn an_agent_who_takes_what_was_not_offered_has_not_answered() {
    let mut world = World::new(&config(1, ""), 100);
    world.call("", OFFER);
    let invite = world.offer().unwrap();
    assert_eq!(formats(&text(&invite)), "0 8 101");
    world.agent(&invite, 200, &agent("9"));
    assert!(world.sent_to(PBX, Method::Bye).is_some());
    assert_eq!(world.calls()[0].1, "waiting");
}

#[test]
fn the_packet_time_that_the_caller_wishes_is_asked_of_the_agent() {
    for (wish, asked) in [("a=ptime:30\r\n", "a=ptime:30"), ("", "a=ptime:20"), ("a=ptime:9999\r\n", "a=ptime:20")] {
        for answer in ["on_queue", "on_agent"] {
            let mut world = World::new(&config(1, &format!("answer = \"{answer}\"")), 100);
            world.call("", &format!("{OFFER}{wish}"));
            assert!(text(&world.offer().unwrap()).contains(asked), "{answer} {wish}");
        }
    }
}

#[test]
fn a_caller_put_back_into_the_queue_is_offered_what_there_is_music_in() {
    let mut world = World::new(&config(1, "answer = \"on_agent\""), 100);
    let call = world.call("", WIDE);
    let invite = world.offer().unwrap();
    world.agent(&invite, 200, &agent("9"));
    let call = world.heard(call);
    world.within(&call, "ACK", 1, "");
    let id = world.calls()[0].0;
    world.control(Control::Requeue { call: id, queue: None, by: crate::acd::Actor::Engine });
    let change = world.sent_to(TRUNK, Method::Invite).expect("there is no music in G.722");
    assert_eq!(formats(&text(&change)), "8 97");
    answers(&mut world, TRUNK, &change, 200, &caller("8"));
    assert_eq!(world.calls()[0].1, "offering");
}
