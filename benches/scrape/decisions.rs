//! Whether a scrape makes routing decisions dearer: the deciding thread matches calls with agents and folds what happened, as the
//! engine's thread does, while nobody scrapes, while somebody scrapes other figures of the same size (what sharing the machine's
//! caches and cores costs), and while somebody scrapes the very figures that it writes, again and again without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use strowger::base::Instant;
use strowger::stats::Live;
use strowger::stats::export::Exposition;

use crate::centre::Centre;
use crate::{cpu, judge, print};

/// Rounds, each of which takes all three in turn.
const ROUNDS: usize = 5;
/// Decisions of one measurement, each with the call's whole life: some seconds.
const DECISIONS: u32 = 200_000;
/// Callers who wait and whom nobody may take.
const WAITING: u64 = 10_000;
/// By how much a scraper may make a decision dearer, in percent.
const DEARER_MAX: f64 = 5.0;

/// What the other thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    Nobody,
    Elsewhere,
    Scraper,
}

/// Prints the figures; true when the budget holds.
pub(crate) fn run() -> bool {
    let (mut centre, live) = Centre::watched("longest-idle", WAITING);
    let (_other, others) = Centre::watched("longest-idle", WAITING);
    centre.open();
    measure(&mut centre, DECISIONS / 4);
    print(&format!("CPU time of a decision with its call's facts folded, us; {DECISIONS} in each run"));
    print("nobody scrapes   scrapes other figures   scrapes these figures   scrapes");
    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let (alone, _) = beside(Company::Nobody, &live, &others, &mut centre);
        let (elsewhere, _) = beside(Company::Elsewhere, &live, &others, &mut centre);
        let (scraped, scrapes) = beside(Company::Scraper, &live, &others, &mut centre);
        print(&format!("{alone:>14.3}{elsewhere:>24.3}{scraped:>24.3}{scrapes:>10}"));
        ratios[0].push(100.0 * (elsewhere / alone - 1.0));
        ratios[1].push(100.0 * (scraped / alone - 1.0));
    }
    let [elsewhere, scraped] = ratios.map(median);
    print(&format!("scraping other figures makes a decision dearer by {elsewhere:.1} % (median): the machine's share"));
    assert_eq!(live.violations(), 0, "the figures hold");
    judge("a scraper in a loop makes a decision dearer by (median)", scraped, DEARER_MAX, "%")
}

/// Microseconds of CPU a decision in such company, and how often there was a scrape meanwhile.
fn beside(company: Company, live: &Arc<Live>, others: &Arc<Live>, centre: &mut Centre) -> (f64, u64) {
    let figures = match company {
        Company::Nobody => return (measure(centre, DECISIONS), 0),
        Company::Elsewhere => others,
        Company::Scraper => live,
    };
    let (stop, scrapes) = (AtomicBool::new(false), AtomicU64::new(0));
    let exposition = Exposition::new(Arc::clone(figures), || Instant::from_micros(1));
    let taken = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(exposition.render());
                scrapes.fetch_add(1, Ordering::Relaxed);
            }
        });
        while scrapes.load(Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let taken = measure(centre, DECISIONS);
        stop.store(true, Ordering::Relaxed);
        taken
    });
    (taken, scrapes.into_inner())
}

fn measure(centre: &mut Centre, decisions: u32) -> f64 {
    let (time, ()) = cpu::of(|| (0..decisions).for_each(|_| centre.enqueue_and_match(&mut |engine| engine())));
    time.as_secs_f64() * 1e6 / f64::from(decisions)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
