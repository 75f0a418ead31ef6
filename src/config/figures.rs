//! Reads `[figures]`: by which calendar intervals are cut, and which thresholds beside the queues' own the histograms hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::stats::calendar::Calendar;

use super::error::Report;
use super::reader::{Section, string};
use super::values::{self, DAY, SECOND};

const KEYS: [&str; 5] = ["time_zone", "time_zones", "day_start", "week_start", "thresholds"];
/// Most thresholds beside the queues' own: each is a series of every wait histogram of every queue.
const THRESHOLDS_MAX: usize = 16;

/// `[figures]`
#[derive(Debug, Clone, PartialEq)]
pub struct FiguresConfig {
    /// `time_zone = "Asia/Shanghai"` (an IANA name, default `"UTC"`), `day_start = "06:00"` (default midnight), `week_start =
    /// "sunday"` (default Monday): the calendar of every queue that has no zone of its own. Intervals already counted stay.
    pub calendar: Arc<Calendar>,
    /// `time_zones = { sales = "America/New_York" }`: queues with a time zone of their own, by name.
    pub calendars: BTreeMap<Arc<str>, Arc<Calendar>>,
    /// `thresholds = ["15s", "30s"]`: bounds of the wait histograms beside the default ones and the queues' thresholds, so
    /// that service levels at them can be had. Fixed while the process lives.
    pub thresholds: Vec<Duration>,
}

impl FiguresConfig {
    /// The calendar of a queue.
    pub fn calendar_of(&self, queue: &str) -> &Arc<Calendar> {
        self.calendars.get(queue).unwrap_or(&self.calendar)
    }
}

/// `[figures]`; `queues` are the names that there are.
pub(super) fn figures<'a>(
    document: &Section<'_, '_>,
    queues: impl Iterator<Item = &'a Arc<str>>,
    report: &mut Report<'_>,
) -> FiguresConfig {
    let default =
        || FiguresConfig { calendar: Arc::new(Calendar::utc()), calendars: BTreeMap::new(), thresholds: Vec::new() };
    let Some(item) = document.get("figures") else { return default() };
    let Some(section) = Section::open(&item, &KEYS, report) else { return default() };
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
    }
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
    use std::time::Duration;

    use crate::config::{Config, parse};
    use crate::stats::calendar::{Calendar, Grain};

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
}
