//! The team tree as supervisors see it: who is in each team, and how many of it and of the teams below are in which state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::AgentState;
use crate::base::AgentId;
use crate::config::TeamConfig;
use crate::node::hub::Hub;
use crate::node::message::Reply;
use crate::node::view::{MemberView, TeamView};

impl Hub {
    /// The teams nobody stands above, each with those below it.
    pub(super) fn teams(&self) -> Reply {
        let mut below: BTreeMap<Option<&str>, Vec<&TeamConfig>> = BTreeMap::new();
        for team in &self.config.teams {
            below.entry(team.parent.as_deref()).or_default().push(team);
        }
        Reply::Teams(self.level(&below, None))
    }

    /// The teams right below one. The configuration has refused a team above itself, so that this ends.
    fn level(&self, below: &BTreeMap<Option<&str>, Vec<&TeamConfig>>, above: Option<&str>) -> Vec<TeamView> {
        let view = |team: &&TeamConfig| {
            let agents: Vec<_> = team.agents.iter().map(|name| self.member(name)).collect();
            let teams = self.level(below, Some(&team.name));
            let mut states: BTreeMap<&'static str, u32> = BTreeMap::new();
            for agent in &agents {
                *states.entry(agent.state).or_default() += 1;
            }
            for (state, count) in teams.iter().flat_map(|team| &team.states) {
                *states.entry(state).or_default() += count;
            }
            TeamView { name: Arc::clone(&team.name), total: states.values().sum(), states, agents, teams }
        };
        below.get(&above).into_iter().flatten().map(view).collect()
    }

    fn member(&self, name: &Arc<str>) -> MemberView {
        let status = |agent: AgentId| self.engine.agent(agent);
        let state = self.directory.agent_of_name(name).and_then(status).map(|status| status.state);
        MemberView { name: Arc::clone(name), state: state.unwrap_or(AgentState::LoggedOut).as_str() }
    }
}
