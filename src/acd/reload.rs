//! Reload: a new plan over a running engine. Run-time states survive by id; the indexes are built anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::agent::{Agent, Contract, Duty, Offer, Phase, Standing};
use crate::acd::engine::{Engine, Link};
use crate::acd::message::Actor;
use crate::acd::outcome::OfferCause;
use crate::acd::plan::{AgentPlan, Plan, QueuePlan};
use crate::acd::queue::{Listing, Queue};
use crate::acd::reach::Reach;
use crate::acd::routing::Membership;
use crate::base::{AgentId, CallId, Instant, QueueId};

impl Engine {
    /// Takes a new plan. A removed queue takes nobody and serves those who wait; a removed agent finishes the call; a new
    /// agent begins in its configured state.
    pub fn handle_plan(&mut self, now: Instant, plan: Arc<Plan>) {
        self.advance(now);
        self.plan = plan;
        let plan = Arc::clone(&self.plan);
        self.overrides.keep_to(&plan);
        for queue in &plan.queues {
            self.plan_queue(self.overrides.queue(queue));
        }
        let kept: BTreeSet<QueueId> = plan.queues.iter().map(|queue| queue.id).collect();
        for id in self.queues.ids() {
            if !kept.contains(&id) {
                self.remove_queue(id);
            }
        }
        let employed: BTreeSet<AgentId> = plan.agents.iter().map(|agent| agent.id).collect();
        let ids = self.agents.ids();
        self.clear_indexes(&ids);
        self.recall.is_asked = plan.queues.iter().any(|queue| queue.routing.recall.is_some());
        let new: Vec<&AgentPlan> = plan.agents.iter().filter(|agent| self.plan_agent(agent)).collect();
        self.rebuild(&self.effective_plan());
        self.watch_anew();
        plan.queues.iter().for_each(|queue| self.evacuate(queue.id));
        for id in ids {
            if !employed.contains(&id) {
                self.remove_agent(id);
            }
        }
        for agent in &new {
            self.start(agent);
        }
        self.stand_anew(&self.agents.ids());
        self.peers.retain(|_, peer| peer.link == Link::Down || !peer.agents.is_empty());
        self.matching.unsettle_all();
        self.settle_halls();
    }

    fn plan_queue(&mut self, plan: QueuePlan) {
        match self.queues.get_mut(plan.id) {
            Some(queue) => queue.replan(plan),
            None => self.queues.insert(plan.id, Queue::new(plan, self.now)),
        }
    }

    fn remove_queue(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(id) {
            queue.listing = Listing::Removed;
        }
        self.forget_when_drained(id);
    }

    /// Empties the idle index; who is ready stands aside until [`Engine::rebuild`].
    fn clear_indexes(&mut self, ids: &[AgentId]) {
        self.matching.clear();
        for &id in ids {
            let Some(agent) = self.agents.get_mut(id) else { continue };
            if matches!(agent.duty, Duty::Ready(Standing::Listed)) {
                agent.duty = Duty::Ready(Standing::Aside);
            }
        }
    }

    /// True when the agent is new.
    fn plan_agent(&mut self, plan: &AgentPlan) -> bool {
        let now = self.now;
        let window = self.plan.occupancy_window;
        let is_new = self.agents.get(plan.id).is_none();
        if is_new {
            self.agents.insert(plan.id, Agent::new(now, plan));
        }
        let Some(agent) = self.agents.get_mut(plan.id) else { return false };
        let before = std::mem::replace(&mut agent.peer, plan.peer);
        agent.contract = Contract::Employed;
        agent.return_after = plan.return_after;
        agent.busy_pause = plan.busy_pause;
        agent.policy = plan.policy.clone();
        agent.history.set_window(now, window);
        if let Some(peer) = self.peers.get_mut(&before) {
            peer.agents.remove(&plan.id);
        }
        self.peers.entry(plan.peer).or_default().agents.insert(plan.id);
        // Where a wrong address has been put right, a call reaches the device now.
        self.presume_there(plan.id);
        is_new
    }

    /// Opens a hall for each queue, gives agents their seats, and puts waiting calls without an offer and idle agents there.
    fn rebuild(&mut self, plan: &Plan) {
        let mut terms: BTreeMap<QueueId, Vec<&Membership>> = BTreeMap::new();
        for membership in plan.agents.iter().flat_map(|agent| &agent.memberships) {
            terms.entry(membership.queue).or_default().push(membership);
        }
        let lent: Vec<Membership> =
            self.queues.iter().flat_map(|(_, row)| &row.plan.routing.lending.to).map(Membership::from).collect();
        for membership in &lent {
            terms.entry(membership.queue).or_default().push(membership);
        }
        for id in self.queues.ids() {
            let Some(queue) = self.queues.get_mut(id) else { continue };
            let reaches: Arc<[Reach]> = Reach::all(&queue.plan.routing, terms.remove(&id).into_iter().flatten()).into();
            self.matching.open(&queue.plan, &reaches);
            if queue.is_planned() {
                self.matching.lend(&queue.plan);
            }
            let calls: Vec<CallId> = queue.order.walk().map(|place| place.call).collect();
            queue.set_reaches(reaches);
            for call in calls {
                self.join_anew(call);
            }
            self.arm_threshold(id);
            self.arm_wait_max(id);
            self.arm_reach(id);
        }
        for agent in &plan.agents {
            self.matching.seat(agent);
            let Some(row) = self.agents.get_mut(agent.id) else { continue };
            self.matching.log(agent.id, row.duty.presence());
            // Who is held off has a timer, and stays aside.
            if matches!(row.duty, Duty::Ready(Standing::Aside)) && row.timer.is_none() {
                self.list(agent.id);
            }
        }
        // Only now that agents have their seats can be told who waits for one in vain.
        for id in self.agents.ids() {
            self.weigh_callers_of(id);
        }
        for id in self.queues.ids() {
            let places = self.queues.get(id).into_iter().flat_map(|queue| queue.order.walk());
            let calls: Vec<CallId> =
                places.map(|place| place.call).filter(|call| self.waits_for(*call).is_some()).collect();
            calls.into_iter().for_each(|call| self.time_preference(call));
        }
    }

    /// Builds the indexes of one queue anew, whose strategy, weight or reaches are others. The hall is to be settled.
    pub(super) fn rebuild_queue(&mut self, id: QueueId, reaches: Arc<[Reach]>) {
        let Some(queue) = self.queues.get_mut(id) else { return };
        let calls: Vec<CallId> = queue.order.walk().map(|place| place.call).collect();
        queue.set_reaches(Arc::clone(&reaches));
        let agents = self.agents.iter().map(|(id, agent)| {
            let is_listed = matches!(agent.duty, Duty::Ready(Standing::Listed));
            (id, is_listed.then_some(&agent.history))
        });
        self.matching.open_anew(&queue.plan, &reaches, agents);
        for call in calls {
            self.join_anew(call);
        }
        self.arm_threshold(id);
        self.arm_wait_max(id);
        self.arm_reach(id);
    }

    fn remove_agent(&mut self, id: AgentId) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.contract = Contract::Leaving;
        self.matching.dismiss(id);
        match agent.duty {
            Duty::Talking(_) | Duty::WrapUp { .. } | Duty::Offering(Offer { phase: Phase::Releasing(_), .. }) => {}
            Duty::Offering(Offer { call, phase: Phase::Open, .. }) => {
                self.cancel_offer(id, OfferCause::AgentGone);
                match self.calls.get(&call).is_some_and(|visit| visit.ringing.is_exhausted()) {
                    true => self.go_on(call),
                    false => self.list_call(call),
                }
            }
            Duty::LoggedOut | Duty::NotReady(_) | Duty::Ready(_) | Duty::Unreachable | Duty::Elsewhere(_) => {
                self.dismiss(id);
            }
        }
    }

    fn start(&mut self, plan: &AgentPlan) {
        match Duty::initial(&plan.initial) {
            Duty::Ready(_) => {
                if self.stand_up(plan.id, Actor::Engine) {
                    self.list(plan.id);
                }
            }
            duty @ (Duty::LoggedOut
            | Duty::NotReady(_)
            | Duty::Unreachable
            | Duty::Elsewhere(_)
            | Duty::Offering(_)
            | Duty::Talking(_)
            | Duty::WrapUp { .. }) => self.begin(plan.id, duty, Actor::Engine),
        }
    }
}
