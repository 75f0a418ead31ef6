//! Where log events go: standard error, as text or JSON, from a level on. Standard output belongs to results.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;

use crate::cli::args::LogLevel;

/// Sends log events of `level` and above to standard error.
pub(super) fn start(level: LogLevel, json: bool) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
