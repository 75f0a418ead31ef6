//! The loop of virtual time: one node, its media, phones behind exchanges, the network between them, and the oracle that looks
//! after every step. The same set-up gives the same bytes.

mod by_stream;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::Plan;
use crate::base::{Instant, QueueId, Rng, WallTime};
use crate::config::Config;
use crate::media;
use crate::node::{self, Resolved};
use crate::sim::agent_phone::Manner;
use crate::sim::books::Books;
use crate::sim::fact_text::{Names, kind};
use crate::sim::flows::Flows;
use crate::sim::hints::Hints;
use crate::sim::house::House;
use crate::sim::ladder::{Detail, Ladder};
use crate::sim::lines::{LineId, Lines};
use crate::sim::network::{Network, TRANSLATED_BY, Weather, translation};
use crate::sim::oracle::Oracle;
use crate::sim::phone::{Phone, PhoneEvent};
use crate::sim::studio::{Media, leases, other_family};
use crate::sim::town::{Audio, Town};
use crate::sim::ua::Ua;
use crate::sim::wiretap::Wiretap;

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct WorldSetup {
    /// The node's configuration; numeric hosts only.
    pub config: Arc<Config>,
    /// Seeds the node, the network and every phone.
    pub seed: u64,
    /// The network at the start.
    pub weather: Weather,
    /// What the record keeps.
    pub detail: Detail,
    /// Ports the node may lease.
    pub ports: u32,
    /// How agents' phones behave until told otherwise.
    pub manner: Manner,
    /// Whether there is audio.
    pub audio: Audio,
    /// Signalling shards of the node.
    pub shards: u8,
    /// The longest time a letter takes between its parts.
    pub lag: Duration,
    /// The calendar's time at the start.
    pub origin: WallTime,
    /// Whether to keep what the figures are made of.
    pub keeps_notes: bool,
}

/// More steps in one moment are a loop without end.
const STILL_MAX: u32 = 20_000;

/// Keeps the delays of letters apart from everything else that is drawn.
const LETTERS: u64 = 0x5eed_0000_0000_0002;

/// The engine's name in ladders.
pub const ENGINE: &str = "acd";
/// The peer whose address callers call from unless told otherwise.
pub const TRUNK: &str = "trunk";

/// A world; see the module.
#[derive(Debug)]
pub struct World {
    now: Instant,
    node: House,
    pub(super) media: Media,
    pub(super) town: Town,
    /// The network, for scripts that change the weather.
    pub network: Network,
    way: BTreeMap<(Instant, u64), Arrival>,
    lines: Lines,
    sequence: u64,
    /// When the last message arrives, by the media worker, from and to it.
    media_clock: BTreeMap<(u8, Direction), Instant>,
    rng: Rng,
    /// The record.
    pub ladder: Ladder,
    oracle: Oracle,
    books: Books,
    wiretap: Wiretap,
    /// What has happened so far.
    pub flows: Flows,
    cut: BTreeSet<IpAddr>,
    translated: BTreeSet<IpAddr>,
    plan: Arc<Plan>,
    names: Names,
    qualifies: bool,
    still: u32,
    error: Option<String>,
}

/// Between node and media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToMedia,
    FromMedia,
}

#[derive(Debug)]
enum Arrival {
    Datagram { from: SocketAddr, to: SocketAddr, payload: Bytes },
    Stream { line: LineId, from: SocketAddr, to: SocketAddr, payload: Bytes },
    Closed(SocketAddr),
    Command(media::Command),
    Report(media::Event),
}

impl World {
    /// A world at its start: the node at work, agents' phones on their hooks, nobody calling.
    ///
    /// # Errors
    /// An address in the configuration that is not numeric.
    pub fn new(setup: WorldSetup) -> Result<Self, String> {
        let mut rng = Rng::from_u64(setup.seed);
        let engine = setup.config.sip.spoken();
        let leases = leases(&setup.config.media, setup.ports);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&rng.u64().to_le_bytes());
        let media = Media::new(setup.audio, &leases, setup.config.media.other);
        let node_setup = node::Setup {
            config: Arc::clone(&setup.config),
            resolved: Resolved::default(),
            seed,
            sip_address: *engine.first(),
            leases,
            other: other_family(&setup.config, setup.shards),
        };
        let mut node = House::new(node_setup, setup.shards, setup.lag, Rng::from_u64(setup.seed ^ LETTERS));
        node.handle_origin(Instant::ZERO, setup.origin);
        let books = Books::new(node.naming(), setup.origin, setup.keeps_notes);
        let network = Network::new(setup.weather, rng.fork());
        let plan = Arc::clone(node.plan());
        let mut world = Self {
            now: Instant::ZERO,
            node,
            media,
            town: Town::new(engine, setup.audio, setup.manner, rng.fork()),
            network,
            way: BTreeMap::new(),
            lines: Lines::new(setup.config.sip.tcp),
            sequence: 0,
            media_clock: BTreeMap::new(),
            rng,
            ladder: Ladder::new(setup.detail),
            oracle: Oracle::new(Arc::clone(&plan)),
            books,
            wiretap: Wiretap::default(),
            flows: Flows::default(),
            cut: BTreeSet::new(),
            translated: BTreeSet::new(),
            plan,
            names: Names::default(),
            qualifies: false,
            still: 0,
            error: None,
        };
        world.names.learn(&world.plan);
        world.build(&setup.config)?;
        world.drain();
        Ok(world)
    }

    /// The moment.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The reference model.
    pub const fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The figures, as the server would keep them.
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The names of all queues that ever were.
    pub const fn queue_names(&self) -> &BTreeMap<QueueId, String> {
        self.names.queues()
    }

    /// The first thing found wrong.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Another configuration; phones of new agents appear.
    ///
    /// # Errors
    /// An address that is not numeric.
    pub fn reload(&mut self, config: &Arc<Config>) -> Result<Vec<String>, String> {
        self.build(config)?;
        let unchanged = self.node.handle_reload(self.now, Arc::clone(config));
        self.plan = Arc::clone(self.node.plan());
        self.names.learn(&self.plan);
        self.oracle.set_plan(Arc::clone(&self.plan));
        self.books.follow(self.now, self.node.naming());
        self.drain();
        Ok(unchanged)
    }

    /// The node drains.
    pub fn drain_node(&mut self, limit: Duration) {
        self.node.handle_drain(self.now, limit);
        self.drain();
    }

    /// The control plane asks; time goes on until it is answered.
    pub fn control(&mut self, control: node::Control) -> node::Reply {
        self.node.handle_control(self.now, control);
        loop {
            self.drain();
            if let Some(reply) = self.node.poll_reply() {
                return reply;
            }
            match self.next() {
                Some(at) if self.error.is_none() => self.step(at),
                Some(_) | None => return node::Reply::Conflict("the world has ended".to_string()),
            }
        }
    }

    /// Does something at a phone by its name; `None` when there is no such phone.
    pub fn with_phone<T>(&mut self, name: &str, act: impl FnOnce(Instant, &mut Phone) -> T) -> Option<T> {
        let (exchange, index) = self.town.place_of(name)?;
        self.town.get(exchange).handle_time(self.now);
        let result = act(self.now, self.town.get(exchange).phone(index));
        self.after_exchange(exchange);
        self.drain();
        Some(result)
    }

    /// Does something with what an exchange (by its name) tells of its phones; false when there is no such exchange.
    pub fn with_hints(&mut self, name: &str, act: impl FnOnce(Instant, &mut Hints, &mut Ua)) -> bool {
        let Some(index) = self.town.exchange_of(name) else { return false };
        self.town.get(index).handle_time(self.now);
        let (hints, ua) = self.town.get(index).hints();
        act(self.now, hints, ua);
        self.after_exchange(index);
        self.drain();
        true
    }

    /// A caller's phone behind an exchange (by its name), made when it does not exist yet.
    ///
    /// # Errors
    /// No such exchange.
    pub fn caller(&mut self, name: &str, exchange: &str) -> Result<(), String> {
        self.town.caller(name, exchange)
    }

    /// A phone behind an exchange (by its name) that takes calls and is no agent's, made when it does not exist yet; how it
    /// behaves from the next call on.
    ///
    /// # Errors
    /// No such exchange.
    pub fn phone(&mut self, name: &str, exchange: &str, manner: Manner) -> Result<(), String> {
        self.town.phone(name, exchange, manner)
    }

    /// Who lives here.
    pub const fn town(&self) -> &Town {
        &self.town
    }

    /// Cuts a host off the network, named by its exchange or by one of its phones.
    pub fn cut(&mut self, name: &str) -> bool {
        let Some(ip) = self.town.host_of(name) else { return false };
        self.cut.insert(ip);
        self.network.cut(ip);
        true
    }

    /// Puts a host's audio behind an address translator: it comes from elsewhere than its phones say, and what goes to the
    /// address they say is lost.
    pub fn translate(&mut self, name: &str) -> bool {
        self.town.host_of(name).map(|ip| self.translated.insert(ip)).is_some()
    }

    /// Joins a host again.
    pub fn mend(&mut self, name: &str) -> bool {
        let Some(ip) = self.town.host_of(name) else { return false };
        self.network.mend(ip);
        true
    }

    /// Makes peace: hosts are joined, phones have power, nothing is lost any more.
    pub fn make_peace(&mut self) {
        self.network.mend_all();
        self.network.set_weather(Weather::fair());
        self.town.make_peace(self.now);
    }

    /// True when some neighbour is asked by OPTIONS or SUBSCRIBE all the time.
    pub const fn qualifies(&self) -> bool {
        self.qualifies
    }

    /// True when no call lives, no phone is busy and nothing but timers is left.
    pub fn is_quiet(&self) -> bool {
        self.node.live_calls() == 0
            && self.node.live_dialogs().0 == 0
            && self.way.is_empty()
            && self.node.is_still()
            && self.town.phones().all(Phone::is_idle)
    }

    /// Live calls of the node.
    pub fn live_calls(&self) -> usize {
        self.node.live_calls()
    }

    /// Legs and transactions that live in the node.
    pub fn live_dialogs(&self) -> (usize, usize) {
        self.node.live_dialogs()
    }

    /// Reservations the engine had to free by itself; more than none is a fault of the node.
    pub fn repairs(&self) -> u64 {
        self.node.repairs()
    }

    /// Streams the media worker holds.
    pub fn open_streams(&self) -> usize {
        self.media.open_streams()
    }

    /// Names of phones that are still in a call though their host was never cut off.
    pub fn busy_phones(&self) -> Vec<&str> {
        self.town.busy(&self.cut)
    }

    /// What must hold when the last call is gone.
    ///
    /// # Errors
    /// What was left behind, in words.
    pub fn finish(&mut self) -> Result<(), String> {
        self.oracle.finish()
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Instant> {
        let way = self.way.first_key_value().map(|(key, _)| key.0);
        let wake = self.town.next_wake().map(|(at, _)| at);
        [way, wake, self.media.poll_timeout(), self.node.poll_timeout()].into_iter().flatten().min()
    }

    /// Runs until `until` (inclusive), or until something is found wrong.
    pub fn run_until(&mut self, until: Instant) {
        while self.error.is_none() {
            match self.next() {
                Some(at) if at <= until => self.step(at),
                Some(_) | None => break,
            }
        }
        self.now = self.now.max(until);
    }

    /// Lets the next thing happen, at `at`.
    fn step(&mut self, at: Instant) {
        self.still = if at > self.now { 0 } else { self.still + 1 };
        if self.still > STILL_MAX {
            return self
                .fail(format!("time stands still; the node wishes to be woken at {:?}", self.node.poll_timeout()));
        }
        self.now = self.now.max(at);
        if self.way.first_key_value().is_some_and(|(key, _)| key.0 <= self.now) {
            let (_, arrival) = self.way.pop_first().expect("just seen");
            self.on_arrival(arrival);
        } else if let Some((_, index)) = self.town.next_wake().filter(|(at, _)| *at <= self.now) {
            self.town.get(index).handle_timeout(self.now);
            self.after_exchange(index);
        } else if self.media.poll_timeout().is_some_and(|at| at <= self.now) {
            self.media.handle_timeout(self.now);
        } else {
            self.node.handle_timeout(self.now);
        }
        self.drain();
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Datagram { from, to, payload } if self.node.is_at(to) => {
                self.tap_received(from, &payload);
                self.node.handle_datagram(self.now, to, from, payload);
            }
            Arrival::Datagram { from, to, payload } => {
                if self.media.handle_datagram(self.now, from, to, &payload) {
                    return;
                }
                if let Some(index) = self.town.at_sip(to) {
                    self.town.get(index).handle_datagram(self.now, from, &payload);
                    self.after_exchange(index);
                } else if let Some(place) = self.inside(to).and_then(|to| self.town.at_rtp(to)) {
                    self.town.hear(self.now, place, &payload);
                }
            }
            Arrival::Stream { line, from, to, payload } => self.on_stream(line, from, to, payload),
            Arrival::Closed(far) => self.node.handle_closed(self.now, far),
            Arrival::Command(command) => {
                if let Err(error) = self.media.handle_command(self.now, command) {
                    self.fail(error);
                }
            }
            Arrival::Report(event) => self.node.handle_media(self.now, event),
        }
    }

    /// Takes everything the node and the media say, then looks whether all is well.
    fn drain(&mut self) {
        while let Some((from, transmit)) = self.node.poll_transmit() {
            self.send_of_node(from, transmit);
        }
        while let Some(command) = self.node.poll_media() {
            self.later((command.stream().worker(), Direction::ToMedia), Arrival::Command(command));
        }
        while let Some((from, to, payload)) = self.media.poll_transmit() {
            self.deliver(from, to, &payload);
        }
        while let Some(event) = self.media.poll_event() {
            self.later((event.stream().worker(), Direction::FromMedia), Arrival::Report(event));
        }
        if let Some(naming) = self.node.poll_naming() {
            self.books.follow(self.now, naming);
        }
        let mut is_told = false;
        while let Some(stamped) = self.node.poll_fact() {
            is_told = true;
            self.books.fold(&stamped);
            self.flows.on_fact(stamped.at, &stamped.fact);
            let text = format!("{:?}", stamped.fact);
            self.ladder.absorb(text.as_bytes());
            if self.ladder.is_kept() {
                let text = match self.ladder.detail() {
                    Detail::Counts => kind(&stamped.fact),
                    Detail::Everything | Detail::Nothing => self.names.line(&stamped.fact),
                };
                if let Some(text) = text {
                    self.ladder.note(self.now, "fact", &text);
                }
            }
            if let Err(error) = self.oracle.observe(&stamped) {
                self.fail(error);
            }
        }
        if let Err(error) = self.oracle.settle() {
            self.fail(error);
        }
        if let Some(error) = is_told.then(|| self.books.check(self.now, &self.oracle).err()).flatten() {
            self.fail(error);
        }
        if let Err(error) = self.node.check() {
            self.fail(format!("the node's own check: {error}"));
        }
    }

    /// Messages between node and media: first in, first out for each worker and direction, each a little late.
    fn later(&mut self, way: (u8, Direction), arrival: Arrival) {
        let delay = Duration::from_micros(u64::from(50 + self.rng.below(950)));
        let clock = self.media_clock.entry(way).or_default();
        let at = (*clock).max(self.now + delay);
        *clock = at;
        self.put(at, arrival);
    }

    /// The phone's own address behind one that audio is sent to; `None` when no translator knows it.
    fn inside(&self, to: SocketAddr) -> Option<SocketAddr> {
        if self.translated.contains(&to.ip()) {
            return None;
        }
        let mut hidden = self.translated.iter().map(|ip| SocketAddr::new(*ip, to.port().wrapping_sub(TRANSLATED_BY)));
        Some(hidden.find(|inside| translation(*inside) == to).unwrap_or(to))
    }

    fn put(&mut self, at: Instant, arrival: Arrival) {
        self.sequence += 1;
        self.way.insert((at, self.sequence), arrival);
    }

    /// Takes what an exchange and its phones say, and notes when it wishes to be woken.
    fn after_exchange(&mut self, index: usize) {
        let from = self.town.get(index).address();
        while let Some((phone, outgoing)) = self.town.get(index).poll_transmit() {
            self.send_of_phone((index, phone), from, outgoing);
        }
        while let Some((name, event)) = self.town.get(index).poll_event() {
            // A number outside may be called by several.
            let is_doubled = event == PhoneEvent::Doubled && self.town.is_agent(&name);
            if is_doubled && self.network.weather().is_fair() && self.cut.is_empty() {
                self.fail(format!("the phone of {name} got a second call at once"));
            }
        }
        for (from, to, packet) in self.town.speak(self.now, index) {
            let from = if self.translated.contains(&from.ip()) { translation(from) } else { from };
            self.deliver(from, to, &packet);
        }
        self.town.note_wake(index);
    }

    /// How many copies arrive.
    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, payload: &Bytes) -> usize {
        let mut copies = 0;
        for delay in self.network.deliveries(from, to).into_iter().flatten() {
            self.put(self.now + delay, Arrival::Datagram { from, to, payload: payload.clone() });
            copies += 1;
        }
        copies
    }

    fn fail(&mut self, error: String) {
        if self.error.is_none() {
            self.ladder.note(self.now, "FAIL", &error);
            self.error = Some(format!("at {}: {error}", self.now));
        }
    }

    fn build(&mut self, config: &Config) -> Result<(), String> {
        self.qualifies |= config.peers.iter().any(|peer| !peer.qualify.is_zero() || peer.device_state.is_some());
        let registers = config.agents.iter().any(|agent| agent.register.is_some());
        self.qualifies |= registers && !config.registrar.keep_alive.is_zero();
        self.town.build(self.now, config)
    }
}
