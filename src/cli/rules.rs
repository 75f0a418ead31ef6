//! `strowger rules`: the Prometheus rules that fit a configuration, on standard output.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::exit::{USAGE, fail};
use crate::cli::print::{error, out};
use crate::io::load;
use crate::stats::rules::{QueueAim, rule_file};

/// Prints the rules, or every error of the configuration with exit code 2.
pub(super) fn run(file: &Path) -> ExitCode {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) => return fail(&format!("{name}: {fault}")),
    };
    match load::parse(&text, &name) {
        Ok(config) => {
            let aim = |queue: &crate::config::QueueConfig| QueueAim {
                name: queue.name.clone(),
                threshold: queue.threshold,
                target: queue.target,
            };
            out(&rule_file(&config.queues.iter().map(aim).collect::<Vec<_>>()));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for line in &errors {
                error(line);
            }
            ExitCode::from(USAGE)
        }
    }
}
