//! When a socket has one far end: after five seconds of audio to it, until it moves or the stream ends.

use super::*;

#[test]
fn a_socket_is_linked_after_five_seconds_of_audio_until_the_stream_ends() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.run(4_980);
    assert!(world.links.is_empty());
    world.run(20_000);
    assert_eq!(world.links, [Link { port: port(CALLER), far: Some(address(CALLER)) }]);
    world.command(Command::Close { stream: CALLER });
    assert_eq!(world.links[1..], [Link { port: port(CALLER), far: None }]);
}

#[test]
fn a_short_call_links_and_unlinks_nothing() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(CALLER, CALLER_HZ);
    world.run(4_900);
    world.command(Command::Close { stream: CALLER });
    world.command(Command::Close { stream: AGENT });
    assert!(world.links.is_empty());
}

#[test]
fn a_far_end_that_moves_is_let_go_and_linked_anew() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.talk(AGENT, AGENT_HZ);
    world.run(6_000);
    world.command(Command::Far { stream: CALLER, far: Far { receive: false, ..far(CALLER, Codec::Pcma) } });
    assert_eq!(world.links.len(), 1, "a hold is no move");
    let moved = SocketAddr::from(([192, 0, 2, 77], 9_000));
    world.command(Command::Far { stream: CALLER, far: Far { address: moved, ..far(CALLER, Codec::Pcma) } });
    world.run(6_000);
    let expected = [Some(address(CALLER)), None, Some(moved)].map(|far| Link { port: port(CALLER), far });
    assert_eq!(world.links, expected);
}

#[test]
fn while_the_far_end_may_still_show_elsewhere_nothing_is_linked() {
    let mut world = World::new();
    world.command(open(CALLER));
    world.command(Command::Far { stream: CALLER, far: Far { symmetric: true, ..far(CALLER, Codec::Pcma) } });
    world.hear(CALLER, music(true));
    world.run(20_000);
    assert!(world.links.is_empty());
    world.strangers_audio(CALLER, "203.0.113.9:40001", SSRC, 1..4);
    world.run(6_000);
    assert_eq!(world.links, [Link { port: port(CALLER), far: Some("203.0.113.9:40001".parse().unwrap()) }]);
}
