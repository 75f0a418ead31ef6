//! What is otherwise on a stream: nothing is repeated, nothing lingers, and everything stays on its connection.

use std::net::SocketAddr;

use super::matching::Sample;
use super::{address, at, complete, request_of, stack, told};
use crate::sip::message::Message;
use crate::sip::name::Method;
use crate::sip::transaction::{Door, Stack, Wire};

const TCP: Door = Door::Stream(Wire::Tcp);
use crate::sip::write::respond;

/// A connection's far end.
fn far() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 40_000))
}

/// Everything sent until a minute has passed, as first words, ways and destinations.
fn all_sent(stack: &mut Stack) -> Vec<(String, Door, SocketAddr)> {
    let mut all = Vec::new();
    loop {
        while let Some(transmit) = stack.poll_transmit() {
            all.push((super::label(&transmit.payload), transmit.door, transmit.destination));
        }
        match stack.poll_timeout() {
            Some(next) if next < at(60_000) => stack.handle_timeout(next),
            Some(_) | None => return all,
        }
    }
}

#[test]
fn a_response_stays_on_the_connection_and_is_sent_once() {
    let mut stack = stack(2);
    stack.enable_streams(None);
    stack.set_door(TCP);
    stack.handle_datagram(at(0), far(), Sample { via: "10.0.0.1:5070;branch=z9hG4bKone", ..Sample::INVITE }.datagram());
    let (key, message) = request_of(&mut stack);
    stack.respond(at(0), key, 486, respond(&message, far(), 486, None, b"b").finish());
    let once = [("100 INVITE", far()), ("486 INVITE", far())];
    let expected: Vec<_> = once.map(|(label, to)| (label.to_string(), TCP, to)).into();
    assert_eq!(all_sent(&mut stack), expected);
    assert_eq!((told(&mut stack), stack.live()), (vec!["unacknowledged".to_string()], 0));
}

#[test]
fn a_request_to_a_neighbour_by_tcp_is_sent_once_and_says_so() {
    for method in [Method::Invite, Method::Options] {
        let mut stack = stack(1);
        stack.enable_streams(None);
        stack.set_stream_peers(vec![(address(2), Wire::Tcp)]);
        let (key, writer) = stack.start_request(method, b"sip:bob@10.0.0.2");
        stack.send_request(at(0), key, address(2), complete(writer, method, 1, ""));
        let request = stack.poll_transmit().expect("the request");
        let message = Message::parse(request.payload).expect("our own request");
        assert_eq!((request.door, message.top_via().expect("a Via").transport), (TCP, &b"TCP"[..]));
        assert_eq!(all_sent(&mut stack), [], "{method:?} is not repeated");
        assert_eq!((told(&mut stack), stack.live()), (vec!["failed Timeout".to_string()], 0));
    }
}

#[test]
fn an_answered_request_by_tcp_is_forgotten_at_once() {
    let mut stack = stack(1);
    stack.enable_streams(None);
    stack.set_stream_peers(vec![(address(2), Wire::Tcp)]);
    for (method, code) in [(Method::Invite, 486), (Method::Bye, 200)] {
        let (key, writer) = stack.start_request(method, b"sip:bob@10.0.0.2");
        stack.send_request(at(0), key, address(2), complete(writer, method, 1, ""));
        let request = Message::parse(stack.poll_transmit().expect("the request").payload).expect("our own request");
        stack.set_door(TCP);
        stack.handle_datagram(at(10), address(2), respond(&request, address(1), code, None, b"b").finish());
        stack.handle_timeout(at(10));
        assert_eq!(stack.live(), 0, "{method:?}");
        let acks = std::iter::from_fn(|| stack.poll_transmit()).map(|ack| (super::label(&ack.payload), ack.door));
        let expected = [("ACK".to_string(), TCP)];
        assert_eq!(acks.collect::<Vec<_>>(), if method == Method::Invite { &expected[..] } else { &[] });
    }
}
