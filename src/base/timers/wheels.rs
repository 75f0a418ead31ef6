//! [`Wheels`]: the wheels of a set of timers, each of 64 slots of equal width, 1 us to 36,000 years. A slot is empty, or holds
//! the ends of a list of timers, or a finer wheel; wheels exist only where a list has grown long, so a small set has none.
//! Knows moments and places; the timers themselves, their order and their links are [`super::Timers`]'s.

/// Slots of a wheel take this many bits of a moment.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;

/// The ends of a chain of timers, oldest first, as indices of [`super::Timers`].
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
    /// How many were appended since the list was last counted: never fewer than are in it.
    pub(super) appended: u32,
}

/// Where a list is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Above all wheels: where a small set has its only list.
    Root,
    Slot {
        wheel: u32,
        digit: u8,
    },
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Empty,
    Timers(List),
    Wheel(u32),
}

#[derive(Debug)]
struct Wheel {
    /// The first moment of the wheel's span.
    base: u64,
    /// A slot is `1 << shift` us wide.
    shift: u32,
    /// Where the wheel hangs.
    parent: Place,
    /// Which slots are not empty.
    occupied: u64,
    slots: [Slot; SLOTS],
}

impl Wheel {
    fn place(index: u32, shift: u32, at: u64) -> Place {
        Place::Slot { wheel: index, digit: (at >> shift) as u8 & (SLOTS as u8 - 1) }
    }

    fn spans(&self, at: u64) -> bool {
        at & above(self.shift) == self.base
    }

    fn clear(&mut self, digit: u8) {
        self.slots[usize::from(digit)] = Slot::Empty;
        self.occupied &= !(1 << digit);
    }
}

/// The wheels of one set; see the module. Each is reached from its parent, the coarsest from the root.
#[derive(Debug)]
pub(super) struct Wheels {
    root: Slot,
    wheels: Vec<Wheel>,
    /// Wheels out of use, all their slots empty.
    spare: Vec<u32>,
}

impl Default for Wheels {
    fn default() -> Self {
        Self { root: Slot::Empty, wheels: Vec::new(), spare: Vec::new() }
    }
}

impl Wheels {
    /// The one place for a timer of this moment. It holds no wheel; one is put in between when the moment lies outside of
    /// the span of a wheel on the way.
    pub(super) fn make_place(&mut self, at: u64) -> Place {
        let mut place = Place::Root;
        while let Slot::Wheel(index) = self.slot(place) {
            step();
            let wheel = &self.wheels[index as usize];
            let (base, shift) = (wheel.base, wheel.shift);
            if wheel.spans(at) {
                place = Wheel::place(index, shift, at);
                continue;
            }
            let (coarser, coarser_shift) = self.split(place, at, at ^ base);
            let below = Wheel::place(coarser, coarser_shift, base);
            self.put(below, Slot::Wheel(index));
            self.wheels[index as usize].parent = below;
            return Wheel::place(coarser, coarser_shift, at);
        }
        place
    }

    /// The place of an armed timer of this moment.
    pub(super) fn find(&self, at: u64) -> Place {
        let mut place = Place::Root;
        while let Slot::Wheel(index) = self.slot(place) {
            step();
            place = Wheel::place(index, self.wheels[index as usize].shift, at);
        }
        place
    }

    /// The place of the earliest list.
    pub(super) fn first(&self) -> Place {
        let mut place = Place::Root;
        while let Slot::Wheel(index) = self.slot(place) {
            step();
            place = Place::Slot { wheel: index, digit: self.wheels[index as usize].occupied.trailing_zeros() as u8 };
        }
        place
    }

    /// The list at this place, if it holds one.
    pub(super) fn list(&self, place: Place) -> Option<List> {
        match self.slot(place) {
            Slot::Timers(list) => Some(list),
            Slot::Empty | Slot::Wheel(_) => None,
        }
    }

    pub(super) fn put_list(&mut self, place: Place, list: List) {
        self.put(place, Slot::Timers(list));
    }

    /// True when the place has room for one moment only, so that its list is in the order of arming alone.
    pub(super) fn is_moment(&self, place: Place) -> bool {
        match place {
            Place::Root => false,
            Place::Slot { wheel, .. } => self.wheels[wheel as usize].shift == 0,
        }
    }

    /// Puts an empty wheel at this place, with `at` in its span and so fine that moments that differ in the bits of
    /// `differ` have different slots. What was there is the caller's to put back. It takes the place of a wheel that has
    /// nothing else. Returns its index and shift.
    pub(super) fn split(&mut self, mut place: Place, at: u64, differ: u64) -> (u32, u32) {
        while let Place::Slot { wheel: index, digit } = place {
            let wheel = &mut self.wheels[index as usize];
            if wheel.occupied != 1 << digit {
                break;
            }
            place = wheel.parent;
            wheel.clear(digit);
            self.spare.push(index);
        }
        let shift = (differ | 1).ilog2() / DIGIT_BITS * DIGIT_BITS;
        let base = at & above(shift);
        let index = if let Some(index) = self.spare.pop() {
            let wheel = &mut self.wheels[index as usize];
            (wheel.base, wheel.shift, wheel.parent) = (base, shift, place);
            index
        } else {
            self.wheels.push(Wheel { base, shift, parent: place, occupied: 0, slots: [Slot::Empty; SLOTS] });
            u32::try_from(self.wheels.len() - 1).expect("wheels are fewer than timers, and these are far below 2^32")
        };
        self.put(place, Slot::Wheel(index));
        (index, shift)
    }

    /// The place of `at` in the wheel that [`Wheels::split`] gave.
    pub(super) fn place_in((index, shift): (u32, u32), at: u64) -> Place {
        Wheel::place(index, shift, at)
    }

    /// Empties a place whose list has become empty. Takes away a wheel that has nothing left, and one that has nothing left
    /// but a finer wheel, which takes its place: ways do not grow with the age of the set.
    pub(super) fn vacate(&mut self, mut place: Place) {
        while let Place::Slot { wheel: index, digit } = place {
            step();
            let wheel = &mut self.wheels[index as usize];
            wheel.clear(digit);
            let (parent, occupied) = (wheel.parent, wheel.occupied);
            if occupied == 0 {
                self.spare.push(index);
                place = parent;
                continue;
            }
            let last = occupied.trailing_zeros() as u8;
            if let (true, Slot::Wheel(finer)) = (occupied.is_power_of_two(), wheel.slots[usize::from(last)]) {
                wheel.clear(last);
                self.spare.push(index);
                self.wheels[finer as usize].parent = parent;
                self.put(parent, Slot::Wheel(finer));
            }
            return;
        }
        self.root = Slot::Empty;
    }

    /// How many wheels there are.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.wheels.len() - self.spare.len()
    }

    fn slot(&self, place: Place) -> Slot {
        match place {
            Place::Root => self.root,
            Place::Slot { wheel, digit } => self.wheels[wheel as usize].slots[usize::from(digit)],
        }
    }

    fn put(&mut self, place: Place, slot: Slot) {
        match place {
            Place::Root => self.root = slot,
            Place::Slot { wheel, digit } => {
                let wheel = &mut self.wheels[wheel as usize];
                wheel.occupied |= 1 << digit;
                wheel.slots[usize::from(digit)] = slot;
            }
        }
    }
}

/// The bits of a moment that are the same in the whole span of a wheel whose slots are `1 << shift` us wide.
fn above(shift: u32) -> u64 {
    u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0)
}

/// Counts the work, for the tests that bound it.
pub(super) fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
thread_local! {
    pub(super) static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
