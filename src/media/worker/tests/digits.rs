//! Keys: told once and passed on.

use super::*;

#[test]
fn a_key_press_is_told_once_and_relayed_with_the_other_leg_s_payload_type() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Far { stream: AGENT, far: Far { dtmf: Some(96), ..far(AGENT, Codec::Pcma) } });
    world.rtp(CALLER, 8, 100, 5_000, &[0xD5; 160]);
    for (n, (marker, payload)) in (101..).zip(key_press('7', 5).unwrap()) {
        world.run(20);
        let header = Header { marker, payload_type: 101, sequence: n, timestamp: 5_160, ssrc: SSRC };
        world.packet(CALLER, header, &payload);
    }
    world.run(20);
    world.rtp(CALLER, 8, 109, 5_160 + 1_280, &[0xD5; 160]);
    assert_eq!(world.events, [Event::Digit { stream: CALLER, digit: '7' }]);
    let heard = world.heard(AGENT);
    assert_eq!(heard.len(), 10);
    let types: Vec<u8> = heard.iter().map(|packet| packet.header.payload_type).collect();
    assert_eq!(types, [8, 96, 96, 96, 96, 96, 96, 96, 96, 8]);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
    let times: Vec<u32> =
        heard.iter().map(|packet| packet.header.timestamp.wrapping_sub(heard[0].header.timestamp)).collect();
    assert_eq!(times, [0, 160, 160, 160, 160, 160, 160, 160, 160, 1_440]);
    let markers: Vec<bool> = heard.iter().map(|packet| packet.header.marker).collect();
    assert_eq!(markers, [true, true, false, false, false, false, false, false, false, false]);
    assert_eq!(heard[1].payload, [7, 10, 0, 160]);
}

#[test]
fn digits_are_told_while_music_plays_and_not_relayed_to_a_leg_without_them() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Far { stream: AGENT, far: Far { dtmf: None, ..far(AGENT, Codec::Pcma) } });
    world.rtp(CALLER, 101, 1, 0, &[11, 0, 0, 160]);
    world.hear(CALLER, music(true));
    world.rtp(CALLER, 101, 2, 8_000, &[3, 0, 0, 160]);
    let told: Vec<Event> = ['#', '3'].map(|digit| Event::Digit { stream: CALLER, digit }).into();
    assert_eq!(world.events, told);
    assert!(world.heard(AGENT).is_empty());
}

#[test]
fn keys_that_are_kept_are_told_and_leave_no_gap_for_who_listens() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Digits { stream: CALLER, passed: false });
    world.rtp(CALLER, 8, 100, 5_000, &[0xD5; 160]);
    world.rtp(CALLER, 101, 101, 5_160, &[7, 0, 0, 160]);
    world.rtp(CALLER, 8, 102, 5_320, &[0xD5; 160]);
    world.command(Command::Digits { stream: CALLER, passed: true });
    world.rtp(CALLER, 101, 103, 8_000, &[8, 0, 0, 160]);
    let told: Vec<Event> = ['7', '8'].map(|digit| Event::Digit { stream: CALLER, digit }).into();
    assert_eq!(world.events, told);
    let heard = world.heard(AGENT);
    assert_eq!(heard.iter().map(|packet| packet.header.payload_type).collect::<Vec<_>>(), [8, 8, 101]);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
}
