//! What each fact changes in the reference, and what it may not contradict.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Reference, Seen, Waiting};
use crate::acd::tests::naive::{Caller, Past};
use crate::acd::*;
use crate::base::{AgentId, CallId, Instant, QueueId};

impl Reference {
    pub(in crate::acd::tests) fn on_fact(&mut self, stamped: &Stamped, seen: &mut Seen) {
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
                seen.found += self.on_agent_state(*agent, from, to, *spent);
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
            Fact::Device { agent, device, .. } => self.on_device_told(*agent, *device),
            Fact::PeerState { peer, up } => {
                let _known = if *up { self.down.remove(peer) } else { self.down.insert(*peer) };
                self.on_link(*peer);
            }
            Fact::AgentTeam { .. } | Fact::Refused { .. } | Fact::CallerAnswered { .. } | Fact::Digit { .. } => {}
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
        if cause == OfferCause::Absent {
            self.note_absence(agent);
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

    fn on_agent_state(&mut self, agent: AgentId, from: &AgentState, to: &AgentState, spent: Duration) -> u64 {
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
            AgentState::Reserved
                | AgentState::Ringing
                | AgentState::Talking
                | AgentState::Hold
                | AgentState::Consult
                | AgentState::WrapUp
        );
        worker.leaves &= stays;
        (worker.state, worker.since) = (to.clone(), at);
        let busy = matches!(to, AgentState::Talking | AgentState::Hold | AgentState::Consult | AgentState::WrapUp);
        if let Some(since) = worker.busy_since.filter(|_| !busy) {
            worker.past.busy.push((since, at));
            worker.busy_since = None;
        }
        let found = self.judge_presence(agent, to);
        let worker = self.worker(agent);
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
        found
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
}
