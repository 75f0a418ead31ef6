//! [`Moment`]: when a fact happened, on the node's clock and on the calendar.

use crate::base::{Instant, WallTime};

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The node's clock.
    pub(super) at: Instant,
    /// The calendar's; `None` when nobody told what time it was when the node started.
    pub(super) wall: Option<WallTime>,
}

impl Moment {
    /// The moment `at` of a node that started at `origin`.
    pub(super) fn new(at: Instant, origin: Option<WallTime>) -> Self {
        let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        Self { at, wall: origin.map(|origin| WallTime::from_micros(origin.as_micros().saturating_add(micros))) }
    }
}
