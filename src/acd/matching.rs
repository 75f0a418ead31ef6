//! [`Matching`]: the two indexes that meet. Queues that ask for the same skills and strategy share a *pool*: its idle agents
//! sorted by the strategy's key, and its callers without an offer sorted by their place. A decision looks at the heads of
//! the pools of one agent or one call; it never walks agents or callers. At rest no pool has both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::index::Index;
use crate::acd::plan::QueuePlan;
use crate::acd::queue::Place;
use crate::acd::strategy::{self, History, Strategy};
use crate::base::{AgentId, CallId};

/// All pools.
#[derive(Debug, Default)]
pub(super) struct Matching {
    pools: Vec<Pool>,
    /// Pools by one skill that they ask for; those that ask for none are under the empty name.
    by_skill: BTreeMap<Arc<str>, Vec<u32>>,
    /// What each set of skills was found to serve.
    teams: BTreeMap<Vec<Arc<str>>, Arc<[u32]>>,
}

#[derive(Debug)]
struct Pool {
    skills: Vec<Arc<str>>,
    strategy: &'static Strategy,
    idle: Index<(u64, AgentId)>,
    waiting: Index<Place>,
}

impl Matching {
    /// The pool of a queue, made when it is the first of its kind. Queues come before agents.
    pub(super) fn pool(&mut self, queue: &QueuePlan) -> usize {
        let skills = sorted(&queue.skills);
        // The configuration refuses names that are not in the table.
        let strategy = strategy::find(queue.strategy).unwrap_or(strategy::STRATEGIES[0]);
        let same = |pool: &Pool| pool.skills == skills && std::ptr::eq(pool.strategy, strategy);
        let key = skills.first().cloned().unwrap_or_default();
        let pools = self.by_skill.entry(key).or_default();
        if let Some(&index) = pools.iter().find(|&&index| same(&self.pools[index as usize])) {
            return index as usize;
        }
        let index = self.pools.len();
        pools.push(u32::try_from(index).expect("fewer pools than queue ids"));
        self.pools.push(Pool { skills, strategy, idle: Index::default(), waiting: Index::default() });
        index
    }

    /// The pools that an agent with these skills belongs to. Agents of the same skills share the list.
    pub(super) fn pools_of(&mut self, skills: &[Arc<str>]) -> Arc<[u32]> {
        let skills = sorted(skills);
        if let Some(pools) = self.teams.get(&skills) {
            return Arc::clone(pools);
        }
        let has_all =
            |index: &&u32| self.pools[**index as usize].skills.iter().all(|s| skills.binary_search(s).is_ok());
        let unskilled: Arc<str> = Arc::default();
        let found: BTreeSet<u32> = skills
            .iter()
            .chain([&unskilled])
            .filter_map(|skill| self.by_skill.get(skill))
            .flatten()
            .filter(has_all)
            .copied()
            .collect();
        let pools: Arc<[u32]> = found.into_iter().collect();
        self.teams.insert(skills, Arc::clone(&pools));
        pools
    }

    /// An agent begins to wait for a call.
    pub(super) fn list(&mut self, pools: &[u32], agent: AgentId, history: &History) {
        for &index in pools {
            let pool = &mut self.pools[index as usize];
            pool.idle.insert(((pool.strategy.key)(history), agent));
        }
    }

    /// An agent no longer waits for a call; its history is what it was when it was listed.
    pub(super) fn unlist(&mut self, pools: &[u32], agent: AgentId, history: &History) {
        for &index in pools {
            let pool = &mut self.pools[index as usize];
            let was_there = pool.idle.remove(&((pool.strategy.key)(history), agent));
            debug_assert!(was_there, "{agent} stands in the index under its key");
        }
    }

    /// A call begins to wait without an offer.
    pub(super) fn wait(&mut self, pool: usize, place: Place) {
        self.pools[pool].waiting.insert(place);
    }

    /// A call has an offer, or has left.
    pub(super) fn unwait(&mut self, pool: usize, place: &Place) {
        self.pools[pool].waiting.remove(place);
    }

    /// The agent who is next for a call of the pool.
    pub(super) fn best_agent(&self, pool: usize) -> Option<AgentId> {
        self.pools[pool].idle.first().map(|(_, agent)| agent)
    }

    /// The best call over all pools of an agent, with its pool.
    pub(super) fn best_call(&self, pools: &[u32]) -> Option<(Place, usize)> {
        let heads =
            pools.iter().filter_map(|&index| Some((self.pools[index as usize].waiting.first()?, index as usize)));
        heads.min()
    }

    /// The best call of one pool.
    pub(super) fn first_waiting(&self, pool: usize) -> Option<Place> {
        self.pools[pool].waiting.first()
    }

    /// How many pools there are.
    pub(super) fn len(&self) -> usize {
        self.pools.len()
    }

    /// True when the pool's callers without an offer include this place.
    pub(super) fn is_waiting(&self, pool: usize, place: &Place) -> bool {
        self.pools[pool].waiting.contains(place)
    }

    /// True when the agent stands in each of these pools under its key.
    pub(super) fn is_listed(&self, pools: &[u32], agent: AgentId, history: &History) -> bool {
        pools
            .iter()
            .map(|&index| &self.pools[index as usize])
            .all(|p| p.idle.contains(&((p.strategy.key)(history), agent)))
    }

    /// Entries of the two indexes, over all pools: agents, then calls.
    pub(super) fn entries(&self) -> (usize, usize) {
        self.pools.iter().fold((0, 0), |(idle, waiting), pool| (idle + pool.idle.len(), waiting + pool.waiting.len()))
    }

    /// A call that waits while an agent of its pool does.
    pub(super) fn unmatched(&self) -> Option<(CallId, AgentId)> {
        self.pools.iter().find_map(|pool| Some((pool.waiting.first()?.call, pool.idle.first()?.1)))
    }
}

fn sorted(skills: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut skills = skills.to_vec();
    skills.sort_unstable();
    skills.dedup();
    skills
}
