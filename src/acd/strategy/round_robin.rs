//! `round-robin`: turns go round and remember where they were (Asterisk `rrmemory`, mod_callcenter `round-robin`). An agent
//! who is busy when the turn comes by loses it.

use crate::acd::strategy::row::{Choice, Circle, Measure, Ring, Strategy};

/// The row. The circle goes by id, whatever the positions.
pub(super) static ROUND_ROBIN: Strategy = Strategy {
    name: "round-robin",
    docs: "The next agent, by id, after the one who answered the last call of the queue.",
    choice: Choice::InTurn(Circle::ById),
    key: [Measure::Nothing; 2],
    ring: Ring::One,
};
