//! Routing worked out the slow and plain way, from the plan and what is known of calls and agents: who may take a call, in
//! which order callers go, whom a strategy prefers. It shares no code with the engine but the reading of requirements.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::{Attributes, Residual};
use crate::acd::strategy::Ring;
use crate::acd::*;
use crate::base::{AgentId, Instant, QueueId};

/// A waiting call.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) queue: QueueId,
    pub(super) priority: i32,
    pub(super) since: Instant,
    pub(super) seq: u64,
    pub(super) attributes: Option<Arc<Attributes>>,
    /// When its wait was looked at last: steps are taken only then.
    pub(super) looked: Instant,
}

/// What is known of an agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    pub(super) idle_since: Option<Instant>,
    pub(super) calls: u64,
    pub(super) talk: Duration,
    /// From the answer to the end of wrap-up.
    pub(super) busy: Vec<(Instant, Instant)>,
}

/// What decides: the plan of all queues, those included that a reload has dropped, and of all agents.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) queues: BTreeMap<QueueId, QueuePlan>,
    pub(super) agents: BTreeMap<AgentId, AgentPlan>,
    pub(super) logged_in: BTreeMap<AgentId, bool>,
    pub(super) turns: BTreeMap<QueueId, (u32, AgentId)>,
    /// Queues of the plan.
    pub(super) planned: BTreeSet<QueueId>,
    /// Queues whose reserve is in.
    pub(super) reserves: BTreeSet<QueueId>,
    /// Queues that lend.
    pub(super) lenders: BTreeSet<QueueId>,
}

/// What a caller looks at.
struct Look<'r> {
    queue: &'r QueuePlan,
    step: usize,
    level: u32,
    needs: Residual,
    waited: Duration,
}

impl Rules {
    /// The least goes first.
    pub(super) fn place(&self, caller: &Caller) -> impl Ord + use<> {
        let routing = &self.queues[&caller.queue].routing;
        let waited = caller.looked.since(caller.since);
        let bump: i32 = routing.steps.iter().filter(|step| step.after <= waited).map(|step| step.bump).sum();
        let priority = i64::from(caller.priority + bump);
        let since = caller.since.as_micros() as i64;
        let (strict, moment) = match routing.order {
            Order::Priority => (priority, since),
            Order::Ageing(unit) => (0, since - priority * unit.as_micros() as i64),
            Order::Objective(objective) => (priority, since + objective.as_micros() as i64),
        };
        (-i64::from(routing.weight), -strict, moment, caller.queue, caller.seq)
    }

    /// True when the agent may take the call now.
    pub(super) fn may_take(&self, agent: AgentId, caller: &Caller) -> bool {
        let look = self.look(caller);
        let Some((terms, lender)) = self.any_terms(agent, look.queue) else { return false };
        if lender.is_some_and(|lender| !self.lenders.contains(&lender))
            || (terms.reserve && !self.reserves.contains(&caller.queue))
        {
            return false;
        }
        let window = look.queue.routing.penalties.iter().rfind(|step| step.after <= look.waited);
        self.meets(agent, &look.needs)
            && terms.level <= look.level
            && terms.delay <= look.waited
            && (!self.penalties_count(look.queue)
                || window.is_none_or(|window| window.min <= terms.penalty && terms.penalty <= window.max))
    }

    /// True when the agent would be lent to the caller's queue.
    pub(super) fn is_lent(&self, agent: AgentId, caller: &Caller) -> bool {
        self.any_terms(agent, &self.queues[&caller.queue]).is_some_and(|(_, lender)| lender.is_some())
    }

    /// Penalties count while more of the listed members are logged in than the limit.
    fn penalties_count(&self, queue: &QueuePlan) -> bool {
        let Routing { members, penalty_members_limit: limit, .. } = queue.routing;
        let here = self.logged_in.iter().filter(|(agent, present)| **present && self.terms(**agent, queue).is_some());
        limit == 0 || members == Members::Skilled || here.count() > limit as usize
    }

    /// Whether the first is asked before the second, who may both take the call. `Equal`: both may be.
    pub(super) fn prefers(
        &self,
        caller: &Caller,
        one: (AgentId, &Past),
        other: (AgentId, &Past),
        now: Instant,
    ) -> Ordering {
        let look = self.look(caller);
        let routing = &look.queue.routing;
        let raise = routing.penalties.iter().rfind(|step| step.after <= look.waited).map_or(0, |step| step.raise);
        let steps = routing.steps[..look.step].iter();
        let strategy = steps.rev().find_map(|step| step.strategy).unwrap_or(look.queue.strategy);
        let terms = |agent: AgentId| self.any_terms(agent, look.queue).expect("both may take it");
        let ((a, lends_a), (b, lends_b)) = (terms(one.0), terms(other.0));
        let border = |terms: &Membership| match strategy {
            "weighted-random" => (terms.level, 0),
            _ if !self.penalties_count(look.queue) => (terms.level, 0),
            _ => (terms.level, terms.penalty.max(raise)),
        };
        let by = |key: &dyn Fn(AgentId, &Past) -> u64| key(one.0, one.1).cmp(&key(other.0, other.1));
        let idle = |_: AgentId, past: &Past| past.idle_since.map_or(u64::MAX, Instant::as_micros);
        let position = (a.position, one.0).cmp(&(b.position, other.0));
        let turn = self.turns.get(&look.queue.id).copied();
        let own = match strategy {
            "longest-idle" | "ring-all" | "ring-progressively" => by(&idle).then(position),
            "fewest-calls" => by(&|_, past| past.calls).then(by(&idle)).then(position),
            "least-talk" => by(&|_, past| past.talk.as_micros() as u64).then(by(&idle)).then(position),
            "most-skilled" => by(&|agent, _| u64::MAX - self.levels(agent, look.queue)).then(by(&idle)).then(position),
            "least-skilled" => by(&|agent, _| self.levels(agent, look.queue)).then(by(&idle)).then(position),
            "linear" => position,
            "round-robin" => {
                let far = |agent: AgentId| (turn.is_some_and(|(_, last)| agent <= last), agent);
                far(one.0).cmp(&far(other.0))
            }
            "round-robin-ordered" => {
                let far = |agent, position| (turn.is_some_and(|last| (position, agent) <= last), position, agent);
                far(one.0, a.position).cmp(&far(other.0, b.position))
            }
            "least-occupied" => nearly(load(one.1, now), load(other.1, now)),
            "random" | "weighted-random" => Ordering::Equal,
            unknown => panic!("the reference does not know {unknown}"),
        };
        lends_a.is_some().cmp(&lends_b.is_some()).then(border(&a).cmp(&border(&b))).then(own)
    }

    /// How many the call rings at once, by the steps that it has reached; never what others wait for.
    pub(super) fn ring(&self, caller: &Caller) -> Ring {
        let (queue, waited) = (&self.queues[&caller.queue], caller.looked.since(caller.since));
        let reached = queue.routing.steps.iter().filter(|step| step.after <= waited);
        let strategy = reached.filter_map(|step| step.strategy).next_back().unwrap_or(queue.strategy);
        match strategy {
            "ring-all" => Ring::All,
            "ring-progressively" => Ring::Progressively,
            _ => Ring::One,
        }
    }

    fn look(&self, caller: &Caller) -> Look<'_> {
        let queue = &self.queues[&caller.queue];
        let waited = caller.looked.since(caller.since);
        let reached = queue.routing.steps.iter().filter(|step| step.after <= waited).count();
        let nothing = Attributes::default();
        let attributes = caller.attributes.as_deref().unwrap_or(&nothing);
        let needs = |step: usize| {
            let relaxed = queue.routing.steps[..step].iter().rev().find_map(|step| step.requirement.as_ref());
            relaxed.unwrap_or(&queue.routing.requirement).residual(attributes)
        };
        let staff = |step: usize| {
            let needs = needs(step);
            let on_duty = self.logged_in.iter().filter(|(_, logged_in)| **logged_in).map(|(agent, _)| *agent);
            on_duty.filter_map(|a| self.terms(a, queue).filter(|_| self.meets(a, &needs))).collect::<Vec<_>>()
        };
        let step = (reached..=queue.routing.steps.len()).find(|&step| !staff(step).is_empty()).unwrap_or(reached);
        let mut level = u32::MAX;
        if let Some(rules) = queue.routing.tiers {
            let joined = |level: u32| level <= 1 || waited >= rules.wait * if rules.multiply { level } else { 1 };
            level = (0..=20).filter(|level| joined(*level)).max().unwrap_or(0);
            if rules.skip_empty {
                level = staff(step).iter().map(|terms| terms.level).min().map_or(level, |least| least.max(level));
            }
        }
        Look { queue, step, level, needs: needs(step), waited }
    }

    /// The terms on which an agent serves a queue, and who lends it.
    fn any_terms(&self, agent: AgentId, queue: &QueuePlan) -> Option<(Membership, Option<QueueId>)> {
        if let Some(own) = self.terms(agent, queue) {
            return Some((own, None));
        }
        let belongs = |lender: QueueId| {
            let memberships = &self.agents.get(&agent)?.memberships;
            memberships.iter().rfind(|membership| membership.queue == lender).filter(|membership| !membership.reserve)
        };
        let loan = |lender: &QueueId| {
            belongs(*lender)?;
            let loans = &self.queues[lender].routing.lending.to;
            let loan = loans.iter().find(|loan| loan.queue == queue.id)?;
            let Loan { level, penalty, delay, .. } = *loan;
            let terms = Membership { queue: queue.id, level, penalty, position: 0, delay, reserve: false };
            Some((terms, Some(*lender)))
        };
        self.planned.iter().find_map(loan)
    }

    /// The terms on which an agent of the plan belongs to a queue.
    fn terms(&self, agent: AgentId, queue: &QueuePlan) -> Option<Membership> {
        let agent = self.agents.get(&agent)?;
        let listed = agent.memberships.iter().rfind(|membership| membership.queue == queue.id).cloned();
        match queue.routing.members {
            Members::Listed => listed,
            Members::Skilled => Some(listed.unwrap_or_else(|| Membership::of(queue.id))),
        }
    }

    fn meets(&self, agent: AgentId, needs: &Residual) -> bool {
        needs.holds(&|name| self.level(agent, name))
    }

    fn level(&self, agent: AgentId, name: &str) -> u8 {
        let skills = &self.agents[&agent].skills;
        skills.iter().find(|skill| *skill.name == *name && skill.enabled).map_or(0, |skill| skill.level)
    }

    fn levels(&self, agent: AgentId, queue: &QueuePlan) -> u64 {
        let weighed = queue.routing.skill_weights.iter();
        let mut weights: BTreeMap<Arc<str>, u64> =
            queue.routing.requirement.skills().into_iter().map(|name| (name, 1)).collect();
        weights.extend(weighed.map(|(name, weight)| (Arc::clone(name), u64::from(*weight))));
        weights.iter().map(|(name, weight)| weight * u64::from(self.level(agent, name))).sum()
    }
}

/// The part of the past that was busy, fading with half an hour.
fn load(past: &Past, now: Instant) -> f64 {
    let fade = |at: Instant| (-(now.since(at).as_secs_f64() / 1_800.0)).exp();
    past.busy.iter().map(|(from, to)| fade(*to) - fade(*from)).sum()
}

/// Equal within what rounding may do.
fn nearly(one: f64, other: f64) -> Ordering {
    if (one - other).abs() <= 1e-5 * one.max(other) + 1e-12 { Ordering::Equal } else { one.total_cmp(&other) }
}
