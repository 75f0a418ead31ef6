//! Reads skills: the vocabulary in `[skills]`, levels of agents, and what queues ask for, as a list or as an expression.
//! Refuses names that nobody could have meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::DeValue;

use crate::acd::requirement::{LEVEL_MAX, Requirement};
use crate::base::limits::SKILLS_MAX;

use super::error::{Report, did_you_mean};
use super::reader::{Item, Section, boolean, expected, integer, string};
use super::types::{AgentConfig, SkillConfig};
use super::values;

const SKILL_KEYS: [&str; 2] = ["level", "enabled"];

/// The skills that may be named: all those of `[skills]`, or any where there is no such table.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary(Option<BTreeSet<String>>);

impl Vocabulary {
    /// `[skills]`: each key is a skill, each value a text for people.
    pub(super) fn read(document: &Section<'_, '_>, report: &mut Report<'_>) -> Self {
        let Some(map) = document.get("skills").and_then(|item| Section::open_map(&item, report)) else {
            return Self::default();
        };
        let items = map.items();
        if items.len() > SKILLS_MAX {
            report.value(map.at, &map.path, format!("{} skills; allowed are {SKILLS_MAX}", items.len()));
        }
        let mut names = BTreeSet::new();
        for item in items {
            if let Err(message) = name(&item.key) {
                report.value(item.at, &item.path, message);
            }
            if let Err(message) = string(item.value) {
                report.value(item.at, &item.path, format!("{message}; say what the skill is"));
            }
            names.insert(item.key.to_string());
        }
        Self(Some(names))
    }

    /// The names of `[skills]`, else those of the agents: what an expression may ask for.
    pub(super) fn with(&self, agents: &[AgentConfig]) -> BTreeSet<String> {
        let of_agents = || agents.iter().flat_map(|agent| &agent.skills).map(|skill| skill.name.to_string()).collect();
        self.0.clone().unwrap_or_else(of_agents)
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let Some(names) = &self.0 else { return Ok(()) };
        if names.contains(name) {
            return Ok(());
        }
        let hint = did_you_mean(name, names.iter().map(String::as_str));
        Err(format!("`{name}` does not stand in [skills]{hint}"))
    }
}

/// A skill's name: one that an expression can ask for.
fn name(text: &str) -> Result<&str, String> {
    let name = values::name(text)?;
    if name.starts_with("call.") || matches!(name, "true" | "false") {
        return Err(format!("`{name}` means something else in a requirement; choose another name"));
    }
    Ok(name)
}

/// `skills` of a table of agents: a list of names, or names with levels.
pub(super) fn of_agents(
    section: &Section<'_, '_>,
    vocabulary: &Vocabulary,
    report: &mut Report<'_>,
) -> Vec<SkillConfig> {
    let Some(item) = section.get("skills") else { return Vec::new() };
    if item.value.is_table() {
        let Some(map) = Section::open_map(&item, report) else { return Vec::new() };
        return map.items().iter().filter_map(|item| levelled(item, vocabulary, report)).collect();
    }
    if !item.value.is_array() {
        report.value(item.at, &item.path, expected("a list of names or a table of levels", item.value));
        return Vec::new();
    }
    list(section, vocabulary, report).into_iter().map(SkillConfig::plain).collect()
}

/// `spanish = 5` or `spanish = { level = 5, enabled = false }`.
fn levelled(item: &Item<'_, '_>, vocabulary: &Vocabulary, report: &mut Report<'_>) -> Option<SkillConfig> {
    if let Err(message) = name(&item.key).and_then(|name| vocabulary.check(name)) {
        report.value(item.at, &item.path, message);
    }
    let name: Arc<str> = item.key.as_ref().into();
    if item.value.is_table() {
        let section = Section::open(item, &SKILL_KEYS, report)?;
        let level = section.read("level", report, level).unwrap_or(LEVEL_MAX);
        let enabled = section.read("enabled", report, boolean).unwrap_or(true);
        return Some(SkillConfig { name, level, enabled });
    }
    match level(item.value) {
        Ok(level) => Some(SkillConfig { name, level, enabled: true }),
        Err(message) => {
            report.value(item.at, &item.path, message);
            None
        }
    }
}

fn level(value: &DeValue<'_>) -> Result<u8, String> {
    let level = integer(value, 1, LEVEL_MAX.into())?;
    Ok(u8::try_from(level).expect("the reader holds it within 1 and 10"))
}

/// `skills = ["support"]`: names, each once.
fn list(section: &Section<'_, '_>, vocabulary: &Vocabulary, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let mut skills: Vec<Arc<str>> = Vec::new();
    let read = |value| name(string(value)?).and_then(|name| vocabulary.check(name).map(|()| name));
    for (skill, at) in section.list("skills", report, read).unwrap_or_default() {
        if skills.iter().any(|other| **other == *skill) {
            report.value(at, &section.child("skills"), format!("`{skill}` is listed twice"));
            continue;
        }
        skills.push(skill.into());
    }
    skills
}

/// What may be asked for.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) vocabulary: Vocabulary,
    /// Skills that an expression may name.
    pub(super) skills: BTreeSet<String>,
    /// Attributes that some number's calls bring.
    pub(super) attributes: BTreeSet<String>,
}

/// `skills = [...]` or `requirement = '...'` of a queue or a step; `None` when there is neither.
pub(super) fn asked(section: &Section<'_, '_>, names: &Names, report: &mut Report<'_>) -> Option<Requirement> {
    if section.get("requirement").is_none() {
        section.get("skills")?;
        return Some(Requirement::all_of(&list(section, &names.vocabulary, report)));
    }
    if let Some(item) = section.get("skills") {
        let message = "stands beside a requirement; say it there: skill && skill ...";
        report.value(item.at, &item.path, message);
    }
    let item = section.get("requirement")?;
    let requirement = section
        .read("requirement", report, |value| Requirement::parse(string(value)?).map_err(|error| error.to_string()))?;
    let unknown = |kind: &str, asked: BTreeSet<Arc<str>>, known: &BTreeSet<String>, advice: &str| {
        let name = asked.into_iter().find(|name| !known.contains(&**name))?;
        let hint = did_you_mean(&name, known.iter().map(String::as_str));
        Some(format!("{kind} `{name}` {advice}{hint}"))
    };
    let skill = unknown("the skill", requirement.skills(), &names.skills, "is no agent's");
    let attribute =
        unknown("the attribute", requirement.attributes(), &names.attributes, "is brought by no number's calls");
    for message in [skill, attribute].into_iter().flatten() {
        report.whole(item.at, &item.path, message);
    }
    Some(requirement)
}
