//! The team tree as people read it.

use serde_json::Value;

use crate::cli::print::table;

/// States that supervisors look for first, each with its label.
const STATES: [(&str, &str); 6] = [
    ("ready", "ready"),
    ("ringing", "ringing"),
    ("talking", "talking"),
    ("wrap-up", "wrap_up"),
    ("not ready", "not_ready"),
    ("logged out", "logged_out"),
];

/// Each team below the one above it, further in; what is in none of the columns is counted as `other`.
pub(super) fn show(told: &Value) -> String {
    let mut rows = Vec::new();
    add(&mut rows, &told["teams"], 0);
    let mut header = vec!["team", "agents"];
    header.extend(STATES.iter().map(|(title, _)| *title));
    header.push("other");
    header.push("its own");
    table(&header, &rows)
}

fn add(rows: &mut Vec<Vec<String>>, teams: &Value, depth: usize) {
    for team in teams.as_array().into_iter().flatten() {
        let count = |label: &str| team["states"][label].as_u64().unwrap_or_default();
        let total = team["total"].as_u64().unwrap_or_default();
        let shown: Vec<u64> = STATES.iter().map(|(_, label)| count(label)).collect();
        let other = total.saturating_sub(shown.iter().sum());
        let name = team["name"].as_str().unwrap_or_default();
        let own = team["agents"].as_array().into_iter().flatten();
        let own: Vec<_> = own.filter_map(|agent| agent["name"].as_str()).collect();
        let mut row = vec![format!("{}{name}", "  ".repeat(depth)), total.to_string()];
        row.extend(shown.iter().map(ToString::to_string));
        row.push(other.to_string());
        row.push(own.join(" "));
        rows.push(row);
        add(rows, &team["teams"], depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_team_stands_below_the_one_above_it_further_in() {
        let north = json!({ "name": "north", "total": 2, "states": { "ready": 1, "hold": 1 },
            "agents": [{ "name": "anna", "state": "ready" }, { "name": "ben", "state": "hold" }], "teams": [] });
        let sales = json!({ "teams": [{ "name": "sales", "total": 2, "states": { "ready": 1, "hold": 1 },
            "agents": [], "teams": [north] }] });
        let text = show(&sales);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["sales", "2", "1", "0", "0", "0", "0", "0", "1"]);
        assert_eq!(lines[2], ["north", "2", "1", "0", "0", "0", "0", "0", "1", "anna", "ben"]);
        assert!(text.lines().nth(2).is_some_and(|line| line.starts_with("  north")), "{text}");
    }
}
