//! Explanations: why a call waits, and why an offer went where it went (FEATURES E9). Questions, which change nothing; they walk
//! agents, so they are for people who ask, never part of a decision.

use crate::acd::agent::Duty;
use crate::acd::engine::Engine;
use crate::acd::matching::LineId;
use crate::acd::reason::{Candidates, Decision, Exclusion};
use crate::acd::requirement::Residual;
use crate::base::limits::AHEAD_MAX;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// Where a waiting call stands, and why nobody takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The call.
    pub call: CallId,
    /// Its queue.
    pub queue: QueueId,
    /// From when its wait is measured.
    pub since: Instant,
    /// Its place in the queue; 1 is next.
    pub position: u32,
    /// Who is ahead in the queue, the first [`AHEAD_MAX`] of them.
    pub ahead: Vec<CallId>,
    /// Who is being rung for it.
    pub offered_to: Vec<AgentId>,
    /// What is asked of an agent now.
    pub needs: Residual,
    /// Steps of the ladder taken, those included that were taken early because nobody logged in met what came before.
    pub step: usize,
    /// When it will look further, with nobody logging in or out: the next step, tier, penalty window or delay.
    pub looks_further: Option<Instant>,
    /// Every agent, in the order of the ids, and what keeps it from the call.
    pub agents: Vec<(AgentId, Exclusion)>,
}

impl Engine {
    /// Why a waiting call waits; `None` for a call that does not.
    pub fn explain(&self, call: CallId) -> Option<Explanation> {
        let visit = self.calls.get(&call)?;
        let queue = self.queues.get(visit.place.queue)?;
        let position = self.position(call)?;
        let (needs, step) = self.matching.view(visit.line);
        let looks_further = queue.reaches.get(visit.reach + 1).map(|reach| visit.claim.since + reach.after);
        let exclusion = |agent: AgentId, duty: &Duty| {
            let exclusion = self.matching.excludes(visit.line, agent, visit.claim.since);
            let is_away = !matches!(duty, Duty::Ready(_));
            if exclusion == Exclusion::None && is_away { Exclusion::State(duty.state()) } else { exclusion }
        };
        Some(Explanation {
            call,
            queue: visit.place.queue,
            since: visit.claim.since,
            position,
            ahead: (0..position as usize - 1)
                .take(AHEAD_MAX)
                .filter_map(|rank| Some(queue.order.nth(rank)?.call))
                .collect(),
            offered_to: visit.ringing.agents().collect(),
            needs: needs.clone(),
            step,
            looks_further,
            agents: self.agents.iter().map(|(id, agent)| (id, exclusion(id, &agent.duty))).collect(),
        })
    }

    /// The agent who is next for a call, noted as a decision.
    pub(super) fn choose(&mut self, call: CallId, line: LineId) -> Option<AgentId> {
        let (chosen, firsts) = self.matching.choose(line)?;
        let candidates = firsts.candidates();
        let others = firsts.groups - candidates.len() as u32;
        self.note(call, line, chosen, candidates, others);
        Some(chosen)
    }

    /// Notes that an agent who became ready took its best call: there was nobody else.
    pub(super) fn take(&mut self, call: CallId, line: LineId, chosen: AgentId) {
        self.note(call, line, chosen, Candidates::new(), 0);
    }

    fn note(&mut self, call: CallId, line: LineId, chosen: AgentId, candidates: Candidates, others: u32) {
        let (queue, strategy) = self.matching.strategy(line);
        let strategy = strategy.name;
        self.decisions.note(Decision { at: self.now, call, queue, strategy, chosen, candidates, others });
    }

    /// The last decisions, oldest first; at most [`limits::DECISIONS_MAX`](crate::base::limits::DECISIONS_MAX).
    pub fn last_decisions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter()
    }
}
