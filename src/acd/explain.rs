//! Explanations: why a call waits, and why an offer went where it went (FEATURES E9). Questions, which change nothing; they walk
//! agents, so they are for people who ask, never part of a decision.

use crate::acd::agent::Duty;
use crate::acd::engine::Engine;
use crate::acd::matching::{Among, LineId};
use crate::acd::reason::{Decision, Exclusion, PREFERRED, Verdict, Why};
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
    /// The agent for whom it waits alone, and until when.
    pub waits_for: Option<(AgentId, Instant)>,
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
        let waits_for = visit.awaits().map(|wait| (wait.agent, wait.until));
        let exclusion = |agent: AgentId, duty: &Duty| {
            let is_preferred = waits_for.is_some_and(|(preferred, _)| preferred == agent);
            let exclusion = match is_preferred {
                true => Exclusion::None,
                false => self.matching.excludes(visit.line, agent, visit.claim.since),
            };
            match (exclusion, waits_for) {
                (Exclusion::None, _) if !matches!(duty, Duty::Ready(_)) => Exclusion::State(duty.state()),
                (Exclusion::None, Some((preferred, until))) if !is_preferred => Exclusion::Preferred(preferred, until),
                (exclusion, _) => exclusion,
            }
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
            waits_for,
            offered_to: visit.ringing.agents().collect(),
            needs: needs.clone(),
            step,
            looks_further,
            agents: self.agents.iter().map(|(id, agent)| (id, exclusion(id, &agent.duty))).collect(),
        })
    }

    /// The agent who is next for a call, noted as a decision.
    pub(super) fn choose(&mut self, call: CallId, line: LineId) -> Option<AgentId> {
        let (rank, why) = self.matching.choose(line)?;
        let field = self.decisions.lists(self.now).then(|| self.matching.field(line));
        let (queue, strategy) = self.matching.strategy(line);
        let (at, strategy, chosen) = (self.now, strategy.name, rank.agent());
        self.decisions.note(Verdict { at, call, queue, strategy, chosen, why }, rank.candidacy(), field.as_ref());
        Some(chosen)
    }

    /// Notes that an agent took a call for which there was nobody else: its best when it became ready, or one that waited for it
    /// alone.
    pub(super) fn take(&mut self, call: CallId, among: Among, chosen: AgentId) {
        let Some((queue, line)) = self.calls.get(&call).map(|visit| (visit.place.queue, visit.line)) else { return };
        let (strategy, why) = match among {
            Among::Line(_) => (self.matching.strategy(line).1.name, Why::Freed),
            Among::Awaiting(_) => (PREFERRED, Why::Preferred),
        };
        let history = self.agents.get(chosen).map(|agent| &agent.history);
        let Some(rank) = history.and_then(|history| self.matching.rank(line, chosen, history)) else { return };
        let verdict = Verdict { at: self.now, call, queue, strategy, chosen, why };
        self.decisions.note_only(verdict, rank.candidacy());
    }

    /// The last decisions, oldest first; at most [`limits::DECISIONS_MAX`](crate::base::limits::DECISIONS_MAX).
    pub fn last_decisions(&self) -> impl Iterator<Item = Decision> {
        self.decisions.iter()
    }
}
