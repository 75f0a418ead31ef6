//! [`Silence`]: which messages the admission gate leaves without an answer, beside [`crate::acd::Refusal`], which is told.

/// Why a message was left without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// A call refused in an overload; each repeat of its INVITE counts again.
    Call,
    /// A stranger's request beyond the rate that is looked at.
    Stranger,
    /// A stranger's message that claims to belong to a call, beyond the rate that is looked at.
    Claim,
    /// A message that found its line full.
    Full,
    /// The answer to a stranger would have been more bytes than came from there.
    Answer,
}

impl Silence {
    /// Every kind, in the order of the metric table.
    pub const ALL: [Self; 5] = [Self::Call, Self::Stranger, Self::Claim, Self::Full, Self::Answer];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Stranger => "stranger",
            Self::Claim => "claim",
            Self::Full => "full",
            Self::Answer => "answer",
        }
    }
}

/// Messages left without an answer, in the order of [`Silence::ALL`].
pub type Silent = [u64; Silence::ALL.len()];
