//! Queues: who may join, who must leave, and what is told of the waits.

use super::*;
use crate::base::limits::CALLS_MAX;

#[test]
fn a_call_that_finds_the_queue_full_or_closed_or_the_node_draining_is_counted_and_flows_out() {
    let full = |plan: &mut Plan| plan.queues[0].waiting_max = Some(1);
    let closed = |plan: &mut Plan| plan.queues[0].state = QueueState::Closed;
    let emergency = |plan: &mut Plan| plan.queues[0].state = QueueState::Emergency;
    for (change, drain, reason, cause) in [
        (&full as &dyn Fn(&mut Plan), false, FlowOut::Full, Some(LostCause::QueueFull)),
        (&closed, false, FlowOut::Closed, None),
        (&emergency, false, FlowOut::Emergency, None),
        (&full, true, FlowOut::Draining, Some(LostCause::Draining)),
    ] {
        let mut centre = Centre::new(change, 0);
        centre.enqueue(1, 1);
        if drain {
            centre.command(Command::Drain);
        }
        centre.forget();
        centre.enqueue(2, 1);
        let (call, queue) = (CallId(2), QueueId(1));
        let flowed = Fact::FlowedOut { call, queue, wait: Duration::ZERO, reason, cause };
        assert_eq!(centre.facts(), [Fact::Offered { call, queue, dimensions: Dimensions::default() }, flowed]);
        assert_eq!(centre.effects, [Effect::FlowOut { call, queue, reason }]);
        assert_eq!(centre.engine.counts(queue).expect("known").offered, 2);
    }
}

#[test]
fn an_emergency_lets_go_who_waits_and_who_is_being_offered_and_leaves_talks_alone() {
    let (queue, by) = (QueueId(1), anna);
    let by_reload = |centre: &mut Centre, state| centre.reload(|plan| plan.queues[0].state = state);
    let by_command = |centre: &mut Centre, state| {
        centre.command(Command::ChangeQueue { queue, setting: QueueSetting::State(state), by: by() })
    };
    for set in [&by_reload as &dyn Fn(&mut Centre, QueueState), &by_command] {
        let mut centre = Centre::new(|_| {}, 2);
        (1..=4).for_each(|call| centre.enqueue(call, 1));
        let (agent, epoch) = centre.answer(1);
        centre.forget();
        set(&mut centre, QueueState::Emergency);
        let left = |call| (call, FlowOut::Emergency);
        assert_eq!(centre.flowed_out(), [left(2), left(3), left(4)]);
        assert_eq!(centre.cancelled().len(), 1);
        assert_eq!(centre.engine.waiting(queue), 0);
        assert!(centre.engine.agent(agent).is_some_and(|status| status.state == AgentState::Talking));
        centre.hang_up(1, agent, epoch);
        centre.enqueue(5, 1);
        assert_eq!(centre.flowed_out(), [left(5)]);
        set(&mut centre, QueueState::Open);
        centre.enqueue(6, 1);
        assert!(centre.offer_of(6).is_some());
    }
}

#[test]
fn a_call_that_is_being_offered_still_counts_as_waiting() {
    let mut centre = Centre::new(|plan| plan.queues[0].waiting_max = Some(1), 1);
    centre.enqueue(1, 1);
    centre.enqueue(2, 1);
    assert_eq!(centre.flowed_out(), [(2, FlowOut::Full)]);
    centre.answer(1);
    centre.enqueue(3, 1);
    assert_eq!(centre.flowed_out(), []);
}

#[test]
fn a_call_beyond_what_the_node_holds_flows_out_as_overload() {
    let mut engine = Engine::new(START, Arc::new(plan(0)));
    for call in 0..=CALLS_MAX as u64 {
        engine.handle_command(START, enqueue(call, 1, 0, None));
    }
    assert_eq!(engine.waiting(QueueId(1)), CALLS_MAX);
    let overload = Effect::FlowOut { call: CallId(CALLS_MAX as u64), queue: QueueId(1), reason: FlowOut::Overload };
    assert_eq!(std::iter::from_fn(|| engine.poll_effect()).last(), Some(overload));
}

#[test]
fn the_longest_wait_ends_a_visit_also_while_an_agent_rings() {
    let mut centre = Centre::new(|plan| plan.queues[0].wait_max = Some(secs(10)), 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.pass(10);
    assert_eq!(centre.cancelled(), [(agent.0, epoch, OfferCause::Withdrawn)]);
    assert_eq!(centre.flowed_out(), [(1, FlowOut::Timeout)]);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::Ready);
}

#[test]
fn a_draining_node_still_offers_those_who_wait() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.log_out(1);
    centre.enqueue(1, 1);
    centre.command(Command::Drain);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.offer(1).0, AgentId(1));
}

#[test]
fn the_longest_wait_ends_each_visit_in_its_time_by_one_timer() {
    let mut centre = Centre::new(|plan| plan.queues[0].wait_max = Some(secs(30)), 0);
    for call in 1..=3 {
        centre.enqueue(call, 1);
        centre.pass(10);
    }
    assert_eq!(centre.flowed_out(), [(1, FlowOut::Timeout)]);
    centre.pass_ms(9_999);
    assert_eq!(centre.flowed_out(), []);
    centre.pass_ms(1);
    assert_eq!(centre.flowed_out(), [(2, FlowOut::Timeout)]);
    // A requeued call keeps its place and gets a whole wait.
    centre.enqueue_as(4, 1, 0, Some(START));
    assert_eq!(centre.engine.position(CallId(4)), Some(1));
    centre.pass(10);
    assert_eq!(centre.flowed_out(), [(3, FlowOut::Timeout)]);
    centre.pass(20);
    assert_eq!(centre.flowed_out(), [(4, FlowOut::Timeout)]);
    assert_eq!(centre.engine.poll_timeout(), None);
}

#[test]
fn a_call_that_leaves_while_ringing_takes_its_offer_back_first() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.forget();
    centre.command(Command::Leave { call: CallId(1), reason: FlowOut::Requeued });
    let (call, queue, reason) = (CallId(1), QueueId(1), FlowOut::Requeued);
    assert_eq!(
        centre.effects,
        [
            Effect::CancelOffer { call, agent, epoch, cause: OfferCause::Withdrawn },
            Effect::FlowOut { call, queue, reason },
        ]
    );
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::Ready);
    centre.command(Command::Leave { call: CallId(1), reason: FlowOut::Requeued });
    assert_eq!(centre.flowed_out(), [(1, FlowOut::Requeued)]);
}

#[test]
fn a_wait_of_exactly_the_threshold_is_in_and_one_microsecond_more_is_missed_once() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.log_out(1);
    centre.enqueue(1, 1);
    centre.enqueue(2, 1);
    centre.pass(5);
    centre.enqueue(3, 1);
    centre.pass(15);
    assert!(centre.missed().is_empty());
    centre.set(1, AgentTarget::Ready);
    centre.answer(1);
    assert!(centre.missed().is_empty());
    centre.now += Duration::from_micros(1);
    assert_eq!(centre.engine.poll_timeout(), Some(centre.now));
    centre.pass(0);
    assert_eq!(centre.missed(), [2]);
    centre.forget();
    centre.pass(100);
    assert_eq!(centre.missed(), [3]);
    assert_eq!(centre.engine.poll_timeout(), None);
}

#[test]
fn an_outcome_later_than_the_threshold_is_missed_even_before_the_timer_fires() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.enqueue(1, 1);
    centre.now += secs(21);
    centre.forget();
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    assert_eq!(centre.missed(), [1]);
    assert!(matches!(centre.facts()[..], [Fact::Missed { .. }, Fact::Abandoned { .. }, Fact::Oldest { .. }]));
}

#[test]
fn a_requeued_call_that_has_waited_longer_than_the_threshold_is_missed_at_once() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.pass(21);
    centre.enqueue_as(1, 1, 0, Some(START));
    assert_eq!(centre.missed(), [1]);
    centre.enqueue_as(2, 1, 0, Some(START + secs(5)));
    centre.forget();
    centre.pass(5);
    assert_eq!(centre.missed(), [2]);
}

#[test]
fn the_oldest_wait_is_told_when_it_changes_and_only_then() {
    let mut centre = Centre::new(|_| {}, 0);
    let queue = QueueId(1);
    let since = |fact| if let Fact::Oldest { since, .. } = fact { Some(since) } else { None };
    let oldest = |centre: &mut Centre| centre.facts().into_iter().filter_map(since).collect::<Vec<_>>();
    centre.enqueue(1, 1);
    centre.pass(1);
    centre.enqueue_as(2, 1, 9, None);
    assert_eq!(oldest(&mut centre), [Some(START)]);
    centre.enqueue_as(3, 1, 0, Some(Instant::ZERO));
    assert_eq!(oldest(&mut centre), [Some(Instant::ZERO)]);
    for call in [3, 2, 1] {
        centre.command(Command::CallerGone { call: CallId(call), how: Gone::HungUp });
    }
    assert_eq!(oldest(&mut centre), [Some(START), None]);
    assert_eq!(centre.engine.waiting(queue), 0);
}

#[test]
fn a_refused_contact_is_told_and_belongs_to_no_queue() {
    let mut centre = Centre::new(|_| {}, 0);
    let (queue, dimensions) = (Some(QueueId(1)), Dimensions::default().with(Dimension::Trunk, ValueId(3)));
    centre.command(Command::Refused { queue, cause: Refusal::Overload, dimensions });
    assert_eq!(centre.facts(), [Fact::Refused { queue, cause: Refusal::Overload, dimensions }]);
    let (call, queue, asks) = (CallId(1), QueueId(99), Asks { dimensions, ..Asks::default() });
    centre.command(Command::Enqueue { call, queue, priority: 0, since: None, asks });
    assert_eq!(centre.facts(), [Fact::Refused { queue: Some(queue), cause: Refusal::Closed, dimensions }]);
    assert_eq!(centre.flowed_out(), [(1, FlowOut::Closed)]);
}
