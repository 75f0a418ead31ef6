//! `ring-best`: as `ring-all`, among the agents of the best tier and penalty alone, as Asterisk's `ringall` does. In the order of
//! `longest-idle`.

use crate::acd::strategy::longest_idle::LONGEST_IDLE;
use crate::acd::strategy::row::{Ring, Strategy};

/// The row.
pub(super) static RING_BEST: Strategy = Strategy {
    name: "ring-best",
    docs: "At once every eligible agent of the lowest tier and penalty that has anybody ready, also those of it, or of lower \
           ones, who become ready while others ring; the first answer wins. Higher ones when nobody rings any more.",
    choice: LONGEST_IDLE.choice,
    key: LONGEST_IDLE.key,
    ring: Ring::Best,
};
