//! Wall time of the hot paths, one operation each: `cargo bench`. Nothing is gated on it; `benches/instructions` counts the
//! same cases' instructions and gates on them.

mod cases;

use divan::Bencher;

fn main() {
    divan::main();
}

#[divan::bench(args = cases::NAMES)]
fn hot(bencher: Bencher<'_, '_>, name: &str) {
    let mut case = cases::case(name, |engine| engine()).expect("every name has its case");
    bencher.bench_local(&mut case);
}

#[divan::bench(args = cases::GROWING, sample_count = 10, sample_size = cases::GROWN_MAX / 10)]
fn growing(bencher: Bencher<'_, '_>, name: &str) {
    let mut case = cases::case(name, |engine| engine()).expect("every name has its case");
    bencher.bench_local(&mut case);
}
