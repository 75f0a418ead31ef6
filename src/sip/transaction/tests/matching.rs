//! Which message belongs to which transaction: RFC 3261 17.1.3, 17.2.3, 8.2.2.2 and 9.2, RFC 2543 peers, and where answers go.

use super::*;

/// A request from 10.0.0.1 with the header fields a test wants to differ.
pub(super) struct Sample {
    pub(super) method: &'static str,
    pub(super) via: &'static str,
    pub(super) to: &'static str,
    pub(super) from: &'static str,
    pub(super) call_id: &'static str,
    pub(super) sequence: u32,
    pub(super) uri: &'static str,
}

impl Sample {
    pub(super) const INVITE: Self = Self {
        method: "INVITE",
        via: "10.0.0.1:5060;branch=z9hG4bKone",
        to: "<sip:bob@10.0.0.2>",
        from: "<sip:alice@10.0.0.1>;tag=a",
        call_id: "c1",
        sequence: 1,
        uri: "sip:bob@10.0.0.2",
    };
    const OLD: Self = Self { via: "10.0.0.1:5060", ..Self::INVITE };
    const WITH_TAG: &'static str = "<sip:bob@10.0.0.2>;tag=b";

    pub(super) fn datagram(&self) -> Bytes {
        let Self { method, via, to, from, call_id, sequence, uri } = self;
        datagram(&format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {via}\nMax-Forwards: 70\nFrom: {from}\nTo: {to}\n\
             Call-ID: {call_id}\nCSeq: {sequence} {method}\nContent-Length: 0\n\n"
        ))
    }

    fn into(self, stack: &mut Stack) {
        stack.handle_datagram(at(0), address(1), self.datagram());
    }
}

/// A stack that has told one INVITE and sent its 100.
fn ringing(sample: Sample) -> (Stack, ServerKey, Message) {
    let mut stack = stack(2);
    sample.into(&mut stack);
    let (key, message) = request_of(&mut stack);
    assert_eq!(labels(&mut stack), ["100 INVITE"]);
    (stack, key, message)
}

fn labels(stack: &mut Stack) -> Vec<String> {
    sent(stack).into_iter().map(|(label, _)| label).collect()
}

fn answer(stack: &mut Stack, key: ServerKey, message: &Message, code: u16) {
    stack.respond(at(0), key, code, respond(message, address(1), code, None, b"b").finish());
    assert_eq!(labels(stack), [format!("{code} {}", message.method().as_str())]);
}

#[test]
fn the_same_branch_sent_by_and_method_are_one_transaction() {
    let (mut stack, ..) = ringing(Sample::INVITE);
    Sample { via: "10.0.0.1;branch=z9hG4bKone;rport", ..Sample::INVITE }.into(&mut stack);
    assert_eq!((labels(&mut stack), told(&mut stack)), (vec!["100 INVITE".to_owned()], vec![]));
    assert_eq!(stack.live(), 1);
}

#[test]
fn another_branch_sent_by_or_method_is_another_transaction() {
    for other in [
        Sample { via: "10.0.0.1:5060;branch=z9hG4bKtwo", call_id: "c2", ..Sample::INVITE },
        Sample { via: "10.0.0.1:5061;branch=z9hG4bKone", call_id: "c2", ..Sample::INVITE },
        Sample { via: "10.0.0.9:5060;branch=z9hG4bKone", call_id: "c2", ..Sample::INVITE },
        Sample { method: "OPTIONS", ..Sample::INVITE },
    ] {
        let (mut stack, ..) = ringing(Sample::INVITE);
        let method = other.method;
        other.into(&mut stack);
        assert_eq!(told(&mut stack), [format!("request {method}")]);
        assert_eq!(stack.live(), 2);
    }
}

#[test]
fn a_host_name_of_sent_by_compares_without_regard_to_case() {
    let (mut stack, ..) = ringing(Sample { via: "PBX.example:5060;branch=z9hG4bKone", ..Sample::INVITE });
    Sample { via: "pbx.EXAMPLE;branch=z9hG4bKone", ..Sample::INVITE }.into(&mut stack);
    assert_eq!(told(&mut stack), [""; 0]);
}

#[test]
fn an_rfc_2543_invite_is_matched_by_its_header_fields() {
    for via in ["10.0.0.1:5060", "10.0.0.1:5060;branch=1", "10.0.0.1:5060;branch=z9hG4bK"] {
        let (mut stack, ..) = ringing(Sample { via, ..Sample::INVITE });
        Sample { via, ..Sample::INVITE }.into(&mut stack);
        assert_eq!((labels(&mut stack), told(&mut stack)), (vec!["100 INVITE".to_owned()], vec![]), "{via}");
        for other in [
            Sample { via, uri: "sip:carol@10.0.0.2", to: Sample::WITH_TAG, ..Sample::INVITE },
            Sample { via, from: "<sip:alice@10.0.0.1>;tag=z", ..Sample::INVITE },
            Sample { via, to: Sample::WITH_TAG, ..Sample::INVITE },
            Sample { via, call_id: "c2", ..Sample::INVITE },
            Sample { via, sequence: 2, ..Sample::INVITE },
            Sample { via: "10.0.0.9:5060", to: Sample::WITH_TAG, ..Sample::INVITE },
        ] {
            other.into(&mut stack);
            assert_eq!(told(&mut stack), ["request INVITE"], "{via}");
        }
    }
}

#[test]
fn an_rfc_2543_ack_matches_by_the_tag_of_our_response() {
    let (mut stack, key, message) = ringing(Sample::OLD);
    answer(&mut stack, key, &message, 486);
    Sample { method: "ACK", to: "<sip:bob@10.0.0.2>;tag=other", ..Sample::OLD }.into(&mut stack);
    assert_eq!(told(&mut stack), ["ack"], "an ACK with another tag is another dialog's");
    Sample { method: "ACK", to: Sample::WITH_TAG, ..Sample::OLD }.into(&mut stack);
    assert_eq!(told(&mut stack), [""; 0]);
    // Confirmed: only timer I is left.
    assert_eq!(stack.poll_timeout(), Some(at(5_000)));
}

#[test]
fn an_rfc_2543_ack_of_a_2xx_goes_up_although_it_matches() {
    let (mut stack, key, message) = ringing(Sample::OLD);
    answer(&mut stack, key, &message, 200);
    Sample { method: "ACK", to: Sample::WITH_TAG, ..Sample::OLD }.into(&mut stack);
    assert_eq!(told(&mut stack), ["ack"]);
}

#[test]
fn an_ack_of_a_rejection_is_absorbed_and_that_of_a_2xx_goes_up() {
    let (mut stack, key, message) = ringing(Sample::INVITE);
    answer(&mut stack, key, &message, 486);
    for _ in 0..2 {
        Sample { method: "ACK", to: Sample::WITH_TAG, ..Sample::INVITE }.into(&mut stack);
    }
    assert_eq!((labels(&mut stack), told(&mut stack)), (vec![], vec![]));
    let ack = Sample { via: "10.0.0.1;branch=z9hG4bKack", method: "ACK", to: Sample::WITH_TAG, ..Sample::INVITE };
    ack.into(&mut stack);
    assert_eq!(told(&mut stack), ["ack"]);
}

#[test]
fn a_2xx_is_not_repeated_by_the_stack() {
    let (mut stack, key, message) = ringing(Sample::INVITE);
    answer(&mut stack, key, &message, 200);
    Sample::INVITE.into(&mut stack);
    assert_eq!((labels(&mut stack), told(&mut stack)), (vec![], vec![]));
    assert_eq!(stack.poll_timeout(), Some(at(32_000)));
}

#[test]
fn a_cancel_is_matched_to_its_invite_also_from_an_rfc_2543_peer() {
    for base in [Sample::INVITE, Sample::OLD] {
        let via = base.via;
        let (mut stack, key, _) = ringing(base);
        let cancel = || Sample { method: "CANCEL", via, ..Sample::INVITE };
        cancel().into(&mut stack);
        assert_eq!(labels(&mut stack), ["200 CANCEL"]);
        let Some(Event::Cancelled { key: cancelled, .. }) = stack.poll_event() else { panic!("told") };
        assert_eq!(cancelled, key);
        cancel().into(&mut stack);
        assert_eq!((labels(&mut stack), told(&mut stack)), (vec!["200 CANCEL".to_owned()], vec![]));
    }
}

#[test]
fn the_answer_to_a_cancel_has_the_tag_of_the_invites_answers() {
    let (mut stack, key, message) = ringing(Sample::INVITE);
    answer(&mut stack, key, &message, 180);
    Sample { method: "CANCEL", ..Sample::INVITE }.into(&mut stack);
    let answer = stack.poll_transmit().map(|transmit| Message::parse(transmit.payload));
    let Some(Ok(answer)) = answer else { panic!("the CANCEL is answered") };
    assert_eq!(answer.to_tag(), Some(&b"b"[..]));
}

#[test]
fn a_cancel_without_an_invite_gets_481_and_after_a_final_response_200() {
    let mut idle = stack(2);
    Sample { method: "CANCEL", ..Sample::INVITE }.into(&mut idle);
    assert_eq!((labels(&mut idle), told(&mut idle), idle.live()), (vec!["481 CANCEL".to_owned()], vec![], 0));
    for code in [200, 486] {
        let (mut stack, key, message) = ringing(Sample::INVITE);
        answer(&mut stack, key, &message, code);
        Sample { method: "CANCEL", ..Sample::INVITE }.into(&mut stack);
        assert_eq!((labels(&mut stack), told(&mut stack)), (vec!["200 CANCEL".to_owned()], vec![]));
    }
}

#[test]
fn a_merged_request_gets_482_and_one_inside_a_dialog_does_not() {
    let (mut stack, key, message) = ringing(Sample::INVITE);
    let fork = || Sample { via: "10.0.0.9:5060;branch=z9hG4bKfork", ..Sample::INVITE };
    fork().into(&mut stack);
    assert_eq!((labels(&mut stack), told(&mut stack)), (vec!["482 INVITE".to_owned()], vec![]));
    answer(&mut stack, key, &message, 200);
    fork().into(&mut stack);
    assert_eq!(labels(&mut stack), ["482 INVITE"], "the answered transaction is still there");
    Sample { to: Sample::WITH_TAG, ..fork() }.into(&mut stack);
    assert_eq!(told(&mut stack), ["request INVITE"]);
    assert_eq!(labels(&mut stack), ["100 INVITE"]);
    stack.handle_timeout(at(32_000));
    Sample { via: "10.0.0.9:5060;branch=z9hG4bKlate", ..Sample::INVITE }.into(&mut stack);
    assert_eq!(told(&mut stack), ["request INVITE"], "the answered transaction is over");
}

#[test]
fn a_stateless_answer_to_the_same_request_has_the_same_tag() {
    let mut stack = stack(2);
    let mut tag = || {
        Sample { method: "CANCEL", ..Sample::INVITE }.into(&mut stack);
        let answer = Message::parse(stack.poll_transmit().expect("an answer").payload).expect("a message");
        answer.to_tag().expect("a tag").to_vec()
    };
    assert_eq!(tag(), tag());
}

#[test]
fn answers_go_to_the_source_with_rport_and_to_the_sent_by_port_without() {
    let source = SocketAddr::from(([192, 0, 2, 7], 40_000));
    for (via, port) in [
        ("10.0.0.1:5070;branch=z9hG4bKone", 5070),
        ("10.0.0.1;branch=z9hG4bKone", 5060),
        ("10.0.0.1:5070;branch=z9hG4bKone;rport", 40_000),
        ("10.0.0.1:5070;branch=z9hG4bKone;maddr=10.9.9.9", 5070),
    ] {
        let mut stack = stack(2);
        stack.handle_datagram(at(0), source, Sample { via, ..Sample::INVITE }.datagram());
        let (key, message) = request_of(&mut stack);
        let rejection = respond(&message, source, 486, None, b"b").finish();
        stack.respond(at(0), key, 486, rejection.clone());
        stack.respond_stateless(source, rejection);
        // Refused without a transaction.
        stack.handle_datagram(at(0), source, Sample { via, method: "CANCEL", sequence: 9, ..Sample::OLD }.datagram());
        let destinations: Vec<SocketAddr> = sent(&mut stack).into_iter().map(|(_, destination)| destination).collect();
        assert_eq!(destinations, [SocketAddr::new(source.ip(), port); 4], "{via}");
    }
}

#[test]
fn a_bad_request_is_refused_without_a_transaction_and_a_bad_ack_is_not_answered() {
    let mut stack = stack(2);
    let bad = |method| Sample { method, from: "<sip:alice@10.0.0.1;tag=a", ..Sample::INVITE };
    bad("INVITE").into(&mut stack);
    assert_eq!(labels(&mut stack), ["400 INVITE"]);
    bad("ACK").into(&mut stack);
    assert_eq!((labels(&mut stack), told(&mut stack), stack.live()), (vec![], vec![], 0));
}

/// A stack with one request of its own under way, and that request.
fn calling(method: Method) -> (Stack, ClientKey, Message) {
    let mut stack = stack(1);
    let (key, writer) = stack.start_request(method, b"sip:bob@10.0.0.2");
    stack.send_request(at(0), key, address(2), complete(writer, method, 1, ""));
    let payload = stack.poll_transmit().expect("the request").payload;
    (stack, key, Message::parse(payload).expect("our own request"))
}

fn reply(stack: &mut Stack, request: &Message, code: u16, tag: &str) {
    let payload = respond(request, address(1), code, None, tag.as_bytes()).finish();
    stack.handle_datagram(at(0), address(2), payload);
}

#[test]
fn a_response_must_have_our_sent_by_our_branch_and_the_method() {
    let (mut stack, key, request) = calling(Method::Invite);
    let good = respond(&request, address(1), 200, None, b"b").finish();
    let text = String::from_utf8(good.to_vec()).expect("ASCII");
    let (_, branch) = text.split_once("z9hG4bK").expect("a branch");
    let first = &branch[..1];
    let forged = format!("z9hG4bK{}", if first == "0" { "1" } else { "0" });
    for bad in [
        text.replace("UDP 10.0.0.1:5060", "UDP 10.0.0.9:5060"),
        text.replace("UDP 10.0.0.1:5060", "UDP 10.0.0.1:5061"),
        text.replace(&format!("z9hG4bK{first}"), &forged),
        text.replace("z9hG4bK", "z9hG4bKz"),
        text.replace("1 INVITE", "1 BYE"),
        text.replace("1 INVITE", "1 CANCEL"),
        text.replace("SIP/2.0 200", "SIP/2.0 20"),
    ] {
        assert_ne!(bad, text);
        stack.handle_datagram(at(0), address(2), Bytes::from(bad.clone()));
        assert_eq!(told(&mut stack), [""; 0], "{bad}");
    }
    stack.handle_datagram(at(0), address(2), good);
    let Some(Event::Response { key: matched, .. }) = stack.poll_event() else { panic!("it matches") };
    assert_eq!(matched, key);
}

#[test]
fn every_fork_that_answers_comes_up_and_late_ones_as_strays() {
    let (mut stack, _, request) = calling(Method::Invite);
    reply(&mut stack, &request, 200, "one");
    reply(&mut stack, &request, 200, "two");
    reply(&mut stack, &request, 180, "three");
    reply(&mut stack, &request, 486, "four");
    assert_eq!(told(&mut stack), ["response 200 INVITE", "response 200 INVITE"]);
    stack.handle_timeout(at(31_999));
    assert_eq!(stack.live(), 1);
    stack.handle_timeout(at(32_000));
    assert_eq!(stack.live(), 0);
    reply(&mut stack, &request, 200, "three");
    reply(&mut stack, &request, 180, "three");
    assert_eq!(told(&mut stack), ["stray"]);
}

#[test]
fn a_2xx_after_a_rejection_is_a_stray() {
    let (mut stack, _, request) = calling(Method::Invite);
    reply(&mut stack, &request, 486, "one");
    reply(&mut stack, &request, 200, "two");
    assert_eq!(told(&mut stack), ["response 486 INVITE", "stray"]);
}

#[test]
fn the_ack_of_a_rejection_and_the_cancel_repeat_what_the_invite_said() {
    let (mut stack, key, invite) = calling(Method::Invite);
    reply(&mut stack, &invite, 180, "b");
    let cancel = stack.cancel(at(0), key, None).expect("the INVITE is pending");
    assert_ne!(cancel, key);
    reply(&mut stack, &invite, 487, "b");
    let mut next = || Message::parse(stack.poll_transmit().expect("sent").payload).expect("our own request");
    for (message, method, tag) in [(next(), Method::Cancel, None), (next(), Method::Ack, Some(&b"b"[..]))] {
        assert_eq!((message.method(), message.uri()), (method, invite.uri()));
        for name in [Name::Via, Name::From, Name::CallId, Name::Route] {
            let (derived, original) = (message.values(name), invite.values(name));
            assert_eq!(derived.collect::<Vec<_>>(), original.collect::<Vec<_>>(), "{name:?}");
        }
        assert_eq!(message.cseq().map(|cseq| (cseq.number, cseq.method)), Some((1, method)));
        assert_eq!(message.to_tag(), tag);
        assert_eq!((message.max_forwards(), message.body()), (Some(70), &b""[..]));
    }
}

#[test]
fn only_a_pending_invite_with_a_provisional_response_can_be_cancelled_and_once() {
    let (mut stack, key, invite) = calling(Method::Invite);
    assert_eq!(stack.cancel(at(0), key, None), None, "RFC 3261 9.1: not before a provisional response");
    reply(&mut stack, &invite, 180, "b");
    assert!(stack.cancel(at(0), key, None).is_some());
    assert_eq!(stack.cancel(at(0), key, None), None);
    let (mut stack, key, invite) = calling(Method::Invite);
    reply(&mut stack, &invite, 200, "b");
    assert_eq!(stack.cancel(at(0), key, None), None);
    let (mut stack, key, options) = calling(Method::Options);
    reply(&mut stack, &options, 100, "");
    assert_eq!(stack.cancel(at(0), key, None), None);
}

#[test]
fn a_response_to_the_cancel_does_not_answer_the_invite() {
    let (mut stack, key, invite) = calling(Method::Invite);
    reply(&mut stack, &invite, 180, "b");
    let cancel = stack.cancel(at(0), key, None).expect("pending");
    let request = Message::parse(stack.poll_transmit().expect("the CANCEL").payload).expect("our own request");
    assert_eq!(told(&mut stack), ["response 180 INVITE"]);
    reply(&mut stack, &request, 200, "b");
    let Some(Event::Response { key: answered, .. }) = stack.poll_event() else { panic!("told") };
    assert_eq!(answered, cancel);
}
