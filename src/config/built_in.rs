//! The configuration of the demo. It is a text like any other, read by the same reader, so that the defaults are the same.

use super::parse::parse;
use super::queues::STRATEGY;
use super::types::Config;

/// The built-in configuration: SIP at 127.0.0.1:5070, HTTP at 127.0.0.1:8080, queues `support` (800), `sales` (801) and
/// `vip` (802, goes first), agents 1001 to 1012.
pub fn built_in() -> Config {
    parse(include_str!("built_in.toml"), "built-in", &[STRATEGY])
        .expect("the built-in text is valid, as its test shows")
}
