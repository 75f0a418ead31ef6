//! [`SteadyMap`]: a hash map for entries that come and go for months. A common hash map that is more than half full takes twice
//! the room some day, when the marks that removed entries leave have filled the rest: memory that grows long after the
//! load has settled. This one takes that room when half of it is used, so that it follows the load and nothing else.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// See the module. It has no order and cannot be iterated.
#[derive(Debug)]
pub struct SteadyMap<K, V, S> {
    map: HashMap<K, V, S>,
    /// As many entries fill half of what the map can hold; always a power of two times [`LEAST`].
    half: usize,
}

/// Half of the entries of the smallest map: its table fills buckets that are a power of two to seven eighths.
const LEAST: usize = 7;

impl<K: Eq + Hash, V, S: BuildHasher> SteadyMap<K, V, S> {
    /// An empty map.
    pub fn with_hasher(hasher: S) -> Self {
        Self { map: HashMap::with_capacity_and_hasher(2 * LEAST, hasher), half: LEAST }
    }

    /// Puts an entry in; gives what it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.map.len() >= self.half {
            self.half *= 2;
            self.map.reserve(2 * self.half - self.map.len());
        }
        self.map.insert(key, value)
    }

    /// Takes an entry out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.map.remove(key)
    }

    /// The value of a key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.map.get(key)
    }

    /// Whether the key is there.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.map.contains_key(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn its_room_follows_from_the_most_that_it_held_and_not_from_how_many_came_and_went() {
        for held in [1, 6, 7, 50, 56, 57, 100, 111, 112] {
            let mut map = SteadyMap::with_hasher(RandomState::new());
            for n in 0..held {
                map.insert(n, ());
            }
            // What a map reports as its capacity lessens with marks of removed entries, and is whole again after a clean-up.
            let room = map.map.capacity();
            let mut most = room;
            for n in held..100_000 {
                map.remove(&(n - held));
                map.insert(n, ());
                most = most.max(map.map.capacity());
            }
            assert_eq!((map.len(), most), (held, room), "{held} held");
        }
    }

    #[test]
    fn a_common_map_grows_while_it_holds_no_more() {
        let held = 100;
        let mut map: HashMap<u32, ()> = (0..held).map(|n| (n, ())).collect();
        let room = map.capacity();
        let mut most = room;
        for n in held..100_000 {
            map.remove(&(n - held));
            map.insert(n, ());
            most = most.max(map.capacity());
        }
        assert!(most > room, "then this module is needed no more");
    }
}
