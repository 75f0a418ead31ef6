//! [`Worker`]: a pure machine that owns RTP streams and follows the rules shards send. It decides nothing about calls, reads
//! no clock and opens no socket; what each stream hears is a rule, not a conversation.

mod command;
mod playing;
mod receive;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{Event, Lease, PortId, TrackId};
use super::outbox::{Link, Outbox, Transmit};
use super::pacer::Pacer;
use super::stream::Stream;
use super::track::Track;
use crate::base::{IdMap, Instant, StreamId, Timers};

/// The media worker.
///
/// # Driving it
///
/// 1. Give it the turn's commands first, then its packets, then [`Worker::handle_timeout`] when [`Worker::poll_timeout`]
///    has come; `now` never goes back.
/// 2. Drain [`Worker::poll_link`], [`Worker::poll_transmit`] and [`Worker::poll_event`] until each is `None`.
/// 3. Sleep until [`Worker::poll_timeout`], at most.
///
/// Commands for unknown streams and packets for unknown ports are ignored: they may cross a close on the way.
#[derive(Debug)]
pub struct Worker {
    /// The port of slot 0; the others follow one by one.
    first: u32,
    slots: Vec<Slot>,
    /// Looked up for commands only; packets come by port.
    streams: IdMap<StreamId, u32>,
    tracks: BTreeMap<TrackId, Arc<Track>>,
    timers: Timers<Timer>,
    pacer: Pacer,
    outbox: Outbox,
    /// Where a packet is decrypted.
    clear: Vec<u8>,
    /// Encrypted packets that did not authenticate, or had been there, and were not told yet.
    unauthentic: u64,
}

/// A leased port.
#[derive(Debug)]
struct Slot {
    usage: Usage,
}

/// A closed port can be opened again at once: the shard's pool takes the longest unused port first, and a stray packet of an
/// old call does not come from the new call's far end.
#[derive(Debug)]
enum Usage {
    /// A shard's to open.
    Free,
    /// A stream's.
    Open(Box<Stream>),
}

/// What a deadline is for; the number is the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// The watched silence may have lasted.
    Silence(u32),
    /// An RTCP report is due.
    Report(u32),
}

impl Worker {
    /// A worker for bound ports, none in use.
    ///
    /// # Panics
    /// If the ports are not numbered one after the other: they are indices into the worker's table.
    pub fn new(now: Instant, ports: &[Lease]) -> Self {
        let first = ports.first().map_or(0, |lease| lease.port.0);
        let consecutive = ports.iter().zip(first..).all(|(lease, expected)| lease.port.0 == expected);
        assert!(consecutive, "a worker's ports are numbered one after the other");
        Self {
            first,
            slots: ports.iter().map(|_| Slot { usage: Usage::Free }).collect(),
            streams: IdMap::default(),
            tracks: BTreeMap::new(),
            timers: Timers::default(),
            pacer: Pacer::new(now),
            outbox: Outbox::default(),
            clear: Vec::new(),
            unauthentic: 0,
        }
    }

    /// Makes a track known, or replaces it for those who begin to hear it from now on.
    pub fn load_track(&mut self, id: TrackId, track: Arc<Track>) {
        self.tracks.insert(id, track);
    }

    /// Does what is due. Early or repeated calls change nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Silence(slot) => self.on_silence_timer(now, slot),
                Timer::Report(slot) => self.on_report_timer(now, slot),
            }
        }
        self.play_due(now);
    }

    /// When [`Worker::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.pacer.next()].into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.transmits.pop_front()
    }

    /// The next change of which socket has one far end; to be made before what [`Worker::poll_transmit`] gives is sent.
    pub fn poll_link(&mut self) -> Option<Link> {
        self.outbox.links.pop_front()
    }

    /// How many encrypted packets were dropped since it was asked last, because they did not authenticate or had been there.
    pub const fn take_unauthentic(&mut self) -> u64 {
        std::mem::replace(&mut self.unauthentic, 0)
    }

    /// The next event for the shard.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.events.pop_front()
    }

    fn slot_of(&self, port: PortId) -> Option<u32> {
        port.0.checked_sub(self.first).filter(|slot| (*slot as usize) < self.slots.len())
    }

    fn port_of(&self, slot: u32) -> PortId {
        PortId(self.first + slot)
    }

    fn stream(&mut self, slot: u32) -> Option<&mut Stream> {
        self.slots.get_mut(slot as usize)?.usage.stream()
    }
}

impl Usage {
    fn stream(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Open(stream) => Some(stream),
            Self::Free => None,
        }
    }
}
