//! `/v1/calls/ID/explanation` and `/v1/decisions`: why a call waits, and why the last offers went where they went.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;

use crate::api::auth::Who;
use crate::api::calls::call_id;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request;
use crate::base::limits::ROWS_MAX;
use crate::node::{Control, DecisionView, ExplanationView, Reply};

/// Decisions shown when the query does not say how many.
const USUAL: usize = 20;

/// `GET /v1/calls/ID/explanation`
pub(super) async fn call(
    _: Who,
    State(handle): State<Handle>,
    Path(id): Path<String>,
) -> Result<Json<ExplanationView>, Problem> {
    let call = call_id(&id).ok_or_else(|| Problem::not_found(format!("no call {id}")))?;
    let Reply::Explanation(view) = handle.ask(Control::Explain(call)).await? else { return Err(request::strange()) };
    Ok(Json(*view))
}

/// The last decisions, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Decisions {
    decisions: Vec<DecisionView>,
}

/// `GET /v1/decisions?queue=NAME&limit=20`
pub(super) async fn decisions(
    _: Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Decisions>, Problem> {
    let (queue, limit) = question(query.as_deref())?;
    let Reply::Decisions(decisions) = handle.ask(Control::Decisions { queue, limit }).await? else {
        return Err(request::strange());
    };
    Ok(Json(Decisions { decisions }))
}

fn question(query: Option<&str>) -> Result<(Option<String>, usize), Problem> {
    let (mut queue, mut limit) = (None, USUAL);
    for (key, value) in request::pairs(query)? {
        match (key.as_str(), value) {
            ("queue", name) => queue = Some(name),
            ("limit", number) => {
                limit = number
                    .parse()
                    .ok()
                    .filter(|limit| (1..=ROWS_MAX).contains(limit))
                    .ok_or_else(|| Problem::bad_request(format!("limit is 1 to {ROWS_MAX}, not `{number}`")))?;
            }
            (key, _) => {
                return Err(Problem::bad_request(format!("unknown parameter `{key}`; there are queue and limit")));
            }
        }
    }
    Ok((queue, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_asked_for_by_queue_and_number() {
        assert_eq!(question(None), Ok((None, USUAL)));
        assert_eq!(question(Some("queue=support&limit=3")), Ok((Some("support".to_string()), 3)));
        let named = Some("\u{9500}\u{552e} 1".to_string());
        assert_eq!(question(Some("queue=%E9%94%80%E5%94%AE%201")), Ok((named, USUAL)));
        assert!(["limit=0", "limit=x", "call=c1"].iter().all(|query| question(Some(query)).is_err()));
    }
}
