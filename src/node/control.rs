//! The control plane's requests: views of agents and calls, and the supervisor's hand. And the shard's own invariants.

use std::sync::Arc;

use crate::acd::{Actor, AgentPlan, AgentState, Command, Engine};
use crate::base::limits::ROWS_MAX;
use crate::base::{CallId, Instant, QueueId};
use crate::node::Node;
use crate::node::contact::{Contact, Phase};
use crate::node::message::{AgentView, CallView, Control, Reply};
use crate::node::shard::{Drain, Owner, Shard};

impl Node {
    pub(super) fn on_control(&mut self, now: Instant, control: Control) -> Reply {
        match control {
            Control::Agents { offset, limit } => self.agents(now, offset, limit),
            Control::Calls { offset, limit } => self.calls(now, offset, limit),
            Control::SetAgent { agent, target, by } => {
                let Some(agent) = self.shard.directory.agent_of_name(&agent) else {
                    return Reply::NotFound(format!("no agent {agent}"));
                };
                self.shard.commands.push_back(Command::SetAgent { agent, target, by: Actor::User(by) });
                Reply::Done
            }
            Control::HangUp { call, .. } => {
                if self.shard.contact(call).is_none() {
                    return Reply::NotFound(format!("no call {call}"));
                }
                self.shard.end_contact(now, call);
                Reply::Done
            }
            Control::Requeue { call, queue, .. } => self.requeue(now, call, queue.as_deref()),
        }
    }

    fn requeue(&mut self, now: Instant, call: CallId, queue: Option<&str>) -> Reply {
        let Some(contact) = self.shard.contacts.get(call.0) else {
            return Reply::NotFound(format!("no call {call}"));
        };
        let name = queue.unwrap_or(&self.shard.directory.queue(contact.queue).name);
        let Some(target) = self.shard.directory.queue_of_name(name) else {
            return Reply::NotFound(format!("no queue {name}"));
        };
        if contact.media != self.shard.directory.queue(target).config.media {
            return Reply::Conflict("the queue treats media in another way".to_string());
        }
        if let Some(why) = self.refuses(contact, target) {
            return Reply::Conflict(format!("{name} takes no calls: {why}"));
        }
        self.shard.move_contact(now, call, target);
        Reply::Done
    }

    /// Why a call that is moved would be let go instead of waiting.
    fn refuses(&self, contact: &Contact, target: QueueId) -> Option<&'static str> {
        let config = &self.shard.directory.queue(target).config;
        let stays = contact.queue == target && !matches!(contact.phase, Phase::Talking { .. });
        let full = config.waiting_max.is_some_and(|max| self.engine.waiting(target) >= max as usize);
        if self.shard.drain == Drain::Yes {
            return Some("the node drains");
        }
        if !config.open {
            return Some("it is closed");
        }
        (full && !stays).then_some("it is full")
    }

    fn agents(&self, now: Instant, offset: usize, limit: usize) -> Reply {
        let agents = &self.plan().agents;
        let rows = agents.iter().skip(offset).take(limit.min(ROWS_MAX));
        Reply::Agents { rows: rows.map(|agent| self.agent_view(now, agent)).collect(), total: agents.len() }
    }

    fn agent_view(&self, now: Instant, agent: &AgentPlan) -> AgentView {
        let status = self.engine.agent(agent.id);
        let state = status.as_ref().map_or(&AgentState::LoggedOut, |status| &status.state);
        let reason = match state {
            AgentState::NotReady(reason) => Some(reason.as_str().to_string()),
            AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Unreachable
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::WrapUp => None,
        };
        let queues = self.plan().queues.iter().filter(|queue| queue.accepts(agent));
        AgentView {
            name: Arc::clone(&agent.name),
            state: state.as_str(),
            reason,
            state_seconds: status.as_ref().map_or_else(Default::default, |status| now.since(status.since)),
            call: status.as_ref().and_then(|status| status.call).map(|call| call.to_string()),
            queues: queues.map(|queue| Arc::clone(&queue.name)).collect(),
            peer: Arc::clone(&self.shard.directory.peer(agent.peer).name),
            reachable: self.shard.peers.is_up(agent.peer),
        }
    }

    fn calls(&self, now: Instant, offset: usize, limit: usize) -> Reply {
        let contacts = self.shard.contacts.iter().skip(offset).take(limit.min(ROWS_MAX));
        let rows = contacts.map(|contact| self.call_view(now, contact)).collect();
        Reply::Calls { rows, total: self.shard.contacts.len() }
    }

    fn call_view(&self, now: Instant, contact: &Contact) -> CallView {
        let directory = &self.shard.directory;
        let since = match &contact.phase {
            Phase::Talking { since, .. } => Some(*since),
            Phase::Arriving | Phase::Waiting | Phase::Offering(_) => None,
        };
        CallView {
            id: contact.id.to_string(),
            state: contact.state(),
            queue: Arc::clone(&directory.queue(contact.queue).name),
            number: contact.number.to_string(),
            caller: contact.caller.number.clone(),
            wait_seconds: since.unwrap_or(now).since(contact.joined),
            talk_seconds: since.map_or_else(Default::default, |since| now.since(since)),
            position: self.engine.position(contact.id),
            agent: contact.agent().map(|agent| Arc::clone(&directory.agent(agent.agent).name)),
        }
    }
}

impl Shard {
    /// The shard's own invariants: legs, contacts and streams know each other, ports are not lost, and engine and shard
    /// agree on who is offered and who talks.
    pub(super) fn check(&self, engine: &Engine) -> Result<(), String> {
        for contact in self.contacts.iter() {
            let id = contact.id;
            if self.owners.get(&contact.leg) != Some(&Owner::Caller(id)) {
                return Err(format!("{id} does not own its leg {}", contact.leg));
            }
            let Some(agent) = contact.agent() else { continue };
            if self.owners.get(&agent.leg) != Some(&Owner::Agent(id)) {
                return Err(format!("{id} does not own its agent's leg {}", agent.leg));
            }
            let status = engine.agent(agent.agent).ok_or_else(|| format!("{id} has an unknown agent"))?;
            if status.call != Some(id) {
                return Err(format!("{} is bound to {id} here and to {:?} in the engine", agent.agent, status.call));
            }
        }
        let streams: usize = self.contacts.iter().map(Contact::streams).sum();
        if streams != self.streams.len() {
            return Err(format!("{streams} streams in contacts, {} in the table", self.streams.len()));
        }
        self.ports.check(streams)
    }
}

impl Contact {
    /// How many streams it has.
    fn streams(&self) -> usize {
        usize::from(self.audio.stream().is_some())
            + usize::from(self.agent().is_some_and(|agent| agent.audio.stream().is_some()))
    }
}
