//! `least-skilled`: the call goes to the agent who is just good enough, so that the best stay free for who needs them (UCCX
//! "least skilled").

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: the weighted sum of levels; then the longest idle.
pub(super) static LEAST_SKILLED: Strategy = Strategy {
    name: "least-skilled",
    docs: "The agent with the lowest weighted sum of levels that still fits, so that the best stay free.",
    choice: Choice::Least(|agent| [u64::from(agent.skill), agent.history.idle_key()]),
    key: [Measure::Levels, Measure::IdleSince],
    ring: Ring::One,
};
