//! Makes the live figures for a configuration and its plan, and tells them of another plan.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Plan, QueuePlan};
use crate::base::{Instant, PeerId, WallTime};
use crate::config::Config;
use crate::io::clock::{self, Clock};
use crate::stats::{Live, histogram_bounds};

/// Figures at zero. The histogram bounds are the process's for good ("Decisions" 4).
pub fn start(clock: &Clock, config: &Config, plan: &Plan, peers: &[(PeerId, Arc<str>)]) -> Live {
    let now = clock.now();
    let live = Live::new(now, plan, &bounds(config));
    let since_start = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    live.set_origin(WallTime::from_micros(clock::wall().as_micros().saturating_sub(since_start)));
    apply(&live, now, config, plan, peers);
    live
}

fn bounds(config: &Config) -> Vec<u64> {
    let own = config.queues.iter().map(|queue| queue.threshold);
    histogram_bounds(own.chain(config.figures.thresholds.iter().copied()))
}

/// Another plan is in force. Returns what of it the figures cannot follow, one line each.
pub fn apply(live: &Live, now: Instant, config: &Config, plan: &Plan, peers: &[(PeerId, Arc<str>)]) -> Vec<String> {
    let inexact = live.apply_plan(now, plan, peers);
    let target = |queue: &QueuePlan| {
        let configured = config.queues.iter().find(|configured| configured.name == queue.name)?;
        Some((queue.id, configured.target))
    };
    let targets: Vec<_> = plan.queues.iter().filter_map(target).collect();
    live.set_targets(&targets);
    let calendar = |queue: &QueuePlan| (queue.id, Arc::clone(config.figures.calendar_of(&queue.name)));
    live.set_calendars(&plan.queues.iter().map(calendar).collect::<Vec<_>>());
    let line = |threshold: &Duration| {
        format!("the threshold {threshold:?} becomes a histogram bound (its service level counts from now on)")
    };
    inexact.iter().map(line).collect()
}
