//! What goes into and out of the node besides packets: its set-up, and the control plane's requests and views.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::acd::{Actor, AgentTarget, DeviceState, QueueState, Reason, ReserveMode, TransferKind};
use crate::base::{CallId, Pii};
use crate::config::{Config, Regions};
use crate::media::{Codecs, Lease, TrackId};
use crate::node::trace::view::TraceView;
use crate::node::view::{
    DecisionView, ExplanationView, QueueView, RegistrationRow, TeamView, seconds, seconds_if_any, thousandths_if_any,
};

/// What a node is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// What the shell looked up for it.
    pub resolved: Resolved,
    /// Entropy of tags, branches, SSRCs.
    pub seed: [u8; 32],
    /// The address written into Via and Contact: the advertised host and the bound port.
    pub sip_address: SocketAddr,
    /// The RTP ports this node may use.
    pub leases: Vec<Lease>,
    /// What it is called in the other address family, where that is spoken too.
    pub other: Option<OtherSetup>,
}

/// The second of two address families that a node speaks.
#[derive(Debug, Clone)]
pub struct OtherSetup {
    /// As [`Setup::sip_address`], for each shard by its number.
    pub sip_addresses: Vec<SocketAddr>,
    /// The host of the leases there: each port is bound in both families, under one number.
    pub rtp: IpAddr,
}

/// What the shell looked up: host names, audio files, the table of regions. Enters as an input, at the start and with each
/// reload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Host names of the configuration to addresses, one of each family that is spoken: the first is called, calls are taken
    /// from all. Numeric hosts need no entry.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Queue names to what their callers hear; a queue without an entry has the built-in tune, [`TrackId`] 0.
    pub audio: BTreeMap<Arc<str>, QueueAudio>,
    /// The table of regions, where the configuration names a file.
    pub regions: Arc<Regions>,
}

/// What waiting callers of a queue hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueAudio {
    /// Repeated.
    pub music: TrackId,
    /// Played once before the music.
    pub prompt: Option<Prompt>,
    /// In what all of it is there.
    pub codecs: Codecs,
}

/// What is played once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// The audio.
    pub track: TrackId,
    /// How long it takes.
    pub length: Duration,
}

/// A request of the control plane. `by` names who asks, and why where it is said; the facts say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Agents in the order of their ids.
    Agents {
        /// Rows to skip.
        offset: usize,
        /// Most rows; bounded by `limits::ROWS_MAX`.
        limit: usize,
    },
    /// The team tree.
    Teams,
    /// The settings in force of the queue of this name.
    Queue(String),
    /// Calls in the order of their ids.
    Calls {
        /// Rows to skip.
        offset: usize,
        /// Most rows; bounded by `limits::ROWS_MAX`.
        limit: usize,
    },
    /// Why a waiting call waits.
    Explain(CallId),
    /// The SIP messages of a call that lives, or ended a short time ago.
    Ladder {
        /// The call.
        call: CallId,
        /// With the numbers in Request-URIs; masked else.
        shows_numbers: bool,
    },
    /// Contacts of registered phones, in the order in which their agents were first configured.
    Registrations {
        /// Rows to skip.
        offset: usize,
        /// Most rows; bounded by `limits::ROWS_MAX`.
        limit: usize,
    },
    /// SIP messages are traced from now on: of a neighbour, or of the calls of a number.
    StartTrace {
        /// The neighbour's name, or
        peer: Option<String>,
        /// the number.
        number: Option<String>,
        /// At most so long.
        lasts: Duration,
        /// With numbers; masked else.
        shows_numbers: bool,
        /// Who asks.
        by: Actor,
    },
    /// A trace ends; all of them when `None`.
    StopTrace(Option<u32>),
    /// The traces, and their messages.
    Traces {
        /// The `next` of the last answer; empty: from the oldest on.
        after: String,
        /// Most rows; bounded by `limits::ROWS_MAX`.
        limit: usize,
        /// Numbers are shown, where the trace keeps them.
        shows_numbers: bool,
    },
    /// The last decisions, newest first.
    Decisions {
        /// Of the queue of this name; of all when `None`.
        queue: Option<String>,
        /// Most rows; bounded by `limits::ROWS_MAX`.
        limit: usize,
    },
    /// Changes agents, all of them or, when one is unknown, none.
    SetAgents {
        /// Which.
        who: Selection,
        /// What is changed.
        change: AgentChange,
        /// Who asks; a supervisor who says why forces it, and the facts say so.
        by: Actor,
    },
    /// Changes queues, all of them or, when one is unknown, none.
    SetQueues {
        /// Their names.
        queues: Vec<String>,
        /// What is changed.
        change: QueueChange,
        /// Who asks.
        by: Actor,
    },
    /// Changes the priority of a waiting call.
    SetPriority {
        /// The call.
        call: CallId,
        /// Higher goes first.
        priority: i32,
        /// Who asks.
        by: Actor,
    },
    /// Sets whom a waiting call is to be offered to first, for the `preferred_for` of its queue from now on.
    Prefer {
        /// The call.
        call: CallId,
        /// The agent's name; nobody when `None`.
        agent: Option<String>,
        /// Who asks.
        by: Actor,
    },
    /// Takes a call that has no agent yet out of its queue and ends it.
    Withdraw {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Actor,
    },
    /// Ends a call.
    HangUp {
        /// The call.
        call: CallId,
        /// Who asks.
        by: Actor,
    },
    /// Puts a waiting or talking call (back) into a queue, keeping its original time.
    Requeue {
        /// The call.
        call: CallId,
        /// The queue's name; its own when `None`.
        queue: Option<String>,
        /// Who asks.
        by: Actor,
    },
    /// Hands a talking caller on.
    Transfer {
        /// The call.
        call: CallId,
        /// At once, or after a word.
        kind: TransferKind,
        /// To whom: `agent:NAME`, `queue:NAME` or `number:+4420...`.
        to: String,
        /// Who asks.
        by: Actor,
    },
    /// Ends a consultation.
    Consultation {
        /// The call.
        call: CallId,
        /// How.
        end: Consulted,
        /// Who asks.
        by: Actor,
    },
}

/// How a consultation is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consulted {
    /// The caller gets the target.
    Complete,
    /// The agent goes back to the caller.
    Cancel,
}

/// Agents by name, by range (`1001-1010`) and by team; a team means the teams below it too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Names and ranges.
    pub agents: Vec<String>,
    /// Teams.
    pub teams: Vec<String>,
}

impl Selection {
    /// One agent.
    pub fn one(agent: impl Into<String>) -> Self {
        Self { agents: vec![agent.into()], teams: Vec::new() }
    }
}

/// What a supervisor changes of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentChange {
    /// Its state; during a call it takes effect afterwards.
    State(AgentTarget),
    /// Not ready for a reason, which ends by itself after so long.
    Pause(Reason, Duration),
    /// Its wrap-up lasts longer: the one that runs, or the one that follows the talk.
    ExtendWrapUp(Duration),
    /// Its wrap-up ends now.
    EndWrapUp,
    /// What its device does, as seen from outside.
    Device(DeviceState),
    /// Its skills, by name.
    Skills(Vec<(Arc<str>, SkillChange)>),
    /// It belongs to the queue of this name, on these terms.
    Join {
        /// The queue's name.
        queue: String,
        /// The tier, from 1.
        tier: u32,
        /// The place in the configured order.
        position: u32,
        /// The penalty.
        penalty: u32,
        /// How long a call must have waited.
        delay: Duration,
        /// It takes calls only while the queue's reserve is in.
        reserve: bool,
    },
    /// It belongs no more to the queue of this name, which lists its members.
    Leave(String),
    /// Its penalty in the queue of this name.
    Penalty(String, u32),
    /// It is in the team of this name from now on, or in none; what it did before stays with the team it was in.
    Team(Option<String>),
    /// What has been set of its skills, memberships and team is taken back: of the queue of this name, or all of it.
    Defaults(Option<String>),
}

/// What a supervisor changes of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkillChange {
    /// Its level, 1 to 10; the skill counts.
    Level(u8),
    /// Whether it counts; an agent without the skill gets it at the highest level.
    Enabled(bool),
    /// The agent has it no more.
    Removed,
    /// As configured.
    Default,
}

/// What a supervisor changes of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueChange {
    /// Whether it takes callers.
    State(QueueState),
    /// The name of a row of the strategy table.
    Strategy(String),
    /// The service-level threshold.
    Threshold(Duration),
    /// The priority of callers who come from now on.
    Priority(i32),
    /// The band: callers of a heavier queue go first.
    Weight(i32),
    /// The service level aimed at, in thousandths.
    Target(u16),
    /// Who decides whether its reserve is in.
    Reserve(ReserveMode),
    /// When its reserve joins and leaves.
    ReserveThresholds(ThresholdsChange),
    /// Everything as configured.
    Defaults,
}

/// What a supervisor changes of the thresholds of a reserve; what is left out stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThresholdsChange {
    /// It joins while more wait.
    pub waiting: Option<u32>,
    /// It joins when somebody has waited so long.
    pub wait: Option<Duration>,
    /// It leaves when no more wait.
    pub leave_waiting: Option<u32>,
    /// It leaves when nobody has waited so long.
    pub leave_wait: Option<Duration>,
    /// It joins when the last caller is to expect more.
    pub estimate: Option<Duration>,
    /// It leaves when nobody is to expect more.
    pub leave_estimate: Option<Duration>,
    /// It stays for so long at least.
    pub at_least: Option<Duration>,
}

/// The node's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The agents asked for, and how many there are in all.
    Agents {
        /// The rows.
        rows: Vec<AgentView>,
        /// All agents.
        total: usize,
    },
    /// The calls asked for, and how many there are in all.
    Calls {
        /// The rows.
        rows: Vec<CallView>,
        /// All calls.
        total: usize,
    },
    /// The teams nobody stands above.
    Teams(Vec<TeamView>),
    /// The queue's settings.
    Queue(Box<QueueView>),
    /// The contacts asked for, and how many there are in all.
    Registrations {
        /// The rows.
        rows: Vec<RegistrationRow>,
        /// All contacts.
        total: usize,
    },
    /// The traces and their messages.
    Trace(Box<TraceView>),
    /// The call's messages.
    Ladder(LadderView),
    /// Why the call waits.
    Explanation(Box<ExplanationView>),
    /// The decisions asked for.
    Decisions(Vec<DecisionView>),
    /// Done.
    Done,
    /// Done for these agents, in the order of their ids.
    Set(Vec<Arc<str>>),
    /// No such agent, call or queue; the text says which.
    NotFound(String),
    /// It can never be done; the text says why.
    Invalid(String),
    /// It cannot be done now; the text says why.
    Conflict(String),
}

/// An agent as the control plane shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentView {
    /// Its name.
    pub name: Arc<str>,
    /// A label of `AgentState::LABELS`.
    pub state: &'static str,
    /// The reason of not ready, the direction of another call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long in this state.
    #[serde(serialize_with = "seconds")]
    pub state_seconds: Duration,
    /// The call it is offered or talks with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The queue of that call, or of the one whose wrap-up runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Arc<str>>,
    /// Calls answered since it logged in.
    pub talks: u64,
    /// Talk, hold and wrap-up over these, ready and ringing, since it logged in: 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "thousandths_if_any")]
    pub occupancy: Option<u16>,
    /// Who made it so; none: the engine, by its rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Arc<str>>,
    /// Why, where a supervisor has said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<str>>,
    /// How long until it ends by itself: a wrap-up, a timed not-ready.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds_if_any")]
    pub ends_seconds: Option<Duration>,
    /// What follows the call by somebody's wish: `not_ready`, `logged_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'static str>,
    /// What its device does, as far as somebody has said: `unknown`, `idle`, `ringing`, `busy`, `offline`.
    pub device: &'static str,
    /// Which way the device's own call goes: `in`, `out`, `internal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_call: Option<&'static str>,
    /// How that is known where its PBX is asked: `told`, `not told yet`, `stale: ...`, `the PBX cannot tell: 404`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_source: Option<String>,
    /// True when the device contradicts the state.
    pub disagrees: bool,
    /// The queues its skills fit.
    pub queues: Vec<Arc<str>>,
    /// What supervisors have set over the configuration, each in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// The neighbour its device is reached by.
    pub peer: Arc<str>,
    /// True when nothing is known that keeps calls from it: see `unreachable`.
    pub reachable: bool,
    /// Why it cannot be rung: `not registered`, `does not answer`, `the device is offline`, `the PBX does not tell what the
    /// device does`, `calls do not reach the device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<&'static str>,
    /// Where its phone has registered from, when it registers here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationView>,
}

/// A registered phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationView {
    /// Its newest contact, which is rung.
    pub contact: String,
    /// Where that came from, and calls go to.
    pub source: String,
    /// How many contacts there are.
    pub contacts: usize,
    /// How long until it runs out.
    #[serde(serialize_with = "seconds")]
    pub expires_seconds: Duration,
}

/// A call as the control plane shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallView {
    /// Its id.
    pub id: String,
    /// `waiting`, `offering`, `talking`, `consulting`, `transferring`, `ending`.
    pub state: &'static str,
    /// The queue it waits in or was answered from.
    pub queue: Arc<str>,
    /// The called number.
    pub number: String,
    /// The caller, masked; the API exposes it to roles that may see it.
    #[serde(serialize_with = "masked")]
    pub caller: Pii<String>,
    /// Since it joined the queue.
    #[serde(serialize_with = "seconds")]
    pub wait_seconds: Duration,
    /// Since it was answered by an agent.
    #[serde(serialize_with = "seconds")]
    pub talk_seconds: Duration,
    /// Its place in the queue, 1 is next; only while waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// The agent offered or talking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// Whom it is handed to, and how far that is: `consult to agent 1002: rings`. A number is not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
}

/// The SIP messages of one call, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LadderView {
    /// Its id.
    pub call: String,
    /// At most `limits::LADDER_ROWS_MAX`, the last ones.
    pub messages: Vec<RungView>,
}

/// One message of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RungView {
    /// How long ago it went.
    #[serde(serialize_with = "seconds")]
    pub ago_seconds: Duration,
    /// How long after the ladder's first one.
    #[serde(serialize_with = "seconds")]
    pub after_seconds: Duration,
    /// `caller`, `agent 1001`, `outside`.
    pub leg: String,
    /// By this node; else it came in.
    pub sent: bool,
    /// To whom, or from whom.
    pub peer: SocketAddr,
    /// The first line.
    pub line: String,
    /// The CSeq.
    pub cseq: String,
    /// The same message went before: a retransmission.
    pub again: bool,
}

fn masked<S: serde::Serializer>(value: &Pii<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
