//! The whole node as pure machines: signalling shard, journeys of callers, and the ACD engine beside them.
//!
//! [`Node`] is what both the server and the simulator run. Its contract:
//!
//! 1. give it one input: a datagram, a media event, a control request, a reload, a drain, or the passing of time;
//! 2. drain `poll_transmit`, `poll_media` and `poll_fact` until each is `None`;
//! 3. sleep until `poll_timeout`, at most, then call `handle_timeout`.
//!
//! `now` never goes back. An early or repeated `handle_timeout` changes nothing.

mod message;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Plan, Stamped};
use crate::base::Instant;
use crate::config::Config;
use crate::media;

pub use message::{AgentView, CallView, Control, QueueAudio, Reply, Resolved, Setup};

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub destination: std::net::SocketAddr,
    /// What.
    pub payload: Bytes,
}

/// The node; see the module.
#[derive(Debug)]
pub struct Node {
    plan: Arc<Plan>,
}

impl Node {
    /// A node at work from `now` on.
    pub fn new(_now: Instant, _setup: Setup) -> Self {
        Self { plan: Arc::new(Plan::default()) }
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, _now: Instant, _source: std::net::SocketAddr, _payload: Bytes) {}

    /// The media worker told something.
    pub fn handle_media(&mut self, _now: Instant, _event: media::Event) {}

    /// The control plane asks; the answer is immediate, its consequences come out of the polls.
    pub fn handle_control(&mut self, _now: Instant, _control: Control) -> Reply {
        Reply::Done
    }

    /// Another configuration. Returns what it changes that cannot change at run time, one line each; the rest is in force.
    pub fn handle_reload(&mut self, _now: Instant, _config: Arc<Config>, _resolved: Resolved) -> Vec<String> {
        Vec::new()
    }

    /// No new calls; waiting callers flow out after `limit`; calls in progress finish.
    pub fn handle_drain(&mut self, _now: Instant, _limit: Duration) {}

    /// True when draining and the last call is gone.
    pub fn is_drained(&self) -> bool {
        false
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next command for the media worker.
    pub fn poll_media(&mut self) -> Option<media::Command> {
        None
    }

    /// The next fact, in the order of the ACD engine.
    pub fn poll_fact(&mut self) -> Option<Stamped> {
        None
    }

    /// The plan in force: names and ids of queues and agents (for `stats` and the control plane).
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Calls that live, for readiness and the oracle.
    pub fn live_calls(&self) -> usize {
        0
    }

    /// Checks every invariant; the oracle and the tests call it after each step.
    ///
    /// # Errors
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
