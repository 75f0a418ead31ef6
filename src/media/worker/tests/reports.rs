//! RTCP and the watch for silence.

use super::*;

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
