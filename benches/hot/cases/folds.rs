//! What a call's facts cost the live figures: an agent who has a team and figures of its own answers calls of the queues that it
//! serves, one call in ten seconds of the node's time, so that every second call passes a border of some minute.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strowger::acd::{Actor, AgentState, Dimensions, EndedBy, Fact, OfferCause, Stamped, strategy};
use strowger::base::{AgentId, CallId, Instant, QueueId, WallTime};
use strowger::config::parse;
use strowger::node::{Node, Resolved, Setup, figures};
use strowger::stats::Live;

/// 2026-11-18 in the morning.
const ORIGIN: i64 = 1_795_000_000;

/// The facts of one call, from joining a queue to the end of the wrap-up, with an agent who serves so many queues.
pub(crate) fn call(queues: u32) -> impl FnMut() {
    let live = live(queues);
    let fold = move |second: u64, fact: Fact| {
        live.fold(&Stamped { at: Instant::from_micros(second * 1_000_000), fact });
        assert_eq!(live.violations(), 0, "the facts obey the laws");
    };
    let agent = AgentId(0);
    let becomes = move |from: AgentState, to: AgentState| {
        let spent = Duration::from_secs(1);
        Fact::AgentState { agent, from, to, spent, by: Actor::Engine }
    };
    fold(0, becomes(AgentState::LoggedOut, AgentState::Ready));
    let mut number = 0;
    move || {
        number += 1;
        let (call, queue, start) = (CallId(number), QueueId(0), number * 10);
        let (wait, since) = (Duration::from_secs(2), Instant::from_micros(start * 1_000_000));
        fold(start, Fact::Offered { call, queue, dimensions: Dimensions::default() });
        fold(start, Fact::Oldest { queue, since: Some(since) });
        fold(start, becomes(AgentState::Ready, AgentState::Reserved));
        fold(start, Fact::OfferMade { call, queue, agent, epoch: 1 });
        fold(start + 1, becomes(AgentState::Reserved, AgentState::Ringing));
        let (epoch, cause, ring) = (1, OfferCause::Answered, wait);
        fold(start + 2, Fact::OfferEnded { call, queue, agent, epoch, cause, ring });
        fold(start + 2, Fact::Answered { call, queue, agent, wait, since });
        fold(start + 2, Fact::Oldest { queue, since: None });
        fold(start + 2, becomes(AgentState::Ringing, AgentState::Talking));
        let (talk, hold, by) = (Duration::from_secs(5), Duration::ZERO, EndedBy::Caller);
        fold(start + 7, Fact::TalkEnded { call, queue, agent, talk, hold, by });
        fold(start + 7, becomes(AgentState::Talking, AgentState::WrapUp));
        fold(start + 8, Fact::WrapUpEnded { queue, agent, wrap_up: Duration::from_secs(1) });
        fold(start + 8, becomes(AgentState::WrapUp, AgentState::Ready));
    }
}

/// The figures of a house with so many queues and one agent, who serves them all.
fn live(queues: u32) -> Live {
    let names: Vec<String> = (0..queues).map(|queue| format!("q{queue}")).collect();
    let queues = names
        .iter()
        .zip(800..)
        .map(|(name, number)| format!("[queues.{name}]\nnumbers = [\"{number}\"]\nskills = [\"{name}\"]\n"));
    let text = format!(
        "[sip]\nlisten = \"192.0.2.2:5060\"\n[http]\nlisten = \"127.0.0.1:8080\"\n[figures]\nagent_series = [\"floor\"]\n\
         [teams.floor]\nagents = [\"1001\"]\n[peers.pbx]\naddress = \"192.0.2.3:5060\"\nqualify = \"0s\"\n{}\
         [agents.\"1001\"]\npeer = \"pbx\"\nskills = {:?}\n",
        queues.collect::<String>(),
        names
    );
    let config = parse(&text, "bench.toml", &strategy::names().collect::<Vec<_>>()).expect("a good configuration");
    let setup = Setup {
        config: Arc::new(config),
        resolved: Resolved::default(),
        seed: [7; 32],
        sip_address: SocketAddr::from(([192, 0, 2, 2], 5060)),
        leases: Vec::new(),
        other: None,
    };
    let node = Node::new(Instant::ZERO, setup);
    figures::figures(Instant::ZERO, &node.naming(), WallTime::from_micros(ORIGIN * 1_000_000))
}
