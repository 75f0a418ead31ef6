//! [`Unproven`]: why credentials of a SIP request were not good, beside [`crate::acd::Silence`]. No word of whose they were.

/// What credentials were for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proving {
    /// REGISTER: an agent's phone.
    Register,
    /// A request of a neighbour that must prove itself.
    Peer,
}

impl Proving {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Register, Self::Peer];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Peer => "peer",
        }
    }
}

/// Why credentials were not good. To have none yet is no failure: everybody is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// Wrong user or password, with a nonce that was sent to this source.
    Wrong,
    /// Made with a nonce that is too old, was used before, is not ours or was sent to another source.
    Stale,
    /// They cannot be read.
    Unreadable,
    /// They were not believed, good or not: too many wrong ones came before, for this account or from this source.
    Locked,
}

impl Unproven {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wrong, Self::Stale, Self::Unreadable, Self::Locked];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Stale => "stale",
            Self::Unreadable => "unreadable",
            Self::Locked => "locked",
        }
    }
}

/// How many, by what they were for and what was wrong.
pub type Unprovens = [[u64; Unproven::ALL.len()]; Proving::ALL.len()];
