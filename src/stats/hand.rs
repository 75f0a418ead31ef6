//! The hand of a calendar's clock: which hour it is, and which days and months have begun. It asks the calendar once an hour and
//! once a day; between the borders it compares two numbers. Only the one writer moves it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::WallTime;
use crate::stats::calendar::{Calendar, Grain, Span};
use crate::stats::hours::number;
use crate::stats::window::{DAYS, MONTHS};

const DAY_MICROS: i64 = 86_400_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Hand {
    calendar: RwLock<Arc<Calendar>>,
    hour: Current,
    day: Current,
}

/// The interval in progress, or none.
#[derive(Debug, Default)]
struct Current {
    from: AtomicI64,
    until: AtomicI64,
}

impl Current {
    fn set(&self, span: Span) {
        self.from.store(span.start, Ordering::Relaxed);
        self.until.store(span.end, Ordering::Relaxed);
    }

    fn get(&self) -> Span {
        Span { start: self.from.load(Ordering::Relaxed), end: self.until.load(Ordering::Relaxed) }
    }
}

impl Span {
    fn holds(self, at: WallTime) -> bool {
        (self.start..self.end).contains(&at.as_secs())
    }
}

impl Hand {
    /// A hand by UTC.
    pub(super) fn new() -> Self {
        let calendar = RwLock::new(Arc::new(Calendar::utc()));
        Self { calendar, hour: Current::default(), day: Current::default() }
    }

    /// It goes by another calendar from now on; what was counted keeps its place.
    pub(super) fn set(&self, calendar: &Arc<Calendar>) {
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(calendar);
        for current in [&self.hour, &self.day] {
            current.set(Span { start: 0, end: 0 });
        }
    }

    /// The calendar.
    pub(super) fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.calendar.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of the hour that it is. Only the one writer calls this.
    pub(super) fn hour(&self, at: WallTime) -> i64 {
        let mut hour = self.hour.get();
        if !hour.holds(at) {
            hour = self.calendar().span(Grain::Minutes(60), at);
            self.hour.set(hour);
        }
        number(hour.start)
    }

    /// Tells each day and each month that began after `before`, up to and including `at`: its grain, its number and its first
    /// second. Of longer spans only the last ones, a ring full. Only the one writer calls this.
    pub(super) fn begun(&self, before: WallTime, at: WallTime, mut tell: impl FnMut(Grain, i64, i64)) {
        let today = self.day.get();
        if today.holds(before) && today.holds(at) {
            return;
        }
        let calendar = self.calendar();
        for (grain, days) in [(Grain::Day, DAYS + 1), (Grain::Month, 32 * MONTHS)] {
            let earliest = WallTime::from_micros(at.as_micros().saturating_sub(DAY_MICROS * days as i64));
            let mut start = calendar.span(grain, earliest.max(before)).end;
            while start <= at.as_secs() {
                let (day, month) = calendar.day_and_month(second(start));
                tell(grain, if grain == Grain::Day { day } else { month }, start);
                start = calendar.span(grain, second(start)).end;
            }
        }
        self.day.set(calendar.span(Grain::Day, at));
    }
}

#[cfg(test)]
impl Hand {
    /// The guard that a reader takes: the writer looks at the calendar once an hour, and needs no more than that either.
    pub(super) fn hold(&self) -> crate::stats::tests::hold::Guard<'_> {
        Box::new(self.calendar.read().unwrap())
    }
}

fn second(second: i64) -> WallTime {
    WallTime::from_micros(second.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(zone: &str) -> Hand {
        let hand = Hand::new();
        hand.set(&Arc::new(Calendar::new(zone, 0, "monday").unwrap()));
        hand
    }

    fn begun(hand: &Hand, before: i64, at: i64) -> Vec<(Grain, i64)> {
        let mut told = Vec::new();
        hand.begun(second(before), second(at), |grain, _, start| told.push((grain, start)));
        told
    }

    #[test]
    fn hours_begin_as_they_do_in_the_calendar_s_zone() {
        let hand = Hand::new();
        assert_eq!((hand.hour(second(3_599)), hand.hour(second(3_600))), (0, 1));
        // India is half an hour off.
        let hand = by("Asia/Kolkata");
        let half = 1_800;
        assert_eq!(hand.hour(second(7_200 + half - 1)), hand.hour(second(3_600 + half)));
        assert_ne!(hand.hour(second(7_200 + half - 1)), hand.hour(second(7_200 + half)));
        assert_eq!(hand.calendar().zone(), "Asia/Kolkata");
    }

    #[test]
    fn each_day_and_month_is_told_once_when_it_has_begun() {
        let hand = by("Asia/Shanghai");
        // 2026-12-01 00:00 in Shanghai.
        let midnight = 1_796_054_400;
        assert_eq!(begun(&hand, midnight - 60, midnight - 1), []);
        assert_eq!(begun(&hand, midnight - 60, midnight), [(Grain::Day, midnight), (Grain::Month, midnight)]);
        assert_eq!(begun(&hand, midnight, midnight + 86_399), []);
        // Two who are told of one clock, one after the other.
        assert_eq!(begun(&hand, midnight - 60, midnight + 60).len(), 2);
        let year = begun(&hand, midnight - 400 * 86_400, midnight);
        let count = |grain| year.iter().filter(|(told, _)| *told == grain).count();
        assert_eq!(count(Grain::Day), DAYS + 1, "the last ones only");
        assert!((MONTHS..=MONTHS + 1).contains(&count(Grain::Month)), "{}", count(Grain::Month));
    }

    #[test]
    fn another_calendar_s_days_are_told_from_then_on() {
        let hand = by("Asia/Shanghai");
        let midnight = 1_796_054_400;
        assert_eq!(begun(&hand, midnight, midnight + 3_600), []);
        hand.set(&Arc::new(Calendar::new("Asia/Kolkata", 0, "monday").unwrap()));
        let theirs = midnight + 9_000;
        assert_eq!(begun(&hand, midnight + 3_600, midnight + 9_600), [(Grain::Day, theirs), (Grain::Month, theirs)]);
    }
}
