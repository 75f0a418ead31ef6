//! The worker in virtual time: what far ends hear, judged by content, and what it tells.

use std::time::Duration;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::base::limits::HELD_PACKETS_MAX;
use crate::media::codec::FRAME_SAMPLES;
use crate::media::dtmf::key_press;
use crate::media::message::{Codec, Command, Far, Source};
use crate::media::outbox::Kind;
use crate::media::rtcp::sender_report;
use crate::media::rtp::{Header, Packet};
use crate::media::tone::{AGENT_HZ, CALLER_HZ, Tone, share};

#[test]
fn music_reaches_the_far_end_every_20_ms_exactly() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.run(2_000);
    let heard = world.heard(CALLER);
    assert_eq!(heard.len(), 100);
    assert!(heard.windows(2).all(|pair| pair[1].at - pair[0].at == Duration::from_millis(20)));
    assert_continuous(&heard);
    assert!(heard.iter().all(|packet| packet.header.payload_type == 8));
    let markers: Vec<bool> = heard.iter().map(|packet| packet.header.marker).collect();
    assert!(markers[0] && !markers[1..].contains(&true));
    assert!(share(&samples(&heard, Codec::Pcma), MUSIC_HZ) > 0.95);
}

#[test]
fn each_leg_hears_music_in_its_own_law() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.hear(CALLER, music(true));
    world.run(1_000);
    assert!(share(&samples(&world.heard(CALLER), Codec::Pcmu), MUSIC_HZ) > 0.95);
}

#[test]
fn many_listeners_are_spread_over_a_packet_s_time_and_nobody_playing_means_no_deadline() {
    let mut world = World::new();
    let streams: Vec<StreamId> = (0..60).map(StreamId).collect();
    for stream in &streams {
        world.open(*stream, Codec::Pcma);
        world.hear(*stream, music(true));
    }
    world.run(20);
    let mut ticks = BTreeMap::new();
    for sent in world.sent.iter().filter(|sent| sent.kind == Kind::Rtp) {
        *ticks.entry(sent.at.as_millis()).or_insert(0) += 1;
    }
    assert_eq!(ticks.len(), 10);
    assert!(ticks.values().all(|count| *count == 6));
    for stream in streams {
        world.hear(stream, Source::Silence);
    }
    let reports = world.worker.poll_timeout().unwrap();
    assert!(reports - world.now > Duration::from_millis(1_000), "only RTCP is left");
}

#[test]
fn a_prompt_is_told_when_it_has_ended_and_music_may_follow_it() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, Source::Tracks { tracks: vec![PROMPT], repeat: false });
    world.run(1_000);
    assert_eq!(world.events, [Event::Played { stream: CALLER }]);
    assert_eq!(world.heard(CALLER).len(), PROMPT_FRAMES);
    world.hear(CALLER, Source::Tracks { tracks: vec![PROMPT, MUSIC], repeat: true });
    world.run(3_000);
    let heard = world.heard(CALLER);
    assert!(heard[PROMPT_FRAMES].header.marker, "a new talk-spurt");
    assert_ordered(&heard);
    let all = samples(&heard, Codec::Pcma);
    let (prompt, music) = all[PROMPT_FRAMES * FRAME_SAMPLES..].split_at(PROMPT_FRAMES * FRAME_SAMPLES);
    assert!(share(prompt, PROMPT_HZ) > 0.95 && share(music, MUSIC_HZ) > 0.95);
    assert_eq!(world.events.len(), 1);
}

#[test]
fn a_prompt_gives_way_to_music_without_breaking_the_pace() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, Source::Tracks { tracks: vec![PROMPT], repeat: false });
    world.run(107);
    world.hear(CALLER, music(true));
    world.run(200);
    let heard = world.heard(CALLER);
    assert!(heard.windows(2).all(|pair| pair[1].at - pair[0].at == Duration::from_millis(20)));
    assert_continuous(&heard);
    assert!(world.events.is_empty(), "a prompt cut short has not been played");
}

#[test]
fn tracks_that_nobody_loaded_end_at_once() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, Source::Tracks { tracks: vec![TrackId(99)], repeat: false });
    world.run(40);
    assert_eq!(world.events, [Event::Played { stream: CALLER }]);
    world.hear(CALLER, Source::Tracks { tracks: vec![TrackId(99)], repeat: true });
    world.run(40);
    assert!(world.heard(CALLER).is_empty());
    assert_eq!(world.events.len(), 1);
}

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
fn a_wrong_source_is_neither_heard_nor_counted_nor_answered() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Watch { stream: AGENT, silence: Some(Duration::from_secs(1)) });
    for n in 0..75_u16 {
        world.run(20);
        for wrong in ["192.0.2.66:20000", "203.0.113.9:4000", &format!("{}:1", address(AGENT).ip())] {
            let datagram = datagram(8, n, u32::from(n) * 160, &[0x55; 160]);
            world.worker.handle_rtp(world.now, port(AGENT), wrong.parse().unwrap(), &datagram);
        }
        let press = datagram(101, n, 0, &[5, 0, 0, 160]);
        world.worker.handle_rtp(world.now, port(AGENT), "192.0.2.66:20000".parse().unwrap(), &press);
        world.drain();
    }
    assert!(world.heard(CALLER).is_empty());
    assert_eq!(world.events, [Event::Silent { stream: AGENT }]);
    assert!(world.sent.iter().all(|sent| [CALLER, AGENT].map(|s| address(s).ip()).contains(&sent.destination.ip())));
}

#[test]
fn before_the_far_end_is_known_a_wrong_source_is_not_released() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.command(open(AGENT));
    let stray = datagram(8, 1, 0, &[9; 160]);
    world.worker.handle_rtp(world.now, port(AGENT), "203.0.113.9:4000".parse().unwrap(), &stray);
    world.rtp(AGENT, 8, 2, 160, &[2; 160]);
    world.command(Command::Far { stream: AGENT, far: far(AGENT, Codec::Pcma) });
    world.join();
    let heard: Vec<u8> = world.heard(CALLER).iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(heard, [2]);
}

#[test]
fn on_hold_nothing_is_sent_and_afterwards_the_source_goes_on() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    world.run(200);
    world.command(Command::Far { stream: CALLER, far: Far { send: false, ..far(CALLER, Codec::Pcma) } });
    world.run(5_000);
    assert_eq!(world.heard(CALLER).len(), 10);
    assert!(world.sent.iter().any(|sent| sent.kind == Kind::Rtcp), "RTCP goes on");
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.run(200);
    let heard = world.heard(CALLER);
    assert_eq!(heard.len(), 20);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
    assert_clock(&heard);
    assert!(heard[10].header.marker);
}

#[test]
fn addresses_that_nobody_has_are_never_sent_to() {
    for ip in ["0.0.0.0", "224.0.0.5", "255.255.255.255"] {
        let mut world = World::new();
        world.command(open(CALLER));
        let address = SocketAddr::new(ip.parse().unwrap(), 4_000);
        world.command(Command::Far { stream: CALLER, far: Far { address, rtcp: address, ..far(CALLER, Codec::Pcma) } });
        world.hear(CALLER, music(true));
        world.run(12_000);
        world.command(Command::Close { stream: CALLER });
        assert!(world.sent.is_empty(), "{ip}");
    }
}

#[test]
fn nothing_is_sent_before_the_far_end_is_known() {
    let mut world = World::new();
    world.command(open(CALLER));
    world.hear(CALLER, music(true));
    world.run(6_000);
    assert!(world.sent.is_empty());
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.run(100);
    assert_eq!(world.heard(CALLER).len(), 5);
}

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

#[test]
fn silence_is_told_once_until_rtp_comes_again() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Watch { stream: CALLER, silence: Some(Duration::from_secs(10)) });
    world.run(9_000);
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    world.run(9_980);
    assert!(world.events.is_empty());
    world.run(20);
    let silent = Event::Silent { stream: CALLER };
    assert_eq!(world.events, std::slice::from_ref(&silent));
    world.run(60_000);
    assert_eq!(world.events.len(), 1);
    world.rtp(CALLER, 8, 2, 160, &[1; 160]);
    world.run(10_000);
    assert_eq!(world.events, [silent.clone(), silent.clone()]);
    world.command(Command::Watch { stream: CALLER, silence: Some(Duration::from_secs(1)) });
    world.run(1_000);
    assert_eq!(world.events.len(), 3, "set anew, told anew");
    world.command(Command::Watch { stream: CALLER, silence: None });
    world.rtp(CALLER, 8, 3, 320, &[1; 160]);
    world.run(60_000);
    assert_eq!(world.events.len(), 3);
}

#[test]
fn silence_of_a_far_end_that_is_not_to_send_is_not_told() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.command(Command::Watch { stream: CALLER, silence: Some(Duration::from_secs(10)) });
    world.run(9_000);
    world.command(Command::Far { stream: CALLER, far: Far { receive: false, ..far(CALLER, Codec::Pcma) } });
    world.run(60_000);
    assert!(world.events.is_empty());
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.run(9_980);
    assert!(world.events.is_empty());
    world.run(20);
    assert_eq!(world.events, [Event::Silent { stream: CALLER }]);
    world.command(Command::Far { stream: CALLER, far: Far { receive: false, ..far(CALLER, Codec::Pcma) } });
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.run(10_000);
    assert_eq!(world.events.len(), 2, "after a hold it is watched anew");
}

#[test]
fn reports_go_out_every_5_s_and_a_bye_at_the_end() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(CALLER, CALLER_HZ);
    world.run(20_000);
    let reports = |world: &World, stream: StreamId| -> Vec<Sent> {
        world.sent.iter().filter(|sent| sent.kind == Kind::Rtcp && sent.port == port(stream)).cloned().collect()
    };
    let (to_caller, to_agent) = (reports(&world, CALLER), reports(&world, AGENT));
    for reports in [&to_caller, &to_agent] {
        assert_eq!(reports.len(), 4);
        assert!(reports.windows(2).all(|pair| pair[1].at - pair[0].at == Duration::from_secs(5)));
    }
    assert!(to_agent.iter().all(|sent| sent.destination == far(AGENT, Codec::Pcma).rtcp));
    assert!(to_agent.iter().all(|sent| sender_report(&sent.payload).is_some()), "audio goes to the agent");
    assert!(
        to_caller.iter().all(|sent| sent.payload[1] == 201 && sent.payload[0] & 31 == 1),
        "and comes from the caller"
    );
    assert_eq!(to_caller[0].payload[8..12], SSRC.to_be_bytes());
    world.command(Command::Close { stream: AGENT });
    let last = reports(&world, AGENT).pop().unwrap();
    assert_eq!(last.payload[last.payload.len() - 8..][..4], [0x81, 203, 0, 1]);
}

#[test]
fn rtcp_at_the_rtp_port_does_not_count_as_audio() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Watch { stream: CALLER, silence: Some(Duration::from_secs(10)) });
    world.run(6_000);
    let report = world.sent.iter().find(|sent| sent.kind == Kind::Rtcp).unwrap().payload.clone();
    world.worker.handle_rtp(world.now, port(CALLER), address(CALLER), &report);
    world.run(4_000);
    assert_eq!(world.events, [Event::Silent { stream: CALLER }]);
}

#[test]
fn a_report_refers_to_the_far_end_s_own() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    let mut text = vec![0x80, 200, 0, 6];
    text.extend(SSRC.to_be_bytes());
    text.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0]);
    text.extend([0; 12]);
    world.worker.handle_rtcp(world.now, port(CALLER), far(CALLER, Codec::Pcma).rtcp, &text);
    text[8..].fill(0xFF);
    world.worker.handle_rtcp(world.now, port(CALLER), "203.0.113.9:5".parse().unwrap(), &text);
    world.run(6_000);
    let report = world.sent.iter().find(|sent| sent.kind == Kind::Rtcp).unwrap();
    assert_eq!(report.payload[24..28], [0x12, 0x34, 0x56, 0x78], "another's is not believed");
}

#[test]
fn a_closed_port_is_free_at_once_and_strays_of_the_old_call_reach_nobody() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Close { stream: AGENT });
    world.rtp(AGENT, 8, 1, 0, &[1; 160]);
    let other = StreamId(1_000);
    world.command(Command::Open { stream: other, port: port(AGENT), ssrc: 1, sequence: 1, timestamp: 1 });
    world.command(Command::Far { stream: other, far: far(AGENT, Codec::Pcma) });
    world.hear(CALLER, Source::Relay(other));
    assert!(world.heard(CALLER).is_empty(), "strays of the old call are gone");
    world.rtp(AGENT, 8, 2, 0, &[2; 160]);
    assert_eq!(world.heard(CALLER).len(), 1);
}

#[test]
fn a_closed_stream_leaves_no_deadline_behind() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.hear(CALLER, music(true));
    for stream in [CALLER, AGENT] {
        world.command(Command::Watch { stream, silence: Some(Duration::from_secs(90)) });
        world.command(Command::Close { stream });
    }
    assert_eq!(world.worker.poll_timeout(), None);
}

#[test]
fn unknown_streams_and_ports_are_ignored() {
    let mut world = World::new();
    let nobody = StreamId(77_777);
    world.hear(nobody, music(true));
    world.command(Command::Close { stream: nobody });
    world.command(Command::Watch { stream: nobody, silence: Some(Duration::ZERO) });
    world.command(Command::Far { stream: nobody, far: far(CALLER, Codec::Pcma) });
    world.command(Command::Open { stream: nobody, port: PortId(99_999), ssrc: 0, sequence: 0, timestamp: 0 });
    world.command(Command::Open { stream: nobody, port: PortId(0), ssrc: 0, sequence: 0, timestamp: 0 });
    world.worker.handle_rtp(world.now, PortId(99_999), address(CALLER), &[0x80; 172]);
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, Source::Relay(nobody));
    world.rtp(CALLER, 8, 1, 0, &[1; 160]);
    world.run(100);
    assert!(world.sent.is_empty() && world.events.is_empty());
}

#[test]
fn a_stall_is_a_gap_in_time_and_not_a_burst() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.run(100);
    world.now += Duration::from_secs(1);
    world.worker.handle_timeout(world.now);
    world.drain();
    world.run(100);
    let heard = world.heard(CALLER);
    assert_eq!(heard.len(), 5 + 3 + 5);
    assert!(heard.windows(2).all(|pair| pair[1].header.sequence == pair[0].header.sequence.wrapping_add(1)));
    let span = heard[12].header.timestamp.wrapping_sub(heard[0].header.timestamp);
    assert_eq!(span, 160 * 59, "as much as time has passed");
    assert_eq!(heard.iter().filter(|packet| packet.header.marker).count(), 2);
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut world = World::new();
        world.pair(Codec::Pcma, Codec::Pcmu);
        world.talk(CALLER, CALLER_HZ);
        world.talk(AGENT, AGENT_HZ);
        world.run(6_000);
        world.sent
    };
    assert_eq!(run(), run());
}

proptest! {
    #[test]
    fn any_commands_and_packets_never_panic(steps in proptest::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Command(command) => world.command(command),
                Step::Rtp(port, source, datagram) => world.worker.handle_rtp(world.now, PortId(port), source, &datagram),
                Step::Rtcp(port, source, datagram) => world.worker.handle_rtcp(world.now, PortId(port), source, &datagram),
                Step::Run(millis) => world.run(millis),
                Step::Stall(millis) => {
                    world.now += Duration::from_millis(millis);
                    world.worker.handle_timeout(world.now);
                }
            }
            world.drain();
            for sent in &world.sent {
                prop_assert!(sent.destination.port() != 0 && !sent.destination.ip().is_unspecified());
            }
        }
        for sent in world.sent.iter().filter(|sent| sent.kind == Kind::Rtp) {
            prop_assert!(Packet::parse(&sent.payload).is_some(), "what is sent is RTP");
        }
    }
}

const CALLER: StreamId = StreamId(0);
const AGENT: StreamId = StreamId(1);
const MUSIC: TrackId = TrackId(0);
const PROMPT: TrackId = TrackId(1);
const MUSIC_HZ: u32 = 600;
const PROMPT_HZ: u32 = 400;
const PROMPT_FRAMES: usize = 20;
/// What far ends send with.
const SSRC: u32 = 0xAAAA_5555;
const FIRST_PORT: u32 = 500;

/// A worker, its time, and everything that came out of it.
struct World {
    worker: Worker,
    now: Instant,
    sent: Vec<Sent>,
    events: Vec<Event>,
    talkers: BTreeMap<StreamId, Talker>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sent {
    at: Instant,
    port: PortId,
    kind: Kind,
    destination: SocketAddr,
    payload: Vec<u8>,
}

struct Heard {
    at: Instant,
    header: Header,
    payload: Vec<u8>,
}

/// A far end that sends a tone, 20 ms at a time.
struct Talker {
    tone: Tone,
    codec: Codec,
    sequence: u16,
    next: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::from_micros(123_000);
        let mut worker = Worker::new(now, &(0..64).map(|n| lease(FIRST_PORT + n)).collect::<Vec<_>>());
        let track = |hz, frames| Tone::new(hz, 8_000).take(frames * FRAME_SAMPLES).collect::<Vec<_>>();
        worker.load_track(MUSIC, Arc::new(Track::from_samples(&track(MUSIC_HZ, 50))));
        worker.load_track(PROMPT, Arc::new(Track::from_samples(&track(PROMPT_HZ, PROMPT_FRAMES))));
        Self { worker, now, sent: Vec::new(), events: Vec::new(), talkers: BTreeMap::new() }
    }

    fn command(&mut self, command: Command) {
        self.worker.handle_command(self.now, command);
        self.drain();
    }

    fn open(&mut self, stream: StreamId, codec: Codec) {
        self.command(open(stream));
        self.command(Command::Far { stream, far: far(stream, codec) });
    }

    fn hear(&mut self, stream: StreamId, source: Source) {
        self.command(Command::Hear { stream, source });
    }

    fn join(&mut self) {
        self.hear(CALLER, Source::Relay(AGENT));
        self.hear(AGENT, Source::Relay(CALLER));
    }

    fn pair(&mut self, caller: Codec, agent: Codec) {
        self.open(CALLER, caller);
        self.open(AGENT, agent);
        self.join();
    }

    fn talk(&mut self, stream: StreamId, hz: u32) {
        let codec = if self.worker.streams.contains_key(&stream) { self.codec_of(stream) } else { Codec::Pcma };
        let next = self.now + Duration::from_millis(7);
        self.talkers.insert(stream, Talker { tone: Tone::new(hz, 8_000), codec, sequence: 65_500, next });
    }

    fn codec_of(&mut self, stream: StreamId) -> Codec {
        let slot = self.worker.streams[&stream];
        self.worker.stream(slot).and_then(|stream| stream.far).map_or(Codec::Pcma, |far| far.codec)
    }

    fn rtp(&mut self, stream: StreamId, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) {
        self.packet(stream, Header { marker: false, payload_type, sequence, timestamp, ssrc: SSRC }, payload);
    }

    fn packet(&mut self, stream: StreamId, header: Header, payload: &[u8]) {
        let mut datagram = BytesMut::new();
        header.write(&mut datagram);
        datagram.extend_from_slice(payload);
        self.worker.handle_rtp(self.now, port(stream), address(stream), &datagram);
        self.drain();
    }

    /// Lets time pass, from deadline to deadline.
    fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            let talk = self.talkers.values().map(|talker| talker.next).min();
            let next = [self.worker.poll_timeout(), talk].into_iter().flatten().min().unwrap_or(end);
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.speak();
            self.worker.handle_timeout(self.now);
            self.drain();
            assert!(self.worker.poll_timeout().is_none_or(|next| next > self.now), "what was due is done");
            if next == end && self.talkers.values().all(|talker| talker.next > end) {
                break;
            }
        }
        self.now = end;
    }

    fn speak(&mut self) {
        let due: Vec<StreamId> =
            self.talkers.iter().filter(|(_, talker)| talker.next <= self.now).map(|(stream, _)| *stream).collect();
        for stream in due {
            let talker = self.talkers.get_mut(&stream).unwrap();
            let codec = talker.codec;
            let payload: Vec<u8> =
                talker.tone.by_ref().take(FRAME_SAMPLES).map(|sample| codec.encode(sample)).collect();
            let sequence = talker.sequence;
            talker.sequence = sequence.wrapping_add(1);
            talker.next += Duration::from_millis(20);
            let timestamp = u32::from(sequence.wrapping_sub(65_500)) * 160 + 4_000_000_000;
            self.rtp(stream, codec.payload_type(), sequence, timestamp, &payload);
        }
    }

    fn drain(&mut self) {
        while let Some(Transmit { port, kind, destination, payload }) = self.worker.poll_transmit() {
            self.sent.push(Sent { at: self.now, port, kind, destination, payload: payload.to_vec() });
        }
        while let Some(event) = self.worker.poll_event() {
            self.events.push(event);
        }
    }

    /// The RTP a far end has received, and that it came where it belongs.
    fn heard(&self, stream: StreamId) -> Vec<Heard> {
        let ours = self.sent.iter().filter(|sent| sent.kind == Kind::Rtp && sent.destination == address(stream));
        ours.map(|sent| {
            assert_eq!(sent.port, port(stream));
            let packet = Packet::parse(&sent.payload).unwrap();
            assert_eq!(packet.header.ssrc, 1_000 + stream.0 as u32);
            Heard { at: sent.at, header: packet.header, payload: packet.payload.to_vec() }
        })
        .collect()
    }
}

/// No gap and no jump at all.
fn assert_continuous(heard: &[Heard]) {
    for pair in heard.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        assert_eq!(pair[1].header.timestamp, pair[0].header.timestamp.wrapping_add(160));
    }
}

/// No timestamp inside audio sent before.
fn assert_ordered(heard: &[Heard]) {
    for pair in heard.windows(2) {
        assert!((pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp) as i32) >= 160);
    }
}

/// Timestamps tell the time of sending, give or take two packets, however often the source changes.
fn assert_clock(heard: &[Heard]) {
    for packet in heard {
        let samples = (packet.at - heard[0].at).as_millis() as i64 * 8;
        let told = i64::from(packet.header.timestamp.wrapping_sub(heard[0].header.timestamp));
        assert!((told - samples).abs() <= 320, "{told} for {samples}");
    }
}

fn samples(heard: &[Heard], codec: Codec) -> Vec<i16> {
    heard.iter().flat_map(|packet| &packet.payload).map(|octet| codec.decode(*octet)).collect()
}

fn music(repeat: bool) -> Source {
    Source::Tracks { tracks: vec![MUSIC], repeat }
}

fn open(stream: StreamId) -> Command {
    let (ssrc, timestamp) = (1_000 + stream.0 as u32, u32::MAX - 5_000);
    Command::Open { stream, port: port(stream), ssrc, sequence: 65_530, timestamp }
}

fn far(stream: StreamId, codec: Codec) -> Far {
    let address = address(stream);
    Far {
        address,
        rtcp: SocketAddr::new(address.ip(), address.port() + 1),
        codec,
        payload_type: codec.payload_type(),
        dtmf: Some(101),
        send: true,
        receive: true,
    }
}

fn port(stream: StreamId) -> PortId {
    PortId(FIRST_PORT + stream.0 as u32)
}

fn address(stream: StreamId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + stream.0 as u8], 20_000))
}

fn lease(port: u32) -> Lease {
    Lease { port: PortId(port), address: ([198, 51, 100, 1], 10_000 + 2 * port as u16).into() }
}

fn datagram(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut datagram = BytesMut::new();
    Header { marker: false, payload_type, sequence, timestamp, ssrc: SSRC }.write(&mut datagram);
    datagram.extend_from_slice(payload);
    datagram.to_vec()
}

#[derive(Debug, Clone)]
enum Step {
    Command(Command),
    Rtp(u32, SocketAddr, Vec<u8>),
    Rtcp(u32, SocketAddr, Vec<u8>),
    Run(u64),
    Stall(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || (0..4_u64).prop_map(StreamId);
    let source = prop_oneof![
        Just(Source::Silence),
        stream().prop_map(Source::Relay),
        (proptest::collection::vec((0..3_u32).prop_map(TrackId), 0..3), any::<bool>())
            .prop_map(|(tracks, repeat)| Source::Tracks { tracks, repeat }),
    ];
    let command = prop_oneof![
        3 => stream().prop_map(open),
        1 => (stream(), 0..4_u64).prop_map(|(stream, port_of)| Command::Open {
            stream, port: port(StreamId(port_of)), ssrc: 1, sequence: 2, timestamp: 3,
        }),
        3 => (stream(), any::<[bool; 4]>()).prop_map(|(stream, [a, send, receive, dtmf])| Command::Far {
            stream,
            far: Far {
                send,
                receive,
                dtmf: dtmf.then_some(101),
                ..far(stream, if a { Codec::Pcma } else { Codec::Pcmu })
            },
        }),
        4 => (stream(), source).prop_map(|(stream, source)| Command::Hear { stream, source }),
        1 => (stream(), proptest::option::of(0..3_000_u64)).prop_map(|(stream, silence)| Command::Watch {
            stream, silence: silence.map(Duration::from_millis),
        }),
        1 => stream().prop_map(|stream| Command::Close { stream }),
    ];
    let rtp = (0..4_u64, any::<u8>(), any::<u16>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(stream, kind, sequence, timestamp, payload)| {
            let payload_type = [8, 0, 101, 13][usize::from(kind & 3)];
            let stream = StreamId(stream);
            Step::Rtp(
                port(stream).0,
                address(stream),
                datagram(payload_type, sequence >> (kind >> 4), timestamp, &payload),
            )
        });
    let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
    let any_port = || 498..506_u32;
    let source = || stream().prop_map(address);
    prop_oneof![
        6 => command.prop_map(Step::Command),
        8 => rtp,
        2 => (any_port(), source(), bytes()).prop_map(|(port, source, datagram)| Step::Rtp(port, source, datagram)),
        1 => (any_port(), source(), bytes()).prop_map(|(port, source, datagram)| Step::Rtcp(port, source, datagram)),
        2 => (0..200_u64).prop_map(Step::Run),
        1 => (0..3_000_u64).prop_map(Step::Stall),
    ]
}
