//! [`Reach`]s: from which wait on a queue's callers look further. Every moment at which a step, a tier, a penalty window or a
//! delay changes who may take a call begins a reach; inside a reach nothing changes by time alone.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::acd::routing::{Membership, PenaltyStep, Routing, TierRules};
use crate::base::Instant;

/// What callers see who have waited long enough for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The wait from which it holds.
    pub(super) after: Duration,
    /// Steps of the ladder reached by then.
    pub(super) step: usize,
    /// What those steps have added to the priority.
    pub(super) bump: i32,
    /// The highest level that has joined.
    pub(super) level: u32,
    /// The penalty window.
    pub(super) window: PenaltyStep,
}

/// Before the first penalty step, everybody is in.
const OPEN_WINDOW: PenaltyStep = PenaltyStep { after: Duration::ZERO, min: 0, max: u32::MAX, raise: 0 };

impl Reach {
    /// The reaches of a queue whose members have these terms; the first begins at once.
    pub(super) fn all<'a>(routing: &Routing, terms: impl Iterator<Item = &'a Membership>) -> Vec<Self> {
        let mut borders = BTreeSet::from([Duration::ZERO]);
        borders.extend(routing.steps.iter().map(|step| step.after));
        borders.extend(routing.penalties.iter().map(|step| step.after));
        for terms in terms {
            borders.insert(terms.delay);
            borders.extend(routing.tiers.map(|rules| joins(&rules, terms.level)));
        }
        borders.into_iter().map(|after| Self::at(routing, after)).collect()
    }

    fn at(routing: &Routing, after: Duration) -> Self {
        let reached = routing.steps.iter().take_while(|step| step.after <= after);
        let step = reached.clone().count();
        let bump = reached.fold(0_i32, |sum, step| sum.saturating_add(step.bump));
        let window = routing.penalties.iter().take_while(|step| step.after <= after).last();
        let level = routing.tiers.map_or(u32::MAX, |rules| highest(&rules, after));
        Self { after, step, bump, level, window: *window.unwrap_or(&OPEN_WINDOW) }
    }

    /// True when members on these terms see the callers, their level aside, where penalties count or do not.
    pub(super) fn admits(&self, terms: &Membership, penalties_count: bool) -> bool {
        let is_in = !penalties_count || (self.window.min..=self.window.max).contains(&terms.penalty);
        terms.delay <= self.after && is_in
    }
}

/// Which reach a wait since then has reached.
pub(super) fn reached(reaches: &[Reach], since: Instant, now: Instant) -> usize {
    reaches.partition_point(|reach| since + reach.after <= now).saturating_sub(1)
}

/// The wait after which a level joins.
fn joins(rules: &TierRules, level: u32) -> Duration {
    match (level, rules.multiply) {
        (0 | 1, _) => Duration::ZERO,
        (_, true) => rules.wait.saturating_mul(level),
        (_, false) => rules.wait,
    }
}

/// The highest level that has joined after such a wait.
fn highest(rules: &TierRules, waited: Duration) -> u32 {
    if waited < rules.wait || (rules.multiply && waited < rules.wait.saturating_mul(2)) {
        return 1;
    }
    if !rules.multiply || rules.wait.is_zero() {
        return u32::MAX;
    }
    u32::try_from(waited.as_micros() / rules.wait.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::routing::Step;
    use crate::base::QueueId;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn terms(level: u32, delay: u64) -> Membership {
        Membership { level, delay: secs(delay), ..Membership::of(QueueId(1)) }
    }

    #[test]
    fn tiers_join_after_one_wait_or_after_as_many_as_their_level() {
        let rules = |multiply| TierRules { wait: secs(10), multiply, skip_empty: false };
        for (multiply, level, joined) in [(false, 2, 10), (false, 9, 10), (true, 2, 20), (true, 3, 30), (true, 1, 0)] {
            let rules = rules(multiply);
            assert_eq!(joins(&rules, level), secs(joined));
            assert!(highest(&rules, secs(joined)) >= level);
            assert!(joined == 0 || highest(&rules, secs(joined) - Duration::from_micros(1)) < level);
        }
    }

    #[test]
    fn a_phase_begins_with_every_change_and_carries_what_holds_by_then() {
        let step = |after, bump| Step { after: secs(after), requirement: None, strategy: None, bump };
        let routing = Routing {
            steps: vec![step(15, 2), step(40, 3)],
            penalties: vec![PenaltyStep { after: secs(20), min: 1, max: 5, raise: 2 }],
            tiers: Some(TierRules { wait: secs(10), multiply: true, skip_empty: false }),
            ..Routing::default()
        };
        let reaches = Reach::all(&routing, [terms(1, 0), terms(3, 5)].iter());
        let told: Vec<_> = reaches.iter().map(|p| (p.after.as_secs(), p.step, p.bump, p.level, p.window.max)).collect();
        let all = u32::MAX;
        let expected = [
            (0, 0, 0, 1, all),
            (5, 0, 0, 1, all),
            (15, 1, 2, 1, all),
            (20, 1, 2, 2, 5),
            (30, 1, 2, 3, 5),
            (40, 2, 5, 4, 5),
        ];
        assert_eq!(told, expected);
        assert!(
            !reaches[0].admits(&terms(1, 5), true)
                && reaches[1].admits(&terms(1, 5), true)
                && !reaches[3].admits(&terms(1, 5), true)
                && reaches[3].admits(&terms(1, 5), false)
        );
        let since = Instant::from_micros(7);
        let reached_after = |wait: u64| reached(&reaches, since, since + secs(wait));
        assert_eq!([0, 4, 5, 29, 30, 1_000].map(reached_after), [0, 0, 1, 3, 4, 5]);
    }
}
