//! What is to be expected of a queue: how long a caller who joins now will wait, how long callers are patient, how many come
//! and how long a call takes, with their trend.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::acd::estimate::{Estimate, Load, estimate, mean};
use crate::acd::{AgentState, Share};
use crate::base::WallTime;
use crate::stats::agents::ByState;
use crate::stats::bounds::seconds;
use crate::stats::patience::Curve;
use crate::stats::queue::Queue;
use crate::stats::reading::QueueReading;

/// A queue's outlook. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// The queue.
    pub queue: Arc<str>,
    /// Callers who wait.
    pub waiting: u64,
    /// Agents at work for it: ready, reserved, ringing, talking, on hold or in wrap-up. Each may serve other queues too.
    pub agents_at_work: u64,
    /// The wait of a caller who joins now; `None` without agents at work, or before the first call was handled.
    pub expected_wait: Option<ExpectedWait>,
    /// How long callers are patient.
    pub patience: Curve,
    /// Calls a minute over the last five minutes; `None` when the node does not know the calendar.
    pub arrivals_per_minute: Option<f64>,
    /// Calls a minute over the last hour.
    pub arrivals_per_minute_hour: Option<f64>,
    /// Mean time to handle a call, of about the last 16 calls; `None` before the first.
    pub handle_mean_seconds: Option<f64>,
    /// The same of about the last 256 calls: calls take longer of late when it is the smaller of the two.
    pub handle_mean_long_seconds: Option<f64>,
}

/// An expected wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExpectedWait {
    /// Its mean.
    pub mean_seconds: f64,
    /// Half wait less.
    pub p50_seconds: f64,
    /// Nine in ten wait less.
    pub p90_seconds: f64,
}

impl Outlook {
    pub(super) fn of(queue: &Queue, reading: &QueueReading, now: Option<WallTime>) -> Self {
        let arrivals =
            |minutes: i64| now.map(|now| queue.windows().rolling(minutes, now).offered as f64 / minutes as f64);
        let (recent, long) = reading.cells.handle_means();
        let mean = |micros: u64| (micros > 0).then(|| seconds(micros));
        Self {
            queue: Arc::clone(&reading.name),
            waiting: reading.cells.waiting(),
            agents_at_work: at_work(&reading.agents),
            expected_wait: expected_wait(reading).map(|expected| ExpectedWait {
                mean_seconds: expected.mean.as_secs_f64(),
                p50_seconds: expected.p50.as_secs_f64(),
                p90_seconds: expected.p90.as_secs_f64(),
            }),
            patience: queue.patience().curve(),
            arrivals_per_minute: arrivals(5),
            arrivals_per_minute_hour: arrivals(60),
            handle_mean_seconds: mean(recent),
            handle_mean_long_seconds: mean(long),
        }
    }
}

/// The wait of a caller who joins now. An agent at work for several queues counts whole in each: with shared agents it is the
/// wait that this queue would have if they served it first.
pub(super) fn expected_wait(reading: &QueueReading) -> Option<Estimate> {
    let (ahead, load) = load(reading);
    estimate(ahead, load)
}

/// Its mean alone, which is found without a search.
pub(super) fn expected_mean(reading: &QueueReading) -> Option<Duration> {
    let (ahead, load) = load(reading);
    mean(ahead, load)
}

/// Who waits, and who serves them.
fn load(reading: &QueueReading) -> (u32, Load) {
    let load = Load {
        agents: u32::try_from(at_work(&reading.agents)).unwrap_or(u32::MAX),
        handle: Duration::from_micros(reading.cells.handle_means().0),
        giving_up: reading.theta,
    };
    (u32::try_from(reading.cells.waiting()).unwrap_or(u32::MAX), load)
}

/// Agents who take calls, now or after the one in hand.
pub(super) fn at_work(agents: &ByState) -> u64 {
    AgentState::of_shares(&Share::IN_SERVICE).map(|state| agents[state]).sum()
}
