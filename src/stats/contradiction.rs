//! What the fold of a fact may find wrong. Counted as a violation and logged; the figures are changed all the same, so that
//! a broken law shows in them.

/// A fact that cannot be true together with those before it: an internal bug, never the outside's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Contradiction {
    /// No plan ever named the queue.
    #[error("no such queue")]
    UnknownQueue,
    /// No plan named the agent, or it has gone.
    #[error("no such agent")]
    UnknownAgent,
    /// A visit ended though nobody was waiting.
    #[error("a visit ended though nobody waits")]
    NobodyWaits,
    /// The agent was in another state than the fact says it left.
    #[error("the agent was in another state")]
    OtherState,
}
