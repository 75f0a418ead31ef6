//! The command: arguments to `cli`, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    strowger::cli::run()
}
