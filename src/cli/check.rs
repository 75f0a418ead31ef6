//! `strowger check`: reads a configuration as the server would, without starting anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::exit::{USAGE, fail};
use crate::cli::print::{error, out};
use crate::config;
use crate::io::load::{Loader, Origin};

/// What a check found.
#[derive(Debug, Default)]
struct Found {
    understood: String,
    warnings: Vec<String>,
    errors: Vec<String>,
}

/// Prints what was understood, or every error with exit code 2; as a JSON object where that is asked for.
pub(super) fn run(file: &Path, json: bool) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return fail(&format!("no runtime: {fault}")),
    };
    let mut loader = Loader::new(Origin::File(file.to_path_buf()));
    let loaded = runtime.block_on(loader.load(&BTreeMap::new()));
    runtime.shutdown_background();
    let found = match loaded.and_then(|loaded| if loaded.dated.is_empty() { Ok(loaded) } else { Err(loaded.dated) }) {
        Ok(loaded) => {
            let notes: String = loaded.notes.iter().map(|note| format!("{note}\n")).collect();
            let understood = config::describe(&loaded.config) + &notes;
            let warnings = [config::lint(&loaded.config), loaded.warnings].concat();
            Found { understood, warnings, errors: Vec::new() }
        }
        Err(errors) => Found { errors, ..Found::default() },
    };
    if json {
        out(&format!("{}\n", in_json(&found)))
    } else {
        show(&found, file)
    }
    if found.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
}

fn show(found: &Found, file: &Path) {
    let Found { understood, warnings, errors } = found;
    out(understood);
    for warning in warnings {
        error(&format!("warning: {warning}"));
    }
    for line in errors {
        error(line);
    }
    if !errors.is_empty() {
        error(&format!("{} error{} in {}", errors.len(), if errors.len() == 1 { "" } else { "s" }, file.display()));
    }
}

fn in_json(Found { understood, warnings, errors }: &Found) -> Value {
    json!({ "valid": errors.is_empty(), "errors": errors, "warnings": warnings, "understood": understood })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_one_object() {
        let found = Found { warnings: vec!["w".to_string()], understood: "SIP".to_string(), ..Found::default() };
        let told = json!({ "valid": true, "errors": [], "warnings": ["w"], "understood": "SIP" });
        assert_eq!(in_json(&found), told);
        let wrong = Found { errors: vec!["a.toml:3: sip: no".to_string()], ..Found::default() };
        assert_eq!(
            (in_json(&wrong)["valid"].clone(), in_json(&wrong)["errors"][0].as_str()),
            (false.into(), Some("a.toml:3: sip: no"))
        );
    }
}
