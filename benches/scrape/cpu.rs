//! CPU time of the calling thread, and resident memory of the process, as the operating system counts them.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// User and system time of the calling thread so far.
pub(crate) fn spent() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock").into()
}

/// CPU time of one run, and what it made.
pub(crate) fn of<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let begin = spent();
    let made = run();
    (spent() - begin, made)
}

/// The median of some runs' CPU time, and what the last one made.
pub(crate) fn median<T>(runs: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let (first, mut made) = of(&mut run);
    let mut times = vec![first];
    while times.len() < runs {
        let (time, another) = of(&mut run);
        times.push(time);
        made = another;
    }
    times.sort_unstable();
    (times[times.len() / 2], made)
}

/// Resident memory in bytes.
pub(crate) fn resident() -> u64 {
    const PAGE: u64 = 4_096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * PAGE)
}
