//! What supervisors do at run time: what they set of agents and queues, and what they do with a call. Data of commands, and of
//! the facts that tell of them.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::reserve::{ReserveMode, ReserveThresholds};
use crate::acd::routing::{Membership, QueueState, Skill};
use crate::base::QueueId;

/// A setting of an agent that lies over the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentSetting {
    /// The skill with its level, and whether it counts; one of level 0 is taken away.
    Skill(Skill),
    /// The terms on which it belongs to a queue; `None` takes it out, as if no membership had been configured.
    Membership(QueueId, Option<Membership>),
    /// Its penalty in a queue; its other terms stay, and a membership is made where there was none.
    Penalty(QueueId, u32),
    /// What has been set is taken back: the plan holds again.
    Defaults(Laid),
}

/// What of an agent has been set at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Laid {
    /// Everything.
    All,
    /// The skill of this name.
    Skill(Arc<str>),
    /// The terms on which it belongs to the queue.
    Membership(QueueId),
}

/// A setting of a queue that lies over the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueSetting {
    /// Whether it takes callers.
    State(QueueState),
    /// The name of a row of the strategy table.
    Strategy(&'static str),
    /// The service level's T; a wait of exactly T is in.
    Threshold(Duration),
    /// Its band: callers of a heavier queue go first.
    Weight(i32),
    /// The priority of callers who come from now on. The engine only tells of it: each caller brings its own.
    Priority(i32),
    /// The service level aimed at, in thousandths: what a queue must hold to lend its members.
    Target(u16),
    /// Who decides whether its reserve is in.
    Reserve(ReserveMode),
    /// When its reserve joins and leaves by itself.
    ReserveThresholds(ReserveThresholds),
    /// All that has been set is taken back: the plan holds again.
    Defaults,
}

/// What a supervisor does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervention {
    /// Ends it, whatever its phase.
    HangUp,
    /// Takes it out of its queue and ends it, before an agent talks.
    Withdraw,
    /// Puts it into this queue, which may be its own; it keeps its time.
    Requeue(QueueId),
}
