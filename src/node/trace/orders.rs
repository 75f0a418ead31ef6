//! The traces that were asked for, and readings of them that go from shard to shard. Data only; `tracer` keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Instant, ShardId};
use crate::node::letter::Ticket;
use crate::node::trace::{Count, Order, Traced};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::node) struct Tracer {
    pub(in crate::node) last: u32,
    pub(in crate::node) orders: Vec<Given>,
    /// Readings under way from shard to shard.
    pub(in crate::node) readings: BTreeMap<Ticket, Reading>,
}

#[derive(Debug)]
pub(in crate::node) struct Given {
    pub(in crate::node) order: Arc<Order>,
    pub(in crate::node) is_stopped: bool,
}

/// A reading under way.
#[derive(Debug)]
pub(in crate::node) struct Reading {
    pub(in crate::node) shard: ShardId,
    /// Where each shard's next message begins.
    pub(in crate::node) after: Vec<u64>,
    pub(in crate::node) limit: usize,
    pub(in crate::node) shows_numbers: bool,
    pub(in crate::node) rows: Vec<Traced>,
    pub(in crate::node) counts: Vec<Count>,
    pub(in crate::node) missed: u64,
}

impl Given {
    /// Its time has passed, or somebody has stopped it.
    pub(in crate::node) fn is_over(&self, now: Instant) -> bool {
        self.is_stopped || self.order.until <= now
    }
}
