//! What PBXs say of agents' devices, as the hub knows it: how that is known, for the supervisor; what the device does goes on to
//! the ACD engine, which knows when it is our own call that the PBX sees.

use std::collections::BTreeMap;

use std::time::Duration;

use crate::acd::DeviceState;
use crate::base::{AgentId, CallId, Instant};
use crate::node::watched::{Knowledge, Lost};

/// What a shard has found out about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// What it does, or what follows from not knowing.
    pub(super) device: DeviceState,
    /// How that is known; `None`: nobody is asked.
    pub(super) by: Option<Knowledge>,
}

impl Seen {
    /// Nobody is asked.
    pub(super) const NOTHING: Self = Self { device: DeviceState::Unknown, by: None };
}

/// The devices that PBXs are asked about.
#[derive(Debug, Default)]
pub(super) struct Devices {
    seen: BTreeMap<AgentId, Seen>,
    /// Devices that went idle amid a talk, and when that is to mean something.
    leaving: BTreeMap<AgentId, (Instant, Talk)>,
}

/// The talk of an agent, by its call and its offer's epoch.
pub(super) type Talk = (CallId, u32);

/// Who hangs up has an idle device, too, and the BYE comes by another way: only after this time the PBX has handed the call on.
const LEFT_AFTER: Duration = Duration::from_secs(1);

impl Devices {
    /// A shard has found out something about a device, whose agent is in this talk.
    pub(super) fn put(&mut self, now: Instant, agent: AgentId, seen: Seen, talk: Option<Talk>) {
        let before = match seen.by {
            Some(_) => self.seen.insert(agent, seen),
            None => self.seen.remove(&agent),
        };
        let left = before.is_some_and(|before| before.device.is_taken()) && seen.device == DeviceState::Idle;
        match talk.filter(|_| left) {
            Some(talk) => self.leaving.insert(agent, (now + LEFT_AFTER, talk)),
            None => self.leaving.remove(&agent),
        };
    }

    /// The next device that has been idle for so long that its talk, if that goes on, goes on without it.
    pub(super) fn pop_left(&mut self, now: Instant) -> Option<(AgentId, Talk)> {
        let (agent, (_, talk)) =
            self.leaving.iter().find(|(_, (at, _))| *at <= now).map(|(agent, it)| (*agent, *it))?;
        self.leaving.remove(&agent);
        Some((agent, talk))
    }

    /// When [`Devices::pop_left`] is wanted.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.leaving.values().map(|(at, _)| *at).min()
    }

    /// True when a PBX says what the agent's device does.
    pub(super) fn knows(&self, agent: AgentId) -> bool {
        self.seen.get(&agent).is_some_and(|seen| seen.by == Some(Knowledge::Told))
    }

    /// How the state of an agent's device is known; `None`: nobody is asked.
    pub(super) fn how(&self, agent: AgentId) -> Option<String> {
        Some(match self.seen.get(&agent)?.by? {
            Knowledge::Asked => "not told yet".to_string(),
            Knowledge::Told => "told".to_string(),
            Knowledge::Stale(lost) => format!("stale: {}", why(lost)),
            Knowledge::Untold(status) => format!("the PBX cannot tell: {status}"),
            Knowledge::Ended => "the PBX will not tell".to_string(),
        })
    }
}

/// Why an agent is unreachable whose neighbour answers.
pub(super) const fn why_not_rung(device: DeviceState, is_absent: bool) -> Option<&'static str> {
    match device {
        DeviceState::Stale => Some("the PBX does not tell what the device does"),
        DeviceState::Offline => Some("the device is offline"),
        DeviceState::Unknown | DeviceState::Idle | DeviceState::Ringing | DeviceState::Busy(_) if is_absent => {
            Some("calls do not reach the device")
        }
        DeviceState::Unknown | DeviceState::Idle | DeviceState::Ringing | DeviceState::Busy(_) => None,
    }
}

/// Why nothing is known any more, in words.
fn why(lost: Lost) -> String {
    match lost {
        Lost::Down => "the PBX does not answer OPTIONS".to_string(),
        Lost::Unanswered => "no answer to SUBSCRIBE".to_string(),
        Lost::Refused(status) => format!("SUBSCRIBE was answered {status}"),
        Lost::Silent => "no NOTIFY came".to_string(),
        Lost::Unreadable(why) => format!("the NOTIFY has {why}"),
        Lost::Wordless => "the NOTIFY says nothing of the device".to_string(),
        Lost::Lapsed => "the subscription has run out".to_string(),
        Lost::Ended => "the subscription was ended".to_string(),
    }
}
