//! The only reader of clocks. Everything else is told what time it is: the engine's monotonic [`Instant`] in microseconds
//! since the node started. Cheap enough to be read once for each input.

use std::time::{Duration, Instant as StdInstant, SystemTime, UNIX_EPOCH};

use crate::base::{Instant, WallTime};

/// A monotonic clock that began at the node's start. Copies tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: StdInstant,
}

impl Clock {
    /// A clock that begins now.
    #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
    pub fn start() -> Self {
        Self { start: StdInstant::now() }
    }

    /// The time since the start.
    #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
    pub fn now(&self) -> Instant {
        let micros = StdInstant::now().saturating_duration_since(self.start).as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// How long from now until `at`; zero when it has passed.
    pub fn until(&self, at: Instant) -> Duration {
        at.since(self.now())
    }

    /// `at` on the operating system's clock, for timers of the runtime; far moments are cut at a day.
    pub fn system(&self, at: Instant) -> StdInstant {
        let now = self.now();
        let ahead = at.since(now).min(Duration::from_secs(86_400));
        self.start + Duration::from_micros(now.as_micros()) + ahead
    }
}

/// The calendar's time; may jump.
#[expect(clippy::disallowed_methods, reason = "the one place where the calendar is read")]
pub fn wall() -> WallTime {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    WallTime::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The calendar's time at the node's start, when its own clock tells `now`.
pub fn origin(now: Instant) -> WallTime {
    let since_start = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    WallTime::from_micros(wall().as_micros().saturating_sub(since_start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back_and_far_moments_are_cut() {
        let clock = Clock::start();
        let (a, b) = (clock.now(), clock.now());
        assert!(a <= b);
        assert_eq!(clock.until(Instant::ZERO), Duration::ZERO);
        assert!(clock.system(Instant::FAR) > clock.system(Instant::ZERO));
        assert!(wall() > WallTime::from_micros(0));
    }
}
