//! What the configuration means to the engine: queues with their routing, agents with their skills and memberships.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::{
    AgentPlan, Lending, Loan, Members, Membership, Order, PenaltyStep, QueuePlan, ReserveMode, ReserveRule, Routing,
    Skill, Step, TierRules,
};
use crate::base::{AgentId, PeerId, QueueId};
use crate::config::{
    AgentConfig, LendingConfig, LoanConfig, MemberConfig, OrderConfig, PenaltyStepConfig, PreferredSource, QueueConfig,
    RoutingConfig, SkillConfig, StepConfig, TierConfig,
};

/// Header fields in which queues look for the agent whom their callers prefer, each once.
pub(super) fn preferring(queues: &[QueueConfig]) -> Arc<[Arc<str>]> {
    let sources = queues.iter().flat_map(|queue| &queue.routing.preferred.by);
    let headers: BTreeSet<&str> = sources
        .filter_map(|source| match source {
            PreferredSource::Header(header) => Some(header.as_str()),
            PreferredSource::Attribute(_) | PreferredSource::Last => None,
        })
        .collect();
    headers.into_iter().map(Arc::from).collect()
}

/// The memberships that queues list, by the agent's name.
#[derive(Debug, Default)]
pub(super) struct Memberships(BTreeMap<Arc<str>, Vec<Membership>>);

impl Memberships {
    /// Notes whom a queue lists.
    pub(super) fn note(&mut self, id: QueueId, queue: &QueueConfig) {
        for member in queue.routing.members.iter().flatten() {
            let &MemberConfig { tier, position, penalty, delay, reserve, .. } = member;
            let membership = Membership { queue: id, level: tier, penalty, position, delay, reserve };
            self.0.entry(Arc::clone(&member.agent)).or_default().push(membership);
        }
    }

    /// The memberships of an agent.
    pub(super) fn take(&mut self, agent: &str) -> Vec<Membership> {
        self.0.remove(agent).unwrap_or_default()
    }
}

/// A queue as the engine is told of it; whom it lends to comes after all queues ([`lending`]).
pub(super) fn queue(id: QueueId, queue: &QueueConfig) -> QueuePlan {
    QueuePlan {
        id,
        name: queue.name.clone(),
        strategy: queue.strategy,
        waiting_max: queue.waiting_max,
        wait_max: queue.wait_max,
        ring_timeout: queue.ring_timeout,
        ring_step: queue.ring_step,
        offers: queue.offers.clone(),
        wrap_up: queue.wrap_up,
        threshold: queue.threshold,
        short_abandon: queue.short_abandon,
        state: queue.state,
        routing: routing(&queue.routing),
    }
}

/// An agent as the engine is told of it.
pub(super) fn agent(id: AgentId, peer: PeerId, agent: &AgentConfig, memberships: Vec<Membership>) -> AgentPlan {
    AgentPlan {
        id,
        name: agent.name.clone(),
        skills: agent.skills.iter().map(skill).collect(),
        memberships,
        peer,
        initial: agent.initial.clone(),
        return_after: agent.return_after,
        busy_pause: agent.busy_pause,
        policy: agent.policy.clone(),
    }
}

fn routing(config: &RoutingConfig) -> Routing {
    Routing {
        requirement: config.requirement.clone(),
        weight: config.weight,
        order: match config.order {
            OrderConfig::Priority => Order::Priority,
            OrderConfig::Ageing(unit) => Order::Ageing(unit),
            OrderConfig::Objective(objective) => Order::Objective(objective),
        },
        members: if config.members.is_some() { Members::Listed } else { Members::Skilled },
        steps: config.steps.iter().map(step).collect(),
        tiers: config.tiers.map(|TierConfig { wait, by_level, skip_empty }| TierRules {
            wait,
            multiply: by_level,
            skip_empty,
        }),
        penalties: config.penalty_steps.iter().map(penalty_step).collect(),
        penalty_members_limit: config.penalty_members_limit,
        skill_weights: config.skill_weights.clone(),
        preferred_for: config.preferred.wait,
        recall: config.preferred.by.contains(&PreferredSource::Last).then_some(config.preferred.within),
        reserve: ReserveRule { mode: ReserveMode::Auto, thresholds: config.reserve.unwrap_or_default() },
        lending: Lending::default(),
    }
}

/// How a queue lends its members to others, which are known by now.
pub(super) fn lending(queue: &QueueConfig, id_of: impl Fn(&str) -> Option<QueueId>) -> Lending {
    let LendingConfig { to, window, pause } = &queue.routing.lending;
    let loan = |config: &LoanConfig| {
        let &LoanConfig { ref queue, tier, penalty, delay } = config;
        Some(Loan { queue: id_of(queue)?, level: tier, penalty, delay })
    };
    Lending {
        // A configured target is a fraction from 0 to 1.
        target: (queue.target * 1_000.0).round() as u16,
        // Whole minutes, up to an hour.
        window: u32::try_from(window.as_secs() / 60).unwrap_or(Lending::WINDOW_MAX),
        pause: *pause,
        to: to.iter().filter_map(loan).collect(),
    }
}

fn penalty_step(&PenaltyStepConfig { after, min, max, raise }: &PenaltyStepConfig) -> PenaltyStep {
    PenaltyStep { after, min, max, raise }
}

fn step(config: &StepConfig) -> Step {
    let &StepConfig { after, strategy, priority, .. } = config;
    Step { after, requirement: config.requirement.clone(), strategy, bump: priority }
}

fn skill(config: &SkillConfig) -> Skill {
    Skill { name: Arc::clone(&config.name), level: config.level, enabled: config.enabled }
}
