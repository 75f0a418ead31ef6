//! TLS handshakes by how they end, and by who began.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a handshake ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The connection is there.
    Done,
    /// The far end speaks no TLS, or its certificate is not good, or ours is not to it.
    Failed,
    /// It took too long.
    Late,
    /// It was not begun: too many others are under way, or have been within the second.
    Refused,
}

impl Handshake {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Late, Self::Refused];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
}

/// Who began the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The far end.
    In,
    /// We.
    Out,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Their sums since the start, by direction and end.
pub(super) type Counts = [[u64; Handshake::ALL.len()]; Direction::ALL.len()];

/// See the module. One thread adds, anybody reads.
#[derive(Debug, Default)]
pub struct Handshakes([[AtomicU64; Handshake::ALL.len()]; Direction::ALL.len()]);

impl Handshakes {
    /// One more has ended so.
    pub fn count(&self, direction: Direction, handshake: Handshake) {
        self.0[direction as usize][handshake as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        std::array::from_fn(|way| std::array::from_fn(|end| self.0[way][end].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_by_itself() {
        assert!(Handshake::ALL.iter().enumerate().all(|(place, end)| *end as usize == place));
        assert!(Direction::ALL.iter().enumerate().all(|(place, way)| *way as usize == place));
        let handshakes = Handshakes::default();
        handshakes.count(Direction::Out, Handshake::Late);
        assert_eq!(handshakes.read(), [[0; 4], [0, 0, 1, 0]]);
    }
}
