//! Calls by TCP whose connections break: before an agent is rung, while one rings, in the talk, and within a change of it. What
//! was said on a connection that is gone is lost; whoever connects anew finds its call as it was, and who does not is let go in
//! time.

use super::*;
use crate::acd::AgentTarget;
use crate::node::{AgentChange, Door, Selection, Wire};

/// The caller's first connection, and the one after it.
const LINE: &str = "192.0.2.1:40000";
const NEXT_LINE: &str = "192.0.2.1:40001";
/// One that the PBX has opened.
const PBX_LINE: &str = "192.0.2.3:41000";
const SDP: &str =
    "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0 8\r\n";

/// A message that went out, and to whom.
type Sent = (SocketAddr, Message);

/// Trunk and PBX by TCP; the agent is in or not.
fn world(queue: &str, is_in: bool) -> World {
    World::new(&text(queue, is_in), 100)
}

fn text(queue: &str, is_in: bool) -> String {
    let by_tcp = "qualify = \"0s\"\ntransport = \"tcp\"\n";
    let initial = if is_in { "" } else { "initial = \"logged-out\"\n" };
    let text = config(1, queue).replace("[http]", "tcp = true\n[http]").replace("qualify = \"0s\"\n", by_tcp);
    text + initial
}

fn sent(world: &mut World) -> Vec<Sent> {
    let all: Vec<_> = std::iter::from_fn(|| world.node.poll_transmit()).collect();
    assert!(all.iter().all(|sent| sent.door == Door::Stream(Wire::Tcp)), "{all:?}");
    let parsed = all.into_iter().map(|sent| (sent.destination, Message::parse(sent.payload).unwrap())).collect();
    world.settle();
    parsed
}

fn comes(world: &mut World, source: &str, payload: impl Into<Bytes>) -> Vec<Sent> {
    world.node.handle_message(world.now, Door::Stream(Wire::Tcp), address(source), payload.into());
    sent(world)
}

fn breaks(world: &mut World, line: &str) {
    world.node.handle_closed(world.now, address(line), Wire::Tcp);
    assert!(sent(world).is_empty(), "nothing follows by itself");
}

/// All that is sent until so much time has passed.
fn passes(world: &mut World, by: Duration) -> Vec<Sent> {
    let (end, mut all) = (world.now + by, Vec::new());
    while let Some(next) = world.node.poll_timeout().filter(|next| *next <= end) {
        world.now = next.max(world.now);
        world.node.handle_timeout(world.now);
        all.extend(sent(world));
    }
    world.now = end;
    all
}

/// A request of the caller. Its Contact is where it listens.
fn of_caller(method: &str, number: u32, tag: &str, sdp: &str) -> String {
    let branch = if method == "CANCEL" { format!("INVITE{number}") } else { format!("{method}{number}") };
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let head = format!(
        "{method} sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK{branch}\nMax-Forwards: 70\n\
         From: <sip:+4930@10.0.0.1>;tag=t\nTo: <sip:800@{OURS}>{tag}\nCall-ID: broken\nCSeq: {number} {method}\n\
         Contact: <sip:ann@{TRUNK};transport=tcp>\n{kind}Content-Length: {}\n\n",
        sdp.len()
    );
    head.replace('\n', "\r\n") + sdp
}

/// A request of the agent in the dialog of our INVITE.
fn of_agent(invite: &Message, method: &str, number: u32, sdp: &str) -> String {
    let text = |name| String::from_utf8_lossy(invite.value(name).unwrap_or_default()).into_owned();
    let [from, to, call_id] = [Name::From, Name::To, Name::CallId].map(text);
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let head = format!(
        "{method} sip:strowger@{OURS} SIP/2.0\nVia: SIP/2.0/TCP {PBX};branch=z9hG4bKagent{number}{method}\n\
         Max-Forwards: 70\nFrom: {to};tag=agent\nTo: {from}\nCall-ID: {call_id}\nCSeq: {number} {method}\n\
         Contact: <sip:agent@{PBX};transport=tcp>\n{kind}Content-Length: {}\n\n",
        sdp.len()
    );
    head.replace('\n', "\r\n") + sdp
}

fn answer_of_agent(invite: &Message, status: u16, sdp: &str) -> Bytes {
    let mut answer = respond(invite, address(OURS), status, None, b"agent");
    answer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX};transport=tcp>"));
    body(answer, sdp)
}

fn response(sent: &[Sent], to: &str, method: Method) -> Option<u16> {
    let is_it = |(destination, message): &&Sent| {
        *destination == address(to) && !message.is_request() && message.method() == method
    };
    sent.iter().rev().find(is_it).map(|(_, message)| message.status())
}

fn request(sent: &[Sent], method: Method) -> Option<&Sent> {
    sent.iter().find(|(_, message)| message.is_request() && message.method() == method)
}

/// The tag of ours in the last response to the caller.
fn tag(sent: &[Sent]) -> String {
    let tag = sent.iter().rev().find_map(|(_, message)| if message.is_request() { None } else { message.to_tag() });
    format!(";tag={}", String::from_utf8_lossy(tag.expect("a response with a tag")))
}

fn set_ready(world: &mut World) {
    let who = Selection { agents: vec!["1001".to_owned()], teams: Vec::new() };
    let change = AgentChange::State(AgentTarget::Ready);
    let change = Control::SetAgents { who, change, by: "test".into() };
    assert!(matches!(world.node.handle_control(world.now, change), Reply::Set(_)));
}

/// A call that talks: our tag towards the caller, and our INVITE to the agent.
fn talk(world: &mut World) -> (String, Message) {
    let begun = comes(world, LINE, of_caller("INVITE", 1, "", OFFER));
    let invite = request(&begun, Method::Invite).expect("the agent is rung").1.clone();
    let told = comes(world, PBX, answer_of_agent(&invite, 200, ANSWER));
    let tag = tag(&[begun, told].concat());
    comes(world, LINE, of_caller("ACK", 1, &tag, ""));
    assert_eq!(world.calls().len(), 1);
    (tag, invite)
}

/// Both sides hang up as they may after all that; nothing is left.
fn ends(mut world: World, tag: &str) {
    let ended = comes(&mut world, NEXT_LINE, of_caller("BYE", 9, tag, ""));
    assert_eq!(response(&ended, NEXT_LINE, Method::Bye), Some(200));
    let (to, bye) = request(&ended, Method::Bye).expect("the agent is told").clone();
    assert_eq!(to, address(PBX));
    comes(&mut world, PBX, respond(&bye, address(OURS), 200, None, b"agent").finish());
    assert!(world.calls().is_empty());
    passes(&mut world, Duration::from_secs(200));
    assert_eq!((world.node.live_calls(), world.node.live_dialogs(), world.node.repairs()), (0, (0, 0), 0));
}

#[test]
fn a_caller_who_waits_keeps_its_place_and_is_joined_when_it_has_connected_anew() {
    let mut world = world("", false);
    let begun = comes(&mut world, LINE, of_caller("INVITE", 1, "", OFFER));
    assert_eq!(response(&begun, LINE, Method::Invite), Some(200));
    let tag = tag(&begun);
    comes(&mut world, LINE, of_caller("ACK", 1, &tag, ""));
    breaks(&mut world, LINE);
    assert!(passes(&mut world, Duration::from_secs(40)).is_empty());
    assert_eq!(world.calls().len(), 1, "its audio is not by that connection");
    set_ready(&mut world);
    let rung = sent(&mut world);
    let invite = &request(&rung, Method::Invite).expect("the agent is rung").1;
    comes(&mut world, PBX, answer_of_agent(invite, 200, ANSWER));
    assert_eq!(world.calls()[0].1, "talking");
    ends(world, &tag);
}

#[test]
fn a_caller_who_waits_unanswered_cancels_by_another_connection_or_is_let_go() {
    for cancels in [true, false] {
        let mut world = world("answer = \"on_agent\"", false);
        let begun = comes(&mut world, LINE, of_caller("INVITE", 1, "", OFFER));
        assert_eq!(response(&begun, LINE, Method::Invite), Some(180));
        breaks(&mut world, LINE);
        if cancels {
            let ended = comes(&mut world, NEXT_LINE, of_caller("CANCEL", 1, "", ""));
            assert_eq!(response(&ended, NEXT_LINE, Method::Cancel), Some(200));
            assert!(world.calls().is_empty());
        } else {
            // Nobody can tell that it is gone before it does not acknowledge.
            set_ready(&mut world);
            let rung = sent(&mut world);
            let invite = &request(&rung, Method::Invite).expect("the agent is rung").1;
            comes(&mut world, PBX, answer_of_agent(invite, 200, ANSWER));
            let lost = passes(&mut world, Duration::from_secs(33));
            let byes: Vec<_> = lost.iter().filter(|(_, it)| it.is_request() && it.method() == Method::Bye).collect();
            let to: Vec<_> = byes.iter().map(|(to, _)| *to).collect();
            assert!(to.contains(&address(PBX)) && to.contains(&address(TRUNK)), "{to:?}");
        }
        passes(&mut world, Duration::from_secs(200));
        assert_eq!((world.node.live_calls(), world.node.live_dialogs(), world.node.repairs()), (0, (0, 0), 0));
    }
}

#[test]
fn an_agent_whose_connection_breaks_while_it_rings_answers_by_another() {
    let mut world = world("answer = \"on_agent\"", true);
    let begun = comes(&mut world, LINE, of_caller("INVITE", 1, "", OFFER));
    let invite = request(&begun, Method::Invite).expect("the agent is rung").1.clone();
    comes(&mut world, PBX, answer_of_agent(&invite, 180, ""));
    breaks(&mut world, PBX);
    let told = comes(&mut world, PBX_LINE, answer_of_agent(&invite, 200, ANSWER));
    assert_eq!(request(&told, Method::Ack).map(|(to, _)| *to), Some(address(PBX)), "where its Contact says");
    assert_eq!(response(&told, LINE, Method::Invite), Some(200));
    let tag = tag(&told);
    comes(&mut world, LINE, of_caller("ACK", 1, &tag, ""));
    assert_eq!(world.calls()[0].1, "talking");
    ends(world, &tag);
}

#[test]
fn an_agent_whose_connection_breaks_while_it_rings_and_who_is_silent_then_is_cancelled() {
    let mut world = world("answer = \"on_agent\"", true);
    let begun = comes(&mut world, LINE, of_caller("INVITE", 1, "", OFFER));
    let invite = request(&begun, Method::Invite).expect("the agent is rung").1.clone();
    comes(&mut world, PBX, answer_of_agent(&invite, 180, ""));
    breaks(&mut world, PBX);
    let ended = comes(&mut world, LINE, of_caller("CANCEL", 1, "", ""));
    assert_eq!(response(&ended, LINE, Method::Invite), Some(487));
    let cancel = request(&ended, Method::Cancel).expect("its phone is not left ringing");
    assert_eq!(cancel.0, address(PBX), "by a new connection");
    passes(&mut world, Duration::from_secs(200));
    assert_eq!((world.node.live_calls(), world.node.live_dialogs(), world.node.repairs()), (0, (0, 0), 0));
}

#[test]
fn a_talk_outlives_both_connections() {
    let mut world = world("answer = \"on_agent\"", true);
    let (tag, _) = talk(&mut world);
    for line in [LINE, PBX] {
        breaks(&mut world, line);
    }
    assert!(passes(&mut world, Duration::from_secs(60)).is_empty());
    assert_eq!(world.calls()[0].1, "talking");
    ends(world, &tag);
}

#[test]
fn a_change_whose_answer_went_down_with_its_connection_is_asked_for_again() {
    let mut world = world("answer = \"on_agent\"", true);
    let (tag, invite) = talk(&mut world);
    let held = OFFER.to_owned() + "a=sendonly\r\n";
    let changed = comes(&mut world, LINE, of_caller("INVITE", 2, &tag, &held));
    assert_eq!(response(&changed, LINE, Method::Invite), Some(200));
    breaks(&mut world, LINE);
    // It has not heard our 200, and asks for something else by a new connection.
    let changed = comes(&mut world, NEXT_LINE, of_caller("INVITE", 3, &tag, SDP));
    assert_eq!(response(&changed, NEXT_LINE, Method::Invite), Some(200));
    comes(&mut world, NEXT_LINE, of_caller("ACK", 3, &tag, ""));
    // The same of the agent, who asks and goes on as if nothing had been.
    let changed = comes(&mut world, PBX, of_agent(&invite, "INVITE", 1, &(ANSWER.to_owned() + "a=sendonly\r\n")));
    assert_eq!(response(&changed, PBX, Method::Invite), Some(200));
    breaks(&mut world, PBX);
    let changed = comes(&mut world, PBX_LINE, of_agent(&invite, "INVITE", 2, ANSWER));
    assert_eq!(response(&changed, PBX_LINE, Method::Invite), Some(200));
    comes(&mut world, PBX_LINE, of_agent(&invite, "ACK", 2, ""));
    assert!(passes(&mut world, Duration::from_secs(40)).is_empty(), "nothing of it is repeated, and the call goes on");
    assert_eq!(world.calls()[0].1, "talking");
    ends(world, &tag);
}

#[test]
fn a_caller_who_is_gone_with_its_connection_within_a_change_is_let_go() {
    let mut world = world("answer = \"on_agent\"", true);
    let (tag, _) = talk(&mut world);
    comes(&mut world, LINE, of_caller("INVITE", 2, &tag, SDP));
    breaks(&mut world, LINE);
    let lost = passes(&mut world, Duration::from_secs(33));
    let byes = lost.iter().filter(|(_, it)| it.is_request() && it.method() == Method::Bye).map(|(to, _)| *to);
    let to: Vec<_> = byes.collect();
    assert!(to.contains(&address(PBX)) && to.contains(&address(TRUNK)), "{to:?}");
    passes(&mut world, Duration::from_secs(200));
    assert_eq!((world.node.live_calls(), world.node.live_dialogs(), world.node.repairs()), (0, (0, 0), 0));
}

/// Where the agent's answer goes for a caller whose connection has broken, who is a peer then or not, and whether by a new
/// connection.
fn late_answer(via: &str, is_peer: bool) -> (SocketAddr, bool) {
    let mut world = world("answer = \"on_agent\"", true);
    let invite = of_caller("INVITE", 1, "", OFFER).replace("10.0.0.1:5060;branch", &format!("{via};branch"));
    let begun = comes(&mut world, LINE, invite);
    let invite = request(&begun, Method::Invite).expect("the agent is rung").1.clone();
    breaks(&mut world, LINE);
    if !is_peer {
        world.reload(&text("answer = \"on_agent\"", true).replace(TRUNK, "192.0.2.99:5060"));
    }
    let answer = answer_of_agent(&invite, 200, ANSWER);
    world.node.handle_message(world.now, Door::Stream(Wire::Tcp), address(PBX), answer);
    let all: Vec<_> = std::iter::from_fn(|| world.node.poll_transmit()).collect();
    let told = all.iter().find(|sent| sent.payload.starts_with(b"SIP/2.0 200 ")).expect("the caller is told");
    (told.destination, told.anew)
}

#[test]
fn an_answer_whose_connection_is_gone_goes_to_where_a_peer_listens_and_to_nobody_else() {
    assert_eq!(late_answer("10.0.0.1:5060", true), (address(TRUNK), true));
    assert_eq!(late_answer("10.0.0.1", true), (address(TRUNK), true));
    assert_eq!(late_answer("10.0.0.1:5090;rport", true), (address("192.0.2.1:5090"), true));
    assert_eq!(late_answer("10.0.0.1:5060", false), (address(LINE), false), "lost with its connection");
}
