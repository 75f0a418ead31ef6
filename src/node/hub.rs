//! The hub: the ACD engine with its side of the control plane. It takes letters of the shards and requests of the control
//! plane, and hands out letters, replies and facts. It owns no call: what concerns one is asked of its shard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Actor, AgentState, Command, Dimension, Effect, Engine, Fact, Plan, QueuePlan, Stamped, ValueId};
use crate::base::{AgentId, Instant, PeerId, QueueId, ShardId};
use crate::config::Config;
use crate::node::census::Census;
use crate::node::directory::Directory;
use crate::node::letter::{Down, Said, Ticket, Told, Up};
use crate::node::listing::Listing;
use crate::node::message::{Reply, Resolved};
use crate::node::neighbour::Origin;
use crate::node::phones::{Phones, Registered};
use crate::node::roster::Roster;
use crate::node::run_time::RunTime;
use crate::node::seen::{Devices, Seen, Talk};
use crate::node::trace::orders::Tracer;

/// What figures are kept by, with what supervisors have laid over the configuration.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The configuration: teams and calendars.
    pub config: Arc<Config>,
    /// Queues and agents.
    pub plan: Plan,
    /// The service levels aimed at, as fractions.
    pub targets: Vec<(QueueId, f64)>,
    /// The configured neighbours.
    pub peers: Vec<(PeerId, Arc<str>)>,
    /// The names of the values of each dimension, by their numbers.
    pub values: [Vec<Arc<str>>; Dimension::ALL.len()],
    /// The groups of the numbers that lead to each queue.
    pub groups: Vec<(QueueId, ValueId)>,
}

/// See the module. Inputs are the `handle_*`; afterwards `poll_down`, `poll_reply` and `poll_fact` are drained until `None`.
#[derive(Debug)]
pub struct Hub {
    pub(super) engine: Engine,
    pub(super) directory: Arc<Directory>,
    pub(super) config: Arc<Config>,
    /// How many shards there are.
    pub(super) shards: u8,
    /// Neighbours that do not answer, as the shards have told.
    pub(super) down: BTreeSet<PeerId>,
    /// Where registered phones are.
    pub(super) phones: Phones,
    /// What PBXs say of agents' devices.
    pub(super) devices: Devices,
    /// What supervisors have changed that shards must know.
    pub(super) run_time: RunTime,
    /// A supervisor has changed what figures are kept by.
    pub(super) is_renamed: bool,
    /// Who is in which team.
    pub(super) roster: Roster,
    /// Compares what the engine holds with what the shards hold.
    pub(super) census: Census,
    /// SIP traces.
    pub(super) traces: Tracer,
    letters: VecDeque<(ShardId, Told)>,
    pub(super) replies: VecDeque<(Ticket, Reply)>,
    /// Listings of calls under way from shard to shard.
    pub(super) listings: BTreeMap<Ticket, Listing>,
}

impl Hub {
    pub(super) fn new(now: Instant, config: Arc<Config>, directory: Arc<Directory>, shards: u8) -> Self {
        let mut hub = Self {
            engine: Engine::new(now, Arc::clone(&directory.plan)),
            directory,
            config,
            shards,
            down: BTreeSet::new(),
            phones: Phones::default(),
            devices: Devices::default(),
            run_time: RunTime::default(),
            is_renamed: false,
            roster: Roster::default(),
            census: Census::new(now),
            traces: Tracer::default(),
            letters: VecDeque::new(),
            replies: VecDeque::new(),
            listings: BTreeMap::new(),
        };
        hub.enroll(now, &Actor::Engine);
        hub
    }

    /// A letter of a shard arrived. What it commands happens at the shard's time, or at the engine's own when that is later.
    pub fn handle_up(&mut self, shard: ShardId, up: Up) {
        match up.said {
            Said::Command(command) => self.handle_command(up.at, command),
            Said::Dialled(dialled) => self.on_dialled(up.at, shard, &dialled),
            Said::Guessed(agent, guess) => self.tell_others(shard, &Told::Guessed(agent, guess)),
            Said::Registered(peer, registered) => self.on_registered(up.at, peer, registered),
            Said::Seen(agent, seen) => self.on_seen(up.at, agent, seen),
            Said::Answer(ticket, answer) => self.on_answer(up.at, shard, ticket, answer),
        }
    }

    /// Another configuration. Returns what it changes that cannot change at run time, one line each; the rest is in force
    /// here, and in each shard when its letter has arrived.
    pub fn handle_reload(&mut self, now: Instant, config: Arc<Config>, resolved: &Resolved) -> Vec<String> {
        self.keep_roster(now);
        let kept = fixed_changes(&self.config, &config);
        let mut directory = Directory::clone(&self.directory);
        directory.apply(&config, resolved);
        self.run_time.lay_over(&mut directory);
        let before = std::mem::replace(&mut self.directory, Arc::new(directory));
        self.config = config;
        self.engine.handle_plan(now, Arc::clone(&self.directory.plan));
        self.derive_peers(now, &before);
        self.enroll(now, &Actor::Engine);
        self.tell_all(&Told::Reload(Arc::clone(&self.config), Arc::clone(&self.directory)));
        kept
    }

    /// No new calls; waiting callers flow out after `limit`; calls in progress finish.
    pub fn handle_drain(&mut self, now: Instant, limit: Duration) {
        self.engine.handle_command(now, Command::Drain);
        self.tell_all(&Told::Drain(limit));
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.keep_roster(now);
        self.engine.handle_timeout(now);
        self.note_left(now);
        self.take_census(now);
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let others = [self.engine.poll_timeout(), self.roster.poll_timeout(), self.devices.poll_timeout()];
        others.into_iter().flatten().chain([self.census.poll_timeout()]).min()
    }

    /// The next letter, and the shard that it goes to.
    pub fn poll_down(&mut self) -> Option<(ShardId, Down)> {
        if let Some((shard, told)) = self.letters.pop_front() {
            return Some((shard, Down { told }));
        }
        let effect = self.engine.poll_effect()?;
        let (Effect::Queued { call }
        | Effect::Offer { call, .. }
        | Effect::CancelOffer { call, .. }
        | Effect::Unavailable { call, .. }
        | Effect::Join { call, .. }
        | Effect::FlowOut { call, .. }) = effect;
        Some((call.shard(), Down { told: Told::Effect(effect) }))
    }

    /// The next answer for the control plane.
    pub fn poll_reply(&mut self) -> Option<(Ticket, Reply)> {
        self.replies.pop_front()
    }

    /// The next fact, in the order of the ACD engine.
    pub fn poll_fact(&mut self) -> Option<Stamped> {
        let stamped = self.engine.poll_fact()?;
        if let Fact::Repaired { kind, agent, call } = &stamped.fact {
            tracing::warn!(kind = kind.as_str(), ?agent, ?call, "engine and legs did not agree; put right");
        }
        Some(stamped)
    }

    /// The plan in force: names and ids of queues and agents (for `stats` and the control plane).
    pub fn plan(&self) -> &Arc<Plan> {
        &self.directory.plan
    }

    /// What figures are kept by.
    pub fn naming(&self) -> Naming {
        let plan = self.engine.effective_plan();
        let target = |queue: &QueuePlan| (queue.id, self.directory.queue(queue.id).config.target);
        let targets = plan.queues.iter().map(target).collect();
        let (values, groups) = (self.directory.values(), self.directory.groups());
        Naming { config: Arc::clone(&self.config), plan, targets, peers: self.peers(), values, groups }
    }

    /// The same, when a supervisor has changed it since it was last asked. Facts that come after are to be counted by it.
    pub fn poll_naming(&mut self) -> Option<Naming> {
        std::mem::take(&mut self.is_renamed).then(|| self.naming())
    }

    /// The configured neighbours, by id and name; agents' own phones are not among them.
    pub fn peers(&self) -> Vec<(PeerId, Arc<str>)> {
        let configured = self.directory.peers().filter(|(_, peer)| peer.origin == Origin::Configured);
        configured.map(|(id, peer)| (id, Arc::clone(&peer.name))).collect()
    }

    /// How often engine and legs did not agree and it had to be put right: 0 unless the node has a fault.
    pub fn repairs(&self) -> u64 {
        self.engine.repairs()
    }

    /// Checks the engine's own invariants.
    ///
    /// # Errors
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        self.engine.check()
    }

    /// A command of a shard. What one shard finds out about a neighbour, all shards must know, in one order.
    pub(super) fn handle_command(&mut self, at: Instant, command: Command) {
        self.keep_roster(at);
        if let Command::PeerState { peer, up } = command {
            let _known = if up { self.down.remove(&peer) } else { self.down.insert(peer) };
            if self.shards > 1 {
                self.tell_all(&Told::Peer(peer, up));
            }
            self.engine.handle_command(at, command);
            return self.derive_peer(at, peer);
        }
        if let Command::Enqueue { call, .. } | Command::Requeue { call, .. } = &command {
            self.census.acquit(*call);
        }
        if matches!(&command, Command::Device { agent, by: Actor::Engine, .. } if self.devices.knows(*agent)) {
            // Whoever is asked about the device knows it better than a shard that has lent it a call.
            return;
        }
        self.engine.handle_command(at, command);
    }

    /// A phone has registered, or is registered no more: all shards must know before they are told to ring it.
    pub(super) fn on_registered(&mut self, at: Instant, peer: PeerId, registered: Option<Arc<Registered>>) {
        let is_there = registered.is_some();
        self.phones.put(peer, registered.clone());
        if self.shards > 1 {
            self.tell_all(&Told::Registered(peer, registered));
        }
        let name = self.directory.peer(peer).registers_as().filter(|_| is_there);
        if let Some(agent) = name.and_then(|name| self.directory.agent_of_name(name)) {
            self.handle_command(at, Command::DeviceAlive { agent });
        }
    }

    /// A shard has found out something about a device.
    pub(super) fn on_seen(&mut self, at: Instant, agent: AgentId, seen: Seen) {
        let talk = self.talk_of(agent);
        self.devices.put(at, agent, seen, talk);
        self.keep_roster(at);
        self.engine.handle_command(at, Command::Device { agent, device: seen.device, by: Actor::Engine });
    }

    /// A device is idle while its agent's talk goes on: the PBX has handed the caller to somebody else.
    fn note_left(&mut self, now: Instant) {
        while let Some((agent, (call, epoch))) = self.devices.pop_left(now) {
            if self.talk_of(agent) == Some((call, epoch)) {
                self.tell(call.shard(), Told::DeviceLeft { call, agent, epoch });
            }
        }
    }

    /// The talk that an agent is in.
    fn talk_of(&self, agent: AgentId) -> Option<Talk> {
        let status = self.engine.agent(agent)?;
        let talks = matches!(status.state, AgentState::Talking | AgentState::Hold);
        Some((status.call?, status.epoch?)).filter(|_| talks)
    }

    pub(super) fn tell(&mut self, shard: ShardId, told: Told) {
        self.letters.push_back((shard, told));
    }

    /// What one shard has said, all the others are told.
    fn tell_others(&mut self, from: ShardId, told: &Told) {
        for shard in (0..self.shards).map(ShardId).filter(|shard| *shard != from) {
            self.tell(shard, told.clone());
        }
    }

    pub(super) fn tell_all(&mut self, told: &Told) {
        for shard in 0..self.shards {
            self.tell(ShardId(shard), told.clone());
        }
    }
}

/// Where TLS is spoken; its files are read again at each reload.
fn listen_tls(config: &Config) -> (Option<SocketAddr>, Option<SocketAddr>) {
    (config.sip.tls.as_ref().map(|tls| tls.listen), config.sip.other.as_ref().and_then(|other| other.tls))
}

/// What the world is told, in each address family.
fn advertised(config: &Config) -> (Option<IpAddr>, Option<IpAddr>) {
    (config.sip.advertise, config.sip.other.as_ref().and_then(|other| other.advertise))
}

/// What a reload asks for that only a restart can do.
fn fixed_changes(old: &Config, new: &Config) -> Vec<String> {
    let fixed = [
        ("sip.listen", old.sip.spoken() != new.sip.spoken()),
        ("sip.tcp", old.sip.tcp != new.sip.tcp),
        ("sip.tls", listen_tls(old) != listen_tls(new)),
        ("sip.shards", old.sip.shards != new.sip.shards),
        ("sip.advertise", advertised(old) != advertised(new)),
        ("media.address", (old.media.address, old.media.other) != (new.media.address, new.media.other)),
        ("media.ports", old.media.ports != new.media.ports),
        ("media.workers", old.media.workers != new.media.workers),
        ("http.listen", old.http.listen != new.http.listen),
        ("figures.series_max", old.figures.series_max != new.figures.series_max),
    ];
    fixed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("{key} changes only at a restart"))
        .collect()
}
