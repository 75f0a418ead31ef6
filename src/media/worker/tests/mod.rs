//! The worker in virtual time: what far ends hear, judged by content, and what it tells.

mod digits;
mod fax;
mod held;
mod links;
mod music;
mod relay;
mod reports;
mod secure;
mod sources;
mod symmetric;

use std::time::Duration;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::base::limits::HELD_PACKETS_MAX;
use crate::media::codec::{FRAME_SAMPLES, Law};
use crate::media::dtmf::key_press;
use crate::media::message::{Codec, Command, Far, Source};
use crate::media::outbox::Kind;
use crate::media::rtcp::sender_report;
use crate::media::rtp::{Header, Packet};
use crate::media::tone::{AGENT_HZ, CALLER_HZ, Tone, share};

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
    links: Vec<Link>,
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
        Self { worker, now, sent: Vec::new(), events: Vec::new(), links: Vec::new(), talkers: BTreeMap::new() }
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

    /// Audio comes to a stream's port from any source.
    fn strangers_audio(&mut self, stream: StreamId, source: &str, ssrc: u32, sequences: std::ops::Range<u16>) {
        for sequence in sequences {
            let mut datagram = BytesMut::new();
            let timestamp = u32::from(sequence) * 160;
            Header { marker: false, payload_type: 8, sequence, timestamp, ssrc }.write(&mut datagram);
            datagram.extend_from_slice(&[0x55; 160]);
            self.worker.handle_rtp(self.now, port(stream), source.parse().unwrap(), &datagram);
            self.drain();
        }
    }

    /// Where packets of a stream have gone since the `from`-th of all.
    fn destinations(&self, stream: StreamId, kind: Kind, from: usize) -> Vec<SocketAddr> {
        let ours = self.sent[from..].iter().filter(|sent| sent.kind == kind && sent.port == port(stream));
        let mut all: Vec<_> = ours.map(|sent| sent.destination).collect();
        all.dedup();
        all
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
                talker.tone.by_ref().take(FRAME_SAMPLES).map(|sample| codec.law().unwrap().encode(sample)).collect();
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
        while let Some(link) = self.worker.poll_link() {
            self.links.push(link);
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
    heard.iter().flat_map(|packet| &packet.payload).map(|octet| codec.law().unwrap().decode(*octet)).collect()
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
        symmetric: false,
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
        3 => (stream(), any::<[bool; 5]>()).prop_map(|(stream, [a, send, receive, dtmf, symmetric])| Command::Far {
            stream,
            far: Far {
                send,
                receive,
                symmetric,
                dtmf: dtmf.then_some(101),
                ..far(stream, if a { Codec::Pcma } else { Codec::Pcmu })
            },
        }),
        1 => (stream(), proptest::option::of(0..3_u64)).prop_map(|(stream, seed)| Command::Secure {
            stream, keys: seed.map(|seed| Box::new(secure::keys(seed).0)),
        }),
        4 => (stream(), source).prop_map(|(stream, source)| Command::Hear { stream, source }),
        1 => (stream(), proptest::option::of(0..3_000_u64)).prop_map(|(stream, silence)| Command::Watch {
            stream, silence: silence.map(Duration::from_millis),
        }),
        1 => stream().prop_map(|stream| Command::Fax { stream }),
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
