//! [`Unknowns`]: what a shard keeps of all who have not proven themselves, together.

use std::collections::VecDeque;

use crate::acd::{Proving, Silent, Unproven, Unprovens};
use crate::base::Rng;
use crate::node::allowance::Allowance;
use crate::sip::transaction::Transmit;

/// See the module. Bounded, whoever they are.
#[derive(Debug)]
pub(super) struct Unknowns {
    pub(super) allowance: Allowance,
    /// Credentials that were not good, since it was last asked.
    pub(super) failures: Unprovens,
    /// Answers that are sent, within the allowance. They are part of no call.
    pub(super) answers: VecDeque<Transmit>,
    /// Answers that were not sent, since then.
    pub(super) silent: Silent,
}

impl Unknowns {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            allowance: Allowance::new(rng),
            failures: Unprovens::default(),
            answers: VecDeque::new(),
            silent: Silent::default(),
        }
    }

    /// Credentials were not good.
    pub(super) const fn fail(&mut self, of: Proving, why: Unproven) {
        self.failures[of as usize][why as usize] += 1;
    }
}
