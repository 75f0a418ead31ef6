//! Devices that are not there: no agent is offered a call behind one before its time, and none is unreachable without a reason.

use std::time::Duration;

use super::Reference;
use crate::acd::*;
use crate::base::{AgentId, Instant};

/// What is known of one device.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// No call is tried before, without a sign of life.
    until: Option<Instant>,
    /// Offers in a row that did not reach it.
    offers: u32,
}

impl Absence {
    fn note(&mut self, now: Instant, busy_pause: Duration) {
        let mut pause = busy_pause.max(Duration::from_secs(1));
        let longest = pause.max(Duration::from_secs(300));
        for _ in 0..self.offers {
            pause = (pause * 2).min(longest);
        }
        self.offers += 1;
        self.until = Some(now + pause);
    }
}

impl Reference {
    pub(super) fn note_absence(&mut self, agent: AgentId) {
        let at = self.at;
        // Who is removed meanwhile is not rung again.
        let busy_pause = self.rules.agents.get(&agent).map_or(Duration::ZERO, |plan| plan.busy_pause);
        self.worker(agent).absence.note(at, busy_pause);
    }

    /// Commands after which calls are taken to reach a device.
    pub(super) fn look_for_life(&mut self, command: &Command) {
        let agent = match command {
            Command::DeviceAlive { agent } => *agent,
            Command::SetAgent { agent, .. } if !self.is_bound(*agent) => *agent,
            _ => return,
        };
        if let Some(worker) = self.agents.get_mut(&agent) {
            worker.absence = Absence::default();
        }
    }

    /// A wish of one who is bound to a call comes later.
    fn is_bound(&self, agent: AgentId) -> bool {
        use AgentState::{Consult, Hold, Reserved, Ringing, Talking};
        let state = self.agents.get(&agent).map(|worker| &worker.state);
        matches!(state, Some(Reserved | Ringing | Talking | Hold | Consult))
    }

    pub(super) fn on_device_told(&mut self, agent: AgentId, device: DeviceState) {
        let worker = self.worker(agent);
        let before = worker.device.replace(device);
        assert_ne!(before, Some(device), "told again");
        let was_known = !matches!(before, None | Some(DeviceState::Unknown | DeviceState::Stale));
        let is_taken = matches!(device, DeviceState::Ringing | DeviceState::Busy(_));
        if is_taken || (was_known && device == DeviceState::Idle) {
            worker.absence = Absence::default();
        }
    }

    pub(super) fn judge_presence(&mut self, agent: AgentId, to: &AgentState) {
        let at = self.at;
        let absence = &mut self.worker(agent).absence;
        match to {
            AgentState::Ready | AgentState::Reserved => {
                assert!(
                    absence.until.is_none_or(|until| until <= at),
                    "{agent} is {to:?} before its time: {absence:?}"
                );
                absence.until = None;
            }
            AgentState::NotReady(Reason::Failed) => {}
            AgentState::NotReady(_) | AgentState::LoggedOut | AgentState::Talking => *absence = Absence::default(),
            AgentState::Unreachable
            | AgentState::Ringing
            | AgentState::Hold
            | AgentState::Consult
            | AgentState::OtherCall(_)
            | AgentState::WrapUp => {}
        }
    }

    /// Nobody is unreachable for ever: its neighbour is down, its device is told to be away, or its pause goes on.
    pub(super) fn judge_unreachable(&self) {
        for (agent, worker) in self.agents.iter().filter(|(_, worker)| worker.state == AgentState::Unreachable) {
            let plan = &self.rules.agents[agent];
            let is_away = matches!(worker.device, Some(DeviceState::Offline | DeviceState::Stale));
            let is_absent = worker.absence.until.is_some_and(|until| until > self.timed);
            let why = (self.down.contains(&plan.peer), is_away, is_absent);
            assert!(why != (false, false, false), "{agent} is unreachable for no reason");
        }
    }
}
