//! Changes by supervisors at run time: of agents' skills and memberships, of queues, of one call's priority. They take effect
//! at once, also for those who already wait.

use std::sync::Arc;

use crate::acd::agent::{Duty, Standing};
use crate::acd::engine::Engine;
use crate::acd::fact::Fact;
use crate::acd::message::Actor;
use crate::acd::overrides::{AgentOverrides, QueueOverrides, find_agent};
use crate::acd::plan::{Plan, QueuePlan};
use crate::acd::queue::Queue;
use crate::acd::reach::Reach;
use crate::acd::routing::Membership;
use crate::acd::setting::{AgentSetting, QueueSetting};
use crate::base::{AgentId, CallId, QueueId};

impl Engine {
    /// Tells of the setting and makes it hold. An unknown agent is left alone.
    pub(super) fn on_agent_setting(&mut self, agent: AgentId, setting: AgentSetting, by: Actor) {
        let plan = Arc::clone(&self.plan);
        let Some(row) = find_agent(&plan, agent) else { return };
        self.overrides.set_agent(row, &setting);
        self.tell(Fact::AgentSet { agent, setting, by });
        self.seat_anew(agent);
    }

    /// Tells of the setting and makes it hold. An unknown queue is left alone.
    pub(super) fn on_queue_setting(&mut self, queue: QueueId, setting: QueueSetting, by: Actor) {
        let plan = Arc::clone(&self.plan);
        let Ok(at) = plan.queues.binary_search_by_key(&queue, |row| row.id) else { return };
        self.overrides.set_queue(queue, setting);
        self.tell(Fact::QueueSet { queue, setting, by });
        if matches!(setting, QueueSetting::Priority(_)) {
            return;
        }
        let plan = self.overrides.queue(&plan.queues[at]);
        let Some(row) = self.queues.get_mut(queue) else { return };
        row.replan(plan);
        self.matching.set_estimates(queue, row.estimates());
        if matches!(setting, QueueSetting::Strategy(_) | QueueSetting::Weight(_) | QueueSetting::Defaults) {
            let reaches = Arc::clone(&row.reaches);
            self.rebuild_queue(queue, reaches);
        }
        self.arm_threshold(queue);
        self.evacuate(queue);
        self.stir(queue);
    }

    /// The call's place follows its new priority.
    pub(super) fn on_set_priority(&mut self, call: CallId, priority: i32, by: Actor) {
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.claim.priority = priority;
        let queue = visit.place.queue;
        self.tell(Fact::PrioritySet { call, priority, by });
        self.place_anew(call);
        self.arm_reach(queue);
    }

    /// What supervisors have set of an agent, where they have.
    pub fn laid_over_agent(&self, agent: AgentId) -> Option<&AgentOverrides> {
        self.overrides.of_agent(agent)
    }

    /// What supervisors have set of a queue, where they have.
    pub fn laid_over_queue(&self, queue: QueueId) -> Option<&QueueOverrides> {
        self.overrides.of_queue(queue)
    }

    /// A queue of [`Engine::effective_plan`].
    pub fn effective_queue(&self, queue: QueueId) -> Option<QueuePlan> {
        let at = self.plan.queues.binary_search_by_key(&queue, |row| row.id).ok()?;
        Some(self.overrides.queue(&self.plan.queues[at]))
    }

    /// The queues of which an agent may take callers in some step, if these bring the right attributes; with what supervisors
    /// have changed. In the order of the ids.
    pub fn queues_of(&self, agent: AgentId) -> impl Iterator<Item = QueueId> {
        self.matching.queues_served(agent).filter(|queue| self.queues.get(*queue).is_some_and(Queue::is_planned))
    }

    /// The plan with what supervisors have changed over it.
    pub fn effective_plan(&self) -> Plan {
        Plan {
            queues: self.plan.queues.iter().map(|queue| self.overrides.queue(queue)).collect(),
            agents: self.plan.agents.iter().map(|agent| self.overrides.agent(agent)).collect(),
            occupancy_window: self.plan.occupancy_window,
        }
    }

    /// Gives an agent other seats. Only where a new delay or level makes a queue's callers look further from there on are the
    /// indexes of that queue built anew.
    fn seat_anew(&mut self, agent: AgentId) {
        let Some(plan) = find_agent(&self.plan, agent) else { return };
        let plan = self.overrides.agent(plan);
        let Some(row) = self.agents.get(agent) else { return };
        let is_listed = matches!(row.duty, Duty::Ready(Standing::Listed));
        if is_listed {
            self.matching.unlist(agent);
        }
        self.matching.dismiss(agent);
        self.matching.seat(&plan);
        self.matching.log(agent, row.duty.presence());
        if is_listed {
            self.matching.list(agent, &row.history);
            self.matching.unsettle_around(agent);
        }
        for terms in &plan.memberships {
            let Some(queue) = self.queues.get(terms.queue) else { continue };
            let own = Reach::all(&queue.plan.routing, std::iter::once(terms));
            if !own.iter().all(|reach| queue.reaches.iter().any(|known| known.after == reach.after)) {
                let own = self.plan.agents.iter().filter_map(|agent| self.overrides.terms(agent, terms.queue));
                let loans = self.queues.iter().flat_map(|(_, row)| &row.plan.routing.lending.to);
                let lent = loans.filter(|loan| loan.queue == terms.queue).map(Membership::from);
                let lent: Vec<Membership> = lent.collect();
                let reaches = Reach::all(&queue.plan.routing, own.chain(&lent)).into();
                self.rebuild_queue(queue.plan.id, reaches);
            }
        }
        self.weigh_callers_of(agent);
    }
}
