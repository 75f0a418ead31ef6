//! Devices that are not there: no agent is offered a call behind one before its time, and none is unreachable without a reason.

use std::time::Duration;

use super::Reference;
use crate::acd::*;
use crate::base::{AgentId, Instant, PeerId};

/// What is known of one device.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// No call is tried before, without a sign of life.
    until: Option<Instant>,
    /// The last offer that did not reach it.
    noted: Option<Instant>,
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
        (self.until, self.noted) = (Some(now + pause), Some(now));
    }
}

impl Reference {
    pub(super) fn note_absence(&mut self, agent: AgentId) {
        let at = self.at;
        // Who is removed meanwhile is not rung again, and a neighbour that is down has its own law.
        let Some(plan) = self.rules.agents.get(&agent) else { return };
        if !self.down.contains(&plan.peer) {
            let busy_pause = plan.busy_pause;
            self.worker(agent).absence.note(at, busy_pause);
        }
    }

    /// Commands after which calls are taken to reach a device.
    pub(super) fn look_for_life(&mut self, now: Instant, command: &Command) {
        if let Command::DeviceAlive { agent } = command
            && self.is_heard(*agent, now)
        {
            self.presume_there(*agent);
        }
        if let Command::SetAgent { agent, .. } = command
            && !self.is_bound(*agent)
        {
            self.presume_there(*agent);
        }
    }

    /// A neighbour has gone down or come back: what it said of devices is old.
    pub(super) fn on_link(&mut self, peer: PeerId) {
        let behind: Vec<AgentId> = self.behind(peer);
        behind.into_iter().for_each(|agent| self.presume_there(agent));
    }

    pub(super) fn presume_there(&mut self, agent: AgentId) {
        if let Some(worker) = self.agents.get_mut(&agent) {
            worker.absence = Absence::default();
        }
    }

    fn behind(&self, peer: PeerId) -> Vec<AgentId> {
        self.rules.agents.values().filter(|plan| plan.peer == peer).map(|plan| plan.id).collect()
    }

    /// What is told of a device while it is rung or talks, and for a moment after a call did not reach it, may be of that call.
    fn is_heard(&self, agent: AgentId, now: Instant) -> bool {
        let noted = self.agents.get(&agent).and_then(|worker| worker.absence.noted);
        !self.is_bound(agent) && noted.is_none_or(|noted| now.since(noted) >= Duration::from_secs(1))
    }

    /// A wish of one who is bound to a call comes later.
    fn is_bound(&self, agent: AgentId) -> bool {
        use AgentState::{Consult, Hold, Reserved, Ringing, Talking};
        let state = self.agents.get(&agent).map(|worker| &worker.state);
        matches!(state, Some(Reserved | Ringing | Talking | Hold | Consult))
    }

    pub(super) fn on_device_told(&mut self, agent: AgentId, device: DeviceState) {
        let is_heard = self.is_heard(agent, self.at);
        let before = self.worker(agent).device.replace(device);
        assert_ne!(before, Some(device), "told again");
        let was_known = !matches!(before, None | Some(DeviceState::Unknown | DeviceState::Stale));
        let is_taken = matches!(device, DeviceState::Ringing | DeviceState::Busy(_));
        if is_heard && (is_taken || (was_known && device == DeviceState::Idle)) {
            self.presume_there(agent);
        }
    }

    /// How many others are tried because of it.
    pub(super) fn judge_presence(&mut self, agent: AgentId, to: &AgentState) -> u64 {
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
            AgentState::Talking if absence.offers > 0 => return self.on_found(agent),
            AgentState::NotReady(Reason::Failed) => {}
            AgentState::NotReady(_) | AgentState::LoggedOut => *absence = Absence::default(),
            AgentState::Talking
            | AgentState::Unreachable
            | AgentState::Ringing
            | AgentState::Hold
            | AgentState::Consult
            | AgentState::OtherCall(_)
            | AgentState::WrapUp => {}
        }
        0
    }

    /// Somebody who was absent has answered: others behind the same neighbour are tried.
    fn on_found(&mut self, agent: AgentId) -> u64 {
        self.presume_there(agent);
        let (at, mut tried) = (self.at, 0);
        let Some(peer) = self.rules.agents.get(&agent).map(|plan| plan.peer) else { return tried };
        for other in self.behind(peer) {
            let worker = self.worker(other);
            let is_absent = worker.absence.until.is_some_and(|until| until > at);
            tried += u64::from(is_absent && worker.state == AgentState::Unreachable);
            (worker.absence.until, worker.absence.noted) = (None, None);
        }
        tried
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
