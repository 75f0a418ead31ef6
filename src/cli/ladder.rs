//! A call's SIP messages as people read them: a column for each party, an arrow for each message.

use serde_json::Value;

/// Characters from one party's line to the next.
const STEP: usize = 24;

/// The ladder of `GET /v1/calls/ID/ladder`.
pub(super) fn ladder(told: &Value) -> String {
    let messages: Vec<&Value> = told["messages"].as_array().into_iter().flatten().collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    // The caller left of us, everybody else right of us, in the order in which they came.
    let mut lanes = vec!["caller".to_string(), "strowger".to_string()];
    for message in &messages {
        let leg = text(&message["leg"]);
        if !lanes.contains(&leg) {
            lanes.push(leg);
        }
    }
    let mut out = format!("{:>9}  ", "");
    out.push_str(lanes.iter().map(|lane| format!("{lane:<STEP$}")).collect::<String>().trim_end());
    out.push('\n');
    for message in &messages {
        let lane = lanes.iter().position(|lane| *lane == text(&message["leg"])).unwrap_or_default();
        let ours = message["sent"].as_bool().unwrap_or_default();
        let to_right = ours == (lane > 1);
        let row = arrow(lanes.len(), lane, to_right, &label(&text(&message["line"]), &text(&message["cseq"])));
        let at = message["after_seconds"].as_f64().unwrap_or_default();
        let again = if message["again"].as_bool().unwrap_or_default() { " (again)" } else { "" };
        let line = text(&message["line"]);
        out.push_str(&format!("{at:>9.3}  {row}  {}  {line}{again}\n", text(&message["peer"])));
    }
    out
}

/// `INVITE`, `180 INVITE`.
fn label(line: &str, cseq: &str) -> String {
    let mut words = line.split(' ');
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("SIP/") => {
            format!("{status} {}", cseq.split(' ').next_back().unwrap_or_default())
        }
        (first, _) => first.unwrap_or_default().to_string(),
    }
}

/// One row: the lines of the parties, and between ours and that party's an arrow.
fn arrow(lanes: usize, lane: usize, to_right: bool, label: &str) -> String {
    let width = (lanes - 1) * STEP + 1;
    let mut row: Vec<char> = (0..width).map(|at| if at % STEP == 0 { '|' } else { ' ' }).collect();
    let (left, right) = if lane == 0 { (0, STEP) } else { (STEP, lane * STEP) };
    let inside = &mut row[left + 1..right];
    inside.fill('-');
    let (head, at) = if to_right { ('>', inside.len() - 1) } else { ('<', 0) };
    inside[at] = head;
    for (place, letter) in inside.iter_mut().skip(2).zip(format!(" {label} ").chars().take(STEP - 5)) {
        *place = letter;
    }
    row.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ladder_has_a_column_for_each_party() {
        let row = |leg: &str, sent: bool, line: &str, again: bool| {
            json!({ "leg": leg, "sent": sent, "line": line, "cseq": "1 INVITE", "peer": "192.0.2.1:5060",
                    "after_seconds": 0.5, "again": again })
        };
        let told = json!({ "call": "c1", "messages": [
            row("caller", false, "INVITE sip:***@h SIP/2.0", false),
            row("caller", true, "SIP/2.0 200 OK", false),
            row("agent 1001", true, "INVITE sip:***@p SIP/2.0", true),
            row("agent 1001", false, "SIP/2.0 180 Ringing", false),
        ] });
        let shown = ladder(&told);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "           caller                  strowger                agent 1001");
        assert_eq!(
            lines[1],
            format!(
                "    0.500  |-- INVITE {}>|{}|  192.0.2.1:5060  INVITE sip:***@h SIP/2.0",
                "-".repeat(12),
                " ".repeat(23)
            )
        );
        assert!(lines[2].contains("|<- 200 INVITE -"), "{shown}");
        assert!(lines[3].ends_with("(again)") && lines[3].contains("|-- INVITE -"), "{shown}");
    }
}
