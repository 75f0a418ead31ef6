//! What supervisors have changed of queues that shards decide by: whether a queue takes callers, their priority, and
//! whether each may ring several agents. It lies over the configuration and its reloads, as the engine's own overrides do,
//! and goes with its queue or its process.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::QueuePlan;
use crate::base::QueueId;
use crate::node::directory::Directory;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RunTime(BTreeMap<QueueId, Change>);

#[derive(Debug, Clone, Copy, Default)]
struct Change {
    open: Option<bool>,
    priority: Option<i32>,
    /// In thousandths.
    target: Option<u16>,
    /// The name of a row of the strategy table.
    strategy: Option<&'static str>,
}

impl RunTime {
    /// The queue takes callers, or not.
    pub(super) fn open(&mut self, queue: QueueId, open: bool) {
        self.0.entry(queue).or_default().open = Some(open);
    }

    /// Callers of the queue come with this priority.
    pub(super) fn priority(&mut self, queue: QueueId, priority: i32) {
        self.0.entry(queue).or_default().priority = Some(priority);
    }

    /// The queue aims at this service level, in thousandths.
    pub(super) fn target(&mut self, queue: QueueId, target: u16) {
        self.0.entry(queue).or_default().target = Some(target);
    }

    /// The configuration holds again.
    pub(super) fn drop_queue(&mut self, queue: QueueId) {
        self.0.remove(&queue);
    }

    /// Whether the priority and the target of a queue have been set.
    pub(super) fn has(&self, queue: QueueId) -> [bool; 2] {
        self.0.get(&queue).map_or([false; 2], |change| [change.priority.is_some(), change.target.is_some()])
    }

    /// The queue has another strategy.
    pub(super) fn strategy(&mut self, queue: QueueId, strategy: &'static str) {
        self.0.entry(queue).or_default().strategy = Some(strategy);
    }

    /// Makes the changes hold in a directory, and forgets those of queues that it has no more.
    pub(super) fn lay_over(&mut self, directory: &mut Directory) {
        self.0.retain(|id, _| directory.has_queue(*id));
        for (id, change) in &self.0 {
            let config = Arc::make_mut(directory.config_mut(*id));
            config.open = change.open.unwrap_or(config.open);
            config.priority = change.priority.unwrap_or(config.priority);
            config.target = change.target.map_or(config.target, |target| f64::from(target) / 1_000.0);
        }
        let changed = |queue: &QueuePlan| self.0.get(&queue.id).and_then(|change| change.strategy);
        directory.count_rings(|queue| changed(queue).unwrap_or(queue.strategy));
    }
}
