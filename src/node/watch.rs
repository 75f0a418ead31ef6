//! The devices that a shard asks PBXs about, and how many it asks about at once. Data; `watching` does the asking.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::acd::{DeviceState, Direction};
use crate::base::{AgentId, Instant, PeerId, Pii, TimerKey};
use crate::config::{DeviceWatch, StaleDevice};
use crate::node::directory::Directory;
use crate::node::seen::Seen;
use crate::node::watched::{Knowledge, Watched};
use crate::sip::dialog_info::{Activity, Way};
use crate::sip::uri::Uri;

/// The devices of a shard.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) shards: u8,
    pub(super) devices: BTreeMap<AgentId, Device>,
    pub(super) windows: BTreeMap<PeerId, Window>,
    /// For the hub.
    pub(super) seen: VecDeque<(AgentId, Seen)>,
    pub(super) leaving: Leaving,
}

/// How far the end of a node's subscriptions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    No,
    Yes,
    Done,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) peer: PeerId,
    pub(super) uri: Arc<str>,
    pub(super) config: DeviceWatch,
    pub(super) machine: Watched,
    pub(super) timer: Option<(Instant, TimerKey)>,
    /// What the hub has been told.
    pub(super) told: Seen,
}

/// Who may ask one PBX.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) open: usize,
    pub(super) queue: VecDeque<AgentId>,
}

impl Watch {
    /// The devices of one of so many shards.
    pub(super) const fn new(shards: u8) -> Self {
        Self { shards, devices: BTreeMap::new(), windows: BTreeMap::new(), seen: VecDeque::new(), leaving: Leaving::No }
    }

    /// True when nothing of it keeps a node that drains.
    pub(super) fn has_left(&self) -> bool {
        match self.leaving {
            Leaving::No => self.devices.is_empty(),
            Leaving::Yes => false,
            Leaving::Done => true,
        }
    }
}

impl Device {
    /// What is to be told of it.
    pub(super) fn seen(&self, directory: &Directory) -> Seen {
        let unknown = match self.config.stale {
            StaleDevice::Routable => DeviceState::Unknown,
            StaleDevice::Unroutable => DeviceState::Stale,
        };
        let device = match self.machine.knowledge {
            Knowledge::Asked | Knowledge::Stale(_) => unknown,
            // A PBX that cannot tell says 486.
            Knowledge::Untold(_) | Knowledge::Ended => DeviceState::Unknown,
            Knowledge::Told => match self.machine.picture.activity() {
                None => unknown,
                Some(Activity::Idle) => DeviceState::Idle,
                Some(Activity::Away) => DeviceState::Offline,
                Some(Activity::Rings) => DeviceState::Ringing,
                Some(Activity::Calls { remote, .. }) if remote.is_some_and(|remote| is_agent(directory, remote)) => {
                    DeviceState::Busy(Direction::Internal)
                }
                Some(Activity::Calls { way: Way::Initiator, .. }) => DeviceState::Busy(Direction::Out),
                Some(Activity::Calls { way: Way::Recipient, .. }) => DeviceState::Busy(Direction::In),
            },
        };
        Seen { device, by: Some(self.machine.knowledge) }
    }
}

/// True when an agent of ours is called so.
fn is_agent(directory: &Directory, remote: &Pii<Box<str>>) -> bool {
    let number = Uri::parse(remote.expose().as_bytes()).ok().map(|uri| uri.number().into_owned());
    number.and_then(|number| String::from_utf8(number).ok()).is_some_and(|it| directory.agent_of_name(&it).is_some())
}
