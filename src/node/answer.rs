//! What a shard does for the control plane: views of its calls, and the supervisor's hand on them.

use std::sync::Arc;

use crate::acd::{Actor, Intervention, Target};
use crate::base::{CallId, Instant};
use crate::node::contact::{Contact, Handover, Phase, Reach};
use crate::node::ladder::{Rung, Way, Whose};
use crate::node::letter::{Answer, Ask};
use crate::node::message::{CallView, Consulted, LadderView, Reply, RungView};
use crate::node::shard::Shard;

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
            Ask::Ladder(call, shows_numbers) => Answer::Reply(self.ladder(now, call, shows_numbers)),
            Ask::Registrations { offset, limit } => Answer::Reply(self.registrations(now, offset, limit)),
            Ask::Traces { from, limit } => self.read_traces(from, limit),
            Ask::Held { from } => self.held(from),
            Ask::Hold(bonds) => self.missing(bonds),
            Ask::Requeue(call, queue, by) => self.may_move(call, queue.as_deref(), by).unwrap_or_else(Answer::Reply),
            Ask::Transfer(call, kind, target, by) => {
                Answer::Reply(self.hand_on(call, |shard| shard.transfer(now, call, (kind, target), name_of(by))))
            }
            Ask::Consultation(call, Consulted::Complete) => {
                Answer::Reply(self.hand_on(call, |shard| shard.complete(now, call)))
            }
            Ask::Consultation(call, Consulted::Cancel) => {
                Answer::Reply(self.hand_on(call, |shard| shard.cancel(now, call)))
            }
        }
    }

    fn ladder(&self, now: Instant, call: CallId, shows_numbers: bool) -> Reply {
        let rungs = self.ladders.of(call, shows_numbers);
        let Some(first) = rungs.first().map(|rung| rung.at) else {
            return Reply::NotFound(format!("no messages of call {call}: it is unknown, or too long ago"));
        };
        let leg = |whose: Whose| match whose {
            Whose::Caller => "caller".to_string(),
            Whose::Agent(agent) => format!("agent {}", self.directory.agent(agent).name),
            Whose::Outside => "outside".to_string(),
        };
        let view = |rung: Rung| RungView {
            ago_seconds: now.since(rung.at),
            after_seconds: rung.at.since(first),
            leg: leg(rung.whose),
            sent: rung.way == Way::Sent,
            peer: rung.peer,
            line: rung.line,
            cseq: rung.cseq,
            again: rung.again,
        };
        Reply::Ladder(LadderView { call: call.to_string(), messages: rungs.into_iter().map(view).collect() })
    }

    fn hand_on(&mut self, call: CallId, how: impl FnOnce(&mut Self) -> Result<(), String>) -> Reply {
        if self.contact(call).is_none() {
            return Reply::NotFound(format!("no call {call}"));
        }
        how(self).map_or_else(Reply::Conflict, |()| Reply::Done)
    }

    fn end(&mut self, now: Instant, call: CallId, what: Intervention, by: Actor) -> Reply {
        let Some(contact) = self.contact(call) else { return Reply::NotFound(format!("no call {call}")) };
        if what == Intervention::Withdraw && !contact.is_waiting() {
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
        self.may_join(contact.media, queue).map_err(Reply::Conflict)?;
        let stays = contact.queue == queue && contact.is_waiting();
        Ok(Answer::Movable { call, queue, stays, by })
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

/// Who asked; `None`: nobody, the engine by its rules.
fn name_of(by: Actor) -> Option<Arc<str>> {
    match by {
        Actor::Engine => None,
        Actor::User(name) | Actor::Supervisor { name, .. } => Some(name),
    }
}
