//! Supervisors: whatever one does is told once, with who and why; and a call put back into the line is not overtaken.

use super::*;

fn chief() -> Actor {
    Actor::Supervisor { name: "eve".into(), why: "rush".into() }
}

#[test]
fn each_setting_is_told_once_with_who_and_why_and_one_of_nobody_is_not() {
    let mut centre = Centre::new(|_| {}, 1);
    let (agent, queue) = (AgentId(1), QueueId(1));
    for setting in [
        AgentSetting::Skill(Skill::from("french")),
        AgentSetting::Membership(queue, Some(Membership { penalty: 2, ..Membership::of(queue) })),
        AgentSetting::Penalty(queue, 3),
        AgentSetting::Membership(queue, None),
        AgentSetting::Defaults(Laid::Skill("french".into())),
        AgentSetting::Defaults(Laid::Membership(queue)),
        AgentSetting::Defaults(Laid::All),
    ] {
        centre.command(Command::ChangeAgent { agent, setting: setting.clone(), by: chief() });
        assert_eq!(centre.facts(), [Fact::AgentSet { agent, setting: setting.clone(), by: chief() }]);
        centre.command(Command::ChangeAgent { agent: AgentId(9), setting, by: chief() });
        assert_eq!(centre.facts(), []);
    }
    for setting in [
        QueueSetting::State(QueueState::Closed),
        QueueSetting::State(QueueState::Emergency),
        QueueSetting::State(QueueState::Open),
        QueueSetting::Strategy("linear"),
        QueueSetting::Threshold(secs(5)),
        QueueSetting::Weight(2),
        QueueSetting::Priority(3),
        QueueSetting::Target(900),
        QueueSetting::Defaults,
    ] {
        centre.command(Command::ChangeQueue { queue, setting, by: chief() });
        assert_eq!(centre.facts(), [Fact::QueueSet { queue, setting, by: chief() }]);
        centre.command(Command::ChangeQueue { queue: QueueId(9), setting, by: chief() });
        assert_eq!(centre.facts(), []);
    }
}

#[test]
fn a_device_is_told_when_it_does_something_else() {
    let mut centre = Centre::new(|_| {}, 1);
    let agent = AgentId(1);
    for device in [DeviceState::Idle, DeviceState::Idle] {
        centre.command(Command::Device { agent, device, by: anna() });
    }
    assert_eq!(centre.facts(), [Fact::Device { agent, device: DeviceState::Idle, by: anna() }]);
}

#[test]
fn the_priority_of_a_waiting_call_is_told_and_of_another_is_not() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.enqueue(1, 1);
    centre.forget();
    for call in [CallId(1), CallId(2)] {
        centre.command(Command::SetPriority { call, priority: 4, by: anna() });
    }
    assert_eq!(centre.facts(), [Fact::PrioritySet { call: CallId(1), priority: 4, by: anna() }]);
}

#[test]
fn what_is_done_with_a_call_is_told_before_what_comes_of_it() {
    let mut centre = Centre::new(|_| {}, 1);
    let call = CallId(1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    let told = |centre: &mut Centre| {
        let facts = centre.facts();
        let is_it = |fact: &&Fact| matches!(fact, Fact::Supervised { .. });
        assert_eq!(facts.iter().filter(is_it).count(), usize::from(!facts.is_empty()), "{facts:?}");
        let Some(Fact::Supervised { what, by, .. }) = facts.first() else { return None };
        assert_eq!(*by, chief());
        Some(*what)
    };
    centre.forget();
    let (what, by) = (Intervention::Withdraw, chief());
    centre.command(Command::TakeOut { call, what, by });
    assert_eq!(told(&mut centre), None, "it talks");
    centre.command(Command::EndTalk { call, agent, epoch, by: chief() });
    assert_eq!(told(&mut centre), Some(Intervention::HangUp));
    centre.command(Command::EndTalk { call, agent, epoch, by: chief() });
    assert_eq!(told(&mut centre), None, "it is over");
    centre.log_out(1);
    for (number, what) in (2..).zip([Intervention::HangUp, Intervention::Withdraw, Intervention::Requeue(QueueId(1))]) {
        centre.enqueue(number, 1);
        centre.forget();
        centre.command(Command::TakeOut { call: CallId(number), what, by: chief() });
        assert_eq!(told(&mut centre), Some(what));
        let reason = if matches!(what, Intervention::Requeue(_)) { FlowOut::Requeued } else { FlowOut::Withdrawn };
        assert_eq!(centre.flowed_out(), [(number, reason)]);
    }
}

fn requeue(centre: &mut Centre, agent: AgentId, epoch: u32) {
    let (call, queue, by) = (CallId(1), QueueId(1), chief());
    let (talk, asks) = (Some((agent, epoch)), Asks::default());
    centre.command(Command::Requeue { call, talk, queue, priority: 0, since: START, asks, by });
}

#[test]
fn a_caller_who_is_put_back_into_the_line_is_not_overtaken() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.pass(1);
    centre.enqueue(2, 1);
    centre.forget();
    requeue(&mut centre, agent, epoch);
    assert_eq!(centre.offer_of(1).map(|(to, _)| to), Some(agent), "it is first in line, and there is nobody else");
    assert_eq!(centre.offer_of(2), None);
    let facts = centre.facts();
    let place = |is_it: fn(&Fact) -> bool| facts.iter().position(is_it).expect("it is told");
    let told = place(|fact| matches!(fact, Fact::Supervised { .. }));
    let parted = place(|fact| matches!(fact, Fact::TalkEnded { by: EndedBy::Supervisor, .. }));
    let joined = place(|fact| matches!(fact, Fact::Offered { .. }));
    let offered = place(|fact| matches!(fact, Fact::OfferMade { .. }));
    assert!(told < parted && parted < joined && joined < offered, "{facts:?}");
}

#[test]
fn a_caller_who_is_put_back_gets_another_agent_where_one_is_ready() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.pass(1);
    centre.forget();
    requeue(&mut centre, agent, epoch);
    let other = centre.offer_of(1).expect("the other is rung").0;
    assert_ne!(other, agent);
    assert_eq!(centre.state(agent.0), AgentState::Ready);
}

#[test]
fn a_caller_put_back_while_the_agent_wraps_up_is_taken_after_the_wrap_up() {
    let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(5), 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    requeue(&mut centre, agent, epoch);
    assert_eq!(centre.state(1), AgentState::WrapUp);
    centre.forget();
    centre.pass(5);
    assert_eq!(centre.offer_of(1).map(|(to, _)| to), Some(agent));
}

#[test]
fn who_came_before_goes_before_a_caller_who_is_put_back() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue_as(1, 1, 5, None);
    let (agent, epoch) = centre.answer(1);
    centre.enqueue_as(2, 1, 0, Some(Instant::ZERO));
    centre.forget();
    requeue(&mut centre, agent, epoch);
    assert_eq!(centre.offer_of(2).map(|(to, _)| to), Some(agent));
}

/// An agent in a talk of whose device is told, without wrap-up.
fn watched_talk(device: DeviceState) -> (Centre, AgentId, u32) {
    let mut centre = Centre::new(|_| {}, 1);
    centre.command(Command::Device { agent: AgentId(1), device: DeviceState::Idle, by: Actor::Engine });
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.command(Command::Device { agent, device, by: Actor::Engine });
    (centre, agent, epoch)
}

fn disagreements(centre: &mut Centre) -> usize {
    centre.facts().iter().filter(|fact| matches!(fact, Fact::Disagreement { .. })).count()
}

#[test]
fn what_a_device_does_in_our_own_call_is_ours_and_for_a_second_after_it() {
    let busy = DeviceState::Busy(Direction::In);
    let (mut centre, agent, epoch) = watched_talk(busy);
    centre.pass(60);
    centre.hang_up(1, agent, epoch);
    assert_eq!(centre.state(1), AgentState::Ready, "the PBX has not told yet that the call is over");
    centre.command(Command::Device { agent, device: DeviceState::Idle, by: Actor::Engine });
    assert_eq!((centre.state(1), disagreements(&mut centre)), (AgentState::Ready, 0));
    centre.command(Command::Device { agent, device: DeviceState::Busy(Direction::Out), by: Actor::Engine });
    assert_eq!(centre.state(1), AgentState::OtherCall(Direction::Out), "a new call counts at once");
    let (mut centre, agent, epoch) = watched_talk(busy);
    centre.hang_up(1, agent, epoch);
    centre.pass(1);
    assert_eq!(centre.state(1), AgentState::OtherCall(Direction::In), "it has a second call of its own");
    assert_eq!(disagreements(&mut centre), 1);
    centre.engine.check().unwrap();
}

#[test]
fn a_device_that_is_told_to_be_free_while_the_agent_talks_disagrees_after_a_second() {
    let (mut centre, agent, _) = watched_talk(DeviceState::Idle);
    assert_eq!(disagreements(&mut centre), 0, "the PBX needs a moment");
    centre.pass(1);
    assert_eq!(disagreements(&mut centre), 1);
    centre.command(Command::Device { agent, device: DeviceState::Busy(Direction::In), by: Actor::Engine });
    assert_eq!(disagreements(&mut centre), 1, "and agrees again");
}

#[test]
fn an_agent_of_whose_device_nobody_tells_any_more_is_unreachable_where_that_is_wished() {
    let mut centre = Centre::new(|_| {}, 1);
    let agent = AgentId(1);
    centre.command(Command::Device { agent, device: DeviceState::Stale, by: Actor::Engine });
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.enqueue(1, 1);
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.command(Command::Device { agent, device: DeviceState::Unknown, by: Actor::Engine });
    assert_eq!(centre.state(1), AgentState::Reserved);
    centre.engine.check().unwrap();
}

#[test]
fn who_had_an_agent_take_calls_is_known_whatever_its_device_does_then() {
    let mut centre = Centre::new(|_| {}, 1);
    let (agent, out) = (AgentId(1), DeviceState::Busy(Direction::Out));
    let shown = |centre: &Centre| centre.engine.agent(agent).map(|status| (status.state, status.by)).unwrap();
    let device = |centre: &mut Centre, device| {
        centre.command(Command::Device { agent, device, by: Actor::Engine });
        shown(centre)
    };
    centre.set(1, AgentTarget::LoggedOut);
    device(&mut centre, DeviceState::Idle);
    // It logs in by a code: its phone is in the call in which it dials that.
    device(&mut centre, out);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(shown(&centre), (AgentState::OtherCall(Direction::Out), anna()));
    assert_eq!(device(&mut centre, DeviceState::Idle), (AgentState::Ready, anna()));
    assert_eq!(device(&mut centre, DeviceState::Offline), (AgentState::Unreachable, anna()));
    assert_eq!(device(&mut centre, DeviceState::Idle), (AgentState::Ready, anna()));
    centre.talk(1, 5);
    assert_eq!(shown(&centre).1, Actor::Engine, "what follows from a call follows by itself");
}
