//! `longest-idle`: the call goes to the agent whose last talk ended the longest ago. Never to be confused with the longest
//! in state Ready: a break or an unreachable device costs nobody the turn.

use crate::acd::strategy::row::{History, Ring, Strategy, Varies};
use crate::base::Instant;

/// The row.
pub(super) static LONGEST_IDLE: Strategy = Strategy {
    name: "longest-idle",
    docs: "The agent whose last talk ended the longest ago, or who has waited the longest since logging in.",
    varies: Varies::OnOwnEvents,
    ring: Ring::One,
    key,
};

fn key(history: &History) -> u64 {
    history.idle_since.unwrap_or(Instant::FAR).as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_been_idle_longer_goes_first_and_who_never_was_goes_last() {
        let idle = |micros| key(&History { idle_since: Some(Instant::from_micros(micros)) });
        assert!(idle(10) < idle(20));
        assert!(idle(20) < key(&History::default()));
    }
}
