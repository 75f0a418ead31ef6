//! Symmetric RTP: where the peer is configured for it, audio goes to where audio comes from, and to nobody else.

use super::*;

const HIDDEN: &str = "203.0.113.9:40001";
const THIEF: &str = "203.0.113.66:5555";

#[test]
fn audio_goes_to_where_three_packets_in_a_row_came_from() {
    let mut world = behind_nat();
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, 0), [address(CALLER)], "nothing better is known yet");
    let before = world.sent.len();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..3);
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [address(CALLER)], "two do not do");
    let before = world.sent.len();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 3..4);
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [HIDDEN.parse().unwrap()]);
}

#[test]
fn once_locked_another_source_is_neither_heard_nor_sent_to_until_a_re_invite_names_another_address() {
    let mut world = behind_nat();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..4);
    let before = world.sent.len();
    world.strangers_audio(CALLER, THIEF, SSRC, 4..200);
    world.strangers_audio(CALLER, &address(CALLER).to_string(), SSRC, 200..300);
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [HIDDEN.parse().unwrap()]);
    world.command(Command::Far { stream: CALLER, far: Far { dtmf: None, ..symmetric(CALLER) } });
    let before = world.sent.len();
    world.strangers_audio(CALLER, THIEF, SSRC, 300..400);
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [HIDDEN.parse().unwrap()], "the same address again");
    let moved = SocketAddr::from(([10, 9, 9, 9], 7_000));
    world.command(Command::Far { stream: CALLER, far: Far { address: moved, ..symmetric(CALLER) } });
    let before = world.sent.len();
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [moved]);
    let before = world.sent.len();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 500..503);
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, before), [HIDDEN.parse().unwrap()], "learned anew");
}

#[test]
fn what_comes_before_the_lock_is_not_heard_and_what_comes_after_is() {
    let mut world = behind_nat();
    world.open(AGENT, Codec::Pcma);
    world.join();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..3);
    world.strangers_audio(CALLER, THIEF, SSRC, 3..5);
    assert!(world.heard(AGENT).is_empty());
    world.strangers_audio(CALLER, HIDDEN, SSRC, 5..9);
    world.strangers_audio(CALLER, THIEF, SSRC, 9..50);
    assert_eq!(world.heard(AGENT).len(), 2, "the third in a row and the fourth");
}

#[test]
fn packets_that_came_before_the_far_end_was_known_count_towards_the_lock() {
    let mut world = World::new();
    world.command(open(CALLER));
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..4);
    world.command(Command::Far { stream: CALLER, far: symmetric(CALLER) });
    world.hear(CALLER, music(true));
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, 0), [HIDDEN.parse().unwrap()]);
}

#[test]
fn who_is_not_to_send_or_sends_what_was_not_agreed_upon_does_not_lock() {
    let mut world = behind_nat();
    let held = Far { receive: false, ..symmetric(CALLER) };
    world.command(Command::Far { stream: CALLER, far: held });
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..20);
    world.command(Command::Far { stream: CALLER, far: symmetric(CALLER) });
    for sequence in 1..20 {
        let noise = datagram(77, sequence, 0, &[1; 20]);
        world.worker.handle_rtp(world.now, port(CALLER), HIDDEN.parse().unwrap(), &noise);
    }
    world.run(100);
    assert_eq!(world.destinations(CALLER, Kind::Rtp, 0), [address(CALLER)]);
}

#[test]
fn rtcp_goes_to_where_the_far_end_s_own_comes_from() {
    let mut world = behind_nat();
    world.strangers_audio(CALLER, HIDDEN, SSRC, 1..4);
    world.run(10_000);
    assert!(world.destinations(CALLER, Kind::Rtcp, 0).is_empty(), "no guess");
    let mut report = vec![0x80, 201, 0, 1];
    report.extend(SSRC.to_be_bytes());
    for source in ["203.0.113.66:6001", "203.0.113.9:40077", "203.0.113.9:40079"] {
        world.worker.handle_rtcp(world.now, port(CALLER), source.parse().unwrap(), &report);
    }
    world.run(10_000);
    assert_eq!(world.destinations(CALLER, Kind::Rtcp, 0), ["203.0.113.9:40077".parse().unwrap()]);
}

/// A caller who hears music and whose packets may come from elsewhere.
fn behind_nat() -> World {
    let mut world = World::new();
    world.command(open(CALLER));
    world.command(Command::Far { stream: CALLER, far: symmetric(CALLER) });
    world.hear(CALLER, music(true));
    world
}

fn symmetric(stream: StreamId) -> Far {
    Far { symmetric: true, ..far(stream, Codec::Pcma) }
}
