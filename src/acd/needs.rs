//! [`Needs`]: what a caller needs of an agent in one step of the ladder, in a form that can be compared and met.

use std::sync::Arc;

use crate::acd::routing::{Routing, Skill};

/// What an agent must have, all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needs {
    /// Sorted, without repeats.
    skills: Vec<Arc<str>>,
}

/// What a caller needs at first, and after each step.
pub(super) type Ladder = Vec<Needs>;

impl Needs {
    /// The ladder of a queue's callers.
    pub(super) fn ladder(skills: &[Arc<str>], routing: &Routing) -> Ladder {
        let mut ladder = vec![Self::of(skills)];
        for step in &routing.steps {
            let needs = step.skills.as_deref().map_or_else(|| ladder[ladder.len() - 1].clone(), Self::of);
            ladder.push(needs);
        }
        ladder
    }

    fn of(skills: &[Arc<str>]) -> Self {
        let mut skills = skills.to_vec();
        skills.sort_unstable();
        skills.dedup();
        Self { skills }
    }

    /// True when somebody with these enabled skills, sorted by name, will do.
    pub(super) fn met_by(&self, skills: &[Skill]) -> bool {
        self.skills.iter().all(|name| has(skills, name))
    }

    /// A skill without which nobody will do, for finding the few queues that an agent may serve.
    pub(super) fn rarest(&self) -> Option<&Arc<str>> {
        self.skills.first()
    }

    /// The weighted sum of the levels of what is asked for.
    pub(super) fn level_sum(&self, skills: &[Skill], weights: &[(Arc<str>, u32)]) -> u32 {
        let weight = |name: &Arc<str>| {
            let given = weights.iter().find(|(named, _)| named == name).map(|(_, weight)| *weight);
            given.unwrap_or_else(|| u32::from(self.skills.binary_search(name).is_ok()))
        };
        skills
            .iter()
            .fold(0_u32, |sum, skill| sum.saturating_add(weight(&skill.name).saturating_mul(u32::from(skill.level))))
    }
}

fn has(skills: &[Skill], name: &Arc<str>) -> bool {
    skills.binary_search_by(|skill| skill.name.cmp(name)).is_ok()
}

/// The enabled skills, sorted by name.
pub(super) fn enabled(skills: &[Skill]) -> Arc<[Skill]> {
    let mut skills: Vec<Skill> = skills.iter().filter(|skill| skill.enabled).cloned().collect();
    skills.sort_unstable();
    skills.dedup_by(|a, b| a.name == b.name);
    skills.into()
}
