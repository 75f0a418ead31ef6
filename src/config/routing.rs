//! Reads what a queue's keys say of routing: the requirement and its steps, the order of callers, and whom the queue may ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use crate::acd::requirement::Requirement;
use crate::base::limits::{AGENTS_MAX, STEPS_MAX};

use super::agents::expand;
use super::error::{Report, did_you_mean};
use super::lending::{self, Listings};
use super::reader::{Item, Section, boolean, integer, string};
use super::reserve;
use super::skills::{self, Names, Vocabulary};
use super::teams;
use super::types::{
    AgentConfig, MemberConfig, OrderConfig, PenaltyStepConfig, RoutingConfig, StepConfig, TeamConfig, TierConfig,
};
use super::values::{self, DAY, HOUR, SECOND};

/// The keys of `[queues.NAME]` that are read here.
pub(super) const ROUTING_KEYS: [&str; 18] = [
    "skills",
    "requirement",
    "steps",
    "weight",
    "order",
    "ageing_step",
    "objective",
    "members",
    "tier_wait",
    "tier_wait_by_level",
    "tier_skip_empty",
    "penalty_steps",
    "penalty_members_limit",
    "skill_weights",
    "reserve",
    "lends_to",
    "lend_window",
    "lend_pause",
];
const STEP_KEYS: [&str; 5] = ["after", "skills", "requirement", "strategy", "priority"];
const PENALTY_STEP_KEYS: [&str; 4] = ["after", "min", "max", "raise"];
const MEMBER_KEYS: [&str; 7] = ["agents", "team", "tier", "position", "penalty", "delay", "reserve"];

/// The most that a level can count: a sum over all skills of an agent stays far from 32 bits.
const WEIGHT_MAX: i64 = 1_000;

/// A step of priority under `order = "ageing"`: Genesys counts minutes.
const AGEING_STEP: Duration = Duration::from_secs(60);

/// What a queue may name.
#[derive(Debug)]
pub(super) struct Known<'k> {
    /// The strategy table's names.
    pub(super) strategies: &'k [&'static str],
    names: Names,
    agents: BTreeSet<&'k str>,
    teams: &'k [TeamConfig],
    queues: Listings,
}

impl<'k> Known<'k> {
    /// What the other tables of the text define.
    pub(super) fn new(
        document: &Section<'_, '_>,
        strategies: &'k [&'static str],
        vocabulary: &Vocabulary,
        agents: &'k [AgentConfig],
        teams: &'k [TeamConfig],
    ) -> Self {
        let names =
            Names { vocabulary: vocabulary.clone(), skills: vocabulary.with(agents), attributes: attributes(document) };
        let agents = agents.iter().map(|agent| &*agent.name).collect();
        Self { strategies, names, agents, teams, queues: lending::listings(document) }
    }
}

/// The attributes that some number's calls bring: requirements stand before the numbers of other queues.
fn attributes(document: &Section<'_, '_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for queue in document.get("queues").iter().flat_map(|item| tables(item.value)) {
        for number in queue.get("numbers").and_then(|numbers| numbers.get_ref().as_array()).into_iter().flatten() {
            let attributes = number.get_ref().as_table().and_then(|table| table.get("attributes"));
            let keys =
                attributes.and_then(|table| table.get_ref().as_table()).into_iter().flat_map(|table| table.keys());
            names.extend(keys.map(|key| key.get_ref().to_string()));
        }
    }
    names
}

/// The tables in a table.
fn tables<'t, 'i>(value: &'t DeValue<'i>) -> impl Iterator<Item = &'t toml::de::DeTable<'i>> {
    value.as_table().into_iter().flat_map(|table| table.values()).filter_map(|value| value.get_ref().as_table())
}

/// The routing of one queue.
pub(super) fn routing(
    section: &Section<'_, '_>,
    known: &Known<'_>,
    threshold: Duration,
    report: &mut Report<'_>,
) -> RoutingConfig {
    RoutingConfig {
        requirement: skills::asked(section, &known.names, report).unwrap_or_else(|| Requirement::all_of([])),
        steps: ladder(section, "steps", report, |item, report| step(item, known, report), |step| step.after),
        weight: signed(section, "weight", report).unwrap_or(0),
        order: order(section, threshold, report),
        members: members(section, known, report),
        tiers: tiers(section, report),
        penalty_steps: ladder(section, "penalty_steps", report, penalty_step, |step| step.after),
        penalty_members_limit: penalty_members_limit(section, report),
        skill_weights: skill_weights(section, known, report),
        reserve: reserve::reserve(section, report),
        lending: lending::lending(section, &known.queues, report),
    }
}

fn penalty_members_limit(section: &Section<'_, '_>, report: &mut Report<'_>) -> u32 {
    if let Some(item) = section.get("penalty_members_limit").filter(|_| section.get("members").is_none()) {
        report.value(item.at, &item.path, "says nothing without members");
    }
    unsigned(section, "penalty_members_limit", 0, report).unwrap_or(0)
}

fn signed(section: &Section<'_, '_>, key: &str, report: &mut Report<'_>) -> Option<i32> {
    let number = section.read(key, report, |value| integer(value, i32::MIN.into(), i32::MAX.into()))?;
    i32::try_from(number).ok()
}

fn unsigned(section: &Section<'_, '_>, key: &str, min: u32, report: &mut Report<'_>) -> Option<u32> {
    let number = section.read(key, report, |value| integer(value, min.into(), u32::MAX.into()))?;
    u32::try_from(number).ok()
}

fn order(section: &Section<'_, '_>, threshold: Duration, report: &mut Report<'_>) -> OrderConfig {
    let read =
        |key: &str, report: &mut Report<'_>| section.read(key, report, |value| values::duration(value, SECOND, DAY));
    let step = read("ageing_step", report);
    let objective = read("objective", report);
    let orders = [
        ("priority", OrderConfig::Priority),
        ("ageing", OrderConfig::Ageing(step.unwrap_or(AGEING_STEP))),
        ("objective", OrderConfig::Objective(objective.unwrap_or(threshold))),
    ];
    let order = section.read("order", report, |value| values::choice(value, &orders)).unwrap_or(OrderConfig::Priority);
    let is_ageing = matches!(order, OrderConfig::Ageing(_));
    let is_objective = matches!(order, OrderConfig::Objective(_));
    for (key, used, needs) in [("ageing_step", is_ageing, "ageing"), ("objective", is_objective, "objective")] {
        if let Some(item) = section.get(key).filter(|_| !used) {
            report.value(item.at, &item.path, format!("says nothing without order = \"{needs}\""));
        }
    }
    order
}

/// A list of tables, each later than the one before.
fn ladder<T>(
    section: &Section<'_, '_>,
    key: &str,
    report: &mut Report<'_>,
    read: impl Fn(&Item<'_, '_>, &mut Report<'_>) -> Option<T>,
    after: impl Fn(&T) -> Duration,
) -> Vec<T> {
    let items = section.elements(key, report).unwrap_or_default();
    if let Some(item) = items.get(STEPS_MAX) {
        report.value(item.at, &item.path, format!("is one too many: allowed are {STEPS_MAX} steps"));
        return Vec::new();
    }
    let mut steps: Vec<T> = Vec::new();
    for item in items {
        let Some(step) = read(&item, report) else { continue };
        if steps.last().is_some_and(|last| after(last) >= after(&step)) {
            report.value(item.at, &item.path, "comes no later than the step before");
            continue;
        }
        steps.push(step);
    }
    steps
}

fn step(item: &Item<'_, '_>, known: &Known<'_>, report: &mut Report<'_>) -> Option<StepConfig> {
    let section = Section::open(item, &STEP_KEYS, report)?;
    let after = section.required("after", "\"30s\"", report, |value| values::duration(value, SECOND, DAY))?;
    let step = StepConfig {
        after,
        requirement: skills::asked(&section, &known.names, report),
        strategy: strategy(&section, known.strategies, report),
        priority: signed(&section, "priority", report).unwrap_or(0),
    };
    if section.items().len() == 1 {
        report.value(item.at, &item.path, "changes nothing; name a requirement, a strategy or a priority");
    }
    Some(step)
}

fn penalty_step(item: &Item<'_, '_>, report: &mut Report<'_>) -> Option<PenaltyStepConfig> {
    let section = Section::open(item, &PENALTY_STEP_KEYS, report)?;
    let number = |key: &str, report: &mut Report<'_>| unsigned(&section, key, 0, report);
    let (min, max, raise) = (number("min", report), number("max", report), number("raise", report));
    let (min, max, raise) = (min.unwrap_or(0), max.unwrap_or(u32::MAX), raise.unwrap_or(0));
    if min > max {
        report.value(item.at, &item.path, format!("lets nobody in: min {min} is above max {max}"));
    }
    let after = section.required("after", "\"30s\"", report, |value| values::duration(value, Duration::ZERO, DAY))?;
    Some(PenaltyStepConfig { after, min, max, raise })
}

fn tiers(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<TierConfig> {
    let wait = section.read("tier_wait", report, |value| values::duration(value, SECOND, HOUR));
    let flag = |key: &str, report: &mut Report<'_>| section.read(key, report, boolean).unwrap_or(false);
    let (by_level, skip_empty) = (flag("tier_wait_by_level", report), flag("tier_skip_empty", report));
    let says_nothing = if section.get("members").is_none() {
        [("tier_wait", "members"), ("tier_wait_by_level", "members"), ("tier_skip_empty", "members")]
    } else if section.get("tier_wait").is_none() {
        [("", ""), ("tier_wait_by_level", "tier_wait"), ("tier_skip_empty", "tier_wait")]
    } else {
        [("", ""); 3]
    };
    for (key, needs) in says_nothing {
        if let Some(item) = section.get(key) {
            report.value(item.at, &item.path, format!("says nothing without {needs}"));
        }
    }
    Some(TierConfig { wait: wait?, by_level, skip_empty })
}

/// `skill_weights = { spanish = 3 }`.
fn skill_weights(section: &Section<'_, '_>, known: &Known<'_>, report: &mut Report<'_>) -> Vec<(Arc<str>, u32)> {
    let map = section.get("skill_weights").and_then(|item| Section::open_map(&item, report));
    let mut weights = Vec::new();
    for item in map.iter().flat_map(Section::items) {
        if !known.names.skills.contains(&*item.key) {
            let hint = did_you_mean(&item.key, known.names.skills.iter().map(String::as_str));
            report.whole(item.at, &item.path, format!("the skill `{}` is no agent's{hint}", item.key));
        }
        match integer(item.value, 0, WEIGHT_MAX) {
            Ok(weight) => weights.push((item.key.as_ref().into(), u32::try_from(weight).unwrap_or_default())),
            Err(message) => report.value(item.at, &item.path, message),
        }
    }
    weights
}

/// `strategy = "..."`, a name of the table.
pub(super) fn strategy(
    section: &Section<'_, '_>,
    known: &[&'static str],
    report: &mut Report<'_>,
) -> Option<&'static str> {
    section.read("strategy", report, |value| {
        let text = string(value)?;
        known.iter().copied().find(|name| *name == text).ok_or_else(|| {
            let hint = did_you_mean(text, known.iter().copied());
            format!("unknown strategy `{}`, known are {}{hint}", text.escape_debug(), known.join(", "))
        })
    })
}

/// `members`: each agent once, in the order of the text.
fn members(section: &Section<'_, '_>, known: &Known<'_>, report: &mut Report<'_>) -> Option<Vec<MemberConfig>> {
    let items = section.elements("members", report)?;
    let mut members: Vec<MemberConfig> = Vec::new();
    let mut taken: BTreeMap<Arc<str>, String> = BTreeMap::new();
    for item in items {
        for member in group(&item, section, known, members.len(), report) {
            if let Some(first) = taken.get(&member.agent) {
                let message = format!("agent `{}` stands in {first} already", member.agent);
                report.value(item.at, &item.path, message);
                break;
            }
            taken.insert(Arc::clone(&member.agent), item.path.clone());
            members.push(member);
        }
    }
    Some(members)
}

/// One element of `members`: a name, a range, or a table.
fn group(
    item: &Item<'_, '_>,
    queue: &Section<'_, '_>,
    known: &Known<'_>,
    before: usize,
    report: &mut Report<'_>,
) -> Vec<MemberConfig> {
    let place = |index: usize| u32::try_from(before + index + 1).unwrap_or(u32::MAX);
    let plain = |(index, agent): (usize, Arc<str>)| MemberConfig {
        agent,
        tier: 1,
        position: place(index),
        penalty: 0,
        delay: Duration::ZERO,
        reserve: false,
    };
    if !item.value.is_table() {
        let names = match string(item.value).and_then(|text| expand(text, AGENTS_MAX)) {
            Ok(names) => names,
            Err(message) => {
                report.value(item.at, &item.path, message);
                return Vec::new();
            }
        };
        if let Some(name) = names.iter().find(|name| !known.agents.contains(&***name)) {
            let hint = did_you_mean(name, known.agents.iter().copied());
            report.whole(item.at, &item.path, format!("unknown agent `{name}`{hint}"));
            return Vec::new();
        }
        return names.into_iter().enumerate().map(plain).collect();
    }
    let Some(section) = Section::open(item, &MEMBER_KEYS, report) else { return Vec::new() };
    let mut names = teams::members(&section, &known.agents, report);
    if let Some(team) = section.read("team", report, |value| string(value).map(str::to_string)) {
        match teams::agents_of(known.teams, &team) {
            Some(agents) => names.extend(agents.into_iter().cloned()),
            None => {
                let hint = did_you_mean(&team, known.teams.iter().map(|team| &*team.name));
                report.whole(item.at, &section.child("team"), format!("unknown team `{team}`{hint}"));
            }
        }
    }
    if section.get("team").is_none() && section.get("agents").is_none() {
        report.value(item.at, &item.path, "names nobody; write agents = [\"1001-1010\"] or team = \"NAME\"");
    }
    let tier = unsigned(&section, "tier", 1, report).unwrap_or(1);
    let position = unsigned(&section, "position", 1, report);
    let penalty = unsigned(&section, "penalty", 0, report).unwrap_or(0);
    let delay = section.read("delay", report, |value| values::duration(value, Duration::ZERO, HOUR));
    let reserve = section.read("reserve", report, boolean).unwrap_or(false);
    if let Some(item) = section.get("reserve").filter(|_| reserve && queue.get("reserve").is_none()) {
        let message = format!("says nothing without {}; write reserve = {{ waiting = 5 }}", queue.child("reserve"));
        report.value(item.at, &item.path, message);
    }
    let member = |entry| {
        let plain = plain(entry);
        let position = position.unwrap_or(plain.position);
        MemberConfig { tier, position, penalty, delay: delay.unwrap_or_default(), reserve, ..plain }
    };
    names.into_iter().enumerate().map(member).collect()
}
