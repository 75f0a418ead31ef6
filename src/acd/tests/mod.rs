//! What the engine does, rule by rule, and random worlds. Here: a small call centre to try the rules in.

mod absence;
mod agents;
mod direct;
mod explain;
mod lending;
mod losses;
mod naive;
mod offers;
mod order;
mod preferred;
mod queues;
mod reference;
mod reloads;
mod reserves;
mod seconds;
mod strategies;
mod supervision;
mod time;
mod watches;
mod worlds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::acd::requirement::Requirement;
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId};

const START: Instant = Instant::from_micros(1_000_000);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn asks(text: &str) -> Requirement {
    Requirement::parse(text).expect("a requirement")
}

fn anna() -> Actor {
    Actor::User("anna".into())
}

fn queue(id: u32) -> QueuePlan {
    QueuePlan {
        id: QueueId(id),
        name: format!("q{id}").into(),
        strategy: "longest-idle",
        waiting_max: None,
        wait_max: None,
        ring_timeout: secs(20),
        ring_step: secs(5),
        offers: OfferPolicy::default(),
        wrap_up: Duration::ZERO,
        threshold: secs(20),
        short_abandon: secs(5),
        state: QueueState::Open,
        routing: Routing::default(),
    }
}

fn agent(id: u32) -> AgentPlan {
    AgentPlan {
        id: AgentId(id),
        name: id.to_string().into(),
        skills: Vec::new(),
        memberships: Vec::new(),
        peer: PeerId(0),
        initial: AgentState::Ready,
        return_after: secs(60),
        busy_pause: secs(5),
        policy: AgentPolicy::default(),
    }
}

fn plan(agents: u32) -> Plan {
    Plan { queues: vec![queue(1)], agents: (1..=agents).map(agent).collect(), ..Plan::default() }
}

fn enqueue(call: u64, queue: u32, priority: i32, since: Option<Instant>) -> Command {
    Command::Enqueue { call: CallId(call), queue: QueueId(queue), priority, since, asks: Asks::default() }
}

fn state(agent: u32, from: AgentState, to: AgentState, spent: u64) -> Fact {
    Fact::AgentState { agent: AgentId(agent), from, to, spent: secs(spent), by: Actor::Engine }
}

/// An engine with its clock and what it has put out; checks every invariant after each input.
struct Centre {
    engine: Engine,
    now: Instant,
    effects: Vec<Effect>,
    facts: Vec<Fact>,
    /// The last offer of each call.
    offers: BTreeMap<u64, (AgentId, u32)>,
}

impl Centre {
    /// One queue, 1, and `agents` ready agents behind one neighbour; `change` makes the case.
    fn new(change: impl Fn(&mut Plan), agents: u32) -> Self {
        let mut plan = plan(agents);
        change(&mut plan);
        let engine = Engine::new(START, Arc::new(plan));
        let mut centre = Self { engine, now: START, effects: Vec::new(), facts: Vec::new(), offers: BTreeMap::new() };
        centre.drain();
        centre.forget();
        centre
    }

    fn drain(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            if let Effect::Offer { call, agent, epoch, .. } = effect {
                self.offers.insert(call.0, (agent, epoch));
            }
            self.effects.push(effect);
        }
        self.facts.extend(std::iter::from_fn(|| self.engine.poll_fact()).map(|stamped| stamped.fact));
        self.engine.check().expect("every invariant holds");
    }

    fn command(&mut self, command: Command) {
        self.engine.handle_command(self.now, command);
        self.drain();
    }

    fn reload(&mut self, change: impl Fn(&mut Plan)) {
        let mut plan = Plan::clone(self.engine.plan());
        change(&mut plan);
        self.engine.handle_plan(self.now, Arc::new(plan));
        self.drain();
    }

    fn pass(&mut self, secs: u64) {
        self.pass_ms(secs * 1000);
    }

    /// Lets time pass, with a timeout at each deadline.
    fn pass_ms(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(at) = self.engine.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn enqueue(&mut self, call: u64, queue: u32) {
        self.enqueue_as(call, queue, 0, None);
    }

    fn enqueue_as(&mut self, call: u64, queue: u32, priority: i32, since: Option<Instant>) {
        self.command(enqueue(call, queue, priority, since));
    }

    fn set(&mut self, agent: u32, target: AgentTarget) {
        self.command(Command::SetAgent { agent: AgentId(agent), target, by: anna(), lasts: None });
    }

    fn log_out(&mut self, agent: u32) {
        self.set(agent, AgentTarget::LoggedOut);
    }

    fn state(&self, agent: u32) -> AgentState {
        self.engine.agent(AgentId(agent)).expect("a known agent").state
    }

    /// The last offer of the call since the last `forget`.
    fn offer_of(&self, call: u64) -> Option<(AgentId, u32)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Offer { call: offered, agent, epoch, .. } if *offered == CallId(call) => Some((*agent, *epoch)),
            Effect::Offer { .. }
            | Effect::Queued { .. }
            | Effect::CancelOffer { .. }
            | Effect::Join { .. }
            | Effect::Unavailable { .. }
            | Effect::FlowOut { .. } => None,
        })
    }

    fn offer(&self, call: u64) -> (AgentId, u32) {
        *self.offers.get(&call).expect("an offer")
    }

    fn ring(&mut self, call: u64) -> (AgentId, u32) {
        let (agent, epoch) = self.offer(call);
        self.command(Command::OfferRinging { call: CallId(call), agent, epoch });
        (agent, epoch)
    }

    fn answer(&mut self, call: u64) -> (AgentId, u32) {
        let (agent, epoch) = self.offer(call);
        self.command(Command::OfferAnswered { call: CallId(call), agent, epoch });
        (agent, epoch)
    }

    fn hang_up(&mut self, call: u64, agent: AgentId, epoch: u32) {
        self.command(Command::TalkEnded { call: CallId(call), agent, epoch, by: EndedBy::Caller });
    }

    /// A whole call in queue 1; says who took it.
    fn talk(&mut self, call: u64, secs: u64) -> AgentId {
        self.enqueue(call, 1);
        let (agent, epoch) = self.answer(call);
        self.pass(secs);
        self.hang_up(call, agent, epoch);
        agent
    }

    /// The order in which one agent, now logged out, gets all who wait.
    fn served_in_turn(&mut self, agent: u32) -> Vec<u64> {
        self.forget();
        self.set(agent, AgentTarget::Ready);
        let mut served = Vec::new();
        while let Some(call) = self.engine.agent(AgentId(agent)).and_then(|status| status.call) {
            served.push(call.0);
            let (agent, epoch) = self.answer(call.0);
            self.hang_up(call.0, agent, epoch);
        }
        served
    }

    fn forget(&mut self) {
        self.effects.clear();
        self.facts.clear();
    }

    /// The facts since the last question.
    fn facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    fn missed(&self) -> Vec<u64> {
        let call = |fact: &Fact| if let Fact::Missed { call, .. } = fact { Some(call.0) } else { None };
        self.facts.iter().filter_map(call).collect()
    }

    /// The cancelled offers since the last question: agent, epoch, cause.
    fn cancelled(&mut self) -> Vec<(u32, u32, OfferCause)> {
        let cancelled = self.effects.iter().filter_map(|effect| match effect {
            Effect::CancelOffer { agent, epoch, cause, .. } => Some((agent.0, *epoch, *cause)),
            Effect::Queued { .. }
            | Effect::Offer { .. }
            | Effect::Join { .. }
            | Effect::Unavailable { .. }
            | Effect::FlowOut { .. } => None,
        });
        let cancelled = cancelled.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::CancelOffer { .. }));
        cancelled
    }

    /// The flow-outs since the last question.
    fn flowed_out(&mut self) -> Vec<(u64, FlowOut)> {
        let flowed = self.effects.iter().filter_map(|effect| match effect {
            Effect::FlowOut { call, reason, .. } => Some((call.0, *reason)),
            Effect::Queued { .. }
            | Effect::Offer { .. }
            | Effect::Join { .. }
            | Effect::Unavailable { .. }
            | Effect::CancelOffer { .. } => None,
        });
        let flowed = flowed.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::FlowOut { .. }));
        flowed
    }
}
