//! Reliable provisionals, both ways.

use super::*;

fn called(offer: &[u8]) -> Solo {
    called_with("Require: 100rel\n", offer)
}

fn called_with(lines: &str, offer: &[u8]) -> Solo {
    let mut solo = Solo::new();
    solo.call_id = "call-1".to_owned();
    solo.extra = lines.to_owned();
    solo.request("INVITE", 1, offer);
    solo.extra.clear();
    let Some(Event::Incoming { leg, .. }) = solo.legs.poll_event() else { panic!("a call comes") };
    solo.leg = leg;
    assert_eq!(solo.look(), ["100 INVITE"]);
    solo
}

/// The RSeq of the last provisional.
fn rseq(solo: &Solo) -> u32 {
    let last = solo.sent.iter().rev().find(|message| message.has(Name::RSeq)).expect("a reliable provisional went out");
    assert_eq!(last.value(Name::Require), Some(&b"100rel"[..]));
    std::str::from_utf8(last.value(Name::RSeq).unwrap()).unwrap().parse().unwrap()
}

fn prack(solo: &mut Solo, number: u32, cseq: u32, body: &[u8]) {
    solo.extra = format!("RAck: {number} 1 INVITE\n");
    solo.request("PRACK", cseq, body);
    solo.extra.clear();
}

fn ring(solo: &mut Solo, status: u16, sdp: Option<&'static [u8]>) {
    solo.legs.ring(solo.now, solo.leg, status, sdp.map(Bytes::from_static));
}

#[test]
fn a_provisional_is_repeated_until_its_prack_and_the_next_waits_for_it() {
    let mut solo = called(SDP);
    ring(&mut solo, 180, None);
    let first = rseq_after(&mut solo, "180 INVITE");
    ring(&mut solo, 183, Some(SDP));
    solo.pass(Duration::from_millis(1_500));
    assert_eq!(solo.look(), ["180 INVITE", "180 INVITE"], "at 0.5 and 1.5 s");
    prack(&mut solo, first + 1, 2, b"");
    assert_eq!(solo.look(), ["481 PRACK"]);
    prack(&mut solo, first, 3, b"");
    assert_eq!(solo.look(), ["200 PRACK", "183 INVITE"]);
    assert_eq!(rseq(&solo), first + 1);
    solo.legs.answer(solo.now, solo.leg, SDP);
    assert!(solo.look().is_empty(), "the 200 waits for the PRACK of what carried a description");
    prack(&mut solo, first + 1, 4, b"");
    assert_eq!(solo.look(), ["200 PRACK", "200 INVITE"]);
    assert!(solo.sent.last().unwrap().body().is_empty(), "what both agreed on is not said twice");
    prack(&mut solo, first + 1, 5, b"");
    assert_eq!(solo.look(), ["200 PRACK"]);
    solo.request("ACK", 1, b"");
    assert_eq!(solo.told(), ["confirmed"]);
    solo.request("BYE", 6, b"");
    solo.told();
    solo.ends_clean();
}

fn rseq_after(solo: &mut Solo, label: &str) -> u32 {
    assert_eq!(solo.look(), [label]);
    rseq(solo)
}

#[test]
fn an_answer_overtakes_the_prack_of_a_provisional_without_a_description() {
    let mut solo = called(SDP);
    ring(&mut solo, 180, None);
    let number = rseq_after(&mut solo, "180 INVITE");
    solo.legs.answer(solo.now, solo.leg, SDP);
    assert_eq!(solo.look(), ["200 INVITE"]);
    assert_eq!(solo.sent.last().unwrap().body(), SDP);
    prack(&mut solo, number, 2, b"");
    assert_eq!(solo.look(), ["200 PRACK"]);
    solo.request("ACK", 1, b"");
    solo.pass(Duration::from_secs(40));
    assert!(solo.look().is_empty());
}

#[test]
fn without_an_offer_nothing_is_said_reliably_before_ours_and_the_prack_answers_it() {
    let mut solo = called(b"");
    ring(&mut solo, 180, None);
    solo.pass(Duration::from_secs(61));
    assert!(solo.look().is_empty());
    ring(&mut solo, 183, Some(SDP));
    let number = rseq_after(&mut solo, "183 INVITE");
    prack(&mut solo, number, 2, SDP);
    assert_eq!((solo.look(), solo.told()), (vec!["200 PRACK".to_owned()], vec!["confirmed with sdp".to_owned()]));
    solo.pass(Duration::from_secs(60));
    assert_eq!(solo.look(), ["183 INVITE"], "once a minute");
    assert!(solo.sent.last().unwrap().body().is_empty());
    solo.legs.answer(solo.now, solo.leg, SDP);
    assert_eq!(solo.look(), ["200 INVITE"]);
    solo.request("BYE", 3, b"");
    solo.ends_clean();
}

#[test]
fn a_caller_without_an_offer_that_can_acknowledge_rings_as_ever_until_it_is_made_ours() {
    let mut solo = called_with("Supported: timer, 100rel\n", b"");
    assert!(solo.legs.takes_early_offer(solo.leg));
    ring(&mut solo, 180, None);
    assert_eq!(solo.look(), ["180 INVITE"]);
    assert!(!solo.sent.last().unwrap().has(Name::RSeq));
    ring(&mut solo, 183, Some(SDP));
    let number = rseq_after(&mut solo, "183 INVITE");
    solo.legs.answer(solo.now, solo.leg, SDP);
    assert!(solo.look().is_empty(), "the 200 waits for the answer to our offer");
    prack(&mut solo, number, 2, SDP);
    assert_eq!(
        (solo.look(), solo.told()),
        (vec!["200 PRACK".to_owned(), "200 INVITE".to_owned()], vec!["confirmed with sdp".to_owned()])
    );
    assert!(solo.sent.last().unwrap().body().is_empty());
    for (lines, offer) in [("Supported: 100rel\n", SDP), ("Require: 100rel\n", SDP), ("Supported: timer\n", b"")] {
        let mut solo = called_with(lines, offer);
        assert!(!solo.legs.takes_early_offer(solo.leg), "{lines}");
        let is_required = lines.starts_with("Require");
        ring(&mut solo, 180, None);
        assert_eq!((solo.look().len(), solo.sent.last().unwrap().has(Name::RSeq)), (1, is_required), "{lines}");
    }
}

#[test]
fn a_caller_that_never_acknowledges_a_provisional_is_lost() {
    let mut solo = called(SDP);
    ring(&mut solo, 180, None);
    solo.look();
    solo.pass(Duration::from_millis(31_999));
    assert!(solo.told().is_empty());
    solo.pass(Duration::from_millis(1));
    assert_eq!(solo.told(), ["ended Unacknowledged"]);
    assert_eq!(solo.look().last().map(String::as_str), Some("504 INVITE"));
    solo.ends_clean();
}

#[test]
fn a_caller_that_leaves_or_is_let_go_is_not_repeated_to() {
    for leaves in [true, false] {
        let mut solo = called(SDP);
        ring(&mut solo, 180, None);
        solo.look();
        if leaves {
            solo.request("BYE", 2, b"");
        } else {
            solo.legs.hang_up(solo.now, solo.leg);
        }
        solo.told();
        solo.ends_clean();
    }
}

#[test]
fn each_reliable_provisional_gets_one_prack_and_its_description_answers_our_offer() {
    let mut solo = Solo::calling();
    let provisional = |solo: &mut Solo, tag: &str, number: u32, body: &[u8]| {
        solo.extra = format!("Require: 100rel\nRSeq: {number}\n");
        solo.response_of(tag, 183, body);
        solo.extra.clear();
    };
    provisional(&mut solo, "one", 7, SDP);
    assert_eq!(solo.look(), ["PRACK"]);
    let first = solo.sent.last().unwrap();
    assert_eq!((first.value(Name::RAck), first.to_tag()), (Some(&b"7 1 INVITE"[..]), Some(&b"one"[..])));
    assert_eq!(solo.told(), ["progress 183"]);
    provisional(&mut solo, "one", 7, SDP);
    assert!(solo.look().is_empty() && solo.told().is_empty(), "it is repeated");
    provisional(&mut solo, "one", 9, b"");
    assert!(solo.look().is_empty(), "one is missing in between");
    provisional(&mut solo, "one", 8, b"");
    assert_eq!(solo.look(), ["PRACK"]);
    solo.told();
    solo.response_of("one", 200, b"");
    assert_eq!(solo.told(), ["answered with sdp"]);
    assert_eq!(solo.look(), ["ACK"]);
    assert_eq!(solo.sent.last().unwrap().cseq().unwrap().number, 1);
    let mut solo = Solo::calling();
    provisional(&mut solo, "one", 1, SDP);
    provisional(&mut solo, "two", 1, b"");
    assert_eq!(solo.look(), ["PRACK", "PRACK"]);
    solo.told();
    solo.response_of("one", 200, b"");
    assert_eq!(solo.told(), ["answered"], "the fork that rang last is the one remembered");
}
