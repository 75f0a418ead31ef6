//! What is known of each neighbour: whether it answers, and when it is asked next. Data only; `qualify` keeps it.

use crate::base::{Instant, PeerId, TimerKey};

/// What is known of each neighbour, by its id.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) states: Vec<Peer>,
}

/// One neighbour.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) up: bool,
    pub(super) timer: Option<TimerKey>,
    /// When it was last asked for those who rang, because it did not know a call.
    pub(super) asked: Instant,
    /// That it wants credentials has been said.
    pub(super) challenged: bool,
    /// That its own credentials are wrong has been said.
    pub(super) refused: bool,
}

/// An address of a neighbour that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// The neighbour that stands for it.
    pub(super) id: PeerId,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

impl Peers {
    /// True unless the neighbour is known to be down.
    pub(super) fn is_up(&self, id: PeerId) -> bool {
        self.states.get(id.0 as usize).is_none_or(|peer| peer.up)
    }
}
