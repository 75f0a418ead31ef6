//! A queue's reserve, and what it lends and borrows, as `queue show` prints them.

use serde_json::Value;

use crate::cli::print::clock;

/// The rows; `note` stands beside the reserve.
pub(super) fn rows(queue: &Value, note: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |what: &str, text: String, note: &str| rows.push(vec![what.to_string(), text, note.to_string()]);
    let so_long = |view: &Value| clock(view["since_seconds"].as_f64().unwrap_or_default());
    if let Some(reserve) = queue.get("reserve") {
        let state = if reserve["active"] == true { "active" } else { "out" };
        let mode = match reserve["mode"].as_str() {
            Some("auto") | None => String::new(),
            Some(mode) => format!(" (switched {mode})"),
        };
        row("reserve", format!("{state} for {}{mode}", so_long(reserve)), note);
        let limit = |prefix: &str, unit: &str| {
            let key = |name: &str| &reserve[format!("{prefix}{name}")];
            let waiting = key("waiting").as_u64().map(|most| format!("{unit}{most} waiting"));
            let wait = key("wait_seconds").as_f64().map(|wait| clock(wait) + " of waiting");
            let estimate = key("estimate_seconds").as_f64().map(|most| format!("{unit}{} to expect", clock(most)));
            waiting.into_iter().chain(wait).chain(estimate).collect::<Vec<_>>()
        };
        let joins = limit("", "above ");
        if !joins.is_empty() {
            row("reserve joins", joins.join(" or "), "");
            row("reserve leaves", limit("leave_", "").join(" and below "), "");
        }
    }
    if let Some(lending) = queue.get("lending") {
        let state = if lending["lends"] == true { "lends" } else { "lends nobody" };
        let to: Vec<_> =
            lending["to"].as_array().into_iter().flatten().filter_map(|loan| loan["queue"].as_str()).collect();
        let record = format!("{} of {} in time", lending["in_time"], lending["decided"]);
        row("lending", format!("{state} for {}; {record}", so_long(lending)), "");
        row("lends to", to.join(" "), "");
    }
    for lender in queue["lenders"].as_array().into_iter().flatten() {
        let state = if lender["lends"] == true { "lends" } else { "lends nobody now" };
        row("borrows", format!("{} {state}", lender["queue"].as_str().unwrap_or_default()), "");
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_helps_a_queue_is_shown_with_its_time_and_limits() {
        let queue = json!({
            "reserve": { "active": true, "mode": "on", "since_seconds": 75.0, "waiting": 5, "wait_seconds": 60.0,
                         "estimate_seconds": 90.0, "leave_waiting": 3, "leave_wait_seconds": 20.0,
                         "leave_estimate_seconds": 60.0, "at_least_seconds": 30.0 },
            "lending": { "lends": false, "since_seconds": 9.0, "in_time": 7, "decided": 10, "target": 0.8,
                         "to": [{ "queue": "billing", "tier": 1, "penalty": 0, "delay_seconds": 0.0 }] },
            "lenders": [{ "queue": "sales", "lends": true }],
        });
        let rows: Vec<_> = rows(&queue, "set at run time").into_iter().map(|row| row.join("|")).collect();
        assert_eq!(
            rows,
            [
                "reserve|active for 1:15 (switched on)|set at run time",
                "reserve joins|above 5 waiting or 1:00 of waiting or above 1:30 to expect|",
                "reserve leaves|3 waiting and below 0:20 of waiting and below 1:00 to expect|",
                "lending|lends nobody for 0:09; 7 of 10 in time|",
                "lends to|billing|",
                "borrows|sales lends|",
            ]
        );
        assert!(super::rows(&json!({ "waiting": 3 }), "").is_empty());
    }
}
