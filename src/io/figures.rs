//! Makes the live figures for a configuration and its plan, and tells them of another plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Plan, QueuePlan};
use crate::base::{AgentId, Instant, WallTime};
use crate::config::{AgentSeries, Config, agents_of};
use crate::io::clock::{self, Clock};
use crate::node::Naming;
use crate::stats::{Live, histogram_bounds};

/// Figures at zero. The histogram bounds are the process's for good ("Decisions" 4).
pub fn start(clock: &Clock, naming: &Naming) -> Live {
    let now = clock.now();
    let most = &naming.config.figures.series_max;
    let live = Live::with_series(now, &naming.plan, &bounds(&naming.config), most);
    let since_start = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    live.set_origin(WallTime::from_micros(clock::wall().as_micros().saturating_sub(since_start)));
    apply(&live, now, naming);
    live
}

fn bounds(config: &Config) -> Vec<u64> {
    let own = config.queues.iter().map(|queue| queue.threshold);
    histogram_bounds(own.chain(config.figures.thresholds.iter().copied()))
}

/// Another plan is in force. Returns what of it the figures cannot follow, one line each.
pub fn apply(live: &Live, now: Instant, naming: &Naming) -> Vec<String> {
    let Naming { config, plan, targets, peers, values, groups } = naming;
    let inexact = live.apply_plan(now, plan, peers);
    live.set_targets(targets);
    live.set_values(values, groups);
    live.set_calendar(&config.figures.calendar);
    live.set_teams(now, &members(config, plan));
    live.set_agent_series(now, &listed(config, plan));
    let calendar = |queue: &QueuePlan| (queue.id, Arc::clone(config.figures.calendar_of(&queue.name)));
    live.set_calendars(&plan.queues.iter().map(calendar).collect::<Vec<_>>());
    let line = |threshold: &Duration| {
        format!("the threshold {threshold:?} becomes a histogram bound (its service level counts from now on)")
    };
    inexact.iter().map(line).collect()
}

/// The agents that have series of their own.
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

/// Each agent's team by its path from the root.
fn members(config: &Config, plan: &Plan) -> Vec<(AgentId, Arc<str>)> {
    let parents: BTreeMap<&str, Option<&str>> =
        config.teams.iter().map(|team| (&*team.name, team.parent.as_deref())).collect();
    let path = |name: &str| {
        let mut way = vec![name.to_string()];
        let mut above = parents.get(name).copied().flatten();
        while let Some(parent) = above {
            way.push(parent.to_string());
            above = parents.get(parent).copied().flatten();
        }
        way.reverse();
        Arc::from(way.join("/"))
    };
    let mut paths: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    for team in &config.teams {
        let path: Arc<str> = path(&team.name);
        paths.extend(team.agents.iter().map(|agent| (&**agent, Arc::clone(&path))));
    }
    plan.agents.iter().filter_map(|agent| Some((agent.id, Arc::clone(paths.get(&*agent.name)?)))).collect()
}
