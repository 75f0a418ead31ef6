//! `/v1/queues` and `/metrics`: the live figures, read as consistent copies without stopping the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName};
use serde::Serialize;

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::stats::{QueueSnapshot, export, openmetrics};

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

/// `GET /metrics`, the Prometheus text format, or OpenMetrics where `Accept` asks for it. It names no person and needs no token.
pub(super) async fn metrics(
    State(handle): State<Handle>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 2], String) {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let (kind, text) = if openmetrics::is_wanted(&accept) {
        (openmetrics::CONTENT_TYPE, handle.exposition.render_openmetrics())
    } else {
        (export::CONTENT_TYPE, handle.exposition.render())
    };
    ([(CONTENT_TYPE, kind), (VARY, "Accept")], text)
}
