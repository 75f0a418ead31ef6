//! The figures of a world: kept from its facts by the code that the server keeps its own by, and held against the oracle's
//! counts. What they were made of may be kept too, to fold it again.

use std::sync::Arc;

use crate::acd::Stamped;
use crate::base::{Instant, WallTime};
use crate::node::{Naming, figures};
use crate::sim::oracle::Oracle;
use crate::stats::Live;

/// What the figures were made of, in its order.
#[derive(Debug, Clone)]
pub enum Note {
    /// Another plan was in force from this moment on.
    Naming(Instant, Box<Naming>),
    /// A fact.
    Fact(Stamped),
}

/// The figures of a world; see the module.
#[derive(Debug)]
pub struct Books {
    live: Arc<Live>,
    origin: WallTime,
    notes: Option<Vec<Note>>,
}

impl Books {
    /// Figures at zero; `keeps_notes` tells whether to keep what they are made of.
    pub fn new(naming: Naming, origin: WallTime, keeps_notes: bool) -> Self {
        let live = Arc::new(figures::figures(Instant::ZERO, &naming, origin));
        let notes = keeps_notes.then(|| vec![Note::Naming(Instant::ZERO, Box::new(naming))]);
        Self { live, origin, notes }
    }

    /// The calendar's time at the start.
    pub const fn origin(&self) -> WallTime {
        self.origin
    }

    /// The figures.
    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// What they were made of, where that is kept; the first is the plan at the start.
    pub fn notes(&self) -> &[Note] {
        self.notes.as_deref().unwrap_or_default()
    }

    /// Another plan is in force.
    pub fn follow(&mut self, now: Instant, naming: Naming) {
        // A threshold that no histogram holds is counted by its events all the same.
        drop(figures::follow(&self.live, now, &naming));
        if let Some(notes) = &mut self.notes {
            notes.push(Note::Naming(now, Box::new(naming)));
        }
    }

    /// A fact was told.
    pub fn fold(&mut self, stamped: &Stamped) {
        self.live.fold(stamped);
        if let Some(notes) = &mut self.notes {
            notes.push(Note::Fact(stamped.clone()));
        }
    }

    /// Holds the figures against the laws and against the oracle, which counts by itself.
    ///
    /// # Errors
    /// The first figure that is wrong, in words.
    pub fn check(&self, now: Instant, oracle: &Oracle) -> Result<(), String> {
        if self.live.violations() > 0 {
            return Err("a fact contradicts the figures".to_string());
        }
        for (queue, (id, tally)) in self.live.queues(now).iter().zip(oracle.tallies()) {
            let figures = [queue.offered, queue.answered, queue.abandoned, queue.flowed_out, queue.waiting];
            let waiting = oracle.waiting(*id) as u64;
            let counted = [tally.offered, tally.answered, tally.abandoned, tally.flowed_out_total(), waiting];
            if figures != counted || !queue.conserved() {
                return Err(format!("figures of queue {}: {figures:?}, counted {counted:?}", queue.name));
            }
        }
        Ok(())
    }
}
