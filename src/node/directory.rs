//! Names to ids, and what each id means under the configuration in force. Ids are stable over reloads: a name keeps its id, a
//! new name gets a new one, a removed name's id is not reused.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::acd::{AgentPlan, Plan, QueuePlan};
use crate::base::{AgentId, PeerId, QueueId};
use crate::config::{AgentConfig, Config, DnisSource, Endpoint, PeerConfig, QueueConfig};
use crate::media::TrackId;
use crate::node::message::{QueueAudio, Resolved};
use crate::sip::uri::Uri;

/// See the module.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) plan: Arc<Plan>,
    queues: Vec<Queue>,
    agents: Vec<Agent>,
    peers: Vec<Peer>,
    numbers: BTreeMap<String, QueueId>,
}

/// A queue, present or past.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) config: Arc<QueueConfig>,
    pub(super) audio: QueueAudio,
}

/// An agent, present or past.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) name: Arc<str>,
    pub(super) uri: Arc<str>,
    pub(super) peer: PeerId,
}

/// A neighbour, present or past: configured, or the direct address of an agent's phone.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) name: Arc<str>,
    pub(super) address: Option<SocketAddr>,
    sources: Vec<(IpAddr, u8)>,
    inbound: bool,
    pub(super) dnis: Vec<DnisSource>,
    pub(super) qualify: std::time::Duration,
}

impl Directory {
    /// The directory of a first configuration.
    pub(super) fn new(config: &Config, resolved: &Resolved) -> Self {
        let mut directory = Self {
            plan: Arc::new(Plan::default()),
            queues: Vec::new(),
            agents: Vec::new(),
            peers: Vec::new(),
            numbers: BTreeMap::new(),
        };
        directory.apply(config, resolved);
        directory
    }

    /// Takes another configuration in.
    pub(super) fn apply(&mut self, config: &Config, resolved: &Resolved) {
        for peer in &mut self.peers {
            peer.inbound = false;
        }
        for peer in &config.peers {
            self.put_peer(Peer::configured(peer, resolved));
        }
        self.numbers.clear();
        let mut plan = Plan::default();
        for queue in &config.queues {
            let id = self.put_queue(queue, resolved);
            for number in &queue.numbers {
                self.numbers.insert(number.clone(), id);
            }
            plan.queues.push(queue_plan(id, queue));
        }
        for agent in &config.agents {
            let (id, peer) = self.put_agent(agent, resolved);
            plan.agents.push(agent_plan(id, peer, agent));
        }
        plan.queues.sort_by_key(|queue| queue.id);
        plan.agents.sort_by_key(|agent| agent.id);
        self.plan = Arc::new(plan);
    }

    /// The queue that a called number names.
    pub(super) fn queue_of_number(&self, number: &str) -> Option<QueueId> {
        self.numbers.get(number).copied()
    }

    /// The queue of this name, if it is configured now.
    pub(super) fn queue_of_name(&self, name: &str) -> Option<QueueId> {
        self.plan.queues.iter().find(|queue| &*queue.name == name).map(|queue| queue.id)
    }

    /// The agent of this name, if it is configured now.
    pub(super) fn agent_of_name(&self, name: &str) -> Option<AgentId> {
        self.plan.agents.iter().find(|agent| &*agent.name == name).map(|agent| agent.id)
    }

    /// A queue that has an id.
    pub(super) fn queue(&self, id: QueueId) -> &Queue {
        &self.queues[id.0 as usize]
    }

    /// An agent that has an id.
    pub(super) fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[id.0 as usize]
    }

    /// A neighbour that has an id.
    pub(super) fn peer(&self, id: PeerId) -> &Peer {
        &self.peers[id.0 as usize]
    }

    /// Neighbours in the order of their ids.
    pub(super) fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.iter().enumerate().map(|(index, peer)| (PeerId(index as u32), peer))
    }

    /// The neighbour whose calls are taken from this source address.
    pub(super) fn trusted(&self, source: IpAddr) -> Option<PeerId> {
        self.peers().find(|(_, peer)| peer.inbound && peer.covers(source)).map(|(id, _)| id)
    }

    fn put_peer(&mut self, peer: Peer) -> PeerId {
        let index = place(&mut self.peers, peer.name.clone(), peer, |peer| &peer.name);
        PeerId(index)
    }

    fn put_queue(&mut self, queue: &QueueConfig, resolved: &Resolved) -> QueueId {
        let audio = resolved.audio.get(&queue.name).copied();
        let audio = audio.unwrap_or(QueueAudio { music: TrackId(0), prompt: None });
        let entry = Queue { name: queue.name.clone(), config: Arc::new(queue.clone()), audio };
        QueueId(place(&mut self.queues, queue.name.clone(), entry, |queue| &queue.name))
    }

    fn put_agent(&mut self, agent: &AgentConfig, resolved: &Resolved) -> (AgentId, PeerId) {
        let configured = agent.peer.as_ref().and_then(|name| self.peers.iter().position(|peer| &peer.name == name));
        let peer = match configured {
            Some(index) => PeerId(index as u32),
            None => self.put_peer(Peer::direct(&agent.uri, resolved)),
        };
        let entry = Agent { name: agent.name.clone(), uri: agent.uri.as_str().into(), peer };
        (AgentId(place(&mut self.agents, agent.name.clone(), entry, |agent| &agent.name)), peer)
    }
}

impl Peer {
    fn configured(config: &PeerConfig, resolved: &Resolved) -> Self {
        let address = address(&config.address, resolved);
        let own = address.map(|address| (address.ip(), if address.is_ipv4() { 32 } else { 128 }));
        let sources = if config.sources.is_empty() { own.into_iter().collect() } else { config.sources.clone() };
        Self {
            name: config.name.clone(),
            address,
            sources,
            inbound: config.inbound,
            dnis: config.dnis.clone(),
            qualify: config.qualify,
        }
    }

    /// The neighbour that an agent's own URI names.
    fn direct(uri: &str, resolved: &Resolved) -> Self {
        let endpoint = Uri::parse(uri.as_bytes()).ok().map(|uri| Endpoint {
            host: String::from_utf8_lossy(uri.host).trim_matches(['[', ']']).to_string(),
            port: uri.port.unwrap_or(5060),
        });
        let name = endpoint.as_ref().map_or_else(|| uri.to_string(), |at| format!("{}:{}", at.host, at.port));
        Self {
            name: name.into(),
            address: endpoint.and_then(|endpoint| address(&endpoint, resolved)),
            sources: Vec::new(),
            inbound: false,
            dnis: Vec::new(),
            qualify: std::time::Duration::ZERO,
        }
    }

    fn covers(&self, source: IpAddr) -> bool {
        self.sources.iter().any(|(network, prefix)| within(*network, *prefix, source.to_canonical()))
    }
}

/// True when `address` lies in `network/prefix`.
fn within(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

fn address(endpoint: &Endpoint, resolved: &Resolved) -> Option<SocketAddr> {
    let ip = endpoint.host.parse().ok().or_else(|| resolved.hosts.get(&endpoint.host).copied())?;
    Some(SocketAddr::new(ip, endpoint.port))
}

/// Puts `entry` at the place of its name, or at the end; gives the index.
fn place<T>(list: &mut Vec<T>, name: Arc<str>, entry: T, name_of: impl Fn(&T) -> &Arc<str>) -> u32 {
    let index = match list.iter().position(|other| *name_of(other) == name) {
        Some(index) => {
            list[index] = entry;
            index
        }
        None => {
            list.push(entry);
            list.len() - 1
        }
    };
    u32::try_from(index).expect("configured names are far fewer than 2^32")
}

fn queue_plan(id: QueueId, queue: &QueueConfig) -> QueuePlan {
    QueuePlan {
        id,
        name: queue.name.clone(),
        skills: queue.skills.clone(),
        strategy: queue.strategy,
        waiting_max: queue.waiting_max,
        wait_max: queue.wait_max,
        ring_timeout: queue.ring_timeout,
        wrap_up: queue.wrap_up,
        threshold: queue.threshold,
        short_abandon: queue.short_abandon,
        open: queue.open,
    }
}

fn agent_plan(id: AgentId, peer: PeerId, agent: &AgentConfig) -> AgentPlan {
    AgentPlan {
        id,
        name: agent.name.clone(),
        skills: agent.skills.clone(),
        peer,
        initial: agent.initial.clone(),
        return_after: agent.return_after,
        busy_pause: agent.busy_pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_covers_its_addresses_and_no_others() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(within(ip("192.0.2.0"), 24, ip("192.0.2.77")));
        assert!(!within(ip("192.0.2.0"), 24, ip("192.0.3.1")));
        assert!(within(ip("0.0.0.0"), 0, ip("198.51.100.1")));
        assert!(within(ip("192.0.2.7"), 32, ip("192.0.2.7")) && !within(ip("192.0.2.7"), 32, ip("192.0.2.6")));
        assert!(within(ip("2001:db8::"), 32, ip("2001:db8::1")) && !within(ip("2001:db8::"), 32, ip("192.0.2.1")));
        assert!(within(ip("::"), 0, ip("::1")));
    }
}
