//! `/v1/lost`: lost contacts by cause and hour, of each queue, number group, campaign, region or trunk. Names no caller.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::api::auth::Who;
use crate::api::handle::Handle;
use crate::api::intervals::{duration, refusal};
use crate::api::problem::Problem;
use crate::stats::losses::{By, Losses, Question};

/// The query: `by=number&last=24h&value=800`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    by: Option<String>,
    last: Option<String>,
    value: Option<String>,
}

/// `GET /v1/lost?by=number|queue|campaign|region|trunk&last=24h&value=NAME`
pub(super) async fn lost(
    _: Who,
    State(handle): State<Handle>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Losses>, Problem> {
    let Query(asked) = asked.map_err(|wrong| Problem::bad_request(wrong.body_text()))?;
    handle.live.losses(handle.now(), &question(asked)?).map(Json).map_err(|why| refusal(&why))
}

fn question(asked: Asked) -> Result<Question, Problem> {
    let by = asked.by.as_deref().unwrap_or("number");
    let by = By::parse(by).ok_or_else(|| {
        let words = By::ALL.map(By::as_str).join(", ");
        Problem::bad_request(format!("by is {words}, not `{by}`"))
    })?;
    let last = asked.last.as_deref().unwrap_or("24h");
    let last =
        duration(last).ok_or_else(|| Problem::bad_request(format!("last is a time such as 6h or 7d, not `{last}`")))?;
    Ok(Question { by, last, value: asked.value })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::acd::Dimension;

    use super::*;

    fn read(query: &str) -> Result<Question, Problem> {
        let uri = format!("/v1/lost?{query}").parse().unwrap();
        let Query(asked) =
            Query::try_from_uri(&uri).map_err(|wrong: QueryRejection| Problem::bad_request(wrong.body_text()))?;
        question(asked)
    }

    #[test]
    fn a_question_is_read_with_its_defaults() {
        let asked = read("").unwrap();
        assert_eq!((asked.by, asked.last), (By::Value(Dimension::Number), Duration::from_secs(86_400)));
        let asked = read("by=region&last=7d&value=%E4%B8%8A%E6%B5%B7").unwrap();
        assert_eq!((asked.by, asked.value.as_deref()), (By::Value(Dimension::Region), Some("上海")));
        for wrong in ["by=caller", "last=soon", "last=7", "number=800", "by=queue&by=trunk"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
