//! The common laws, tried on every strategy of the table, and what each alone promises.

use super::*;
use crate::acd::strategy::{self, Ring, STRATEGIES};
use crate::acd::{Laid, QueueState};

/// Each with the level of its skill, its penalty and position in queue 1.
fn centre(strategy: &'static str, agents: &[(u8, u32, u32)]) -> Centre {
    let case = |plan: &mut Plan| {
        plan.queues[0].strategy = strategy;
        plan.queues[0].routing.requirement = asks("sales");
        for (agent, &(level, penalty, position)) in plan.agents.iter_mut().zip(agents) {
            agent.skills = vec![Skill { level, ..Skill::from("sales") }];
            agent.memberships = vec![Membership { penalty, position, ..Membership::of(QueueId(1)) }];
        }
    };
    Centre::new(case, agents.len() as u32)
}

/// Who takes calls that come one after the other, each talking so many seconds.
fn takers(strategy: &'static str, agents: &[(u8, u32, u32)], talks: &[u64]) -> Vec<u32> {
    let mut centre = centre(strategy, agents);
    talks.iter().zip(1..).map(|(secs, call)| centre.talk(call, *secs).0).collect()
}

#[test]
fn no_strategy_chooses_who_may_not_take_the_call_or_leaves_a_ready_agent_beside_a_waiting_call() {
    for row in STRATEGIES {
        let mut centre = centre(row.name, &[(5, 0, 0), (5, 1, 0), (5, 0, 1)]);
        centre.reload(|plan| plan.agents[1].skills.clear());
        for call in 1..=3 {
            centre.enqueue(call, 1);
        }
        let is_busy = |agent: &u32| centre.engine.agent(AgentId(*agent)).is_some_and(|status| status.call.is_some());
        assert_eq!((1..=3).filter(is_busy).collect::<Vec<_>>(), [1, 3], "{}", row.name);
        assert_eq!(centre.engine.waiting(QueueId(1)), 3);
    }
}

#[test]
fn every_strategy_chooses_the_same_again() {
    for row in STRATEGIES {
        let agents = [(3, 0, 2), (9, 1, 0), (5, 0, 1), (5, 2, 1)];
        let once = takers(row.name, &agents, &[3, 1, 4, 1, 5, 9, 2, 6]);
        assert_eq!(once, takers(row.name, &agents, &[3, 1, 4, 1, 5, 9, 2, 6]), "{}", row.name);
    }
}

#[test]
fn a_lower_penalty_goes_first_in_every_strategy_but_the_one_that_weighs_it() {
    // Where all ring at once, nobody goes first.
    for row in STRATEGIES.iter().filter(|row| row.name != "weighted-random" && row.ring != Ring::All) {
        let told = takers(row.name, &[(9, 1, 0), (1, 0, 5), (9, 1, 0)], &[5, 5, 5, 5]);
        assert_eq!(told, [2, 2, 2, 2], "{}", row.name);
    }
}

#[test]
fn each_strategy_keeps_its_own_promise() {
    let even = [(5, 0, 3), (5, 0, 1), (5, 0, 2)];
    let told = |strategy, talks: &[u64]| takers(strategy, &even, talks);
    assert_eq!(told("longest-idle", &[5, 5, 5, 5]), [2, 3, 1, 2]);
    assert_eq!(told("fewest-calls", &[50, 5, 5, 5]), [2, 3, 1, 2]);
    assert_eq!(told("least-talk", &[50, 5, 20, 5, 5]), [2, 3, 1, 3, 3]);
    assert_eq!(told("least-occupied", &[50, 5, 20, 5, 5]), [2, 3, 1, 3, 3]);
    assert_eq!(told("linear", &[5, 5, 5]), [2, 2, 2]);
    assert_eq!(told("round-robin", &[5, 5, 5, 5]), [1, 2, 3, 1]);
    assert_eq!(told("round-robin-ordered", &[5, 5, 5, 5]), [2, 3, 1, 2]);
    let skilled = [(5, 0, 0), (9, 0, 0), (2, 0, 0)];
    assert_eq!(takers("most-skilled", &skilled, &[5, 5]), [2, 2]);
    assert_eq!(takers("least-skilled", &skilled, &[5, 5]), [3, 3]);
}

/// Who rings, of three agents.
fn rung(centre: &Centre) -> Vec<u32> {
    let is_rung = |agent: &u32| centre.engine.agent(AgentId(*agent)).is_some_and(|status| status.call.is_some());
    (1..=3).filter(is_rung).collect()
}

#[test]
fn ring_all_rings_all_and_ring_best_those_of_the_lowest_penalty_that_has_anybody_ready() {
    let agents = [(5, 2, 0), (5, 1, 0), (5, 1, 1)];
    let mut all = centre("ring-all", &agents);
    all.enqueue(1, 1);
    assert_eq!(rung(&all), [1, 2, 3]);
    let mut best = centre("ring-best", &agents);
    best.log_out(3);
    best.enqueue(1, 1);
    assert_eq!(rung(&best), [2]);
    assert_eq!(best.engine.explain(CallId(1)).expect("it waits").agents[0].1, Exclusion::Outranked);
    best.set(3, AgentTarget::Ready);
    assert_eq!(rung(&best), [2, 3], "who is as good rings too");
    for _ in 0..2 {
        let (agent, epoch) =
            best.engine.agent(AgentId(2)).and_then(|status| status.call.zip(status.epoch)).map_or_else(
                || (AgentId(3), best.engine.agent(AgentId(3)).and_then(|status| status.epoch).expect("rings")),
                |(_, epoch)| (AgentId(2), epoch),
            );
        assert!(!rung(&best).contains(&1), "somebody of the best rings still");
        best.command(Command::OfferFailed { call: CallId(1), agent, epoch, cause: OfferCause::Declined });
    }
    assert_eq!(rung(&best), [1], "nobody of the best is left");
}

#[test]
fn ring_best_follows_a_strategy_that_is_changed_and_penalties_that_do_not_count() {
    let agents = [(5, 2, 0), (5, 1, 0), (5, 1, 1)];
    let mut centre = centre("ring-best", &agents);
    centre.enqueue(1, 1);
    assert_eq!(rung(&centre), [2, 3]);
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting: QueueSetting::Strategy("ring-all"), by: anna() });
    assert_eq!(rung(&centre), [1, 2, 3]);
    let mut centre = self::centre("ring-best", &agents);
    centre.reload(|plan| {
        plan.queues[0].routing.members = Members::Listed;
        plan.queues[0].routing.penalty_members_limit = 3;
    });
    centre.enqueue(1, 1);
    assert_eq!(rung(&centre), [1, 2, 3], "with no more members than the limit all penalties are alike");
}

#[test]
fn another_window_of_occupancy_is_that_of_the_plan() {
    let taker = |window| {
        let mut centre = centre("least-occupied", &[(5, 0, 0), (5, 0, 1)]);
        centre.reload(|plan| plan.occupancy_window = secs(window));
        // The first talks an hour, the second ten minutes, an hour later.
        assert_eq!(centre.talk(1, 3_600), AgentId(1));
        centre.pass(3_000);
        assert_eq!(centre.talk(2, 600), AgentId(2));
        centre.talk(3, 1)
    };
    assert_eq!([taker(7_200), taker(900)], [AgentId(2), AgentId(1)]);
}

#[test]
fn draws_are_fair_and_a_penalty_makes_them_rarer() {
    let share = |strategy, agents: &[(u8, u32, u32)]| {
        let took = takers(strategy, agents, &[1; 3_000]);
        [1, 2, 3].map(|agent| took.iter().filter(|taker| **taker == agent).count())
    };
    let even = share("random", &[(5, 0, 0), (5, 0, 0), (9, 0, 0)]);
    assert!(even.iter().all(|count| (900..1_100).contains(count)), "{even:?}");
    // A number below 1 against one below 3: 1 - 1/6.
    let weighed = share("weighted-random", &[(5, 0, 0), (5, 2, 0)]);
    assert!((2_400..2_600).contains(&weighed[0]), "{weighed:?}");
}

#[test]
fn the_strategy_of_a_running_queue_can_be_changed() {
    let mut centre = centre("linear", &[(5, 0, 0), (5, 0, 1)]);
    assert_eq!([centre.talk(1, 5), centre.talk(2, 5)], [AgentId(1), AgentId(1)]);
    let strategy = strategy::find("longest-idle").expect("in the table").name;
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting: QueueSetting::Strategy(strategy), by: anna() });
    assert_eq!([centre.talk(3, 5), centre.talk(4, 5)], [AgentId(2), AgentId(1)]);
    centre.reload(|_| {});
    assert_eq!(centre.talk(5, 5), AgentId(2), "it survives a reload");
}

#[test]
fn what_was_set_at_run_time_is_taken_back_and_the_plan_holds_again() {
    let mut centre = centre("linear", &[(5, 0, 0), (5, 0, 1)]);
    let queue = QueueId(1);
    let planned = centre.engine.effective_plan();
    centre.command(Command::ChangeQueue { queue, setting: QueueSetting::Strategy("longest-idle"), by: anna() });
    centre.command(Command::ChangeQueue { queue, setting: QueueSetting::Weight(7), by: anna() });
    centre.command(Command::ChangeQueue { queue, setting: QueueSetting::State(QueueState::Closed), by: anna() });
    let skill = |name: &str| Skill { level: 3, ..Skill::from(name) };
    for name in ["a", "b"] {
        centre.command(Command::ChangeAgent {
            agent: AgentId(1),
            setting: AgentSetting::Skill(skill(name)),
            by: anna(),
        });
    }
    let membership = Some(Membership { penalty: 9, ..Membership::of(queue) });
    centre.command(Command::ChangeAgent {
        agent: AgentId(1),
        setting: AgentSetting::Membership(queue, membership),
        by: anna(),
    });
    assert_eq!(centre.engine.effective_plan().queues[0].routing.weight, 7);
    centre.command(Command::ChangeAgent {
        agent: AgentId(1),
        setting: AgentSetting::Defaults(Laid::Skill("a".into())),
        by: anna(),
    });
    let laid = centre.engine.laid_over_agent(AgentId(1)).expect("some is left");
    assert_eq!((laid.skills.len(), laid.memberships.len()), (1, 1));
    centre.command(Command::ChangeAgent {
        agent: AgentId(1),
        setting: AgentSetting::Defaults(Laid::Membership(queue)),
        by: anna(),
    });
    centre.command(Command::ChangeAgent { agent: AgentId(1), setting: AgentSetting::Defaults(Laid::All), by: anna() });
    centre.command(Command::ChangeQueue { queue, setting: QueueSetting::Defaults, by: anna() });
    assert_eq!(centre.engine.effective_plan(), planned);
    assert!(centre.engine.laid_over_agent(AgentId(1)).is_none() && centre.engine.laid_over_queue(queue).is_none());
    assert_eq!([centre.talk(1, 5), centre.talk(2, 5)], [AgentId(1), AgentId(1)], "open, and linear again");
}

#[test]
fn a_step_and_a_change_of_the_strategy_make_the_others_ring_too() {
    let mut centre = centre("linear", &[(5, 0, 0), (5, 0, 1), (5, 0, 2)]);
    centre.reload(|plan| {
        let step = Step { after: secs(5), requirement: None, strategy: Some("ring-all"), bump: 0 };
        plan.queues[0].routing.steps = vec![step];
    });
    centre.enqueue(1, 1);
    assert_eq!(rung(&centre), [1]);
    centre.pass(5);
    assert_eq!(rung(&centre), [1, 2, 3], "by its step");
    centre.command(Command::CallerGone { call: CallId(1), how: Gone::HungUp });
    let mut centre = self::centre("linear", &[(5, 0, 0), (5, 0, 1), (5, 0, 2)]);
    centre.enqueue(1, 1);
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting: QueueSetting::Strategy("ring-all"), by: anna() });
    assert_eq!(rung(&centre), [1, 2, 3], "by a supervisor");
    centre.command(Command::ChangeQueue { queue: QueueId(1), setting: QueueSetting::Strategy("linear"), by: anna() });
    assert_eq!(rung(&centre), [1, 2, 3], "who rings goes on");
}
