//! [`Names`]: what ids are called, so that a line can be read without the configuration it was written under.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::{Dimension, Plan, ValueId};
use crate::base::{AgentId, PeerId, QueueId};

/// The names behind the ids, learned from every plan in force, so that what a reload removes keeps its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    queues: BTreeMap<QueueId, Arc<str>>,
    agents: BTreeMap<AgentId, Arc<str>>,
    peers: BTreeMap<PeerId, Arc<str>>,
    values: BTreeMap<(Dimension, ValueId), Arc<str>>,
}

impl Names {
    /// Learns the names of a plan and of the neighbours.
    pub fn learn(&mut self, plan: &Plan, peers: &[(PeerId, Arc<str>)]) {
        self.queues.extend(plan.queues.iter().map(|queue| (queue.id, Arc::clone(&queue.name))));
        self.agents.extend(plan.agents.iter().map(|agent| (agent.id, Arc::clone(&agent.name))));
        self.peers.extend(peers.iter().map(|(id, name)| (*id, Arc::clone(name))));
    }

    /// Learns the names of the values of each dimension, by their numbers.
    pub fn learn_values(&mut self, values: &[Vec<Arc<str>>; Dimension::ALL.len()]) {
        for (dimension, names) in Dimension::ALL.into_iter().zip(values) {
            let numbered = (0..).map(ValueId).zip(names);
            self.values.extend(numbered.map(|(value, name)| ((dimension, value), Arc::clone(name))));
        }
    }

    pub(super) fn value(&self, dimension: Dimension, value: ValueId) -> Option<&str> {
        self.values.get(&(dimension, value)).map(|name| &**name)
    }

    pub(super) fn queue(&self, id: QueueId) -> Option<&str> {
        self.queues.get(&id).map(|name| &**name)
    }

    pub(super) fn agent(&self, id: AgentId) -> Option<&str> {
        self.agents.get(&id).map(|name| &**name)
    }

    pub(super) fn peer(&self, id: PeerId) -> Option<&str> {
        self.peers.get(&id).map(|name| &**name)
    }
}
