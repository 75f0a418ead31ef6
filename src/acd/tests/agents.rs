//! Agents: what they wish, what keeps them, and who reaches them.

use super::*;

#[test]
fn what_is_wished_during_a_call_happens_after_it() {
    let lunch = AgentState::NotReady(Reason::Custom("lunch".into()));
    for (target, then) in [
        (AgentTarget::NotReady(Reason::Custom("lunch".into())), lunch),
        (AgentTarget::LoggedOut, AgentState::LoggedOut),
        (AgentTarget::Ready, AgentState::Ready),
    ] {
        let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(10), 1);
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.answer(1);
        centre.set(1, AgentTarget::LoggedOut);
        centre.set(1, target);
        assert_eq!(centre.state(1), AgentState::Talking);
        centre.hang_up(1, agent, epoch);
        assert_eq!(centre.state(1), AgentState::WrapUp);
        centre.pass(10);
        assert_eq!(centre.state(1), then);
    }
}

#[test]
fn a_break_wished_while_ringing_lets_the_offer_stand_and_outweighs_a_pause() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    let lunch = Reason::Custom("lunch".into());
    centre.set(1, AgentTarget::NotReady(lunch.clone()));
    assert_eq!(centre.state(1), AgentState::Ringing);
    centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause: OfferCause::Declined });
    assert_eq!(centre.state(1), AgentState::NotReady(lunch));
    let facts = centre.facts();
    assert!(matches!(facts.last(), Some(Fact::AgentState { by, .. }) if *by == anna()), "{facts:?}");
    centre.pass(600);
    assert!(matches!(centre.state(1), AgentState::NotReady(_)), "a wished break does not end by itself");
}

#[test]
fn logging_out_while_ringing_hands_the_call_to_the_next_agent() {
    let mut centre = Centre::new(|_| {}, 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.ring(1);
    centre.set(1, AgentTarget::LoggedOut);
    assert_eq!(centre.cancelled(), [(1, epoch, OfferCause::AgentGone)]);
    assert_eq!(centre.offer(1).0, AgentId(2));
    assert_eq!(centre.state(1), AgentState::Ringing);
    centre.command(Command::OfferReleased { agent, epoch });
    assert_eq!(centre.state(1), AgentState::LoggedOut);
}

#[test]
fn wrap_up_ends_early_by_any_wish() {
    for (target, then) in [
        (AgentTarget::Ready, AgentState::Ready),
        (AgentTarget::NotReady(Reason::Custom("lunch".into())), AgentState::NotReady(Reason::Custom("lunch".into()))),
        (AgentTarget::LoggedOut, AgentState::LoggedOut),
    ] {
        let mut centre = Centre::new(|plan| plan.queues[0].wrap_up = secs(10), 1);
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.answer(1);
        centre.set(1, AgentTarget::LoggedOut);
        centre.hang_up(1, agent, epoch);
        centre.pass(4);
        centre.forget();
        centre.set(1, target);
        assert_eq!(centre.state(1), then);
        assert_eq!(centre.facts()[0], Fact::WrapUpEnded { queue: QueueId(1), agent, wrap_up: secs(4) });
        centre.pass(600);
        assert_eq!(centre.state(1), then);
    }
}

#[test]
fn an_automatic_pause_ends_by_itself_or_by_a_wish() {
    let mut centre = Centre::new(|_| {}, 1);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.offer(1);
    centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause: OfferCause::Declined });
    centre.pass(30);
    centre.set(1, AgentTarget::NotReady(Reason::Custom("lunch".into())));
    centre.pass(300);
    assert!(matches!(centre.state(1), AgentState::NotReady(Reason::Custom(_))));
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.state(1), AgentState::Reserved);
}

#[test]
fn a_dead_neighbour_with_fifty_ready_agents_and_twenty_callers_leaves_nobody_not_ready() {
    let mut centre = Centre::new(|_| {}, 50);
    for call in 1..=50 {
        // The last to talk are the first by id, so that the order of turns is not that of ids.
        centre.set(51 - call as u32, AgentTarget::NotReady(Reason::Initial));
    }
    for agent in (1..=50).rev() {
        centre.set(agent, AgentTarget::Ready);
        centre.talk(1_000 + u64::from(agent), 2);
    }
    for call in 1..=20 {
        centre.enqueue(call, 1);
    }
    let offers: Vec<_> = (1..=20).map(|call| (call, centre.offer(call))).collect();
    centre.forget();
    centre.pass(2);
    for (index, (call, (agent, epoch))) in offers.into_iter().enumerate() {
        if index == 0 {
            centre.command(Command::PeerState { peer: PeerId(0), up: false });
        }
        let cause = OfferCause::PeerFault;
        centre.command(Command::OfferFailed { call: CallId(call), agent, epoch, cause });
    }
    assert!((1..=50).all(|agent| centre.state(agent) == AgentState::Unreachable));
    assert_eq!(centre.engine.waiting(QueueId(1)), 20);
    assert!(!centre.effects.iter().any(|effect| matches!(effect, Effect::Offer { .. })));
    centre.pass(300);
    centre.command(Command::PeerState { peer: PeerId(0), up: true });
    let agents: Vec<u32> = (1..=20).map(|call| centre.offer(call).0.0).collect();
    assert_eq!(agents, (31..=50).rev().collect::<Vec<u32>>(), "each in the turn it had");
    assert_eq!((1..=50).filter(|agent| centre.state(*agent) == AgentState::Ready).count(), 30);
}

#[test]
fn who_becomes_ready_behind_a_dead_neighbour_is_unreachable() {
    let mut centre = Centre::new(|plan| plan.agents[1].peer = PeerId(1), 2);
    centre.enqueue(1, 1);
    let (agent, epoch) = centre.answer(1);
    centre.command(Command::PeerState { peer: PeerId(0), up: false });
    assert_eq!((centre.state(1), centre.state(2)), (AgentState::Talking, AgentState::Ready));
    centre.hang_up(1, agent, epoch);
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.set(1, AgentTarget::Ready);
    assert_eq!(centre.state(1), AgentState::Unreachable);
    centre.set(1, AgentTarget::LoggedOut);
    centre.forget();
    centre.command(Command::PeerState { peer: PeerId(0), up: true });
    centre.command(Command::PeerState { peer: PeerId(0), up: true });
    assert_eq!(centre.facts(), [Fact::PeerState { peer: PeerId(0), up: true }]);
    assert_eq!(centre.state(1), AgentState::LoggedOut);
}

/// How long the agent was in the state it has left last.
fn spent(centre: &mut Centre, state: &AgentState) -> Duration {
    let left = |fact: &Fact| {
        if let Fact::AgentState { from, spent, .. } = fact { Some((from == state, *spent)) } else { None }
    };
    let (_, spent) = centre.facts().iter().rev().filter_map(left).find(|(it, _)| *it).expect("the state was left");
    spent
}

#[test]
fn an_agents_own_times_hold_in_place_of_the_common_ones() {
    let own = |plan: &mut Plan| {
        plan.queues[0].wrap_up = secs(30);
        let policy = &mut plan.agents[0].policy;
        (policy.wrap_up, policy.reject_pause) = (Some(secs(7)), Some(secs(11)));
        (policy.no_answer_max, policy.no_answer_pause) = (Some(2), secs(3));
    };
    let mut centre = Centre::new(own, 1);
    centre.talk(1, 5);
    centre.pass(20);
    assert_eq!(spent(&mut centre, &AgentState::WrapUp), secs(7));
    centre.enqueue(2, 1);
    let (agent, epoch) = centre.offer(2);
    centre.command(Command::OfferFailed { call: CallId(2), agent, epoch, cause: OfferCause::Declined });
    centre.pass(15);
    assert_eq!(spent(&mut centre, &AgentState::NotReady(Reason::Rejected)), secs(11));
    let (call, agent) = (CallId(2), AgentId(1));
    for pause in [3, 60, 3] {
        let (_, epoch) = centre.ring(2);
        centre.command(Command::OfferFailed { call, agent, epoch, cause: OfferCause::NoAnswer });
        centre.pass(pause);
        assert_eq!(spent(&mut centre, &AgentState::NotReady(Reason::NoAnswer)), secs(pause));
    }
}
