//! Which leg is to be replaced (RFC 3891 3): the one whose dialog somebody names, by Call-ID and both tags, and how it stands.
//! Our tag holds 64 bits that cannot be guessed: who knows it has been in the dialog, or was told by one who was.

use crate::base::LegId;
use crate::call::leg::State;
use crate::call::legs::{Legs, leg_of_tag};
use crate::sip::replaces::Replaces;

/// How a leg stands that is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegStanding {
    /// The far end calls, and is not answered.
    Incoming,
    /// We call, and are not answered.
    Calling,
    /// Answered.
    Talking,
    /// It ends, or is being given up.
    Over,
}

impl Legs {
    /// The leg of this dialog, and how it stands; `None` when it is none of ours.
    pub fn named(&self, dialog: &Replaces<'_>) -> Option<(LegId, LegStanding)> {
        let leg = self.legs.get(leg_of_tag(dialog.to_tag)?.0)?;
        if !leg.dialog.is_between(dialog.call_id, dialog.to_tag, dialog.from_tag) {
            return None;
        }
        let standing = match &leg.state {
            State::Incoming(_) => LegStanding::Incoming,
            State::Calling { .. } => LegStanding::Calling,
            State::Talking => LegStanding::Talking,
            State::Cancelling { .. } | State::Ending => LegStanding::Over,
        };
        Some((leg.id, standing))
    }
}
