//! [`Timers`] against the plain ordered map that it must not be told from, and the work that it is allowed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::wheels::STEPS;
use super::{Entry, TimerKey, Timers};
use crate::base::time::Instant;

#[test]
fn due_timers_come_in_order_and_cancelled_ones_never() {
    let at = Instant::from_micros;
    let mut timers = Timers::default();
    timers.arm(at(20), "b");
    let c = timers.arm(at(10), "c");
    timers.arm(at(10), "a");
    assert_eq!(timers.next(), Some(at(10)));
    assert_eq!(timers.cancel(c), Some("c"));
    assert_eq!(timers.cancel(c), None);
    assert_eq!(timers.pop_due(at(15)), Some("a"));
    assert_eq!(timers.pop_due(at(15)), None);
    assert_eq!(timers.pop_due(at(20)), Some("b"));
    assert!(timers.is_empty());
}

#[test]
fn a_key_of_a_timer_gone_never_names_its_successor() {
    let mut timers = Timers::default();
    let due = timers.arm(Instant::ZERO, 0);
    assert_eq!(timers.pop_due(Instant::ZERO), Some(0));
    assert_eq!(timers.cancel(due), None);
    let cancelled = timers.arm(Instant::ZERO, 1);
    assert_eq!(timers.cancel(cancelled), Some(1));
    let live = timers.arm(Instant::ZERO, 2);
    assert_eq!((due.index, cancelled.index), (live.index, live.index));
    assert_eq!((timers.cancel(due), timers.cancel(cancelled)), (None, None));
    assert_eq!((timers.len(), timers.cancel(live)), (1, Some(2)));
}

#[test]
fn a_timer_for_never_counts_and_hinders_nobody() {
    let mut timers = Timers::default();
    let never: Vec<TimerKey> = (0..5_000).map(|number| timers.arm(Instant::FAR, number)).collect();
    timers.arm(Instant::from_micros(u64::MAX - 1), 6_000);
    timers.arm(Instant::ZERO, 7_000);
    assert_eq!(timers.pop_due(Instant::ZERO), Some(7_000));
    assert_eq!(timers.pop_due(Instant::from_micros(u64::MAX - 1)), Some(6_000));
    assert_eq!(timers.pop_due(Instant::from_micros(u64::MAX - 1)), None);
    assert_eq!((timers.next(), timers.len()), (Some(Instant::FAR), 5_000));
    for (number, key) in never.into_iter().enumerate() {
        assert_eq!(timers.cancel(key), Some(number));
    }
    assert_eq!((timers.next(), timers.len()), (None, 0));
}

#[test]
fn a_small_set_makes_no_wheel_and_an_empty_one_keeps_none() {
    let mut timers = Timers::default();
    for number in 0..8 {
        timers.arm(Instant::from_micros(number * 32_000_000), number);
    }
    assert_eq!(timers.pop_due(Instant::ZERO), Some(0));
    assert_eq!(timers.wheels.in_use(), 0);
    for number in 0..5_000 {
        timers.arm(Instant::from_micros(number * 9_999), number);
    }
    let before = timers.wheels.in_use();
    assert!(before > 0);
    let never = timers.arm(Instant::FAR, 0);
    assert_eq!(timers.wheels.in_use(), before + 1);
    timers.cancel(never);
    assert_eq!(timers.wheels.in_use(), before);
    while timers.pop_due(Instant::FAR).is_some() {}
    assert_eq!(timers.wheels.in_use(), 0);
    assert!(size_of::<Timers<u64>>() <= 160, "{}", size_of::<Timers<u64>>());
    assert!(size_of::<Entry<u64>>() <= 48, "{}", size_of::<Entry<u64>>());
    assert!(size_of::<Option<TimerKey>>() <= 16, "{}", size_of::<Option<TimerKey>>());
}

/// Months of a busy set must not lengthen the way to a timer.
#[test]
fn the_wheels_of_a_set_do_not_grow_with_its_age() {
    let mut timers = Timers::default();
    let mut wheels = [0, 0];
    for round in 0..40_000_u64 {
        let now = round * 600_000_000;
        for number in 0..32 {
            timers.arm(Instant::from_micros(now + number * 29_000_017), number);
        }
        while timers.pop_due(Instant::from_micros(now)).is_some() {}
        match round {
            0..100 => wheels[0] += timers.wheels.in_use(),
            39_900.. => wheels[1] += timers.wheels.in_use(),
            100..39_900 => {}
        }
    }
    assert!(wheels[1] <= wheels[0] + 20, "wheels in a hundred rounds, young and old: {wheels:?}");
}

#[test]
fn the_work_of_arming_and_cancelling_does_not_grow_with_the_set() {
    for deadlines in [spread, at_one_moment] {
        for end in [End::InOrderOfArming, End::EarliestFirst, End::LatestFirst, End::Due] {
            let (small, large) = (work(1_000, deadlines, end), work(100_000, deadlines, end));
            assert!(large <= 24.0, "{end:?}: {large} steps a timer");
            assert!(large <= small + 10.0, "{end:?}: {small} steps a timer with few, {large} with many");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    InOrderOfArming,
    EarliestFirst,
    LatestFirst,
    Due,
}

fn spread(number: u64) -> Instant {
    Instant::from_micros(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 90_000_000)
}

fn at_one_moment(_: u64) -> Instant {
    Instant::FAR
}

/// Steps per timer of a set of `count`, from arming to its end.
fn work(count: u64, deadline: fn(u64) -> Instant, end: End) -> f64 {
    let mut timers = Timers::default();
    let before = STEPS.get();
    let mut armed: Vec<_> = (0..count).map(|number| (deadline(number), timers.arm(deadline(number), number))).collect();
    match end {
        End::InOrderOfArming | End::Due => {}
        End::EarliestFirst => armed.sort(),
        End::LatestFirst => armed.sort_by(|a, b| b.cmp(a)),
    }
    for (_, key) in armed {
        let gone = if matches!(end, End::Due) { timers.pop_due(Instant::FAR) } else { timers.cancel(key) };
        assert!(gone.is_some());
    }
    assert!(timers.is_empty());
    (STEPS.get() - before) as f64 / count as f64
}

#[derive(Debug, Clone)]
enum Act {
    Arm(u64),
    /// Arms many, each so much later than the one before.
    Volley(u16, u64),
    /// Cancels one of those armed so far, due and cancelled ones among them.
    Cancel(usize),
    CancelEarliest,
    /// Lets time pass, then takes at most so many due timers.
    Pop(u64, usize),
    /// Forgets how late it is: deadlines armed from here on lie before those of old.
    Return,
}

fn interval() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 1, 63, 64, 4_095, 4_096, 500_000, 4_000_000, 32_000_000, 60_000_000, 90_000_000]),
        4 => 0..200_u64,
        4 => 0..100_000_000_u64,
        1 => any::<u64>(),
        1 => (0..3_u64).prop_map(|before| u64::MAX - before),
        1 => (0..64_u32).prop_map(|bit| 1 << bit),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => interval().prop_map(Act::Arm),
        1 => (1..3_000_u16, prop_oneof![Just(0), 0..100_u64, interval()]).prop_map(|(count, gap)| Act::Volley(count, gap)),
        8 => any::<usize>().prop_map(Act::Cancel),
        4 => Just(Act::CancelEarliest),
        6 => (prop_oneof![8 => 0..5_000_000_u64, 1 => interval()], prop_oneof![0..5_usize, Just(usize::MAX)])
            .prop_map(|(after, most)| Act::Pop(after, most)),
        1 => Just(Act::Return),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nobody_can_tell_the_set_from_an_ordered_map(acts in prop::collection::vec(act(), 1..120)) {
        let mut pair = Pair::default();
        let mut now = 0_u64;
        for act in acts {
            match act {
                Act::Arm(after) => pair.arm(now.saturating_add(after)),
                Act::Volley(count, gap) => {
                    (0..u64::from(count)).for_each(|number| pair.arm(now.saturating_add(number.saturating_mul(gap))));
                }
                Act::Cancel(which) => pair.cancel(which),
                Act::CancelEarliest => pair.cancel_earliest(),
                Act::Pop(after, most) => {
                    now = now.saturating_add(after);
                    pair.pop(now, most);
                }
                Act::Return => now = 0,
            }
        }
        pair.pop(u64::MAX, usize::MAX);
        prop_assert!(pair.timers.is_empty());
        prop_assert_eq!(pair.timers.wheels.in_use(), 0);
    }
}

/// The set and its model, driven alike; every answer is compared.
#[derive(Default)]
struct Pair {
    timers: Timers<usize>,
    model: Model,
    keys: Vec<(TimerKey, (Instant, usize))>,
}

impl Pair {
    fn arm(&mut self, at: u64) {
        let (at, what) = (Instant::from_micros(at), self.keys.len());
        let key = self.timers.arm(at, what);
        self.model.armed.insert((at, what), what);
        self.keys.push((key, (at, what)));
        self.compare();
    }

    fn cancel(&mut self, which: usize) {
        let Some(which) = which.checked_rem(self.keys.len()) else { return };
        let (key, name) = self.keys[which];
        assert_eq!(self.timers.cancel(key), self.model.armed.remove(&name));
        self.compare();
    }

    fn cancel_earliest(&mut self) {
        if let Some((_, what)) = self.model.armed.first_key_value() {
            self.cancel(*what);
        }
    }

    fn pop(&mut self, now: u64, most: usize) {
        let now = Instant::from_micros(now);
        for _ in 0..most {
            let popped = self.timers.pop_due(now);
            assert_eq!(popped, self.model.pop_due(now));
            self.compare();
            if popped.is_none() {
                return;
            }
        }
    }

    fn compare(&self) {
        assert_eq!(self.timers.next(), self.model.armed.first_key_value().map(|((at, _), _)| *at));
        assert_eq!(self.timers.len(), self.model.armed.len());
        assert_eq!(self.timers.is_empty(), self.model.armed.is_empty());
    }
}

/// Timers as an ordered map by deadline and number of arming, which is also what each carries.
#[derive(Default)]
struct Model {
    armed: BTreeMap<(Instant, usize), usize>,
}

impl Model {
    fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let entry = self.armed.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
