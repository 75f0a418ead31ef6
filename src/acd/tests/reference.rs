//! The reference of the random worlds: what must hold by facts and plans alone. It shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::{Attributes, Requirement};
use crate::acd::*;
use crate::base::{AgentId, CallId, Instant, QueueId};

/// What has happened at least once over all worlds: a test that never meets a case proves nothing about it.
#[derive(Default)]
pub(super) struct Seen {
    causes: BTreeSet<OfferCause>,
    pub(super) reasons: BTreeSet<FlowOut>,
    states: BTreeSet<usize>,
    missed: u64,
    answered: u64,
    abandoned_ringing: u64,
    pub(super) repairs: u64,
}

impl Seen {
    pub(super) fn assert_everything_happened(&self) {
        assert_eq!(self.causes.len(), 10, "{:?}", self.causes);
        assert_eq!(self.states.len(), AgentState::LABELS.len());
        for reason in [FlowOut::Full, FlowOut::Closed, FlowOut::Timeout, FlowOut::Draining, FlowOut::Withdrawn] {
            assert!(self.reasons.contains(&reason), "{reason:?} never happened");
        }
        assert!(self.missed > 100 && self.answered > 1_000 && self.abandoned_ringing > 100 && self.repairs > 100);
    }
}

/// What follows from facts and plans alone.
#[derive(Default)]
pub(super) struct Reference {
    plan: Arc<Plan>,
    waiting: BTreeMap<CallId, Waiting>,
    counts: BTreeMap<QueueId, [u64; 4]>,
    agents: BTreeMap<AgentId, Worker>,
    oldest: BTreeMap<QueueId, Option<Instant>>,
    enqueued: BTreeMap<CallId, (i32, Instant)>,
    /// What queues ask for, those included that a plan has dropped while somebody waits.
    skills: BTreeMap<QueueId, Requirement>,
    thresholds: BTreeMap<QueueId, Duration>,
    seq: u64,
    at: Instant,
    /// The last moment at which due timers fired.
    pub(super) timed: Instant,
}

#[derive(Debug)]
struct Waiting {
    queue: QueueId,
    priority: i32,
    since: Instant,
    seq: u64,
    agent: Option<AgentId>,
    missed: bool,
}

#[derive(Debug)]
struct Worker {
    state: AgentState,
    since: Instant,
    idle_since: Option<Instant>,
    offer: Option<u32>,
    faulted: Option<Instant>,
}

impl Reference {
    pub(super) fn on_plan(&mut self, now: Instant, plan: &Arc<Plan>, engine: &Engine) {
        self.plan = Arc::clone(plan);
        self.at = now;
        for queue in &self.plan.queues {
            self.skills.insert(queue.id, queue.routing.requirement.clone());
            self.thresholds.insert(queue.id, queue.threshold);
        }
        for agent in plan.agents.iter().filter(|agent| engine.agent(agent.id).is_none()) {
            self.agents.remove(&agent.id);
            self.worker(agent.id);
        }
    }

    pub(super) fn on_command(&mut self, now: Instant, command: &Command) {
        if let Command::Enqueue { call, priority, since, .. } = command
            && !self.waiting.contains_key(call)
        {
            self.enqueued.insert(*call, (*priority, since.map_or(now, |since| since.min(now))));
        }
    }

    fn worker(&mut self, agent: AgentId) -> &mut Worker {
        let at = self.at;
        let state = AgentState::LoggedOut;
        self.agents.entry(agent).or_insert(Worker { state, since: at, idle_since: None, offer: None, faulted: None })
    }

    pub(super) fn on_fact(&mut self, stamped: &Stamped, seen: &mut Seen) {
        assert!(stamped.at >= self.at, "time runs backwards");
        self.at = stamped.at;
        let at = stamped.at;
        match &stamped.fact {
            Fact::Offered { call, queue } => {
                let (priority, since) = self.enqueued.remove(call).expect("offered once for each enqueue");
                self.seq += 1;
                let visit = Waiting { queue: *queue, priority, since, seq: self.seq, agent: None, missed: false };
                assert!(self.waiting.insert(*call, visit).is_none());
                self.counts.entry(*queue).or_default()[0] += 1;
            }
            Fact::Answered { call, queue, agent, wait, since } => {
                let visit = self.leave(*call, *queue, *wait, 1);
                assert_eq!(visit.since, *since);
                assert_eq!(visit.agent, Some(*agent));
                seen.answered += 1;
            }
            Fact::Abandoned { call, queue, wait, while_ringing } => {
                self.leave(*call, *queue, *wait, 2);
                seen.abandoned_ringing += u64::from(*while_ringing);
            }
            Fact::FlowedOut { call, queue, wait, .. } => {
                self.leave(*call, *queue, *wait, 3);
            }
            Fact::Missed { call, queue } => {
                let visit = self.waiting.get_mut(call).expect("missed while undecided");
                assert!(visit.queue == *queue && !visit.missed);
                assert!(at.since(visit.since) > self.thresholds[queue]);
                visit.missed = true;
                seen.missed += 1;
            }
            Fact::Oldest { queue, since } => {
                assert_ne!(self.oldest.insert(*queue, *since).flatten(), *since, "told again");
            }
            Fact::OfferMade { call, queue, agent, epoch } => self.on_offer_made(*call, *queue, *agent, *epoch),
            Fact::OfferEnded { call, agent, epoch, cause, .. } => {
                assert_eq!(self.worker(*agent).offer.take(), Some(*epoch));
                if *cause != OfferCause::Answered {
                    self.waiting.get_mut(call).expect("an offer ends before its call leaves").agent = None;
                }
                if matches!(cause, OfferCause::PeerFault | OfferCause::AgentGone) {
                    self.worker(*agent).faulted = Some(at);
                }
                seen.causes.insert(*cause);
            }
            Fact::TalkEnded { agent, .. } => self.worker(*agent).idle_since = Some(at),
            Fact::WrapUpEnded { agent, wrap_up, .. } => {
                assert_eq!(self.worker(*agent).state, AgentState::WrapUp);
                assert_eq!(at.since(self.worker(*agent).since), *wrap_up);
            }
            Fact::AgentState { agent, from, to, spent, .. } => {
                seen.states.insert(to.index());
                self.on_agent_state(*agent, from, to, *spent);
            }
            Fact::PeerState { .. } | Fact::Refused { .. } | Fact::CallerAnswered { .. } | Fact::Digit { .. } => {}
        }
    }

    fn on_agent_state(&mut self, agent: AgentId, from: &AgentState, to: &AgentState, spent: Duration) {
        let at = self.at;
        let worker = self.worker(agent);
        assert_eq!(&worker.state, from);
        assert_ne!(from, to);
        assert_eq!(at.since(worker.since), spent);
        if *from == AgentState::Ready {
            worker.faulted = None;
        }
        (worker.state, worker.since) = (to.clone(), at);
        match to {
            AgentState::LoggedOut => worker.idle_since = None,
            AgentState::Ready | AgentState::Unreachable => {
                worker.idle_since.get_or_insert(at);
            }
            AgentState::NotReady(_)
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::WrapUp => {}
        }
    }

    fn leave(&mut self, call: CallId, queue: QueueId, wait: Duration, outcome: usize) -> Waiting {
        let visit = self.waiting.remove(&call).expect("one outcome for each visit");
        assert_eq!(visit.queue, queue);
        assert_eq!(self.at.since(visit.since), wait);
        assert!(visit.missed || wait <= self.thresholds[&queue]);
        self.counts.entry(queue).or_default()[outcome] += 1;
        visit
    }

    /// After timers have fired, every wait beyond the threshold has been told.
    pub(super) fn judge_waits(&self, now: Instant) {
        for (call, visit) in &self.waiting {
            let wait = now.since(visit.since);
            assert!(visit.missed || wait <= self.thresholds[&visit.queue], "{call} is late, and nobody knows");
        }
    }

    /// The call was the first of all that the agent serves, and the agent the first of all who serve the call.
    fn on_offer_made(&mut self, call: CallId, queue: QueueId, agent: AgentId, epoch: u32) {
        let place = |call: &CallId| {
            let w = &self.waiting[call];
            (-w.priority, w.since, w.queue, w.seq)
        };
        for (other, visit) in &self.waiting {
            let rival = visit.agent.is_none() && *other != call && self.serves(agent, visit.queue);
            assert!(!rival || place(&call) < place(other), "{call} was offered ahead of {other}");
        }
        let turn = |agent: &AgentId| (self.agents[agent].idle_since, *agent);
        for other in self.agents.keys().filter(|other| **other != agent) {
            let rival = self.is_idle(*other) && self.serves(*other, queue);
            assert!(!rival || turn(&agent) < turn(other), "{agent} was offered a call ahead of {other}");
        }
        let visit = self.waiting.get_mut(&call).expect("only waiting calls are offered");
        assert!(visit.agent.is_none() && visit.queue == queue);
        visit.agent = Some(agent);
        assert!(self.worker(agent).offer.replace(epoch).is_none(), "reserved twice");
    }

    fn is_idle(&self, agent: AgentId) -> bool {
        let worker = &self.agents[&agent];
        let held = worker.faulted.is_some_and(|since| self.timed < since + Duration::from_secs(1));
        worker.state == AgentState::Ready && worker.offer.is_none() && !held
    }

    fn serves(&self, agent: AgentId, queue: QueueId) -> bool {
        let Some(agent) = self.plan.agents.iter().find(|row| row.id == agent) else { return false };
        self.skills.get(&queue).is_some_and(|skills| {
            skills
                .residual(&Attributes::default())
                .holds(&|name| agent.skills.iter().find(|own| *own.name == *name).map_or(0, |own| own.level))
        })
    }

    pub(super) fn judge(&self, engine: &Engine) {
        let mut waiting = BTreeMap::<QueueId, u64>::new();
        let mut oldest = BTreeMap::<QueueId, Instant>::new();
        for (call, visit) in &self.waiting {
            *waiting.entry(visit.queue).or_default() += 1;
            let head = oldest.entry(visit.queue).or_insert(visit.since);
            *head = visit.since.min(*head);
            assert_eq!(engine.call_since(*call), Some(visit.since));
            let ahead = self.waiting.values().filter(|other| {
                other.queue == visit.queue
                    && (-other.priority, other.since, other.seq) < (-visit.priority, visit.since, visit.seq)
            });
            assert_eq!(engine.position(*call), Some(ahead.count() as u32 + 1));
            if visit.agent.is_none() {
                let idle = self.agents.keys().find(|agent| self.is_idle(**agent) && self.serves(**agent, visit.queue));
                assert_eq!(idle, None, "{call} waits");
            }
        }
        for (queue, [offered, answered, abandoned, flowed_out]) in &self.counts {
            let still = waiting.get(queue).copied().unwrap_or(0);
            assert_eq!(*offered, answered + abandoned + flowed_out + still);
            assert_eq!(engine.waiting(*queue) as u64, still);
            assert_eq!(self.oldest.get(queue).copied().flatten(), oldest.get(queue).copied());
        }
        for (id, worker) in &self.agents {
            let state = engine.agent(*id).map_or(AgentState::LoggedOut, |status| status.state);
            assert_eq!(state, worker.state);
        }
    }
}
