//! `/v1/queues` and `/metrics`: the live figures, read as consistent copies without stopping the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::stats::{QueueSnapshot, export};

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

/// `GET /metrics`, the Prometheus text format. It names no person and needs no token.
pub(super) async fn metrics(State(handle): State<Handle>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, export::CONTENT_TYPE)], handle.exposition.render())
}
