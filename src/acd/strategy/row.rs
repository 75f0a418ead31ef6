//! What a routing strategy is: a row with a key. It never sees a queue or a call, and never chooses by itself.

use crate::base::Instant;

/// One strategy: the eligible agent with the least key gets the call; among equals, the least agent id.
#[derive(Debug)]
pub struct Strategy {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it does, in a sentence for the reference.
    pub docs: &'static str,
    /// When a key changes.
    pub varies: Varies,
    /// How many agents a waiting call rings at once.
    pub ring: Ring,
    /// The key of an agent, from what has happened to it.
    pub key: fn(&History) -> u64,
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

/// When the key of an agent changes: it says whether ready agents can be kept sorted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Varies {
    /// Only by events of that agent, and never while it waits for a call.
    OnOwnEvents,
    /// By the passing of time or by what happens to others.
    Freely,
}

/// What strategies may know of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Since when the agent has been without a call: the end of its last talk, or the moment it first wished calls after
    /// logging in.
    pub idle_since: Option<Instant>,
}
