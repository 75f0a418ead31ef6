//! Random worlds under the oracle. `STROWGER_WORLDS=10000` runs so many (`STROWGER_LONG=1`: 10,000), `STROWGER_SEED=17` runs
//! one alone and prints its ladder (`STROWGER_BAD=1`: on the bad network; `STROWGER_BROKEN=1`: by TCP that breaks).

use std::collections::BTreeMap;

use strowger::sim::flows::Flow;
use strowger::sim::ladder::Detail;
use strowger::sim::workload;

#[test]
fn random_worlds_break_no_law() {
    if let Some(seed) = number("STROWGER_SEED") {
        let bad = std::env::var_os("STROWGER_BAD").is_some();
        let detail = Detail::Everything;
        let breaks = std::env::var_os("STROWGER_BROKEN").is_some();
        let verdict = match (bad, breaks) {
            (true, _) => workload::run_in(seed, detail, workload::hostile()),
            (false, true) => workload::run_in(seed, detail, workload::breaking()),
            (false, false) => workload::run(seed, detail),
        };
        println!("{}", verdict.ladder);
        assert!(verdict.wrong.is_empty(), "seed {seed}: {}", verdict.wrong.join("\n"));
        return;
    }
    let default = if std::env::var_os("STROWGER_LONG").is_some() { 10_000 } else { 1_000 };
    let worlds = number("STROWGER_WORLDS").unwrap_or(default);
    let verdicts = judge_all(worlds, |seed| workload::run(seed, Detail::Nothing));
    let offered: u64 = verdicts.iter().map(|(_, verdict)| verdict.offered).sum();
    let answered: u64 = verdicts.iter().map(|(_, verdict)| verdict.answered).sum();
    let transfers =
        [0, 1, 2].map(|outcome| verdicts.iter().map(|(_, verdict)| verdict.transfers[outcome]).sum::<u64>());
    println!("{worlds} worlds, {offered} visits, {answered} answered");
    println!("transfers completed, cancelled, failed: {transfers:?}");
    all_is_well(&verdicts);
    assert!(worlds < 100 || (answered > offered / 10 && answered < offered), "the worlds are too easy or too hard");
    assert!(worlds < 1_000 || transfers.iter().all(|count| *count > worlds / 50), "too few transfers: {transfers:?}");
}

/// Every flow with a tenth of its datagrams lost, some doubled and a tenth late. That each one happens is counted: see
/// [`Flow`].
#[test]
fn every_flow_ends_once_on_a_bad_network() {
    let worlds = number("STROWGER_WORLDS").unwrap_or(1_000) / 4;
    let verdicts = judge_all(worlds, |seed| workload::run_in(seed, Detail::Nothing, workload::hostile()));
    let mut succeeded = BTreeMap::new();
    for (_, verdict) in &verdicts {
        for (method, count) in &verdict.succeeded {
            *succeeded.entry(method.clone()).or_insert(0) += count;
        }
    }
    println!("{worlds} worlds on a bad network, successes: {succeeded:?}");
    let mut flows = BTreeMap::new();
    for (flow, count) in verdicts.iter().flat_map(|(_, verdict)| &verdict.flows) {
        *flows.entry(*flow).or_insert(0) += count;
    }
    for (flow, count) in &flows {
        println!("{count:>8}  {}", flow.as_str());
    }
    let missing: Vec<_> = Flow::ALL.iter().filter(|flow| !flows.contains_key(flow)).map(|flow| flow.as_str()).collect();
    all_is_well(&verdicts);
    assert!(worlds < ENOUGH || missing.is_empty(), "in {worlds} worlds it never came to: {}", missing.join("; "));
    for method in ["REGISTER", "REFER", "UPDATE", "PRACK", "INFO", "NOTIFY", "CANCEL", "BYE", "INVITE"] {
        let count = succeeded.get(method).copied().unwrap_or(0);
        assert!(worlds < 100 || count > worlds / 10, "too few of {method}: {count}");
    }
}

/// Everybody speaks TCP, and connections break: requests and responses are lost that nobody repeats.
#[test]
fn every_call_ends_once_though_connections_break() {
    let worlds = number("STROWGER_WORLDS").unwrap_or(1_000) / 4;
    let verdicts = judge_all(worlds, |seed| workload::run_in(seed, Detail::Nothing, workload::breaking()));
    let sum = |figure: fn(&workload::Verdict) -> u64| verdicts.iter().map(|(_, verdict)| figure(verdict)).sum::<u64>();
    let (offered, answered, broken) = (sum(|it| it.offered), sum(|it| it.answered), sum(|it| it.broken));
    println!("{worlds} worlds by TCP, {offered} visits, {answered} answered, {broken} connections broken");
    all_is_well(&verdicts);
    assert!(worlds < 100 || (answered > offered / 10 && broken > worlds), "too easy or too hard");
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

/// In so many worlds each flow happens; the rarest (our INVITE with Replaces) a dozen times.
const ENOUGH: u64 = 1_000;

/// What became of so many worlds, by their seeds.
fn judge_all(worlds: u64, run: fn(u64) -> workload::Verdict) -> Vec<(u64, workload::Verdict)> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let seeds = (thread..worlds).step_by(threads as usize);
            std::thread::spawn(move || seeds.map(|seed| judge(seed, run)).collect::<Vec<_>>())
        })
        .collect();
    workers.into_iter().flat_map(|worker| worker.join().expect("a world panics into its verdict")).collect()
}

fn all_is_well(verdicts: &[(u64, workload::Verdict)]) {
    let failed: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.wrong.is_empty()).collect();
    let lines: Vec<String> =
        failed.iter().take(20).map(|(seed, verdict)| format!("seed {seed}: {}", verdict.wrong.join("; "))).collect();
    assert!(
        failed.is_empty(),
        "{} of {} worlds went wrong:\n{}\nOne alone: STROWGER_SEED=N cargo test --test worlds random -- --nocapture; \
         on the bad network with STROWGER_BAD=1, by TCP with STROWGER_BROKEN=1",
        failed.len(),
        verdicts.len(),
        lines.join("\n")
    );
}

fn judge(seed: u64, run: fn(u64) -> workload::Verdict) -> (u64, workload::Verdict) {
    let verdict = std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        let wrong = vec![format!("panic: {text}")];
        let (hash, offered, answered) = (0, 0, 0);
        let (succeeded, flows, ladder) = (BTreeMap::new(), BTreeMap::new(), String::new());
        workload::Verdict { wrong, hash, offered, answered, transfers: [0; 3], succeeded, broken: 0, flows, ladder }
    });
    (seed, verdict)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
