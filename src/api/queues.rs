//! `/v1/queues`: the live figures, read as consistent copies without stopping the engine; and what a supervisor
//! sets of a queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::acd::{QueueState, ReserveMode};
use crate::api::audit::{self, Action};
use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Asked};
use crate::node::{Control, QueueChange, QueueView, Reply, ThresholdsChange};
use crate::stats::QueueSnapshot;

/// All queues in the order of their names, and their sum.
#[derive(Debug, Serialize)]
pub(super) struct Queues {
    queues: Vec<QueueSnapshot>,
    total: QueueSnapshot,
}

/// `GET /v1/queues`
pub(super) async fn list(_: Who, State(handle): State<Handle>) -> Json<Queues> {
    let overview = handle.live.overview(handle.now());
    let by_name: BTreeMap<Arc<str>, QueueSnapshot> = overview.queues;
    Json(Queues { queues: by_name.into_values().collect(), total: overview.total })
}

/// The body of `POST /v1/queues/NAME`: one change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ChangeBody {
    State(StateBody),
    Strategy(String),
    ThresholdSeconds(u32),
    Priority(i32),
    Weight(i32),
    /// A fraction.
    Target(f64),
    /// `{"reserve": "on"}`, or `{"reserve": {"waiting": 5}}`.
    Reserve(ReserveBody),
    /// `{"defaults": {}}`: what has been set is taken back.
    Defaults(NoMore),
}

/// An object with nothing in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoMore {}

/// Who decides about a reserve, or by which thresholds.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ReserveBody {
    Mode(ModeBody),
    Thresholds(ThresholdsBody),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ModeBody {
    On,
    Off,
    Auto,
}

/// What is left out stays.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdsBody {
    waiting: Option<u32>,
    wait_seconds: Option<u32>,
    estimate_seconds: Option<u32>,
    leave_waiting: Option<u32>,
    leave_wait_seconds: Option<u32>,
    leave_estimate_seconds: Option<u32>,
    at_least_seconds: Option<u32>,
}

/// Whether a queue takes callers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StateBody {
    Open,
    Closed,
    Emergency,
}

/// `GET /v1/queues/NAME`: the settings in force, and which of them supervisors have set.
pub(super) async fn show(
    _: Who,
    State(handle): State<Handle>,
    Path(queue): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    let Reply::Queue(view) = handle.ask(Control::Queue(queue)).await? else { return Err(request::strange()) };
    Ok(Json(*view))
}

/// `POST /v1/queues/NAME`
pub(super) async fn set(
    who: Who,
    State(handle): State<Handle>,
    Path(queue): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<request::Done>, Problem> {
    let Asked { action, why } = request::asked(&headers, &body)?;
    change_all(who, &handle, vec![queue], action, &why).await
}

/// The body of `POST /v1/queues`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyBody {
    queues: Vec<String>,
    set: ChangeBody,
}

/// `POST /v1/queues`: many at once, all or none.
pub(super) async fn set_many(
    who: Who,
    State(handle): State<Handle>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<request::Done>, Problem> {
    let Asked { action: ManyBody { queues, set }, why } = request::asked(&headers, &body)?;
    if queues.is_empty() {
        return Err(Problem::bad_request("queues says which are meant"));
    }
    change_all(who, &handle, queues, set, &why).await
}

async fn change_all(
    Who(by): Who,
    handle: &Handle,
    queues: Vec<String>,
    change: ChangeBody,
    why: &str,
) -> Result<Json<request::Done>, Problem> {
    let (change, detail) = read(change)?;
    let subject = queues.join(",");
    let action = Action { who: &by, what: "set-queue", subject: &subject, detail: &detail, why };
    let outcome = handle.ask(Control::SetQueues { queues, change, by: action.actor() }).await;
    audit::write(&action, &outcome);
    outcome.map(|_| Json(request::DONE))
}

/// The change, and its words for the audit line.
fn read(body: ChangeBody) -> Result<(QueueChange, String), Problem> {
    Ok(match body {
        ChangeBody::State(StateBody::Open) => (QueueChange::State(QueueState::Open), "open".to_string()),
        ChangeBody::State(StateBody::Closed) => (QueueChange::State(QueueState::Closed), "closed".to_string()),
        ChangeBody::State(StateBody::Emergency) => (QueueChange::State(QueueState::Emergency), "emergency".to_string()),
        ChangeBody::Strategy(name) => (QueueChange::Strategy(name.clone()), format!("strategy {name}")),
        ChangeBody::ThresholdSeconds(0) => return Err(Problem::bad_request("threshold_seconds is 1 or more")),
        ChangeBody::ThresholdSeconds(seconds) => {
            (QueueChange::Threshold(Duration::from_secs(seconds.into())), format!("threshold {seconds} s"))
        }
        ChangeBody::Weight(weight) => (QueueChange::Weight(weight), format!("weight {weight}")),
        ChangeBody::Target(target) if (0.001..=1.0).contains(&target) => {
            // In thousandths, rounded: 0.8 is 800.
            let thousandths = (target * 1_000.0).round() as u16;
            (QueueChange::Target(thousandths), format!("target {target}"))
        }
        ChangeBody::Target(_) => return Err(Problem::bad_request("target is a fraction above 0, at most 1")),
        ChangeBody::Reserve(ReserveBody::Mode(mode)) => {
            let mode = match mode {
                ModeBody::On => ReserveMode::On,
                ModeBody::Off => ReserveMode::Off,
                ModeBody::Auto => ReserveMode::Auto,
            };
            (QueueChange::Reserve(mode), format!("reserve {}", mode.as_str()))
        }
        ChangeBody::Reserve(ReserveBody::Thresholds(body)) => thresholds(body)?,
        ChangeBody::Defaults(NoMore {}) => (QueueChange::Defaults, "defaults".to_string()),
        ChangeBody::Priority(priority) => (QueueChange::Priority(priority), format!("priority {priority}")),
    })
}

/// The thresholds of a reserve, each where it is named.
fn thresholds(body: ThresholdsBody) -> Result<(QueueChange, String), Problem> {
    let ThresholdsBody {
        waiting,
        wait_seconds,
        estimate_seconds,
        leave_waiting,
        leave_wait_seconds,
        leave_estimate_seconds,
        at_least_seconds,
    } = body;
    let named = [
        ("waiting", waiting, ""),
        ("wait", wait_seconds, " s"),
        ("estimate", estimate_seconds, " s"),
        ("leave_waiting", leave_waiting, ""),
        ("leave_wait", leave_wait_seconds, " s"),
        ("leave_estimate", leave_estimate_seconds, " s"),
        ("at_least", at_least_seconds, " s"),
    ];
    let words = named.iter().filter_map(|(name, value, unit)| Some(format!("{name} {}{unit}", (*value)?)));
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        return Err(Problem::bad_request(
            "name waiting, wait_seconds, estimate_seconds, leave_waiting, leave_wait_seconds, leave_estimate_seconds or \
             at_least_seconds",
        ));
    }
    for (name, value) in [("wait_seconds", wait_seconds), ("estimate_seconds", estimate_seconds)] {
        if value == Some(0) {
            return Err(Problem::bad_request(format!("{name} is 1 or more")));
        }
    }
    let seconds = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let change = ThresholdsChange {
        waiting,
        wait: seconds(wait_seconds),
        leave_waiting,
        leave_wait: seconds(leave_wait_seconds),
        estimate: seconds(estimate_seconds),
        leave_estimate: seconds(leave_estimate_seconds),
        at_least: seconds(at_least_seconds),
    };
    Ok((QueueChange::ReserveThresholds(change), format!("reserve {}", words.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Option<(QueueChange, String)> {
        read(serde_json::from_str(text).ok()?).ok()
    }

    #[test]
    fn many_queues_are_named_beside_what_is_set() {
        let read = |text| serde_json::from_str::<ManyBody>(text).map(|body| body.queues);
        let both = vec!["a".to_string(), "b".to_string()];
        assert_eq!(read(r#"{"queues":["a","b"],"set":{"state":"closed"}}"#).ok(), Some(both));
        assert!(read(r#"{"set":{"state":"closed"}}"#).is_err() && read(r#"{"queues":["a"]}"#).is_err());
        assert!(read(r#"{"queues":["a"],"set":{"state":"closed"},"state":"open"}"#).is_err());
    }

    #[test]
    fn a_reserve_is_switched_by_a_word_and_its_thresholds_set_by_name() {
        let on = (QueueChange::Reserve(ReserveMode::On), "reserve on".to_string());
        assert_eq!(change(r#"{"reserve": "on"}"#), Some(on));
        let set = ThresholdsChange { waiting: Some(8), wait: Some(Duration::from_secs(90)), ..Default::default() };
        let words = "reserve waiting 8, wait 90 s".to_string();
        let told = change(r#"{"reserve": {"waiting": 8, "wait_seconds": 90}}"#);
        assert_eq!(told, Some((QueueChange::ReserveThresholds(set), words)));
        for wrong in [
            r#"{"reserve": "maybe"}"#,
            r#"{"reserve": {}}"#,
            r#"{"reserve": {"wait": 3}}"#,
            r#"{"reserve": {"wait_seconds": 0}}"#,
            r#"{"reserve": {"waiting": -1}}"#,
            r#"{"reserve": true}"#,
        ] {
            assert_eq!(change(wrong), None, "{wrong}");
        }
    }
}
