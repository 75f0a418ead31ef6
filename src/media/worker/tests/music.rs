//! Tracks: when each frame goes out and what it sounds like.

use super::*;

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
