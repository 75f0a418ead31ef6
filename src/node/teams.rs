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
        Reply::Teams(self.level(&below, &self.roster.by_team(), None))
    }

    /// The teams right below one. The configuration has refused a team above itself, so that this ends.
    fn level(
        &self,
        below: &BTreeMap<Option<&str>, Vec<&TeamConfig>>,
        members: &BTreeMap<&str, Vec<AgentId>>,
        above: Option<&str>,
    ) -> Vec<TeamView> {
        let view = |team: &&TeamConfig| {
            let agents: Vec<_> =
                members.get(&*team.name).into_iter().flatten().map(|agent| self.member(*agent)).collect();
            let teams = self.level(below, members, Some(&team.name));
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

    fn member(&self, agent: AgentId) -> MemberView {
        let state = self.engine.agent(agent).map_or(AgentState::LoggedOut, |status| status.state);
        MemberView { name: Arc::clone(&self.directory.agent(agent).name), state: state.as_str() }
    }
}
