//! Neighbours with several addresses, in the manner of RFC 2782: each address is a neighbour of its own, asked by OPTIONS and
//! marked down by itself; the one that the configuration names is up while any of them is. Requests go to the lowest priority
//! that is up, by weight among equals, and to the next one when an address fails ("Decisions" 6 of FEATURES).

use std::net::SocketAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::acd::{Command, Target};
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId};
use crate::node::contact::{Contact, Reach};
use crate::node::directory::{Agent, Directory};
use crate::node::hub::Hub;
use crate::node::peers::Member;
use crate::node::shard::{Offered, Shard};

impl Shard {
    /// Where a request to a neighbour goes, and which neighbour answers for it; `None` when nobody knows, or all are down.
    pub(super) fn route_to(&mut self, peer: PeerId) -> Option<(PeerId, SocketAddr)> {
        let members = &self.directory.peer(peer).members;
        if members.is_empty() {
            return self.address_of(peer).map(|address| (peer, address));
        }
        let is_usable = |member: &&Member| self.peers.is_up(member.id) && self.address_of(member.id).is_some();
        let first = members.iter().filter(is_usable).map(|member| member.priority).min()?;
        let equals: SmallVec<[Member; 4]> =
            members.iter().filter(|member| member.priority == first).filter(is_usable).copied().collect();
        let total: u32 = equals.iter().map(|member| u32::from(member.weight)).sum();
        let mut drawn = if total == 0 { 0 } else { self.rng.below(total) };
        let chosen = equals.iter().find(|member| {
            let weight = u32::from(member.weight);
            let is_it = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            is_it
        });
        let member = chosen.or_else(|| equals.first())?.id;
        self.address_of(member).map(|address| (member, address))
    }

    /// An address has failed for an offer and is marked down: rings the agent by another one. False when there is none.
    pub(super) fn offer_elsewhere(
        &mut self,
        now: Instant,
        call: CallId,
        failed: PeerId,
        (agent, epoch): (AgentId, u32),
    ) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        let (queue, by_name) = contact.queue_of_offer();
        let offered = Offered { agent, epoch, queue, by_name };
        let Some(group) = self.directory.peer(failed).group else { return false };
        // Without a slot the address could not be marked down, and would be tried again and again.
        if self.peers.is_up(failed) || !self.wishes(call, &offered) {
            return false;
        }
        let Some(next) = self.route_to(group) else { return false };
        self.ring(now, call, &offered, next)
    }

    /// The same for a number outside.
    pub(super) fn call_elsewhere(&mut self, now: Instant, call: CallId, failed: PeerId) -> bool {
        let Some(group) = self.directory.peer(failed).group.filter(|_| !self.peers.is_up(failed)) else { return false };
        if self.route_to(group).is_none() {
            return false;
        }
        let Some(handover) = self.contact(call).and_then(|contact| contact.handover.as_mut()) else { return false };
        let Target::Number(number) = &handover.target else { return false };
        let number = number.expose().to_string();
        match std::mem::replace(&mut handover.reach, Reach::Ringing(Vec::new())) {
            Reach::Calling(old) => self.drop_outside(now, old),
            other @ (Reach::Ringing(_) | Reach::Agent(_) | Reach::Number(_)) => {
                handover.reach = other;
                return false;
            }
        }
        self.call_outside(now, call, &number).is_ok()
    }

    /// The neighbour that the configuration names, of one of its addresses.
    pub(super) fn whole(&self, peer: PeerId) -> PeerId {
        self.directory.peer(peer).group.unwrap_or(peer)
    }
}

impl Hub {
    /// An address has gone down or come back: so may have the neighbour that it belongs to.
    pub(super) fn derive_peer(&mut self, at: Instant, peer: PeerId) {
        if let Some(group) = self.directory.peer(peer).group {
            self.put_group(at, group);
        }
    }

    /// After a reload: addresses have come and gone.
    pub(super) fn derive_peers(&mut self, at: Instant, before: &Directory) {
        let all: Vec<_> = self.directory.peers().map(|(id, peer)| (id, peer.members.is_empty())).collect();
        for (id, is_single) in all {
            if !is_single {
                self.put_group(at, id);
            } else if before.has_peer(id) && !before.peer(id).members.is_empty() && self.down.remove(&id) {
                // It has one address now, which is taken for up until it does not answer.
                self.engine.handle_command(at, Command::PeerState { peer: id, up: true });
            }
        }
    }

    fn put_group(&mut self, at: Instant, group: PeerId) {
        let members = &self.directory.peer(group).members;
        let up = members.is_empty() || members.iter().any(|member| !self.down.contains(&member.id));
        let changed = if up { self.down.remove(&group) } else { self.down.insert(group) };
        if changed {
            self.engine.handle_command(at, Command::PeerState { peer: group, up });
        }
    }
}

impl Directory {
    /// True when the neighbour has this address.
    pub(super) fn is_at(&self, id: PeerId, address: SocketAddr) -> bool {
        let peer = self.peer(id);
        peer.address == Some(address) || peer.members.iter().any(|member| self.peer(member.id).address == Some(address))
    }

    /// The URI of an agent's phone by way of a neighbour: one of several addresses stands in the URI in place of the first.
    pub(super) fn uri_by(&self, agent: &Agent, peer: PeerId) -> Arc<str> {
        let at = |id: PeerId| self.peer(id).name.split_once(' ').map(|(_, at)| at);
        let group = self.peer(peer).group.and_then(|group| self.peer(group).members.first());
        let Some((first, own)) = group.and_then(|first| Some((at(first.id)?, at(peer)?))) else {
            return Arc::clone(&agent.uri);
        };
        if first == own {
            Arc::clone(&agent.uri)
        } else {
            agent.uri.replace(&format!("@{first}"), &format!("@{own}")).into()
        }
    }
}

impl Contact {
    /// The queue of an offer for this call, and whether it is for an agent by name.
    fn queue_of_offer(&self) -> (QueueId, bool) {
        match self.handover.as_ref().map(|handover| &handover.target) {
            Some(Target::Queue(queue)) => (*queue, false),
            Some(Target::Agent(_)) => (self.queue, true),
            Some(Target::Number(_)) | None => (self.queue, false),
        }
    }
}
