//! Why a visit was lost: exactly one cause for each visit that ended without an agent, three kinds of flow-out apart.
//!
//! A visit that left a closed queue, or one in an emergency, is untargeted ("Decisions" 2), and one that was requeued goes on in
//! another visit: neither is a loss. So for each queue `lost = abandoned + flowed out - closed - emergency - requeued`.

use crate::acd::{FlowOut, Refusal};

/// The cause of a lost visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LostCause {
    /// The caller hung up within the short-abandon limit, whatever happened meanwhile.
    CallerShort,
    /// The caller hung up while an agent rang.
    CallerWhileRinging,
    /// The caller hung up while waiting.
    CallerInQueue,
    /// The queue was full.
    QueueFull,
    /// The longest wait passed.
    Timeout,
    /// The node drained.
    Draining,
    /// The node had no room.
    Overload,
    /// A supervisor took the call out.
    Withdrawn,
    /// The call may not wait unanswered any longer.
    Unanswered,
    /// It was offered often enough, and nobody took it.
    OffersMax,
    /// The queue was removed, or an internal fault.
    System,
}

impl LostCause {
    /// Every cause, in the order of the metric table.
    pub const ALL: [Self; 11] = [
        Self::CallerShort,
        Self::CallerWhileRinging,
        Self::CallerInQueue,
        Self::QueueFull,
        Self::Timeout,
        Self::Draining,
        Self::Overload,
        Self::Withdrawn,
        Self::Unanswered,
        Self::OffersMax,
        Self::System,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallerShort => "caller_short",
            Self::CallerWhileRinging => "caller_while_ringing",
            Self::CallerInQueue => "caller_in_queue",
            Self::QueueFull => "queue_full",
            Self::Timeout => "timeout",
            Self::Draining => "draining",
            Self::Overload => "overload",
            Self::Withdrawn => "withdrawn",
            Self::Unanswered => "unanswered",
            Self::OffersMax => "offers_max",
            Self::System => "system",
        }
    }

    /// The loss that a refusal before any queue is; `None` for the untargeted ("Decisions" 2).
    pub const fn of_refusal(cause: Refusal) -> Option<Self> {
        match cause {
            Refusal::Draining => Some(Self::Draining),
            Refusal::Overload => Some(Self::Overload),
            Refusal::UnknownNumber | Refusal::Closed | Refusal::Emergency | Refusal::Untrusted | Refusal::Unusable => {
                None
            }
        }
    }

    /// The loss that a flow-out is; `None` for those that are no loss.
    pub const fn of_flow_out(reason: FlowOut) -> Option<Self> {
        match reason {
            FlowOut::Full => Some(Self::QueueFull),
            FlowOut::Timeout => Some(Self::Timeout),
            FlowOut::Draining => Some(Self::Draining),
            FlowOut::Overload => Some(Self::Overload),
            FlowOut::Withdrawn => Some(Self::Withdrawn),
            FlowOut::Unanswered => Some(Self::Unanswered),
            FlowOut::OffersMax => Some(Self::OffersMax),
            FlowOut::System => Some(Self::System),
            FlowOut::Closed | FlowOut::Emergency | FlowOut::Requeued => None,
        }
    }
}
