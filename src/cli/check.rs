//! `strowger check`: reads a configuration as the server would, without starting anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::exit::{USAGE, fail};
use crate::cli::print::{error, out};
use crate::config;
use crate::io::load::{Loader, Origin};

/// Prints what was understood, or every error with exit code 2.
pub(super) fn run(file: &Path) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => return fail(&format!("no runtime: {fault}")),
    };
    let mut loader = Loader::new(Origin::File(file.to_path_buf()));
    let loaded = runtime.block_on(loader.load(&BTreeMap::new()));
    runtime.shutdown_background();
    match loaded.and_then(|loaded| if loaded.dated.is_empty() { Ok(loaded) } else { Err(loaded.dated) }) {
        Ok(loaded) => {
            out(&config::describe(&loaded.config));
            for note in &loaded.notes {
                out(&format!("{note}\n"));
            }
            for warning in config::lint(&loaded.config).iter().chain(&loaded.warnings) {
                error(&format!("warning: {warning}"));
            }
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for line in &errors {
                error(line);
            }
            error(&format!("{} error{} in {}", errors.len(), if errors.len() == 1 { "" } else { "s" }, file.display()));
            ExitCode::from(USAGE)
        }
    }
}
