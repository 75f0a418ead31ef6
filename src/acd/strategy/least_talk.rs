//! `least-talk`: the call goes to the agent whose talks since logging in are the shortest in sum (mod_callcenter
//! `agent-with-least-talk-time`).

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: microseconds of finished talks; then the longest idle.
pub(super) static LEAST_TALK: Strategy = Strategy {
    name: "least-talk",
    docs: "The agent who has talked the least with callers since logging in, over all queues.",
    choice: Choice::Least(|agent| [agent.history.talk_us, agent.history.idle_key()]),
    key: [Measure::Talk, Measure::IdleSince],
    ring: Ring::One,
};
