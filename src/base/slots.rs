//! [`Slots`]: a table of live things named by ids that carry their slot and a generation, so that look-up is one index and an
//! id of something gone never finds its successor.

use crate::base::ids::ShardId;

/// Generations of one slot: 24 bits. Zero is never given.
const GENERATION_MAX: u32 = (1 << 24) - 1;

/// A table of `T`; see the module. Ids are `shard << 56 | generation << 32 | slot`. A slot that has had all its generations
/// is not used again, so ids never come twice; that costs one empty place for each 16 million insertions.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
    live: usize,
    /// The top byte of all its ids.
    shard: u64,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new(ShardId(0))
    }
}

impl<T> Slots<T> {
    /// An empty table, whose ids carry the number of this shard.
    pub const fn new(shard: ShardId) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), live: 0, shard: shard.bits() }
    }

    /// Puts in what `make` makes of its id.
    pub fn insert_with(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("live things are bounded far below 2^32")
        });
        let (generation, place) = &mut self.slots[slot as usize];
        *generation += 1;
        let id = self.shard | u64::from(*generation) << 32 | u64::from(slot);
        *place = Some(make(id));
        self.live += 1;
        id
    }

    /// The id that the next [`Slots::insert_with`] will give.
    pub fn next_id(&self) -> u64 {
        let (generation, slot) = match self.free.last() {
            Some(slot) => (self.slots[*slot as usize].0 + 1, u64::from(*slot)),
            None => (1, self.slots.len() as u64),
        };
        self.shard | u64::from(generation) << 32 | slot
    }

    /// The thing of this id, if it lives.
    pub fn get(&self, id: u64) -> Option<&T> {
        let (generation, place) = self.slots.get((id & 0xFFFF_FFFF) as usize)?;
        if self.shard | u64::from(*generation) << 32 != id & !0xFFFF_FFFF { None } else { place.as_ref() }
    }

    /// The thing of this id, if it lives.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let (generation, place) = self.slots.get_mut((id & 0xFFFF_FFFF) as usize)?;
        if self.shard | u64::from(*generation) << 32 != id & !0xFFFF_FFFF { None } else { place.as_mut() }
    }

    /// Takes the thing of this id out.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let slot = (id & 0xFFFF_FFFF) as usize;
        let (generation, place) = self.slots.get_mut(slot)?;
        if self.shard | u64::from(*generation) << 32 != id & !0xFFFF_FFFF {
            return None;
        }
        let taken = place.take()?;
        if *generation < GENERATION_MAX {
            self.free.push(slot as u32);
        }
        self.live -= 1;
        Some(taken)
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.live
    }

    /// True when nothing lives.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Those that live in the `most` slots from `from` on, and where the rest begins, if there is one.
    pub fn page(&self, from: usize, most: usize) -> (impl Iterator<Item = &T>, Option<usize>) {
        let end = from.saturating_add(most).min(self.slots.len());
        let page = self.slots.get(from..end).unwrap_or_default();
        (page.iter().filter_map(|(_, place)| place.as_ref()), (end < self.slots.len()).then_some(end))
    }

    /// All that live, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|(_, place)| place.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_never_finds_the_successor() {
        let mut slots = Slots::default();
        let a = slots.insert_with(|_| "a");
        let b = slots.insert_with(|_| "b");
        assert_eq!(slots.remove(a), Some("a"));
        let next = slots.next_id();
        let c = slots.insert_with(|_| "c");
        assert_eq!((next, slots.next_id()), (c, 1 << 32 | 2));
        assert_eq!(a & 0xFFFF_FFFF, c & 0xFFFF_FFFF);
        assert_eq!((slots.get(a), slots.get(b), slots.get(c)), (None, Some(&"b"), Some(&"c")));
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.len(), 2);
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), ["c", "b"]);
        let page = |from| {
            let (page, next) = slots.page(from, 1);
            (page.copied().collect::<Vec<_>>(), next)
        };
        assert_eq!([page(0), page(1), page(2)], [(vec!["c"], Some(1)), (vec!["b"], None), (vec![], None)]);
    }

    #[test]
    fn ids_of_two_shards_never_meet() {
        let mut slots = Slots::new(ShardId(2));
        let mut other = Slots::default();
        let (two, zero) = (slots.insert_with(|_| "two"), other.insert_with(|_| "zero"));
        assert_eq!((two, zero), (2 << 56 | 1 << 32, 1 << 32));
        assert_eq!((slots.get(two), slots.get(zero), other.get(two)), (Some(&"two"), None, None));
        assert_eq!((other.remove(two), slots.remove(zero), slots.remove(two)), (None, None, Some("two")));
    }

    #[test]
    fn a_slot_with_all_its_generations_spent_is_left_alone() {
        let mut slots = Slots::default();
        slots.insert_with(|_| "first");
        slots.slots[0].0 = GENERATION_MAX;
        let last = u64::from(GENERATION_MAX) << 32;
        assert_eq!(slots.remove(last), Some("first"));
        assert_eq!((slots.next_id(), slots.insert_with(|_| "next")), (1 << 32 | 1, 1 << 32 | 1));
        assert_eq!((slots.get(last), slots.len()), (None, 1));
    }
}
