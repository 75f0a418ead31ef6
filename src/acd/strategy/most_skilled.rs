//! `most-skilled`: the call goes to the agent who is best at what the queue asks for (UCCX "most skilled").

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: the weighted sum of levels, the highest first; then the longest idle.
pub(super) static MOST_SKILLED: Strategy = Strategy {
    name: "most-skilled",
    docs: "The agent with the highest weighted sum of levels in the skills that the queue asks for.",
    choice: Choice::Least(|agent| [u64::from(u32::MAX - agent.skill), agent.history.idle_key()]),
    key: [Measure::LevelsBelow, Measure::IdleSince],
    ring: Ring::One,
};
