//! Talk: what one party says is what the other hears, as one unbroken source.

use super::*;

#[test]
fn from_music_to_talk_each_leg_hears_one_source_and_then_only_the_other_party() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.talk(CALLER, CALLER_HZ);
    world.run(1_000);
    world.open(AGENT, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    world.join();
    let joined = world.now;
    world.run(2_000);
    let heard = world.heard(CALLER);
    assert_ordered(&heard);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
    assert!(heard.windows(2).all(|pair| pair[1].at - pair[0].at <= Duration::from_millis(40)), "no gap above 60 ms");
    assert_clock(&heard);
    let (music, talk): (Vec<Heard>, Vec<Heard>) = heard.into_iter().partition(|packet| packet.at <= joined);
    assert!(talk[0].header.marker && talk[1..].iter().all(|packet| !packet.header.marker));
    assert!(share(&samples(&music, Codec::Pcma), MUSIC_HZ) > 0.95);
    assert!(share(&samples(&talk, Codec::Pcma), AGENT_HZ) > 0.95);
    let agent = world.heard(AGENT);
    assert_continuous(&agent);
    assert!(share(&samples(&agent, Codec::Pcma), CALLER_HZ) > 0.95);
}

#[test]
fn back_from_talk_to_music_the_source_goes_on() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    world.run(1_000);
    world.command(Command::Close { stream: AGENT });
    world.run(500);
    world.hear(CALLER, music(true));
    world.run(1_000);
    let heard = world.heard(CALLER);
    assert_eq!(heard.len(), 100);
    assert_ordered(&heard);
    assert_clock(&heard);
    let gap = heard.windows(2).position(|pair| pair[1].at - pair[0].at > Duration::from_millis(400)).unwrap();
    assert!(heard[gap + 1].header.marker);
}

#[test]
fn the_laws_are_converted_where_they_differ() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcmu);
    world.talk(CALLER, CALLER_HZ);
    world.talk(AGENT, AGENT_HZ);
    world.run(1_000);
    let (caller, agent) = (world.heard(CALLER), world.heard(AGENT));
    assert!(caller.iter().all(|packet| packet.header.payload_type == 8));
    assert!(agent.iter().all(|packet| packet.header.payload_type == 0));
    assert!(share(&samples(&caller, Codec::Pcma), AGENT_HZ) > 0.95);
    assert!(share(&samples(&agent, Codec::Pcmu), CALLER_HZ) > 0.95);
}

#[test]
fn a_far_end_that_is_not_to_send_is_not_relayed() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Far { stream: AGENT, far: Far { receive: false, ..far(AGENT, Codec::Pcma) } });
    world.rtp(AGENT, 8, 1, 0, &[1; 160]);
    assert!(world.heard(CALLER).is_empty());
}

#[test]
fn talk_then_music_then_talk_again_is_one_source() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    for _ in 0..20 {
        world.run(401);
        world.hear(CALLER, music(true));
        world.run(402);
        world.hear(CALLER, Source::Relay(AGENT));
    }
    world.run(400);
    let heard = world.heard(CALLER);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
    assert_ordered(&heard);
    assert_clock(&heard);
    assert_eq!(heard.iter().filter(|packet| packet.header.marker).count(), 41);
}

#[test]
fn music_waits_until_released_audio_has_had_its_time() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.open(AGENT, Codec::Pcma);
    (0..10).for_each(|n| world.rtp(AGENT, 8, n, u32::from(n) * 160, &[n as u8; 160]));
    world.join();
    world.hear(CALLER, music(true));
    world.run(1_000);
    let heard = world.heard(CALLER);
    assert_ordered(&heard);
    assert!((Duration::from_millis(180)..Duration::from_millis(220)).contains(&(heard[10].at - heard[9].at)));
    assert_clock(&heard[10..]);
    assert!(share(&samples(&heard[10..], Codec::Pcma), MUSIC_HZ) > 0.95);
}

#[test]
fn the_same_rule_again_changes_nothing() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    for _ in 0..10 {
        world.run(50);
        world.join();
    }
    let heard = world.heard(CALLER);
    assert_continuous(&heard);
    assert_eq!(heard.iter().filter(|packet| packet.header.marker).count(), 1);
}

#[test]
fn comfort_noise_is_left_out_without_a_gap() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    world.rtp(CALLER, 13, 2, 160, &[40]);
    world.rtp(CALLER, 8, 3, 320, &[3; 160]);
    world.rtp(CALLER, 8, 5, 640, &[5; 160]);
    let numbers: Vec<u16> = world.heard(AGENT).iter().map(|packet| packet.header.sequence).collect();
    assert_eq!(numbers.iter().map(|n| n.wrapping_sub(numbers[0])).collect::<Vec<_>>(), [0, 1, 3], "4 was lost");
}
