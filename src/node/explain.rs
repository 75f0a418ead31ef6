//! Explanations for the control plane: the engine's, with names in place of ids and agents grouped by what keeps them away.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::requirement::Residual;
use crate::acd::strategy::{Measure, Reading};
use crate::acd::{AgentState, Candidacy, Decision, Exclusion, Explanation, Skill, Why, strategy};
use crate::base::limits::ROWS_MAX;
use crate::base::{AgentId, CallId, Instant};
use crate::node::hub::Hub;
use crate::node::message::Reply;
use crate::node::view::{CandidateView, DecisionView, ExplanationView, RuleView, WaitView, WaitsForView};

/// Agents named for one rule; the others are counted.
const NAMED_MAX: usize = 20;

impl Hub {
    /// Why a call waits, and why it was offered to whom.
    pub(super) fn explain(&self, now: Instant, call: CallId) -> Reply {
        let waits = self.engine.explain(call).map(|told| self.wait(now, told));
        let offers = self.engine.last_decisions().filter(|decision| decision.call == call);
        let mut offers: Vec<_> = offers.map(|decision| self.decision(now, &decision)).collect();
        offers.reverse();
        if waits.is_none() && offers.is_empty() {
            return Reply::NotFound(format!("no call {call} waits, nor was one offered a short time ago"));
        }
        Reply::Explanation(Box::new(ExplanationView { call: call.to_string(), waits, offers }))
    }

    fn wait(&self, now: Instant, told: Explanation) -> WaitView {
        let Explanation { queue, since, position, ahead, offered_to, needs, step, looks_further, agents, .. } = told;
        let waits_for = told
            .waits_for
            .map(|(agent, until)| WaitsForView { agent: self.agent_name(agent), seconds: until.since(now) });
        let mut rules: BTreeMap<String, Vec<AgentId>> = BTreeMap::new();
        let plan = self.engine.effective_plan();
        for (agent, exclusion) in agents {
            let told = match (&exclusion, plan.agents.binary_search_by_key(&agent, |row| row.id)) {
                (Exclusion::NotAMember, Ok(at)) => unmet(&plan.agents[at].skills, &needs).unwrap_or(exclusion),
                (_, Ok(_) | Err(_)) => exclusion,
            };
            let words =
                self.held_back(queue, &told).unwrap_or_else(|| rule(now, &told, |agent| self.agent_name(agent)));
            rules.entry(words).or_default().push(agent);
        }
        let row = |(rule, agents): (String, Vec<AgentId>)| RuleView {
            rule,
            count: agents.len(),
            agents: agents.iter().take(NAMED_MAX).map(|agent| self.agent_name(*agent)).collect(),
        };
        WaitView {
            queue: Arc::clone(&self.directory.queue(queue).name),
            position,
            wait_seconds: now.since(since),
            ahead: ahead.iter().map(ToString::to_string).collect(),
            waits_for,
            offered_to: offered_to.into_iter().map(|agent| self.agent_name(agent)).collect(),
            asks: needs.to_string(),
            step,
            looks_further_seconds: looks_further.map(|at| at.since(now)),
            agents: rules.into_iter().map(row).collect(),
        }
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
        Reply::Decisions(decisions.into_iter().map(|decision| self.decision(now, &decision)).collect())
    }

    fn decision(&self, now: Instant, decision: &Decision) -> DecisionView {
        let (row, window) = (strategy::find(decision.strategy), self.plan().occupancy_window);
        let standing = |key: [u64; 2]| {
            let measures = row.map_or([Measure::Nothing; 2], |row| row.key);
            let readings =
                measures.into_iter().zip(key).filter_map(|(measure, n)| measure.read(n, decision.at, window));
            readings.map(words_of).collect::<Vec<_>>().join(", ")
        };
        let candidate = |&Candidacy { level, penalty, key, position, agent }: &Candidacy| CandidateView {
            agent: self.agent_name(agent),
            tier: level,
            penalty,
            key,
            position,
            standing: standing(key),
        };
        DecisionView {
            ago_seconds: now.since(decision.at),
            call: decision.call.to_string(),
            queue: Arc::clone(&self.directory.queue(decision.queue).name),
            strategy: decision.strategy,
            chosen: self.agent_name(decision.chosen),
            why: match decision.why {
                Why::First => format!("first by {}", decision.strategy),
                Why::After(last) => format!("next in turn after {}", self.agent_name(last)),
                Why::Drawn => "drawn".to_string(),
                Why::Freed => "became ready, and nobody else who was could take it".to_string(),
                Why::Preferred => "preferred by the caller".to_string(),
            },
            candidates: decision.candidates.iter().map(candidate).collect(),
            others: decision.others,
        }
    }

    pub(super) fn agent_name(&self, agent: AgentId) -> Arc<str> {
        Arc::clone(&self.directory.agent(agent).name)
    }
}

/// What a candidate was compared by.
fn words_of(reading: Reading) -> String {
    match reading {
        Reading::Idle(time) => format!("idle {} s", time.as_secs()),
        Reading::Calls(1) => "1 call".to_string(),
        Reading::Calls(calls) => format!("{calls} calls"),
        Reading::Talk(time) => format!("talked {} s", time.as_secs()),
        Reading::Occupancy(part) => format!("occupied {:.1} %", part * 100.0),
        Reading::Levels(levels) => format!("level {levels}"),
        Reading::Penalty(penalty) => format!("penalty {penalty}"),
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
fn rule(now: Instant, exclusion: &Exclusion, name: impl Fn(AgentId) -> Arc<str>) -> String {
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
        Exclusion::Outranked => "others of a lower tier or penalty ring".to_string(),
        Exclusion::Preferred(agent, until) => {
            let seconds = until.since(now).as_secs_f64().ceil();
            format!("may take it in {seconds:.0} s: it waits for {} alone", name(*agent))
        }
        Exclusion::Reserve => "is in reserve".to_string(),
        Exclusion::NotLent(_) => "is not lent now".to_string(),
        Exclusion::State(AgentState::NotReady(reason)) => format!("is not ready ({})", reason.as_str()),
        Exclusion::State(state) => format!("is {}", state.as_str().replace('_', " ")),
    }
}
