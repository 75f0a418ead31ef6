//! Random worlds under the oracle. `STROWGER_WORLDS=10000` runs so many (`STROWGER_LONG=1`: 10,000), `STROWGER_SEED=17` runs
//! one alone and prints its ladder.

use strowger::sim::ladder::Detail;
use strowger::sim::workload;

#[test]
fn random_worlds_break_no_law() {
    if let Some(seed) = number("STROWGER_SEED") {
        let verdict = workload::run(seed, Detail::Everything);
        println!("{}", verdict.ladder);
        assert!(verdict.wrong.is_empty(), "seed {seed}: {}", verdict.wrong.join("\n"));
        return;
    }
    let default = if std::env::var_os("STROWGER_LONG").is_some() { 10_000 } else { 1_000 };
    let worlds = number("STROWGER_WORLDS").unwrap_or(default);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            std::thread::spawn(move || (thread..worlds).step_by(threads as usize).map(judge).collect::<Vec<_>>())
        })
        .collect();
    let verdicts: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    let failed: Vec<&(u64, workload::Verdict)> =
        verdicts.iter().filter(|(_, verdict)| !verdict.wrong.is_empty()).collect();
    let offered: u64 = verdicts.iter().map(|(_, verdict)| verdict.offered).sum();
    let answered: u64 = verdicts.iter().map(|(_, verdict)| verdict.answered).sum();
    let transfers =
        [0, 1, 2].map(|outcome| verdicts.iter().map(|(_, verdict)| verdict.transfers[outcome]).sum::<u64>());
    println!("{worlds} worlds, {offered} visits, {answered} answered, {} failed", failed.len());
    println!("transfers completed, cancelled, failed: {transfers:?}");
    let lines: Vec<String> =
        failed.iter().take(20).map(|(seed, verdict)| format!("seed {seed}: {}", verdict.wrong.join("; "))).collect();
    assert!(
        failed.is_empty(),
        "{} of {worlds} worlds went wrong:\n{}\nOne alone: STROWGER_SEED=N cargo test --test worlds random -- --nocapture",
        failed.len(),
        lines.join("\n")
    );
    assert!(worlds < 100 || (answered > offered / 10 && answered < offered), "the worlds are too easy or too hard");
    assert!(worlds < 1_000 || transfers.iter().all(|count| *count > worlds / 50), "too few transfers: {transfers:?}");
}

#[test]
fn the_same_seed_twice_gives_the_same_bytes() {
    for seed in 0..20 {
        let (one, two) = (workload::run(seed, Detail::Everything), workload::run(seed, Detail::Everything));
        assert_eq!(one.ladder, two.ladder, "seed {seed}");
        assert_eq!(one.hash, two.hash, "seed {seed}");
        // Watching changes nothing.
        assert_eq!(one.hash, workload::run(seed, Detail::Nothing).hash, "seed {seed}");
    }
    assert_ne!(workload::run(1, Detail::Nothing).hash, workload::run(2, Detail::Nothing).hash);
}

fn judge(seed: u64) -> (u64, workload::Verdict) {
    let verdict = std::panic::catch_unwind(|| workload::run(seed, Detail::Nothing)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        let wrong = vec![format!("panic: {text}")];
        workload::Verdict { wrong, hash: 0, offered: 0, answered: 0, transfers: [0; 3], ladder: String::new() }
    });
    (seed, verdict)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
