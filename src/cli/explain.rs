//! Explanations as people read them.

use serde_json::Value;

use crate::cli::print::{clock, table};

/// Why a call waits, and why it was offered to whom.
pub(super) fn call(told: &Value) -> String {
    let mut text =
        if told["position"].is_null() { format!("{} does not wait\n", word(&told["call"])) } else { wait(told) };
    for offer in told["offers"].as_array().into_iter().flatten() {
        let ago = clock(offer["ago_seconds"].as_f64().unwrap_or_default());
        let (chosen, queue, why) = (word(&offer["chosen"]), word(&offer["queue"]), word(&offer["why"]));
        text.push_str(&format!("\noffered {ago} ago to {chosen}, in {queue}: {why}\n"));
        let columns = ["agent", "tier", "penalty", "position", "standing"];
        let row = |candidate: &Value| columns.map(|column| word(&candidate[column])).to_vec();
        let rows: Vec<_> = offer["candidates"].as_array().into_iter().flatten().map(row).collect();
        text.push_str(&table(&columns, &rows));
        if let Some(more) = more(offer) {
            text.push_str(&format!("{more}\n"));
        }
    }
    text
}

fn wait(told: &Value) -> String {
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
    if let Some(seconds) = told["waits_for"]["seconds"].as_f64() {
        let agent = word(&told["waits_for"]["agent"]);
        say(format!("waits for agent {agent} alone, {} more", clock(seconds.ceil())));
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
        let standing = word(&candidate["standing"]);
        let standing = if standing.is_empty() { format!("position {}", candidate["position"]) } else { standing };
        format!("{} ({}/{}, {standing})", word(&candidate["agent"]), candidate["tier"], candidate["penalty"])
    };
    let row = |decision: &Value| {
        let mut candidates: Vec<_> = decision["candidates"].as_array().into_iter().flatten().map(candidate).collect();
        candidates.extend(more(decision));
        vec![
            clock(decision["ago_seconds"].as_f64().unwrap_or_default()),
            word(&decision["queue"]),
            word(&decision["call"]),
            word(&decision["chosen"]),
            word(&decision["why"]),
            candidates.join("; "),
        ]
    };
    let rows: Vec<_> = told["decisions"].as_array().into_iter().flatten().map(row).collect();
    table(&["ago", "queue", "call", "chosen", "why", "candidates (tier/penalty, standing)"], &rows)
}

/// What is not listed of a decision's candidates.
fn more(decision: &Value) -> Option<String> {
    match decision["others"].as_u64() {
        Some(0) => None,
        Some(others) => Some(format!("and {others} more")),
        None => Some("the others were not looked at, there were too many calls".to_string()),
    }
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
            "call": "c8", "queue": "support", "position": 2, "wait_seconds": 75.0, "ahead": ["c7"], "offered_to": [], "offers": [],
            "waits_for": { "agent": "1003", "seconds": 11.5 },
            "asks": "spanish >= 5", "step": 1, "looks_further_seconds": 14.2,
            "agents": [{ "rule": "is talking", "count": 2, "agents": ["1001", "1002"] }],
        });
        assert_eq!(
            call(&told),
            "c8 waits in support for 1:15, place 2\nahead: c7\nwaits for agent 1003 alone, 0:12 more\nasks: spanish >= 5 (step 1)\nlooks further in 0:15\n\n\
             agents      count      names\nis talking      2  1001 1002\n"
        );
    }

    fn offer(others: Value) -> Value {
        let candidate = json!({
            "agent": "1001", "tier": 1, "penalty": 0, "key": [5, 0], "position": 1, "standing": "idle 83 s",
        });
        json!({
            "ago_seconds": 3.0, "queue": "q", "call": "c1", "chosen": "1001", "strategy": "longest-idle",
            "why": "first by longest-idle", "candidates": [candidate], "others": others,
        })
    }

    #[test]
    fn a_decision_shows_what_candidates_were_compared_by() {
        let text = decisions(&json!({ "decisions": [offer(4.into())] }));
        let row = text.lines().nth(1).unwrap_or_default();
        let row = row.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(row, "0:03 q c1 1001 first by longest-idle 1001 (1/0, idle 83 s); and 4 more");
        assert!(decisions(&json!({ "decisions": [offer(Value::Null)] })).contains("were not looked at"));
    }

    #[test]
    fn a_call_that_waits_no_more_is_explained_by_its_offers() {
        let text = call(&json!({ "call": "c1", "offers": [offer(0.into())] }));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "c1 does not wait");
        assert_eq!(lines[2], "offered 0:03 ago to 1001, in q: first by longest-idle");
        assert!(lines[4].trim_start().starts_with("1001") && lines[4].ends_with("idle 83 s"), "{text}");
        assert_eq!(lines.len(), 5);
    }
}
