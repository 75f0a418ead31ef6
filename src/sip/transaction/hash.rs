//! SipHash-1-3 with a key drawn from the node's generator: tables filled by strangers need a hash they cannot predict, and
//! the standard library's keyed state draws its key from the operating system, which would differ between two runs.

use std::hash::{BuildHasher, Hasher};

use crate::base::Rng;

/// The secret of a stack's hashes: 128 bits.
#[derive(Debug, Clone, Copy)]
pub struct Secret(u64, u64);

impl Secret {
    /// Draws a secret.
    pub fn draw(rng: &mut Rng) -> Self {
        Self(rng.u64(), rng.u64())
    }

    /// The keyed hash of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl BuildHasher for Secret {
    type Hasher = Sip;

    fn build_hasher(&self) -> Sip {
        let Self(low, high) = *self;
        Sip([
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ])
    }
}

/// The state of one hash. Each `write` is padded by itself, so one write gives the published SipHash-1-3 of its bytes.
#[derive(Debug, Clone)]
pub struct Sip([u64; 4]);

impl Sip {
    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.0[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.0;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.0 = [a, b, c, d];
    }
}

impl Hasher for Sip {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.absorb(u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes")));
        }
        let tail = words.remainder().iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        self.absorb((bytes.len() as u64) << 56 | tail);
    }

    fn write_u64(&mut self, word: u64) {
        self.absorb(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.absorb(word as u64);
    }

    fn finish(&self) -> u64 {
        let mut last = self.clone();
        last.0[2] ^= 0xff;
        last.round();
        last.round();
        last.round();
        last.0.iter().fold(0, |mix, word| mix ^ word)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;

    #[test]
    fn one_write_gives_the_published_siphash_1_3() {
        let bytes: Vec<u8> = (0..64).collect();
        for length in 0..bytes.len() {
            // The standard library's default hasher is SipHash-1-3 with a key of zeros.
            let mut reference = DefaultHasher::new();
            reference.write(&bytes[..length]);
            assert_eq!(Secret(0, 0).digest(&bytes[..length]), reference.finish(), "{length} bytes");
        }
    }

    #[test]
    fn another_secret_gives_another_hash() {
        assert_ne!(Secret(1, 2).digest(b"z9hG4bK1"), Secret(1, 3).digest(b"z9hG4bK1"));
        assert_ne!(Secret(1, 2).digest(b"z9hG4bK1"), Secret(1, 2).digest(b"z9hG4bK2"));
    }
}
