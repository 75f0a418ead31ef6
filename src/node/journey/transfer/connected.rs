//! Transfers that the PBX carries out by itself: the agent's leg lives on, and only who is connected on it changes (a re-INVITE
//! or UPDATE with another identity). The agent who had the call is in wrap-up from that moment, and the caller talks with
//! somebody outside on the same leg, as after a transfer to a number. Where that is an agent of ours, its device is busy with
//! it until the call ends, and then is what its PBX says of it, if that says anything.
//!
//! Where the PBX tells nothing on the leg, the agent's device tells (`device_state` of the peer): once it has been idle for a
//! second while the talk goes on, the agent has no part in it. Then nobody knows who has.
//!
//! PBXs also repeat identities, or tell late how the agent is shown. What the leg's answer said, the agent's name and the user
//! of its URI are the agent itself, and so is the caller's own number, which some repeat: those change nothing. A neighbour
//! with `connected_line = "ignore"` is not listened to at all.

use std::sync::Arc;

use crate::acd::{Actor, Command, DeviceState, Direction, EndedBy, Target, TransferKind, TransferStep};
use crate::base::{AgentId, CallId, Instant, LegId, PeerId, Pii};
use crate::config::{ConnectedLine, MediaPolicy};
use crate::node::contact::{AgentLeg, Outside, Phase};
use crate::node::shard::{Owner, Shard};
use crate::sip::uri::Uri;

/// In place of a number that nobody tells.
const UNTOLD: &str = "unknown";
/// The longest number that is kept.
const NUMBER_BYTES_MAX: usize = 64;

impl Shard {
    /// The far end of a leg says who is connected there.
    pub(in crate::node) fn on_connected(&mut self, now: Instant, leg: LegId, identity: &[u8]) {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return };
        let Some(number) = number_of(identity) else { return };
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        let talks = contact.talking() == Some(leg);
        let Some(agent) = contact.agent_mut(leg) else { return };
        if !talks {
            agent.shown = Some(number.into());
            return;
        }
        let (id, peer, shown) = (agent.agent, agent.peer, agent.shown.as_deref() == Some(number.as_str()));
        let (callers, handed_on) = (contact.caller.number.expose() == &number, contact.handover.is_some());
        if shown
            || callers
            || self.is_own(id, &number)
            || self.directory.peer(peer).connected_line == ConnectedLine::Ignore
        {
            return;
        }
        if handed_on || !self.has_slot() {
            tracing::info!(%call, "another party on the agent's leg is passed over: the call is being handed on");
            return;
        }
        self.follow_transfer(now, call, (TransferKind::Blind, Some(&number)), None);
    }

    /// The device of the agent who talks is idle, by its PBX's word, and the leg lives on: whoever is there now is not told.
    pub(in crate::node) fn on_device_left(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let Phase::Talking { agent: talking, .. } = &contact.phase else { return };
        let is_same = talking.agent == agent && talking.epoch == epoch;
        if is_same && contact.handover.is_none() && self.has_slot() {
            self.follow_transfer(now, call, (TransferKind::Blind, None), None);
        }
    }

    /// True when the agent itself is called so.
    pub(in crate::node::journey) fn is_own(&self, agent: AgentId, number: &str) -> bool {
        let agent = self.directory.agent(agent);
        let user = || number_of(agent.uri.as_bytes());
        agent.name.eq_ignore_ascii_case(number) || user().is_some_and(|user| user.eq_ignore_ascii_case(number))
    }

    /// The agent's place is somebody else's: on its own leg, where the PBX has handed the caller on, or on one that replaces it.
    pub(in crate::node::journey) fn follow_transfer(
        &mut self,
        now: Instant,
        call: CallId,
        (kind, number): (TransferKind, Option<&str>),
        on: Option<(LegId, PeerId)>,
    ) {
        let other = number.and_then(|number| self.directory.agent_of_name(number));
        let Some(contact) = self.contact(call) else { return };
        let Phase::Talking { agent, .. } = std::mem::replace(&mut contact.phase, Phase::Arriving) else { return };
        let AgentLeg { agent: by, peer, epoch, leg, audio, .. } = agent;
        let (leg, peer) = on.unwrap_or((leg, peer));
        let number = Pii::new(Arc::from(number.unwrap_or(UNTOLD)));
        let told = (kind, Target::Number(number.clone()));
        let party = Outside { leg, peer, number, audio, ring: None, agent: other };
        contact.phase = Phase::Outside { party, since: now };
        contact.held = false;
        contact.keys = None;
        let (media, worker) = (contact.media, contact.worker);
        contact.lent = true;
        self.ports.enter(worker);
        if media == MediaPolicy::Anchor {
            self.ports.hand_on(worker);
        }
        self.owners.insert(leg, Owner::Outside(call));
        tracing::info!(%call, agent = %self.directory.agent(by).name, "somebody else has the caller");
        self.note(call, by, told.clone(), TransferStep::Begun(None));
        self.commands.push_back(Command::TalkEnded { call, agent: by, epoch, by: EndedBy::Transfer });
        self.note(call, by, told, TransferStep::Completed);
        self.mark_device(other, DeviceState::Busy(Direction::Internal));
    }

    /// The device of an agent who has such a call is busy; afterwards nobody has said what it is.
    pub(in crate::node::journey) fn mark_device(&mut self, agent: Option<AgentId>, device: DeviceState) {
        if let Some(agent) = agent {
            self.commands.push_back(Command::Device { agent, device, by: Actor::Engine });
        }
    }
}

/// The number or name in an identity; `None` where it shows none.
fn number_of(uri: &[u8]) -> Option<String> {
    let number = Uri::parse(uri).ok()?.number().into_owned();
    let number = String::from_utf8(number).ok()?;
    let is_shown =
        !number.is_empty() && !number.eq_ignore_ascii_case("anonymous") && !number.contains(char::is_control);
    (is_shown && number.len() <= NUMBER_BYTES_MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hides_shows_no_number() {
        let number = |uri: &str| number_of(uri.as_bytes());
        assert_eq!(number("sip:1005;x=y@pbx"), Some("1005".to_string()));
        assert_eq!(number("tel:+44201"), Some("+44201".to_string()));
        for hidden in ["sip:anonymous@anonymous.invalid", "sip:pbx.example", "sip:%00@h", "1005", ""] {
            assert_eq!(number(hidden), None, "{hidden}");
        }
        assert_eq!(number(&format!("sip:{}@h", "7".repeat(65))), None);
    }
}
