//! What a routing decision takes in a large centre: `cargo bench --bench route`. A row for each strategy and number of waiting
//! callers, a column for each operation: the median and the 99th percentile in microseconds, and allocations in a thousand
//! operations. Nothing is gated on it; `benches/instructions` counts the same operations.

mod centre;

use std::time::Duration;

use centre::Centre;
use strowger::acd::strategy::{Ring, STRATEGIES};

const ROUNDS: u32 = 1_000;
const WARM: u32 = 200;

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    print(&format!(
        "{:22}{:>9}   {:>21}{:>21}{:>21}{:>21}{:>21}",
        "strategy", "waiting", "enqueue + match", "ready + match", "the same, one queue", "abandon", "relaxation"
    ));
    for row in STRATEGIES.iter().filter(|row| row.ring != Ring::All) {
        if only.as_ref().is_some_and(|only| only != row.name) {
            continue;
        }
        for waiting in [1_000, 10_000, 100_000] {
            let columns: String = figures(row.name, waiting).iter().map(|figure| format!("{figure:>21}")).collect();
            print(&format!("{:22}{waiting:>9}   {columns}", row.name));
        }
    }
}

fn figures(strategy: &'static str, waiting: u64) -> Vec<String> {
    let mut centre = Centre::new(strategy, waiting, false);
    let ready = measure(|round, meter| centre.ready_and_match(round * 7, meter));
    let abandon = measure(|_, meter| centre.abandon(meter));
    centre.open();
    let enqueue = measure(|_, meter| centre.enqueue_and_match(meter));
    drop(centre);
    let mut centre = Centre::new(strategy, waiting, true);
    let one_queue = measure(|round, meter| centre.ready_and_match(round % 20 * 500, meter));
    drop(centre);
    let mut centre = Centre::new(strategy, waiting, false);
    let rounds = ROUNDS.min(waiting as u32) - WARM;
    let relax = percentiles((0..rounds).map(|_| time(|meter| centre.relax(meter))).collect());
    vec![enqueue, ready, one_queue, abandon, relax]
}

fn measure(mut operation: impl FnMut(u32, centre::Meter<'_>)) -> String {
    for round in 0..WARM {
        operation(round, &mut |engine| engine());
    }
    let times = (WARM..WARM + ROUNDS).map(|round| time(|meter| operation(round, meter))).collect();
    let mut allocations = 0;
    for round in 0..ROUNDS {
        operation(WARM + ROUNDS + round, &mut |engine| {
            allocations += allocation_counter::measure(&mut *engine).count_total;
        });
    }
    format!("{} ({allocations})", percentiles(times))
}

fn time(operation: impl FnOnce(centre::Meter<'_>)) -> Duration {
    let mut taken = Duration::ZERO;
    operation(&mut |engine| {
        #[expect(clippy::disallowed_methods, reason = "a bench measures wall time")]
        let begin = std::time::Instant::now();
        engine();
        taken = begin.elapsed();
    });
    taken
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_nanos() as f64 / 1_000.0;
    format!("{:.2} {:.2}", at(0.5), at(0.99))
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn print(line: &str) {
    println!("{line}");
}
