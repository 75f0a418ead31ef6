//! A queue's figures over a short span up to now, as a board shows them beside those since the start: its day, and the last half
//! hour.

use serde::Serialize;

use crate::acd::FlowOut;
use crate::base::WallTime;
use crate::stats::calendar::Grain;
use crate::stats::counts::Counts;
use crate::stats::formula::{AgentSeconds, Formula, Inputs};
use crate::stats::queue::Queue;

/// The half hour that a board looks back.
const HALF_HOUR: i64 = 30;

/// What happened in a span, by the time when it happened. Counts are of queue visits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Period {
    /// Visits begun.
    pub offered: u64,
    /// Ended with an agent.
    pub answered: u64,
    /// Ended because the caller hung up, short ones included.
    pub abandoned: u64,
    /// Ended otherwise.
    pub flowed_out: u64,
    /// The abandoned, and those who flowed out for a reason that is a loss: not who was moved, not who found the queue closed.
    pub lost: u64,
    /// SL-F3 by events for the threshold in force then ("Decisions" 3), a fraction; `None` before the first event that counts.
    pub service_level: Option<f64>,
    /// Answered of all whose visit ended, closed queues aside; `None` before the first.
    pub answer_rate: Option<f64>,
    /// Abandoned and flowed out of the same; `None` before the first.
    pub loss_rate: Option<f64>,
    /// Mean wait of the answered (ASA); `None` before the first.
    pub answer_wait_mean_seconds: Option<f64>,
    /// Mean time to handle a call (AHT); `None` before the first.
    pub handle_mean_seconds: Option<f64>,
    /// What it was computed from, so that periods are added and never averaged.
    #[serde(skip)]
    counts: Counts,
}

impl Period {
    /// The figures of counts.
    fn of(counts: Counts) -> Self {
        // None of these formulas needs a threshold: the events were counted by the one in force.
        let inputs = Inputs::new(&counts, &[], 0, AgentSeconds::default());
        let value = |key: &str| Formula::named(key).and_then(|formula| formula.value(&inputs));
        let losses =
            FlowOut::ALL.into_iter().filter(|reason| reason.untargeted().is_none() && *reason != FlowOut::Requeued);
        let flowed: u64 = losses.map(|reason| counts.flowed_out[reason as usize]).sum();
        Self {
            offered: counts.offered,
            answered: counts.answered,
            abandoned: counts.abandoned,
            flowed_out: counts.flowouts(),
            lost: counts.abandoned + flowed,
            service_level: value("sl_live"),
            answer_rate: value("answer_rate"),
            loss_rate: value("loss_rate"),
            answer_wait_mean_seconds: value("asa"),
            handle_mean_seconds: value("aht"),
            counts,
        }
    }

    /// The sum of the periods that there are.
    pub(super) fn sum<'a>(periods: impl IntoIterator<Item = &'a Option<Self>>) -> Option<Self> {
        let mut present = periods.into_iter().flatten().peekable();
        present.peek()?;
        let mut sum = Counts::default();
        present.for_each(|period| sum.add(&period.counts));
        Some(Self::of(sum))
    }
}

/// The day in progress of the queue's calendar, and the last half hour up to the minute in progress.
pub(super) fn recent(queue: &Queue, now: WallTime) -> [Option<Period>; 2] {
    let calendar = &**queue.calendar();
    let today = queue.windows().counts(Grain::Day, calendar.span(Grain::Day, now), now, calendar);
    [today.map(Period::of), Some(Period::of(queue.windows().rolling(HALF_HOUR, now)))]
}
