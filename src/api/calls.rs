//! `/v1/calls`: the list, and what a supervisor does with a call.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::acd::TransferKind;
use crate::api::audit::{self, Action};
use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Asked, Page};
use crate::base::CallId;
use crate::base::limits::ROWS_MAX;
use crate::node::{CallView, Consulted, Control, LadderView, Reply};

/// One page of calls.
#[derive(Debug, Serialize)]
pub(super) struct Calls {
    calls: Vec<Row>,
    total: usize,
    offset: usize,
    limit: usize,
}

/// A call; the caller's number in full where it was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Row {
    Masked(CallView),
    Shown(Value),
}

/// `GET /v1/calls?numbers=shown`: who asks for numbers stands in the audit log.
pub(super) async fn list(
    Who(by): Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Calls>, Problem> {
    let (Page { offset, limit }, shows_numbers) = request::page_and_numbers(query.as_deref())?;
    let allowed = handle.may_show_numbers(&by, shows_numbers);
    if shows_numbers {
        audit::write(&Action { who: &by, what: "calls", subject: "all", detail: "numbers", why: "" }, &allowed);
    }
    allowed?;
    let reply = handle.ask(Control::Calls { offset, limit }).await?;
    let Reply::Calls { rows, total } = reply else { return Err(request::strange()) };
    let calls = rows.into_iter().map(|row| if shows_numbers { shown_in_full(row) } else { Row::Masked(row) });
    Ok(Json(Calls { calls: calls.collect(), total, offset, limit }))
}

fn shown_in_full(row: CallView) -> Row {
    let caller = row.caller.expose().clone();
    match serde_json::to_value(&row) {
        Ok(mut value) => {
            value["caller"] = caller.into();
            Row::Shown(value)
        }
        Err(_) => Row::Masked(row),
    }
}

/// `GET /v1/calls/ID/ladder?numbers=shown`: who asks for numbers stands in the audit log.
pub(super) async fn ladder(
    Who(by): Who,
    State(handle): State<Handle>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<LadderView>, Problem> {
    let shows_numbers = request::only_numbers(query.as_deref())?;
    let outcome = match (handle.may_show_numbers(&by, shows_numbers), call_id(&id)) {
        (Err(problem), _) => Err(problem),
        (Ok(()), Some(call)) => handle.ask(Control::Ladder { call, shows_numbers }).await,
        (Ok(()), None) => Err(Problem::not_found(format!("no call {id}"))),
    };
    if shows_numbers {
        audit::write(&Action { who: &by, what: "ladder", subject: &id, detail: "numbers", why: "" }, &outcome);
    }
    let Reply::Ladder(view) = outcome? else { return Err(request::strange()) };
    Ok(Json(view))
}

/// The body of `POST /v1/calls/ID`.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum CallBody {
    // Braces, so that what does not belong to it is refused.
    Hangup {},
    /// Only while no agent talks.
    Withdraw {},
    Requeue {
        queue: Option<String>,
    },
    Priority {
        priority: i32,
    },
    /// Nobody, where no agent is named.
    Prefer {
        agent: Option<String>,
    },
    /// At once, to `agent:NAME`, `queue:NAME` or `number:DIGITS`.
    Transfer {
        to: String,
    },
    /// After a word.
    Consult {
        to: String,
    },
    /// The consulted target gets the caller.
    Complete {},
    /// Back to the caller.
    Cancel {},
}

/// `POST /v1/calls/ID`
pub(super) async fn act(
    Who(by): Who,
    State(handle): State<Handle>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<request::Done>, Problem> {
    let Asked { action, why } = request::asked(&headers, &body)?;
    perform(&by, &handle, &id, &action, &why).await.map(|()| Json(request::DONE))
}

/// What became of each call of a list.
#[derive(Debug, Serialize)]
pub(super) struct Acts {
    calls: Vec<Act>,
    /// How many were refused.
    refused: usize,
}

#[derive(Debug, Serialize)]
struct Act {
    call: String,
    /// `done` or `refused`.
    outcome: &'static str,
    /// What an action on this call alone would be answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// `POST /v1/calls`: the same action on each of a list, in its order. A call that has gone meanwhile keeps no other from it.
pub(super) async fn act_on_many(
    Who(by): Who,
    State(handle): State<Handle>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Acts>, Problem> {
    let Asked { action, why } = request::asked(&headers, &body)?;
    let (ids, action) = read_many(action)?;
    let mut calls = Vec::with_capacity(ids.len());
    for id in ids {
        let refused = perform(&by, &handle, &id, &action, &why).await.err();
        calls.push(Act {
            call: id,
            outcome: if refused.is_none() { "done" } else { "refused" },
            status: refused.as_ref().map(|problem| problem.status().as_u16()),
            detail: refused.map(|problem| problem.detail().to_string()),
        });
    }
    let refused = calls.iter().filter(|act| act.status.is_some()).count();
    Ok(Json(Acts { calls, refused }))
}

/// Which calls, and what is done with each.
fn read_many(mut body: Map<String, Value>) -> Result<(Vec<String>, CallBody), Problem> {
    let wrong = |error: serde_json::Error| Problem::bad_request(format!("the body cannot be read: {error}"));
    let calls: Vec<String> = serde_json::from_value(body.remove("calls").unwrap_or_default()).map_err(wrong)?;
    if calls.is_empty() || calls.len() > ROWS_MAX {
        return Err(Problem::bad_request(format!("calls names 1 to {ROWS_MAX} calls")));
    }
    Ok((calls, serde_json::from_value(body.into()).map_err(wrong)?))
}

/// The body of `POST /v1/calls/ID/transfer`: whom to, and whether after a word.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    to: String,
    #[serde(default)]
    consult: bool,
}

/// `POST /v1/calls/ID/transfer`: the actions `transfer` and `consult` under an address of their own.
pub(super) async fn transfer(
    Who(by): Who,
    State(handle): State<Handle>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<request::Done>, Problem> {
    let Asked { action: TransferBody { to, consult }, why } = request::asked(&headers, &body)?;
    let action = if consult { CallBody::Consult { to } } else { CallBody::Transfer { to } };
    perform(&by, &handle, &id, &action, &why).await.map(|()| Json(request::DONE))
}

async fn perform(by: &str, handle: &Handle, id: &str, body: &CallBody, why: &str) -> Result<(), Problem> {
    let (what, detail) = match body {
        CallBody::Hangup {} => ("hangup", String::new()),
        CallBody::Withdraw {} => ("withdraw", String::new()),
        CallBody::Requeue { queue } => ("requeue", queue.clone().unwrap_or_default()),
        CallBody::Priority { priority } => ("priority", priority.to_string()),
        CallBody::Prefer { agent } => ("prefer", agent.clone().unwrap_or_else(|| "nobody".to_string())),
        CallBody::Transfer { to } => ("transfer", shown(to)),
        CallBody::Consult { to } => ("consult", shown(to)),
        CallBody::Complete {} => ("complete", String::new()),
        CallBody::Cancel {} => ("cancel", String::new()),
    };
    let action = Action { who: by, what, subject: id, detail: &detail, why };
    let outcome = match call_id(id) {
        Some(call) => handle.ask(control(body, call, &action)).await,
        None => Err(Problem::not_found(format!("no call {id}"))),
    };
    audit::write(&action, &outcome);
    outcome.map(drop)
}

fn control(body: &CallBody, call: CallId, action: &Action<'_>) -> Control {
    match body {
        CallBody::Hangup {} => Control::HangUp { call, by: action.actor() },
        CallBody::Withdraw {} => Control::Withdraw { call, by: action.actor() },
        CallBody::Requeue { queue } => Control::Requeue { call, queue: queue.clone(), by: action.actor() },
        CallBody::Priority { priority } => Control::SetPriority { call, priority: *priority, by: action.actor() },
        CallBody::Prefer { agent } => Control::Prefer { call, agent: agent.clone(), by: action.actor() },
        CallBody::Transfer { to } => {
            Control::Transfer { call, kind: TransferKind::Blind, to: to.clone(), by: action.actor() }
        }
        CallBody::Consult { to } => {
            Control::Transfer { call, kind: TransferKind::Consult, to: to.clone(), by: action.actor() }
        }
        CallBody::Complete {} => Control::Consultation { call, end: Consulted::Complete, by: action.actor() },
        CallBody::Cancel {} => Control::Consultation { call, end: Consulted::Cancel, by: action.actor() },
    }
}

/// A target as the audit log has it: numbers are personal.
fn shown(to: &str) -> String {
    if to.starts_with("number:") { "number".to_string() } else { to.to_string() }
}

/// Reads what [`CallId`] prints (`c17`).
pub(super) fn call_id(text: &str) -> Option<CallId> {
    text.strip_prefix('c')?.parse().ok().map(CallId)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_id_is_read_as_it_is_printed() {
        assert_eq!(call_id(&CallId(17).to_string()), Some(CallId(17)));
        assert_eq!(call_id("17"), None);
        assert_eq!(call_id("c"), None);
        assert_eq!(call_id("c-1"), None);
    }

    #[test]
    fn an_action_is_read_by_its_name() {
        let read = |text| serde_json::from_str::<CallBody>(text);
        assert!(matches!(read(r#"{"action":"hangup"}"#), Ok(CallBody::Hangup {})));
        assert!(matches!(read(r#"{"action":"requeue"}"#), Ok(CallBody::Requeue { queue: None })));
        assert!(matches!(read(r#"{"action":"requeue","queue":"a"}"#), Ok(CallBody::Requeue { queue: Some(_) })));
        assert!(matches!(read(r#"{"action":"withdraw"}"#), Ok(CallBody::Withdraw {})));
        assert!(matches!(read(r#"{"action":"priority","priority":-3}"#), Ok(CallBody::Priority { priority: -3 })));
        assert!(matches!(read(r#"{"action":"prefer","agent":"1001"}"#), Ok(CallBody::Prefer { agent: Some(_) })));
        assert!(matches!(read(r#"{"action":"prefer"}"#), Ok(CallBody::Prefer { agent: None })));
        assert!(matches!(read(r#"{"action":"consult","to":"queue:q"}"#), Ok(CallBody::Consult { .. })));
        assert!(matches!(read(r#"{"action":"complete"}"#), Ok(CallBody::Complete {})));
        assert!(read(r#"{"action":"transfer"}"#).is_err());
        assert_eq!((shown("number:+44").as_str(), shown("agent:1002").as_str()), ("number", "agent:1002"));
        assert!(read(r#"{"action":"priority"}"#).is_err());
        assert!(read(r#"{"action":"park"}"#).is_err());
        assert!(read(r#"{"queue":"a"}"#).is_err());
        assert!(read(r#"{"action":"hangup","queue":"a"}"#).is_err());
    }

    #[test]
    fn calls_of_a_list_are_named_beside_the_action() {
        let read = |text: &str| read_many(serde_json::from_str(text).unwrap_or_default());
        let (calls, action) = read(r#"{"calls":["c1","c2"],"action":"requeue","queue":"a"}"#).unwrap();
        assert_eq!(calls, ["c1", "c2"]);
        assert!(matches!(action, CallBody::Requeue { queue: Some(_) }));
        for wrong in [
            r#"{"calls":[],"action":"hangup"}"#,
            r#"{"calls":"c1","action":"hangup"}"#,
            r#"{"calls":["c1"]}"#,
            r#"{"calls":["c1"],"action":"hangup","queue":"a"}"#,
            r#"{"action":"hangup"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let many = json!({ "calls": vec!["c1"; ROWS_MAX + 1], "action": "hangup" }).to_string();
        assert!(read(&many).is_err());
    }
}
