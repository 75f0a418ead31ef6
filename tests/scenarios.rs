//! Runs every scenario of `tests/scenarios/` and compares the whole ladder. `STROWGER_REWRITE=1` writes what came out instead;
//! expectations and the oracle still judge it. `STROWGER_SCENARIO=name` runs one alone and prints it.

use std::path::{Path, PathBuf};

use strowger::sim::{scenario, script::Script};

#[test]
fn every_scenario_goes_as_it_is_written() {
    let only = std::env::var("STROWGER_SCENARIO").ok();
    let rewrite = std::env::var_os("STROWGER_REWRITE").is_some();
    let mut failures = Vec::new();
    let mut count = 0;
    for path in scenarios() {
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let script = Script::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = scenario::run(&script);
        assert_eq!(outcome, scenario::run(&script), "{name}: the same seed twice");
        if only.is_some() {
            println!("{}", outcome.text);
        }
        failures.extend(outcome.wrong.iter().map(|wrong| format!("{name}: {wrong}")));
        if rewrite {
            std::fs::write(&path, format!("{}\n----\n{}", script.head, outcome.text)).unwrap();
        } else if outcome.text != script.ladder {
            failures.push(format!("{name}: {}", difference(&script.ladder, &outcome.text)));
        }
    }
    assert!(count > 0, "no scenario ran");
    assert!(failures.is_empty(), "{}\n(STROWGER_REWRITE=1 writes new ladders)", failures.join("\n"));
}

fn scenarios() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(directory).expect("the folder of scenarios");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// The first line that differs.
fn difference(expected: &str, got: &str) -> String {
    let (mut one, mut two) = (expected.lines(), got.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (one.next(), two.next()) {
            (None, None) => return "differs in line ends only".to_string(),
            (expected, got) if expected == got => {}
            (expected, got) => {
                let show = |line: Option<&str>| line.unwrap_or("(nothing)").to_string();
                return format!(
                    "line {number} of the ladder:\n  expected {}\n  got      {}",
                    show(expected),
                    show(got)
                );
            }
        }
    }
}
