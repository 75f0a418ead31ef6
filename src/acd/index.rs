//! [`Index`]: the only kind of ordered set that decisions use. It offers what costs O(log n), and names what costs more, so
//! that no decision can come to walk callers or agents unseen. Tests count its operations.
//!
//! Entries lie sorted in blocks of at most [`BLOCK`]; a Fenwick tree over the blocks' lengths tells ranks. What is asked of a
//! block before its entries (the first of them, and the tree) lies beside its neighbours', for in a large set each other place in
//! memory costs more than the search. Emptied blocks are kept, the last one in its place, so that a set that has seen its
//! largest size allocates no more. Those at the front stay where they are until they are the greater part: whoever comes in order
//! and goes in order costs the same in the largest set.

use std::ops::Range;

/// Most entries of a block: what inserting and removing move, half of them in the mean, are a dozen lines of the cache that
/// follow each other. Twice as many were measured to cost an abandon among 100,000 callers a fifth more; half as many cost a
/// large set more room.
const BLOCK: usize = 32;

/// Blocks kept for later.
const SPARE_MAX: usize = 8;

/// Empty blocks at the front that are left where they are, however few others there are.
const HEAD_MIN: usize = 8;

/// An ordered set without a cheap-looking walk.
#[derive(Debug)]
pub(super) struct Index<T> {
    /// Sorted, and none of them empty but those before `head`, and one that is alone behind it.
    blocks: Vec<Block<T>>,
    head: usize,
    len: usize,
    spare: Vec<Vec<T>>,
}

#[derive(Debug)]
struct Block<T> {
    /// The first of the entries; of an empty block, some entry that was.
    first: T,
    /// Block `i` has the sum of the lengths of the blocks `i & (i + 1) ..= i` (Fenwick 1994).
    sum: usize,
    /// Sorted.
    entries: Vec<T>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), head: 0, len: 0, spare: Vec::new() }
    }
}

impl<T: Ord + Copy> Index<T> {
    pub(super) fn insert(&mut self, entry: T) {
        count(1);
        let (block, at) = match self.blocks.last() {
            None => return self.open_block(entry),
            // Most come in order.
            Some(last) if last.entries.last().is_some_and(|last| *last < entry) => {
                (self.blocks.len() - 1, last.entries.len())
            }
            Some(_) => {
                let block = self.block_of(&entry);
                let Err(at) = self.blocks[block].entries.binary_search(&entry) else { return };
                (block, at)
            }
        };
        let Block { first, entries, .. } = &mut self.blocks[block];
        if entries.len() < BLOCK {
            entries.insert(at, entry);
            *first = entries[0];
            self.lengthen(block);
        } else if at == BLOCK && block + 1 == self.blocks.len() {
            // Arrivals in order fill the blocks.
            self.open_block(entry);
        } else {
            self.split(block, at, entry);
        }
    }

    /// True when it was there.
    pub(super) fn remove(&mut self, entry: &T) -> bool {
        count(1);
        let block = self.block_of(entry);
        let is_alone = self.head + 1 == self.blocks.len();
        let Some(Block { first, entries, .. }) = self.blocks.get_mut(block) else { return false };
        // Most go in order.
        let at = if first == entry && !entries.is_empty() { Ok(0) } else { entries.binary_search(entry) };
        let Ok(at) = at else { return false };
        entries.remove(at);
        match entries.first() {
            Some(next) => *first = *next,
            None if is_alone => {}
            None => return self.close_block(block),
        }
        self.shorten(block);
        true
    }

    /// Its last entry has gone.
    fn close_block(&mut self, block: usize) -> bool {
        let empty = std::mem::take(&mut self.blocks[block].entries);
        if self.spare.len() < SPARE_MAX {
            self.spare.push(empty);
        }
        if block > self.head {
            if block + 1 == self.blocks.len() {
                // No sum but its own counts it: a last one that comes and goes behind full blocks costs the same in the largest
                // set.
                self.shorten(block);
                self.blocks.pop();
            } else {
                self.blocks.remove(block);
                self.recount();
            }
            return true;
        }
        self.shorten(block);
        self.head += 1;
        if self.head > HEAD_MIN.max(self.blocks.len() / 2) {
            self.blocks.drain(..self.head);
            self.head = 0;
            self.recount();
        }
        true
    }

    pub(super) fn first(&self) -> Option<T> {
        count(1);
        if self.len == 0 { None } else { self.blocks.get(self.head).map(|block| block.first) }
    }

    /// The first entry that is not before `from`.
    pub(super) fn first_from(&self, from: T) -> Option<T> {
        count(1);
        let block = self.block_of(&from);
        let entries = &self.blocks.get(block)?.entries;
        let at = entries.partition_point(|entry| *entry < from);
        entries.get(at).copied().or_else(|| Some(self.blocks.get(block + 1)?.first))
    }

    pub(super) fn contains(&self, entry: &T) -> bool {
        count(1);
        self.blocks.get(self.block_of(entry)).is_some_and(|block| block.entries.binary_search(entry).is_ok())
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many entries are before this one.
    pub(super) fn rank(&self, entry: &T) -> usize {
        count(1);
        let block = self.block_of(entry);
        let Some(found) = self.blocks.get(block) else { return 0 };
        let mut rank = found.entries.partition_point(|other| other < entry);
        let mut before = block;
        while before > 0 {
            rank += self.blocks[before - 1].sum;
            before &= before - 1;
        }
        rank
    }

    /// The entry that so many others are before.
    pub(super) fn nth(&self, rank: usize) -> Option<T> {
        count(1);
        let (mut block, mut left) = (0, rank);
        let mut stride = self.blocks.len().next_power_of_two();
        while stride > 0 {
            if let Some(Block { sum, .. }) = self.blocks.get(block + stride - 1)
                && *sum <= left
            {
                left -= sum;
                block += stride;
            }
            stride /= 2;
        }
        self.blocks.get(block)?.entries.get(left).copied()
    }

    /// The entries in the range; costs as many steps.
    pub(super) fn between(&self, range: Range<T>) -> impl Iterator<Item = T> {
        let blocks = self.blocks.iter().skip(self.block_of(&range.start));
        let entries = blocks.flat_map(|block| &block.entries).inspect(|_| count(1)).copied();
        entries.skip_while(move |entry| *entry < range.start).take_while(move |entry| *entry < range.end)
    }

    /// Every entry; costs as many steps.
    pub(super) fn walk(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| &block.entries).inspect(|_| count(1))
    }

    /// The block where an entry is or would be; 0 when there are none.
    fn block_of(&self, entry: &T) -> usize {
        let blocks = &self.blocks[self.head..];
        if blocks.len() < 2 {
            return self.head;
        }
        self.head + blocks.partition_point(|block| block.first <= *entry).saturating_sub(1)
    }

    /// Opens one more block, behind all others.
    fn open_block(&mut self, entry: T) {
        let block = self.blocks.len();
        let mut entries = self.spare.pop().unwrap_or_default();
        entries.push(entry);
        // The last of the tree: its own, and the sums below it.
        let (mut sum, mut before) = (1, block);
        while before > block & (block + 1) {
            sum += self.blocks[before - 1].sum;
            before &= before - 1;
        }
        self.blocks.push(Block { first: entry, sum, entries });
        self.len += 1;
    }

    fn split(&mut self, block: usize, at: usize, entry: T) {
        let mut upper = self.spare.pop().unwrap_or_default();
        let Block { first, entries, .. } = &mut self.blocks[block];
        upper.extend_from_slice(&entries[BLOCK / 2..]);
        entries.truncate(BLOCK / 2);
        if at <= BLOCK / 2 {
            entries.insert(at, entry);
        } else {
            upper.insert(at - BLOCK / 2, entry);
        }
        *first = entries[0];
        self.blocks.insert(block + 1, Block { first: upper[0], sum: 0, entries: upper });
        self.recount();
    }

    fn lengthen(&mut self, block: usize) {
        self.len += 1;
        let mut index = block;
        while let Some(Block { sum, .. }) = self.blocks.get_mut(index) {
            *sum += 1;
            index |= index + 1;
        }
    }

    fn shorten(&mut self, block: usize) {
        self.len -= 1;
        let mut index = block;
        while let Some(Block { sum, .. }) = self.blocks.get_mut(index) {
            *sum -= 1;
            index |= index + 1;
        }
    }

    /// The tree anew: once in half a block's changes at most.
    fn recount(&mut self) {
        self.len = 0;
        for block in &mut self.blocks {
            block.sum = block.entries.len();
            self.len += block.sum;
        }
        for block in 0..self.blocks.len() {
            let above = block | (block + 1);
            let sum = self.blocks[block].sum;
            if let Some(above) = self.blocks.get_mut(above) {
                above.sum += sum;
            }
        }
    }
}

impl<T: Ord + Copy> FromIterator<T> for Index<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut index = Self::default();
        entries.into_iter().for_each(|entry| index.insert(entry));
        index
    }
}

#[cfg(not(test))]
const fn count(_steps: usize) {}

#[cfg(test)]
use steps::count;

/// How many steps this thread's indexes have taken.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count(steps: usize) {
        STEPS.set(STEPS.get() + steps);
    }

    /// Steps taken by an action.
    pub(in crate::acd) fn of(action: impl FnOnce()) -> usize {
        let before = STEPS.get();
        action();
        STEPS.get() - before
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::base::Rng;

    /// The library's set says what must come out.
    #[test]
    fn it_agrees_with_an_ordered_set_in_everything() {
        for (seed, span, steps) in [(1, 30, 2_000), (2, 5_000, 6_000), (3, 100_000, 6_000)] {
            let mut rng = Rng::from_u64(seed);
            let (mut index, mut set) = (Index::default(), BTreeSet::new());
            for step in 0..steps {
                let entry = rng.below(span);
                let grows = step < steps / 2;
                if rng.chance(if grows { 0.8 } else { 0.2 }) {
                    index.insert(entry);
                    set.insert(entry);
                } else {
                    let entry = set.range(entry..).next().copied().unwrap_or(entry);
                    assert_eq!(index.remove(&entry), set.remove(&entry));
                }
                let asked = rng.below(span);
                assert_eq!(index.len(), set.len());
                assert_eq!(index.first(), set.first().copied());
                assert_eq!(index.first_from(asked), set.range(asked..).next().copied());
                assert_eq!(index.contains(&asked), set.contains(&asked));
                if step % 16 == 0 {
                    let rank = set.range(..asked).count();
                    assert_eq!(index.rank(&asked), rank);
                    assert_eq!(index.nth(rank), set.iter().nth(rank).copied());
                    let some: Vec<u32> = index.between(asked..asked + 50).collect();
                    assert_eq!(some, set.range(asked..asked + 50).copied().collect::<Vec<_>>());
                }
            }
            assert!(index.walk().eq(set.iter()));
        }
    }

    #[test]
    fn arrivals_in_order_fill_the_blocks_and_the_room_of_emptied_ones_is_used_again() {
        let mut index = Index::default();
        (0..640_usize).for_each(|entry| index.insert(entry));
        assert_eq!(index.blocks.len(), 640 / BLOCK);
        (0..BLOCK).for_each(|entry| assert!(index.remove(&entry)));
        assert_eq!(index.spare.len(), 1);
        index.insert(640);
        assert_eq!((index.spare.len(), index.nth(0), index.nth(640 - BLOCK)), (0, Some(BLOCK), Some(640)));
    }

    #[test]
    fn a_large_set_that_is_served_in_order_moves_nothing_but_seldom() {
        let mut index = Index::default();
        (0..20_000).for_each(|entry| index.insert(entry));
        for entry in 20_000..60_000_usize {
            assert!(index.remove(&(entry - 20_000)));
            index.insert(entry);
            if entry % 1_000 == 0 {
                assert_eq!((index.first(), index.len()), (Some(entry - 19_999), 20_000));
                assert_eq!((index.nth(7_000), index.rank(&entry)), (Some(entry - 12_999), 19_999));
                assert_eq!(index.first_from(0), index.first());
                assert!(index.blocks.len() <= 2 * 20_000 / BLOCK + 3 && index.head <= index.blocks.len() / 2 + 1);
            }
        }
        assert!(index.walk().copied().eq(40_000..60_000));
        (40_000..60_000).rev().for_each(|entry| assert!(index.remove(&entry)));
        assert!(index.is_empty() && index.first().is_none());
    }

    #[test]
    fn a_set_of_one_that_empties_and_fills_again_keeps_its_block() {
        let mut index = Index::default();
        for entry in [7, 3, 9] {
            index.insert(entry);
            assert_eq!((index.first(), index.nth(0), index.len()), (Some(entry), Some(entry), 1));
            assert!(index.remove(&entry));
            assert_eq!((index.first(), index.nth(0), index.first_from(0), index.rank(&5)), (None, None, None, 0));
            assert!(index.is_empty() && !index.contains(&entry) && index.walk().next().is_none());
            assert_eq!((index.blocks.len(), index.spare.capacity()), (1, 0));
        }
    }
}
