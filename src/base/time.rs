//! Integer time. [`Instant`] is monotonic, microseconds since the node started; [`WallTime`] is the calendar's, for records.
//! Neither reads a clock: the shell (or the simulator) passes `now` in.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment on the node's monotonic clock: microseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The node's start.
    pub const ZERO: Self = Self(0);
    /// Later than any moment that will come.
    pub const FAR: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the node's start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the node's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the node's start, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.since(rhs)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000, self.0 / 1000 % 1000)
    }
}

/// A moment of the calendar: microseconds since 1970-01-01T00:00:00Z. May jump; never used for a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(i64);

impl WallTime {
    /// The moment `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtraction_saturates_and_display_is_in_seconds() {
        let (a, b) = (Instant::from_micros(1_500), Instant::from_micros(2_500));
        assert_eq!(b - a, Duration::from_millis(1));
        assert_eq!(a - b, Duration::ZERO);
        assert_eq!(Instant::from_micros(61_042_999).to_string(), "61.042");
        assert_eq!(Instant::FAR + Duration::from_secs(1), Instant::FAR);
    }
}
