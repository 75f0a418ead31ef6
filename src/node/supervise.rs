//! The supervisor's hand on agents, queues and waiting calls: who is meant, and the engine's commands for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::{
    Actor, AgentSetting, AgentState, AgentTarget, Command, Laid, Membership, Preference, QueueSetting, Reason, Skill,
    Unpreferred, Whom, strategy,
};
use crate::base::limits::AGENTS_MAX;
use crate::base::{AgentId, CallId, Instant, QueueId};
use crate::config;
use crate::node::directory::Directory;
use crate::node::hub::Hub;
use crate::node::letter::Told;
use crate::node::message::{AgentChange, QueueChange, Reply, Selection, SkillChange};

impl Hub {
    /// Changes every agent meant, or none when somebody meant is unknown.
    pub(super) fn set_agents(&mut self, now: Instant, who: &Selection, change: &AgentChange, by: &Actor) -> Reply {
        if let Some(wrong) = self.refuses(change) {
            return Reply::Invalid(wrong);
        }
        let agents = match self.meant(who).and_then(|agents| self.concerned(agents, change)) {
            Ok(agents) => agents,
            Err(reply) => return reply,
        };
        if let AgentChange::Team(team) = change
            && let Err(reply) = self.set_team(now, &agents, team.as_deref(), by)
        {
            return reply;
        }
        if *change == AgentChange::Defaults(None) {
            self.drop_teams(now, &agents, by);
        }
        let commands = match self.commands(&agents, change, by) {
            Ok(commands) => commands,
            Err(reply) => return reply,
        };
        for command in commands {
            self.engine.handle_command(now, command);
        }
        self.is_renamed |= is_of_plan(change);
        Reply::Set(agents.into_iter().map(|agent| Arc::clone(&self.directory.agent(agent).name)).collect())
    }

    /// Changes every queue named, or none when one is unknown or cannot be changed so.
    pub(super) fn set_queues(&mut self, now: Instant, names: &[String], change: &QueueChange, by: &Actor) -> Reply {
        let settings = names.iter().map(|name| self.queue_setting(name, change));
        let settings = match settings.collect::<Result<BTreeMap<QueueId, QueueSetting>, Reply>>() {
            Ok(settings) => settings,
            Err(reply) => return reply,
        };
        let mut concerns_shards = false;
        for (queue, setting) in &settings {
            concerns_shards |= self.run_time.set(*queue, *setting);
        }
        if concerns_shards {
            self.tell_shards();
        }
        for (queue, setting) in settings {
            self.engine.handle_command(now, Command::ChangeQueue { queue, setting, by: by.clone() });
        }
        self.is_renamed = true;
        Reply::Done
    }

    /// What the engine is told of a change of the queue of this name.
    fn queue_setting(&self, name: &str, change: &QueueChange) -> Result<(QueueId, QueueSetting), Reply> {
        let queue = self.queue_named(name)?;
        let setting = match change {
            QueueChange::State(state) => QueueSetting::State(*state),
            QueueChange::Priority(priority) => QueueSetting::Priority(*priority),
            QueueChange::Strategy(name) => {
                let Some(row) = strategy::find(name) else {
                    let names: Vec<_> = strategy::names().collect();
                    return Err(Reply::Invalid(format!("no strategy {name}; there are {}", names.join(", "))));
                };
                QueueSetting::Strategy(row.name)
            }
            QueueChange::Threshold(threshold) => QueueSetting::Threshold(*threshold),
            QueueChange::Weight(weight) => QueueSetting::Weight(*weight),
            QueueChange::Target(target) => QueueSetting::Target(*target),
            QueueChange::Reserve(mode) => QueueSetting::Reserve(*mode),
            QueueChange::ReserveThresholds(change) => {
                QueueSetting::ReserveThresholds(self.thresholds(queue, *change).map_err(Reply::Invalid)?)
            }
            QueueChange::Defaults => QueueSetting::Defaults,
        };
        Ok((queue, setting))
    }

    /// Changes the priority of a call that waits.
    pub(super) fn set_priority(&mut self, now: Instant, call: CallId, priority: i32, by: Actor) -> Reply {
        if self.engine.position(call).is_none() {
            return Reply::NotFound(format!("no call {call} waits"));
        }
        self.engine.handle_command(now, Command::SetPriority { call, priority, by });
        Reply::Done
    }

    /// Sets whom a waiting call prefers. Its shard is told too: it goes with the call into other queues.
    pub(super) fn prefer(&mut self, now: Instant, call: CallId, agent: Option<&str>, by: Actor) -> Reply {
        let agent = match agent.map(|name| self.directory.agent_of_name(name).ok_or(name)).transpose() {
            Ok(agent) => agent,
            Err(name) => return Reply::NotFound(format!("no agent {name}")),
        };
        if let Err(why) = self.engine.may_prefer(call, agent) {
            return match why {
                Unpreferred::NotWaiting => Reply::NotFound(format!("no call {call} waits")),
                Unpreferred::NeverWaits(queue) => {
                    let name = &self.directory.queue(queue).name;
                    Reply::Conflict(format!("{name} waits for no preferred agent: it has no preferred_for"))
                }
                Unpreferred::Rings => Reply::Conflict(format!("agents are rung for {call}")),
                Unpreferred::InVain => Reply::Conflict("the agent does not take calls, or does not fit".to_string()),
            };
        }
        self.tell(
            call.shard(),
            Told::Prefer(call, agent.map(|agent| Preference { whom: Whom::Agent(agent), from: now })),
        );
        self.engine.handle_command(now, Command::SetPreferred { call, agent, by });
        Reply::Done
    }

    /// Shards are told of what has changed as of a reload.
    fn tell_shards(&mut self) {
        let mut directory = Directory::clone(&self.directory);
        directory.restore(&self.config.queues);
        self.run_time.lay_over(&mut directory);
        self.directory = Arc::new(directory);
        self.tell_all(&Told::Reload(Arc::clone(&self.config), Arc::clone(&self.directory)));
    }

    /// The engine's commands for each agent.
    fn commands(&self, agents: &BTreeSet<AgentId>, change: &AgentChange, by: &Actor) -> Result<Vec<Command>, Reply> {
        let each = |setting: &AgentSetting| {
            let command = |agent: &AgentId| change_agent(*agent, setting.clone(), by);
            agents.iter().map(command).collect::<Vec<_>>()
        };
        match change {
            AgentChange::State(_)
            | AgentChange::Pause(..)
            | AgentChange::ExtendWrapUp(_)
            | AgentChange::EndWrapUp
            | AgentChange::Device(_) => {
                Ok(agents.iter().filter_map(|agent| command(*agent, change, by.clone())).collect())
            }
            AgentChange::Skills(skills) => self.skill_commands(agents, skills, by),
            &AgentChange::Join { ref queue, tier, position, penalty, delay, reserve } => {
                let queue = self.queue_named(queue)?;
                let terms = Membership { queue, level: tier, penalty, position, delay, reserve };
                Ok(each(&AgentSetting::Membership(queue, Some(terms))))
            }
            AgentChange::Leave(name) => {
                let queue = self.queue_named(name)?;
                if self.directory.queue(queue).config.routing.members.is_none() {
                    let why = format!("{name} lists no members: everybody belongs to it whose skills fit");
                    return Err(Reply::Conflict(why));
                }
                Ok(each(&AgentSetting::Membership(queue, None)))
            }
            AgentChange::Defaults(None) => Ok(each(&AgentSetting::Defaults(Laid::All))),
            AgentChange::Defaults(Some(queue)) => {
                let queue = self.queue_named(queue)?;
                Ok(each(&AgentSetting::Defaults(Laid::Membership(queue))))
            }
            // A team is the hub's own matter.
            AgentChange::Team(_) => Ok(Vec::new()),
            AgentChange::Penalty(queue, penalty) => {
                let queue = self.queue_named(queue)?;
                Ok(each(&AgentSetting::Penalty(queue, *penalty)))
            }
        }
    }

    fn skill_commands(
        &self,
        agents: &BTreeSet<AgentId>,
        changes: &[(Arc<str>, SkillChange)],
        by: &Actor,
    ) -> Result<Vec<Command>, Reply> {
        let known = self.config.skill_names();
        if let Some((name, _)) = changes.iter().find(|(name, _)| !known.contains(name)) {
            let known: Vec<_> = known.iter().map(|name| &**name).collect();
            return Err(Reply::NotFound(format!("no skill {name}; there are {}", known.join(", "))));
        }
        let plan = self.engine.effective_plan();
        let mut commands = Vec::new();
        for agent in plan.agents.iter().filter(|agent| agents.contains(&agent.id)) {
            for (name, change) in changes {
                let now = agent.skills.iter().find(|skill| skill.name == *name);
                let level = now.map_or(Skill::LEVEL, |skill| skill.level);
                let (level, enabled) = match *change {
                    SkillChange::Level(level) => (level, true),
                    SkillChange::Enabled(enabled) => (level, enabled),
                    SkillChange::Removed => (0, true),
                    SkillChange::Default => {
                        let default = AgentSetting::Defaults(Laid::Skill(Arc::clone(name)));
                        commands.push(change_agent(agent.id, default, by));
                        continue;
                    }
                };
                let skill = Skill { name: Arc::clone(name), level, enabled };
                commands.push(change_agent(agent.id, AgentSetting::Skill(skill), by));
            }
        }
        Ok(commands)
    }

    pub(super) fn queue_named(&self, name: &str) -> Result<QueueId, Reply> {
        self.directory.queue_of_name(name).ok_or_else(|| Reply::NotFound(format!("no queue {name}")))
    }

    /// Why a change is none that the configuration allows.
    fn refuses(&self, change: &AgentChange) -> Option<String> {
        let (AgentChange::State(AgentTarget::NotReady(reason)) | AgentChange::Pause(reason, _)) = change else {
            return None;
        };
        let Reason::Custom(reason) = reason else { return None };
        let reasons = &self.config.reasons;
        let allowed = reasons.is_empty() || reasons.contains(reason);
        (!allowed).then(|| format!("`{reason}` is no reason here; there are {}", reasons.join(", ")))
    }

    /// Those of the agents whom the change concerns: a wrap-up is changed of those who have one, or will after their talk.
    fn concerned(&self, agents: BTreeSet<AgentId>, change: &AgentChange) -> Result<BTreeSet<AgentId>, Reply> {
        let (extends, word) = match change {
            AgentChange::ExtendWrapUp(_) => (true, "in wrap-up or talks"),
            AgentChange::EndWrapUp => (false, "in wrap-up"),
            AgentChange::State(_)
            | AgentChange::Pause(..)
            | AgentChange::Device(_)
            | AgentChange::Skills(_)
            | AgentChange::Join { .. }
            | AgentChange::Leave(_)
            | AgentChange::Penalty(..)
            | AgentChange::Team(_)
            | AgentChange::Defaults(_) => return Ok(agents),
        };
        let has = |agent: &AgentId| match self.engine.agent(*agent).map(|status| status.state) {
            Some(AgentState::WrapUp) => true,
            Some(AgentState::Talking | AgentState::Hold | AgentState::Consult) => extends,
            Some(
                AgentState::LoggedOut
                | AgentState::NotReady(_)
                | AgentState::Ready
                | AgentState::Unreachable
                | AgentState::Reserved
                | AgentState::Ringing
                | AgentState::OtherCall(_),
            )
            | None => false,
        };
        let concerned: BTreeSet<_> = agents.into_iter().filter(has).collect();
        if concerned.is_empty() { Err(Reply::Conflict(format!("nobody of them is {word}"))) } else { Ok(concerned) }
    }

    /// The agents of a selection, each once; else what is unknown.
    fn meant(&self, who: &Selection) -> Result<BTreeSet<AgentId>, Reply> {
        self.named(who).map_err(Reply::NotFound)
    }

    fn named(&self, who: &Selection) -> Result<BTreeSet<AgentId>, String> {
        let mut agents = BTreeSet::new();
        for team in &who.teams {
            agents.extend(self.members_of(team).ok_or_else(|| format!("no team {team}"))?);
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

fn change_agent(agent: AgentId, setting: AgentSetting, by: &Actor) -> Command {
    Command::ChangeAgent { agent, setting, by: by.clone() }
}

/// True when the change is one of the plan, which figures are kept by.
const fn is_of_plan(change: &AgentChange) -> bool {
    match change {
        AgentChange::Skills(_)
        | AgentChange::Join { .. }
        | AgentChange::Leave(_)
        | AgentChange::Penalty(..)
        | AgentChange::Defaults(_) => true,
        AgentChange::State(_)
        | AgentChange::Pause(..)
        | AgentChange::ExtendWrapUp(_)
        | AgentChange::EndWrapUp
        | AgentChange::Team(_)
        | AgentChange::Device(_) => false,
    }
}

/// What the engine is told of a change of the agent's state. `None` for a change of its skills or memberships.
fn command(agent: AgentId, change: &AgentChange, by: Actor) -> Option<Command> {
    Some(match change {
        AgentChange::State(target) => Command::SetAgent { agent, target: target.clone(), by, lasts: None },
        AgentChange::Pause(reason, lasts) => {
            Command::SetAgent { agent, target: AgentTarget::NotReady(reason.clone()), by, lasts: Some(*lasts) }
        }
        AgentChange::ExtendWrapUp(more) => Command::ExtendWrapUp { agent, more: *more, by },
        AgentChange::EndWrapUp => Command::EndWrapUp { agent, by },
        AgentChange::Device(device) => Command::Device { agent, device: *device, by },
        AgentChange::Skills(_)
        | AgentChange::Join { .. }
        | AgentChange::Leave(_)
        | AgentChange::Penalty(..)
        | AgentChange::Team(_)
        | AgentChange::Defaults(_) => return None,
    })
}
