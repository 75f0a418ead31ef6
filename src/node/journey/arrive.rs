//! Arriving: which queue a call is for, whether there is room, and joining.

use std::net::SocketAddr;

use crate::acd::{Command, FlowOut, Preference, QueueState, Refusal};
use crate::base::limits::RETRY_AFTER;
use crate::base::{CallId, Instant, LegId};
use crate::config::{DnisSource, MediaPolicy};
use crate::node::contact::{Audio, Contact, Offer, Phase, status_of};
use crate::node::identity::{self, Caller};
use crate::node::journey::prefer::Past;
use crate::node::ladder::Whose;
use crate::node::shard::{Owner, Shard};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::transaction::HOPS_MAX;

/// Where the number stands when the trunk says nothing.
const DEFAULT_SOURCES: [DnisSource; 1] = [DnisSource::RequestUri];

impl Shard {
    pub(in crate::node) fn on_incoming(&mut self, now: Instant, leg: LegId, source: SocketAddr, request: &Message) {
        match request.value(Name::Replaces) {
            None => self.on_call(now, leg, source, request),
            Some(_) => self.on_replacing(now, leg, source, request),
        }
    }

    fn on_call(&mut self, now: Instant, leg: LegId, source: SocketAddr, request: &Message) {
        let peer = self.directory.trusted(source.ip());
        let sources = peer.map(|peer| self.directory.peer(peer).dnis.as_slice());
        let sources = sources.filter(|sources| !sources.is_empty()).unwrap_or(&DEFAULT_SOURCES);
        let number = identity::called_number(request, sources);
        let Some(called) = self.directory.called(&number).cloned() else {
            return self.on_other_number(now, leg, (peer, &number), request);
        };
        let queue = called.queue;
        let trunk = peer.map(|peer| self.directory.peer(peer));
        let caller = Caller::of(request, trunk.map(|trunk| trunk.privacy).unwrap_or_default());
        let carried = trunk.and_then(|trunk| identity::carried(request, &trunk.carry_headers, &caller));
        let dimensions = self.directory.dimensions(&called, peer, caller.number.expose());
        let refused = |cause| Command::Refused { queue: Some(queue), cause, dimensions };
        let config = self.directory.queue(queue).config.clone();
        if let Some((cause, reason)) = refusal_of(config.state) {
            self.commands.push_back(refused(cause));
            let (status, text) = status_of(reason);
            return self.legs.reject(now, leg, status, text, None);
        }
        let offer = (!request.body().is_empty()).then(|| Offer::new(request.body()));
        if offer.as_ref().is_some_and(|offer| !self.is_usable(offer, &config)) {
            self.commands.push_back(refused(Refusal::Unusable));
            return self.legs.reject(now, leg, 488, "No Usable Audio", None);
        }
        let worker = match config.media {
            MediaPolicy::Anchor => self.ports.choose(self.directory.plan.agents.len(), self.directory.rings_at_most),
            MediaPolicy::None => Some(0),
        };
        let Some(worker) = worker.filter(|_| self.has_room()) else {
            self.commands.push_back(refused(Refusal::Overload));
            return self.legs.reject(now, leg, 503, "Overloaded", Some(RETRY_AFTER));
        };
        if config.media == MediaPolicy::Anchor {
            self.ports.enter(worker);
        }
        let named = self.named(request);
        let preferred = self.preferred(&called, &named, queue, Past::New).map(Preference::from(now));
        let contact = |id| Contact {
            id: CallId(id),
            queue,
            number: number.as_str().into(),
            called,
            dimensions,
            caller,
            carried,
            preferred,
            named,
            prefers_by_word: false,
            has_talked: false,
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
        self.ladders.handle_leg(leg, call, Whose::Caller);
        tracing::debug!(%call, queue = %config.name, "call arrives");
        self.enqueue(call);
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
