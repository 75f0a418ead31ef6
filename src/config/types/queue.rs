//! The types of `[queues.NAME]`: whom its callers are, in which order they wait, and who may be asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::{Attributes, Requirement};
use crate::acd::{OfferPolicy, QueueState, ReserveThresholds};
use crate::config::peer_manners::FaxPolicy;

/// `[queues.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    /// The table's name.
    pub name: Arc<str>,
    /// `numbers = ["800", { number = "801", priority = 5, attributes = { tier = "gold" }, group = "hotline", campaign =
    /// "spring" }]`: the called numbers that lead here.
    pub numbers: Vec<NumberConfig>,
    /// Which agents fit, who is asked first, and in which order callers go.
    pub routing: RoutingConfig,
    /// `strategy = "longest-idle"`: a row of the strategy table.
    pub strategy: &'static str,
    /// `priority = 0`: of its callers; higher goes first.
    pub priority: i32,
    /// `answer = "on_queue" | "on_agent" | "early"`. Default `on_queue`.
    pub answer: AnswerPolicy,
    /// `media = "anchor" | "none"`. Default `anchor`.
    pub media: MediaPolicy,
    /// `music = "file.wav"`: repeated while waiting; default a built-in tune.
    pub music: Option<PathBuf>,
    /// `prompt = "file.wav"`: played once before the music; default none.
    pub prompt: Option<PathBuf>,
    /// `fax = "ignore" | "detect"`: what becomes of fax machines. Default `ignore`.
    pub fax: FaxPolicy,
    /// `waiting_max = 100`; default unlimited (within the node's bound).
    pub waiting_max: Option<u32>,
    /// `wait_max = "10m"`; default for ever.
    pub wait_max: Option<Duration>,
    /// `unanswered_max = "170s"`: how long a call may wait unanswered (`on_agent`, `early`). Default 170 s: below the
    /// 180 s after which proxies may give up (RFC 3261 16.6, timer C).
    pub unanswered_max: Duration,
    /// `ring_timeout = "20s"`.
    pub ring_timeout: Duration,
    /// `ring_step = "5s"`: with `ring-progressively`, the time from one agent to the next.
    pub ring_step: Duration,
    /// `offers_max = 10`: after so many offers that found nobody the call flows out; default no bound. `retry = "0s"`: how long
    /// it rests after one. `no_answer_max = 1`: so many unanswered offers in a row make an agent not ready.
    pub offers: OfferPolicy,
    /// `label = "Support"`: stands before the caller's name on the agent's phone. The INVITE says the queue's name and the
    /// seconds waited in `X-Strowger-Queue` and `X-Strowger-Wait` in any case.
    pub label: Option<Arc<str>>,
    /// `caller_prefix = "{queue} {wait}s "`: stands before the caller's name, or number where there is no name, on the agent's
    /// phone. `{queue}` is the queue's name, `{wait}` the seconds waited, `{call}` the call's id. Instead of `label`.
    pub caller_prefix: Option<Arc<str>>,
    /// `alert_info = "<http://pbx/sales.wav>;info=sales"`: the Alert-Info of its INVITEs to agents' phones, by which they choose
    /// a ring tone (RFC 3261 20.4). A phone that is to answer by itself is told that instead. Default none.
    pub alert_info: Option<Arc<str>>,
    /// `wrap_up = "10s"`.
    pub wrap_up: Duration,
    /// `threshold = "20s"`: the service level's T.
    pub threshold: Duration,
    /// `target = 0.8`: the service level aimed at, a fraction.
    pub target: f64,
    /// `short_abandon = "5s"`.
    pub short_abandon: Duration,
    /// `open = true`: takes callers. `emergency = true`, default false: nor may anybody wait, whatever `open` says.
    pub state: QueueState,
}

impl QueueConfig {
    /// Its strategy, and those of its steps.
    pub(in crate::config) fn strategies(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.strategy).chain(self.routing.steps.iter().filter_map(|step| step.strategy))
    }
}

/// A called number, and what its calls bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberConfig {
    /// The number.
    pub number: String,
    /// `priority = 5`: of its calls; default the queue's.
    pub priority: Option<i32>,
    /// `group = "hotline"`: numbers that figures count together; default the number itself.
    pub group: Option<Arc<str>>,
    /// `campaign = "spring"`: the campaign or advertising medium that it stands in; default none.
    pub campaign: Option<Arc<str>>,
    /// `attributes = { tier = "gold", lvl = 3 }`: what requirements may ask about.
    pub attributes: Arc<Attributes>,
    /// `preferred = "1001"`: the agent whom its calls wait for alone at first, for the queue's `preferred_for`.
    pub preferred: Option<Arc<str>>,
}

/// How a queue chooses: the keys of `[queues.NAME]` about callers' order and agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingConfig {
    /// `skills = ["support"]` (each at any level) or `requirement = 'spanish >= 5 && (billing || tier == "gold")'`: what an agent
    /// must have. Default nothing: every agent fits.
    pub requirement: Requirement,
    /// `steps = [{ after = "30s", requirement = 'spanish' }]`: what changes for a call that has waited so long, in the order of
    /// time. Default none.
    pub steps: Vec<StepConfig>,
    /// `weight = 0`: for an agent of several queues, callers of the queue of higher weight go first, whatever their priority.
    pub weight: i32,
    /// `order = "priority" | "ageing" | "objective"` with `ageing_step = "60s"` and `objective` (default the threshold): which
    /// caller of a weight goes first. Default `priority`.
    pub order: OrderConfig,
    /// `members = ["1001-1010", { team = "sales", tier = 2, delay = "30s" }]`: whom the queue may ask, each once, fitting the
    /// requirement too. `None`: everybody who fits.
    pub members: Option<Vec<MemberConfig>>,
    /// `tier_wait = "30s"` with `tier_wait_by_level` and `tier_skip_empty`: when tiers 2 and above see a caller. `None`: at once.
    pub tiers: Option<TierConfig>,
    /// `penalty_steps = [{ after = "30s", max = 5 }]`: which penalties are in after a wait, in the order of time. Default all.
    pub penalty_steps: Vec<PenaltyStepConfig>,
    /// `penalty_members_limit = 0`: while no more members than this are logged in, penalties count for nothing.
    pub penalty_members_limit: u32,
    /// `skill_weights = { spanish = 3 }`: what a level counts for in `most-skilled` and `least-skilled`.
    pub skill_weights: Vec<(Arc<str>, u32)>,
    /// Whom calls wait for alone at first.
    pub preferred: PreferredConfig,
    /// `reserve = { waiting = 5, wait = "60s", estimate = "2m", leave_waiting = 5, leave_wait = "60s", leave_estimate = "2m",
    /// at_least = "30s" }`: members in reserve join while more than `waiting` callers wait, when one has waited for `wait`, or
    /// when the last of them is to expect more than `estimate`; and leave when no more than `leave_waiting` wait (default
    /// `waiting`), nobody for `leave_wait` (default `wait`) and nobody is to expect more than `leave_estimate` (default
    /// `estimate`), `at_least` so long after. `None`: never.
    pub reserve: Option<ReserveThresholds>,
    /// `lends_to = ["billing", { queue = "support", tier = 2 }]`: to whom it lends its members. Default nobody.
    pub lending: LendingConfig,
}

/// Whom a queue's calls wait for alone at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferredConfig {
    /// `preferred_for = "20s"`: for so long, from joining on; default not at all.
    pub wait: Duration,
    /// `preferred_by = ["header:X-Agent", "attribute:agent", "last"]`: where he is named, the first that names an agent wins. A
    /// number's `preferred` comes before them. Default nowhere.
    pub by: Vec<PreferredSource>,
    /// `preferred_within = "24h"`: how long ago `last` may be.
    pub within: Duration,
}

impl Default for PreferredConfig {
    fn default() -> Self {
        Self { wait: Duration::ZERO, by: Vec::new(), within: Duration::from_secs(24 * 3_600) }
    }
}

/// Where the agent is named whom a call prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreferredSource {
    /// `header:NAME`: the value of this header of the INVITE.
    Header(String),
    /// `attribute:NAME`: what the call brings under this name.
    Attribute(Arc<str>),
    /// `last`: who served this caller last. Callers who show no plausible number are never taken for each other.
    Last,
}

/// How a queue lends its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LendingConfig {
    /// `lends_to`: other queues that list members, each once.
    pub to: Vec<LoanConfig>,
    /// `lend_window = "30m"`: it lends while its `target` of the visits decided in these minutes was answered in time; whole
    /// minutes, up to an hour.
    pub window: Duration,
    /// `lend_pause = "60s"`: how long it lends nobody at least, when that has ceased to hold.
    pub pause: Duration,
}

/// The terms on which a queue's members serve another: as those of a member, behind its own members of any tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanConfig {
    /// `queue = "support"`: the other queue.
    pub queue: Arc<str>,
    /// `tier = 1`: by the other queue's rules.
    pub tier: u32,
    /// `penalty = 0`: by the other queue's rules.
    pub penalty: u32,
    /// `delay = "20s"`: how long a call must have waited. Default none.
    pub delay: Duration,
}

/// When further tiers see a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierConfig {
    /// `tier_wait = "30s"`: tiers 2 and above.
    pub wait: Duration,
    /// `tier_wait_by_level = true`: tier n after n times the wait. Default false.
    pub by_level: bool,
    /// `tier_skip_empty = true`: while nobody of the tiers that see the caller is logged in, the next tier does. Default false.
    pub skip_empty: bool,
}

/// Which penalties are in after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PenaltyStepConfig {
    /// Since the caller joined.
    pub after: Duration,
    /// `min = 0`: agents below are out.
    pub min: u32,
    /// `max`: agents above are out; default none.
    pub max: u32,
    /// `raise = 0`: agents below count as this.
    pub raise: u32,
}

/// Which caller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderConfig {
    /// The higher priority, then the longer wait.
    Priority,
    /// The longer wait, where each step of priority is worth so much waiting.
    Ageing(Duration),
    /// The least time left to the objective.
    Objective(Duration),
}

/// What changes for a call after a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepConfig {
    /// Since it joined.
    pub after: Duration,
    /// `requirement = '...'` or `skills = [...]`: another requirement.
    pub requirement: Option<Requirement>,
    /// `strategy = "..."`: another choice among the agents.
    pub strategy: Option<&'static str>,
    /// `priority = 5`: added to the priority of the call.
    pub priority: i32,
}

/// An agent that a queue may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberConfig {
    /// Its name.
    pub agent: Arc<str>,
    /// `tier = 1`: a lower one is asked first.
    pub tier: u32,
    /// `position = 1`: within a tier, for strategies that keep an order; default the place in the list.
    pub position: u32,
    /// `penalty = 0`: within a tier, a lower one is asked first; the weight of `weighted-random`.
    pub penalty: u32,
    /// `delay = "30s"`: how long a call must have waited before the agent sees it, whatever the tier. Default none.
    pub delay: Duration,
    /// `reserve = true`: it takes calls only while the queue's reserve is in. Default false.
    pub reserve: bool,
}

/// When the caller's INVITE is answered (FEATURES A2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerPolicy {
    /// 200, then music.
    OnQueue,
    /// 180 until an agent answers.
    OnAgent,
    /// 183 with music until an agent answers.
    Early,
}

/// Whether audio passes through the engine (FEATURES A5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaPolicy {
    /// The engine's relay joins the legs.
    Anchor,
    /// Signalling only: the caller's SDP goes to the agent and the agent's back.
    None,
}
