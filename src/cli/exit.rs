//! Exit codes: 0 it worked, 1 it failed, 2 the arguments or the configuration are wrong.

use std::process::ExitCode;

use crate::cli::print::error;

/// It failed.
pub(super) const FAILED: u8 = 1;
/// The arguments or the configuration are wrong; clap uses the same code.
pub(super) const USAGE: u8 = 2;

/// The code of a result, whose error is printed.
pub(super) fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(&reason),
    }
}

/// Prints why it failed.
pub(super) fn fail(reason: &str) -> ExitCode {
    error(reason);
    ExitCode::from(FAILED)
}

/// Prints what is wrong with the arguments.
pub(super) fn usage(reason: &str) -> ExitCode {
    error(reason);
    ExitCode::from(USAGE)
}
