//! A queue's figures by intervals: rings of slots, each a versioned block of atomics that the fold writes and anyone copies.
//!
//! Four rings hold what happened by the time when it happened: minutes (from which 1 and 5 minutes and rolling spans are
//! added up), quarters of an hour (15, 30, 60 minutes), days (days, weeks) and months. A fifth holds the visits by the quarter
//! in which they *arrived*: what became of a cohort. The two are never mixed: an outcome counts once in each.
//!
//! Memory: a slot is allocated when it is first written, 8 bytes a cell; a queue never has more than `SLOTS` of them,
//! 174 KiB with the usual bounds, 85 MiB for 500 queues all busy around the clock ([`bytes_max`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::acd::{FlowOut, OfferResult};
use crate::base::WallTime;
use crate::stats::block::Block;
use crate::stats::calendar::{Calendar, Grain, Span};
use crate::stats::counts::{Bucket, Counts, Events};

/// Two hours and the minutes at both ends.
pub(super) const MINUTES: usize = 125;
/// A day of 25 hours.
pub(super) const QUARTERS: usize = 100;
/// Five weeks.
pub(super) const DAYS: usize = 35;
/// A year and the month in progress.
pub(super) const MONTHS: usize = 13;
/// All slots of a queue.
pub(super) const SLOTS: usize = MINUTES + QUARTERS + DAYS + MONTHS + QUARTERS;

/// The slot's number plus one; zero before its first use.
const KEY: usize = 0;
/// Cells that the fold adds to, by name; [`Slot::counts`] reads them back.
pub(super) const OFFERED: usize = 1;
pub(super) const ANSWERED: usize = 2;
pub(super) const ABANDONED: usize = 3;
pub(super) const ABANDONED_SHORT: usize = 4;
pub(super) const ANSWER_WAIT: usize = 5;
pub(super) const ABANDON_WAIT: usize = 6;
pub(super) const FLOWOUT_WAIT: usize = 7;
pub(super) const TALKS: usize = 8;
pub(super) const TALK: usize = 9;
pub(super) const HELD: usize = 10;
pub(super) const HOLD: usize = 11;
pub(super) const WRAP_UPS: usize = 12;
pub(super) const WRAP_UP: usize = 13;
pub(super) const SL_ANSWERED: usize = 14;
pub(super) const SL_ABANDONED: usize = 15;
pub(super) const SL_ABANDONED_SHORT: usize = 16;
pub(super) const SL_FLOWOUT: usize = 17;
pub(super) const SL_MISSED: usize = 18;
pub(super) const SL_MISSED_FLOWOUT: usize = 19;
/// One cell for each of [`FlowOut::ALL`].
pub(super) const FLOWED_OUT: usize = 20;
/// One cell for each of [`OfferResult::ALL`].
pub(super) const OFFERS: usize = FLOWED_OUT + FlowOut::ALL.len();
/// A cell for each bucket of waits: the answered in the upper half, the abandoned in the lower.
pub(super) const WAITS: usize = OFFERS + OfferResult::ALL.len();

/// What one answered visit adds to its bucket's cell.
pub(super) const ANSWERED_ONE: u64 = 1 << 32;
/// What one abandoned visit adds to its bucket's cell.
pub(super) const ABANDONED_ONE: u64 = 1;

/// A cell and what is added to it.
pub(super) type Change = (usize, u64);

/// The most that the windows of one queue take, in bytes.
pub const fn bytes_max(bounds: usize) -> usize {
    SLOTS * ((WAITS + bounds + 1) * size_of::<u64>() + size_of::<OnceLock<Block>>())
}

/// The rings of a queue.
#[derive(Debug)]
pub(super) struct Windows {
    minutes: Ring,
    quarters: Ring,
    days: Ring,
    months: Ring,
    arrivals: Ring,
}

impl Windows {
    /// Empty rings for histograms of so many bounds.
    pub(super) fn new(bounds: usize) -> Self {
        let ring = |slots: usize| Ring::new(slots, WAITS + bounds + 1);
        Self {
            minutes: ring(MINUTES),
            quarters: ring(QUARTERS),
            days: ring(DAYS),
            months: ring(MONTHS),
            arrivals: ring(QUARTERS),
        }
    }

    /// Counts what happened at `at`, in every ring of event time. Only the one writer calls this.
    pub(super) fn add(&self, at: WallTime, borders: &Borders, calendar: &Calendar, changes: &[Change]) {
        let (day, month) = borders.day_and_month(at, calendar);
        self.minutes.add(at.as_secs().div_euclid(60), changes);
        self.quarters.add(at.as_secs().div_euclid(900), changes);
        self.days.add(day, changes);
        self.months.add(month, changes);
    }

    /// Counts what became of a visit that arrived at `arrival`. Only the one writer calls this. A visit that waited longer
    /// than the ring reaches back is passed over: its cohort is gone.
    pub(super) fn add_arrival(&self, arrival: WallTime, changes: &[Change]) {
        let key = arrival.as_secs().div_euclid(900);
        if !self.arrivals.is_overtaken(key) {
            self.arrivals.add(key, changes);
        }
    }

    /// What happened in `span`, an interval of `grain` of the calendar; `None` when that is longer ago than is kept.
    pub(super) fn counts(&self, grain: Grain, span: Span, now: WallTime, calendar: &Calendar) -> Option<Counts> {
        let first_day = || calendar.day_and_month(wall(span.start));
        let last_day = || calendar.day_and_month(wall(span.end - 1));
        let today = || calendar.day_and_month(now);
        let now = now.as_secs();
        match grain {
            Grain::Minutes(1 | 5) => self.minutes.sum(span.start / 60, span.end / 60, now / 60),
            Grain::Minutes(_) => self.quarters.sum(span.start / 900, span.end / 900, now / 900),
            Grain::Day | Grain::Week => self.days.sum(first_day().0, last_day().0 + 1, today().0),
            Grain::Month => self.months.sum(first_day().1, first_day().1 + 1, today().1),
        }
    }

    /// What became of those who arrived in `span`, whose borders are quarters of an hour; `None` when that is longer ago than
    /// is kept.
    pub(super) fn cohort(&self, span: Span, now: WallTime) -> Option<Counts> {
        self.arrivals.sum(span.start / 900, span.end / 900, now.as_secs() / 900)
    }

    /// The last `minutes` (at most [`MINUTES`] less one) up to `now`: the minute in progress and those before it.
    pub(super) fn rolling(&self, minutes: i64, now: WallTime) -> Counts {
        let minute = now.as_secs() / 60;
        self.minutes.sum(minute + 1 - minutes, minute + 1, minute).unwrap_or_default()
    }
}

/// The day and month in progress, kept so that the calendar is asked once a day. Written by the one writer.
#[derive(Debug, Default)]
pub(super) struct Borders {
    from: AtomicI64,
    until: AtomicI64,
    day: AtomicI64,
    month: AtomicI64,
}

impl Borders {
    fn day_and_month(&self, at: WallTime, calendar: &Calendar) -> (i64, i64) {
        let load = |cell: &AtomicI64| cell.load(Ordering::Relaxed);
        if !(load(&self.from)..load(&self.until)).contains(&at.as_secs()) {
            let span = calendar.span(Grain::Day, at);
            let (day, month) = calendar.day_and_month(at);
            for (cell, value) in
                [(&self.from, span.start), (&self.until, span.end), (&self.day, day), (&self.month, month)]
            {
                cell.store(value, Ordering::Relaxed);
            }
        }
        (load(&self.day), load(&self.month))
    }
}

/// Slots by their number, the newest in the place of the oldest.
#[derive(Debug)]
struct Ring {
    slots: Box<[OnceLock<Block>]>,
    cells: usize,
}

impl Ring {
    fn new(slots: usize, cells: usize) -> Self {
        Self { slots: (0..slots).map(|_| OnceLock::new()).collect(), cells }
    }

    fn slot(&self, key: i64) -> &OnceLock<Block> {
        &self.slots[key.rem_euclid(self.slots.len() as i64) as usize]
    }

    fn add(&self, key: i64, changes: &[Change]) {
        let slot = self.slot(key).get_or_init(|| Block::new(self.cells));
        let write = slot.write();
        let stamp = key.cast_unsigned() + 1;
        if write.get(KEY) != stamp {
            write.set(KEY, stamp);
            (KEY + 1..self.cells).for_each(|cell| write.set(cell, 0));
        }
        for (cell, more) in changes {
            write.add(*cell, *more);
        }
    }

    /// True when the slot's place holds a later one.
    fn is_overtaken(&self, key: i64) -> bool {
        let stamp = key.cast_unsigned() + 1;
        self.slot(key).get().is_some_and(|slot| slot.write().get(KEY) > stamp)
    }

    /// The sum of the slots from `first` up to but not including `end`; slots in which nothing happened are zero. `None` when
    /// `first` is longer ago than the ring reaches.
    fn sum(&self, first: i64, end: i64, now: i64) -> Option<Counts> {
        if first <= now - self.slots.len() as i64 {
            return None;
        }
        let mut sum = Counts::default();
        for key in first..end.min(now + 1) {
            let Some(cells) = self.slot(key).get().map(Block::read) else { continue };
            if cells[KEY] == key.cast_unsigned() + 1 {
                sum.add(&counts(&cells));
            }
        }
        Some(sum)
    }
}

fn counts(cells: &[u64]) -> Counts {
    Counts {
        offered: cells[OFFERED],
        answered: cells[ANSWERED],
        abandoned: cells[ABANDONED],
        abandoned_short: cells[ABANDONED_SHORT],
        flowed_out: std::array::from_fn(|reason| cells[FLOWED_OUT + reason]),
        answer_wait: cells[ANSWER_WAIT],
        abandon_wait: cells[ABANDON_WAIT],
        flowout_wait: cells[FLOWOUT_WAIT],
        talks: cells[TALKS],
        talk: cells[TALK],
        held: cells[HELD],
        hold: cells[HOLD],
        wrap_ups: cells[WRAP_UPS],
        wrap_up: cells[WRAP_UP],
        offers: std::array::from_fn(|result| cells[OFFERS + result]),
        events: Events {
            answered: cells[SL_ANSWERED],
            abandoned: cells[SL_ABANDONED],
            abandoned_short: cells[SL_ABANDONED_SHORT],
            flowout: cells[SL_FLOWOUT],
            missed: cells[SL_MISSED],
            missed_flowout: cells[SL_MISSED_FLOWOUT],
        },
        waits: cells[WAITS..]
            .iter()
            .map(|cell| Bucket { answered: cell >> 32, abandoned: cell & 0xFFFF_FFFF })
            .collect(),
    }
}

fn wall(seconds: i64) -> WallTime {
    WallTime::from_micros(seconds.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        windows: Windows,
        borders: Borders,
        calendar: Calendar,
    }

    impl Bench {
        fn new(zone: &str) -> Self {
            let calendar = Calendar::new(zone, 0, "monday").unwrap();
            Self { windows: Windows::new(2), borders: Borders::default(), calendar }
        }

        fn offer(&self, seconds: i64) {
            self.windows.add(wall(seconds), &self.borders, &self.calendar, &[(OFFERED, 1)]);
        }

        fn offered(&self, grain: Grain, at: i64, now: i64) -> Option<u64> {
            let span = self.calendar.span(grain, wall(at));
            self.windows.counts(grain, span, wall(now), &self.calendar).map(|counts| counts.offered)
        }
    }

    #[test]
    fn one_call_each_minute_of_a_day_of_25_hours_fills_each_interval_exactly() {
        // Lord Howe has a day of 24.5 hours on 2026-04-05, New York one of 25 on 2026-11-01.
        for (zone, at, minutes) in [
            ("Australia/Lord_Howe", 1_775_350_800, 1_470),
            ("America/New_York", 1_793_548_800, 1_500),
            ("Asia/Shanghai", 1_793_548_800, 1_440),
        ] {
            let bench = Bench::new(zone);
            let day = bench.calendar.span(Grain::Day, wall(at));
            assert_eq!((day.end - day.start) / 60, minutes, "{zone}");
            // A call in the first and in the last second of each minute of the day.
            for minute in 0..minutes {
                bench.offer(day.start + minute * 60);
                bench.offer(day.start + minute * 60 + 59);
            }
            let now = day.end - 1;
            assert_eq!(bench.offered(Grain::Day, at, now), Some(2 * minutes as u64));
            assert_eq!(bench.offered(Grain::Day, day.end, day.end), Some(0), "midnight belongs to the next day");
            for grain in [Grain::Minutes(15), Grain::Minutes(30), Grain::Minutes(60)] {
                let (mut at, mut total) = (day.start, 0);
                while at < day.end {
                    let span = bench.calendar.span(grain, wall(at));
                    let offered = bench.offered(grain, at, now).unwrap();
                    assert_eq!(offered as i64, (span.end - span.start) / 60 * 2, "{zone} {grain} {span:?}");
                    total += offered;
                    at = span.end;
                }
                assert_eq!(total, 2 * minutes as u64);
            }
            assert_eq!(bench.offered(Grain::Minutes(5), now, now), Some(10));
            assert_eq!(bench.windows.rolling(60, wall(now)).offered, 120);
        }
    }

    #[test]
    fn weeks_are_sums_of_days_and_months_end_at_the_zone_s_midnight() {
        let bench = Bench::new("America/New_York");
        let day = |n: i64| 1_793_548_800 + n * 86_400; // 2026-11-01 12:00 in New York, a Sunday
        (0..9).for_each(|n| bench.offer(day(n)));
        assert_eq!(bench.offered(Grain::Week, day(0), day(9)), Some(1), "the week before ends on Sunday");
        assert_eq!(bench.offered(Grain::Week, day(1), day(9)), Some(7));
        bench.offer(1_796_101_199); // 2026-11-30 23:59:59
        bench.offer(1_796_101_200); // 2026-12-01 00:00:00
        assert_eq!(bench.offered(Grain::Month, day(1), 1_796_101_200), Some(10));
        assert_eq!(bench.offered(Grain::Month, 1_796_101_200, 1_796_101_200), Some(1));
    }

    #[test]
    fn what_is_longer_ago_than_the_ring_reaches_is_told_apart_from_nothing() {
        let bench = Bench::new("Asia/Shanghai");
        bench.offer(0);
        assert_eq!(bench.offered(Grain::Minutes(1), 0, 124 * 60), Some(1));
        assert_eq!(bench.offered(Grain::Minutes(1), 0, 125 * 60), None);
        bench.offer(125 * 60);
        assert_eq!(bench.offered(Grain::Minutes(1), 125 * 60, 125 * 60), Some(1), "the slot is used anew");
        assert_eq!(bench.offered(Grain::Minutes(1), 60, 125 * 60), Some(0));
    }

    #[test]
    fn a_cohort_holds_what_became_of_those_who_arrived_in_it() {
        let bench = Bench::new("Asia/Shanghai");
        bench.windows.add_arrival(wall(899), &[(OFFERED, 1)]);
        bench.windows.add_arrival(wall(899), &[(ANSWERED, 1), (WAITS + 1, ANSWERED_ONE)]);
        let cohort = |start: i64| bench.windows.cohort(Span { start, end: start + 900 }, wall(2_000)).unwrap();
        assert_eq!((cohort(0).offered, cohort(0).answered, cohort(900).answered), (1, 1, 0));
        assert_eq!(cohort(0).waits[1], Bucket { answered: 1, abandoned: 0 });
        bench.windows.add_arrival(wall(899 + 100 * 900), &[(OFFERED, 1)]);
        bench.windows.add_arrival(wall(899), &[(ANSWERED, 1)]);
        let later = bench.windows.cohort(Span { start: 90_000, end: 90_900 }, wall(90_899)).unwrap();
        assert_eq!((later.offered, later.answered), (1, 0), "a visit whose cohort is gone leaves the newer one alone");
    }

    #[test]
    fn memory_is_bounded_as_stated() {
        let usual = crate::stats::histogram_bounds([]).len();
        assert!((150..=180).contains(&(bytes_max(usual) / 1024)), "{}", bytes_max(usual));
        assert!(500 * bytes_max(usual) < 90 << 20, "{}", 500 * bytes_max(usual));
    }
}
