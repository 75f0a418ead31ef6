//! Offers of ours inside a dialog: when they go out, and what becomes of them.

use super::*;

const OTHER: &[u8] = b"v=0\r\no=other\r\n";

/// A caller that we have answered; acknowledged or not.
fn answered(acknowledged: bool) -> Solo {
    let mut solo = Solo::called(SDP);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.look();
    if acknowledged {
        solo.request("ACK", 1, b"");
    }
    solo.told();
    solo
}

/// The far end answers our re-INVITE.
fn takes(solo: &mut Solo, status: u16, sdp: &[u8]) {
    let is_it = |message: &&Message| message.is_request() && message.method_text() == b"INVITE";
    let request = solo.sent.iter().rev().find(is_it).cloned().expect("a re-INVITE went out");
    let writer = respond(&request, address(2), status, None, b"far");
    solo.take(if sdp.is_empty() { writer.finish() } else { writer.finish_body("application/sdp", sdp) });
}

#[test]
fn other_audio_is_offered_and_the_answer_told() {
    let mut solo = answered(true);
    solo.legs.reoffer(solo.now, solo.leg, OTHER);
    assert_eq!(solo.look(), ["INVITE"]);
    assert_eq!(solo.sent.last().unwrap().body(), OTHER);
    // Another one has to wait for this one's outcome.
    solo.legs.reoffer(solo.now, solo.leg, SDP);
    assert!(solo.look().is_empty());
    takes(&mut solo, 200, SDP);
    assert_eq!(solo.look(), ["ACK"]);
    let Some(Event::Reoffered { offer, answer, .. }) = solo.legs.poll_event() else { panic!("it is told") };
    assert_eq!((&offer[..], answer.as_deref()), (OTHER, Some(SDP)));
    takes(&mut solo, 200, SDP);
    assert_eq!((solo.look(), solo.told()), (vec!["ACK".to_owned()], vec![]), "a repeated 2xx is acknowledged again");
    solo.request("BYE", 2, b"");
    solo.ends_clean();
}

#[test]
fn a_refusal_leaves_the_session_as_it_was() {
    let mut solo = answered(true);
    solo.legs.reoffer(solo.now, solo.leg, OTHER);
    solo.look();
    takes(&mut solo, 488, b"");
    assert_eq!(solo.told(), ["reoffered"]);
    solo.legs.reoffer(solo.now, solo.leg, SDP);
    assert_eq!(solo.look(), ["ACK", "INVITE"]);
    takes(&mut solo, 481, b"");
    assert_eq!(solo.told(), ["probed false"], "the far end does not know the call");
    solo.legs.hang_up(solo.now, solo.leg);
    solo.pass(Duration::from_secs(40));
    solo.ends_clean();
}

#[test]
fn it_waits_until_the_call_is_acknowledged_and_says_the_last_word() {
    let mut solo = answered(false);
    solo.legs.reoffer(solo.now, solo.leg, SDP);
    solo.legs.reoffer(solo.now, solo.leg, OTHER);
    solo.pass(Duration::from_millis(300));
    assert!(!solo.look().contains(&"INVITE".to_owned()));
    solo.request("ACK", 1, b"");
    solo.pass(Duration::from_millis(300));
    assert_eq!(solo.look(), ["INVITE"]);
    assert_eq!(solo.sent.last().unwrap().body(), OTHER);
    takes(&mut solo, 200, SDP);
    solo.request("BYE", 2, b"");
    solo.ends_clean();
}

#[test]
fn two_re_invites_that_meet_are_told_apart() {
    for called in [true, false] {
        let mut solo = if called { answered(true) } else { Solo::calling() };
        if !called {
            solo.response(200, SDP);
            solo.told();
        }
        solo.look();
        solo.legs.reoffer(solo.now, solo.leg, OTHER);
        solo.look();
        solo.request("INVITE", 2, SDP);
        assert_eq!(solo.look(), ["100 INVITE", "491 INVITE"]);
        solo.request("ACK", 2, b"");
        takes(&mut solo, 491, b"");
        solo.look();
        solo.pass(Duration::from_millis(2_050));
        // RFC 3261 14.1: whose Call-ID it is waits longer.
        assert_eq!(solo.look().contains(&"INVITE".to_owned()), called);
        solo.pass(Duration::from_millis(2_000));
        solo.look();
        takes(&mut solo, 200, SDP);
        assert_eq!(solo.told(), ["reoffered with sdp"]);
        solo.request("BYE", 3, b"");
        solo.ends_clean();
    }
}

#[test]
fn a_leg_that_ends_forgets_it() {
    for acknowledged in [true, false] {
        let mut solo = answered(acknowledged);
        solo.legs.reoffer(solo.now, solo.leg, OTHER);
        solo.request("BYE", 2, b"");
        solo.told();
        solo.ends_clean();
    }
    let mut solo = answered(true);
    solo.legs.reoffer(solo.now, solo.leg, OTHER);
    solo.pass(Duration::from_secs(33));
    assert_eq!(solo.told(), ["probed false"], "nobody answers");
    solo.legs.hang_up(solo.now, solo.leg);
    solo.ends_clean();
}
