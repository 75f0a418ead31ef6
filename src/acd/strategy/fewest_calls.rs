//! `fewest-calls`: the call goes to the agent who has answered the fewest since logging in, whatever queue they came from
//! (Asterisk `fewestcalls`, mod_callcenter `agent-with-fewest-calls`).

use crate::acd::strategy::row::{Choice, Measure, Ring, Strategy};

/// The row. Key: calls answered; then the longest idle.
pub(super) static FEWEST_CALLS: Strategy = Strategy {
    name: "fewest-calls",
    docs: "The agent who has answered the fewest calls since logging in, over all queues.",
    choice: Choice::Least(|agent| [agent.history.calls, agent.history.idle_key()]),
    key: [Measure::Calls, Measure::IdleSince],
    ring: Ring::One,
};
