//! What the configuration means to the engine: queues with their routing, agents with their skills and memberships.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::{AgentPlan, Members, Membership, Order, PenaltyStep, QueuePlan, Routing, Skill, Step, TierRules};
use crate::base::{AgentId, PeerId, QueueId};
use crate::config::{
    AgentConfig, MemberConfig, OrderConfig, PenaltyStepConfig, PreferredSource, QueueConfig, RoutingConfig,
    SkillConfig, StepConfig, TierConfig,
};

/// The memberships that queues list, by the agent's name.
#[derive(Debug, Default)]
pub(super) struct Memberships(BTreeMap<Arc<str>, Vec<Membership>>);

impl Memberships {
    /// Notes whom a queue lists.
    pub(super) fn note(&mut self, id: QueueId, queue: &QueueConfig) {
        for member in queue.routing.members.iter().flatten() {
            let &MemberConfig { tier, position, penalty, delay, .. } = member;
            let membership = Membership { queue: id, level: tier, penalty, position, delay };
            self.0.entry(Arc::clone(&member.agent)).or_default().push(membership);
        }
    }

    /// The memberships of an agent.
    pub(super) fn take(&mut self, agent: &str) -> Vec<Membership> {
        self.0.remove(agent).unwrap_or_default()
    }
}

/// A queue as the engine is told of it.
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
        open: queue.open,
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
