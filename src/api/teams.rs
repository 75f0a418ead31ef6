//! `/v1/teams`: the team tree.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request;
use crate::node::{Control, Reply, TeamView};

/// The teams nobody stands above, each with those below it.
#[derive(Debug, Serialize)]
pub(super) struct Teams {
    teams: Vec<TeamView>,
}

/// `GET /v1/teams`
pub(super) async fn list(_: Who, State(handle): State<Handle>) -> Result<Json<Teams>, Problem> {
    let Reply::Teams(teams) = handle.ask(Control::Teams).await? else { return Err(request::strange()) };
    Ok(Json(Teams { teams }))
}
