//! REFER from a phone: an agent hands its caller on by the phone's own key. Whom it names is looked up as what an agent keys in
//! is: another agent, a queue, or a number that `[transfer]` allows; the host that it names is never called. Nobody but the
//! agent who talks may ask: not the caller, not a number outside, not an agent who is rung or consulted. `attended` says what
//! a REFER that names another dialog comes to.

use crate::acd::{TransferFailure, TransferKind, TransferStep};
use crate::base::{CallId, Instant, LegId};
use crate::call::Refer;
use crate::node::shard::{Owner, Shard};

impl Shard {
    /// A phone asks for a call to be handed on.
    pub(in crate::node) fn on_refer(&mut self, now: Instant, leg: LegId, refer: Refer) {
        if refer.replaces().is_some() {
            return self.on_attended(now, leg, refer);
        }
        let Some(call) = self.talking_on(leg) else {
            tracing::info!("a REFER that is not an agent's who talks is refused");
            return self.legs.refuse_refer(now, &refer, 403);
        };
        let Some(target) = self.directory.target_of_keys(refer.to()) else {
            tracing::info!(%call, "a REFER to no agent, no queue and no number that may be called is refused");
            return self.legs.refuse_refer(now, &refer, 403);
        };
        if let Err(why) = self.may_transfer(call, TransferKind::Blind, &target) {
            tracing::info!(%call, %why, "what a REFER asks for cannot be done");
            return self.legs.refuse_refer(now, &refer, self.status_of_refusal(call));
        }
        self.legs.accept_refer(now, refer);
        self.hand_over(now, call, (TransferKind::Blind, target), None, Some(leg));
    }

    /// The call of the agent who talks on this leg.
    pub(super) fn talking_on(&self, leg: LegId) -> Option<CallId> {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return None };
        self.contacts.get(call.0).filter(|contact| contact.talking() == Some(leg)).map(|_| call)
    }

    /// Tells whoever asked by REFER for the transfer under way how far it is.
    pub(in crate::node) fn tell_referrer(&mut self, now: Instant, call: CallId, status: u16) {
        let handover = self.contacts.get(call.0).and_then(|contact| contact.handover.as_ref());
        if let Some(leg) = handover.and_then(|handover| handover.referrer) {
            self.legs.tell_referrer(now, leg, status);
        }
    }
}

/// What a step of a transfer is called in SIP, where it ends it.
pub(super) const fn status_of(step: &TransferStep) -> Option<u16> {
    match step {
        TransferStep::Begun(_) | TransferStep::Answered => None,
        TransferStep::Completed => Some(200),
        TransferStep::Cancelled => Some(487),
        TransferStep::Failed(why) => Some(match why {
            TransferFailure::Unavailable | TransferFailure::NotTaken | TransferFailure::FlowedOut => 480,
            TransferFailure::Unreachable => 503,
            TransferFailure::CallerGone | TransferFailure::Withdrawn => 487,
        }),
    }
}
