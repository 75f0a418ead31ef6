//! Offers and what follows from each of their ends.

use super::*;

#[test]
fn an_answered_call_is_counted_with_its_wait_and_the_agent_wraps_up() {
    let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(10), 1);
    centre.log_out(1);
    centre.enqueue(1, 1);
    centre.pass(7);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.state(1), AgentState::Reserved);
    let (agent, epoch) = centre.offer(1);
    centre.pass(2);
    centre.command(Command::OfferRinging { call: CallId(1), agent, epoch });
    assert_eq!(centre.state(1), AgentState::Ringing);
    centre.pass(3);
    centre.forget();
    centre.answer(1);
    let (call, queue) = (CallId(1), QueueId(1));
    assert_eq!(
        centre.facts(),
        [
            Fact::OfferEnded { call, queue, agent, epoch, cause: OfferCause::Answered, ring: secs(5) },
            Fact::Answered { call, queue, agent, wait: secs(12), since: START },
            Fact::Oldest { queue, since: None },
            state(1, AgentState::Ringing, AgentState::Talking, 3),
        ]
    );
    let status = centre.engine.agent(agent).expect("known");
    assert_eq!((status.call, status.epoch), (Some(call), Some(epoch)));
    centre.pass(60);
    centre.hang_up(1, agent, epoch);
    assert_eq!(
        centre.facts(),
        [
            Fact::TalkEnded { call, queue, agent, talk: secs(60), hold: Duration::ZERO, by: EndedBy::Caller },
            state(1, AgentState::Talking, AgentState::WrapUp, 60),
        ]
    );
    centre.pass(10);
    assert_eq!(
        centre.facts(),
        [Fact::WrapUpEnded { queue, agent, wrap_up: secs(10) }, state(1, AgentState::WrapUp, AgentState::Ready, 10)]
    );
    assert_eq!(centre.engine.poll_timeout(), None);
}

#[test]
fn a_call_that_finds_no_answer_keeps_its_place_and_goes_to_the_next_agent_at_once() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.log_out(2);
    centre.enqueue(1, 1);
    let (first, epoch) = centre.offer(1);
    centre.enqueue_as(2, 1, -1, None);
    centre.ring(1);
    centre.pass(20);
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::NoAnswer)]);
    assert_eq!(centre.state(1), AgentState::Ringing, "the leg is still there");
    assert_eq!(centre.engine.position(CallId(1)), Some(1));
    centre.set(2, AgentTarget::Ready);
    assert_eq!(centre.offer(1).0, AgentId(2));
    centre.command(Command::OfferReleased { agent: first, epoch });
    assert_eq!(centre.state(1), AgentState::NotReady(Reason::NoAnswer));
    centre.answer(1);
    centre.pass(60);
    assert_eq!(centre.state(1), AgentState::Reserved);
    assert_eq!(centre.offer(2).0, AgentId(1));
}

#[test]
fn each_ending_of_an_offer_leaves_the_agent_where_it_belongs() {
    let rejected = AgentState::NotReady(Reason::Rejected);
    let (busy, failed) = (AgentState::NotReady(Reason::Busy), AgentState::NotReady(Reason::Failed));
    for (cause, state, back_after) in [
        (OfferCause::Declined, rejected, 60),
        (OfferCause::Busy, busy, 5),
        (OfferCause::Failed, failed.clone(), 5),
        (OfferCause::NeverRang, failed, 5),
        (OfferCause::NoAnswer, AgentState::NotReady(Reason::NoAnswer), 60),
        (OfferCause::PeerFault, AgentState::Ready, 1),
        (OfferCause::Absent, AgentState::Unreachable, 5),
        (OfferCause::AgentGone, AgentState::Ready, 1),
    ] {
        let mut centre = Centre::new(|_| {}, 1);
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.offer(1);
        centre.forget();
        centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause });
        assert_eq!(centre.state(1), state, "{cause:?}");
        assert_eq!(centre.offer_of(1), None, "{cause:?}: the same agent is not tried in a tight loop");
        centre.pass_ms(back_after * 1000 - 1);
        assert_eq!(centre.offer_of(1), None, "{cause:?}");
        centre.pass_ms(1);
        assert_eq!(centre.offer_of(1).expect("offered again").0, agent, "{cause:?}");
    }
}

#[test]
fn a_device_that_never_rang_is_not_the_agents_fault() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.offer(1);
    centre.pass(20);
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::NeverRang)]);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::NotReady(Reason::Failed));
}

#[test]
fn a_caller_who_hangs_up_while_an_agent_rings_is_abandoned_and_the_agent_unpunished() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.pass(4);
    centre.forget();
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    let (call, queue) = (CallId(1), QueueId(1));
    assert_eq!(
        centre.facts(),
        [
            Fact::OfferEnded { call, queue, agent, epoch, cause: OfferCause::CallerGone, ring: secs(4) },
            Fact::Abandoned { call, queue, wait: secs(4), while_ringing: true, cause: LostCause::CallerShort },
            Fact::Oldest { queue, since: None },
        ]
    );
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::CallerGone)]);
    centre.enqueue(2, 1);
    assert_eq!(centre.offer_of(2), None, "nothing is offered before the leg has ended");
    centre.command(Command::OfferAnswered { call, agent, epoch });
    assert_eq!(centre.state(1), AgentState::Ringing, "a late answer changes nothing");
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.offer(2).0, agent);
}

#[test]
fn a_caller_who_hangs_up_while_waiting_is_abandoned() {
    let mut centre = Centre::new(|_| {}, 0);
    centre.enqueue(1, 1);
    centre.pass(3);
    centre.forget();
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    let (call, queue) = (CallId(1), QueueId(1));
    let cause = LostCause::CallerShort;
    let abandoned = Fact::Abandoned { call, queue, wait: secs(3), while_ringing: false, cause };
    assert_eq!(centre.facts(), [abandoned, Fact::Oldest { queue, since: None }]);
    assert!(centre.effects.is_empty());
}

#[test]
fn a_release_that_never_comes_is_repaired_at_the_reservations_deadline() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    centre.ring(1);
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    centre.pass(29);
    assert_eq!((centre.state(1), centre.engine.repairs()), (AgentState::Ringing, 0));
    centre.pass(1);
    assert_eq!((centre.state(1), centre.engine.repairs()), (AgentState::Ready, 1));
}

#[test]
fn a_failure_that_crosses_the_cancel_releases_the_agent_for_the_first_cause() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    centre.forget();
    centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause: OfferCause::Declined });
    assert_eq!(centre.state(1), AgentState::Ready);
    assert!(!centre.facts().iter().any(|fact| matches!(fact, Fact::OfferEnded { .. })));
}

#[test]
fn commands_about_another_offer_change_nothing() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.forget();
    let (call, other, cause) = (CallId(1), AgentId(2), OfferCause::Declined);
    for stale in [epoch - 1, epoch + 1] {
        centre.command(Command::OfferRinging { call, agent, epoch: stale });
        centre.command(Command::OfferAnswered { call, agent, epoch: stale });
        centre.command(Command::OfferFailed { call, agent, epoch: stale, cause });
        centre.command(Command::OfferReleased { agent, epoch: stale });
        centre.hang_up(1, agent, stale);
    }
    centre.command(Command::OfferAnswered { call, agent: other, epoch });
    centre.command(Command::OfferAnswered { call: CallId(9), agent, epoch });
    centre.command(Command::OfferFailed { call: CallId(9), agent, epoch, cause });
    centre.command(Command::OfferReleased { agent, epoch });
    centre.hang_up(1, agent, epoch);
    assert!(centre.facts().is_empty() && centre.effects.is_empty());
    centre.answer(1);
    centre.forget();
    centre.command(Command::OfferAnswered { call, agent, epoch });
    centre.command(Command::OfferFailed { call, agent, epoch, cause });
    centre.hang_up(1, agent, epoch + 1);
    centre.pass(100);
    assert!(centre.facts().is_empty() && centre.effects.is_empty());
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_offer_joins_nobody() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.pass(20);
    let (second, second_epoch) = centre.offer(1);
    assert!(second != agent, "the ring timeout gave the call to another");
    let call = CallId(1);
    centre.forget();
    centre.command(Command::OfferAnswered { call, agent, epoch });
    assert!(centre.effects.is_empty(), "the shard joins on our word alone");
    // The agent hangs up again before the shard has heard that it lost: that ends nothing.
    centre.command(Command::TalkEnded { call, agent, epoch, by: EndedBy::Agent });
    assert_eq!(centre.engine.waiting(QueueId(1)), 1);
    centre.answer(1);
    let joins: Vec<_> = centre.effects.iter().filter(|effect| matches!(effect, Effect::Join { .. })).collect();
    assert_eq!(joins, [&Effect::Join { call, agent: second, epoch: second_epoch }]);
}

#[test]
fn of_several_who_ring_the_first_answer_wins_and_the_others_are_unpunished() {
    let mut centre = Centre::new(|plan| (plan.queues[0].strategy, plan.queues[0].wrap_up) = ("ring-all", secs(9)), 3);
    centre.enqueue(1, 1);
    let call = CallId(1);
    let epochs: Vec<u32> =
        (1..=3).map(|agent| centre.engine.agent(AgentId(agent)).and_then(|it| it.epoch).expect("rung")).collect();
    centre.forget();
    for agent in [2_u32, 3, 2] {
        centre.command(Command::OfferAnswered { call, agent: AgentId(agent), epoch: epochs[agent as usize - 1] });
    }
    let answered = centre.facts.iter().filter(|fact| matches!(fact, Fact::Answered { .. })).count();
    assert_eq!(answered, 1, "one winner");
    let rescinded = OfferCause::Rescinded;
    assert_eq!(centre.cancelled(), [(1, epochs[0], rescinded), (3, epochs[2], rescinded)]);
    for agent in [1_u32, 3] {
        centre.command(Command::OfferReleased { agent: AgentId(agent), epoch: epochs[agent as usize - 1] });
        assert_eq!(centre.state(agent), AgentState::Ready);
    }
    assert_eq!(centre.state(2), AgentState::Talking);
}
