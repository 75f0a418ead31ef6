//! Losses: each lost visit has one cause, the first that fits, from what the engine knows in the moment when it ends.

use super::*;

/// The causes told since the last question.
fn causes(centre: &mut Centre) -> Vec<LostCause> {
    let mut causes = Vec::new();
    for fact in centre.facts() {
        if let Fact::Abandoned { cause, .. } = fact {
            causes.push(cause);
        }
        if let Fact::FlowedOut { cause, .. } = fact {
            causes.extend(cause);
        }
    }
    causes
}

/// A call waits for ten seconds and its caller hangs up.
fn gives_up(centre: &mut Centre, call: u64) -> LostCause {
    centre.enqueue(call, 1);
    centre.pass(10);
    centre.command(Command::CallerGone { call: CallId(call), how: Gone::HungUp });
    causes(centre).pop().expect("one cause")
}

#[test]
fn who_gives_up_is_lost_by_what_the_agents_were_doing() {
    let mut centre = Centre::new(|_| {}, 2);
    let not_ready = || AgentTarget::NotReady(Reason::Custom("lunch".into()));
    [1, 2].into_iter().for_each(|agent| centre.log_out(agent));
    assert_eq!(gives_up(&mut centre, 1), LostCause::NoAgentOnDuty);
    centre.set(1, not_ready());
    assert_eq!(gives_up(&mut centre, 2), LostCause::AllAgentsNotReady);
    centre.command(Command::PeerState { peer: PeerId(0), up: false });
    centre.set(2, AgentTarget::Ready);
    assert_eq!(gives_up(&mut centre, 3), LostCause::TrunkFault, "who wishes calls cannot be reached");
    centre.command(Command::PeerState { peer: PeerId(0), up: true });
    centre.enqueue(100, 1);
    centre.answer(100);
    assert_eq!(gives_up(&mut centre, 4), LostCause::CallerInQueue, "one talks");
}

#[test]
fn only_agents_who_may_take_the_call_in_some_step_are_on_duty_for_it() {
    let asks_more = |plan: &mut Plan| {
        plan.queues[0].routing.requirement = asks("french");
        plan.agents[1].skills = vec![Skill::from("french")];
        plan.agents[1].initial = AgentState::LoggedOut;
    };
    let mut centre = Centre::new(asks_more, 2);
    assert_eq!(gives_up(&mut centre, 1), LostCause::NoAgentOnDuty, "the one at work has no French");
    centre.reload(|plan| {
        let step = Step { after: secs(60), requirement: Some(asks("true")), strategy: None, bump: 0 };
        plan.queues[0].routing.steps = vec![step];
    });
    centre.set(1, AgentTarget::NotReady(Reason::Custom("lunch".into())));
    assert_eq!(gives_up(&mut centre, 2), LostCause::AllAgentsNotReady, "a later step would take him");
}

#[test]
fn an_offer_that_failed_outweighs_what_the_agents_do_after_it() {
    for (cause, lost) in [
        (OfferCause::Declined, LostCause::AgentRejected),
        (OfferCause::Busy, LostCause::AgentRejected),
        (OfferCause::NoAnswer, LostCause::AgentNoAnswer),
        (OfferCause::PeerFault, LostCause::TrunkFault),
        (OfferCause::Absent, LostCause::NoAgentOnDuty),
        (OfferCause::Failed, LostCause::TrunkFault),
    ] {
        let mut centre = Centre::new(|plan| plan.agents[0].busy_pause = secs(60), 1);
        centre.enqueue(1, 1);
        let (agent, epoch) = centre.ring(1);
        centre.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause });
        centre.log_out(1);
        centre.pass(10);
        centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
        assert_eq!(causes(&mut centre), [lost], "{cause:?}");
    }
}

#[test]
fn how_the_caller_went_is_asked_before_the_agents() {
    for (how, rings, lost) in [
        (Gone::HungUp, true, LostCause::CallerWhileRinging),
        (Gone::InPrompt, true, LostCause::CallerWhileRinging),
        (Gone::InPrompt, false, LostCause::CallerInPrompt),
        (Gone::Lost, true, LostCause::TrunkFault),
        (Gone::Lost, false, LostCause::TrunkFault),
    ] {
        let mut centre = Centre::new(|_| {}, u32::from(rings));
        centre.enqueue(1, 1);
        centre.pass(6);
        centre.command(Command::CallerGone { call: CallId(1), how });
        assert_eq!(causes(&mut centre), [lost], "{how:?}");
        let mut centre = Centre::new(|_| {}, u32::from(rings));
        centre.enqueue(1, 1);
        centre.pass(5);
        centre.command(Command::CallerGone { call: CallId(1), how });
        assert_eq!(causes(&mut centre), [LostCause::CallerShort], "{how:?}");
    }
}

#[test]
fn a_wait_that_ends_by_its_limit_says_whether_anybody_was_at_work() {
    for (agents, lost) in [(0, LostCause::NoAgentOnDuty), (1, LostCause::Timeout)] {
        let mut centre = Centre::new(|plan| plan.queues[0].wait_max = Some(secs(8)), agents);
        if agents == 1 {
            centre.enqueue(100, 1);
            centre.answer(100);
        }
        centre.enqueue(1, 1);
        centre.pass(8);
        assert_eq!(causes(&mut centre), [lost]);
    }
}
