//! The far end asks for credentials. It is a guard of our own, so that what we send is judged, not compared.

use super::*;
use crate::call::Wallet;
use crate::sip::auth::{Algorithm, Credentials, Guard, Password, Verdict};
use std::sync::Arc;

const BOTH: &[Algorithm] = &Algorithm::ALL;

fn user() -> Credentials {
    Credentials { username: "us".to_owned(), password: Password::Text("pass".to_owned()) }
}

fn guard() -> Guard {
    Guard::new("pbx", &mut Rng::from_u64(9))
}

/// We call, and have credentials for the far end.
fn calling() -> Solo {
    let mut solo = Solo::calling();
    let mut wallet = Wallet::default();
    wallet.put(address(1), Arc::new(user()));
    solo.legs.set_wallet(Arc::new(wallet), false);
    solo
}

/// The last request of ours of this method.
fn last(solo: &Solo, method: &str) -> Message {
    let is_it = |message: &&Message| message.is_request() && message.method_text() == method.as_bytes();
    solo.sent.iter().rev().find(is_it).cloned().expect("such a request went out")
}

fn challenge(solo: &mut Solo, guard: &mut Guard, request: &Message, verdict: Verdict) {
    let mut writer = respond(request, address(2), 401, None, b"far");
    guard.challenge(solo.now, address(1).ip(), &mut writer, BOTH, verdict);
    solo.take(writer.finish());
}

fn judge(solo: &Solo, guard: &mut Guard, request: &Message) -> Verdict {
    let user = user();
    guard.judge(solo.now, address(1).ip(), request, BOTH, |_| Some(&user))
}

#[test]
fn an_invite_is_repeated_with_credentials_and_the_call_goes_on() {
    let (mut solo, mut guard) = (calling(), guard());
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    assert_eq!(solo.look(), ["ACK", "INVITE"]);
    let second = last(&solo, "INVITE");
    assert_eq!(judge(&solo, &mut guard, &second), Verdict::Good);
    let same = [Name::CallId, Name::From, Name::To, Name::Contact, Name::Allow, Name::ContentType];
    assert!(same.iter().all(|name| first.value(*name) == second.value(*name)));
    assert_eq!((first.uri(), first.body()), (second.uri(), second.body()));
    assert_eq!((first.cseq().unwrap().number, second.cseq().unwrap().number), (1, 2));
    assert_ne!(first.top_via().unwrap().branch, second.top_via().unwrap().branch);
    assert!(solo.told().is_empty(), "nothing has come to an end");
    solo.invite = Some(second);
    solo.response(180, b"");
    solo.response(200, SDP);
    assert_eq!(solo.told(), ["progress 180", "answered with sdp"]);
    assert_eq!(solo.look(), ["ACK"]);
    assert_eq!(last(&solo, "ACK").cseq().unwrap().number, 2);
    // The BYE is asked too.
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["BYE"]);
    let bye = last(&solo, "BYE");
    challenge(&mut solo, &mut guard, &bye, Verdict::Missing);
    assert_eq!(solo.look(), ["BYE"]);
    let again = last(&solo, "BYE");
    assert_eq!((bye.cseq().unwrap().number, again.cseq().unwrap().number), (3, 4));
    assert_eq!(judge(&solo, &mut guard, &again), Verdict::Good);
    solo.answer_last("BYE", 200);
    solo.ends_clean();
}

#[test]
fn credentials_that_are_refused_are_not_sent_again() {
    let (mut solo, mut guard) = (calling(), guard());
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    solo.look();
    let second = last(&solo, "INVITE");
    challenge(&mut solo, &mut guard, &second, Verdict::Wrong);
    assert_eq!(solo.look(), ["ACK"]);
    assert_eq!(solo.told(), ["failed Status(401, None)"]);
    solo.ends_clean();
}

#[test]
fn a_stale_nonce_is_replaced_once() {
    let (mut solo, mut guard) = (calling(), guard());
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    for expected in [&["ACK", "INVITE", "ACK", "INVITE"][..], &["ACK"]] {
        let before = solo.sent.len();
        let mut labels = solo.look();
        let request = last(&solo, "INVITE");
        challenge(&mut solo, &mut guard, &request, Verdict::Stale);
        labels.extend(solo.look());
        assert_eq!(labels, expected, "{before}");
    }
    assert_eq!(solo.told(), ["failed Status(401, None)"]);
    solo.ends_clean();
}

#[test]
fn who_has_no_credentials_takes_the_refusal() {
    let (mut solo, mut guard) = (Solo::calling(), guard());
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    assert_eq!((solo.look(), solo.told()), (vec!["ACK".to_owned()], vec!["failed Status(401, None)".to_owned()]));
    solo.ends_clean();
}

#[test]
fn a_call_given_up_is_not_repeated_when_it_is_challenged() {
    let (mut solo, mut guard) = (calling(), guard());
    let first = solo.invite.clone().unwrap();
    solo.legs.hang_up(solo.now, solo.leg);
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    assert_eq!((solo.look(), solo.told()), (vec!["ACK".to_owned()], vec!["failed Released".to_owned()]));
    solo.ends_clean();
}

#[test]
fn credentials_go_to_the_host_they_are_for_alone() {
    let (mut solo, mut guard) = (Solo::calling(), guard());
    let mut wallet = Wallet::default();
    wallet.put(address(7), Arc::new(user()));
    solo.legs.set_wallet(Arc::new(wallet), false);
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    assert_eq!(solo.look(), ["ACK"]);
}

#[test]
fn a_repeated_invite_is_cancelled_like_the_first() {
    let (mut solo, mut guard) = (calling(), guard());
    let first = solo.invite.clone().unwrap();
    challenge(&mut solo, &mut guard, &first, Verdict::Missing);
    solo.look();
    solo.invite = Some(last(&solo, "INVITE"));
    solo.response(180, b"");
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["CANCEL"]);
    // A CANCEL cannot prove anything (RFC 3261 22.1).
    let cancel = last(&solo, "CANCEL");
    challenge(&mut solo, &mut guard, &cancel, Verdict::Missing);
    solo.response(487, b"");
    assert_eq!(solo.look(), ["ACK"]);
    assert_eq!(solo.told(), ["progress 180", "failed Released"]);
    solo.ends_clean();
}
