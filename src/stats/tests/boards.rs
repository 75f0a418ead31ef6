//! The Grafana boards name only families, labels and label values that there are, and have titles in both languages.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::acd::{AgentState, FlowOut, LostCause, OfferResult, Share};
use crate::stats::family::{Kind, Row};
use crate::stats::table::TABLE;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/grafana");

/// File name, panel title and expression of every target.
fn expressions() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert!(is_in_both_languages(&board["title"]), "{name}");
        for panel in board["panels"].as_array().unwrap() {
            assert!(is_in_both_languages(&panel["title"]), "{name}: {}", panel["title"]);
            for target in panel["targets"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                found.push((name.clone(), text(&panel["title"]), text(&target["expr"])));
            }
        }
        let variables = board["templating"]["list"].as_array().unwrap().iter();
        for variable in variables.filter(|variable| variable["type"] == "query") {
            let query = variable["query"]["query"].as_str().unwrap();
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (family, label) = inner.split_once(", ").unwrap();
            assert!(row(family).is_some_and(|row| row.labels.contains(&label)), "{name}: {query}");
        }
    }
    found
}

fn is_in_both_languages(title: &Value) -> bool {
    title
        .as_str()
        .and_then(|title| title.split_once(" / "))
        .is_some_and(|(english, chinese)| english.is_ascii() && !chinese.is_ascii())
}

/// The row of a series' name.
fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| match row.kind {
        Kind::Counter | Kind::Gauge => name == row.name,
        Kind::Summary => ["_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(row.name)),
        Kind::Histogram => ["_bucket", "_sum", "_count"].iter().any(|end| name.strip_suffix(end) == Some(row.name)),
    })
}

/// The series of an expression with their matchers as label, operator and value.
fn selectors(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(place) = rest.find("acd_") {
        rest = &rest[place..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut matchers = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            let (inside, after) = inner.split_once('}').unwrap();
            rest = after;
            for matcher in inside.split(',').filter(|matcher| !matcher.is_empty()) {
                let (label, value) = matcher.split_once(['=', '!']).unwrap();
                let value = value.trim_start_matches(['=', '~']).trim_matches('"');
                matchers.push((label.to_owned(), value.to_owned()));
            }
        }
        found.push((name, matchers));
    }
    found
}

/// The labels named in `by (...)`.
fn grouped(expression: &str) -> BTreeSet<String> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    lists.flat_map(|(list, _)| list.split(',').map(|label| label.trim().to_owned())).collect()
}

/// The values that a label has in a family; `None` where they are names of the configuration.
fn values(family: &str, label: &str) -> Option<Vec<&'static str>> {
    Some(match (family, label) {
        ("acd_calls_flowout_total" | "acd_calls_flowout_served_later_total", "reason") => {
            FlowOut::ALL.map(FlowOut::as_str).to_vec()
        }
        ("acd_calls_lost_total" | "acd_contacts_lost_total", "cause") => LostCause::ALL.map(LostCause::as_str).to_vec(),
        ("acd_offers_total", "result") => OfferResult::ALL.map(OfferResult::as_str).to_vec(),
        (_, "state") => AgentState::LABELS.to_vec(),
        (_, "outcome") => vec!["answered", "abandoned", "abandoned_short", "flowout", "missed"],
        _ => return None,
    })
}

#[test]
fn every_panel_names_what_the_table_has() {
    let expressions = expressions();
    assert!(expressions.len() > 40, "{}", expressions.len());
    for (file, panel, expression) in &expressions {
        let place = format!("{file}, {panel}: {expression}");
        let selectors = selectors(expression);
        assert!(!selectors.is_empty(), "{place}");
        let mut labels: BTreeSet<&str> = BTreeSet::new();
        for (name, matchers) in &selectors {
            let row = row(name).unwrap_or_else(|| panic!("no series {name}: {place}"));
            let own = row.labels.iter().copied().chain(name.ends_with("_bucket").then_some("le"));
            let own: BTreeSet<&str> = own.collect();
            for (label, value) in matchers {
                assert!(own.contains(label.as_str()), "{name} has no label {label}: {place}");
                for value in value.split('|') {
                    let known = values(row.name, label).is_none_or(|values| values.contains(&value));
                    assert!(known, "{name} has no {label} {value}: {place}");
                }
            }
            labels.extend(own);
        }
        for label in grouped(expression) {
            assert!(labels.contains(label.as_str()), "by {label}: {place}");
        }
    }
}

#[test]
fn flow_outs_on_a_board_leave_out_the_untargeted_where_they_leave_out_any() {
    let targeted = format!("reason!~\"{}\"", FlowOut::untargeted_labels());
    let mut found = 0;
    for (file, panel, expression) in expressions() {
        for (place, _) in expression.match_indices("reason!") {
            assert!(expression[place..].starts_with(&targeted), "{file}, {panel}: {expression}");
            found += 1;
        }
    }
    assert!(found > 3, "{found}");
}

#[test]
fn lists_of_agents_states_on_a_board_are_those_of_the_table() {
    let lists = [&Share::HANDLING[..], &Share::IN_SERVICE, &Share::LOGGED_IN].map(AgentState::labels_of);
    let mut found = 0;
    for (file, panel, expression) in expressions() {
        for (_, matchers) in selectors(&expression) {
            for (_, states) in matchers.iter().filter(|(label, states)| label == "state" && states.contains('|')) {
                assert!(lists.contains(states), "{file}, {panel}: {states}");
                found += 1;
            }
        }
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn selectors_and_their_matchers_are_found() {
    let expression = "sum by (queue, le) (rate(acd_x_bucket{queue=~\"$q\",le!=\"5\"}[5m])) / acd_y";
    let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let expected =
        vec![("acd_x_bucket".to_owned(), vec![pair("queue", "$q"), pair("le", "5")]), ("acd_y".to_owned(), Vec::new())];
    assert_eq!(selectors(expression), expected);
    assert_eq!(grouped(expression), BTreeSet::from(["queue".to_owned(), "le".to_owned()]));
}
