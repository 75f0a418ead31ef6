//! [`Refusal`]: why a contact never came to a queue.

/// Why a contact was refused before any queue: untargeted, or lost without a visit ("Decisions" 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// 404: no queue has this number. Untargeted.
    UnknownNumber,
    /// 480: the queue is closed. Untargeted.
    Closed,
    /// 480: the queue is in an emergency. Untargeted.
    Emergency,
    /// A fax machine: known only once it waits, so that no call is refused for it. Untargeted.
    Fax,
    /// 403 or silence: the source is no trusted peer. Untargeted.
    Untrusted,
    /// 488 or 415: nothing in the caller's offer can be used. Untargeted.
    Unusable,
    /// 503: the node drains. Lost.
    Draining,
    /// 503: the node is full. Lost.
    Overload,
}

impl Refusal {
    /// Every refusal, in the order of the metric table.
    pub const ALL: [Self; 8] = [
        Self::UnknownNumber,
        Self::Closed,
        Self::Emergency,
        Self::Fax,
        Self::Untrusted,
        Self::Unusable,
        Self::Draining,
        Self::Overload,
    ];

    /// False for what is known only of a caller who waits: such a visit flows out, and no call is refused for it.
    pub const fn is_before_queue(self) -> bool {
        match self {
            Self::Fax => false,
            Self::UnknownNumber
            | Self::Closed
            | Self::Emergency
            | Self::Untrusted
            | Self::Unusable
            | Self::Draining
            | Self::Overload => true,
        }
    }

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknown_number",
            Self::Closed => "closed",
            Self::Emergency => "emergency",
            Self::Fax => "fax",
            Self::Untrusted => "untrusted",
            Self::Unusable => "unusable",
            Self::Draining => "draining",
            Self::Overload => "overload",
        }
    }
}
