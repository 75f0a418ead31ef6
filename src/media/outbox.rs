//! The outbox: what a worker wants sent and told. Packets are views of large shared buffers, so that writing one allocates
//! nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::message::{Event, PortId};
use super::srtp::{Guard, RTP_OVERHEAD};
use crate::base::limits::OUTBOX_MAX;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From which of our ports.
    pub port: PortId,
    /// From its RTP socket or the RTCP socket above.
    pub kind: Kind,
    /// Where to.
    pub destination: SocketAddr,
    /// The whole datagram.
    pub payload: Bytes,
}

/// A port's RTP socket has one far end for a while, or has it no more: sending and receiving get cheaper, and what comes from
/// elsewhere does not even reach the worker. Never needed for anything to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which of our ports.
    pub port: PortId,
    /// Its far end; `None` when anybody may send again.
    pub far: Option<SocketAddr>,
}

/// Which of a port's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The even port.
    Rtp,
    /// One port above.
    Rtcp,
}

/// Datagrams and events not yet drained.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) links: VecDeque<Link>,
    buffer: BytesMut,
}

impl Outbox {
    /// Adds an RTP packet of at most `bytes` octets that `write` appends, encrypted where there is a guard. False when the guard
    /// does not let it go.
    pub(crate) fn send_rtp(
        &mut self,
        port: PortId,
        destination: SocketAddr,
        bytes: usize,
        guard: Option<&mut Guard>,
        write: impl FnOnce(&mut BytesMut),
    ) -> bool {
        let overhead = if guard.is_some() { RTP_OVERHEAD } else { 0 };
        self.write(bytes + overhead, write);
        if let Some(guard) = guard
            && !guard.protect_rtp(&mut self.buffer)
        {
            self.buffer.clear();
            return false;
        }
        self.push((port, Kind::Rtp), destination);
        true
    }

    /// Adds a datagram of at most `bytes` octets that `write` appends.
    pub(crate) fn send(
        &mut self,
        way: (PortId, Kind),
        destination: SocketAddr,
        bytes: usize,
        write: impl FnOnce(&mut BytesMut),
    ) {
        self.write(bytes, write);
        self.push(way, destination);
    }

    #[inline]
    fn write(&mut self, bytes: usize, write: impl FnOnce(&mut BytesMut)) {
        if self.buffer.capacity() < bytes {
            self.buffer.reserve(BUFFER_BYTES.max(bytes));
        }
        write(&mut self.buffer);
        debug_assert!(self.buffer.len() <= bytes, "the writer keeps to its bound");
    }

    /// Adds what is written.
    #[inline]
    fn push(&mut self, (port, kind): (PortId, Kind), destination: SocketAddr) {
        debug_assert!(self.transmits.len() < OUTBOX_MAX, "the caller drains");
        let payload = self.buffer.split().freeze();
        self.transmits.push_back(Transmit { port, kind, destination, payload });
    }

    /// Adds a link, or its end.
    pub(crate) fn link(&mut self, port: PortId, far: Option<SocketAddr>) {
        debug_assert!(self.links.len() < OUTBOX_MAX, "the caller drains");
        self.links.push_back(Link { port, far });
    }

    /// Adds an event.
    pub(crate) fn tell(&mut self, event: Event) {
        debug_assert!(self.events.len() < OUTBOX_MAX, "the caller drains");
        self.events.push_back(event);
    }
}

/// Some 370 packets of 20 ms.
const BUFFER_BYTES: usize = 64 * 1024;
