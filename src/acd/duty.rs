//! Agents: every change of an agent's state passes through [`Engine::begin`], which keeps the idle index, the agent's one
//! timer and the fact in step.

use std::time::Duration;

use crate::acd::agent::{Contract, Duty, Offer, Phase, Standing};
use crate::acd::engine::{Engine, Link, Timer};
use crate::acd::message::{Actor, AgentTarget, Fact, OfferCause};
use crate::acd::plan::AgentState;
use crate::acd::strategy::History;
use crate::base::{AgentId, PeerId};

impl Engine {
    pub(super) fn on_set_agent(&mut self, agent: AgentId, target: AgentTarget, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        match row.duty {
            Duty::LoggedOut | Duty::NotReady(_) => self.obey(agent, target, by),
            Duty::Ready(_) | Duty::Unreachable => match target {
                AgentTarget::Ready => {}
                AgentTarget::NotReady(_) | AgentTarget::LoggedOut => self.obey(agent, target, by),
            },
            Duty::WrapUp(_) => {
                row.wish = Some((target, by));
                self.tell_wrap_up_ended(agent);
                self.settle(agent);
            }
            Duty::Talking(_) => row.wish = wish(target, by),
            Duty::Offering(Offer { call, phase, .. }) => {
                let gone = target == AgentTarget::LoggedOut && phase == Phase::Open;
                row.wish = wish(target, by);
                if gone {
                    self.cancel_offer(agent, OfferCause::AgentGone);
                    self.offer_or_wait(call);
                }
            }
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
        // All are listed before anybody is matched, so that the longest waiting call meets the agent whose turn it is.
        self.relink(&agents);
    }

    /// Puts each agent who wishes calls where its neighbour's link says. The halls of those who came back are to be settled.
    pub(super) fn relink(&mut self, agents: &[AgentId]) {
        for &agent in agents {
            let Some(row) = self.agents.get(agent) else { continue };
            match (&row.duty, self.link(row.peer)) {
                (Duty::Ready(_), Link::Down) => self.begin(agent, Duty::Unreachable, Actor::Engine),
                (Duty::Unreachable, Link::Up) => {
                    self.begin(agent, Duty::Ready(Standing::Aside), Actor::Engine);
                    self.list(agent);
                    self.matching.unsettle_around(agent);
                }
                (Duty::Ready(_), Link::Up)
                | (Duty::Unreachable, Link::Down)
                | (
                    Duty::LoggedOut | Duty::NotReady(_) | Duty::Offering(_) | Duty::Talking(_) | Duty::WrapUp(_),
                    Link::Up | Link::Down,
                ) => {}
            }
        }
    }

    pub(super) fn on_wrap_up_over(&mut self, agent: AgentId) {
        let Some(Duty::WrapUp(_)) = self.timed_out(agent) else { return };
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
            Some((target, by)) => self.obey(agent, target, by),
            None => self.wish_calls(agent, Actor::Engine),
        }
    }

    /// Ready, but not offered anything for a moment.
    pub(super) fn hold_off(&mut self, agent: AgentId, pause: Duration) {
        let Some(row) = self.agents.get(agent) else { return };
        if self.link(row.peer) == Link::Down {
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
        if let Some(peer) = self.peers.get_mut(&row.peer) {
            peer.agents.remove(&agent);
        }
    }

    /// Ready where the neighbour answers, and matched with the best call over all the queues it serves.
    pub(super) fn wish_calls(&mut self, agent: AgentId, by: Actor) {
        if self.stand_up(agent, by) == Link::Down {
            return;
        }
        match self.matching.best_call(agent) {
            Some((place, line)) => {
                self.take(place.call, line, agent);
                self.matching.unwait(line, &place);
                self.reserve(agent, place.call);
            }
            None => self.list(agent),
        }
    }

    /// Ready where the neighbour answers, unreachable where it does not; listed nowhere yet.
    pub(super) fn stand_up(&mut self, agent: AgentId, by: Actor) -> Link {
        let Some(row) = self.agents.get_mut(agent) else { return Link::Down };
        row.history.idle_since.get_or_insert(self.now);
        let peer = row.peer;
        let link = self.link(peer);
        let duty = match link {
            Link::Up => Duty::Ready(Standing::Aside),
            Link::Down => Duty::Unreachable,
        };
        self.begin(agent, duty, by);
        link
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
        self.matching.log(agent, !matches!(duty, Duty::LoggedOut));
        row.duty = duty;
        self.tell_state(agent, from, by);
    }

    /// Changes the offer an agent is reserved by; its timer runs on.
    pub(super) fn change_offer(&mut self, agent: AgentId, offer: Offer) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let from = row.duty.state();
        row.duty = Duty::Offering(offer);
        self.tell_state(agent, from, Actor::Engine);
    }

    /// Arms the agent's one timer, in place of what was armed.
    pub(super) fn arm(&mut self, agent: AgentId, delay: Duration, timer: fn(AgentId) -> Timer) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        if let Some(key) = row.timer.take() {
            self.timers.cancel(key);
        }
        row.timer = Some(self.timers.arm(self.now + delay, timer(agent)));
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

    fn obey(&mut self, agent: AgentId, target: AgentTarget, by: Actor) {
        match target {
            AgentTarget::Ready => self.wish_calls(agent, by),
            AgentTarget::NotReady(reason) => self.begin(agent, Duty::NotReady(reason), by),
            AgentTarget::LoggedOut => {
                self.begin(agent, Duty::LoggedOut, by);
                if let Some(row) = self.agents.get_mut(agent) {
                    row.history = History::default();
                }
            }
        }
    }

    fn tell_state(&mut self, agent: AgentId, from: AgentState, by: Actor) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        let to = row.duty.state();
        if from == to {
            return;
        }
        let spent = self.now.since(row.since);
        row.since = self.now;
        self.tell(Fact::AgentState { agent, from, to, spent, by });
    }

    fn tell_wrap_up_ended(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get(agent) else { return };
        let Duty::WrapUp(queue) = row.duty else { return };
        self.tell(Fact::WrapUpEnded { queue, agent, wrap_up: self.now.since(row.since) });
    }
}

/// Ready is what follows anyway, so that wishing it takes back what was wished before.
fn wish(target: AgentTarget, by: Actor) -> Option<(AgentTarget, Actor)> {
    match target {
        AgentTarget::Ready => None,
        AgentTarget::NotReady(_) | AgentTarget::LoggedOut => Some((target, by)),
    }
}
