//! What explanations are made of: the rule that keeps an agent from a call, and what candidates were compared by.

use smallvec::SmallVec;

use crate::acd::plan::AgentState;
use crate::acd::requirement::Unmet;
use crate::base::limits::{CANDIDATES_MAX, DECISIONS_MAX};
use crate::base::{AgentId, CallId, Instant, QueueId};

/// What keeps an agent from a call: the first rule that does.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclusion {
    /// Nothing: it may take the call now, and others are asked first or it has just been asked.
    None,
    /// It does not belong to the queue, or its skills meet no step of it.
    NotAMember,
    /// Its skills do not fit; the parts that they do not meet.
    Skills(Vec<Unmet>),
    /// Its tier has not joined yet.
    Level {
        /// The agent's.
        level: u32,
        /// The highest that has.
        joined: u32,
    },
    /// It sees callers of the queue only after a longer wait, at this moment.
    Delay(Instant),
    /// Its penalty is outside the window.
    Penalty {
        /// The agent's.
        penalty: u32,
        /// The least that is in.
        min: u32,
        /// The most that is in.
        max: u32,
    },
    /// It belongs to the queue's reserve, which is out.
    Reserve,
    /// It belongs to this queue, which lends nobody now.
    NotLent(QueueId),
    /// It is not waiting for a call.
    State(AgentState),
}

/// See [`Decision`].
pub type Candidates = SmallVec<[Candidacy; CANDIDATES_MAX]>;

/// What a candidate was compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidacy {
    /// Its level, compared first.
    pub level: u32,
    /// Its penalty as it counts: raised by the window, 0 where penalties do not count; compared next.
    pub penalty: u32,
    /// The strategy's key, compared then; see the row's docs.
    pub key: [u64; 2],
    /// The configured position, compared last but for the id.
    pub position: u32,
    /// The agent.
    pub agent: AgentId,
}

/// An offer and whom it was chosen from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Instant,
    /// The call.
    pub call: CallId,
    /// Its queue.
    pub queue: QueueId,
    /// The strategy that chose.
    pub strategy: &'static str,
    /// Who was chosen.
    pub chosen: AgentId,
    /// The first ready agent of each group of the same skills and terms that could have taken it, in the order of the
    /// strategy, the first [`CANDIDATES_MAX`] of them. A strategy that draws or goes in turn may have chosen another. Empty where
    /// an agent became ready and took the best call: there was nobody else.
    pub candidates: Candidates,
    /// How many more groups had somebody.
    pub others: u32,
}

/// The last decisions, oldest first.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    kept: Vec<Decision>,
    /// The oldest, once there are as many as are kept.
    oldest: usize,
}

impl Decisions {
    pub(super) fn note(&mut self, decision: Decision) {
        if self.kept.len() < DECISIONS_MAX {
            return self.kept.push(decision);
        }
        self.kept[self.oldest] = decision;
        self.oldest = (self.oldest + 1) % DECISIONS_MAX;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Decision> {
        let (later, earlier) = self.kept.split_at(self.oldest);
        earlier.iter().chain(later)
    }
}
