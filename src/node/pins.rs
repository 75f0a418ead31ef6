//! [`Pins`]: wrong PINs of agents, so that none is found by trying. Each shard counts those keyed in on its calls and is told of
//! the others', so that many calls at once are no more tries than one: only what is on its way between shards comes on top.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{AgentId, IdMap, Instant};

/// Wrong PINs of one agent in a row, over all calls.
const WRONG_MAX: u8 = 5;
/// For how long its PIN is good for nothing then.
const LOCKED: Duration = Duration::from_secs(300);

/// See the module. At most one entry for each agent.
#[derive(Debug, Default)]
pub(super) struct Pins {
    wrong: IdMap<AgentId, Wrong>,
    /// What the other shards do not know yet.
    pub(super) untold: VecDeque<(AgentId, Guess)>,
}

/// What was keyed in for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    Right,
    Wrong,
}

/// Wrong PINs in a row, and when the last one came.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    times: u8,
    last: Instant,
}

impl Pins {
    /// Whether an agent's PIN is good for nothing.
    pub(super) fn is_locked(&self, now: Instant, agent: AgentId) -> bool {
        self.times(now, agent) >= WRONG_MAX
    }

    /// Notes what was keyed in; true when that locks the PIN.
    pub(super) fn note(&mut self, now: Instant, agent: AgentId, guess: Guess) -> bool {
        match guess {
            Guess::Right => {
                self.wrong.remove(&agent);
                false
            }
            Guess::Wrong => {
                let times = self.times(now, agent).saturating_add(1);
                self.wrong.insert(agent, Wrong { times, last: now });
                times == WRONG_MAX
            }
        }
    }

    fn times(&self, now: Instant, agent: AgentId) -> u8 {
        self.wrong.get(&agent).filter(|wrong| now.since(wrong.last) < LOCKED).map_or(0, |wrong| wrong.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_lock_a_pin_for_five_minutes() {
        let mut pins = Pins::default();
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let agent = AgentId(1);
        for turn in 1..=4 {
            assert!(!pins.note(at(turn), agent, Guess::Wrong));
        }
        pins.note(at(5), agent, Guess::Right);
        for turn in 6..=9 {
            assert!(!pins.note(at(turn), agent, Guess::Wrong) && !pins.is_locked(at(turn), agent), "anew");
        }
        assert!(pins.note(at(10), agent, Guess::Wrong) && pins.is_locked(at(10), agent));
        assert!(!pins.is_locked(at(10), AgentId(2)) && pins.is_locked(at(309), agent));
        assert!(!pins.is_locked(at(310), agent) && !pins.note(at(310), agent, Guess::Wrong), "one of a new row");
    }
}
