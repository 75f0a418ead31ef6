//! Makes the live figures for what a node is configured with, and tells them of another plan. The server and the simulator keep
//! their figures by this same code.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::QueuePlan;
use crate::base::{Instant, WallTime};
use crate::config::Config;
use crate::node::hub::Naming;
use crate::stats::{Live, histogram_bounds};

/// Figures at zero; `origin` is the calendar's time at [`Instant::ZERO`]. The histogram bounds are the process's for good
/// ("Decisions" 4).
pub fn figures(now: Instant, naming: &Naming, origin: WallTime) -> Live {
    let live = Live::new(now, &naming.plan, &bounds(&naming.config));
    live.set_origin(origin);
    follow(&live, now, naming);
    live
}

/// Another plan is in force; the facts that it causes are folded after this. Returns what of it the figures cannot follow, one
/// line each.
pub fn follow(live: &Live, now: Instant, naming: &Naming) -> Vec<String> {
    let Naming { config, plan, targets, peers } = naming;
    let inexact = live.apply_plan(now, plan, peers);
    live.set_targets(targets);
    let calendar = |queue: &QueuePlan| (queue.id, Arc::clone(config.figures.calendar_of(&queue.name)));
    live.set_calendars(&plan.queues.iter().map(calendar).collect::<Vec<_>>());
    let line = |threshold: &Duration| {
        format!("the threshold {threshold:?} becomes a histogram bound (its service level counts from now on)")
    };
    inexact.iter().map(line).collect()
}

fn bounds(config: &Config) -> Vec<u64> {
    let own = config.queues.iter().map(|queue| queue.threshold);
    histogram_bounds(own.chain(config.figures.thresholds.iter().copied()))
}
