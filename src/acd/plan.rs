//! What the engine is told of queues and agents: the plan, made from the configuration, replaced whole by a reload.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::needs;
use crate::acd::requirement::Attributes;
use crate::acd::routing::{Members, Membership, QueueState, Routing, Skill};
use crate::acd::strategy::OCCUPANCY_WINDOW;
use crate::base::{AgentId, PeerId, QueueId};

/// Everything configured that routing depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Queues in the order of their ids.
    pub queues: Vec<QueuePlan>,
    /// Agents in the order of their ids.
    pub agents: Vec<AgentPlan>,
    /// The time constant by which occupancy fades for the strategy `least-occupied`; not zero.
    pub occupancy_window: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self { queues: Vec::new(), agents: Vec::new(), occupancy_window: Self::OCCUPANCY_WINDOW }
    }
}

impl Plan {
    /// Half an hour, by which centres cut their figures.
    pub const OCCUPANCY_WINDOW: Duration = OCCUPANCY_WINDOW;
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePlan {
    /// Its id; stable over reloads.
    pub id: QueueId,
    /// Its name.
    pub name: Arc<str>,
    /// The name of a row of the strategy table.
    pub strategy: &'static str,
    /// Most callers waiting; `None` is unlimited. At the bound a new caller flows out as full.
    pub waiting_max: Option<u32>,
    /// Longest wait before a caller flows out; `None` is for ever.
    pub wait_max: Option<Duration>,
    /// How long a device may ring.
    pub ring_timeout: Duration,
    /// Where one more agent after the other rings: the time from one to the next.
    pub ring_step: Duration,
    /// How its offers go on.
    pub offers: OfferPolicy,
    /// An agent's time after a talk.
    pub wrap_up: Duration,
    /// The service-level threshold T; a wait of exactly T is in.
    pub threshold: Duration,
    /// An abandon within this is short.
    pub short_abandon: Duration,
    /// Whether it takes callers.
    pub state: QueueState,
    /// In which order callers are served, and by whom from when on.
    pub routing: Routing,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPlan {
    /// Its id; stable over reloads.
    pub id: AgentId,
    /// Its name, usually the extension.
    pub name: Arc<str>,
    /// The skills it has.
    pub skills: Vec<Skill>,
    /// The terms on which it belongs to queues. It serves those that are open to its skills without any.
    pub memberships: Vec<Membership>,
    /// The neighbour its device is reached by.
    pub peer: PeerId,
    /// The state at the start of the node.
    pub initial: AgentState,
    /// How long an automatic not-ready lasts.
    pub return_after: Duration,
    /// The pause after busy, failed or never-rang.
    pub busy_pause: Duration,
    /// What else is its own.
    pub policy: AgentPolicy,
}

/// How the offers of a queue's calls go on when they find nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferPolicy {
    /// After so many offers that found nobody the call flows out; `None`: no bound. Faults of a peer, and what is taken back,
    /// do not count.
    pub max: Option<u32>,
    /// How long a call rests after an offer that found nobody.
    pub retry: Duration,
    /// So many unanswered offers in a row make an agent not ready.
    pub no_answer_max: u32,
}

impl Default for OfferPolicy {
    fn default() -> Self {
        Self { max: None, retry: Duration::ZERO, no_answer_max: 1 }
    }
}

/// What an agent has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPolicy {
    /// Its time after a talk, in place of the queue's.
    pub wrap_up: Option<Duration>,
    /// In place of the queue's [`OfferPolicy::no_answer_max`].
    pub no_answer_max: Option<u32>,
    /// The pause after an unanswered offer that is not the last allowed.
    pub no_answer_pause: Duration,
    /// The pause after a refusal; `None`: as long as after no answer.
    pub reject_pause: Option<Duration>,
    /// Its device answers by itself.
    pub auto_answer: bool,
    /// A person needs at least so long to answer; what is faster is suspicious. Zero: nothing is.
    pub answer_min: Duration,
}

impl Default for AgentPolicy {
    fn default() -> Self {
        Self {
            wrap_up: None,
            no_answer_max: None,
            no_answer_pause: Duration::from_secs(5),
            reject_pause: None,
            auto_answer: false,
            answer_min: Duration::ZERO,
        }
    }
}

impl QueuePlan {
    /// Its strategy, and those of its steps.
    pub fn strategies(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.strategy).chain(self.routing.steps.iter().filter_map(|step| step.strategy))
    }

    /// Whom the queue accepts, worked out once for many agents.
    pub fn intake(&self) -> Intake<'_> {
        Intake { plan: self, ladder: needs::ladder(&self.routing, &Attributes::default()) }
    }
}

/// Whom a queue accepts; see [`QueuePlan::intake`].
#[derive(Debug)]
pub struct Intake<'p> {
    plan: &'p QueuePlan,
    ladder: needs::Ladder,
}

impl Intake<'_> {
    /// True when the agent may take callers of the queue who bring no attributes, in some step.
    pub fn accepts(&self, agent: &AgentPlan) -> bool {
        if self.terms(agent).is_none() {
            return false;
        }
        let skills = needs::enabled(&agent.skills);
        self.ladder.iter().any(|needs| needs::met_by(needs, &skills))
    }

    /// True when the agent may take every caller of the queue from the first moment of the wait to the last, whatever the
    /// caller brings: no step, tier, delay, penalty or reserve keeps it off for a while.
    pub fn accepts_always(&self, agent: &AgentPlan) -> bool {
        let routing = &self.plan.routing;
        let Some(terms) = self.terms(agent) else { return false };
        let skills = needs::enabled(&agent.skills);
        let tier = routing.tiers.is_none() || terms.is_none_or(|terms| terms.level <= 1);
        let delay = terms.is_none_or(|terms| terms.delay.is_zero());
        let penalty = terms.map_or(0, |terms| terms.penalty);
        let reserve = terms.is_some_and(|terms| terms.reserve);
        let is_in = routing.penalties.iter().all(|step| (step.min..=step.max).contains(&penalty));
        tier && delay
            && !reserve
            && is_in
            && !needs::asks_for_attributes(routing)
            && self.ladder.iter().all(|needs| needs::met_by(needs, &skills))
    }

    /// The terms on which the agent belongs to the queue, `None` for the ordinary ones; `None` outside when it does not.
    fn terms<'a>(&self, agent: &'a AgentPlan) -> Option<Option<&'a Membership>> {
        let listed = agent.memberships.iter().rfind(|membership| membership.queue == self.plan.id);
        match self.plan.routing.members {
            Members::Skilled => Some(listed),
            Members::Listed => listed.map(Some),
        }
    }
}

/// An agent's state; each second of an agent lies in exactly one (FEATURES G1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentState {
    /// Not at work.
    LoggedOut,
    /// At work, takes no calls.
    NotReady(Reason),
    /// Waits for a call.
    Ready,
    /// Wishes calls, but the neighbour that reaches the device is down.
    Unreachable,
    /// Reserved for a call; the device has not said that it rings.
    Reserved,
    /// The device rings.
    Ringing,
    /// Joined with a caller.
    Talking,
    /// Joined with a caller, and one of both holds.
    Hold,
    /// Asks somebody about the caller, who holds meanwhile; also while that somebody is rung.
    Consult,
    /// Wishes calls, but the device is in a call that is none of ours.
    OtherCall(Direction),
    /// After a talk.
    WrapUp,
}

impl AgentState {
    /// Every label value, in the order of the metric table.
    pub const LABELS: [&'static str; 11] = [
        "logged_out",
        "not_ready",
        "ready",
        "unreachable",
        "reserved",
        "ringing",
        "talking",
        "wrap_up",
        "hold",
        "other_call",
        "consult",
    ];

    /// What each state counts as, in the order of [`AgentState::LABELS`]: the one table that occupancy, utilisation, staffing and
    /// boards go by ("Decisions" 5).
    pub const SHARES: [Share; Self::LABELS.len()] = [
        Share::Out,
        Share::Away,
        Share::Waiting,
        Share::Away,
        Share::Waiting,
        Share::Waiting,
        Share::Handling,
        Share::Handling,
        Share::Handling,
        Share::Away,
        Share::Handling,
    ];

    /// What the state counts as.
    pub const fn share(&self) -> Share {
        Self::SHARES[self.index()]
    }

    /// The indexes of the states that count as one of these.
    pub fn of_shares(shares: &[Share]) -> impl Iterator<Item = usize> {
        (0..Self::LABELS.len()).filter(|state| shares.contains(&Self::SHARES[*state]))
    }

    /// Their labels, as an alternative of a regular expression: `talking|wrap_up|hold|consult`.
    pub fn labels_of(shares: &[Share]) -> String {
        Self::of_shares(shares).map(|state| Self::LABELS[state]).collect::<Vec<_>>().join("|")
    }

    /// The index into [`AgentState::LABELS`].
    pub const fn index(&self) -> usize {
        match self {
            Self::LoggedOut => 0,
            Self::NotReady(_) => 1,
            Self::Ready => 2,
            Self::Unreachable => 3,
            Self::Reserved => 4,
            Self::Ringing => 5,
            Self::Talking => 6,
            Self::WrapUp => 7,
            Self::Hold => 8,
            Self::OtherCall(_) => 9,
            Self::Consult => 10,
        }
    }

    /// The label's value.
    pub const fn as_str(&self) -> &'static str {
        Self::LABELS[self.index()]
    }
}

/// What an agent's time in a state counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// With a caller, or what is left of it: above and below the line of occupancy and utilisation.
    Handling,
    /// At hand for callers: below the line of both.
    Waiting,
    /// Logged in, and not for callers: below the line of utilisation alone.
    Away,
    /// Not at work: nowhere.
    Out,
}

impl Share {
    /// Above the line of occupancy and utilisation.
    pub const HANDLING: [Self; 1] = [Self::Handling];
    /// Below the line of occupancy: who takes calls, now or after the one in hand.
    pub const IN_SERVICE: [Self; 2] = [Self::Handling, Self::Waiting];
    /// Below the line of utilisation.
    pub const LOGGED_IN: [Self; 3] = [Self::Handling, Self::Waiting, Self::Away];
}

/// Which way a call goes that is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Somebody called the agent.
    In,
    /// The agent called out.
    Out,
    /// Inside the house.
    Internal,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 3] = [Self::In, Self::Out, Self::Internal];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Internal => "internal",
        }
    }
}

/// What an agent's device does, as somebody outside sees it. Kept apart from the agent's state, and held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceState {
    /// Nobody has said.
    #[default]
    Unknown,
    /// On its hook.
    Idle,
    /// It rings.
    Ringing,
    /// In a call.
    Busy(Direction),
    /// Not registered.
    Offline,
    /// Whoever was to say does not say it any more, and by configuration an agent of whom nobody knows is not rung.
    Stale,
}

impl DeviceState {
    /// Its name; a busy device also has a direction.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Idle => "idle",
            Self::Ringing => "ringing",
            Self::Busy(_) => "busy",
            Self::Offline => "offline",
            Self::Stale => "stale",
        }
    }

    /// True when somebody says what it does.
    pub const fn is_known(self) -> bool {
        match self {
            Self::Unknown | Self::Stale => false,
            Self::Idle | Self::Ringing | Self::Busy(_) | Self::Offline => true,
        }
    }

    /// True when it is in a call, or about to be.
    pub const fn is_taken(self) -> bool {
        match self {
            Self::Ringing | Self::Busy(_) => true,
            Self::Unknown | Self::Idle | Self::Offline | Self::Stale => false,
        }
    }
}

/// Why an agent is not ready.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The device rang and nobody answered; ends by itself after `return_after`.
    NoAnswer,
    /// The agent declined; ends by itself after `return_after`.
    Rejected,
    /// The device said that it is busy; ends by itself after `busy_pause`.
    Busy,
    /// The device failed (488, 500 ...) or never said that it rings; ends by itself after `busy_pause`. One that calls do not
    /// reach (404 ...) makes its agent unreachable instead.
    Failed,
    /// The configured initial state.
    Initial,
    /// A reason given by the agent or a supervisor.
    Custom(Arc<str>),
}

impl Reason {
    /// The reason's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::Rejected => "rejected",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Initial => "initial",
            Self::Custom(text) => text,
        }
    }

    /// True when the engine set it and the engine will end it.
    pub const fn is_automatic(&self) -> bool {
        matches!(self, Self::NoAnswer | Self::Rejected | Self::Busy | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_in_the_numerator_and_denominator_that_it_belongs_to() {
        // Occupancy = (talk + hold + wrap-up) / (login - not ready - other calls - unreachable).
        let lunch = || Reason::Custom("lunch".into());
        for (state, share) in [
            (AgentState::LoggedOut, Share::Out),
            (AgentState::NotReady(lunch()), Share::Away),
            (AgentState::Ready, Share::Waiting),
            (AgentState::Unreachable, Share::Away),
            (AgentState::Reserved, Share::Waiting),
            (AgentState::Ringing, Share::Waiting),
            (AgentState::Talking, Share::Handling),
            (AgentState::Hold, Share::Handling),
            (AgentState::Consult, Share::Handling),
            (AgentState::OtherCall(Direction::Out), Share::Away),
            (AgentState::WrapUp, Share::Handling),
        ] {
            assert_eq!(state.share(), share, "{}", state.as_str());
        }
        assert_eq!(AgentState::labels_of(&Share::HANDLING), "talking|wrap_up|hold|consult");
        assert_eq!(AgentState::labels_of(&Share::IN_SERVICE), "ready|reserved|ringing|talking|wrap_up|hold|consult");
        assert_eq!(AgentState::of_shares(&Share::LOGGED_IN).count(), AgentState::LABELS.len() - 1);
    }
}
