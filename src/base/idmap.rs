//! [`IdMap`]: a hash map for keys that we mint ourselves (counters, slots). Its hash mixes one integer and has no secret, so it
//! must never be keyed by what the outside chooses. It has no order: never iterate it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map keyed by ids of our own making.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Multiplies by the golden ratio and folds the 128 bits, so that generations and shard numbers in the high bits of an id reach
/// the low bits, which choose the bucket. The same in every run.
#[derive(Debug, Default, Clone, Copy)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let wide = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (wide as u64) ^ (wide >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash as _;

    use super::*;
    use crate::base::{CallId, LegId};

    #[test]
    fn the_same_count_on_another_shard_hashes_to_other_low_bits() {
        let low = |id: CallId| {
            let mut hasher = IdHasher::default();
            id.hash(&mut hasher);
            hasher.finish() & 0xFFFF
        };
        assert_ne!(low(CallId(5)), low(CallId(1 << 56 | 5)));
    }

    #[test]
    fn ids_are_found_again() {
        let mut map = IdMap::default();
        for n in 0..1000 {
            map.insert(LegId(n << 32), n);
        }
        assert!((0..1000).all(|n| map.get(&LegId(n << 32)) == Some(&n)));
        assert_eq!(map.remove(&LegId(1)), None);
    }
}
