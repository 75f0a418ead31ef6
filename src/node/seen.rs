//! What PBXs say of agents' devices, as the hub knows it: how that is known, for the supervisor; what the device does goes on to
//! the ACD engine, which knows when it is our own call that the PBX sees.

use std::collections::BTreeMap;

use crate::acd::DeviceState;
use crate::base::AgentId;
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
}

impl Devices {
    /// A shard has found out something about a device.
    pub(super) fn put(&mut self, agent: AgentId, seen: Seen) {
        match seen.by {
            Some(_) => self.seen.insert(agent, seen),
            None => self.seen.remove(&agent),
        };
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
pub(super) const fn why_not_rung(device: DeviceState) -> Option<&'static str> {
    match device {
        DeviceState::Stale => Some("the PBX does not tell what the device does"),
        DeviceState::Offline => Some("the device is offline"),
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
        Lost::Lapsed => "the subscription has run out".to_string(),
        Lost::Ended => "the subscription was ended".to_string(),
    }
}
