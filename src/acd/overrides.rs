//! [`Overrides`]: what supervisors have changed at run time. They lie over the plan and survive its reload: the plan says what
//! holds where nobody has said otherwise, an override wins over it until it is taken back, and goes with its agent or queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::plan::{AgentPlan, Plan, QueuePlan};
use crate::acd::reserve::{ReserveMode, ReserveThresholds};
use crate::acd::routing::{Membership, QueueState, Skill};
use crate::acd::setting::{AgentSetting, Laid, QueueSetting};
use crate::base::limits::SKILLS_MAX;
use crate::base::{AgentId, QueueId};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    agents: BTreeMap<AgentId, AgentOverrides>,
    queues: BTreeMap<QueueId, QueueOverrides>,
}

/// What has been set of an agent.
#[derive(Debug, Default)]
pub struct AgentOverrides {
    /// Its skills by their names; one of level 0 is taken away.
    pub skills: BTreeMap<Arc<str>, Skill>,
    /// The terms on which it belongs to queues; `None`: taken out.
    pub memberships: BTreeMap<QueueId, Option<Membership>>,
}

/// What has been set of a queue.
#[derive(Debug, Default)]
pub struct QueueOverrides {
    /// The name of a row of the strategy table.
    pub strategy: Option<&'static str>,
    /// Whether it takes callers.
    pub state: Option<QueueState>,
    /// The service level's T.
    pub threshold: Option<Duration>,
    /// The band.
    pub weight: Option<i32>,
    /// Who decides about the reserve.
    pub reserve_mode: Option<ReserveMode>,
    /// When the reserve joins and leaves by itself.
    pub reserve: Option<ReserveThresholds>,
    /// The service level that is held to lend members, in thousandths.
    pub target: Option<u16>,
}

impl Overrides {
    /// Notes a setting of an agent; the terms of a penalty are those that hold now.
    pub(super) fn set_agent(&mut self, plan: &AgentPlan, setting: &AgentSetting) {
        match setting {
            AgentSetting::Skill(skill) => {
                let skills = &mut self.agents.entry(plan.id).or_default().skills;
                if skills.len() < SKILLS_MAX || skills.contains_key(&skill.name) {
                    skills.insert(Arc::clone(&skill.name), skill.clone());
                }
            }
            AgentSetting::Membership(queue, membership) => {
                let memberships = &mut self.agents.entry(plan.id).or_default().memberships;
                memberships.insert(*queue, membership.clone());
            }
            AgentSetting::Penalty(queue, penalty) => {
                let now = self.agent(plan);
                let terms = now.memberships.iter().rfind(|membership| membership.queue == *queue).cloned();
                let terms = Membership { penalty: *penalty, ..terms.unwrap_or_else(|| Membership::of(*queue)) };
                self.agents.entry(plan.id).or_default().memberships.insert(*queue, Some(terms));
            }
            AgentSetting::Defaults(what) => self.drop_of(plan.id, what),
        }
    }

    /// Notes a setting of a queue.
    pub(super) fn set_queue(&mut self, queue: QueueId, setting: QueueSetting) {
        match setting {
            QueueSetting::State(state) => self.queue_mut(queue).state = Some(state),
            QueueSetting::Strategy(strategy) => self.queue_mut(queue).strategy = Some(strategy),
            QueueSetting::Threshold(threshold) => self.queue_mut(queue).threshold = Some(threshold),
            QueueSetting::Weight(weight) => self.queue_mut(queue).weight = Some(weight),
            QueueSetting::Target(target) => self.queue_mut(queue).target = Some(target),
            QueueSetting::Reserve(mode) => self.queue_mut(queue).reserve_mode = Some(mode),
            QueueSetting::ReserveThresholds(thresholds) => self.queue_mut(queue).reserve = Some(thresholds),
            QueueSetting::Priority(_) => {}
            QueueSetting::Defaults => drop(self.queues.remove(&queue)),
        }
    }

    fn queue_mut(&mut self, queue: QueueId) -> &mut QueueOverrides {
        self.queues.entry(queue).or_default()
    }

    fn drop_of(&mut self, agent: AgentId, what: &Laid) {
        let Some(over) = self.agents.get_mut(&agent) else { return };
        match what {
            Laid::All => *over = AgentOverrides::default(),
            Laid::Skill(name) => drop(over.skills.remove(name)),
            Laid::Membership(queue) => drop(over.memberships.remove(queue)),
        }
        if over.skills.is_empty() && over.memberships.is_empty() {
            self.agents.remove(&agent);
        }
    }

    pub(super) fn of_agent(&self, id: AgentId) -> Option<&AgentOverrides> {
        self.agents.get(&id)
    }

    pub(super) fn of_queue(&self, id: QueueId) -> Option<&QueueOverrides> {
        self.queues.get(&id)
    }

    /// Forgets what lay over agents and queues that the plan has no more.
    pub(super) fn keep_to(&mut self, plan: &Plan) {
        self.agents.retain(|id, _| find_agent(plan, *id).is_some());
        self.queues.retain(|id, _| plan.queues.binary_search_by_key(id, |queue| queue.id).is_ok());
    }

    /// The agent as it is to be taken.
    pub(super) fn agent(&self, plan: &AgentPlan) -> AgentPlan {
        let mut plan = plan.clone();
        let Some(over) = self.agents.get(&plan.id) else { return plan };
        plan.skills.retain(|skill| !over.skills.contains_key(&skill.name));
        plan.skills.extend(over.skills.values().filter(|skill| skill.level > 0).cloned());
        plan.memberships.retain(|membership| !over.memberships.contains_key(&membership.queue));
        plan.memberships.extend(over.memberships.values().flatten().cloned());
        plan
    }

    /// The terms on which the agent belongs to a queue.
    pub(super) fn terms<'a>(&'a self, plan: &'a AgentPlan, queue: QueueId) -> Option<&'a Membership> {
        match self.agents.get(&plan.id).and_then(|over| over.memberships.get(&queue)) {
            Some(over) => over.as_ref(),
            None => plan.memberships.iter().rfind(|membership| membership.queue == queue),
        }
    }

    /// The queue as it is to be taken.
    pub(super) fn queue(&self, plan: &QueuePlan) -> QueuePlan {
        let mut plan = plan.clone();
        let Some(over) = self.queues.get(&plan.id) else { return plan };
        plan.strategy = over.strategy.unwrap_or(plan.strategy);
        plan.state = over.state.unwrap_or(plan.state);
        plan.threshold = over.threshold.unwrap_or(plan.threshold);
        let routing = &mut plan.routing;
        routing.weight = over.weight.unwrap_or(routing.weight);
        routing.reserve.mode = over.reserve_mode.unwrap_or(routing.reserve.mode);
        routing.reserve.thresholds = over.reserve.unwrap_or(routing.reserve.thresholds);
        routing.lending.target = over.target.unwrap_or(routing.lending.target);
        plan
    }
}

/// The row of an agent in a plan.
pub(super) fn find_agent(plan: &Plan, id: AgentId) -> Option<&AgentPlan> {
    plan.agents.binary_search_by_key(&id, |agent| agent.id).ok().map(|at| &plan.agents[at])
}
