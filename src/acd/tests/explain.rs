//! Explanations: what a supervisor is told of a waiting call and of a decision.

use super::*;
use crate::acd::requirement::Residual;

fn terms(queue: u32) -> Membership {
    Membership::of(QueueId(queue))
}

#[test]
fn every_agent_is_told_with_the_first_rule_that_keeps_it_from_the_call() {
    let case = |plan: &mut Plan| {
        let routing = &mut plan.queues[0].routing;
        routing.requirement = asks("spanish >= 5");
        routing.members = Members::Listed;
        routing.tiers = Some(TierRules { wait: secs(30), multiply: true, skip_empty: false });
        routing.penalties = vec![PenaltyStep { after: secs(0), min: 0, max: 3, raise: 0 }];
        let spanish = |level| vec![Skill { level, ..Skill::from("spanish") }];
        for (index, agent) in plan.agents.iter_mut().enumerate() {
            agent.skills = spanish(if index == 1 { 4 } else { 8 });
            agent.memberships = if index == 0 { vec![] } else { vec![terms(1)] };
        }
        plan.agents[2].memberships[0].level = 2;
        plan.agents[3].memberships[0].delay = secs(45);
        plan.agents[4].memberships[0].penalty = 4;
        plan.agents[5].initial = AgentState::NotReady(Reason::Initial);
    };
    let mut centre = Centre::new(case, 6);
    centre.enqueue(7, 1);
    centre.pass(10);
    centre.enqueue(8, 1);
    let told = centre.engine.explain(CallId(8)).expect("it waits");
    assert_eq!((told.position, &told.ahead[..], told.step), (2, &[CallId(7)][..], 0));
    assert_eq!(told.needs.to_string(), "spanish >= 5");
    assert_eq!(told.looks_further, Some(START + secs(10 + 45)));
    let rules: Vec<_> = told.agents.into_iter().map(|(_, rule)| rule).collect();
    let Exclusion::Skills(unmet) = &rules[1] else { panic!("{:?}", rules[1]) };
    assert_eq!(unmet[0].level, Some(4));
    assert_eq!(rules[0], Exclusion::NotAMember);
    assert_eq!(rules[2], Exclusion::Level { level: 2, joined: 1 });
    assert_eq!(rules[3], Exclusion::Delay(START + secs(10 + 45)));
    assert_eq!(rules[4], Exclusion::Penalty { penalty: 4, min: 0, max: 3 });
    assert_eq!(rules[5], Exclusion::State(AgentState::NotReady(Reason::Initial)));
    assert_eq!(centre.engine.explain(CallId(9)), None);
}

#[test]
fn a_step_that_nobody_logged_in_meets_is_taken_early_and_given_back_when_somebody_logs_in() {
    let case = |plan: &mut Plan| {
        let routing = &mut plan.queues[0].routing;
        routing.requirement = asks("spanish");
        let relaxed = Some(Requirement::all_of([]));
        routing.steps = vec![Step { after: secs(60), requirement: relaxed, strategy: None, bump: 0 }];
        plan.agents[0].skills = vec!["spanish".into()];
    };
    let mut centre = Centre::new(case, 2);
    centre.set(2, AgentTarget::NotReady(Reason::Initial));
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 1);
    let step = |centre: &Centre| {
        let told = centre.engine.explain(CallId(1)).expect("it waits");
        (told.step, told.needs == Residual::Always)
    };
    assert_eq!(step(&centre), (0, false));
    centre.log_out(1);
    assert_eq!(step(&centre), (1, true), "nobody who speaks Spanish is logged in");
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    assert_eq!(step(&centre), (0, false), "somebody is again");
    centre.set(2, AgentTarget::Ready);
    assert_eq!(centre.offer_of(1), None);
    centre.pass(60);
    assert_eq!(centre.offer(1).0, AgentId(2), "the wait has reached the step");
}

#[test]
fn a_decision_names_its_candidates_in_order_and_old_ones_are_forgotten() {
    let mut centre = Centre::new(
        |plan| {
            plan.agents[0].memberships = vec![Membership { penalty: 1, ..terms(1) }];
        },
        2,
    );
    centre.enqueue(1, 1);
    let last = centre.engine.last_decisions().last().expect("noted");
    assert_eq!(
        (last.call, last.queue, last.strategy, last.chosen),
        (CallId(1), QueueId(1), "longest-idle", AgentId(2))
    );
    let candidates: Vec<_> = last.candidates.iter().map(|c| (c.agent, c.penalty)).collect();
    assert_eq!(candidates, [(AgentId(2), 0), (AgentId(1), 1)]);
    for call in 2..3_000 {
        let (agent, epoch) = centre.offer(call - 1);
        centre.engine.handle_command(centre.now, Command::OfferAnswered { call: CallId(call - 1), agent, epoch });
        centre.hang_up(call - 1, agent, epoch);
        centre.enqueue(call, 1);
    }
    assert_eq!(centre.engine.last_decisions().count(), crate::base::limits::DECISIONS_MAX);
}

#[test]
fn a_decision_names_the_first_candidates_and_counts_the_others() {
    let case = |plan: &mut Plan| {
        for (agent, penalty) in plan.agents.iter_mut().zip([4, 2, 0, 3, 1, 2, 2, 9, 2, 9, 2]) {
            agent.memberships = vec![Membership { penalty, ..terms(1) }];
        }
    };
    let mut centre = Centre::new(case, 11);
    let last = |centre: &Centre| centre.engine.last_decisions().last().expect("noted");
    centre.enqueue(1, 1);
    let decision = last(&centre);
    // Those of the same penalty each for himself, too.
    assert_eq!(decision.candidates.iter().map(|c| c.agent.0).collect::<Vec<_>>(), [3, 5, 2, 6, 7, 9, 11, 4]);
    assert_eq!((decision.chosen, decision.why, decision.others), (AgentId(3), Why::First, Some(3)));
    (2..=12).for_each(|call| centre.enqueue(call, 1));
    let (agent, epoch) = centre.answer(1);
    centre.pass(9);
    centre.hang_up(1, agent, epoch);
    let decision = last(&centre);
    assert_eq!((decision.call, decision.chosen, decision.why), (CallId(12), AgentId(3), Why::Freed));
    let own = &decision.candidates[..];
    assert_eq!((own.len(), own[0].agent, own[0].key[0], decision.others), (1, agent, centre.now.as_micros(), Some(0)));
}

#[test]
fn a_decision_says_why_its_agent_was_chosen() {
    let mut centre = Centre::new(|plan| plan.queues[0].strategy = "round-robin", 3);
    let why = |centre: &Centre| {
        let last = centre.engine.last_decisions().last().expect("noted");
        (last.chosen.0, last.why, last.candidates.iter().map(|c| c.agent.0).collect::<Vec<_>>())
    };
    centre.enqueue(1, 1);
    assert_eq!(why(&centre), (1, Why::First, vec![1, 2, 3]));
    let (agent, epoch) = centre.answer(1);
    centre.hang_up(1, agent, epoch);
    centre.enqueue(2, 1);
    assert_eq!(why(&centre), (2, Why::After(AgentId(1)), vec![1, 2, 3]));
    let mut centre = Centre::new(|plan| plan.queues[0].strategy = "random", 3);
    centre.enqueue(1, 1);
    assert_eq!(why(&centre).1, Why::Drawn);
}

/// Listing costs the more the more agents there are: beyond the pace the decision itself is noted alone.
#[test]
fn in_a_storm_of_calls_who_was_chosen_is_noted_without_the_others() {
    let mut centre = Centre::new(|_| {}, 9);
    let mut call = 0;
    let mut next = |centre: &mut Centre| {
        call += 1;
        centre.enqueue(call, 1);
        let (agent, epoch) = centre.answer(call);
        centre.hang_up(call, agent, epoch);
        let last = centre.engine.last_decisions().last().expect("noted");
        (last.candidates.len(), last.others)
    };
    let limit = crate::base::limits::LISTS_A_SECOND;
    assert!((0..=limit).all(|_| next(&mut centre) == (8, Some(1))));
    assert_eq!(next(&mut centre), (1, None));
    centre.pass_ms(1);
    assert_eq!([next(&mut centre), next(&mut centre)], [(8, Some(1)), (1, None)]);
    centre.pass(2);
    assert_eq!(next(&mut centre), (8, Some(1)));
}
