//! The teams' books: agents' seconds and talks, each in the team that the agent was in then. When an agent changes its team its
//! running state is closed in the old one and goes on in the new one, so that nothing is counted anew.
//!
//! A team is known by its path from the root (`sales/east`): a department's figures are the sum over the paths that begin with
//! its own. At most [`TEAMS_SHOWN_MAX`] teams have series of their own; what comes after goes into `other`, and is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;

use crate::base::AgentId;
use crate::stats::agents::Times;
use crate::stats::hand::Hand;
#[cfg(test)]
use crate::stats::tests::hold;

/// Each team has a series for each state and reason: this is some thousand series.
pub(super) const TEAMS_SHOWN_MAX: usize = 300;
/// Where the figures of the teams beyond go.
const OTHER: &str = "other";

/// See the module. Only the one writer changes it; the list behind the lock is for readers, and is replaced whole.
#[derive(Debug)]
pub(super) struct Teams {
    hand: Arc<Hand>,
    members: DashMap<AgentId, Arc<str>>,
    books: DashMap<Arc<str>, Arc<Times>>,
    list: RwLock<Arc<BTreeMap<Arc<str>, Arc<Times>>>>,
    overflow: AtomicU64,
}

impl Teams {
    /// Nobody is in any team; days and months begin as the hand tells.
    pub(super) fn new(hand: Arc<Hand>) -> Self {
        let (members, books) = (DashMap::new(), DashMap::new());
        Self { hand, members, books, list: RwLock::default(), overflow: AtomicU64::new(0) }
    }

    /// The books of the team that the agent is in; those without a team share the books of the empty path.
    pub(super) fn of(&self, agent: AgentId) -> Arc<Times> {
        let path = self.members.get(&agent).map_or_else(|| Arc::from(""), |path| Arc::clone(&path));
        self.books(&path)
    }

    /// From now on the agent is in this team, or in none.
    pub(super) fn set_member(&self, agent: AgentId, team: Option<&Arc<str>>) {
        match team {
            Some(path) => drop(self.members.insert(agent, Arc::clone(path))),
            None => drop(self.members.remove(&agent)),
        }
    }

    /// All books by path.
    pub(super) fn list(&self) -> Arc<BTreeMap<Arc<str>, Arc<Times>>> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often figures went into `other` because there were too many teams.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }

    fn books(&self, path: &Arc<str>) -> Arc<Times> {
        if let Some(books) = self.books.get(path) {
            return Arc::clone(&books);
        }
        if self.books.len() >= TEAMS_SHOWN_MAX && **path != *OTHER {
            self.overflow.fetch_add(1, Ordering::Relaxed);
            return self.books(&Arc::from(OTHER));
        }
        let books = Arc::new(Times::new(Arc::clone(&self.hand)));
        self.books.insert(Arc::clone(path), Arc::clone(&books));
        let mut list = BTreeMap::clone(&self.list());
        list.insert(Arc::clone(path), Arc::clone(&books));
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
        books
    }
}

#[cfg(test)]
impl Teams {
    /// The guards of the writer's maps, for a test of who waits for them.
    pub(super) fn hold_writers(&self) -> Vec<hold::Guard<'_>> {
        let mut guards = hold::all(&self.members, (0..hold::KEYS).map(|n| AgentId(n as u32)));
        guards.extend(hold::all(&self.books, (0..hold::KEYS).map(|n| Arc::from(n.to_string()))));
        guards
    }

    /// The guard of what readers look into.
    pub(super) fn hold_readers(&self) -> hold::Guard<'_> {
        Box::new(self.list.write().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_teams_than_are_shown_share_the_books_of_the_others() {
        let teams = Teams::new(Arc::new(Hand::new()));
        for agent in 0..TEAMS_SHOWN_MAX as u32 + 5 {
            teams.set_member(AgentId(agent), Some(&Arc::from(format!("t{agent}"))));
            teams.of(AgentId(agent));
        }
        assert_eq!((teams.list().len(), teams.overflow()), (TEAMS_SHOWN_MAX + 1, 5));
        assert!(Arc::ptr_eq(&teams.of(AgentId(TEAMS_SHOWN_MAX as u32)), &teams.list()[OTHER]));
        assert!(!Arc::ptr_eq(&teams.of(AgentId(0)), &teams.list()[OTHER]));
    }
}
