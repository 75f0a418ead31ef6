//! How callers are handed on.

use std::sync::Arc;
use std::time::Duration;

/// How long a number outside may ring, where nothing else is said.
pub(in crate::config) const RING_TIMEOUT: Duration = Duration::from_secs(30);

/// `[transfer]`: how callers are handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferConfig {
    /// `peer = "pbx"` with `uri`: where numbers outside are called. Without it they cannot be targets.
    pub outside: Option<OutsideConfig>,
    /// `ring_timeout = "30s"`: how long a number outside may ring.
    pub ring_timeout: Duration,
    /// `on_hang_up = "complete" | "requeue"`: what an agent means who hangs up amid a consultation. Default `complete`.
    pub on_hang_up: OnHangUp,
    /// `blind = "*3"`, `consult = "*2"`, `complete = "*4"`, `cancel = "*1"`. Default none: no key means anything.
    pub codes: Codes,
}

/// How numbers outside are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideConfig {
    /// The neighbour that the INVITE goes to.
    pub peer: Arc<str>,
    /// `uri = "sip:{number}@pbx.example"`: the Request-URI; default the neighbour's address.
    pub uri: String,
    /// `numbers = ["+4420", "0"]`: only numbers that begin so are called; default all.
    pub numbers: Vec<String>,
}

/// What becomes of the caller when the agent hangs up amid a consultation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHangUp {
    /// The caller is the target's, whether or not it has answered.
    Complete,
    /// The target is let go, the caller goes back into the queue and keeps its time.
    Requeue,
}

/// The keys that agents press during a talk. A target follows `blind` and `consult`, and `#` ends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    /// Hands the caller on at once.
    pub blind: Option<Arc<str>>,
    /// Consults the target first.
    pub consult: Option<Arc<str>>,
    /// The consulted target gets the caller.
    pub complete: Option<Arc<str>>,
    /// Back to the caller.
    pub cancel: Option<Arc<str>>,
}

impl Codes {
    /// True when agents' keys mean something.
    pub const fn is_on(&self) -> bool {
        self.blind.is_some() || self.consult.is_some()
    }
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self { outside: None, ring_timeout: RING_TIMEOUT, on_hang_up: OnHangUp::Complete, codes: Codes::default() }
    }
}
