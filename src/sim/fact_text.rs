//! Facts in words, for ladders: names instead of ids, nothing that repeats what a neighbouring line says.

use crate::acd::{Actor, AgentState, EndedBy, Fact, Plan};
use crate::base::{AgentId, QueueId};

/// One line for a fact; `None` for those that only repeat others.
pub fn fact_text(fact: &Fact, plan: &Plan) -> Option<String> {
    let queue = |id: &QueueId| {
        let found = plan.queues.iter().find(|queue| queue.id == *id);
        found.map_or_else(|| id.to_string(), |queue| queue.name.to_string())
    };
    let agent = |id: &AgentId| {
        let found = plan.agents.iter().find(|agent| agent.id == *id);
        found.map_or_else(|| id.to_string(), |agent| agent.name.to_string())
    };
    let seconds = |duration: &std::time::Duration| format!("{:.3} s", duration.as_secs_f64());
    Some(match fact {
        Fact::Offered { call, queue: id } => format!("{call} joins {}", queue(id)),
        Fact::Answered { call, agent: id, wait, .. } => {
            format!("{call} answered by {} after {}", agent(id), seconds(wait))
        }
        Fact::Abandoned { call, wait, while_ringing, .. } => {
            let stage = if *while_ringing { " while an agent rang" } else { "" };
            format!("{call} abandoned after {}{stage}", seconds(wait))
        }
        Fact::FlowedOut { call, queue: id, wait, reason } => {
            format!("{call} leaves {} after {}: {}", queue(id), seconds(wait), reason.as_str())
        }
        Fact::Missed { call, .. } => format!("{call} passes the threshold"),
        Fact::Oldest { .. } => return None,
        Fact::OfferMade { call, agent: id, .. } => format!("{call} offered to {}", agent(id)),
        Fact::OfferEnded { call, agent: id, cause, .. } => {
            format!("{call} offer to {} ends: {} ({cause:?})", agent(id), cause.result().as_str())
        }
        Fact::TalkEnded { call, agent: id, talk, by, .. } => {
            let by = match by {
                EndedBy::Caller => "the caller",
                EndedBy::Agent => "the agent",
                EndedBy::Supervisor => "a supervisor",
                EndedBy::System => "the system",
            };
            format!("{call} talk with {} ended by {by} after {}", agent(id), seconds(talk))
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
