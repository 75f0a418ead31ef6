//! The signalling shard: legs, contacts and their audio. Takes datagrams, media events and effects of the ACD engine; gives
//! datagrams, media commands and commands for the engine. It never looks into the engine.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Command, Dimensions, Refusal};
use crate::base::limits::{CALLS_MAX, UP_LETTERS_MAX};
use crate::base::{
    AgentId, CallId, IdMap, Instant, LegId, PeerId, PerFamily, QueueId, Rng, ShardId, Slots, StreamId, Timers,
};
use crate::call::{Event, Failure, Legs};
use crate::config::{Config, UnknownSource};
use crate::media;
use crate::node::carried::Heard;
use crate::node::certified::Certified;
use crate::node::code_call::CodeCall;
use crate::node::contact::Contact;
use crate::node::directory::Directory;
use crate::node::features::Dialled;
use crate::node::gate::Sender;
use crate::node::ladder::Ladders;
use crate::node::letter::{Answer, Ticket};
use crate::node::message::Setup;
use crate::node::peers::Peers;
use crate::node::phones::{Phones, Registered};
use crate::node::pins::Pins;
use crate::node::ports::Ports;
use crate::node::sibling::Siblings;
use crate::node::strikes::Strikes;
use crate::node::trace::Traces;
use crate::node::unknowns::Unknowns;
use crate::node::watch::Watch;
use crate::sip::auth::Guard;
use crate::sip::message::Message;
use crate::sip::name::Method;
use crate::sip::registrar::Registrar;
use crate::sip::transaction::{Door, Refused, Transmit, Wire};

/// What credentials are for (RFC 7616 3.3).
const REALM: &str = "strowger";
/// See the module. Inputs are the `handle_*`; afterwards `poll_transmit`, `poll_media` and the letters for the hub are drained.
#[derive(Debug)]
pub struct Shard {
    pub(super) id: ShardId,
    pub(super) directory: Arc<Directory>,
    pub(super) legs: Legs,
    pub(super) contacts: Slots<Contact>,
    pub(super) owners: IdMap<LegId, Owner>,
    /// Agents whose offer was taken back, with its epoch, until the leg is gone.
    pub(super) releasing: IdMap<AgentId, u32>,
    /// On which leg each stream is; `owners` tells whose that is.
    pub(super) streams: IdMap<StreamId, LegId>,
    pub(super) ports: Ports,
    /// Where RTP is received, in each address family.
    pub(super) rtp: Option<PerFamily<IpAddr>>,
    pub(super) peers: Peers,
    /// What PBXs are asked about agents' devices.
    pub(super) watch: Watch,
    pub(super) timers: Timers<Timer>,
    pub(super) media: VecDeque<media::Command>,
    /// Calls of agents' phones to feature codes.
    pub(super) codes: IdMap<LegId, CodeCall>,
    /// Wrong PINs of agents.
    pub(super) pins: Pins,
    /// Codes that agents have dialled, for the hub.
    pub(super) dialled: VecDeque<Dialled>,
    /// For the ACD engine.
    pub(super) commands: VecDeque<Command>,
    /// For the control plane.
    pub(super) answers: VecDeque<(Ticket, Answer)>,
    pub(super) rng: Rng,
    /// The last messages, for the ladders of calls.
    pub(super) ladders: Ladders,
    /// Whole messages, while somebody asks for them.
    pub(super) traces: Traces,
    /// Whether requests prove what they must.
    pub(super) guard: Guard,
    /// Phones that register; the first shard's.
    pub(super) registrar: Registrar,
    /// Where they are.
    pub(super) phones: Phones,
    /// Who has proven by a certificate to be at the far end of which connection.
    pub(super) certified: Certified,
    /// Wrong passwords.
    pub(super) strikes: Strikes,
    /// Whoever has not proven itself.
    pub(super) unknowns: Unknowns,
    /// For the hub, before any command.
    pub(super) registered: VecDeque<(PeerId, Option<Arc<Registered>>)>,
    pub(super) silence_probe: Duration,
    pub(super) drain: Drain,
    /// What the message that is being handled has for the other side of its call.
    pub(super) heard: Option<Heard>,
    /// The other shards.
    pub(super) siblings: Siblings,
    /// Calls that it may hold.
    pub(super) calls_max: usize,
    /// Letters given out, and those of them that the hub has taken.
    pub(super) letters: (u64, u64),
    /// Slots for them.
    pub(super) slots_max: usize,
    unknown_source: UnknownSource,
    next_stream: u64,
}

/// Whose leg it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Caller(CallId),
    Agent(CallId),
    /// A number outside.
    Outside(CallId),
    /// An agent's phone that dials a feature code.
    Code,
    /// An offer that was taken back: the agent is free when the leg is gone.
    Released(AgentId, u32),
}

/// Which side of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    /// The agent on this leg, or the number outside: several are rung for one contact.
    Agent(LegId),
}

/// An agent that the engine wishes to be rung.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offered {
    pub(super) agent: AgentId,
    pub(super) epoch: u32,
    /// The queue that the call waits in, or was answered from.
    pub(super) queue: QueueId,
    /// For a call that is handed on, and waits in no queue.
    pub(super) by_name: bool,
}

/// A timer of the shard.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// No provisional came for an agent's leg.
    Silence(LegId),
    /// An agent who answered has not pressed the key.
    Confirm(LegId),
    /// A number outside has rung for too long.
    Outside(LegId),
    /// A call has waited unanswered for too long.
    Unanswered(CallId),
    /// An answered call without audio of ours is probed.
    Probe(CallId),
    /// A call to a feature code has had its time.
    Code(LegId),
    /// Ask a neighbour by OPTIONS.
    Qualify(PeerId),
    /// A PBX is to be asked about an agent's device, or what it has said lapses.
    Watch(AgentId),
    /// What a PBX has said of a device found no slot.
    Tell(AgentId),
    /// Subscriptions have had their time to end.
    Left,
    /// A trace ends, or is forgotten.
    Traces,
    /// The drain's limit: who waits flows out.
    DrainLimit,
}

/// How far a drain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    No,
    Yes,
    /// Who still waits flows out.
    LimitPassed,
}

impl Shard {
    pub(super) fn new(now: Instant, setup: &Setup, directory: Arc<Directory>) -> Self {
        Self::one_of(now, ShardId(0), 1, setup, directory).speaking_both(setup)
    }

    /// One of several; `setup` names its own address and leases.
    pub(super) fn one_of(now: Instant, id: ShardId, shards: u8, setup: &Setup, directory: Arc<Directory>) -> Self {
        let mut rng = Rng::from_seed(setup.seed);
        let mut legs = Legs::of_shard(id, setup.sip_address, rng.fork());
        legs.set_session_terms(setup.config.sip.session);
        legs.set_wallet(Arc::clone(&directory.wallet), directory.has_accounts());
        // A stream of its own, neither the shard's nor the directory's.
        let mut secrets = Rng::from_seed(setup.seed.map(|byte| byte ^ 0x5a));
        let guard = Guard::new(REALM, &mut secrets);
        let mut shard = Self {
            id,
            directory,
            legs,
            contacts: Slots::new(id),
            owners: IdMap::default(),
            releasing: IdMap::default(),
            streams: IdMap::default(),
            ports: Ports::new(&setup.leases, id.0),
            rtp: None,
            peers: Peers::default(),
            watch: Watch::new(shards),
            timers: Timers::default(),
            media: VecDeque::new(),
            codes: IdMap::default(),
            pins: Pins::default(),
            dialled: VecDeque::new(),
            commands: VecDeque::new(),
            answers: VecDeque::new(),
            rng,
            ladders: Ladders::new(shards),
            traces: Traces::new(shards),
            guard,
            registrar: Registrar::default(),
            phones: Phones::default(),
            certified: Certified::default(),
            strikes: Strikes::new(&mut secrets),
            unknowns: Unknowns::new(&mut secrets),
            registered: VecDeque::new(),
            silence_probe: setup.config.media.silence_probe,
            drain: Drain::No,
            heard: None,
            siblings: Siblings::default(),
            calls_max: CALLS_MAX / usize::from(shards),
            letters: (0, 0),
            slots_max: UP_LETTERS_MAX,
            unknown_source: setup.config.sip.unknown_source,
            next_stream: 0,
        };
        if setup.config.sip.has_streams() {
            shard.legs.enable_streams(setup.config.sip.tls_address(setup.sip_address.ip()));
        }
        shard.watch_peers(now);
        shard.watch_devices(now);
        shard
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, door: Door, source: SocketAddr, payload: Bytes) {
        let Ok(message) = Message::parse(payload) else { return };
        let (bytes, ladders) = (message.raw().len(), self.ladders.place());
        self.ladders.handle_time(now);
        if self.traces.is_on() {
            self.trace_received(now, source, &message);
        }
        // Of this message alone is asked below whether something was answered without a transaction.
        self.legs.take_stateless();
        self.handle_message(now, door, source, message);
        self.bound_answers(now, source, bytes, ladders);
    }

    fn handle_message(&mut self, now: Instant, door: Door, source: SocketAddr, message: Message) {
        let begins = message.is_request() && message.to_tag().is_none();
        // Even a refusal is a letter to the hub. With no slot for one the caller is not heard at all: it repeats itself.
        if begins && message.method() == Method::Invite && !self.has_slot() {
            return;
        }
        self.certified.door = door;
        self.legs.set_door(door);
        if begins && message.method() == Method::Register && self.directory.has_accounts() {
            if self.has_slot() && self.may_register(now, source, &message) {
                self.legs.handle_message(now, source, message);
                self.drain_legs(now);
            }
            return;
        }
        let begins = begins && !self.siblings.asks(source, &message);
        if begins && self.trusted(source).is_none() {
            let silent = self.unknown_source == UnknownSource::Silent;
            return match message.method() == Method::Invite {
                true => self.on_untrusted(source, &message),
                false if silent => {}
                // Part of no call, and so of no ladder.
                false => {
                    self.legs.handle_message(now, source, message);
                    self.drain_legs(now);
                }
            };
        }
        if begins && (!self.is_proven(now, source, &message) || self.turns_away(now, source, &message)) {
            return;
        }
        self.ladders.handle_received(source, &message);
        self.heard = self.heard_in(&message);
        self.legs.handle_message(now, source, message);
        self.drain_legs(now);
        self.heard = None;
    }

    /// A stream connection is gone.
    pub fn handle_closed(&mut self, now: Instant, far: SocketAddr, wire: Wire) {
        self.legs.handle_closed(far, wire);
        if wire == Wire::Tls {
            self.certified.remove(far);
        }
        self.forget_phones(now, far, wire);
    }

    /// A call comes that the gate refuses: 503 with Retry-After, no state.
    pub fn handle_refused(&mut self, now: Instant, door: Door, source: SocketAddr, payload: Bytes) {
        let Ok(message) = Message::parse(payload) else { return };
        self.ladders.handle_time(now);
        if self.traces.is_on() {
            self.trace_received(now, source, &message);
        }
        if !self.has_slot() {
            return;
        }
        self.legs.set_door(door);
        if self.legs.refuse_invite(now, source, &message) == Refused::Now {
            self.commands.push_back(refused(Refusal::Overload));
        }
    }

    /// Who an address is to the gate.
    pub fn sender(&self, source: SocketAddr) -> Sender {
        if self.directory.trusted(source.ip()).is_some() || self.certified_peer(source).is_some() {
            Sender::Peer
        } else if self.directory.has_neighbour(source.ip()) || self.phones.has_host(source.ip()) {
            Sender::Called
        } else {
            Sender::Stranger
        }
    }

    /// The media worker told something.
    pub fn handle_media(&mut self, now: Instant, event: media::Event) {
        self.ladders.handle_time(now);
        match event {
            media::Event::Digit { stream, digit } => self.on_digit(now, stream, digit),
            media::Event::Silent { stream } => self.on_silent(now, stream),
            media::Event::Fax { stream } => self.on_fax(stream),
            media::Event::Played { .. } => {}
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ladders.handle_time(now);
        self.legs.handle_timeout(now);
        self.drain_legs(now);
        self.registrar.handle_timeout(now);
        self.drain_registrar(now);
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Silence(leg) => self.on_no_provisional(now, leg),
                Timer::Confirm(leg) => self.on_unconfirmed(now, leg),
                Timer::Outside(leg) => self.on_outside_rang_out(now, leg),
                Timer::Unanswered(call) => self.on_unanswered_limit(call),
                Timer::Probe(call) => self.on_probe_due(now, call),
                Timer::Code(leg) => self.on_code_time(now, leg),
                Timer::Qualify(peer) => self.on_qualify_due(now, peer),
                Timer::Watch(agent) => self.on_watch_due(now, agent),
                Timer::Tell(agent) => self.tell_seen(now, agent),
                Timer::Left => self.on_left(),
                Timer::Traces => self.traces.handle_timeout(now),
                Timer::DrainLimit => self.on_drain_limit(),
            }
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let all = [self.legs.poll_timeout(), self.timers.next(), self.registrar.poll_timeout()];
        all.into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = match self.unknowns.answers.pop_front() {
            Some(answer) => answer,
            None => {
                let mut transmit = self.legs.poll_transmit()?;
                if transmit.door.is_stream() {
                    self.reconnect(&mut transmit);
                }
                self.ladders.handle_sent(transmit.destination, &transmit.payload);
                transmit
            }
        };
        if self.traces.is_on() {
            self.trace_sent(transmit.destination, &transmit.payload);
        }
        Some(transmit)
    }

    /// The next command for the media worker.
    pub fn poll_media(&mut self) -> Option<media::Command> {
        self.media.pop_front()
    }

    /// Calls that live.
    pub fn live_calls(&self) -> usize {
        self.contacts.len()
    }

    /// Legs and transactions that live; both are zero 64*T1 after the last call.
    pub fn live_dialogs(&self) -> (usize, usize) {
        (self.legs.live(), self.legs.transactions())
    }

    /// True when draining and the last call is gone, its last transaction included.
    pub fn is_drained(&self) -> bool {
        self.drain != Drain::No
            && self.contacts.is_empty()
            && self.legs.live() == 0
            && self.commands.is_empty()
            && self.dialled.is_empty()
            && self.registered.is_empty()
            && (self.watch.has_left() || self.legs.subscriptions() == 0)
            && self.answers.is_empty()
    }

    pub(super) fn contact(&mut self, id: CallId) -> Option<&mut Contact> {
        self.contacts.get_mut(id.0)
    }

    pub(super) fn new_stream(&mut self, worker: u8) -> StreamId {
        self.next_stream += 1;
        StreamId::new(self.id, worker, self.next_stream)
    }

    pub(super) fn on_reload(&mut self, now: Instant, config: &Config, directory: Arc<Directory>) {
        self.legs.set_wallet(Arc::clone(&directory.wallet), directory.has_accounts());
        self.directory = directory;
        self.silence_probe = config.media.silence_probe;
        self.unknown_source = config.sip.unknown_source;
        self.legs.set_session_terms(config.sip.session);
        self.set_local(config);
        self.watch_peers(now);
        self.watch_devices(now);
        self.keep_registrations(now);
    }

    pub(super) fn on_drain(&mut self, now: Instant, limit: Duration) {
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Yes;
        self.legs.stop_accepting();
        self.timers.arm(now + limit, Timer::DrainLimit);
        self.leave_when_done(now);
    }

    fn drain_legs(&mut self, now: Instant) {
        while let Some(event) = self.legs.poll_event() {
            self.on_leg_event(now, event);
        }
        self.leave_when_done(now);
    }

    pub(super) fn on_leg_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Incoming { leg, source, request } => self.on_incoming(now, leg, source, &request),
            Event::Unusable => self.commands.push_back(refused(Refusal::Unusable)),
            Event::Progress { leg, status, forwarded } => self.on_progress(now, leg, status, forwarded),
            Event::Answered { leg, sdp } => self.on_agent_answered(now, leg, sdp.as_deref()),
            Event::Failed { leg, failure } => self.on_invite_failed(now, leg, failure),
            Event::Confirmed { leg, sdp } => self.on_confirmed(now, leg, sdp.as_deref()),
            Event::Change { leg, sdp } => self.on_change(now, leg, sdp.as_deref()),
            Event::Reoffered { leg, offer, answer } => self.on_reoffered(now, leg, offer, answer.as_deref()),
            Event::RefreshDue { leg } => self.on_refresh_due(now, leg),
            Event::Refer { leg, refer } => self.on_refer(now, leg, *refer),
            Event::Connected { leg, identity } => self.on_connected(now, leg, &identity),
            Event::Info { leg, content_type, body } => self.on_info(now, leg, &content_type, &body),
            Event::Ended { leg, cause } => self.on_leg_ended(now, leg, cause),
            Event::Probed { leg, alive } => self.on_probed(now, leg, alive),
            Event::Register { key, source, request } => self.on_register(now, key, source, &request),
            Event::Subscribed { id, token, answer } => self.on_subscribed(now, id, token, answer),
            Event::Notified { id, token, notice } => self.on_notified(now, id, token, *notice),
            Event::Qualified { token, alive } => self.on_qualified(now, PeerId(token as u32), alive),
        }
    }

    fn on_invite_failed(&mut self, now: Instant, leg: LegId, failure: Failure) {
        match self.owners.remove(&leg) {
            Some(Owner::Agent(call)) => self.on_offer_failed(now, call, leg, failure),
            Some(Owner::Outside(call)) => self.on_outside_failed(now, call, failure),
            Some(Owner::Released(agent, epoch)) => self.on_released(leg, agent, epoch),
            Some(Owner::Caller(_) | Owner::Code) | None => {}
        }
    }

    /// The leg of an offer that was taken back is gone: the agent is free.
    pub(super) fn on_released(&mut self, leg: LegId, agent: AgentId, epoch: u32) {
        self.owners.remove(&leg);
        self.releasing.remove(&agent);
        self.commands.push_back(Command::OfferReleased { agent, epoch });
    }

    /// An INVITE from no peer of ours: 403 or nothing, and no state.
    fn on_untrusted(&mut self, source: SocketAddr, request: &Message) {
        self.commands.push_back(refused(Refusal::Untrusted));
        if self.unknown_source == UnknownSource::Reject {
            self.legs.respond_stateless(source, request, 403, None);
        }
    }
}

/// A contact is refused before anybody has looked which queue it is for.
pub(super) fn refused(cause: Refusal) -> Command {
    Command::Refused { queue: None, cause, dimensions: Dimensions::default() }
}
