//! [`Timers`]: deadlines with the key of what they are for. Cancelling is exact; due keys come out in order of time, then of
//! arming, so that the same inputs give the same outputs. Deadlines are kept to the microsecond, in lists that hang in the
//! slots of wheels; a wheel is made where a list has grown long, and taken away when empty. Has no clock of its own: the
//! place of a timer follows from its deadline and from the wheels there are, never from what time it is.

#[cfg(test)]
mod tests;
mod wheels;

use std::num::NonZeroU64;

use super::time::Instant;
use wheels::{List, Place, Wheels, step};

/// Names one armed timer, to cancel it; never names another one of its set. Ordered by arming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    seq: NonZeroU64,
    index: u32,
}

/// A set of armed timers, each carrying a `K`. Arm, cancel and taking a due timer cost O(1) amortised: in its life a timer
/// is moved to a finer wheel at most eleven times, in practice two or three. An armed timer takes 24 bytes and an `Option<K>`;
/// the room of the most that were ever armed is kept.
#[derive(Debug)]
pub struct Timers<K> {
    entries: Vec<Entry<K>>,
    /// The first entry out of use; they are chained by `next`.
    free: u32,
    armed: usize,
    /// The number of the latest timer.
    seq: NonZeroU64,
    earliest: Option<Earliest>,
    wheels: Wheels,
}

#[derive(Debug)]
struct Entry<K> {
    at: u64,
    seq: NonZeroU64,
    prev: u32,
    next: u32,
    /// `None` when out of use.
    what: Option<K>,
}

#[derive(Debug, Clone, Copy)]
struct Earliest {
    at: u64,
    index: u32,
}

/// What a walk along a list finds.
struct Survey {
    count: u32,
    earliest: Earliest,
    /// The bits in which the deadlines differ.
    differ: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            armed: 0,
            seq: NonZeroU64::MIN,
            earliest: None,
            wheels: Wheels::default(),
        }
    }
}

impl<K> Timers<K> {
    /// Arms a timer; it stays until it is due or cancelled.
    pub fn arm(&mut self, at: Instant, what: K) -> TimerKey {
        let at = at.as_micros();
        self.seq = self.seq.saturating_add(1);
        let entry = Entry { at, seq: self.seq, prev: NONE, next: NONE, what: Some(what) };
        let index = self.store(entry);
        self.armed += 1;
        if self.earliest.is_none_or(|earliest| at < earliest.at) {
            self.earliest = Some(Earliest { at, index });
        }
        let place = self.wheels.make_place(at);
        let list = self.append(place, index);
        if list.appended >= CROWD && !self.wheels.is_moment(place) {
            self.relieve(place, list);
        }
        TimerKey { seq: self.seq, index }
    }

    /// Disarms a timer; a key already due or cancelled is ignored.
    pub fn cancel(&mut self, key: TimerKey) -> Option<K> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.seq != key.seq { None } else { self.take(key.index) }
    }

    /// The next deadline.
    pub fn next(&self) -> Option<Instant> {
        self.earliest.map(|earliest| Instant::from_micros(earliest.at))
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let earliest = self.earliest?;
        if earliest.at > now.as_micros() { None } else { self.take(earliest.index) }
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// True when nothing is armed.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    fn store(&mut self, entry: Entry<K>) -> u32 {
        let index = self.free;
        if let Some(place) = self.entries.get_mut(index as usize) {
            self.free = place.next;
            *place = entry;
            return index;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).expect("armed timers are bounded far below 2^32")
    }

    fn take(&mut self, index: u32) -> Option<K> {
        let entry = &mut self.entries[index as usize];
        let what = entry.what.take()?;
        let (at, prev, next) = (entry.at, entry.prev, entry.next);
        entry.next = self.free;
        self.free = index;
        self.armed -= 1;
        self.unlink(at, prev, next);
        if self.earliest.is_some_and(|earliest| earliest.index == index) {
            self.earliest = self.find_earliest();
        }
        Some(what)
    }

    /// Closes the gap between two neighbours; only at an end of the list its place is needed.
    fn unlink(&mut self, at: u64, prev: u32, next: u32) {
        if let Some(entry) = self.entries.get_mut(prev as usize) {
            entry.next = next;
        }
        if let Some(entry) = self.entries.get_mut(next as usize) {
            entry.prev = prev;
        }
        if prev != NONE && next != NONE {
            return;
        }
        let place = self.wheels.find(at);
        if prev == next {
            self.wheels.vacate(place);
        } else if let Some(mut list) = self.wheels.list(place) {
            if prev == NONE {
                list.head = next;
            } else {
                list.tail = prev;
            }
            self.wheels.put_list(place, list);
        }
    }

    fn append(&mut self, place: Place, index: u32) -> List {
        step();
        let old = self.wheels.list(place);
        let tail = old.map_or(NONE, |list| list.tail);
        if let Some(entry) = self.entries.get_mut(tail as usize) {
            entry.next = index;
        }
        let entry = &mut self.entries[index as usize];
        (entry.prev, entry.next) = (tail, NONE);
        let list = match old {
            Some(List { head, appended, .. }) => List { head, tail: index, appended: appended.saturating_add(1) },
            None => List { head: index, tail: index, appended: 1 },
        };
        self.wheels.put_list(place, list);
        list
    }

    fn find_earliest(&mut self) -> Option<Earliest> {
        loop {
            let place = self.wheels.first();
            let list = self.wheels.list(place)?;
            if self.wheels.is_moment(place) {
                return Some(Earliest { at: self.entries[list.head as usize].at, index: list.head });
            }
            let survey = self.survey(list);
            if survey.count <= FEW {
                return Some(survey.earliest);
            }
            self.spread(place, list, survey.differ);
        }
    }

    /// A long list goes into a wheel; one that only many timers have come and gone through is counted anew.
    fn relieve(&mut self, place: Place, list: List) {
        let survey = self.survey(list);
        if survey.count > CROWD / 2 {
            self.spread(place, list, survey.differ);
        } else {
            self.wheels.put_list(place, List { appended: survey.count, ..list });
        }
    }

    fn survey(&self, list: List) -> Survey {
        let first = self.entries[list.head as usize].at;
        let earliest = Earliest { at: first, index: list.head };
        let mut survey = Survey { count: 0, earliest, differ: 0 };
        let mut index = list.head;
        while let Some(entry) = self.entries.get(index as usize) {
            step();
            survey.count += 1;
            survey.differ |= entry.at ^ first;
            if entry.at < survey.earliest.at {
                survey.earliest = Earliest { at: entry.at, index };
            }
            index = entry.next;
        }
        survey
    }

    /// Puts a wheel in the place of a list, and its timers into the slots of it. Oldest first, so that timers of the same
    /// moment stay in the order of arming.
    fn spread(&mut self, place: Place, list: List, differ: u64) {
        let wheel = self.wheels.split(place, self.entries[list.head as usize].at, differ);
        let mut index = list.head;
        while let Some(entry) = self.entries.get(index as usize) {
            let (at, next) = (entry.at, entry.next);
            self.append(Wheels::place_in(wheel, at), index);
            index = next;
        }
    }
}

/// The end of a chain: never the index of an entry.
const NONE: u32 = u32::MAX;

/// So many timers are searched faster than put into a wheel.
const FEW: u32 = 8;

/// A list that has taken in so many gives way to a wheel at once, rather than when its time comes: what one turn of the loop
/// has to move stays in the tens of microseconds.
const CROWD: u32 = 1024;
