//! `ring-all`: every eligible agent rings at once, also those who become ready meanwhile; the first answer wins. In the order
//! of `longest-idle`.

use crate::acd::strategy::longest_idle::LONGEST_IDLE;
use crate::acd::strategy::row::{Ring, Strategy};

/// The row.
pub(super) static RING_ALL: Strategy = Strategy {
    name: "ring-all",
    docs: "Every eligible agent at once, also those who become ready while others ring; the first answer wins.",
    choice: LONGEST_IDLE.choice,
    key: LONGEST_IDLE.key,
    ring: Ring::All,
};
