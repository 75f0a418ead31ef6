//! How many metric series there may be: caps on what the outside names. What comes beyond a cap counts in [`OTHER`].

use crate::acd::Dimension;

/// The value that stands for all beyond a cap.
pub const OTHER: &str = "other";

/// How many values have figures of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesMax {
    /// Of each dimension, in the order of [`Dimension::ALL`].
    pub values: [usize; Dimension::ALL.len()],
    /// Agents, where they have series of their own.
    pub agents: usize,
}

impl Default for SeriesMax {
    /// 200 groups of numbers, 100 campaigns, 500 regions (China has 340 prefectures), 100 trunks, 1,000 agents.
    fn default() -> Self {
        Self { values: [200, 100, 500, 100], agents: 1_000 }
    }
}
