//! Taking every guard of a map, as a thread that was stopped amid its work might hold them.

use std::hash::Hash;

use dashmap::DashMap;

/// Keys tried: enough to meet each shard of a map, of which there are four a core.
pub(in crate::stats) const KEYS: u64 = 8_192;

/// A guard, whatever it guards.
pub(in crate::stats) type Guard<'a> = Box<dyn Held + 'a>;

/// Anything that is released when it goes out of scope.
pub(in crate::stats) trait Held {}

impl<T> Held for T {}

/// The write guards of all shards that the keys lie in. A key whose shard is held already is passed over.
pub(in crate::stats) fn all<'a, K: Eq + Hash, V>(
    map: &'a DashMap<K, V>,
    keys: impl IntoIterator<Item = K>,
) -> Vec<Guard<'a>> {
    let entries = keys.into_iter().filter_map(|key| map.try_entry(key));
    entries.map(|entry| Box::new(entry) as Guard<'a>).collect()
}
