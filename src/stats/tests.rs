//! Tests of the figures as a whole: what is folded is what is read, scraped and documented.

mod agents;
mod apart;
mod boards;
mod contacts;
mod dimensions;
pub(super) mod hold;
mod intervals;
mod outlook;
mod page;
mod periods;
mod scrape;
mod visits;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::requirement::Requirement;
use crate::acd::{
    Actor, AgentPlan, AgentState, Dimension, Dimensions, EndedBy, Fact, FlowOut, LostCause, Plan, QueuePlan, Routing,
    Stamped,
};
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId};
use crate::stats::Live;

const CALL: CallId = CallId(1);
const SALES: QueueId = QueueId(0);
const HELP: QueueId = QueueId(1);

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn queue(id: QueueId, name: &str, skills: &[&str]) -> QueuePlan {
    QueuePlan {
        id,
        name: name.into(),
        strategy: "longest-idle",
        waiting_max: None,
        wait_max: None,
        ring_timeout: secs(20),
        ring_step: secs(5),
        offers: Default::default(),
        wrap_up: secs(10),
        threshold: secs(20),
        short_abandon: secs(5),
        state: crate::acd::QueueState::Open,
        routing: Routing { requirement: asks(skills), ..Routing::default() },
    }
}

fn asks(skills: &[&str]) -> Requirement {
    let names: Vec<Arc<str>> = skills.iter().map(|skill| (*skill).into()).collect();
    Requirement::all_of(&names)
}

fn agent(id: u32, skills: &[&str], initial: AgentState) -> AgentPlan {
    AgentPlan {
        id: AgentId(id),
        name: format!("{}", 1000 + id).into(),
        skills: skills.iter().map(|skill| (*skill).into()).collect(),
        memberships: Vec::new(),
        peer: PeerId(0),
        initial,
        return_after: secs(60),
        busy_pause: secs(5),
        policy: Default::default(),
    }
}

/// Two queues; agent 0 serves `sales`, agent 1 both, agent 2 (logged out) `help`.
fn plan() -> Plan {
    Plan {
        queues: vec![queue(SALES, "sales", &["sales"]), queue(HELP, "help", &["help"])],
        agents: vec![
            agent(0, &["sales"], AgentState::Ready),
            agent(1, &["help", "sales"], AgentState::Ready),
            agent(2, &["help"], AgentState::LoggedOut),
        ],
        ..Plan::default()
    }
}

/// The plan's figures after the facts by which its agents begin.
fn live() -> Live {
    let live = live_of(&plan());
    fold(&live, [0, 1].map(|agent| changes(agent, AgentState::LoggedOut, AgentState::Ready)));
    live
}

/// A plan's figures, all at zero, with no number that leads to any queue.
fn live_of(plan: &Plan) -> Live {
    let live = Live::new(Instant::ZERO, plan, &crate::stats::histogram_bounds([]));
    live.set_values(&Dimension::ALL.map(|dimension| vec![dimension.none().into()]), &[]);
    live
}

/// Folds facts at second 0.
fn fold(live: &Live, facts: impl IntoIterator<Item = Fact>) {
    for fact in facts {
        live.fold(&Stamped { at: Instant::ZERO, fact });
    }
}

fn offered(queue: QueueId) -> Fact {
    Fact::Offered { call: CALL, queue, dimensions: Dimensions::default() }
}

fn missed(queue: QueueId) -> Fact {
    Fact::Missed { call: CALL, queue }
}

fn answered(queue: QueueId, wait: Duration) -> Fact {
    Fact::Answered { call: CALL, queue, agent: AgentId(0), wait, since: Instant::ZERO }
}

fn abandoned(queue: QueueId, wait: Duration, while_ringing: bool) -> Fact {
    gave_up(CALL, queue, wait, while_ringing)
}

/// With the cause that the engine gives while agents are at work; up to 5 s are short.
fn gave_up(call: CallId, queue: QueueId, wait: Duration, while_ringing: bool) -> Fact {
    let cause = match (wait <= secs(5), while_ringing) {
        (true, _) => LostCause::CallerShort,
        (false, true) => LostCause::CallerWhileRinging,
        (false, false) => LostCause::CallerInQueue,
    };
    Fact::Abandoned { call, queue, wait, while_ringing, cause }
}

fn flowed_out(queue: QueueId, wait: Duration, reason: FlowOut) -> Fact {
    left(CALL, queue, wait, reason)
}

/// With the cause that the engine gives while agents are at work.
fn left(call: CallId, queue: QueueId, wait: Duration, reason: FlowOut) -> Fact {
    Fact::FlowedOut { call, queue, wait, reason, cause: cause_of(reason) }
}

fn cause_of(reason: FlowOut) -> Option<LostCause> {
    let label = if reason == FlowOut::Full { "queue_full" } else { reason.as_str() };
    LostCause::ALL.into_iter().find(|cause| cause.as_str() == label)
}

fn changes(agent: u32, from: AgentState, to: AgentState) -> Fact {
    Fact::AgentState { agent: AgentId(agent), from, to, spent: Duration::ZERO, by: Actor::Engine }
}

fn talk_ended(queue: QueueId, agent: u32, talk: Duration) -> Fact {
    Fact::TalkEnded { call: CALL, queue, agent: AgentId(agent), talk, hold: Duration::ZERO, by: EndedBy::Caller }
}

fn wrap_up_ended(queue: QueueId, agent: u32, wrap_up: Duration) -> Fact {
    Fact::WrapUpEnded { queue, agent: AgentId(agent), wrap_up }
}

/// Series of a text exposition by `name{labels}`; panics on a line that is not of the format 0.0.4.
fn parse(text: &str) -> BTreeMap<&str, f64> {
    let mut series = BTreeMap::new();
    let mut typed = "";
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next(), words.next(), words.next());
            assert!(matches!(keyword, Some("HELP" | "TYPE")), "{line}");
            assert!(!rest.unwrap().is_empty(), "{line}");
            typed = name.unwrap();
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with(typed), "{line} stands under {typed}");
        assert!(!name.contains('{') || name.ends_with("\"}"), "{line}");
        assert!(series.insert(name, value.parse().unwrap()).is_none(), "{name} comes twice");
    }
    series
}

/// The sum of the series whose name begins so.
fn sum(series: &BTreeMap<&str, f64>, beginning: &str) -> f64 {
    series.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, value)| value).sum()
}

fn exposition(live: &Arc<Live>, now: Instant) -> crate::stats::export::Exposition {
    crate::stats::export::Exposition::new(Arc::clone(live), move || now)
}
