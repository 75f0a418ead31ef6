//! `/v1/trace`: SIP messages of a neighbour or a number, from when somebody asks for them. Who started and stopped one, and who
//! reads numbers, stands in the audit log.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde::Deserialize;

use std::time::Duration;

use crate::api::audit::{self, Action};
use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Asked};
use crate::base::limits::ROWS_MAX;
use crate::node::{Control, Reply, TraceView};

/// Messages of an answer when no number of them is asked for.
const ROWS_DEFAULT: usize = 200;
/// How long a trace runs when nothing is said.
const MINUTES_DEFAULT: u64 = 10;

/// What is asked of the traces.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    after: String,
    limit: usize,
    shows_numbers: bool,
}

/// `GET /v1/trace?after=NEXT&limit=200&numbers=shown`
pub(super) async fn read(
    Who(by): Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<TraceView>, Problem> {
    let Reading { after, limit, shows_numbers } = reading(query.as_deref())?;
    let outcome = match handle.may_show_numbers(&by, shows_numbers) {
        Ok(()) => handle.ask(Control::Traces { after: after.clone(), limit, shows_numbers }).await,
        Err(problem) => Err(problem),
    };
    // Once for each reader: who follows a trace asks again and again.
    if shows_numbers && (after.is_empty() || outcome.is_err()) {
        audit::write(&Action { who: &by, what: "trace", subject: "read", detail: "numbers", why: "" }, &outcome);
    }
    view(outcome?)
}

/// The body of `POST /v1/trace`.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum TraceBody {
    /// Of a neighbour, or of a number.
    Start {
        peer: Option<String>,
        number: Option<String>,
        minutes: Option<u64>,
        #[serde(default)]
        numbers: bool,
    },
    /// One, or all of them.
    Stop { trace: Option<u32> },
}

/// `POST /v1/trace`
pub(super) async fn act(
    Who(by): Who,
    State(handle): State<Handle>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<TraceView>, Problem> {
    let Asked { action: asked, why } = request::asked(&headers, &body)?;
    match asked {
        TraceBody::Start { peer, number, minutes, numbers } => {
            // A number is personal.
            let subject = peer.clone().unwrap_or_else(|| "number".to_string());
            let lasts = Duration::from_secs(minutes.unwrap_or(MINUTES_DEFAULT).saturating_mul(60));
            let detail = format!("{} min{}", lasts.as_secs() / 60, if numbers { ", numbers" } else { "" });
            let action = Action { who: &by, what: "trace start", subject: &subject, detail: &detail, why: &why };
            let start = Control::StartTrace { peer, number, lasts, shows_numbers: numbers, by: action.actor() };
            let outcome = match handle.may_show_numbers(&by, numbers) {
                Ok(()) => handle.ask(start).await,
                Err(problem) => Err(problem),
            };
            audit::write(&action, &outcome);
            view(outcome?)
        }
        TraceBody::Stop { trace } => {
            let subject = trace.map_or_else(|| "all".to_string(), |trace| trace.to_string());
            let outcome = handle.ask(Control::StopTrace(trace)).await;
            audit::write(&Action { who: &by, what: "trace stop", subject: &subject, detail: "", why: &why }, &outcome);
            outcome?;
            view(handle.ask(Control::Traces { after: String::new(), limit: 0, shows_numbers: false }).await?)
        }
    }
}

fn view(reply: Reply) -> Result<Json<TraceView>, Problem> {
    let Reply::Trace(view) = reply else { return Err(request::strange()) };
    Ok(Json(*view))
}

fn reading(query: Option<&str>) -> Result<Reading, Problem> {
    let (others, shows_numbers) = request::without_numbers(request::pairs(query)?)?;
    let mut reading = Reading { after: String::new(), limit: ROWS_DEFAULT, shows_numbers };
    for (key, value) in others {
        match key.as_str() {
            "after" => reading.after = value,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit <= ROWS_MAX);
                reading.limit = limit.ok_or_else(|| Problem::bad_request(format!("limit is 0 to {ROWS_MAX}")))?;
            }
            _ => {
                let there = "there are after, limit and numbers=shown";
                return Err(Problem::bad_request(format!("unknown parameter `{key}={value}`; {there}")));
            }
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_where_the_last_one_ended() {
        let read = reading(Some("after=7-12&limit=0&numbers=shown"));
        assert_eq!(read, Ok(Reading { after: "7-12".to_string(), limit: 0, shows_numbers: true }));
        assert_eq!(reading(None).map(|read| read.limit), Ok(ROWS_DEFAULT));
        for wrong in ["limit=1001", "limit=-1", "numbers=all", "page=1"] {
            assert!(reading(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trace_is_started_and_stopped_by_words() {
        let read = |text| serde_json::from_str::<TraceBody>(text);
        let started = read(r#"{"action":"start","peer":"pbx","minutes":5}"#);
        assert!(matches!(
            started,
            Ok(TraceBody::Start { peer: Some(_), number: None, minutes: Some(5), numbers: false })
        ));
        assert!(matches!(read(r#"{"action":"stop","trace":3}"#), Ok(TraceBody::Stop { trace: Some(3) })));
        assert!(matches!(read(r#"{"action":"stop"}"#), Ok(TraceBody::Stop { trace: None })));
        for wrong in [r#"{"action":"pause"}"#, r#"{"action":"start","minutes":-1}"#, r#"{"action":"start","of":"pbx"}"#]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
