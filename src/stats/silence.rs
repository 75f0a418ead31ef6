//! What the admission gate leaves without an answer, by kind: refusals that a flood has made silent, and what finds no room.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::acd::{Silence, Silent};

/// Their sums since the start. Every signalling thread adds, anybody reads.
#[derive(Debug, Default)]
pub struct Silences([AtomicU64; Silence::ALL.len()]);

impl Silences {
    /// Adds more.
    pub fn add(&self, more: Silent) {
        for (sum, more) in self.0.iter().zip(more).filter(|(_, more)| *more > 0) {
            sum.fetch_add(more, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Silent {
        std::array::from_fn(|kind| self.0[kind].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_s_number_is_its_place_in_its_list() {
        assert!(Silence::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }
}
