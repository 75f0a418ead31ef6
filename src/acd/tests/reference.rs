//! The reference of the random worlds: what must hold by facts and plans alone. It shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::naive::{Band, Caller, Past, Rules};
use super::watches::Watches;
use crate::acd::strategy::Ring;
use crate::acd::*;
use crate::base::{AgentId, CallId, CallerKey, Instant, QueueId};

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
    interventions: u64,
    losses: BTreeSet<LostCause>,
    /// Reserves that joined and left, lenders that began and ceased, offers to either.
    reserves: [u64; 2],
    lenders: [u64; 2],
    helpers: [u64; 2],
}

impl Seen {
    pub(super) fn assert_everything_happened(&self) {
        assert_eq!(self.causes.len(), 11, "{:?}", self.causes);
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
}

impl Reference {
    pub(super) fn on_plan(&mut self, now: Instant, plan: &Arc<Plan>, engine: &Engine) {
        self.at = now;
        self.rules.queues.extend(plan.queues.iter().map(|queue| (queue.id, queue.clone())));
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
        if let Command::SetAgent { agent, target, .. } = command
            && let Some(worker) = self.agents.get_mut(agent)
            && matches!(
                worker.state,
                AgentState::Talking | AgentState::Hold | AgentState::Reserved | AgentState::Ringing
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
        })
    }

    /// Who of the plan is logged in.
    fn count_staff(&mut self) {
        let state = |agent: &AgentId| self.agents.get(agent).is_some_and(|w| w.state != AgentState::LoggedOut);
        self.rules.logged_in = self.rules.agents.keys().map(|agent| (*agent, state(agent))).collect();
    }

    pub(super) fn on_fact(&mut self, stamped: &Stamped, seen: &mut Seen) {
        assert!(stamped.at >= self.at, "time runs backwards");
        self.at = stamped.at;
        self.watch(stamped.at, &stamped.fact, seen);
        self.take(stamped.at, &stamped.fact, seen);
        if matches!(stamped.fact, Fact::Answered { .. } | Fact::Abandoned { .. } | Fact::FlowedOut { .. }) {
            self.forget_gone();
        }
    }

    /// What concerns reserves and lending.
    fn watch(&mut self, at: Instant, fact: &Fact, seen: &mut Seen) {
        if let Fact::OfferMade { call, queue, agent, .. } = fact
            && let Some(visit) = self.waiting.get(call)
        {
            let terms = self.rules.agents[agent].memberships.iter().rfind(|terms| terms.queue == *queue);
            seen.helpers[0] += u64::from(self.rules.is_lent(*agent, &visit.caller));
            seen.helpers[1] += u64::from(terms.is_some_and(|terms| terms.reserve));
        }
        if let Fact::Reserve { queue, active } = fact {
            seen.reserves[usize::from(*active)] += 1;
            let crowd = self.crowd(*queue);
            self.watches.on_reserve(&mut self.rules, (*queue, *active), crowd, at);
        }
        if let Fact::Lending { queue, lends } = fact {
            seen.lenders[usize::from(*lends)] += 1;
            self.watches.on_lending(&mut self.rules, (*queue, *lends), at);
        }
    }

    fn take(&mut self, at: Instant, fact: &Fact, seen: &mut Seen) {
        match fact {
            Fact::Offered { call, queue, .. } => self.on_offered(*call, *queue, seen),
            Fact::Answered { call, queue, agent, wait, since } => {
                seen.answered += 1;
                let visit = self.leave(*call, *queue, *wait, 1);
                self.on_talk(at, *queue, (*agent, *since), &visit);
            }
            Fact::Abandoned { call, queue, wait, while_ringing, cause } => {
                let visit = self.leave(*call, *queue, *wait, 2);
                assert_eq!(*cause == LostCause::CallerShort, *wait <= self.rules.queues[queue].short_abandon);
                self.decide(*queue, &visit, false);
                self.judge_loss(&visit.caller, *cause);
                seen.abandoned_ringing += u64::from(*while_ringing);
                seen.losses.insert(*cause);
            }
            Fact::FlowedOut { call, queue, wait, reason, cause } => {
                self.on_flowed_out(*call, (*queue, *wait), (*reason, *cause), seen);
            }
            Fact::Missed { call, queue } => seen.missed += self.on_missed(*call, *queue),
            Fact::Oldest { queue, since } => {
                assert_ne!(self.oldest.insert(*queue, *since).flatten(), *since, "told again");
            }
            Fact::OfferMade { call, agent, epoch, .. } if !self.waiting.contains_key(call) => {
                self.on_offer_by_name(*agent, *epoch);
            }
            Fact::OfferMade { call, queue, agent, epoch } => self.on_offer_made(*call, *queue, (*agent, *epoch), seen),
            Fact::OfferEnded { call, agent, epoch, cause, .. } => {
                self.on_offer_over(*call, *agent, *epoch, *cause);
                seen.causes.insert(*cause);
            }
            Fact::TalkEnded { agent, talk, .. } => {
                let past = &mut self.worker(*agent).past;
                (past.idle_since, past.talk) = (Some(at), past.talk + *talk);
            }
            Fact::WrapUpEnded { agent, wrap_up, .. } => {
                let worker = self.worker(*agent);
                assert_eq!((&worker.state, at.since(worker.since)), (&AgentState::WrapUp, *wrap_up));
            }
            Fact::AgentState { agent, from, to, spent, .. } => {
                seen.states.insert(to.index());
                self.on_agent_state(*agent, from, to, *spent);
            }
            Fact::Disagreement { agent, disagrees, .. } => {
                let set = &mut self.disagree;
                assert!(if *disagrees { set.insert(*agent) } else { set.remove(agent) }, "told again");
                seen.disagreements += 1;
            }
            Fact::InstantAnswer { after, .. } => assert!(*after < Duration::from_secs(1)),
            Fact::Repaired { kind, .. } => assert_eq!(*kind, Repair::Release),
            Fact::Preferred { call, agent, until, .. } => self.waiting[call].judge_wait(*agent, *until),
            Fact::WrapUpExtended { .. }
            | Fact::AgentSet { .. }
            | Fact::QueueSet { .. }
            | Fact::Reserve { .. }
            | Fact::Lending { .. }
            | Fact::Transfer(_)
            | Fact::PreferenceSet { .. }
            | Fact::OutsideEnded { .. } => {}
            Fact::Reached { agent, .. } => seen.reached += self.begin_talk(*agent),
            Fact::Supervised { .. } => seen.interventions += 1,
            Fact::PrioritySet { call, priority, .. } => assert_eq!(self.waiting[call].caller.priority, *priority),
            Fact::Device { agent, device, .. } => {
                assert_ne!(self.worker(*agent).device.replace(*device), Some(*device), "told again");
            }
            Fact::PeerState { .. }
            | Fact::AgentTeam { .. }
            | Fact::Refused { .. }
            | Fact::CallerAnswered { .. }
            | Fact::Digit { .. } => {}
        }
    }

    fn on_missed(&mut self, call: CallId, queue: QueueId) -> u64 {
        let visit = self.waiting.get_mut(&call).expect("missed while undecided");
        assert!(visit.caller.queue == queue && !visit.missed);
        assert!(self.at.since(visit.caller.since) > self.rules.queues[&queue].threshold);
        visit.missed = true;
        self.watches.decide(queue, self.at, false);
        1
    }

    /// Of a call that waits in no queue.
    fn on_offer_by_name(&mut self, agent: AgentId, epoch: u32) {
        assert!(self.directs.insert(epoch) && self.worker(agent).state == AgentState::Reserved);
        assert!(self.worker(agent).offer.replace(epoch).is_none(), "reserved twice");
    }

    fn on_offer_over(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) {
        assert_eq!(self.worker(agent).offer.take(), Some(epoch));
        if !self.directs.remove(&epoch) {
            self.on_offer_ended(call, agent, cause);
        }
        if matches!(cause, OfferCause::PeerFault | OfferCause::AgentGone) {
            self.worker(agent).faulted = Some(self.at);
        }
    }

    /// Who is rung by name talks; one more.
    fn begin_talk(&mut self, agent: AgentId) -> u64 {
        let at = self.at;
        let worker = self.worker(agent);
        worker.past.calls += 1;
        worker.busy_since = Some(at);
        1
    }

    fn on_talk(&mut self, at: Instant, queue: QueueId, (agent, since): (AgentId, Instant), visit: &Waiting) {
        assert_eq!(visit.caller.since, since);
        self.on_answered(queue, agent);
        self.decide(queue, visit, true);
        assert_eq!(visit.agents, BTreeSet::from([agent]), "one winner, and nobody rings on");
        if let Some(caller) = visit.asks.caller.filter(|_| self.recalls) {
            self.served.insert(caller, (agent, at));
        }
    }

    fn on_flowed_out(
        &mut self,
        call: CallId,
        (queue, wait): (QueueId, Duration),
        (reason, cause): (FlowOut, Option<LostCause>),
        seen: &mut Seen,
    ) {
        let visit = self.leave(call, queue, wait, 3);
        let is_loss = reason.untargeted().is_none() && reason != FlowOut::Requeued;
        assert_eq!(cause.is_some(), is_loss);
        cause.iter().for_each(|cause| self.judge_loss(&visit.caller, *cause));
        seen.losses.extend(cause);
    }

    /// Nobody who could have taken the caller is at work when the cause says so.
    fn judge_loss(&self, caller: &Caller, cause: LostCause) {
        use LostCause::{AllAgentsNotReady, NoAgentOnDuty};
        if !matches!(cause, NoAgentOnDuty | AllAgentsNotReady) {
            return;
        }
        let is_paused = |state: &AgentState| cause == AllAgentsNotReady && matches!(state, AgentState::NotReady(_));
        let away = |state: &AgentState| *state == AgentState::LoggedOut || is_paused(state);
        let may = |agent: &AgentId| self.rules.may_take(*agent, caller) && !self.rules.is_lent(*agent, caller);
        for (agent, worker) in self.agents.iter().filter(|(agent, _)| may(agent)) {
            assert!(away(&worker.state), "{agent} is {:?}: {cause:?}", worker.state);
        }
    }

    fn on_offered(&mut self, call: CallId, queue: QueueId, seen: &mut Seen) {
        let at = self.at;
        let (priority, since, asks) = self.enqueued.remove(&call).expect("offered once for each enqueue");
        self.seq += 1;
        let attributes = asks.attributes.clone();
        let caller = Caller { queue, priority, since, seq: self.seq, attributes, looked: at, awaits: None };
        let visit = Waiting {
            rule: (self.rules.ring(&caller), self.rules.queues[&queue].ring_step),
            before: caller.clone(),
            caller,
            asks,
            alone_until: at,
            band: None,
            agents: BTreeSet::new(),
            rung: None,
            changed: false,
            attempts: 0,
            done: false,
            rests: None,
            missed: false,
        };
        assert!(self.waiting.insert(call, visit).is_none());
        self.prefer(call);
        let visit = &self.waiting[&call];
        let prefers = visit.caller.awaits.is_some();
        seen.preferred += u64::from(prefers);
        let by_past = visit.asks.preferred.is_some_and(|preference| preference.whom == Whom::Last);
        seen.recalled += u64::from(prefers && by_past);
        self.counts.entry(queue).or_default()[0] += 1;
    }

    /// A call whose offer has ended: what found nobody counts, and may let it rest.
    fn on_offer_ended(&mut self, call: CallId, agent: AgentId, cause: OfferCause) {
        use OfferCause::{Answered, Busy, Declined, Failed, NeverRang, NoAnswer};
        if cause == Answered {
            return;
        }
        let visit = self.waiting.get_mut(&call).expect("an offer ends before its call leaves");
        assert!(visit.agents.remove(&agent));
        visit.band = visit.band.filter(|_| !visit.agents.is_empty());
        if visit.caller.awaits == Some(agent) || visit.before.awaits == Some(agent) {
            visit.share();
        }
        let policy = &self.rules.queues[&visit.caller.queue].offers;
        if !matches!(cause, NoAnswer | Declined | Busy | NeverRang | Failed) {
            return;
        }
        visit.attempts += 1;
        if policy.max.is_some_and(|max| visit.attempts >= max) {
            visit.done = true;
        } else if !policy.retry.is_zero() && visit.agents.is_empty() {
            visit.rests = Some(self.at + policy.retry);
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
        let stays = matches!(
            to,
            AgentState::Reserved | AgentState::Ringing | AgentState::Talking | AgentState::Hold | AgentState::WrapUp
        );
        worker.leaves &= stays;
        (worker.state, worker.since) = (to.clone(), at);
        let busy = matches!(to, AgentState::Talking | AgentState::Hold | AgentState::Consult | AgentState::WrapUp);
        if let Some(since) = worker.busy_since.filter(|_| !busy) {
            worker.past.busy.push((since, at));
            worker.busy_since = None;
        }
        match to {
            AgentState::LoggedOut => worker.past = Past::default(),
            AgentState::Ready | AgentState::Unreachable | AgentState::OtherCall(_) => {
                worker.past.idle_since.get_or_insert(at);
            }
            AgentState::NotReady(_)
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Hold
            | AgentState::Consult
            | AgentState::WrapUp => {}
        }
        self.count_staff();
        self.reconsider();
    }

    fn on_answered(&mut self, queue: QueueId, agent: AgentId) {
        let at = self.at;
        let worker = self.worker(agent);
        worker.past.calls += 1;
        worker.busy_since = Some(at);
        let memberships = self.rules.agents.get(&agent).map(|plan| &plan.memberships);
        let membership = memberships.and_then(|all| all.iter().rfind(|membership| membership.queue == queue));
        self.rules.turns.insert(queue, (membership.map_or(0, |membership| membership.position), agent));
    }

    fn leave(&mut self, call: CallId, queue: QueueId, wait: Duration, outcome: usize) -> Waiting {
        let visit = self.waiting.remove(&call).expect("one outcome for each visit");
        assert_eq!(visit.caller.queue, queue);
        assert_eq!(self.at.since(visit.caller.since), wait);
        assert!(visit.missed || wait <= self.rules.queues[&queue].threshold);
        self.counts.entry(queue).or_default()[outcome] += 1;
        visit
    }

    /// A visit has ended; the wait that passed the threshold was decided then.
    fn decide(&mut self, queue: QueueId, visit: &Waiting, good: bool) {
        if !visit.missed {
            self.watches.decide(queue, self.at, good);
        }
    }

    /// After timers have fired, every wait beyond the threshold has been told.
    pub(super) fn judge_waits(&self, now: Instant) {
        for (call, visit) in &self.waiting {
            let wait = now.since(visit.caller.since);
            let threshold = self.rules.queues[&visit.caller.queue].threshold;
            assert!(visit.missed || wait <= threshold, "{call} is late, and nobody knows");
        }
    }

    /// The call was the first of all that the agent may take, and the agent the first of all who may take the call.
    fn on_offer_made(&mut self, call: CallId, queue: QueueId, offer: (AgentId, u32), seen: &mut Seen) {
        let (agent, epoch) = offer;
        let visit = &self.waiting[&call];
        seen.taken_by_preferred += u64::from(visit.caller.awaits == Some(agent));
        assert!(visit.caller.queue == queue);
        let views = visit.views(self.firing);
        let may = |agent, caller: &Caller| self.may_take(agent, visit, caller, Held::AtMost);
        assert!(views.iter().any(|caller| may(agent, caller)), "{agent} may not take {call}");
        for (other, rival) in &self.waiting {
            let ahead = |caller: &Caller, of: &Caller| {
                self.may_take(agent, rival, caller, Held::Surely)
                    && self.rules.place_for(agent, caller) < self.rules.place_for(agent, of)
            };
            // While timers fire, each of the two may or may not have looked already.
            let rivals = rival.views(self.firing);
            let overtaken = rivals.iter().all(|rival| views.iter().all(|caller| ahead(rival, caller)));
            assert!(!self.wants_more(rival) || *other == call || !overtaken, "{call} was offered ahead of {other}");
        }
        let past = |agent: AgentId| (agent, &self.agents[&agent].past);
        for &other in self.agents.keys().filter(|other| **other != agent && self.is_idle(**other)) {
            let ahead = |caller: &Caller| {
                self.may_take(other, visit, caller, Held::Surely)
                    && (!may(agent, caller) || self.rules.prefers(caller, past(other), past(agent), self.at).is_lt())
            };
            assert!(!views.iter().all(ahead), "{agent} was offered {call} ahead of {other}");
        }
        let most = views.iter().map(|caller| match caller.awaits {
            Some(_) => 0,
            None => self.most(visit, self.rules.ring(caller)),
        });
        let (most, at) = (most.max(), self.at);
        let band = self.band(visit, agent, &views);
        let visit = self.waiting.get_mut(&call).expect("only waiting calls are offered");
        assert!(!visit.done, "{call} was offered often enough");
        assert!(visit.rests.take().is_none_or(|until| until <= at), "{call} rests");
        visit.rung.get_or_insert(at);
        assert!(Some(visit.agents.len()) <= most, "{call} rings too many");
        visit.band = visit.band.or(band);
        seen.banded += u64::from(visit.band.is_some() && visit.agents.len() > 1);
        assert!(visit.agents.insert(agent));
        assert!(self.worker(agent).offer.replace(epoch).is_none(), "reserved twice");
    }

    /// The band that a call is held to when this agent rings for it and it is held to none.
    fn band(&self, visit: &Waiting, agent: AgentId, views: &[Caller]) -> Option<[Band; 2]> {
        let bands = views.iter().filter(|caller| caller.awaits.is_none() && self.rules.ring(caller) == Ring::Best);
        let bands: Vec<_> = bands.map(|caller| self.rules.band(agent, caller)).collect();
        let least = *bands.iter().min()?;
        let most = if bands.len() == views.len() { bands.iter().max().copied() } else { None };
        let most = most.filter(|_| !visit.changed || visit.agents.is_empty());
        Some([least, most.unwrap_or((true, u32::MAX, u32::MAX))])
    }

    /// As [`Rules::may_take`], for a call that may be held to a band.
    fn may_take(&self, agent: AgentId, visit: &Waiting, caller: &Caller, held: Held) -> bool {
        let band = visit.band.map(|[surely, at_most]| match held {
            Held::Surely => surely,
            Held::AtMost => at_most,
        });
        self.rules.may_take(agent, caller) && band.is_none_or(|band| self.rules.band(agent, caller) <= band)
    }

    /// How many may ring when one more is rung.
    fn most(&self, visit: &Waiting, ring: Ring) -> usize {
        match ring {
            Ring::One => 0,
            Ring::All | Ring::Best => 63,
            Ring::Progressively if visit.changed => 63,
            Ring::Progressively => {
                let rung = self.at.since(visit.rung.unwrap_or(self.at));
                (rung.as_micros() / visit.rule.1.as_micros()) as usize
            }
        }
    }

    /// True when the call surely wishes one more agent.
    fn wants_more(&self, visit: &Waiting) -> bool {
        let rests = visit.done || visit.rests.is_some_and(|until| self.timed < until);
        let all = [&visit.caller, &visit.before]
            .iter()
            .all(|caller| caller.awaits.is_none() && matches!(self.rules.ring(caller), Ring::All | Ring::Best));
        !rests && (visit.agents.is_empty() || (all && visit.agents.len() < 64))
    }

    fn is_idle(&self, agent: AgentId) -> bool {
        let worker = &self.agents[&agent];
        let held = worker.faulted.is_some_and(|since| self.timed < since + Duration::from_secs(1));
        worker.state == AgentState::Ready && worker.offer.is_none() && !held
    }

    pub(super) fn judge(&self, engine: &Engine) {
        let mut waiting = BTreeMap::<QueueId, u64>::new();
        let mut oldest = BTreeMap::<QueueId, Instant>::new();
        for (call, visit) in &self.waiting {
            let caller = &visit.caller;
            *waiting.entry(caller.queue).or_default() += 1;
            let head = oldest.entry(caller.queue).or_insert(caller.since);
            *head = caller.since.min(*head);
            assert_eq!(engine.call_since(*call), Some(caller.since));
            let ahead = self.waiting.values().filter(|other| {
                other.caller.queue == caller.queue && self.rules.place(&other.caller) < self.rules.place(caller)
            });
            assert_eq!(engine.position(*call), Some(ahead.count() as u32 + 1));
            let alone = caller.awaits.map(|agent| (agent, visit.alone_until));
            assert_eq!(engine.waits_for(*call), alone, "{call} waits for another");
            if self.wants_more(visit) {
                let may = |agent| self.may_take(agent, visit, caller, Held::Surely);
                let idle = self.agents.keys().find(|agent| self.is_idle(**agent) && may(**agent));
                assert_eq!(idle, None, "{call} waits");
            }
        }
        for (queue, [offered, answered, abandoned, flowed_out]) in &self.counts {
            let still = waiting.get(queue).copied().unwrap_or(0);
            assert_eq!(*offered, answered + abandoned + flowed_out + still);
            assert_eq!(engine.waiting(*queue) as u64, still);
            assert_eq!(self.oldest.get(queue).copied().flatten(), oldest.get(queue).copied());
            let expected = engine.reserve_of(*queue).and_then(|reserve| reserve.estimate);
            let crowd = self.crowd(*queue);
            self.watches.judge_reserve(&self.rules, *queue, crowd, expected, (self.at, self.timed));
        }
        for (id, worker) in &self.agents {
            let state = engine.agent(*id).map_or(AgentState::LoggedOut, |status| status.state);
            assert_eq!(state, worker.state);
        }
    }
}

/// How sure the band is that a call is held to.
#[derive(Clone, Copy)]
enum Held {
    Surely,
    AtMost,
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
