//! Skills of agents as numbers: [`SkillIds`] gives each name a small id, [`SkillSet`] holds an agent's levels.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::base::limits::SKILLS_MAX;

/// The highest level (FEATURES E1); the lowest of a skill that counts is 1.
pub const LEVEL_MAX: u8 = 10;

/// The number of a skill's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SkillId(u16);

impl SkillId {
    /// Its place in tables by skill; below [`SkillIds::len`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The names of all skills, each with its id. Ids are given in order and never change.
#[derive(Debug, Clone, Default)]
pub struct SkillIds {
    names: Vec<Arc<str>>,
    ids: BTreeMap<Arc<str>, SkillId>,
}

impl SkillIds {
    /// The id of a name, new or known. `None` when there are [`SKILLS_MAX`] others: such a skill has level 0 for everybody.
    pub fn intern(&mut self, name: &Arc<str>) -> Option<SkillId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        if self.names.len() >= SKILLS_MAX {
            return None;
        }
        let id = SkillId(u16::try_from(self.names.len()).ok()?);
        self.names.push(Arc::clone(name));
        self.ids.insert(Arc::clone(name), id);
        Some(id)
    }

    /// The id of a known name.
    pub fn find(&self, name: &str) -> Option<SkillId> {
        self.ids.get(name).copied()
    }

    /// The name of an id given here.
    pub fn name(&self, id: SkillId) -> Option<&Arc<str>> {
        self.names.get(id.index())
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// How well an agent has a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skill {
    /// 1 to [`LEVEL_MAX`].
    pub level: u8,
    /// A disabled skill counts as none, but keeps its level.
    pub enabled: bool,
}

/// The skills of one agent, sorted by id. Equal sets are equal values, so that agents with the same skills can be grouped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SkillSet(SmallVec<[(SkillId, Skill); 8]>);

impl SkillSet {
    /// Sets a skill; level 0 takes it away, a level above [`LEVEL_MAX`] counts as that.
    pub fn set(&mut self, id: SkillId, skill: Skill) {
        let skill = Skill { level: skill.level.min(LEVEL_MAX), ..skill };
        match self.place(id) {
            Ok(at) if skill.level == 0 => drop(self.0.remove(at)),
            Ok(at) => self.0[at].1 = skill,
            Err(_) if skill.level == 0 => {}
            Err(at) => self.0.insert(at, (id, skill)),
        }
    }

    /// The level that counts: 0 without the skill or when it is disabled.
    pub fn level(&self, id: SkillId) -> u8 {
        self.get(id).filter(|skill| skill.enabled).map_or(0, |skill| skill.level)
    }

    /// The skill as it was set.
    pub fn get(&self, id: SkillId) -> Option<Skill> {
        self.place(id).ok().map(|at| self.0[at].1)
    }

    /// Every skill in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (SkillId, Skill)> {
        self.0.iter().copied()
    }

    fn place(&self, id: SkillId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(other, _)| *other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id_and_names_are_bounded() {
        let mut ids = SkillIds::default();
        let spanish = ids.intern(&"spanish".into());
        assert_eq!(ids.intern(&"spanish".into()), spanish);
        assert_eq!(ids.name(spanish.expect("there is room")).map(|name| &**name), Some("spanish"));
        for n in 1..SKILLS_MAX {
            assert!(ids.intern(&format!("s{n}").into()).is_some());
        }
        assert_eq!(ids.intern(&"more".into()), None);
        assert_eq!((ids.find("more"), ids.find("spanish"), ids.len()), (None, spanish, SKILLS_MAX));
    }

    #[test]
    fn a_disabled_skill_keeps_its_level_but_counts_as_none() {
        let mut ids = SkillIds::default();
        let [a, b] = ["a", "b"].map(|name| ids.intern(&name.into()).expect("there is room"));
        let mut set = SkillSet::default();
        set.set(b, Skill { level: 200, enabled: true });
        set.set(a, Skill { level: 3, enabled: false });
        assert_eq!((set.level(a), set.level(b)), (0, LEVEL_MAX));
        assert_eq!(set.get(a), Some(Skill { level: 3, enabled: false }));
        assert_eq!(set.iter().map(|(id, _)| id).collect::<Vec<_>>(), [a, b]);
        set.set(a, Skill { level: 0, enabled: true });
        assert_eq!(set.get(a), None);
    }
}
