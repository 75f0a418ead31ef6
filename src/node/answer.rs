//! What a shard does for the control plane: views of its calls, and the supervisor's hand on them.

use std::sync::Arc;

use crate::acd::Target;
use crate::base::{CallId, Instant};
use crate::node::contact::{Contact, Handover, Phase, Reach};
use crate::node::letter::{Answer, Ask};
use crate::node::message::{CallView, Consulted, Reply};
use crate::node::shard::Shard;

impl Shard {
    pub(super) fn on_ask(&mut self, now: Instant, ask: Ask) -> Answer {
        match ask {
            Ask::Calls { offset, limit } => {
                let contacts = self.contacts.iter().skip(offset).take(limit);
                let rows = contacts.map(|contact| (contact.id, self.call_view(now, contact))).collect();
                Answer::Calls { rows, total: self.contacts.len() }
            }
            Ask::HangUp(call) => Answer::Reply(self.end(now, call)),
            Ask::Withdraw(call) => {
                let talks = self.contacts.get(call.0).is_some_and(|contact| match &contact.phase {
                    Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. } => true,
                    Phase::Arriving | Phase::Waiting(_) => false,
                });
                Answer::Reply(if talks { Reply::Conflict(format!("{call} talks")) } else { self.end(now, call) })
            }
            Ask::Held { from } => self.held(from),
            Ask::Hold(bonds) => self.missing(bonds),
            Ask::Requeue(call, queue) => self.may_move(call, queue.as_deref()).unwrap_or_else(Answer::Reply),
            Ask::Transfer(call, kind, target, who) => {
                Answer::Reply(self.hand_on(call, |shard| shard.transfer(now, call, (kind, target), Some(who))))
            }
            Ask::Consultation(call, Consulted::Complete) => {
                Answer::Reply(self.hand_on(call, |shard| shard.complete(now, call)))
            }
            Ask::Consultation(call, Consulted::Cancel) => {
                Answer::Reply(self.hand_on(call, |shard| shard.cancel(now, call)))
            }
        }
    }

    fn hand_on(&mut self, call: CallId, how: impl FnOnce(&mut Self) -> Result<(), String>) -> Reply {
        if self.contact(call).is_none() {
            return Reply::NotFound(format!("no call {call}"));
        }
        how(self).map_or_else(Reply::Conflict, |()| Reply::Done)
    }

    fn end(&mut self, now: Instant, call: CallId) -> Reply {
        if self.contact(call).is_none() {
            return Reply::NotFound(format!("no call {call}"));
        }
        self.end_contact(now, call);
        Reply::Done
    }

    /// Whether a call may be moved, as far as the shard knows; else why it would be let go instead of waiting.
    fn may_move(&self, call: CallId, queue: Option<&str>) -> Result<Answer, Reply> {
        let contact = self.contacts.get(call.0).ok_or_else(|| Reply::NotFound(format!("no call {call}")))?;
        let name = queue.unwrap_or(&self.directory.queue(contact.queue).name);
        let queue = self.directory.queue_of_name(name).ok_or_else(|| Reply::NotFound(format!("no queue {name}")))?;
        self.may_join(contact.media, queue).map_err(Reply::Conflict)?;
        let stays = contact.queue == queue && matches!(contact.phase, Phase::Arriving | Phase::Waiting(_));
        Ok(Answer::Movable { call, queue, stays })
    }

    fn call_view(&self, now: Instant, contact: &Contact) -> CallView {
        let since = match &contact.phase {
            Phase::Talking { since, .. } | Phase::Outside { since, .. } => Some(*since),
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone => None,
        };
        CallView {
            id: contact.id.to_string(),
            state: contact.state(),
            queue: Arc::clone(&self.directory.queue(contact.queue).name),
            number: contact.number.to_string(),
            caller: contact.caller.number.clone(),
            wait_seconds: since.unwrap_or(now).since(contact.joined),
            talk_seconds: since.map_or_else(Default::default, |since| now.since(since)),
            position: None,
            agent: contact.agents().next().map(|agent| Arc::clone(&self.directory.agent(agent.agent).name)),
            transfer: contact.handover.as_ref().map(|handover| self.handover_view(handover)),
        }
    }

    fn handover_view(&self, handover: &Handover) -> String {
        let target = match &handover.target {
            Target::Agent(agent) => format!("agent {}", self.directory.agent(*agent).name),
            Target::Queue(queue) => format!("queue {}", self.directory.queue(*queue).name),
            Target::Number(_) => "a number".to_string(),
        };
        let far = match &handover.reach {
            Reach::Ringing(offers) if offers.is_empty() => "waits",
            Reach::Ringing(_) | Reach::Calling(_) => "rings",
            Reach::Agent(_) | Reach::Number(_) => "talks",
        };
        let by = &self.directory.agent(handover.by).name;
        format!("{} by {by} to {target}: {far}", handover.kind.as_str())
    }
}
