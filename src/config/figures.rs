//! Reads `[figures]`: by which calendar intervals are cut, which thresholds beside the queues' own the histograms hold, where
//! callers' regions stand, and how many series there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::Dimension;
use crate::base::limits::{AGENTS_MAX, VALUES_SHOWN_MAX};
use crate::stats::SeriesMax;
use crate::stats::calendar::Calendar;

use super::error::{Report, did_you_mean};
use super::reader::{Section, expected, integer, string};
use super::regions::Rows;
use super::types::{AgentSeries, FiguresConfig, RegionsConfig};
use super::values::{self, DAY, SECOND};

const KEYS: [&str; 8] =
    ["time_zone", "time_zones", "day_start", "week_start", "thresholds", "regions", "agent_series", "series_max"];
/// Most thresholds beside the queues' own: each is a series of every wait histogram of every queue.
const THRESHOLDS_MAX: usize = 16;

/// `[figures]`; `queues` and `teams` are the names that there are.
pub(super) fn figures<'a>(
    document: &Section<'_, '_>,
    queues: impl Iterator<Item = &'a Arc<str>>,
    teams: impl Iterator<Item = &'a Arc<str>>,
    report: &mut Report<'_>,
) -> FiguresConfig {
    let Some(item) = document.get("figures") else { return FiguresConfig::default() };
    let Some(section) = Section::open(&item, &KEYS, report) else { return FiguresConfig::default() };
    let day_start = section.read("day_start", report, |value| time_of_day(string(value)?)).unwrap_or(0);
    let week_start = section
        .read("week_start", report, |value| {
            let day = string(value)?;
            Calendar::new("UTC", 0, day).map(|_| day)
        })
        .unwrap_or("monday");
    let calendar = |value: &toml::de::DeValue<'_>| Calendar::new(string(value)?, day_start, week_start).map(Arc::new);
    let own = section.read("time_zone", report, calendar);
    let usual = || Calendar::new("UTC", day_start, week_start).unwrap_or_else(|_| Calendar::utc());
    let known: Vec<&Arc<str>> = queues.collect();
    let zones = section.get("time_zones").and_then(|item| Section::open_map(&item, report));
    let mut calendars = BTreeMap::new();
    for item in zones.as_ref().map(Section::items).unwrap_or_default() {
        let Some(queue) = known.iter().find(|queue| ****queue == *item.key) else {
            report.value(item.at, &item.path, "there is no such queue");
            continue;
        };
        match calendar(item.value) {
            Ok(calendar) => drop(calendars.insert(Arc::clone(queue), calendar)),
            Err(message) => report.value(item.at, &item.path, message),
        }
    }
    FiguresConfig {
        calendar: own.unwrap_or_else(|| Arc::new(usual())),
        calendars,
        thresholds: thresholds(&section, report),
        regions: regions(&section, report),
        agent_series: agent_series(&section, &teams.map(|team| &**team).collect(), report),
        series_max: series_max(&section, report),
    }
}

/// A file, or the rows themselves.
fn regions(section: &Section<'_, '_>, report: &mut Report<'_>) -> RegionsConfig {
    let nowhere = || RegionsConfig::Written(Arc::default());
    let Some(item) = section.get("regions") else { return nowhere() };
    if !item.value.is_table() {
        let file = section.read("regions", report, values::path);
        return file.map_or_else(nowhere, RegionsConfig::File);
    }
    let written = Section::open_map(&item, report).map(|map| map.items()).unwrap_or_default();
    let mut rows = Rows::default();
    for row in &written {
        if let Err(message) = string(row.value).and_then(|region| rows.add(&row.key, region, row.at)) {
            report.value(row.at, &row.path, message);
        }
    }
    match rows.finish() {
        Ok(regions) => RegionsConfig::Written(Arc::new(regions)),
        Err(wrong) => {
            for (at, _) in wrong {
                report.value(at, &item.path, "the same digits stand for another region already");
            }
            nowhere()
        }
    }
}

fn agent_series(section: &Section<'_, '_>, teams: &BTreeSet<&str>, report: &mut Report<'_>) -> AgentSeries {
    let Some(item) = section.get("agent_series") else { return AgentSeries::Off };
    if let Some(all) = item.value.as_bool() {
        return if all { AgentSeries::All } else { AgentSeries::Off };
    }
    if item.value.as_array().is_none() {
        report.value(item.at, &item.path, expected("true, false or a list of teams", item.value));
        return AgentSeries::Off;
    }
    let team = |value| {
        let name: &str = string(value)?;
        let hint = || did_you_mean(name, teams.iter().copied());
        if teams.contains(name) { Ok(Arc::from(name)) } else { Err(format!("unknown team `{name}`{}", hint())) }
    };
    let listed = section.list("agent_series", report, team).unwrap_or_default();
    AgentSeries::Teams(listed.into_iter().map(|(team, _)| team).collect())
}

/// `series_max = { number = 200 }`.
fn series_max(section: &Section<'_, '_>, report: &mut Report<'_>) -> SeriesMax {
    let mut most = SeriesMax::default();
    let keys = Dimension::ALL.map(Dimension::as_str);
    let known = [&keys[..], &["agent"]].concat();
    let item = section.get("series_max");
    let Some(table) = item.and_then(|item| Section::open(&item, &known, report)) else { return most };
    for (place, key) in most.values.iter_mut().zip(keys) {
        *place = table.read(key, report, |value| count(value, VALUES_SHOWN_MAX)).unwrap_or(*place);
    }
    most.agents = table.read("agent", report, |value| count(value, AGENTS_MAX)).unwrap_or(most.agents);
    most
}

fn count(value: &toml::de::DeValue<'_>, most: usize) -> Result<usize, String> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    integer(value, 1, most).map(|count| usize::try_from(count).unwrap_or_default())
}

fn thresholds(section: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<Duration> {
    let read = section.list("thresholds", report, |value| values::duration(value, SECOND, DAY)).unwrap_or_default();
    if let Some((_, at)) = read.get(THRESHOLDS_MAX) {
        report.value(*at, &section.child("thresholds"), format!("more than {THRESHOLDS_MAX}"));
    }
    read.into_iter().map(|(threshold, _)| threshold).collect()
}

/// `06:30` as minutes after midnight.
fn time_of_day(text: &str) -> Result<u16, String> {
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    let parts = text.split_once(':').and_then(|(hour, minute)| two(hour).zip(two(minute)));
    let minutes = parts.filter(|(hour, minute)| *hour < 24 && *minute < 60).map(|(hour, minute)| hour * 60 + minute);
    minutes.ok_or_else(|| format!("`{}` is no time of day; write it like \"06:30\"", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};
    use crate::stats::calendar::Grain;

    const VALID: &str = "[sip]\nlisten = \"127.0.0.1:5060\"\n[queues.q]\nnumbers = [\"1\"]\n[queues.r]\n";

    fn read(more: &str) -> Result<Config, Vec<String>> {
        let parsed = parse(&format!("{VALID}{more}"), "s.toml", &["longest-idle"]);
        parsed.map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_queue_goes_by_its_own_calendar_or_by_that_of_all() {
        let figures = read("").unwrap().figures;
        assert_eq!(**figures.calendar_of("q"), Calendar::utc());
        let config = read(
            "[figures]\ntime_zone = \"Asia/Shanghai\"\nday_start = \"06:30\"\nweek_start = \"sunday\"\n\
             time_zones = { r = \"America/New_York\" }\nthresholds = [\"7s\", \"1500ms\"]\n",
        );
        let figures = config.unwrap().figures;
        assert_eq!(figures.calendar_of("q").zone(), "Asia/Shanghai");
        assert_eq!(figures.calendar_of("r").zone(), "America/New_York");
        let day = figures.calendar_of("q").span(Grain::Day, crate::base::WallTime::from_micros(0));
        assert_eq!(figures.calendar_of("q").text(day.start), "1970-01-01T06:30:00+08:00");
        assert_eq!(figures.thresholds, [Duration::from_secs(7), Duration::from_millis(1_500)]);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let errors = read(
            "[figures]\ntime_zone = \"Asia/Peking\"\nday_start = \"6:30\"\nweek_start = \"Sonntag\"\n\
             time_zones = { s = \"UTC\" }\nthresholds = [\"0s\"]\nzone = 1\n",
        );
        let errors = errors.unwrap_err();
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert!(errors[0].contains("no time zone is called `Asia/Peking`"), "{errors:#?}");
        assert!(errors[3].contains("figures.time_zones.s"), "{errors:#?}");
    }

    #[test]
    fn regions_stand_in_a_file_or_in_the_text() {
        let regions = |text: &str| read(text).unwrap().figures.regions;
        assert_eq!(regions(""), RegionsConfig::Written(Arc::default()));
        assert_eq!(regions("[figures]\nregions = \"r.csv\"\n"), RegionsConfig::File("r.csv".into()));
        let RegionsConfig::Written(table) = regions("[figures]\nregions = { 010 = \"北京\", \"+86 21\" = \"上海\" }\n")
        else {
            panic!("a table")
        };
        let name =
            |digits: &str| table.find(digits.bytes()).map(|region| table.names()[usize::from(region)].to_string());
        assert_eq!((name("01012"), name("8621345"), name("99")), (Some("北京".into()), Some("上海".into()), None));
    }

    #[test]
    fn series_are_bounded_as_configured() {
        let figures = read("").unwrap().figures;
        assert_eq!((figures.agent_series, figures.series_max), (AgentSeries::Off, SeriesMax::default()));
        let text =
            "[teams.t]\nagents = []\n[figures]\nagent_series = [\"t\"]\nseries_max = { region = 7, agent = 9 }\n";
        let figures = read(text).unwrap().figures;
        assert_eq!(figures.agent_series, AgentSeries::Teams(vec!["t".into()]));
        assert_eq!(figures.series_max, SeriesMax { values: [200, 100, 7, 100], agents: 9 });
        assert_eq!(read("[figures]\nagent_series = true\n").unwrap().figures.agent_series, AgentSeries::All);
    }

    #[test]
    fn wrong_regions_and_bounds_are_told_with_their_place() {
        let errors = read(
            "[figures]\nregions = { 1x = \"A\", \"10\" = \"B\", 11 = 5 }\nagent_series = [\"nobody\"]\n\
             series_max = { number = 0, region = 1001, team = 5 }\n",
        );
        let errors = errors.unwrap_err();
        let has = |text: &str| errors.iter().any(|error| error.contains(text));
        assert_eq!(errors.len(), 6, "{errors:#?}");
        assert!(has("s.toml:7: figures.regions.1x: `1x` is no beginning of a number"), "{errors:#?}");
        assert!(has("figures.regions.11: expected a string") && has("unknown team `nobody`"), "{errors:#?}");
        assert!(has("figures.series_max.number: 0 is out of range; allowed are 1 to 1000"), "{errors:#?}");
        assert!(has("figures.series_max.team: unknown key"), "{errors:#?}");
        let twice = read("[figures]\nregions = { 10 = \"A\", \"+10\" = \"B\" }\n").unwrap_err();
        assert!(twice[0].contains("the same digits stand for another region already"), "{twice:#?}");
    }
}
