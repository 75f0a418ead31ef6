//! A queue's figures by interval, as programs read them: counts, and every formula with its numerator and denominator, so that
//! whoever adds intervals or queues adds those and never the values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::acd::FlowOut;
use crate::base::WallTime;
use crate::stats::bounds::{micros, seconds};
use crate::stats::calendar::{Calendar, Grain, Span};
use crate::stats::counts::Counts;
use crate::stats::formula::{AgentSeconds, FORMULAS, Formula, Inputs};
use crate::stats::moment::Moment;
use crate::stats::queue::Queue;
use crate::stats::staff::Stretch;

/// To which interval a visit's outcome belongs (FEATURES J6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribution {
    /// The one in which it happened: what a board shows.
    Event,
    /// The one in which the caller arrived: what staffing reckons with. Intervals of 15, 30 and 60 minutes of the last day; an
    /// interval is final when nobody who arrived in it waits any more.
    Arrival,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// No queue has the name.
    #[error("there is no such queue")]
    UnknownQueue,
    /// Nothing is told apart by this name.
    #[error("there is no such value")]
    UnknownValue,
    /// The node was not told the calendar's time.
    #[error("the node does not know the calendar")]
    NoCalendar,
    /// Longer ago than is kept.
    #[error("intervals of {grain} are kept for {kept} only")]
    TooLongAgo {
        /// The grain asked for.
        grain: Grain,
        /// How far back it reaches, in words.
        kept: &'static str,
    },
    /// Of agents, longer ago than is kept.
    #[error(
        "agents' time is kept for two hours by 1m and 5m, a day up to 60m, five weeks by day and week, a year by month; \
         days and months of another calendar begin with it"
    )]
    TimeTooLongAgo,
    /// Cohorts are kept by quarters of an hour.
    #[error("by arrival there are intervals of 15m, 30m and 60m")]
    NoCohort,
    /// The histograms do not hold it.
    #[error("the threshold is no bound of the histograms; name it in figures.thresholds")]
    NoBound,
}

/// Intervals of a queue, oldest first; the last one is in progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// The queue.
    pub queue: Arc<str>,
    /// `1m` ... `60m`, `day`, `week`, `month`.
    pub by: &'static str,
    /// To which interval an outcome belongs.
    pub attribution: Attribution,
    /// The IANA name of the zone whose calendar it is.
    pub time_zone: String,
    /// T of the formulas.
    pub threshold_seconds: f64,
    /// S of the formulas.
    pub short_abandon_seconds: f64,
    /// The service level aimed at, a fraction.
    pub target: Option<f64>,
    /// Intervals that overlap the time asked for.
    pub intervals: Vec<Interval<Figures>>,
    /// The sum over `intervals`.
    pub total: Figures,
    /// The last 1, 5, 15, 30 and 60 minutes up to now, by minutes; none by arrival.
    pub rolling: BTreeMap<&'static str, Figures>,
}

/// One interval, of a queue's figures or of agents' time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interval<F> {
    /// Local time with offset; the interval includes it.
    pub start: String,
    /// Local time with offset; the next interval begins here.
    pub end: String,
    /// False while it is in progress, and where it began before the node did.
    pub complete: bool,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: F,
}

/// Counts of queue visits and the formulas that come out of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Visits begun.
    pub offered: u64,
    /// Visits that ended with an agent.
    pub answered: u64,
    /// Visits that ended because the caller hung up, short ones included.
    pub abandoned: u64,
    /// Of the abandoned, the short ones.
    pub abandoned_short: u64,
    /// Visits that ended otherwise.
    pub flowed_out: u64,
    /// The flowed out by reason; every reason is there.
    pub flowed_out_by: BTreeMap<&'static str, u64>,
    /// The time of the agents who serve the queue, in all their queues; not there by arrival, nor by days and months that began
    /// before the calendar was the queue's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<AgentTime>,
    /// Every formula of the table by its key. A formula that cannot be had (T is no bound) is not there.
    pub formulas: BTreeMap<&'static str, Figure>,
}

/// A formula's value with what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// A fraction or seconds; `None` without a denominator.
    pub value: Option<f64>,
    /// Above the line: a count, or microseconds.
    pub numerator: u64,
    /// Below the line.
    pub denominator: u64,
}

/// Agents' time; the parts of occupancy and utilisation by their names. In seconds, up to now in the interval in progress.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AgentTime {
    /// Talk, hold and wrap-up: above the line of both.
    pub handling_seconds: f64,
    /// Handling, ready, reserved and ringing, that is logged in less not ready, other calls and unreachable: below the line of
    /// occupancy.
    pub in_service_seconds: f64,
    /// All but logged out: below the line of utilisation.
    pub logged_in_seconds: f64,
}

/// The question for intervals.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// How long each is.
    pub by: Grain,
    /// How far back from now.
    pub last: Duration,
    /// To which interval an outcome belongs.
    pub attribution: Attribution,
    /// T of the formulas; the queue's own when not given.
    pub threshold: Option<Duration>,
}

/// Spans of minutes that roll up to now.
pub(super) const ROLLING: [(&str, i64); 5] = [("1m", 1), ("5m", 5), ("15m", 15), ("30m", 30), ("60m", 60)];

impl<F> Interval<F> {
    /// The interval of a calendar; `node` is when the node started and the moment that it is.
    pub(super) fn of(span: Span, calendar: &Calendar, node: (WallTime, WallTime), figures: F) -> Self {
        let (origin, now) = node;
        let complete = span.start >= origin.as_secs() && span.end <= now.as_secs();
        Self { start: calendar.text(span.start), end: calendar.text(span.end), complete, figures }
    }
}

impl AgentTime {
    /// The parts of agents' time.
    pub(super) fn of(spent: AgentSeconds) -> Self {
        Self {
            handling_seconds: seconds(spent.handling()),
            in_service_seconds: seconds(spent.in_service()),
            logged_in_seconds: seconds(spent.logged_in()),
        }
    }
}

impl Figure {
    /// A formula's value; `None` when the inputs lack what it needs.
    pub(super) fn of(formula: &Formula, inputs: &Inputs<'_>) -> Option<Self> {
        let ratio = formula.ratio(inputs)?;
        Some(Self { value: formula.value_of(ratio), numerator: ratio.numerator, denominator: ratio.denominator })
    }
}

impl Figures {
    /// The figures of counts whose buckets have these bounds, with T in microseconds; and of the agents' time, where it is known.
    pub(super) fn of(counts: &Counts, spent: Option<AgentSeconds>, bounds: &[u64], threshold: u64) -> Self {
        let inputs = Inputs::new(counts, bounds, threshold, spent.unwrap_or_default());
        let formulas = FORMULAS.iter().filter(|formula| spent.is_some() || formula.is_of_visits());
        Self {
            offered: counts.offered,
            answered: counts.answered,
            abandoned: counts.abandoned,
            abandoned_short: counts.abandoned_short,
            flowed_out: counts.flowouts(),
            flowed_out_by: FlowOut::ALL
                .into_iter()
                .map(|why| (why.as_str(), counts.flowed_out[why as usize]))
                .collect(),
            agents: spent.map(AgentTime::of),
            formulas: formulas.filter_map(|formula| Some((formula.key, Figure::of(formula, &inputs)?))).collect(),
        }
    }
}

/// Answers a question about a queue. `origin` is when the node started.
pub(super) fn answer(
    queue: &Queue,
    question: Question,
    origin: WallTime,
    moment: Moment,
) -> Result<Intervals, Unanswerable> {
    let now = moment.wall.ok_or(Unanswerable::NoCalendar)?;
    let Question { by, last, attribution, threshold } = question;
    if attribution == Attribution::Arrival && !matches!(by, Grain::Minutes(15 | 30 | 60)) {
        return Err(Unanswerable::NoCohort);
    }
    let calendar = &**queue.calendar();
    let cells = queue.read();
    let asked = threshold.map(micros);
    if asked.is_some_and(|threshold| queue.bounds().binary_search(&threshold).is_err()) {
        return Err(Unanswerable::NoBound);
    }
    let threshold = asked.unwrap_or_else(|| cells.threshold());
    let figures = |counts: &Counts, spent| Figures::of(counts, spent, queue.bounds(), threshold);
    let (mut total, mut total_spent) = (Counts::default(), Some(AgentSeconds::default()));
    let (staff, mut intervals) = (queue.staff().read(moment), Vec::new());
    for span in spans(calendar, by, last, now).ok_or_else(|| too_long_ago(by))? {
        let (counts, spent) = match attribution {
            Attribution::Event => {
                (queue.windows().counts(by, span, now, calendar), staff.spent(Stretch::of(by, span, calendar)))
            }
            Attribution::Arrival => (queue.windows().cohort(span, now), None),
        };
        let counts = counts.ok_or_else(|| too_long_ago(by))?;
        total.add(&counts);
        total_spent = sum(total_spent, spent);
        intervals.push(Interval::of(span, calendar, (origin, now), figures(&counts, spent)));
    }
    let rolling = match attribution {
        Attribution::Event => {
            let rolling = |m| figures(&queue.windows().rolling(m, now), staff.rolling(m));
            ROLLING.map(|(name, m)| (name, rolling(m))).into()
        }
        Attribution::Arrival => BTreeMap::new(),
    };
    Ok(Intervals {
        queue: Arc::clone(&queue.name),
        by: by.as_str(),
        attribution,
        time_zone: calendar.zone().to_owned(),
        threshold_seconds: seconds(threshold),
        short_abandon_seconds: seconds(cells.short_abandon()),
        target: cells.target(),
        intervals,
        total: figures(&total, total_spent),
        rolling,
    })
}

/// The sum, while every part of it is known.
fn sum(total: Option<AgentSeconds>, more: Option<AgentSeconds>) -> Option<AgentSeconds> {
    let (mut total, more) = (total?, more?);
    total.add(&more);
    Some(total)
}

/// The intervals that overlap the time from `last` before `now` until `now`; `None` when there are more than any ring holds.
pub(super) fn spans(calendar: &Calendar, by: Grain, last: Duration, now: WallTime) -> Option<Vec<Span>> {
    let from = now.as_secs().saturating_sub(i64::try_from(last.as_secs()).unwrap_or(i64::MAX));
    let mut spans = Vec::new();
    let mut at = from.max(0);
    while at <= now.as_secs() {
        if spans.len() > crate::stats::window::SLOTS {
            return None;
        }
        let span = calendar.span(by, WallTime::from_micros(at.saturating_mul(1_000_000)));
        spans.push(span);
        at = span.end;
    }
    Some(spans)
}

fn too_long_ago(grain: Grain) -> Unanswerable {
    let kept = match grain {
        Grain::Minutes(1 | 5) => "two hours",
        Grain::Minutes(_) => "a day",
        Grain::Day | Grain::Week => "five weeks",
        Grain::Month => "a year",
    };
    Unanswerable::TooLongAgo { grain, kept }
}
