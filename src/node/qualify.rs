//! Asking neighbours by OPTIONS. One that is down is asked every 2 s until it answers; one that is up as often as configured.
//! Says to the engine who is down; never judges an agent.

use std::time::Duration;

use crate::acd::Command;
use crate::base::{Instant, LegId, PeerId, ShardId};
use crate::node::contact::{Contact, Phase};
use crate::node::neighbour::{self, Listing};
use crate::node::peers::Peer;
use crate::node::shard::{Shard, Timer};

/// A neighbour that is down is asked this often.
const RETRY: Duration = Duration::from_secs(2);

impl Shard {
    /// Begins to ask the neighbours of the configuration in force.
    pub(super) fn watch_peers(&mut self, now: Instant) {
        let present = |(_, peer): &(PeerId, &neighbour::Peer)| peer.listing == Listing::Present;
        let by_stream = self.directory.peers().filter(present);
        let by_stream = by_stream.filter_map(|(_, peer)| Some((peer.address?, peer.transport.wire()?))).collect();
        self.legs.set_stream_peers(by_stream);
        let wanted: Vec<_> = self.directory.peers().filter(present).map(|(id, peer)| (id, peer.qualify)).collect();
        for (id, qualify) in wanted {
            if self.peers.states.len() <= id.0 as usize {
                let asked = Instant::ZERO;
                self.peers.states.push(Peer { up: true, timer: None, asked, challenged: false, refused: false });
                if self.directory.peer(id).account.is_some() {
                    // Nobody knows yet where it is. All shards hear it from the first one.
                    if self.id == ShardId(0) {
                        self.set_peer(now, id, false);
                    }
                } else if !qualify.is_zero() {
                    self.arm_qualify(now, id);
                }
                continue;
            }
            let Peer { up, timer, .. } = &self.peers.states[id.0 as usize];
            let is_somewhere = self.address_of(id).is_some() || self.directory.peer(id).account.is_none();
            if timer.is_none() && is_somewhere && (!up || !qualify.is_zero()) {
                self.arm_qualify(if *up { now + qualify } else { now }, id);
            }
        }
    }

    /// The neighbour did not answer, or answered 408 or 503: its fault. It is asked after the pause of a neighbour that is
    /// down, not at once: one that answers OPTIONS but refuses every INVITE would be offered calls as fast as it refuses them.
    pub(super) fn on_peer_fault(&mut self, now: Instant, id: PeerId) {
        // Of one with several addresses each is down by itself.
        if self.peers.is_up(id) && self.directory.peer(id).members.is_empty() {
            self.set_peer(now, id, false);
            self.arm_qualify(now + RETRY, id);
        }
    }

    /// What a shard has found out about a neighbour, in the order in which the hub tells it to all.
    pub(super) fn on_peer_told(&mut self, now: Instant, id: PeerId, up: bool) {
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        match (std::mem::replace(&mut peer.up, up), up) {
            (true, false) => self.arm_qualify(now + RETRY, id),
            (false, true) => self.ask_unanswered(now, id),
            (true, true) | (false, false) => return,
        }
        self.on_watch_link(now, id, up);
    }

    /// The neighbour is back, and may have started anew: then it knows nothing of the callers who rang meanwhile. Silence tells
    /// of those who were answered; of the others nothing would.
    fn ask_unanswered(&mut self, now: Instant, id: PeerId) {
        let id = self.whole(id);
        let rings = |contact: &&Contact| {
            contact.peer == Some(id) && contact.answered.is_none() && matches!(contact.phase, Phase::Waiting(_))
        };
        let legs: Vec<LegId> = self.contacts.iter().filter(rings).map(|contact| contact.leg).collect();
        for leg in legs {
            self.legs.probe(now, leg);
        }
    }

    /// An answered call is one that its neighbour does not know any more: it may have started anew, and sooner than OPTIONS could
    /// tell. Those who ring are asked for at most once in a while.
    pub(super) fn on_call_unknown(&mut self, now: Instant, id: PeerId) {
        let id = self.whole(id);
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        if now.since(peer.asked) >= RETRY {
            peer.asked = now;
            self.ask_unanswered(now, id);
        }
    }

    /// The neighbour wants credentials, and there are none for it, or it refuses them: said once, for every call to it fails
    /// alike.
    pub(super) fn on_challenge(&mut self, id: PeerId) {
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        if !std::mem::replace(&mut peer.challenged, true) {
            tracing::warn!(peer = %self.directory.peer(id).name, "peer asks for credentials; see outbound_auth of the peer");
        }
    }

    pub(super) fn on_qualify_due(&mut self, now: Instant, id: PeerId) {
        self.peers.states[id.0 as usize].timer = None;
        let peer = self.directory.peer(id);
        if peer.listing == Listing::Removed || !peer.members.is_empty() {
            return;
        }
        match self.address_of(id) {
            Some(address) => self.legs.qualify(now, address, u64::from(id.0)),
            None => {
                self.set_peer(now, id, false);
                // A phone comes back by registering.
                if self.directory.peer(id).account.is_none() || self.peers.is_up(id) {
                    self.arm_qualify(now + RETRY, id);
                }
            }
        }
    }

    /// A phone has registered at another place, or again after it was down; or it is registered no more.
    pub(super) fn on_phone(&mut self, now: Instant, id: PeerId, is_there: bool) {
        self.set_peer(now, id, is_there);
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        // With no slot to tell it, it is tried again.
        let pause = if peer.up == is_there { self.directory.peer(id).qualify } else { RETRY };
        if let Some(old) = peer.timer.take() {
            self.timers.cancel(old);
        }
        if (is_there || peer.up) && !pause.is_zero() {
            self.arm_qualify(now + pause, id);
        }
    }

    pub(super) fn on_qualified(&mut self, now: Instant, id: PeerId, alive: bool) {
        let is_back = alive && !self.peers.is_up(id);
        self.set_peer(now, id, alive);
        if is_back {
            self.ask_unanswered(now, id);
        }
        let removed = self.directory.peer(id).listing == Listing::Removed;
        if removed || self.peers.states[id.0 as usize].timer.is_some() {
            return;
        }
        let pause = if alive { self.directory.peer(id).qualify } else { RETRY };
        if !pause.is_zero() {
            self.arm_qualify(now + pause, id);
        }
    }

    /// Neighbours are asked by the first shard, for all.
    fn arm_qualify(&mut self, at: Instant, id: PeerId) {
        if self.id != ShardId(0) {
            return;
        }
        if let Some(old) = self.peers.states[id.0 as usize].timer.take() {
            self.timers.cancel(old);
        }
        self.peers.states[id.0 as usize].timer = Some(self.timers.arm(at, Timer::Qualify(id)));
    }

    fn set_peer(&mut self, now: Instant, id: PeerId, up: bool) {
        let has_slot = self.has_slot();
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        // With no slot to tell it the news waits for the next answer, or the next silence.
        if peer.up == up || !has_slot {
            return;
        }
        peer.up = up;
        if up {
            tracing::info!(peer = %self.directory.peer(id).name, "peer answers again");
        } else {
            tracing::warn!(peer = %self.directory.peer(id).name, "peer does not answer");
        }
        self.commands.push_back(Command::PeerState { peer: id, up });
        self.on_watch_link(now, id, up);
    }
}
