//! Reserves: members who join a queue's agents only while it is full.

use super::*;

/// Agent 1 is ordinary, 2 in reserve: above one waiting or after 30 s, until nobody waits and 10 s at least.
fn centre(change: impl Fn(&mut ReserveThresholds)) -> Centre {
    let case = |plan: &mut Plan| {
        let thresholds = &mut plan.queues[0].routing.reserve.thresholds;
        *thresholds = ReserveThresholds {
            waiting: Some(1),
            wait: Some(secs(30)),
            leave_waiting: 0,
            leave_wait: secs(30),
            at_least: secs(10),
            ..Default::default()
        };
        change(thresholds);
        plan.agents[1].memberships = vec![Membership { reserve: true, ..Membership::of(QueueId(1)) }];
    };
    Centre::new(case, 2)
}

fn is_in(centre: &Centre) -> bool {
    centre.engine.reserve_of(QueueId(1)).expect("a rule").active
}

fn crossings(centre: &mut Centre) -> Vec<bool> {
    let crossing = |fact: Fact| if let Fact::Reserve { active, .. } = fact { Some(active) } else { None };
    centre.facts().into_iter().filter_map(crossing).collect()
}

#[test]
fn the_reserve_is_asked_only_while_it_is_in_and_the_longest_wait_goes_first() {
    let mut centre = centre(|_| {});
    centre.enqueue(1, 1);
    centre.answer(1);
    centre.enqueue(2, 1);
    assert_eq!(centre.offer_of(2), None, "one waits, and the reserve is out");
    let told = centre.engine.explain(CallId(2)).expect("it waits");
    assert_eq!(told.agents[1], (AgentId(2), Exclusion::Reserve));
    centre.enqueue(3, 1);
    assert_eq!(centre.offer(2).0, AgentId(2), "who came first, not who brought the reserve in");
    assert_eq!(crossings(&mut centre), [true]);
}

#[test]
fn it_leaves_when_the_queue_has_cleared_and_what_it_was_offered_stands() {
    let mut centre = centre(|_| {});
    centre.enqueue(1, 1);
    centre.answer(1);
    centre.enqueue(2, 1);
    centre.enqueue(3, 1);
    let (agent, epoch) = centre.ring(2);
    centre.command(Command::CallerGone { call: CallId(3), how: Gone::HungUp });
    centre.pass(9);
    assert!(is_in(&centre), "nobody waits for whom nobody rings, but only for 9 s");
    centre.answer(2);
    centre.pass(1);
    assert!(!is_in(&centre));
    assert_eq!(centre.state(2), AgentState::Talking);
    centre.hang_up(2, agent, epoch);
    centre.enqueue(4, 1);
    assert_eq!(centre.offer_of(4), None, "the reserve is out again");
    assert_eq!(crossings(&mut centre), [true, false]);
}

#[test]
fn a_long_wait_brings_it_in_and_an_offer_outlives_its_leaving() {
    let mut centre = centre(|thresholds| thresholds.at_least = Duration::ZERO);
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 1);
    centre.pass_ms(29_999);
    assert_eq!(centre.offer_of(1), None);
    centre.pass_ms(1);
    assert_eq!(centre.offer(1).0, AgentId(2));
    let setting = QueueSetting::Reserve(ReserveMode::Off);
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting, by: anna() });
    assert!(!is_in(&centre) && centre.cancelled().is_empty());
    centre.answer(1);
    assert_eq!(centre.state(2), AgentState::Talking);
}

#[test]
fn a_supervisor_switches_it_also_over_a_reload() {
    let mut centre = centre(|_| {});
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 1);
    let set = |setting| Command::ChangeQueue { queue: QueueId(1), setting, by: anna() };
    centre.command(set(QueueSetting::Reserve(ReserveMode::On)));
    assert_eq!(centre.offer(1).0, AgentId(2));
    centre.reload(|_| {});
    assert!(is_in(&centre));
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    assert!(is_in(&centre), "by hand");
    centre.command(set(QueueSetting::Reserve(ReserveMode::Auto)));
    assert!(is_in(&centre), "10 s at least");
    centre.pass(10);
    assert!(!is_in(&centre));
    let thresholds = ReserveThresholds { waiting: Some(0), at_least: secs(1), ..ReserveThresholds::default() };
    centre.command(set(QueueSetting::ReserveThresholds(thresholds)));
    centre.enqueue(2, 1);
    assert!(is_in(&centre), "above nobody");
    centre.command(set(QueueSetting::Defaults));
    centre.command(Command::CallerGone { call: CallId(2), how: Gone::HungUp });
    centre.pass(10);
    assert!(!is_in(&centre));
    centre.enqueue(3, 1);
    assert!(!is_in(&centre), "the configuration holds again");
}

#[test]
fn a_reload_that_fills_the_queue_by_its_rule_brings_it_in() {
    let mut centre = centre(|thresholds| thresholds.waiting = Some(9));
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    centre.enqueue(1, 1);
    centre.enqueue(2, 1);
    assert!(!is_in(&centre));
    centre.reload(|plan| plan.queues[0].routing.reserve.thresholds.waiting = Some(1));
    assert!(is_in(&centre));
    assert_eq!(centre.offer(1).0, AgentId(2));
}

#[test]
fn a_queue_that_is_gone_leaves_no_timer_behind() {
    let mut centre = centre(|_| {});
    centre.enqueue(1, 1);
    centre.enqueue(2, 1);
    centre.enqueue(3, 1);
    centre.reload(|plan| plan.queues.clear());
    for call in 1..=3 {
        centre.command(Command::CallerGone { call: CallId(call), how: Gone::HungUp });
    }
    assert_eq!(centre.engine.reserve_of(QueueId(1)), None);
}

#[test]
fn callers_who_are_to_expect_a_long_wait_bring_it_in_and_a_colleague_who_comes_sends_it_away() {
    let mut centre = centre(|thresholds| {
        *thresholds =
            ReserveThresholds { estimate: Some(secs(100)), leave_estimate: secs(50), ..ReserveThresholds::default() };
    });
    // Nobody knows yet how long calls take.
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.answer(1);
    centre.enqueue(2, 1);
    assert!(!is_in(&centre));
    centre.pass(60);
    centre.hang_up(1, agent, epoch);
    let (agent, epoch) = centre.ring(2);
    centre.answer(2);
    // A call takes 60 s, or a wrap-up more: who waits alone is to expect that, two twice as much.
    centre.enqueue(3, 1);
    assert!(!is_in(&centre));
    centre.enqueue(4, 1);
    assert!(is_in(&centre));
    assert_eq!(centre.offer(3).0, AgentId(2), "who came first, not who brought the reserve in");
    // One waits for the one agent: 60 s. It leaves when the queue is empty.
    assert!(is_in(&centre), "60 s are more than 50");
    centre.hang_up(2, agent, epoch);
    assert_eq!(centre.offer(4).0, AgentId(1));
    centre.pass(0);
    assert!(!is_in(&centre));
    assert_eq!(crossings(&mut centre), [true, false]);
}

#[test]
fn it_comes_where_nobody_else_is_at_work_and_leaves_when_somebody_is() {
    let mut centre = centre(|thresholds| {
        *thresholds = ReserveThresholds {
            estimate: Some(secs(100)),
            leave_estimate: secs(100),
            at_least: secs(10),
            ..Default::default()
        };
    });
    centre.set(1, AgentTarget::NotReady(Reason::Initial));
    assert!(!is_in(&centre), "nobody waits");
    centre.enqueue(1, 1);
    assert!(is_in(&centre));
    assert_eq!(centre.offer(1).0, AgentId(2));
    centre.enqueue(2, 1);
    assert!(is_in(&centre));
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.offer(2).0, AgentId(1));
    centre.pass(9);
    assert!(is_in(&centre));
    centre.pass(1);
    assert!(!is_in(&centre));
}
