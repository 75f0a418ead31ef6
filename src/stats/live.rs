//! The live figures: folds each fact into the block it concerns, and gives consistent copies to whoever asks.
//!
//! One thread (the node's) calls [`Live::fold`], [`Live::apply_plan`] and [`Live::set_targets`]; any thread may read at any
//! moment without stopping it. The maps are keyed by what a reload may add; an entry is cloned out and its guard released
//! before anything else is called. The roster is the one thing behind a lock: a reload replaces it whole, readers hold the
//! lock as long as it takes to clone an `Arc`, and `fold` never touches it.
//!
//! What the facts must promise: `Offered` comes before its outcome, a wait past T is told by `Missed` before its outcome, and
//! an agent new to the plan leaves `LoggedOut` by a fact. A plan is applied before the facts that it causes are folded.
//! A fact that contradicts what is known (an outcome though nobody waits) is logged and counted as a violation, and the
//! figures then show it: `conserved()` is false.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use dashmap::DashMap;

use crate::acd::{
    AgentPlan, AgentState, CutShort, Fact, Intake, LostCause, Plan, QueuePlan, Refusal, Repair, Skill, Stamped,
};
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId, WallTime};
use crate::stats::agents::{Agent, ByState, Group, Kind, STATES, Talk};
use crate::stats::bounds::{micros, normalised};
use crate::stats::calendar::Calendar;
use crate::stats::contacts::Contacts;
use crate::stats::contradiction::Contradiction;
use crate::stats::intervals::{self, Intervals, Question, Unanswerable};
use crate::stats::moment::Moment;
use crate::stats::outlook::{Outlook, at_work};
use crate::stats::queue::Queue;
use crate::stats::reading::{PeerReading, QueueReading, Reading, TeamReading};
use crate::stats::snapshot::{Overview, QueueSnapshot};
use crate::stats::spread::{Working, WorkingReading};
use crate::stats::teams::Teams;

/// The live figures; see the module.
#[derive(Debug)]
pub struct Live {
    bounds: Arc<[u64]>,
    queues: DashMap<QueueId, Arc<Queue>>,
    names: DashMap<Arc<str>, Arc<Queue>>,
    agents: DashMap<AgentId, Agent>,
    peers: DashMap<PeerId, Arc<AtomicU64>>,
    contacts: Contacts,
    teams: Teams,
    refused: [AtomicU64; Refusal::ALL.len()],
    repaired: [AtomicU64; Repair::ALL.len()],
    /// Agents whose device contradicts their state.
    disagreements: AtomicU64,
    violations: AtomicU64,
    working: Working,
    origin: OnceLock<WallTime>,
    roster: RwLock<Arc<Roster>>,
}

/// What is read, in order, as of the plan in force.
#[derive(Debug, Default)]
struct Roster {
    /// By id; removed queues too.
    queues: Vec<Arc<Queue>>,
    groups: Vec<Membership>,
    peers: Vec<(Arc<str>, Arc<AtomicU64>)>,
}

/// A group of agents and the queues that accept it, as indices into the roster's.
#[derive(Debug, Clone)]
struct Membership {
    group: Arc<Group>,
    queues: Vec<usize>,
}

impl Live {
    /// Figures that start at zero at `now`, with the plan's queues and agents. `bounds` are the histograms' for the whole
    /// process, in microseconds (see [`crate::stats::histogram_bounds`]); the plan's thresholds are added to them.
    pub fn new(now: Instant, plan: &Plan, bounds: &[u64]) -> Self {
        let thresholds = plan.queues.iter().map(|queue| micros(queue.threshold));
        let live = Self {
            bounds: normalised(bounds.iter().copied().chain(thresholds)).into(),
            queues: DashMap::new(),
            names: DashMap::new(),
            agents: DashMap::new(),
            peers: DashMap::new(),
            contacts: Contacts::new(),
            teams: Teams::default(),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
            repaired: std::array::from_fn(|_| AtomicU64::new(0)),
            disagreements: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            working: Working::default(),
            origin: OnceLock::new(),
            roster: RwLock::default(),
        };
        live.apply_plan(now, plan, &[]);
        live
    }

    /// Another plan is in force; the facts that it causes are folded after this. Queues and agents it adds start at zero and
    /// logged out; a removed queue keeps its series and its waiting
    /// callers, a removed agent is counted in no queue, and its seconds end when it logs out. `peers` names the
    /// neighbours to export, the configured ones: a neighbour never heard of is taken to be up.
    ///
    /// Returns the thresholds that are no histogram bound, since the bounds are fixed for the process: their service level
    /// is exact all the same, as its events are counted, but cannot be had from the buckets.
    pub fn apply_plan(&self, now: Instant, plan: &Plan, peers: &[(PeerId, Arc<str>)]) -> Vec<Duration> {
        let queues = self.apply_queues(&plan.queues);
        let groups = self.apply_agents(now, plan, &queues);
        let peers = peers.iter().map(|(id, name)| (Arc::clone(name), self.peer(*id))).collect();
        let roster = Arc::new(Roster { queues, groups, peers });
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = roster;
        let thresholds: BTreeSet<Duration> = plan.queues.iter().map(|queue| queue.threshold).collect();
        thresholds.into_iter().filter(|threshold| self.bounds.binary_search(&micros(*threshold)).is_err()).collect()
    }

    /// The service levels aimed at, as fractions, by queue; queues unknown to the plan are passed over.
    pub fn set_targets(&self, targets: &[(QueueId, f64)]) {
        for (queue, target) in targets {
            if let Ok(queue) = self.queue_of(*queue) {
                queue.aim_at(*target);
            }
        }
    }

    /// The teams that agents are in from `now` on, by their paths (`sales/east`); agents that are not named are in none. What an
    /// agent did before stays with the team that it was in.
    pub fn set_teams(&self, now: Instant, members: &[(AgentId, Arc<str>)]) {
        self.teams.set_members(members);
        let known: Vec<AgentId> = self.agents.iter().map(|agent| *agent.key()).collect();
        for id in known {
            let (Some(mut agent), times) = (self.agent_of(id), self.teams.of(id)) else { continue };
            if !Arc::ptr_eq(&agent.times, &times) {
                agent.move_to(now, times);
                self.agents.insert(id, agent);
            }
        }
    }

    /// The calendars by which days and months are counted from now on, by queue; queues unknown to the plan are passed over,
    /// and a queue that is not named keeps its own (UTC at first).
    pub fn set_calendars(&self, calendars: &[(QueueId, Arc<Calendar>)]) {
        let roster = self.roster();
        let mut queues = roster.queues.clone();
        for (id, calendar) in calendars {
            let Ok(place) = queues.binary_search_by_key(id, |queue| queue.id) else { continue };
            if queues[place].calendar() == calendar {
                continue;
            }
            let queue = Arc::new(queues[place].with_calendar(Arc::clone(calendar)));
            self.queues.insert(*id, Arc::clone(&queue));
            self.names.insert(Arc::clone(&queue.name), Arc::clone(&queue));
            queues[place] = queue;
        }
        let roster = Arc::new(Roster { queues, groups: roster.groups.clone(), peers: roster.peers.clone() });
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = roster;
    }

    /// The calendar's time at [`Instant::ZERO`], told once: without it no calendar moment is exported.
    pub fn set_origin(&self, wall: WallTime) {
        // A second origin would move moments already exported.
        let _ = self.origin.set(wall);
    }

    /// Folds one fact. Only the one writer calls this, with facts in their order.
    pub fn fold(&self, stamped: &Stamped) {
        if let Err(contradiction) = self.apply(stamped) {
            self.count_violations(1);
            tracing::error!(fact = ?stamped, "broken invariant: {contradiction}");
        }
    }

    /// Counts broken invariants that somebody else noticed.
    pub fn count_violations(&self, more: u64) {
        self.violations.fetch_add(more, Ordering::Relaxed);
    }

    /// Broken invariants so far.
    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    /// Every queue that ever was configured, by id; each is a consistent copy.
    pub fn queues(&self, now: Instant) -> Vec<QueueSnapshot> {
        self.read(now).queues.iter().map(|queue| QueueSnapshot::of(queue, now)).collect()
    }

    /// One queue's figures by interval.
    ///
    /// # Errors
    /// Why the question cannot be answered.
    pub fn intervals(&self, now: Instant, name: &str, question: Question) -> Result<Intervals, Unanswerable> {
        let queue = self.names.get(name).map(|queue| Arc::clone(&queue)).ok_or(Unanswerable::UnknownQueue)?;
        let origin = self.origin.get().copied().ok_or(Unanswerable::NoCalendar)?;
        let now = self.moment(now).wall.ok_or(Unanswerable::NoCalendar)?;
        intervals::answer(&queue, question, origin, now)
    }

    /// What is to be expected of a queue: waits, patience, load and its trend.
    pub fn outlook(&self, now: Instant, name: &str) -> Option<Outlook> {
        let queue = self.names.get(name).map(|queue| Arc::clone(&queue))?;
        let reading = self.read(now);
        let found = reading.queues.iter().find(|other| other.name == queue.name)?;
        Some(Outlook::of(&queue, found, self.moment(now).wall))
    }

    /// One queue by its name.
    pub fn queue(&self, now: Instant, name: &str) -> Option<QueueSnapshot> {
        let queue = Arc::clone(&*self.names.get(name)?);
        let roster = self.roster();
        let place = roster.queues.iter().position(|other| other.id == queue.id)?;
        let mut agents = ByState::default();
        for membership in roster.groups.iter().filter(|membership| membership.queues.contains(&place)) {
            membership.group.add_to(&mut agents);
        }
        let theta = queue.patience().theta();
        let reading = QueueReading { name: Arc::clone(&queue.name), cells: queue.read(), agents, theta };
        Some(QueueSnapshot::of(&reading, now))
    }

    /// All queues and their sum, from the same copies.
    pub fn overview(&self, now: Instant) -> Overview {
        let reading = self.read(now);
        let queues = reading.queues.iter().map(|queue| QueueSnapshot::of(queue, now)).collect();
        Overview::new(queues, &reading.agents)
    }

    /// The sum over all queues: of queue visits, so a requeued caller counts in each queue; each agent counts once.
    pub fn total(&self, now: Instant) -> QueueSnapshot {
        self.overview(now).total
    }

    /// Where the engine's own time goes; its threads write it.
    pub const fn working(&self) -> &Working {
        &self.working
    }

    /// Agents by state, each once, in the order of [`AgentState::LABELS`].
    pub fn agents(&self) -> [u64; AgentState::LABELS.len()] {
        let mut agents = ByState::default();
        for membership in &self.roster().groups {
            membership.group.add_to(&mut agents);
        }
        agents
    }

    /// Everything, for the exposition.
    pub(super) fn read(&self, now: Instant) -> Reading {
        let roster = self.roster();
        let mut by_queue = vec![ByState::default(); roster.queues.len()];
        let mut agents = ByState::default();
        for membership in &roster.groups {
            let mut group = ByState::default();
            membership.group.add_to(&mut group);
            add(&mut agents, &group);
            for queue in &membership.queues {
                add(&mut by_queue[*queue], &group);
            }
        }
        let queues = roster.queues.iter().zip(by_queue);
        let noted = |(queue, agents): &(&Arc<Queue>, ByState)| queue.note_staff(at_work(agents));
        queues.clone().for_each(|pair| noted(&pair));
        Reading {
            now,
            queues: queues
                .map(|(queue, agents)| QueueReading {
                    name: Arc::clone(&queue.name),
                    cells: queue.read(),
                    agents,
                    theta: queue.patience().theta(),
                })
                .collect(),
            agents,
            teams: self.teams.list().iter().map(|(path, times)| TeamReading::new(path, times, now)).collect(),
            teams_overflow: self.teams.overflow(),
            refused: std::array::from_fn(|cause| self.refused[cause].load(Ordering::Relaxed)),
            repaired: std::array::from_fn(|kind| self.repaired[kind].load(Ordering::Relaxed)),
            disagreements: self.disagreements.load(Ordering::Relaxed),
            peers: roster.peers.iter().map(|(name, up)| PeerReading::new(name, up)).collect(),
            working: WorkingReading::of(&self.working),
            origin: self.origin.get().copied(),
        }
    }

    fn apply(&self, stamped: &Stamped) -> Result<(), Contradiction> {
        let when = self.moment(stamped.at);
        match &stamped.fact {
            Fact::Offered { call, queue } => self.on_offered(when, *call, *queue)?,
            Fact::Answered { call, queue, wait, .. } => self.on_answered(when, *call, *queue, *wait)?,
            Fact::Abandoned { call, queue, wait, cause, .. } => {
                let joined = self.joined(when, *call);
                let left = self.queue_of(*queue)?.on_abandoned(when, joined, *wait, *cause);
                self.settle_lost(self.contacts.on_abandoned(*call), *cause)?;
                left?;
            }
            Fact::FlowedOut { call, queue, wait, reason, cause } => {
                let joined = self.joined(when, *call);
                let left = self.queue_of(*queue)?.on_flowed_out(when, joined, *wait, (*reason, *cause));
                let settled = self.contacts.on_flowed_out(stamped.at, *call, *queue, *reason);
                match (*cause, reason.untargeted()) {
                    (Some(cause), _) => self.settle_lost(settled, cause)?,
                    (None, Some(why)) => self.settle_untargeted(settled, why)?,
                    (None, None) => {}
                }
                left?;
            }
            Fact::Missed { call, queue } => self.queue_of(*queue)?.on_missed(when, self.joined(when, *call)),
            Fact::Oldest { queue, since } => self.queue_of(*queue)?.on_oldest(*since),
            // Counted when it ends, with its result.
            Fact::OfferMade { .. } => {}
            // For call records and events, not for figures: what a setting changes comes with the plan, what an intervention
            // does is told by the facts that follow.
            Fact::CallerAnswered { .. }
            | Fact::Digit { .. }
            | Fact::AgentSet { .. }
            | Fact::QueueSet { .. }
            | Fact::PrioritySet { .. }
            | Fact::Supervised { .. }
            | Fact::Device { .. } => {}
            Fact::OfferEnded { queue, cause, ring, .. } => {
                self.queue_of(*queue)?.on_offer_ended(when, cause.result(), *ring);
            }
            Fact::TalkEnded { call, queue, agent, talk, hold, by } => {
                self.contacts.on_talk_ended(stamped.at, *call, *by);
                let visited = self.queue_of(*queue)?;
                visited.on_talk(when, *talk, *hold);
                if let Some(kind) = CutShort::of(*talk, *by) {
                    visited.on_cut_short(kind);
                }
                self.on_talk_ended(*queue, *agent, *talk)?;
            }
            Fact::WrapUpEnded { queue, agent, wrap_up } => self.on_wrap_up_ended(when, *queue, *agent, *wrap_up)?,
            Fact::WrapUpExtended { .. } => {}
            Fact::InstantAnswer { queue, .. } => self.queue_of(*queue)?.on_instant_answer(),
            Fact::Disagreement { disagrees: true, .. } => {
                self.disagreements.fetch_add(1, Ordering::Relaxed);
            }
            Fact::Disagreement { disagrees: false, .. } => {
                self.disagreements.fetch_sub(1, Ordering::Relaxed);
            }
            Fact::Repaired { kind, .. } => {
                self.repaired[*kind as usize].fetch_add(1, Ordering::Relaxed);
            }
            Fact::AgentState { agent, from, to, .. } => self.on_agent_state(stamped.at, *agent, from, to)?,
            Fact::PeerState { peer, up } => self.peer(*peer).store(u64::from(*up), Ordering::Relaxed),
            Fact::Refused { queue, cause } => {
                self.refused[*cause as usize].fetch_add(1, Ordering::Relaxed);
                if let Some(queue) = queue {
                    self.queue_of(*queue)?.on_contact_refused(*cause);
                }
            }
        }
        Ok(())
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment::new(at, self.origin.get().copied())
    }

    /// When the call's visit began; a visit that nobody saw begin began now.
    fn joined(&self, when: Moment, call: CallId) -> Moment {
        self.contacts.joined(call).map_or(when, |joined| self.moment(joined))
    }

    fn on_offered(&self, when: Moment, call: CallId, queue: QueueId) -> Result<(), Contradiction> {
        while let Some(first) = self.contacts.poll_over(when.at) {
            self.settle_lost(Some(first), LostCause::System)?;
        }
        let queue = self.queue_of(queue)?;
        let expected = queue.expected_wait();
        queue.on_offered(when);
        if self.contacts.on_offered(when.at, call, queue.id, expected) {
            queue.on_contact();
        }
        Ok(())
    }

    fn on_answered(&self, when: Moment, call: CallId, queue: QueueId, wait: Duration) -> Result<(), Contradiction> {
        let joined = self.joined(when, call);
        let expected = self.contacts.expected(call);
        let answering = self.queue_of(queue)?;
        answering.on_answered(when, joined, wait)?;
        if let Some(expected) = expected {
            answering.on_estimate_ended(expected, wait);
        }
        let Some(settled) = self.contacts.on_answered(call) else { return Ok(()) };
        for (queue, reason) in settled.moves {
            self.queue_of(queue)?.on_served_later(reason);
        }
        self.queue_of(settled.first)?.on_contact_served()
    }

    /// A contact that began in `first`, if it has come to its end, is lost.
    fn settle_lost(&self, first: Option<QueueId>, cause: LostCause) -> Result<(), Contradiction> {
        first.map_or(Ok(()), |first| self.queue_of(first)?.on_contact_lost(cause))
    }

    /// A contact that began in `first`, if it has come to its end, is untargeted.
    fn settle_untargeted(&self, first: Option<QueueId>, why: Refusal) -> Result<(), Contradiction> {
        first.map_or(Ok(()), |first| self.queue_of(first)?.on_contact_untargeted(why))
    }

    /// The talk waits for its wrap-up, to be counted as handled in one value.
    fn on_talk_ended(&self, queue: QueueId, agent: AgentId, talk: Duration) -> Result<(), Contradiction> {
        let Some(mut state) = self.agent_of(agent) else { return Err(Contradiction::UnknownAgent) };
        self.on_handled(state.talk.take(), Duration::ZERO);
        state.times.count_talk(micros(talk));
        state.talk = Some(Talk { queue, micros: micros(talk) });
        self.agents.insert(agent, state);
        Ok(())
    }

    fn on_wrap_up_ended(
        &self,
        when: Moment,
        queue: QueueId,
        agent: AgentId,
        wrap_up: Duration,
    ) -> Result<(), Contradiction> {
        self.queue_of(queue)?.on_wrap_up(when, wrap_up);
        // A removed agent may have gone with the end of its wrap-up; its talk was counted then.
        let Some(mut state) = self.agent_of(agent) else { return Ok(()) };
        self.on_handled(state.talk.take(), wrap_up);
        self.agents.insert(agent, state);
        Ok(())
    }

    fn on_agent_state(
        &self,
        at: Instant,
        id: AgentId,
        from: &AgentState,
        to: &AgentState,
    ) -> Result<(), Contradiction> {
        let Some(mut agent) = self.agent_of(id) else { return Err(Contradiction::UnknownAgent) };
        let (from, to) = (Kind::of(from), Kind::of(to));
        let changed = agent.change(at, from, to);
        if agent.is_gone() {
            self.on_handled(agent.talk, Duration::ZERO);
            agent.times.leave(at, agent.since, agent.kind);
            self.agents.remove(&id);
            return changed;
        }
        if Agent::skips_wrap_up(from, to) {
            self.on_handled(agent.talk.take(), Duration::ZERO);
        }
        self.agents.insert(id, agent);
        changed
    }

    fn on_handled(&self, talk: Option<Talk>, wrap_up: Duration) {
        let Some(talk) = talk else { return };
        if let Ok(queue) = self.queue_of(talk.queue) {
            queue.on_handled(talk.micros + micros(wrap_up));
        }
    }

    fn queue_of(&self, id: QueueId) -> Result<Arc<Queue>, Contradiction> {
        self.queues.get(&id).map(|queue| Arc::clone(&queue)).ok_or(Contradiction::UnknownQueue)
    }

    fn agent_of(&self, id: AgentId) -> Option<Agent> {
        self.agents.get(&id).map(|agent| agent.clone())
    }

    fn peer(&self, id: PeerId) -> Arc<AtomicU64> {
        Arc::clone(&self.peers.entry(id).or_insert_with(|| Arc::new(AtomicU64::new(1))))
    }

    fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings the queues in line with the plan; returns all there ever were, by id.
    fn apply_queues(&self, plan: &[QueuePlan]) -> Vec<Arc<Queue>> {
        let mut queues: BTreeMap<QueueId, Arc<Queue>> =
            self.roster().queues.iter().map(|queue| (queue.id, Arc::clone(queue))).collect();
        let planned: BTreeSet<QueueId> = plan.iter().map(|queue| queue.id).collect();
        for queue in queues.values().filter(|queue| !planned.contains(&queue.id)) {
            queue.retire();
        }
        for planned in plan {
            if let Some(queue) = queues.get(&planned.id) {
                queue.configure(planned);
                continue;
            }
            let queue = Arc::new(Queue::new(planned, Arc::clone(&self.bounds)));
            self.queues.insert(queue.id, Arc::clone(&queue));
            self.names.insert(Arc::clone(&queue.name), Arc::clone(&queue));
            queues.insert(queue.id, queue);
        }
        queues.into_values().collect()
    }

    /// Forms the groups anew, with each agent in the state it is in.
    fn apply_agents(&self, now: Instant, plan: &Plan, queues: &[Arc<Queue>]) -> Vec<Membership> {
        self.retire_agents(now, plan);
        let mut by_team: BTreeMap<(BTreeSet<&Skill>, BTreeSet<QueueId>), Vec<&AgentPlan>> = BTreeMap::new();
        for agent in &plan.agents {
            let queues = agent.memberships.iter().map(|membership| membership.queue).collect();
            by_team.entry((agent.skills.iter().collect(), queues)).or_default().push(agent);
        }
        let intakes: Vec<Intake<'_>> = plan.queues.iter().map(QueuePlan::intake).collect();
        by_team.into_values().map(|agents| self.form_group(now, plan, &intakes, queues, &agents)).collect()
    }

    fn form_group(
        &self,
        now: Instant,
        plan: &Plan,
        intakes: &[Intake<'_>],
        queues: &[Arc<Queue>],
        agents: &[&AgentPlan],
    ) -> Membership {
        let mut counts = ByState::default();
        let states: Vec<Agent> = agents.iter().map(|agent| self.agent_or_new(now, agent.id)).collect();
        for state in &states {
            counts[state.kind.state()] += 1;
        }
        let group = Arc::new(Group::new(counts));
        for (agent, state) in agents.iter().zip(states) {
            self.agents.insert(agent.id, Agent { group: Some(Arc::clone(&group)), ..state });
        }
        let accepting = plan.queues.iter().zip(intakes).filter(|(_, intake)| intake.accepts(agents[0]));
        let places = accepting.filter_map(|(queue, _)| queues.binary_search_by_key(&queue.id, |other| other.id).ok());
        Membership { group, queues: places.collect() }
    }

    /// A new agent is logged out until a fact brings it to its configured state.
    fn agent_or_new(&self, now: Instant, id: AgentId) -> Agent {
        if let Some(agent) = self.agent_of(id) {
            return agent;
        }
        let times = self.teams.of(id);
        times.enter(now, Kind::LOGGED_OUT);
        Agent { group: None, kind: Kind::LOGGED_OUT, times, since: now, talk: None }
    }

    fn retire_agents(&self, now: Instant, plan: &Plan) {
        let planned: BTreeSet<AgentId> = plan.agents.iter().map(|agent| agent.id).collect();
        let known: BTreeSet<AgentId> = self.agents.iter().map(|agent| *agent.key()).collect();
        for id in known.difference(&planned) {
            let Some(mut agent) = self.agent_of(*id) else { continue };
            agent.group = None;
            if agent.is_gone() {
                agent.times.leave(now, agent.since, agent.kind);
                self.agents.remove(id);
            } else {
                self.agents.insert(*id, agent);
            }
        }
    }

    /// The queue's block, for tests that break it.
    #[cfg(test)]
    pub(super) fn block_of(&self, id: QueueId) -> Arc<Queue> {
        self.queue_of(id).expect("the test named a planned queue")
    }
}

fn add(total: &mut ByState, more: &ByState) {
    for state in 0..STATES {
        total[state] += more[state];
    }
}
