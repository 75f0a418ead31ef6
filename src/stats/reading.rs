//! One reading of everything, made of consistent copies: what a scrape or a question is answered from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::acd::{Dimension, LostCause, Refusal, Repair};
use crate::base::{Instant, WallTime};
use crate::stats::agents::{ByState, KIND_COUNT, Times};
use crate::stats::cells::{QueueCells, Sum};
use crate::stats::hours::Fates;
use crate::stats::persons::PersonsReading;
use crate::stats::spread::WorkingReading;
use crate::stats::values::ShelfReading;

/// Everything at one moment, block by block.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) now: Instant,
    /// By id.
    pub(super) queues: Vec<QueueReading>,
    /// Each agent once.
    pub(super) agents: ByState,
    /// The names of groups of numbers by their places.
    pub(super) groups: Vec<Arc<str>>,
    /// Contacts by value, in the order of [`Dimension::ALL`].
    pub(super) values: [ShelfReading; Dimension::ALL.len()],
    /// Agents with series of their own.
    pub(super) persons: PersonsReading,
    /// By path.
    pub(super) teams: Vec<TeamReading>,
    /// How often a team's figures went into `other`.
    pub(super) teams_overflow: u64,
    /// In the order of [`Refusal::ALL`].
    pub(super) refused: [u64; Refusal::ALL.len()],
    /// In the order of [`Repair::ALL`].
    pub(super) repaired: [u64; Repair::ALL.len()],
    /// Agents whose device contradicts their state.
    pub(super) disagreements: u64,
    pub(super) peers: Vec<PeerReading>,
    /// Where the engine's own time goes.
    pub(super) working: WorkingReading,
    /// The calendar's time at [`Instant::ZERO`].
    pub(super) origin: Option<WallTime>,
}

/// One queue's copy, and the agents it accepts.
#[derive(Debug)]
pub(super) struct QueueReading {
    pub(super) name: Arc<str>,
    pub(super) cells: QueueCells,
    pub(super) agents: ByState,
    /// The rate of giving up, a second.
    pub(super) theta: f64,
}

/// A team's copy.
#[derive(Debug)]
pub(super) struct TeamReading {
    /// From the root; empty for those without a team.
    pub(super) path: Arc<str>,
    pub(super) micros: [u64; KIND_COUNT],
    pub(super) talks: Sum,
}

impl TeamReading {
    pub(super) fn new(path: &Arc<str>, times: &Times, now: Instant) -> Self {
        Self { path: Arc::clone(path), micros: times.read(now), talks: times.talks() }
    }
}

/// A neighbour that was named.
#[derive(Debug)]
pub(super) struct PeerReading {
    pub(super) name: Arc<str>,
    /// One when it answers.
    pub(super) up: u64,
}

impl PeerReading {
    pub(super) fn new(name: &Arc<str>, up: &AtomicU64) -> Self {
        Self { name: Arc::clone(name), up: up.load(Ordering::Relaxed) }
    }
}

impl Reading {
    /// The sums over the queues: what became of contacts, and how many are open.
    pub(super) fn contacts(&self) -> (Fates, u64) {
        let mut sum = (Fates::default(), 0);
        for queue in &self.queues {
            sum.0.add(&Fates {
                offered: queue.cells.contacts(),
                served: queue.cells.contacts_served(),
                untargeted: queue.contacts_untargeted(),
                lost: LostCause::ALL.map(|cause| queue.cells.contacts_lost(cause)),
            });
            sum.1 += queue.cells.contacts_in_progress();
        }
        sum
    }
}

impl QueueReading {
    /// `offered = answered + abandoned + flowed out + waiting` (DESIGN section 4), each of the abandoned and the flowed out
    /// that is lost with its cause; and the same of contacts: `offered = served + lost + untargeted + in progress` ("Decisions"
    /// 1; no callbacks yet).
    pub(super) fn is_conserved(&self) -> bool {
        let (cells, visits) = (&self.cells, self.cells.visits());
        let ended = visits.answered() + visits.abandoned() + visits.all_flowed_out();
        visits.offered() == ended + cells.waiting()
            && visits.are_lost_by_cause()
            && cells.contacts()
                == cells.contacts_served()
                    + self.contacts_lost()
                    + self.contacts_untargeted()
                    + cells.contacts_in_progress()
    }

    /// Contacts that began here and were lost, for whatever cause.
    pub(super) fn contacts_lost(&self) -> u64 {
        LostCause::ALL.into_iter().map(|cause| self.cells.contacts_lost(cause)).sum()
    }

    /// Contacts that began here and are outside every rate.
    pub(super) fn contacts_untargeted(&self) -> u64 {
        Refusal::ALL.into_iter().map(|reason| self.cells.contacts_untargeted(reason)).sum()
    }

    /// How long the longest waiting caller has waited, in microseconds.
    pub(super) fn longest_wait(&self, now: Instant) -> u64 {
        self.cells.oldest().map_or(0, |since| now.as_micros().saturating_sub(since.as_micros()))
    }
}
