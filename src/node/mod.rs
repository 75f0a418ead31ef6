//! The whole node as pure machines: signalling shard, journeys of callers, and the ACD engine beside them.
//!
//! [`Node`] is what both the server and the simulator run. Its contract:
//!
//! 1. give it one input: a datagram, a media event, a control request, a reload, a drain, or the passing of time;
//! 2. drain `poll_transmit`, `poll_media` and `poll_fact` until each is `None`;
//! 3. sleep until `poll_timeout`, at most, then call `handle_timeout`.
//!
//! `now` never goes back. An early or repeated `handle_timeout` changes nothing.

mod audio;
mod contact;
mod control;
mod directory;
pub mod gate;
mod identity;
mod journey;
mod message;
mod peers;
mod ports;
mod qualify;
mod shard;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Engine, Plan, Stamped};
use crate::base::{Instant, PeerId};
use crate::config::Config;
use crate::media;
use crate::sip::transaction;

use directory::Origin;
use gate::Sender;
use shard::{Drain, Shard};

pub use message::{AgentView, CallView, Control, QueueAudio, Reply, Resolved, Setup};
pub use transaction::Transmit;

/// The node; see the module.
#[derive(Debug)]
pub struct Node {
    shard: Shard,
    engine: Engine,
    config: Arc<Config>,
}

impl Node {
    /// A node at work from `now` on.
    pub fn new(now: Instant, setup: Setup) -> Self {
        let shard = Shard::new(now, &setup);
        let engine = Engine::new(now, Arc::clone(&shard.directory.plan));
        Self { shard, engine, config: setup.config }
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: Bytes) {
        self.shard.handle_datagram(now, source, payload);
        self.settle(now);
    }

    /// A call comes that the gate refuses: 503 with Retry-After, no state.
    pub fn handle_refused(&mut self, now: Instant, source: SocketAddr, payload: Bytes) {
        self.shard.handle_refused(now, source, payload);
        self.settle(now);
    }

    /// Who an address is to the gate.
    pub fn sender(&self, source: SocketAddr) -> Sender {
        if self.shard.directory.trusted(source.ip()).is_some() { Sender::Peer } else { Sender::Stranger }
    }

    /// The media worker told something.
    pub fn handle_media(&mut self, now: Instant, event: media::Event) {
        self.shard.handle_media(now, event);
        self.settle(now);
    }

    /// The control plane asks; the answer is immediate, its consequences come out of the polls.
    pub fn handle_control(&mut self, now: Instant, control: Control) -> Reply {
        let reply = self.on_control(now, control);
        self.settle(now);
        reply
    }

    /// Another configuration. Returns what it changes that cannot change at run time, one line each; the rest is in force.
    pub fn handle_reload(&mut self, now: Instant, config: Arc<Config>, resolved: Resolved) -> Vec<String> {
        let kept = fixed_changes(&self.config, &config);
        self.shard.handle_reload(now, &config, &resolved);
        self.engine.handle_plan(now, Arc::clone(&self.shard.directory.plan));
        self.config = config;
        self.settle(now);
        kept
    }

    /// No new calls; waiting callers flow out after `limit`; calls in progress finish.
    pub fn handle_drain(&mut self, now: Instant, limit: Duration) {
        self.shard.handle_drain(now, limit);
        self.settle(now);
    }

    /// True when draining and the last call is gone, its last transaction included.
    pub fn is_drained(&self) -> bool {
        self.shard.drain == Drain::Yes && self.shard.contacts.is_empty() && self.shard.legs.live() == 0
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
        self.settle(now);
        self.shard.handle_timeout(now);
        self.settle(now);
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.engine.poll_timeout(), self.shard.poll_timeout()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.shard.legs.poll_transmit()
    }

    /// The next command for the media worker.
    pub fn poll_media(&mut self) -> Option<media::Command> {
        self.shard.media.pop_front()
    }

    /// The next fact, in the order of the ACD engine.
    pub fn poll_fact(&mut self) -> Option<Stamped> {
        self.engine.poll_fact()
    }

    /// The plan in force: names and ids of queues and agents (for `stats` and the control plane).
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.shard.directory.plan
    }

    /// The configured neighbours, by id and name; agents' own phones are not among them.
    pub fn peers(&self) -> Vec<(PeerId, Arc<str>)> {
        let configured = self.shard.directory.peers().filter(|(_, peer)| peer.origin == Origin::Configured);
        configured.map(|(id, peer)| (id, Arc::clone(&peer.name))).collect()
    }

    /// Calls that live, for readiness and the oracle.
    pub fn live_calls(&self) -> usize {
        self.shard.contacts.len()
    }

    /// Legs and transactions that live; both are zero 64*T1 after the last call.
    pub fn live_dialogs(&self) -> (usize, usize) {
        (self.shard.legs.live(), self.shard.legs.transactions())
    }

    /// Reservations that the engine had to free because their release never came: 0 unless the node has a fault.
    pub fn repairs(&self) -> u64 {
        self.engine.repairs()
    }

    /// Checks every invariant; the oracle and the tests call it after each step.
    ///
    /// # Errors
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        self.engine.check()?;
        self.shard.check(&self.engine)
    }

    /// Carries messages between shard and engine until both are quiet.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(command) = self.shard.commands.pop_front() {
                self.engine.handle_command(now, command);
            }
            let Some(effect) = self.engine.poll_effect() else { break };
            self.shard.handle_effect(now, effect);
        }
    }
}

/// What a reload asks for that only a restart can do.
fn fixed_changes(old: &Config, new: &Config) -> Vec<String> {
    let fixed = [
        ("sip.listen", old.sip.listen != new.sip.listen),
        ("sip.advertise", old.sip.advertise != new.sip.advertise),
        ("media.address", old.media.address != new.media.address),
        ("media.ports", old.media.ports != new.media.ports),
        ("media.workers", old.media.workers != new.media.workers),
        ("http.listen", old.http.listen != new.http.listen),
    ];
    fixed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("{key} changes only at a restart"))
        .collect()
}
