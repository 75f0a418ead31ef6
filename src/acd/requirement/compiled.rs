//! [`Compiled`]: a condition on skills as a list of tests with two ways on each, the form that the matching core asks. It
//! allocates nothing, and touches each test at most once.

use super::residual::{Residual, Unmet};
use super::skills::{SkillId, SkillIds, SkillSet};

/// A condition that an agent's skills meet or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Compiled {
    residual: Residual,
    /// In the order in which they were built: a test's ways lead to earlier ones only.
    tests: Box<[Test]>,
    entry: Way,
}

/// Is the level of a skill among these?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Test {
    skill: SkillId,
    levels: u16,
    yes: Way,
    no: Way,
}

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Fits,
    FitsNot,
    Test(u16),
}

impl Residual {
    /// Compiles it. Its names are given ids where they have none; a name that finds no room has level 0 for everybody.
    pub fn compile(self, ids: &mut SkillIds) -> Compiled {
        let mut tests = Vec::new();
        let entry = build(&self, ids, Way::Fits, Way::FitsNot, &mut tests);
        Compiled { residual: self, tests: tests.into(), entry }
    }
}

impl Compiled {
    /// True when an agent with these skills fits.
    pub fn matches(&self, skills: &SkillSet) -> bool {
        let mut way = self.entry;
        loop {
            match way {
                Way::Fits => return true,
                Way::FitsNot => return false,
                Way::Test(at) => {
                    let test = &self.tests[usize::from(at)];
                    way = if test.levels >> skills.level(test.skill) & 1 == 1 { test.yes } else { test.no };
                }
            }
        }
    }

    /// The first parts that these skills do not meet; empty when they fit. `ids` are those that it was compiled with.
    pub fn why_not(&self, skills: &SkillSet, ids: &SkillIds) -> Vec<Unmet> {
        self.residual.why_not(&|name| ids.find(name).map_or(0, |id| skills.level(id)))
    }

    /// The condition that it was compiled from.
    pub fn residual(&self) -> &Residual {
        &self.residual
    }

    /// The skills that it asks about, with repetitions.
    pub fn skills(&self) -> impl Iterator<Item = SkillId> {
        self.tests.iter().map(|test| test.skill)
    }
}

/// Adds the tests of one part, of which the answer leads to `yes` or `no`; answers where to begin. The last part of a list is
/// built first, because the ones before lead to it.
fn build(part: &Residual, ids: &mut SkillIds, yes: Way, no: Way, tests: &mut Vec<Test>) -> Way {
    match part {
        Residual::Always => yes,
        Residual::Never => no,
        Residual::Skill(name, levels) => {
            let constant = if levels.contains(0) { yes } else { no };
            let Some(skill) = ids.intern(name) else { return constant };
            let Ok(at) = u16::try_from(tests.len()) else { return constant };
            tests.push(Test { skill, levels: levels.bits(), yes, no });
            Way::Test(at)
        }
        Residual::All(parts) => parts.iter().rev().fold(yes, |next, part| build(part, ids, next, no, tests)),
        Residual::Any(parts) => parts.iter().rev().fold(no, |next, part| build(part, ids, yes, next, tests)),
    }
}
