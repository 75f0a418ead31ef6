//! What became of contacts by the hour in which it happened: a ring of hours, each a versioned block that the fold writes and
//! anyone copies. A contact is offered in the hour in which it came and lost or served in the hour in which it was.
//!
//! Memory: slots are allocated when they are first written; a ring never holds more than `HOURS` of them, 39 KiB
//! (a test holds it). The usual caps (900 values and 500 queues) all busy around the clock come to 54 MiB; 10 queues, 20 numbers
//! and 34 provinces to less than 3.

use std::sync::OnceLock;

use crate::acd::{FlowOut, LostCause, Refusal};
use crate::stats::block::Block;

/// A week and a day.
pub(super) const HOURS: usize = 8 * 24;

/// The hour's number plus one; zero before its first use.
const KEY: usize = 0;
/// From here one cell for each fate.
const FATES: usize = 1;
const CELLS: usize = FATES + Fate::COUNT;

/// The most that one ring takes, in bytes.
#[cfg(test)]
const fn bytes_max() -> usize {
    HOURS * (CELLS * size_of::<u64>() + size_of::<OnceLock<Block>>())
}

/// What happens to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It begins.
    Offered,
    /// It talks to an agent.
    Served,
    /// It ends outside every rate, for this reason.
    Untargeted(Refusal),
    /// It is lost.
    Lost(LostCause),
}

impl Fate {
    /// How many there are.
    pub(super) const COUNT: usize = 3 + LostCause::ALL.len();

    /// The end of a contact that left its queue so; `None` when it goes on in another.
    pub(super) fn of_flow_out(reason: FlowOut, cause: Option<LostCause>) -> Option<Self> {
        cause.map(Self::Lost).or_else(|| reason.untargeted().map(Self::Untargeted))
    }

    /// The end of a contact that was refused.
    pub(super) fn of_refusal(why: Refusal) -> Self {
        LostCause::of_refusal(why).map_or(Self::Untargeted(why), Self::Lost)
    }

    /// Its place among them.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Offered => 0,
            Self::Served => 1,
            Self::Untargeted(_) => 2,
            Self::Lost(cause) => 3 + cause as usize,
        }
    }
}

/// What became of contacts in an hour or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fates {
    pub(super) offered: u64,
    pub(super) served: u64,
    pub(super) untargeted: u64,
    /// In the order of [`LostCause::ALL`].
    pub(super) lost: [u64; LostCause::ALL.len()],
}

impl Fates {
    /// The counts in cells that are in the order of [`Fate::place`].
    pub(super) fn of(cells: &[u64]) -> Self {
        Self {
            offered: cells[Fate::Offered.place()],
            served: cells[Fate::Served.place()],
            untargeted: cells[Fate::Untargeted(Refusal::Closed).place()],
            lost: LostCause::ALL.map(|cause| cells[Fate::Lost(cause).place()]),
        }
    }

    /// Adds others.
    pub(super) fn add(&mut self, more: &Self) {
        self.offered += more.offered;
        self.served += more.served;
        self.untargeted += more.untargeted;
        for (sum, count) in self.lost.iter_mut().zip(more.lost) {
            *sum += count;
        }
    }

    /// For whatever cause.
    pub(super) fn all_lost(&self) -> u64 {
        self.lost.iter().sum()
    }
}

/// A ring of hours; see the module.
#[derive(Debug, Default)]
pub(super) struct Hours {
    slots: OnceLock<Box<[OnceLock<Block>]>>,
}

impl Hours {
    /// Counts one in an hour. Only the one writer calls this.
    pub(super) fn count(&self, hour: i64, fate: Fate) {
        let slots = self.slots.get_or_init(|| (0..HOURS).map(|_| OnceLock::new()).collect());
        let slot = slots[place(hour)].get_or_init(|| Block::new(CELLS));
        let stamp = hour.cast_unsigned() + 1;
        let write = slot.write();
        if write.get(KEY) != stamp {
            (0..CELLS).for_each(|cell| write.set(cell, 0));
            write.set(KEY, stamp);
        }
        write.add(FATES + fate.place(), 1);
    }

    /// What is known of an hour.
    pub(super) fn read(&self, hour: i64) -> Option<Fates> {
        let cells = self.slots.get()?[place(hour)].get()?.read();
        (cells[KEY] == hour.cast_unsigned() + 1).then(|| Fates::of(&cells[FATES..]))
    }
}

fn place(hour: i64) -> usize {
    hour.rem_euclid(HOURS as i64) as usize
}

/// The number of the hour that starts at this second.
pub(super) fn number(start: i64) -> i64 {
    start.div_euclid(3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_holds_eight_days_and_then_uses_its_places_anew() {
        let hours = Hours::default();
        assert_eq!(hours.read(5), None);
        hours.count(5, Fate::Offered);
        hours.count(5, Fate::Lost(LostCause::Timeout));
        let found = hours.read(5).unwrap();
        assert_eq!((found.offered, found.all_lost(), found.lost[LostCause::Timeout as usize]), (1, 1, 1));
        assert_eq!(hours.read(6), None);
        let later = 5 + HOURS as i64;
        hours.count(later, Fate::Served);
        assert_eq!(hours.read(5), None, "its place holds a later hour");
        assert_eq!(hours.read(later).unwrap(), Fates { served: 1, ..Fates::default() });
    }

    #[test]
    fn memory_is_bounded_as_stated() {
        assert!(bytes_max() <= 39 << 10, "{}", bytes_max());
        let usual: usize = crate::stats::SeriesMax::default().values.iter().sum();
        assert_eq!(usual, 900);
        assert!((usual + 500) * bytes_max() < 54 << 20, "{}", (usual + 500) * bytes_max());
    }
}
