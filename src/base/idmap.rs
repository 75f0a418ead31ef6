//! [`IdMap`]: a hash map for keys that we mint ourselves (counters, slots). Its hash mixes one integer and has no secret, so it
//! must never be keyed by what the outside chooses. It has no order: never iterate it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map keyed by ids of our own making.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Mixes the integer an id consists of (Fibonacci hashing); the same in every run.
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
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LegId;

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
