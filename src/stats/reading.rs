//! One reading of everything, made of consistent copies: what a scrape or a question is answered from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::acd::{FlowOut, LostCause, Refusal, Repair};
use crate::base::{Instant, WallTime};
use crate::stats::agents::{ByState, KINDS, Times};
use crate::stats::cells::{QueueCells, Sum};
use crate::stats::spread::WorkingReading;

/// Everything at one moment, block by block.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) now: Instant,
    /// By id.
    pub(super) queues: Vec<QueueReading>,
    /// Each agent once.
    pub(super) agents: ByState,
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
    pub(super) micros: [u64; KINDS.len()],
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

impl QueueReading {
    /// `offered = answered + abandoned + flowed out + waiting` (DESIGN section 4), each of the abandoned and the flowed out that is
    /// lost with its cause; and the same of contacts:
    /// `offered = served + lost + untargeted + in progress` ("Decisions" 1; no callbacks yet).
    pub(super) fn is_conserved(&self) -> bool {
        let cells = &self.cells;
        let lost: u64 = LostCause::ALL.into_iter().map(|cause| cells.lost(cause)).sum();
        cells.offered() == cells.answered() + cells.abandoned() + self.flowed_out() + cells.waiting()
            && cells.abandoned() + self.flowed_out() == lost + self.unlost()
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

    /// For whatever reason.
    pub(super) fn flowed_out(&self) -> u64 {
        FlowOut::ALL.into_iter().map(|reason| self.cells.flowed_out(reason)).sum()
    }

    /// Those who flowed out and are no loss: untargeted, or gone on to another queue.
    fn unlost(&self) -> u64 {
        let is_unlost = |reason: &FlowOut| reason.untargeted().is_some() || *reason == FlowOut::Requeued;
        FlowOut::ALL.into_iter().filter(is_unlost).map(|reason| self.cells.flowed_out(reason)).sum()
    }

    /// How long the longest waiting caller has waited, in microseconds.
    pub(super) fn longest_wait(&self, now: Instant) -> u64 {
        self.cells.oldest().map_or(0, |since| now.as_micros().saturating_sub(since.as_micros()))
    }
}
