//! Agents' time by what it is to occupancy and utilisation, and the same by interval: of a queue's agents, of a team's, of one
//! agent's. Each sum runs on by itself (`agents * time`), so that an interval is the difference of two moments, exact at its
//! borders whatever state lasts across them.
//!
//! What had run up to a border is noted when the first change after it comes; from the last change on it can be reckoned. Two
//! rings hold the notes: minutes of the last two hours, and quarters of an hour of the last day, from which 30 and 60 minutes
//! and the day in progress are made too: every zone's midnight is at a quarter.
//!
//! Memory: 8 KiB for each queue, team and agent with figures of its own, from its first border on (a test holds it): less than
//! 15 MiB for 500 queues, 300 teams and 1,000 agents.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::acd::Share;
use crate::stats::block::{Block, Write};
use crate::stats::calendar::{Grain, Span};
use crate::stats::formula::AgentSeconds;
use crate::stats::moment::Moment;
use crate::stats::window::{MINUTES, QUARTERS};

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
/// The first border after it, as far as the calendar is known: a change before that notes nothing.
const NEXT: usize = LATEST + 1;
const CELLS: usize = NEXT + 1;

/// A note: the border's number plus one, and what had run by then.
const NOTE: usize = 1 + SHARES;
const NOTES: usize = (MINUTES + QUARTERS) * NOTE;

/// How many agents are in each share that counts.
pub(super) type ByShare = [u64; SHARES];

/// Agents and their time; see the module. One writer, any reader.
#[derive(Debug)]
pub(super) struct Staff {
    cells: Block,
    notes: OnceLock<Block>,
    /// How many are in service, for who asks often.
    at_work: AtomicU64,
}

impl Staff {
    /// Nobody.
    pub(super) fn new() -> Self {
        Self { cells: Block::new(CELLS), notes: OnceLock::new(), at_work: AtomicU64::new(0) }
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

    /// The time in an interval of `grain`, up to `now` where that lies within; `None` when it is longer ago than is noted.
    pub(super) fn spent(&self, grain: Grain, span: Span, now: Moment) -> Option<AgentSeconds> {
        let unit = match grain {
            Grain::Minutes(1 | 5) => MINUTE,
            Grain::Minutes(_) | Grain::Day | Grain::Week | Grain::Month => QUARTER,
        };
        self.between(unit, span.start, span.end, now)
    }

    /// The last `minutes` up to `now`: the minute in progress and those before it.
    pub(super) fn rolling(&self, minutes: i64, now: Moment) -> Option<AgentSeconds> {
        let minute = now.wall?.as_secs().div_euclid(MINUTE);
        self.between(MINUTE, (minute + 1 - minutes) * MINUTE, (minute + 1) * MINUTE, now)
    }

    /// From one border to another, both whole `unit`s of the calendar's seconds.
    fn between(&self, unit: i64, start: i64, end: i64, now: Moment) -> Option<AgentSeconds> {
        // The cells first: what is noted later than this copy can be reckoned from it.
        let cells = self.cells.read();
        let notes = self.notes.get().map(Block::read);
        let reader = Reader { cells, notes, now };
        let (before, after) = (reader.run_at(unit, start)?, reader.run_at(unit, end)?);
        Some(AgentSeconds::of(|share| after.of_share(share).saturating_sub(before.of_share(share))))
    }

    /// Brings the sums up to `when`, and notes the borders that were passed.
    fn run(&self, when: Moment, write: &Write<'_>) {
        let before = write.get(LATEST);
        let at = when.at.as_micros().max(before);
        let agents: ByShare = std::array::from_fn(|share| write.get(AGENTS + share));
        if at >= write.get(NEXT)
            && let Some(origin) = origin(when)
        {
            let run: ByShare = std::array::from_fn(|share| write.get(RUN + share));
            // Whole quarters of an hour are whole minutes.
            write.set(NEXT, since(origin, (last_border(MINUTE, origin, at) + 1) * MINUTE));
            for (unit, first, slots) in [(MINUTE, 0, MINUTES), (QUARTER, MINUTES, QUARTERS)] {
                let passed = borders(unit, slots, origin, before, at);
                for border in passed {
                    self.note(first + slot(border, slots), border, |share| {
                        run[share] + agents[share] * (since(origin, border * unit) - before)
                    });
                }
            }
        }
        for (share, count) in agents.into_iter().enumerate() {
            write.add(RUN + share, count * (at - before));
        }
        write.set(LATEST, at);
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

/// Copies of a staff's blocks.
struct Reader {
    cells: Vec<u64>,
    notes: Option<Vec<u64>>,
    now: Moment,
}

impl Reader {
    /// What had run by a border, or by now where that comes first; `None` when it was noted too long ago.
    fn run_at(&self, unit: i64, second: i64) -> Option<AgentSeconds> {
        let origin = origin(self.now)?;
        let (border, latest) = (since(origin, second), self.cells[LATEST]);
        let now = self.now.at.as_micros().max(latest);
        if border == 0 {
            return Some(AgentSeconds::default());
        }
        if border >= latest {
            let ran = border.min(now) - latest;
            let run = |share: usize| self.cells[RUN + share] + self.cells[AGENTS + share] * ran;
            return Some(seconds(run));
        }
        let (first, slots) = if unit == MINUTE { (0, MINUTES) } else { (MINUTES, QUARTERS) };
        let border = second.div_euclid(unit);
        let note = self.notes.as_ref()?.chunks_exact(NOTE).nth(first + slot(border, slots))?;
        (note[0] == border.cast_unsigned() + 1).then(|| seconds(|share| note[1 + share]))
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

/// The node's microsecond at a second of the calendar; zero before the node was.
fn since(origin: i64, second: i64) -> u64 {
    u64::try_from(second.saturating_mul(1_000_000).saturating_sub(origin)).unwrap_or_default()
}

/// The borders after `before` up to and including `at`, no more of them than there are places.
fn borders(unit: i64, slots: usize, origin: i64, before: u64, at: u64) -> std::ops::RangeInclusive<i64> {
    let last = last_border(unit, origin, at);
    (last_border(unit, origin, before) + 1).max(last + 1 - slots as i64)..=last
}

/// The number of the border at or before a microsecond of the node.
fn last_border(unit: i64, origin: i64, micros: u64) -> i64 {
    origin.saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)).div_euclid(unit.saturating_mul(1_000_000))
}

fn slot(border: i64, slots: usize) -> usize {
    border.rem_euclid(slots as i64) as usize
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
    use crate::base::{Instant, WallTime};
    use crate::stats::calendar::Calendar;

    use super::*;

    /// The node starts at 12:07:30 of some day.
    const START: i64 = 1_793_534_850;

    fn at(second: u64) -> Moment {
        let origin = WallTime::from_micros(START * 1_000_000);
        Moment::new(Instant::from_micros(second * 1_000_000), Some(origin))
    }

    fn spent(staff: &Staff, grain: Grain, start: i64, now: u64) -> Option<[u64; 3]> {
        let wall = WallTime::from_micros((START + start) * 1_000_000);
        let span = Calendar::utc().span(grain, wall);
        let spent = staff.spent(grain, span, at(now))?;
        Some([spent.handling(), spent.in_service(), spent.logged_in()].map(|micros| micros / 1_000_000))
    }

    #[test]
    fn a_state_that_lasts_over_borders_is_cut_at_each_of_them() {
        let staff = Staff::new();
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
        let rolling = staff.rolling(5, at(2_000)).map(|spent| [spent.handling(), spent.logged_in()]);
        assert_eq!(rolling, Some([140_000_000, 290_000_000]), "from 12:36:00 to 12:40:50");
    }

    #[test]
    fn whoever_comes_later_has_spent_nothing_before_and_who_goes_nothing_after() {
        let staff = Staff::new();
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
        let staff = Staff::new();
        staff.change(at(0), None, Some(Share::Waiting));
        let day = 86_400;
        assert_eq!(spent(&staff, Grain::Minutes(15), 900, 2 * day), Some([0, 900, 900]), "nothing has changed since");
        staff.change(at(2 * day), Some(Share::Waiting), Some(Share::Handling));
        assert_eq!(spent(&staff, Grain::Minutes(15), 900, 2 * day), None);
        assert_eq!(spent(&staff, Grain::Minutes(60), 2 * 86_400 - 7_200, 2 * day), Some([0, 3_600, 3_600]));
        let now = Moment { wall: None, ..at(2 * day) };
        assert!(staff.rolling(5, now).is_none(), "no calendar, no interval");
    }

    #[test]
    fn memory_is_bounded_as_stated() {
        let bytes = (NOTES + CELLS) * size_of::<u64>() + size_of::<Staff>();
        assert!(bytes <= 8 << 10, "{bytes}");
        assert!(1_800 * bytes < 15 << 20);
    }
}
