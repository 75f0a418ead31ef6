//! What the engine does, rule by rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::index::steps;
use super::*;
use crate::base::{AgentId, CallId, Instant, PeerId, QueueId};

mod order {
    use super::*;

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
            plan.queues[0].skills = vec!["english".into(), "billing".into()];
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
                    plan.queues[0].skills = vec!["rare".into()];
                    plan.agents[0].skills = vec!["rare".into()];
                    plan.queues[1].skills = vec!["common".into()];
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
            let ready = Command::SetAgent { agent: AgentId(1), target: AgentTarget::Ready, by: Actor::Engine };
            let commands = [
                enqueue(1, 2, 0, None),
                Command::OfferAnswered { call: CallId(1), agent: AgentId(2), epoch: 1 },
                Command::TalkEnded { call: CallId(1), agent: AgentId(2), epoch: 1, by: EndedBy::Agent },
                enqueue(2, 1, 0, None),
                ready,
                Command::CallerGone { call: CallId(2) },
                Command::CallerGone { call: CallId(1_000_001) },
                Command::OfferReleased { agent: AgentId(1), epoch: 2 },
            ];
            commands.map(|command| steps::of(|| engine.handle_command(now, command)))
        };
        let small = steps_with(5, 3);
        assert!(small.iter().all(|&steps| steps <= 24), "{small:?}");
        assert_eq!(small, steps_with(5_000, 3));
        assert_eq!(small, steps_with(5, 1_000));
    }
}

mod offers {
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
                Fact::TalkEnded { call, queue, agent, talk: secs(60), by: EndedBy::Caller },
                state(1, AgentState::Talking, AgentState::WrapUp, 60),
            ]
        );
        centre.pass(10);
        assert_eq!(
            centre.facts(),
            [
                Fact::WrapUpEnded { queue, agent, wrap_up: secs(10) },
                state(1, AgentState::WrapUp, AgentState::Ready, 10)
            ]
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
        let busy = AgentState::NotReady(Reason::Busy);
        for (cause, state, back_after) in [
            (OfferCause::Declined, rejected, 60),
            (OfferCause::Busy, busy.clone(), 5),
            (OfferCause::Failed, busy.clone(), 5),
            (OfferCause::NeverRang, busy, 5),
            (OfferCause::NoAnswer, AgentState::NotReady(Reason::NoAnswer), 60),
            (OfferCause::PeerFault, AgentState::Ready, 1),
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
        assert_eq!(centre.state(1), AgentState::NotReady(Reason::Busy));
    }

    #[test]
    fn a_caller_who_hangs_up_while_an_agent_rings_is_abandoned_and_the_agent_unpunished() {
        let mut centre = Centre::new(|_| {}, 1);
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.ring(1);
        centre.pass(4);
        centre.forget();
        centre.command(Command::CallerGone { call: CallId(1) });
        let (call, queue) = (CallId(1), QueueId(1));
        assert_eq!(
            centre.facts(),
            [
                Fact::OfferEnded { call, queue, agent, epoch, cause: OfferCause::CallerGone, ring: secs(4) },
                Fact::Abandoned { call, queue, wait: secs(4), while_ringing: true },
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
        centre.command(Command::CallerGone { call: CallId(1) });
        centre.command(Command::CallerGone { call: CallId(1) });
        let (call, queue) = (CallId(1), QueueId(1));
        let abandoned = Fact::Abandoned { call, queue, wait: secs(3), while_ringing: false };
        assert_eq!(centre.facts(), [abandoned, Fact::Oldest { queue, since: None }]);
        assert!(centre.effects.is_empty());
    }

    #[test]
    fn a_release_that_never_comes_is_repaired_at_the_reservations_deadline() {
        let mut centre = Centre::new(|_| {}, 1);
        centre.enqueue(1, 1);
        centre.ring(1);
        centre.command(Command::CallerGone { call: CallId(1) });
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
        centre.command(Command::CallerGone { call: CallId(1) });
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
}

mod agents {
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
        let by = centre.facts().into_iter().find_map(|fact| match fact {
            Fact::AgentState { to: AgentState::NotReady(_), by, .. } => Some(by),
            _ => None,
        });
        assert_eq!(by, Some(anna()));
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
            (
                AgentTarget::NotReady(Reason::Custom("lunch".into())),
                AgentState::NotReady(Reason::Custom("lunch".into())),
            ),
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
}

mod queues {
    use super::*;

    #[test]
    fn a_call_that_finds_the_queue_full_or_closed_or_the_node_draining_is_counted_and_flows_out() {
        let full = |plan: &mut Plan| plan.queues[0].waiting_max = Some(1);
        let closed = |plan: &mut Plan| plan.queues[0].open = false;
        for (change, drain, reason) in [
            (&full as &dyn Fn(&mut Plan), false, FlowOut::Full),
            (&closed, false, FlowOut::Closed),
            (&full, true, FlowOut::Draining),
        ] {
            let mut centre = Centre::new(change, 0);
            centre.enqueue(1, 1);
            if drain {
                centre.command(Command::Drain);
            }
            centre.forget();
            centre.enqueue(2, 1);
            let (call, queue) = (CallId(2), QueueId(1));
            let flowed = Fact::FlowedOut { call, queue, wait: Duration::ZERO, reason };
            assert_eq!(centre.facts(), [Fact::Offered { call, queue }, flowed]);
            assert_eq!(centre.effects, [Effect::FlowOut { call, queue, reason }]);
            assert_eq!(centre.engine.counts(queue).expect("known").offered, 2);
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
        assert_eq!(centre.missed(), []);
        centre.set(1, AgentTarget::Ready);
        centre.answer(1);
        centre.forget();
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
        centre.command(Command::CallerGone { call: CallId(1) });
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
        let oldest = |centre: &mut Centre| {
            let told = centre.facts().into_iter().filter_map(|fact| match fact {
                Fact::Oldest { since, .. } => Some(since),
                _ => None,
            });
            told.collect::<Vec<_>>()
        };
        centre.enqueue(1, 1);
        centre.pass(1);
        centre.enqueue_as(2, 1, 9, None);
        assert_eq!(oldest(&mut centre), [Some(START)]);
        centre.enqueue_as(3, 1, 0, Some(Instant::ZERO));
        assert_eq!(oldest(&mut centre), [Some(Instant::ZERO)]);
        for call in [3, 2, 1] {
            centre.command(Command::CallerGone { call: CallId(call) });
        }
        assert_eq!(oldest(&mut centre), [Some(START), None]);
        assert_eq!(centre.engine.waiting(queue), 0);
    }

    #[test]
    fn a_refused_contact_is_told_and_belongs_to_no_queue() {
        let mut centre = Centre::new(|_| {}, 0);
        centre.command(Command::Refused { queue: Some(QueueId(1)), cause: Refusal::Overload });
        assert_eq!(centre.facts(), [Fact::Refused { queue: Some(QueueId(1)), cause: Refusal::Overload }]);
        centre.enqueue(1, 99);
        assert_eq!(centre.facts(), [Fact::Refused { queue: Some(QueueId(99)), cause: Refusal::Closed }]);
        assert_eq!(centre.flowed_out(), [(1, FlowOut::Closed)]);
    }
}

mod reloads {
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
        let (agent, epoch) = centre.answer(1);
        centre.reload(|plan| plan.agents.clear());
        centre.reload(|plan| plan.agents = vec![super::agent(1)]);
        centre.hang_up(1, agent, epoch);
        assert_eq!(centre.state(1), AgentState::Ready);
    }

    #[test]
    fn new_skills_and_new_agents_are_matched_at_once_and_states_survive() {
        let mut centre = Centre::new(|plan| plan.queues[0].skills = vec!["french".into()], 2);
        centre.set(2, AgentTarget::NotReady(Reason::Initial));
        centre.enqueue(1, 1);
        centre.enqueue(2, 1);
        assert_eq!(centre.offer_of(1), None);
        centre.reload(|plan| {
            plan.agents.iter_mut().for_each(|agent| agent.skills = vec!["french".into()]);
            plan.agents.push(AgentPlan { skills: vec!["french".into()], ..super::agent(3) });
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
        assert_eq!(centre.missed(), [], "told once");
        assert_eq!(centre.flowed_out(), [(1, FlowOut::Timeout)]);
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
}

mod time {
    use super::*;

    #[test]
    fn an_input_from_the_past_is_taken_at_the_engines_own_time() {
        let mut centre = Centre::new(|_| {}, 0);
        centre.pass(10);
        centre.enqueue(1, 1);
        centre.engine.handle_command(START, enqueue(2, 1, 0, None));
        assert_eq!(centre.engine.call_since(CallId(2)), Some(START + secs(10)));
        let future = Some(centre.now + secs(500));
        centre.enqueue_as(3, 1, 0, future);
        assert_eq!(centre.engine.call_since(CallId(3)), Some(centre.now));
    }

    #[test]
    fn an_early_or_repeated_timeout_changes_nothing() {
        let mut centre = Centre::new(|_| {}, 1);
        centre.enqueue(1, 1);
        centre.ring(1);
        centre.pass(19);
        centre.forget();
        for _ in 0..3 {
            centre.engine.handle_timeout(START);
            centre.engine.handle_timeout(centre.now);
        }
        centre.pass(0);
        assert!(centre.facts().is_empty() && centre.effects.is_empty());
    }

    #[test]
    fn an_enqueue_of_a_call_that_waits_already_changes_nothing() {
        let mut centre = Centre::new(|_| {}, 0);
        centre.enqueue(1, 1);
        centre.forget();
        centre.enqueue_as(1, 1, 7, None);
        assert!(centre.facts().is_empty() && centre.effects.is_empty());
    }
}

const START: Instant = Instant::from_micros(1_000_000);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn anna() -> Actor {
    Actor::User("anna".into())
}

fn queue(id: u32) -> QueuePlan {
    QueuePlan {
        id: QueueId(id),
        name: format!("q{id}").into(),
        skills: Vec::new(),
        strategy: "longest-idle",
        waiting_max: None,
        wait_max: None,
        ring_timeout: secs(20),
        wrap_up: Duration::ZERO,
        threshold: secs(20),
        short_abandon: secs(5),
        open: true,
    }
}

fn agent(id: u32) -> AgentPlan {
    AgentPlan {
        id: AgentId(id),
        name: id.to_string().into(),
        skills: Vec::new(),
        peer: PeerId(0),
        initial: AgentState::Ready,
        return_after: secs(60),
        busy_pause: secs(5),
    }
}

fn plan(agents: u32) -> Plan {
    Plan { queues: vec![queue(1)], agents: (1..=agents).map(agent).collect() }
}

fn enqueue(call: u64, queue: u32, priority: i32, since: Option<Instant>) -> Command {
    Command::Enqueue { call: CallId(call), queue: QueueId(queue), priority, since }
}

fn state(agent: u32, from: AgentState, to: AgentState, spent: u64) -> Fact {
    Fact::AgentState { agent: AgentId(agent), from, to, spent: secs(spent), by: Actor::Engine }
}

/// An engine with its clock and what it has put out; checks every invariant after each input.
struct Centre {
    engine: Engine,
    now: Instant,
    effects: Vec<Effect>,
    facts: Vec<Fact>,
    /// The last offer of each call.
    offers: BTreeMap<u64, (AgentId, u32)>,
}

impl Centre {
    /// One queue, 1, and `agents` ready agents behind one neighbour; `change` makes the case.
    fn new(change: impl Fn(&mut Plan), agents: u32) -> Self {
        let mut plan = plan(agents);
        change(&mut plan);
        let engine = Engine::new(START, Arc::new(plan));
        let mut centre = Self { engine, now: START, effects: Vec::new(), facts: Vec::new(), offers: BTreeMap::new() };
        centre.drain();
        centre.forget();
        centre
    }

    fn drain(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            if let Effect::Offer { call, agent, epoch, .. } = effect {
                self.offers.insert(call.0, (agent, epoch));
            }
            self.effects.push(effect);
        }
        self.facts.extend(std::iter::from_fn(|| self.engine.poll_fact()).map(|stamped| stamped.fact));
        self.engine.check().expect("every invariant holds");
    }

    fn command(&mut self, command: Command) {
        self.engine.handle_command(self.now, command);
        self.drain();
    }

    fn reload(&mut self, change: impl Fn(&mut Plan)) {
        let mut plan = Plan::clone(self.engine.plan());
        change(&mut plan);
        self.engine.handle_plan(self.now, Arc::new(plan));
        self.drain();
    }

    fn pass(&mut self, secs: u64) {
        self.pass_ms(secs * 1000);
    }

    /// Lets time pass, with a timeout at each deadline.
    fn pass_ms(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(at) = self.engine.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn enqueue(&mut self, call: u64, queue: u32) {
        self.enqueue_as(call, queue, 0, None);
    }

    fn enqueue_as(&mut self, call: u64, queue: u32, priority: i32, since: Option<Instant>) {
        self.command(enqueue(call, queue, priority, since));
    }

    fn set(&mut self, agent: u32, target: AgentTarget) {
        self.command(Command::SetAgent { agent: AgentId(agent), target, by: anna() });
    }

    fn log_out(&mut self, agent: u32) {
        self.set(agent, AgentTarget::LoggedOut);
    }

    fn state(&self, agent: u32) -> AgentState {
        self.engine.agent(AgentId(agent)).expect("a known agent").state
    }

    /// The last offer of the call since the last `forget`.
    fn offer_of(&self, call: u64) -> Option<(AgentId, u32)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Offer { call: offered, agent, epoch, .. } if *offered == CallId(call) => Some((*agent, *epoch)),
            Effect::Offer { .. } | Effect::CancelOffer { .. } | Effect::FlowOut { .. } => None,
        })
    }

    fn offer(&self, call: u64) -> (AgentId, u32) {
        *self.offers.get(&call).expect("an offer")
    }

    fn ring(&mut self, call: u64) -> (AgentId, u32) {
        let (agent, epoch) = self.offer(call);
        self.command(Command::OfferRinging { call: CallId(call), agent, epoch });
        (agent, epoch)
    }

    fn answer(&mut self, call: u64) -> (AgentId, u32) {
        let (agent, epoch) = self.offer(call);
        self.command(Command::OfferAnswered { call: CallId(call), agent, epoch });
        (agent, epoch)
    }

    fn hang_up(&mut self, call: u64, agent: AgentId, epoch: u32) {
        self.command(Command::TalkEnded { call: CallId(call), agent, epoch, by: EndedBy::Caller });
    }

    /// A whole call in queue 1; says who took it.
    fn talk(&mut self, call: u64, secs: u64) -> AgentId {
        self.enqueue(call, 1);
        let (agent, epoch) = self.answer(call);
        self.pass(secs);
        self.hang_up(call, agent, epoch);
        agent
    }

    /// The order in which one agent, now logged out, gets all who wait.
    fn served_in_turn(&mut self, agent: u32) -> Vec<u64> {
        self.forget();
        self.set(agent, AgentTarget::Ready);
        let mut served = Vec::new();
        while let Some(call) = self.engine.agent(AgentId(agent)).and_then(|status| status.call) {
            served.push(call.0);
            let (agent, epoch) = self.answer(call.0);
            self.hang_up(call.0, agent, epoch);
        }
        served
    }

    fn forget(&mut self) {
        self.effects.clear();
        self.facts.clear();
    }

    /// The facts since the last question.
    fn facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    fn missed(&self) -> Vec<u64> {
        let calls = self.facts.iter().filter_map(|fact| match fact {
            Fact::Missed { call, .. } => Some(call.0),
            _ => None,
        });
        calls.collect()
    }

    /// The cancelled offers since the last question: agent, epoch, cause.
    fn cancelled(&mut self) -> Vec<(u32, u32, OfferCause)> {
        let cancelled = self.effects.iter().filter_map(|effect| match effect {
            Effect::CancelOffer { agent, epoch, cause, .. } => Some((agent.0, *epoch, *cause)),
            Effect::Offer { .. } | Effect::FlowOut { .. } => None,
        });
        let cancelled = cancelled.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::CancelOffer { .. }));
        cancelled
    }

    /// The flow-outs since the last question.
    fn flowed_out(&mut self) -> Vec<(u64, FlowOut)> {
        let flowed = self.effects.iter().filter_map(|effect| match effect {
            Effect::FlowOut { call, reason, .. } => Some((call.0, *reason)),
            Effect::Offer { .. } | Effect::CancelOffer { .. } => None,
        });
        let flowed = flowed.collect();
        self.effects.retain(|effect| !matches!(effect, Effect::FlowOut { .. }));
        flowed
    }
}
