//! What happens at the bounds and with hostile or broken input, and what a transaction costs.

use super::super::clients::Client;
use super::super::stack::Server;
use super::*;
use crate::base::limits;

fn request(method: &str, number: usize, to_tag: &str) -> Bytes {
    datagram(&format!(
        "{method} sip:bob@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{number}\nMax-Forwards: 70\n\
         From: <sip:alice@10.0.0.1>;tag=a\nTo: <sip:bob@10.0.0.2>{to_tag}\nCall-ID: {number}\nCSeq: 1 {method}\n\
         Content-Length: 0\n\n"
    ))
}

fn forget(stack: &mut Stack) {
    while stack.poll_transmit().is_some() {}
    while stack.poll_event().is_some() {}
}

#[test]
fn a_full_stack_refuses_new_calls_first_and_what_is_inside_dialogs_last() {
    let mut stack = stack(2);
    assert_eq!(stack.room, limits::TRANSACTIONS_MAX);
    stack.room = 400;
    let reserve = 300;
    for number in 0..reserve {
        stack.handle_datagram(at(0), address(1), request("OPTIONS", number, ""));
        forget(&mut stack);
    }
    assert_eq!(stack.live(), reserve);
    stack.handle_datagram(at(0), address(1), request("INVITE", reserve, ""));
    let refusal = Message::parse(stack.poll_transmit().expect("an answer").payload).expect("a message");
    assert_eq!((refusal.status(), refusal.value(Name::RetryAfter)), (503, Some(&b"5"[..])));
    assert!(told(&mut stack).is_empty());
    stack.handle_datagram(at(0), address(1), request("BYE", reserve, ";tag=b"));
    assert_eq!(told(&mut stack), ["request BYE"]);
    for number in reserve + 1..400 {
        stack.handle_datagram(at(0), address(1), request("INFO", number, ";tag=b"));
        forget(&mut stack);
    }
    stack.handle_datagram(at(0), address(1), request("BYE", 400, ";tag=b"));
    assert_eq!(sent(&mut stack), [("503 BYE".to_owned(), address(1))]);
    assert_eq!(stack.live(), 400);
}

/// Takes a request in and answers it 200.
fn answered(stack: &mut Stack, ms: u64, method: &str, number: usize, to_tag: &str) {
    stack.handle_datagram(at(ms), address(1), request(method, number, to_tag));
    let (key, message) = request_of(stack);
    stack.respond(at(ms), key, 200, respond(&message, address(1), 200, None, b"b").finish());
    forget(stack);
}

#[test]
fn beyond_half_of_the_room_what_is_over_lingers_for_t4_only() {
    let mut stack = stack(2);
    stack.room = 8;
    for number in 0..4 {
        answered(&mut stack, 0, "BYE", number, ";tag=b");
    }
    answered(&mut stack, 4_999, "BYE", 4, ";tag=b");
    assert_eq!(stack.live(), 5, "in T4 a repeat is answered as before");
    answered(&mut stack, 5_000, "BYE", 5, ";tag=b");
    assert_eq!(stack.live(), 4, "two go for one that comes");
    answered(&mut stack, 5_000, "BYE", 6, ";tag=b");
    assert_eq!(stack.live(), 4, "and none below half of the room");
    stack.handle_datagram(at(5_001), address(1), request("BYE", 6, ";tag=b"));
    assert_eq!(sent(&mut stack), [("200 BYE".to_owned(), address(1))]);
    stack.handle_datagram(at(5_001), address(1), request("BYE", 0, ";tag=b"));
    assert_eq!(told(&mut stack), ["request BYE"], "its user knows no such dialog any more");
    for ms in [31_999, 37_001] {
        stack.handle_timeout(at(ms));
    }
    assert_eq!((stack.live(), stack.poll_timeout()), (1, None));
}

#[test]
fn an_invite_whose_2xx_nobody_acknowledged_never_goes_early() {
    let mut stack = stack(2);
    stack.room = 4;
    answered(&mut stack, 0, "INVITE", 0, "");
    answered(&mut stack, 10_000, "OPTIONS", 1, ";tag=b");
    answered(&mut stack, 10_000, "OPTIONS", 2, ";tag=b");
    stack.handle_datagram(at(10_000), address(1), request("INVITE", 0, ""));
    assert_eq!((sent(&mut stack), told(&mut stack)), (vec![], vec![]), "absorbed");
    stack.handle_timeout(at(31_999));
    assert_eq!(stack.live(), 3);
    stack.handle_timeout(at(32_000));
    assert_eq!(stack.live(), 2, "at its own time");

    stack.handle_timeout(at(50_000));
    answered(&mut stack, 50_000, "INVITE", 3, "");
    let ack = request("ACK", 3, ";tag=b");
    stack.handle_datagram(at(50_001), address(1), ack);
    assert_eq!(told(&mut stack), ["ack"]);
    answered(&mut stack, 50_002, "OPTIONS", 4, ";tag=b");
    answered(&mut stack, 56_000, "OPTIONS", 5, ";tag=b");
    assert_eq!(stack.live(), 2, "acknowledged it goes");
    stack.handle_datagram(at(56_000), address(1), request("ACK", 3, ";tag=b"));
    assert_eq!(told(&mut stack), ["ack"], "one that comes late is told as before");
}

#[test]
fn a_refusal_without_state_is_told_once_and_never_larger_than_the_invite() {
    let mut stack = stack(2);
    let mut refuse = |text: &str| {
        let invite = Message::parse(datagram(text)).expect("a message");
        let refused = stack.refuse_invite(at(0), address(1), &invite);
        let told: Vec<_> = std::iter::from_fn(|| stack.poll_transmit()).collect();
        // Nothing is kept, so nothing is repeated.
        assert_eq!((stack.live(), stack.poll_timeout(), told.len().min(2)), (0, None, told.len()));
        (refused, told.first().map(|transmit| (transmit.payload.len() <= invite.raw().len(), transmit.payload.clone())))
    };
    let text = |more: &str| {
        format!(
            "INVITE sip:bob@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\nMax-Forwards: 70\n\
             From: <sip:a@b>;tag=a\nTo: <sip:c>\nCall-ID: 1\nCSeq: 1 INVITE\n{more}Content-Length: 0\n\n"
        )
    };
    let (refused, told) =
        refuse(&text("Contact: <sip:alice@10.0.0.1:5060>\nSubject: long enough for the answer to fit in\n"));
    let (fits, answer) = told.expect("an answer");
    let answer = Message::parse(answer).expect("a message");
    assert!(refused == Refused::Now && fits);
    assert_eq!((answer.status(), answer.value(Name::RetryAfter)), (503, Some(&b"5"[..])));
    assert_eq!(refuse(&text("")), (Refused::Now, None), "one that would be larger stays unsaid");
    assert_eq!(
        refuse(&text("Max-Forwards: 70\n")),
        (Refused::Not, None),
        "what is refused for itself is not judged here"
    );
}

#[test]
fn an_early_or_repeated_timeout_changes_nothing() {
    let mut stack = stack(1);
    let (key, writer) = stack.start_request(Method::Options, b"sip:bob@10.0.0.2");
    stack.send_request(at(0), key, address(2), complete(writer, Method::Options, 1, ""));
    forget(&mut stack);
    stack.handle_timeout(at(499));
    assert_eq!((sent(&mut stack), stack.poll_timeout()), (vec![], Some(at(500))));
    stack.handle_timeout(at(500));
    stack.handle_timeout(at(500));
    assert_eq!(sent(&mut stack), [("OPTIONS".to_owned(), address(2))]);
    assert_eq!(stack.poll_timeout(), Some(at(1_500)));
}

#[test]
fn keys_of_transactions_that_are_over_do_nothing() {
    let mut stack = stack(2);
    stack.handle_datagram(at(0), address(1), request("OPTIONS", 1, ""));
    let (key, message) = request_of(&mut stack);
    let answer = respond(&message, address(1), 200, None, b"b").finish();
    stack.respond(at(0), key, 200, answer.clone());
    stack.handle_timeout(at(32_000));
    assert_eq!(stack.live(), 0);
    forget(&mut stack);
    stack.respond(at(32_000), key, 200, answer);
    assert_eq!(stack.cancel(at(32_000), ClientKey(2), None), None);
    assert_eq!(sent(&mut stack), []);
}

#[test]
fn a_transaction_is_small() {
    assert!(size_of::<Option<(ServerKey, Server)>>() <= 152, "{}", size_of::<Option<(ServerKey, Server)>>());
    assert!(size_of::<Option<Client>>() <= 128, "{}", size_of::<Option<Client>>());
}

#[test]
fn no_sequence_of_cut_or_flipped_datagrams_breaks_the_stack() {
    let mut rng = Rng::from_u64(7);
    let (mut stack, mut other) = (stack(2), stack(1));
    let (_, writer) = other.start_request(Method::Invite, b"sip:bob@10.0.0.2");
    let invite = complete(writer, Method::Invite, 1, "");
    let response = respond(&Message::parse(invite.clone()).expect("ours"), address(2), 200, None, b"b").finish();
    for turn in 0..20_000_u64 {
        let source = if rng.chance(0.5) { &invite } else { &response };
        let mut bytes = source.to_vec();
        for _ in 0..rng.below(4) {
            let at = rng.below(bytes.len() as u32) as usize;
            bytes[at] = rng.u32() as u8;
        }
        bytes.truncate(source.len() - if rng.chance(0.1) { rng.below(source.len() as u32) as usize } else { 0 });
        stack.handle_datagram(at(turn), address(1), Bytes::from(bytes));
        while let Some(event) = stack.poll_event() {
            if let Event::Request { key, source, message } = event {
                let code = if rng.chance(0.5) { 200 } else { 486 };
                stack.respond(at(turn), key, code, respond(&message, source, code, None, b"b").finish());
            }
        }
        while stack.poll_transmit().is_some() {}
        stack.handle_timeout(at(turn));
    }
    stack.handle_timeout(at(100_000));
    forget(&mut stack);
    assert_eq!((stack.live(), stack.poll_timeout()), (0, None));
}
