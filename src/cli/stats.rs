//! `strowger queue stats`: a queue's figures by interval, as a table.

use serde_json::Value;

use crate::cli::print::table;

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
utilisation: the same of their logged-in time; - where it is not kept: two hours by minutes, else a day
";

/// The answer of `/v1/queues/NAME/intervals` as lines for people.
pub(super) fn show(answer: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
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
    let intervals = answer["intervals"].as_array().into_iter().flatten();
    let mut rows: Vec<_> = intervals
        .map(|interval| {
            let begun = if interval["complete"] == Value::Bool(true) { "" } else { " *" };
            row(format!("{}{begun}", word(&interval["start"])), interval)
        })
        .collect();
    rows.push(row("total".to_owned(), &answer["total"]));
    for (name, figures) in answer["rolling"].as_object().into_iter().flatten() {
        rows.push(row(format!("last {name}"), figures));
    }
    text.push_str(&table(&header, &rows));
    text.push_str("* not complete: in progress, or begun before the engine was\n");
    text.push_str(DENOMINATORS);
    text
}

fn row(name: String, figures: &Value) -> Vec<String> {
    let count = |key: &str| figures[key].to_string();
    let mut cells = vec![name, count("offered"), count("answered"), count("abandoned"), count("flowed_out")];
    cells.extend(COLUMNS.map(|(_, key)| {
        let value = figures["formulas"][key]["value"].as_f64();
        value.map_or_else(
            || "-".to_owned(),
            |value| if is_time(key) { format!("{value:.1} s") } else { format!("{:.1} %", 100.0 * value) },
        )
    }));
    cells
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
}
