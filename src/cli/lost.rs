//! `strowger lost`: lost contacts by cause, as a table.

use serde_json::Value;

use crate::cli::print::table;

/// The answer of `/v1/lost` as lines for people: a line for each row, and one for each of its hours where these are asked for.
pub(super) fn show(answer: &Value, with_hours: bool) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by = word(&answer["by"]);
    let mut text = format!(
        "lost contacts by {by}, {} to {} ({})\n",
        word(&answer["start"]),
        word(&answer["end"]),
        word(&answer["time_zone"])
    );
    let total = &answer["total"];
    let causes: Vec<&str> =
        total["lost_by"].as_object().into_iter().flatten().map(|(cause, _)| cause.as_str()).collect();
    let mut header = vec![by.as_str(), "offered", "served", "lost", "loss"];
    header.extend(&causes);
    let mut rows = Vec::new();
    for row in answer["rows"].as_array().into_iter().flatten() {
        let name = word(&row["value"]);
        rows.push(line(if name.is_empty() { "-".to_owned() } else { name }, row, &causes));
        for hour in row["hours"].as_array().into_iter().flatten().filter(|_| with_hours) {
            rows.push(line(format!("  {}", word(&hour["start"])), hour, &causes));
        }
    }
    rows.push(line("total".to_owned(), total, &causes));
    text.push_str(&table(&header, &rows));
    text
}

fn line(name: String, outcome: &Value, causes: &[&str]) -> Vec<String> {
    let count = |key: &str| outcome[key].to_string();
    let rate = outcome["loss_rate"]["value"].as_f64();
    let rate = rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", 100.0 * rate));
    let mut cells = vec![name, count("offered"), count("served"), count("lost"), rate];
    cells.extend(causes.iter().map(|cause| outcome["lost_by"][*cause].as_u64().unwrap_or_default().to_string()));
    cells
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_hours_and_causes_stand_in_a_table() {
        let outcome = |lost: u64| {
            json!({ "offered": 5, "served": 3, "untargeted": 0, "lost": lost, "lost_by": { "timeout": lost },
                "loss_rate": { "value": lost as f64 / (lost + 3) as f64, "numerator": lost, "denominator": lost + 3 }})
        };
        let mut row = outcome(1);
        row["value"] = "上海".into();
        let mut hour = outcome(1);
        hour["start"] = "2026-11-23T10:00:00+08:00".into();
        row["hours"] = json!([hour]);
        let answer = json!({ "by": "region", "time_zone": "Asia/Shanghai", "start": "a", "end": "b", "rows": [row],
            "total": outcome(1) });
        let text = show(&answer, true);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "lost contacts by region, a to b (Asia/Shanghai)");
        assert!(lines[1].contains("timeout") && lines[2].starts_with("上海") && lines[2].contains("25.0 %"), "{text}");
        assert!(lines[3].starts_with("  2026-11-23T10") && lines[4].starts_with("total"), "{text}");
        assert_eq!(show(&answer, false).lines().count(), 4);
    }
}
