//! [`Nonces`]: nonces that prove by themselves who made them, when and for which source, so that a challenge keeps no state, and
//! whoever writes under another's address has none; and a bounded memory of those that credentials have been accepted for, so
//! that none is accepted twice (RFC 7616 3.3, 5.4).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::proof::keyed;
use crate::base::digits::{hexadecimal, padded_hex};
use crate::base::secret::same;
use crate::base::{Instant, Rng, limits, origin};

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

    /// Another nonce, for this source: thirty-two digits.
    pub(super) fn make(&mut self, now: Instant, source: IpAddr) -> [u8; 32] {
        self.last = (self.last + 1).max(number_at(now));
        let number = padded_hex(self.last);
        let mut nonce = [0; 32];
        nonce[..16].copy_from_slice(&number);
        nonce[16..].copy_from_slice(&self.proof_of(&number, source));
        nonce
    }

    /// Whether this nonce was made for this source, and not too long ago.
    pub(super) fn is_fresh(&self, now: Instant, source: IpAddr, nonce: &[u8]) -> bool {
        self.number_of(source, nonce).is_some_and(|number| (self.floor.max(oldest(now))..=self.last).contains(&number))
    }

    /// Whether credentials made with this nonce and count are good now; if so they are not a second time.
    pub(super) fn accept(&mut self, now: Instant, source: IpAddr, nonce: &[u8], count: u32) -> bool {
        let Some(number) = self.number_of(source, nonce) else { return false };
        let oldest = oldest(now);
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

    /// The number of a nonce of ours for this source.
    fn number_of(&self, source: IpAddr, nonce: &[u8]) -> Option<u64> {
        let (number, proof) = nonce.split_first_chunk::<16>().filter(|(_, proof)| proof.len() == 16)?;
        same(proof, &self.proof_of(number, source)).then(|| hexadecimal(number)).flatten()
    }

    fn proof_of(&self, number: &[u8; 16], source: IpAddr) -> [u8; 16] {
        let mut text = [0; 24];
        text[..16].copy_from_slice(number);
        text[16..].copy_from_slice(&origin(source).to_be_bytes());
        padded_hex(keyed(&self.key, &text))
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

/// The first number that is not too old.
fn oldest(now: Instant) -> u64 {
    number_at(now).saturating_sub(number_of_millis(LIFE.as_millis() as u64))
}

/// The first number of a moment.
fn number_at(now: Instant) -> u64 {
    number_of_millis(now.since(Instant::ZERO).as_millis() as u64)
}

const fn number_of_millis(millis: u64) -> u64 {
    millis << COUNT_BITS
}
