//! [`Place`]: where a waiting call stands among all others, in its queue and between queues, as one key.

use std::cmp::Reverse;

use crate::acd::routing::{Order, Routing};
use crate::base::{CallId, Instant, QueueId};

/// A waiting call's place; the least goes first. Heavier queues first, then the higher priority where it is strict, then the
/// earlier moment (see [`Order`]), then the lower queue, then the earlier arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    weight: Reverse<i32>,
    priority: Reverse<i32>,
    /// Microseconds; may lie before the node's start.
    moment: i64,
    pub(super) queue: QueueId,
    seq: u64,
    pub(super) call: CallId,
}

/// What a place is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// The call's own priority.
    pub(super) priority: i32,
    /// The moment from which the wait is measured.
    pub(super) since: Instant,
    /// Orders calls that joined at the same moment.
    pub(super) seq: u64,
}

impl Place {
    /// The place of a call whose steps have added `bump` to its priority.
    pub(super) fn new(call: CallId, queue: QueueId, routing: &Routing, claim: Claim, bump: i32) -> Self {
        let priority = claim.priority.saturating_add(bump);
        let since = i64::try_from(claim.since.as_micros()).unwrap_or(i64::MAX);
        let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let (priority, moment) = match routing.order {
            Order::Priority => (priority, since),
            Order::Ageing(unit) => (0, since.saturating_sub(micros(unit).saturating_mul(i64::from(priority)))),
            Order::Objective(objective) => (priority, since.saturating_add(micros(objective))),
        };
        let (weight, priority) = (Reverse(routing.weight), Reverse(priority));
        Self { weight, priority, moment, queue, seq: claim.seq, call }
    }

    /// How heavy its queue is; the least is the heaviest.
    pub(super) const fn weight(&self) -> Reverse<i32> {
        self.weight
    }

    /// Behind this one, before all others who are behind it.
    pub(super) const fn just_after(self) -> Self {
        Self { call: CallId(self.call.0 + 1), ..self }
    }

    /// Behind everybody.
    pub(super) const LAST: Self = Self {
        weight: Reverse(i32::MIN),
        priority: Reverse(i32::MIN),
        moment: i64::MAX,
        queue: QueueId(u32::MAX),
        seq: u64::MAX,
        call: CallId(u64::MAX),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn place(order: Order, weight: i32, priority: i32, since: u64) -> Place {
        let routing = Routing { order, weight, ..Routing::default() };
        let claim = Claim { priority, since: Instant::from_micros(since * 1_000_000), seq: since };
        Place::new(CallId(since), QueueId(1), &routing, claim, 0)
    }

    #[test]
    fn a_heavier_queue_goes_first_then_priority_then_the_longer_wait() {
        let at = |weight, priority, since| place(Order::Priority, weight, priority, since);
        assert!(at(1, -5, 90) < at(0, 9, 1));
        assert!(at(0, 1, 90) < at(0, 0, 1));
        assert!(at(0, 0, 1) < at(0, 0, 2));
        assert!(at(i32::MIN, i32::MIN, u64::MAX / 1_000_000) < Place::LAST);
    }

    /// The starvation bound: with ageing, priority q passes priority p only when it came less than (q - p) units later.
    #[test]
    fn with_ageing_nobody_is_overtaken_by_who_came_later_than_the_bound() {
        let unit = 30;
        let at = |priority, since| place(Order::Ageing(Duration::from_secs(unit)), 0, priority, since);
        for (p, q) in [(0, 1), (0, 7), (-3, 2), (5, 5), (4, 1)] {
            for since in [0, 10, 1_000] {
                for later in 0..400 {
                    let overtakes = at(q, since + later) < at(p, since);
                    let bound = i64::from(q - p) * unit as i64;
                    assert!(!overtakes || (later as i64) < bound || (later == 0 && q > p), "{p} {q} {later}");
                    assert!(overtakes || (later as i64) >= bound, "{p} {q} {later}: has not waited long enough");
                }
            }
        }
    }

    #[test]
    fn who_is_closest_to_missing_the_objective_goes_first() {
        let hasty = |since| place(Order::Objective(Duration::from_secs(20)), 0, 0, since);
        let calm = |since| place(Order::Objective(Duration::from_secs(120)), 0, 0, since);
        assert!(hasty(50) < calm(0) && calm(0) < hasty(101));
    }
}
