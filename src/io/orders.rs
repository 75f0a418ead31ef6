//! Orders of the supervisor, and what whoever runs the ACD engine does about its figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::Instant;
use crate::config::Config;
use crate::node::{Naming, Resolved, figures};
use crate::stats::Live;

/// An order of the supervisor to the thread of the ACD engine.
#[derive(Debug)]
pub enum Order {
    /// Another configuration, or the same one with other addresses.
    Reload {
        /// The configuration.
        config: Arc<Config>,
        /// What the supervisor looked up for it.
        resolved: Resolved,
        /// Gets the lines about what cannot change at run time.
        answer: oneshot::Sender<Vec<String>>,
    },
    /// No new calls; waiting callers flow out after the limit.
    Drain {
        /// How long waiting callers are still offered.
        limit: Duration,
    },
}

/// Tells the figures of another plan, and the supervisor what of it cannot be followed.
pub(super) fn answer_reload(
    live: &Live,
    now: Instant,
    naming: &Naming,
    mut lines: Vec<String>,
    answer: oneshot::Sender<Vec<String>>,
) {
    lines.extend(figures::follow(live, now, naming));
    // A supervisor that does not wait for the lines has none to log.
    drop(answer.send(lines));
}

/// Tells the figures of what a supervisor has changed.
pub(super) fn follow(live: &Live, now: Instant, naming: Option<Naming>) {
    for line in naming.iter().flat_map(|naming| figures::follow(live, now, naming)) {
        tracing::warn!("{line}");
    }
}

/// What the engine had to repair is a broken invariant, and is seen where the others are.
pub(super) fn count_repairs(live: &Live, repairs: u64, counted: &mut u64) {
    if repairs > *counted {
        live.count_violations(repairs - *counted);
        *counted = repairs;
    }
}
