//! Explanations as people read them.

use serde_json::Value;

use crate::cli::print::{clock, table};

/// Why a call waits.
pub(super) fn call(told: &Value) -> String {
    let mut text = String::new();
    let waited = clock(told["wait_seconds"].as_f64().unwrap_or_default());
    let line =
        format!("{} waits in {} for {waited}, place {}", word(&told["call"]), word(&told["queue"]), told["position"]);
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    say(line);
    let ahead = words(&told["ahead"]);
    if !ahead.is_empty() {
        say(format!("ahead: {ahead}"));
    }
    let offered = words(&told["offered_to"]);
    if !offered.is_empty() {
        say(format!("rings: {offered}"));
    }
    say(format!("asks: {} (step {})", word(&told["asks"]), told["step"]));
    match told["looks_further_seconds"].as_f64() {
        Some(seconds) => say(format!("looks further in {}", clock(seconds.ceil()))),
        None => say("looks no further by itself".to_string()),
    }
    text.push('\n');
    let row = |rule: &Value| vec![word(&rule["rule"]), word(&rule["count"]), words(&rule["agents"])];
    let rows: Vec<_> = told["agents"].as_array().into_iter().flatten().map(row).collect();
    text.push_str(&table(&["agents", "count", "names"], &rows));
    text
}

/// The last decisions.
pub(super) fn decisions(told: &Value) -> String {
    let candidate = |candidate: &Value| {
        let key: Vec<_> = candidate["key"].as_array().into_iter().flatten().map(word).collect();
        format!("{} ({}/{}/{})", word(&candidate["agent"]), candidate["tier"], candidate["penalty"], key.join("."))
    };
    let row = |decision: &Value| {
        let mut candidates: Vec<_> = decision["candidates"].as_array().into_iter().flatten().map(candidate).collect();
        let others = decision["others"].as_u64().unwrap_or_default();
        candidates.extend((others > 0).then(|| format!("and {others} more")));
        vec![
            clock(decision["ago_seconds"].as_f64().unwrap_or_default()),
            word(&decision["queue"]),
            word(&decision["call"]),
            word(&decision["chosen"]),
            word(&decision["strategy"]),
            candidates.join(" "),
        ]
    };
    let rows: Vec<_> = told["decisions"].as_array().into_iter().flatten().map(row).collect();
    table(&["ago", "queue", "call", "chosen", "strategy", "candidates (tier/penalty/key)"], &rows)
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(" ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_explanation_reads_from_the_place_to_the_agents() {
        let told = json!({
            "call": "c8", "queue": "support", "position": 2, "wait_seconds": 75.0, "ahead": ["c7"], "offered_to": [],
            "asks": "spanish >= 5", "step": 1, "looks_further_seconds": 14.2,
            "agents": [{ "rule": "is talking", "count": 2, "agents": ["1001", "1002"] }],
        });
        assert_eq!(
            call(&told),
            "c8 waits in support for 1:15, place 2\nahead: c7\nasks: spanish >= 5 (step 1)\nlooks further in 0:15\n\n\
             agents      count      names\nis talking      2  1001 1002\n"
        );
    }

    #[test]
    fn a_decision_shows_what_candidates_were_compared_by() {
        let candidate = json!({ "agent": "1001", "tier": 1, "penalty": 0, "key": [5, 0], "position": 1 });
        let told = json!({ "decisions": [{
            "ago_seconds": 3.0, "queue": "q", "call": "c1", "chosen": "1001", "strategy": "linear", "candidates": [candidate],
            "others": 4,
        }]});
        let text = decisions(&told);
        let row: Vec<_> = text.lines().nth(1).into_iter().flat_map(str::split_whitespace).collect();
        assert_eq!(row, ["0:03", "q", "c1", "1001", "linear", "1001", "(1/0/5.0)", "and", "4", "more"]);
    }
}
