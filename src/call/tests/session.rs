//! Session timers: who refreshes, by what, and what a session that is not refreshed comes to.

use super::*;
use crate::call::SessionTerms;

/// A call that comes with these header lines.
fn called(terms: SessionTerms, lines: &str) -> Solo {
    let mut solo = Solo::new();
    solo.call_id = "call-1".to_owned();
    solo.legs.set_session_terms(terms);
    solo.extra = lines.to_owned();
    solo.request("INVITE", 1, SDP);
    solo.extra.clear();
    if let Some(Event::Incoming { leg, .. }) = solo.legs.poll_event() {
        solo.leg = leg;
    }
    solo
}

/// The same, answered and acknowledged.
fn answered(terms: SessionTerms, lines: &str) -> Solo {
    let mut solo = called(terms, lines);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.look();
    solo.request("ACK", 1, b"");
    solo.told();
    solo
}

fn ours(expires: u64) -> SessionTerms {
    SessionTerms { expires: Some(Duration::from_secs(expires)), ..SessionTerms::default() }
}

fn header(solo: &Solo, name: Name) -> String {
    let last = solo.sent.last().expect("something went out");
    last.value(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// RFC 4028 9, table 2 and around it: what a caller asks, what we ask; the answer's Session-Expires and Require.
#[test]
fn the_answer_says_interval_and_refresher_as_the_table_wants() {
    let none = SessionTerms::default();
    let table: [(SessionTerms, &str, &str, &str); 11] = [
        (none, "", "", ""),
        (none, "Supported: timer\n", "", ""),
        (none, "Supported: timer\nSession-Expires: 1800\n", "1800;refresher=uac", "timer"),
        (none, "k: 100rel, TIMER\nx: 1800 ; Refresher=UAS\n", "1800;refresher=uas", "timer"),
        (none, "Session-Expires: 1800\n", "1800;refresher=uas", ""),
        (none, "Require: timer\nSession-Expires: 1800;refresher=uac\n", "1800;refresher=uac", "timer"),
        (none, "Session-Expires: 99999999999999999999\n", "", ""),
        (none, "Supported: timer\nSession-Expires: 4000000000\n", "86400;refresher=uac", "timer"),
        (ours(600), "Supported: timer\nSession-Expires: 1800\nMin-SE: 900\n", "900;refresher=uac", "timer"),
        (ours(600), "Supported: timer\n", "600;refresher=uac", "timer"),
        (ours(600), "", "", ""),
    ];
    for (terms, lines, expires, require) in table {
        let mut solo = called(terms, lines);
        solo.legs.answer(solo.now, solo.leg, SDP);
        solo.look();
        assert_eq!(
            (&*header(&solo, Name::SessionExpires), &*header(&solo, Name::Require)),
            (expires, require),
            "{lines}"
        );
    }
}

#[test]
fn too_short_an_interval_is_refused_unless_a_proxy_asks_for_it() {
    let mut solo = called(SessionTerms::default(), "Supported: timer\nSession-Expires: 60\n");
    assert_eq!(solo.look(), ["100 INVITE", "422 INVITE"]);
    assert_eq!(header(&solo, Name::MinSe), "90");
    assert!(solo.told().is_empty());
    solo.near_tag.clear();
    solo.ends_clean();
    let mut solo = answered(SessionTerms::default(), "Session-Expires: 60\n");
    assert_eq!(header(&solo, Name::SessionExpires), "90;refresher=uas");
    solo.extra = "Supported: timer\nSession-Expires: 60\n".to_owned();
    solo.request("INVITE", 2, SDP);
    assert_eq!(solo.look(), ["100 INVITE", "422 INVITE"]);
    assert!(solo.told().is_empty(), "the session stays");
}

#[test]
fn a_far_end_that_does_not_refresh_is_gone_a_little_before_the_end() {
    let mut solo = answered(SessionTerms::default(), "Supported: timer\nSession-Expires: 300\n");
    solo.pass(Duration::from_secs(200));
    solo.extra = "Supported: timer\nSession-Expires: 300;refresher=uac\n".to_owned();
    solo.request("UPDATE", 2, b"");
    assert_eq!(solo.look(), ["200 UPDATE"]);
    assert_eq!(header(&solo, Name::SessionExpires), "300;refresher=uac");
    solo.pass(Duration::from_secs(267));
    assert!(solo.told().is_empty());
    solo.pass(Duration::from_secs(2));
    assert_eq!(solo.told(), ["probed false"]);
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["BYE"]);
    solo.ends_clean();
}

#[test]
fn a_change_refreshes_too_and_a_refused_one_does_not() {
    let mut solo = answered(SessionTerms::default(), "Supported: timer\nSession-Expires: 300\n");
    solo.pass(Duration::from_secs(200));
    solo.extra = "Supported: timer\n".to_owned();
    solo.request("INVITE", 2, SDP);
    solo.legs.accept_change(solo.now, solo.leg, Some(SDP));
    solo.look();
    assert_eq!(header(&solo, Name::SessionExpires), "300;refresher=uac");
    solo.request("ACK", 2, b"");
    solo.told();
    solo.pass(Duration::from_secs(200));
    assert!(solo.told().is_empty());
    solo.request("INVITE", 3, SDP);
    solo.legs.refuse_change(solo.now, solo.leg, 488);
    solo.told();
    solo.pass(Duration::from_secs(69));
    assert_eq!(solo.told(), ["probed false"]);
}

#[test]
fn we_refresh_by_update_where_it_is_taken_and_by_re_invite_where_it_is_not() {
    let mut solo = answered(SessionTerms::default(), "Allow: INVITE, UPDATE\nSession-Expires: 300\n");
    solo.pass(Duration::from_secs(149));
    assert!(solo.look().is_empty());
    solo.pass(Duration::from_secs(1));
    assert_eq!(solo.look(), ["UPDATE"]);
    assert_eq!(header(&solo, Name::SessionExpires), "300;refresher=uac");
    solo.answer_last("UPDATE", 501);
    assert_eq!(solo.look(), [""; 0]);
    solo.pass(Duration::from_millis(1));
    assert_eq!(solo.told(), ["refresh due"]);
    solo.legs.refresh(solo.now, solo.leg, SDP);
    assert_eq!(solo.look(), ["INVITE"]);
    // A re-INVITE of theirs meets ours, and ours theirs.
    solo.request("INVITE", 2, SDP);
    assert_eq!(solo.look(), ["100 INVITE", "491 INVITE"]);
    solo.answer_last("INVITE", 491);
    assert_eq!(solo.look(), ["ACK"]);
    solo.pass(Duration::from_millis(2_001));
    assert_eq!(solo.told(), ["refresh due"], "the Call-ID is theirs: 0 to 2 s");
    solo.legs.refresh(solo.now, solo.leg, SDP);
    solo.look();
    solo.answer_last("INVITE", 200);
    assert_eq!((solo.look(), solo.told()), (vec!["ACK".to_owned()], vec!["confirmed".to_owned()]));
    solo.answer_last("INVITE", 200);
    assert_eq!(solo.look(), ["ACK"], "our ACK was lost: it is no other fork's answer");
    solo.pass(Duration::from_secs(150));
    assert_eq!(solo.told(), ["refresh due"]);
    solo.request("BYE", 3, b"");
    solo.told();
    solo.ends_clean();
}

#[test]
fn a_refresh_that_nobody_answers_or_knows_ends_the_session() {
    for status in [None, Some(481), Some(500)] {
        let mut solo = answered(SessionTerms::default(), "Allow: UPDATE\nSession-Expires: 300\n");
        solo.pass(Duration::from_secs(150));
        if let Some(status) = status {
            solo.look();
            solo.answer_last("UPDATE", status);
        }
        // 500 is tried again until the end.
        let within = if status == Some(500) { 119 } else { 32 };
        solo.pass(Duration::from_secs(within));
        assert_eq!(solo.told().last().map(String::as_str), Some("probed false"), "{status:?}");
        solo.legs.hang_up(solo.now, solo.leg);
        solo.ends_clean();
    }
}

#[test]
fn our_invite_asks_and_takes_what_the_answer_says() {
    let mut solo = Solo::new();
    solo.legs.set_session_terms(ours(600));
    solo.call();
    let invite = solo.invite.clone().unwrap();
    assert_eq!(invite.value(Name::SessionExpires), Some(&b"600"[..]));
    assert_eq!(
        (invite.value(Name::MinSe), invite.value(Name::Supported)),
        (Some(&b"90"[..]), Some(&b"timer, 100rel, replaces"[..]))
    );
    solo.extra = "Session-Expires: 400;refresher=uas\nRequire: timer\n".to_owned();
    solo.response(200, SDP);
    solo.look();
    solo.told();
    solo.pass(Duration::from_secs(367));
    assert!(solo.told().is_empty());
    solo.pass(Duration::from_secs(2));
    assert_eq!(solo.told(), ["probed false"]);
}

#[test]
fn an_invite_whose_interval_is_too_small_goes_out_once_more() {
    let mut solo = Solo::new();
    solo.legs.set_session_terms(ours(600));
    solo.call();
    solo.extra = "Min-SE: 900\n".to_owned();
    solo.response(422, b"");
    assert_eq!(solo.look(), ["ACK", "INVITE"]);
    let again = solo.sent.last().cloned().unwrap();
    assert_eq!((again.cseq().unwrap().number, again.to_tag(), again.body()), (2, None, SDP));
    assert_eq!(again.value(Name::SessionExpires), Some(&b"900"[..]));
    assert_eq!(again.call_id(), solo.invite.as_ref().unwrap().call_id());
    solo.invite = Some(again);
    solo.response(422, b"");
    assert_eq!(solo.told(), ["failed Status(422, None)"]);
    solo.ends_clean();
}

/// A shortest interval of ours, asked of nobody: where the far end's own is shorter, its own is what it goes by.
#[test]
fn a_shorter_interval_of_the_far_end_s_answer_is_refreshed_in_its_time() {
    let mut solo = Solo::new();
    solo.legs.set_session_terms(longer());
    solo.call();
    solo.extra = "Session-Expires: 120;refresher=uac\nRequire: timer\nAllow: UPDATE\n".to_owned();
    solo.response(200, SDP);
    solo.look();
    solo.told();
    for _ in 0..2 {
        solo.pass(Duration::from_secs(59));
        assert!(solo.look().is_empty());
        solo.pass(Duration::from_secs(1));
        assert_eq!(solo.look(), ["UPDATE"]);
        assert_eq!(header(&solo, Name::SessionExpires), "120;refresher=uac");
        solo.answer_last("UPDATE", 200);
    }
}

/// A reload that asks for longer ones holds from the next call on.
#[test]
fn a_session_that_runs_may_run_on_with_its_interval() {
    let mut solo = answered(SessionTerms::default(), "Supported: timer\nSession-Expires: 90\n");
    solo.legs.set_session_terms(longer());
    for number in [2, 3] {
        solo.pass(Duration::from_secs(45));
        solo.extra = "Supported: timer\nSession-Expires: 90;refresher=uac\n".to_owned();
        solo.request("UPDATE", number, b"");
        assert_eq!(solo.look(), ["200 UPDATE"]);
        assert_eq!(header(&solo, Name::SessionExpires), "90;refresher=uac");
    }
    solo.extra = "Supported: timer\nSession-Expires: 80;refresher=uac\n".to_owned();
    solo.request("UPDATE", 4, b"");
    assert_eq!((solo.look(), &*header(&solo, Name::MinSe)), (vec!["422 UPDATE".to_owned()], "200"));
    solo.pass(Duration::from_secs(61));
    assert_eq!(solo.told(), ["probed false"]);
}

/// A reload that asks for shorter ones holds from the next call on, too; nobody is given more than it has.
#[test]
fn a_session_that_runs_keeps_an_interval_that_new_ones_do_not_get() {
    let mut solo = answered(ours(1800), "Supported: timer\nSession-Expires: 1800\n");
    solo.legs.set_session_terms(ours(600));
    for (number, asked, given) in [(2, "1800", "1800"), (3, "4000", "1800"), (4, "900", "900"), (5, "1800", "900")] {
        solo.extra = format!("Supported: timer\nSession-Expires: {asked};refresher=uac\n");
        solo.request("UPDATE", number, b"");
        assert_eq!(solo.look(), ["200 UPDATE"]);
        assert_eq!(header(&solo, Name::SessionExpires), format!("{given};refresher=uac"));
    }
}

fn longer() -> SessionTerms {
    SessionTerms { expires: None, min: Duration::from_secs(200) }
}
