//! Agents whose device calls do not reach.

use super::*;

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
    let signs: [(&str, Sign); 4] = [
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
    ];
    for (what, sign) in signs {
        let mut centre = absent(3);
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
fn what_was_wished_meanwhile_holds_and_a_neighbour_that_is_down_outlasts_the_pause() {
    let mut centre = absent(0);
    centre.log_out(1);
    let (agent, epoch) = centre.offer(1);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::LoggedOut);
    let mut centre = absent(1);
    centre.command(Command::PeerState { peer: PeerId(0), up: false });
    centre.pass(60);
    assert_eq!((centre.state(1), centre.offer_of(1)), (AgentState::Unreachable, None));
    centre.command(Command::PeerState { peer: PeerId(0), up: true });
    assert!(centre.offer_of(1).is_some());
}

#[test]
fn a_reload_keeps_the_pause_unless_the_agent_moves_to_another_neighbour() {
    let mut centre = absent(1);
    centre.reload(|_| {});
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.reload(|plan| plan.agents[0].peer = PeerId(1));
    assert!(centre.offer_of(1).is_some());
    let mut centre = absent(1);
    centre.reload(|plan| plan.agents.clear());
    centre.pass(60);
    assert_eq!(centre.engine.agent(AgentId(1)), None);
}
