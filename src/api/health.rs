//! `/livez`, `/healthz`, `/readyz`: is the process there, do its loops turn, does it take calls.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::api::handle::Handle;

/// The answer of all three.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    status: &'static str,
    live_calls: usize,
    /// Since the last turn of the signalling loop; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    signalling_age_seconds: Option<f64>,
    /// Since the last turn of the media loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_age_seconds: Option<f64>,
}

/// The process answers.
pub(super) async fn livez() -> &'static str {
    "alive\n"
}

/// 200 while both loops turn.
pub(super) async fn healthz(State(handle): State<Handle>) -> (StatusCode, Json<Report>) {
    match handle.health.is_alive(handle.now()) {
        true => answer(&handle, StatusCode::OK, "ok"),
        false => answer(&handle, StatusCode::SERVICE_UNAVAILABLE, "stuck"),
    }
}

/// 200 while new calls are taken.
pub(super) async fn readyz(State(handle): State<Handle>) -> (StatusCode, Json<Report>) {
    if handle.health.is_draining() {
        return answer(&handle, StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    match handle.health.is_alive(handle.now()) {
        true => answer(&handle, StatusCode::OK, "ready"),
        false => answer(&handle, StatusCode::SERVICE_UNAVAILABLE, "stuck"),
    }
}

fn answer(handle: &Handle, code: StatusCode, status: &'static str) -> (StatusCode, Json<Report>) {
    let [signalling, media] = handle.health.ages(handle.now()).map(|age| age.map(|age| age.as_secs_f64()));
    let live_calls = handle.health.live_calls();
    (code, Json(Report { status, live_calls, signalling_age_seconds: signalling, media_age_seconds: media }))
}
