//! Facts in words, for ladders: names instead of ids, nothing that repeats what a neighbouring line says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{
    Actor, AgentSetting, AgentState, DeviceState, EndedBy, Fact, FlowOut, Intervention, Laid, LostCause, Plan,
    QueueSetting, QueueState, Refusal, Skill, Target, Transfer, TransferKind, TransferStep,
};
use crate::base::{AgentId, CallId, Instant, QueueId};

/// The names behind the ids: learned from every plan in force, so that what a reload removes keeps its name; calls are numbered
/// in the order in which the facts first tell of them.
#[derive(Debug, Default)]
pub struct Names {
    queues: BTreeMap<QueueId, String>,
    agents: BTreeMap<AgentId, String>,
    calls: BTreeMap<CallId, usize>,
}

impl Names {
    /// Learns the names of a plan.
    pub fn learn(&mut self, plan: &Plan) {
        self.queues.extend(plan.queues.iter().map(|queue| (queue.id, queue.name.to_string())));
        self.agents.extend(plan.agents.iter().map(|agent| (agent.id, agent.name.to_string())));
    }

    /// All queues that ever were.
    pub const fn queues(&self) -> &BTreeMap<QueueId, String> {
        &self.queues
    }

    /// One line for a fact; `None` for those that only repeat others.
    pub fn line(&mut self, fact: &Fact) -> Option<String> {
        let next = self.calls.len() + 1;
        let Self { queues, agents, calls } = self;
        let queue = |id: &QueueId| queues.get(id).map_or("?", String::as_str);
        let agent = |id: &AgentId| agents.get(id).map_or("?", String::as_str);
        let mut call = |id: &CallId| format!("call {}", calls.entry(*id).or_insert(next));
        Some(match fact {
            Fact::Offered { call: id, queue: to, .. } => format!("{} joins {}", call(id), queue(to)),
            Fact::Answered { call: id, agent: by, wait, .. } => {
                format!("{} answered by {} after {}", call(id), agent(by), seconds(*wait))
            }
            Fact::Abandoned { call: id, wait, while_ringing, cause, .. } => {
                let stage = if *while_ringing { " while an agent rang" } else { "" };
                format!("{} abandoned after {}{stage}: {}", call(id), seconds(*wait), cause.as_str())
            }
            Fact::FlowedOut { call: id, queue: from, wait, reason, cause } => {
                format!("{} leaves {} after {}: {}", call(id), queue(from), seconds(*wait), why_left(*reason, *cause))
            }
            Fact::Missed { call: id, .. } => format!("{} passes the threshold", call(id)),
            Fact::Preferred { call: id, agent: to, until, .. } => preferred(&call(id), agent(to), *until),
            Fact::OfferMade { call: id, agent: to, .. } => format!("{} offered to {}", call(id), agent(to)),
            Fact::OfferEnded { call: id, agent: to, cause, .. } => {
                format!("{} offer to {} ends: {} ({cause:?})", call(id), agent(to), cause.result().as_str())
            }
            Fact::TalkEnded { call: id, agent: with, talk, hold, by, .. } => {
                let held = if hold.is_zero() { String::new() } else { format!(", {} of it held", seconds(*hold)) };
                format!("{} talk with {} ended by {} after {}{held}", call(id), agent(with), side(*by), seconds(*talk))
            }
            Fact::Reached { call: id, agent: by, .. } => format!("{} taken over by {}", call(id), agent(by)),
            Fact::Transfer(Transfer { call: id, agent: by, kind, target, step, .. }) => {
                let target = target_text(target, queue, agent);
                format!("{} {} by {} to {target}: {}", call(id), how(*kind), agent(by), how_far(step))
            }
            Fact::OutsideEnded { call: id, talk, by } => {
                format!("{} outside talk ended by {} after {}", call(id), side(*by), seconds(*talk))
            }
            Fact::WrapUpExtended { agent: id, more, .. } => {
                format!("{} wraps up {} longer", agent(id), seconds(*more))
            }
            Fact::InstantAnswer { call: id, agent: from, after, .. } => {
                format!("{} answered by {} suspiciously fast: {}", call(id), agent(from), seconds(*after))
            }
            Fact::Disagreement { agent: id, device, disagrees } => {
                let how = if *disagrees { "contradicts" } else { "fits" };
                format!("{} device {} {how} the state", agent(id), device.as_str())
            }
            Fact::Repaired { kind, .. } => format!("repaired: {}", kind.as_str()),
            Fact::AgentState { agent: id, from, to, by, .. } => {
                format!("{} {} -> {}{}", agent(id), state(from), state(to), who(by))
            }
            Fact::AgentSet { agent: id, setting, by } => {
                format!("{} {}{}", agent(id), agent_setting(setting, queue), who(by))
            }
            Fact::PreferenceSet { call: id, agent: to, by } => preference(&call(id), to.as_ref().map(agent), by),
            Fact::QueueSet { queue: id, setting, by } => format!("{} {}{}", queue(id), queue_setting(setting), who(by)),
            Fact::PrioritySet { call: id, priority, by } => format!("{} has priority {priority}{}", call(id), who(by)),
            Fact::Supervised { call: id, what, by } => format!("{} {}{}", call(id), intervention(what, queue), who(by)),
            Fact::Device { agent: id, device, by } => {
                format!("{} device is {}{}", agent(id), device_text(device), who(by))
            }
            Fact::AgentTeam { agent: id, team, .. } => format!("{} is in {} from here on", agent(id), team_text(team)),
            Fact::Reserve { queue: id, active } => format!("{} reserve {}", queue(id), reserve(*active)),
            Fact::Lending { queue: id, lends } => format!("{} lends {}", queue(id), lending(*lends)),
            Fact::PeerState { peer, up } => format!("peer {peer} {}", if *up { "up" } else { "down" }),
            Fact::Refused { queue: id, cause, .. } => refused(id.as_ref().map(queue), *cause),
            Fact::CallerAnswered { call: id } => format!("{} is billed from here", call(id)),
            Fact::Digit { call: id, digit } => format!("{} presses {}", call(id), digit.expose()),
            Fact::Oldest { .. } | Fact::WrapUpEnded { .. } => return None,
        })
    }
}

fn refused(queue: Option<&str>, cause: Refusal) -> String {
    format!("refused for {}: {}", queue.unwrap_or("no queue"), cause.as_str())
}

fn preferred(call: &str, agent: &str, until: Option<Instant>) -> String {
    let end = until.map_or_else(|| "no longer".to_string(), |until| format!("until {until}"));
    format!("{call} waits for {agent} alone {end}")
}

fn preference(call: &str, agent: Option<&str>, by: &Actor) -> String {
    format!("{call} is to wait for {}{}", agent.unwrap_or("nobody"), who(by))
}

fn agent_setting<'n>(setting: &AgentSetting, queue: impl Fn(&QueueId) -> &'n str) -> String {
    match setting {
        AgentSetting::Skill(Skill { name, level: 0, .. }) => format!("loses skill {name}"),
        AgentSetting::Skill(Skill { name, enabled: false, .. }) => format!("has skill {name} off"),
        AgentSetting::Skill(Skill { name, level, .. }) => format!("has skill {name}={level}"),
        AgentSetting::Membership(to, Some(terms)) => {
            format!("joins {} at tier {}, penalty {}", queue(to), terms.level, terms.penalty)
        }
        AgentSetting::Membership(from, None) => format!("leaves {}", queue(from)),
        AgentSetting::Penalty(at, penalty) => format!("has penalty {penalty} in {}", queue(at)),
        AgentSetting::Defaults(Laid::All) => "is as configured".to_string(),
        AgentSetting::Defaults(Laid::Skill(name)) => format!("has skill {name} as configured"),
        AgentSetting::Defaults(Laid::Membership(at)) => format!("is as configured in {}", queue(at)),
    }
}

fn queue_setting(setting: &QueueSetting) -> String {
    match setting {
        QueueSetting::State(QueueState::Emergency) => "is in an emergency".to_string(),
        QueueSetting::State(state) => format!("is {}", state.as_str()),
        QueueSetting::Strategy(strategy) => format!("has strategy {strategy}"),
        QueueSetting::Threshold(threshold) => format!("has threshold {}", seconds(*threshold)),
        QueueSetting::Weight(weight) => format!("has weight {weight}"),
        QueueSetting::Priority(priority) => format!("has priority {priority}"),
        QueueSetting::Target(target) => format!("has target {target} of 1000"),
        QueueSetting::Reserve(mode) => format!("has its reserve {}", mode.as_str()),
        QueueSetting::ReserveThresholds(_) => "has other thresholds of its reserve".to_string(),
        QueueSetting::Defaults => "is as configured".to_string(),
    }
}

fn intervention<'n>(what: &Intervention, queue: impl Fn(&QueueId) -> &'n str) -> String {
    match what {
        Intervention::HangUp => "is hung up".to_string(),
        Intervention::Withdraw => "is withdrawn".to_string(),
        Intervention::Requeue(to) => format!("is requeued to {}", queue(to)),
    }
}

fn team_text(team: &Option<Arc<str>>) -> &str {
    team.as_deref().unwrap_or("no team")
}

fn device_text(device: &DeviceState) -> String {
    match device {
        DeviceState::Busy(direction) => format!("{}({})", device.as_str(), direction.as_str()),
        DeviceState::Unknown | DeviceState::Idle | DeviceState::Ringing | DeviceState::Offline | DeviceState::Stale => {
            device.as_str().to_string()
        }
    }
}

const fn reserve(active: bool) -> &'static str {
    if active { "joins" } else { "leaves" }
}

const fn lending(lends: bool) -> &'static str {
    if lends { "its members" } else { "nobody" }
}

fn target_text<'n>(
    target: &Target,
    queue: impl Fn(&QueueId) -> &'n str,
    agent: impl Fn(&AgentId) -> &'n str,
) -> String {
    match target {
        Target::Agent(to) => format!("agent {}", agent(to)),
        Target::Queue(to) => format!("queue {}", queue(to)),
        Target::Number(number) => format!("number {}", number.expose()),
    }
}

/// What sort of fact it is, without names and times, for counting.
pub fn kind(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Offered { .. } => "call joins".to_string(),
        Fact::Answered { .. } => "call answered".to_string(),
        Fact::Abandoned { .. } => "call abandoned".to_string(),
        Fact::FlowedOut { reason, .. } => format!("call flows out: {}", reason.as_str()),
        Fact::Preferred { until, .. } => {
            let word = if until.is_some() { "waits" } else { "no longer waits" };
            format!("call {word} for one agent")
        }
        Fact::OfferMade { .. } => "offer made".to_string(),
        Fact::OfferEnded { cause, .. } => format!("offer ends: {cause:?}"),
        Fact::TalkEnded { by, .. } => format!("talk ended by {}", side(*by)),
        Fact::AgentState { from, to, .. } => format!("agent {} -> {}", state(from), state(to)),
        Fact::AgentTeam { .. } => "agent changes its team".to_string(),
        Fact::Reached { .. } => "call taken over".to_string(),
        Fact::Transfer(Transfer { kind, step, .. }) => format!("{} {}", how(*kind), how_far(step)),
        Fact::OutsideEnded { by, .. } => format!("outside talk ended by {}", side(*by)),
        Fact::PeerState { peer, up } => format!("peer {peer} {}", if *up { "up" } else { "down" }),
        Fact::Refused { cause, .. } => format!("refused: {}", cause.as_str()),
        Fact::Reserve { active, .. } => format!("reserve {}", if *active { "joins" } else { "leaves" }),
        Fact::Lending { lends, .. } => format!("lending {}", if *lends { "begins" } else { "ends" }),
        Fact::CallerAnswered { .. } => "billing begins".to_string(),
        Fact::Digit { .. } => "digit".to_string(),
        Fact::WrapUpExtended { .. } => "wrap-up extended".to_string(),
        Fact::InstantAnswer { .. } => "instant answer".to_string(),
        Fact::Disagreement { disagrees, .. } => format!("device {}", if *disagrees { "disagrees" } else { "agrees" }),
        Fact::AgentSet { .. } => "agent set".to_string(),
        Fact::QueueSet { .. } => "queue set".to_string(),
        Fact::PreferenceSet { .. } => "preference set".to_string(),
        Fact::PrioritySet { .. } => "priority set".to_string(),
        Fact::Supervised { .. } => "call supervised".to_string(),
        Fact::Device { device, .. } => format!("device is {}", device.as_str()),
        Fact::Repaired { kind, .. } => format!("repaired: {}", kind.as_str()),
        Fact::Missed { .. } | Fact::Oldest { .. } | Fact::WrapUpEnded { .. } => return None,
    })
}

const fn side(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller",
        EndedBy::Agent => "the agent",
        EndedBy::Supervisor => "a supervisor",
        EndedBy::System => "the system",
        EndedBy::Transfer => "a transfer",
    }
}

const fn how(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Blind => "blind transfer",
        TransferKind::Consult => "consultation",
    }
}

fn how_far(step: &TransferStep) -> String {
    match step {
        TransferStep::Begun(Some(who)) => format!("begun for {who}"),
        TransferStep::Begun(None) => "begun by the agent".to_string(),
        TransferStep::Answered => "answered".to_string(),
        TransferStep::Completed => "completed".to_string(),
        TransferStep::Cancelled => "cancelled".to_string(),
        TransferStep::Failed(why) => format!("failed ({})", why.as_str()),
    }
}

/// Why a visit flowed out, and as what it is lost where that is not the same.
fn why_left(reason: FlowOut, cause: Option<LostCause>) -> String {
    let reason = reason.as_str();
    let cause = cause.map(LostCause::as_str).filter(|cause| *cause != reason);
    cause.map_or_else(|| reason.to_string(), |cause| format!("{reason} ({cause})"))
}

/// Who did it, and why where that is said.
fn who(by: &Actor) -> String {
    match by {
        Actor::Engine => String::new(),
        Actor::User(name) => format!(" by {name}"),
        Actor::Supervisor { name, why } => format!(" forced by {name}: {why}"),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// A state with its reason.
pub fn state(state: &AgentState) -> String {
    match state {
        AgentState::NotReady(reason) => format!("not_ready({})", reason.as_str()),
        AgentState::OtherCall(direction) => format!("other_call({})", direction.as_str()),
        AgentState::LoggedOut
        | AgentState::Ready
        | AgentState::Unreachable
        | AgentState::Reserved
        | AgentState::Ringing
        | AgentState::Talking
        | AgentState::Hold
        | AgentState::Consult
        | AgentState::WrapUp => state.as_str().to_string(),
    }
}
