//! [`Index`]: the only kind of ordered set that decisions use. It offers what costs O(log n), and names what costs more, so
//! that no decision can come to walk callers or agents unseen. Tests count its operations.

use std::collections::BTreeSet;
use std::ops::Range;

/// An ordered set without a cheap-looking walk.
#[derive(Debug)]
pub(super) struct Index<T>(BTreeSet<T>);

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<T: Ord + Copy> Index<T> {
    pub(super) fn insert(&mut self, entry: T) {
        count(1);
        self.0.insert(entry);
    }

    /// True when it was there.
    pub(super) fn remove(&mut self, entry: &T) -> bool {
        count(1);
        self.0.remove(entry)
    }

    pub(super) fn first(&self) -> Option<T> {
        count(1);
        self.0.first().copied()
    }

    /// The first entry that is not before `from`.
    pub(super) fn first_from(&self, from: T) -> Option<T> {
        count(1);
        self.0.range(from..).next().copied()
    }

    pub(super) fn contains(&self, entry: &T) -> bool {
        count(1);
        self.0.contains(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries are before this one; costs as many steps.
    pub(super) fn rank(&self, entry: &T) -> usize {
        let rank = self.0.range(..entry).count();
        count(rank);
        rank
    }

    /// The entries in the range; costs as many steps.
    pub(super) fn between(&self, range: Range<T>) -> impl Iterator<Item = T> {
        self.0.range(range).inspect(|_| count(1)).copied()
    }

    /// Every entry; costs as many steps.
    pub(super) fn walk(&self) -> impl Iterator<Item = &T> {
        self.0.iter().inspect(|_| count(1))
    }
}

impl<T: Ord> FromIterator<T> for Index<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
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
