//! Live figures: one versioned block of atomics for each queue and agent group, written by one thread as a fold of facts and
//! read by anyone without stopping it; the metrics exposition reads such copies.
