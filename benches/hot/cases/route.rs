//! The routing decision in a large centre: 10,000 agents, 500 queues, 100,000 callers waiting; and each kind of it in the
//! centre of `benches/route`, whose agents have all kinds of skills, with 1,000, 10,000 and 100,000 waiting.

use std::sync::Arc;
use std::time::Duration;

use crate::cases::Meter;
use crate::cases::centre::Centre;
use strowger::acd::requirement::Requirement;
use strowger::acd::{
    AgentPlan, AgentState, Asks, Command, Effect, EndedBy, Engine, Plan, QueuePlan, QueueState, Routing,
};
use strowger::base::{AgentId, CallId, Instant, PeerId, QueueId};

const AGENTS: u32 = 10_000;
const QUEUES: u32 = 500;
const WAITING: u64 = 100_000;
/// Queues an agent serves.
const SKILLS: u32 = 3;

/// One call leaves, its agent gets the next, and another caller joins: so the numbers of waiting and talking stay.
pub(crate) fn next_call() -> impl FnMut() {
    let mut engine = Engine::new(Instant::ZERO, Arc::new(plan()));
    let mut now = Instant::ZERO;
    let mut talks = std::collections::VecDeque::new();
    let mut call = 0;
    // Every queue has its callers in turn; the first of them find agents at once.
    while call < u64::from(AGENTS) + WAITING {
        call += 1;
        join(&mut engine, now, call);
        answer(&mut engine, now, &mut talks);
    }
    move || {
        now += Duration::from_millis(1);
        call += 1;
        join(&mut engine, now, call);
        let Some((ended, agent, epoch)) = talks.pop_front() else { return };
        engine.handle_command(now, Command::TalkEnded { call: ended, agent, epoch, by: EndedBy::Caller });
        answer(&mut engine, now, &mut talks);
        engine.handle_timeout(now);
        while engine.poll_fact().is_some() {}
    }
}

fn join(engine: &mut Engine, now: Instant, call: u64) {
    let queue = QueueId((call % u64::from(QUEUES)) as u32);
    engine.handle_command(
        now,
        Command::Enqueue { call: CallId(call), queue, priority: 0, since: None, asks: Asks::default() },
    );
}

/// Who gets the calls behind all others, where these are in one queue: some of those who serve it.
const SERVE_ONE: u32 = 20;

/// A call comes, finds an agent, and is talked, while `stuck` callers wait whom nobody may take.
pub(crate) fn enqueue(stuck: u64, meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new("longest-idle", stuck, false);
    centre.open();
    move || centre.enqueue_and_match(&mut |engine| meter(engine))
}

/// A call comes, an agent becomes ready and finds it behind all others, and talks.
pub(crate) fn ready(stuck: u64, in_one_queue: bool, meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new("longest-idle", stuck, in_one_queue);
    let mut round = 0;
    move || {
        round += 1;
        let agent = if in_one_queue { round % SERVE_ONE * Centre::QUEUES } else { round * 7 };
        centre.ready_and_match(agent, &mut |engine| meter(engine));
    }
}

/// A caller hangs up, another comes.
pub(crate) fn abandon(stuck: u64, meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new("longest-idle", stuck, false);
    move || centre.abandon(&mut |engine| meter(engine))
}

/// A caller has waited for the step and hangs up, another comes.
pub(crate) fn relax(stuck: u64, meter: Meter) -> impl FnMut() {
    let mut centre = Centre::new("longest-idle", stuck, false);
    move || centre.relax(&mut |engine| meter(engine))
}

/// Whoever is offered a call answers it.
fn answer(engine: &mut Engine, now: Instant, talks: &mut std::collections::VecDeque<(CallId, AgentId, u32)>) {
    while let Some(effect) = engine.poll_effect() {
        if let Effect::Offer { call, agent, epoch, .. } = effect {
            engine.handle_command(now, Command::OfferAnswered { call, agent, epoch });
            talks.push_back((call, agent, epoch));
        }
    }
    while engine.poll_fact().is_some() {}
}

fn plan() -> Plan {
    let skills: Vec<Arc<str>> = (0..QUEUES).map(|queue| format!("skill-{queue}").into()).collect();
    let queue = |id: u32| QueuePlan {
        id: QueueId(id),
        name: format!("queue-{id}").into(),
        strategy: "longest-idle",
        waiting_max: None,
        wait_max: None,
        ring_timeout: Duration::from_secs(20),
        ring_step: Duration::from_secs(5),
        offers: Default::default(),
        wrap_up: Duration::ZERO,
        threshold: Duration::from_secs(20),
        short_abandon: Duration::from_secs(5),
        state: QueueState::Open,
        routing: Routing { requirement: Requirement::all_of([&skills[id as usize]]), ..Routing::default() },
    };
    let agent = |id: u32| AgentPlan {
        id: AgentId(id),
        name: id.to_string().into(),
        skills: (0..SKILLS).map(|n| Arc::clone(&skills[((id + n * 167) % QUEUES) as usize]).into()).collect(),
        memberships: Vec::new(),
        peer: PeerId(0),
        initial: AgentState::Ready,
        return_after: Duration::from_secs(60),
        busy_pause: Duration::from_secs(5),
        policy: Default::default(),
    };
    Plan { queues: (0..QUEUES).map(queue).collect(), agents: (0..AGENTS).map(agent).collect(), ..Plan::default() }
}
