//! [`Unreadable`]: why a line cannot be read, and what is read at all.

/// The version of the form. 2: the words `stale` of a device, `fax` of a queue that was left. 3: `absent` of an offer.
pub const VERSION: u64 = 3;
/// Longest line that is read: the longest facts hold a name and a supervisor's words, some hundred bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not read at all.
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Cut off, or none of ours.
    #[error("no object of JSON: {0}")]
    NoObject(String),
    /// A later program wrote it, or none.
    #[error("version {0}; this program reads versions 1 to {VERSION}")]
    UnknownVersion(u64),
    /// A kind that this version does not have.
    #[error("unknown kind `{}`", .0.escape_debug())]
    UnknownKind(String),
    /// A word that this version does not have.
    #[error("unknown word `{}` in `{field}`", word.escape_debug())]
    UnknownWord {
        /// Where.
        field: String,
        /// What stands there.
        word: String,
    },
    /// A field that every line of the kind has.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A field of another type.
    #[error("`{field}` is not {expected}")]
    Wrong {
        /// Which.
        field: String,
        /// What is written there.
        expected: String,
    },
}
