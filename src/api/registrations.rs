//! `/v1/registrations`: agents' phones that register here.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::problem::Problem;
use crate::api::request::{self, Page};
use crate::node::{Control, RegistrationRow, Reply};

/// One page of contacts.
#[derive(Debug, Serialize)]
pub(super) struct Registrations {
    registrations: Vec<RegistrationRow>,
    total: usize,
    offset: usize,
    limit: usize,
}

/// `GET /v1/registrations`
pub(super) async fn list(
    _: Who,
    State(handle): State<Handle>,
    RawQuery(query): RawQuery,
) -> Result<Json<Registrations>, Problem> {
    let Page { offset, limit } = request::page(query.as_deref())?;
    let reply = handle.ask(Control::Registrations { offset, limit }).await?;
    let Reply::Registrations { rows, total } = reply else { return Err(request::strange()) };
    Ok(Json(Registrations { registrations: rows, total, offset, limit }))
}
