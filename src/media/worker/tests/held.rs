//! Audio that comes ahead of its rule.

use super::*;

#[test]
fn audio_ahead_of_its_rule_is_held_and_not_lost() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.run(100);
    world.command(open(AGENT));
    world.talk(AGENT, AGENT_HZ);
    world.run(60);
    world.command(Command::Far { stream: AGENT, far: far(AGENT, Codec::Pcma) });
    world.run(60);
    let before = world.heard(CALLER).len();
    world.join();
    let heard = world.heard(CALLER);
    let released = &heard[before..];
    assert_eq!(released.len(), 6, "before and after the far end was known");
    assert_ordered(&heard);
    assert!(share(&samples(released, Codec::Pcma), AGENT_HZ) > 0.95);
    world.run(1_000);
    assert_eq!(world.heard(CALLER).len(), before + 6 + 50);
}

#[test]
fn what_is_held_is_bounded_and_the_newest_is_kept() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.command(open(AGENT));
    (0..50).for_each(|n| world.rtp(AGENT, 8, n, u32::from(n) * 160, &[n as u8; 160]));
    world.command(Command::Far { stream: AGENT, far: far(AGENT, Codec::Pcma) });
    world.join();
    let first: Vec<u8> = world.heard(CALLER).iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(first, (50 - HELD_PACKETS_MAX as u8..50).collect::<Vec<_>>());
}

#[test]
fn a_caller_who_hears_music_is_not_held_for_later() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.open(AGENT, Codec::Pcma);
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    world.hear(CALLER, music(true));
    world.rtp(CALLER, 8, 2, 160, &[2; 160]);
    world.join();
    assert!(world.heard(AGENT).is_empty());
}

#[test]
fn a_change_from_relay_drops_what_was_held() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.open(AGENT, Codec::Pcma);
    world.hear(AGENT, Source::Relay(CALLER));
    world.rtp(AGENT, 8, 1, 0, &[1; 160]);
    world.hear(AGENT, Source::Silence);
    world.hear(AGENT, Source::Relay(CALLER));
    world.hear(CALLER, Source::Relay(AGENT));
    assert!(world.heard(CALLER).is_empty());
}

#[test]
fn audio_for_a_listener_whose_far_end_is_not_known_yet_is_held() {
    let mut world = World::new();
    world.open(AGENT, Codec::Pcma);
    world.command(open(CALLER));
    world.join();
    (0..3).for_each(|n| world.rtp(AGENT, 8, n, u32::from(n) * 160, &[n as u8; 160]));
    assert!(world.heard(CALLER).is_empty());
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    let heard: Vec<u8> = world.heard(CALLER).iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(heard, [0, 1, 2]);
}

#[test]
fn what_was_held_of_a_call_that_ended_does_not_reach_the_next() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.open(AGENT, Codec::Pcma);
    world.hear(CALLER, Source::Relay(AGENT));
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    world.command(Command::Close { stream: AGENT });
    world.rtp(CALLER, 8, 2, 160, &[2; 160]);
    let next = StreamId(2);
    world.open(next, Codec::Pcma);
    world.hear(next, Source::Relay(CALLER));
    assert!(world.heard(next).is_empty());
}
