//! [`Nonces`]: nonces that prove by themselves who made them and when, so that a challenge keeps no state; and a bounded
//! memory of those that credentials have been accepted for, so that none is accepted twice (RFC 7616 3.3, 5.4).

use std::collections::BTreeMap;
use std::time::Duration;

use super::proof::keyed;
use crate::base::digits::{hexadecimal, padded_hex};
use crate::base::secret::same;
use crate::base::{Instant, Rng, limits};

/// So long after it was made a nonce is stale: longer than a phone needs to answer, short enough to make theft useless soon.
pub(super) const LIFE: Duration = Duration::from_secs(300);
/// The low bits of a nonce's number count within a millisecond.
const COUNT_BITS: u32 = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Nonces {
    key: [u8; 32],
    /// The number of the last one; the high bits are its time in milliseconds.
    last: u64,
    /// By their numbers, those that are in use.
    used: BTreeMap<u64, Uses>,
    /// Below it nothing is remembered any more, and nothing accepted.
    floor: u64,
}

/// Which counts of a nonce have been seen.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    /// The largest.
    highest: u32,
    /// Bit n: `highest - n`.
    seen: u64,
}

impl Nonces {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut key = [0; 32];
        key.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&rng.u64().to_le_bytes()));
        Self { key, last: 0, used: BTreeMap::new(), floor: 0 }
    }

    /// Another nonce: thirty-two digits.
    pub(super) fn make(&mut self, now: Instant) -> [u8; 32] {
        self.last = (self.last + 1).max(number_at(now));
        let number = padded_hex(self.last);
        let mut nonce = [0; 32];
        nonce[..16].copy_from_slice(&number);
        nonce[16..].copy_from_slice(&padded_hex(keyed(&self.key, &number)));
        nonce
    }

    /// Whether credentials made with this nonce and count are good now; if so they are not a second time.
    pub(super) fn accept(&mut self, now: Instant, nonce: &[u8], count: u32) -> bool {
        let Some(number) = self.number_of(nonce) else { return false };
        let oldest = number_at(now).saturating_sub(number_of_millis(LIFE.as_millis() as u64));
        while let Some(entry) = self.used.first_entry() {
            if *entry.key() >= oldest {
                break;
            }
            entry.remove();
        }
        if number < self.floor.max(oldest) || number > self.last {
            return false;
        }
        if !self.used.contains_key(&number) && self.used.len() >= limits::NONCES_MAX {
            // Whoever has the oldest is asked once more.
            if let Some((gone, _)) = self.used.pop_first() {
                self.floor = self.floor.max(gone + 1);
            }
            if number < self.floor {
                return false;
            }
        }
        self.used.entry(number).or_default().take(count)
    }

    /// Nonces remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.used.len()
    }

    /// The number of a nonce of ours.
    fn number_of(&self, nonce: &[u8]) -> Option<u64> {
        let (number, proof) = nonce.split_at_checked(16).filter(|(_, proof)| proof.len() == 16)?;
        same(proof, &padded_hex(keyed(&self.key, number))).then(|| hexadecimal(number)).flatten()
    }
}

impl Uses {
    /// True for a count not seen before; one that is 64 or more behind the largest counts as seen.
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(self.highest - count) else { return false };
        let fresh = count > 0 && self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

/// The first number of a moment.
fn number_at(now: Instant) -> u64 {
    number_of_millis(now.since(Instant::ZERO).as_millis() as u64)
}

const fn number_of_millis(millis: u64) -> u64 {
    millis << COUNT_BITS
}
