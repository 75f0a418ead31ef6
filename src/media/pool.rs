//! [`Pool`]: the leases of RTP ports a shard holds. The one unused for the longest goes out first, so that stray packets of
//! an old call have the most time to die out.

use std::collections::VecDeque;

use super::message::Lease;

/// Free leases, longest unused first. It never holds more than it was given.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    free: VecDeque<Lease>,
}

impl Pool {
    /// A pool of leases that nobody uses.
    pub fn new(leases: Vec<Lease>) -> Self {
        Self { free: leases.into() }
    }

    /// The lease unused for the longest; `None` when all are taken.
    pub fn take(&mut self) -> Option<Lease> {
        self.free.pop_front()
    }

    /// A lease comes back: when the worker says that its port is free, or when it was never opened.
    pub fn give_back(&mut self, lease: Lease) {
        debug_assert!(!self.free.contains(&lease), "a lease is given back once");
        self.free.push_back(lease);
    }

    /// How many can be taken.
    pub fn free(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::message::PortId;

    #[test]
    fn the_longest_unused_lease_goes_out_first() {
        let lease = |n: u16| Lease { port: PortId(n.into()), address: ([192, 0, 2, 1], 10_000 + 2 * n).into() };
        let mut pool = Pool::new(vec![lease(0), lease(1)]);
        assert_eq!((pool.take(), pool.free()), (Some(lease(0)), 1));
        pool.give_back(lease(0));
        assert_eq!([pool.take(), pool.take(), pool.take()], [Some(lease(1)), Some(lease(0)), None]);
    }
}
