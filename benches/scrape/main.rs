//! What reading the figures costs: `cargo bench --bench scrape`, or one of its parts by name, `size` or `decisions`.
//!
//! `size`: in a house of 500 queues and 10,000 agents, the CPU time and the bytes of a scrape in both formats, of `/v1/queues`
//! and of `/v1/agents`, and the resident memory of all windows. `decisions`: how much dearer a routing decision becomes while
//! somebody scrapes in a loop on another core. CPU time is the thread's own, so that other programs hardly blur it. Each budget
//! is printed with pass or FAIL, and a miss ends with code 1.

#[path = "../route/centre.rs"]
#[expect(dead_code, reason = "only one kind of decision is measured here")]
mod centre;
mod cpu;
mod decisions;
mod house;
mod size;

use std::process::ExitCode;

fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut holds = true;
    if is_wanted("size") {
        holds &= size::run();
    }
    if is_wanted("decisions") {
        holds &= decisions::run();
    }
    ExitCode::from(u8::from(!holds))
}

/// A budget's line; true when it holds.
pub(crate) fn judge(what: &str, measured: f64, limit: f64, unit: &str) -> bool {
    let holds = measured <= limit;
    print(&format!("{} {what}: {measured:.1} {unit}, at most {limit}", if holds { "pass" } else { "FAIL" }));
    holds
}

/// A line on standard output.
#[expect(clippy::print_stdout, reason = "the figures are what was asked for")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}
