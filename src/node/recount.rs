//! What the hub and a shard do for the census: the hub asks and judges, the shard tells what it holds
//! and lets go of what nobody knows.

use std::collections::BTreeMap;

use crate::acd::{Bond, EndedBy, FlowOut};
use crate::base::limits::CENSUS_CHUNK;
use crate::base::{Instant, LegId, ShardId};
use crate::call::Why;
use crate::node::census::{Holder, Question};
use crate::node::contact::{AgentLeg, Contact, Phase};
use crate::node::hub::Hub;
use crate::node::letter::{Answer, Ask, Ticket, Told};
use crate::node::shard::Shard;

impl Hub {
    /// Asks the census's next question, where one is due.
    pub(super) fn take_census(&mut self, now: Instant) {
        let Some((serial, question)) = self.census.ask(now, &self.engine) else { return };
        match question {
            Question::Held(shard, from) => {
                self.census.expect(1);
                self.tell(shard, Told::Ask(Ticket(serial), Ask::Held { from }));
            }
            Question::Hold(bonds) => {
                let mut of: BTreeMap<ShardId, Vec<Bond>> = BTreeMap::new();
                for bond in bonds {
                    of.entry(bond.call().shard()).or_default().push(bond);
                }
                self.census.expect(of.len() as u8);
                for (shard, bonds) in of {
                    self.tell(shard, Told::Ask(Ticket(serial), Ask::Hold(bonds)));
                }
            }
        }
    }

    /// A shard has told what it holds.
    pub(super) fn on_held(&mut self, shard: ShardId, serial: u64, bonds: &[Bond], next: Option<usize>) {
        if !self.census.is_awaited(serial) {
            return;
        }
        for bond in bonds {
            if !self.engine.knows(bond) && self.census.suspect(Holder::Shard, *bond) {
                self.engine.handle_orphan(self.census.asked(), bond);
                self.tell(shard, Told::LetGo(*bond));
            }
        }
        self.census.told(next, self.shards);
    }

    /// A shard has told which of the bonds it was shown it does not hold.
    pub(super) fn on_missing(&mut self, serial: u64, bonds: &[Bond]) {
        if !self.census.is_awaited(serial) {
            return;
        }
        for bond in bonds {
            if self.engine.holds(bond) && self.census.suspect(Holder::Engine, *bond) {
                self.engine.handle_unmatched(self.census.asked(), bond);
            }
        }
        self.census.answered();
    }
}

impl Shard {
    /// What it holds in a chunk of its slots.
    pub(super) fn held(&self, from: usize) -> Answer {
        let (contacts, next) = self.contacts.page(from, CENSUS_CHUNK);
        let mut bonds = Vec::new();
        contacts.for_each(|contact| contact.bonds(&mut bonds));
        Answer::Held { bonds, next }
    }

    /// Which of these it does not hold.
    pub(super) fn missing(&self, bonds: Vec<Bond>) -> Answer {
        Answer::Missing(bonds.into_iter().filter(|bond| !self.has(bond)).collect())
    }

    fn has(&self, bond: &Bond) -> bool {
        let Some(contact) = self.contacts.get(bond.call().0) else { return self.releases(bond) };
        let bound = |agent, epoch| contact.agents().any(|leg| leg.agent == agent && leg.epoch == epoch);
        match *bond {
            // One that arrives has been asked for; the engine's answer has not come.
            Bond::Waiting { .. } => contact.is_in_queue() && !matches!(contact.phase, Phase::Arriving),
            Bond::Offer { agent, epoch, .. } => bound(agent, epoch),
            Bond::Release { agent, epoch, .. } => bound(agent, epoch) || self.releases(bond),
            Bond::Talk { agent, epoch, .. } => {
                contact.agents().any(|leg| leg.agent == agent && leg.epoch == epoch && contact.is_joined(leg.leg))
            }
        }
    }

    /// True when the agent's leg of an offer that was taken back is being given up.
    fn releases(&self, bond: &Bond) -> bool {
        match bond {
            Bond::Release { agent, epoch, .. } => self.releasing.get(agent) == Some(epoch),
            Bond::Waiting { .. } | Bond::Offer { .. } | Bond::Talk { .. } => false,
        }
    }

    /// Lets go of what the engine does not know.
    pub(super) fn let_go(&mut self, now: Instant, bond: &Bond) {
        match *bond {
            Bond::Waiting { call } => {
                if self.contacts.get(call.0).is_some_and(|contact| contact.is_in_queue()) {
                    self.on_flow_out(now, call, FlowOut::System);
                }
            }
            Bond::Offer { call, agent, epoch } | Bond::Release { call, agent, epoch } => {
                if let Some(offer) = self.take_offer_of(call, agent, epoch) {
                    self.release_offer(now, offer, Why::Unsaid);
                    self.on_offer_over(now, call, agent);
                }
            }
            Bond::Talk { call, epoch, .. } => {
                if self.contacts.get(call.0).is_some_and(|contact| contact.talks_by(epoch)) {
                    self.end_talk(now, call, EndedBy::System);
                } else if let Some(leg) = self.contacts.get(call.0).and_then(|contact| contact.consulted_by(epoch)) {
                    self.on_agent_gone(now, call, leg, EndedBy::System);
                }
            }
        }
    }
}

impl Contact {
    fn bonds(&self, bonds: &mut Vec<Bond>) {
        let call = self.id;
        let offer = |leg: &AgentLeg| Bond::Offer { call, agent: leg.agent, epoch: leg.epoch };
        match &self.phase {
            Phase::Arriving => bonds.push(Bond::Waiting { call }),
            Phase::Waiting(offers) => {
                bonds.push(Bond::Waiting { call });
                bonds.extend(offers.iter().map(offer));
            }
            Phase::Talking { agent, .. } => bonds.push(Bond::Talk { call, agent: agent.agent, epoch: agent.epoch }),
            Phase::Alone | Phase::Outside { .. } => {}
        }
        for leg in self.handover.iter().flat_map(|handover| handover.agents()) {
            let talks = Bond::Talk { call, agent: leg.agent, epoch: leg.epoch };
            bonds.push(if self.is_joined(leg.leg) { talks } else { offer(leg) });
        }
    }

    fn consulted_by(&self, epoch: u32) -> Option<LegId> {
        let mut consulted = self.handover.iter().flat_map(|handover| handover.agents());
        consulted.find(|leg| leg.epoch == epoch && self.is_joined(leg.leg)).map(|leg| leg.leg)
    }

    fn talks_by(&self, epoch: u32) -> bool {
        matches!(&self.phase, Phase::Talking { agent, .. } if agent.epoch == epoch)
    }
}
