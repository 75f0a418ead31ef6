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

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use dashmap::DashMap;

use crate::acd::{
    AgentPlan, AgentState, Dimension, Dimensions, Fact, Intake, LostCause, OfferResult, Plan, QueuePlan, Refusal,
    Repair, Skill, Stamped, Target, Transfer, TransferOutcome, ValueId,
};
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId, WallTime};
use crate::stats::agents::{Agent, ByState, Group, Kind, Talk};
use crate::stats::bounds::{micros, normalised};
use crate::stats::calendar::Calendar;
use crate::stats::contacts::{Contacts, Origin};
use crate::stats::contradiction::Contradiction;
use crate::stats::hand::Hand;
use crate::stats::hours::Fate;
use crate::stats::moment::Moment;
use crate::stats::persons::Persons;
use crate::stats::queue::{Queue, Visit};
use crate::stats::series::SeriesMax;
use crate::stats::spread::Working;
use crate::stats::teams::Teams;
#[cfg(test)]
use crate::stats::tests::hold;
use crate::stats::values::Values;

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
    values: Values,
    /// Of the calendar of figures.
    hand: Arc<Hand>,
    persons: Persons,
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
        Self::with_series(now, plan, bounds, &SeriesMax::default())
    }

    /// The same with so many series.
    pub fn with_series(now: Instant, plan: &Plan, bounds: &[u64], most: &SeriesMax) -> Self {
        let thresholds = plan.queues.iter().map(|queue| micros(queue.threshold));
        let hand = Arc::new(Hand::new());
        let live = Self {
            bounds: normalised(bounds.iter().copied().chain(thresholds)).into(),
            queues: DashMap::new(),
            names: DashMap::new(),
            agents: DashMap::new(),
            peers: DashMap::new(),
            contacts: Contacts::new(),
            teams: Teams::new(Arc::clone(&hand)),
            values: Values::new(most),
            persons: Persons::new(most, Arc::clone(&hand)),
            hand,
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

    /// The names of the values of each dimension, by their numbers: a number keeps its name. `groups` are those of the numbers
    /// that lead to each queue, whose series are there before the first call; a queue to which none leads has the series of no
    /// group.
    pub fn set_values(&self, names: &[Vec<Arc<str>>; Dimension::ALL.len()], groups: &[(QueueId, ValueId)]) {
        self.values.name(names);
        let numbers = self.values.of(Dimension::Number);
        for (queue, group) in groups {
            if let Ok(queue) = self.queue_of(*queue) {
                queue.expect(numbers.place(*group));
            }
        }
        let led_to: BTreeSet<QueueId> = groups.iter().map(|(queue, _)| *queue).collect();
        for queue in self.roster().queues.iter().filter(|queue| !led_to.contains(&queue.id)) {
            queue.expect(0);
        }
    }

    /// The calendar by whose hours losses are counted from now on, and by whose days and months the time of teams and agents;
    /// UTC at first.
    pub fn set_calendar(&self, calendar: &Arc<Calendar>) {
        self.hand.set(calendar);
    }

    /// The agents that have series of their own from `now` on, with their names; no others have. Named after the plan that has
    /// them is in force.
    pub fn set_agent_series(&self, now: Instant, agents: &[(AgentId, Arc<str>)]) {
        self.persons.set(agents);
        let list = self.persons.list();
        let known: Vec<AgentId> = self.agents.iter().map(|agent| *agent.key()).collect();
        for id in known {
            let (Some(mut agent), own) = (self.agent_of(id), list.get(&id)) else { continue };
            if agent.own.as_ref().map(Arc::as_ptr) != own.map(Arc::as_ptr) {
                agent.follow(self.moment(now), own.cloned());
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

    fn apply(&self, stamped: &Stamped) -> Result<(), Contradiction> {
        let when = self.moment(stamped.at);
        match &stamped.fact {
            Fact::Offered { call, queue, dimensions } => {
                self.on_offered(when, *call, Origin { queue: *queue, dimensions: *dimensions })?;
            }
            Fact::Answered { call, queue, wait, .. } => self.on_answered(when, *call, *queue, *wait)?,
            Fact::Abandoned { call, queue, wait, cause, .. } => {
                let visit = self.visit(when, *call);
                let left = self.queue_of(*queue)?.on_abandoned(when, visit, *wait, *cause);
                self.settle(when, self.contacts.on_abandoned(*call), Fate::Lost(*cause))?;
                left?;
            }
            Fact::FlowedOut { call, queue, wait, reason, cause } => {
                let visit = self.visit(when, *call);
                let left = self.queue_of(*queue)?.on_flowed_out(when, visit, *wait, (*reason, *cause));
                let settled = self.contacts.on_flowed_out(stamped.at, *call, *queue, *reason);
                if let Some(fate) = Fate::of_flow_out(*reason, *cause) {
                    self.settle(when, settled, fate)?;
                }
                left?;
            }
            Fact::Missed { call, queue } => self.queue_of(*queue)?.on_missed(when, self.visit(when, *call).joined),
            Fact::Oldest { queue, since } => self.queue_of(*queue)?.on_oldest(*since),
            Fact::Reserve { queue, active } => self.queue_of(*queue)?.on_reserve(*active),
            Fact::Lending { queue, lends } => self.queue_of(*queue)?.on_lending(*lends),
            // Counted when it ends, with its result.
            Fact::OfferMade { .. } => {}
            // For call records and events: what settings change comes with the plan, what else follows by facts of its own.
            Fact::CallerAnswered { .. }
            | Fact::Digit { .. }
            | Fact::Preferred { .. }
            | Fact::PreferenceSet { .. }
            | Fact::AgentSet { .. }
            | Fact::QueueSet { .. }
            | Fact::PrioritySet { .. }
            | Fact::Supervised { .. }
            | Fact::Device { .. } => {}
            Fact::OfferEnded { queue, agent, cause, ring, .. } => {
                self.on_offer_ended(*agent, cause.result());
                self.queue_of(*queue)?.on_offer_ended(when, cause.result(), *ring);
            }
            Fact::TalkEnded { call, queue, agent, talk, hold, by } => {
                self.contacts.on_talk_ended(stamped.at, *call, *by);
                self.queue_of(*queue)?.on_talk(when, *talk, *hold, *by);
                self.on_talk_ended(*queue, *agent, *talk)?;
            }
            Fact::Reached { call, .. } => self.contacts.on_reached(*call),
            Fact::Transfer(transfer) => self.on_transfer(transfer)?,
            Fact::OutsideEnded { call, by, .. } => self.contacts.on_talk_ended(stamped.at, *call, *by),
            Fact::WrapUpEnded { queue, agent, wrap_up } => self.on_wrap_up_ended(when, *queue, *agent, *wrap_up)?,
            Fact::WrapUpExtended { .. } => {}
            Fact::InstantAnswer { queue, .. } => self.queue_of(*queue)?.on_instant_answer(),
            Fact::Disagreement { disagrees, .. } => self.on_disagreement(*disagrees),
            Fact::Repaired { kind, .. } => {
                self.repaired[*kind as usize].fetch_add(1, Ordering::Relaxed);
            }
            Fact::AgentState { agent, from, to, .. } => self.on_agent_state(when, *agent, from, to)?,
            Fact::AgentTeam { agent, team, .. } => self.on_agent_team(when, *agent, team.as_ref())?,
            Fact::PeerState { peer, up } => self.peer(*peer).store(u64::from(*up), Ordering::Relaxed),
            Fact::Refused { queue, cause, dimensions } => {
                self.refused[*cause as usize].fetch_add(1, Ordering::Relaxed);
                if let Some(queue) = queue {
                    let (fate, hour) = (Fate::of_refusal(*cause), self.hour(when));
                    self.queue_of(*queue)?.on_contact_refused(*cause, fate, hour);
                    self.values.on_refused(*dimensions, fate, hour);
                }
            }
        }
        Ok(())
    }

    fn on_disagreement(&self, disagrees: bool) {
        if disagrees {
            self.disagreements.fetch_add(1, Ordering::Relaxed);
        } else {
            self.disagreements.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A number outside that has the caller keeps the contact open; everything else is told by other facts too.
    fn on_transfer(&self, transfer: &Transfer) -> Result<(), Contradiction> {
        let Some(outcome) = transfer.step.outcome() else { return Ok(()) };
        if outcome == TransferOutcome::Completed && matches!(transfer.target, Target::Number(_)) {
            self.contacts.on_reached(transfer.call);
        }
        self.queue_of(transfer.queue)?.on_transfer(transfer.kind, &transfer.target, outcome);
        Ok(())
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment::new(at, self.origin.get().copied())
    }

    /// The hour that a contact's fate counts in.
    fn hour(&self, when: Moment) -> Option<i64> {
        when.wall.map(|wall| self.hand.hour(wall))
    }

    /// What is known of the beginning of the call's visit; one that nobody saw begin began now.
    fn visit(&self, when: Moment, call: CallId) -> Visit {
        let begun = self.contacts.visit(call).map(|(joined, dimensions)| (self.moment(joined), dimensions));
        let (joined, dimensions) = begun.unwrap_or_else(|| (when, Dimensions::default()));
        Visit { joined, group: self.group(dimensions) }
    }

    /// The place of the called number's group.
    fn group(&self, dimensions: Dimensions) -> usize {
        self.values.of(Dimension::Number).place(dimensions.of(Dimension::Number))
    }

    fn on_offered(&self, when: Moment, call: CallId, origin: Origin) -> Result<(), Contradiction> {
        while let Some(first) = self.contacts.poll_over(when.at) {
            self.settle(when, Some(first), Fate::Lost(LostCause::System))?;
        }
        let queue = self.queue_of(origin.queue)?;
        let expected = queue.expected_wait();
        queue.on_offered(when, self.group(origin.dimensions));
        if self.contacts.on_offered(when.at, call, origin, expected) {
            let hour = self.hour(when);
            queue.on_contact(hour);
            self.values.on_began(origin.dimensions, hour);
        }
        Ok(())
    }

    fn on_answered(&self, when: Moment, call: CallId, queue: QueueId, wait: Duration) -> Result<(), Contradiction> {
        let visit = self.visit(when, call);
        let expected = self.contacts.expected(call);
        let answering = self.queue_of(queue)?;
        answering.on_answered(when, visit, wait)?;
        if let Some(expected) = expected {
            answering.on_estimate_ended(expected, wait);
        }
        let Some(settled) = self.contacts.on_answered(call) else { return Ok(()) };
        for (queue, reason) in settled.moves {
            self.queue_of(queue)?.on_served_later(reason);
        }
        self.settle(when, Some(settled.first), Fate::Served)
    }

    /// A contact that began at `first`, if it has come to its end, has this fate.
    fn settle(&self, when: Moment, first: Option<Origin>, fate: Fate) -> Result<(), Contradiction> {
        let Some(Origin { queue, dimensions }) = first else { return Ok(()) };
        let hour = self.hour(when);
        self.queue_of(queue)?.on_contact_ended(fate, hour)?;
        self.values.on_ended(dimensions, fate, hour)
    }

    fn on_offer_ended(&self, agent: AgentId, result: OfferResult) {
        let own = self.agents.get(&agent).and_then(|agent| agent.own.clone());
        if let Some(own) = own {
            own.count_offer(result);
        }
    }

    /// The talk waits for its wrap-up, to be counted as handled in one value.
    fn on_talk_ended(&self, queue: QueueId, agent: AgentId, talk: Duration) -> Result<(), Contradiction> {
        let Some(mut state) = self.agent_of(agent) else { return Err(Contradiction::UnknownAgent) };
        self.on_handled(state.talk.take(), Duration::ZERO);
        // A call belongs to the team its agent was in when they began to talk.
        let team = state.answered_in.take().unwrap_or_else(|| Arc::clone(&state.times));
        team.count_talk(micros(talk));
        if let Some(own) = &state.own {
            own.times.count_talk(micros(talk));
        }
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
        when: Moment,
        id: AgentId,
        from: &AgentState,
        to: &AgentState,
    ) -> Result<(), Contradiction> {
        let Some(mut agent) = self.agent_of(id) else { return Err(Contradiction::UnknownAgent) };
        let (from, to) = (Kind::of(from), Kind::of(to));
        let changed = agent.change(when, from, to);
        if agent.is_gone() {
            self.on_handled(agent.talk, Duration::ZERO);
            agent.leave(when);
            self.agents.remove(&id);
            return changed;
        }
        if Agent::skips_wrap_up(from, to) {
            self.on_handled(agent.talk.take(), Duration::ZERO);
        }
        self.agents.insert(id, agent);
        changed
    }

    /// The running state is closed in the team left and goes on in the other, so that nothing counted before is moved.
    fn on_agent_team(&self, when: Moment, id: AgentId, team: Option<&Arc<str>>) -> Result<(), Contradiction> {
        self.teams.set_member(id, team);
        let Some(mut agent) = self.agent_of(id) else { return Err(Contradiction::UnknownAgent) };
        let times = self.teams.of(id);
        if !Arc::ptr_eq(&agent.times, &times) {
            agent.move_to(when, times);
            self.agents.insert(id, agent);
        }
        Ok(())
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
            let groups = self.values.of(Dimension::Number).len();
            let queue = Arc::new(Queue::new(planned, Arc::clone(&self.bounds), groups));
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
        queues.iter().for_each(|queue| queue.staff().clear(self.moment(now)));
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
        let accepting = plan.queues.iter().zip(intakes).filter(|(_, intake)| intake.accepts(agents[0]));
        let places = accepting.filter_map(|(queue, _)| queues.binary_search_by_key(&queue.id, |other| other.id).ok());
        let places: Vec<usize> = places.collect();
        let staffs = places.iter().map(|place| Arc::clone(queues[*place].staff())).collect();
        let group = Arc::new(Group::new(self.moment(now), counts, staffs));
        for (agent, state) in agents.iter().zip(states) {
            self.agents.insert(agent.id, Agent { group: Some(Arc::clone(&group)), ..state });
        }
        Membership { group, queues: places }
    }

    /// A new agent is logged out until a fact brings it to its configured state.
    fn agent_or_new(&self, now: Instant, id: AgentId) -> Agent {
        if let Some(agent) = self.agent_of(id) {
            return agent;
        }
        let times = self.teams.of(id);
        times.enter(self.moment(now), Kind::LOGGED_OUT);
        Agent { group: None, kind: Kind::LOGGED_OUT, times, since: now, talk: None, answered_in: None, own: None }
    }

    fn retire_agents(&self, now: Instant, plan: &Plan) {
        let planned: BTreeSet<AgentId> = plan.agents.iter().map(|agent| agent.id).collect();
        let known: BTreeSet<AgentId> = self.agents.iter().map(|agent| *agent.key()).collect();
        for id in known.difference(&planned) {
            let Some(mut agent) = self.agent_of(*id) else { continue };
            agent.group = None;
            if agent.is_gone() {
                agent.leave(self.moment(now));
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

    /// Every guard that a reader could take, and stronger: for a test of who waits for them.
    #[cfg(test)]
    pub(super) fn hold_readers(&self) -> Vec<hold::Guard<'_>> {
        let names = self.roster().queues.iter().map(|queue| Arc::clone(&queue.name)).collect::<Vec<_>>();
        let mut guards = hold::all(&self.names, names.into_iter().chain((0..hold::KEYS).map(|n| n.to_string().into())));
        guards.push(Box::new(self.roster.write().unwrap()));
        guards.push(self.teams.hold_readers());
        guards.push(self.hand.hold());
        guards.push(self.persons.hold());
        guards
    }

    /// Every guard that the writer could take.
    #[cfg(test)]
    pub(super) fn hold_writers(&self) -> Vec<hold::Guard<'_>> {
        let keys = || (0..hold::KEYS).map(|n| n as u32);
        let mut guards = hold::all(&self.queues, keys().map(QueueId));
        guards.extend(hold::all(&self.agents, keys().map(AgentId)));
        guards.extend(hold::all(&self.peers, keys().map(PeerId)));
        guards.extend(self.contacts.hold());
        guards.extend(self.teams.hold_writers());
        guards
    }
}
