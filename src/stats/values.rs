//! Contacts by what they are told apart by beside their queue: for each value of each dimension what became of them, since the
//! start and by the hour. Each contact counts in one value of each dimension, so that the sums over the values of any dimension
//! are the sums over the queues.
//!
//! A dimension has places for so many values ([`SeriesMax`]), filled in the order in which names come; what comes after counts in
//! [`OTHER`], and how many names these are is counted. A value's number is its place: the hot path is an index and an addition.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::acd::{Dimension, Dimensions, ValueId};
use crate::stats::block::Block;
use crate::stats::contradiction::Contradiction;
use crate::stats::hours::{Fate, Fates, Hours};
use crate::stats::series::{OTHER, SeriesMax};

const IN_PROGRESS: usize = 0;
/// From here one cell for each fate.
const FATES: usize = 1;

/// All dimensions.
#[derive(Debug)]
pub(super) struct Values([Shelf; Dimension::ALL.len()]);

/// The values of one dimension.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Those who have none, then the values by their numbers, then the others.
    places: Box<[OnceLock<Value>]>,
    /// So many numbers have names.
    named: AtomicUsize,
    /// The number of a value that is called like the others; beyond all numbers when there is none.
    called_other: AtomicUsize,
    /// Names that found no place.
    overflow: AtomicU64,
}

/// One value.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) name: Arc<str>,
    totals: Block,
    pub(super) hours: Hours,
}

/// A value's copy.
#[derive(Debug, Clone)]
pub(super) struct ValueReading {
    pub(super) name: Arc<str>,
    pub(super) fates: Fates,
    pub(super) in_progress: u64,
}

/// A dimension's copy.
#[derive(Debug, Clone)]
pub(super) struct ShelfReading {
    pub(super) values: Vec<ValueReading>,
    pub(super) overflow: u64,
}

impl ValueReading {
    /// `offered = served + lost + untargeted + in progress`.
    pub(super) fn is_conserved(&self) -> bool {
        let Fates { offered, served, untargeted, .. } = self.fates;
        offered == served + untargeted + self.fates.all_lost() + self.in_progress
    }
}

impl ShelfReading {
    /// The sums over the values: what became of contacts, and how many are open.
    pub(super) fn contacts(&self) -> (Fates, u64) {
        let mut sum = (Fates::default(), 0);
        for value in &self.values {
            sum.0.add(&value.fates);
            sum.1 += value.in_progress;
        }
        sum
    }
}

impl Values {
    /// No value has a name yet.
    pub(super) fn new(max: &SeriesMax) -> Self {
        Self(Dimension::ALL.map(|dimension| Shelf::new(dimension.none(), max.values[dimension as usize])))
    }

    /// The names of the values by their numbers; those known keep theirs.
    pub(super) fn name(&self, names: &[Vec<Arc<str>>; Dimension::ALL.len()]) {
        for (shelf, names) in self.0.iter().zip(names) {
            shelf.name(names);
        }
    }

    /// One dimension.
    pub(super) const fn of(&self, dimension: Dimension) -> &Shelf {
        &self.0[dimension as usize]
    }

    /// A contact begins.
    pub(super) fn on_began(&self, dimensions: Dimensions, hour: Option<i64>) {
        for value in self.values(dimensions) {
            value.on_began(hour);
        }
    }

    /// A contact has come to its end.
    pub(super) fn on_ended(&self, dimensions: Dimensions, fate: Fate, hour: Option<i64>) -> Result<(), Contradiction> {
        let mut ended = Ok(());
        for value in self.values(dimensions) {
            ended = value.on_ended(fate, hour).and(ended);
        }
        ended
    }

    /// A contact ended where it began.
    pub(super) fn on_refused(&self, dimensions: Dimensions, fate: Fate, hour: Option<i64>) {
        for value in self.values(dimensions) {
            value.on_refused(fate, hour);
        }
    }

    /// Copies of all.
    pub(super) fn read(&self) -> [ShelfReading; Dimension::ALL.len()] {
        self.0.each_ref().map(|shelf| ShelfReading {
            values: shelf.values().map(Value::read).collect(),
            overflow: shelf.overflow.load(Ordering::Relaxed),
        })
    }

    fn values(&self, dimensions: Dimensions) -> impl Iterator<Item = &Value> {
        Dimension::ALL.into_iter().map(move |dimension| self.of(dimension).value(dimensions.of(dimension)))
    }
}

impl Shelf {
    fn new(none: &str, max: usize) -> Self {
        let places: Box<[OnceLock<Value>]> = (0..max + 2).map(|_| OnceLock::new()).collect();
        places[0].get_or_init(|| Value::new(none.into()));
        Self {
            places,
            named: AtomicUsize::new(1),
            called_other: AtomicUsize::new(usize::MAX),
            overflow: AtomicU64::new(0),
        }
    }

    /// How many places there are.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of a value.
    pub(super) fn place(&self, value: ValueId) -> usize {
        let (number, others) = (usize::from(value.0), self.places.len() - 1);
        let is_other =
            number >= self.named.load(Ordering::Relaxed) || number == self.called_other.load(Ordering::Relaxed);
        if is_other { others } else { number.min(others) }
    }

    /// The names of what stands at each place.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let other: Arc<str> = OTHER.into();
        let name = |place: &OnceLock<Value>| Arc::clone(place.get().map_or(&other, |value| &value.name));
        self.places.iter().map(name).collect()
    }

    /// Those that there are.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.places.iter().filter_map(OnceLock::get)
    }

    fn value(&self, value: ValueId) -> &Value {
        self.at(self.place(value))
    }

    fn at(&self, place: usize) -> &Value {
        self.places[place].get_or_init(|| Value::new(OTHER.into()))
    }

    fn name(&self, names: &[Arc<str>]) {
        let others = self.places.len() - 1;
        for (number, name) in names.iter().enumerate().skip(self.named.load(Ordering::Relaxed)) {
            if **name == *OTHER {
                self.called_other.store(number, Ordering::Relaxed);
            } else if number < others {
                self.places[number].get_or_init(|| Value::new(Arc::clone(name)));
            } else {
                self.overflow.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.named.fetch_max(names.len(), Ordering::Relaxed);
    }
}

impl Value {
    fn new(name: Arc<str>) -> Self {
        Self { name, totals: Block::new(FATES + Fate::COUNT), hours: Hours::default() }
    }

    // Each of these is one write, so that a value adds up in every copy.

    fn on_began(&self, hour: Option<i64>) {
        let write = self.totals.write();
        write.add(FATES + Fate::Offered.place(), 1);
        write.add(IN_PROGRESS, 1);
        drop(write);
        self.count_hour(hour, Fate::Offered);
    }

    fn on_ended(&self, fate: Fate, hour: Option<i64>) -> Result<(), Contradiction> {
        let write = self.totals.write();
        write.add(FATES + fate.place(), 1);
        let was_open = write.take(IN_PROGRESS, 1);
        drop(write);
        self.count_hour(hour, fate);
        if was_open { Ok(()) } else { Err(Contradiction::NobodyWaits) }
    }

    fn on_refused(&self, fate: Fate, hour: Option<i64>) {
        let write = self.totals.write();
        write.add(FATES + Fate::Offered.place(), 1);
        write.add(FATES + fate.place(), 1);
        drop(write);
        self.count_hour(hour, Fate::Offered);
        self.count_hour(hour, fate);
    }

    fn count_hour(&self, hour: Option<i64>, fate: Fate) {
        if let Some(hour) = hour {
            self.hours.count(hour, fate);
        }
    }

    fn read(&self) -> ValueReading {
        let cells = self.totals.read();
        ValueReading {
            name: Arc::clone(&self.name),
            fates: Fates::of(&cells[FATES..]),
            in_progress: cells[IN_PROGRESS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::LostCause;
    use crate::acd::Refusal;

    fn names(of_numbers: &[&str]) -> [Vec<Arc<str>>; 4] {
        let list = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        [list(of_numbers), list(&[""]), list(&["unknown"]), list(&[""])]
    }

    fn values() -> Values {
        Values::new(&SeriesMax { values: [2, 1, 1, 1], ..SeriesMax::default() })
    }

    fn number(number: u16) -> Dimensions {
        Dimensions::default().with(Dimension::Number, ValueId(number))
    }

    fn offered(values: &Values) -> Vec<(String, u64)> {
        let [numbers, ..] = values.read();
        numbers.values.iter().map(|value| (value.name.to_string(), value.fates.offered)).collect()
    }

    #[test]
    fn what_finds_no_place_counts_in_the_others_and_is_counted_once() {
        let values = values();
        values.name(&names(&["", "800", "801", "802", "803"]));
        values.name(&names(&["", "800", "801", "802", "803", "804"]));
        (0..7).for_each(|n| values.on_began(number(n), None));
        let pair = |name: &str, count| (name.to_string(), count);
        assert_eq!(offered(&values), [pair("", 1), pair("800", 1), pair("801", 1), pair("other", 4)]);
        let [numbers, campaigns, ..] = values.read();
        assert_eq!((numbers.overflow, campaigns.overflow), (3, 0));
        assert_eq!(campaigns.values[0].fates.offered, 7, "each contact counts in each dimension");
    }

    #[test]
    fn a_value_that_is_called_like_the_others_shares_their_series() {
        let values = values();
        values.name(&names(&["", "other", "801", "802"]));
        (0..4).for_each(|n| values.on_began(number(n), None));
        let pair = |name: &str, count| (name.to_string(), count);
        assert_eq!(offered(&values), [pair("", 1), pair("801", 1), pair("other", 2)]);
    }

    #[test]
    fn a_contact_is_open_until_it_ends_and_ends_once() {
        let values = values();
        values.on_began(number(0), Some(7));
        assert_eq!(values.on_ended(number(0), Fate::Lost(LostCause::Timeout), Some(8)), Ok(()));
        assert_eq!(values.on_ended(number(0), Fate::Served, Some(8)), Err(Contradiction::NobodyWaits));
        values.on_refused(number(0), Fate::Untargeted(Refusal::Closed), Some(8));
        let [numbers, ..] = values.read();
        assert!(!numbers.values[0].is_conserved(), "it ended twice");
        let value = values.of(Dimension::Number).values().next().unwrap();
        assert_eq!(value.hours.read(7).map(|fates| (fates.offered, fates.all_lost())), Some((1, 0)));
        assert_eq!(
            value.hours.read(8).map(|fates| (fates.offered, fates.all_lost(), fates.untargeted)),
            Some((1, 1, 1))
        );
    }
}
