//! Who counts: the negotiated far end alone, and nobody else is ever sent to.

use super::*;

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
