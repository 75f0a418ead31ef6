//! Orders of the supervisor, and what whoever runs the ACD engine does about its figures.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::acd::Plan;
use crate::base::{Instant, PeerId};
use crate::config::Config;
use crate::io::figures;
use crate::node::Resolved;
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

/// The names that figures are kept under: the plan, and the configured neighbours.
pub(super) type Naming<'a> = (&'a Plan, &'a [(PeerId, Arc<str>)]);

/// Tells the figures of another plan, and the supervisor what of it cannot be followed.
pub(super) fn answer_reload(
    live: &Live,
    now: Instant,
    config: &Config,
    naming: Naming<'_>,
    mut lines: Vec<String>,
    answer: oneshot::Sender<Vec<String>>,
) {
    lines.extend(figures::apply(live, now, config, naming.0, naming.1));
    // A supervisor that does not wait for the lines has none to log.
    drop(answer.send(lines));
}

/// What the engine had to repair is a broken invariant, and is seen where the others are.
pub(super) fn count_repairs(live: &Live, repairs: u64, counted: &mut u64) {
    if repairs > *counted {
        live.count_violations(repairs - *counted);
        *counted = repairs;
    }
}
