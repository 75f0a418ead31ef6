//! `round-robin-ordered`: as `round-robin`, in the configured order (Asterisk `rrordered`).

use crate::acd::strategy::row::{Choice, Circle, Measure, Ring, Strategy};

/// The row. The circle goes by position, then by id.
pub(super) static ROUND_ROBIN_ORDERED: Strategy = Strategy {
    name: "round-robin-ordered",
    docs: "The next agent, in the configured order, after the one who answered the last call of the queue.",
    choice: Choice::InTurn(Circle::Configured),
    key: [Measure::Nothing; 2],
    ring: Ring::One,
};
