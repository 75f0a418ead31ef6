//! `ring-progressively`: one agent rings, and one more each time the queue's step has passed; those who ring go on. In the
//! order of `longest-idle`.

use crate::acd::strategy::longest_idle::LONGEST_IDLE;
use crate::acd::strategy::row::{Ring, Strategy};

/// The row.
pub(super) static RING_PROGRESSIVELY: Strategy = Strategy {
    name: "ring-progressively",
    docs: "One agent, and one more after each step without an answer while the earlier go on ringing; the first answer wins.",
    choice: LONGEST_IDLE.choice,
    key: LONGEST_IDLE.key,
    ring: Ring::Progressively,
};
