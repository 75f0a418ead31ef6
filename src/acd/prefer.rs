//! Preferred agents: a call may be offered to one agent alone for the first while of its wait.
//!
//! * The queue's `preferred_for` says for how long, counted from the moment that the preference came with; a queue without it
//!   knows no preferences.
//! * The agent is one who was named, or the last who served this caller (`recall`).
//! * He is waited for while he takes calls or will when what he does ends: ready, reserved or ringing for another, talking,
//!   holding, in wrap-up, in a call of his own. Not when he is logged out, not ready for whatever reason, unreachable, about to
//!   become so after his talk, or gone; nor when he does not belong to the queue or his skills do not meet what the caller's wait
//!   asks for. Levels, delays, penalties and being in reserve say who is asked before whom, which the preference says already:
//!   they do not hold him back. Whom another queue lends does not belong to this one.
//! * When he becomes ready he takes, among callers of the heaviest weight, first those who wait for him alone, then the others.
//! * A preference is over, for this stay in the queue, when the time has passed, when he is not worth waiting for any more, and
//!   when he has been rung and has not answered. Then the call is everybody's, at once and in its place; if he rings by then he
//!   goes on.

use crate::acd::agent::{Duty, Standing};
use crate::acd::awaited::Wait;
use crate::acd::engine::{Engine, Timer};
use crate::acd::fact::Fact;
use crate::acd::matching::Among;
use crate::acd::message::{Actor, Preference, Whom};
use crate::acd::queue::Visit;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// Why a waiting call cannot be made to prefer an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpreferred {
    /// It does not wait.
    NotWaiting,
    /// Its queue has no time for preferences.
    NeverWaits(QueueId),
    /// Agents are rung for it already.
    Rings,
    /// The agent does not take calls, or does not fit.
    InVain,
}

impl Engine {
    /// A call that is in no index begins to wait for the agent whom it prefers, where he is worth it.
    pub(super) fn prefer(&mut self, call: CallId) {
        let Some(visit) = self.calls.get(&call) else { return };
        let Some(until) = self.preferred_until(visit).filter(|until| *until > self.now) else { return };
        let Some(agent) = self.preferred(visit) else { return };
        if !self.is_worth_waiting(agent) || !self.matching.suits(visit.line, agent) {
            return;
        }
        let timer = self.timers.arm(until, Timer::Preferred(call));
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.set_awaits(Some(Wait { agent, until, timer }));
        visit.ringing.alone = true;
        let queue = visit.place.queue;
        self.tell(Fact::Preferred { call, queue, agent, until: Some(until) });
    }

    /// The agent for whom a call waits alone, and until when at most.
    pub fn waits_for(&self, call: CallId) -> Option<(AgentId, Instant)> {
        self.calls.get(&call)?.awaits().map(|wait| (wait.agent, wait.until))
    }

    /// Whether [`Command::SetPreferred`](crate::acd::Command::SetPreferred) would change something.
    ///
    /// # Errors
    /// Why not.
    pub fn may_prefer(&self, call: CallId, agent: Option<AgentId>) -> Result<(), Unpreferred> {
        let visit = self.calls.get(&call).ok_or(Unpreferred::NotWaiting)?;
        let queue = visit.place.queue;
        if self.queues.get(queue).is_none_or(|row| row.plan.routing.preferred_for.is_zero()) {
            return Err(Unpreferred::NeverWaits(queue));
        }
        if visit.ringing.first().is_some() {
            return Err(Unpreferred::Rings);
        }
        let suits = |agent: AgentId| self.is_worth_waiting(agent) && self.matching.suits(visit.line, agent);
        agent.is_none_or(suits).then_some(()).ok_or(Unpreferred::InVain)
    }

    /// Somebody says whom a call prefers, from now on; nobody, where `agent` is `None`. A call that rests is sought for at once;
    /// while agents ring for it, it is too late.
    pub(super) fn on_set_preferred(&mut self, call: CallId, agent: Option<AgentId>, by: Actor) {
        let from = self.now;
        if self.calls.get(&call).is_none_or(|visit| visit.ringing.first().is_some()) {
            return;
        }
        self.tell(Fact::PreferenceSet { call, agent, by });
        let Some(visit) = self.calls.get_mut(&call) else { return };
        let preferred = agent.map(|agent| Preference { whom: Whom::Agent(agent), from });
        visit.wish.get_or_insert_default().preferred = preferred;
        if let Some(rest) = visit.ringing.rested() {
            self.timers.cancel(rest);
        }
        self.unlist_call(call);
        self.give_up(call);
        self.prefer(call);
        self.offer_or_wait(call);
        self.arm_more(call);
    }

    /// The time to wait for one agent alone has passed.
    pub(super) fn on_preferred_over(&mut self, call: CallId) {
        self.give_up(call);
        self.offer_or_wait(call);
        self.arm_more(call);
    }

    /// The call waits for one agent alone no more, and is in no index.
    pub(super) fn give_up(&mut self, call: CallId) {
        let Some(wait) = self.calls.get(&call).and_then(Visit::awaits) else { return };
        self.unlist_call(call);
        self.timers.cancel(wait.timer);
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.set_awaits(None);
        visit.ringing.alone = false;
        let queue = visit.place.queue;
        self.tell(Fact::Preferred { call, queue, agent: wait.agent, until: None });
    }

    /// Gives up where the wait is in vain. True when it was.
    pub(super) fn give_up_in_vain(&mut self, call: CallId) -> bool {
        let Some(visit) = self.calls.get(&call) else { return false };
        let Some(wait) = visit.awaits() else { return false };
        let rings = visit.ringing.first() == Some(wait.agent);
        if rings || (self.is_worth_waiting(wait.agent) && self.matching.suits(visit.line, wait.agent)) {
            return false;
        }
        self.give_up(call);
        true
    }

    /// A call that waits for one agent alone in vain is everybody's; its hall is to be settled.
    pub(super) fn weigh(&mut self, call: CallId) {
        if !self.give_up_in_vain(call) {
            return;
        }
        self.list_call(call);
        self.arm_more(call);
        if let Some(visit) = self.calls.get(&call) {
            self.matching.unsettle(visit.line);
        }
    }

    /// Whoever waits for this agent alone asks himself whether it is in vain.
    pub(super) fn weigh_callers_of(&mut self, agent: AgentId) {
        let calls: Vec<CallId> = self.matching.awaiting(agent).collect();
        calls.into_iter().for_each(|call| self.weigh(call));
    }

    /// Follows a queue that has begun to wait for preferred agents for another time.
    pub(super) fn time_preference(&mut self, call: CallId) {
        let Some(visit) = self.calls.get(&call) else { return };
        let (Some(wait), Some(until)) = (visit.awaits(), self.preferred_until(visit)) else { return };
        if until <= self.now {
            self.give_up(call);
            self.list_call(call);
            return self.arm_more(call);
        }
        if until == wait.until {
            return;
        }
        self.timers.cancel(wait.timer);
        let timer = self.timers.arm(until, Timer::Preferred(call));
        let Some(visit) = self.calls.get_mut(&call) else { return };
        visit.set_awaits(Some(Wait { until, timer, ..wait }));
        let queue = visit.place.queue;
        self.tell(Fact::Preferred { call, queue, agent: wait.agent, until: Some(until) });
    }

    /// The agent for whom a call waits alone, where he is ready for it; noted as a decision.
    pub(super) fn choose_preferred(&mut self, call: CallId, agent: AgentId) -> Option<AgentId> {
        if !self.is_listed(agent) {
            return None;
        }
        self.take(call, Among::Awaiting(agent), agent);
        Some(agent)
    }

    /// True when the agent stands in the index of those who wait for a call.
    pub(super) fn is_listed(&self, agent: AgentId) -> bool {
        self.agents.get(agent).is_some_and(|row| matches!(row.duty, Duty::Ready(Standing::Listed)))
    }

    /// True when the agent takes calls, or will when what he does ends.
    pub(super) fn is_worth_waiting(&self, agent: AgentId) -> bool {
        let Some(row) = self.agents.get(agent) else { return false };
        let stays = match row.duty {
            Duty::Ready(_) | Duty::Elsewhere(_) | Duty::Offering(_) | Duty::Talking(_) | Duty::WrapUp { .. } => true,
            Duty::LoggedOut | Duty::NotReady(_) | Duty::Unreachable => false,
        };
        stays && !row.wants_out()
    }

    fn preferred_until(&self, visit: &Visit) -> Option<Instant> {
        let row = self.queues.get(visit.place.queue)?;
        Some(visit.preferred()?.from + row.plan.routing.preferred_for)
    }

    fn preferred(&self, visit: &Visit) -> Option<AgentId> {
        match visit.preferred()?.whom {
            Whom::Agent(agent) => Some(agent),
            Whom::Last => {
                let within = self.queues.get(visit.place.queue)?.plan.routing.recall?;
                self.recall.last(self.now, visit.caller?, within)
            }
        }
    }
}
