//! Server transactions by their key, without hashing: a key is a running number with the place of the transaction in its
//! low bits, so a place may be used again while a key never is.

use super::event::ServerKey;

/// Bits of a key that say the place: more than limits::TRANSACTIONS_MAX needs. The running number has the other 40: enough
/// for 10,000 transactions a second during three years.
const PLACE_BITS: u32 = 24;

/// A table of `T` by [`ServerKey`].
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<(ServerKey, T)>>,
    free: Vec<u32>,
    issued: u64,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), issued: 0 }
    }

    /// Takes `value` in and names it.
    pub(super) fn insert(&mut self, value: T) -> ServerKey {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("the stack holds the slab below 2^24 entries")
        });
        debug_assert!(place < 1 << PLACE_BITS);
        self.issued += 1;
        let key = ServerKey(self.issued << PLACE_BITS | u64::from(place));
        self.places[place as usize] = Some((key, value));
        key
    }

    pub(super) fn get_mut(&mut self, key: ServerKey) -> Option<&mut T> {
        let (owner, value) = self.places.get_mut(place_of(key))?.as_mut()?;
        (*owner == key).then_some(value)
    }

    pub(super) fn remove(&mut self, key: ServerKey) -> Option<T> {
        let place = place_of(key);
        let (_, value) = self.places.get_mut(place)?.take_if(|(owner, _)| *owner == key)?;
        self.free.push(place as u32);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

fn place_of(key: ServerKey) -> usize {
    (key.0 & ((1 << PLACE_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_but_a_key_never_is() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        let c = slab.insert("c");
        assert_eq!(place_of(c), place_of(a));
        assert_ne!(c, a);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.get_mut(c), Some(&mut "c"));
        assert_eq!(slab.get_mut(b), Some(&mut "b"));
        assert_eq!(slab.len(), 2);
    }
}
