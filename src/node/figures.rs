//! Makes the live figures for what a node is configured with, and tells them of another plan. The server and the simulator keep
//! their figures by this same code.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Plan, QueuePlan};
use crate::base::{AgentId, Instant, WallTime};
use crate::config::{AgentSeries, Config, agents_of};
use crate::node::hub::Naming;
use crate::stats::{Live, histogram_bounds};

/// Figures at zero; `origin` is the calendar's time at [`Instant::ZERO`]. The histogram bounds are the process's for good
/// ("Decisions" 4).
pub fn figures(now: Instant, naming: &Naming, origin: WallTime) -> Live {
    let most = &naming.config.figures.series_max;
    let live = Live::with_series(now, &naming.plan, &bounds(&naming.config), most);
    live.set_origin(origin);
    follow(&live, now, naming);
    live
}

/// Another plan is in force; the facts that it causes are folded after this. Returns what of it the figures cannot follow, one
/// line each.
pub fn follow(live: &Live, now: Instant, naming: &Naming) -> Vec<String> {
    let Naming { config, plan, targets, peers, values, groups } = naming;
    let inexact = live.apply_plan(now, plan, peers);
    live.set_targets(targets);
    live.set_values(values, groups);
    live.set_calendar(&config.figures.calendar);
    live.set_agent_series(now, &listed(config, plan));
    let calendar = |queue: &QueuePlan| (queue.id, Arc::clone(config.figures.calendar_of(&queue.name)));
    live.set_calendars(&plan.queues.iter().map(calendar).collect::<Vec<_>>());
    let line = |threshold: &Duration| {
        format!("the threshold {threshold:?} becomes a histogram bound (its service level counts from now on)")
    };
    inexact.iter().map(line).collect()
}

/// The agents that have series of their own; of a team, those who are in it before any date.
fn listed(config: &Config, plan: &Plan) -> Vec<(AgentId, Arc<str>)> {
    let named: Option<BTreeSet<&Arc<str>>> = match &config.figures.agent_series {
        AgentSeries::Off => return Vec::new(),
        AgentSeries::All => None,
        AgentSeries::Teams(teams) => {
            Some(teams.iter().filter_map(|team| agents_of(&config.teams, team)).flatten().collect())
        }
    };
    let agents = plan.agents.iter().filter(|agent| named.as_ref().is_none_or(|named| named.contains(&agent.name)));
    agents.map(|agent| (agent.id, Arc::clone(&agent.name))).collect()
}

fn bounds(config: &Config) -> Vec<u64> {
    let own = config.queues.iter().map(|queue| queue.threshold);
    histogram_bounds(own.chain(config.figures.thresholds.iter().copied()))
}
