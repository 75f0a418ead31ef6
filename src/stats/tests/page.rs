//! The page `configs/prometheus/METRICS.md` is the table, written out. `STROWGER_REWRITE=1` writes it anew.

use std::fmt::Write;

use crate::acd::{
    AgentState, CutShort, Dimension, FlowOut, LostCause, OfferResult, Proving, Refusal, Silence, Unproven,
};
use crate::stats::formula::FORMULAS;
use crate::stats::handshakes::Handshake;
use crate::stats::rules::expression;
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
    let labels = ["team", "agent"].into_iter().chain(Dimension::ALL.map(Dimension::label)).collect();
    let refusals = Refusal::ALL.into_iter().filter(|cause| cause.is_before_queue()).map(Refusal::as_str).collect();
    for (label, place, values) in [
        ("reason", "acd_calls_flowout_total", FlowOut::ALL.map(FlowOut::as_str).to_vec()),
        ("cause", "acd_calls_lost_total", LostCause::ALL.map(LostCause::as_str).to_vec()),
        ("cause", "acd_calls_cut_short_total", CutShort::ALL.map(CutShort::as_str).to_vec()),
        ("kind", "acd_gate_silent_total", Silence::ALL.map(Silence::as_str).to_vec()),
        ("kind", "acd_sip_auth_failures_total", Proving::ALL.map(Proving::as_str).to_vec()),
        ("reason", "acd_sip_auth_failures_total", Unproven::ALL.map(Unproven::as_str).to_vec()),
        ("result", "acd_tls_handshakes_total", Handshake::ALL.map(Handshake::as_str).to_vec()),
        ("cause", "acd_calls_refused_total", refusals),
        ("result", "acd_offers_total", OfferResult::ALL.map(OfferResult::as_str).to_vec()),
        ("state", "acd_queue_agents", AgentState::LABELS.to_vec()),
        ("reason", "acd_agent_state_seconds_total", reasons),
        ("label", "acd_series_overflow_total", labels),
    ] {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(page, "| `{label}` | `{place}` | {} |", values.join(" ")).unwrap();
    }
    page.push_str(TAIL);
    for cause in LostCause::ALL {
        writeln!(page, "| `{}` | {} |", cause.as_str(), cause.chosen_when()).unwrap();
    }
    page.push_str(FORMULA_HEAD);
    page.push_str("| key | name | 名称 | formula | unit | PromQL |\n|---|---|---|---|---|---|\n");
    for formula in FORMULAS {
        let promql = format!("`{}`", expression(formula, "20", "1d"));
        // A bar would end the cell.
        let promql = promql.replace('|', "\\|");
        let (key, english, chinese) = (formula.key, formula.english, formula.chinese);
        writeln!(page, "| `{key}` | {english} | {chinese} | {} | {} | {promql} |", formula.text, formula.unit.as_str())
            .unwrap();
    }
    page
}

const HEAD: &str = "\
# Metrics of Strowger

Written from the table in `src/stats/table.rs` by a test; do not edit. `GET /metrics` gives the text
format 0.0.4, or OpenMetrics 1.0 where `Accept` asks for it. Units are
base units; all series of a configured queue are there, at zero, before its first call; no label holds a caller or a call.

| name | kind | labels | meaning |
|---|---|---|---|
";

const TAIL: &str = "
`threshold` is in seconds. Histograms have the bounds 3 5 10 15 20 25 30 45 60 90 120 180 300 600 s and every threshold
configured when the process started; a value on a bound is in.

## The law

For each queue and in every single scrape:

    sum by (queue) (acd_calls_offered_total) = sum by (queue) (acd_calls_answered_total)
                            + sum by (queue) (acd_calls_abandoned_total)
                            + sum by (queue) (acd_calls_flowout_total) + acd_queue_waiting

    sum by (queue) (acd_calls_lost_total) = sum by (queue) (acd_calls_abandoned_total)
                            + sum by (queue) (acd_calls_flowout_total{reason!~\"closed|emergency|fax|requeued\"})

These count queue visits. A contact refused before it joined a queue is no visit: the lost among them are
`acd_calls_refused_total{cause=~\"draining|overload\"}`, the others are in `acd_calls_untargeted_total`.

Contacts are counted once in the queue that they joined first, and once in each of these: the group of the called number
(`dnis_group`; the number itself where none is configured), its campaign, the caller's region, the trunk. So the sums of
`acd_contacts_*`, `acd_number_contacts_*`, `acd_campaign_contacts_*`, `acd_region_contacts_*` and `acd_trunk_contacts_*` are the
same. At most `figures.series_max` values of a label have series of their own; what comes after them counts in `other`, and
`acd_series_overflow_total` counts these values. A value that leaves the configuration keeps its series and its place until the
engine restarts, or these sums would go back: who starts a campaign a week sets the cap for the weeks between two restarts. A region is `unknown` where the caller's number is withheld or in no row of the
table; no other trace of the caller is in any label.

## Lost calls: which cause when

Each lost visit has exactly one cause, decided in the moment when it ends; a contact has that of its last visit, and counts in
the queue that it joined first. Where several causes fit, the first of this table counts. A call that was answered is no loss,
however short the talk: `acd_calls_cut_short_total` counts those apart. What a crash of the node loses, or a second signal, is in no counter: nothing lives that could
count it, and `engine_restart` is who still waited when the drain's limit passed. There is no `diverted` series, as no queue sends
a caller elsewhere by its own rules: a supervisor who moves a caller ends the visit as `requeued`, which is no loss.

| cause | chosen when |
|---|---|
";

const FORMULA_HEAD: &str = "
## Formulas

O offered, A answered, B abandoned, F flowed out (without the untargeted: closed, emergency, fax), X(T) with a wait of at most T, S
the short-abandon limit. The control plane gives each with its numerator and denominator (`/v1/queues/NAME/intervals`);
`strowger rules` writes the PromQL of each for every queue's own T, rolling and by interval. Add numerators and
denominators, never ratios. Here with T = 20 s over a day; `le` is written so that it fits both exposition formats.

";
