//! Arriving: which queue a call is for, whether there is room, and joining.

use std::net::SocketAddr;

use crate::acd::{Command, FlowOut, QueueState, Refusal};
use crate::base::limits::RETRY_AFTER;
use crate::base::{CallId, Instant, LegId, PeerId};
use crate::config::{DnisSource, MediaPolicy};
use crate::node::carried;
use crate::node::contact::{Audio, Contact, Offer, Phase, status_of};
use crate::node::identity::{self, Caller};
use crate::node::ladder::Whose;
use crate::node::shard::{Owner, Shard};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{HOPS_MAX, Refused};

/// Where the number stands when the trunk says nothing.
const DEFAULT_SOURCES: [DnisSource; 1] = [DnisSource::RequestUri];

impl Shard {
    pub(in crate::node) fn on_incoming(&mut self, now: Instant, leg: LegId, source: SocketAddr, request: &Message) {
        if request.value(Name::Replaces).is_some() {
            return self.on_replacing(now, leg, source, request);
        }
        let peer = self.trusted(source);
        let number = identity::called_number(request, self.sources_of(peer));
        let Some(called) = self.directory.called(&number).cloned() else {
            return self.on_other_number(now, leg, (peer, &number), request);
        };
        let queue = called.queue;
        let trunk = peer.map(|peer| self.directory.peer(peer));
        let caller = Caller::of(request, trunk.map(|trunk| trunk.privacy).unwrap_or_default());
        let carried = trunk.and_then(|trunk| carried::of_invite(request, &trunk.carry_headers, &caller));
        let dimensions = self.directory.dimensions(&called, peer, caller.number.expose());
        let refused = |cause| Command::Refused { queue: Some(queue), cause, dimensions };
        let config = self.directory.queue(queue).config.clone();
        if let Some((cause, reason)) = refusal_of(config.state) {
            self.commands.push_back(refused(cause));
            let (status, text) = status_of(reason);
            return self.legs.reject(now, leg, status, text, None);
        }
        let offer = (!request.body().is_empty()).then(|| Offer::new(request.body(), self.srtp_of(peer)));
        if offer.as_ref().is_some_and(|offer| !self.is_usable(peer, offer, &config)) {
            self.commands.push_back(refused(Refusal::Unusable));
            return self.legs.reject(now, leg, 488, "No Usable Audio", None);
        }
        // Nearly all of these have been turned away before.
        let Some(worker) = self.worker_for(config.media).filter(|_| self.has_room()) else {
            self.commands.push_back(refused(Refusal::Overload));
            return self.legs.reject(now, leg, 503, "Overloaded", Some(RETRY_AFTER));
        };
        if config.media == MediaPolicy::Anchor {
            self.ports.enter(worker);
        }
        let wishes = self.wishes_of(now, request, &called);
        let contact = |id| Contact {
            id: CallId(id),
            queue,
            number: number.as_str().into(),
            called,
            dimensions,
            caller,
            carried,
            wishes,
            peer,
            hops: request.max_forwards().unwrap_or(HOPS_MAX).min(HOPS_MAX).saturating_sub(1) as u8,
            leg,
            joined: now,
            answered: None,
            answer: config.answer,
            media: config.media,
            worker,
            audio: Audio::Pending(offer),
            prompt: None,
            unanswered: None,
            probe: None,
            phase: Phase::Arriving,
            held: false,
            moving: None,
            handover: None,
            lent: false,
            keys: None,
        };
        let call = CallId(self.contacts.insert_with(contact));
        self.owners.insert(leg, Owner::Caller(call));
        self.note_leg(leg, call, Whose::Caller);
        tracing::debug!(%call, queue = %config.name, "call arrives");
        self.enqueue(call);
    }

    /// A call for a queue that would take it, were there room: 503, and nothing is kept of it. True when all is done.
    pub(in crate::node) fn turns_away(&mut self, now: Instant, source: SocketAddr, request: &Message) -> bool {
        if request.method() != Method::Invite || (self.has_room() && self.worker_for(MediaPolicy::Anchor).is_some()) {
            return false;
        }
        let peer = self.trusted(source);
        let number = identity::called_number(request, self.sources_of(peer));
        let Some(called) = self.directory.called(&number) else { return false };
        let config = &self.directory.queue(called.queue).config;
        let has_room = self.has_room() && self.worker_for(config.media).is_some();
        if has_room || refusal_of(config.state).is_some() {
            return false;
        }
        let privacy = peer.map(|peer| self.directory.peer(peer).privacy).unwrap_or_default();
        let caller = Caller::of(request, privacy);
        let dimensions = self.directory.dimensions(called, peer, caller.number.expose());
        let (queue, cause) = (Some(called.queue), Refusal::Overload);
        match self.legs.refuse_invite(now, source, request) {
            Refused::Now => self.commands.push_back(Command::Refused { queue, cause, dimensions }),
            Refused::Before => {}
            Refused::Not => return false,
        }
        true
    }

    /// The media worker of one more contact; `None` when its ports are taken.
    fn worker_for(&self, media: MediaPolicy) -> Option<u8> {
        match media {
            MediaPolicy::Anchor => self.ports.choose(self.directory.plan.agents.len(), self.directory.rings_at_most),
            MediaPolicy::None => Some(0),
        }
    }

    /// Where a neighbour writes the called number.
    fn sources_of(&self, peer: Option<PeerId>) -> &[DnisSource] {
        let sources = peer.map(|peer| self.directory.peer(peer).dnis.as_slice());
        sources.filter(|sources| !sources.is_empty()).unwrap_or(&DEFAULT_SOURCES)
    }
}

/// Why a queue in this state takes nobody. Such callers are untargeted: outside its figures ("Decisions" 2 of FEATURES).
const fn refusal_of(state: QueueState) -> Option<(Refusal, FlowOut)> {
    match state {
        QueueState::Open => None,
        QueueState::Closed => Some((Refusal::Closed, FlowOut::Closed)),
        QueueState::Emergency => Some((Refusal::Emergency, FlowOut::Emergency)),
    }
}
