//! What must hold of a shard, alone and beside the ACD engine.

use crate::node::contact::{Contact, Phase};
use crate::node::hub::Hub;
use crate::node::shard::{Owner, Shard};

impl Shard {
    /// The shard's own invariants: legs, contacts and streams know each other, and ports are not lost.
    ///
    /// # Errors
    /// The first broken invariant, in words.
    pub fn check(&self) -> Result<(), String> {
        for contact in self.contacts.iter() {
            let id = contact.id;
            if self.owners.get(&contact.leg) != Some(&Owner::Caller(id)) {
                return Err(format!("{id} does not own its leg {}", contact.leg));
            }
            for agent in contact.agents() {
                if self.owners.get(&agent.leg) != Some(&Owner::Agent(id)) {
                    return Err(format!("{id} does not own its agent's leg {}", agent.leg));
                }
            }
            if let Some(outside) = contact.outside().filter(|it| self.owners.get(&it.leg) != Some(&Owner::Outside(id)))
            {
                return Err(format!("{id} does not own its leg outside {}", outside.leg));
            }
            let is_outside = matches!(contact.phase, Phase::Outside { .. });
            if contact.lent != (contact.handover.is_some() || is_outside) {
                return Err(format!("{id} has room for another party, or needs it: {:?}", contact.handover));
            }
            if matches!(contact.phase, Phase::Alone) && contact.handover.is_none() {
                return Err(format!("{id} is alone, and nobody is sought"));
            }
        }
        let streams: usize = self.contacts.iter().map(Contact::streams).sum();
        let streams = streams + self.codes.len();
        if streams != self.streams.len() {
            return Err(format!("{streams} streams in contacts, {} in the table", self.streams.len()));
        }
        self.ports.check(streams)
    }

    /// With no letter under way, engine and shard agree on who is offered and who talks.
    ///
    /// # Errors
    /// The first disagreement, in words.
    pub fn check_beside(&self, hub: &Hub) -> Result<(), String> {
        for contact in self.contacts.iter() {
            let id = contact.id;
            for agent in contact.agents() {
                let status = hub.engine.agent(agent.agent).ok_or_else(|| format!("{id} has an unknown agent"))?;
                if status.call != Some(id) {
                    return Err(format!(
                        "{} is bound to {id} here and to {:?} in the engine",
                        agent.agent, status.call
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Contact {
    /// How many streams it has.
    fn streams(&self) -> usize {
        usize::from(self.audio.stream().is_some())
            + self.agents().filter(|agent| agent.audio.stream().is_some()).count()
            + usize::from(self.outside().is_some_and(|outside| outside.audio.stream().is_some()))
    }
}
