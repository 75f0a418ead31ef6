//! Who writes and who reads the live figures wait for nothing of each other: a reader that is stopped amid a scrape holds up no
//! fold, and a writer that is stopped amid a fold holds up no scrape (but for the moment in which a block's version is odd).
//! Each test holds all that the one side could hold while the other works in a thread of its own, which would wait for ever.

use std::sync::mpsc;
use std::thread;

use super::*;
use crate::acd::{OfferCause, Refusal, Repair};
use crate::base::WallTime;
use crate::stats::calendar::Grain;
use crate::stats::intervals::{Attribution, Question};
use crate::stats::work::{self, Workers};

/// Far more than the work takes on the slowest machine: who is not ready by then waits for a guard.
const STUCK: Duration = Duration::from_secs(60);

/// True when `work` comes to its end in a thread of its own.
fn ends(work: impl FnOnce() + Send + 'static) -> bool {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        work();
        done.send(())
    });
    ended.recv_timeout(STUCK).is_ok()
}

fn known() -> Arc<Live> {
    let live = Arc::new(live());
    live.set_origin(WallTime::from_micros(1_795_000_000_000_000));
    fold(&live, [Fact::AgentTeam { agent: AgentId(0), team: Some("floor/east".into()), by: Actor::Engine }]);
    fold(&live, a_call());
    live
}

/// A call's way with all that is counted of it, and the other things that happen.
fn a_call() -> Vec<Fact> {
    let made = Fact::OfferMade { call: CALL, queue: SALES, agent: AgentId(0), epoch: 1 };
    let (call, queue, agent) = (CALL, SALES, AgentId(0));
    let ended = Fact::OfferEnded { call, queue, agent, epoch: 1, cause: OfferCause::Answered, ring: secs(2) };
    vec![
        offered(SALES),
        Fact::Oldest { queue: SALES, since: Some(Instant::ZERO) },
        flowed_out(SALES, secs(1), FlowOut::Requeued),
        offered(SALES),
        made,
        missed(SALES),
        ended,
        answered(SALES, secs(30)),
        changes(0, AgentState::Ready, AgentState::Talking),
        talk_ended(SALES, 0, secs(9)),
        changes(0, AgentState::Talking, AgentState::WrapUp),
        wrap_up_ended(SALES, 0, secs(1)),
        changes(0, AgentState::WrapUp, AgentState::Ready),
        Fact::Oldest { queue: SALES, since: None },
        offered(HELP),
        abandoned(HELP, secs(3), false),
        offered(HELP),
        flowed_out(HELP, secs(3), FlowOut::Timeout),
        Fact::Refused { queue: Some(HELP), cause: Refusal::Closed, dimensions: Dimensions::default() },
        Fact::PeerState { peer: PeerId(0), up: false },
        Fact::Repaired { kind: Repair::Offer, agent: None, call: None },
    ]
}

#[test]
fn a_fold_waits_for_no_reader() {
    let live = known();
    let held = live.hold_readers();
    let writer = Arc::clone(&live);
    assert!(ends(move || fold(&writer, a_call())), "a fold waits for what a reader may hold");
    drop(held);
    assert_eq!((live.violations(), live.total(Instant::ZERO).offered), (0, 8));
}

#[test]
fn a_reader_waits_for_no_writer() {
    let live = known();
    let held = live.hold_writers();
    let reader = Arc::clone(&live);
    let read = move || {
        let now = Instant::ZERO;
        let exposition = exposition(&reader, now);
        assert!(!exposition.render().is_empty() && !exposition.render_openmetrics().is_empty());
        assert!(reader.overview(now).total.conserved());
        assert_eq!(reader.queues(now).len(), 2);
        assert!(reader.queue(now, "sales").is_some() && reader.outlook(now, "sales").is_some());
        let (by, attribution) = (Grain::Minutes(5), Attribution::Event);
        let question = Question { by, last: secs(600), attribution, threshold: None };
        assert!(reader.intervals(now, "sales", question).is_ok());
        let question = work::Question { by, last: secs(600) };
        assert!(reader.work(now, &Workers::Team(String::new()), question).is_ok());
        assert_eq!(reader.agents().iter().sum::<u64>(), 3);
    };
    assert!(ends(read), "a reader waits for what the writer may hold");
    drop(held);
}

#[test]
fn who_does_wait_is_found_out() {
    let live = known();
    let held = live.hold_readers();
    let (done, ended) = mpsc::channel();
    let reload = Arc::clone(&live);
    thread::spawn(move || {
        reload.apply_plan(Instant::ZERO, &plan(), &[]);
        done.send(())
    });
    // A reload does replace what readers look into; it ends when they let go.
    assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
    drop(held);
    assert!(ended.recv_timeout(STUCK).is_ok());
}
