//! What supervisors have changed of queues that shards decide by: whether a queue takes callers, their priority, and
//! whether each may ring several agents. It lies over the configuration and its reloads, as the engine's own overrides do,
//! and goes with its queue or its process.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::strategy::{self, Ring};
use crate::acd::{QueueSetting, QueueState};
use crate::base::QueueId;
use crate::base::limits::OFFERS_OPEN_MAX;
use crate::node::directory::Directory;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RunTime(BTreeMap<QueueId, Change>);

#[derive(Debug, Clone, Copy, Default)]
struct Change {
    state: Option<QueueState>,
    priority: Option<i32>,
    /// In thousandths.
    target: Option<u16>,
    /// By its strategy, a call of the queue rings several agents at once.
    rings_several: bool,
}

impl RunTime {
    /// Notes what shards must know of a setting; false when it does not concern them.
    pub(super) fn set(&mut self, queue: QueueId, setting: QueueSetting) -> bool {
        match setting {
            QueueSetting::State(state) => self.change(queue).state = Some(state),
            QueueSetting::Priority(priority) => self.change(queue).priority = Some(priority),
            QueueSetting::Target(target) => self.change(queue).target = Some(target),
            QueueSetting::Strategy(strategy) => {
                self.change(queue).rings_several = strategy::ring_of(strategy) != Ring::One;
            }
            QueueSetting::Defaults => drop(self.0.remove(&queue)),
            QueueSetting::Threshold(_)
            | QueueSetting::Weight(_)
            | QueueSetting::Reserve(_)
            | QueueSetting::ReserveThresholds(_) => return false,
        }
        true
    }

    fn change(&mut self, queue: QueueId) -> &mut Change {
        self.0.entry(queue).or_default()
    }

    /// Whether the priority and the target of a queue have been set.
    pub(super) fn has(&self, queue: QueueId) -> [bool; 2] {
        self.0.get(&queue).map_or([false; 2], |change| [change.priority.is_some(), change.target.is_some()])
    }

    /// Makes the changes hold in a directory, and forgets those of queues that it has no more.
    pub(super) fn lay_over(&mut self, directory: &mut Directory) {
        self.0.retain(|id, _| directory.has_queue(*id));
        for (id, change) in &self.0 {
            let config = Arc::make_mut(directory.config_mut(*id));
            config.state = change.state.unwrap_or(config.state);
            config.priority = change.priority.unwrap_or(config.priority);
            config.target = change.target.map_or(config.target, |target| f64::from(target) / 1_000.0);
            if change.rings_several {
                directory.rings_at_most = OFFERS_OPEN_MAX;
            }
        }
    }
}
