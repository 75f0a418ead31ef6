//! Fax machines: told once, where they are asked for and can be heard.

use super::*;

/// Milliseconds of silence, of the tone, and of the silence after it.
const CALL: [u32; 3] = [600, 500, 1_200];

#[test]
fn a_fax_that_is_asked_for_is_told_once_in_either_law() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut world = World::new();
        world.open(CALLER, codec);
        world.hear(CALLER, music(true));
        world.command(Command::Fax { stream: CALLER });
        world.fax(codec, 0);
        assert_eq!(world.events, [Event::Fax { stream: CALLER }]);
        world.command(Command::Fax { stream: CALLER });
        world.fax(codec, 200);
        assert_eq!(world.events.len(), 1, "told once");
    }
}

#[test]
fn nobody_who_did_not_ask_is_told() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.fax(Codec::Pcma, 0);
    assert_eq!(world.events, []);
}

#[test]
fn another_codec_cannot_be_heard_until_the_far_end_changes_to_g711() {
    let mut world = World::new();
    world.open(CALLER, Codec::G722);
    world.hear(CALLER, music(true));
    world.command(Command::Fax { stream: CALLER });
    world.fax(Codec::G722, 0);
    assert_eq!(world.events, []);
    world.command(Command::Far { stream: CALLER, far: far(CALLER, Codec::Pcma) });
    world.fax(Codec::Pcma, 200);
    assert_eq!(world.events, [Event::Fax { stream: CALLER }]);
}

#[test]
fn once_somebody_hears_the_far_end_it_is_not_looked_at_any_more() {
    let mut world = World::new();
    world.pair(Codec::Pcma, Codec::Pcma);
    world.command(Command::Fax { stream: CALLER });
    world.fax(Codec::Pcma, 0);
    world.hear(CALLER, music(true));
    world.hear(AGENT, Source::Silence);
    world.command(Command::Fax { stream: CALLER });
    world.fax(Codec::Pcma, 200);
    assert_eq!(world.events, []);
}

#[test]
fn a_held_back_answer_asks_a_second_time_and_the_tone_goes_on() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.hear(CALLER, music(true));
    world.command(Command::Fax { stream: CALLER });
    let packets = fax_call(Codec::Pcma, 0);
    let half = packets.len() / 3;
    world.send(&packets[..half]);
    world.command(Command::Fax { stream: CALLER });
    world.send(&packets[half..]);
    assert_eq!(world.events, [Event::Fax { stream: CALLER }]);
}

impl World {
    fn fax(&mut self, codec: Codec, from: u16) {
        self.send(&fax_call(codec, from));
    }

    fn send(&mut self, packets: &[(u8, u16, Vec<u8>)]) {
        for (payload_type, sequence, payload) in packets {
            self.rtp(CALLER, *payload_type, *sequence, u32::from(*sequence) * 160, payload);
            self.run(20);
        }
    }
}

/// Payload type, sequence number and payload of the packets of a call.
fn fax_call(codec: Codec, from: u16) -> Vec<(u8, u16, Vec<u8>)> {
    let law = codec.law().unwrap_or(Law::A);
    let [before, tone, after] = CALL.map(|ms| ms as usize * 8);
    let silence = |samples| std::iter::repeat_n(0, samples);
    let samples = silence(before).chain(Tone::new(1_100, 8_000).take(tone)).chain(silence(after));
    let octets: Vec<u8> = samples.map(|sample| law.encode(sample)).collect();
    (from..).zip(octets.chunks(FRAME_SAMPLES)).map(|(n, payload)| (codec.payload_type(), n, payload.to_vec())).collect()
}
