//! Calendar borders: which interval of a queue's time zone a moment lies in. Pure: the zone's rules are data that comes with
//! the program (jiff's bundled copy of the IANA database), the moment is passed in, and no clock is read.
//!
//! Intervals of up to an hour are cut at full local minutes and at every change of the zone's offset, so that each minute lies
//! in exactly one: where the clock goes back by half an hour (Lord Howe), the repeated half hour is an interval of its own.
//! Days begin at the configured time of day, weeks at the configured weekday; a day may have 23, 23.5, 24, 24.5 or 25 hours.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span as Distance, Timestamp, ToSpan};

use crate::base::WallTime;

/// How long an interval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// So many minutes, a divisor of 60.
    Minutes(u8),
    /// A day of the calendar.
    Day,
    /// Seven days of the calendar.
    Week,
    /// A month of the calendar.
    Month,
}

impl Grain {
    /// Every grain that figures are kept for.
    pub const ALL: [Self; 8] = [
        Self::Minutes(1),
        Self::Minutes(5),
        Self::Minutes(15),
        Self::Minutes(30),
        Self::Minutes(60),
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    /// As it is written: `1m` ... `60m`, `day`, `week`, `month`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes(1) => "1m",
            Self::Minutes(5) => "5m",
            Self::Minutes(15) => "15m",
            Self::Minutes(30) => "30m",
            Self::Minutes(_) => "60m",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Reads what [`Grain::as_str`] writes, and `1h`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text == "1h" { "60m" } else { text };
        Self::ALL.into_iter().find(|grain| grain.as_str() == text)
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From `start` on, up to but not including `end`; seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first second.
    pub start: i64,
    /// The first second after it.
    pub end: i64,
}

/// A time zone with the beginning of its days and weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    day_start: Time,
    week_start: Weekday,
}

impl Calendar {
    /// UTC, days from midnight, weeks from Monday.
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC, day_start: Time::midnight(), week_start: Weekday::Monday }
    }

    /// A calendar of the IANA zone of that name. Days begin `day_start_minutes` after local midnight (below 1,440).
    ///
    /// # Errors
    /// Says what is wrong with the name, the time of day or the weekday (`monday` ... `sunday`).
    pub fn new(zone: &str, day_start_minutes: u16, week_start: &str) -> Result<Self, String> {
        let Self { zone, .. } = Self::utc().in_zone(zone)?;
        let (hour, minute) = (day_start_minutes / 60, day_start_minutes % 60);
        let day_start = i8::try_from(hour).ok().zip(i8::try_from(minute).ok());
        let day_start = day_start.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
        let weekdays = Weekday::Monday.cycle_forward().zip(WEEKDAYS);
        let week_start = weekdays.into_iter().find(|(_, name)| *name == week_start);
        Ok(Self {
            zone,
            day_start: day_start.ok_or("a day begins at 00:00 to 23:59")?,
            week_start: week_start.ok_or_else(|| format!("a week begins on one of {}", WEEKDAYS.join(", ")))?.0,
        })
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The same days and weeks in another zone.
    ///
    /// # Errors
    /// Says when there is no such zone.
    pub fn in_zone(&self, zone: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone).map_err(|_| format!("no time zone is called `{}`", zone.escape_debug()))?;
        Ok(Self { zone, ..self.clone() })
    }

    /// When the day of a date (`2026-12-01`) begins.
    ///
    /// # Errors
    /// Says when it is no date.
    pub fn day_starts(&self, date: &str) -> Result<WallTime, String> {
        let wrong = || format!("`{}` is no date; write it like \"2026-12-01\"", date.escape_debug());
        let plain = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day: Date = date.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        self.start_of(day).checked_mul(1_000_000).map(WallTime::from_micros).ok_or_else(wrong)
    }

    /// The interval that holds `at`.
    pub fn span(&self, grain: Grain, at: WallTime) -> Span {
        let at = at.as_secs();
        match grain {
            Grain::Minutes(minutes) => self.minutes(i64::from(minutes) * 60, at),
            Grain::Day => self.days(self.day_of(at), 1.day()),
            Grain::Week => {
                let day = self.day_of(at);
                let back = day.weekday().since(self.week_start);
                self.days(shift(day, i64::from(back).days().negate()), 7.days())
            }
            Grain::Month => self.days(self.day_of(at).first_of_month(), 1.month()),
        }
    }

    /// The day's number, counted from 1970-01-01, and the month's, counted from year 0: what the rings of days and months
    /// are keyed by.
    pub(super) fn day_and_month(&self, at: WallTime) -> (i64, i64) {
        let day = self.day_of(at.as_secs());
        let number = Date::constant(1970, 1, 1).until(day).map_or(0, |span| i64::from(span.get_days()));
        (number, i64::from(day.year()) * 12 + i64::from(day.month()) - 1)
    }

    /// Local date and time with the offset: `2026-11-01T01:30:00-04:00`.
    pub fn text(&self, seconds: i64) -> String {
        let local = timestamp(seconds).to_zoned(self.zone.clone());
        local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    fn minutes(&self, length: i64, at: i64) -> Span {
        let offset = self.offset(at);
        let start = (at + offset).div_euclid(length) * length - offset;
        let end = start + length;
        let before = self.zone.preceding(timestamp(at + 1)).map(|change| change.timestamp().as_second());
        let after = self.zone.following(timestamp(at)).map(|change| change.timestamp().as_second());
        let shifts = |change: &i64| self.offset(*change) != self.offset(*change - 1);
        Span {
            start: before.take_while(|change| *change > start).find(shifts).unwrap_or(start),
            end: after.take_while(|change| *change < end).find(shifts).unwrap_or(end),
        }
    }

    fn days(&self, first: Date, length: Distance) -> Span {
        Span { start: self.start_of(first), end: self.start_of(shift(first, length)) }
    }

    /// The calendar day that holds `at`: it may have begun at yesterday's `day_start`.
    fn day_of(&self, at: i64) -> Date {
        let mut day = timestamp(at).to_zoned(self.zone.clone()).date();
        while self.start_of(day) > at {
            day = shift(day, (-1).days());
        }
        while self.start_of(shift(day, 1.day())) <= at {
            day = shift(day, 1.day());
        }
        day
    }

    /// Where the day's beginning falls into a gap, the day begins after it; where it comes twice, the first time.
    fn start_of(&self, day: Date) -> i64 {
        let zoned = day.to_datetime(self.day_start).to_zoned(self.zone.clone());
        zoned.map_or(i64::MAX, |zoned| zoned.timestamp().as_second())
    }

    fn offset(&self, at: i64) -> i64 {
        i64::from(self.zone.to_offset(timestamp(at)).seconds())
    }
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Days at the ends of time stay where they are.
fn shift(day: Date, by: Distance) -> Date {
    day.checked_add(by).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar::new(zone, 0, "monday").unwrap()
    }

    fn wall(text: &str) -> WallTime {
        WallTime::from_micros(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    /// Local texts of the borders from `from` on, `count` intervals, which must follow each other without a gap.
    fn borders(calendar: &Calendar, grain: Grain, from: &str, count: usize) -> Vec<String> {
        let mut at = wall(from);
        let mut texts = Vec::new();
        for _ in 0..count {
            let span = calendar.span(grain, at);
            assert!(span.start <= at.as_secs() && at.as_secs() < span.end);
            let last = WallTime::from_micros((span.end - 1) * 1_000_000);
            assert_eq!(calendar.span(grain, last), span, "the last second lies in the same interval");
            texts.push(calendar.text(span.start));
            at = WallTime::from_micros(span.end * 1_000_000);
            assert_eq!(calendar.span(grain, at).start, span.end, "no gap and no overlap");
        }
        texts
    }

    #[test]
    fn intervals_of_shanghai_are_those_of_its_clock() {
        let shanghai = calendar("Asia/Shanghai");
        assert_eq!(
            borders(&shanghai, Grain::Minutes(30), "2026-03-07T15:59:59Z", 2),
            ["2026-03-07T23:30:00+08:00", "2026-03-08T00:00:00+08:00"]
        );
        assert_eq!(borders(&shanghai, Grain::Day, "2026-03-07T16:00:00Z", 1), ["2026-03-08T00:00:00+08:00"]);
        assert_eq!(borders(&shanghai, Grain::Week, "2026-03-08T15:59:59Z", 2)[1], "2026-03-09T00:00:00+08:00");
        assert_eq!(borders(&shanghai, Grain::Month, "2026-01-31T15:59:59Z", 2)[1], "2026-02-01T00:00:00+08:00");
    }

    #[test]
    fn the_day_of_a_change_has_23_or_25_hours_in_new_york() {
        let york = calendar("America/New_York");
        let hours = |at: &str| {
            let span = york.span(Grain::Day, wall(at));
            (span.end - span.start) / 3600
        };
        assert_eq!((hours("2026-03-08T12:00:00Z"), hours("2026-11-01T12:00:00Z")), (23, 25));
        assert_eq!(
            borders(&york, Grain::Minutes(60), "2026-03-08T06:10:00Z", 3),
            ["2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00"]
        );
        assert_eq!(
            borders(&york, Grain::Minutes(60), "2026-11-01T05:10:00Z", 3),
            ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T02:00:00-05:00"]
        );
    }

    #[test]
    fn the_half_hour_that_lord_howe_repeats_is_an_interval_of_its_own() {
        let howe = calendar("Australia/Lord_Howe");
        // 2026-04-05 02:00 (+11) becomes 01:30 (+10:30).
        assert_eq!(
            borders(&howe, Grain::Minutes(60), "2026-04-04T14:00:00Z", 3),
            ["2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30"]
        );
        // 2026-10-04 02:00 (+10:30) becomes 02:30 (+11).
        assert_eq!(
            borders(&howe, Grain::Minutes(60), "2026-10-03T14:30:00Z", 3),
            ["2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"]
        );
        let day = |at: &str| {
            let span = howe.span(Grain::Day, wall(at));
            (span.end - span.start) / 1800
        };
        assert_eq!((day("2026-04-05T00:00:00Z"), day("2026-10-04T00:00:00Z")), (49, 47));
    }

    #[test]
    fn days_and_weeks_begin_where_the_configuration_says() {
        let night = Calendar::new("Asia/Shanghai", 6 * 60, "sunday").unwrap();
        assert_eq!(borders(&night, Grain::Day, "2026-03-07T21:59:59Z", 2)[0], "2026-03-07T06:00:00+08:00");
        assert_eq!(borders(&night, Grain::Day, "2026-03-07T22:00:00Z", 1)[0], "2026-03-08T06:00:00+08:00");
        assert_eq!(borders(&night, Grain::Week, "2026-03-11T00:00:00Z", 1)[0], "2026-03-08T06:00:00+08:00");
        assert_eq!(borders(&night, Grain::Month, "2026-03-31T21:00:00Z", 2)[1], "2026-04-01T06:00:00+08:00");
        assert!(Calendar::new("Asia/Nowhere", 0, "monday").is_err());
        assert!(Calendar::new("UTC", 1_440, "monday").is_err());
        assert!(Calendar::new("UTC", 0, "Monday").is_err());
    }

    #[test]
    fn a_date_begins_with_its_day_in_the_zone() {
        let starts = |zone: &str, date: &str| calendar(zone).day_starts(date).unwrap();
        assert_eq!(starts("Asia/Shanghai", "2026-12-01"), wall("2026-11-30T16:00:00Z"));
        assert_eq!(starts("America/New_York", "2026-11-02"), wall("2026-11-02T05:00:00Z"), "after the change");
        assert_eq!(starts("Australia/Lord_Howe", "2026-10-04"), wall("2026-10-03T13:30:00Z"));
        // Cairo's clock went from 23:59:59 to 01:00 then: the day has no midnight.
        assert_eq!(starts("Africa/Cairo", "2026-04-24"), wall("2026-04-23T22:00:00Z"));
        for wrong in ["2026-02-29", "2026-2-1", "20261201", "2026-12-01T00:00", "-000001-01", ""] {
            assert!(calendar("UTC").day_starts(wrong).unwrap_err().contains("is no date"), "{wrong}");
        }
    }

    #[test]
    fn a_year_of_every_grain_has_no_gap_in_any_of_the_zones() {
        for zone in ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"] {
            for (grain, count) in
                [(Grain::Minutes(60), 8_760), (Grain::Day, 365), (Grain::Week, 52), (Grain::Month, 12)]
            {
                borders(&calendar(zone), grain, "2026-01-01T00:00:00Z", count);
            }
        }
    }

    #[test]
    fn every_zone_s_offset_and_changes_are_whole_quarters_since_2021() {
        let start: Timestamp = "2021-01-01T00:00:00Z".parse().unwrap();
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            // Slots of a quarter hour are cut in UTC. The research station Casey changed at 00:01, which puts one minute of a
            // year into the neighbouring quarter.
            if name.as_str() == "Antarctica/Casey" {
                continue;
            }
            let changes = zone.following(start).take_while(|change| change.timestamp().as_second() < 4_102_444_800);
            for at in changes.map(|change| change.timestamp()).chain([start]) {
                let quarters = zone.to_offset(at).seconds() % 900 == 0 && at.as_second() % 900 == 0;
                assert!(quarters, "{} at {at}", name.as_str());
            }
        }
    }

    #[test]
    fn a_grain_is_read_as_it_is_written() {
        assert!(Grain::ALL.iter().all(|grain| Grain::parse(grain.as_str()) == Some(*grain)));
        assert_eq!(Grain::parse("1h"), Some(Grain::Minutes(60)));
        assert_eq!(Grain::parse("7m"), None);
    }
}
