//! Preferred agents: whom a call waits for alone, for how long, and when it is everybody's.

use super::*;
use crate::acd::message::Whom;
use crate::base::CallerKey;

/// Queue 1 waits 20 s for preferred agents; who served a caller is known for a minute.
fn centre(agents: u32, change: impl Fn(&mut Plan)) -> Centre {
    let case = |plan: &mut Plan| {
        plan.queues[0].routing.preferred_for = secs(20);
        plan.queues[0].routing.recall = Some(secs(60));
        change(plan);
    };
    Centre::new(case, agents)
}

fn asks(centre: &Centre, agent: u32) -> Asks {
    let preferred = Preference { whom: Whom::Agent(AgentId(agent)), from: centre.now };
    Asks { preferred: Some(preferred), ..Asks::default() }
}

fn enqueue(centre: &mut Centre, call: u64, asks: Asks) {
    let (call, queue) = (CallId(call), QueueId(1));
    centre.command(Command::Enqueue { call, queue, priority: 0, since: None, asks });
}

fn prefers(centre: &mut Centre, call: u64, agent: u32) {
    let asks = asks(centre, agent);
    enqueue(centre, call, asks);
}

/// A call of this caller, who prefers whoever served him last.
fn returns(centre: &mut Centre, call: u64, caller: u64) {
    let preferred = Some(Preference { whom: Whom::Last, from: centre.now });
    enqueue(centre, call, Asks { caller: Some(CallerKey(caller)), preferred, ..Asks::default() });
}

fn rung(centre: &Centre, agents: u32) -> Vec<u32> {
    let is_rung = |agent: &u32| centre.engine.agent(AgentId(*agent)).is_some_and(|status| status.call.is_some());
    (1..=agents).filter(is_rung).collect()
}

fn waits_for(centre: &Centre, call: u64) -> Option<AgentId> {
    centre.engine.waits_for(CallId(call)).map(|(agent, _)| agent)
}

#[test]
fn the_preferred_agent_is_asked_before_the_one_whose_turn_it_is() {
    let mut centre = centre(3, |_| {});
    prefers(&mut centre, 1, 3);
    assert_eq!(centre.offer(1).0, AgentId(3));
    let last = centre.engine.last_decisions().last().expect("noted");
    assert_eq!((last.strategy, last.why), (PREFERRED, Why::Preferred));
    assert_eq!((last.candidates.len(), last.candidates[0].agent), (1, AgentId(3)));
}

#[test]
fn while_he_is_busy_the_call_waits_beside_idle_agents_until_the_time_has_passed() {
    let mut centre = centre(2, |_| {});
    prefers(&mut centre, 1, 2);
    centre.answer(1);
    prefers(&mut centre, 2, 2);
    assert_eq!((centre.offer_of(2), waits_for(&centre, 2)), (None, Some(AgentId(2))));
    centre.pass_ms(19_999);
    assert_eq!(centre.offer_of(2), None);
    centre.pass_ms(1);
    assert_eq!((centre.offer(2).0, waits_for(&centre, 2)), (AgentId(1), None));
}

#[test]
fn when_he_becomes_ready_he_takes_who_waits_for_him_before_others_of_the_queue() {
    let mut centre = centre(1, |plan| plan.queues[0].wrap_up = secs(3));
    prefers(&mut centre, 1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.enqueue_as(2, 1, 9, None);
    centre.pass(5);
    prefers(&mut centre, 3, 1);
    centre.hang_up(1, agent, epoch);
    assert_eq!((centre.offer_of(2), waits_for(&centre, 3)), (None, Some(AgentId(1))), "he wraps up");
    centre.pass(3);
    assert_eq!(centre.offer(3).0, AgentId(1));
    assert_eq!(centre.offer_of(2), None, "whatever its priority");
}

#[test]
fn a_heavier_queue_goes_before_who_waits_for_him() {
    let mut centre = centre(1, |plan| {
        plan.queues.push(queue(2));
        plan.queues[1].routing.weight = 1;
    });
    prefers(&mut centre, 1, 1);
    let (agent, epoch) = centre.answer(1);
    prefers(&mut centre, 2, 1);
    centre.enqueue(3, 2);
    centre.hang_up(1, agent, epoch);
    assert_eq!(centre.offer(3).0, AgentId(1));
    assert_eq!(waits_for(&centre, 2), Some(AgentId(1)));
}

#[test]
fn nobody_waits_for_an_agent_who_does_not_come() {
    let gone = [AgentTarget::LoggedOut, AgentTarget::NotReady(Reason::Custom("leave".into()))];
    for target in gone {
        let mut centre = centre(2, |_| {});
        centre.set(2, target.clone());
        prefers(&mut centre, 1, 2);
        assert_eq!(centre.offer(1).0, AgentId(1), "{target:?} when it came");
        let mut centre = self::centre(2, |_| {});
        prefers(&mut centre, 1, 2);
        centre.answer(1);
        prefers(&mut centre, 2, 2);
        assert_eq!(waits_for(&centre, 2), Some(AgentId(2)));
        centre.set(2, target.clone());
        assert_eq!(centre.offer(2).0, AgentId(1), "{target:?} is what follows his talk");
    }
    let mut centre = centre(2, |plan| plan.agents[1].peer = PeerId(7));
    prefers(&mut centre, 1, 2);
    let (agent, epoch) = centre.answer(1);
    centre.command(Command::Device { agent, device: DeviceState::Busy(Direction::Out), by: anna() });
    centre.hang_up(1, agent, epoch);
    centre.pass(1);
    prefers(&mut centre, 2, 2);
    assert_eq!(waits_for(&centre, 2), Some(AgentId(2)), "a call of his own will end");
    centre.command(Command::PeerState { peer: PeerId(7), up: false });
    assert_eq!(centre.offer(2).0, AgentId(1), "nobody reaches him");
    prefers(&mut centre, 3, 9);
    assert_eq!(waits_for(&centre, 3), None, "nobody has heard of him");
}

#[test]
fn his_skills_must_fit_but_no_tier_delay_or_penalty_holds_him_back() {
    let case = |plan: &mut Plan| {
        let routing = &mut plan.queues[0].routing;
        routing.requirement = super::asks("sales");
        routing.members = Members::Listed;
        routing.tiers = Some(TierRules { wait: secs(60), multiply: false, skip_empty: false });
        routing.penalties = vec![PenaltyStep { after: secs(0), min: 0, max: 1, raise: 0 }];
        for agent in &mut plan.agents[..2] {
            agent.skills = vec!["sales".into()];
            agent.memberships = vec![Membership::of(QueueId(1))];
        }
        plan.agents[1].memberships[0] =
            Membership { level: 3, penalty: 5, delay: secs(90), ..Membership::of(QueueId(1)) };
        plan.agents[2].memberships = vec![Membership::of(QueueId(1))];
    };
    let mut centre = centre(3, case);
    prefers(&mut centre, 1, 2);
    assert_eq!(centre.offer(1).0, AgentId(2));
    prefers(&mut centre, 2, 3);
    assert_eq!(centre.offer(2).0, AgentId(1), "agent 3 lacks the skill");
    prefers(&mut centre, 3, 2);
    assert_eq!(waits_for(&centre, 3), Some(AgentId(2)));
    let skill = Skill { level: 0, ..Skill::from("sales") };
    centre.command(Command::ChangeAgent { agent: AgentId(2), setting: AgentSetting::Skill(skill), by: anna() });
    assert_eq!(waits_for(&centre, 3), None, "he has lost it");
}

#[test]
fn who_has_been_rung_and_has_not_answered_is_not_preferred_any_more() {
    let mut centre = centre(2, |_| {});
    prefers(&mut centre, 1, 2);
    let (agent, epoch) = centre.offer(1);
    centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause: OfferCause::PeerFault });
    assert_eq!((centre.offer(1).0, waits_for(&centre, 1)), (AgentId(1), None));
    let mut centre = self::centre(2, |plan| plan.queues[0].ring_timeout = secs(5));
    prefers(&mut centre, 1, 2);
    centre.ring(1);
    centre.pass(5);
    assert_eq!((centre.offer(1).0, waits_for(&centre, 1)), (AgentId(1), None));
}

#[test]
fn where_all_ring_he_rings_alone_and_the_others_join_him_after_the_time() {
    for strategy in ["ring-all", "ring-best"] {
        let mut centre = centre(3, |plan| {
            (plan.queues[0].strategy, plan.queues[0].ring_timeout) = (strategy, secs(60));
        });
        prefers(&mut centre, 1, 3);
        assert_eq!(rung(&centre, 3), [3]);
        centre.pass(20);
        assert_eq!(rung(&centre, 3), [1, 2, 3], "{strategy}");
    }
    let mut centre = centre(3, |plan| {
        (plan.queues[0].strategy, plan.queues[0].ring_timeout) = ("ring-progressively", secs(60));
    });
    prefers(&mut centre, 1, 3);
    centre.pass(24);
    assert_eq!(rung(&centre, 3), [3]);
    centre.pass(1);
    assert_eq!(rung(&centre, 3), [1, 3], "a step after the time");
}

#[test]
fn who_served_a_caller_is_preferred_by_him_for_so_long_and_by_no_other() {
    let mut centre = centre(3, |_| {});
    returns(&mut centre, 1, 7);
    let (first, epoch) = centre.answer(1);
    centre.pass(5);
    centre.hang_up(1, first, epoch);
    centre.pass(30);
    returns(&mut centre, 2, 8);
    assert_ne!(centre.offer(2).0, first, "another caller goes to whose turn it is");
    centre.command(Command::CallerGone { call: CallId(2), how: Gone::HungUp });
    returns(&mut centre, 3, 7);
    assert_eq!(centre.offer(3).0, first);
    let (agent, epoch) = centre.answer(3);
    centre.hang_up(3, agent, epoch);
    centre.pass(61);
    returns(&mut centre, 4, 7);
    assert_ne!(centre.offer(4).0, first, "he has forgotten");
}

#[test]
fn a_requeue_keeps_what_is_left_of_the_time() {
    let mut centre = centre(2, |plan| {
        plan.queues.push(queue(2));
        plan.queues[1].routing.preferred_for = secs(20);
    });
    prefers(&mut centre, 1, 2);
    centre.answer(1);
    let asks = asks(&centre, 2);
    enqueue(&mut centre, 2, asks.clone());
    centre.pass(15);
    centre.command(Command::Leave { call: CallId(2), reason: FlowOut::Requeued });
    let since = Some(centre.now);
    centre.command(Command::Enqueue { call: CallId(2), queue: QueueId(2), priority: 0, since, asks });
    assert_eq!((centre.offer_of(2), waits_for(&centre, 2)), (None, Some(AgentId(2))));
    centre.pass(5);
    assert_eq!(centre.offer(2).0, AgentId(1));
}

#[test]
fn a_reload_changes_the_time_of_those_who_wait_and_a_removed_agent_is_not_waited_for() {
    let mut centre = centre(2, |_| {});
    prefers(&mut centre, 1, 2);
    centre.answer(1);
    prefers(&mut centre, 2, 2);
    centre.reload(|plan| plan.queues[0].routing.preferred_for = secs(10));
    centre.pass_ms(9_999);
    assert_eq!(centre.offer_of(2), None);
    centre.pass_ms(1);
    assert_eq!(centre.offer(2).0, AgentId(1));
    prefers(&mut centre, 3, 2);
    centre.reload(|_| {});
    assert_eq!(waits_for(&centre, 3), Some(AgentId(2)), "a reload that changes nothing");
    centre.reload(|plan| drop(plan.agents.pop()));
    assert_eq!(waits_for(&centre, 3), None);
    centre.reload(|plan| plan.queues[0].routing.preferred_for = Duration::ZERO);
    prefers(&mut centre, 4, 1);
    assert_eq!(waits_for(&centre, 4), None, "the queue knows no preferences");
}

#[test]
fn somebody_may_say_whom_a_waiting_call_prefers_and_take_it_back() {
    let mut centre = centre(2, |_| {});
    centre.enqueue(1, 1);
    centre.answer(1);
    centre.enqueue(2, 1);
    centre.answer(2);
    centre.enqueue(3, 1);
    let prefer = |centre: &mut Centre, call, agent: Option<u32>| {
        centre.command(Command::SetPreferred { call: CallId(call), agent: agent.map(AgentId), by: anna() });
    };
    let (busy, other) = (centre.offer(1), centre.offer(2));
    let may = |centre: &Centre, call, agent| centre.engine.may_prefer(CallId(call), Some(AgentId(agent)));
    assert_eq!(may(&centre, 3, busy.0.0), Ok(()));
    assert_eq!((may(&centre, 9, 1), may(&centre, 3, 9)), (Err(Unpreferred::NotWaiting), Err(Unpreferred::InVain)));
    prefer(&mut centre, 3, Some(busy.0.0));
    centre.hang_up(2, other.0, other.1);
    assert_eq!((centre.offer_of(3), waits_for(&centre, 3)), (None, Some(busy.0)));
    prefer(&mut centre, 3, None);
    assert_eq!(centre.offer(3).0, other.0);
    assert_eq!(may(&centre, 3, busy.0.0), Err(Unpreferred::Rings));
    centre.reload(|plan| plan.queues[0].routing.preferred_for = Duration::ZERO);
    assert_eq!(may(&centre, 3, busy.0.0), Err(Unpreferred::NeverWaits(QueueId(1))));
}

#[test]
fn an_explanation_says_for_whom_the_call_waits_and_since_when_others_may_take_it() {
    let mut centre = centre(2, |_| {});
    prefers(&mut centre, 1, 2);
    centre.answer(1);
    prefers(&mut centre, 2, 2);
    let until = centre.now + secs(20);
    let told = centre.engine.explain(CallId(2)).expect("it waits");
    assert_eq!(told.waits_for, Some((AgentId(2), until)));
    let rules: Vec<_> = told.agents.into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [Exclusion::Preferred(AgentId(2), until), Exclusion::State(AgentState::Talking)]);
    centre.pass(20);
    assert_eq!(centre.engine.explain(CallId(2)).expect("it waits").waits_for, None);
}

#[test]
fn who_waits_for_one_agent_costs_others_nothing_and_all_are_freed_when_he_leaves() {
    let mut centre = centre(1, |_| {});
    prefers(&mut centre, 1, 1);
    centre.answer(1);
    for call in 2..50 {
        prefers(&mut centre, call, 1);
    }
    centre.log_out(1);
    let freed = |fact: &Fact| matches!(fact, Fact::Preferred { until: None, .. });
    assert_eq!(centre.facts().iter().filter(|fact| freed(fact)).count(), 48);
    assert_eq!((2..50).filter(|call| waits_for(&centre, *call).is_some()).count(), 0);
}
