//! The words of the form for the engine's enumerations. Each list is complete: a variant without its word does not build.

use crate::acd::{
    AgentState, Direction, EndedBy, FlowOut, LostCause, OfferCause, QueueState, Reason, Refusal, Repair, ReserveMode,
    TransferFailure, TransferKind,
};

/// An enumeration whose values are words.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Every value with its word.
    const WORDS: &'static [(Self, &'static str)];
    /// The words, as the page of the schema shows them.
    const SHOWN: &'static str;

    /// The value's word.
    fn word(self) -> &'static str;

    /// The value of a word.
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
    }
}

macro_rules! words {
    ($type:ident { $first:ident = $first_word:literal $(, $variant:ident = $word:literal)* $(,)? }) => {
        impl Word for $type {
            const WORDS: &'static [(Self, &'static str)] =
                &[(Self::$first, $first_word) $(, (Self::$variant, $word))*];
            const SHOWN: &'static str = concat!("`", $first_word, "`" $(, " `", $word, "`")*);

            fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words!(FlowOut {
    Full = "full",
    Closed = "closed",
    Timeout = "timeout",
    Draining = "draining",
    EngineRestart = "engine_restart",
    Overload = "overload",
    Withdrawn = "withdrawn",
    Requeued = "requeued",
    Unanswered = "unanswered",
    OffersMax = "offers_max",
    Emergency = "emergency",
    System = "system",
    Fax = "fax",
});

words!(LostCause {
    CallerShort = "caller_short",
    TrunkFault = "trunk_fault",
    CallerWhileRinging = "caller_while_ringing",
    CallerInPrompt = "caller_in_prompt",
    AgentRejected = "agent_rejected",
    AgentNoAnswer = "agent_no_answer",
    NoAgentOnDuty = "no_agent_on_duty",
    AllAgentsNotReady = "all_agents_notready",
    CallerInQueue = "caller_in_queue",
    QueueFull = "queue_full",
    Timeout = "timeout",
    Draining = "draining",
    EngineRestart = "engine_restart",
    Overload = "overload",
    Withdrawn = "withdrawn",
    Unanswered = "unanswered",
    OffersMax = "offers_max",
    System = "system",
});

words!(QueueState { Open = "open", Closed = "closed", Emergency = "emergency" });

words!(ReserveMode { Auto = "auto", On = "on", Off = "off" });

words!(Refusal {
    UnknownNumber = "unknown_number",
    Closed = "closed",
    Untrusted = "untrusted",
    Unusable = "unusable",
    Draining = "draining",
    Overload = "overload",
    Emergency = "emergency",
    Fax = "fax",
});

words!(OfferCause {
    Answered = "answered",
    Declined = "declined",
    Busy = "busy",
    NoAnswer = "no_answer",
    NeverRang = "never_rang",
    PeerFault = "peer_fault",
    Absent = "absent",
    Failed = "failed",
    CallerGone = "caller_gone",
    Withdrawn = "withdrawn",
    Rescinded = "rescinded",
    AgentGone = "agent_gone",
});

words!(EndedBy { Caller = "caller", Agent = "agent", Supervisor = "supervisor", System = "system", Transfer = "transfer" });

words!(Repair {
    Release = "release",
    Offer = "offer",
    Talk = "talk",
    GhostCall = "ghost_call",
    OrphanCall = "orphan_call",
    OrphanLeg = "orphan_leg",
});

words!(TransferKind { Blind = "blind", Consult = "consult" });

words!(TransferFailure {
    Unavailable = "unavailable",
    NotTaken = "not_taken",
    Unreachable = "unreachable",
    FlowedOut = "flowed_out",
    CallerGone = "caller_gone",
    Withdrawn = "withdrawn",
});

words!(Direction { In = "in", Out = "out", Internal = "internal" });

/// The states that are a word and nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    LoggedOut,
    Ready,
    Unreachable,
    Reserved,
    Ringing,
    Talking,
    Hold,
    Consult,
    WrapUp,
}

words!(Plain {
    LoggedOut = "logged_out",
    Ready = "ready",
    Unreachable = "unreachable",
    Reserved = "reserved",
    Ringing = "ringing",
    Talking = "talking",
    Hold = "hold",
    Consult = "consult",
    WrapUp = "wrap_up",
});

impl Plain {
    /// The state of this name.
    pub(super) const fn state(self) -> AgentState {
        match self {
            Self::LoggedOut => AgentState::LoggedOut,
            Self::Ready => AgentState::Ready,
            Self::Unreachable => AgentState::Unreachable,
            Self::Reserved => AgentState::Reserved,
            Self::Ringing => AgentState::Ringing,
            Self::Talking => AgentState::Talking,
            Self::Hold => AgentState::Hold,
            Self::Consult => AgentState::Consult,
            Self::WrapUp => AgentState::WrapUp,
        }
    }
}

/// The reasons of not ready that the engine gives itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    NoAnswer,
    Rejected,
    Busy,
    Failed,
    Initial,
}

words!(Own { NoAnswer = "no-answer", Rejected = "rejected", Busy = "busy", Failed = "failed", Initial = "initial" });

impl Own {
    /// The reason of this name.
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::NoAnswer => Reason::NoAnswer,
            Self::Rejected => Reason::Rejected,
            Self::Busy => Reason::Busy,
            Self::Failed => Reason::Failed,
            Self::Initial => Reason::Initial,
        }
    }
}
