//! Two stacks against each other in virtual time: calls answered, rejected and cancelled, with every message lost once.

use super::*;

fn answered() -> Script {
    Script { answers: vec![(100, 180), (1_000, 200)], cancel_on: None, bye_after: Some(2_000) }
}

fn rejected() -> Script {
    Script { answers: vec![(100, 180), (1_000, 486)], cancel_on: None, bye_after: None }
}

fn cancelled() -> Script {
    Script { answers: vec![(100, 180), (9_000, 200)], cancel_on: Some(180), bye_after: None }
}

/// Runs a script to its end and checks what holds for every call: nothing is left, and not later than 64*T1 after the last
/// datagram.
fn play<F: Into<Fate>>(script: Script, wire: impl FnMut(usize, &str) -> F + 'static) -> World {
    let mut world = World::new(script, wire);
    world.run();
    for stack in &world.stacks {
        assert_eq!((stack.live(), stack.poll_timeout()), (0, None), "{:#?}", world.log);
        assert!(stack.by_match.is_empty() && stack.by_merge.is_empty());
    }
    let last = world.log.iter().rev().find(|line| line.contains('>') || line.contains('x'));
    let last: u64 = last.and_then(|line| line.split(' ').next()?.parse().ok()).expect("something was sent");
    assert!(world.now <= at(last + 32_000 + 10), "{} after {:#?}", world.now, world.log);
    world
}

#[test]
fn an_answered_call_takes_seven_messages_and_leaves_nothing() {
    let world = play(answered(), |_, _| false);
    assert_eq!(
        world.log,
        [
            "0 0> INVITE",
            "10 1> 100 INVITE",
            "10 1: request INVITE",
            "20 0: response 100 INVITE",
            "110 1> 180 INVITE",
            "120 0: response 180 INVITE",
            "1010 1> 200 INVITE",
            "1020 0: response 200 INVITE",
            "1020 0> ACK",
            "1030 1: ack",
            "3020 0> BYE",
            "3030 1: request BYE",
            "3030 1> 200 BYE",
            "3040 0: response 200 BYE",
        ]
    );
    // Timer J of the BYE is the last.
    assert_eq!(world.now, at(3_030 + 32_000));
}

#[test]
fn any_two_messages_of_an_answered_call_may_be_lost() {
    for one in 1..=9 {
        for two in one + 1..=10 {
            let world = play(answered(), move |n, _| n == one || n == two);
            let story = |text| world.count(text);
            assert_eq!(story("1: request INVITE"), 1, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("1: request BYE"), 1, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: response 200 BYE"), 1, "{one} {two}: {:#?}", world.log);
            assert!(story("1: ack") >= 1, "{one} {two}: {:#?}", world.log);
            assert!(story("0: response 200 INVITE") >= 1, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: failed Timeout") + story("0: stray"), 0, "{one} {two}: {:#?}", world.log);
        }
    }
}

#[test]
fn any_message_may_come_twice_and_late_and_is_told_once() {
    for (script, number, after) in [answered(), rejected(), cancelled()]
        .into_iter()
        .flat_map(|script| (1..=9).map(move |number| (script.clone(), number)))
        .flat_map(|(script, number)| [1, 700, 4_000].map(|after| (script.clone(), number, after)))
    {
        let world = play(script, move |n, _| if n == number { Fate::Twice(after) } else { Fate::Arrives });
        for told in [
            "1: request INVITE",
            "1: request BYE",
            "1: cancelled",
            "0: response 486 INVITE",
            "0: response 487 INVITE",
            "0: response 200 CANCEL",
            "0: response 200 BYE",
        ] {
            assert!(world.count(told) <= 1, "{number} {after} {told}: {:#?}", world.log);
        }
        assert_eq!(world.count("1: request INVITE"), 1);
        assert_eq!(world.count("0: failed Timeout") + world.count("0: stray"), 0, "{:#?}", world.log);
        assert_eq!(world.count("1: unacknowledged"), 0, "{:#?}", world.log);
    }
}

#[test]
fn any_two_messages_of_a_rejected_call_may_be_lost() {
    for one in 1..=8 {
        for two in one + 1..=9 {
            let world = play(rejected(), move |n, _| n == one || n == two);
            let story = |text| world.count(text);
            assert_eq!(story("1: request INVITE"), 1, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: response 486 INVITE"), 1, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("1: ack") + story("1: unacknowledged"), 0, "{one} {two}: {:#?}", world.log);
        }
    }
}

#[test]
fn any_two_messages_of_a_cancelled_call_may_be_lost() {
    for one in 1..=8 {
        for two in one + 1..=9 {
            let world = play(cancelled(), move |n, _| n == one || n == two);
            let story = |text| world.count(text);
            // Without the 180 nobody cancels, and the call is answered.
            let rang = story("0: response 180 INVITE") > 0;
            assert_eq!(story("1: cancelled"), usize::from(rang), "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: response 487 INVITE"), usize::from(rang), "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: response 200 CANCEL"), usize::from(rang), "{one} {two}: {:#?}", world.log);
            assert_eq!(story("0: response 200 INVITE") > 0, !rang, "{one} {two}: {:#?}", world.log);
            assert_eq!(story("1: unacknowledged") + story("0: failed Timeout"), 0, "{one} {two}: {:#?}", world.log);
        }
    }
}

#[test]
fn a_retransmitted_invite_is_answered_by_the_last_response_and_told_once() {
    let world = play(rejected(), |n, _| n == 2 || n == 3);
    // The 100 and the 180 are lost; the INVITE comes again at 500 ms and fetches the 180.
    assert_eq!(world.times("0> INVITE"), [0, 500]);
    assert_eq!(world.times("1> 180 INVITE"), [510]);
    assert_eq!(world.count("1: request INVITE"), 1);
}

#[test]
fn an_invite_nobody_hears_is_sent_seven_times_and_fails_at_timer_b() {
    let world = play(answered(), |_, _| true);
    assert_eq!(world.times("0x INVITE"), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(world.times("0: failed Timeout"), [32_000]);
}

#[test]
fn a_bye_nobody_hears_is_repeated_up_to_t2_and_fails_at_timer_f() {
    let world = play(answered(), |_, label| label == "BYE");
    let times = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(world.times("0x BYE"), times.map(|after| 3_020 + after));
    assert_eq!(world.times("0: failed Timeout"), [3_020 + 32_000]);
}

#[test]
fn a_rejection_nobody_acknowledges_is_repeated_until_timer_h() {
    let world = play(rejected(), |_, label| label == "ACK");
    let times = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(world.times("1> 486 INVITE"), times.map(|after| 1_010 + after));
    assert_eq!(world.times("1: unacknowledged"), [1_010 + 32_000]);
    // Each copy is acknowledged, and only the first told.
    assert_eq!(world.count("0x ACK"), times.len());
    assert_eq!(world.count("0: response 486 INVITE"), 1);
}

#[test]
fn a_rejection_that_never_arrives_leaves_the_cancel_to_end_the_invite() {
    let world = play(cancelled(), |_, label| label == "487 INVITE");
    assert_eq!(world.times("0> CANCEL"), [120]);
    assert_eq!(world.count("0: response 200 CANCEL"), 1);
    // RFC 3261 9.1: 64*T1 after the CANCEL.
    assert_eq!(world.times("0: failed Timeout"), [120 + 32_000]);
}

#[test]
fn a_cancel_that_crosses_the_answer_is_answered_and_tells_nothing() {
    let script = Script { answers: vec![(100, 180), (115, 200)], cancel_on: Some(180), bye_after: Some(1_000) };
    let world = play(script, |_, _| false);
    assert_eq!(world.count("1: cancelled"), 0);
    assert_eq!(world.count("0: response 200 CANCEL"), 1);
    assert_eq!(world.count("0: response 200 INVITE"), 1);
    assert_eq!(world.count("0: response 200 BYE"), 1);
}

#[test]
fn a_2xx_comes_up_each_time_so_that_each_is_acknowledged() {
    let mut acks = 0;
    let world = play(answered(), move |_, label| {
        acks += usize::from(label == "ACK");
        label == "ACK" && acks < 3
    });
    assert_eq!(world.times("0: response 200 INVITE"), [1_020, 1_520, 2_520]);
    assert_eq!(world.times("1: ack"), [2_530]);
}

#[test]
fn the_same_seed_sends_the_same_bytes() {
    let bytes = || {
        let (mut stack, mut all) = (stack(1), Vec::new());
        for method in [Method::Invite, Method::Options, Method::Bye] {
            let (key, writer) = stack.start_request(method, b"sip:bob@10.0.0.2");
            stack.send_request(at(0), key, address(2), complete(writer, method, 1, ""));
            all.push(Bytes::copy_from_slice(&stack.fresh_token()));
        }
        all.extend(std::iter::from_fn(|| stack.poll_transmit()).map(|transmit| transmit.payload));
        all
    };
    assert_eq!(bytes(), bytes());
}
