//! One seeded cryptographic generator (ChaCha12) for a node: tags, branches, nonces and SSRCs must not be guessable, and the
//! same seed must give the same bytes. The shell seeds it from the operating system, the simulator from the world's seed.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded generator; see the module.
#[derive(Debug, Clone)]
pub struct Rng(ChaCha12Rng);

impl Rng {
    /// A generator from 32 bytes of entropy.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// A generator from a small seed, for simulated worlds and tests.
    pub fn from_u64(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    /// A generator of its own stream, drawn from this one.
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.bytes())
    }

    /// So many random bytes: a key.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Sixty-four random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Thirty-two random bits.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number below `bound` (0 when `bound` is 0); the bias of the multiplication is below 2^-32.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A fraction in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.fraction() < p
    }

    /// An exponentially distributed value of the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.fraction()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Rng::from_u64(7), Rng::from_u64(7));
        let one: Vec<u64> = (0..8).map(|_| a.u64()).collect();
        let two: Vec<u64> = (0..8).map(|_| b.u64()).collect();
        assert_eq!(one, two);
        assert!((0..1000).all(|_| a.below(10) < 10 && a.fraction() < 1.0));
        assert_ne!(a.fork().u64(), a.u64());
    }
}
