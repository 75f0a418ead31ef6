//! [`Table`]: look-up by id in constant time, and the ids in order for those who must visit every row.

use std::collections::BTreeSet;
use std::hash::Hash;

use crate::base::IdMap;

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

    /// The rows from an id on, in the order of the ids.
    pub(super) fn from(&self, id: K) -> impl Iterator<Item = (K, &V)> {
        self.ids.range(id..).filter_map(|&id| Some((id, self.rows.get(&id)?)))
    }

    /// Every row in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.ids.iter().filter_map(|&id| Some((id, self.rows.get(&id)?)))
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
}
