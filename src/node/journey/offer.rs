//! Offering: an agent is rung for a waiting call. Whose fault a failure is, is decided here ("Decisions" 6 of FEATURES): no
//! provisional within 2 s, 408 and 503 are the peer's, never the agent's.

use std::time::Duration;

use crate::acd::{Command, OfferCause};
use crate::base::{AgentId, CallId, Instant, LegId};
use crate::call::{Failure, Invite};
use crate::config::MediaPolicy;
use crate::node::contact::{AgentLeg, Audio, Description, Phase};
use crate::node::ports::Holder;
use crate::node::shard::{Owner, Shard, Side, Timer};

/// An agent's leg must have a provisional by then.
const PROVISIONAL_WITHIN: Duration = Duration::from_secs(2);

impl Shard {
    pub(in crate::node) fn on_offer(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) {
        let Some(contact) = self.contact(call) else { return };
        if !matches!(contact.phase, Phase::Waiting) || contact.moving.is_some() {
            return self.fail_offer(call, agent, epoch, OfferCause::Withdrawn);
        }
        let peer = self.directory.agent(agent).peer;
        let Some(destination) = self.directory.peer(peer).address else {
            self.on_peer_fault(now, peer);
            return self.fail_offer(call, agent, epoch, OfferCause::PeerFault);
        };
        // Only after a reload that adds agents to a node whose ports are taken: the agent rests, the call waits.
        let Some((sdp, audio)) = self.describe_agent(call) else {
            return self.fail_offer(call, agent, epoch, OfferCause::Failed);
        };
        let Some(contact) = self.contacts.get(call.0) else { return };
        let hops = contact.hops;
        let identity = contact.caller.name_addr(self.legs.host());
        let queue = self.directory.queue(contact.queue).name.clone();
        let id = call.to_string();
        let uri = self.directory.agent(agent).uri.clone();
        let leg = self.legs.invite(
            now,
            &Invite {
                uri: uri.as_bytes(),
                destination,
                from: &identity,
                headers: &[
                    ("P-Asserted-Identity", &identity),
                    ("X-Strowger-Queue", queue.as_bytes()),
                    ("X-Strowger-Call", id.as_bytes()),
                ],
                sdp: Some(&sdp),
                hops: u32::from(hops),
            },
        );
        self.owners.insert(leg, Owner::Agent(call));
        let silence = Some(self.timers.arm(now + PROVISIONAL_WITHIN, Timer::Silence(leg)));
        if let Some(contact) = self.contact(call) {
            contact.phase = Phase::Offering(AgentLeg { agent, peer, epoch, leg, audio, rang: false, silence });
        }
        self.adopt_stream(call, Side::Agent);
    }

    /// The engine takes the offer back: the leg is given up, the agent is free when it is gone.
    pub(in crate::node) fn on_cancel_offer(&mut self, now: Instant, call: CallId, agent: AgentId, epoch: u32) {
        if let Some(taken) = self.take_offer(call, agent, epoch) {
            return self.release_offer(now, taken);
        }
        if self.undo_talk(now, call, agent, epoch) {
            return;
        }
        // The caller went first and the leg is being given up, or its failure is already on the way to the engine.
        if self.releasing.get(&agent) != Some(&epoch) {
            self.commands.push_back(Command::OfferReleased { agent, epoch });
        }
    }

    /// Gives the agent's leg up; the engine hears when it is gone.
    pub(in crate::node) fn release_offer(&mut self, now: Instant, offer: AgentLeg) {
        if let Some(timer) = offer.silence {
            self.timers.cancel(timer);
        }
        self.close_audio(offer.audio, Holder::Agent);
        self.owners.insert(offer.leg, Owner::Released(offer.agent, offer.epoch));
        self.releasing.insert(offer.agent, offer.epoch);
        self.legs.hang_up(now, offer.leg);
    }

    pub(in crate::node) fn on_progress(&mut self, now: Instant, leg: LegId, status: u16, forwarded: bool) {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return };
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        let Phase::Offering(offer) = &mut contact.phase else { return };
        if let Some(timer) = offer.silence.take() {
            self.timers.cancel(timer);
        }
        let (agent, epoch) = (offer.agent, offer.epoch);
        if forwarded {
            let _ = self.take_offer(call, agent, epoch);
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
            return self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::Declined });
        }
        if matches!(status, 180 | 183) && !std::mem::replace(&mut offer.rang, true) {
            self.commands.push_back(Command::OfferRinging { call, agent, epoch });
        }
    }

    pub(in crate::node) fn on_offer_failed(&mut self, now: Instant, call: CallId, leg: LegId, failure: Failure) {
        let Some(offer) = self.contact(call).and_then(|contact| contact.agent()).filter(|offer| offer.leg == leg)
        else {
            return;
        };
        let (agent, peer, epoch) = (offer.agent, offer.peer, offer.epoch);
        let _ = self.take_offer(call, agent, epoch);
        let cause = match failure {
            Failure::Timeout | Failure::Status(408 | 503) => {
                self.on_peer_fault(now, peer);
                OfferCause::PeerFault
            }
            Failure::Status(486 | 600) => OfferCause::Busy,
            Failure::Status(300..=399 | 603) => OfferCause::Declined,
            Failure::Status(401 | 407) => {
                self.on_challenge(peer);
                OfferCause::Failed
            }
            Failure::Status(_) | Failure::Left | Failure::Released => OfferCause::Failed,
        };
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
    }

    /// 2 s without a provisional: the leg is given up, the agent is not at fault.
    pub(in crate::node) fn on_no_provisional(&mut self, now: Instant, leg: LegId) {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return };
        let Some(contact) = self.contact(call) else { return };
        let Phase::Offering(offer) = &mut contact.phase else { return };
        offer.silence = None;
        let (agent, peer, epoch) = (offer.agent, offer.peer, offer.epoch);
        let _ = self.take_offer(call, agent, epoch);
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.on_peer_fault(now, peer);
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::PeerFault });
    }

    /// Takes the agent's side off a contact that is being offered; it waits on. Its audio is closed.
    pub(in crate::node) fn take_offer(&mut self, call: CallId, agent: AgentId, epoch: u32) -> Option<AgentLeg> {
        let contact = self.contact(call)?;
        let current = matches!(&contact.phase, Phase::Offering(offer) if offer.agent == agent && offer.epoch == epoch);
        if !current {
            return None;
        }
        let Phase::Offering(mut offer) = std::mem::replace(&mut contact.phase, Phase::Waiting) else { return None };
        if let Some(timer) = offer.silence.take() {
            self.timers.cancel(timer);
        }
        self.close_audio(std::mem::replace(&mut offer.audio, Audio::Pending(None)), Holder::Agent);
        Some(offer)
    }

    /// What the agent's INVITE offers, and the audio behind it; `None` when there is no port left.
    fn describe_agent(&mut self, call: CallId) -> Option<(Box<[u8]>, Audio)> {
        match self.contact(call)?.media {
            MediaPolicy::None => {
                let ours = self.described_offer(call)?;
                Some((ours.clone(), Audio::Described(Box::new(Description { ours, theirs: None }))))
            }
            MediaPolicy::Anchor => {
                let codecs = self.codecs_for_agent(call);
                let worker = self.contact(call)?.worker;
                let mut stream = self.open_stream(worker, Holder::Agent)?;
                let sdp = self.offer_of(&mut stream, &codecs);
                Some((sdp, Audio::Stream(Box::new(stream))))
            }
        }
    }

    fn fail_offer(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) {
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
    }
}
