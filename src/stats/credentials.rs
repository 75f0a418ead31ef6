//! Requests whose credentials were not good, by what they were for and by what was wrong. No label tells whose they were.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::acd::{Proving, Unproven, Unprovens};

/// Their sums since the start. Every signalling thread adds, anybody reads.
#[derive(Debug, Default)]
pub struct AuthFailures([[AtomicU64; Unproven::ALL.len()]; Proving::ALL.len()]);

impl AuthFailures {
    /// Adds more.
    pub fn add(&self, more: &Unprovens) {
        for (sums, more) in self.0.iter().zip(more) {
            for (sum, more) in sums.iter().zip(more).filter(|(_, more)| **more > 0) {
                sum.fetch_add(*more, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn read(&self) -> Unprovens {
        std::array::from_fn(|of| std::array::from_fn(|why| self.0[of][why].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_counted_by_itself() {
        assert!(Proving::ALL.iter().enumerate().all(|(place, of)| *of as usize == place));
        assert!(Unproven::ALL.iter().enumerate().all(|(place, why)| *why as usize == place));
        let failures = AuthFailures::default();
        let mut more = Unprovens::default();
        more[Proving::Peer as usize][Unproven::Stale as usize] = 3;
        failures.add(&more);
        failures.add(&more);
        assert_eq!(failures.read(), [[0; 4], [0, 6, 0, 0]]);
    }
}
