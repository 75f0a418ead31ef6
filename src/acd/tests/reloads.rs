//! Reloads: what survives a new plan.

use super::*;

#[test]
fn a_removed_queue_takes_nobody_and_serves_those_who_wait() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.log_out(1);
    centre.enqueue(1, 1);
    centre.reload(|plan| plan.queues[0] = queue(2));
    centre.enqueue(2, 1);
    assert_eq!(centre.flowed_out(), [(2, FlowOut::Closed)]);
    assert_eq!(centre.engine.counts(QueueId(1)).expect("still there").offered, 2);
    centre.set(1, AgentTarget::Ready);
    centre.answer(1);
    assert_eq!(centre.engine.counts(QueueId(1)), None, "gone with its last caller");
    centre.pass(100);
}

#[test]
fn a_removed_agent_finishes_the_call_and_is_forgotten() {
    let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(10), 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.reload(|plan| plan.agents.clear());
    assert_eq!(centre.state(1), AgentState::Talking);
    centre.hang_up(1, agent, epoch);
    assert_eq!(centre.state(1), AgentState::WrapUp);
    centre.forget();
    centre.pass(10);
    assert_eq!(centre.facts().last(), Some(&state(1, AgentState::WrapUp, AgentState::LoggedOut, 10)));
    assert_eq!(centre.engine.agent(agent), None);
}

#[test]
fn an_agent_removed_while_ringing_loses_the_call_to_the_next() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.reload(|plan| drop(plan.agents.remove(0)));
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::AgentGone)]);
    assert_eq!(centre.offer(1).0, AgentId(2));
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.engine.agent(agent), None);
}

#[test]
fn an_agent_who_returns_before_the_call_ends_stays() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (busy, epoch) = centre.answer(1);
    centre.reload(|plan| plan.agents.clear());
    centre.reload(|plan| plan.agents = vec![agent(1)]);
    centre.hang_up(1, busy, epoch);
    assert_eq!(centre.state(1), AgentState::Ready);
}

#[test]
fn new_skills_and_new_agents_are_matched_at_once_and_states_survive() {
    let mut centre = Centre::new(|plan| plan.queues[0].routing.requirement = asks("french"), 2);
    centre.set(2, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 1);
    centre.enqueue(2, 1);
    assert_eq!(centre.offer_of(1), None);
    centre.reload(|plan| {
        plan.agents.iter_mut().for_each(|agent| agent.skills = vec!["french".into()]);
        plan.agents.push(AgentPlan { skills: vec!["french".into()], ..agent(3) });
    });
    assert_eq!((centre.offer(1).0, centre.offer(2).0), (AgentId(1), AgentId(3)));
    assert_eq!(centre.state(2), AgentState::NotReady(Reason::Initial));
}

#[test]
fn agents_begin_in_their_configured_state_by_a_fact_each() {
    let states = [AgentState::LoggedOut, AgentState::Ready, AgentState::NotReady(Reason::Initial)];
    let mut plan = plan(3);
    for (agent, state) in plan.agents.iter_mut().zip(&states) {
        agent.initial = state.clone();
    }
    let mut engine = Engine::new(START, Arc::new(plan));
    let facts: Vec<Fact> = std::iter::from_fn(|| engine.poll_fact()).map(|stamped| stamped.fact).collect();
    let entered = |id, to: &AgentState| Fact::AgentState {
        agent: AgentId(id),
        from: AgentState::LoggedOut,
        to: to.clone(),
        spent: Duration::ZERO,
        by: Actor::Engine,
    };
    assert_eq!(facts, [entered(2, &states[1]), entered(3, &states[2])]);
}

#[test]
fn a_new_threshold_and_a_new_longest_wait_hold_for_those_who_wait() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.enqueue(1, 1);
    centre.pass(10);
    centre.reload(|plan| {
        plan.queues[0].threshold = secs(5);
        plan.queues[0].wait_max = Some(secs(12));
    });
    centre.pass(0);
    assert_eq!(centre.missed(), [1]);
    centre.reload(|plan| plan.queues[0].threshold = secs(11));
    centre.forget();
    centre.pass(2);
    assert!(centre.missed().is_empty(), "told once");
    assert_eq!(centre.flowed_out(), [(1, FlowOut::Timeout)]);
}

#[test]
fn a_longer_threshold_holds_for_who_comes_back_with_an_old_wait() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.pass(20);
    centre.enqueue_as(1, 1, 0, Some(START));
    centre.enqueue_as(3, 1, 0, Some(START + secs(8)));
    centre.pass(10);
    assert_eq!(centre.missed(), [1, 3]);
    centre.reload(|plan| plan.queues[0].threshold = secs(60));
    centre.forget();
    centre.enqueue_as(2, 1, 0, Some(START + secs(1)));
    centre.pass(31);
    assert!(centre.missed().is_empty());
    centre.pass(1);
    assert_eq!(centre.missed(), [2]);
}

#[test]
fn new_pauses_hold_for_the_agents_there_are() {
    for (cause, pause) in [(OfferCause::Declined, 7), (OfferCause::Busy, 3)] {
        let mut centre = Centre::new(|_| {}, 1);
        centre.reload(|plan| (plan.agents[0].return_after, plan.agents[0].busy_pause) = (secs(7), secs(3)));
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.offer(1);
        centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause });
        centre.pass(pause - 1);
        assert!(matches!(centre.state(1), AgentState::NotReady(_)));
        centre.pass(1);
        assert_eq!(centre.state(1), AgentState::Reserved);
    }
}

#[test]
fn an_agent_moved_to_another_neighbour_is_reached_by_that_one() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.command(Command::PeerState { peer: PeerId(7), up: false });
    centre.reload(|plan| plan.agents[0].peer = PeerId(7));
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.reload(|plan| plan.agents[0].peer = PeerId(8));
    assert_eq!(centre.state(1), AgentState::Ready);
}

/// One of 121 that ask for different things.
fn levels(n: u64) -> Asks {
    let level = |n: u64| ((n % 11) as i64).into();
    let attributes = [("f".into(), level(n)), ("g".into(), level(n / 11))].into_iter().collect();
    Asks { attributes: Some(Arc::new(attributes)), ..Asks::default() }
}

/// Callers bring ever new attributes, supervisors set ever other skills and terms, plans come and go.
#[test]
fn what_nobody_uses_any_more_is_forgotten() {
    let case = |plan: &mut Plan| {
        let routing = &mut plan.queues[0].routing;
        routing.requirement = asks("french >= $f && german >= $g");
        routing.steps = vec![Step { after: secs(5), requirement: Some(asks("french")), strategy: None, bump: 1 }];
        plan.queues.push(queue(2));
        plan.agents.iter_mut().for_each(|agent| agent.skills = vec!["french".into()]);
    };
    let mut centre = Centre::new(case, 4);
    (1..=4).for_each(|agent| centre.set(agent, AgentTarget::NotReady(Reason::Initial)));
    let mut sizes = Vec::new();
    for round in 0..600_u32 {
        let skill = |level| Skill { level, ..Skill::from(format!("skill-{}", round % 50).as_str()) };
        let agent = AgentId(1 + round % 4);
        for level in [1 + (round % 10) as u8, 0] {
            let setting = AgentSetting::Skill(skill(level));
            centre.command(Command::ChangeAgent { agent, setting, by: anna() });
        }
        let setting = AgentSetting::Penalty(QueueId(1), round % 97);
        centre.command(Command::ChangeAgent { agent, setting, by: anna() });
        let (call, asks) = (CallId(u64::from(round) + 1), levels(u64::from(round)));
        centre.command(Command::Enqueue { call, queue: QueueId(1), priority: 0, since: None, asks });
        centre.pass(3);
        if let Some(gone) = call.0.checked_sub(5).filter(|gone| *gone > 0) {
            centre.command(Command::CallerGone { call: CallId(gone), how: Gone::HungUp });
        }
        if round % 100 == 99 {
            centre.reload(|plan| plan.queues[1].wrap_up += secs(1));
        }
        sizes.push(centre.engine.matching.sizes());
    }
    let most = |sizes: &[[usize; 3]]| {
        sizes.iter().fold([0; 3], |most, sizes| std::array::from_fn(|index| most[index].max(sizes[index])))
    };
    assert_eq!(most(&sizes[..300]), most(&sizes[300..]), "groups, ladders, sets of skills");
    let [groups, ladders, _] = most(&sizes);
    assert!(groups <= 8 && (65..80).contains(&ladders), "{groups} groups, {ladders} ladders");
}
