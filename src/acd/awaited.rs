//! [`Awaited`]: callers who wait for one agent alone, each agent's in the order of their places. When such a wait ends is not
//! its matter.

use crate::acd::index::Index;
use crate::acd::place::Place;
use crate::base::{AgentId, IdMap, Instant, TimerKey};

/// A call waits for one agent alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) agent: AgentId,
    pub(super) until: Instant,
    pub(super) timer: TimerKey,
}

/// See the module. An agent for whom somebody has waited once keeps its room.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    callers: IdMap<AgentId, Index<Place>>,
    len: usize,
}

impl Awaited {
    pub(super) fn insert(&mut self, agent: AgentId, place: Place) {
        self.callers.entry(agent).or_default().insert(place);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, agent: AgentId, place: &Place) {
        if self.callers.get_mut(&agent).is_some_and(|callers| callers.remove(place)) {
            self.len -= 1;
        }
    }

    /// Who goes first.
    pub(super) fn first(&self, agent: AgentId) -> Option<Place> {
        // For most nobody ever waits, and nobody should pay for that.
        if self.len == 0 {
            return None;
        }
        self.callers.get(&agent)?.first()
    }

    pub(super) fn contains(&self, agent: AgentId, place: &Place) -> bool {
        self.callers.get(&agent).is_some_and(|callers| callers.contains(place))
    }

    /// Everybody who waits for an agent; costs as many steps.
    pub(super) fn of(&self, agent: AgentId) -> impl Iterator<Item = &Place> {
        self.callers.get(&agent).into_iter().flat_map(Index::walk)
    }

    /// How many wait for one agent alone.
    pub(super) const fn len(&self) -> usize {
        self.len
    }
}
