//! What a routing strategy is: a row that orders the agents who could take a call. It never sees a queue or a call, and
//! never chooses by itself.

use std::time::Duration;

use crate::base::Instant;

/// One strategy. Agents of a lower level come first, then those of a lower penalty; among those of one level and penalty the
/// strategy decides by [`Choice`], and what it leaves equal goes by the configured position, then by the agent's id.
#[derive(Debug)]
pub struct Strategy {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it does, in a sentence for the reference.
    pub docs: &'static str,
    /// How it chooses.
    pub choice: Choice,
    /// What the numbers of its keys say.
    pub key: [Measure; 2],
    /// How many agents a waiting call rings at once.
    pub ring: Ring,
}

/// How a strategy chooses among agents of one level and penalty.
#[derive(Debug, Clone, Copy)]
pub enum Choice {
    /// The least key. A key changes only by events of its agent, and never while the agent waits for a call, so that ready
    /// agents are kept sorted by it; the second number breaks ties of the first.
    Least(fn(&Candidate<'_>) -> [u64; 2]),
    /// The next after the one who took the last call of the queue, in the order of position and id, or of id alone.
    InTurn(Circle),
    /// A draw, from the engine's own generator. With [`Lots::ByPenalty`] the penalty is no border but a handicap.
    Drawn(Lots),
}

/// What a number of a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nothing: it is the same for all.
    Nothing,
    /// Since when the agent has been idle.
    IdleSince,
    /// Calls answered.
    Calls,
    /// Microseconds of talks.
    Talk,
    /// Occupancy; see [`History::load_key`].
    Load,
    /// The weighted sum of levels.
    Levels,
    /// How far that is below the most that there can be.
    LevelsBelow,
    /// The penalty that is drawn by.
    Penalty,
}

/// A number of a key, as people count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// For so long without a call.
    Idle(Duration),
    /// Calls answered.
    Calls(u64),
    /// Talked for so long.
    Talk(Duration),
    /// The part of the window that was busy.
    Occupancy(f64),
    /// The weighted sum of levels.
    Levels(u64),
    /// The penalty.
    Penalty(u64),
}

impl Measure {
    /// A number of a key as of a moment, where occupancy fades by this window. `None` where it says nothing.
    pub fn read(self, number: u64, at: Instant, window: Duration) -> Option<Reading> {
        Some(match self {
            Self::Nothing => return None,
            Self::IdleSince if number >= Instant::FAR.as_micros() => return None,
            Self::IdleSince => Reading::Idle(at.since(Instant::from_micros(number))),
            Self::Calls => Reading::Calls(number),
            Self::Talk => Reading::Talk(Duration::from_micros(number)),
            Self::Load => Reading::Occupancy(load_of(number, at, window)),
            Self::Levels => Reading::Levels(number),
            Self::LevelsBelow => Reading::Levels(u64::from(u32::MAX).saturating_sub(number)),
            Self::Penalty => Reading::Penalty(number),
        })
    }
}

/// The order in which turns go round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circle {
    /// By the configured position, then by id.
    Configured,
    /// By id, whatever the positions.
    ById,
}

/// What a draw weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lots {
    /// Everybody alike.
    Even,
    /// Each draws a number below `1 + penalty`; the least wins.
    ByPenalty,
}

/// How many agents a waiting call rings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// One; the next when the first has failed.
    One,
    /// Every eligible agent, also those who become ready while others ring; the first answer wins.
    All,
    /// As [`Ring::All`], but only agents of the least level and penalty of which anybody was ready when the first one rang, and
    /// of lower ones; others when nobody of them rings any more.
    Best,
    /// One, and one more each time the queue's step has passed without an answer; those who ring go on.
    Progressively,
}

/// What a key may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What has happened to the agent.
    pub history: &'a History,
    /// The weighted sum of the agent's levels in the skills that the queue asks for.
    pub skill: u32,
}

/// What strategies may know of an agent's past, since it logged in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Since when the agent has been without a call: the end of its last talk, or the moment it first wished calls after
    /// logging in.
    pub idle_since: Option<Instant>,
    /// Calls answered.
    pub calls: u64,
    /// Microseconds of finished talks.
    pub talk_us: u64,
    /// The faded part of busy time, 0 to 1, when it was last looked at.
    load: f64,
    load_at: Instant,
    busy: bool,
    /// The time constant by which old occupancy fades: what was so long ago counts for e^-1, about a third.
    window: Duration,
}

/// Half an hour, as centres cut their figures.
impl Default for History {
    fn default() -> Self {
        Self::new(OCCUPANCY_WINDOW)
    }
}

/// See [`History::new`].
pub(crate) const OCCUPANCY_WINDOW: Duration = Duration::from_secs(30 * 60);

impl History {
    /// Nothing has happened yet; occupancy will fade by this window, which is not zero.
    pub const fn new(window: Duration) -> Self {
        Self { idle_since: None, calls: 0, talk_us: 0, load: 0.0, load_at: Instant::ZERO, busy: false, window }
    }

    /// From now on occupancy fades by another window.
    pub fn set_window(&mut self, now: Instant, window: Duration) {
        if self.window != window {
            self.look(now);
            self.window = window;
        }
    }

    /// The agent answered a call.
    pub fn answered(&mut self, now: Instant) {
        self.calls += 1;
        self.look(now);
        self.busy = true;
    }

    /// The talk is over.
    pub fn talk_ended(&mut self, now: Instant, talk: Duration) {
        self.idle_since = Some(now);
        self.talk_us = self.talk_us.saturating_add(u64::try_from(talk.as_micros()).unwrap_or(u64::MAX));
    }

    /// Nothing of the call keeps the agent any more.
    pub fn at_rest(&mut self, now: Instant) {
        self.look(now);
        self.busy = false;
    }

    /// The key of the longest idle: the tie-break of most strategies. Who never was idle comes last.
    pub fn idle_key(&self) -> u64 {
        self.idle_since.unwrap_or(Instant::FAR).as_micros()
    }

    /// The occupancy's key: `ln(load) + t / window` in millionths. The load of all idle agents fades by the same factor, so
    /// that this stays as it is while they wait.
    pub fn load_key(&self) -> u64 {
        if self.load <= 0.0 {
            return 0;
        }
        let elapsed = self.load_at.as_micros() as f64 / self.window.as_micros() as f64;
        ((self.load.ln() + elapsed) * LOAD_SCALE + LOAD_MIDDLE) as u64
    }

    /// Fades the load to this moment.
    fn look(&mut self, now: Instant) {
        let faded = (-(now.since(self.load_at).as_secs_f64() / self.window.as_secs_f64())).exp();
        self.load = if self.busy { 1.0 - (1.0 - self.load) * faded } else { self.load * faded };
        self.load_at = self.load_at.max(now);
    }
}

/// Keys of occupancy: in millionths, around a number that keeps them positive.
const LOAD_SCALE: f64 = 1e6;
const LOAD_MIDDLE: f64 = 1e15;

/// What [`History::load_key`] was made of, faded to this moment.
fn load_of(key: u64, at: Instant, window: Duration) -> f64 {
    if key == 0 {
        return 0.0;
    }
    let elapsed = at.as_micros() as f64 / window.as_micros() as f64;
    ((key as f64 - LOAD_MIDDLE) / LOAD_SCALE - elapsed).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> Instant {
        Instant::from_micros(minutes * 60_000_000)
    }

    #[test]
    fn who_has_been_idle_longer_goes_first_and_who_never_was_goes_last() {
        let idle = |micros| History { idle_since: Some(Instant::from_micros(micros)), ..History::default() }.idle_key();
        assert!(idle(10) < idle(20));
        assert!(idle(20) < History::default().idle_key());
    }

    #[test]
    fn a_short_window_forgets_sooner_who_was_busy_long() {
        let busy = |window: u64, from, to| {
            let mut history = History::new(Duration::from_secs(window * 60));
            history.answered(minutes(from));
            history.at_rest(minutes(to));
            history.load_key()
        };
        // An hour's talk that ended an hour ago, against ten minutes that have just ended.
        assert!(busy(120, 0, 60) > busy(120, 110, 120));
        assert!(busy(15, 0, 60) < busy(15, 110, 120));
    }

    #[test]
    fn another_window_counts_from_now_on() {
        let mut history = History::new(Duration::from_secs(600));
        history.answered(minutes(0));
        history.at_rest(minutes(10));
        let load = history.load;
        history.set_window(minutes(20), Duration::from_secs(1_200));
        assert!((history.load - load * (-1.0_f64).exp()).abs() < 1e-12, "ten minutes by the old one");
        history.at_rest(minutes(40));
        assert!((history.load - load * (-2.0_f64).exp()).abs() < 1e-12, "twenty by the new one");
    }

    #[test]
    fn occupancy_fades_and_its_order_stands_still_between_an_agents_own_events() {
        let busy = |from, to| {
            let mut history = History::default();
            history.answered(minutes(from));
            history.at_rest(minutes(to));
            history
        };
        let (short, long, old) = (busy(100, 105), busy(95, 105), busy(10, 20));
        assert!(short.load_key() < long.load_key(), "twice as long");
        assert!(old.load_key() < short.load_key(), "long ago");
        assert_eq!(History::default().load_key(), 0);
        let read = Measure::Load.read(short.load_key(), minutes(105), OCCUPANCY_WINDOW);
        let Some(Reading::Occupancy(read)) = read else { panic!("{read:?}") };
        assert!((read - short.load).abs() < 1e-4, "{read} of {}", short.load);
        for later in [106, 200, 1_000] {
            let at = |mut history: History| {
                history.at_rest(minutes(later));
                history
            };
            assert!(at(short).load < at(long).load && at(old).load < at(short).load);
            assert!(at(short).load_key().abs_diff(short.load_key()) <= 1);
        }
    }
}
