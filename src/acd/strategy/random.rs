//! `random`: one of the free agents, each with the same chance, from the engine's seeded generator.

use crate::acd::strategy::row::{Choice, Lots, Measure, Ring, Strategy};

/// The row. Drawn anew for every call.
pub(super) static RANDOM: Strategy = Strategy {
    name: "random",
    docs: "Any free agent, each with the same chance.",
    choice: Choice::Drawn(Lots::Even),
    key: [Measure::Nothing; 2],
    ring: Ring::One,
};
