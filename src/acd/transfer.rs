//! Transfers and consultations as the facts tell of them: who hands a caller to whom, and how far that is. Plain data: the
//! calls are another's matter, the engine only tells and counts.

use std::sync::Arc;

use crate::base::{AgentId, CallId, Pii, QueueId};

/// Whom a caller is handed to, or asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An agent, by name: rung without a queue.
    Agent(AgentId),
    /// Whoever takes the call from a queue, in which it keeps the time and priority that it has.
    Queue(QueueId),
    /// A number outside, by way of the configured neighbour; personal.
    Number(Pii<Arc<str>>),
}

impl Target {
    /// Every label, in the order of the metric table.
    pub const LABELS: [&'static str; 3] = ["agent", "queue", "number"];

    /// The index into [`Target::LABELS`].
    pub const fn index(&self) -> usize {
        match self {
            Self::Agent(_) => 0,
            Self::Queue(_) => 1,
            Self::Number(_) => 2,
        }
    }

    /// The label's value.
    pub const fn as_str(&self) -> &'static str {
        Self::LABELS[self.index()]
    }
}

/// How a caller is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferKind {
    /// At once; the agent leaves before the target is reached.
    Blind,
    /// The agent asks the target first, while the caller holds.
    Consult,
}

impl TransferKind {
    /// Every kind, in the order of the metric table.
    pub const ALL: [Self; 2] = [Self::Blind, Self::Consult];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Consult => "consult",
        }
    }
}

/// A step of a transfer. The first is [`TransferStep::Begun`]; exactly one ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferStep {
    /// It begins; by whom through the control plane, or (`None`) by the agent's own keys or phone.
    Begun(Option<Arc<str>>),
    /// The target has answered, and talks with the agent who consults.
    Answered,
    /// It ends: the caller is the target's.
    Completed,
    /// It ends: the agent is back with the caller, by its own or the target's wish.
    Cancelled,
    /// It ends: the target was not reached, or the caller has gone.
    Failed(TransferFailure),
}

impl TransferStep {
    /// How it ended, if this ends it.
    pub const fn outcome(&self) -> Option<TransferOutcome> {
        match self {
            Self::Begun(_) | Self::Answered => None,
            Self::Completed => Some(TransferOutcome::Completed),
            Self::Cancelled => Some(TransferOutcome::Cancelled),
            Self::Failed(_) => Some(TransferOutcome::Failed),
        }
    }
}

/// How a transfer ended, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferOutcome {
    /// The caller is the target's.
    Completed,
    /// The agent is back with the caller.
    Cancelled,
    /// The target was not reached, or the caller has gone.
    Failed,
}

impl TransferOutcome {
    /// Every outcome, in the order of the metric table.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Cancelled, Self::Failed];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Why a target was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferFailure {
    /// The agent was not ready when it was to be rung.
    Unavailable,
    /// It was rung, and did not take the call; an agent's offer says why.
    NotTaken,
    /// The neighbour does not answer, or there is no way there.
    Unreachable,
    /// The call left the target's queue without an agent.
    FlowedOut,
    /// The caller hung up.
    CallerGone,
    /// A supervisor ended the call or moved it, or the node did.
    Withdrawn,
}

impl TransferFailure {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::NotTaken => "not_taken",
            Self::Unreachable => "unreachable",
            Self::FlowedOut => "flowed_out",
            Self::CallerGone => "caller_gone",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A step of one transfer, told by whoever carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The call.
    pub call: CallId,
    /// The queue that the caller was answered from.
    pub queue: QueueId,
    /// Who hands the caller on.
    pub agent: AgentId,
    /// How.
    pub kind: TransferKind,
    /// To whom.
    pub target: Target,
    /// How far it is.
    pub step: TransferStep,
}
