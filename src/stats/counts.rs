//! [`Counts`]: what happened in a span of time, as counts and sums from which every formula is computed. Spans, queues and
//! teams are added count by count, so that no ratio is ever an average of ratios.

use serde::Serialize;

use crate::acd::{FlowOut, OfferResult};

/// Counts of queue visits and sums of their times (microseconds) over a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Visits begun.
    pub offered: u64,
    /// Ended with an agent.
    pub answered: u64,
    /// Ended because the caller hung up, short ones included.
    pub abandoned: u64,
    /// Of the abandoned, those within the short-abandon limit in force then.
    pub abandoned_short: u64,
    /// Ended otherwise, in the order of [`FlowOut::ALL`].
    pub flowed_out: [u64; FlowOut::ALL.len()],
    /// Waits of the answered.
    pub answer_wait: u64,
    /// Waits of the abandoned.
    pub abandon_wait: u64,
    /// Waits of those who flowed out.
    pub flowout_wait: u64,
    /// Talks that ended.
    pub talks: u64,
    /// Their time, holds not counted.
    pub talk: u64,
    /// Talks in which the caller was put on hold.
    pub held: u64,
    /// Time on hold.
    pub hold: u64,
    /// Wrap-ups that ended.
    pub wrap_ups: u64,
    /// Their time.
    pub wrap_up: u64,
    /// Offers that ended, in the order of [`OfferResult::ALL`].
    pub offers: [u64; OfferResult::ALL.len()],
    /// Service-level events ("Decisions" 3) for the threshold in force then.
    pub events: Events,
    /// Answered and abandoned by wait: one more than there are bounds.
    pub waits: Vec<Bucket>,
}

/// Visits by their one service-level event ("Decisions" 3), counted when it happens. A visit that flowed out within T as
/// untargeted (closed, emergency, fax) gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Events {
    /// Answered in T.
    pub answered: u64,
    /// Abandoned in T, but not short.
    pub abandoned: u64,
    /// Abandoned in T within the short-abandon limit.
    pub abandoned_short: u64,
    /// Flowed out in T.
    pub flowout: u64,
    /// The wait passed T, whatever happened after.
    pub missed: u64,
    /// Of those whose wait passed T, the ones that flowed out, counted when they did: in another span, perhaps, than `missed`.
    pub missed_flowout: u64,
}

/// Visits whose wait lies in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Answered.
    pub answered: u64,
    /// Abandoned.
    pub abandoned: u64,
}

impl Counts {
    /// Adds another span's, queue's or team's. Both have the same bounds.
    pub fn add(&mut self, more: &Self) {
        self.offered += more.offered;
        self.answered += more.answered;
        self.abandoned += more.abandoned;
        self.abandoned_short += more.abandoned_short;
        self.answer_wait += more.answer_wait;
        self.abandon_wait += more.abandon_wait;
        self.flowout_wait += more.flowout_wait;
        self.talks += more.talks;
        self.talk += more.talk;
        self.held += more.held;
        self.hold += more.hold;
        self.wrap_ups += more.wrap_ups;
        self.wrap_up += more.wrap_up;
        for (sum, count) in self.flowed_out.iter_mut().zip(more.flowed_out) {
            *sum += count;
        }
        for (sum, count) in self.offers.iter_mut().zip(more.offers) {
            *sum += count;
        }
        self.events.add(&more.events);
        if self.waits.len() < more.waits.len() {
            self.waits.resize(more.waits.len(), Bucket::default());
        }
        for (sum, bucket) in self.waits.iter_mut().zip(&more.waits) {
            sum.answered += bucket.answered;
            sum.abandoned += bucket.abandoned;
        }
    }

    /// All who flowed out and are targeted ("Decisions" 2).
    pub fn flowouts_targeted(&self) -> u64 {
        let targeted = FlowOut::ALL.into_iter().filter(|reason| reason.untargeted().is_none());
        targeted.map(|reason| self.flowed_out[reason as usize]).sum()
    }

    /// All who flowed out, for whatever reason.
    pub fn flowouts(&self) -> u64 {
        self.flowed_out.iter().sum()
    }

    /// Answered and abandoned with a wait of at most `bound`, which is one of `bounds` (microseconds, ascending); `None` when
    /// it is not, as the buckets cannot tell then.
    pub fn within(&self, bounds: &[u64], bound: u64) -> Option<Bucket> {
        let last = bounds.binary_search(&bound).ok()?;
        let mut sum = Bucket::default();
        for bucket in self.waits.iter().take(last + 1) {
            sum.answered += bucket.answered;
            sum.abandoned += bucket.abandoned;
        }
        Some(sum)
    }
}

impl Events {
    /// All but the flow-outs in T.
    pub const fn decided(&self) -> u64 {
        self.answered + self.abandoned + self.abandoned_short + self.missed
    }

    /// SL-F3 live: `answered / (answered + abandoned + abandoned_short + missed - missed_flowout)`, a fraction. In a closed
    /// interval it equals A(T)/(A+B). `None` when nothing has been decided that counts.
    pub fn level(&self) -> Option<f64> {
        let decided = self.decided() - self.missed_flowout;
        (decided > 0).then(|| self.answered as f64 / decided as f64)
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.answered += more.answered;
        self.abandoned += more.abandoned;
        self.abandoned_short += more.abandoned_short;
        self.flowout += more.flowout;
        self.missed += more.missed;
        self.missed_flowout += more.missed_flowout;
    }
}
