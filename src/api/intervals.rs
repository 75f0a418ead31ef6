//! `/v1/queues/NAME/intervals`: a queue's figures by interval of its calendar; and `/v1/teams/intervals`,
//! `/v1/agents/NAME/intervals`: agents' time. All read without stopping the engine.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, RawQuery, State};

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request;
use crate::stats::Outlook;
use crate::stats::calendar::Grain;
use crate::stats::intervals::{Attribution, Intervals, Question, Unanswerable};
use crate::stats::work::{Question as WorkQuestion, Work, Workers};

/// What is asked when the query says nothing: the last half hour by five minutes.
const USUAL: Question = Question {
    by: Grain::Minutes(5),
    last: Duration::from_secs(1_800),
    attribution: Attribution::Event,
    threshold: None,
};

/// `GET /v1/queues/NAME/intervals?by=5m&last=30m&attribution=event&threshold=20s`
pub(super) async fn intervals(
    _: Who,
    State(handle): State<Handle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Intervals>, Problem> {
    let question = question(query.as_deref())?;
    handle.live.intervals(handle.now(), &name, question).map(Json).map_err(|why| refusal(&why))
}

/// The problem that an unanswerable question is.
pub(super) fn refusal(why: &Unanswerable) -> Problem {
    match why {
        Unanswerable::UnknownQueue | Unanswerable::UnknownValue => Problem::not_found(why.to_string()),
        Unanswerable::NoCalendar => Problem::unavailable(why.to_string()),
        Unanswerable::TooLongAgo { .. }
        | Unanswerable::TimeTooLongAgo
        | Unanswerable::NoCohort
        | Unanswerable::NoBound => Problem::bad_request(why.to_string()),
    }
}

/// `GET /v1/teams/intervals?team=sales/east&by=15m&last=8h`: agents' time, of everybody where no team is named.
pub(super) async fn of_team(
    _: Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Work>, Problem> {
    let (question, team) = work_question(query.as_deref())?;
    let team = Workers::Team(team.unwrap_or_default());
    handle.live.work(handle.now(), &team, question).map(Json).map_err(|why| refusal(&why))
}

/// `GET /v1/agents/NAME/intervals?by=15m&last=8h`: the time of an agent that has figures of its own.
pub(super) async fn of_agent(
    _: Who,
    State(handle): State<Handle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Work>, Problem> {
    let (question, team) = work_question(query.as_deref())?;
    if team.is_some() {
        return Err(Problem::bad_request("an agent's time is asked for, or a team's"));
    }
    handle.live.work(handle.now(), &Workers::Agent(name), question).map(Json).map_err(|why| {
        if why == Unanswerable::UnknownValue {
            Problem::not_found("there is no such agent with figures of its own; name it in figures.agent_series")
        } else {
            refusal(&why)
        }
    })
}

/// `GET /v1/queues/NAME/outlook`
pub(super) async fn outlook(
    _: Who,
    State(handle): State<Handle>,
    Path(name): Path<String>,
) -> Result<Json<Outlook>, Problem> {
    let outlook = handle.live.outlook(handle.now(), &name);
    outlook.map(Json).ok_or_else(|| Problem::not_found("there is no such queue"))
}

fn question(query: Option<&str>) -> Result<Question, Problem> {
    let mut question = USUAL;
    for (key, value) in request::pairs(query)? {
        let value = value.as_str();
        let wrong = |what: &str| Problem::bad_request(format!("{key} is {what}, not `{value}`"));
        match key.as_str() {
            "by" => question.by = Grain::parse(value).ok_or_else(|| wrong(&grains()))?,
            "last" => question.last = duration(value).ok_or_else(|| wrong("a time such as 30m, 6h or 7d"))?,
            "threshold" => {
                question.threshold = Some(duration(value).ok_or_else(|| wrong("a time such as 20s"))?);
            }
            "attribution" => {
                question.attribution = match value {
                    "event" => Attribution::Event,
                    "arrival" => Attribution::Arrival,
                    _ => return Err(wrong("event or arrival")),
                }
            }
            _ => {
                let detail = format!("unknown parameter `{key}`; there are by, last, attribution and threshold");
                return Err(Problem::bad_request(detail));
            }
        }
    }
    Ok(question)
}

/// The interval, how far back, and the team.
fn work_question(query: Option<&str>) -> Result<(WorkQuestion, Option<String>), Problem> {
    let (mut asked, mut team) = (WorkQuestion { by: USUAL.by, last: USUAL.last }, None);
    for (key, value) in request::pairs(query)? {
        let wrong = |what: &str| Problem::bad_request(format!("{key} is {what}, not `{value}`"));
        match key.as_str() {
            "by" => asked.by = Grain::parse(&value).ok_or_else(|| wrong(&grains()))?,
            "last" => asked.last = duration(&value).ok_or_else(|| wrong("a time such as 30m, 6h or 1d"))?,
            "team" => team = Some(value),
            _ => {
                return Err(Problem::bad_request(format!("unknown parameter `{key}`; there are by, last and team")));
            }
        }
    }
    Ok((asked, team))
}

fn grains() -> String {
    Grain::ALL.map(Grain::as_str).join(", ")
}

/// `500ms`, `20s`, `30m`, `6h`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..unit].parse().ok()?;
    let millis = match &text[unit..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn a_team_is_named_by_its_path() {
        let (asked, team) = work_question(Some("team=sales%2Feast&by=15m&last=8h")).unwrap();
        assert_eq!((asked.by, asked.last), (Grain::Minutes(15), Duration::from_secs(8 * 3_600)));
        assert_eq!(team.as_deref(), Some("sales/east"));
        assert_eq!(work_question(None).unwrap().1, None);
        assert!(["by=7m", "last=soon", "attribution=event"].iter().all(|query| work_question(Some(query)).is_err()));
    }

    #[test]
    fn a_question_is_read_with_its_defaults() {
        let asked = question(None).unwrap();
        assert_eq!((asked.by, asked.last), (Grain::Minutes(5), Duration::from_secs(1_800)));
        let asked = question(Some("by=day&last=7d&attribution=arrival&threshold=15s")).unwrap();
        assert_eq!((asked.by, asked.last), (Grain::Day, Duration::from_secs(7 * 86_400)));
        assert_eq!(asked.attribution, Attribution::Arrival);
        assert_eq!(asked.threshold, Some(Duration::from_secs(15)));
        for wrong in ["by=7m", "last=soon", "last=5", "attribution=both", "threshold=", "from=1"] {
            let refused = question(Some(wrong)).map_err(|problem| problem.status());
            assert_eq!(refused.unwrap_err(), StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
