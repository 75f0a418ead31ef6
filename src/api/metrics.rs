//! `/metrics`: what Prometheus scrapes, read as consistent copies without stopping the engine. The text is made page by page as
//! the scraper takes it: nobody else waits for the whole of it, and it never stands in memory as a whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use http_body::Frame;

use crate::api::handle::Handle;
use crate::stats::export::{self, Pages};
use crate::stats::openmetrics;

/// `GET /metrics`, the Prometheus text format, or OpenMetrics where `Accept` asks for it. It names no person and needs no token.
pub(super) async fn metrics(State(handle): State<Handle>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let (kind, pages) = if openmetrics::is_wanted(&accept) {
        (openmetrics::CONTENT_TYPE, handle.exposition.pages_openmetrics())
    } else {
        (export::CONTENT_TYPE, handle.exposition.pages())
    };
    ([(CONTENT_TYPE, kind), (VARY, "Accept")], Body::new(Text(pages))).into_response()
}

/// A scrape's text as a body: one page each time it is asked for.
struct Text(Pages);

impl http_body::Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|page| Ok(Frame::data(page.into()))))
    }
}
