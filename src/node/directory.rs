//! Names to ids, and what each id means under the configuration in force. Ids are stable over reloads: a name keeps its id, a
//! new name gets a new one, a removed name's id is not reused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::Attributes;
use crate::acd::strategy::{self, Ring};
use crate::acd::{Dimension, Dimensions, Plan, QueuePlan, ValueId};
use crate::base::limits::OFFERS_OPEN_MAX;
use crate::base::networks::{host_prefix, within};
use crate::base::{AgentId, CallerKey, PeerId, QueueId, Rng};
use crate::call::Wallet;
use crate::config::{
    AgentConfig, Config, Confirm, DeviceWatch, NumberConfig, PeerConfig, QueueConfig, Regions, RegionsConfig,
    RegistrarConfig, TransferConfig,
};
use crate::media::{Codecs, Srtp, TrackId};
use crate::node::features::Features;
use crate::node::identity::Caller;
use crate::node::message::{QueueAudio, Resolved};
use crate::node::neighbour::{Listing, Peer, REGISTRATION, address, hosts};
use crate::node::numbering::International;
use crate::node::peers::Member;
use crate::node::planning::{self, Memberships};
use crate::node::values::Values;
use crate::sip::auth::Credentials;
use crate::sip::transaction::Secret;

/// See the module. One is shared by the hub and all shards; a reload makes another.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) plan: Arc<Plan>,
    queues: Register<Queue>,
    agents: Register<Agent>,
    peers: Register<Peer>,
    numbers: BTreeMap<String, Arc<Called>>,
    /// What contacts are told apart by.
    values: Values,
    regions: Arc<Regions>,
    /// The value of each of `regions`.
    region_values: Vec<ValueId>,
    /// Where calls come from: single addresses, and wider networks beside them.
    hosts: BTreeMap<IpAddr, PeerId>,
    networks: Vec<(IpAddr, u8, PeerId)>,
    /// The names in the certificates of those that calls are taken from whatever their address.
    certified: BTreeMap<Arc<str>, PeerId>,
    /// The addresses of all neighbours, agents' own phones among them.
    neighbours: BTreeSet<IpAddr>,
    /// How many agents one call may ring at once.
    pub(super) rings_at_most: usize,
    /// Under this callers' numbers are digested; `None`: no queue asks who served a caller last.
    pub(super) recall: Option<Secret>,
    secret: Secret,
    /// How callers are handed on.
    pub(super) transfer: Arc<TransferConfig>,
    /// What agents dial on their phones.
    pub(super) features: Arc<Features>,
    /// What we prove ourselves by.
    pub(super) wallet: Arc<Wallet>,
    /// Agents whose phones register here.
    accounts: BTreeMap<Arc<str>, PeerId>,
    /// What may be used where the neighbour has no list of its own.
    codecs: Option<Codecs>,
    /// How they do.
    pub(super) registrar: Arc<RegistrarConfig>,
    /// Some neighbour's calls carry header fields from one side to the other.
    pub(super) carries: bool,
    /// Header fields in which some queue looks for the agent whom its callers prefer.
    pub(super) preferring: Arc<[Arc<str>]>,
}

/// Entries by the index that their name got when it first came.
#[derive(Debug, Clone)]
struct Register<T> {
    entries: Vec<T>,
    names: BTreeMap<Arc<str>, u32>,
}

/// A queue, present or past.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) config: Arc<QueueConfig>,
    pub(super) audio: QueueAudio,
}

/// A called number.
#[derive(Debug, Clone)]
pub(super) struct Called {
    /// The queue that it leads to.
    pub(super) queue: QueueId,
    /// The priority of its calls, where it has its own.
    pub(super) priority: Option<i32>,
    /// What its calls bring.
    pub(super) attributes: Arc<Attributes>,
    /// The agent whom its calls prefer.
    pub(super) preferred: Option<Arc<str>>,
    /// Its group and its campaign.
    pub(super) dimensions: Dimensions,
}

/// An agent, present or past.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) name: Arc<str>,
    pub(super) uri: Arc<str>,
    pub(super) peer: PeerId,
    /// The key by which it takes a call.
    pub(super) confirm: Option<Confirm>,
    /// Its phone answers by itself when asked to.
    pub(super) auto_answer: bool,
    /// How its peer is asked what its phone does.
    pub(super) watch: Option<DeviceWatch>,
}

impl Directory {
    /// The directory of a first configuration; `seed` is the node's.
    pub(super) fn new(config: &Config, resolved: &Resolved, seed: [u8; 32]) -> Self {
        // Another stream than those of the shards, which begin with the seed as it is.
        let secret = Secret::draw(&mut Rng::from_seed(seed.map(|byte| !byte)));
        let mut directory = Self {
            plan: Arc::new(Plan::default()),
            queues: Register::default(),
            agents: Register::default(),
            peers: Register::default(),
            numbers: BTreeMap::new(),
            values: Values::new(),
            regions: Arc::default(),
            region_values: Vec::new(),
            hosts: BTreeMap::new(),
            networks: Vec::new(),
            certified: BTreeMap::new(),
            neighbours: BTreeSet::new(),
            rings_at_most: 1,
            recall: None,
            secret,
            transfer: Arc::default(),
            features: Arc::default(),
            wallet: Arc::default(),
            accounts: BTreeMap::new(),
            codecs: None,
            registrar: Arc::default(),
            carries: false,
            preferring: Arc::default(),
        };
        directory.apply(config, resolved);
        directory
    }

    /// Takes another configuration in.
    pub(super) fn apply(&mut self, config: &Config, resolved: &Resolved) {
        for peer in &mut self.peers.entries {
            peer.listing = Listing::Removed;
        }
        self.put_regions(config, resolved);
        self.hosts.clear();
        self.networks.clear();
        self.certified.clear();
        let mut wallet = Wallet::default();
        for peer in &config.peers {
            self.put_peer(peer, resolved);
            let Some(credentials) = &peer.outbound_auth else { continue };
            for one in &peer.addresses {
                for ip in hosts(&one.endpoint, resolved) {
                    wallet.put(SocketAddr::new(ip, one.endpoint.port), Arc::clone(credentials));
                }
            }
        }
        self.wallet = Arc::new(wallet);
        self.numbers.clear();
        self.accounts.clear();
        self.codecs = config.media.codecs;
        self.registrar = Arc::new(config.registrar.clone());
        let mut plan = Plan { occupancy_window: config.occupancy_window, ..Plan::default() };
        let mut memberships = Memberships::default();
        for queue in &config.queues {
            let id = self.put_queue(queue, resolved);
            for number in &queue.numbers {
                self.put_number(id, number);
            }
            plan.queues.push(planning::queue(id, queue));
            memberships.note(id, queue);
        }
        let ids: BTreeMap<Arc<str>, QueueId> = plan.queues.iter().map(|row| (Arc::clone(&row.name), row.id)).collect();
        for (row, queue) in plan.queues.iter_mut().zip(&config.queues) {
            row.routing.lending = planning::lending(queue, |name| ids.get(name).copied());
        }
        for agent in &config.agents {
            let (id, peer) = self.put_agent(agent, resolved);
            plan.agents.push(planning::agent(id, peer, agent, memberships.take(&agent.name)));
        }
        self.recall = plan.queues.iter().any(|queue| queue.routing.recall.is_some()).then_some(self.secret);
        self.carries = config.peers.iter().any(|peer| !peer.carry_headers.is_empty());
        self.preferring = planning::preferring(&config.queues);
        self.transfer = Arc::new(config.transfer.clone());
        self.features = Arc::new(self.features_of(config, &plan));
        let present = self.peers.entries.iter().filter(|peer| peer.listing == Listing::Present);
        let called = present.filter_map(|peer| Some(peer.address?.ip()));
        let named = config.peers.iter().flat_map(|peer| hosts_of(peer, resolved));
        self.neighbours = called.chain(named).map(|ip| ip.to_canonical()).collect();
        plan.queues.sort_by_key(|queue| queue.id);
        plan.agents.sort_by_key(|agent| agent.id);
        self.plan = Arc::new(plan);
        self.count_rings(|queue| queue.strategy);
    }

    /// Works out how many agents one call may ring at once, where queues have these strategies and those of their steps.
    pub(super) fn count_rings(&mut self, strategy: impl Fn(&QueuePlan) -> &'static str) {
        let steps = |queue: &QueuePlan| queue.routing.steps.iter().filter_map(|step| step.strategy).collect::<Vec<_>>();
        let rings_several = self
            .plan
            .queues
            .iter()
            .flat_map(|queue| [vec![strategy(queue)], steps(queue)].concat())
            .any(|name| strategy::ring_of(name) != Ring::One);
        self.rings_at_most = if rings_several { OFFERS_OPEN_MAX } else { 1 };
    }

    /// What may be used with a neighbour, the preferred codec first; `None`: everything, in the order of whoever offers.
    pub(super) fn codecs(&self, peer: Option<PeerId>) -> Option<Codecs> {
        peer.and_then(|peer| self.peer(peer).codecs).or(self.codecs)
    }

    /// What a called number means.
    pub(super) fn called(&self, number: &str) -> Option<&Arc<Called>> {
        self.numbers.get(number)
    }

    /// What a contact is told apart by: its number's group and campaign, the region of its caller's number, the neighbour that
    /// it comes from.
    pub(super) fn dimensions(&self, called: &Called, from: Option<PeerId>, caller: &str) -> Dimensions {
        let Some(peer) = from.map(|peer| self.peer(peer)) else { return called.dimensions };
        let number = International::of(caller, &peer.numbering);
        let region = number.and_then(|number| self.regions.find(number.digits()));
        let region = region.and_then(|region| self.region_values.get(usize::from(region))).copied().unwrap_or_default();
        called.dimensions.with(Dimension::Region, region).with(Dimension::Trunk, peer.trunk)
    }

    /// Under what a caller who comes from a neighbour is known again, where some queue asks who served it last.
    pub(super) fn caller_key(&self, from: Option<PeerId>, caller: &Caller) -> Option<CallerKey> {
        caller.key(self.recall?, &self.peer(from?).numbering)
    }

    /// The names of the values of each dimension, by their numbers.
    pub(super) fn values(&self) -> [Vec<Arc<str>>; Dimension::ALL.len()] {
        self.values.names()
    }

    /// The groups of the numbers that lead to each queue.
    pub(super) fn groups(&self) -> Vec<(QueueId, ValueId)> {
        self.numbers.values().map(|called| (called.queue, called.dimensions.of(Dimension::Number))).collect()
    }

    /// The queue of this name, if it is configured now.
    pub(super) fn queue_of_name(&self, name: &str) -> Option<QueueId> {
        self.plan.queues.iter().find(|queue| &*queue.name == name).map(|queue| queue.id)
    }

    /// The agent of this name, if it is configured now.
    pub(super) fn agent_of_name(&self, name: &str) -> Option<AgentId> {
        let id = AgentId(*self.agents.names.get(name)?);
        self.plan.agents.binary_search_by_key(&id, |agent| agent.id).ok().map(|_| id)
    }

    /// True when the queue is configured now.
    pub(super) fn has_queue(&self, id: QueueId) -> bool {
        self.plan.queues.binary_search_by_key(&id, |queue| queue.id).is_ok()
    }

    /// What the queues' configuration says holds again, whatever lay over it.
    pub(super) fn restore(&mut self, queues: &[QueueConfig]) {
        for queue in queues {
            if let Some(id) = self.queue_of_name(&queue.name) {
                *self.config_mut(id) = Arc::new(queue.clone());
            }
        }
    }

    /// What is configured of a queue that has an id.
    pub(super) fn config_mut(&mut self, id: QueueId) -> &mut Arc<QueueConfig> {
        &mut self.queues.entries[id.0 as usize].config
    }

    /// A queue that has an id.
    pub(super) fn queue(&self, id: QueueId) -> &Queue {
        &self.queues.entries[id.0 as usize]
    }

    /// An agent that has an id.
    pub(super) fn agent(&self, id: AgentId) -> &Agent {
        &self.agents.entries[id.0 as usize]
    }

    /// A neighbour that has an id.
    pub(super) fn peer(&self, id: PeerId) -> &Peer {
        &self.peers.entries[id.0 as usize]
    }

    /// The neighbour of this name, if it is configured now.
    pub(super) fn peer_of_name(&self, name: &str) -> Option<PeerId> {
        let id = *self.peers.names.get(name)?;
        (self.peers.entries[id as usize].listing == Listing::Present).then_some(PeerId(id))
    }

    /// True when some neighbour has this id.
    pub(super) fn has_peer(&self, id: PeerId) -> bool {
        (id.0 as usize) < self.peers.entries.len()
    }

    /// Neighbours in the order of their ids.
    pub(super) fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.entries.iter().enumerate().map(|(index, peer)| (PeerId(index as u32), peer))
    }

    /// The neighbour whose calls are taken from this source address.
    pub(super) fn trusted(&self, source: IpAddr) -> Option<PeerId> {
        let source = source.to_canonical();
        let host = self.hosts.get(&source).copied();
        host.or_else(|| {
            let covers = |(network, prefix, _): &&(IpAddr, u8, PeerId)| within(*network, *prefix, source);
            self.networks.iter().find(covers).map(|(_, _, id)| *id)
        })
    }

    /// The neighbour whose calls are taken by a certificate of this name.
    pub(super) fn certified(&self, name: &str) -> Option<PeerId> {
        self.certified.get(name).copied()
    }

    /// The phone that registers as this agent.
    pub(super) fn account(&self, agent: &str) -> Option<PeerId> {
        self.accounts.get(agent).copied()
    }

    /// True when phones may register here.
    pub(super) fn has_accounts(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// True when a neighbour has this address, whether or not its calls are taken.
    pub(super) fn has_neighbour(&self, address: IpAddr) -> bool {
        self.neighbours.contains(&address.to_canonical())
    }

    fn features_of(&self, config: &Config, plan: &Plan) -> Features {
        let peers =
            config.feature_codes.peers.iter().filter_map(|name| self.peers.names.get(name).copied().map(PeerId));
        let agents = plan.agents.iter().map(|agent| (agent.id, &agent.name, &*self.agent(agent.id).uri));
        Features::new(&config.feature_codes, peers.collect(), agents)
    }

    fn put_regions(&mut self, config: &Config, resolved: &Resolved) {
        self.regions = match &config.figures.regions {
            RegionsConfig::File(_) => Arc::clone(&resolved.regions),
            RegionsConfig::Written(regions) => Arc::clone(regions),
        };
        let values = &mut self.values;
        self.region_values = self.regions.names().iter().map(|name| values.number(Dimension::Region, name)).collect();
    }

    fn put_number(&mut self, queue: QueueId, number: &NumberConfig) {
        let group = number.group.clone().unwrap_or_else(|| number.number.as_str().into());
        let mut dimensions =
            Dimensions::default().with(Dimension::Number, self.values.number(Dimension::Number, &group));
        if let Some(campaign) = &number.campaign {
            dimensions = dimensions.with(Dimension::Campaign, self.values.number(Dimension::Campaign, campaign));
        }
        let attributes = Arc::clone(&number.attributes);
        let preferred = number.preferred.clone();
        let called = Called { queue, priority: number.priority, attributes, dimensions, preferred };
        self.numbers.insert(number.number.clone(), Arc::new(called));
    }

    fn put_peer(&mut self, config: &PeerConfig, resolved: &Resolved) {
        let mut peer = Peer::configured(config, resolved);
        if config.inbound {
            peer.trunk = self.values.number(Dimension::Trunk, &config.name);
        }
        if config.addresses.len() > 1 {
            (peer.address, peer.qualify) = (None, Duration::ZERO);
        }
        let id = PeerId(self.peers.put(peer.name.clone(), peer));
        if config.addresses.len() > 1 {
            self.put_members(id, config, resolved);
        }
        if !config.inbound {
            return;
        }
        if !config.tls.client_names.is_empty() {
            return self.certified.extend(config.tls.client_names.iter().map(|name| (Arc::clone(name), id)));
        }
        let own = hosts_of(config, resolved).filter(|_| config.sources.is_empty()).map(|ip| (ip, host_prefix(ip)));
        for (network, prefix) in config.sources.iter().copied().chain(own) {
            if prefix == host_prefix(network) {
                self.hosts.insert(network.to_canonical(), id);
            } else {
                self.networks.push((network, prefix, id));
            }
        }
    }

    /// The addresses of a neighbour that has several, each as a neighbour of its own.
    fn put_members(&mut self, group: PeerId, config: &PeerConfig, resolved: &Resolved) {
        let mut members = Vec::new();
        for one in &config.addresses {
            let name: Arc<str> = format!("{} {}", config.name, one.endpoint).into();
            let address = address(&one.endpoint, resolved);
            let trunk = self.peer(group).trunk;
            let member = Peer {
                name: Arc::clone(&name),
                address,
                group: Some(group),
                trunk,
                ..Peer::configured(config, resolved)
            };
            let id = PeerId(self.peers.put(name, member));
            members.push(Member { id, priority: one.priority, weight: one.weight });
        }
        self.peers.entries[group.0 as usize].members = members;
    }

    fn put_queue(&mut self, queue: &QueueConfig, resolved: &Resolved) -> QueueId {
        let audio = resolved.audio.get(&queue.name).copied();
        let audio = audio.unwrap_or(QueueAudio { music: TrackId(0), prompt: None, codecs: Codecs::G711 });
        let entry = Queue { name: queue.name.clone(), config: Arc::new(queue.clone()), audio };
        QueueId(self.queues.put(queue.name.clone(), entry))
    }

    fn put_agent(&mut self, agent: &AgentConfig, resolved: &Resolved) -> (AgentId, PeerId) {
        let configured = agent.peer.as_ref().and_then(|name| self.peers.names.get(name).copied());
        let peer = match &agent.register {
            Some(credentials) => self.put_account(&agent.name, credentials, agent.srtp),
            None => PeerId(configured.unwrap_or_else(|| self.put_direct(&agent.uri, agent.srtp, resolved))),
        };
        let (confirm, auto_answer) = (agent.confirm, agent.policy.auto_answer);
        let watch = configured.and_then(|peer| self.peers.entries[peer as usize].device_state);
        let watch = watch.filter(|_| agent.watched && agent.register.is_none());
        let uri = agent.uri.as_str().into();
        let entry = Agent { name: agent.name.clone(), uri, peer, confirm, auto_answer, watch };
        (AgentId(self.agents.put(agent.name.clone(), entry)), peer)
    }

    /// The phone that registers as this agent.
    fn put_account(&mut self, agent: &Arc<str>, credentials: &Arc<Credentials>, srtp: Srtp) -> PeerId {
        let name: Arc<str> = format!("{REGISTRATION}{agent}").into();
        let account = Some(Arc::clone(credentials));
        let phone = Peer { account, srtp, qualify: self.registrar.keep_alive, ..Peer::phone(Arc::clone(&name), None) };
        let id = PeerId(self.peers.put(name, phone));
        self.accounts.insert(Arc::clone(agent), id);
        id
    }

    /// The neighbour that an agent's own URI names; phones of one host and port share it.
    fn put_direct(&mut self, uri: &str, srtp: Srtp, resolved: &Resolved) -> u32 {
        let peer = Peer::direct(uri, srtp, resolved);
        match self.peers.names.get(&peer.name) {
            Some(&known) if self.peers.entries[known as usize].listing == Listing::Present => known,
            Some(_) | None => self.peers.put(peer.name.clone(), peer),
        }
    }
}

/// Every address of a neighbour.
fn hosts_of(config: &PeerConfig, resolved: &Resolved) -> impl Iterator<Item = IpAddr> {
    config.addresses.iter().flat_map(|one| hosts(&one.endpoint, resolved))
}

impl<T> Register<T> {
    /// Puts `entry` at the place of its name, or at the end; gives the index.
    fn put(&mut self, name: Arc<str>, entry: T) -> u32 {
        let next = u32::try_from(self.entries.len()).expect("configured names are far fewer than 2^32");
        let index = *self.names.entry(name).or_insert(next);
        match self.entries.get_mut(index as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        index
    }
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), names: BTreeMap::new() }
    }
}
