//! Reads `team` of agents: the team an agent is in, or those it is in one after the other, each from a date on.
//!
//! ```toml
//! [agents.1001]
//! team = [{ name = "east" }, { name = "west", from = "2026-12-01" }]
//! ```
//!
//! A date begins where the day begins in the zone of the team that is entered (`day_start`, midnight by default).

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeValue;

use crate::base::WallTime;
use crate::base::limits::{AGENTS_MAX, TEAM_DATES_MAX};
use crate::stats::calendar::Calendar;

use super::agents::expand;
use super::error::{Report, did_you_mean};
use super::reader::{Item, Section, expected, string};
use super::types::{FiguresConfig, TeamConfig, TeamMove};

const KEYS: [&str; 2] = ["name", "from"];

/// What one table of agents says of their team.
pub(super) struct Terms {
    pub(super) agents: Vec<Arc<str>>,
    /// In which team they are before any date, and where that is written.
    pub(super) first: Option<(Arc<str>, usize, String)>,
    later: Vec<Later>,
}

/// A team from a date on.
struct Later {
    /// `None`: in no team.
    team: Option<Arc<str>>,
    date: String,
    at: usize,
    path: String,
}

/// `team` of every table of agents, in the order of the text; `known` are the names of the teams.
pub(super) fn terms(document: &Section<'_, '_>, known: &[&str], report: &mut Report<'_>) -> Vec<Terms> {
    let tables = document.get("agents").filter(|item| item.value.is_table());
    let tables = tables.and_then(|item| Section::open_map(&item, report));
    let mut all = Vec::new();
    for item in tables.as_ref().map(Section::items).unwrap_or_default() {
        // What is no table, and a wrong range, is reported where agents are read.
        let Some(section) = item.value.is_table().then(|| Section::open_map(&item, report)).flatten() else { continue };
        let (Some(team), Ok(agents)) = (section.get("team"), expand(&item.key, AGENTS_MAX)) else { continue };
        let mut terms = Terms { agents, first: None, later: Vec::new() };
        if team.value.is_array() {
            for element in section.elements("team", report).unwrap_or_default() {
                entry(&element, known, &mut terms, report);
            }
        } else if let Some(name) = section.read("team", report, |value| known_team(value, known)) {
            terms.first = Some((name, team.at, team.path.clone()));
        }
        if let Some(one) = terms.later.get(TEAM_DATES_MAX) {
            report.value(one.at, &one.path, format!("is one too many: allowed are {TEAM_DATES_MAX} dates"));
        }
        all.push(terms);
    }
    all
}

/// One element of the list.
fn entry(item: &Item<'_, '_>, known: &[&str], terms: &mut Terms, report: &mut Report<'_>) {
    let Some(section) = Section::open(item, &KEYS, report) else { return };
    let name = section.read("name", report, |value| known_team(value, known));
    let date = section.read("from", report, date);
    match (section.get("from"), name) {
        (Some(from), team) => {
            let is_wrong = team.is_none() && section.get("name").is_some();
            let Some(date) = date.filter(|_| !is_wrong) else { return };
            terms.later.push(Later { team, date, at: from.at, path: from.path });
        }
        (None, Some(team)) if terms.first.is_none() && terms.later.is_empty() => {
            terms.first = Some((team, item.at, item.path.clone()));
        }
        (None, Some(_)) => {
            report.whole(item.at, &item.path, "only the first team has no date; write from = \"2026-12-01\"");
        }
        (None, None) if section.get("name").is_none() => {
            report.whole(item.at, &item.path, "needs a name or a date, or both");
        }
        // A wrong name is reported where it stands.
        (None, None) => {}
    }
}

/// `"2026-12-01"`, with or without quotes; whether there is such a day is asked of a calendar.
fn date(value: &DeValue<'_>) -> Result<String, String> {
    if let Some(date) = value.as_datetime() {
        return Ok(date.to_string());
    }
    value.as_str().map(str::to_string).ok_or_else(|| expected("a date like \"2026-12-01\"", value))
}

fn known_team(value: &DeValue<'_>, known: &[&str]) -> Result<Arc<str>, String> {
    let name = string(value)?;
    if known.contains(&name) {
        return Ok(name.into());
    }
    Err(format!("unknown team `{}`{}", name.escape_debug(), did_you_mean(name, known.iter().copied())))
}

/// The changes of teams that have dates, by their moments.
pub(super) fn moves(
    terms: Vec<Terms>,
    teams: &[TeamConfig],
    figures: &FiguresConfig,
    report: &mut Report<'_>,
) -> Vec<TeamMove> {
    let calendars = calendars(teams, figures);
    let mut moves = Vec::new();
    for terms in terms {
        let mut before: Option<WallTime> = None;
        for Later { team, date, at, path } in terms.later {
            let calendar = team.as_ref().and_then(|team| calendars.get(&**team)).unwrap_or(&figures.calendar);
            let from = match calendar.day_starts(&date) {
                Ok(from) => from,
                Err(message) => {
                    report.value(at, &path, message);
                    continue;
                }
            };
            if before.is_some_and(|before| before >= from) {
                report.value(at, &path, "is not after the date before it");
            }
            before = Some(from);
            let one = |agent: &Arc<str>| TeamMove { agent: Arc::clone(agent), team: team.clone(), from };
            moves.extend(terms.agents.iter().map(one));
        }
    }
    moves.sort_by_key(|one| one.from);
    moves
}

/// The calendar of each team: its own zone's, else that of the team above, else that of all.
fn calendars<'t>(teams: &'t [TeamConfig], figures: &FiguresConfig) -> BTreeMap<&'t str, Arc<Calendar>> {
    let by_name: BTreeMap<&str, &TeamConfig> = teams.iter().map(|team| (&*team.name, team)).collect();
    let calendar = |team: &'t TeamConfig| {
        let mut at = Some(team);
        // No more steps than there are teams: one above itself has been reported.
        for _ in 0..=teams.len() {
            match at {
                Some(TeamConfig { time_zone: Some(zone), .. }) => {
                    return figures.calendar.in_zone(zone).map_or_else(|_| Arc::clone(&figures.calendar), Arc::new);
                }
                Some(team) => at = team.parent.as_ref().and_then(|parent| by_name.get(&**parent)).copied(),
                None => break,
            }
        }
        Arc::clone(&figures.calendar)
    };
    teams.iter().map(|team| (&*team.name, calendar(team))).collect()
}

#[cfg(test)]
mod tests {
    use crate::base::WallTime;
    use crate::config::{Config, parse};

    const VALID: &str = "[sip]\nlisten = \"127.0.0.1:5060\"\n[queues.q]\nnumbers = [\"1\"]\n[peers.pbx]\n\
                         address = \"127.0.0.1:5070\"\n[teams.floor]\n[teams.east]\nparent = \"floor\"\n\
                         [teams.west]\nparent = \"floor\"\n";

    fn read(more: &str) -> Result<Config, Vec<String>> {
        let parsed = parse(&format!("{VALID}{more}"), "s.toml", &["longest-idle"]);
        parsed.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn wall(text: &str) -> WallTime {
        WallTime::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_team_may_be_named_at_the_agents_and_may_change_with_dates() {
        let config = read(
            "time_zone = \"Asia/Shanghai\"\n[figures]\ntime_zone = \"America/New_York\"\n\
             [agents.\"1001-1002\"]\npeer = \"pbx\"\nteam = \"east\"\n\
             [agents.1003]\npeer = \"pbx\"\n\
             team = [{ name = \"east\" }, { name = \"west\", from = \"2026-12-01\" }, { from = 2027-01-01 }]\n",
        );
        let config = config.unwrap();
        let east = config.teams.iter().find(|team| &*team.name == "east").unwrap();
        assert_eq!(east.agents.iter().map(|name| &**name).collect::<Vec<_>>(), ["1001", "1002", "1003"]);
        let moves: Vec<_> = config.moves.iter().map(|one| (&*one.agent, one.team.as_deref(), one.from)).collect();
        let expected = [
            ("1003", Some("west"), wall("2026-12-01T00:00:00+08:00")),
            ("1003", None, wall("2027-01-01T00:00:00-05:00")),
        ];
        assert_eq!(moves, expected, "in the zone of the team entered, else in that of all");
    }

    #[test]
    fn a_team_s_zone_is_that_of_the_team_above_unless_it_has_its_own() {
        let config = read(
            "[teams.south]\ntime_zone = \"Australia/Lord_Howe\"\n[teams.deep]\nparent = \"south\"\n\
             [figures]\nday_start = \"06:00\"\n\
             [agents.1]\npeer = \"pbx\"\nteam = [{ name = \"deep\", from = \"2026-10-04\" }]\n",
        );
        assert_eq!(config.unwrap().moves[0].from, wall("2026-10-04T06:00:00+11:00"), "where that day begins");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let agent = |team: &str| format!("[agents.1]\npeer = \"pbx\"\nteam = {team}\n");
        for (text, place, message) in [
            (agent("\"eats\""), "agents.1.team", "did you mean `east`"),
            (agent("7"), "agents.1.team", "expected a string"),
            (agent("[{ name = \"east\", from = \"2026-13-01\" }]"), "agents.1.team[0].from", "is no date"),
            (agent("[{ name = \"east\", from = \"tomorrow\" }]"), "agents.1.team[0].from", "is no date"),
            (
                agent("[{ name = \"east\" }, { name = \"west\" }]"),
                "agents.1.team[1]",
                "only the first team has no date",
            ),
            (agent("[{}]"), "agents.1.team[0]", "needs a name or a date"),
            (agent("[{ name = \"east\", form = \"2026-12-01\" }]"), "agents.1.team[0].form", "did you mean `from`"),
            (
                agent("[{ name = \"east\", from = \"2026-12-02\" }, { name = \"west\", from = \"2026-12-02\" }]"),
                "agents.1.team[1].from",
                "is not after the date before it",
            ),
            (agent("\"east\"") + "[teams.other]\nagents = [\"1\"]\n", "team", "is in the team `other` already"),
            (
                "[teams.other]\ntime_zone = \"Asia/Peking\"\n".to_string(),
                "teams.other.time_zone",
                "no time zone is called",
            ),
        ] {
            let errors = read(&text).unwrap_err();
            assert!(errors.len() == 1 && errors[0].contains(place) && errors[0].contains(message), "{text}{errors:#?}");
        }
        let many: Vec<_> = (10..60).map(|year| format!("{{ from = \"20{year}-01-01\" }}")).collect();
        let errors = read(&agent(&format!("[{}]", many.join(", ")))).unwrap_err();
        assert!(errors[0].contains("is one too many"), "{errors:#?}");
    }
}
