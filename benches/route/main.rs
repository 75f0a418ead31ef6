//! What a routing decision takes in a large centre: `cargo bench --bench route`. A row for each strategy and number of waiting
//! callers, a column for each operation: the median and the 99th percentile in microseconds, and allocations in a thousand
//! operations; below, how the median grew from the first row to the last. `!` breaks a budget. Nothing fails on it, for wall
//! time is what the machine makes of it; `benches/instructions` counts the same operations and gates on them.
//!
//! With `-- cold` every cache is emptied before each timed operation. A thousand callers lie in the processor's first caches
//! and a hundred thousand do not, so warm figures grow with the memory's distance; cold ones show what the number of callers
//! itself adds.

#[expect(dead_code, reason = "figures are for benches/scrape")]
mod centre;

use std::time::Duration;

use centre::Centre;
use strowger::acd::strategy::{Ring, STRATEGIES};

const ROUNDS: u32 = 2_000;
/// With cold caches every so many operations are timed: emptying them takes some 10 ms.
const COLD_EVERY: u32 = 20;
const WARM: u32 = 2_000;
/// What is walked through to empty the caches: twice the last one of common servers, in bytes.
const CACHES: usize = 64 << 20;
const CACHE_LINE: usize = 64;
const WAITING: [u64; 3] = [1_000, 10_000, 100_000];
/// Budgets in microseconds (issue 4).
const MEDIAN_MAX: f64 = 2.0;
const P99_MAX: f64 = 10.0;
/// What log n grows by from the fewest to the most waiting: 5/3.
const GROWTH_MAX: f64 = 5.0 / 3.0;
const OPERATIONS: [&str; 5] = ["enqueue + match", "ready + match", "the same, one queue", "abandon", "relaxation"];

/// One operation's cost.
struct Figure {
    median: f64,
    p99: f64,
    allocations: u64,
}

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let cold = words.iter().position(|word| word == "cold").map(|at| words.remove(at)).is_some();
    let only = words.first();
    let mut bench = Bench { caches: if cold { vec![0; CACHES] } else { Vec::new() } };
    print(&row("strategy", "waiting", OPERATIONS.map(str::to_string)));
    for strategy in STRATEGIES.iter().filter(|row| row.ring != Ring::All) {
        if only.is_some_and(|only| only != strategy.name) {
            continue;
        }
        let figures = WAITING.map(|waiting| bench.figures(strategy.name, waiting));
        for (waiting, figures) in WAITING.iter().zip(&figures) {
            let columns = figures.each_ref().map(|Figure { median, p99, allocations }| {
                let broken = if !cold && (*median > MEDIAN_MAX || *p99 > P99_MAX) { " !" } else { "" };
                format!("{median:.2} {p99:.2} ({allocations}){broken}")
            });
            print(&row(strategy.name, &waiting.to_string(), columns));
        }
        let [first, .., last] = figures;
        let growth = std::array::from_fn(|operation| {
            let growth = last[operation].median / first[operation].median;
            format!("x {growth:.2}{}", if growth > GROWTH_MAX { " !" } else { "" })
        });
        print(&row("", "growth", growth));
    }
}

fn row(strategy: &str, waiting: &str, columns: [String; 5]) -> String {
    let columns: String = columns.iter().map(|column| format!("{column:>21}")).collect();
    format!("{strategy:22}{waiting:>9}   {columns}")
}

/// How an operation is timed.
struct Bench {
    /// Walked through before each timed operation; empty where caches stay warm.
    caches: Vec<u8>,
}

impl Bench {
    fn figures(&mut self, strategy: &'static str, waiting: u64) -> [Figure; 5] {
        let mut centre = Centre::new(strategy, waiting, false);
        let ready = self.measure(|round, meter| centre.ready_and_match(round * 7, meter));
        let abandon = self.measure(|_, meter| centre.abandon(meter));
        centre.open();
        let enqueue = self.measure(|_, meter| centre.enqueue_and_match(meter));
        drop(centre);
        let mut centre = Centre::new(strategy, waiting, true);
        let one_queue = self.measure(|round, meter| centre.ready_and_match(round % 20 * Centre::QUEUES, meter));
        drop(centre);
        let mut centre = Centre::new(strategy, waiting, false);
        let relax = self.measure(|_, meter| centre.relax(meter));
        [enqueue, ready, one_queue, abandon, relax]
    }

    fn measure(&mut self, mut operation: impl FnMut(u32, centre::Meter<'_>)) -> Figure {
        for round in 0..WARM {
            operation(round, &mut |engine| engine());
        }
        let every = if self.caches.is_empty() { 1 } else { COLD_EVERY };
        let mut times: Vec<Duration> = Vec::new();
        for round in WARM..WARM + ROUNDS {
            if round % every == 0 {
                times.push(self.time(|meter| operation(round, meter)));
            } else {
                operation(round, &mut |engine| engine());
            }
        }
        let mut allocations = 0;
        for round in 0..1_000 {
            operation(WARM + ROUNDS + round, &mut |engine| {
                allocations += allocation_counter::measure(&mut *engine).count_total;
            });
        }
        times.sort_unstable();
        let at = |part: f64| times[(times.len() as f64 * part) as usize].as_nanos() as f64 / 1_000.0;
        Figure { median: at(0.5), p99: at(0.99), allocations }
    }

    fn time(&mut self, operation: impl FnOnce(centre::Meter<'_>)) -> Duration {
        let mut taken = Duration::ZERO;
        operation(&mut |engine| {
            for line in self.caches.iter_mut().step_by(CACHE_LINE) {
                *line = line.wrapping_add(1);
            }
            #[expect(clippy::disallowed_methods, reason = "a bench measures wall time")]
            let begin = std::time::Instant::now();
            engine();
            taken = begin.elapsed();
        });
        taken
    }
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn print(line: &str) {
    println!("{line}");
}
