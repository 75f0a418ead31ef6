//! Who is next: the order of callers, and of agents.

use super::*;
use crate::acd::index::steps;
use crate::base::Rng;

#[test]
fn callers_go_by_priority_then_by_wait_then_by_arrival() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.log_out(1);
    for (call, priority) in [(1, 0), (2, 0), (3, 5), (4, -1)] {
        centre.pass(1);
        centre.enqueue_as(call, 1, priority, None);
    }
    centre.enqueue_as(5, 1, 0, Some(Instant::ZERO));
    centre.enqueue_as(6, 1, -1, Some(centre.now));
    let positions = [1, 2, 3, 4, 5, 6].map(|call| centre.engine.position(CallId(call)));
    assert_eq!(positions, [Some(3), Some(4), Some(1), Some(5), Some(2), Some(6)]);
    assert_eq!(centre.served_in_turn(1), [3, 5, 1, 2, 4, 6]);
    assert_eq!(centre.engine.position(CallId(1)), None);
}

/// The starvation bound of ageing, of random callers who meet a few agents: whoever of priority q is served before somebody of
/// priority p who was there came less than `(q - p) * unit` after him. So, with q_max the highest priority, only those go
/// before him who came before him or less than `(q_max - p) * unit` after him; once that time is over nobody joins them, and he
/// is next when the last of them is served, however many come.
#[test]
fn with_ageing_nobody_waits_behind_who_came_later_than_the_bound_however_many_come() {
    const UNIT: u64 = 20;
    const HIGHEST: i32 = 3;
    let mut rng = Rng::from_u64(99);
    for agents in [1, 2, 4] {
        let mut centre = Centre::new(|plan| plan.queues[0].routing.order = Order::Ageing(secs(UNIT)), agents);
        // Call, priority, when it came.
        let mut waiting: Vec<(u64, i32, Instant)> = Vec::new();
        let mut talks: Vec<(u64, AgentId, u32, Instant)> = Vec::new();
        let (mut call, mut passed, mut served, mut seen) = (0, 0, 0, 0);
        while call < 600 {
            // More come than can be served, most of them of the highest priority.
            if rng.chance(0.6) {
                call += 1;
                let priority = if rng.chance(0.7) { HIGHEST } else { rng.below(HIGHEST as u32) as i32 };
                waiting.push((call, priority, centre.now));
                centre.enqueue_as(call, 1, priority, None);
            }
            centre.pass(u64::from(rng.below(4)));
            if let Some(at) = talks.iter().position(|(.., until)| *until <= centre.now) {
                let (ended, agent, epoch, _) = talks.swap_remove(at);
                centre.hang_up(ended, agent, epoch);
            }
            let is_offered = |call: u64| {
                let offers = |effect: &Effect| matches!(effect, Effect::Offer { call: of, .. } if *of == CallId(call));
                centre.effects[seen..].iter().any(offers)
            };
            let rung: Vec<_> = waiting.iter().copied().filter(|(call, ..)| is_offered(*call)).collect();
            seen = centre.effects.len();
            for (call, q, came) in rung {
                let (agent, epoch) = centre.answer(call);
                talks.push((call, agent, epoch, centre.now + secs(10)));
                waiting.retain(|(other, ..)| *other != call);
                served += 1;
                for (other, p, since) in &waiting {
                    let bound = secs(u64::try_from(q - p).unwrap_or(0) * UNIT);
                    passed += usize::from(came > *since);
                    assert!(came <= *since || came.since(*since) < bound, "{call} ({q}) before {other} ({p})");
                }
            }
        }
        assert!(served > 100 && passed > 100, "{agents}: {served} served, {passed} passed by");
    }
}

#[test]
fn an_agent_takes_the_best_call_over_all_its_queues() {
    let mut centre = Centre::new(|plan| plan.queues.extend([queue(2), queue(3)]), 1);
    centre.log_out(1);
    for (call, queue, priority, since) in [(1, 1, 0, 500), (2, 3, 0, 400), (3, 2, 0, 400), (4, 3, 1, 900)] {
        centre.enqueue_as(call, queue, priority, Some(Instant::from_micros(since)));
    }
    assert_eq!(centre.served_in_turn(1), [4, 3, 2, 1]);
}

#[test]
fn only_agents_with_every_skill_are_offered_a_call() {
    let skilled = |plan: &mut Plan| {
        plan.queues[0].routing.requirement = asks("english && billing");
        plan.agents[0].skills = vec!["english".into()];
        plan.agents[1].skills = vec!["billing".into(), "sales".into(), "english".into()];
    };
    let mut centre = Centre::new(skilled, 2);
    centre.enqueue(1, 1);
    assert_eq!(centre.offer(1).0, AgentId(2));
    centre.enqueue(2, 1);
    assert_eq!(centre.offer_of(2), None);
}

#[test]
fn the_agent_idle_the_longest_is_chosen_and_a_break_costs_no_turn() {
    let mut centre = Centre::new(|_| {}, 3);
    centre.talk(1, 5);
    assert_eq!(centre.talk(2, 5), AgentId(2));
    assert_eq!(centre.talk(3, 5), AgentId(3));
    centre.set(1, AgentTarget::NotReady(Reason::Custom("lunch".into())));
    centre.pass(3_600);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.talk(4, 5), AgentId(1));
    centre.log_out(2);
    centre.pass(60);
    centre.set(2, AgentTarget::Ready);
    assert_eq!([centre.talk(5, 5), centre.talk(6, 5), centre.talk(7, 5)], [AgentId(3), AgentId(1), AgentId(2)]);
}

#[test]
fn a_decision_takes_no_more_steps_with_many_waiting_and_many_agents() {
    let steps_with = |waiting: u64, agents: u32| {
        let mut centre = Centre::new(
            |plan| {
                plan.queues.push(queue(2));
                plan.queues[0].routing.requirement = asks("rare");
                plan.agents[0].skills = vec!["rare".into()];
                plan.queues[1].routing.requirement = asks("common");
                plan.agents.iter_mut().skip(1).for_each(|agent| agent.skills = vec!["common".into()]);
            },
            agents,
        );
        centre.log_out(1);
        for call in 1..=waiting {
            let command = enqueue(1_000_000 + call, 1, 0, None);
            centre.engine.handle_command(centre.now + Duration::from_millis(call), command);
        }
        let engine = &mut centre.engine;
        let now = centre.now + secs(10);
        let ready = Command::SetAgent { agent: AgentId(1), target: AgentTarget::Ready, by: Actor::Engine, lasts: None };
        let commands = [
            enqueue(1, 2, 0, None),
            Command::OfferAnswered { call: CallId(1), agent: AgentId(2), epoch: 1 },
            Command::TalkEnded { call: CallId(1), agent: AgentId(2), epoch: 1, by: EndedBy::Agent },
            enqueue(2, 1, 0, None),
            ready,
            Command::CallerGone { call: CallId(2), how: Gone::HungUp },
            Command::CallerGone { call: CallId(1_000_001), how: Gone::HungUp },
            Command::OfferReleased { agent: AgentId(1), epoch: 2 },
        ];
        commands.map(|command| steps::of(|| engine.handle_command(now, command)))
    };
    let small = steps_with(5, 3);
    assert!(small.iter().all(|&steps| steps <= 24), "{small:?}");
    assert_eq!(small, steps_with(5_000, 3));
    // The first of those who were there to choose from are listed.
    let listed = crate::base::limits::CANDIDATES_MAX + 1;
    let many = steps_with(5, 1_000);
    assert!(many.iter().zip(&small).all(|(many, few)| (*few..=few + listed).contains(many)), "{many:?} {small:?}");
}

/// What a supervisor changes of one queue costs nothing of the others.
#[test]
fn a_new_strategy_weight_or_term_touches_one_queue_only() {
    let steps_with = |waiting: u64| {
        let case = |plan: &mut Plan| {
            plan.queues.push(queue(2));
            plan.queues.iter_mut().for_each(|queue| queue.routing.members = Members::Listed);
            for agent in &mut plan.agents {
                agent.memberships = vec![Membership::of(QueueId(1)), Membership::of(QueueId(2))];
            }
        };
        let mut centre = Centre::new(case, 3);
        (1..=3).for_each(|agent| centre.set(agent, AgentTarget::NotReady(Reason::Initial)));
        for call in 1..=waiting {
            centre.engine.handle_command(centre.now, enqueue(1_000_000 + call, 1, 0, None));
        }
        for call in 1..=4 {
            centre.engine.handle_command(centre.now, enqueue(call, 2, 0, None));
        }
        while centre.engine.poll_effect().is_some() || centre.engine.poll_fact().is_some() {}
        let queue = QueueId(2);
        let late = Some(Membership { delay: secs(40), ..Membership::of(queue) });
        let set = |setting| Command::ChangeQueue { queue, setting, by: anna() };
        let late = AgentSetting::Membership(queue, late);
        let commands = [
            set(QueueSetting::Strategy("linear")),
            set(QueueSetting::Weight(3)),
            Command::ChangeAgent { agent: AgentId(2), setting: late, by: anna() },
            set(QueueSetting::Defaults),
        ];
        let steps = commands.map(|command| steps::of(|| centre.engine.handle_command(centre.now, command)));
        centre.drain();
        steps
    };
    let few = steps_with(5);
    assert_eq!(few, steps_with(5_000));
    assert!(few.iter().all(|&steps| steps < 100), "{few:?}");
}

/// Asterisk's `penaltymemberslimit`.
#[test]
fn penalties_count_only_while_more_members_than_the_limit_are_logged_in() {
    let case = |plan: &mut Plan| {
        let routing = &mut plan.queues[0].routing;
        routing.members = Members::Listed;
        routing.penalty_members_limit = 2;
        routing.penalties = vec![PenaltyStep { after: secs(0), min: 0, max: 5, raise: 0 }];
        for (agent, penalty) in plan.agents.iter_mut().zip([9, 3, 0]) {
            agent.memberships = vec![Membership { penalty, ..Membership::of(QueueId(1)) }];
        }
        // Belongs to no queue, and is not counted.
        plan.agents[3].memberships.clear();
    };
    let mut centre = Centre::new(case, 4);
    for agent in [2, 3] {
        centre.set(agent, AgentTarget::NotReady(Reason::Initial));
    }
    centre.enqueue(1, 1);
    assert_eq!(centre.offer_of(1), None, "9 is outside the window");
    let rule = |centre: &Centre, agent: usize| centre.engine.explain(CallId(1)).expect("waits").agents[agent].1.clone();
    assert_eq!(rule(&centre, 0), Exclusion::Penalty { penalty: 9, min: 0, max: 5 });
    centre.log_out(3);
    assert_eq!(centre.offer(1).0, AgentId(1), "two are left");
    centre.answer(1);
    // The first to become idle is asked, whatever its penalty.
    let (agent, epoch) = centre.offer(1);
    centre.pass(1);
    centre.hang_up(1, agent, epoch);
    centre.set(2, AgentTarget::Ready);
    centre.pass(1);
    assert_eq!(centre.talk(2, 5), AgentId(2));
    assert_eq!(centre.talk(3, 5), AgentId(1));
    let decision = centre.engine.last_decisions().last().expect("one");
    assert_eq!(decision.candidates.iter().map(|row| (row.agent.0, row.penalty)).collect::<Vec<_>>(), [(1, 0), (2, 0)]);
    centre.set(3, AgentTarget::Ready);
    centre.enqueue(4, 1);
    assert_eq!(centre.offer(4).0, AgentId(3), "the lowest penalty again");
    centre.enqueue(5, 1);
    assert_eq!(centre.offer(5).0, AgentId(2));
    centre.enqueue(6, 1);
    assert_eq!(centre.offer_of(6), None);
}
