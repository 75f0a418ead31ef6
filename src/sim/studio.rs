//! The node's media in a world: the real worker with its ports on the simulated network, or a silent stand-in for worlds
//! without audio. Either is driven by the same commands and tells the same events.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Instant, StreamId};
use crate::media::outbox::Kind;
use crate::media::worker::Worker;
use crate::media::{Command, Event, Lease, PortId, Track, TrackId, tune};
use crate::sim::silent_media::SilentMedia;
use crate::sim::town::Audio;

/// The node's media; see the module.
#[derive(Debug)]
pub enum Media {
    /// Nobody sends audio.
    Silent(Box<SilentMedia>),
    /// The real worker.
    Real(Box<Studio>),
}

/// The real worker and its ports.
#[derive(Debug)]
pub struct Studio {
    worker: Worker,
    ports: BTreeMap<SocketAddr, (PortId, Kind)>,
    addresses: BTreeMap<PortId, SocketAddr>,
    open: BTreeSet<StreamId>,
}

impl Media {
    /// Media on these ports; the real worker plays the built-in tune.
    pub fn new(audio: Audio, leases: &[Lease]) -> Self {
        match audio {
            Audio::Off => Self::Silent(Box::new(SilentMedia::new(leases))),
            Audio::On => {
                let mut worker = Worker::new(Instant::ZERO, leases);
                worker.load_track(TrackId(0), Arc::new(Track::from_samples(&tune::built_in())));
                let above = |address: SocketAddr| SocketAddr::new(address.ip(), address.port() + 1);
                let both = |lease: &Lease| {
                    [(lease.address, (lease.port, Kind::Rtp)), (above(lease.address), (lease.port, Kind::Rtcp))]
                };
                Self::Real(Box::new(Studio {
                    worker,
                    ports: leases.iter().flat_map(both).collect(),
                    addresses: leases.iter().map(|lease| (lease.port, lease.address)).collect(),
                    open: BTreeSet::new(),
                }))
            }
        }
    }

    /// A command of the node arrived.
    ///
    /// # Errors
    /// A command that breaks the contract, in words.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), String> {
        match self {
            Self::Silent(media) => media.handle_command(now, command),
            Self::Real(studio) => {
                match &command {
                    Command::Open { stream, .. } if !studio.open.insert(*stream) => {
                        return Err(format!("{stream} is opened twice"));
                    }
                    Command::Close { stream } if !studio.open.remove(stream) => {
                        return Err(format!("{stream} is closed but not open"));
                    }
                    Command::Open { .. }
                    | Command::Close { .. }
                    | Command::Far { .. }
                    | Command::Hear { .. }
                    | Command::Watch { .. } => {}
                }
                studio.worker.handle_command(now, command);
                Ok(())
            }
        }
    }

    /// A datagram arrived for one of the ports; false when it is none of them.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        let Self::Real(studio) = self else { return false };
        match studio.ports.get(&to) {
            Some((port, Kind::Rtp)) => studio.worker.handle_rtp(now, *port, source, payload),
            Some((port, Kind::Rtcp)) => studio.worker.handle_rtcp(now, *port, source, payload),
            None => return false,
        }
        true
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Silent(media) => media.handle_timeout(now),
            Self::Real(studio) => studio.worker.handle_timeout(now),
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Silent(media) => media.poll_timeout(),
            Self::Real(studio) => studio.worker.poll_timeout(),
        }
    }

    /// The next event for the node.
    pub fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Silent(media) => media.poll_event(),
            Self::Real(studio) => studio.worker.poll_event(),
        }
    }

    /// The next datagram to send: from, to, payload.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, SocketAddr, Bytes)> {
        let Self::Real(studio) = self else { return None };
        let transmit = studio.worker.poll_transmit()?;
        let address = *studio.addresses.get(&transmit.port)?;
        let port = match transmit.kind {
            Kind::Rtp => address.port(),
            Kind::Rtcp => address.port() + 1,
        };
        Some((SocketAddr::new(address.ip(), port), transmit.destination, transmit.payload))
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        match self {
            Self::Silent(media) => media.open_streams(),
            Self::Real(studio) => studio.open.len(),
        }
    }
}
