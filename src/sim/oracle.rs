//! Watches the facts of a world and holds a small reference model against them: each visit has one outcome, each queue
//! conserves its callers, each agent has one offer or talk at most, each transfer one end, and no call waits while an agent who
//! fits is ready.
//!
//! It learns from facts and plans only, never from the engine's inside, so that it cannot share the engine's mistakes. Of
//! agents whom a step, tier, delay, penalty or attribute may keep off a call for a while it says nothing: the world asks
//! [`Engine::check`](crate::acd::Engine::check) about these beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::strategy::{self, Ring};
use crate::acd::{
    AgentState, Fact, FlowOut, OfferCause, OfferResult, Plan, Stamped, Target, Transfer, TransferOutcome, TransferStep,
};
use crate::base::limits::OFFERS_OPEN_MAX;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// What has been counted of one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Visits begun.
    pub offered: u64,
    /// Visits that ended with an agent.
    pub answered: u64,
    /// Visits that ended because the caller hung up.
    pub abandoned: u64,
    /// Visits that ended otherwise.
    pub flowed_out: BTreeMap<FlowOut, u64>,
}

impl Tally {
    /// Visits that ended otherwise, all reasons.
    pub fn flowed_out_total(&self) -> u64 {
        self.flowed_out.values().sum()
    }
}

/// The reference model; see the module.
#[derive(Debug)]
pub struct Oracle {
    plan: Arc<Plan>,
    latest: Instant,
    tallies: BTreeMap<QueueId, Tally>,
    /// How many agents a queue's calls ring, those of removed queues included.
    rings: BTreeMap<QueueId, Ring>,
    visits: BTreeMap<CallId, Visit>,
    /// Who talks about a call: one agent, and another who is consulted.
    talks: BTreeMap<CallId, BTreeSet<AgentId>>,
    /// Callers who are being handed on, by whom, and to whom.
    transfers: BTreeMap<CallId, Transfer>,
    /// Transfers that ended, by how.
    ended: BTreeMap<TransferOutcome, u64>,
    /// Callers who talk with a number outside.
    outside: BTreeSet<CallId>,
    agents: BTreeMap<AgentId, Agent>,
    refused: u64,
    dirty: bool,
}

#[derive(Debug)]
struct Visit {
    queue: QueueId,
    offers: BTreeSet<AgentId>,
    /// Offers that found nobody.
    attempts: u32,
    /// It rests after one until then.
    rests: Instant,
    /// It waits for one agent alone.
    awaits: Option<AgentId>,
}

#[derive(Debug)]
struct Agent {
    state: AgentState,
    offer: Option<(CallId, u32)>,
    talk: Option<CallId>,
    /// Left alone until then, after a failure that was not its own and whose cause may last.
    spared: Option<Instant>,
}

/// After a fault of its peer that the engine has not heard of, or a call that would not be rung for, an agent is left alone
/// for so long.
const SPARED: Duration = Duration::from_secs(1);

impl Agent {
    const fn new(state: AgentState) -> Self {
        Self { state, offer: None, talk: None, spared: None }
    }
}

impl Oracle {
    /// A model of a node at its start.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut oracle = Self {
            plan: Arc::default(),
            latest: Instant::ZERO,
            tallies: BTreeMap::new(),
            rings: BTreeMap::new(),
            visits: BTreeMap::new(),
            talks: BTreeMap::new(),
            transfers: BTreeMap::new(),
            ended: BTreeMap::new(),
            outside: BTreeSet::new(),
            agents: BTreeMap::new(),
            refused: 0,
            dirty: true,
        };
        oracle.set_plan(plan);
        oracle
    }

    /// Another plan is in force. Agents not seen before are logged out until a fact says otherwise.
    pub fn set_plan(&mut self, plan: Arc<Plan>) {
        for agent in &plan.agents {
            let state = AgentState::LoggedOut;
            self.agents.entry(agent.id).or_insert_with(|| Agent::new(state));
        }
        for queue in &plan.queues {
            self.tallies.entry(queue.id).or_default();
            self.rings.insert(queue.id, strategy::ring_of(queue.strategy));
        }
        self.plan = plan;
        self.dirty = true;
    }

    /// A fact was emitted.
    ///
    /// # Errors
    /// What the fact contradicts, in words.
    pub fn observe(&mut self, stamped: &Stamped) -> Result<(), String> {
        if stamped.at < self.latest {
            return Err(format!("a fact of {} comes after one of {}", stamped.at, self.latest));
        }
        self.latest = stamped.at;
        self.dirty = true;
        self.apply(&stamped.fact).map_err(|error| format!("{error}; at the fact {:?}", stamped.fact))
    }

    /// Checks what must hold whenever the node is at rest: conservation of work and of callers.
    ///
    /// # Errors
    /// The first thing that does not hold, in words.
    pub fn settle(&mut self) -> Result<(), String> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        for (id, tally) in &self.tallies {
            let waiting = self.visits.values().filter(|visit| visit.queue == *id).count() as u64;
            let ended = tally.answered + tally.abandoned + tally.flowed_out_total();
            if tally.offered != ended + waiting {
                return Err(format!("queue {id}: offered {} but ended {ended} and waiting {waiting}", tally.offered));
            }
        }
        for (call, visit) in &self.visits {
            let Some(queue) = self.plan.queues.iter().find(|queue| queue.id == visit.queue) else { continue };
            let rings_all = strategy::ring_of(queue.strategy) == Ring::All && visit.awaits.is_none();
            let wants_more = rings_all && visit.offers.len() < OFFERS_OPEN_MAX;
            let enough = queue.offers.max.is_some_and(|max| visit.attempts >= max);
            if enough || self.latest < visit.rests || (!visit.offers.is_empty() && !wants_more) {
                continue;
            }
            let intake = queue.intake();
            let idle = self.plan.agents.iter().find(|agent| {
                let idle = |model: &Agent| {
                    model.state == AgentState::Ready && model.spared.is_none_or(|until| until < self.latest)
                };
                let may = visit.awaits.is_none_or(|preferred| preferred == agent.id);
                may && self.agents.get(&agent.id).is_some_and(idle) && intake.accepts_always(agent)
            });
            if let Some(agent) = idle {
                return Err(format!("{call} waits in {} while agent {} is ready", queue.name, agent.name));
            }
        }
        Ok(())
    }

    /// Checks what must hold when the last call is gone.
    ///
    /// # Errors
    /// What was left behind, in words.
    pub fn finish(&mut self) -> Result<(), String> {
        self.dirty = true;
        self.settle()?;
        if let Some(call) = self.visits.keys().next() {
            return Err(format!("{call} still waits though no call lives"));
        }
        if let Some((call, agents)) = self.talks.first_key_value() {
            return Err(format!("{call} still talks with {agents:?} though no call lives"));
        }
        if let Some(call) = self.transfers.keys().chain(&self.outside).next() {
            return Err(format!("{call} is still handed on though no call lives"));
        }
        for (id, agent) in &self.agents {
            let busy = match &agent.state {
                AgentState::Reserved
                | AgentState::Ringing
                | AgentState::Talking
                | AgentState::Hold
                | AgentState::Consult => true,
                AgentState::LoggedOut
                | AgentState::NotReady(_)
                | AgentState::Ready
                | AgentState::Unreachable
                | AgentState::OtherCall(_)
                | AgentState::WrapUp => false,
            };
            if busy || agent.offer.is_some() {
                return Err(format!("agent {id} is {} though no call lives", agent.state.as_str()));
            }
        }
        Ok(())
    }

    /// The counts of each queue.
    pub const fn tallies(&self) -> &BTreeMap<QueueId, Tally> {
        &self.tallies
    }

    /// Transfers that ended so.
    pub fn transfers(&self, outcome: TransferOutcome) -> u64 {
        self.ended.get(&outcome).copied().unwrap_or_default()
    }

    /// Contacts refused before any queue.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// An agent's state by the facts.
    pub fn agent_state(&self, agent: AgentId) -> Option<&AgentState> {
        self.agents.get(&agent).map(|agent| &agent.state)
    }

    /// Callers in a queue now.
    pub fn waiting(&self, queue: QueueId) -> usize {
        self.visits.values().filter(|visit| visit.queue == queue).count()
    }

    fn apply(&mut self, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Offered { call, queue, .. } => self.begin_visit(*call, *queue),
            Fact::Answered { call, queue, agent, .. } => {
                let others = self.visits.get(call).map_or(0, |visit| visit.offers.len());
                if others != 1 {
                    return Err(format!("{others} agents still ring for the call"));
                }
                self.end_visit(*call, *queue)?;
                self.tally(*queue).answered += 1;
                self.begin_talk(*call, *agent)
            }
            Fact::Abandoned { call, queue, .. } => {
                self.end_visit(*call, *queue).map(|()| self.tally(*queue).abandoned += 1)
            }
            Fact::FlowedOut { call, queue, reason, .. } => {
                self.end_visit(*call, *queue)?;
                *self.tally(*queue).flowed_out.entry(*reason).or_default() += 1;
                Ok(())
            }
            Fact::Preferred { call, agent, until, .. } => self.prefer(*call, until.map(|_| *agent)),
            Fact::OfferMade { call, agent, epoch, .. } => self.begin_offer(*call, *agent, *epoch),
            Fact::OfferEnded { call, agent, epoch, cause, .. } => self.end_offer(*call, *agent, *epoch, *cause),
            Fact::TalkEnded { call, agent, .. } => self.end_talk(*call, *agent),
            Fact::Reached { call, agent, .. } => {
                if self.transfers.get(call).map(|transfer| &transfer.target) != Some(&Target::Agent(*agent)) {
                    return Err("the call was not to be handed to this agent".to_string());
                }
                self.begin_talk(*call, *agent)
            }
            Fact::Transfer(transfer) => self.hand_on(transfer),
            Fact::OutsideEnded { call, .. } => match self.outside.remove(call) {
                true => Ok(()),
                false => Err("the call talks with no number".to_string()),
            },
            Fact::AgentState { agent, from, to, .. } => self.set_state(*agent, from, to),
            Fact::Refused { .. } => {
                self.refused += 1;
                Ok(())
            }
            Fact::Missed { .. }
            | Fact::Oldest { .. }
            | Fact::WrapUpEnded { .. }
            | Fact::WrapUpExtended { .. }
            | Fact::InstantAnswer { .. }
            | Fact::Disagreement { .. }
            | Fact::Repaired { .. }
            | Fact::Reserve { .. }
            | Fact::Lending { .. }
            | Fact::AgentSet { .. }
            | Fact::QueueSet { .. }
            | Fact::PrioritySet { .. }
            | Fact::PreferenceSet { .. }
            | Fact::Supervised { .. }
            | Fact::Device { .. }
            | Fact::PeerState { .. }
            | Fact::AgentTeam { .. }
            | Fact::CallerAnswered { .. }
            | Fact::Digit { .. } => Ok(()),
        }
    }

    fn tally(&mut self, queue: QueueId) -> &mut Tally {
        self.tallies.entry(queue).or_default()
    }

    fn end_visit(&mut self, call: CallId, queue: QueueId) -> Result<(), String> {
        let visit = self.visits.remove(&call).ok_or("the call is in no queue")?;
        if visit.queue != queue {
            return Err(format!("the call is in {}", visit.queue));
        }
        Ok(())
    }

    fn begin_visit(&mut self, call: CallId, queue: QueueId) -> Result<(), String> {
        self.tally(queue).offered += 1;
        let (offers, rests) = (BTreeSet::new(), Instant::ZERO);
        match self.visits.insert(call, Visit { queue, offers, attempts: 0, rests, awaits: None }) {
            Some(_) => Err("the call is in a queue already".to_string()),
            None => Ok(()),
        }
    }

    fn prefer(&mut self, call: CallId, agent: Option<AgentId>) -> Result<(), String> {
        self.visits.get_mut(&call).ok_or("the call is in no queue")?.awaits = agent;
        Ok(())
    }

    fn begin_offer(&mut self, call: CallId, agent: AgentId, epoch: u32) -> Result<(), String> {
        let by_name = self.transfers.get(&call).is_some_and(|transfer| transfer.target == Target::Agent(agent));
        match self.visits.get_mut(&call) {
            Some(visit) => {
                let ring = self.rings.get(&visit.queue).copied().unwrap_or(Ring::One);
                if let (Some(other), Ring::One) = (visit.offers.first(), ring) {
                    return Err(format!("the call is offered to {other} already"));
                }
                if let Some(other) = visit.awaits.filter(|other| *other != agent) {
                    return Err(format!("the call waits for {other} alone"));
                }
                visit.offers.insert(agent);
            }
            None if by_name => {}
            None => return Err("the offered call is in no queue".to_string()),
        }
        let model = self.agents.get_mut(&agent).ok_or("no such agent")?;
        if model.talk.is_some() {
            return Err("the agent talks".to_string());
        }
        match model.offer.replace((call, epoch)) {
            Some((other, _)) => Err(format!("the agent holds the offer of {other}")),
            None => Ok(()),
        }
    }

    fn end_offer(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) -> Result<(), String> {
        let model = self.agents.get_mut(&agent).ok_or("no such agent")?;
        if model.offer.take() != Some((call, epoch)) {
            return Err("the agent has no such offer".to_string());
        }
        if matches!(cause, OfferCause::PeerFault | OfferCause::Withdrawn) {
            model.spared = Some(self.latest + SPARED);
        }
        if cause != OfferCause::Answered
            && let Some(visit) = self.visits.get_mut(&call)
        {
            visit.offers.remove(&agent);
            let retry = self.plan.queues.iter().find(|queue| queue.id == visit.queue).map(|queue| queue.offers.retry);
            if matches!(cause.result(), OfferResult::Rejected | OfferResult::TimedOut)
                || matches!(cause, OfferCause::NeverRang | OfferCause::Failed)
            {
                visit.attempts += 1;
                visit.rests = self.latest + retry.unwrap_or_default();
            }
        }
        Ok(())
    }

    fn begin_talk(&mut self, call: CallId, agent: AgentId) -> Result<(), String> {
        let talks = self.talks.entry(call).or_default();
        talks.insert(agent);
        // One agent for each call, and another while it consults; what ends it may come later than the target's answer.
        if talks.len() > 2 {
            return Err(format!("the call talks with {talks:?}"));
        }
        let model = self.agents.get_mut(&agent).ok_or("no such agent")?;
        match model.talk.replace(call) {
            Some(other) => Err(format!("the agent talks with {other} already")),
            None => Ok(()),
        }
    }

    fn end_talk(&mut self, call: CallId, agent: AgentId) -> Result<(), String> {
        let talks = self.talks.get_mut(&call).ok_or("the call talks with nobody")?;
        if !talks.remove(&agent) {
            return Err("they do not talk".to_string());
        }
        if talks.is_empty() {
            self.talks.remove(&call);
        }
        self.agents.get_mut(&agent).ok_or("no such agent")?.talk = None;
        Ok(())
    }

    /// Each transfer begins once and ends once.
    fn hand_on(&mut self, transfer: &Transfer) -> Result<(), String> {
        let call = transfer.call;
        if let TransferStep::Begun(_) = transfer.step {
            return match self.transfers.insert(call, transfer.clone()) {
                Some(_) => Err("the call is being handed on already".to_string()),
                None => Ok(()),
            };
        }
        let begun = self.transfers.get(&call).ok_or("no such transfer has begun")?;
        if (begun.agent, begun.kind, &begun.target) != (transfer.agent, transfer.kind, &transfer.target) {
            return Err(format!("another transfer has begun: {begun:?}"));
        }
        let Some(outcome) = transfer.step.outcome() else { return Ok(()) };
        self.transfers.remove(&call);
        *self.ended.entry(outcome).or_default() += 1;
        if outcome == TransferOutcome::Completed && matches!(transfer.target, Target::Number(_)) {
            self.outside.insert(call);
        }
        Ok(())
    }

    fn set_state(&mut self, agent: AgentId, from: &AgentState, to: &AgentState) -> Result<(), String> {
        let model = self.agents.entry(agent).or_insert_with(|| Agent::new(from.clone()));
        if model.state != *from {
            return Err(format!("the agent was {}", model.state.as_str()));
        }
        if from == to {
            return Err("a state follows itself".to_string());
        }
        model.state = to.clone();
        Ok(())
    }
}
