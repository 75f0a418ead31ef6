//! `longest-idle`: the call goes to the agent whose last talk ended the longest ago. Never to be confused with the longest
//! in state Ready: a break or an unreachable device costs nobody the turn.

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: the moment the agent became idle.
pub(super) static LONGEST_IDLE: Strategy = Strategy {
    name: "longest-idle",
    docs: "The agent whose last talk ended the longest ago, or who has waited the longest since logging in.",
    choice: Choice::Least(|agent| [agent.history.idle_key(), 0]),
    key: [Measure::IdleSince, Measure::Nothing],
    ring: Ring::One,
};
