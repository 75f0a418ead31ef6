//! The page `configs/prometheus/METRICS.md` is the table, written out. `STROWGER_REWRITE=1` writes it anew.

use std::fmt::Write;

use crate::acd::{AgentState, FlowOut, OfferResult, Refusal};
use crate::stats::LostCause;
use crate::stats::table::TABLE;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/prometheus/METRICS.md");

#[test]
fn the_page_of_metrics_is_what_the_table_says() {
    let page = page();
    if std::env::var_os("STROWGER_REWRITE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(found, page, "run this test with STROWGER_REWRITE=1 to write the page anew");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for row in &TABLE {
        let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{}` | {} | {} | {} |", row.name, row.kind.as_str(), labels.join(" "), row.help).unwrap();
    }
    page.push_str("\n## Values of labels\n\n| label | in | values |\n|---|---|---|\n");
    let reasons: Vec<_> =
        crate::stats::agents::KINDS.iter().map(|(_, reason)| *reason).filter(|r| !r.is_empty()).collect();
    for (label, place, values) in [
        ("reason", "acd_calls_flowout_total", FlowOut::ALL.map(FlowOut::as_str).to_vec()),
        ("cause", "acd_calls_lost_total", LostCause::ALL.map(LostCause::as_str).to_vec()),
        ("cause", "acd_calls_refused_total", Refusal::ALL.map(Refusal::as_str).to_vec()),
        ("result", "acd_offers_total", OfferResult::ALL.map(OfferResult::as_str).to_vec()),
        ("state", "acd_queue_agents", AgentState::LABELS.to_vec()),
        ("reason", "acd_agent_state_seconds_total", reasons),
    ] {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(page, "| `{label}` | `{place}` | {} |", values.join(" ")).unwrap();
    }
    page.push_str(TAIL);
    page
}

const HEAD: &str = "\
# Metrics of Strowger

Written from the table in `src/stats/table.rs` by a test; do not edit. `GET /metrics` gives the text format 0.0.4. Units are
base units; all series of a configured queue are there, at zero, before its first call; no label holds a caller or a call.

| name | kind | labels | meaning |
|---|---|---|---|
";

const TAIL: &str = "
`threshold` is in seconds. Histograms have the bounds 3 5 10 15 20 25 30 45 60 90 120 180 300 600 s and every threshold
configured when the process started; a value on a bound is in.

## The law

For each queue and in every single scrape:

    acd_calls_offered_total = acd_calls_answered_total + acd_calls_abandoned_total
                            + sum by (queue) (acd_calls_flowout_total) + acd_queue_waiting

    sum by (queue) (acd_calls_lost_total) = acd_calls_abandoned_total
                            + sum by (queue) (acd_calls_flowout_total{reason!~\"closed|requeued\"})

These count queue visits. A contact refused before it joined a queue is no visit: the lost among them are
`acd_calls_refused_total{cause=~\"draining|overload\"}`, the others are in `acd_calls_untargeted_total`.

## Service level

A(T), B(T): answered, abandoned with a wait of at most T; S: the short-abandon limit. With T = 20 s and S = 5 s:

| variant | formula | PromQL over a day |
|---|---|---|
| F1 | (A(T)+B(T))/(A+B) | `(sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) + sum(increase(acd_abandon_wait_seconds_bucket{le=\"20\"}[1d]))) / (sum(increase(acd_calls_answered_total[1d])) + sum(increase(acd_calls_abandoned_total[1d])))` |
| F2 | A(T)/A | `sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) / sum(increase(acd_calls_answered_total[1d]))` |
| F3 | A(T)/(A+B) | `sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) / (sum(increase(acd_calls_answered_total[1d])) + sum(increase(acd_calls_abandoned_total[1d])))` |
| F4 | A(T)/(A+B-B(T)) | `sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) / (sum(increase(acd_calls_answered_total[1d])) + sum(increase(acd_calls_abandoned_total[1d])) - sum(increase(acd_abandon_wait_seconds_bucket{le=\"20\"}[1d])))` |
| F5 | (A(T)+B(S))/(A+B) | `(sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) + sum(increase(acd_abandon_wait_seconds_bucket{le=\"5\"}[1d]))) / (sum(increase(acd_calls_answered_total[1d])) + sum(increase(acd_calls_abandoned_total[1d])))` |
| F6 | A(T)/(A+B-B(S)) | `sum(increase(acd_answer_wait_seconds_bucket{le=\"20\"}[1d])) / (sum(increase(acd_calls_answered_total[1d])) + sum(increase(acd_calls_abandoned_total[1d])) - sum(increase(acd_abandon_wait_seconds_bucket{le=\"5\"}[1d])))` |
| F3 live | answered in T / (answered in T + abandons in T + missed - missed that flowed out), counted the moment each visit is decided | `sum(increase(acd_sl_events_total{outcome=\"answered\"}[1d])) / (sum(increase(acd_sl_events_total{outcome!=\"flowout\"}[1d])) - sum(increase(acd_sl_missed_flowouts_total[1d])))` |

The control plane and the demo show F3 live since the start of the process; it equals F3 when nobody waits.
";
