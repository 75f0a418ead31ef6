//! `weighted-random`: each free agent draws a number below `1 + penalty` and the least wins (Asterisk `wrandom`:
//! `random % ((1 + penalty) * 1000)`, here without its steps of a thousandth).

use crate::acd::strategy::row::{Choice, Lots, Measure, Ring, Strategy};

/// The row. Drawn anew for every call.
pub(super) static WEIGHTED_RANDOM: Strategy = Strategy {
    name: "weighted-random",
    docs: "Any free agent; a higher penalty makes it less likely and is no border.",
    choice: Choice::Drawn(Lots::ByPenalty),
    key: [Measure::Penalty, Measure::Nothing],
    ring: Ring::One,
};
