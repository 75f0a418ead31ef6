//! The vectors of RFC 7616 3.9.1, both sides against each other, and what strangers may send.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::fields::Fields;
use super::nonces::LIFE;
use super::proof::*;
use super::*;
use crate::base::{Instant, Rng, limits};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::write::Writer;

const VECTOR: Claim<'_> = Claim {
    algorithm: Algorithm::Sha256,
    username: b"Mufasa",
    realm: b"http-auth@example.org",
    method: b"GET",
    uri: b"/dir/index.html",
    nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    counted: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
};

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn user() -> Credentials {
    Credentials { username: "1001".to_owned(), password: Password::Text("s3cret".to_owned()) }
}

fn guard() -> Guard {
    Guard::new("strowger", &mut Rng::from_u64(1))
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn request(lines: &str) -> Message {
    let text = format!("REGISTER sip:1001@h SIP/2.0\r\n{lines}\r\n");
    Message::parse(Bytes::from(text)).unwrap()
}

fn challenge(guard: &mut Guard, now: Instant, verdict: Verdict, algorithms: &[Algorithm]) -> Message {
    let mut writer = Writer::response(401, "Unauthorized");
    guard.challenge(now, HERE, &mut writer, algorithms, verdict);
    Message::parse(writer.finish()).unwrap()
}

fn line(answer: &Answer) -> String {
    format!("{}: {}\r\n", answer.name.as_str(), String::from_utf8_lossy(&answer.value))
}

fn judge(guard: &mut Guard, now: Instant, request: &Message) -> Verdict {
    let user = user();
    guard.judge(now, HERE, request, &Algorithm::ALL, |name| (name == b"1001").then_some(&user))
}

#[test]
fn the_vectors_of_rfc_7616() {
    let response = |algorithm| {
        let hash = Claim { algorithm, ..VECTOR }.response("Circle of Life");
        String::from_utf8_lossy(hash.as_bytes()).into_owned()
    };
    assert_eq!(response(Algorithm::Sha256), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    assert_eq!(response(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
}

#[test]
fn the_vector_of_rfc_2617_without_a_count_is_that_of_rfc_2069() {
    let claim = Claim {
        algorithm: Algorithm::Md5,
        realm: b"testrealm@host.com",
        nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
        counted: None,
        ..VECTOR
    };
    assert_eq!(claim.response("Circle Of Life").as_bytes(), b"670fd8c2df070c60b045671b8b24ff02");
}

#[test]
fn the_key_of_nonces_is_hmac_sha_256() {
    // RFC 4231 4.2 and 4.3 have keys of other lengths, which HMAC fills up with zeros.
    let mut key = [0; 32];
    key[..20].fill(0x0b);
    assert_eq!(keyed(&key, b"Hi There"), 0xb034_4c61_d8db_3853);
    key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    assert_eq!(keyed(&key, b"what do ya want for nothing?"), 0x5bdc_c146_bf60_754e);
}

#[test]
fn who_knows_the_password_gets_in_once() {
    for algorithms in [&Algorithm::ALL[..], &[Algorithm::Md5], &[Algorithm::Sha256]] {
        let mut guard = guard();
        let bare = request("");
        assert_eq!(judge(&mut guard, at(1), &bare), Verdict::Missing);
        let asked = challenge(&mut guard, at(1), Verdict::Missing, algorithms);
        let proof = answer(&asked, &bare, &user(), 7).unwrap();
        assert!(line(&proof).contains(algorithms[0].as_str()), "the topmost is taken");
        let proven = request(&line(&proof));
        assert_eq!(judge(&mut guard, at(2), &proven), Verdict::Good);
        assert_eq!(judge(&mut guard, at(2), &proven), Verdict::Stale, "not a second time");
        assert_eq!(answer(&asked, &proven, &user(), 8), None, "what was refused is not tried again");
        // Stale: once more, and then no more.
        let again = challenge(&mut guard, at(3), Verdict::Stale, algorithms);
        let second = request(&line(&answer(&again, &proven, &user(), 9).unwrap()));
        assert_eq!(answer(&again, &second, &user(), 10), None);
        assert_eq!(judge(&mut guard, at(3), &second), Verdict::Good);
    }
}

#[test]
fn a_wrong_password_or_user_does_not_get_in() {
    let mut guard = guard();
    let asked = challenge(&mut guard, at(1), Verdict::Missing, &Algorithm::ALL);
    for (username, password) in [("1001", "other"), ("1002", "s3cret"), ("1001", ""), ("", "s3cret"), ("nobody", "")] {
        let credentials = Credentials { username: username.to_owned(), password: Password::Text(password.to_owned()) };
        let proof = answer(&asked, &request(""), &credentials, 7).unwrap();
        assert_eq!(judge(&mut guard, at(1), &request(&line(&proof))), Verdict::Wrong, "{username} {password}");
    }
    let unknown = Credentials { password: Password::Variable("X".to_owned()), ..user() };
    assert_eq!(answer(&asked, &request(""), &unknown, 7), None, "no password, no answer");
    assert_eq!(guard.remembered(), 0, "nothing is kept for who is not let in");
}

#[test]
fn credentials_hold_for_their_method_their_user_and_their_time() {
    let mut guard = guard();
    let asked = challenge(&mut guard, at(1), Verdict::Missing, &Algorithm::ALL);
    let proof = line(&answer(&asked, &request(""), &user(), 7).unwrap());
    let other = |start: &str| Message::parse(Bytes::from(format!("{start} SIP/2.0\r\n{proof}\r\n"))).unwrap();
    assert_eq!(judge(&mut guard, at(1), &other("INVITE sip:1001@h")), Verdict::Wrong);
    let elsewhere = judge(&mut guard, at(1), &other("REGISTER sip:1002@h"));
    assert_eq!(elsewhere, Verdict::Bad("Credentials for another URI"));
    let late = at(1) + LIFE + Duration::from_secs(1);
    assert_eq!(judge(&mut guard, late, &request(&proof)), Verdict::Stale);
    assert_eq!(judge(&mut guard, at(1), &other("REGISTER sip:1001@other:5080;transport=udp")), Verdict::Good);
}

#[test]
fn a_nonce_of_another_node_is_stale_whoever_knows_the_password() {
    let (mut ours, mut other) = (guard(), Guard::new("strowger", &mut Rng::from_u64(2)));
    let asked = challenge(&mut other, at(1), Verdict::Missing, &Algorithm::ALL);
    for password in ["s3cret", "guess"] {
        let user = Credentials { password: Password::Text(password.to_owned()), ..user() };
        let proof = line(&answer(&asked, &request(""), &user, 7).unwrap());
        assert_eq!(judge(&mut ours, at(1), &request(&proof)), Verdict::Stale, "{password}");
    }
}

#[test]
fn a_nonce_is_worth_nothing_under_another_address() {
    let mut guard = guard();
    let asked = challenge(&mut guard, at(1), Verdict::Missing, &Algorithm::ALL);
    let credentials = user();
    let mut judge = |source: &str, password: &str| {
        let user = Credentials { password: Password::Text(password.to_owned()), ..user() };
        let proof = line(&answer(&asked, &request(""), &user, 7).unwrap());
        guard.judge(at(1), source.parse().unwrap(), &request(&proof), &Algorithm::ALL, |_| Some(&credentials))
    };
    assert_eq!((judge("192.0.2.2", "guess"), judge("192.0.2.2", "s3cret")), (Verdict::Stale, Verdict::Stale));
    assert_eq!((judge("192.0.2.1", "guess"), judge("192.0.2.1", "s3cret")), (Verdict::Wrong, Verdict::Good));
}

#[test]
fn counts_of_a_nonce_may_come_in_any_order_but_not_twice() {
    let mut nonces = nonces::Nonces::new(&mut Rng::from_u64(1));
    let nonce = nonces.make(at(1), HERE);
    for (count, good) in
        [(2, true), (1, true), (2, false), (1, false), (70, true), (6, false), (7, true), (0, false), (u32::MAX, true)]
    {
        assert_eq!(nonces.accept(at(1), HERE, &nonce, count), good, "{count}");
    }
    assert!(!nonces.accept(at(1), HERE, b"", 1) && !nonces.accept(at(1), HERE, &[b'0'; 32], 1));
    assert!(!nonces.accept(at(1), HERE, &[0xff; 32], 1) && !nonces.accept(at(1), HERE, &[b'0'; 4096], 1));
}

#[test]
fn the_memory_of_nonces_is_bounded_and_none_is_good_twice_beyond_it() {
    let mut nonces = nonces::Nonces::new(&mut Rng::from_u64(1));
    let first = nonces.make(at(1), HERE);
    assert!(nonces.accept(at(1), HERE, &first, 1));
    for _ in 0..limits::NONCES_MAX + 10 {
        let nonce = nonces.make(at(1), HERE);
        assert!(nonces.accept(at(1), HERE, &nonce, 1));
    }
    assert_eq!(nonces.len(), limits::NONCES_MAX);
    assert!(!nonces.accept(at(1), HERE, &first, 1), "forgotten, and so refused");
    let later = nonces.make(at(1000), HERE);
    assert!(nonces.accept(at(1000), HERE, &later, 1));
    assert_eq!(nonces.len(), 1, "what is stale is forgotten");
}

#[test]
fn hostile_credentials_get_a_clear_answer() {
    let mut guard = guard();
    let whole = |extra: &str| {
        format!("username=\"1001\", realm=\"strowger\", nonce=\"x\", uri=\"sip:1001@h\", response=\"y\"{extra}")
    };
    for (value, verdict) in [
        ("Basic abc".to_owned(), Verdict::Missing),
        ("Digest".to_owned(), Verdict::Missing),
        ("Digest realm=\"other\"".to_owned(), Verdict::Missing),
        ("Digest realm=\"strowger".to_owned(), Verdict::Bad("Unreadable credentials")),
        ("Digest realm".to_owned(), Verdict::Bad("Unreadable credentials")),
        ("Digest =\"x\"".to_owned(), Verdict::Bad("Unreadable credentials")),
        ("Digest realm=\"strowger\",REALM=\"strowger\"".to_owned(), Verdict::Bad("Unreadable credentials")),
        (format!("Digest {}", "a=b,".repeat(40)), Verdict::Bad("Unreadable credentials")),
        ("Digest realm=\"strowger\"".to_owned(), Verdict::Bad("Incomplete credentials")),
        (format!("Digest {}", whole("")), Verdict::Bad("Credentials without nc and cnonce")),
        (format!("Digest {}", whole(",nc=1,cnonce=\"a\",qop=auth")), Verdict::Bad("Bad qop, nc or cnonce")),
        (format!("Digest {}", whole(",nc=00000000,cnonce=\"a\",qop=auth")), Verdict::Bad("Bad qop, nc or cnonce")),
        (format!("Digest {}", whole(",nc=00000001,cnonce=\"a\",qop=auth-int")), Verdict::Bad("Bad qop, nc or cnonce")),
        (format!("Digest {}", whole(",nc=00000001,cnonce=\"a\",qop=auth,algorithm=MD5-sess")), Verdict::Missing),
        (format!("Digest {}", whole(",nc=00000001,cnonce=\"a\",qop=auth")), Verdict::Stale),
    ] {
        let request = request(&format!("Authorization: {value}\r\n"));
        assert_eq!(judge(&mut guard, at(1), &request), verdict, "{value}");
    }
}

#[test]
fn a_challenge_that_we_cannot_answer_gets_none() {
    let ask = |value: &str| {
        let text = format!("SIP/2.0 407 Who\r\nProxy-Authenticate: {value}\r\n\r\n");
        answer(&Message::parse(Bytes::from(text)).unwrap(), &request(""), &user(), 1)
    };
    for value in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\"",
        "Digest nonce=\"x\"",
        "Digest realm=\"x\",nonce=\"y\",algorithm=SHA-512-256",
        "Digest realm=\"x\",nonce=\"y\",qop=\"auth-int\"",
        "Digest realm=\"x,nonce=\"y",
    ] {
        assert_eq!(ask(value), None, "{value}");
    }
    let old = ask("Digest realm=\"x\\\"y\", nonce=\"n\", opaque=\"o\"").unwrap();
    let text = String::from_utf8(old.value).unwrap();
    assert!(text.contains("realm=\"x\\\"y\"") && text.ends_with(",algorithm=MD5,opaque=\"o\""), "{text}");
    assert!(!text.contains("cnonce") && old.name == Name::ProxyAuthorization);
}

proptest! {
    #[test]
    fn no_header_breaks_the_reader(value in "\\PC{0,80}", tail in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Fields::parse(value.as_bytes());
        let bytes = [b"Digest realm=\"strowger\",", value.as_bytes(), &tail].concat();
        let text = [b"REGISTER sip:1001@h SIP/2.0\r\nAuthorization: ", &bytes[..], b"\r\n\r\n"].concat();
        if let Ok(message) = Message::parse(Bytes::from(text)) {
            let verdict = judge(&mut guard(), at(1), &message);
            prop_assert!(verdict != Verdict::Good && verdict != Verdict::Wrong);
        }
        let text = [b"SIP/2.0 401 x\r\nWWW-Authenticate: ", &bytes[..], b"\r\n\r\n"].concat();
        if let Ok(message) = Message::parse(Bytes::from(text)) {
            let _ = answer(&message, &request(""), &user(), 1);
        }
    }
}
