//! What the engine is told of queues and agents: the plan, made from the configuration, replaced whole by a reload.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::needs;
use crate::acd::requirement::Attributes;
use crate::acd::routing::{Members, Membership, PenaltyStep, Routing, Skill};
use crate::base::{AgentId, PeerId, QueueId};

/// Everything configured that routing depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Queues in the order of their ids.
    pub queues: Vec<QueuePlan>,
    /// Agents in the order of their ids.
    pub agents: Vec<AgentPlan>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePlan {
    /// Its id; stable over reloads.
    pub id: QueueId,
    /// Its name.
    pub name: Arc<str>,
    /// The name of a row of the strategy table.
    pub strategy: &'static str,
    /// Most callers waiting; `None` is unlimited. At the bound a new caller flows out as full.
    pub waiting_max: Option<u32>,
    /// Longest wait before a caller flows out; `None` is for ever.
    pub wait_max: Option<Duration>,
    /// How long a device may ring.
    pub ring_timeout: Duration,
    /// An agent's time after a talk.
    pub wrap_up: Duration,
    /// The service-level threshold T; a wait of exactly T is in.
    pub threshold: Duration,
    /// An abandon within this is short.
    pub short_abandon: Duration,
    /// Closed queues take nobody.
    pub open: bool,
    /// In which order callers are served, and by whom from when on.
    pub routing: Routing,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPlan {
    /// Its id; stable over reloads.
    pub id: AgentId,
    /// Its name, usually the extension.
    pub name: Arc<str>,
    /// The skills it has.
    pub skills: Vec<Skill>,
    /// The terms on which it belongs to queues. It serves those that are open to its skills without any.
    pub memberships: Vec<Membership>,
    /// The neighbour its device is reached by.
    pub peer: PeerId,
    /// The state at the start of the node.
    pub initial: AgentState,
    /// How long an automatic not-ready lasts.
    pub return_after: Duration,
    /// The pause after busy, failed or never-rang.
    pub busy_pause: Duration,
}

impl QueuePlan {
    /// True when the agent may take callers of the queue who bring no attributes, in some step.
    pub fn accepts(&self, agent: &AgentPlan) -> bool {
        let is_member = match self.routing.members {
            Members::Skilled => true,
            Members::Listed => agent.memberships.iter().any(|membership| membership.queue == self.id),
        };
        if !is_member {
            return false;
        }
        let skills = needs::enabled(&agent.skills);
        needs::ladder(&self.routing, &Attributes::default()).iter().any(|needs| needs::met_by(needs, &skills))
    }

    /// True when the agent may take every caller of the queue from the first moment on, whatever the caller brings and however
    /// long it waits: no tier, delay, penalty or step ever keeps the agent out.
    pub fn always_accepts(&self, agent: &AgentPlan) -> bool {
        let terms = agent.memberships.iter().rfind(|membership| membership.queue == self.id);
        let is_early = terms.is_none_or(|terms| {
            let Membership { level, penalty, delay, .. } = *terms;
            let admits = |step: &PenaltyStep| (step.min..=step.max).contains(&penalty);
            delay.is_zero() && (level <= 1 || self.routing.tiers.is_none()) && self.routing.penalties.iter().all(admits)
        });
        let is_member = terms.is_some() || self.routing.members == Members::Skilled;
        let skills = needs::enabled(&agent.skills);
        let ladder = needs::ladder(&self.routing, &Attributes::default());
        is_member
            && is_early
            && !needs::asks_for_attributes(&self.routing)
            && ladder.iter().all(|needs| needs::met_by(needs, &skills))
    }
}

/// An agent's state; each second of an agent lies in exactly one (FEATURES G1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentState {
    /// Not at work.
    LoggedOut,
    /// At work, takes no calls.
    NotReady(Reason),
    /// Waits for a call.
    Ready,
    /// Wishes calls, but the neighbour that reaches the device is down.
    Unreachable,
    /// Reserved for a call; the device has not said that it rings.
    Reserved,
    /// The device rings.
    Ringing,
    /// Joined with a caller.
    Talking,
    /// After a talk.
    WrapUp,
}

impl AgentState {
    /// Every label value, in the order of the metric table.
    pub const LABELS: [&'static str; 8] =
        ["logged_out", "not_ready", "ready", "unreachable", "reserved", "ringing", "talking", "wrap_up"];

    /// The index into [`AgentState::LABELS`].
    pub const fn index(&self) -> usize {
        match self {
            Self::LoggedOut => 0,
            Self::NotReady(_) => 1,
            Self::Ready => 2,
            Self::Unreachable => 3,
            Self::Reserved => 4,
            Self::Ringing => 5,
            Self::Talking => 6,
            Self::WrapUp => 7,
        }
    }

    /// The label's value.
    pub const fn as_str(&self) -> &'static str {
        Self::LABELS[self.index()]
    }
}

/// Why an agent is not ready.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The device rang and nobody answered; ends by itself after `return_after`.
    NoAnswer,
    /// The agent declined; ends by itself after `return_after`.
    Rejected,
    /// The device said that it is busy; ends by itself after `busy_pause`.
    Busy,
    /// The device failed (404, 500 ...) or never said that it rings; ends by itself after `busy_pause`.
    Failed,
    /// The configured initial state.
    Initial,
    /// A reason given by the agent or a supervisor.
    Custom(Arc<str>),
}

impl Reason {
    /// The reason's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::Rejected => "rejected",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Initial => "initial",
            Self::Custom(text) => text,
        }
    }

    /// True when the engine set it and the engine will end it.
    pub const fn is_automatic(&self) -> bool {
        matches!(self, Self::NoAnswer | Self::Rejected | Self::Busy | Self::Failed)
    }
}
