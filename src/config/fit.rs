//! Which agents a queue could ever ask: for the description and for warnings.

use std::collections::BTreeSet;

use crate::acd::requirement::{Attributes, Residual};

use super::types::{AgentConfig, QueueConfig, SkillConfig};

/// The conditions of one queue.
#[derive(Debug)]
pub(super) struct Fit<'c> {
    members: Option<BTreeSet<&'c str>>,
    /// What the calls of its numbers ask, by what they bring; at the start of their wait or, if wished, at any step.
    residuals: BTreeSet<Residual>,
}

impl<'c> Fit<'c> {
    /// What the queue asks of agents when a call has just come.
    pub(super) fn at_first(queue: &'c QueueConfig) -> Self {
        let brought: BTreeSet<&Attributes> = queue.numbers.iter().map(|number| &*number.attributes).collect();
        let nothing = Attributes::default();
        let calls = if brought.is_empty() { BTreeSet::from([&nothing]) } else { brought };
        let residuals = calls.iter().map(|call| queue.routing.requirement.residual(call)).collect();
        Self { members: Self::members(queue), residuals }
    }

    /// What the queue asks at any time of a call's wait.
    pub(super) fn at_last(queue: &'c QueueConfig) -> Self {
        let mut fit = Self::at_first(queue);
        let nothing = Attributes::default();
        for requirement in queue.routing.steps.iter().filter_map(|step| step.requirement.as_ref()) {
            let brought = queue.numbers.iter().map(|number| &*number.attributes);
            fit.residuals.extend(brought.chain([&nothing]).map(|call| requirement.residual(call)));
        }
        fit
    }

    /// True when the agent may be asked for some call.
    pub(super) fn has(&self, agent: &AgentConfig) -> bool {
        self.members.as_ref().is_none_or(|members| members.contains(&*agent.name)) && self.has_skills(&agent.skills)
    }

    /// True when the skills fit some call.
    pub(super) fn has_skills(&self, skills: &[SkillConfig]) -> bool {
        let level = |name: &str| {
            let skill = skills.iter().find(|skill| *skill.name == *name && skill.enabled);
            skill.map_or(0, |skill| skill.level)
        };
        self.residuals.iter().any(|residual| residual.holds(&level))
    }

    fn members(queue: &'c QueueConfig) -> Option<BTreeSet<&'c str>> {
        Some(queue.routing.members.as_ref()?.iter().map(|member| &*member.agent).collect())
    }
}
