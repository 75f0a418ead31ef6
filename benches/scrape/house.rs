//! The largest house that the figures are promised for: 500 queues and 10,000 agents, each with skills of its own, so that each
//! is a group by itself; 300 teams; a year of traffic in every interval that is kept, so that every window is as large as it
//! can be.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strowger::acd::{Actor, AgentTarget, Dimensions, EndedBy, Fact, FlowOut, Stamped, strategy};
use strowger::base::{AgentId, CallId, Instant, QueueId, WallTime};
use strowger::config::parse;
use strowger::node::{AgentChange, Control, Node, Reply, Resolved, Selection, Setup};
use strowger::stats::{Live, histogram_bounds};

use crate::cpu;

pub(crate) const QUEUES: u32 = 500;
pub(crate) const AGENTS: u32 = 10_000;
const TEAMS: u32 = 300;
/// Queues that an agent serves.
const SKILLS: u32 = 5;
/// Callers who wait in each queue at the end.
const WAITING: u64 = 20;

const MINUTE: u64 = 60;
const QUARTER: u64 = 15 * MINUTE;
const DAY: u64 = 86_400;
/// The end of the traffic, in seconds of the node's clock: a year and a month.
const END: u64 = 400 * DAY;
/// When the node started: the traffic ends in the middle of a day of 2026.
const ORIGIN: i64 = 1_795_000_000 - END as i64;

/// See the module.
pub(crate) struct House {
    pub(crate) node: Node,
    pub(crate) live: Arc<Live>,
    pub(crate) now: Instant,
    /// What the live figures added to resident memory when they were made, and after all windows were filled.
    pub(crate) resident: [u64; 2],
}

impl House {
    /// Builds it; takes some seconds.
    pub(crate) fn new() -> Self {
        let mut node = node();
        let before = cpu::resident();
        let naming = node.naming();
        let live = Arc::new(Live::new(Instant::ZERO, &naming.plan, &histogram_bounds([])));
        live.set_origin(WallTime::from_micros(ORIGIN * 1_000_000));
        live.apply_plan(Instant::ZERO, &naming.plan, &naming.peers);
        live.set_targets(&naming.targets);
        for agent in 0..AGENTS {
            let team = Some(format!("floor-{}/team-{}", agent % 10, agent % TEAMS).into());
            let fact = Fact::AgentTeam { agent: AgentId(agent), team, by: Actor::Engine };
            live.fold(&Stamped { at: Instant::ZERO, fact });
        }
        let made = cpu::resident() - before;
        let everybody = Selection { agents: vec![format!("10000-{}", 10_000 + AGENTS - 1)], teams: Vec::new() };
        let (change, by) = (AgentChange::State(AgentTarget::Ready), Actor::User("bench".into()));
        let reply = node.handle_control(Instant::ZERO, Control::SetAgents { who: everybody, change, by });
        assert!(matches!(reply, Reply::Set(agents) if agents.len() == AGENTS as usize));
        while let Some(fact) = node.poll_fact() {
            live.fold(&fact);
        }
        let now = Instant::from_micros(END * 1_000_000);
        fill(&live);
        let filled = cpu::resident() - before;
        assert_eq!(live.violations(), 0, "the traffic obeys the laws");
        Self { node, live, now, resident: [made, filled] }
    }
}

/// One visit in each queue at the end of each month, day, quarter and minute that the windows keep; those who still wait at the
/// end.
fn fill(live: &Live) {
    let back = |step: u64, count: u64| (0..count).map(move |n| END - n * step);
    let months = back(30 * DAY, 13).chain(back(DAY, 35)).chain(back(QUARTER, 100)).chain(back(MINUTE, 125));
    let mut seconds: Vec<u64> = months.collect();
    seconds.sort_unstable();
    seconds.dedup();
    let mut call = 0;
    for second in seconds {
        for queue in (0..QUEUES).map(QueueId) {
            call += 1;
            visit(live, second, CallId(call), queue);
        }
    }
    for queue in (0..QUEUES).map(QueueId) {
        for place in 0..WAITING {
            call += 1;
            let dimensions = Dimensions::default();
            let at = Instant::from_micros((END - WAITING + place) * 1_000_000);
            live.fold(&Stamped { at, fact: Fact::Offered { call: CallId(call), queue, dimensions } });
        }
        let since = Some(Instant::from_micros((END - WAITING) * 1_000_000));
        live.fold(&Stamped { at: Instant::from_micros(END * 1_000_000), fact: Fact::Oldest { queue, since } });
    }
}

/// Three in five are answered, one gives up, one flows out.
fn visit(live: &Live, second: u64, call: CallId, queue: QueueId) {
    let at = Instant::from_micros(second * 1_000_000);
    let fold = |fact| live.fold(&Stamped { at, fact });
    let agent = AgentId((call.0 % u64::from(AGENTS)) as u32);
    let wait = Duration::from_secs(call.0 % 20);
    let dimensions = Dimensions::default();
    fold(Fact::Offered { call, queue, dimensions });
    match call.0 % 5 {
        0 => fold(Fact::Abandoned {
            call,
            queue,
            wait,
            while_ringing: false,
            cause: strowger::acd::LostCause::CallerInQueue,
        }),
        1 => fold(Fact::FlowedOut {
            call,
            queue,
            wait,
            reason: FlowOut::Timeout,
            cause: Some(strowger::acd::LostCause::Timeout),
        }),
        _ => {
            fold(Fact::Answered { call, queue, agent, wait, since: at });
            let talk = Duration::from_secs(60 + call.0 % 240);
            fold(Fact::TalkEnded { call, queue, agent, talk, hold: Duration::ZERO, by: EndedBy::Caller });
            fold(Fact::WrapUpEnded { queue, agent, wrap_up: Duration::from_secs(10) });
        }
    }
}

/// A node with the queues and agents, nobody calling.
fn node() -> Node {
    let mut text = String::from(
        "[sip]\nlisten = \"192.0.2.2:5060\"\n[http]\nlisten = \"127.0.0.1:8080\"\n\
         [peers.pbx]\naddress = \"192.0.2.3:5060\"\nqualify = \"0s\"\n",
    );
    let mut add = |entry: std::fmt::Arguments<'_>| text.write_fmt(entry).expect("a string takes everything");
    for queue in 0..QUEUES {
        add(format_args!(
            "[queues.queue-{queue:03}]\nnumbers = [\"{}\"]\nskills = [\"skill-{queue:03}\"]\n",
            20_000 + queue
        ));
    }
    for agent in 0..AGENTS {
        // Twenty agents serve the same queues; their levels tell them apart.
        let nth = agent / QUEUES;
        let level = |skill: u32| if skill == 0 { 1 + nth % 10 } else { 1 + (nth / 10 + skill) % 10 };
        let skills = (0..SKILLS).map(|skill| format!("skill-{:03} = {}", (agent + skill * 101) % QUEUES, level(skill)));
        let skills: Vec<String> = skills.collect();
        add(format_args!("[agents.\"{}\"]\npeer = \"pbx\"\nskills = {{ {} }}\n", 10_000 + agent, skills.join(", ")));
    }
    let config = parse(&text, "bench.toml", &strategy::names().collect::<Vec<_>>()).expect("a good configuration");
    let setup = Setup {
        config: Arc::new(config),
        resolved: Resolved::default(),
        seed: [7; 32],
        sip_address: SocketAddr::from(([192, 0, 2, 2], 5060)),
        leases: Vec::new(),
        other: None,
    };
    Node::new(Instant::ZERO, setup)
}
