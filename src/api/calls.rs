//! `/v1/calls`: the list, and what a supervisor does with a call.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::api::audit::{self, Action};
use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Asked, Page};
use crate::base::CallId;
use crate::node::{CallView, Control, Reply};

/// One page of calls.
#[derive(Debug, Serialize)]
pub(super) struct Calls {
    calls: Vec<CallView>,
    total: usize,
    offset: usize,
    limit: usize,
}

/// `GET /v1/calls`
pub(super) async fn list(
    _: Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Calls>, Problem> {
    let Page { offset, limit } = request::page(query.as_deref())?;
    let reply = handle.ask(Control::Calls { offset, limit }).await?;
    let Reply::Calls { rows, total } = reply else { return Err(request::strange()) };
    Ok(Json(Calls { calls: rows, total, offset, limit }))
}

/// The body of `POST /v1/calls/ID`.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum CallBody {
    Hangup,
    /// Only while no agent talks.
    Withdraw,
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
}

/// `POST /v1/calls/ID`
pub(super) async fn act(
    Who(by): Who,
    State(handle): State<Handle>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<request::Done>, Problem> {
    let Asked { action: body, why } = request::asked(&headers, &body)?;
    let (what, detail) = match &body {
        CallBody::Hangup => ("hangup", String::new()),
        CallBody::Withdraw => ("withdraw", String::new()),
        CallBody::Requeue { queue } => ("requeue", queue.clone().unwrap_or_default()),
        CallBody::Priority { priority } => ("priority", priority.to_string()),
        CallBody::Prefer { agent } => ("prefer", agent.clone().unwrap_or_else(|| "nobody".to_string())),
    };
    let action = Action { who: &by, what, subject: &id, detail: &detail, why: &why };
    let outcome = match call_id(&id) {
        Some(call) => handle.ask(control(&body, call, &action)).await,
        None => Err(Problem::not_found(format!("no call {id}"))),
    };
    audit::write(&action, &outcome);
    outcome.map(|_| Json(request::DONE))
}

fn control(body: &CallBody, call: CallId, action: &Action<'_>) -> Control {
    match body {
        CallBody::Hangup => Control::HangUp { call, by: action.actor() },
        CallBody::Withdraw => Control::Withdraw { call, by: action.actor() },
        CallBody::Requeue { queue } => Control::Requeue { call, queue: queue.clone(), by: action.actor() },
        CallBody::Priority { priority } => Control::SetPriority { call, priority: *priority, by: action.actor() },
        CallBody::Prefer { agent } => Control::Prefer { call, agent: agent.clone(), by: action.actor() },
    }
}

/// Reads what [`CallId`] prints (`c17`).
pub(super) fn call_id(text: &str) -> Option<CallId> {
    text.strip_prefix('c')?.parse().ok().map(CallId)
}

#[cfg(test)]
mod tests {
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
        assert!(matches!(read(r#"{"action":"hangup"}"#), Ok(CallBody::Hangup)));
        assert!(matches!(read(r#"{"action":"requeue"}"#), Ok(CallBody::Requeue { queue: None })));
        assert!(matches!(read(r#"{"action":"requeue","queue":"a"}"#), Ok(CallBody::Requeue { queue: Some(_) })));
        assert!(matches!(read(r#"{"action":"withdraw"}"#), Ok(CallBody::Withdraw)));
        assert!(matches!(read(r#"{"action":"priority","priority":-3}"#), Ok(CallBody::Priority { priority: -3 })));
        assert!(matches!(read(r#"{"action":"prefer","agent":"1001"}"#), Ok(CallBody::Prefer { agent: Some(_) })));
        assert!(matches!(read(r#"{"action":"prefer"}"#), Ok(CallBody::Prefer { agent: None })));
        assert!(read(r#"{"action":"priority"}"#).is_err());
        assert!(read(r#"{"action":"park"}"#).is_err());
        assert!(read(r#"{"queue":"a"}"#).is_err());
    }
}
