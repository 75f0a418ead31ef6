//! Lost contacts by cause and hour (FEATURES K2): of each queue, number group, campaign, region or trunk, over the days that are
//! kept. A loss rate comes with its numerator and denominator; whoever adds hours or values adds those.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::acd::Dimension;
use crate::acd::LostCause;
use crate::base::WallTime;
use crate::stats::calendar::{Calendar, Grain};
use crate::stats::hours::{self, Fates, HOURS, Hours};
use crate::stats::intervals::{Figure, Unanswerable};

/// What losses are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The queue that a contact joined first, or was refused for.
    Queue,
    /// A dimension of it.
    Value(Dimension),
}

impl By {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Queue,
        Self::Value(Dimension::Number),
        Self::Value(Dimension::Campaign),
        Self::Value(Dimension::Region),
        Self::Value(Dimension::Trunk),
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Value(dimension) => dimension.as_str(),
        }
    }

    /// Reads what [`By::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// The question for losses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What rows are told apart by.
    pub by: By,
    /// How far back from now; the hour in which that is counts whole.
    pub last: Duration,
    /// This row only.
    pub value: Option<String>,
}

/// Losses; as JSON `{"by":"number","rows":[...],"total":{...}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Losses {
    /// `queue`, `number`, `campaign`, `region`, `trunk`.
    pub by: &'static str,
    /// The IANA name of the zone whose hours they are.
    pub time_zone: String,
    /// Local time with offset; the first hour begins here.
    pub start: String,
    /// Local time with offset; the last hour ends before, or is in progress.
    pub end: String,
    /// Rows to which anything happened, those with most losses first.
    pub rows: Vec<Row>,
    /// The sum over all rows.
    pub total: Outcome,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The queue's name, or the value; `other` where there were too many.
    pub value: Arc<str>,
    /// All hours together.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Hours in which anything happened, in their order.
    pub hours: Vec<HourRow>,
}

/// One hour of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HourRow {
    /// Local time with offset.
    pub start: String,
    /// What happened in it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of contacts, by the hour in which it did: one that came in an hour may be lost in the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Contacts that came.
    pub offered: u64,
    /// Contacts that first talked to an agent.
    pub served: u64,
    /// Contacts that ended outside every rate.
    pub untargeted: u64,
    /// Contacts that were lost.
    pub lost: u64,
    /// The lost by cause; causes without a loss are left out.
    pub lost_by: BTreeMap<&'static str, u64>,
    /// Lost / (lost + served).
    pub loss_rate: Figure,
}

impl From<&Fates> for Outcome {
    fn from(fates: &Fates) -> Self {
        let lost = fates.all_lost();
        let by = LostCause::ALL.into_iter().zip(fates.lost).filter(|(_, count)| *count > 0);
        let denominator = lost + fates.served;
        let value = (denominator > 0).then(|| lost as f64 / denominator as f64);
        Self {
            offered: fates.offered,
            served: fates.served,
            untargeted: fates.untargeted,
            lost,
            lost_by: by.map(|(cause, count)| (cause.as_str(), count)).collect(),
            loss_rate: Figure { value, numerator: lost, denominator },
        }
    }
}

/// The answer, from the hours of each row at `now`.
pub(super) fn losses<'h>(
    question: &Question,
    calendar: &Calendar,
    now: WallTime,
    rows: impl Iterator<Item = (Arc<str>, &'h Hours)>,
) -> Result<Losses, Unanswerable> {
    let too_long_ago = || Unanswerable::TooLongAgo { grain: Grain::Minutes(60), kept: "eight days" };
    let starts = starts(calendar, question.last, now).ok_or_else(too_long_ago)?;
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Err(too_long_ago()) };
    let wanted = |name: &str| question.value.as_deref().is_none_or(|wanted| wanted == name);
    let mut answer = Losses {
        by: question.by.as_str(),
        time_zone: calendar.zone().to_owned(),
        start: calendar.text(*first),
        end: calendar.text(calendar.span(Grain::Minutes(60), wall(*last)).end),
        rows: Vec::new(),
        total: Outcome::from(&Fates::default()),
    };
    let (mut total, mut is_known) = (Fates::default(), question.value.is_none());
    for (value, hours) in rows.filter(|(name, _)| wanted(name)) {
        is_known = true;
        let mut sum = Fates::default();
        let mut of_hours = Vec::new();
        for start in &starts {
            let Some(fates) = hours.read(hours::number(*start)).filter(|fates| *fates != Fates::default()) else {
                continue;
            };
            sum.add(&fates);
            of_hours.push(HourRow { start: calendar.text(*start), outcome: Outcome::from(&fates) });
        }
        total.add(&sum);
        if !of_hours.is_empty() {
            answer.rows.push(Row { value, outcome: Outcome::from(&sum), hours: of_hours });
        }
    }
    if !is_known {
        return Err(Unanswerable::UnknownValue);
    }
    answer.rows.sort_by(|one, other| (other.outcome.lost, &one.value).cmp(&(one.outcome.lost, &other.value)));
    answer.total = Outcome::from(&total);
    Ok(answer)
}

/// The seconds at which the hours begin that overlap the time from `last` before `now` until `now`; `None` when that is longer
/// ago than is kept. An hour that the clock's change cuts in two is one.
fn starts(calendar: &Calendar, last: Duration, now: WallTime) -> Option<Vec<i64>> {
    let from = now.as_secs().saturating_sub(i64::try_from(last.as_secs()).unwrap_or(i64::MAX));
    if from < now.as_secs() - (HOURS as i64 - 1) * 3_600 {
        return None;
    }
    let mut starts: Vec<i64> = Vec::new();
    let mut at = from;
    while at <= now.as_secs() {
        let span = calendar.span(Grain::Minutes(60), wall(at));
        if starts.last().is_none_or(|before| hours::number(*before) != hours::number(span.start)) {
            starts.push(span.start);
        }
        at = span.end;
    }
    Some(starts)
}

fn wall(seconds: i64) -> WallTime {
    WallTime::from_micros(seconds.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::hours::Fate;

    #[test]
    fn losses_stand_by_cause_and_hour_of_the_zone() {
        let calendar = Calendar::new("Asia/Kolkata", 0, "monday").unwrap();
        let (north, south) = (Hours::default(), Hours::default());
        // 2023-11-14 22:13:20 UTC is 03:43:20 on the next day.
        let now = 1_700_000_000;
        let hour =
            |hours_ago: i64| hours::number(calendar.span(Grain::Minutes(60), wall(now - hours_ago * 3_600)).start);
        for (hours, ago, fate) in [
            (&north, 0, Fate::Offered),
            (&north, 0, Fate::Lost(LostCause::Timeout)),
            (&north, 1, Fate::Served),
            (&south, 1, Fate::Offered),
            (&south, 1, Fate::Lost(LostCause::CallerInQueue)),
            (&south, 2, Fate::Lost(LostCause::CallerInQueue)),
            (&south, 30, Fate::Lost(LostCause::CallerInQueue)),
        ] {
            hours.count(hour(ago), fate);
        }
        let ask = |last: u64, value: Option<&str>| {
            let (last, value) = (Duration::from_secs(last), value.map(str::to_owned));
            let question = Question { by: By::Value(Dimension::Region), last, value };
            let rows = [("north", &north), ("south", &south)].map(|(name, hours)| (Arc::from(name), hours));
            losses(&question, &calendar, wall(now), rows.into_iter())
        };
        let answer = ask(24 * 3_600, None).unwrap();
        let [first, second] = answer.rows.as_slice() else { panic!("{answer:?}") };
        assert_eq!((&*first.value, first.outcome.lost, &*second.value, second.outcome.lost), ("south", 2, "north", 1));
        assert_eq!(first.outcome.lost_by, BTreeMap::from([("caller_in_queue", 2)]));
        let starts: Vec<_> = first.hours.iter().map(|hour| hour.start.as_str()).collect();
        assert_eq!(starts, ["2023-11-15T01:00:00+05:30", "2023-11-15T02:00:00+05:30"]);
        assert_eq!((answer.total.lost, answer.total.served, answer.total.offered), (3, 1, 2));
        assert_eq!((answer.total.loss_rate.numerator, answer.total.loss_rate.denominator), (3, 4));
        assert_eq!((&*answer.start, &*answer.end), ("2023-11-14T03:00:00+05:30", "2023-11-15T04:00:00+05:30"));
        assert_eq!(ask(31 * 3_600, Some("south")).unwrap().total.lost, 3);
        assert_eq!(ask(60, Some("west")), Err(Unanswerable::UnknownValue));
        assert!(matches!(ask(8 * 86_400, None), Err(Unanswerable::TooLongAgo { .. })));
        assert_eq!(ask(191 * 3_600, None).unwrap().total.lost, 4);
    }
}
