//! Neighbours: whether they answer, and asking them by OPTIONS. A neighbour that is down is asked every 2 s until it answers;
//! one that is up as often as configured.

use std::time::Duration;

use crate::acd::Command;
use crate::base::{Instant, PeerId, TimerKey};
use crate::node::shard::{Shard, Timer};

/// A neighbour that is down is asked this often.
const RETRY: Duration = Duration::from_secs(2);

/// What is known of each neighbour, by its id.
#[derive(Debug, Default)]
pub(super) struct Peers {
    states: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    up: bool,
    timer: Option<TimerKey>,
}

impl Peers {
    /// True unless the neighbour is known to be down.
    pub(super) fn is_up(&self, id: PeerId) -> bool {
        self.states.get(id.0 as usize).is_none_or(|peer| peer.up)
    }
}

impl Shard {
    /// Begins to ask the neighbours of the configuration in force.
    pub(super) fn watch_peers(&mut self, now: Instant) {
        let wanted: Vec<_> = self.directory.peers().map(|(id, peer)| (id, peer.qualify)).collect();
        for (id, qualify) in wanted {
            if self.peers.states.len() <= id.0 as usize {
                self.peers.states.push(Peer { up: true, timer: None });
                if !qualify.is_zero() {
                    self.arm_qualify(now, id);
                }
            } else if self.peers.states[id.0 as usize].timer.is_none() && !qualify.is_zero() {
                self.arm_qualify(now + qualify, id);
            }
        }
    }

    /// The neighbour did not answer, or answered 408 or 503: its fault. It is asked after the pause of a neighbour that is
    /// down, not at once: one that answers OPTIONS but refuses every INVITE would be offered calls as fast as it refuses them.
    pub(super) fn on_peer_fault(&mut self, now: Instant, id: PeerId) {
        if self.peers.is_up(id) {
            self.set_peer(id, false);
            self.arm_qualify(now + RETRY, id);
        }
    }

    pub(super) fn on_qualify_due(&mut self, now: Instant, id: PeerId) {
        self.peers.states[id.0 as usize].timer = None;
        match self.directory.peer(id).address {
            Some(address) => self.legs.qualify(now, address, u64::from(id.0)),
            None => {
                self.set_peer(id, false);
                self.arm_qualify(now + RETRY, id);
            }
        }
    }

    pub(super) fn on_qualified(&mut self, now: Instant, id: PeerId, alive: bool) {
        self.set_peer(id, alive);
        if self.peers.states[id.0 as usize].timer.is_some() {
            return;
        }
        let pause = if alive { self.directory.peer(id).qualify } else { RETRY };
        if !pause.is_zero() {
            self.arm_qualify(now + pause, id);
        }
    }

    fn arm_qualify(&mut self, at: Instant, id: PeerId) {
        if let Some(old) = self.peers.states[id.0 as usize].timer.take() {
            self.timers.cancel(old);
        }
        self.peers.states[id.0 as usize].timer = Some(self.timers.arm(at, Timer::Qualify(id)));
    }

    fn set_peer(&mut self, id: PeerId, up: bool) {
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        if peer.up == up {
            return;
        }
        peer.up = up;
        if up {
            tracing::info!(peer = %self.directory.peer(id).name, "peer answers again");
        } else {
            tracing::warn!(peer = %self.directory.peer(id).name, "peer does not answer");
        }
        self.commands.push_back(Command::PeerState { peer: id, up });
    }
}
