//! What a shard does for the control plane: views of its calls, and the supervisor's hand on them.

use std::sync::Arc;

use crate::acd::{Actor, Intervention, QueueState};
use crate::base::{CallId, Instant};
use crate::node::contact::{Contact, Phase};
use crate::node::letter::{Answer, Ask};
use crate::node::message::{CallView, Reply};
use crate::node::shard::{Drain, Shard};

impl Shard {
    pub(super) fn on_ask(&mut self, now: Instant, ask: Ask) -> Answer {
        match ask {
            Ask::Calls { offset, limit } => {
                let contacts = self.contacts.iter().skip(offset).take(limit);
                let rows = contacts.map(|contact| (contact.id, self.call_view(now, contact))).collect();
                Answer::Calls { rows, total: self.contacts.len() }
            }
            Ask::HangUp(call, by) => Answer::Reply(self.end(now, call, Intervention::HangUp, by)),
            Ask::Withdraw(call, by) => Answer::Reply(self.end(now, call, Intervention::Withdraw, by)),
            Ask::Held { from } => self.held(from),
            Ask::Hold(bonds) => self.missing(bonds),
            Ask::Requeue(call, queue, by) => self.may_move(call, queue.as_deref(), by).unwrap_or_else(Answer::Reply),
        }
    }

    fn end(&mut self, now: Instant, call: CallId, what: Intervention, by: Actor) -> Reply {
        let Some(contact) = self.contact(call) else { return Reply::NotFound(format!("no call {call}")) };
        if what == Intervention::Withdraw && contact.talking().is_some() {
            return Reply::Conflict(format!("{call} talks"));
        }
        self.end_contact(now, call, what, by);
        Reply::Done
    }

    /// Whether a call may be moved, as far as the shard knows; else why it would be let go instead of waiting.
    fn may_move(&self, call: CallId, queue: Option<&str>, by: Actor) -> Result<Answer, Reply> {
        let contact = self.contacts.get(call.0).ok_or_else(|| Reply::NotFound(format!("no call {call}")))?;
        let name = queue.unwrap_or(&self.directory.queue(contact.queue).name);
        let queue = self.directory.queue_of_name(name).ok_or_else(|| Reply::NotFound(format!("no queue {name}")))?;
        let config = &self.directory.queue(queue).config;
        if contact.media != config.media {
            return Err(Reply::Conflict("the queue treats media in another way".to_string()));
        }
        if self.drain != Drain::No {
            return Err(Reply::Conflict(format!("{name} takes no calls: the node drains")));
        }
        let why = match config.state {
            QueueState::Open => None,
            QueueState::Closed => Some("closed"),
            QueueState::Emergency => Some("in an emergency"),
        };
        if let Some(why) = why {
            return Err(Reply::Conflict(format!("{name} takes no calls: it is {why}")));
        }
        let stays = contact.queue == queue && !matches!(contact.phase, Phase::Talking { .. });
        Ok(Answer::Movable { call, queue, stays, by })
    }

    fn call_view(&self, now: Instant, contact: &Contact) -> CallView {
        let since = match &contact.phase {
            Phase::Talking { since, .. } => Some(*since),
            Phase::Arriving | Phase::Waiting(_) => None,
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
            agent: contact.agents().first().map(|agent| Arc::clone(&self.directory.agent(agent.agent).name)),
        }
    }
}
