//! Offering: an agent is rung for a waiting call. Whose fault a failure is, is decided here ("Decisions" 6 of FEATURES): no
//! provisional within 2 s, 408 and 503 are the peer's, never the agent's; that a device is not there is nobody's fault.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use smallvec::{SmallVec, smallvec};

use crate::acd::{Command, OfferCause};
use crate::base::{AgentId, CallId, Digits, Instant, LegId, PeerId};
use crate::call::{Failure, Invite, Why};
use crate::config::MediaPolicy;
use crate::node::contact::{AgentLeg, Audio, Contact, Description, Stage};
use crate::node::ladder::Whose;
use crate::node::phones::Registered;
use crate::node::ports::Holder;
use crate::node::shard::{Offered, Owner, Shard, Side, Timer};
use crate::sip::cause::is_absence;

/// An agent's leg must have a provisional by then.
const PROVISIONAL_WITHIN: Duration = Duration::from_secs(2);

impl Shard {
    pub(in crate::node) fn on_offer(&mut self, now: Instant, call: CallId, offered: Offered) {
        let agent = offered.agent;
        // The end of a call takes the offers of its queue back by itself.
        if self.contact(call).is_none() && !offered.by_name {
            return;
        }
        if !self.wishes(call, &offered) {
            return self.fail_offer(now, call, &offered, OfferCause::Withdrawn);
        }
        let peer = self.directory.agent(agent).peer;
        let Some(route) = self.route_to(peer) else {
            self.on_peer_fault(now, peer);
            return self.fail_offer(now, call, &offered, OfferCause::PeerFault);
        };
        // Only after a reload that adds agents to a node whose ports are taken: the agent rests, the call waits.
        if !self.ring(now, call, &offered, route) {
            self.fail_offer(now, call, &offered, OfferCause::Failed);
        }
    }

    /// Rings an agent by way of a neighbour; false when there is no port left.
    pub(in crate::node) fn ring(
        &mut self,
        now: Instant,
        call: CallId,
        &Offered { agent, epoch, queue, .. }: &Offered,
        (peer, destination): (PeerId, SocketAddr),
    ) -> bool {
        let Some((sdp, audio)) = self.describe_agent(call, peer, destination.ip()) else { return false };
        let Some(contact) = self.contacts.get(call.0) else { return false };
        let hops = contact.hops;
        let queue = self.directory.queue(queue);
        let device = self.directory.agent(agent);
        let registered = self.phones.get(peer).map(Arc::clone);
        let seconds = now.since(contact.joined).as_secs();
        let (id, wait) = (call.digits(), Digits::decimal(seconds));
        let identity = contact.caller.name_addr(self.legs.host());
        let titled = contact.caller.titled(self.legs.host(), &queue.config, seconds, call);
        let from = titled.as_ref().unwrap_or(&identity);
        let uri = self.directory.uri_by(device, peer);
        let answers = device.auto_answer.then(|| answer_by_yourself(self.legs.local(Some(destination.ip()))));
        let mut headers: PhoneHeaders<'_> = smallvec![
            ("P-Asserted-Identity", &identity[..]),
            ("X-Strowger-Queue", queue.name.as_bytes()),
            ("X-Strowger-Call", id.as_bytes()),
            ("X-Strowger-Wait", wait.as_bytes()),
        ];
        say_more(&mut headers, contact, answers.as_ref(), queue.config.alert_info.as_deref());
        let leg = self.legs.invite(
            now,
            &Invite {
                uri: registered.as_ref().map_or(uri.as_bytes(), |phone| &phone.uri),
                destination,
                from,
                headers: &headers,
                sdp: Some(&sdp),
                hops: u32::from(hops),
                behind_nat: registered.as_deref().map(Registered::door),
            },
        );
        drop(headers);
        self.owners.insert(leg, Owner::Agent(call));
        self.note_leg(leg, call, Whose::Agent(agent));
        let silence = Some(self.timers.arm(now + PROVISIONAL_WITHIN, Timer::Silence(leg)));
        if let Some(offers) = self.contact(call).and_then(|contact| contact.offers_mut()) {
            offers.push(AgentLeg {
                agent,
                peer,
                epoch,
                leg,
                audio,
                rang: false,
                shown: None,
                carried: None,
                stage: Stage::Calling(silence),
            });
        }
        self.adopt_stream(call, Side::Agent(leg));
        true
    }

    /// The engine takes the offer back: the leg is given up, the agent is free when it is gone.
    pub(in crate::node) fn on_cancel_offer(
        &mut self,
        now: Instant,
        call: CallId,
        agent: AgentId,
        epoch: u32,
        cause: OfferCause,
    ) {
        if let Some(taken) = self.take_offer_of(call, agent, epoch) {
            let why = if cause == OfferCause::Rescinded { Why::CompletedElsewhere } else { Why::Unsaid };
            self.release_offer(now, taken, why);
            return self.on_offer_over(now, call, agent);
        }
        // The caller went first and the leg is being given up, or its failure is already on the way to the engine.
        if self.releasing.get(&agent) != Some(&epoch) {
            self.commands.push_back(Command::OfferReleased { agent, epoch });
        }
    }

    /// Gives the agent's leg up; the engine hears when it is gone. One that has answered is gone with our BYE.
    pub(in crate::node) fn release_offer(&mut self, now: Instant, offer: AgentLeg, why: Why) {
        let AgentLeg { agent, epoch, leg, .. } = offer;
        self.close_audio(offer.audio, Holder::Agent);
        match offer.stage {
            Stage::Calling(silence) => {
                if let Some(timer) = silence {
                    self.timers.cancel(timer);
                }
                self.owners.insert(leg, Owner::Released(agent, epoch));
                self.releasing.insert(agent, epoch);
            }
            Stage::Confirming(timer) => {
                self.timers.cancel(timer);
                self.owners.remove(&leg);
                self.commands.push_back(Command::OfferReleased { agent, epoch });
            }
            Stage::Answered => {
                self.owners.remove(&leg);
                self.commands.push_back(Command::OfferReleased { agent, epoch });
            }
        }
        self.legs.hang_up_because(now, leg, why);
    }

    pub(in crate::node) fn on_progress(&mut self, now: Instant, leg: LegId, status: u16, forwarded: bool) {
        let call = match self.owners.get(&leg).copied() {
            Some(Owner::Agent(call)) => call,
            Some(Owner::Outside(call)) if matches!(status, 180 | 183) => return self.tell_referrer(now, call, 180),
            Some(Owner::Outside(_) | Owner::Caller(_) | Owner::Released(..) | Owner::Code) | None => return,
        };
        let Some(offer) = self.contacts.get_mut(call.0).and_then(|contact| contact.agent_mut(leg)) else { return };
        let Stage::Calling(silence) = &mut offer.stage else { return };
        if let Some(timer) = silence.take() {
            self.timers.cancel(timer);
        }
        let (agent, epoch) = (offer.agent, offer.epoch);
        if forwarded {
            let _ = self.take_offer(call, leg);
            self.owners.remove(&leg);
            self.legs.hang_up(now, leg);
            self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::Declined });
            return self.on_offer_over(now, call, agent);
        }
        if matches!(status, 180 | 183) && !std::mem::replace(&mut offer.rang, true) {
            self.commands.push_back(Command::OfferRinging { call, agent, epoch });
            self.tell_referrer(now, call, 180);
        }
    }

    pub(in crate::node) fn on_offer_failed(&mut self, now: Instant, call: CallId, leg: LegId, failure: Failure) {
        let Some(AgentLeg { agent, peer, epoch, rang, .. }) = self.take_offer(call, leg) else { return };
        let is_there = rang || self.is_phone(peer);
        let cause = match failure {
            Failure::Status(status, cause) if is_absent(status, cause, is_there) => {
                let name = &self.directory.agent(agent).name;
                tracing::info!(agent = %name, status, cause, "calls do not reach the device");
                OfferCause::Absent
            }
            Failure::Timeout | Failure::Status(408 | 503, _) => {
                self.on_peer_fault(now, peer);
                if self.offer_elsewhere(now, call, peer, (agent, epoch)) {
                    return;
                }
                OfferCause::PeerFault
            }
            Failure::Status(486 | 600, _) => OfferCause::Busy,
            Failure::Status(status, cause) if is_declined(status, cause, is_there) => OfferCause::Declined,
            Failure::Status(401 | 407, _) => {
                self.on_challenge(peer);
                OfferCause::Failed
            }
            Failure::Status(..) | Failure::Left | Failure::Released => OfferCause::Failed,
        };
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
        self.on_offer_over(now, call, agent);
    }

    /// True when a neighbour is itself the phone: what it answers comes from the device.
    fn is_phone(&self, peer: PeerId) -> bool {
        self.directory.peer(peer).account.is_some()
    }

    /// 2 s without a provisional: the leg is given up, the agent is not at fault.
    pub(in crate::node) fn on_no_provisional(&mut self, now: Instant, leg: LegId) {
        let Some(Owner::Agent(call)) = self.owners.get(&leg).copied() else { return };
        let Some(AgentLeg { agent, peer, epoch, .. }) = self.take_offer(call, leg) else { return };
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.on_peer_fault(now, peer);
        if self.offer_elsewhere(now, call, peer, (agent, epoch)) {
            return;
        }
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause: OfferCause::PeerFault });
        self.on_offer_over(now, call, agent);
    }

    /// Takes the side of an agent who is rung off a contact. Its audio is closed.
    pub(in crate::node) fn take_offer(&mut self, call: CallId, leg: LegId) -> Option<AgentLeg> {
        let offers = self.contact(call)?.offers_mut()?;
        let mut offer = offers.remove(offers.iter().position(|offer| offer.leg == leg)?);
        match &mut offer.stage {
            Stage::Calling(silence) => silence.take().map(|timer| self.timers.cancel(timer)),
            Stage::Confirming(timer) => Some(self.timers.cancel(*timer)),
            Stage::Answered => None,
        };
        self.close_audio(std::mem::replace(&mut offer.audio, Audio::Pending(None)), Holder::Agent);
        Some(offer)
    }

    /// As [`Shard::take_offer`], by the offer's agent and epoch.
    pub(in crate::node) fn take_offer_of(&mut self, call: CallId, agent: AgentId, epoch: u32) -> Option<AgentLeg> {
        let offers = self.contact(call)?.offers_mut()?;
        let leg = offers.iter().find(|offer| offer.agent == agent && offer.epoch == epoch)?.leg;
        self.take_offer(call, leg)
    }

    /// What the agent's INVITE offers, and the audio behind it; `None` when there is no port left, or no codec.
    fn describe_agent(&mut self, call: CallId, peer: PeerId, far: IpAddr) -> Option<(Box<[u8]>, Audio)> {
        match self.contact(call)?.media {
            MediaPolicy::None => {
                let ours = self.described_offer(call, peer, far)?;
                Some((ours.clone(), Audio::Described(Box::new(Description { ours, theirs: None }))))
            }
            MediaPolicy::Anchor => {
                let codecs = self.codecs_for_agent(call, peer);
                if codecs.is_empty() {
                    tracing::info!(%call, "the agent's neighbour allows no codec of the caller's");
                    return None;
                }
                let worker = self.contact(call)?.worker;
                let mut stream = self.open_stream(worker, Holder::Agent, Some(far))?;
                let sdp = self.offer_of(call, peer, &mut stream, codecs);
                Some((sdp, Audio::Stream(Box::new(stream))))
            }
        }
    }

    fn fail_offer(&mut self, now: Instant, call: CallId, offered: &Offered, cause: OfferCause) {
        let &Offered { agent, epoch, by_name, .. } = offered;
        self.commands.push_back(Command::OfferFailed { call, agent, epoch, cause });
        if by_name && cause != OfferCause::Withdrawn {
            self.on_offer_over(now, call, agent);
        }
    }
}

/// True when an answer says that the device is not there. 480 is also said by phones, for do-not-disturb or of one who lets it
/// ring: where the device surely is there, or another cause is named, it says no more than that the call has failed.
const fn is_absent(status: u16, cause: Option<u8>, is_there: bool) -> bool {
    match (status, cause) {
        (404 | 410 | 484 | 604, _) => true,
        (_, Some(cause)) => is_absence(cause),
        (480, None) => !is_there,
        (_, None) => false,
    }
}

/// True when a person says no, or forwards the call. A PBX between says by Q.850 what it means: an Asterisk has 403 for a
/// person who refuses (RFC 3398 8.2.6.1), and 603 for want of any cause, such as when it is stopped. It has the same 403 for a
/// phone that wants another password or takes no calls of this PBX: nobody has been asked where the device is not surely there.
const fn is_declined(status: u16, cause: Option<u8>, is_there: bool) -> bool {
    const CALL_REJECTED: u8 = 21;
    match (status, cause) {
        (300..=399, _) | (603, None | Some(CALL_REJECTED)) => true,
        (403, Some(CALL_REJECTED)) => is_there,
        (_, _) => false,
    }
}

/// Header lines of an INVITE to an agent's phone; most have no more.
type PhoneHeaders<'a> = SmallVec<[(&'a str, &'a [u8]); 8]>;

/// What makes a phone answer by itself: Call-Info and Alert-Info, for phones know one or the other.
fn answer_by_yourself(host: SocketAddr) -> (String, String) {
    (format!("<sip:{host}>;answer-after=0"), format!("<sip:{host}>;info=alert-autoanswer"))
}

/// Adds what not every phone is told.
fn say_more<'a>(
    headers: &mut PhoneHeaders<'a>,
    contact: &'a Contact,
    answers: Option<&'a (String, String)>,
    alert_info: Option<&'a str>,
) {
    if contact.caller.is_unknown() {
        headers.push(("Privacy", b"id"));
    }
    match (answers, alert_info) {
        (Some((call, alert)), _) => {
            headers.extend([("Call-Info", call.as_bytes()), ("Alert-Info", alert.as_bytes())]);
        }
        (None, Some(alert)) => headers.push(("Alert-Info", alert.as_bytes())),
        (None, None) => {}
    }
    headers.extend(contact.carried.iter().flat_map(|lines| &lines.0).map(|(name, value)| (&**name, &**value)));
}

#[cfg(test)]
mod tests {
    use super::{is_absent, is_declined};

    #[test]
    fn a_device_is_absent_by_the_status_or_by_the_cause_that_is_named() {
        for status in [404, 410, 484, 604] {
            assert!(is_absent(status, None, false) && is_absent(status, None, true), "{status}");
        }
        for (status, cause, absent) in [
            (480, Some(20), true),
            (503, Some(20), true),
            (502, Some(27), true),
            (480, Some(19), false),
            (480, Some(31), false),
            (486, Some(17), false),
            (503, Some(34), false),
        ] {
            assert_eq!(is_absent(status, cause, false), absent, "{status} {cause:?}");
        }
        assert!(is_absent(480, None, false), "nothing rang");
        assert!(!is_absent(480, None, true), "it rang, or says so itself");
        assert!(![408, 486, 500, 503, 603].iter().any(|status| is_absent(*status, None, false)));
    }

    #[test]
    fn a_person_s_no_is_told_from_a_pbx_without_a_cause() {
        let yes = [(603, None), (603, Some(21)), (302, None), (302, Some(16))];
        let no = [(603, Some(0)), (603, Some(31)), (403, None), (403, Some(57)), (480, Some(21)), (486, None)];
        for is_there in [false, true] {
            assert!(yes.iter().all(|(status, cause)| is_declined(*status, *cause, is_there)));
            assert!(!no.iter().any(|(status, cause)| is_declined(*status, *cause, is_there)));
            assert_eq!(is_declined(403, Some(21), is_there), is_there, "a wrong password is no person's");
        }
    }
}
