//! The control plane: HTTP and JSON, metrics, health. Reads `stats` without stopping anyone; speaks to the node by data. It
//! decides nothing: an action is a message to the node, and the answer is the node's.

mod agents;
mod audit;
mod auth;
mod calls;
mod explain;
pub mod handle;
mod health;
mod intervals;
mod listener;
mod lost;
mod metrics;
pub mod problem;
mod queues;
mod registrations;
mod request;
mod teams;
mod trace;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::api::handle::Handle;
use crate::api::listener::Bounded;
use crate::api::problem::Problem;

/// Largest request body: actions are a line of JSON.
const BODY_MAX: usize = 16 * 1024;

/// Serves the control plane on `listener` until `stop` is done. Runs on the caller's runtime.
///
/// # Errors
/// The system's, when the listener fails for good.
pub async fn serve(
    listener: tokio::net::TcpListener,
    handle: Handle,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let serve = axum::serve(Bounded::new(listener), router(handle));
    tokio::select! {
        served = serve => served,
        () = stop => Ok(()),
    }
}

fn router(handle: Handle) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::healthz))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/v1/queues", get(queues::list).post(queues::set_many))
        .route("/v1/queues/{name}/intervals", get(intervals::intervals))
        .route("/v1/queues/{name}", get(queues::show).post(queues::set))
        .route("/v1/queues/{name}/outlook", get(intervals::outlook))
        .route("/v1/agents", get(agents::list).post(agents::set_many))
        .route("/v1/agents/{id}/state", post(agents::set_state))
        .route("/v1/agents/{id}/intervals", get(intervals::of_agent))
        .route("/v1/teams", get(teams::list))
        .route("/v1/teams/intervals", get(intervals::of_team))
        .route("/v1/calls", get(calls::list).post(calls::act_on_many))
        .route("/v1/calls/{id}", post(calls::act))
        .route("/v1/calls/{id}/transfer", post(calls::transfer))
        .route("/v1/calls/{id}/ladder", get(calls::ladder))
        .route("/v1/calls/{id}/explanation", get(explain::call))
        .route("/v1/decisions", get(explain::decisions))
        .route("/v1/registrations", get(registrations::list))
        .route("/v1/lost", get(lost::lost))
        .route("/v1/trace", get(trace::read).post(trace::act))
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address has another method")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(handle)
}
