//! How long a caller will wait: the adopted estimator of FEATURES section 3, `E[W; q ahead] = sum over i = 0..q of 1/(n mu + i
//! theta)` (Whitt's queue-length estimator with abandonment, M/M/n+M), with its percentiles. Pure arithmetic.
//!
//! The wait is a sum of independent exponentials with rates `a + i theta`, `a = n mu`. Since a Beta(a/theta, q+1) variable is
//! the product of independent powers of uniforms, `W = -ln(B)/theta` with B of that distribution: the percentiles come from
//! the regularised incomplete beta function, exactly and for any q, without summing. Without abandonment W is Erlang(q+1, a).

use std::time::Duration;

/// What the estimate is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// n: agents at work for the queue.
    pub agents: u32,
    /// 1/mu: mean time to handle a call.
    pub handle: Duration,
    /// theta: share of the waiting who give up, a second; 0 when nobody does.
    pub giving_up: f64,
}

/// An estimate of a wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: Duration,
    /// Half wait longer.
    pub p50: Duration,
    /// One in ten waits longer.
    pub p90: Duration,
}

/// The wait of one with `ahead` callers before it. `None`, which is not to be announced, without agents or handle time.
pub fn estimate(ahead: u32, load: Load) -> Option<Estimate> {
    let wait = Wait::new(ahead, load)?;
    Some(Estimate { mean: seconds(wait.mean()), p50: seconds(wait.quantile(0.5)), p90: seconds(wait.quantile(0.9)) })
}

/// The mean of [`estimate`] alone: cheap enough for every caller.
pub fn mean(ahead: u32, load: Load) -> Option<Duration> {
    Wait::new(ahead, load).map(|wait| seconds(wait.mean()))
}

/// The distribution of a wait.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// n mu, a second.
    service: f64,
    theta: f64,
    /// q + 1.
    departures: f64,
}

impl Wait {
    fn new(ahead: u32, load: Load) -> Option<Self> {
        let handle = load.handle.as_secs_f64();
        if load.agents == 0 || handle <= 0.0 {
            return None;
        }
        let service = f64::from(load.agents) / handle;
        // Below this nobody of a day's callers gives up, and the beta function would lose its digits.
        let theta = if load.giving_up > service * 1e-6 { load.giving_up } else { 0.0 };
        Some(Self { service, theta, departures: f64::from(ahead) + 1.0 })
    }

    /// `sum 1/(a + i theta) = (psi(a/theta + q + 1) - psi(a/theta))/theta`.
    fn mean(&self) -> f64 {
        if self.theta == 0.0 {
            return self.departures / self.service;
        }
        let ratio = self.service / self.theta;
        (digamma(ratio + self.departures) - digamma(ratio)) / self.theta
    }

    /// The share of waits that are over after `t` seconds.
    fn below(&self, t: f64) -> f64 {
        if self.theta == 0.0 {
            return gamma_below(self.departures, self.service * t);
        }
        1.0 - beta_below(self.service / self.theta, self.departures, (-self.theta * t).exp())
    }

    /// The time below which the share `p` of waits lies, to a thousandth: by halving.
    fn quantile(&self, p: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.mean().max(1e-9) * 2.0);
        while self.below(high) < p {
            high *= 2.0;
        }
        while high - low > 1e-3_f64.min(high * 1e-4) {
            let middle = f64::midpoint(low, high);
            if self.below(middle) < p { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

/// psi(x) for x > 0: recurrence up to 10, then its asymptotic series.
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    sum + x.ln() - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
}

/// ln Gamma(x) for x > 0: Stirling's series after recurrence.
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 0.0;
    while x < 10.0 {
        product += x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - product
}

/// Most terms of a series or fraction: convergence takes about the square root of the parameters.
const TERMS_MAX: usize = 5_000;
const PRECISION: f64 = 1e-12;

/// The regularised lower incomplete gamma function P(a, x), by its series or its continued fraction (Abramowitz and Stegun
/// 6.5.29 and 6.5.31).
fn gamma_below(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS_MAX {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * PRECISION {
                break;
            }
        }
        return front * sum;
    }
    let fraction = continued(x + 1.0 - a, |i| (-i * (i - a), x + 2.0 * i + 1.0 - a));
    1.0 - front / fraction
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8).
fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let fraction = continued(1.0, |i| {
        let m = (i / 2.0).floor();
        let above = if i % 2.0 == 0.0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        (above, 1.0)
    });
    front / fraction
}

/// `b0 + a1/(b1 + a2/(b2 + ...))` with `(ai, bi)` by `step`, by Lentz's method.
fn continued(first: f64, step: impl Fn(f64) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-300;
    let whole = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut value, mut c, mut d) = (whole(first), whole(first), 0.0);
    let mut i = 1.0;
    for _ in 0..TERMS_MAX {
        let (above, below) = step(i);
        d = 1.0 / whole(below + above * d);
        c = whole(below + above / c);
        value *= c * d;
        if (c * d - 1.0).abs() < PRECISION {
            break;
        }
        i += 1.0;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    fn load(agents: u32, giving_up: f64) -> Load {
        Load { agents, handle: Duration::from_secs(300), giving_up }
    }

    fn mean(ahead: u32, giving_up: f64) -> String {
        format!("{:.2}", estimate(ahead, load(10, giving_up)).unwrap().mean.as_secs_f64())
    }

    #[test]
    fn the_vectors_of_the_field_come_out_to_the_digits() {
        assert_eq!([0, 4, 9].map(|ahead| mean(ahead, 0.0)), ["30.00", "150.00", "300.00"]);
        assert_eq!([0, 4, 9].map(|ahead| mean(ahead, 1.0 / 180.0)), ["30.00", "116.21", "186.28"]);
    }

    #[test]
    fn the_mean_is_the_sum_for_any_length() {
        for (ahead, theta) in [(0, 0.001), (7, 0.05), (300, 0.002), (20_000, 0.01)] {
            let service = 10.0 / 300.0;
            let sum: f64 = (0..=ahead).map(|i| 1.0 / (service + f64::from(i) * theta)).sum();
            let found = Wait::new(ahead, load(10, theta)).unwrap().mean();
            assert!((found / sum - 1.0).abs() < 1e-9, "{ahead} {theta}: {found} {sum}");
        }
    }

    #[test]
    fn percentiles_are_those_of_drawn_waits() {
        let mut rng = Rng::from_u64(1);
        for (ahead, theta) in [(0, 0.0), (4, 0.0), (40, 0.0), (0, 0.01), (9, 1.0 / 180.0), (60, 0.02)] {
            let wait = Wait::new(ahead, load(10, theta)).unwrap();
            let draw = |rng: &mut Rng| -> f64 {
                (0..=ahead).map(|i| rng.exponential(1.0 / (wait.service + f64::from(i) * theta))).sum()
            };
            let mut drawn: Vec<f64> = (0..20_000).map(|_| draw(&mut rng)).collect();
            drawn.sort_by(f64::total_cmp);
            for p in [0.5, 0.9] {
                let (expected, found) = (drawn[(p * 20_000.0) as usize], wait.quantile(p));
                assert!((found / expected - 1.0).abs() < 0.04, "{ahead} {theta} {p}: {found} {expected}");
                assert!((wait.below(found) - p).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn one_exponential_has_its_closed_form() {
        let found = estimate(0, load(10, 0.01)).unwrap();
        assert!((found.p50.as_secs_f64() - 30.0 * 2.0_f64.ln()).abs() < 0.01, "{found:?}");
        assert!((found.p90.as_secs_f64() - 30.0 * 10.0_f64.ln()).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_hundred_thousand_ahead_are_reckoned_with_too() {
        let found = estimate(100_000, load(500, 0.003)).unwrap();
        assert!(found.p50 < found.p90 && found.p90 < 2 * found.mean, "{found:?}");
        let patient = estimate(100_000, load(500, 0.0)).unwrap();
        assert!((patient.mean.as_secs_f64() - 60_000.6).abs() < 0.01 && patient.p90 > patient.p50, "{patient:?}");
    }

    #[test]
    fn nothing_is_announced_without_agents_or_experience() {
        assert_eq!(estimate(3, load(0, 0.0)), None);
        assert_eq!(estimate(3, Load { handle: Duration::ZERO, ..load(5, 0.0) }), None);
    }
}
