//! Encrypted audio: far ends that speak SRTP hear and are heard, whatever the other end speaks; what is not theirs is dropped.

use super::*;
use crate::base::Rng;
use crate::media::codec::Law;
use crate::media::rtcp::{Compound, SenderInfo};
use crate::media::srtp::{Guard, Keys, MasterKey, Suite};

/// Keys for a stream, and what its far end has.
pub(super) fn keys(seed: u64) -> (Keys, Guard) {
    let mut rng = Rng::from_u64(seed);
    let (ours, theirs) = (MasterKey::new(&mut rng), MasterKey::new(&mut rng));
    let suite = Suite::Sha1Tag80;
    (Keys { suite, ours, theirs, fresh: true }, Guard::new(&Keys { suite, ours: theirs, theirs: ours, fresh: true }))
}

fn secure(world: &mut World, stream: StreamId, seed: u64) -> Guard {
    let (keys, guard) = keys(seed);
    world.command(Command::Secure { stream, keys: Some(Box::new(keys)) });
    guard
}

/// What a far end has heard, decrypted.
fn decrypted(world: &World, stream: StreamId, guard: &mut Guard) -> Vec<Vec<u8>> {
    let to = far(stream, Codec::Pcma).address;
    let sent = world.sent.iter().filter(|sent| sent.kind == Kind::Rtp && sent.destination == to);
    let clear = sent.map(|sent| {
        let mut clear = Vec::new();
        assert!(guard.unprotect_rtp(&sent.payload, &mut clear), "it authenticates");
        assert_ne!(sent.payload[HEADER..clear.len()], clear[HEADER..], "it was encrypted");
        clear
    });
    clear.collect()
}

const HEADER: usize = 12;

/// A packet as a far end sends it.
fn packet(guard: Option<&mut Guard>, payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let timestamp = u32::from(sequence) * 160;
    Header { marker: false, payload_type, sequence, timestamp, ssrc: SSRC }.write(&mut out);
    out.extend_from_slice(payload);
    if let Some(guard) = guard {
        assert!(guard.protect_rtp(&mut out));
    }
    out.to_vec()
}

fn comes(world: &mut World, stream: StreamId, datagram: &[u8]) {
    let source = far(stream, Codec::Pcma).address;
    world.worker.handle_rtp(world.now, port(stream), source, datagram);
    world.drain();
}

#[test]
fn music_goes_out_encrypted() {
    let mut world = World::new();
    world.command(open(CALLER));
    let mut caller = secure(&mut world, CALLER, 1);
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.hear(CALLER, music(true));
    world.run(1_000);
    let heard = decrypted(&world, CALLER, &mut caller);
    assert_eq!(heard.len(), 50);
    let samples: Vec<i16> =
        heard.iter().flat_map(|packet| &packet[HEADER..]).map(|octet| Law::A.decode(*octet)).collect();
    assert!(share(&samples, MUSIC_HZ) > 0.95);
}

#[test]
fn each_leg_has_keys_of_its_own_or_none() {
    for is_agent_secure in [false, true] {
        let mut world = World::new();
        world.command(open(CALLER));
        world.command(open(AGENT));
        let mut caller = secure(&mut world, CALLER, 1);
        let mut agent = is_agent_secure.then(|| secure(&mut world, AGENT, 2));
        for stream in [CALLER, AGENT] {
            world.command(Command::Far { stream, far: far(stream, Codec::Pcma) });
        }
        world.join();
        comes(&mut world, CALLER, &packet(Some(&mut caller), 8, 1, &[7; 160]));
        comes(&mut world, AGENT, &packet(agent.as_mut(), 8, 1, &[9; 160]));
        let heard = decrypted(&world, CALLER, &mut caller);
        assert_eq!(heard.iter().map(|packet| packet[HEADER..].to_vec()).collect::<Vec<_>>(), [[9; 160]]);
        match &mut agent {
            Some(agent) => assert_eq!(decrypted(&world, AGENT, agent)[0][HEADER..], [7; 160]),
            None => assert_eq!(world.heard(AGENT)[0].payload, [7; 160]),
        }
    }
}

#[test]
fn keys_pressed_are_told_and_reports_are_encrypted_both_ways() {
    let mut world = World::new();
    world.command(open(CALLER));
    let mut caller = secure(&mut world, CALLER, 1);
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.hear(CALLER, music(true));
    for (n, (_, payload)) in key_press('5', 6).unwrap().enumerate() {
        comes(&mut world, CALLER, &packet(Some(&mut caller), 101, n as u16, &payload));
    }
    assert!(world.events.contains(&Event::Digit { stream: CALLER, digit: '5' }));
    let mut report = BytesMut::new();
    let sender = SenderInfo { ntp: 0x1111_2222_3333_4444, timestamp: 0, packets: 1, octets: 160 };
    Compound { ssrc: SSRC, sender: Some(sender), report: None, bye: false }.write(&mut report);
    caller.protect_rtcp(&mut report);
    let Far { rtcp, .. } = far(CALLER, Codec::Pcma);
    world.worker.handle_rtcp(world.now, port(CALLER), rtcp, &report);
    world.run(4_000);
    let sent = world.sent.iter().find(|sent| sent.kind == Kind::Rtcp).expect("a report goes out");
    let mut clear = Vec::new();
    assert!(caller.unprotect_rtcp(&sent.payload, &mut clear));
    assert!(sender_report(&clear).is_some());
    let referred = clear.windows(4).any(|octets| octets == [0x22, 0x22, 0x33, 0x33]);
    assert!(referred, "it refers to the far end's report: {clear:x?}");
    assert_eq!(world.worker.take_unauthentic(), 0);
}

#[test]
fn what_is_not_the_far_end_s_is_dropped_and_counted() {
    let mut world = World::new();
    world.open(AGENT, Codec::Pcma);
    world.command(open(CALLER));
    let mut caller = secure(&mut world, CALLER, 1);
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.join();
    let good = packet(Some(&mut caller), 8, 1, &[7; 160]);
    comes(&mut world, CALLER, &packet(None, 8, 1, &[7; 160]));
    comes(&mut world, CALLER, &good);
    comes(&mut world, CALLER, &good);
    let mut altered = packet(Some(&mut caller), 8, 2, &[7; 160]);
    altered[20] ^= 1;
    comes(&mut world, CALLER, &altered);
    assert_eq!(world.heard(AGENT).len(), 1);
    assert_eq!((world.worker.take_unauthentic(), world.worker.take_unauthentic()), (3, 0));
}

#[test]
fn audio_that_comes_ahead_of_its_key_is_heard_once_the_key_is_known() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.command(open(AGENT));
    let (keys, mut agent) = keys(3);
    for n in 0..3 {
        comes(&mut world, AGENT, &packet(Some(&mut agent), 8, n, &[5; 160]));
    }
    world.command(Command::Secure { stream: AGENT, keys: Some(Box::new(keys)) });
    world.command(Command::Far { stream: AGENT, far: far(AGENT, Codec::Pcma) });
    world.join();
    assert_eq!(world.heard(CALLER).iter().map(|packet| packet.payload.clone()).collect::<Vec<_>>(), [[5; 160]; 3]);
    assert_eq!(world.worker.take_unauthentic(), 0);
    // In the clear again, by another negotiation.
    world.command(Command::Secure { stream: AGENT, keys: None });
    comes(&mut world, AGENT, &packet(None, 8, 3, &[6; 160]));
    assert_eq!(world.heard(CALLER).last().unwrap().payload, [6; 160]);
}

/// RFC 3711 3.3.1.
#[test]
fn a_far_end_that_counts_anew_is_given_a_low_sequence_number_to_begin_with() {
    let mut world = World::new();
    world.command(open(CALLER));
    let (first, _) = keys(1);
    world.command(Command::Secure { stream: CALLER, keys: Some(Box::new(first)) });
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.hear(CALLER, music(true));
    let sent = |world: &mut World, ms: u64| {
        world.run(ms);
        let sent: Vec<u16> =
            world.sent.drain(..).filter(|sent| sent.kind == Kind::Rtp).map(|sent| sequence(&sent.payload)).collect();
        sent
    };
    // `open` asks for 65,530.
    assert_eq!(sent(&mut world, 100), [32_762, 32_763, 32_764, 32_765, 32_766]);
    // A new key alone, and the same keys again: the far end goes on counting.
    let (other, _) = keys(2);
    for keys in [Keys { ours: other.ours, fresh: false, ..first }, Keys { ours: other.ours, ..first }] {
        world.command(Command::Secure { stream: CALLER, keys: Some(Box::new(keys)) });
        let low = sent(&mut world, 40);
        assert!(low.iter().all(|sequence| (32_767..=32_770).contains(sequence)), "{low:?}");
    }
    // Another far end, which misses the first packets.
    let (keys, mut there) = keys(3);
    world.command(Command::Secure { stream: CALLER, keys: Some(Box::new(keys)) });
    world.run(200);
    let heard: Vec<_> = world.sent.iter().filter(|sent| sent.kind == Kind::Rtp).collect();
    assert_eq!(heard.iter().map(|sent| sequence(&sent.payload)).collect::<Vec<_>>(), (3..13).collect::<Vec<_>>());
    for late in &heard[4..] {
        assert!(there.unprotect_rtp(&late.payload, &mut Vec::new()));
    }
}

fn sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}
