//! Who was turned away in silence, for a while: a Bloom filter with one hash and two generations. In doubt it says yes.

use std::time::Duration;

use crate::base::Instant;

/// Bits of a generation: at 100,000 marks a second for [`LASTS`] one stranger in six is taken for a known one.
const BITS: u32 = 21;
/// A generation's time. T2, after which an INVITE is repeated at the latest (RFC 3261 17.1.1.2 doubles from T1; each repeat
/// renews its mark): a mark lasts between one and two generations.
const LASTS: Duration = Duration::from_secs(4);

/// See the module. Takes no memory until it is used.
#[derive(Debug)]
pub(super) struct Memory {
    recent: Vec<u64>,
    older: Vec<u64>,
    since: Instant,
}

impl Memory {
    pub(super) const fn new(now: Instant) -> Self {
        Self { recent: Vec::new(), older: Vec::new(), since: now }
    }

    /// Remembers a mark, whose bits are spread evenly.
    pub(super) fn add(&mut self, now: Instant, mark: u64) {
        self.age(now);
        if self.recent.is_empty() {
            self.recent.resize(1 << (BITS - 6), 0);
        }
        let (word, bit) = place(mark);
        self.recent[word] |= bit;
    }

    /// Whether the mark was added lately.
    pub(super) fn knows(&mut self, now: Instant, mark: u64) -> bool {
        self.age(now);
        let (word, bit) = place(mark);
        [&self.recent, &self.older].iter().any(|bits| bits.get(word).is_some_and(|bits| bits & bit != 0))
    }

    fn age(&mut self, now: Instant) {
        let passed = now.since(self.since);
        if passed < LASTS {
            return;
        }
        std::mem::swap(&mut self.recent, &mut self.older);
        self.recent.fill(0);
        if passed >= 2 * LASTS {
            self.older.fill(0);
        }
        self.since = now;
    }
}

fn place(mark: u64) -> (usize, u64) {
    let index = mark >> (64 - BITS);
    ((index >> 6) as usize, 1 << (index & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_lasts_for_one_to_two_generations() {
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let mut memory = Memory::new(at(0));
        assert!(!memory.knows(at(0), u64::MAX));
        memory.add(at(0), u64::MAX);
        assert!(memory.knows(at(3), u64::MAX) && !memory.knows(at(3), 0));
        assert!(memory.knows(at(7), u64::MAX));
        assert!(!memory.knows(at(11), u64::MAX));
        memory.add(at(11), 0);
        assert!(!memory.knows(at(30), 0), "long idle");
    }
}
