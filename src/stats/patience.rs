//! How long callers are patient: the Kaplan-Meier curve of one queue from (wait, gave up?), where the answered are censored, and
//! the rate of giving up for the Erlang A model (FEATURES K6).
//!
//! Waits are kept in bins of a second up to two minutes and of five seconds up to ten. When a queue has counted
//! `KEPT_MAX` callers every count is halved, so that the curve follows the callers of late.

use serde::Serialize;

use crate::stats::block::Block;

/// Callers after which all counts are halved: enough for a smooth curve.
const KEPT_MAX: u64 = 50_000;
/// Bins of one second.
const FINE: usize = 120;
/// All bins; the last holds what is longer than ten minutes.
const BINS: usize = FINE + 96 + 1;

const COUNT: usize = 0;
const GAVE_UP: usize = 1;
/// All waits together, in milliseconds.
const EXPOSURE_MS: usize = 2;
/// For each bin, those who gave up in it.
const ENDED: usize = 3;
/// For each bin, those whose wait ended otherwise in it.
const CENSORED: usize = ENDED + BINS;

/// The counts of one queue.
#[derive(Debug)]
pub(super) struct Patience(Block);

impl Patience {
    /// Nobody yet.
    pub(super) fn new() -> Self {
        Self(Block::new(CENSORED + BINS))
    }

    /// A caller's wait ended after `wait_micros`. Only the one writer calls this.
    pub(super) fn add(&self, wait_micros: u64, gave_up: bool) {
        let write = self.0.write();
        if write.get(COUNT) >= KEPT_MAX {
            (COUNT..CENSORED + BINS).for_each(|cell| write.set(cell, write.get(cell) / 2));
        }
        write.add(COUNT, 1);
        write.add(GAVE_UP, u64::from(gave_up));
        write.add(EXPOSURE_MS, wait_micros / 1_000);
        write.add(if gave_up { ENDED } else { CENSORED } + bin(wait_micros), 1);
    }

    /// The rate of giving up, a second: those who gave up by all the seconds waited. It is the maximum-likelihood estimate for
    /// exponential patience with the answered censored. 0 before anybody waited.
    pub(super) fn theta(&self) -> f64 {
        // Asked for each call that joins: the bins are not needed for it.
        rate(&self.0.copy::<ENDED>())
    }

    /// The curve.
    pub(super) fn curve(&self) -> Curve {
        let cells = self.0.read();
        let mut at_risk: u64 = (0..BINS).map(|bin| cells[ENDED + bin] + cells[CENSORED + bin]).sum();
        let (mut staying, mut points) = (1.0, Vec::new());
        for bin in 0..BINS {
            let (ended, censored) = (cells[ENDED + bin], cells[CENSORED + bin]);
            if ended > 0 {
                let hazard = ended as f64 / at_risk as f64;
                staying *= 1.0 - hazard;
                points.push(Point { seconds: end_of(bin), at_risk, gave_up: ended, hazard, staying });
            }
            // Who is answered in a bin was at risk in all of it.
            at_risk -= ended + censored;
        }
        let theta = rate(&cells);
        Curve {
            callers: cells[COUNT],
            gave_up: cells[GAVE_UP],
            theta_per_second: theta,
            mean_patience_seconds: (theta > 0.0).then(|| 1.0 / theta),
            median_patience_seconds: points.iter().find(|point| point.staying <= 0.5).map(|point| point.seconds),
            points,
        }
    }
}

/// A patience curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Waits that it is made from; older ones weigh less.
    pub callers: u64,
    /// Of them, those who gave up.
    pub gave_up: u64,
    /// The rate of giving up, a second (Erlang A's theta).
    pub theta_per_second: f64,
    /// 1/theta; `None` when nobody gave up.
    pub mean_patience_seconds: Option<f64>,
    /// When half would have given up; `None` when fewer did as far as one can see.
    pub median_patience_seconds: Option<u64>,
    /// Where it falls.
    pub points: Vec<Point>,
}

/// A step of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The end of the bin.
    pub seconds: u64,
    /// Callers who still waited at its beginning.
    pub at_risk: u64,
    /// Callers who gave up in it.
    pub gave_up: u64,
    /// Their share.
    pub hazard: f64,
    /// The share of callers who would wait longer than `seconds` if nobody answered them.
    pub staying: f64,
}

fn rate(cells: &[u64]) -> f64 {
    let exposure = cells[EXPOSURE_MS] as f64 / 1_000.0;
    if exposure > 0.0 { cells[GAVE_UP] as f64 / exposure } else { 0.0 }
}

fn bin(wait_micros: u64) -> usize {
    let second = usize::try_from(wait_micros / 1_000_000).unwrap_or(usize::MAX);
    if second < FINE { second } else { (FINE + (second - FINE) / 5).min(BINS - 1) }
}

/// The second at which a bin ends; the last one's beginning.
fn end_of(bin: usize) -> u64 {
    let end = if bin < FINE { bin + 1 } else { FINE + (bin - FINE + 1).min(BINS - FINE - 1) * 5 };
    end as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn the_answered_are_censored() {
        // Kaplan and Meier by hand: 10 callers; 2 give up in second 1, 4 are answered in second 2, 1 of 4 gives up in second 3.
        let patience = Patience::new();
        for (times, wait, gave_up) in [(2, 0, true), (4, 1, false), (1, 2, true), (3, 9, false)] {
            (0..times).for_each(|_| patience.add(wait * SECOND, gave_up));
        }
        let curve = patience.curve();
        let found: Vec<_> = curve.points.iter().map(|p| (p.seconds, p.at_risk, p.gave_up)).collect();
        assert_eq!(found, [(1, 10, 2), (3, 4, 1)]);
        assert!((curve.points[0].staying - 0.8).abs() < 1e-12 && (curve.points[1].staying - 0.6).abs() < 1e-12);
        assert_eq!(curve.median_patience_seconds, None);
        assert!((curve.theta_per_second - 3.0 / 33.0).abs() < 1e-12, "3 of 33 seconds waited");
    }

    #[test]
    fn the_rate_of_callers_with_a_known_patience_is_found_though_most_are_answered() {
        let (patience, mut rng) = (Patience::new(), Rng::from_u64(3));
        for _ in 0..40_000 {
            let (endures, answer) = (rng.exponential(120.0), rng.exponential(30.0));
            patience.add((endures.min(answer) * 1e6) as u64, endures < answer);
        }
        let curve = patience.curve();
        assert!((curve.mean_patience_seconds.unwrap() / 120.0 - 1.0).abs() < 0.04, "{curve:?}");
        let at_60 = curve.points.iter().find(|point| point.seconds == 60).unwrap();
        assert!((at_60.staying / (-0.5_f64).exp() - 1.0).abs() < 0.04, "{at_60:?}");
    }

    #[test]
    fn old_callers_weigh_less_and_memory_stays() {
        let patience = Patience::new();
        (0..KEPT_MAX).for_each(|_| patience.add(10 * SECOND, true));
        patience.add(20 * SECOND, false);
        let curve = patience.curve();
        assert_eq!((curve.callers, curve.gave_up), (KEPT_MAX / 2 + 1, KEPT_MAX / 2));
    }

    #[test]
    fn every_wait_has_its_bin() {
        assert_eq!(
            [0, 119, 120, 124, 125, 599, 600, 100_000].map(|s| bin(s * SECOND)),
            [0, 119, 120, 120, 121, 215, 216, 216]
        );
        assert_eq!([0, 119, 120, 215, 216].map(end_of), [1, 120, 125, 600, 600]);
        assert_eq!(Patience::new().curve().theta_per_second, 0.0);
    }
}
