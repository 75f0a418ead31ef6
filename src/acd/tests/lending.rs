//! Lending: a queue's members serve another queue while their own queue's service level holds.

use super::*;

const ALL: u16 = 1_000;

/// Queue 1 (T is 20 s) has agents 1 and 2 and lends to queue 2, whose own agent is 3.
fn centre(change: impl Fn(&mut Plan)) -> Centre {
    let case = |plan: &mut Plan| {
        plan.queues.push(queue(2));
        plan.queues.iter_mut().for_each(|queue| queue.routing.members = Members::Listed);
        let loan = Loan { queue: QueueId(2), level: 0, penalty: 0, delay: Duration::ZERO };
        plan.queues[0].routing.lending = Lending { target: ALL, window: 5, pause: secs(60), to: vec![loan] };
        for (index, agent) in plan.agents.iter_mut().enumerate() {
            agent.memberships = vec![Membership::of(QueueId(if index < 2 { 1 } else { 2 }))];
        }
        change(plan);
    };
    Centre::new(case, 3)
}

fn lends(centre: &Centre) -> bool {
    centre.engine.lending_of(QueueId(1)).expect("a lender").lends
}

/// A caller of queue 1 gives up before anybody could answer.
fn break_the_target(centre: &mut Centre, call: u64) {
    centre.enqueue(call, 1);
    centre.command(Command::CallerGone { call: CallId(call), how: Gone::HungUp });
    assert!(!lends(centre));
}

/// Offers that were taken back have ended.
fn release(centre: &mut Centre) {
    for effect in std::mem::take(&mut centre.effects) {
        if let Effect::CancelOffer { agent, epoch, .. } = effect {
            centre.command(Command::OfferReleased { agent, epoch });
        }
    }
}

#[test]
fn the_own_agents_are_asked_first_and_then_those_who_are_lent() {
    let mut centre = centre(|plan| plan.agents[2].memberships[0].penalty = 7);
    for (call, agent) in [(1, 3), (2, 1), (3, 2)] {
        centre.enqueue(call, 2);
        assert_eq!(centre.offer(call).0, AgentId(agent));
    }
    assert_eq!(centre.engine.lending_of(QueueId(1)).expect("a lender").rule.to.len(), 1);
    assert!(centre.engine.queues_of(AgentId(1)).eq([QueueId(1)]), "a lent agent belongs where it did");
}

#[test]
fn a_lent_agent_takes_the_callers_of_its_own_queue_first_whatever_the_weight() {
    let mut centre = centre(|plan| plan.queues[1].routing.weight = 9);
    for agent in 1..=3 {
        centre.set(agent, AgentTarget::NotReady(Reason::Initial));
    }
    centre.enqueue(1, 2);
    centre.pass(5);
    centre.enqueue(2, 1);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.offer(2).0, AgentId(1), "its own");
    centre.set(2, AgentTarget::Ready);
    assert_eq!(centre.offer(1).0, AgentId(2), "now it has none of its own");
}

#[test]
fn when_several_come_back_at_once_own_callers_are_given_out_before_others() {
    let mut centre = centre(|plan| plan.queues[1].routing.weight = 9);
    let peer = |up| Command::PeerState { peer: PeerId(0), up };
    centre.command(peer(false));
    for (call, queue) in [(1, 2), (2, 2), (3, 1)] {
        centre.enqueue(call, queue);
    }
    centre.command(peer(true));
    assert_eq!((centre.offer(1).0, centre.offer(3).0), (AgentId(3), AgentId(1)));
    assert_eq!(centre.offer(2).0, AgentId(2), "who is left of the other queue");
}

#[test]
fn lending_ends_with_the_target_and_begins_again_after_a_pause() {
    let mut centre = centre(|_| {});
    centre.set(3, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 2);
    let (agent, epoch) = centre.answer(1);
    assert_eq!(agent, AgentId(1));
    centre.forget();
    break_the_target(&mut centre, 2);
    release(&mut centre);
    assert_eq!(centre.state(1), AgentState::Talking, "who talks goes on");
    centre.hang_up(1, agent, epoch);
    centre.enqueue(3, 2);
    assert_eq!(centre.offer_of(3), None);
    let told = centre.engine.explain(CallId(3)).expect("it waits");
    assert_eq!(told.agents[0], (AgentId(1), Exclusion::NotLent(QueueId(1))));
    // The visit was decided in minute 0; five minutes are counted.
    centre.pass(298);
    assert_eq!(centre.offer_of(3), None);
    centre.pass(2);
    assert!(lends(&centre) && centre.offer_of(3).is_some());
}

#[test]
fn good_answers_bring_it_back_no_sooner_than_the_pause() {
    let mut centre = centre(|plan| plan.queues[0].routing.lending.target = 500);
    break_the_target(&mut centre, 1);
    release(&mut centre);
    let agent = centre.talk(2, 1);
    assert!(!lends(&centre), "half were in time, a moment ago: {agent}");
    centre.pass(58);
    assert!(!lends(&centre));
    centre.pass(2);
    assert!(lends(&centre));
}

#[test]
fn a_wait_past_the_threshold_counts_at_once_and_once() {
    let mut centre = centre(|_| {});
    for agent in 1..=2 {
        centre.set(agent, AgentTarget::NotReady(Reason::Initial));
    }
    centre.enqueue(1, 1);
    centre.pass(20);
    assert!(lends(&centre), "exactly T is in time");
    centre.pass_ms(1);
    assert!(!lends(&centre));
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    let told = centre.engine.lending_of(QueueId(1)).expect("a lender");
    assert_eq!((told.good, told.decided), (0, 1));
}

#[test]
fn reserves_are_not_lent_nor_is_what_was_borrowed_and_skills_are_asked_for() {
    let mut centre = centre(|plan| {
        plan.queues.push(queue(3));
        plan.queues[2].routing.members = Members::Listed;
        let onward = Loan { queue: QueueId(3), level: 0, penalty: 0, delay: Duration::ZERO };
        let back = Loan { queue: QueueId(1), ..onward.clone() };
        plan.queues[1].routing.lending = Lending { to: vec![onward, back], ..Lending::default() };
        plan.queues[1].routing.requirement = asks("spanish");
        plan.agents[0].memberships[0].reserve = true;
        plan.agents[0].skills = vec!["spanish".into()];
    });
    let who = |centre: &mut Centre, call, queue| {
        centre.enqueue(call, queue);
        centre.offer_of(call).map(|(agent, _)| agent)
    };
    assert_eq!(who(&mut centre, 1, 3), Some(AgentId(3)), "lent by queue 2, and by it alone");
    assert_eq!(who(&mut centre, 2, 3), None);
    assert_eq!(who(&mut centre, 3, 2), None, "1 is in reserve, 2 speaks no Spanish");
    assert_eq!(who(&mut centre, 4, 1), Some(AgentId(2)), "its own");
    assert_eq!(who(&mut centre, 5, 1), None);
}

#[test]
fn the_terms_of_the_loan_are_held_and_so_is_a_target_set_at_run_time() {
    let mut centre = centre(|plan| plan.queues[0].routing.lending.to[0].delay = secs(10));
    centre.set(3, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 2);
    centre.pass_ms(9_999);
    assert_eq!(centre.offer_of(1), None);
    centre.pass_ms(1);
    assert_eq!(centre.offer(1).0, AgentId(1));
    break_the_target(&mut centre, 2);
    release(&mut centre);
    centre.pass(60);
    assert!(!lends(&centre));
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting: QueueSetting::Target(0), by: anna() });
    assert!(lends(&centre));
    centre.reload(|_| {});
    assert!(lends(&centre), "over a reload");
    centre.reload(|plan| plan.queues[0].routing.lending.to.clear());
    assert_eq!(centre.engine.lending_of(QueueId(1)), None);
}
