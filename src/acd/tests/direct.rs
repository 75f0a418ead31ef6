//! Offers by name, and the agent who consults.

use super::*;

fn offer_to(centre: &mut Centre, call: u64, agent: u32) {
    centre.command(Command::OfferTo { call: CallId(call), agent: AgentId(agent), queue: QueueId(1) });
}

fn unavailable(centre: &Centre) -> usize {
    centre.effects.iter().filter(|effect| matches!(effect, Effect::Unavailable { .. })).count()
}

#[test]
fn who_is_rung_by_name_talks_and_wraps_up_without_any_visit() {
    let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(10), 2);
    offer_to(&mut centre, 7, 2);
    assert_eq!(centre.state(2), AgentState::Reserved);
    assert_eq!(centre.engine.counts(QueueId(1)).map(|counts| counts.offered), Some(0));
    let (agent, epoch) = centre.ring(7);
    centre.answer(7);
    assert_eq!((agent, centre.state(2)), (AgentId(2), AgentState::Talking));
    let joined = Effect::Join { call: CallId(7), agent, epoch };
    assert!(centre.effects.contains(&joined));
    assert!(centre.facts().contains(&Fact::Reached { call: CallId(7), queue: QueueId(1), agent }));
    centre.hang_up(7, agent, epoch);
    assert_eq!(centre.state(2), AgentState::WrapUp);
    centre.pass(10);
    assert_eq!(centre.state(2), AgentState::Ready);
}

#[test]
fn who_is_not_ready_is_not_rung_and_neither_is_anybody_for_a_call_that_waits() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.log_out(2);
    offer_to(&mut centre, 7, 2);
    offer_to(&mut centre, 7, 9);
    assert_eq!(unavailable(&centre), 2, "nor somebody unknown");
    centre.log_out(1);
    centre.enqueue(7, 1);
    centre.forget();
    offer_to(&mut centre, 7, 1);
    assert_eq!((unavailable(&centre), centre.effects.len()), (1, 1));
}

#[test]
fn an_offer_by_name_rings_out_is_refused_or_taken_back_like_any_other_and_no_queue_goes_on() {
    let mut centre = Centre::new(|_| {}, 1);
    offer_to(&mut centre, 7, 1);
    let (agent, epoch) = centre.ring(7);
    centre.pass(20);
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::NoAnswer)]);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::NotReady(Reason::NoAnswer));
    centre.set(1, AgentTarget::Ready);
    offer_to(&mut centre, 7, 1);
    let (agent, epoch) = centre.offer(7);
    centre.command(Command::OfferFailed { call: CallId(7), agent, epoch, cause: OfferCause::Busy });
    assert_eq!(centre.state(1), AgentState::NotReady(Reason::Busy));
    centre.set(1, AgentTarget::Ready);
    offer_to(&mut centre, 7, 1);
    let (agent, epoch) = centre.offer(7);
    centre.command(Command::WithdrawOffer { call: CallId(8), agent, epoch, cause: OfferCause::Withdrawn });
    assert_eq!(centre.state(1), AgentState::Reserved, "of another call");
    centre.command(Command::WithdrawOffer { call: CallId(7), agent, epoch, cause: OfferCause::Withdrawn });
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::Withdrawn)]);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::Ready);
    assert_eq!(centre.flowed_out(), []);
}

#[test]
fn a_queue_s_offer_is_not_taken_back_as_one_by_name() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(7, 1);
    let (agent, epoch) = centre.offer(7);
    centre.command(Command::WithdrawOffer { call: CallId(7), agent, epoch, cause: OfferCause::Withdrawn });
    assert_eq!(centre.cancelled(), []);
}

#[test]
fn consulting_goes_before_holding_and_both_are_counted_once() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(7, 1);
    let (agent, epoch) = centre.answer(7);
    let call = CallId(7);
    centre.pass(5);
    centre.command(Command::Consults { call, agent, epoch, consults: true });
    assert_eq!(centre.state(1), AgentState::Consult);
    centre.pass(3);
    centre.command(Command::Held { call, agent, epoch, held: true });
    assert_eq!(centre.state(1), AgentState::Consult);
    centre.pass(4);
    centre.command(Command::Consults { call, agent, epoch, consults: false });
    assert_eq!(centre.state(1), AgentState::Hold);
    centre.pass(2);
    centre.command(Command::Held { call, agent, epoch, held: false });
    assert_eq!(centre.state(1), AgentState::Talking);
    centre.pass(6);
    centre.command(Command::Consults { call, agent, epoch: epoch + 1, consults: true });
    assert_eq!(centre.state(1), AgentState::Talking, "of another time");
    centre.forget();
    centre.hang_up(7, agent, epoch);
    let (talk, hold, by) = (secs(20), secs(9), EndedBy::Caller);
    assert!(centre.facts().contains(&Fact::TalkEnded { call, queue: QueueId(1), agent, talk, hold, by }));
}

#[test]
fn a_call_may_wait_in_a_queue_while_an_agent_talks_about_it() {
    let mut centre = Centre::new(|plan| plan.queues.push(queue(2)), 2);
    centre.log_out(2);
    centre.enqueue(7, 1);
    let (first, epoch) = centre.answer(7);
    centre.enqueue(7, 2);
    centre.set(2, AgentTarget::Ready);
    let (second, _) = centre.answer(7);
    assert_eq!([first, second], [AgentId(1), AgentId(2)]);
    centre.command(Command::TalkEnded { call: CallId(7), agent: first, epoch, by: EndedBy::Transfer });
    assert_eq!((centre.state(1), centre.state(2)), (AgentState::Ready, AgentState::Talking));
}
