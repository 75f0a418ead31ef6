//! How visits, offers and talks end, as commands and facts tell it.

use crate::acd::refusal::Refusal;

/// How a caller who waited has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gone {
    /// The caller hung up.
    HungUp,
    /// The caller hung up while the queue's prompt was played.
    InPrompt,
    /// The leg was lost: our answer was never acknowledged, or a probe found nobody.
    Lost,
}

/// Why a visit ended without an answer and without the caller hanging up (FEATURES B5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowOut {
    /// `waiting_max` was reached when it came: 486.
    Full,
    /// The queue is closed: 480.
    Closed,
    /// The queue is in an emergency, which those who waited leave too: 480.
    Emergency,
    /// A fax machine calls, and the queue looks for that: 480, or a hang-up where it was answered.
    Fax,
    /// `wait_max` passed.
    Timeout,
    /// The node drains, and takes nobody any more: 503.
    Draining,
    /// The node ends: the drain's limit passed while it waited: 503.
    EngineRestart,
    /// The node has no room (ports, calls): 503.
    Overload,
    /// A supervisor hung up or withdrew it.
    Withdrawn,
    /// It goes on elsewhere: a supervisor moved it to another queue or put it back, or the agent who asked for it is back with
    /// the caller.
    Requeued,
    /// The unanswered limit (`unanswered_max`) passed.
    Unanswered,
    /// It was offered `offers_max` times and nobody took it.
    OffersMax,
    /// The queue was removed by a reload and its last caller was let go, or an internal fault.
    System,
}

impl FlowOut {
    /// Every reason, in the order of the metric table.
    pub const ALL: [Self; 13] = [
        Self::Full,
        Self::Closed,
        Self::Emergency,
        Self::Fax,
        Self::Timeout,
        Self::Draining,
        Self::EngineRestart,
        Self::Overload,
        Self::Withdrawn,
        Self::Requeued,
        Self::Unanswered,
        Self::OffersMax,
        Self::System,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Emergency => "emergency",
            Self::Fax => "fax",
            Self::Timeout => "timeout",
            Self::Draining => "draining",
            Self::EngineRestart => "engine_restart",
            Self::Overload => "overload",
            Self::Withdrawn => "withdrawn",
            Self::Requeued => "requeued",
            Self::Unanswered => "unanswered",
            Self::OffersMax => "offers_max",
            Self::System => "system",
        }
    }
}

impl FlowOut {
    /// The cause under which such a visit is untargeted ("Decisions" 2); `None` for all that is targeted.
    pub const fn untargeted(self) -> Option<Refusal> {
        match self {
            Self::Closed => Some(Refusal::Closed),
            Self::Emergency => Some(Refusal::Emergency),
            Self::Fax => Some(Refusal::Fax),
            Self::Full
            | Self::Timeout
            | Self::Draining
            | Self::EngineRestart
            | Self::Overload
            | Self::Withdrawn
            | Self::Requeued
            | Self::Unanswered
            | Self::OffersMax
            | Self::System => None,
        }
    }

    /// The labels of the untargeted reasons, as an alternative of a regular expression: `closed|emergency|fax`.
    pub fn untargeted_labels() -> String {
        let labels = Self::ALL.into_iter().filter(|reason| reason.untargeted().is_some()).map(Self::as_str);
        labels.collect::<Vec<_>>().join("|")
    }
}

/// How an offer ended, by cause; [`OfferCause::result`] says what that counts as (FEATURES F2, "Decisions" 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfferCause {
    /// The agent answered.
    Answered,
    /// 603, 403 after it rang where a PBX says that a person refused (Q.850 cause 21), or a forward (181, Diversion): the agent
    /// refused. Not ready with reason `rejected`.
    Declined,
    /// 486 or 600: busy. A short pause.
    Busy,
    /// The device rang and nobody answered in time. Not ready with reason `no-answer`.
    NoAnswer,
    /// The ring timeout passed though the device never said that it rang: nobody's fault, a short pause.
    NeverRang,
    /// No provisional within 2 s, 408 or 503: the peer's fault. The agent is unpunished.
    PeerFault,
    /// The PBX says that calls do not reach the device (404, 410, 484, 604; 480 before it rang; Q.850 cause 1, 3, 20 or 27). The
    /// agent is unreachable until the device shows life, or a call may be tried again.
    Absent,
    /// Another final answer (4xx, 5xx, 3xx, unusable SDP): a short pause.
    Failed,
    /// The caller hung up while the agent rang. The agent is unpunished.
    CallerGone,
    /// A supervisor or the node took the call out of the queue. The agent is unpunished.
    Withdrawn,
    /// Another agent who was rung for the same call answered first. The agent is unpunished.
    Rescinded,
    /// The agent was logged out or removed while ringing.
    AgentGone,
}

impl OfferCause {
    /// What the cause counts as.
    pub const fn result(self) -> OfferResult {
        match self {
            Self::Answered => OfferResult::Accepted,
            Self::Declined | Self::Busy => OfferResult::Rejected,
            Self::NoAnswer => OfferResult::TimedOut,
            Self::CallerGone | Self::Withdrawn | Self::AgentGone => OfferResult::Canceled,
            Self::Rescinded => OfferResult::Rescinded,
            Self::NeverRang | Self::PeerFault | Self::Absent | Self::Failed => OfferResult::Failed,
        }
    }
}

/// The metric's result of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfferResult {
    /// Answered.
    Accepted,
    /// Refused by the agent or busy.
    Rejected,
    /// Rang without an answer.
    TimedOut,
    /// Taken back because the call or the agent left.
    Canceled,
    /// Another agent won.
    Rescinded,
    /// The peer's or the network's fault, or an unusable answer.
    Failed,
}

impl OfferResult {
    /// Every result, in the order of the metric table.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Rejected, Self::TimedOut, Self::Canceled, Self::Rescinded, Self::Failed];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Canceled => "canceled",
            Self::Rescinded => "rescinded",
            Self::Failed => "failed",
        }
    }
}

/// Which side ended a talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndedBy {
    /// The caller hung up.
    Caller,
    /// The agent hung up.
    Agent,
    /// A supervisor ended or requeued it.
    Supervisor,
    /// The agent handed the caller on.
    Transfer,
    /// A peer is gone: no answer to a probe, a failed transaction, the drain's end.
    System,
}
