//! Whether a scrape makes routing decisions dearer: the deciding thread matches calls with agents and folds what happened, as
//! the engine's thread does, while nobody scrapes, while somebody scrapes other figures of the same size (what sharing the
//! machine's caches and cores costs), while somebody scrapes the very figures that it writes, again and again without a pause,
//! and while somebody counts in registers (what another busy core costs, whatever it does). The four take short turns, so that
//! whatever else the machine does meets all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use strowger::base::Instant;
use strowger::stats::Live;
use strowger::stats::export::Exposition;

use crate::centre::Centre;
use crate::{cpu, judge, print};

/// Rounds, of which the median counts.
const ROUNDS: usize = 5;
/// Turns of each company in a round.
const TURNS: u32 = 20;
/// Decisions of a turn, each with the call's whole life.
const DECISIONS: u32 = 10_000;
/// Callers who wait and whom nobody may take.
const WAITING: u64 = 10_000;
/// By how much a scraper may make a decision dearer, in percent.
const DEARER_MAX: f64 = 5.0;

/// What the other thread does: nothing, scrape other figures, scrape these figures, count in registers.
const COMPANIES: [usize; 4] = [0, 1, 2, COUNTING];
const COUNTING: usize = 3;

/// Prints the figures; true when the budget holds.
pub(crate) fn run() -> bool {
    let (mut centre, live) = Centre::watched("longest-idle", WAITING);
    let (_other, others) = Centre::watched("longest-idle", WAITING);
    centre.open();
    measure(&mut centre, 5 * DECISIONS);
    let scraper = Scraper::default();
    let rounds: Vec<[f64; 4]> = thread::scope(|scope| {
        scope.spawn(|| scraper.run([&others, &live]));
        print(&format!(
            "CPU time of a decision with its call's facts folded, us; {} in each figure",
            TURNS * DECISIONS
        ));
        print("nobody scrapes   scrapes other figures   scrapes these figures   counts in registers     turns so far");
        let rounds = (0..ROUNDS).map(|_| round(&scraper, &mut centre)).collect();
        scraper.stop.store(true, Ordering::Relaxed);
        rounds
    });
    assert_eq!(live.violations(), 0, "the figures hold");
    let dearer = |company: usize, than: usize| {
        median(rounds.iter().map(|round| 100.0 * (round[company] / round[than] - 1.0)).collect())
    };
    print(&format!(
        "counting in registers makes a decision dearer by {:.1} %: a second busy core",
        dearer(COUNTING, 0)
    ));
    print(&format!("scraping other figures makes a decision dearer by {:.1} %: the machine's share", dearer(1, 0)));
    print(&format!(
        "scraping these figures rather than others, by {:.1} %: what is shared between the two",
        dearer(2, 1)
    ));
    judge("a scraper in a loop makes a decision dearer by", dearer(2, 0), DEARER_MAX, "%")
}

/// Microseconds of CPU a decision in each company.
fn round(scraper: &Scraper, centre: &mut Centre) -> [f64; 4] {
    let mut times = [0.0; 4];
    for turn in 0..TURNS as usize {
        for place in COMPANIES {
            let company = (turn + place) % COMPANIES.len();
            scraper.be(company);
            times[company] += measure(centre, DECISIONS) / f64::from(TURNS);
        }
    }
    let [alone, elsewhere, scraped, counting] = times;
    let scrapes = scraper.begun.load(Ordering::Relaxed);
    print(&format!("{alone:>14.3}{elsewhere:>24.3}{scraped:>24.3}{counting:>22.3}{scrapes:>17}"));
    times
}

/// The other thread.
#[derive(Debug, Default)]
struct Scraper {
    company: AtomicUsize,
    /// Scrapes and counts begun.
    begun: AtomicU64,
    stop: AtomicBool,
}

impl Scraper {
    fn run(&self, figures: [&Arc<Live>; 2]) {
        let now = Instant::from_micros(1);
        let expositions = figures.map(|figures| Exposition::new(Arc::clone(figures), move || now));
        while !self.stop.load(Ordering::Relaxed) {
            let company = self.company.load(Ordering::Relaxed);
            if company == COUNTING {
                self.begun.fetch_add(1, Ordering::Relaxed);
                // About as long as a scrape.
                std::hint::black_box((0..10_000_000_u64).fold(0, |sum: u64, n| std::hint::black_box(sum ^ n)));
            } else if let Some(exposition) = company.checked_sub(1).and_then(|place| expositions.get(place)) {
                self.begun.fetch_add(1, Ordering::Relaxed);
                exposition.pages().for_each(|page| drop(std::hint::black_box(page)));
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Changes the company, and waits until it is so: the scrape under way has ended and the next has begun.
    fn be(&self, company: usize) {
        self.company.store(company, Ordering::Relaxed);
        let begun = self.begun.load(Ordering::Relaxed);
        let is_so = || match company {
            0 => true,
            _ => self.begun.load(Ordering::Relaxed) > begun,
        };
        while !is_so() {
            thread::sleep(Duration::from_millis(1));
        }
        if company == 0 {
            // A scrape takes some ten milliseconds.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Microseconds of this thread's CPU a decision.
fn measure(centre: &mut Centre, decisions: u32) -> f64 {
    let (time, ()) = cpu::of(|| (0..decisions).for_each(|_| centre.enqueue_and_match(&mut |engine| engine())));
    time.as_secs_f64() * 1e6 / f64::from(decisions)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
