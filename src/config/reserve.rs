//! Reads `reserve = { waiting = 5, wait = "60s", estimate = "2m" }` of a queue: when its members in reserve join and leave.

use std::time::Duration;

use crate::acd::ReserveThresholds;

use super::error::Report;
use super::reader::{Section, integer};
use super::values::{self, DAY, HOUR, SECOND};

const KEYS: [&str; 7] = ["waiting", "wait", "estimate", "leave_waiting", "leave_wait", "leave_estimate", "at_least"];

/// How long a reserve that has joined stays at least: nobody is sent back and forth with each call.
const AT_LEAST: Duration = Duration::from_secs(30);

/// The thresholds of a queue; without the key, none.
pub(super) fn reserve(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<ReserveThresholds> {
    let item = section.get("reserve")?;
    let section = Section::open(&item, &KEYS, report)?;
    let number = |key: &str, report: &mut Report<'_>| {
        let number = section.read(key, report, |value| integer(value, 0, u32::MAX.into()))?;
        u32::try_from(number).ok()
    };
    let wait = |key: &str, min: Duration, report: &mut Report<'_>| {
        section.read(key, report, |value| values::duration(value, min, DAY))
    };
    let (waiting, leave_waiting) = (number("waiting", report), number("leave_waiting", report));
    let (join_wait, leave_wait) = (wait("wait", SECOND, report), wait("leave_wait", Duration::ZERO, report));
    let (estimate, leave_estimate) = (wait("estimate", SECOND, report), wait("leave_estimate", Duration::ZERO, report));
    let at_least = section.read("at_least", report, |value| values::duration(value, Duration::ZERO, HOUR));
    let names = |key: &str| section.get(key).is_some();
    if !["waiting", "wait", "estimate"].into_iter().any(names) {
        report.value(item.at, &item.path, "never joins; name waiting, wait or estimate");
    }
    for (key, needs) in [("leave_waiting", "waiting"), ("leave_wait", "wait"), ("leave_estimate", "estimate")] {
        if let Some(item) = section.get(key).filter(|_| !names(needs)) {
            report.value(item.at, &item.path, format!("says nothing without {needs}"));
        }
    }
    let is_above = leave_waiting.zip(waiting).is_some_and(|(leave, join)| leave > join);
    if let Some(item) = section.get("leave_waiting").filter(|_| is_above) {
        report.value(item.at, &item.path, "is above waiting: it would leave before it joins");
    }
    for (key, leave, of, join) in
        [("leave_wait", leave_wait, "wait", join_wait), ("leave_estimate", leave_estimate, "estimate", estimate)]
    {
        let is_above = leave.zip(join).is_some_and(|(leave, join)| leave > join);
        if let Some(item) = section.get(key).filter(|_| is_above) {
            report.value(item.at, &item.path, format!("is above {of}: it would leave before it joins"));
        }
    }
    Some(ReserveThresholds {
        waiting,
        wait: join_wait,
        estimate,
        leave_waiting: leave_waiting.or(waiting).unwrap_or_default(),
        leave_wait: leave_wait.or(join_wait).unwrap_or_default(),
        leave_estimate: leave_estimate.or(estimate).unwrap_or_default(),
        at_least: at_least.unwrap_or(AT_LEAST),
    })
}
