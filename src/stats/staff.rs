//! Agents' time by what it is to occupancy and utilisation, and the same by interval: of a queue's agents, of a team's, of one
//! agent's. Each sum runs on by itself (`agents * time`), so that an interval is the difference of two moments, exact at its
//! borders whatever state lasts across them.
//!
//! What had run up to a border is noted when the first change after it comes; from the last change on it can be reckoned. Four
//! rings hold the notes: minutes of the last two hours, quarters of an hour of the last day, from which 30 and 60 minutes are
//! made too, and days of five weeks and months of a year where they begin in the calendar.
//!
//! Memory: 9 KiB for each queue, team and agent with figures of its own, from its first border on (a test holds it): less than
//! 16 MiB for 500 queues, 300 teams and 1,000 agents.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::acd::Share;
use crate::base::WallTime;
use crate::stats::block::{Block, Write};
use crate::stats::calendar::{Calendar, Grain, Span};
use crate::stats::formula::AgentSeconds;
use crate::stats::hand::Hand;
use crate::stats::moment::Moment;
use crate::stats::window::{DAYS, MINUTES, MONTHS, QUARTERS};

/// Shares that count, in their order: all but out of work.
const SHARES: usize = Share::LOGGED_IN.len();
const MINUTE: i64 = 60;
const QUARTER: i64 = 900;

/// Agent-microseconds by share up to the last change.
const RUN: usize = 0;
/// How many agents are in each share since.
const AGENTS: usize = SHARES;
/// The last change, on the node's clock.
const LATEST: usize = 2 * SHARES;
/// The first minute's border after it, on the same clock; every other border is one too. Zero while the calendar is not known.
const BORDER: usize = LATEST + 1;
const CELLS: usize = BORDER + 1;

/// A note: the border's second plus one, and what had run by then.
const NOTE: usize = 1 + SHARES;
const BY_MINUTE: Ring = Ring { first: 0, notes: MINUTES };
const BY_QUARTER: Ring = BY_MINUTE.followed_by(QUARTERS);
const BY_DAY: Ring = BY_QUARTER.followed_by(DAYS);
const BY_MONTH: Ring = BY_DAY.followed_by(MONTHS);
const NOTES: usize = BY_MONTH.followed_by(0).first * NOTE;

/// Notes of borders of one kind by their number, the newest in the place of the oldest.
#[derive(Debug, Clone, Copy)]
struct Ring {
    first: usize,
    notes: usize,
}

impl Ring {
    const fn followed_by(self, notes: usize) -> Self {
        Self { first: self.first + self.notes, notes }
    }

    const fn place(self, number: i64) -> usize {
        self.first + number.rem_euclid(self.notes as i64) as usize
    }
}

/// How many agents are in each share that counts.
pub(super) type ByShare = [u64; SHARES];

/// Agents and their time; see the module. One writer, any reader.
#[derive(Debug)]
pub(super) struct Staff {
    cells: Block,
    notes: OnceLock<Block>,
    /// How many are in service, for who asks often.
    at_work: AtomicU64,
    hand: Arc<Hand>,
}

impl Staff {
    /// Nobody; days and months begin as the hand tells.
    pub(super) fn new(hand: Arc<Hand>) -> Self {
        Self { cells: Block::new(CELLS), notes: OnceLock::new(), at_work: AtomicU64::new(0), hand }
    }

    /// By which days and months are told.
    pub(super) fn hand(&self) -> &Hand {
        &self.hand
    }

    /// How many take callers, now or after the one in hand.
    pub(super) fn at_work(&self) -> u64 {
        self.at_work.load(Ordering::Relaxed)
    }

    /// An agent goes from one share to another; `None` is not of this staff.
    pub(super) fn change(&self, when: Moment, from: Option<Share>, to: Option<Share>) {
        let (from, to) = (from.and_then(place), to.and_then(place));
        if from == to {
            return;
        }
        let write = self.cells.write();
        self.run(when, &write);
        if let Some(from) = from {
            write.take(AGENTS + from, 1);
        }
        if let Some(to) = to {
            write.add(AGENTS + to, 1);
        }
        self.tell(&write);
    }

    /// So many come.
    pub(super) fn join(&self, when: Moment, agents: ByShare) {
        let write = self.cells.write();
        self.run(when, &write);
        for (share, count) in agents.into_iter().enumerate() {
            write.add(AGENTS + share, count);
        }
        self.tell(&write);
    }

    /// All leave; their time so far stays.
    pub(super) fn clear(&self, when: Moment) {
        let write = self.cells.write();
        self.run(when, &write);
        (0..SHARES).for_each(|share| write.set(AGENTS + share, 0));
        self.tell(&write);
    }

    /// A copy from which intervals up to `now` are made.
    pub(super) fn read(&self, now: Moment) -> StaffReading {
        // The cells first: what is noted later than this copy can be reckoned from it.
        let cells = self.cells.read();
        StaffReading { cells, notes: self.notes.get().map(Block::read), now }
    }

    /// Brings the sums up to `when`, and notes the borders that were passed.
    fn run(&self, when: Moment, write: &Write<'_>) {
        let before = write.get(LATEST);
        let at = when.at.as_micros().max(before);
        let agents: ByShare = std::array::from_fn(|share| write.get(AGENTS + share));
        if at >= write.get(BORDER)
            && let Some(origin) = origin(when)
        {
            let run: ByShare = std::array::from_fn(|share| write.get(RUN + share));
            let note = |place, border| {
                let ran = since(origin, border).saturating_sub(before);
                self.note(place, border, |share| run[share] + agents[share] * ran);
            };
            write.set(BORDER, self.each_passed(origin, before, at, note));
        }
        for (share, count) in agents.into_iter().enumerate() {
            write.add(RUN + share, count * (at - before));
        }
        write.set(LATEST, at);
    }

    /// Calls `note` with the place and the second of each border after `before` up to and including `at`, no more of them than
    /// there are places. Returns the first minute's border after `at`.
    fn each_passed(&self, origin: i64, before: u64, at: u64, note: impl Fn(usize, i64)) -> u64 {
        for (unit, ring) in [(MINUTE, BY_MINUTE), (QUARTER, BY_QUARTER)] {
            for number in borders(unit, ring.notes, origin, before, at) {
                note(ring.place(number), number * unit);
            }
        }
        self.hand.begun(wall(origin, before), wall(origin, at), |grain, number, second| {
            let ring = if grain == Grain::Day { BY_DAY } else { BY_MONTH };
            note(ring.place(number), second);
        });
        since(origin, (wall(origin, at).as_secs().div_euclid(MINUTE) + 1) * MINUTE)
    }

    fn note(&self, place: usize, border: i64, run: impl Fn(usize) -> u64) {
        let notes = self.notes.get_or_init(|| Block::new(NOTES)).write();
        notes.set(place * NOTE, border.cast_unsigned() + 1);
        (0..SHARES).for_each(|share| notes.set(place * NOTE + 1 + share, run(share)));
    }

    fn tell(&self, write: &Write<'_>) {
        let at_work = Share::IN_SERVICE.into_iter().filter_map(place).map(|share| write.get(AGENTS + share)).sum();
        self.at_work.store(at_work, Ordering::Relaxed);
    }
}

/// An interval as it is looked for in the notes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    start: Border,
    end: Border,
}

/// A border: its second, and where days and months are noted its day's and month's number.
#[derive(Debug, Clone, Copy)]
struct Border {
    second: i64,
    day_and_month: Option<(i64, i64)>,
}

impl Stretch {
    /// An interval of `grain` of the calendar.
    pub(super) fn of(grain: Grain, span: Span, calendar: &Calendar) -> Self {
        let border = |second: i64| {
            let number = || calendar.day_and_month(WallTime::from_micros(second.saturating_mul(1_000_000)));
            let day_and_month = match grain {
                Grain::Minutes(_) => None,
                Grain::Day | Grain::Week | Grain::Month => Some(number()),
            };
            Border { second, day_and_month }
        };
        Self { start: border(span.start), end: border(span.end) }
    }
}

/// A copy of a staff's blocks, and the moment up to which it is asked.
#[derive(Debug)]
pub(super) struct StaffReading {
    cells: Vec<u64>,
    notes: Option<Vec<u64>>,
    now: Moment,
}

impl StaffReading {
    /// The time in an interval, up to now where that lies within; `None` when it is longer ago than is noted.
    pub(super) fn spent(&self, stretch: Stretch) -> Option<AgentSeconds> {
        let (before, after) = (self.run_at(stretch.start)?, self.run_at(stretch.end)?);
        Some(AgentSeconds::of(|share| after.of_share(share).saturating_sub(before.of_share(share))))
    }

    /// The last `minutes` up to now: the minute in progress and those before it.
    pub(super) fn rolling(&self, minutes: i64) -> Option<AgentSeconds> {
        let end = (self.now.wall?.as_secs().div_euclid(MINUTE) + 1) * MINUTE;
        let border = |second| Border { second, day_and_month: None };
        self.spent(Stretch { start: border(end - minutes * MINUTE), end: border(end) })
    }

    /// What had run by a border, or by now where that comes first; `None` when it was noted too long ago.
    fn run_at(&self, border: Border) -> Option<AgentSeconds> {
        let Border { second, day_and_month } = border;
        let (border, latest) = (since(origin(self.now)?, second), self.cells[LATEST]);
        let now = self.now.at.as_micros().max(latest);
        if border == 0 {
            return Some(AgentSeconds::default());
        }
        if border >= latest {
            let ran = border.min(now) - latest;
            let run = |share: usize| self.cells[RUN + share] + self.cells[AGENTS + share] * ran;
            return Some(seconds(run));
        }
        let places = [BY_MINUTE.place(second.div_euclid(MINUTE)), BY_QUARTER.place(second.div_euclid(QUARTER))];
        let begun = day_and_month.map(|(day, month)| [BY_DAY.place(day), BY_MONTH.place(month)]);
        let notes = self.notes.as_ref()?;
        let mut noted =
            places.into_iter().chain(begun.into_iter().flatten()).map(|place| &notes[place * NOTE..][..NOTE]);
        noted.find(|note| note[0] == second.cast_unsigned() + 1).map(|note| seconds(|share| note[1 + share]))
    }
}

fn seconds(run: impl Fn(usize) -> u64) -> AgentSeconds {
    AgentSeconds::of(|share| place(share).map_or(0, &run))
}

/// The calendar's microsecond at the node's start.
fn origin(now: Moment) -> Option<i64> {
    let wall = now.wall?;
    Some(wall.as_micros().saturating_sub(i64::try_from(now.at.as_micros()).unwrap_or(i64::MAX)))
}

/// The calendar's time at a microsecond of the node.
fn wall(origin: i64, micros: u64) -> WallTime {
    WallTime::from_micros(origin.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// The node's microsecond at a second of the calendar; zero before the node was.
fn since(origin: i64, second: i64) -> u64 {
    u64::try_from(second.saturating_mul(1_000_000).saturating_sub(origin)).unwrap_or_default()
}

/// The borders after `before` up to and including `at`, no more of them than there are places.
fn borders(unit: i64, slots: usize, origin: i64, before: u64, at: u64) -> std::ops::RangeInclusive<i64> {
    let number = |micros: u64| wall(origin, micros).as_secs().div_euclid(unit);
    let last = number(at);
    (number(before) + 1).max(last + 1 - slots as i64)..=last
}

/// The share's place among those that count.
const fn place(share: Share) -> Option<usize> {
    match share {
        Share::Handling => Some(0),
        Share::Waiting => Some(1),
        Share::Away => Some(2),
        Share::Out => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::base::Instant;

    use super::*;

    /// The node starts at 12:07:30 of some day.
    const START: i64 = 1_793_534_850;

    fn at(second: u64) -> Moment {
        let origin = WallTime::from_micros(START * 1_000_000);
        Moment::new(Instant::from_micros(second * 1_000_000), Some(origin))
    }

    fn nobody(zone: &str) -> Staff {
        let staff = Staff::new(Arc::new(Hand::new()));
        staff.hand().set(&Arc::new(Calendar::new(zone, 0, "monday").unwrap()));
        staff
    }

    fn spent(staff: &Staff, grain: Grain, start: i64, now: u64) -> Option<[u64; 3]> {
        let wall = WallTime::from_micros((START + start) * 1_000_000);
        let calendar = staff.hand().calendar();
        let spent = staff.read(at(now)).spent(Stretch::of(grain, calendar.span(grain, wall), &calendar))?;
        Some([spent.handling(), spent.in_service(), spent.logged_in()].map(|micros| micros / 1_000_000))
    }

    #[test]
    fn a_state_that_lasts_over_borders_is_cut_at_each_of_them() {
        let staff = nobody("UTC");
        staff.change(at(0), None, Some(Share::Waiting));
        staff.change(at(30), Some(Share::Waiting), Some(Share::Handling));
        // From 12:08:00 to 12:38:20, then away.
        staff.change(at(1_850), Some(Share::Handling), Some(Share::Away));
        let quarter = Grain::Minutes(15);
        assert_eq!(spent(&staff, quarter, 0, 2_000), Some([420, 450, 450]), "12:00 to 12:15, begun at 12:07:30");
        assert_eq!(spent(&staff, quarter, 900, 2_000), Some([900, 900, 900]));
        assert_eq!(spent(&staff, quarter, 1_800, 2_000), Some([500, 500, 650]), "up to now");
        assert_eq!(spent(&staff, quarter, 1_800, 9_000), Some([500, 500, 900]), "reckoned from the last change on");
        assert_eq!(spent(&staff, Grain::Minutes(1), 1_800, 2_000), Some([60, 60, 60]));
        assert_eq!(spent(&staff, Grain::Minutes(1), 1_850, 2_000), Some([20, 20, 60]));
        assert_eq!(spent(&staff, Grain::Day, 0, 2_000), Some([1_820, 1_850, 2_000]));
        assert_eq!(spent(&staff, quarter, -3_600, 2_000), Some([0, 0, 0]), "before the node was");
        let rolling = staff.read(at(2_000)).rolling(5).map(|spent| [spent.handling(), spent.logged_in()]);
        assert_eq!(rolling, Some([140_000_000, 290_000_000]), "from 12:36:00 to 12:40:50");
    }

    #[test]
    fn whoever_comes_later_has_spent_nothing_before_and_who_goes_nothing_after() {
        let staff = nobody("UTC");
        staff.join(at(1_350), [1, 2, 3]);
        assert_eq!(staff.at_work(), 3);
        staff.clear(at(1_450));
        assert_eq!(staff.at_work(), 0);
        assert_eq!(spent(&staff, Grain::Minutes(15), 450, 3_000), Some([0, 0, 0]));
        assert_eq!(spent(&staff, Grain::Minutes(15), 1_350, 3_000), Some([100, 300, 600]));
        staff.change(at(1_500), Some(Share::Out), None);
        assert_eq!(staff.at_work(), 0, "nobody who counts has moved");
    }

    #[test]
    fn a_border_that_is_no_longer_noted_is_told_apart_from_nothing() {
        let staff = nobody("UTC");
        staff.change(at(0), None, Some(Share::Waiting));
        let day = 86_400;
        assert_eq!(spent(&staff, Grain::Minutes(15), 900, 2 * day), Some([0, 900, 900]), "nothing has changed since");
        staff.change(at(2 * day), Some(Share::Waiting), Some(Share::Handling));
        assert_eq!(spent(&staff, Grain::Minutes(15), 900, 2 * day), None);
        assert_eq!(spent(&staff, Grain::Minutes(60), 2 * 86_400 - 7_200, 2 * day), Some([0, 3_600, 3_600]));
        let now = Moment { wall: None, ..at(2 * day) };
        assert!(staff.read(now).rolling(5).is_none(), "no calendar, no interval");
    }

    /// The agent is handling for the first hour of each day of the zone, and ready for the rest.
    fn an_hour_a_day(staff: &Staff, days: i64) {
        let calendar = staff.hand().calendar();
        staff.change(at(0), None, Some(Share::Waiting));
        let mut day = calendar.span(Grain::Day, WallTime::from_micros(START * 1_000_000));
        for _ in 0..days {
            day = calendar.span(Grain::Day, WallTime::from_micros(day.end * 1_000_000));
            let second = |second: i64| at((second - START).cast_unsigned());
            staff.change(second(day.start), Some(Share::Waiting), Some(Share::Handling));
            staff.change(second(day.start + 3_600), Some(Share::Handling), Some(Share::Waiting));
        }
    }

    const DAY: i64 = 86_400;

    #[test]
    fn days_weeks_and_months_are_those_of_the_zone_whatever_the_clock_does() {
        // From Sunday 1 November 2026 at noon UTC: New York puts its clock back that night, Lord Howe is half an hour off.
        for (zone, first) in [("America/New_York", 25), ("Asia/Shanghai", 24), ("Australia/Lord_Howe", 24)] {
            let staff = nobody(zone);
            an_hour_a_day(&staff, 40);
            let now = 40 * DAY.cast_unsigned();
            let hour = 3_600;
            assert_eq!(spent(&staff, Grain::Day, 10 * DAY, now), Some([hour, 24 * hour, 24 * hour]), "{zone}");
            assert_eq!(spent(&staff, Grain::Week, 12 * DAY, now), Some([7 * hour, 168 * hour, 168 * hour]), "{zone}");
            let of_day = |days: i64| {
                staff.hand().calendar().span(Grain::Day, WallTime::from_micros((START + days * DAY) * 1_000_000))
            };
            assert_eq!((of_day(0).end - of_day(0).start) / 3_600, first, "{zone}");
            assert_eq!(
                spent(&staff, Grain::Day, 40 * DAY - 34 * DAY, now),
                Some([hour, 24 * hour, 24 * hour]),
                "{zone}"
            );
            assert_eq!(spent(&staff, Grain::Day, 4 * DAY, now), None, "{zone}: five weeks are kept");
            // The month of December has begun; of November the node has seen all but its first hours.
            let calendar = staff.hand().calendar();
            let november = calendar.span(Grain::Month, WallTime::from_micros((START + 5 * DAY) * 1_000_000));
            let seen = (november.end - START.max(november.start)).cast_unsigned();
            let days = calendar.day_and_month(WallTime::from_micros((november.end - 1) * 1_000_000)).0
                - calendar.day_and_month(WallTime::from_micros(START * 1_000_000)).0;
            let handled = days.cast_unsigned() * hour;
            assert_eq!(spent(&staff, Grain::Month, 5 * DAY, now), Some([handled, seen, seen]), "{zone}");
        }
    }

    #[test]
    fn a_day_that_begins_in_the_morning_is_cut_there_to_the_minute() {
        let staff = nobody("UTC");
        staff.hand().set(&Arc::new(Calendar::new("Asia/Shanghai", 370, "monday").unwrap()));
        staff.change(at(0), None, Some(Share::Waiting));
        // 22:10 UTC is 06:10 in Shanghai, which is no quarter of an hour.
        let morning = 36_150;
        staff.change(at(morning - 60), Some(Share::Waiting), Some(Share::Handling));
        staff.change(at(morning + 240), Some(Share::Handling), Some(Share::Waiting));
        staff.change(at(morning + 9_000), Some(Share::Waiting), Some(Share::Away));
        let day = |start: i64| spent(&staff, Grain::Day, start, morning + 9_000).map(|[handling, ..]| handling);
        assert_eq!((day(0), day(morning.cast_signed())), (Some(60), Some(240)));
    }

    #[test]
    fn memory_is_bounded_as_stated() {
        let bytes = (NOTES + CELLS) * size_of::<u64>() + size_of::<Staff>();
        assert!(bytes <= 9 << 10, "{bytes}");
        assert!(1_800 * bytes < 16 << 20);
    }
}
