//! Calls over TLS: whose they are, and that nothing of them is ever sent another way.

use super::*;
use crate::acd::Refusal;
use crate::node::{Door, Wire};

const TLS: Door = Door::Stream(Wire::Tls);
/// A connection that the trunk has opened.
const LINE: &str = "203.0.113.9:40000";

/// With TLS, a client CA, and these keys of the trunk and of the PBX.
fn text(trunk: &str, pbx: &str) -> String {
    let tls = "tls = \"192.0.2.2:5061\"\ntls_certificate = \"a\"\ntls_key = \"b\"\ntls_client_ca = \"c\"\n[http]";
    config(1, "answer = \"on_agent\"")
        .replace("[http]", tls)
        .replace("qualify = \"0s\"\n[peers.pbx]", &format!("qualify = \"0s\"\n{trunk}\n[peers.pbx]"))
        .replace("inbound = false", &format!("inbound = false\n{pbx}"))
}

/// An INVITE, or another request of the same call, that comes by a door; all that is sent then, and by which.
fn comes(world: &mut World, door: Door, source: &str, payload: impl Into<Bytes>) -> Vec<(Door, SocketAddr, Message)> {
    world.node.handle_message(world.now, door, address(source), payload.into());
    sent(world)
}

fn sent(world: &mut World) -> Vec<(Door, SocketAddr, Message)> {
    let all = std::iter::from_fn(|| world.node.poll_transmit());
    let all = all.map(|sent| (sent.door, sent.destination, Message::parse(sent.payload).unwrap())).collect();
    world.settle();
    all
}

fn invite(call: u32) -> String {
    let head = format!(
        "INVITE sip:800@{OURS} SIP/2.0\nVia: SIP/2.0/TLS 10.0.0.1:5061;branch=z9hG4bKtls{call}\nMax-Forwards: 70\n\
         From: <sip:+4930@10.0.0.1>;tag=t\nTo: <sip:800@{OURS}>\nCall-ID: tls-{call}\nCSeq: 1 INVITE\n\
         Contact: <sip:ann@10.0.0.1>\nContent-Type: application/sdp\nContent-Length: {}\n\n",
        OFFER.len()
    );
    head.replace('\n', "\r\n") + OFFER
}

fn statuses(sent: &[(Door, SocketAddr, Message)]) -> Vec<u16> {
    sent.iter().filter(|(_, _, message)| !message.is_request()).map(|(_, _, message)| message.status()).collect()
}

fn untrusted(world: &World) -> usize {
    world.facts.iter().filter(|fact| matches!(fact, Fact::Refused { cause: Refusal::Untrusted, .. })).count()
}

#[test]
fn a_certificate_s_name_says_whose_call_it_is() {
    let named = text("tls_client_names = [\"trunk.example\"]", "");
    let mut world = World::new(&named, 100);
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(1))), [403], "nobody has shown anything");
    assert_eq!(statuses(&comes(&mut world, TLS, TRUNK, invite(2))), [403], "its address is no proof any more");
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    world.node.handle_certified(address(LINE), names(&["other.example"]));
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(3))), [403], "good, but of no peer");
    world.node.handle_certified(address(LINE), names(&["other.example", "trunk.example"]));
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(4)))[0], 100);
    for door in [Door::Own, Door::Stream(Wire::Tcp)] {
        assert_eq!(statuses(&comes(&mut world, door, LINE, invite(5))), [403], "{door:?} proves nothing");
    }
    // The same connection under another configuration, and under the first one again.
    world.reload(&text("tls_client_names = [\"new.example\"]", ""));
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(6))), [403]);
    world.reload(&named);
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(7)))[0], 100);
    world.node.handle_closed(world.now, address(LINE), Wire::Tls);
    assert_eq!(statuses(&comes(&mut world, TLS, LINE, invite(8))), [403], "whoever comes from there next is another");
    assert_eq!((world.calls().len(), untrusted(&world)), (2, 7));
}

#[test]
fn a_peer_by_tls_is_believed_over_tls_alone() {
    let mut world = World::new(&text("transport = \"tls\"", ""), 100);
    for door in [Door::Own, Door::Stream(Wire::Tcp)] {
        assert_eq!(statuses(&comes(&mut world, door, TRUNK, invite(1))), [403], "{door:?}");
    }
    assert_eq!(statuses(&comes(&mut world, TLS, TRUNK, invite(2)))[0], 100);
}

#[test]
fn nothing_of_a_call_by_tls_goes_another_way_even_when_its_connections_are_gone() {
    let mut world = World::new(&text("transport = \"tls\"", "transport = \"tls\""), 100);
    let begin = comes(&mut world, TLS, "192.0.2.1:40000", invite(1));
    assert!(begin.iter().all(|(door, ..)| *door == TLS), "{begin:?}");
    let (_, to, offer) = begin.iter().find(|(.., message)| message.is_request()).expect("the agent is rung");
    assert_eq!((*to, offer.top_via().unwrap().transport), (address(PBX), &b"TLS"[..]));
    assert_eq!(offer.contact().unwrap().uri, b"sip:strowger@192.0.2.2:5061;transport=tls");
    let mut answer = respond(offer, address(OURS), 200, None, b"agent");
    answer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX}>"));
    let answered = comes(&mut world, TLS, PBX, body(answer, ANSWER));
    let caller = address("192.0.2.1:40000");
    let told =
        answered.iter().find(|(_, to, message)| *to == caller && !message.is_request()).expect("the caller is told");
    assert_eq!((told.0, told.2.status()), (TLS, 200));
    // Both connections break, and the agent's phone hangs up by a new one.
    for far in [caller, address(PBX)] {
        world.node.handle_closed(world.now, far, Wire::Tls);
    }
    let line = |name: Name, value: &[u8]| format!("{}: {}\r\n", name.as_str(), String::from_utf8_lossy(value));
    let own = offer.value(Name::From).unwrap();
    let bye = format!(
        "BYE sip:strowger@192.0.2.2:5061;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS {PBX};branch=z9hG4bKbye\r\n\
         Max-Forwards: 70\r\n{}{}{}CSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n",
        line(Name::From, &[offer.value(Name::To).unwrap(), b";tag=agent"].concat()),
        line(Name::To, own),
        line(Name::CallId, offer.call_id().unwrap()),
    );
    let ended = comes(&mut world, TLS, "192.0.2.3:41000", bye);
    assert_eq!(statuses(&ended), [200]);
    world.pass(Duration::from_millis(1));
    // The caller has not acknowledged yet: our BYE follows its ACK, or the end of its patience.
    world.now += Duration::from_secs(40);
    world.node.handle_timeout(world.now);
    let rest = sent(&mut world);
    assert!(rest.iter().any(|(.., message)| message.is_request() && message.method() == Method::Bye), "{rest:?}");
    assert!(ended.iter().chain(&rest).all(|(door, ..)| *door == TLS), "{ended:?} {rest:?}");
}

/// The certificate at the far end is asked for a peer's name where the peer is reached, and nowhere else.
#[test]
fn an_answer_whose_connection_is_gone_goes_by_a_new_one_to_the_peer_s_own_address_alone() {
    for (port, expected) in [(5060, (TRUNK, true)), (5061, ("192.0.2.1:40000", false))] {
        let mut world = World::new(&text("transport = \"tls\"", "transport = \"tls\""), 100);
        let begin = comes(&mut world, TLS, "192.0.2.1:40000", invite(1).replace(":5061;", &format!(":{port};")));
        let (.., offer) = begin.iter().find(|(.., message)| message.is_request()).expect("the agent is rung");
        world.node.handle_closed(world.now, address("192.0.2.1:40000"), Wire::Tls);
        let mut answer = respond(offer, address(OURS), 200, None, b"agent");
        answer.line_fmt(Name::Contact, format_args!("<sip:agent@{PBX}>"));
        world.node.handle_message(world.now, TLS, address(PBX), body(answer, ANSWER));
        let all: Vec<_> = std::iter::from_fn(|| world.node.poll_transmit()).collect();
        let told = all.iter().find(|sent| sent.payload.starts_with(b"SIP/2.0 200 ")).expect("the caller is told");
        assert_eq!((told.door, told.destination, told.anew), (TLS, address(expected.0), expected.1));
    }
}
