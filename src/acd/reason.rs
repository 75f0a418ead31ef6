//! What explanations are made of: the rule that keeps an agent from a call, and what candidates were compared by.

use std::collections::VecDeque;
use std::time::Duration;

use crate::acd::plan::AgentState;
use crate::acd::requirement::Unmet;
use crate::base::limits::{CANDIDATES_MAX, DECISIONS_MAX, LISTS_A_SECOND};
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
    /// Agents of a lower tier or penalty ring, and with this strategy they alone.
    Outranked,
    /// The caller waits for another agent alone, until then.
    Preferred(AgentId, Instant),
    /// It belongs to the queue's reserve, which is out.
    Reserve,
    /// It belongs to this queue, which lends nobody now.
    NotLent(QueueId),
    /// It is not waiting for a call.
    State(AgentState),
}

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

/// The strategy of a [`Decision`] by which a call went to the agent whom it preferred.
pub const PREFERRED: &str = "preferred";

/// Why one agent was chosen, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was the first in the order of the strategy.
    First,
    /// It was the next after this agent, who took the last call of the queue.
    After(AgentId),
    /// It was drawn.
    Drawn,
    /// It became ready and took the first caller in line; nobody else who was ready could.
    Freed,
    /// The caller preferred it.
    Preferred,
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
    /// The strategy that chose, or [`PREFERRED`].
    pub strategy: &'static str,
    /// Who was chosen.
    pub chosen: AgentId,
    /// Why.
    pub why: Why,
    /// The ready agents who could have taken it, in the order of the strategy, the first [`CANDIDATES_MAX`] of them. A strategy
    /// that draws or goes in turn may have chosen another.
    pub candidates: Vec<Candidacy>,
    /// How many more there were; `None` where the others were not looked at, because there were more than
    /// [`LISTS_A_SECOND`] decisions a second.
    pub others: Option<u32>,
}

/// The first agents of a decision, in the order of the strategy, and how many more there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) first: [Candidacy; CANDIDATES_MAX],
    pub(super) len: usize,
    pub(super) others: u32,
}

/// A decision without its candidates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) at: Instant,
    pub(super) call: CallId,
    pub(super) queue: QueueId,
    pub(super) strategy: &'static str,
    pub(super) chosen: AgentId,
    pub(super) why: Why,
}

/// The last decisions, oldest first.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    kept: VecDeque<Kept>,
    /// Of all of them, one after the other.
    candidates: VecDeque<Candidacy>,
    /// From when on the next list is within the pace.
    next_list: Instant,
}

#[derive(Debug)]
struct Kept {
    verdict: Verdict,
    /// How many of [`Decisions::candidates`] are its own.
    candidates: u8,
    others: Option<u32>,
}

/// The time that one list of candidates uses up.
const LIST_PACE: Duration = Duration::from_micros(1_000_000 / LISTS_A_SECOND);

impl Decisions {
    /// True when the candidates of a decision are to be listed, which uses up a part of the pace: listing looks at every group of
    /// agents who could take the call, and a storm of calls is no time for that.
    pub(super) fn lists(&mut self, now: Instant) -> bool {
        if self.next_list > now + Duration::from_secs(1) {
            return false;
        }
        self.next_list = self.next_list.max(now) + LIST_PACE;
        true
    }

    /// Notes a decision, and whom there was to choose from; `None`: that has not been looked at.
    pub(super) fn note(&mut self, verdict: Verdict, chosen: Candidacy, field: Option<&Field>) {
        let listed = field.map_or_else(|| std::slice::from_ref(&chosen), |field| &field.first[..field.len]);
        self.keep(verdict, listed, field.map(|field| field.others));
    }

    /// Notes a decision for which there was nobody else.
    pub(super) fn note_only(&mut self, verdict: Verdict, chosen: Candidacy) {
        self.keep(verdict, &[chosen], Some(0));
    }

    fn keep(&mut self, verdict: Verdict, listed: &[Candidacy], others: Option<u32>) {
        if self.kept.len() == DECISIONS_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            for _ in 0..oldest.candidates {
                self.candidates.pop_front();
            }
        }
        self.candidates.extend(listed);
        // At most `CANDIDATES_MAX`.
        self.kept.push_back(Kept { verdict, candidates: listed.len() as u8, others });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Decision> {
        let mut from = 0;
        self.kept.iter().map(move |kept| {
            let Verdict { at, call, queue, strategy, chosen, why } = kept.verdict;
            let own = from..from + usize::from(kept.candidates);
            from = own.end;
            let candidates = self.candidates.range(own).copied().collect();
            Decision { at, call, queue, strategy, chosen, why, candidates, others: kept.others }
        })
    }
}
