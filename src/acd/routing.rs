//! The routing part of the plan: in which order callers are served, who may take them from when on, and on what terms an
//! agent belongs to a queue. Data only; what follows from it is worked out in `phase`, `hall` and `place`.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::lending::{Lending, Loan};
use crate::acd::requirement::{LEVEL_MAX, Requirement};
use crate::acd::reserve::ReserveRule;
use crate::base::QueueId;

/// How a queue routes. The default: first come, first served inside a priority, whoever has the skills, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// What an agent must have to take a call of the queue.
    pub requirement: Requirement,
    /// The band of the queue: where an agent serves several queues, all callers of a heavier one go first.
    pub weight: i32,
    /// The order of callers inside the band.
    pub order: Order,
    /// Who serves the queue.
    pub members: Members,
    /// The relaxation ladder, by rising `after`.
    pub steps: Vec<Step>,
    /// When further tiers join; `None`: all see a caller at once and the level only orders.
    pub tiers: Option<TierRules>,
    /// The penalty window, by rising `after`; before the first, all penalties are in.
    pub penalties: Vec<PenaltyStep>,
    /// While no more of the [`Members::Listed`] than this are logged in, penalties count for nothing: no window, no order
    /// (Asterisk's `penaltymemberslimit`). 0: they always count.
    pub penalty_members_limit: u32,
    /// What the levels of a skill count for in `most-skilled` and `least-skilled`; a skill that is not named counts 1 where
    /// the queue's first requirement asks about it, else 0.
    pub skill_weights: Vec<(Arc<str>, u32)>,
    /// For so long a call that prefers an agent is offered to him alone; zero: preferences count for nothing.
    pub preferred_for: Duration,
    /// A caller may prefer who served him last, if it was within this.
    pub recall: Option<Duration>,
    /// When its members in reserve join.
    pub reserve: ReserveRule,
    /// To whom it lends its members, and while what holds.
    pub lending: Lending,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            requirement: Requirement::all_of([]),
            weight: 0,
            order: Order::Priority,
            members: Members::Skilled,
            steps: Vec::new(),
            tiers: None,
            penalties: Vec::new(),
            penalty_members_limit: 0,
            skill_weights: Vec::new(),
            preferred_for: Duration::ZERO,
            recall: None,
            reserve: ReserveRule::default(),
            lending: Lending::default(),
        }
    }
}

/// The order of callers. Every order is one key that never changes while a caller waits in one step, so that nothing is sorted
/// again as time passes. Between queues of one weight the keys are compared as they are: first the priority (0 where the order
/// has none of its own), then the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Higher priority first, then the longer wait.
    #[default]
    Priority,
    /// Each unit of priority counts as much as this wait more: the moment is `since - priority * unit`. A caller of priority p
    /// is overtaken only by callers of priority q > p who came less than `(q - p) * unit` later, so that nobody starves.
    Ageing(Duration),
    /// Who is closest to missing this wait goes first, inside a priority: the moment is `since + objective`. With queues of
    /// other orders and the same weight, those count as having an objective of zero.
    Objective(Duration),
}

/// Whether a queue takes callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum QueueState {
    /// It does.
    #[default]
    Open,
    /// New callers flow out as closed; those who wait are served.
    Closed,
    /// New callers and those who wait flow out; talks go on.
    Emergency,
}

impl QueueState {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Emergency => "emergency",
        }
    }
}

/// Who serves a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Members {
    /// Every agent whose skills fit, on the terms of a membership where there is one.
    #[default]
    Skilled,
    /// Agents with a [`Membership`], and only they; the skills must fit all the same.
    Listed,
}

/// A step of the relaxation ladder. Times count from joining, also over a requeue that keeps the moment; edited steps reach
/// those who already wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The wait from which the step holds.
    pub after: Duration,
    /// What is asked for from then on, in place of what was asked before; `None` leaves it.
    pub requirement: Option<Requirement>,
    /// The strategy from then on; `None` leaves it.
    pub strategy: Option<&'static str>,
    /// Added to the caller's priority from then on.
    pub bump: i32,
}

/// When further tiers join (mod_callcenter's tier rules). Levels 0 and 1 see a caller at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierRules {
    /// The wait from which level 2 and above see a caller.
    pub wait: Duration,
    /// Level n joins after n times the wait.
    pub multiply: bool,
    /// While nobody of the levels that have joined is logged in (with skills that fit), the next level with somebody joins.
    pub skip_empty: bool,
}

/// A change of the penalty window (Asterisk's `penaltychange`, made absolute).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PenaltyStep {
    /// The wait from which it holds.
    pub after: Duration,
    /// Agents below are out.
    pub min: u32,
    /// Agents above are out.
    pub max: u32,
    /// Agents below count as this in the order of choice.
    pub raise: u32,
}

/// The terms on which an agent belongs to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The queue.
    pub queue: QueueId,
    /// The tier: a lower level is asked first, and [`TierRules`] say when a level joins.
    pub level: u32,
    /// The penalty: inside a level, a lower one is asked first.
    pub penalty: u32,
    /// The place in the configured order, for the strategies that go by it.
    pub position: u32,
    /// The agent sees a caller only after this wait.
    pub delay: Duration,
    /// The agent takes callers only while the queue's reserve is in ([`ReserveRule`]).
    pub reserve: bool,
}

impl Membership {
    /// A membership on the ordinary terms.
    pub const fn of(queue: QueueId) -> Self {
        Self { queue, level: 0, penalty: 0, position: 0, delay: Duration::ZERO, reserve: false }
    }
}

impl From<&Loan> for Membership {
    fn from(loan: &Loan) -> Self {
        let &Loan { queue, level, penalty, delay } = loan;
        Self { level, penalty, delay, ..Self::of(queue) }
    }
}

/// A skill of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skill {
    /// Its name.
    pub name: Arc<str>,
    /// How good the agent is at it, 1 to 10.
    pub level: u8,
    /// A skill that is off counts as not there.
    pub enabled: bool,
}

impl Skill {
    /// The level of a skill that none is given for: who has no levels has experts.
    pub const LEVEL: u8 = LEVEL_MAX;
}

impl From<Arc<str>> for Skill {
    fn from(name: Arc<str>) -> Self {
        Self { name, level: Self::LEVEL, enabled: true }
    }
}

impl From<&str> for Skill {
    fn from(name: &str) -> Self {
        Arc::<str>::from(name).into()
    }
}
