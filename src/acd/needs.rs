//! What a caller needs of an agent from step to step: the conditions that are left of a queue's requirements when the
//! attributes of the call are filled in.

use std::sync::Arc;

use crate::acd::requirement::{Attributes, Requirement, Residual};
use crate::acd::routing::{Routing, Skill};

/// What a caller needs at first, and after each step.
pub(super) type Ladder = Vec<Residual>;

/// The ladder of a queue's callers who bring these attributes.
pub(super) fn ladder(routing: &Routing, attributes: &Attributes) -> Ladder {
    let mut ladder = vec![routing.requirement.residual(attributes)];
    for step in &routing.steps {
        let relaxed = step.requirement.as_ref().map(|requirement| requirement.residual(attributes));
        let needs = relaxed.unwrap_or_else(|| ladder[ladder.len() - 1].clone());
        ladder.push(needs);
    }
    ladder
}

/// True when the ladder is not the same for every call.
pub(super) fn asks_for_attributes(routing: &Routing) -> bool {
    requirements(routing).any(|requirement| !requirement.attributes().is_empty())
}

/// Every requirement of a queue, the first one first.
pub(super) fn requirements(routing: &Routing) -> impl Iterator<Item = &Requirement> {
    std::iter::once(&routing.requirement).chain(routing.steps.iter().filter_map(|step| step.requirement.as_ref()))
}

/// True when somebody with these enabled skills, sorted by name, will do.
pub(super) fn met_by(needs: &Residual, skills: &[Skill]) -> bool {
    needs.holds(&|name| level(skills, name))
}

/// A skill without which nobody will do, for finding the few queues that an agent may serve. `None`: there is no single one.
pub(super) fn indispensable(needs: &Residual) -> Option<&Arc<str>> {
    match needs {
        Residual::Skill(name, levels) => (!levels.contains(0)).then_some(name),
        Residual::All(parts) => parts.iter().find_map(indispensable),
        Residual::Any(_) | Residual::Always | Residual::Never => None,
    }
}

/// The weighted sum of the levels of what a queue asks for at first: a skill that is given no weight counts once where it is
/// asked for.
pub(super) fn level_sum(routing: &Routing, skills: &[Skill]) -> u32 {
    let asked = routing.requirement.skills();
    let weight = |name: &Arc<str>| {
        let given = routing.skill_weights.iter().find(|(named, _)| named == name).map(|(_, weight)| *weight);
        given.unwrap_or_else(|| u32::from(asked.contains(name)))
    };
    skills
        .iter()
        .fold(0_u32, |sum, skill| sum.saturating_add(weight(&skill.name).saturating_mul(u32::from(skill.level))))
}

/// The level of a skill, 0 without it.
pub(super) fn level(skills: &[Skill], name: &str) -> u8 {
    skills.binary_search_by(|skill| (*skill.name).cmp(name)).map_or(0, |at| skills[at].level)
}

/// The enabled skills, sorted by name.
pub(super) fn enabled(skills: &[Skill]) -> Arc<[Skill]> {
    let mut skills: Vec<Skill> = skills.iter().filter(|skill| skill.enabled).cloned().collect();
    skills.sort_unstable();
    skills.dedup_by(|a, b| a.name == b.name);
    skills.into()
}
