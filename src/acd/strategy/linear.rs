//! `linear`: every call begins at the top of the configured order (mod_callcenter `top-down`,
//! `sequentially-by-agent-order`; Asterisk `linear`, where who has just failed is paused and so passed over).

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: nothing but the position.
pub(super) static LINEAR: Strategy = Strategy {
    name: "linear",
    docs: "The first free agent in the configured order, each time from the top.",
    choice: Choice::Least(|_| [0, 0]),
    key: [Measure::Nothing; 2],
    ring: Ring::One,
};
