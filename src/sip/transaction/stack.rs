//! [`Stack`]: the tables of all transactions and the clock that drives them. What it does with a datagram is in `inbound`,
//! what it does for its user in `outbound`. It never iterates a table, so that the same inputs give the same outputs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::clients::{ClientMachine, Clients};
use super::event::{ClientKey, Door, Event, Home, ServerKey, StackConfig, Transmit, Wire};
use super::hash::Secret;
use super::invite_server::InviteServer;
use super::key::{ByMatch, ByMerge, COOKIE, KeyText, SHARD_AT};
use super::link::{Alarm, Life, Output, Owner};
use super::local::LocalNetworks;
use super::other::OtherHome;
use super::request_server::RequestServer;
use super::streams::Streams;
use crate::base::{Instant, PerFamily, Rng, Slots, SteadyMap, limits};

/// All transactions of one shard (RFC 3261 section 17, RFC 6026), over UDP and over streams.
///
/// Inputs are `handle_datagram`, `handle_timeout` and the calls of the user (`send_request`, `cancel`, `respond`, ...).
/// After any of them the caller drains [`Self::poll_transmit`] and [`Self::poll_event`] until `None` and then asks
/// [`Self::poll_timeout`] when to call [`Self::handle_timeout`]. `now` never goes back; an early or repeated
/// `handle_timeout` changes nothing.
///
/// The user answers each [`Event::Request`] with a final response, acknowledges each 2xx of its INVITEs, repeats its own 2xx
/// until the ACK comes, and limits how long a peer may ring.
#[derive(Debug)]
pub struct Stack {
    pub(super) output: Output,
    pub(super) rng: Rng,
    /// Our Via as far as all requests share it.
    pub(super) via: Box<[u8]>,
    /// The same for those that go by the first shard's door, where that is another's.
    pub(super) public_via: Option<Box<[u8]>>,
    /// Proves that a branch is ours.
    pub(super) branches: Secret,
    /// Makes To tags of stateless responses: the same request again gets the same tag (RFC 3261 8.2.7).
    pub(super) tags: Secret,
    /// The number of our last request, the shard's number included.
    pub(super) serial: u64,
    pub(super) clients: Clients,
    pub(super) servers: Slots<Server>,
    pub(super) by_match: SteadyMap<ByMatch, ServerKey, Secret>,
    pub(super) by_merge: SteadyMap<ByMerge, ServerKey, Secret>,
    /// Most transactions held; a quarter of them is reserved for requests inside dialogs. Beyond half of them those that
    /// linger go early.
    pub(super) room: usize,
    /// Who is reached by a stream.
    pub(super) streams: Streams,
    /// The key of the message in hand.
    pub(super) key: KeyText,
}

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) peer: SocketAddr,
    /// Which way the request came, and the responses go.
    pub(super) door: Door,
    pub(super) key: Arc<[u8]>,
    pub(super) machine: ServerMachine,
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    Request(RequestServer),
}

impl Stack {
    /// A stack without transactions; `rng` is its own.
    pub fn new(config: StackConfig, mut rng: Rng) -> Self {
        assert!(!config.t1.is_zero() && !config.t2.is_zero(), "retransmission needs an interval");
        let mut secret = || Secret::draw(&mut rng);
        let (branches, tags, tables) = (secret(), secret(), secret());
        Self {
            via: via(config.home.sent_by),
            public_via: None,
            serial: u64::from(config.shard.0) << SHARD_AT,
            output: Output::new(config),
            rng,
            branches,
            tags,
            clients: Clients::default(),
            servers: Slots::default(),
            by_match: SteadyMap::with_hasher(tables),
            by_merge: SteadyMap::with_hasher(tables),
            room: limits::TRANSACTIONS_MAX,
            streams: Streams::default(),
            key: KeyText::default(),
        }
    }

    /// The next messages came in by this door.
    pub fn set_door(&mut self, door: Door) {
        self.output.door = door;
    }

    /// There are stream connections; before this nothing is sent by one. `tls` is our address there, where TLS is spoken.
    pub const fn enable_streams(&mut self, tls: Option<SocketAddr>) {
        self.streams.enable();
        self.output.config.home.tls = tls;
    }

    /// The first shard, which is another one, is at this address.
    pub fn set_public(&mut self, public: SocketAddr) {
        self.public_via = Some(via(public));
        self.output.config.home.public = Some(public);
    }

    /// These neighbours are reached by a stream, and no others.
    pub fn set_stream_peers(&mut self, peers: Vec<(SocketAddr, Wire)>) {
        self.streams.set_peers(peers);
    }

    /// Who is on our own side of a NAT, in each family. One of ours that has no entry keeps what it had.
    pub fn set_local(&mut self, local: &PerFamily<Option<Arc<LocalNetworks>>>) {
        let Output { config, local: first, other, .. } = &mut self.output;
        let other = other.as_deref_mut().map(|other| (other.home.sent_by, &mut other.local));
        for (sent_by, known) in [Some((config.home.sent_by, first)), other].into_iter().flatten() {
            if let Some(local) = local.facing(sent_by.ip()) {
                known.clone_from(local);
            }
        }
    }

    /// The other address family is spoken too, under these names; after all else that names us is set.
    pub fn set_other(&mut self, home: Home) {
        self.output.other = Some(Box::new(OtherHome::new(&self.output.config.home, home)));
    }

    /// What we are called by a far end.
    pub fn home(&self, far: IpAddr) -> &Home {
        self.output.home(far)
    }

    /// A written address as one of our sockets reaches it: where IPv4 is spoken, IPv4 in the form of IPv6 is IPv4.
    pub fn reached(&self, written: SocketAddr) -> SocketAddr {
        if self.output.other.is_none() && self.output.config.home.sent_by.is_ipv6() {
            return written;
        }
        SocketAddr::new(written.ip().to_canonical(), written.port())
    }

    /// A stream connection is gone.
    pub fn handle_closed(&mut self, far: SocketAddr, wire: Wire) {
        self.streams.close(far, wire);
    }

    /// True while there is a stream connection with this address.
    pub fn is_connected(&self, address: SocketAddr, wire: Wire) -> bool {
        self.streams.is_open(address, wire)
    }

    /// The stream that leads to this address.
    pub fn stream_to(&self, address: SocketAddr) -> Option<Wire> {
        self.streams.leads(address)
    }

    /// Where the next request goes only this stream leads, or that is not said.
    pub fn ask_for_stream(&mut self, asked: Option<(SocketAddr, Wire)>) {
        self.streams.ask(asked.map(|(address, wire)| (address, Door::Stream(wire))));
    }

    /// Where the next request goes only the first shard's door leads.
    pub fn ask_for_public(&mut self, destination: SocketAddr) {
        self.streams.ask(self.public_via.is_some().then_some((destination, Door::Public)));
    }

    /// Whether the next request, when it is sent there, goes over TLS.
    pub fn next_goes_by_tls(&self, destination: SocketAddr) -> bool {
        self.streams.next(destination) == Door::Stream(Wire::Tls)
    }

    /// A stream leads there that another shard has seen.
    pub fn note_stream(&mut self, far: SocketAddr, wire: Wire) {
        self.streams.open(far, wire);
    }

    /// True when the message in hand came over TLS.
    pub fn is_by_tls(&self) -> bool {
        self.output.door == Door::Stream(Wire::Tls)
    }

    /// True when the message in hand came in by the first shard's door, which is another's.
    pub fn is_by_public(&self) -> bool {
        self.output.door == Door::Public && self.public_via.is_some()
    }

    /// Fires every timer due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, alarm)) = self.output.pop_due(now) {
            match owner {
                Owner::Client(key) => self.on_client_alarm(now, key, alarm),
                Owner::Server(key) => self.on_server_alarm(now, key, alarm),
            }
        }
    }

    /// The next moment [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.output.next_deadline()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.output.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.output.events.pop_front()
    }

    /// Transactions alive, client and server.
    pub fn live(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    fn on_client_alarm(&mut self, now: Instant, key: ClientKey, alarm: Alarm) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let mut link = self.output.link(now, key, client.peer).by(client.door);
        let life = match &mut client.machine {
            ClientMachine::Invite(invite) => invite.on_alarm(alarm, &mut link),
            ClientMachine::Request(request) => request.on_alarm(alarm, &mut link),
        };
        if life == Life::Ends {
            self.clients.remove(key);
        }
    }

    fn on_server_alarm(&mut self, now: Instant, key: ServerKey, alarm: Alarm) {
        let Some(server) = self.servers.get_mut(key.0) else { return };
        let mut link = self.output.link(now, key, server.peer).by(server.door);
        let life = match &mut server.machine {
            ServerMachine::Invite(invite) => invite.on_alarm(alarm, &mut link),
            ServerMachine::Request(request) => request.on_alarm(alarm),
        };
        if life == Life::Ends {
            self.close(key);
        }
    }

    /// Beyond half of the room the transactions that linger longest go, two for each new one. 64*T1 is the time a peer may
    /// go on repeating itself when it hears nothing; once our last word has had T4 to reach it (RFC 3261 17: what stays in
    /// the network, stays no longer), hardly one does. What still repeats finds no transaction and is answered so: a BYE by
    /// 481, a 2xx by the ACK of its leg. An INVITE whose 2xx nobody acknowledged must not come in again as a new call: it
    /// keeps its time.
    pub(super) fn make_room(&mut self, now: Instant) {
        for _ in 0..2 {
            let Some(&(until, owner)) = self.output.lingering.front() else { return };
            let config = &self.output.config;
            if self.live() < self.room / 2 || until + config.t4 > now + config.patience() {
                return;
            }
            self.output.lingering.pop_front();
            if self.is_repeatable(owner) {
                self.output.timers.arm(until, (owner, Alarm::Linger));
                continue;
            }
            match owner {
                Owner::Client(key) => self.on_client_alarm(now, key, Alarm::Linger),
                Owner::Server(key) => self.on_server_alarm(now, key, Alarm::Linger),
            }
        }
    }

    /// Whether its request would be taken for a new call if it came again.
    fn is_repeatable(&self, owner: Owner) -> bool {
        let Owner::Server(key) = owner else { return false };
        matches!(self.servers.get(key.0), Some(Server { machine: ServerMachine::Invite(invite), .. }) if invite.awaits_ack())
    }

    pub(super) fn close(&mut self, key: ServerKey) {
        let Some(server) = self.servers.remove(key.0) else { return };
        self.by_match.remove(&ByMatch(Arc::clone(&server.key)));
        self.by_merge.remove(&ByMerge(server.key));
    }
}

/// What the Via of a request of ours begins with.
fn via(sent_by: SocketAddr) -> Box<[u8]> {
    format!("SIP/2.0/UDP {sent_by};branch={COOKIE}").into_bytes().into()
}
