//! The census: what the engine holds is compared with what the shards hold, round by round, and what has no counterpart in two
//! successive rounds is put right (FEATURES F8). It heals what must not happen: a letter lost by a fault of the node. Here: how
//! far a round is, and who is under suspicion; `recount` asks and repairs.
//!
//! A round asks each shard, a chunk at a time, what it holds, and judges that by the engine; then it shows each shard what the
//! engine holds of its calls, and hears what is missing there. The next round begins when this one is over, [`ROUND`] after
//! its last question at the earliest.
//!
//! # Why letters under way never cause a repair
//!
//! Letters between a shard and the hub arrive in order. Let a question be asked at `a`, answered by the shard at `s`, and the
//! answer judged at `h`. All effects of before `a` have been obeyed at `s`, and all commands of before `s` have been taken at
//! `h`, however long letters take.
//!
//! * *Missing in the shard.* The engine held the bond at `a` and holds it at `h`. Offers and talks are named by their epoch
//!   and stage, which begin once: the effect that made the bond was obeyed at `s`, and had the shard let go of it before
//!   `s`, its command would have ended the bond by `h`. So it is a fault in the first round already.
//! * *Unknown to the engine.* Only an effect of between `a` and `h` that ended the bond can explain it. The next round asks after
//!   `h`: then that effect has been obeyed. An epoch and its stage do not come again.
//! * *A call that waits* may join a queue more than once. Joining is a command, and clears the suspicion: what is suspected in
//!   two rounds has not joined between them, and what is said of epochs holds for it.
//!
//! Hence no interval need be longer than letters take. A fault is put right in the second round that begins after it: within
//! twice ([`ROUND`] and the length of a round).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::acd::{Bond, Engine, Walk};
use crate::base::limits::CENSUS_CHUNK;
use crate::base::{CallId, Instant, ShardId};

/// From the last question of a round to the first of the next.
pub(super) const ROUND: Duration = Duration::from_secs(5);

/// From one question to the next: what lies between belongs to calls.
const PACE: Duration = Duration::from_millis(10);

/// A shard that has not answered by then has lost the question: the round is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who holds a bond that the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    Engine,
    Shard,
}

/// What to ask next.
#[derive(Debug)]
pub(super) enum Question {
    /// What the shard holds, from this slot on.
    Held(ShardId, usize),
    /// Whether the shards hold these.
    Hold(Vec<Bond>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Census {
    /// When something is to be asked, or an answer is overdue.
    at: Instant,
    asked: Instant,
    step: Step,
    /// Names the question, so that a late answer is known.
    serial: u64,
    /// Answers that are awaited.
    awaited: u8,
    suspects: BTreeSet<(Holder, Bond)>,
    /// Of the round before.
    old: BTreeSet<(Holder, Bond)>,
}

/// How far the round is.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The shard is to be asked from this slot on.
    Shard(ShardId, usize),
    /// The shards are to be shown what the engine holds.
    Engine(Walk),
}

const START: Step = Step::Shard(ShardId(0), 0);

impl Census {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: now + ROUND,
            asked: now,
            step: START,
            serial: 0,
            awaited: 0,
            suspects: BTreeSet::new(),
            old: BTreeSet::new(),
        }
    }

    pub(super) const fn poll_timeout(&self) -> Instant {
        self.at
    }

    /// When the question under way was asked.
    pub(super) const fn asked(&self) -> Instant {
        self.asked
    }

    /// The next question, where one is due, under its number.
    pub(super) fn ask(&mut self, now: Instant, engine: &Engine) -> Option<(u64, Question)> {
        if now < self.at {
            return None;
        }
        if std::mem::take(&mut self.awaited) > 0 {
            // Two rounds that are not whole say nothing.
            self.suspects.clear();
            self.old.clear();
            self.step = START;
        }
        self.asked = now;
        self.at = now + PATIENCE;
        self.serial += 1;
        let question = match self.step {
            Step::Shard(shard, from) => Question::Held(shard, from),
            Step::Engine(walk) => {
                let (bonds, walk) = engine.bonds(walk, CENSUS_CHUNK);
                self.step = Step::Engine(walk);
                Question::Hold(bonds)
            }
        };
        Some((self.serial, question))
    }

    /// So many answers are to come; with none the round goes on.
    pub(super) fn expect(&mut self, answers: u8) {
        self.awaited = answers;
        if answers == 0 {
            self.go_on();
        }
    }

    /// True when the answer is to the question under way.
    pub(super) const fn is_awaited(&self, serial: u64) -> bool {
        self.serial == serial && self.awaited > 0
    }

    /// The shard has told what it holds; the rest begins at slot `next`.
    pub(super) fn told(&mut self, next: Option<usize>, shards: u8) {
        if let Step::Shard(shard, _) = self.step {
            self.step = match next {
                Some(from) => Step::Shard(shard, from),
                None if shard.0 + 1 < shards => Step::Shard(ShardId(shard.0 + 1), 0),
                None => Step::Engine(Walk::START),
            };
        }
        self.answered();
    }

    /// One answer less is to come.
    pub(super) fn answered(&mut self) {
        self.awaited -= 1;
        if self.awaited == 0 {
            self.go_on();
        }
    }

    /// The bond has no counterpart. True when it had none in the round before.
    pub(super) fn suspect(&mut self, holder: Holder, bond: Bond) -> bool {
        let again = self.old.remove(&(holder, bond));
        if !again {
            self.suspects.insert((holder, bond));
        }
        again
    }

    /// The call joins a queue: what was found of its last stay says nothing.
    pub(super) fn acquit(&mut self, call: CallId) {
        for set in [&mut self.suspects, &mut self.old] {
            if !set.is_empty() {
                set.remove(&(Holder::Engine, Bond::Waiting { call }));
                set.remove(&(Holder::Shard, Bond::Waiting { call }));
            }
        }
    }

    fn go_on(&mut self) {
        self.at = self.asked + PACE;
        if matches!(self.step, Step::Engine(walk) if walk.is_over()) {
            self.at = self.asked + ROUND;
            self.step = START;
            self.old = std::mem::take(&mut self.suspects);
        }
    }
}
