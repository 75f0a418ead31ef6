//! `strowger trace`: SIP messages of a neighbour or a number, while they go.

use std::time::{Duration, SystemTime};

use jiff::Zoned;
use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::cli::print::{aside, clock, out, table};
use crate::cli::target::Target;
use crate::cli::trace_args::{Start, TraceCommand};

/// How often messages are asked for.
const EVERY: Duration = Duration::from_millis(500);

/// Does it.
pub(super) fn run(command: &TraceCommand) -> Result<(), String> {
    match command {
        TraceCommand::Start(start) => begin(start),
        TraceCommand::List { target } => {
            let told = Client::new(target)?.get("/v1/trace?limit=0")?;
            out(&if target.json { format!("{}\n", told["traces"]) } else { list(&told) });
            Ok(())
        }
        TraceCommand::Stop { id, why, target } => {
            let mut body = json!({ "action": "stop" });
            if let Some(id) = id {
                body["trace"] = (*id).into();
            }
            let told = Client::new(target)?.send("/v1/trace", body, why.clone())?;
            out(&if target.json { format!("{}\n", told["traces"]) } else { list(&told) });
            Ok(())
        }
        TraceCommand::Follow { show_numbers, target } => follow(target, *show_numbers),
    }
}

fn begin(start: &Start) -> Result<(), String> {
    let mut body = json!({ "action": "start", "minutes": start.minutes, "numbers": start.show_numbers });
    if let Some(peer) = &start.peer {
        body["peer"] = peer.as_str().into();
    }
    if let Some(number) = &start.number {
        body["number"] = number.as_str().into();
    }
    let told = Client::new(&start.target)?.send("/v1/trace", body, start.why.clone())?;
    let id = &told["traces"][0]["id"];
    let shown = format!("trace {id} runs for {} min; see `strowger trace follow`\n", start.minutes);
    out(&if start.target.json { format!("{}\n", told["traces"][0]) } else { shown });
    Ok(())
}

fn list(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let row = |trace: &Value| {
        vec![
            trace["id"].to_string(),
            if trace["peer"].is_null() { "number" } else { "peer" }.to_string(),
            if trace["peer"].is_null() { text(&trace["number"]) } else { text(&trace["peer"]) },
            text(&trace["state"]),
            clock(trace["left_seconds"].as_f64().unwrap_or_default()),
            trace["messages"].to_string(),
            trace["bytes"].to_string(),
            if trace["numbers"] == Value::Bool(true) { "kept" } else { "masked" }.to_string(),
            text(&trace["by"]),
        ]
    };
    let rows: Vec<_> = told["traces"].as_array().into_iter().flatten().map(row).collect();
    table(&["trace", "of", "name", "state", "left", "messages", "bytes", "numbers", "by"], &rows)
}

fn follow(target: &Target, shows_numbers: bool) -> Result<(), String> {
    let client = Client::new(target)?;
    let numbers = if shows_numbers { "&numbers=shown" } else { "" };
    let mut after = String::new();
    loop {
        let told = client.get(&format!("/v1/trace?limit=200&after={after}{numbers}"))?;
        let messages: Vec<_> = told["messages"].as_array().into_iter().flatten().collect();
        let missed = told["missed"].as_u64().unwrap_or_default();
        // At the first look nothing can have been missed: what is gone was never asked for.
        if missed > 0 && !after.is_empty() {
            aside(&format!("{missed} messages came too fast to be shown\n"));
        }
        for told in &messages {
            out(&if target.json { format!("{told}\n") } else { message(told, present()) });
        }
        after = told["next"].as_str().unwrap_or_default().to_string();
        let runs = |trace: &Value| trace["state"] == "running";
        if messages.is_empty() {
            if !told["traces"].as_array().into_iter().flatten().any(runs) {
                aside("no trace runs\n");
                return Ok(());
            }
            std::thread::sleep(EVERY);
        }
    }
}

/// The time of day.
fn present() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(crate::io::clock::wall().as_micros().unsigned_abs())
}

/// A message with a line above it.
fn message(told: &Value, now: SystemTime) -> String {
    let ago = Duration::from_secs_f64(told["ago_seconds"].as_f64().unwrap_or_default().max(0.0));
    let at = now.checked_sub(ago).and_then(|at| Zoned::try_from(at).ok());
    let at = at.map_or_else(String::new, |at| at.strftime("%H:%M:%S%.3f").to_string());
    let way = if told["sent"] == Value::Bool(true) { "->" } else { "<-" };
    let text = told["text"].as_str().unwrap_or_default().trim_end();
    let traces: Vec<_> = told["traces"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    let peer = told["peer"].as_str().unwrap_or_default();
    format!("---- {at} {way} {peer} {} bytes, trace {}\n{text}\n\n", told["length"], traces.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_below_its_time_way_and_peer() {
        let told = json!({ "ago_seconds": 1.5, "traces": [1, 3], "sent": true, "peer": "192.0.2.1:5060", "length": 300,
                           "text": "BYE sip:***@h SIP/2.0\nTo: x\n\n" });
        let shown = message(&told, SystemTime::UNIX_EPOCH + Duration::from_secs(10));
        assert!(
            shown.contains("8.500 -> 192.0.2.1:5060 300 bytes, trace 1 3\nBYE sip:***@h SIP/2.0\nTo: x\n\n"),
            "{shown}"
        );
    }

    #[test]
    fn traces_are_listed() {
        let told = json!({ "traces": [{ "id": 2, "peer": "pbx", "numbers": false, "by": "ann", "state": "running",
                                        "left_seconds": 61.0, "messages": 5, "bytes": 900 }] });
        let shown = list(&told);
        assert!(shown.lines().nth(1).unwrap().contains("2  peer  pbx   running"), "{shown}");
        assert!(shown.contains("1:01") && shown.contains("masked"), "{shown}");
    }
}
