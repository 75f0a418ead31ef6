//! The whole node as pure machines: signalling shard, journeys of callers, and the ACD engine beside them.
//!
//! [`Node`] is what both the server and the simulator run. Its contract:
//!
//! 1. give it one input: a datagram, a media event, a control request, a reload, a drain, or the passing of time;
//! 2. drain `poll_transmit`, `poll_media` and `poll_fact` until each is `None`;
//! 3. sleep until `poll_timeout`, at most, then call `handle_timeout`.
//!
//! [`Parts`] is the same node taken apart, [`Shard`]s and a [`Hub`] that exchange letters, for several threads.
//!
//! `now` never goes back. An early or repeated `handle_timeout` changes nothing.

mod allowance;
mod answer;
mod audio;
mod carried;
mod census;
mod certified;
mod check;
mod code_call;
mod codecs;
mod contact;
mod control;
mod credentials;
mod dial;
mod directory;
mod enroll;
mod explain;
mod families;
mod features;
pub mod figures;
pub mod gate;
mod hub;
mod identity;
mod journey;
mod ladder;
mod letter;
mod listing;
mod mailbox;
mod message;
mod neighbour;
mod numbering;
mod outside;
mod overrides;
mod peers;
mod phones;
mod pins;
mod planning;
mod ports;
mod qualify;
mod reconnect;
mod recount;
mod register;
mod roster;
mod route;
mod run_time;
mod secure;
mod seen;
mod several;
mod shard;
mod sibling;
mod source;
mod standby;
mod strikes;
mod supervise;
mod teams;
#[cfg(test)]
mod tests;
mod trace;
mod traced;
mod tracer;
mod unknowns;
mod unproven;
mod values;
mod view;
mod watch;
mod watched;
mod watching;
mod wishes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Plan, Silent, Stamped, Unprovens};
use crate::base::limits::SHARDS_MAX;
use crate::base::{Instant, PeerId, Rng, ShardId, WallTime};
use crate::config::Config;
use crate::media::{self, Lease};
use crate::sip::transaction;

use directory::Directory;
use gate::Sender;
use sibling::Siblings;

pub use certified::Names;
pub use hub::{Hub, Naming};
pub use letter::{Down, Ticket, Up};
pub use message::{
    AgentChange, AgentView, CallView, Consulted, Control, LadderView, OtherSetup, Prompt, QueueAudio, QueueChange,
    RegistrationView, Reply, Resolved, RungView, Selection, Setup, SkillChange, ThresholdsChange,
};
pub use route::Router;
pub use shard::Shard;
pub use trace::view::{RunningTrace, TraceView, TracedMessage};
pub use transaction::{Door, Transmit, Wire};
pub use view::{
    CandidateView, DecisionView, ExplanationView, LenderView, LendingView, LoanView, MemberView, QueueView,
    RegistrationRow, ReserveView, RuleView, TeamView, WaitView, WaitsForView,
};

/// A node of several shards, taken apart: each part runs on its own and all talk by letters, first in, first out for each
/// pair. Datagrams go to the shard that [`Router::owner`] names.
#[derive(Debug)]
pub struct Parts {
    /// The ACD engine with its control plane.
    pub hub: Hub,
    /// The shards by their numbers.
    pub shards: Vec<Shard>,
    /// Finds the shard of a datagram.
    pub router: Router,
}

impl Parts {
    /// A node at work from `now` on, with a shard for each of the addresses; calls come in at the first. `setup.leases` are
    /// dealt out in blocks.
    ///
    /// # Panics
    /// With more addresses than `limits::SHARDS_MAX`, or none.
    pub fn new(now: Instant, setup: &Setup, addresses: &[SocketAddr]) -> Self {
        let shards = u8::try_from(addresses.len()).expect("a node has few shards");
        assert!((1..=SHARDS_MAX).contains(&shards), "a node has one shard at least, and not too many");
        let mut rng = Rng::from_seed(setup.seed);
        let router = Router::new(shards, &mut rng);
        let directory = Arc::new(Directory::new(&setup.config, &setup.resolved, setup.seed));
        let mut blocks = blocks(&setup.leases, addresses.len()).into_iter();
        let shard = |(number, address): (u8, &SocketAddr)| {
            let mut seed = [0; 32];
            seed.chunks_mut(8).for_each(|word| word.copy_from_slice(&rng.u64().to_le_bytes()));
            let leases = blocks.next().unwrap_or_default();
            let setup = Setup { seed, sip_address: *address, leases, ..setup.clone() };
            let mut shard = Shard::one_of(now, ShardId(number), shards, &setup, Arc::clone(&directory));
            if number > 0 {
                shard.legs.set_public(addresses[0]);
            }
            let mut shard = shard.speaking_both(&setup);
            shard.siblings = Siblings::new(&setup.config, addresses);
            shard
        };
        let all = (0..).zip(addresses).map(shard).collect();
        Self { hub: Hub::new(now, Arc::clone(&setup.config), directory, shards), shards: all, router }
    }
}

/// The node of one shard; see the module.
#[derive(Debug)]
pub struct Node {
    shard: Shard,
    hub: Hub,
}

impl Node {
    /// A node at work from `now` on.
    pub fn new(now: Instant, setup: Setup) -> Self {
        let directory = Arc::new(Directory::new(&setup.config, &setup.resolved, setup.seed));
        let shard = Shard::new(now, &setup, Arc::clone(&directory));
        let mut node = Self { shard, hub: Hub::new(now, setup.config, directory, 1) };
        // Phones that register are nowhere yet.
        node.settle(now);
        node
    }

    /// The calendar's time at [`Instant::ZERO`], told once before anything else; see [`Hub::handle_origin`].
    pub fn handle_origin(&mut self, now: Instant, origin: WallTime) {
        self.hub.handle_origin(now, origin);
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: Bytes) {
        self.handle_message(now, Door::Own, source, payload);
    }

    /// The same for a message that came in by this door.
    pub fn handle_message(&mut self, now: Instant, door: Door, source: SocketAddr, payload: Bytes) {
        self.shard.handle_datagram(now, door, source, payload);
        self.settle(now);
    }

    /// A client has proven by a certificate with these names that it is at the far end of this TLS connection.
    pub fn handle_certified(&mut self, far: SocketAddr, names: Names) {
        self.shard.handle_certified(far, names);
    }

    /// A stream connection is gone.
    pub fn handle_closed(&mut self, now: Instant, far: SocketAddr, wire: Wire) {
        self.shard.handle_closed(now, far, wire);
        self.settle(now);
    }

    /// A call comes that the gate refuses: 503 with Retry-After, no state.
    pub fn handle_refused(&mut self, now: Instant, door: Door, source: SocketAddr, payload: Bytes) {
        self.shard.handle_refused(now, door, source, payload);
        self.settle(now);
    }

    /// Who an address is to the gate.
    pub fn sender(&self, source: SocketAddr) -> Sender {
        self.shard.sender(source)
    }

    /// The media worker told something.
    pub fn handle_media(&mut self, now: Instant, event: media::Event) {
        self.shard.handle_media(now, event);
        self.settle(now);
    }

    /// The control plane asks; the answer is immediate, its consequences come out of the polls.
    pub fn handle_control(&mut self, now: Instant, control: Control) -> Reply {
        self.hub.handle_control(now, Ticket(0), control);
        self.settle(now);
        let (_, reply) = self.hub.poll_reply().expect("the only shard has answered");
        reply
    }

    /// Another configuration. Returns what it changes that cannot change at run time, one line each; the rest is in force.
    pub fn handle_reload(&mut self, now: Instant, config: Arc<Config>, resolved: Resolved) -> Vec<String> {
        let kept = self.hub.handle_reload(now, config, &resolved);
        self.settle(now);
        kept
    }

    /// No new calls; waiting callers flow out after `limit`; calls in progress finish.
    pub fn handle_drain(&mut self, now: Instant, limit: Duration) {
        self.hub.handle_drain(now, limit);
        self.settle(now);
    }

    /// True when draining and the last call is gone, its last transaction included.
    pub fn is_drained(&self) -> bool {
        self.shard.is_drained()
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.hub.handle_timeout(now);
        self.settle(now);
        self.shard.handle_timeout(now);
        self.settle(now);
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.hub.poll_timeout(), self.shard.poll_timeout()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.shard.poll_transmit()
    }

    /// The next command for the media worker.
    pub fn poll_media(&mut self) -> Option<media::Command> {
        self.shard.poll_media()
    }

    /// The next fact, in the order of the ACD engine.
    pub fn poll_fact(&mut self) -> Option<Stamped> {
        self.hub.poll_fact()
    }

    /// The plan in force: names and ids of queues and agents (for `stats` and the control plane).
    pub fn plan(&self) -> &Arc<Plan> {
        self.hub.plan()
    }

    /// What figures are kept by.
    pub fn naming(&self) -> Naming {
        self.hub.naming()
    }

    /// The same, when a supervisor has changed it since it was last asked.
    pub fn poll_naming(&mut self) -> Option<Naming> {
        self.hub.poll_naming()
    }

    /// The configured neighbours, by id and name; agents' own phones are not among them.
    pub fn peers(&self) -> Vec<(PeerId, Arc<str>)> {
        self.hub.peers()
    }

    /// Credentials that were not good since this was last asked.
    pub const fn take_auth_failures(&mut self) -> Unprovens {
        self.shard.take_auth_failures()
    }

    /// What was left without an answer since this was last asked, beside what the gate has kept out.
    pub const fn take_silent(&mut self) -> Silent {
        self.shard.take_silent()
    }

    /// Calls that live, for readiness and the oracle.
    pub fn live_calls(&self) -> usize {
        self.shard.live_calls()
    }

    /// Legs and transactions that live; both are zero 64*T1 after the last call.
    pub fn live_dialogs(&self) -> (usize, usize) {
        self.shard.live_dialogs()
    }

    /// Reservations that the engine had to free because their release never came: 0 unless the node has a fault.
    pub fn repairs(&self) -> u64 {
        self.hub.repairs()
    }

    /// Checks every invariant; the oracle and the tests call it after each step.
    ///
    /// # Errors
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        self.hub.check()?;
        self.shard.check()?;
        self.shard.check_beside(&self.hub)
    }

    /// Carries letters between shard and hub until both are quiet.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some((peer, registered)) = self.shard.registered.pop_front() {
                self.hub.on_registered(now, peer, registered);
            }
            while let Some(command) = self.shard.commands.pop_front() {
                self.hub.handle_command(now, command);
            }
            while let Some((agent, seen)) = self.shard.watch.seen.pop_front() {
                self.hub.on_seen(now, agent, seen);
            }
            // There is no other shard to tell.
            self.shard.pins.untold.clear();
            while let Some((ticket, answer)) = self.shard.answers.pop_front() {
                self.hub.on_answer(now, ShardId(0), ticket, answer);
            }
            while let Some(dialled) = self.shard.dialled.pop_front() {
                self.hub.on_dialled(now, ShardId(0), &dialled);
            }
            let Some((_, down)) = self.hub.poll_down() else { break };
            self.shard.handle_down(now, down);
        }
    }
}

/// Deals leases out to so many shards: to each a block of every media worker's.
fn blocks(leases: &[Lease], shards: usize) -> Vec<Vec<Lease>> {
    let mut blocks = vec![Vec::new(); shards];
    for its in leases.chunk_by(|one, next| one.port.worker() == next.port.worker()) {
        for (block, part) in blocks.iter_mut().zip(its.chunks(its.len().div_ceil(shards))) {
            block.extend_from_slice(part);
        }
    }
    blocks
}
