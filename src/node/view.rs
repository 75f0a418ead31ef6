//! What explanations, teams and queues look like to the control plane.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// A contact of a registered phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationRow {
    /// The agent whose phone it is.
    pub agent: String,
    /// The contact's URI.
    pub contact: String,
    /// Where it registered from.
    pub source: String,
    /// What it says it is.
    pub user_agent: String,
    /// How long until it runs out.
    #[serde(serialize_with = "seconds")]
    pub expires_seconds: Duration,
    /// It is the newest of its agent, which is rung.
    pub rung: bool,
    /// It answers OPTIONS, as far as it is asked.
    pub answers: bool,
}

/// A queue's settings in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueView {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it takes callers: `open`, `closed`, `emergency`.
    pub state: &'static str,
    /// How agents are chosen.
    pub strategy: &'static str,
    /// Its band.
    pub weight: i32,
    /// The priority of its callers.
    pub priority: i32,
    /// For how long a call waits for its preferred agent alone; 0: not at all.
    #[serde(serialize_with = "seconds")]
    pub preferred_for_seconds: Duration,
    /// The service level's T.
    #[serde(serialize_with = "seconds")]
    pub threshold_seconds: Duration,
    /// The service level aimed at, in thousandths; served as a fraction.
    #[serde(serialize_with = "fraction")]
    pub target: u16,
    /// How many wait.
    pub waiting: usize,
    /// Its reserve, where one may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveView>,
    /// What it lends, where it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lending: Option<LendingView>,
    /// Who may lend to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lenders: Vec<LenderView>,
    /// Which of these supervisors have set over the configuration.
    pub overrides: Vec<&'static str>,
}

/// The reserve of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReserveView {
    /// Its members take callers.
    pub active: bool,
    /// Who decides: `auto` (the thresholds), or a supervisor: `on`, `off`.
    pub mode: &'static str,
    /// How long it has been so.
    #[serde(serialize_with = "seconds")]
    pub since_seconds: Duration,
    /// It joins while more wait.
    pub waiting: Option<u32>,
    /// It joins when somebody has waited so long.
    #[serde(serialize_with = "seconds_if_any")]
    pub wait_seconds: Option<Duration>,
    /// It leaves when no more wait.
    pub leave_waiting: Option<u32>,
    /// It leaves when nobody has waited so long.
    #[serde(serialize_with = "seconds_if_any")]
    pub leave_wait_seconds: Option<Duration>,
    /// It joins when the last caller is to expect more.
    #[serde(serialize_with = "seconds_if_any")]
    pub estimate_seconds: Option<Duration>,
    /// It leaves when nobody is to expect more.
    #[serde(serialize_with = "seconds_if_any")]
    pub leave_estimate_seconds: Option<Duration>,
    /// What the last caller is to expect now; `None` while that is not known, or nobody is at work.
    #[serde(serialize_with = "seconds_if_any")]
    pub expected_seconds: Option<Duration>,
    /// It stays for so long at least.
    #[serde(serialize_with = "seconds")]
    pub at_least_seconds: Duration,
}

/// What a queue lends to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LendingView {
    /// It does now: its service level holds.
    pub lends: bool,
    /// How long it has been so.
    #[serde(serialize_with = "seconds")]
    pub since_seconds: Duration,
    /// Visits answered in time, of those decided in the window.
    pub in_time: u32,
    /// Visits decided in the window.
    pub decided: u32,
    /// The share that must be in time, in thousandths; served as a fraction.
    #[serde(serialize_with = "fraction")]
    pub target: u16,
    /// Over how long that is measured.
    #[serde(serialize_with = "seconds")]
    pub window_seconds: Duration,
    /// How long it lends nobody at least, when it has ceased to hold.
    #[serde(serialize_with = "seconds")]
    pub pause_seconds: Duration,
    /// To whom.
    pub to: Vec<LoanView>,
}

/// The terms on which a queue's members serve another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoanView {
    /// The other queue.
    pub queue: Arc<str>,
    /// The tier there.
    pub tier: u32,
    /// The penalty there.
    pub penalty: u32,
    /// How long a call must have waited.
    #[serde(serialize_with = "seconds")]
    pub delay_seconds: Duration,
}

/// A queue that may lend its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LenderView {
    /// Its name.
    pub queue: Arc<str>,
    /// It does now.
    pub lends: bool,
}

/// A team with those below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeamView {
    /// Its name.
    pub name: Arc<str>,
    /// Its agents and those of the teams below.
    pub total: u32,
    /// The same by the labels of `AgentState::LABELS`; a state that nobody is in is left out.
    pub states: BTreeMap<&'static str, u32>,
    /// Its own agents.
    pub agents: Vec<MemberView>,
    /// The teams right below.
    pub teams: Vec<Self>,
}

/// An agent as its team shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// Its name.
    pub name: Arc<str>,
    /// A label of `AgentState::LABELS`.
    pub state: &'static str,
}

/// Why a call waits, where it does, and why it was offered to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplanationView {
    /// The call.
    pub call: String,
    /// Why it waits; its fields stand beside the others.
    #[serde(flatten)]
    pub waits: Option<WaitView>,
    /// Its offers, as far as they are among the last decisions, newest first.
    pub offers: Vec<DecisionView>,
}

/// Why a waiting call waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitView {
    /// Its queue.
    pub queue: Arc<str>,
    /// Its place in the queue; 1 is next.
    pub position: u32,
    /// Since it came.
    #[serde(serialize_with = "seconds")]
    pub wait_seconds: Duration,
    /// The first of those ahead of it in the queue.
    pub ahead: Vec<String>,
    /// The agent for whom it waits alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsForView>,
    /// Who is being rung for it.
    pub offered_to: Vec<Arc<str>>,
    /// What is asked of an agent's skills now.
    pub asks: String,
    /// Steps of the relaxation ladder that it has taken.
    pub step: usize,
    /// When it will look further by itself: the next step, tier, penalty window or delay.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds_if_any")]
    pub looks_further_seconds: Option<Duration>,
    /// All agents, by what keeps them from the call.
    pub agents: Vec<RuleView>,
}

/// An agent for whom a call waits alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitsForView {
    /// The agent.
    pub agent: Arc<str>,
    /// For how much longer, at most.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
}

/// The agents whom one rule keeps away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleView {
    /// The rule in words.
    pub rule: String,
    /// How many agents.
    pub count: usize,
    /// The first of them.
    pub agents: Vec<Arc<str>>,
}

/// An offer, and whom it was chosen from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionView {
    /// How long ago.
    #[serde(serialize_with = "seconds")]
    pub ago_seconds: Duration,
    /// The call.
    pub call: String,
    /// Its queue.
    pub queue: Arc<str>,
    /// The strategy that chose.
    pub strategy: &'static str,
    /// Who was chosen.
    pub chosen: Arc<str>,
    /// Why, in words.
    pub why: String,
    /// The ready agents who could have taken it, in the order of the strategy, and no more than eight of them.
    pub candidates: Vec<CandidateView>,
    /// How many more there were; `None` where nobody but the chosen was looked at, in a storm of calls.
    pub others: Option<u32>,
}

/// What a candidate was compared by, in the order of comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandidateView {
    /// The agent.
    pub agent: Arc<str>,
    /// Its tier.
    pub tier: u32,
    /// Its penalty.
    pub penalty: u32,
    /// The strategy's key; less is better.
    pub key: [u64; 2],
    /// Its configured position.
    pub position: u32,
    /// The key in words: `idle 83 s`; empty where only position and name tell candidates apart.
    pub standing: String,
}

/// As [`seconds`].
pub(super) fn seconds_if_any<S: serde::Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => seconds(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// Seconds with three decimals.
pub(super) fn seconds<S: serde::Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.as_millis() as f64 / 1000.0)
}

/// Thousandths as a fraction.
fn fraction<S: serde::Serializer>(value: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(*value) / 1_000.0)
}

/// As [`fraction`].
pub(super) fn thousandths_if_any<S: serde::Serializer>(value: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => fraction(value, serializer),
        None => serializer.serialize_none(),
    }
}
