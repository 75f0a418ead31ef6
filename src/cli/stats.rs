//! `strowger queue stats`: a queue's figures by interval, as a table; `strowger agent stats` and `strowger team stats`: agents'
//! time.

use serde_json::Value;

use crate::cli::print::{clock, table};

/// Rates and times in the table, by their key in the answer.
const COLUMNS: [(&str, &str); 8] = [
    ("SL F3", "sl_f3"),
    ("SL live", "sl_live"),
    ("loss", "loss_rate"),
    ("ASA", "asa"),
    ("ATA", "ata"),
    ("AHT", "aht"),
    ("occupancy", "occupancy"),
    ("utilisation", "utilisation"),
];

/// What the last two columns are.
const DENOMINATORS: &str = "\
occupancy: talk, hold and wrap-up of the time in service (and ready, reserved, ringing) of the agents who serve the queue
utilisation: the same of their logged-in time
";

/// The parts of agents' time in the table, by their key in the answer.
const PARTS: [(&str, &str); 3] =
    [("handling", "handling_seconds"), ("in service", "in_service_seconds"), ("logged in", "logged_in_seconds")];

/// The same of agents' time.
const SHARES: &str = "\
handling: talk, hold and wrap-up; in service: and ready, reserved, ringing; logged in: and not ready, other calls, unreachable
occupancy: handling of in service; utilisation: handling of logged in
";

/// The answer of `/v1/queues/NAME/intervals` as lines for people.
pub(super) fn show(answer: &Value) -> String {
    let mut text = format!(
        "{}, by {} of {}, by time of {}; T = {} s, short = {} s\n",
        word(&answer["queue"]),
        word(&answer["by"]),
        word(&answer["time_zone"]),
        word(&answer["attribution"]),
        answer["threshold_seconds"],
        answer["short_abandon_seconds"],
    );
    let mut header = vec!["interval", "offered", "answered", "abandoned", "flowed out"];
    header.extend(COLUMNS.map(|(title, _)| title));
    text.push_str(&table(&header, &rows(answer, row)));
    text.push_str(INCOMPLETE);
    text.push_str(DENOMINATORS);
    text
}

/// The answer of `/v1/teams/intervals` or `/v1/agents/NAME/intervals` as lines for people.
pub(super) fn show_time(whose: &str, answer: &Value) -> String {
    let mut text = format!("{whose}, by {} of {}\n", word(&answer["by"]), word(&answer["time_zone"]));
    let mut header = vec!["interval"];
    header.extend(PARTS.map(|(title, _)| title));
    header.extend(["occupancy", "utilisation"]);
    let row = |name: String, figures: &Value| {
        let mut cells = vec![name];
        cells.extend(PARTS.map(|(_, key)| clock(figures["agents"][key].as_f64().unwrap_or_default())));
        cells.extend(["occupancy", "utilisation"].map(|key| formula(figures, key)));
        cells
    };
    text.push_str(&table(&header, &rows(answer, row)));
    text.push_str(INCOMPLETE);
    text.push_str(SHARES);
    text
}

const INCOMPLETE: &str = "* not complete: in progress, or begun before the engine was\n";

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A row for each interval, for their total, and for each span up to now.
fn rows(answer: &Value, row: impl Fn(String, &Value) -> Vec<String>) -> Vec<Vec<String>> {
    let intervals = answer["intervals"].as_array().into_iter().flatten();
    let interval = |interval: &Value| {
        let begun = if interval["complete"] == Value::Bool(true) { "" } else { " *" };
        row(format!("{}{begun}", word(&interval["start"])), interval)
    };
    let mut rows: Vec<_> = intervals.map(interval).collect();
    rows.push(row("total".to_owned(), &answer["total"]));
    for (name, figures) in answer["rolling"].as_object().into_iter().flatten() {
        rows.push(row(format!("last {name}"), figures));
    }
    rows
}

fn row(name: String, figures: &Value) -> Vec<String> {
    let count = |key: &str| figures[key].to_string();
    let mut cells = vec![name, count("offered"), count("answered"), count("abandoned"), count("flowed_out")];
    cells.extend(COLUMNS.map(|(_, key)| formula(figures, key)));
    cells
}

fn formula(figures: &Value, key: &str) -> String {
    let value = figures["formulas"][key]["value"].as_f64();
    value.map_or_else(
        || "-".to_owned(),
        |value| if is_time(key) { format!("{value:.1} s") } else { format!("{:.1} %", 100.0 * value) },
    )
}

fn is_time(key: &str) -> bool {
    matches!(key, "asa" | "ata" | "aht")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn intervals_and_their_total_stand_in_a_table() {
        let figures = |offered: u64| {
            json!({ "offered": offered, "answered": 2, "abandoned": 1, "flowed_out": 0, "formulas": {
                "sl_f3": { "value": 0.5, "numerator": 1, "denominator": 2 },
                "asa": { "value": 7.25, "numerator": 1, "denominator": 2 },
                "occupancy": { "value": 0.75, "numerator": 3, "denominator": 4 },
                "ata": { "value": null, "numerator": 0, "denominator": 0 },
            }})
        };
        let mut interval = figures(3);
        interval["start"] = "2026-11-23T10:00:00+08:00".into();
        interval["complete"] = false.into();
        let answer = json!({
            "queue": "sales", "by": "5m", "time_zone": "Asia/Shanghai", "attribution": "event",
            "threshold_seconds": 20.0, "short_abandon_seconds": 5.0,
            "intervals": [interval], "total": figures(3), "rolling": { "5m": figures(1) },
        });
        let text = show(&answer);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "sales, by 5m of Asia/Shanghai, by time of event; T = 20.0 s, short = 5.0 s");
        assert!(lines[2].starts_with("2026-11-23T10:00:00+08:00 *") && lines[2].contains("50.0 %"), "{text}");
        assert!(lines[2].contains("7.2 s") && lines[2].contains(" - "), "{text}");
        assert!(lines[1].ends_with("utilisation") && lines[2].contains("75.0 %"), "{text}");
        assert!(lines[3].starts_with("total") && lines[4].starts_with("last 5m"), "{text}");
    }

    #[test]
    fn agents_time_stands_in_a_table_with_what_occupancy_is_made_of() {
        let figures = |handling: f64| {
            json!({ "agents": { "handling_seconds": handling, "in_service_seconds": 7_200.0, "logged_in_seconds": 36_061.0 },
                "formulas": { "occupancy": { "value": handling / 7_200.0 }, "utilisation": { "value": null } } })
        };
        let mut interval = figures(3_600.0);
        interval["start"] = "2026-11-23T00:00:00+08:00".into();
        interval["complete"] = true.into();
        let answer = json!({ "by": "day", "time_zone": "Asia/Shanghai", "intervals": [interval], "total": figures(3_600.0),
            "rolling": { "5m": figures(0.0) } });
        let text = show_time("sales/east", &answer);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(text.lines().next(), Some("sales/east, by day of Asia/Shanghai"));
        assert_eq!(lines[2], ["2026-11-23T00:00:00+08:00", "1:00:00", "2:00:00", "10:01:01", "50.0", "%", "-"]);
        assert_eq!((lines[3][0], lines[4][..3].join(" ")), ("total", "last 5m 0:00".to_owned()));
    }
}
