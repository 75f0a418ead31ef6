//! A block of counters that one thread writes and any thread copies whole: a sequence lock made of atomics only.
//! The writer never waits; a reader that met a write tries again.
//!
//! # Why a copy is consistent
//!
//! Every cell is an atomic, so a torn or racing access is defined behaviour; what has to be shown is that a copy which
//! passes the version check holds the cells of one moment between two writes. Let a write `W` raise the version from `2n` to
//! `2n + 1`, change cells, and raise it to `2n + 2`.
//!
//! * **Nothing newer.** `W` stores the odd version, then executes a release fence, then stores cells. If a reader's relaxed
//!   load of a cell takes its value from `W`, the reader's acquire fence after that load synchronises with the release fence,
//!   so the odd store happens before the second load of the version, which yields at least `2n + 1`. The first load yielded
//!   an even version; had it been `2n` or less, the two differ and the copy is discarded.
//! * **Nothing older.** `W` stores `2n + 2` with release after its cells. A reader whose first load (acquire) yields `2n + 2`
//!   synchronises with it, so by coherence no cell can be older than `W`.
//!
//! Equal even versions therefore bracket exactly the state after the write that stored that version. Versions are 64 bits
//! wide and do not come round. These are the fences of Boehm, "Can seqlocks get along with programming language memory
//! models?" (MSPC 2012), figure 6.
//!
//! A reader makes no progress while writes follow each other without a gap as long as a copy (some hundred loads); the fold
//! of a fact leaves far longer ones between writes to the same block.
//!
//! One writer is a precondition, checked in debug builds: a second one would find the version odd.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Cells behind one version; see the module.
#[derive(Debug)]
pub(super) struct Block {
    version: AtomicU64,
    cells: Box<[AtomicU64]>,
}

impl Block {
    /// A block of `len` zero cells.
    pub(super) fn new(len: usize) -> Self {
        Self { version: AtomicU64::new(0), cells: (0..len).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Begins a write. It ends, and becomes visible as a whole, when the guard is dropped. Only the one writer calls this.
    pub(super) fn write(&self) -> Write<'_> {
        let version = self.version.load(Ordering::Relaxed);
        debug_assert!(version.is_multiple_of(2), "a block has one writer, and it does not nest writes");
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        Write { block: self, version }
    }

    /// A consistent copy of all cells.
    pub(super) fn read(&self) -> Vec<u64> {
        let mut copy = vec![0; self.cells.len()];
        while !self.try_read(&mut copy) {
            std::hint::spin_loop();
        }
        copy
    }

    /// The same of the first `N` cells, without an allocation.
    pub(super) fn copy<const N: usize>(&self) -> [u64; N] {
        let mut copy = [0; N];
        while !self.try_read(&mut copy) {
            std::hint::spin_loop();
        }
        copy
    }

    /// Copies the cells, as many as there is room for; false when a write came between and the copy is worthless.
    fn try_read(&self, copy: &mut [u64]) -> bool {
        let Some(version) = self.begin_read() else { return false };
        for (to, cell) in copy.iter_mut().zip(&self.cells) {
            *to = cell.load(Ordering::Relaxed);
        }
        self.is_unchanged(version)
    }

    /// The version before a copy; `None` during a write.
    fn begin_read(&self) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        version.is_multiple_of(2).then_some(version)
    }

    /// True when no write has begun since [`Block::begin_read`] gave `version`: the cells loaded between are of one moment.
    fn is_unchanged(&self, version: u64) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }
}

/// A write in progress. Reading through it needs no care: this thread is the only writer.
pub(super) struct Write<'a> {
    block: &'a Block,
    version: u64,
}

impl Write<'_> {
    /// The cell's value.
    pub(super) fn get(&self, cell: usize) -> u64 {
        self.block.cells[cell].load(Ordering::Relaxed)
    }

    /// Replaces the cell.
    pub(super) fn set(&self, cell: usize, value: u64) {
        self.block.cells[cell].store(value, Ordering::Relaxed);
    }

    /// Adds to the cell; a load and a store, as nobody else writes.
    pub(super) fn add(&self, cell: usize, more: u64) {
        self.set(cell, self.get(cell).wrapping_add(more));
    }

    /// Takes from the cell. False, and the cell left at zero, when it held less.
    pub(super) fn take(&self, cell: usize, less: u64) -> bool {
        let held = self.get(cell);
        self.set(cell, held.saturating_sub(less));
        held >= less
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.block.version.store(self.version + 2, Ordering::Release);
    }
}

/// A block with further cells in parts, which are allocated when they are first needed: one version for all, so that a copy is of
/// one moment too. What is shown above holds for any cell that is written within a [`Write`] and read between its versions,
/// wherever it lies; a part that a reader does not see yet has not been written to in what it reads.
#[derive(Debug)]
pub(super) struct Parted {
    block: Block,
    parts: Box<[OnceLock<Box<[AtomicU64]>>]>,
    part_len: usize,
}

/// A consistent copy of a [`Parted`] block.
#[derive(Debug, Clone)]
pub(super) struct PartedCells {
    /// The cells of the block itself, then those of each part that there is.
    pub(super) cells: Vec<u64>,
    /// Which parts these are, ascending.
    pub(super) parts: Vec<usize>,
}

impl Parted {
    /// A block of `len` zero cells, which may have so many parts of `part_len` cells.
    pub(super) fn new(len: usize, parts: usize, part_len: usize) -> Self {
        Self { block: Block::new(len), parts: (0..parts).map(|_| OnceLock::new()).collect(), part_len }
    }

    /// As [`Block::write`].
    pub(super) fn write(&self) -> Write<'_> {
        self.block.write()
    }

    /// The part is there from now on, at zero.
    pub(super) fn part(&self, part: usize) -> Part<'_> {
        Part(self.parts[part].get_or_init(|| (0..self.part_len).map(|_| AtomicU64::new(0)).collect()))
    }

    /// A consistent copy of all cells.
    pub(super) fn read(&self) -> PartedCells {
        let room = self.block.cells.len() + self.part_len;
        let mut copy = PartedCells { cells: Vec::with_capacity(room), parts: Vec::with_capacity(1) };
        while !self.try_read(&mut copy) {
            std::hint::spin_loop();
        }
        copy
    }

    fn try_read(&self, copy: &mut PartedCells) -> bool {
        let Some(version) = self.block.begin_read() else { return false };
        copy.cells.clear();
        copy.parts.clear();
        let load =
            |cells: &[AtomicU64], to: &mut Vec<u64>| to.extend(cells.iter().map(|cell| cell.load(Ordering::Relaxed)));
        load(&self.block.cells, &mut copy.cells);
        for (number, part) in self.parts.iter().enumerate() {
            if let Some(part) = part.get() {
                copy.parts.push(number);
                load(part, &mut copy.cells);
            }
        }
        self.block.is_unchanged(version)
    }
}

/// The cells of one part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a>(&'a [AtomicU64]);

impl Part<'_> {
    /// Adds to the cell, within a write of the block that it is a part of.
    pub(super) fn add(self, _within: &Write<'_>, cell: usize, more: u64) {
        let cell = &self.0[cell];
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn copies_of_a_block_and_its_parts_are_of_one_moment_while_parts_come() {
        const PARTS: usize = 40;
        const ROUNDS: u64 = 20_000;
        let block = Arc::new(Parted::new(1, PARTS, 3));
        let writer = std::thread::spawn({
            let block = Arc::clone(&block);
            move || {
                for round in 0..ROUNDS {
                    let write = block.write();
                    write.add(0, 1);
                    block.part(round as usize % PARTS).add(&write, 2, 1);
                }
            }
        });
        let mut last = 0;
        while last < ROUNDS {
            let copy = block.read();
            let (own, parts) = copy.cells.split_at(1);
            assert_eq!(parts.len(), copy.parts.len() * 3);
            assert_eq!(own[0], parts.iter().sum::<u64>(), "torn copy: {copy:?}");
            last = own[0];
        }
        writer.join().unwrap();
        assert_eq!(block.read().parts.len(), PARTS);
    }

    #[test]
    fn every_copy_taken_while_a_thread_writes_is_of_one_moment() {
        const CELLS: usize = 64;
        const ROUNDS: u64 = 50_000;
        let block = Arc::new(Block::new(CELLS));
        let writer = std::thread::spawn({
            let block = Arc::clone(&block);
            move || {
                for _ in 0..ROUNDS {
                    let write = block.write();
                    (0..CELLS).for_each(|cell| write.add(cell, 1));
                }
            }
        });
        let mut last = 0;
        while last < ROUNDS {
            let copy = block.read();
            assert!(copy.iter().all(|cell| *cell == copy[0]), "torn copy: {copy:?}");
            assert!(copy[0] >= last, "copies never go back");
            last = copy[0];
        }
        writer.join().unwrap();
    }

    #[test]
    fn a_write_that_begins_or_ends_while_cells_are_copied_spoils_the_copy() {
        let block = Block::new(1);
        let version = block.begin_read().unwrap();
        assert!(block.is_unchanged(version));
        let write = block.write();
        assert!(!block.is_unchanged(version));
        drop(write);
        assert!(!block.is_unchanged(version));
        assert!(block.is_unchanged(block.begin_read().unwrap()));
    }

    #[test]
    fn a_copy_during_a_write_is_refused_and_one_after_it_succeeds() {
        let block = Block::new(2);
        let write = block.write();
        write.add(0, 5);
        assert!(!block.try_read(&mut [0; 2]));
        assert!(!write.take(1, 1), "taking from an empty cell is told");
        drop(write);
        let mut copy = [0; 2];
        assert!(block.try_read(&mut copy));
        assert_eq!(copy, [5, 0]);
    }
}
