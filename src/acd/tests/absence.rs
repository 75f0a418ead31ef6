//! Agents whose device calls do not reach.

use super::*;
use crate::acd::message::Whom;

/// One agent and one call whose offer has just found no device, `times` in a row.
fn absent(times: u32) -> Centre {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    for before in 0..times {
        centre.pass([0, 5, 10, 20, 40, 80, 160, 300, 300][before as usize]);
        fail(&mut centre, OfferCause::Absent);
    }
    centre
}

fn fail(centre: &mut Centre, cause: OfferCause) {
    let (agent, epoch) = centre.offer_of(1).expect("an offer");
    centre.forget();
    centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause });
}

fn device(centre: &mut Centre, device: DeviceState) {
    centre.command(Command::Device { agent: AgentId(1), device, by: Actor::Engine });
}

#[test]
fn a_call_is_tried_again_after_a_pause_that_grows() {
    let mut centre = absent(1);
    for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
        let status = centre.engine.agent(AgentId(1)).unwrap();
        assert_eq!((status.state, status.is_absent), (AgentState::Unreachable, true));
        assert_eq!(status.until, Some(centre.now + secs(pause)));
        centre.pass_ms(pause * 1_000 - 1);
        assert_eq!(centre.offer_of(1), None, "{pause}");
        centre.pass_ms(1);
        fail(&mut centre, OfferCause::Absent);
    }
}

#[test]
fn the_caller_goes_on_to_others_at_once_and_no_attempt_is_counted() {
    let change = |plan: &mut Plan| {
        plan.queues[0].offers = OfferPolicy { max: Some(1), retry: secs(9), ..OfferPolicy::default() }
    };
    let mut centre = Centre::new(change, 2);
    centre.enqueue(1, 1);
    fail(&mut centre, OfferCause::Absent);
    assert_eq!(centre.offer_of(1).map(|(agent, _)| agent), Some(AgentId(2)));
}

#[test]
fn a_device_that_shows_life_is_rung_at_once_and_the_pause_begins_anew() {
    type Sign = fn(&mut Centre);
    let signs: [(&str, Sign); 6] = [
        ("the device has registered, or its PBX tells unasked", |centre| {
            centre.command(Command::DeviceAlive { agent: AgentId(1) });
        }),
        ("somebody sets the agent ready", |centre| centre.set(1, AgentTarget::Ready)),
        ("the agent goes and comes", |centre| {
            centre.log_out(1);
            centre.set(1, AgentTarget::Ready);
        }),
        ("a call of its own", |centre| {
            device(centre, DeviceState::Busy(Direction::Out));
            device(centre, DeviceState::Idle);
        }),
        ("its neighbour goes and comes", |centre| {
            centre.command(Command::PeerState { peer: PeerId(0), up: false });
            centre.command(Command::PeerState { peer: PeerId(0), up: true });
        }),
        ("a reload, which may have put its address right", |centre| centre.reload(|_| {})),
    ];
    for (what, sign) in signs {
        let mut centre = absent(3);
        centre.pass(1);
        centre.forget();
        sign(&mut centre);
        assert!(centre.offer_of(1).is_some(), "{what}");
        fail(&mut centre, OfferCause::Absent);
        assert_eq!(centre.engine.agent(AgentId(1)).unwrap().until, Some(centre.now + secs(5)), "{what}");
    }
}

#[test]
fn who_begins_or_ceases_to_tell_of_a_device_says_nothing_of_it() {
    let mut centre = absent(1);
    centre.pass(1);
    for told in [DeviceState::Idle, DeviceState::Unknown, DeviceState::Idle] {
        device(&mut centre, told);
        assert_eq!(centre.state(1), AgentState::Unreachable, "{told:?}");
    }
    device(&mut centre, DeviceState::Offline);
    device(&mut centre, DeviceState::Idle);
    assert!(centre.offer_of(1).is_some(), "it has come back");
}

#[test]
fn an_agent_whose_device_answers_somehow_begins_with_the_first_pause_again() {
    for (cause, then) in [(OfferCause::Busy, 5), (OfferCause::Failed, 20)] {
        let mut centre = absent(2);
        centre.pass(10);
        fail(&mut centre, cause);
        centre.pass(5);
        fail(&mut centre, OfferCause::Absent);
        assert_eq!(centre.engine.agent(AgentId(1)).unwrap().until, Some(centre.now + secs(then)), "{cause:?}");
    }
}

#[test]
fn what_is_told_of_our_own_call_is_no_sign_of_life() {
    let alive = Command::DeviceAlive { agent: AgentId(1) };
    let mut centre = absent(0);
    for pause in [5, 10, 20] {
        device(&mut centre, DeviceState::Ringing);
        centre.command(alive.clone());
        fail(&mut centre, OfferCause::Absent);
        device(&mut centre, DeviceState::Idle);
        centre.pass_ms(999);
        centre.command(alive.clone());
        assert_eq!((centre.state(1), centre.offer_of(1)), (AgentState::Unreachable, None));
        centre.pass_ms(pause * 1_000 - 1_000);
        assert_eq!(centre.offer_of(1), None);
        centre.pass_ms(1);
        assert!(centre.offer_of(1).is_some(), "{pause}");
    }
}

#[test]
fn what_was_wished_meanwhile_holds() {
    let mut centre = absent(0);
    let (agent, epoch) = centre.offer(1);
    centre.set(1, AgentTarget::NotReady(Reason::Custom("tea".into())));
    fail(&mut centre, OfferCause::Absent);
    assert_eq!(centre.state(1), AgentState::NotReady(Reason::Custom("tea".into())));
    centre.pass(60);
    centre.set(1, AgentTarget::Ready);
    assert_ne!(centre.offer_of(1), Some((agent, epoch)));
    assert!(centre.offer_of(1).is_some());
}

#[test]
fn a_neighbour_that_is_down_outlasts_the_pause_and_says_nothing_of_its_devices() {
    let down = Command::PeerState { peer: PeerId(0), up: false };
    let up = Command::PeerState { peer: PeerId(0), up: true };
    let mut centre = absent(0);
    centre.command(down);
    fail(&mut centre, OfferCause::Absent);
    let status = centre.engine.agent(AgentId(1)).unwrap();
    assert_eq!((status.state, status.is_absent, status.until), (AgentState::Unreachable, false, None));
    centre.pass(60);
    assert_eq!((centre.state(1), centre.offer_of(1)), (AgentState::Unreachable, None));
    centre.command(up);
    fail(&mut centre, OfferCause::Absent);
    assert_eq!(centre.engine.agent(AgentId(1)).unwrap().until, Some(centre.now + secs(5)));
}

#[test]
fn who_sets_an_absent_agent_ready_is_named() {
    let mut centre = absent(1);
    centre.forget();
    centre.set(1, AgentTarget::Ready);
    let by = |fact: &Fact| {
        if let Fact::AgentState { to: AgentState::Ready, by, .. } = fact { Some(by.clone()) } else { None }
    };
    assert_eq!(centre.facts.iter().find_map(by), Some(anna()));
}

#[test]
fn one_who_answers_again_shows_that_others_behind_the_same_neighbour_may_be_there() {
    let change = |plan: &mut Plan| {
        for agent in &mut plan.agents[1..] {
            agent.busy_pause = secs(60);
        }
        plan.agents[3].peer = PeerId(1);
    };
    let mut centre = Centre::new(change, 4);
    centre.enqueue(1, 1);
    for _ in 0..4 {
        fail(&mut centre, OfferCause::Absent);
    }
    centre.command(Command::Device { agent: AgentId(3), device: DeviceState::Offline, by: Actor::Engine });
    centre.pass(5);
    centre.ring(1);
    let states = |centre: &Centre| [2, 3, 4].map(|agent| centre.state(agent));
    let (there, gone) = (AgentState::Ready, AgentState::Unreachable);
    assert_eq!(states(&centre), [gone.clone(), gone.clone(), gone.clone()], "who rings may not be there");
    centre.answer(1);
    assert_eq!(states(&centre), [there, gone.clone(), gone], "one is offline, one behind another neighbour");
    centre.enqueue(2, 1);
    let (agent, epoch) = centre.offer(2);
    centre.command(Command::OfferFailed { call: CallId(2), agent, epoch, cause: OfferCause::Absent });
    let status = centre.engine.agent(AgentId(2)).unwrap();
    assert_eq!(status.until, Some(centre.now + secs(120)), "it was one trial");
}

#[test]
fn nobody_waits_for_an_absent_agent() {
    // By name.
    let mut centre = absent(1);
    centre.forget();
    let to = Command::OfferTo { call: CallId(7), agent: AgentId(1), queue: QueueId(1) };
    centre.command(to);
    assert!(centre.effects.contains(&Effect::Unavailable { call: CallId(7), agent: AgentId(1) }));
    // A call that is handed on to the agent and does not reach the device is for whoever handed it on.
    let mut centre = Centre::new(|_| {}, 1);
    centre.command(Command::OfferTo { call: CallId(7), agent: AgentId(1), queue: QueueId(1) });
    let (agent, epoch) = centre.offer(7);
    centre.command(Command::OfferFailed { call: CallId(7), agent, epoch, cause: OfferCause::Absent });
    assert_eq!(centre.state(1), AgentState::Unreachable);
    // A caller who prefers it.
    let mut centre = Centre::new(|plan| plan.queues[0].routing.preferred_for = secs(20), 2);
    let preferred = Some(Preference { whom: Whom::Agent(AgentId(2)), from: centre.now });
    let (call, queue) = (CallId(1), QueueId(1));
    let asks = Asks { preferred, ..Asks::default() };
    centre.command(Command::Enqueue { call, queue, priority: 0, since: None, asks });
    assert_eq!(centre.offer(1).0, AgentId(2));
    fail(&mut centre, OfferCause::Absent);
    assert_eq!(centre.offer_of(1).map(|(agent, _)| agent), Some(AgentId(1)));
}

#[test]
fn where_all_are_rung_the_others_ring_on_and_the_absent_one_joins_them_again() {
    let mut centre = Centre::new(|plan| plan.queues[0].strategy = "ring-all", 3);
    centre.enqueue(1, 1);
    let rung: Vec<_> = (1..=3).map(|id| centre.engine.agent(AgentId(id)).and_then(|status| status.epoch)).collect();
    let epoch = rung[1].expect("all ring");
    centre.forget();
    let (call, agent) = (CallId(1), AgentId(2));
    centre.command(Command::OfferFailed { call, agent, epoch, cause: OfferCause::Absent });
    assert_eq!(
        (centre.cancelled(), centre.state(1), centre.state(3)),
        (vec![], AgentState::Reserved, AgentState::Reserved)
    );
    centre.pass(4);
    assert_eq!((centre.state(2), centre.offer_of(1)), (AgentState::Unreachable, None));
    centre.pass(1);
    assert_eq!(centre.offer_of(1).map(|(agent, _)| agent), Some(AgentId(2)));
}

#[test]
fn a_removed_agent_is_forgotten_with_its_pause() {
    let mut centre = absent(1);
    centre.reload(|plan| plan.agents.clear());
    centre.pass(60);
    assert_eq!(centre.engine.agent(AgentId(1)), None);
}
