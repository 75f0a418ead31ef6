//! What the admission gate leaves without an answer, by kind: refusals that a flood has made silent, and what finds no room.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a message was left without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// A call refused in an overload; each repeat of its INVITE counts again.
    Call,
    /// A stranger's request beyond the rate that is looked at.
    Stranger,
    /// A stranger's message that claims to belong to a call, beyond the rate that is looked at.
    Claim,
    /// A message that found its line full.
    Full,
}

impl Silence {
    /// Every kind, in the order of the metric table.
    pub const ALL: [Self; 4] = [Self::Call, Self::Stranger, Self::Claim, Self::Full];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Stranger => "stranger",
            Self::Claim => "claim",
            Self::Full => "full",
        }
    }
}

/// Messages left without an answer, in the order of [`Silence::ALL`].
pub type Silent = [u64; Silence::ALL.len()];

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
