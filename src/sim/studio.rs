//! The node's media in a world: the real workers with their ports on the simulated network, or a silent stand-in for worlds
//! without audio. Either is driven by the same commands and tells the same events, and checks that what belongs together
//! lives in one worker.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Instant, PerFamily, StreamId};
use crate::config::{Config, MediaConfig};
use crate::media::outbox::Kind;
use crate::media::worker::Worker;
use crate::media::{Command, Event, Lease, PortId, Signal, Source, Track, TrackId, tune};
use crate::node::OtherSetup;
use crate::sim::silent_media::SilentMedia;
use crate::sim::town::Audio;

/// The node's media; see the module.
#[derive(Debug)]
pub enum Media {
    /// Nobody sends audio.
    Silent(Box<SilentMedia>),
    /// The real workers.
    Real(Box<Studio>),
}

/// The real workers and their ports.
#[derive(Debug)]
pub struct Studio {
    workers: BTreeMap<u8, Worker>,
    ports: BTreeMap<SocketAddr, (PortId, Kind)>,
    addresses: BTreeMap<PortId, PerFamily<SocketAddr>>,
    open: BTreeSet<StreamId>,
}

impl Media {
    /// Media on these ports, in the `other` address family at that host; the real workers play the built-in tune.
    pub fn new(audio: Audio, leases: &[Lease], other: Option<IpAddr>) -> Self {
        match audio {
            Audio::Off => Self::Silent(Box::new(SilentMedia::new(leases))),
            Audio::On => {
                let track = Arc::new(Track::from_samples(&tune::built_in()));
                let signals =
                    Signal::ALL.map(|signal| (signal.track(), Arc::new(Track::from_samples(&signal.samples()))));
                let mut shares: BTreeMap<u8, Vec<Lease>> = BTreeMap::new();
                for lease in leases {
                    shares.entry(lease.port.worker()).or_default().push(*lease);
                }
                let employ = |(number, share): (u8, Vec<Lease>)| {
                    let mut worker = Worker::new(Instant::ZERO, &share);
                    worker.load_track(TrackId(0), Arc::clone(&track));
                    for (id, track) in &signals {
                        worker.load_track(*id, Arc::clone(track));
                    }
                    (number, worker)
                };
                let above = |address: SocketAddr| SocketAddr::new(address.ip(), address.port() + 1);
                let addresses = |lease: &Lease| {
                    let there = other.map(|host| SocketAddr::new(host, lease.address.port()));
                    PerFamily::new(lease.address.ip(), lease.address, there)
                };
                let both = |lease: &Lease| {
                    let (port, all) = (lease.port, addresses(lease));
                    let pair = |at: &SocketAddr| [(*at, (port, Kind::Rtp)), (above(*at), (port, Kind::Rtcp))];
                    all.all().flat_map(pair).collect::<Vec<_>>()
                };
                Self::Real(Box::new(Studio {
                    workers: shares.into_iter().map(employ).collect(),
                    ports: leases.iter().flat_map(both).collect(),
                    addresses: leases.iter().map(|lease| (lease.port, addresses(lease))).collect(),
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
        at_home(&command)?;
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
                    | Command::Secure { .. }
                    | Command::Far { .. }
                    | Command::Hear { .. }
                    | Command::Digits { .. }
                    | Command::Fax { .. }
                    | Command::Watch { .. } => {}
                }
                let worker = studio.workers.get_mut(&command.stream().worker());
                worker.ok_or_else(|| format!("{command:?} is for no worker"))?.handle_command(now, command);
                Ok(())
            }
        }
    }

    /// A datagram arrived for one of the ports; false when it is none of them.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        let Self::Real(studio) = self else { return false };
        let Some((port, kind)) = studio.ports.get(&to) else { return false };
        let Some(worker) = studio.workers.get_mut(&port.worker()) else { return false };
        match kind {
            Kind::Rtp => worker.handle_rtp(now, *port, source, payload),
            Kind::Rtcp => worker.handle_rtcp(now, *port, source, payload),
        }
        true
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Silent(media) => media.handle_timeout(now),
            Self::Real(studio) => studio.workers.values_mut().for_each(|worker| worker.handle_timeout(now)),
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Silent(media) => media.poll_timeout(),
            Self::Real(studio) => studio.workers.values().filter_map(Worker::poll_timeout).min(),
        }
    }

    /// The next event for the node.
    pub fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Silent(media) => media.poll_event(),
            Self::Real(studio) => studio.workers.values_mut().find_map(Worker::poll_event),
        }
    }

    /// The next datagram to send: from, to, payload.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, SocketAddr, Bytes)> {
        let Self::Real(studio) = self else { return None };
        let mut workers = studio.workers.values_mut();
        let transmit = workers.find_map(|worker| {
            // The simulated network has no sockets to connect.
            while worker.poll_link().is_some() {}
            worker.poll_transmit()
        })?;
        let address = *studio.addresses.get(&transmit.port)?.towards(transmit.destination.ip());
        let port = match transmit.kind {
            Kind::Rtp => address.port(),
            Kind::Rtcp => address.port() + 1,
        };
        Some((SocketAddr::new(address.ip(), port), transmit.destination, transmit.payload))
    }

    /// Whoever would send audio from there is a fax machine; false where audio is real.
    pub fn fax_from(&mut self, far: SocketAddr) -> bool {
        match self {
            Self::Silent(media) => {
                media.fax_from(far);
                true
            }
            Self::Real(_) => false,
        }
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        match self {
            Self::Silent(media) => media.open_streams(),
            Self::Real(studio) => studio.open.len(),
        }
    }
}

/// That a stream lives in the worker that has its port, and hears only streams of that worker.
fn at_home(command: &Command) -> Result<(), String> {
    let stream = command.stream();
    let home = match command {
        Command::Open { port, .. } => port.worker(),
        Command::Hear { source: Source::Relay(other), .. } => other.worker(),
        Command::Hear { .. }
        | Command::Secure { .. }
        | Command::Far { .. }
        | Command::Digits { .. }
        | Command::Fax { .. }
        | Command::Watch { .. }
        | Command::Close { .. } => stream.worker(),
    };
    if home == stream.worker() { Ok(()) } else { Err(format!("{stream} is not of worker {home}: {command:?}")) }
}

/// What the node is called in the other address family: each shard has the next port.
pub(super) fn other_family(config: &Config, shards: u8) -> Option<OtherSetup> {
    let (listen, rtp) = (config.sip.other.as_ref()?.listen, config.media.other?);
    let address = |shard: u8| SocketAddr::new(listen.ip(), listen.port() + u16::from(shard));
    Some(OtherSetup { sip_addresses: (0..shards.max(1)).map(address).collect(), rtp })
}

/// The ports of a world, dealt to its media workers: all but the last have few, so that small worlds fill several.
pub(super) fn leases(media: &MediaConfig, ports: u32) -> Vec<Lease> {
    let workers = u32::from(media.workers.unwrap_or(1));
    let few = FEW_PORTS.min(ports / workers);
    let lease = |index: u32| {
        let worker = index.checked_div(few).unwrap_or(0).min(workers - 1);
        Lease {
            port: PortId::new(worker as u8, index - worker * few),
            address: SocketAddr::new(media.address, 20_000 + 2 * u16::try_from(index).unwrap_or(0)),
        }
    };
    (0..ports).map(lease).collect()
}

/// Half of them are two or three calls.
const FEW_PORTS: u32 = 6;
