//! Audio: a thread of its own that sends for those who speak, 50 packets a second each, and counts what arrives, by the
//! kernel's timestamps. Callers and agents share a few sockets; an engine's port tells one stream from another.

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::socket::{self, Reader};
use crate::system;

/// Enough that the default receive buffers hold more than 50 ms of packets of 5,000 streams.
const SOCKETS: usize = 64;
/// A packet of 20 ms, G.711.
const INTERVAL: u64 = 20_000_000;
const TICK: u64 = 1_000_000;
const PHASES: usize = 20;
const HEADER: usize = 12;
const PACKET: usize = HEADER + 160;
/// Marks the packets of those who speak here: what is not marked is music.
const MAGIC: &[u8; 4] = b"load";

const SETTING_UP: u8 = 0;
const MEASURING: u8 = 1;
const COUNTED: u8 = 2;
const OVER: u8 = 3;

/// What was heard while it was measured.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Streams of music, packets of them, and gaps in their sequence numbers.
    pub(crate) music_streams: usize,
    pub(crate) music_packets: u64,
    pub(crate) music_lost: u64,
    /// Behind the stream's own 20 ms grid, whose origin is its earliest packet.
    pub(crate) music_late: Histogram,
    pub(crate) speakers: usize,
    pub(crate) relay_sent: u64,
    pub(crate) relay_received: u64,
    /// From the sender to the far receiver.
    pub(crate) relay_delay: Histogram,
}

/// The audio of a run, seen from the signalling side.
#[derive(Debug)]
pub(crate) struct Rtp {
    ports: Vec<u16>,
    speakers: Sender<Speaker>,
    stage: Arc<AtomicU8>,
    thread: JoinHandle<Heard>,
}

#[derive(Debug)]
struct Speaker {
    socket: usize,
    destination: SocketAddrV4,
    sequence: u16,
}

impl Rtp {
    /// Opens the sockets; without audio in the run one that is never read will do.
    pub(crate) fn new(has_audio: bool) -> Result<Self, String> {
        let count = if has_audio { SOCKETS } else { 1 };
        let sockets = (0..count).map(|_| socket::open()).collect::<Result<Vec<_>, _>>()?;
        let ports = sockets.iter().map(socket::port).collect();
        let (speakers, orders) = channel();
        let stage = Arc::new(AtomicU8::new(SETTING_UP));
        let seen = Arc::clone(&stage);
        let thread = std::thread::spawn(move || {
            if has_audio { Worker::new(sockets, orders).run(&seen) } else { Heard::default() }
        });
        Ok(Self { ports, speakers, stage, thread })
    }

    /// The socket of the caller or agent with this number.
    pub(crate) fn index(&self, number: u32) -> usize {
        number as usize % self.ports.len()
    }

    /// Its port.
    pub(crate) fn port(&self, number: u32) -> u16 {
        self.ports[self.index(number)]
    }

    /// From now on, audio goes from this socket to the engine's port.
    pub(crate) fn speak(&mut self, socket: usize, port: Option<u16>) {
        let Some(port) = port else { return };
        let destination = SocketAddrV4::new([127, 0, 0, 1].into(), port);
        // A run without audio has nobody who listens.
        let _ = self.speakers.send(Speaker { socket, destination, sequence: 0 });
    }

    /// What arrives and what is sent counts from now on.
    pub(crate) fn measure(&self) {
        self.stage.store(MEASURING, Ordering::Relaxed);
    }

    /// Nothing more counts but what was sent before.
    pub(crate) fn stop_measuring(&self) {
        self.stage.store(COUNTED, Ordering::Relaxed);
    }

    /// What was heard.
    pub(crate) fn finish(self) -> Heard {
        self.stage.store(OVER, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// A stream of music, by the engine's port.
#[derive(Debug, Clone, Default)]
struct Stream {
    packets: u64,
    /// Sequence numbers without their overflow, relative to the first.
    sequence: i64,
    last: u16,
    /// When the packet of sequence 0 should have come, by the earliest packet so far.
    origin: u64,
    /// The first and the last sequence number that count.
    measured_first: i64,
    measured_last: i64,
    measured: u64,
}

#[derive(Debug)]
struct Worker {
    sockets: Vec<UdpSocket>,
    orders: Receiver<Speaker>,
    speakers: Vec<Speaker>,
    streams: Vec<Stream>,
    heard: Heard,
}

impl Worker {
    fn new(sockets: Vec<UdpSocket>, orders: Receiver<Speaker>) -> Self {
        let streams = vec![Stream::default(); usize::from(u16::MAX) + 1];
        Self { sockets, orders, speakers: Vec::new(), streams, heard: Heard::default() }
    }

    fn run(mut self, stage: &AtomicU8) -> Heard {
        let mut reader = Reader::default();
        let mut next = system::now();
        let mut tick = 0;
        loop {
            let stage = stage.load(Ordering::Relaxed);
            if stage == OVER {
                return self.sum();
            }
            self.speakers.extend(self.orders.try_iter());
            while next <= system::now() {
                self.speak(tick % PHASES, stage == MEASURING);
                tick += 1;
                next += TICK;
            }
            self.listen(&mut reader, stage == MEASURING);
            std::thread::sleep(Duration::from_nanos(next.saturating_sub(system::now())));
        }
    }

    fn speak(&mut self, phase: usize, is_measuring: bool) {
        let mut packet = [0xD5; PACKET];
        (packet[0], packet[1]) = (0x80, 8);
        packet[HEADER..HEADER + 4].copy_from_slice(MAGIC);
        packet[HEADER + 4] = u8::from(is_measuring);
        for (number, speaker) in self.speakers.iter_mut().enumerate().skip(phase).step_by(PHASES) {
            speaker.sequence = speaker.sequence.wrapping_add(1);
            packet[2..4].copy_from_slice(&speaker.sequence.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(speaker.sequence) * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(number as u32).to_be_bytes());
            packet[HEADER + 8..HEADER + 16].copy_from_slice(&system::now().to_be_bytes());
            let sent = self.sockets[speaker.socket].send_to(&packet, speaker.destination);
            self.heard.relay_sent += u64::from(is_measuring && sent.is_ok());
        }
    }

    fn listen(&mut self, reader: &mut Reader, is_measuring: bool) {
        let (streams, heard) = (&mut self.streams, &mut self.heard);
        for socket in &self.sockets {
            let mut hear = |at: u64, source: SocketAddrV4, datagram: &[u8]| {
                if datagram.len() < PACKET {
                    return;
                }
                let payload = &datagram[HEADER..];
                if payload.starts_with(MAGIC) {
                    if payload[4] == 1 {
                        let sent = u64::from_be_bytes(std::array::from_fn(|n| payload[8 + n]));
                        heard.relay_received += 1;
                        heard.relay_delay.add(at.saturating_sub(sent));
                    }
                    return;
                }
                let late = streams[usize::from(source.port())].hear(at, datagram, is_measuring);
                if is_measuring {
                    heard.music_packets += 1;
                    heard.music_late.add(late);
                }
            };
            while reader.read(socket, &mut hear) > 0 {}
        }
    }

    fn sum(mut self) -> Heard {
        for stream in self.streams.iter().filter(|stream| stream.measured > 0) {
            let due = (stream.measured_last - stream.measured_first + 1).unsigned_abs();
            self.heard.music_streams += 1;
            self.heard.music_lost += due.saturating_sub(stream.measured);
        }
        self.heard.speakers = self.speakers.len();
        self.heard
    }
}

impl Stream {
    /// Counts a packet; tells by how many nanoseconds it is behind its time.
    fn hear(&mut self, at: u64, datagram: &[u8], is_measuring: bool) -> u64 {
        let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
        if self.packets == 0 {
            (self.last, self.origin) = (sequence, at);
        }
        self.sequence += i64::from(sequence.wrapping_sub(self.last).cast_signed());
        self.last = sequence;
        self.packets += 1;
        if is_measuring {
            if self.measured == 0 {
                (self.measured_first, self.measured_last) = (self.sequence, self.sequence);
            }
            self.measured += 1;
            self.measured_last = self.measured_last.max(self.sequence);
        }
        let due = self.origin.saturating_add_signed(self.sequence * INTERVAL.cast_signed());
        self.origin -= due.saturating_sub(at);
        at.saturating_sub(due)
    }
}
