//! Devices that are not there: the PBX that an agent is rung through has said that calls do not reach the device. The agent is
//! unreachable, not at fault, until the device shows life, its neighbour comes back, a reload, or somebody sets the agent;
//! without any of these, one call is tried after a pause that grows.

use std::time::Duration;

use crate::acd::agent::{Absence, Agent, Hold};
use crate::acd::engine::{Engine, Link, Timer};
use crate::acd::message::Actor;
use crate::acd::plan::DeviceState;
use crate::base::{AgentId, Instant};

/// The first pause is the agent's `busy_pause`, and at least this.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause, where `busy_pause` is not longer.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// What is told of a device so soon after an offer may be of that offer: taken for life, it would have the device rung as fast
/// as its PBX refuses.
const ECHO: Duration = Duration::from_secs(1);

impl Engine {
    /// A call did not reach the agent's device.
    pub(super) fn absent(&mut self, agent: AgentId) {
        self.presume_gone(agent);
        self.wish_calls(agent, Actor::Engine);
    }

    fn presume_gone(&mut self, agent: AgentId) {
        let now = self.now;
        let Some(row) = self.agents.get_mut(agent) else { return };
        // A neighbour that is down is a matter of its own.
        if self.peers.get(&row.peer).is_some_and(|peer| peer.link == Link::Down) {
            return;
        }
        let until = now + pause(row.busy_pause, row.absences);
        row.absences = row.absences.saturating_add(1);
        if let Some(old) = row.absent.take() {
            self.timers.cancel(old.timer);
        }
        row.absent = Some(Absence { since: now, until, timer: self.timers.arm(until, Timer::Absent(agent)) });
    }

    /// The pause is over: a call may be tried.
    pub(super) fn on_absence_over(&mut self, agent: AgentId) {
        self.try_again(agent);
        self.stand_anew(&[agent]);
    }

    /// The device has shown life.
    pub(super) fn on_alive(&mut self, agent: AgentId) {
        if self.agents.get(agent).is_none_or(|row| row.may_echo(self.now)) {
            return;
        }
        self.presume_there(agent);
        self.stand_anew(&[agent]);
    }

    /// Calls are taken to reach the device again. Where the agent stands is for the caller of this.
    pub(super) fn presume_there(&mut self, agent: AgentId) {
        self.try_again(agent);
        if let Some(row) = self.agents.get_mut(agent) {
            row.absences = 0;
        }
    }

    /// The agent has answered. Where calls did not reach the device before, its neighbour reaches devices again, and one call is
    /// tried at each other behind it.
    pub(super) fn found(&mut self, agent: AgentId) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        if std::mem::take(&mut row.absences) == 0 {
            return;
        }
        let Some(peer) = self.peers.get(&row.peer) else { return };
        let is_absent = |id: &AgentId| self.agents.get(*id).is_some_and(|row| row.absent.is_some());
        let absent: Vec<AgentId> = peer.agents.iter().copied().filter(is_absent).collect();
        absent.iter().for_each(|id| self.try_again(*id));
        self.stand_anew(&absent);
    }

    /// One call may be tried at the device.
    fn try_again(&mut self, agent: AgentId) {
        if let Some(absence) = self.agents.get_mut(agent).and_then(|row| row.absent.take()) {
            self.timers.cancel(absence.timer);
        }
    }
}

impl Agent {
    /// True while what is told of the device may be of an offer of ours.
    pub(super) fn may_echo(&self, now: Instant) -> bool {
        self.duty.hold() != Hold::Nothing || self.absent.is_some_and(|absence| now.since(absence.since) < ECHO)
    }
}

/// How long an agent is left alone after so many offers before that did not reach the device either.
fn pause(first: Duration, before: u32) -> Duration {
    let first = first.max(PAUSE_MIN);
    first.saturating_mul(1 << before.min(16)).min(PAUSE_MAX.max(first))
}

/// True when a change of what is told of a device is the device's own doing. Whoever begins or ceases to be told says nothing of
/// it.
pub(super) const fn shows_life(before: DeviceState, after: DeviceState) -> bool {
    match after {
        DeviceState::Ringing | DeviceState::Busy(_) => true,
        DeviceState::Idle => before.is_known(),
        DeviceState::Unknown | DeviceState::Offline | DeviceState::Stale => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let secs = Duration::from_secs;
        let pauses: Vec<Duration> = (0..9).map(|before| pause(secs(5), before)).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300].map(secs));
        assert_eq!(pause(Duration::ZERO, 0), secs(1), "never in a tight loop");
        assert_eq!(pause(secs(600), 3), secs(600));
        assert_eq!(pause(secs(5), u32::MAX), secs(300));
    }
}
