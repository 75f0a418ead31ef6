//! Agents: every change of an agent's state passes through [`Engine::begin`], which keeps the idle index, the agent's one
//! timer and the fact in step.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::absence::shows_life;
use crate::acd::agent::{Agent, Contract, Duty, Hold, Offer, Phase, Standing, Wish};
use crate::acd::engine::{Engine, Link, Timer};
use crate::acd::fact::Fact;
use crate::acd::message::{Actor, AgentTarget};
use crate::acd::outcome::OfferCause;
use crate::acd::plan::{AgentState, DeviceState, Direction};
use crate::acd::strategy::History;
use crate::acd::workday::Workday;
use crate::base::limits::WRAP_UP_MAX;
use crate::base::{AgentId, PeerId};

/// A device is taken at its word so long after our call with it has begun or ended: its PBX tells of it by a way of its own.
const GRACE: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn on_set_agent(&mut self, agent: AgentId, wish: Wish) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        match row.duty {
            Duty::LoggedOut | Duty::NotReady(_) => self.obey(agent, wish),
            Duty::Ready(_) | Duty::Unreachable | Duty::Elsewhere(_) => match wish.target {
                // A call is tried at once where none reached the device.
                AgentTarget::Ready if row.absent.is_some() => self.obey(agent, wish),
                AgentTarget::Ready => row.absences = 0,
                AgentTarget::NotReady(_) | AgentTarget::LoggedOut => self.obey(agent, wish),
            },
            Duty::WrapUp { .. } => {
                row.wish = Some(wish);
                self.tell_wrap_up_ended(agent);
                self.settle(agent);
            }
            Duty::Talking(_) => {
                row.wish = kept(wish);
                self.weigh_callers_of(agent);
            }
            Duty::Offering(Offer { call, phase, .. }) => {
                let gone = wish.target == AgentTarget::LoggedOut && phase == Phase::Open;
                row.wish = kept(wish);
                self.weigh_callers_of(agent);
                if gone {
                    self.cancel_offer(agent, OfferCause::AgentGone);
                    self.go_on(call);
                }
            }
        }
    }

    /// The wrap-up that runs ends later; the one that follows a talk will be longer.
    pub(super) fn on_extend_wrap_up(&mut self, agent: AgentId, more: Duration, by: Actor) {
        let now = self.now;
        let Some(row) = self.agents.get_mut(agent) else { return };
        let queue = match &mut row.duty {
            Duty::Talking(talk) => {
                talk.wrap_up = talk.wrap_up.saturating_add(more).min(WRAP_UP_MAX);
                talk.queue
            }
            Duty::WrapUp { queue, until } => {
                let (queue, end) = (*queue, (*until + more).min(row.since + WRAP_UP_MAX));
                *until = end;
                self.arm(agent, end.since(now), Timer::WrapUp);
                queue
            }
            Duty::LoggedOut
            | Duty::NotReady(_)
            | Duty::Ready(_)
            | Duty::Unreachable
            | Duty::Elsewhere(_)
            | Duty::Offering(_) => return,
        };
        self.tell(Fact::WrapUpExtended { queue, agent, more, by });
    }

    pub(super) fn on_end_wrap_up(&mut self, agent: AgentId, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let Duty::WrapUp { .. } = row.duty else { return };
        row.wish.get_or_insert(Wish { target: AgentTarget::Ready, by, lasts: None });
        self.tell_wrap_up_ended(agent);
        self.settle(agent);
    }

    /// Somebody outside says what the device does: an agent whose device is taken is offered nothing.
    pub(super) fn on_device(&mut self, agent: AgentId, device: DeviceState, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let before = std::mem::replace(&mut row.device, device);
        if before == device {
            return;
        }
        let is_alive = shows_life(before, device) && !row.may_echo(self.now);
        // What was left of our call has been said to be over.
        let ended = row.grace.filter(|_| !device.is_taken() && row.duty.hold() == Hold::Nothing);
        if let Some(timer) = ended {
            row.grace = None;
            self.timers.cancel(timer);
        }
        self.tell(Fact::Device { agent, device, by });
        if is_alive {
            self.presume_there(agent);
        }
        self.look_at_device(agent);
    }

    /// The device is taken at its word again.
    pub(super) fn on_grace_over(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.grace = None;
        self.look_at_device(agent);
    }

    /// Whether the agent may be rung goes by what its device does.
    fn look_at_device(&mut self, agent: AgentId) {
        self.stand_anew(&[agent]);
        let new = self.agents.get_mut(agent).and_then(Agent::new_disagreement);
        self.tell_disagreement(agent, new);
    }

    pub(super) fn on_set_team(&mut self, agent: AgentId, team: Option<Arc<str>>, by: Actor) {
        if self.agents.get(agent).is_some() {
            self.tell(Fact::AgentTeam { agent, team, by });
        }
    }

    /// Agents behind a silent neighbour are unreachable; behind one that answers again they are ready, in their old turn.
    pub(super) fn on_peer(&mut self, peer: PeerId, link: Link) {
        let row = self.peers.entry(peer).or_default();
        if row.link == link {
            return;
        }
        row.link = link;
        let agents: Vec<AgentId> = row.agents.iter().copied().collect();
        self.tell(Fact::PeerState { peer, up: link == Link::Up });
        // What it said of devices was before.
        agents.iter().for_each(|agent| self.presume_there(*agent));
        // All are listed before anybody is matched, so that the longest waiting call meets the agent whose turn it is.
        self.stand_anew(&agents);
    }

    /// Puts each agent who wishes calls where its neighbour's link and its device say. The halls of those who came back are to
    /// be settled.
    pub(super) fn stand_anew(&mut self, agents: &[AgentId]) {
        for &agent in agents {
            let Some(row) = self.agents.get(agent) else { continue };
            if !matches!(row.duty, Duty::Ready(_) | Duty::Unreachable | Duty::Elsewhere(_)) {
                continue;
            }
            let duty = self.wishing(row);
            if duty.state() == row.duty.state() {
                continue;
            }
            let is_ready = matches!(duty, Duty::Ready(_));
            self.begin(agent, duty, Actor::Engine);
            if is_ready {
                self.list(agent);
                self.matching.unsettle_around(agent);
            }
        }
    }

    pub(super) fn on_wrap_up_over(&mut self, agent: AgentId) {
        let Some(Duty::WrapUp { .. }) = self.timed_out(agent) else { return };
        self.tell_wrap_up_ended(agent);
        self.settle(agent);
    }

    pub(super) fn on_pause_over(&mut self, agent: AgentId) {
        let Some(Duty::NotReady(_) | Duty::Ready(Standing::Aside)) = self.timed_out(agent) else { return };
        self.wish_calls(agent, Actor::Engine);
    }

    /// What an agent does when nothing keeps it any more: what was wished meanwhile, else it wishes calls.
    pub(super) fn settle(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.history.at_rest(self.now);
        if row.contract == Contract::Leaving {
            return self.dismiss(agent);
        }
        match row.wish.take() {
            Some(wish) => self.obey(agent, wish),
            None => self.wish_calls(agent, Actor::Engine),
        }
    }

    /// Ready, but not offered anything for a moment.
    pub(super) fn hold_off(&mut self, agent: AgentId, pause: Duration) {
        let Some(row) = self.agents.get(agent) else { return };
        if !matches!(self.wishing(row), Duty::Ready(_)) {
            return self.wish_calls(agent, Actor::Engine);
        }
        self.begin(agent, Duty::Ready(Standing::Aside), Actor::Engine);
        self.arm(agent, pause, Timer::HoldOff);
    }

    /// Forgets a removed agent.
    pub(super) fn dismiss(&mut self, agent: AgentId) {
        self.begin(agent, Duty::LoggedOut, Actor::Engine);
        self.matching.dismiss(agent);
        let Some(row) = self.agents.remove(agent) else { return };
        for timer in row.grace.into_iter().chain(row.absent.map(|absence| absence.timer)) {
            self.timers.cancel(timer);
        }
        if let Some(peer) = self.peers.get_mut(&row.peer) {
            peer.agents.remove(&agent);
        }
    }

    /// Ready where the neighbour answers and the device is free, and matched with the best call over all the queues it serves.
    pub(super) fn wish_calls(&mut self, agent: AgentId, by: Actor) {
        if !self.stand_up(agent, by) {
            return;
        }
        match self.matching.best_call(agent) {
            Some((place, among)) => {
                self.take(place.call, among, agent);
                self.reserve(agent, place.call);
            }
            None => self.list(agent),
        }
    }

    /// Ready where the neighbour answers and the device is free; listed nowhere yet. True when ready.
    pub(super) fn stand_up(&mut self, agent: AgentId, by: Actor) -> bool {
        let Some(row) = self.agents.get_mut(agent) else { return false };
        row.history.idle_since.get_or_insert(self.now);
        let Some(row) = self.agents.get(agent) else { return false };
        let duty = self.wishing(row);
        let is_ready = matches!(duty, Duty::Ready(_));
        self.begin(agent, duty, by);
        is_ready
    }

    /// What an agent does who wishes calls.
    pub(super) fn wishing(&self, row: &Agent) -> Duty {
        match (self.link(row.peer), row.own_device()) {
            (Link::Down, _) | (Link::Up, DeviceState::Offline | DeviceState::Stale) => Duty::Unreachable,
            (Link::Up, DeviceState::Busy(direction)) => Duty::Elsewhere(direction),
            (Link::Up, DeviceState::Ringing) => Duty::Elsewhere(Direction::In),
            (Link::Up, DeviceState::Unknown | DeviceState::Idle) if row.absent.is_some() => Duty::Unreachable,
            (Link::Up, DeviceState::Unknown | DeviceState::Idle) => Duty::Ready(Standing::Aside),
        }
    }

    /// Changes what an agent does: leaves the idle index, stops the timer of what it did, and tells a new state.
    pub(super) fn begin(&mut self, agent: AgentId, duty: Duty, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        if matches!(row.duty, Duty::Ready(Standing::Listed)) {
            self.matching.unlist(agent);
        }
        if let Some(key) = row.timer.take() {
            self.timers.cancel(key);
        }
        let from = row.duty.state();
        let presence = duty.presence();
        if presence != row.duty.presence() {
            self.matching.log(agent, presence);
        }
        let leaves = matches!(duty, Duty::LoggedOut | Duty::NotReady(_) | Duty::Unreachable);
        let held = std::mem::replace(&mut row.duty, duty).hold();
        if held != row.duty.hold() {
            self.renew_grace(agent);
        }
        self.tell_state(agent, from, by);
        if leaves {
            self.weigh_callers_of(agent);
        }
    }

    /// We have just begun or ended something with the device: where somebody tells of it, that needs a moment.
    fn renew_grace(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        if let Some(old) = row.grace.take() {
            self.timers.cancel(old);
        }
        if row.device.is_known() && row.duty.hold() != Hold::Rings {
            row.grace = Some(self.timers.arm(self.now + GRACE, Timer::Grace(agent)));
        }
    }

    /// Changes the offer or talk that binds an agent; its timer runs on.
    pub(super) fn change(&mut self, agent: AgentId, duty: Duty) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let from = row.duty.state();
        row.duty = duty;
        self.tell_state(agent, from, Actor::Engine);
    }

    /// Arms the agent's one timer, in place of what was armed.
    pub(super) fn arm(&mut self, agent: AgentId, delay: Duration, timer: fn(AgentId) -> Timer) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        if let Some(key) = row.timer.take() {
            self.timers.cancel(key);
        }
        row.until = self.now + delay;
        row.timer = Some(self.timers.arm(row.until, timer(agent)));
    }

    /// The duty whose timer has just fired.
    pub(super) fn timed_out(&mut self, agent: AgentId) -> Option<&Duty> {
        let row = self.agents.get_mut(agent)?;
        row.timer = None;
        Some(&row.duty)
    }

    pub(super) fn link(&self, peer: PeerId) -> Link {
        self.peers.get(&peer).map_or(Link::Up, |peer| peer.link)
    }

    /// Enters the index of those who wait for a call.
    pub(super) fn list(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.duty = Duty::Ready(Standing::Listed);
        self.matching.list(agent, &row.history);
    }

    fn obey(&mut self, agent: AgentId, wish: Wish) {
        let Wish { target, by, lasts } = wish;
        if let Some(row) = self.agents.get_mut(agent) {
            row.no_answers = 0;
        }
        self.presume_there(agent);
        match target {
            AgentTarget::Ready => self.wish_calls(agent, by),
            AgentTarget::NotReady(reason) => {
                self.begin(agent, Duty::NotReady(reason), by);
                if let Some(lasts) = lasts {
                    self.arm(agent, lasts, Timer::Return);
                }
            }
            AgentTarget::LoggedOut => {
                self.begin(agent, Duty::LoggedOut, by);
                if let Some(row) = self.agents.get_mut(agent) {
                    row.history = History::new(self.plan.occupancy_window);
                    row.workday = Workday::default();
                }
            }
        }
    }

    fn tell_state(&mut self, agent: AgentId, from: AgentState, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let to = row.duty.state();
        let disagreement = row.new_disagreement();
        if from != to {
            // What its device and its neighbour do sets nobody's state: who had the agent take calls is still known.
            if by != Actor::Engine || !(takes_calls(&from) && takes_calls(&to)) {
                row.by = by.clone();
            }
            let spent = self.now.since(row.since);
            row.since = self.now;
            row.workday = row.workday.after(&from, spent);
            self.tell(Fact::AgentState { agent, from, to, spent, by });
        } else if by != Actor::Engine {
            row.by = by;
        }
        self.tell_disagreement(agent, disagreement);
    }

    /// Tells when the device begins or ceases to contradict the state.
    fn tell_disagreement(&mut self, agent: AgentId, new: Option<(DeviceState, bool)>) {
        if let Some((device, disagrees)) = new {
            self.tell(Fact::Disagreement { agent, device, disagrees });
        }
    }

    fn tell_wrap_up_ended(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get(agent) else { return };
        let Duty::WrapUp { queue, .. } = row.duty else { return };
        let wrap_up = self.now.since(row.since);
        self.tell(Fact::WrapUpEnded { queue, agent, wrap_up });
        self.note_wrap_up(queue, wrap_up);
    }
}

/// True while an agent wishes calls and has none: which of these states it is in goes by its device and its neighbour.
const fn takes_calls(state: &AgentState) -> bool {
    matches!(state, AgentState::Ready | AgentState::Unreachable | AgentState::OtherCall(_))
}

/// Ready is what follows anyway, so that wishing it takes back what was wished before.
fn kept(wish: Wish) -> Option<Wish> {
    match wish.target {
        AgentTarget::Ready => None,
        AgentTarget::NotReady(_) | AgentTarget::LoggedOut => Some(wish),
    }
}
