//! `least-occupied`: the call goes to the agent with the lowest occupancy over a window that fades with a time constant, the
//! plan's `occupancy_window`: talk and wrap-up are busy, everything else is not. Idle agents fade alike, so that their
//! order stands still while they wait.

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: the faded part of busy time, projected to a common moment; then the longest idle.
pub(super) static LEAST_OCCUPIED: Strategy = Strategy {
    name: "least-occupied",
    docs: "The agent who was busy with calls for the smallest part of `occupancy_window` (half an hour), the latest counting most.",
    choice: Choice::Least(|agent| [agent.history.load_key(), agent.history.idle_key()]),
    key: [Measure::Load, Measure::IdleSince],
    ring: Ring::One,
};
