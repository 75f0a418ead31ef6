//! Who is in which team, and when that changes: by the configuration, at its dates, and by supervisors. What a supervisor has
//! set holds until it is taken back or the team is gone, over dates and reloads.
//!
//! Every change comes out as a command to the ACD engine, which tells it as a fact, so that figures and records count each
//! second and call in the team that the agent was in then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::{Actor, AgentPlan, Command};
use crate::base::{AgentId, Instant, WallTime};
use crate::config::{self, Config, TeamMove};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// The calendar's time at [`Instant::ZERO`]; without it no date comes.
    origin: Option<WallTime>,
    /// Where each agent is, as the engine was told; who is in no team is not there.
    places: BTreeMap<AgentId, Place>,
    /// What supervisors have set; `None`: in no team.
    set: BTreeMap<AgentId, Option<Arc<str>>>,
    /// The paths of the teams by their names.
    paths: BTreeMap<Arc<str>, Arc<str>>,
    /// So many of the configuration's moves have come.
    moved: usize,
    /// When the next one comes.
    next: Option<Instant>,
}

/// A team as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    team: Arc<str>,
    path: Arc<str>,
}

impl Roster {
    /// The calendar's time at [`Instant::ZERO`].
    pub(super) const fn set_origin(&mut self, origin: WallTime) {
        self.origin = Some(origin);
    }

    /// When the next date comes.
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// The agents of each team.
    pub(super) fn by_team(&self) -> BTreeMap<&str, Vec<AgentId>> {
        let mut teams: BTreeMap<&str, Vec<AgentId>> = BTreeMap::new();
        for (agent, place) in &self.places {
            teams.entry(&place.team).or_default().push(*agent);
        }
        teams
    }

    /// The agents who are in one of the teams.
    pub(super) fn members(&self, teams: &BTreeSet<&str>) -> BTreeSet<AgentId> {
        let members = self.places.iter().filter(|(_, place)| teams.contains(&*place.team));
        members.map(|(agent, _)| *agent).collect()
    }

    /// The team of this name, if there is one.
    pub(super) fn team(&self, name: &str) -> Option<Arc<str>> {
        self.paths.get_key_value(name).map(|(name, _)| Arc::clone(name))
    }

    /// What a supervisor has set of an agent, in words.
    pub(super) fn set_of(&self, agent: AgentId) -> Option<String> {
        let team = self.set.get(&agent)?;
        Some(team.as_ref().map_or_else(|| "no-team".to_string(), |team| format!("team {team}")))
    }

    /// A supervisor puts the agent into a team, or into none.
    pub(super) fn set(&mut self, agent: AgentId, team: Option<Arc<str>>, by: &Actor) -> Option<Command> {
        let command = self.put(agent, team.as_ref(), by);
        self.set.insert(agent, team);
        command
    }

    /// What a supervisor has set is taken back. True when anything was.
    pub(super) fn unset(&mut self, agents: &BTreeSet<AgentId>) -> bool {
        let before = self.set.len();
        self.set.retain(|agent, _| !agents.contains(agent));
        self.set.len() < before
    }

    /// Puts every agent of a plan into the team where it belongs at `now`. What is past at the start has come.
    pub(super) fn enroll(&mut self, now: Instant, config: &Config, agents: &[AgentPlan], by: &Actor) -> Vec<Command> {
        self.paths = config::paths(&config.teams);
        let is_known = |agent: AgentId| agents.binary_search_by_key(&agent, |agent| agent.id).is_ok();
        let paths = &self.paths;
        let is_there = |team: &Option<Arc<str>>| team.as_ref().is_none_or(|team| paths.contains_key(team));
        self.set.retain(|agent, team| is_known(*agent) && is_there(team));
        // An agent that has left the plan ends its call in the team it was in.
        self.places.retain(|agent, _| is_known(*agent));
        let has_come = |one: &&TeamMove| self.instant(one.from).is_some_and(|at| at <= now);
        let moved = config.moves.iter().take_while(has_come).count();
        self.set_moved(&config.moves, moved);
        let mut wanted: BTreeMap<&str, Option<&Arc<str>>> = BTreeMap::new();
        for team in &config.teams {
            wanted.extend(team.agents.iter().map(|agent| (&**agent, Some(&team.name))));
        }
        wanted.extend(config.moves[..moved].iter().map(|one| (&*one.agent, one.team.as_ref())));
        let mut commands = Vec::new();
        for agent in agents {
            let set = self.set.get(&agent.id).cloned();
            let team = set.unwrap_or_else(|| wanted.get(&*agent.name).copied().flatten().cloned());
            commands.extend(self.put(agent.id, team.as_ref(), by));
        }
        commands
    }

    /// The next move of the configuration, with its moment, if that has come. Where a supervisor has set something,
    /// [`Roster::follow`] does nothing.
    pub(super) fn pop_due<'c>(&mut self, now: Instant, config: &'c Config) -> Option<(Instant, &'c TeamMove)> {
        let at = self.next.filter(|at| *at <= now)?;
        let one = config.moves.get(self.moved)?;
        self.set_moved(&config.moves, self.moved + 1);
        Some((at, one))
    }

    /// The agent goes where the configuration says.
    pub(super) fn follow(&mut self, agent: AgentId, team: Option<&Arc<str>>) -> Option<Command> {
        if self.set.contains_key(&agent) {
            return None;
        }
        self.put(agent, team, &Actor::Engine)
    }

    /// When a moment of the calendar comes on the node's clock.
    fn instant(&self, at: WallTime) -> Option<Instant> {
        let since = at.as_micros().saturating_sub(self.origin?.as_micros());
        Some(Instant::from_micros(u64::try_from(since).unwrap_or(0)))
    }

    fn set_moved(&mut self, moves: &[TeamMove], moved: usize) {
        self.moved = moved;
        self.next = moves.get(moved).and_then(|one| self.instant(one.from));
    }

    /// Notes where an agent is. Answers with the engine's command where that is news.
    fn put(&mut self, agent: AgentId, team: Option<&Arc<str>>, by: &Actor) -> Option<Command> {
        let place =
            team.and_then(|team| Some(Place { team: Arc::clone(team), path: Arc::clone(self.paths.get(team)?) }));
        let path = place.as_ref().map(|place| Arc::clone(&place.path));
        let before = match place {
            Some(place) => self.places.insert(agent, place),
            None => self.places.remove(&agent),
        };
        (before.map(|place| place.path) != path).then(|| Command::SetTeam { agent, team: path, by: by.clone() })
    }
}
