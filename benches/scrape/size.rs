//! The cost of one scrape, and of one page of each list, in the largest house.

use std::sync::Arc;
use std::time::Duration;

use strowger::node::{Control, Reply};
use strowger::stats::export::{Exposition, Pages};
use strowger::stats::{histogram_bounds, window};

use crate::house::{AGENTS, House, QUEUES};
use crate::{cpu, judge, print};

const RUNS: usize = 11;
/// Rows of a page: the most that the control plane gives.
const PAGE: usize = 1_000;
/// A scrape's budget.
const SCRAPE_MS_MAX: f64 = 100.0;

/// Prints the figures; true when every budget holds.
pub(crate) fn run() -> bool {
    let mut house = House::new();
    let (live, now) = (Arc::clone(&house.live), house.now);
    let exposition = Exposition::new(Arc::clone(&live), move || now);
    print(&format!("{QUEUES} queues, {AGENTS} agents, every window full; CPU time of the thread, median of {RUNS}"));
    print("                                    CPU ms         bytes    series");
    let text = scrape("/metrics, Prometheus 0.0.4", || exposition.pages());
    let open = scrape("/metrics, OpenMetrics 1.0", || exposition.pages_openmetrics());
    row("/v1/queues", || serde_json::to_string(&live.overview(now)).expect("figures are JSON"));
    let mut pages = Vec::new();
    let (asking, _) = cpu::median(RUNS, || pages = agents(&mut house));
    show("/v1/agents, all pages: the engine's part", asking, None);
    row("/v1/agents, all pages: writing them", || {
        pages.iter().map(|page| serde_json::to_string(page).expect("rows are JSON")).collect()
    });
    let bound = window::bytes_max(histogram_bounds([]).len()) * QUEUES as usize;
    let [made, filled] = house.resident.map(|bytes| bytes as f64 / 1_048_576.0);
    print(&format!(
        "resident memory of the figures: {made:.1} MiB at the start, {filled:.1} MiB with every window full"
    ));
    let stated = bound as f64 / 1_048_576.0;
    [
        judge("a scrape in the Prometheus format", text, SCRAPE_MS_MAX, "ms of CPU"),
        judge("a scrape in the OpenMetrics format", open, SCRAPE_MS_MAX, "ms of CPU"),
        // What the windows' bound leaves out: blocks of queues, agents and teams, and the allocator's own.
        judge("all windows in memory, less what was there before", filled - made, (stated * 1.15).round(), "MiB"),
    ]
    .into_iter()
    .fold(true, |all, holds| all & holds)
}

/// Measures a scrape as it is served, each page gone before the next is made; its milliseconds.
fn scrape(name: &str, pages: impl Fn() -> Pages) -> f64 {
    let (time, _) = cpu::median(RUNS, || pages().fold(0, |sum, page| sum + page.len()));
    show(name, time, Some(&pages().collect::<String>()));
    let longest = pages().map(|page| page.len()).max().unwrap_or_default();
    print(&format!("    its longest page                  {longest:>22}"));
    millis(time)
}

/// Measures a text; its milliseconds.
fn row(name: &str, make: impl FnMut() -> String) -> f64 {
    let (time, text) = cpu::median(RUNS, make);
    show(name, time, Some(&text));
    millis(time)
}

fn show(name: &str, time: Duration, text: Option<&str>) {
    let series = |text: &str| text.lines().filter(|line| line.starts_with("acd_")).count();
    let size = text.map_or_else(String::new, |text| format!("{:>14}{:>10}", text.len(), series(text)));
    print(&format!("{name:<42}{:>8.1}{size}", millis(time)));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// All agents, page by page, as the engine's thread answers.
fn agents(house: &mut House) -> Vec<Vec<strowger::node::AgentView>> {
    let mut pages = Vec::new();
    for offset in (0..AGENTS as usize).step_by(PAGE) {
        let Reply::Agents { rows, .. } = house.node.handle_control(house.now, Control::Agents { offset, limit: PAGE })
        else {
            continue;
        };
        pages.push(rows);
    }
    pages
}
