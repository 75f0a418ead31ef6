//! The supervisor's hand on agents: who is meant, and the engine's commands for each.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::acd::{Actor, AgentTarget, Command, Reason};
use crate::base::limits::AGENTS_MAX;
use crate::base::{AgentId, Instant};
use crate::config;
use crate::node::hub::Hub;
use crate::node::message::{AgentChange, Reply, Selection};

impl Hub {
    /// Changes every agent meant, or none when somebody meant is unknown.
    pub(super) fn set_agents(&mut self, now: Instant, who: &Selection, change: &AgentChange, by: &Actor) -> Reply {
        if let Some(wrong) = self.refuses(change) {
            return Reply::Invalid(wrong);
        }
        let agents = match self.meant(who) {
            Ok(agents) => agents,
            Err(unknown) => return Reply::NotFound(unknown),
        };
        for &agent in &agents {
            let by = by.clone();
            let command = match change {
                AgentChange::State(target) => Command::SetAgent { agent, target: target.clone(), by },
            };
            self.engine.handle_command(now, command);
        }
        Reply::Set(agents.into_iter().map(|agent| Arc::clone(&self.directory.agent(agent).name)).collect())
    }

    /// Why a change is none that the configuration allows.
    fn refuses(&self, change: &AgentChange) -> Option<String> {
        let AgentChange::State(AgentTarget::NotReady(Reason::Custom(reason))) = change else { return None };
        let reasons = &self.config.reasons;
        let allowed = reasons.is_empty() || reasons.contains(reason);
        (!allowed).then(|| format!("`{reason}` is no reason here; there are {}", reasons.join(", ")))
    }

    /// The agents of a selection, each once; else what is unknown.
    fn meant(&self, who: &Selection) -> Result<BTreeSet<AgentId>, String> {
        let mut agents = BTreeSet::new();
        for team in &who.teams {
            let members = config::agents_of(&self.config.teams, team).ok_or_else(|| format!("no team {team}"))?;
            agents.extend(members.into_iter().filter_map(|name| self.directory.agent_of_name(name)));
        }
        for text in &who.agents {
            if let Some(agent) = self.directory.agent_of_name(text) {
                agents.insert(agent);
                continue;
            }
            let names = config::expand(text, AGENTS_MAX).map_err(|why| format!("no agent {text}: {why}"))?;
            for name in names {
                agents.insert(self.directory.agent_of_name(&name).ok_or_else(|| format!("no agent {name}"))?);
            }
        }
        Ok(agents)
    }
}
