//! What supervisors have laid over the configuration, as the control plane shows it.

use std::sync::Arc;

use crate::acd::{Membership, QueueOverrides, Skill};
use crate::base::{AgentId, Instant, QueueId};
use crate::node::hub::Hub;
use crate::node::message::Reply;
use crate::node::view::QueueView;

impl Hub {
    /// What has been set of an agent, each in words.
    pub(super) fn overrides_of(&self, agent: AgentId) -> Vec<String> {
        let Some(laid) = self.engine.laid_over_agent(agent) else { return Vec::new() };
        let skills = laid.skills.values().map(skill);
        let terms = laid.memberships.iter().map(|(queue, terms)| self.membership(*queue, terms.as_ref()));
        skills.chain(terms).collect()
    }

    /// The settings in force of the queue of that name.
    pub(super) fn queue_view(&self, now: Instant, name: &str) -> Reply {
        let id = match self.queue_named(name) {
            Ok(id) => id,
            Err(reply) => return reply,
        };
        let Some(plan) = self.engine.effective_queue(id) else { return Reply::NotFound(format!("no queue {name}")) };
        let (laid, config) = (self.engine.laid_over_queue(id), &self.directory.queue(id).config);
        let is_set = |what: fn(&QueueOverrides) -> bool| laid.is_some_and(what);
        let [has_priority, has_target] = self.run_time.has(id);
        let set = [
            ("state", is_set(|laid| laid.state.is_some())),
            ("strategy", is_set(|laid| laid.strategy.is_some())),
            ("weight", is_set(|laid| laid.weight.is_some())),
            ("priority", has_priority),
            ("threshold", is_set(|laid| laid.threshold.is_some())),
            ("target", has_target),
            ("reserve", is_set(|laid| laid.reserve_mode.is_some() || laid.reserve.is_some())),
        ];
        Reply::Queue(Box::new(QueueView {
            name: Arc::clone(&plan.name),
            state: plan.state.as_str(),
            strategy: plan.strategy,
            weight: plan.routing.weight,
            priority: config.priority,
            threshold_seconds: plan.threshold,
            // A configured target is a fraction from 0 to 1.
            target: (config.target * 1_000.0).round() as u16,
            waiting: self.engine.waiting(id),
            reserve: self.reserve_view(now, id),
            lending: self.lending_view(now, id),
            lenders: self.lenders_view(id),
            overrides: set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect(),
        }))
    }

    fn membership(&self, queue: QueueId, terms: Option<&Membership>) -> String {
        let name = &self.directory.queue(queue).name;
        match terms {
            None => format!("leave {name}"),
            Some(Membership { level, position, penalty, delay, reserve, .. }) => {
                let reserve = if *reserve { " reserve=on" } else { "" };
                let delay = delay.as_secs();
                format!("join {name} tier={level} position={position} penalty={penalty} delay={delay}s{reserve}")
            }
        }
    }
}

/// As `agent set` writes it.
fn skill(skill: &Skill) -> String {
    let Skill { name, level, enabled } = skill;
    match (level, enabled) {
        (0, _) => format!("skill {name}=none"),
        (_, false) => format!("skill {name}=off"),
        (level, true) => format!("skill {name}={level}"),
    }
}
