//! What goes between a signalling shard and a media worker: plain data.

use std::net::SocketAddr;
use std::time::Duration;

use super::srtp::Keys;
use crate::base::StreamId;

/// A leased RTP port with its RTCP port right above it: the media worker in the top byte, below it an index into the worker's
/// table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

impl PortId {
    /// Where the worker's number begins.
    const WORKER_AT: u32 = 24;

    /// The port `index` (below 2^24) of a worker.
    pub const fn new(worker: u8, index: u32) -> Self {
        Self((worker as u32) << Self::WORKER_AT | index & ((1 << Self::WORKER_AT) - 1))
    }

    /// The worker that has it.
    pub const fn worker(self) -> u8 {
        (self.0 >> Self::WORKER_AT) as u8
    }

    /// Its index in the worker's table.
    pub const fn index(self) -> u32 {
        self.0 & ((1 << Self::WORKER_AT) - 1)
    }
}

/// An already bound RTP port, leased to a shard so that writing SDP needs no round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The port's name towards the worker.
    pub port: PortId,
    /// The address to write into SDP; RTCP is one port above.
    pub address: SocketAddr,
}

/// A decoded piece of audio (music or prompt) known to the worker; an index into its track table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

/// A codec that passes; see [`super::codecs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 mu-law, static payload type 0.
    Pcmu,
    /// G.722: 16 kHz at 64 kbit/s, static payload type 9.
    G722,
    /// G.729 with or without Annex B: 8 kbit/s, static payload type 18.
    G729,
    /// Opus (RFC 7587), by a clock of 48 kHz.
    Opus,
}

/// The far end of a stream as negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    /// Where RTP goes, and the only source that counts, unless `symmetric`.
    pub address: SocketAddr,
    /// Where RTCP goes (`a=rtcp`, else one port above).
    pub rtcp: SocketAddr,
    /// The codec both sides use.
    pub codec: Codec,
    /// Its payload type on this leg.
    pub payload_type: u8,
    /// The payload type of telephone-event (RFC 4733) on this leg.
    pub dtmf: Option<u8>,
    /// We may send (the far end is sendrecv or recvonly, and not on hold at 0.0.0.0).
    pub send: bool,
    /// We expect to receive.
    pub receive: bool,
    /// Configured for this peer: when audio comes from elsewhere, that is where it goes (RFC 4961).
    pub symmetric: bool,
}

/// What a stream hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nothing is sent.
    Silence,
    /// The tracks in order; the last one repeats when `repeat` is set. [`Event::Played`] tells the end of one that does not.
    Tracks {
        /// What to play.
        tracks: Vec<TrackId>,
        /// Repeat the last track for ever.
        repeat: bool,
    },
    /// What the other stream of the same worker receives, its digits included.
    Relay(StreamId),
}

/// From shard to worker. Applied before the packets of the same turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A stream begins on a leased port. It hears nothing and holds what arrives (at most 10 packets) until its rules come.
    Open {
        /// The new stream.
        stream: StreamId,
        /// The leased port.
        port: PortId,
        /// The one SSRC this stream sends with.
        ssrc: u32,
        /// First sequence number (RFC 3550 5.1: random).
        sequence: u16,
        /// First timestamp (random).
        timestamp: u32,
    },
    /// What the stream's packets are encrypted with from now on, both ways; `None`: they are in the clear again, as they are
    /// where nothing was said. Comes right before the far end that it was agreed with.
    Secure {
        /// The stream.
        stream: StreamId,
        /// The keys.
        keys: Option<Box<Keys>>,
    },
    /// The far end was negotiated, or changed by a re-INVITE.
    Far {
        /// The stream.
        stream: StreamId,
        /// The far end.
        far: Far,
    },
    /// What the stream hears from now on.
    Hear {
        /// The stream.
        stream: StreamId,
        /// Its source.
        source: Source,
    },
    /// Whether keys that the far end presses go on to those who hear it; they are told in any case.
    Digits {
        /// The stream.
        stream: StreamId,
        /// True unless told otherwise.
        passed: bool,
    },
    /// Tell [`Event::Fax`] when the tone of a fax machine comes, in G.711, within the first 30 s and before anybody hears the far
    /// end. Told again, it changes nothing.
    Fax {
        /// The stream.
        stream: StreamId,
    },
    /// Tell [`Event::Silent`] when no RTP came for so long where RTP is expected; `None` stops watching.
    Watch {
        /// The stream.
        stream: StreamId,
        /// The limit.
        silence: Option<Duration>,
    },
    /// The stream ends; its port may be leased again.
    Close {
        /// The stream.
        stream: StreamId,
    },
}

impl Command {
    /// The stream that it is for; its id tells the worker.
    pub const fn stream(&self) -> StreamId {
        match self {
            Self::Open { stream, .. }
            | Self::Secure { stream, .. }
            | Self::Far { stream, .. }
            | Self::Hear { stream, .. }
            | Self::Digits { stream, .. }
            | Self::Watch { stream, .. }
            | Self::Fax { stream }
            | Self::Close { stream } => *stream,
        }
    }
}

/// From worker to shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The far end pressed a digit (`0-9*#A-D`), told once per key press.
    Digit {
        /// The stream.
        stream: StreamId,
        /// The key.
        digit: char,
    },
    /// The last track of a source that does not repeat has ended.
    Played {
        /// The stream.
        stream: StreamId,
    },
    /// The far end is a fax machine.
    Fax {
        /// The stream.
        stream: StreamId,
    },
    /// No RTP came for the watched time; told once until RTP comes again or the watch is set anew.
    Silent {
        /// The stream.
        stream: StreamId,
    },
}

impl Event {
    /// The stream that it is about; its id tells the shard.
    pub const fn stream(&self) -> StreamId {
        match self {
            Self::Digit { stream, .. } | Self::Played { stream } | Self::Silent { stream } | Self::Fax { stream } => {
                *stream
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_tells_its_worker_and_its_place() {
        let port = PortId::new(3, 77);
        assert_eq!((port.worker(), port.index(), port.0), (3, 77, 0x0300_004D));
        assert_eq!(PortId::new(0, 5), PortId(5));
    }
}
