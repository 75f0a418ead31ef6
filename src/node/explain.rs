//! Explanations for the control plane: the engine's, with names in place of ids and agents grouped by what keeps them away.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::requirement::Residual;
use crate::acd::{AgentState, Candidacy, Decision, Exclusion, Explanation, Skill};
use crate::base::limits::ROWS_MAX;
use crate::base::{AgentId, CallId, Instant};
use crate::node::hub::Hub;
use crate::node::message::Reply;
use crate::node::view::{CandidateView, DecisionView, ExplanationView, RuleView};

/// Agents named for one rule; the others are counted.
const NAMED_MAX: usize = 20;

impl Hub {
    /// Why a waiting call waits.
    pub(super) fn explain(&self, now: Instant, call: CallId) -> Reply {
        let Some(told) = self.engine.explain(call) else { return Reply::NotFound(format!("no call {call} waits")) };
        let Explanation { queue, since, position, ahead, offered_to, needs, step, looks_further, agents, .. } = told;
        let mut rules: BTreeMap<String, Vec<AgentId>> = BTreeMap::new();
        let plan = self.engine.effective_plan();
        for (agent, exclusion) in agents {
            let told = match (&exclusion, plan.agents.binary_search_by_key(&agent, |row| row.id)) {
                (Exclusion::NotAMember, Ok(at)) => unmet(&plan.agents[at].skills, &needs).unwrap_or(exclusion),
                (_, Ok(_) | Err(_)) => exclusion,
            };
            let words = self.held_back(queue, &told).unwrap_or_else(|| rule(now, &told));
            rules.entry(words).or_default().push(agent);
        }
        let row = |(rule, agents): (String, Vec<AgentId>)| RuleView {
            rule,
            count: agents.len(),
            agents: agents.iter().take(NAMED_MAX).map(|agent| self.agent_name(*agent)).collect(),
        };
        Reply::Explanation(Box::new(ExplanationView {
            call: call.to_string(),
            queue: Arc::clone(&self.directory.queue(queue).name),
            position,
            wait_seconds: now.since(since),
            ahead: ahead.iter().map(ToString::to_string).collect(),
            offered_to: offered_to.into_iter().map(|agent| self.agent_name(agent)).collect(),
            asks: needs.to_string(),
            step,
            looks_further_seconds: looks_further.map(|at| at.since(now)),
            agents: rules.into_iter().map(row).collect(),
        }))
    }

    /// The last decisions, newest first, of one queue or of all.
    pub(super) fn decisions(&self, now: Instant, queue: Option<&str>, limit: usize) -> Reply {
        let queue = match queue.map(|name| self.queue_named(name)).transpose() {
            Ok(queue) => queue,
            Err(reply) => return reply,
        };
        let mut decisions: Vec<_> =
            self.engine.last_decisions().filter(|decision| queue.is_none_or(|queue| decision.queue == queue)).collect();
        decisions.reverse();
        decisions.truncate(limit.min(ROWS_MAX));
        Reply::Decisions(decisions.into_iter().map(|decision| self.decision(now, decision)).collect())
    }

    fn decision(&self, now: Instant, decision: &Decision) -> DecisionView {
        let candidate = |&Candidacy { level, penalty, key, position, agent }: &Candidacy| CandidateView {
            agent: self.agent_name(agent),
            tier: level,
            penalty,
            key,
            position,
        };
        DecisionView {
            ago_seconds: now.since(decision.at),
            call: decision.call.to_string(),
            queue: Arc::clone(&self.directory.queue(decision.queue).name),
            strategy: decision.strategy,
            chosen: self.agent_name(decision.chosen),
            candidates: decision.candidates.iter().map(candidate).collect(),
            others: decision.others,
        }
    }

    fn agent_name(&self, agent: AgentId) -> Arc<str> {
        Arc::clone(&self.directory.agent(agent).name)
    }
}

/// What keeps an agent away who belongs to no line of the queue: its skills, unless they fit and it is no member.
fn unmet(skills: &[Skill], needs: &Residual) -> Option<Exclusion> {
    let level = |name: &str| {
        let skill = skills.iter().find(|skill| *skill.name == *name && skill.enabled);
        skill.map_or(0, |skill| skill.level)
    };
    let unmet = needs.why_not(&level);
    (!unmet.is_empty()).then_some(Exclusion::Skills(unmet))
}

/// The rule in words; agents whom the same rule keeps away have the same words.
fn rule(now: Instant, exclusion: &Exclusion) -> String {
    match exclusion {
        Exclusion::None => "may take it now".to_string(),
        Exclusion::NotAMember => "does not belong to the queue".to_string(),
        Exclusion::Skills(unmet) => {
            let parts: Vec<_> = unmet.iter().map(|unmet| unmet.part.to_string()).collect();
            format!("skills do not meet {}", parts.join(" && "))
        }
        Exclusion::Level { level, joined } => format!("tier {level} has not joined; those up to {joined} have"),
        Exclusion::Delay(at) => format!("sees the call in {:.0} s", at.since(now).as_secs_f64().ceil()),
        Exclusion::Penalty { penalty, min, max: u32::MAX } => format!("penalty {penalty} is below {min}"),
        Exclusion::Penalty { penalty, min, max } => format!("penalty {penalty} is outside {min} to {max}"),
        Exclusion::Reserve => "is in reserve".to_string(),
        Exclusion::NotLent(_) => "is not lent now".to_string(),
        Exclusion::State(AgentState::NotReady(reason)) => format!("is not ready ({})", reason.as_str()),
        Exclusion::State(state) => format!("is {}", state.as_str().replace('_', " ")),
    }
}
