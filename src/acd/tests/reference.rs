//! The reference of the random worlds: what must hold by facts and plans alone. It shares no code with the engine.

mod absence;
mod facts;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use self::absence::Absence;
use super::naive::{Band, Caller, Past, Rules};
use super::watches::Watches;
use crate::acd::strategy::Ring;
use crate::acd::*;
use crate::base::{AgentId, CallId, CallerKey, Instant, PeerId, QueueId};

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
    pub(super) logins: u64,
    pub(super) sums: u64,
    disagreements: u64,
    /// Calls that waited for one agent alone, offers to him, and those who had been served by him.
    preferred: u64,
    taken_by_preferred: u64,
    recalled: u64,
    /// Offers of calls that were held to a band.
    banded: u64,
    reached: u64,
    /// Absent agents who were tried because another answered.
    found: u64,
    interventions: u64,
    losses: BTreeSet<LostCause>,
    /// Reserves that joined and left, lenders that began and ceased, offers to either.
    reserves: [u64; 2],
    lenders: [u64; 2],
    helpers: [u64; 2],
}

impl Seen {
    pub(super) fn assert_everything_happened(&self) {
        assert_eq!(self.causes.len(), 12, "{:?}", self.causes);
        assert_eq!(self.states.len(), AgentState::LABELS.len());
        for reason in [
            FlowOut::Full,
            FlowOut::Closed,
            FlowOut::Emergency,
            FlowOut::Timeout,
            FlowOut::Draining,
            FlowOut::EngineRestart,
            FlowOut::Withdrawn,
            FlowOut::OffersMax,
        ] {
            assert!(self.reasons.contains(&reason), "{reason:?} never happened");
        }
        use LostCause::{Overload, System, Unanswered};
        for cause in LostCause::ALL.into_iter().filter(|cause| ![Overload, System, Unanswered].contains(cause)) {
            assert!(self.losses.contains(&cause), "{cause:?} never happened");
        }
        assert!(self.disagreements > 100 && self.reached > 100 && self.interventions > 100);
        assert!(self.found > 10, "{} others tried", self.found);
        let preferred = [self.preferred, self.taken_by_preferred, self.recalled, self.banded];
        assert!(preferred.iter().all(|count| *count > 60), "{preferred:?}");
        let helped = [self.reserves, self.lenders, self.helpers];
        assert!(helped.iter().flatten().all(|count| *count > 100), "{helped:?}");
        assert!(self.logins > 10_000 && self.sums > 500_000, "{} logins, {} sums", self.logins, self.sums);
        assert!(self.missed > 100 && self.answered > 1_000 && self.abandoned_ringing > 100 && self.repairs > 100);
    }
}

/// What follows from facts and plans alone.
#[derive(Default)]
pub(super) struct Reference {
    /// Of queues that have been, too.
    rules: Rules,
    watches: Watches,
    overrides: Vec<Command>,
    waiting: BTreeMap<CallId, Waiting>,
    counts: BTreeMap<QueueId, [u64; 4]>,
    agents: BTreeMap<AgentId, Worker>,
    oldest: BTreeMap<QueueId, Option<Instant>>,
    enqueued: BTreeMap<CallId, (i32, Instant, Asks)>,
    /// Who served which caller last, and when; noted while some queue asks for it.
    served: BTreeMap<CallerKey, (AgentId, Instant)>,
    recalls: bool,
    /// Agents whose device contradicts their state.
    disagree: BTreeSet<AgentId>,
    down: BTreeSet<PeerId>,
    seq: u64,
    at: Instant,
    /// The last moment at which due timers fired.
    pub(super) timed: Instant,
    /// Offers by name, of calls that wait in no queue.
    directs: BTreeSet<u32>,
    /// While timers fire: before them, callers had looked at what they see as of then.
    firing: bool,
}

#[derive(Debug)]
struct Waiting {
    caller: Caller,
    asks: Asks,
    /// Until then it waits for one agent alone, if it does.
    alone_until: Instant,
    /// The band that it is held to while somebody rings: surely to the first, at most to the second.
    band: Option<[Band; 2]>,
    /// As it looked before the timers that are firing.
    before: Caller,
    agents: BTreeSet<AgentId>,
    /// When somebody was rung for it first.
    rung: Option<Instant>,
    /// The rule of ringing, its step, and whether it was another before: who rings goes on then.
    rule: (Ring, Duration),
    changed: bool,
    /// Offers that found nobody.
    attempts: u32,
    /// Enough of them: nobody else is sought.
    done: bool,
    /// It rests until then.
    rests: Option<Instant>,
    missed: bool,
}

#[derive(Debug)]
struct Worker {
    state: AgentState,
    since: Instant,
    past: Past,
    busy_since: Option<Instant>,
    offer: Option<u32>,
    faulted: Option<Instant>,
    /// Will leave when the offer or talk is over.
    leaves: bool,
    device: Option<DeviceState>,
    absence: Absence,
}

impl Reference {
    pub(super) fn on_plan(&mut self, now: Instant, plan: &Arc<Plan>, engine: &Engine) {
        self.at = now;
        self.rules.queues.extend(plan.queues.iter().map(|queue| (queue.id, queue.clone())));
        for agent in &plan.agents {
            self.presume_there(agent.id);
        }
        self.rules.agents = plan.agents.iter().map(|agent| (agent.id, agent.clone())).collect();
        for agent in plan.agents.iter().filter(|agent| engine.agent(agent.id).is_none()) {
            self.agents.remove(&agent.id);
            self.worker(agent.id);
        }
        self.rules.planned = plan.queues.iter().map(|queue| queue.id).collect();
        self.rules.occupancy_window = plan.occupancy_window;
        self.recalls = plan.queues.iter().any(|queue| queue.routing.recall.is_some());
        self.forget_gone();
        let mut overrides = std::mem::take(&mut self.overrides);
        overrides.retain(|command| self.override_once(command));
        self.overrides = overrides;
        self.look(now);
        self.count_staff();
    }

    /// What a supervisor changes holds from now on, and over the plans to come while they have the agent or queue.
    pub(super) fn on_override(&mut self, now: Instant, command: &Command) {
        self.at = now;
        let mut command = command.clone();
        if let Command::SetPriority { call, priority, .. } = command {
            if let Some(visit) = self.waiting.get_mut(&call) {
                visit.caller.priority = priority;
                visit.before = visit.caller.clone();
            }
            return;
        }
        if let Command::SetPreferred { call, agent, .. } = command {
            let visit = self.waiting.get_mut(&call).filter(|visit| visit.agents.is_empty());
            let Some(visit) = visit else { return };
            visit.asks.preferred = agent.map(|agent| Preference { whom: Whom::Agent(agent), from: now });
            visit.rests = None;
            visit.share();
            return self.prefer(call);
        }
        if let Command::ChangeAgent { agent, setting: AgentSetting::Penalty(queue, penalty), by } = &command {
            let Some(row) = self.rules.agents.get(agent) else { return };
            let terms = row.memberships.iter().rfind(|terms| terms.queue == *queue).cloned();
            let terms = Membership { penalty: *penalty, ..terms.unwrap_or_else(|| Membership::of(*queue)) };
            let (agent, setting, by) = (*agent, AgentSetting::Membership(*queue, Some(terms)), by.clone());
            command = Command::ChangeAgent { agent, setting, by };
        }
        if self.override_once(&command) {
            self.overrides.push(command);
        }
        self.follow();
        self.waiting.values_mut().for_each(|visit| visit.before = visit.caller.clone());
    }

    /// A queue that is neither planned nor waited in is gone.
    fn forget_gone(&mut self) {
        let mut there: BTreeSet<QueueId> = self.waiting.values().map(|visit| visit.caller.queue).collect();
        there.extend(&self.rules.planned);
        self.rules.turns.retain(|queue, _| there.contains(queue));
        self.watches.keep(&there, &self.rules);
    }

    /// Who waits in a queue: for how many nobody rings, and since when the longest of all waits.
    fn crowd(&self, queue: QueueId) -> (usize, Option<Instant>) {
        let visits = || self.waiting.values().filter(|visit| visit.caller.queue == queue);
        let waiting = visits().filter(|visit| visit.agents.is_empty()).count();
        (waiting, visits().map(|visit| visit.caller.since).min())
    }

    /// False when the plan does not have whom or what is meant.
    fn override_once(&mut self, command: &Command) -> bool {
        if let Command::ChangeAgent { agent, setting, .. } = command {
            let Some(row) = self.rules.agents.get_mut(agent) else { return false };
            if let AgentSetting::Skill(skill) = setting {
                row.skills.retain(|own| own.name != skill.name);
                row.skills.extend((skill.level > 0).then(|| skill.clone()));
            }
            if let AgentSetting::Membership(queue, membership) = setting {
                row.memberships.retain(|own| own.queue != *queue);
                row.memberships.extend(membership.clone());
            }
            return true;
        }
        let Command::ChangeQueue { queue, setting, .. } = command else { return false };
        let Some(row) = self.rules.queues.get_mut(queue).filter(|_| self.rules.planned.contains(queue)) else {
            return false;
        };
        match setting {
            QueueSetting::Strategy(strategy) => row.strategy = strategy,
            QueueSetting::Threshold(threshold) => row.threshold = *threshold,
            QueueSetting::Weight(weight) => row.routing.weight = *weight,
            QueueSetting::Target(target) => row.routing.lending.target = *target,
            QueueSetting::Reserve(mode) => row.routing.reserve.mode = *mode,
            QueueSetting::ReserveThresholds(thresholds) => row.routing.reserve.thresholds = *thresholds,
            QueueSetting::State(_) | QueueSetting::Priority(_) | QueueSetting::Defaults => {}
        }
        true
    }

    /// Every caller takes the steps that its wait has reached.
    fn look(&mut self, now: Instant) {
        self.look_at(now);
        self.waiting.values_mut().for_each(|visit| visit.before = visit.caller.clone());
    }

    fn look_at(&mut self, now: Instant) {
        for visit in self.waiting.values_mut() {
            visit.caller.looked = visit.caller.looked.max(now);
            let preferred_for = self.rules.queues[&visit.caller.queue].routing.preferred_for;
            visit.alone_until =
                visit.asks.preferred.map_or(Instant::ZERO, |preference| preference.from + preferred_for);
            visit.caller.awaits = visit.caller.awaits.filter(|_| visit.alone_until > now);
        }
        self.follow();
    }

    /// Notes whose rule of ringing has become another, and who prefers an agent in vain.
    fn follow(&mut self) {
        for visit in self.waiting.values_mut() {
            let rule = (self.rules.ring(&visit.caller), self.rules.queues[&visit.caller.queue].ring_step);
            visit.changed |= visit.rule != rule;
            visit.band = visit.band.filter(|_| visit.rule.0 == rule.0);
            visit.rule = rule;
        }
        self.reconsider();
    }

    /// Nobody waits alone for an agent who is not worth it, or does not suit.
    fn reconsider(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        for visit in waiting.values_mut() {
            let Some(agent) = visit.caller.awaits.filter(|agent| !visit.agents.contains(agent)) else { continue };
            if !self.is_worth(agent) {
                visit.share();
            } else if !self.rules.suits(agent, &visit.caller) {
                visit.caller.awaits = None;
            }
        }
        self.waiting = waiting;
    }

    /// True when the agent takes calls or will after what keeps it now.
    fn is_worth(&self, agent: AgentId) -> bool {
        let stays = self.agents.get(&agent).is_some_and(|worker| {
            let away =
                matches!(worker.state, AgentState::LoggedOut | AgentState::NotReady(_) | AgentState::Unreachable);
            !away && !worker.leaves
        });
        stays && self.rules.agents.contains_key(&agent)
    }

    /// A call begins to wait for whom it prefers.
    fn prefer(&mut self, call: CallId) {
        let (at, visit) = (self.at, &self.waiting[&call]);
        let Some(Preference { whom, from }) = visit.asks.preferred else { return };
        let routing = &self.rules.queues[&visit.caller.queue].routing;
        let until = from + routing.preferred_for;
        let served = || {
            let &(agent, when) = self.served.get(&visit.asks.caller?)?;
            (at.since(when) <= routing.recall?).then_some(agent)
        };
        let agent = match whom {
            Whom::Agent(agent) => Some(agent),
            Whom::Last => served(),
        };
        let suits = |agent: &AgentId| self.is_worth(*agent) && self.rules.suits(*agent, &visit.caller);
        let agent = agent.filter(|agent| until > at && suits(agent));
        let visit = self.waiting.get_mut(&call).expect("it waits");
        visit.alone_until = until;
        visit.caller.awaits = agent;
        visit.before.awaits = agent;
    }

    /// Timers are about to fire: callers may be seen as they were, or as they are then, until all have fired.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.look_at(now);
        self.firing = true;
    }

    /// All due timers have fired.
    pub(super) fn on_timed(&mut self, now: Instant) {
        self.look(now);
        self.firing = false;
    }

    /// After timers have fired: who ought to lend does, and nobody else.
    pub(super) fn judge_lenders(&self, now: Instant) {
        self.watches.judge_lenders(&self.rules, now);
    }

    pub(super) fn on_command(&mut self, now: Instant, command: &Command) {
        self.look_for_life(now, command);
        if let Command::SetAgent { agent, target, .. } = command
            && let Some(worker) = self.agents.get_mut(agent)
            && matches!(
                worker.state,
                AgentState::Talking
                    | AgentState::Hold
                    | AgentState::Consult
                    | AgentState::Reserved
                    | AgentState::Ringing
            )
        {
            worker.leaves = *target != AgentTarget::Ready;
            self.reconsider();
        }
        let (call, priority, since, asks) = if let Command::Enqueue { call, priority, since, asks, .. } = command {
            (call, priority, *since, asks)
        } else if let Command::Requeue { call, priority, since, asks, .. } = command {
            (call, priority, Some(*since), asks)
        } else {
            return;
        };
        if !self.waiting.contains_key(call) {
            let since = since.map_or(now, |since| since.min(now));
            self.enqueued.insert(*call, (*priority, since, asks.clone()));
        }
    }

    fn worker(&mut self, agent: AgentId) -> &mut Worker {
        let at = self.at;
        self.agents.entry(agent).or_insert_with(|| Worker {
            state: AgentState::LoggedOut,
            since: at,
            past: Past::default(),
            busy_since: None,
            offer: None,
            faulted: None,
            leaves: false,
            device: None,
            absence: Absence::default(),
        })
    }

    /// Who of the plan is logged in.
    fn count_staff(&mut self) {
        let state = |agent: &AgentId| self.agents.get(agent).is_some_and(|w| w.state != AgentState::LoggedOut);
        self.rules.logged_in = self.rules.agents.keys().map(|agent| (*agent, state(agent))).collect();
    }
}

impl Waiting {
    /// How it may be seen: as it is, and while timers fire as it was before, whichever of its timers have fired.
    fn views(&self, firing: bool) -> Vec<Caller> {
        let Self { caller, before, .. } = self;
        if !firing {
            return vec![caller.clone()];
        }
        let (early, late) = (before.awaits, caller.awaits);
        let seen = |looked: &Caller, awaits| Caller { awaits, ..looked.clone() };
        vec![caller.clone(), before.clone(), seen(caller, early), seen(before, late)]
    }

    fn judge_wait(&self, agent: AgentId, until: Option<Instant>) {
        let waits = (self.caller.awaits, Some(self.alone_until));
        assert!(until.is_none() || waits == (Some(agent), until), "waits for {waits:?}");
    }

    /// It is everybody's: it waits for nobody alone.
    fn share(&mut self) {
        self.caller.awaits = None;
        self.before.awaits = None;
    }
}
