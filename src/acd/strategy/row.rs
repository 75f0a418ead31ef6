//! What a routing strategy is: a row that orders the agents who could take a call. It never sees a queue or a call, and
//! never chooses by itself.

use crate::base::Instant;

/// One strategy. Agents of a lower level come first, then those of a lower penalty; among those of one level and penalty the
/// strategy decides by [`Choice`], and what it leaves equal goes by the configured position, then by the agent's id.
#[derive(Debug)]
pub struct Strategy {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it does, in a sentence for the reference.
    pub docs: &'static str,
    /// How it chooses.
    pub choice: Choice,
    /// How many agents a waiting call rings at once.
    pub ring: Ring,
}

/// How a strategy chooses among agents of one level and penalty.
#[derive(Debug, Clone, Copy)]
pub enum Choice {
    /// The least key. A key changes only by events of its agent, and never while the agent waits for a call, so that ready
    /// agents are kept sorted by it; the second number breaks ties of the first.
    Least(fn(&Candidate<'_>) -> [u64; 2]),
    /// The next after the one who took the last call of the queue, in the order of position and id, or of id alone.
    InTurn(Circle),
    /// A draw, from the engine's own generator. With [`Lots::ByPenalty`] the penalty is no border but a handicap.
    Drawn(Lots),
}

/// The order in which turns go round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circle {
    /// By the configured position, then by id.
    Configured,
    /// By id, whatever the positions.
    ById,
}

/// What a draw weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lots {
    /// Everybody alike.
    Even,
    /// Each draws a number below `1 + penalty`; the least wins.
    ByPenalty,
}

/// How many agents a waiting call rings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// One; the next when the first has failed.
    One,
    /// Every eligible agent, also those who become ready while others ring; the first answer wins.
    All,
    /// One, and one more each time the queue's step has passed without an answer; those who ring go on.
    Progressively,
}

/// What a key may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What has happened to the agent.
    pub history: &'a History,
    /// The weighted sum of the agent's levels in the skills that the queue asks for.
    pub skill: u32,
}

/// What strategies may know of an agent's past.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct History {
    /// Since when the agent has been without a call: the end of its last talk, or the moment it first wished calls after
    /// logging in.
    pub idle_since: Option<Instant>,
}

impl History {
    /// The key of the longest idle: the tie-break of most strategies. Who never was idle comes last.
    pub fn idle_key(&self) -> u64 {
        self.idle_since.unwrap_or(Instant::FAR).as_micros()
    }
}
