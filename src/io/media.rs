//! The media threads, each with the RTP and RTCP sockets of one media worker. One poll wakes a thread for packets, orders and
//! the worker's deadlines; commands are applied before the packets of the same turn. It never waits for a signalling thread:
//! events that its channel does not take are kept and offered again. Commands find their thread by the worker's number in the
//! stream's id, events their signalling thread by the shard's.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Waker};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};

use crate::api::handle::Health;
use crate::base::Instant;
use crate::io::clock::Clock;
use crate::io::ports::{Ports, Readable, WAKE};
use crate::media::outbox::Kind;
use crate::media::{Command, Event, PortId, Track, TrackId, Worker};
use crate::stats::Live;

/// Batches of commands between the threads: one a millisecond, and a turn of either thread is far below a second.
const ORDERS_MAX: usize = 4_096;
/// Events from the media worker that wait for the signalling thread.
const EVENTS_MAX: usize = 65_536;
/// Batches taken in one turn before packets get theirs.
const ORDERS_TURN_MAX: usize = 16;
/// Packets read from one socket in one turn, so that a flood on one port does not starve the others.
const PACKETS_TURN_MAX: usize = 16;
/// Sockets told readable by one poll.
const READY_MAX: usize = 1_024;
/// The largest RTP or RTCP packet read: one Ethernet frame, with room.
const PACKET_MAX: usize = 2_048;
/// The thread turns at least this often, for its heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Commands are gathered for so long before they go, and the media thread is woken once for all of them: a wake-up costs
/// more than a command, and audio that comes ahead of its rule is held.
const GATHER: Duration = Duration::from_millis(5);
/// So many commands go at once.
const GATHERED_MAX: usize = 512;

/// An order to a media thread.
#[derive(Debug)]
pub enum Order {
    /// Rules from a signalling thread, and when the first of them was given.
    Commands(Instant, Vec<Command>),
    /// A piece of audio becomes known under an id; sent before any command names it.
    Load(TrackId, Track),
}

/// An event and when the worker told it.
pub type Told = (Instant, Event);

/// A signalling thread's way to the media threads. Never blocks, never loses a command; wakes a thread once for a batch.
#[derive(Debug)]
pub struct MediaLink {
    /// By the worker's number.
    ways: Vec<Way>,
}

/// The way to one media thread.
#[derive(Debug)]
struct Way {
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
    gathered: Vec<Command>,
    since: Instant,
    sent: Instant,
    backlog: VecDeque<Order>,
}

impl MediaLink {
    /// Takes a command; it goes with [`MediaLink::flush`].
    pub fn command(&mut self, now: Instant, command: Command) {
        let worker = command.stream().worker();
        let Some(way) = self.ways.get_mut(usize::from(worker)) else {
            return tracing::error!(worker, "a command for a media worker that is not there");
        };
        if way.gathered.is_empty() {
            way.since = now;
        }
        way.gathered.push(command);
    }

    /// Makes a piece of audio known to all workers.
    pub fn load(&mut self, id: TrackId, track: &Track) {
        for way in &mut self.ways {
            way.backlog.push_back(Order::Load(id, track.clone()));
            way.flush_now();
        }
    }

    /// Sends what was gathered when it is time, and tells when to call again.
    pub fn flush(&mut self, now: Instant) -> Option<Instant> {
        self.ways.iter_mut().filter_map(|way| way.flush(now)).min()
    }

    /// Sends what was gathered.
    pub fn flush_now(&mut self) {
        self.ways.iter_mut().for_each(Way::flush_now);
    }

    /// Another link to the same threads, with a backlog of its own.
    pub fn another(&self) -> Self {
        let ways = self.ways.iter().map(|way| Way::new(way.orders.clone(), Arc::clone(&way.waker)));
        Self { ways: ways.collect() }
    }
}

impl Way {
    fn new(orders: mpsc::Sender<Order>, waker: Arc<Waker>) -> Self {
        let (since, sent) = (Instant::ZERO, Instant::ZERO);
        Self { orders, waker, gathered: Vec::new(), since, sent, backlog: VecDeque::new() }
    }

    fn flush(&mut self, now: Instant) -> Option<Instant> {
        let due = self.sent + GATHER;
        if self.gathered.is_empty() && self.backlog.is_empty() {
            return None;
        }
        if now < due && self.gathered.len() < GATHERED_MAX {
            return Some(due);
        }
        self.sent = now;
        self.flush_now();
        (!self.backlog.is_empty()).then_some(now + GATHER)
    }

    /// The backlog is bounded by what the live calls may still say (DESIGN 3).
    fn flush_now(&mut self) {
        if !self.gathered.is_empty() {
            let commands = std::mem::take(&mut self.gathered);
            self.backlog.push_back(Order::Commands(self.since, commands));
        }
        if self.backlog.is_empty() {
            return;
        }
        while let Some(order) = self.backlog.pop_front() {
            match self.orders.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.backlog.push_front(order);
                    break;
                }
                Err(TrySendError::Closed(_)) => return tracing::error!("a media thread is gone"),
            }
        }
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "wake a media thread");
        }
    }
}

/// A thread's parts, made where their errors can be reported; [`MediaThread::run`] runs them.
#[derive(Debug)]
pub struct MediaThread {
    clock: Clock,
    poll: Poll,
    ports: Ports,
    worker: Worker,
    orders: mpsc::Receiver<Order>,
    /// By the shard's number.
    outlets: Vec<Outlet>,
    unfinished: Vec<Readable>,
    health: Arc<Health>,
}

/// The way of events to one signalling thread.
#[derive(Debug)]
struct Outlet {
    events: mpsc::Sender<Told>,
    backlog: VecDeque<Told>,
}

/// The media threads, the way to them, and where each shard takes their events from.
pub type Prepared = (Vec<MediaThread>, MediaLink, Vec<mpsc::Receiver<Told>>);

/// Makes the media threads' parts around bound ports, a thread for each worker's; returns them with a link to them and the
/// events for each of so many signalling shards.
///
/// # Errors
/// The system's, when a poll cannot be made or a socket cannot be registered.
pub fn prepare(clock: Clock, ports: Vec<Ports>, shards: usize, health: &Arc<Health>) -> std::io::Result<Prepared> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| mpsc::channel(EVENTS_MAX)).unzip();
    let (mut threads, mut ways) = (Vec::new(), Vec::new());
    for mut ports in ports {
        let poll = Poll::new()?;
        ports.register(poll.registry())?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
        let outlets = senders.iter().map(|events| Outlet { events: events.clone(), backlog: VecDeque::new() });
        threads.push(MediaThread {
            clock,
            poll,
            worker: Worker::new(clock.now(), &ports.leases()),
            ports,
            orders,
            outlets: outlets.collect(),
            unfinished: Vec::new(),
            health: Arc::clone(health),
        });
        ways.push(Way::new(order_sender, waker));
    }
    Ok((threads, MediaLink { ways }, receivers))
}

impl MediaThread {
    /// Its worker's number.
    pub const fn worker(&self) -> u8 {
        self.ports.worker()
    }

    /// Runs until nobody can send orders any more.
    pub fn run(mut self, live: &Live) {
        let mut ready = Events::with_capacity(READY_MAX);
        let mut packet = vec![0; PACKET_MAX];
        let mut more = false;
        loop {
            let timeout = if more || !self.unfinished.is_empty() { Duration::ZERO } else { self.patience() };
            if let Err(error) = self.poll.poll(&mut ready, Some(timeout))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "media poll");
                return;
            }
            self.health.beat_media(self.worker(), self.clock.now());
            more = match self.take_orders(live) {
                Taken::All => false,
                Taken::Some => true,
                Taken::Gone => return,
            };
            self.read_packets(&ready, &mut packet);
            let now = self.clock.now();
            if self.worker.poll_timeout().is_some_and(|at| at <= now) {
                self.worker.handle_timeout(now);
            }
            self.settle();
            live.working().count_srtp_dropped(self.worker.take_unauthentic());
        }
    }

    fn patience(&self) -> Duration {
        let is_told = self.outlets.iter().all(|outlet| outlet.backlog.is_empty());
        let patience = if is_told { HEARTBEAT } else { Duration::from_millis(10) };
        self.worker.poll_timeout().map_or(patience, |at| self.clock.until(at).min(patience))
    }

    fn take_orders(&mut self, live: &Live) -> Taken {
        for _ in 0..ORDERS_TURN_MAX {
            match self.orders.try_recv() {
                Ok(Order::Commands(since, commands)) => {
                    let now = self.clock.now();
                    live.working().media_commands.record_since(since, now);
                    for command in commands {
                        self.worker.handle_command(now, command);
                    }
                    self.settle();
                }
                Ok(Order::Load(id, track)) => self.worker.load_track(id, Arc::new(track)),
                Err(TryRecvError::Empty) => return Taken::All,
                Err(TryRecvError::Disconnected) => return Taken::Gone,
            }
        }
        Taken::Some
    }

    /// Reads what is ready. A socket is told once until it is read empty, so one that still has packets is remembered.
    fn read_packets(&mut self, ready: &Events, packet: &mut [u8]) {
        let unfinished = std::mem::take(&mut self.unfinished);
        let told = ready.iter().filter_map(|event| Readable::from_token(event.token()));
        for readable in unfinished.into_iter().chain(told) {
            if !self.read_socket(readable, packet) {
                self.unfinished.push(readable);
            }
        }
    }

    /// True when the socket is empty.
    fn read_socket(&mut self, readable: Readable, packet: &mut [u8]) -> bool {
        let port = PortId::new(self.worker(), readable.pair);
        for _ in 0..PACKETS_TURN_MAX {
            match self.ports.socket(readable).map(|socket| socket.recv_from(packet)) {
                Some(Ok((length, source))) => {
                    let now = self.clock.now();
                    match readable.kind {
                        Kind::Rtp => self.worker.handle_rtp(now, port, source, &packet[..length]),
                        Kind::Rtcp => self.worker.handle_rtcp(now, port, source, &packet[..length]),
                    }
                    self.settle();
                }
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return true,
                // An ICMP error about an earlier packet: read on.
                Some(Err(error)) => tracing::trace!(%error, "media receive"),
                None => return true,
            }
        }
        false
    }

    /// Drains the worker: packets to the sockets (a full socket loses them, as a full wire would), events to the shards.
    fn settle(&mut self) {
        while let Some(link) = self.worker.poll_link() {
            self.ports.link(link);
        }
        while let Some(transmit) = self.worker.poll_transmit() {
            self.ports.send(&transmit);
        }
        while let Some(event) = self.worker.poll_event() {
            let shard = event.stream().shard();
            match self.outlets.get_mut(usize::from(shard.0)) {
                Some(outlet) => outlet.backlog.push_back((self.clock.now(), event)),
                None => tracing::error!(%shard, "an event for a shard that is not there"),
            }
        }
        self.outlets.iter_mut().for_each(Outlet::flush);
    }
}

impl Outlet {
    fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push_front(event);
                return;
            }
        }
    }
}

/// How far the orders were taken.
enum Taken {
    All,
    Some,
    Gone,
}

/// How many media workers there are when the configuration does not say: as many as cores, up to `WORKERS_AUTO_MAX`. Shards
/// fill them one by one, and an idle one costs nothing; one alone could never use more than one core.
pub fn workers() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(WORKERS_AUTO_MAX.into()) as u8
}

/// Four carry more calls than the range of ports has room for.
const WORKERS_AUTO_MAX: u8 = 4;
