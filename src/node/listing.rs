//! A listing of calls that is gathered shard by shard: all calls of shard 0 come first, then those of shard 1, so that one
//! `offset` pages through all of them as it does through those of one shard.

use crate::base::ShardId;
use crate::node::letter::Ask;
use crate::node::message::CallView;

/// How far a listing is.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Whom it is asked of now.
    pub(super) shard: ShardId,
    /// Rows still to skip.
    offset: usize,
    /// Rows still wanted.
    limit: usize,
    pub(super) rows: Vec<CallView>,
    /// Calls of the shards asked so far.
    pub(super) total: usize,
}

impl Listing {
    pub(super) fn new(offset: usize, limit: usize) -> Self {
        Self { offset, limit, ..Self::default() }
    }

    /// What to ask of [`Listing::shard`].
    pub(super) const fn ask(&self) -> Ask {
        Ask::Calls { offset: self.offset, limit: self.limit }
    }

    /// Takes the answer of one shard; the next one is asked for the rest.
    pub(super) fn add(&mut self, rows: Vec<CallView>, total: usize) {
        self.offset = self.offset.saturating_sub(total);
        self.limit = self.limit.saturating_sub(rows.len());
        self.rows.extend(rows);
        self.total += total;
        self.shard.0 += 1;
    }
}
