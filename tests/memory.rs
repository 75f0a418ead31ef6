//! Memory of the engine without its shell, counted by an allocator: what a waiting and a talking call hold, how often a call
//! allocates, and that reading a message and matching a call with an agent never do. The bounds stand in `benches/budgets.toml`.

#[path = "../benches/hot/cases/mod.rs"]
mod cases;

use std::cell::Cell;

use allocation_counter::measure;

/// Calls over which growth is taken. One more than a power of two: each table has just doubled, the worst moment.
const CALLS: u32 = 2_000;
/// What the C library adds to an allocation, at most: its header and rounding up to 16.
const OVERHEAD: u64 = 24;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of the engine's part.
fn counting(engine: &mut dyn FnMut()) {
    let counted = measure(engine);
    ALLOCATIONS.set(ALLOCATIONS.get() + counted.count_total);
}

/// Prepares a case whose engine's part counts its allocations, or not.
fn prepared(name: &str, meter: cases::Meter) -> cases::Case {
    cases::case(name, meter).expect("a known case")
}

fn budget(table: &str, key: &str) -> u64 {
    let text = include_str!("../benches/budgets.toml").parse::<toml::Table>().expect("budgets are TOML");
    let budget = text["memory"][table][key].as_integer().expect("a budget is a number");
    budget.try_into().expect("a budget is positive")
}

fn bytes_held(name: &str) -> u64 {
    const { assert!(CALLS <= cases::GROWN_MAX) };
    let mut case = prepared(name, |engine| engine());
    let info = measure(|| (0..CALLS).for_each(|_| case()));
    let (bytes, blocks) = (info.bytes_current.max(0) as u64, info.count_current.max(0) as u64);
    (bytes + blocks * OVERHEAD) / u64::from(CALLS)
}

#[test]
fn calls_hold_no_more_than_their_budget() {
    for name in cases::GROWING {
        let (held, budget) = (bytes_held(name), budget(name, "bytes"));
        assert!(held <= budget, "{name}: {held} bytes, {budget} allowed");
        assert!(held * 10 > budget * 8, "{name}: {held} bytes, far below its budget of {budget}: lower that");
    }
}

#[test]
fn a_call_allocates_as_often_as_stated() {
    // The tables reach their size first.
    let mut case = prepared("node_call", counting);
    (0..1_000).for_each(|_| case());
    ALLOCATIONS.set(0);
    (0..1_000).for_each(|_| case());
    let (each, budget) = (ALLOCATIONS.get() / 1_000, budget("node_call", "allocations"));
    assert!(each <= budget, "{each} allocations a call, {budget} allowed");
    assert!(each * 10 > budget * 8, "{each} allocations a call, far below the budget of {budget}: lower that");
}

#[test]
fn a_message_is_read_and_found_by_its_key_without_an_allocation() {
    for name in ["parse_invite", "parse_200", "check_invite", "transaction_key"] {
        assert!(cases::NAMES.contains(&name));
        let mut case = prepared(name, |engine| engine());
        // A first copy of a datagram's handle makes its count of owners; the transmit queue gets its room.
        case();
        assert_eq!(measure(|| (0..100).for_each(|_| case())).count_total, 0, "{name}");
    }
}

/// The tables reach their size first: decisions are kept for explanation, blocks of callers and agents for the next.
#[test]
fn a_call_and_an_agent_find_each_other_without_an_allocation() {
    for (name, rounds) in
        [("route_enqueue", 6_000), ("route_ready", 6_000), ("route_abandon", 6_000), ("route_relax", 12_000)]
    {
        let mut case = prepared(name, counting);
        (0..rounds).for_each(|_| case());
        ALLOCATIONS.set(0);
        (0..1_000).for_each(|_| case());
        assert_eq!(ALLOCATIONS.get(), 0, "{name}");
    }
}

/// Transactions linger 32 s, decisions are kept for explanation, figures have their windows: those fill up first.
#[test]
fn nothing_grows_with_calls_that_are_over() {
    let mut case = prepared("node_call", |engine| engine());
    (0..8_000).for_each(|_| case());
    let grown = measure(|| (0..4_000).for_each(|_| case()));
    // A table may still double.
    assert!(grown.count_current == 0 && grown.bytes_current <= 4_000, "{grown:?}");
}
