//! Puts agents into their teams: at the start, after a reload, when a date comes, and when a supervisor says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::acd::Actor;
use crate::base::{AgentId, Instant, WallTime};
use crate::config;
use crate::node::hub::Hub;
use crate::node::message::Reply;

impl Hub {
    /// The calendar's time at [`Instant::ZERO`], told once before anything else: dates come by it.
    pub fn handle_origin(&mut self, now: Instant, origin: WallTime) {
        self.roster.set_origin(origin);
        self.enroll(now, &Actor::Engine);
    }

    /// Puts every agent into the team where it belongs at `now`.
    pub(super) fn enroll(&mut self, now: Instant, by: &Actor) {
        for command in self.roster.enroll(now, &self.config, &self.directory.plan.agents, by) {
            self.engine.handle_command(now, command);
        }
    }

    /// Lets the dates come that have; each takes effect at its own moment, however late it is noticed.
    pub(super) fn keep_roster(&mut self, now: Instant) {
        while let Some((at, one)) = self.roster.pop_due(now, &self.config) {
            let agent = self.directory.agent_of_name(&one.agent);
            if let Some(command) = agent.and_then(|agent| self.roster.follow(agent, one.team.as_ref())) {
                self.engine.handle_command(at, command);
            }
        }
    }

    /// Puts agents into a team, or into none, until that is taken back.
    pub(super) fn set_team(
        &mut self,
        now: Instant,
        agents: &BTreeSet<AgentId>,
        team: Option<&str>,
        by: &Actor,
    ) -> Result<(), Reply> {
        let team = match team {
            Some(name) => Some(self.roster.team(name).ok_or_else(|| Reply::NotFound(format!("no team {name}")))?),
            None => None,
        };
        for agent in agents {
            if let Some(command) = self.roster.set(*agent, team.as_ref().map(Arc::clone), by) {
                self.engine.handle_command(now, command);
            }
        }
        Ok(())
    }

    /// The configuration says again in which team these agents are.
    pub(super) fn drop_teams(&mut self, now: Instant, agents: &BTreeSet<AgentId>, by: &Actor) {
        if self.roster.unset(agents) {
            self.enroll(now, by);
        }
    }

    /// The agents in a team and in those below it now. `None` for an unknown team.
    pub(super) fn members_of(&self, team: &str) -> Option<BTreeSet<AgentId>> {
        let teams = config::teams_of(&self.config.teams, team)?;
        Some(self.roster.members(&teams.into_iter().map(|team| &*team.name).collect()))
    }
}
