//! Reads `[teams.NAME]`, a tree of any depth, and `[not_ready]`. Refuses a team above itself, an unknown parent, and an agent
//! in two teams at once. Teams that agents name themselves are read in `moves`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::limits::{AGENTS_MAX, REASON_BYTES_MAX, REASONS_MAX, TEAMS_MAX};

use crate::stats::calendar::Calendar;

use super::agents::expand;
use super::error::{Report, did_you_mean};
use super::moves::{self, Terms};
use super::reader::{Section, string};
use super::types::{AgentConfig, TeamConfig};
use super::values;

const TEAM_KEYS: [&str; 3] = ["parent", "agents", "time_zone"];

/// All `[teams.NAME]` in the order of the text, and what agents say of their teams.
pub(super) fn teams(
    document: &Section<'_, '_>,
    agents: &[AgentConfig],
    report: &mut Report<'_>,
) -> (Vec<TeamConfig>, Vec<Terms>) {
    let map = document.get("teams").and_then(|item| Section::open_map(&item, report));
    let items = map.as_ref().map(Section::items).unwrap_or_default();
    if let Some(map) = map.as_ref().filter(|_| items.len() > TEAMS_MAX) {
        report.value(map.at, &map.path, format!("{} teams; allowed are {TEAMS_MAX}", items.len()));
        return (Vec::new(), Vec::new());
    }
    let known: BTreeSet<&str> = agents.iter().map(|agent| &*agent.name).collect();
    let names: BTreeSet<String> = items.iter().map(|item| item.key.to_string()).collect();
    let mut taken = BTreeMap::new();
    let mut teams = Vec::new();
    for item in &items {
        if let Err(message) = values::name(&item.key) {
            report.value(item.at, &item.path, message);
        }
        let Some(section) = Section::open(item, &TEAM_KEYS, report) else { continue };
        let name: Arc<str> = item.key.as_ref().into();
        let parent = section.read("parent", report, |value| {
            let parent = string(value)?;
            let hint = || did_you_mean(parent, names.iter().map(String::as_str));
            if names.contains(parent) { Ok(parent.into()) } else { Err(format!("unknown team `{parent}`{}", hint())) }
        });
        let agents = members(&section, &known, report);
        refuse_second_team(&section, &name, &agents, &mut taken, report);
        let zone = |value| string(value).and_then(|zone| Calendar::utc().in_zone(zone).map(|_| Arc::from(zone)));
        let time_zone = section.read("time_zone", report, zone);
        teams.push(TeamConfig { name, parent, agents, time_zone });
    }
    if let Some(map) = &map {
        refuse_cycles(map, &teams, report);
    }
    let known: Vec<&str> = items.iter().map(|item| &*item.key).collect();
    let terms = moves::terms(document, &known, report);
    for (agents, (team, at, path)) in terms.iter().filter_map(|terms| Some((&terms.agents, terms.first.as_ref()?))) {
        enter(agents, team, (*at, path), &mut teams, &mut taken, report);
    }
    (teams, terms)
}

/// The agents are in the team from the beginning, by their own word.
fn enter(
    agents: &[Arc<str>],
    team: &Arc<str>,
    (at, path): (usize, &str),
    teams: &mut [TeamConfig],
    taken: &mut BTreeMap<Arc<str>, Arc<str>>,
    report: &mut Report<'_>,
) {
    let Some(config) = teams.iter_mut().find(|config| config.name == *team) else { return };
    for agent in agents {
        if let Some(other) = taken.insert(Arc::clone(agent), Arc::clone(team)) {
            report.value(at, path, format!("agent `{agent}` is in the team `{other}` already"));
            return;
        }
        config.agents.push(Arc::clone(agent));
    }
}

/// `[not_ready]`: the reasons that may be given. Empty: any.
pub(super) fn reasons(document: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let item = document.get("not_ready");
    let Some(section) = item.and_then(|item| Section::open(&item, &["reasons"], report)) else { return Vec::new() };
    let read = |value| {
        let reason: &str = string(value)?;
        let good =
            !reason.trim().is_empty() && reason.len() <= REASON_BYTES_MAX && !reason.chars().any(char::is_control);
        if good {
            Ok(Arc::from(reason.trim()))
        } else {
            Err(format!("a reason is 1 to {REASON_BYTES_MAX} bytes of text"))
        }
    };
    let listed = section.list("reasons", report, read).unwrap_or_default();
    if let Some((_, at)) = listed.get(REASONS_MAX) {
        report.value(*at, &section.child("reasons"), format!("is one too many: allowed are {REASONS_MAX}"));
    }
    listed.into_iter().map(|(reason, _)| reason).collect()
}

/// `agents = ["1001-1010", "anna"]`: names and ranges of known agents.
pub(super) fn members(section: &Section<'_, '_>, known: &BTreeSet<&str>, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let listed = section.list("agents", report, |value| expand(string(value)?, AGENTS_MAX)).unwrap_or_default();
    let mut agents = Vec::new();
    for (names, at) in listed {
        if let Some(name) = names.iter().find(|name| !known.contains(&***name)) {
            let hint = did_you_mean(name, known.iter().copied());
            report.whole(at, &section.child("agents"), format!("unknown agent `{name}`{hint}"));
            continue;
        }
        agents.extend(names);
    }
    agents
}

fn refuse_second_team(
    section: &Section<'_, '_>,
    team: &Arc<str>,
    agents: &[Arc<str>],
    taken: &mut BTreeMap<Arc<str>, Arc<str>>,
    report: &mut Report<'_>,
) {
    for agent in agents {
        if let Some(other) = taken.insert(Arc::clone(agent), Arc::clone(team)) {
            let at = section.get("agents").map_or(section.at, |item| item.at);
            report.value(at, &section.child("agents"), format!("agent `{agent}` is in the team `{other}` already"));
            break;
        }
    }
}

/// Reports each team that is above itself, once a cycle.
fn refuse_cycles(map: &Section<'_, '_>, teams: &[TeamConfig], report: &mut Report<'_>) {
    let parents: BTreeMap<&str, &str> =
        teams.iter().filter_map(|team| Some((&*team.name, team.parent.as_deref()?))).collect();
    let mut seen = BTreeSet::new();
    for item in map.items() {
        let mut way = vec![&*item.key];
        while let Some(parent) = way.last().and_then(|name| parents.get(name)).copied() {
            if parent == item.key {
                report.value(item.at, &item.path, format!("is above itself: {} < {parent}", way.join(" < ")));
                break;
            }
            if way.contains(&parent) || seen.contains(parent) {
                break;
            }
            way.push(parent);
        }
        seen.extend(way.into_iter().map(ToString::to_string));
    }
}

/// The agents of a team and of all teams below it, before any date. `None` for an unknown team.
pub fn agents_of<'t>(teams: &'t [TeamConfig], name: &str) -> Option<Vec<&'t Arc<str>>> {
    let all = teams_of(teams, name)?;
    Some(all.into_iter().flat_map(|team| &team.agents).collect())
}

/// A team and all teams below it. `None` for an unknown team.
pub fn teams_of<'t>(teams: &'t [TeamConfig], name: &str) -> Option<Vec<&'t TeamConfig>> {
    teams.iter().find(|team| *team.name == *name)?;
    let mut below: BTreeMap<&str, Vec<&TeamConfig>> = BTreeMap::new();
    for team in teams {
        below.entry(team.parent.as_deref().unwrap_or_default()).or_default().push(team);
    }
    let mut all = Vec::new();
    let mut open: Vec<&TeamConfig> = teams.iter().filter(|team| *team.name == *name).collect();
    // Each team is visited once at most: a cycle does not grow the list.
    let mut seen = BTreeSet::new();
    while let Some(team) = open.pop() {
        if seen.insert(&*team.name) {
            all.push(team);
            open.extend(below.get(&*team.name).into_iter().flatten());
        }
    }
    Some(all)
}

/// The path of each team from the root (`sales/east`), by its name.
pub fn paths(teams: &[TeamConfig]) -> BTreeMap<Arc<str>, Arc<str>> {
    let parents: BTreeMap<&str, Option<&str>> =
        teams.iter().map(|team| (&*team.name, team.parent.as_deref())).collect();
    let path = |team: &TeamConfig| {
        let mut way = vec![&*team.name];
        while let Some(parent) = way.last().and_then(|name| parents.get(name)).copied().flatten() {
            if way.len() > teams.len() {
                break;
            }
            way.push(parent);
        }
        way.reverse();
        (Arc::clone(&team.name), Arc::from(way.join("/")))
    };
    teams.iter().map(path).collect()
}
