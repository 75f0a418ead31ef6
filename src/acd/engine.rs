//! [`Engine`]: the machine's outside. It takes commands and time, and hands out effects and facts; what they do is beside
//! it, one file for each concern: `visit` (callers), `offer` (reservations), `direct` (those without a queue), `duty` (agents),
//! `absence` (devices that are not there), `reload` (the plan), `check`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::acd::agent::{Agent, AgentStatus, Wish};
use crate::acd::fact::{Fact, Repair, Stamped};
use crate::acd::matching::Matching;
use crate::acd::message::{Command, Effect};
use crate::acd::overrides::Overrides;
use crate::acd::plan::Plan;
use crate::acd::queue::{Counts, Queue, Visit};
use crate::acd::reason::Decisions;
use crate::acd::recall::Recall;
use crate::acd::setting::Intervention;
use crate::acd::table::Table;
use crate::base::limits::OUTBOX_MAX;
use crate::base::{AgentId, CallId, IdMap, Instant, PeerId, QueueId, Rng, Timers};

/// Who gets which call.
///
/// * Inputs: [`Engine::handle_command`], [`Engine::handle_timeout`], [`Engine::handle_plan`]. Time never runs backwards: an
///   input with an earlier time is taken at the engine's own.
/// * Outputs: [`Engine::poll_effect`] and [`Engine::poll_fact`], drained until `None` after each input; then
///   [`Engine::poll_timeout`]. An early or repeated `handle_timeout` changes nothing.
/// * The rest are questions, which change nothing.
///
/// Every decision costs O(q log n) with q the queues of one agent: no input walks agents or callers, save for a neighbour's
/// change (its agents), a step that many callers reach at once (those), a supervisor's change of a queue (that queue's) and a
/// reload (everything).
#[derive(Debug)]
pub struct Engine {
    pub(super) now: Instant,
    pub(super) plan: Arc<Plan>,
    /// What supervisors have laid over the plan.
    pub(super) overrides: Overrides,
    pub(super) calls: IdMap<CallId, Visit>,
    pub(super) queues: Table<QueueId, Queue>,
    pub(super) agents: Table<AgentId, Agent>,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) matching: Matching,
    pub(super) admission: Admission,
    pub(super) timers: Timers<Timer>,
    /// Queues whose reserve or lending is to be looked at.
    pub(super) stirred: Vec<QueueId>,
    pub(super) decisions: Decisions,
    /// Who served whom last.
    pub(super) recall: Recall,
    /// The last offer's epoch.
    pub(super) epoch: u32,
    /// Orders calls that joined at the same moment.
    pub(super) seq: u64,
    /// What had to be put right.
    pub(super) repairs: u64,
    effects: VecDeque<Effect>,
    facts: VecDeque<Stamped>,
}

/// A neighbour and whom it reaches.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) agents: BTreeSet<AgentId>,
}

/// Whether a neighbour answers. Taken to answer until somebody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Link {
    #[default]
    Up,
    Down,
}

/// Whether calls may join queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    Draining,
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// Somebody in the queue may have passed the service-level threshold.
    Threshold(QueueId),
    /// Somebody in the queue may have reached `wait_max`.
    WaitMax(QueueId),
    /// One more agent is to ring for the call.
    RingMore(CallId),
    /// The call has waited for one agent alone for long enough.
    Preferred(CallId),
    /// The call has rested after an offer that found nobody.
    Rested(CallId),
    /// Somebody in the queue may look further.
    Reach(QueueId),
    /// The queue's reserve may join or leave.
    Reserve(QueueId),
    /// The queue may lend its members, or no more.
    Lending(QueueId),
    /// The device has rung long enough.
    Ring(AgentId),
    /// A cancelled offer's leg should have ended long ago.
    Release(AgentId),
    /// The wrap-up is over.
    WrapUp(AgentId),
    /// An automatic not-ready is over.
    Return(AgentId),
    /// The agent may be tried again after a fault of its peer.
    HoldOff(AgentId),
    /// The agent's device is taken at its word again.
    Grace(AgentId),
    /// A call is tried again at a device that was not there.
    Absent(AgentId),
}

impl Engine {
    /// An engine with nobody waiting. Agents begin logged out and enter their configured state by a fact each.
    /// Draws begin from a fixed seed.
    pub fn new(now: Instant, plan: Arc<Plan>) -> Self {
        Self::with_rng(now, plan, Rng::from_u64(0))
    }

    /// As [`Engine::new`], with a generator for the strategies that draw.
    pub fn with_rng(now: Instant, plan: Arc<Plan>, rng: Rng) -> Self {
        let mut engine = Self {
            now,
            plan: Arc::default(),
            overrides: Overrides::default(),
            calls: IdMap::default(),
            queues: Table::new(),
            agents: Table::new(),
            peers: BTreeMap::new(),
            matching: Matching::new(rng),
            admission: Admission::Open,
            timers: Timers::default(),
            stirred: Vec::new(),
            decisions: Decisions::default(),
            recall: Recall::default(),
            epoch: 0,
            seq: 0,
            repairs: 0,
            effects: VecDeque::new(),
            facts: VecDeque::new(),
        };
        engine.handle_plan(now, plan);
        engine
    }

    /// Takes one command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.advance(now);
        match command {
            Command::Enqueue { call, queue, priority, since, asks } => {
                self.on_enqueue(call, queue, (priority, since), asks)
            }
            Command::CallerGone { call, how } => self.on_caller_gone(call, how),
            Command::Leave { call, reason } => self.flow_out(call, reason),
            Command::TakeOut { call, what, by } => self.on_take_out(call, what, by),
            Command::OfferRinging { call, agent, epoch } => self.on_ringing(call, agent, epoch),
            Command::OfferAnswered { call, agent, epoch } => self.on_answered(call, agent, epoch),
            Command::OfferFailed { call, agent, epoch, cause } => self.on_failed(call, agent, epoch, cause),
            Command::OfferReleased { agent, epoch } => self.on_released(agent, epoch),
            Command::OfferTo { call, agent, queue } => self.on_offer_to(call, agent, queue),
            Command::WithdrawOffer { call, agent, epoch, cause } => self.on_withdraw_offer(call, agent, epoch, cause),
            Command::Consults { call, agent, epoch, consults } => self.on_consults(call, agent, epoch, consults),
            Command::Transfer(transfer) => self.tell(Fact::Transfer(*transfer)),
            Command::OutsideEnded { call, talk, by } => self.tell(Fact::OutsideEnded { call, talk, by }),
            Command::TalkEnded { call, agent, epoch, by } => self.on_talk_ended(call, agent, epoch, by),
            Command::EndTalk { call, agent, epoch, by } => self.on_end_talk(call, agent, epoch, by),
            Command::Requeue { call, talk, queue, priority, since, asks, by } => {
                self.tell(Fact::Supervised { call, what: Intervention::Requeue(queue), by });
                self.on_requeue(call, talk, queue, (priority, Some(since)), asks);
            }
            Command::SetAgent { agent, target, by, lasts } => self.on_set_agent(agent, Wish { target, by, lasts }),
            Command::ExtendWrapUp { agent, more, by } => self.on_extend_wrap_up(agent, more, by),
            Command::EndWrapUp { agent, by } => self.on_end_wrap_up(agent, by),
            Command::Device { agent, device, by } => self.on_device(agent, device, by),
            Command::DeviceAlive { agent } => self.on_alive(agent),
            Command::Held { call, agent, epoch, held } => self.on_held(call, agent, epoch, held),
            Command::SetTeam { agent, team, by } => self.on_set_team(agent, team, by),
            Command::ChangeAgent { agent, setting, by } => self.on_agent_setting(agent, setting, by),
            Command::ChangeQueue { queue, setting, by } => self.on_queue_setting(queue, setting, by),
            Command::SetPriority { call, priority, by } => self.on_set_priority(call, priority, by),
            Command::SetPreferred { call, agent, by } => self.on_set_preferred(call, agent, by),
            Command::PeerState { peer, up } => self.on_peer(peer, if up { Link::Up } else { Link::Down }),
            Command::Refused { queue, cause, dimensions } => self.tell(Fact::Refused { queue, cause, dimensions }),
            Command::CallerAnswered { call } => self.tell(Fact::CallerAnswered { call }),
            Command::Digit { call, digit } => self.tell(Fact::Digit { call, digit }),
            Command::Drain => self.admission = Admission::Draining,
        }
        self.settle_halls();
    }

    /// Lets time pass: fires what is due, in order.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Threshold(queue) => self.on_threshold(queue),
                Timer::WaitMax(queue) => self.on_wait_max(queue),
                Timer::RingMore(call) => self.on_ring_more(call),
                Timer::Preferred(call) => self.on_preferred_over(call),
                Timer::Rested(call) => self.on_rested(call),
                Timer::Reach(queue) => self.on_reach(queue),
                Timer::Reserve(queue) => self.on_reserve(queue),
                Timer::Lending(queue) => self.on_lending(queue),
                Timer::Ring(agent) => self.on_ring_timeout(agent),
                Timer::Release(agent) => self.on_release_overdue(agent),
                Timer::WrapUp(agent) => self.on_wrap_up_over(agent),
                Timer::Return(agent) | Timer::HoldOff(agent) => self.on_pause_over(agent),
                Timer::Grace(agent) => self.on_grace_over(agent),
                Timer::Absent(agent) => self.on_absence_over(agent),
            }
            self.settle_halls();
        }
    }

    /// The next moment at which [`Engine::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to do for the node.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_fact(&mut self) -> Option<Stamped> {
        self.facts.pop_front()
    }

    /// The place of a waiting call in its queue; 1 is next.
    pub fn position(&self, call: CallId) -> Option<u32> {
        let place = &self.calls.get(&call)?.place;
        let ahead = self.queues.get(place.queue)?.order.rank(place);
        u32::try_from(ahead + 1).ok()
    }

    /// How many wait in a queue, those being offered included; 0 for an unknown queue.
    pub fn waiting(&self, queue: QueueId) -> usize {
        self.queues.get(queue).map_or(0, Queue::len)
    }

    /// How the visits of a queue ended; they add up with [`Engine::waiting`]. `None` for an unknown queue.
    pub fn counts(&self, queue: QueueId) -> Option<Counts> {
        self.queues.get(queue).map(|queue| queue.counts)
    }

    /// An agent as it is now; `None` for an unknown one.
    pub fn agent(&self, agent: AgentId) -> Option<AgentStatus> {
        self.agents.get(agent).map(Agent::status)
    }

    /// The moment from which a waiting call's wait is measured.
    pub fn call_since(&self, call: CallId) -> Option<Instant> {
        self.calls.get(&call).map(|visit| visit.claim.since)
    }

    /// The plan in force, without what supervisors have laid over it (see [`Engine::effective_plan`]).
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// How often engine and legs did not agree and it had to be put right. Anything but 0 is a fault of the node.
    pub fn repairs(&self) -> u64 {
        self.repairs
    }

    pub(super) fn advance(&mut self, now: Instant) {
        debug_assert!(
            self.effects.len() + self.facts.len() < OUTBOX_MAX,
            "effects and facts are drained after each input"
        );
        self.now = self.now.max(now);
    }

    pub(super) fn tell(&mut self, fact: Fact) {
        self.facts.push_back(Stamped { at: self.now, fact });
    }

    /// Something had to be put right.
    pub(super) fn tell_repair(&mut self, kind: Repair, agent: Option<AgentId>, call: Option<CallId>) {
        self.repairs += 1;
        self.tell(Fact::Repaired { kind, agent, call });
    }

    pub(super) fn ask(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }
}
