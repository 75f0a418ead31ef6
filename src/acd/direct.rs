//! Offers without a queue: an agent who is rung by name for a call that somebody hands on, and the agent who consults. Such an
//! offer has an epoch, a deadline and an end like any other; what becomes of the call when it finds nobody is for whoever
//! asked to say, never for a queue.

use std::time::Duration;

use crate::acd::agent::{Device, Duty, Offer, Phase, Standing, Talk, Way};
use crate::acd::engine::{Engine, Timer};
use crate::acd::fact::Fact;
use crate::acd::message::{Actor, Effect};
use crate::acd::offer::RELEASE_MAX;
use crate::acd::outcome::OfferCause;
use crate::base::{AgentId, CallId, QueueId};

/// How long a device may ring where the queue that would say so is gone.
const RING: Duration = Duration::from_secs(20);

impl Engine {
    /// Rings an agent by name, if it is ready; `queue` lends its ring timeout and wrap-up.
    pub(super) fn on_offer_to(&mut self, call: CallId, agent: AgentId, queue: QueueId) {
        let is_ready = self.agents.get(agent).is_some_and(|row| matches!(row.duty, Duty::Ready(Standing::Listed)));
        if !is_ready || self.calls.contains_key(&call) {
            return self.ask(Effect::Unavailable { call, agent });
        }
        let ring = self.queues.get(queue).map_or(RING, |row| row.plan.ring_timeout);
        self.epoch = self.epoch.wrapping_add(1);
        let (epoch, made, free_by) = (self.epoch, self.now, self.now + ring + RELEASE_MAX);
        let (device, phase, way) = (Device::Silent, Phase::Open, Way::Direct);
        self.begin(
            agent,
            Duty::Offering(Offer { call, queue, epoch, made, free_by, device, phase, way }),
            Actor::Engine,
        );
        self.arm(agent, ring, Timer::Ring);
        self.tell(Fact::OfferMade { call, queue, agent, epoch });
        self.ask(Effect::Offer { call, agent, epoch, queue, by_name: true });
    }

    /// Takes an offer by name back.
    pub(super) fn on_withdraw_offer(&mut self, call: CallId, agent: AgentId, epoch: u32, cause: OfferCause) {
        let offer = self.agents.get(agent).and_then(|row| row.offer(epoch));
        if offer.is_some_and(|offer| offer.call == call && offer.way == Way::Direct) {
            self.cancel_offer(agent, cause);
        }
    }

    /// An agent who was rung by name has answered: they talk.
    pub(super) fn on_reached(&mut self, agent: AgentId, offer: &Offer) {
        let &Offer { call, queue, epoch, made, .. } = offer;
        let wrap_up = self.queues.get(queue).map(|row| row.plan.wrap_up);
        let (now, after) = (self.now, self.now.since(made));
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.no_answers = 0;
        row.history.answered(now);
        let wrap_up = row.policy.wrap_up.or(wrap_up).unwrap_or_default();
        let is_instant = !row.policy.auto_answer && after < row.policy.answer_min;
        if is_instant {
            self.tell(Fact::InstantAnswer { call, queue, agent, after });
        }
        self.tell_end(agent, offer, OfferCause::Answered);
        self.tell(Fact::Reached { call, queue, agent });
        self.begin(agent, Duty::Talking(Talk::new(call, queue, epoch, now, wrap_up)), Actor::Engine);
        self.ask(Effect::Join { call, agent, epoch });
        self.found(agent);
    }

    /// An agent begins or ceases to consult somebody about its caller.
    pub(super) fn on_consults(&mut self, call: CallId, agent: AgentId, epoch: u32, consults: bool) {
        self.on_apart(call, agent, epoch, |talk| talk.consults = consults);
    }

    /// One side of a talk holds, or nobody does any more.
    pub(super) fn on_held(&mut self, call: CallId, agent: AgentId, epoch: u32, held: bool) {
        self.on_apart(call, agent, epoch, |talk| talk.held = held);
    }

    /// Caller and agent do not hear each other for a reason, or for one less: its time is counted while there is any.
    fn on_apart(&mut self, call: CallId, agent: AgentId, epoch: u32, change: impl FnOnce(&mut Talk)) {
        let now = self.now;
        let Some(mut talk) = self.agents.get(agent).and_then(|row| row.talk(call, epoch)) else { return };
        change(&mut talk);
        talk.hold = talk.hold_until(now);
        talk.apart = (talk.held || talk.consults).then_some(now);
        self.change(agent, Duty::Talking(talk));
    }
}
