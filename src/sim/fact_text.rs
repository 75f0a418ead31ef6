//! Facts in words, for ladders: names instead of ids, nothing that repeats what a neighbouring line says.

use std::collections::BTreeMap;

use crate::acd::{Actor, AgentState, EndedBy, Fact, Plan};
use crate::base::{AgentId, CallId, QueueId};

/// Calls by the order in which the facts first name them: stable, and short to read.
#[derive(Debug, Default)]
pub struct CallNumbers(BTreeMap<CallId, usize>);

impl CallNumbers {
    fn of(&mut self, call: CallId) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(call).or_insert(next)
    }
}

/// One line for a fact; `None` for those that only repeat others.
pub fn fact_text(fact: &Fact, plan: &Plan, calls: &mut CallNumbers) -> Option<String> {
    let queue = |id: &QueueId| {
        let found = plan.queues.iter().find(|queue| queue.id == *id);
        found.map_or_else(|| id.to_string(), |queue| queue.name.to_string())
    };
    let agent = |id: &AgentId| {
        let found = plan.agents.iter().find(|agent| agent.id == *id);
        found.map_or_else(|| id.to_string(), |agent| agent.name.to_string())
    };
    let mut number = |call: &CallId| format!("call {}", calls.of(*call));
    let seconds = |duration: &std::time::Duration| format!("{:.3} s", duration.as_secs_f64());
    Some(match fact {
        Fact::Offered { call, queue: id } => format!("{} joins {}", number(call), queue(id)),
        Fact::Answered { call, agent: id, wait, .. } => {
            format!("{} answered by {} after {}", number(call), agent(id), seconds(wait))
        }
        Fact::Abandoned { call, wait, while_ringing, .. } => {
            let stage = if *while_ringing { " while an agent rang" } else { "" };
            format!("{} abandoned after {}{stage}", number(call), seconds(wait))
        }
        Fact::FlowedOut { call, queue: id, wait, reason } => {
            format!("{} leaves {} after {}: {}", number(call), queue(id), seconds(wait), reason.as_str())
        }
        Fact::Missed { call, .. } => format!("{} passes the threshold", number(call)),
        Fact::Oldest { .. } => return None,
        Fact::OfferMade { call, agent: id, .. } => format!("{} offered to {}", number(call), agent(id)),
        Fact::OfferEnded { call, agent: id, cause, .. } => {
            format!("{} offer to {} ends: {} ({cause:?})", number(call), agent(id), cause.result().as_str())
        }
        Fact::TalkEnded { call, agent: id, talk, by, .. } => {
            let by = match by {
                EndedBy::Caller => "the caller",
                EndedBy::Agent => "the agent",
                EndedBy::Supervisor => "a supervisor",
                EndedBy::System => "the system",
            };
            format!("{} talk with {} ended by {by} after {}", number(call), agent(id), seconds(talk))
        }
        Fact::WrapUpEnded { .. } => return None,
        Fact::AgentState { agent: id, from, to, by, .. } => {
            let by = match by {
                Actor::Engine => String::new(),
                Actor::User(name) => format!(" by {name}"),
            };
            format!("{} {} -> {}{by}", agent(id), state(from), state(to))
        }
        Fact::PeerState { peer, up } => format!("peer {peer} {}", if *up { "up" } else { "down" }),
        Fact::Refused { queue: id, cause } => {
            let place = id.as_ref().map_or_else(|| "no queue".to_string(), queue);
            format!("refused for {place}: {}", cause.as_str())
        }
    })
}

/// A state with its reason.
pub fn state(state: &AgentState) -> String {
    match state {
        AgentState::NotReady(reason) => format!("not_ready({})", reason.as_str()),
        AgentState::LoggedOut
        | AgentState::Ready
        | AgentState::Unreachable
        | AgentState::Reserved
        | AgentState::Ringing
        | AgentState::Talking
        | AgentState::WrapUp => state.as_str().to_string(),
    }
}
