//! A queue's reserve and what it lends, for the control plane: what a supervisor sets of thresholds, and how both are shown.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Exclusion, LendingStatus, Loan, ReserveMode, ReserveStatus, ReserveThresholds};
use crate::base::{Instant, QueueId};
use crate::node::hub::Hub;
use crate::node::message::ThresholdsChange;
use crate::node::view::{LenderView, LendingView, LoanView, ReserveView};

impl Hub {
    /// The thresholds in force with a change over them.
    pub(super) fn thresholds(&self, queue: QueueId, change: ThresholdsChange) -> Result<ReserveThresholds, String> {
        let now = self.engine.effective_queue(queue).map(|plan| plan.routing.reserve.thresholds);
        merged(now.unwrap_or_default(), change)
    }

    pub(super) fn reserve_view(&self, now: Instant, queue: QueueId) -> Option<ReserveView> {
        let ReserveStatus { active, since, estimate: expected, rule } = self.engine.reserve_of(queue)?;
        let ReserveThresholds { waiting, wait, estimate, leave_waiting, leave_wait, leave_estimate, at_least } =
            rule.thresholds;
        Some(ReserveView {
            active,
            mode: rule.mode.as_str(),
            since_seconds: now.since(since),
            waiting,
            wait_seconds: wait,
            leave_waiting: waiting.map(|_| leave_waiting),
            leave_wait_seconds: wait.map(|_| leave_wait),
            estimate_seconds: estimate,
            leave_estimate_seconds: estimate.map(|_| leave_estimate),
            expected_seconds: expected.filter(|expected| *expected < Duration::MAX),
            at_least_seconds: at_least,
        })
    }

    pub(super) fn lending_view(&self, now: Instant, queue: QueueId) -> Option<LendingView> {
        let LendingStatus { lends, since, good, decided, rule } = self.engine.lending_of(queue)?;
        let loan = |&Loan { queue, level, penalty, delay }: &Loan| LoanView {
            queue: self.queue_name(queue),
            tier: level,
            penalty,
            delay_seconds: delay,
        };
        Some(LendingView {
            lends,
            since_seconds: now.since(since),
            in_time: good,
            decided,
            target: rule.target,
            window_seconds: Duration::from_secs(60) * rule.window,
            pause_seconds: rule.pause,
            to: rule.to.iter().map(loan).collect(),
        })
    }

    /// Who lends to a queue.
    pub(super) fn lenders_view(&self, queue: QueueId) -> Vec<LenderView> {
        let lenders =
            self.plan().queues.iter().filter(|row| row.routing.lending.to.iter().any(|loan| loan.queue == queue));
        let lends = |lender: QueueId| self.engine.lending_of(lender).is_some_and(|lending| lending.lends);
        lenders.map(|row| LenderView { queue: Arc::clone(&row.name), lends: lends(row.id) }).collect()
    }

    /// What holds an agent back from a queue for whom everything else fits; `None` when nothing of the kind does.
    pub(super) fn held_back(&self, queue: QueueId, exclusion: &Exclusion) -> Option<String> {
        match exclusion {
            Exclusion::Reserve => {
                let rule = self.engine.effective_queue(queue).map(|plan| plan.routing.reserve).unwrap_or_default();
                Some(match (rule.mode, joins(&rule.thresholds)) {
                    (ReserveMode::Off, _) => "is in reserve, which a supervisor keeps out".to_string(),
                    (ReserveMode::Auto | ReserveMode::On, None) => "is in reserve, and joins by hand only".to_string(),
                    (ReserveMode::Auto | ReserveMode::On, Some(joins)) => format!("is in reserve, joins {joins}"),
                })
            }
            Exclusion::NotLent(lender) => {
                let name = self.queue_name(*lender);
                let Some(LendingStatus { good, decided, rule, .. }) = self.engine.lending_of(*lender) else {
                    return Some(format!("belongs to {name}, which lends nobody"));
                };
                let target = f64::from(rule.target) / 10.0;
                let record = format!("answered {good} of {decided} in time, {target} % is its target");
                Some(format!("belongs to {name}, which lends nobody now: {record}"))
            }
            Exclusion::None
            | Exclusion::NotAMember
            | Exclusion::Skills(_)
            | Exclusion::Level { .. }
            | Exclusion::Delay(_)
            | Exclusion::Penalty { .. }
            | Exclusion::Outranked
            | Exclusion::Preferred(..)
            | Exclusion::State(_) => None,
        }
    }

    fn queue_name(&self, queue: QueueId) -> Arc<str> {
        Arc::clone(&self.directory.queue(queue).name)
    }
}

/// `above 5 waiting or after 60 s of waiting`.
fn joins(thresholds: &ReserveThresholds) -> Option<String> {
    let waiting = thresholds.waiting.map(|most| format!("above {most} waiting"));
    let wait = thresholds.wait.map(|wait| format!("when somebody has waited {} s", wait.as_secs_f64()));
    let estimate =
        thresholds.estimate.map(|most| format!("when callers are to expect more than {} s", most.as_secs_f64()));
    let joins: Vec<_> = [waiting, wait, estimate].into_iter().flatten().collect();
    (!joins.is_empty()).then(|| joins.join(" or "))
}

/// What is said wins; what is left out stays, and follows where it could no longer hold.
fn merged(now: ReserveThresholds, change: ThresholdsChange) -> Result<ReserveThresholds, String> {
    let waiting = change.waiting.or(now.waiting);
    let wait = change.wait.or(now.wait);
    let estimate = change.estimate.or(now.estimate);
    if waiting.is_none() && wait.is_none() && estimate.is_none() {
        return Err("it would never join; name waiting, wait or estimate".to_string());
    }
    if change.leave_waiting.is_some_and(|leave| waiting.is_none_or(|join| leave > join)) {
        return Err("leave_waiting is at most waiting".to_string());
    }
    if change.leave_wait.is_some_and(|leave| wait.is_none_or(|join| leave > join)) {
        return Err("leave_wait is at most wait".to_string());
    }
    if change.leave_estimate.is_some_and(|leave| estimate.is_none_or(|join| leave > join)) {
        return Err("leave_estimate is at most estimate".to_string());
    }
    let was = |waiting: Option<u32>| now.waiting.map_or(waiting, |_| Some(now.leave_waiting));
    let was_wait = |wait: Option<Duration>| now.wait.map_or(wait, |_| Some(now.leave_wait));
    let was_estimate = |estimate: Option<Duration>| now.estimate.map_or(estimate, |_| Some(now.leave_estimate));
    Ok(ReserveThresholds {
        waiting,
        wait,
        estimate,
        leave_waiting: change.leave_waiting.or_else(|| was(waiting)).min(waiting).unwrap_or_default(),
        leave_wait: change.leave_wait.or_else(|| was_wait(wait)).min(wait).unwrap_or_default(),
        leave_estimate: change.leave_estimate.or_else(|| was_estimate(estimate)).min(estimate).unwrap_or_default(),
        at_least: change.at_least.unwrap_or(now.at_least),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_that_are_left_out_stay_or_follow() {
        let secs = Duration::from_secs;
        let now = ReserveThresholds { waiting: Some(5), leave_waiting: 3, at_least: secs(30), ..Default::default() };
        let set = |change| merged(now, change);
        let only = |waiting| ThresholdsChange { waiting: Some(waiting), ..Default::default() };
        assert_eq!(set(only(8)), Ok(ReserveThresholds { waiting: Some(8), ..now }));
        assert_eq!(set(only(2)), Ok(ReserveThresholds { waiting: Some(2), leave_waiting: 2, ..now }));
        let longer = ThresholdsChange { wait: Some(secs(60)), at_least: Some(secs(1)), ..Default::default() };
        let both = ReserveThresholds { wait: Some(secs(60)), leave_wait: secs(60), at_least: secs(1), ..now };
        assert_eq!(set(longer), Ok(both));
        for wrong in [
            ThresholdsChange { leave_waiting: Some(6), ..Default::default() },
            ThresholdsChange { leave_wait: Some(secs(1)), ..Default::default() },
            ThresholdsChange { leave_estimate: Some(secs(1)), ..Default::default() },
        ] {
            assert!(set(wrong).is_err(), "{wrong:?}");
        }
        assert!(merged(ReserveThresholds::default(), ThresholdsChange::default()).is_err());
    }
}
