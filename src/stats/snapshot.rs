//! A queue's figures as people and programs read them: plain values, with the rates computed and named.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::acd::{AgentState, FlowOut};
use crate::base::{Instant, WallTime};
use crate::stats::agents::ByState;
use crate::stats::bounds::seconds;
use crate::stats::cells::Histogram;
use crate::stats::counts::Events;
use crate::stats::outlook;
use crate::stats::period::{self, Period};
use crate::stats::queue::Queue;
use crate::stats::reading::QueueReading;

/// A consistent copy of one queue's figures since the start of the node, or their sum over queues. Counts are of queue
/// visits; times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueSnapshot {
    /// The queue's name; `total` for the sum.
    pub name: Arc<str>,
    /// True when the configuration no longer has the queue.
    pub removed: bool,
    /// Visits begun.
    pub offered: u64,
    /// Visits that ended with an agent.
    pub answered: u64,
    /// Visits that ended because the caller hung up, short ones included.
    pub abandoned: u64,
    /// Of the abandoned, those within the short-abandon limit.
    pub abandoned_short: u64,
    /// Visits that ended otherwise.
    pub flowed_out: u64,
    /// The flowed out by reason; every reason is there.
    pub flowed_out_by: BTreeMap<&'static str, u64>,
    /// Visits not ended.
    pub waiting: u64,
    /// How long the longest waiting caller has waited; 0 when nobody waits.
    pub longest_wait_seconds: f64,
    /// SL-F3, a fraction (see [`Events::level`]); `None` before the first event that counts.
    pub service_level: Option<f64>,
    /// The events that `service_level` is made of, for the threshold in force.
    pub service_level_events: Events,
    /// T: a wait of exactly T is in. `None` in a sum over queues whose thresholds differ.
    pub threshold_seconds: Option<f64>,
    /// The service level aimed at, a fraction.
    pub target: Option<f64>,
    /// Mean wait of the answered (ASA); `None` before the first.
    pub answer_wait_mean_seconds: Option<f64>,
    /// Mean wait of the abandoned (ATA); `None` before the first.
    pub abandon_wait_mean_seconds: Option<f64>,
    /// Agents the queue accepts, by state; every state is there. In the sum each agent counts once.
    pub agents: BTreeMap<&'static str, u64>,
    /// The mean wait of a caller who joins now; `None` while it is unknown, and in a sum.
    pub expected_wait_seconds: Option<f64>,
    /// The day in progress of the queue's calendar; `None` when the node does not know the calendar.
    pub today: Option<Period>,
    /// The last half hour; `None` when the node does not know the calendar.
    pub last_30m: Option<Period>,
    #[serde(skip)]
    waits: Waits,
}

/// Sums of waits in microseconds, kept so that means over queues are means of calls and not of means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Waits {
    answered: u64,
    abandoned: u64,
}

impl QueueSnapshot {
    /// True when `offered = answered + abandoned + flowed_out + waiting`: no visit is lost or counted twice.
    pub fn conserved(&self) -> bool {
        self.offered == self.answered + self.abandoned + self.flowed_out + self.waiting
    }

    /// The copy `reading` of the queue at `now`; without the calendar's time no spans.
    pub(super) fn of(queue: &Queue, reading: &QueueReading, now: Instant, wall: Option<WallTime>) -> Self {
        let (cells, visits) = (&reading.cells, reading.cells.visits());
        let events = Events {
            answered: cells.sl_answered(),
            abandoned: cells.sl_abandoned(),
            abandoned_short: cells.sl_abandoned_short(),
            flowout: cells.sl_flowout(),
            missed: cells.sl_missed(),
            missed_flowout: cells.sl_missed_flowout(),
        };
        let waits = Waits {
            answered: cells.distribution(Histogram::AnswerWait).sum,
            abandoned: cells.distribution(Histogram::AbandonWait).sum,
        };
        let [today, last_30m] = wall.map_or([None, None], |wall| period::recent(queue, wall));
        let mut snapshot = Self {
            name: Arc::clone(&reading.name),
            removed: cells.is_removed(),
            offered: visits.offered(),
            answered: visits.answered(),
            abandoned: visits.abandoned(),
            abandoned_short: visits.abandoned_short(),
            flowed_out: visits.all_flowed_out(),
            flowed_out_by: FlowOut::ALL.into_iter().map(|why| (why.as_str(), visits.flowed_out(why))).collect(),
            waiting: cells.waiting(),
            longest_wait_seconds: seconds(reading.longest_wait(now)),
            service_level: None,
            service_level_events: events,
            threshold_seconds: Some(seconds(cells.threshold())),
            target: cells.target(),
            answer_wait_mean_seconds: None,
            abandon_wait_mean_seconds: None,
            agents: by_label(&reading.agents),
            expected_wait_seconds: outlook::expected_mean(reading).map(|mean| mean.as_secs_f64()),
            today,
            last_30m,
            waits,
        };
        snapshot.compute_rates();
        snapshot
    }

    /// The sum over `queues`, with `agents` each counted once.
    fn sum(queues: &[Self], agents: &ByState) -> Self {
        let mut total = Self {
            name: Arc::from("total"),
            removed: false,
            offered: 0,
            answered: 0,
            abandoned: 0,
            abandoned_short: 0,
            flowed_out: 0,
            flowed_out_by: FlowOut::ALL.into_iter().map(|why| (why.as_str(), 0)).collect(),
            waiting: 0,
            longest_wait_seconds: 0.0,
            service_level: None,
            service_level_events: Events::default(),
            threshold_seconds: common(queues.iter().map(|queue| queue.threshold_seconds)),
            target: common(queues.iter().map(|queue| queue.target)),
            answer_wait_mean_seconds: None,
            abandon_wait_mean_seconds: None,
            agents: by_label(agents),
            expected_wait_seconds: None,
            today: Period::sum(queues.iter().map(|queue| &queue.today)),
            last_30m: Period::sum(queues.iter().map(|queue| &queue.last_30m)),
            waits: Waits::default(),
        };
        for queue in queues {
            total.add(queue);
        }
        total.compute_rates();
        total
    }

    fn add(&mut self, queue: &Self) {
        self.offered += queue.offered;
        self.answered += queue.answered;
        self.abandoned += queue.abandoned;
        self.abandoned_short += queue.abandoned_short;
        self.flowed_out += queue.flowed_out;
        for (reason, count) in &queue.flowed_out_by {
            *self.flowed_out_by.entry(reason).or_default() += count;
        }
        self.waiting += queue.waiting;
        self.longest_wait_seconds = self.longest_wait_seconds.max(queue.longest_wait_seconds);
        self.service_level_events.add(&queue.service_level_events);
        self.waits.answered += queue.waits.answered;
        self.waits.abandoned += queue.waits.abandoned;
    }

    fn compute_rates(&mut self) {
        self.service_level = self.service_level_events.level();
        self.answer_wait_mean_seconds = mean(self.waits.answered, self.answered);
        self.abandon_wait_mean_seconds = mean(self.waits.abandoned, self.abandoned);
    }
}

/// All queues and their sum, from the same copies. As JSON: `{"total":{...},"queues":{"NAME":{...}}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The sum over the queues. It counts queue visits: a requeued caller counts in each queue it was in.
    pub total: QueueSnapshot,
    /// By name.
    pub queues: BTreeMap<Arc<str>, QueueSnapshot>,
}

impl Overview {
    pub(super) fn new(queues: Vec<QueueSnapshot>, agents: &ByState) -> Self {
        let total = QueueSnapshot::sum(&queues, agents);
        Self { total, queues: queues.into_iter().map(|queue| (Arc::clone(&queue.name), queue)).collect() }
    }
}

fn by_label(agents: &ByState) -> BTreeMap<&'static str, u64> {
    AgentState::LABELS.into_iter().zip(agents.iter().copied()).collect()
}

fn mean(sum_micros: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| seconds(sum_micros) / count as f64)
}

/// The value that all have.
fn common(mut values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}
