//! What a caller wants of the agents: whom it prefers, who says so, and whether that is still to be.

use std::sync::Arc;

use crate::acd::Preference;
use crate::base::AgentId;

/// Whom a caller prefers, and what that follows from in another queue.
#[derive(Debug)]
pub(super) struct Wishes {
    /// Hardly anybody has any.
    held: Option<Box<Held>>,
    /// It has talked with an agent.
    has_talked: bool,
}

#[derive(Debug, Default)]
struct Held {
    /// Whom it is to be offered to first, until it talks.
    preferred: Option<Preference>,
    /// A supervisor has said so.
    by_word: bool,
    named: Named,
}

/// The agents whom header fields of a caller's INVITE name, by the fields' names.
pub(super) type Named = Vec<(Arc<str>, AgentId)>;

impl Wishes {
    /// Of a caller who has just come.
    pub(super) fn new(preferred: Option<Preference>, named: Named) -> Self {
        let has_some = preferred.is_some() || !named.is_empty();
        let held = has_some.then(|| Box::new(Held { preferred, by_word: false, named }));
        Self { held, has_talked: false }
    }

    /// Whom it is to be offered to first.
    pub(super) fn preferred(&self) -> Option<Preference> {
        self.held.as_ref()?.preferred
    }

    /// A supervisor says whom it prefers, or that it prefers nobody.
    pub(super) fn set(&mut self, preferred: Option<Preference>) {
        self.prefer(preferred, preferred.is_some());
    }

    /// It talks. Who is put back into a queue after a talk is not to meet the same agent by a preference.
    pub(super) fn talks(&mut self) {
        self.prefer(None, false);
        self.has_talked = true;
    }

    /// Whom it prefers from now on, and whether a supervisor says so.
    pub(super) fn prefer(&mut self, preferred: Option<Preference>, by_word: bool) {
        if preferred.is_some() || self.held.is_some() {
            let held = self.held.get_or_insert_default();
            (held.preferred, held.by_word) = (preferred, by_word);
        }
    }

    /// The agents whom its INVITE names.
    pub(super) fn named(&self) -> &[(Arc<str>, AgentId)] {
        self.held.as_ref().map_or(&[], |held| &held.named)
    }

    /// A supervisor has said whom.
    pub(super) fn is_by_word(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.by_word)
    }

    /// It has talked with an agent.
    pub(super) const fn has_talked(&self) -> bool {
        self.has_talked
    }
}
