//! [`Table`] and [`IdMap`]: look-up by id in constant time with a fixed hash, so that no run depends on ambient randomness.
//! A map is never walked; a table keeps its ids in order for those who must visit every row.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A map keyed by an id of ours. The ids are counted by us, so that nobody outside can choose colliding ones.
pub(super) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Rows by id, and the ids in order.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: IdMap<K, V>,
    ids: BTreeSet<K>,
}

impl<K: Copy + Ord + Hash, V> Table<K, V> {
    pub(super) fn new() -> Self {
        Self { rows: IdMap::default(), ids: BTreeSet::new() }
    }

    pub(super) fn get(&self, id: K) -> Option<&V> {
        self.rows.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.rows.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: K, row: V) {
        self.ids.insert(id);
        self.rows.insert(id, row);
    }

    pub(super) fn remove(&mut self, id: K) -> Option<V> {
        self.ids.remove(&id);
        self.rows.remove(&id)
    }

    /// Every id in order; a copy, so that rows may change meanwhile.
    pub(super) fn ids(&self) -> Vec<K> {
        self.ids.iter().copied().collect()
    }

    /// Every row in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.ids.iter().filter_map(|&id| Some((id, self.rows.get(&id)?)))
    }
}

/// Multiplies by the golden ratio and folds the 128 bits: the top byte of a call's id is its shard, and must reach the low
/// bits, which choose the bucket.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        self.write_u64(u64::from(id));
    }

    fn write_u64(&mut self, id: u64) {
        let wide = u128::from(self.0 ^ id) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (wide as u64) ^ (wide >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CallId;

    #[test]
    fn rows_come_in_the_order_of_their_ids() {
        let mut table = Table::new();
        for id in [CallId(7), CallId(1 << 56), CallId(2)] {
            table.insert(id, id.0);
        }
        assert_eq!(table.ids(), [CallId(2), CallId(7), CallId(1 << 56)]);
        assert_eq!(table.remove(CallId(7)), Some(7));
        assert_eq!(table.iter().map(|(_, &row)| row).collect::<Vec<_>>(), [2, 1 << 56]);
    }

    #[test]
    fn the_same_count_on_another_shard_hashes_to_other_low_bits() {
        let low = |id: CallId| {
            let mut hasher = IdHasher::default();
            id.hash(&mut hasher);
            hasher.finish() & 0xFFFF
        };
        assert_ne!(low(CallId(5)), low(CallId(1 << 56 | 5)));
    }
}
