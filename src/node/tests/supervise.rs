//! The supervisor's hand on many agents at once.

use super::*;
use crate::acd::{Actor, AgentTarget, DeviceState, Direction, QueueState, Reason, ReserveMode};
use crate::base::CallId;
use crate::node::{AgentChange, AgentView, ExplanationView, QueueChange, Selection, SkillChange, ThresholdsChange};

const TEAMS: &str = "[teams.all]\nagents = [\"1001\"]\n[teams.part]\nparent = \"all\"\nagents = [\"1002-1003\"]\n";

fn set(world: &mut World, agents: &[&str], teams: &[&str], target: AgentTarget) -> Reply {
    let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let who = Selection { agents: words(agents), teams: words(teams) };
    world.control(Control::SetAgents { who, change: AgentChange::State(target), by: "test".into() })
}

fn states(world: &mut World) -> Vec<&'static str> {
    let Reply::Agents { rows, .. } = world.control(Control::Agents { offset: 0, limit: 100 }) else { panic!("agents") };
    rows.iter().map(|row| row.state).collect()
}

fn names(names: &[&str]) -> Reply {
    Reply::Set(names.iter().map(|name| (*name).into()).collect())
}

#[test]
fn a_team_means_those_below_it_and_a_list_may_name_ranges() {
    let mut world = World::new(&config(4, TEAMS), 100);
    assert_eq!(set(&mut world, &[], &["part"], AgentTarget::LoggedOut), names(&["1002", "1003"]));
    assert_eq!(states(&mut world), ["ready", "logged_out", "logged_out", "ready"]);
    assert_eq!(set(&mut world, &[], &["all"], AgentTarget::Ready), names(&["1001", "1002", "1003"]));
    let lunch = AgentTarget::NotReady(Reason::Custom("lunch".into()));
    assert_eq!(set(&mut world, &["1003-1004", "1004"], &[], lunch), names(&["1003", "1004"]));
    assert_eq!(states(&mut world), ["ready", "ready", "not_ready", "not_ready"]);
}

#[test]
fn nobody_is_changed_when_somebody_is_unknown() {
    let mut world = World::new(&config(2, TEAMS.replace("\"1002-1003\"", "").as_str()), 100);
    for (agents, teams) in
        [(&["1001", "1009"][..], &[][..]), (&["1001-1003"], &[]), (&["1001"], &["none"]), (&["2-1"], &[])]
    {
        let reply = set(&mut world, agents, teams, AgentTarget::LoggedOut);
        assert!(matches!(reply, Reply::NotFound(_)), "{agents:?} {teams:?}: {reply:?}");
    }
    assert_eq!(states(&mut world), ["ready", "ready"]);
}

#[test]
fn a_reason_is_one_of_the_configured() {
    let mut world = World::new(&config(1, "[not_ready]\nreasons = [\"lunch\"]\n"), 100);
    let because = |reason: &str| AgentTarget::NotReady(Reason::Custom(reason.into()));
    let reply = set(&mut world, &["1001"], &[], because("golf"));
    assert_eq!(reply, Reply::Invalid("`golf` is no reason here; there are lunch".to_string()));
    assert_eq!(set(&mut world, &["1001"], &[], because("lunch")), names(&["1001"]));
}

#[test]
fn what_a_number_brings_chooses_the_agent_and_goes_with_the_call() {
    let queues = "requirement = 'tier != \"gold\" || expert >= 5'\n\
        [queues.gold]\nnumbers = [{ number = \"801\", attributes = { tier = \"gold\" } }]\nrequirement = 'expert >= 8'\n\
        [agents.expert]\npeer = \"pbx\"\nskills = { expert = 6 }\n";
    let mut world = World::new(&config(1, queues), 100);
    world.call_to("801", "", OFFER);
    assert!(world.offer().is_none(), "nobody is expert enough");
    let (call, _) = world.calls()[0];
    let back = Control::Requeue { call, queue: Some("q".to_owned()), by: "test".into() };
    assert_eq!(world.control(back), Reply::Done);
    let invite = world.offer().expect("the other queue asks less of a gold caller's agent");
    assert!(invite.uri().starts_with(b"sip:expert@"), "and more than of others");
}

#[test]
fn a_numbers_priority_goes_before_the_queues() {
    let queues = "priority = 9\n[queues.other]\nnumbers = [{ number = \"801\", priority = 10 }]\n";
    let mut world = World::new(&config(0, queues), 100);
    let plain = world.call("", OFFER);
    world.pass(Duration::from_secs(5));
    world.call_to("801", "", OFFER);
    drop(plain);
    let (call, _) = *world.calls().last().expect("two calls");
    let back = Control::Requeue { call, queue: Some("q".to_owned()), by: "test".into() };
    assert_eq!(world.control(back), Reply::Done);
    let Reply::Calls { rows, .. } = world.control(Control::Calls { offset: 0, limit: 10 }) else { panic!("calls") };
    assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), [Some(2), Some(1)]);
}

fn change(world: &mut World, agents: &[&str], change: AgentChange) -> Reply {
    let who = Selection { agents: agents.iter().map(ToString::to_string).collect(), teams: Vec::new() };
    world.control(Control::SetAgents { who, change, by: "test".into() })
}

fn set_queue(world: &mut World, change: QueueChange) -> Reply {
    set_queues(world, &["q"], change)
}

fn set_queues(world: &mut World, queues: &[&str], change: QueueChange) -> Reply {
    let queues = queues.iter().map(ToString::to_string).collect();
    world.control(Control::SetQueues { queues, change, by: "test".into() })
}

#[test]
fn queues_of_a_list_are_changed_all_or_none() {
    let mut world = World::new(&config(1, "[queues.other]\nreserve = { wait = \"9s\" }\n"), 100);
    let states = |world: &mut World| {
        ["q", "other"].map(|name| {
            let Reply::Queue(view) = world.control(Control::Queue(name.to_owned())) else { panic!("a queue") };
            view.state
        })
    };
    let close = QueueChange::State(QueueState::Closed);
    let unknown = Reply::NotFound("no queue none".to_string());
    assert_eq!(set_queues(&mut world, &["other", "none", "q"], close.clone()), unknown);
    assert_eq!(states(&mut world), ["open", "open"]);
    // What suits one queue may not suit the other.
    let late = ThresholdsChange { leave_wait: Some(Duration::from_secs(5)), ..ThresholdsChange::default() };
    let late = QueueChange::ReserveThresholds(late);
    assert!(matches!(set_queues(&mut world, &["other", "q"], late.clone()), Reply::Invalid(_)));
    let leaves = |world: &mut World| {
        let Reply::Queue(view) = world.control(Control::Queue("other".to_owned())) else { panic!("a queue") };
        view.reserve.and_then(|reserve| reserve.leave_wait_seconds)
    };
    assert_eq!(leaves(&mut world), Some(Duration::from_secs(9)));
    assert_eq!(set_queues(&mut world, &["other"], late), Reply::Done);
    assert_eq!(leaves(&mut world), Some(Duration::from_secs(5)));
    assert_eq!(set_queues(&mut world, &["other", "q", "q"], close), Reply::Done);
    assert_eq!(states(&mut world), ["closed", "closed"]);
    assert_eq!(world.call("", OFFER).status(), 480, "the shards know too");
}

#[test]
fn a_skill_set_at_run_time_finds_a_waiting_caller_and_outlives_a_reload() {
    let text = config(1, "requirement = 'spanish >= 5'\n[skills]\nspanish = \"spoken\"\n");
    let mut world = World::new(&text, 100);
    world.call("", OFFER);
    assert!(world.offer().is_none());
    let spanish = |skill| AgentChange::Skills(vec![("spanish".into(), skill)]);
    assert_eq!(change(&mut world, &["1001"], spanish(SkillChange::Level(4))), names(&["1001"]));
    assert!(world.offer().is_none(), "the level is too low");
    world.reload(&text);
    assert_eq!(change(&mut world, &["1001"], spanish(SkillChange::Level(5))), names(&["1001"]));
    let invite = world.offer().expect("now it fits");
    world.agent(&invite, 486, "");
    assert_eq!(change(&mut world, &["1001"], spanish(SkillChange::Enabled(false))), names(&["1001"]));
    world.reload(&text);
    world.pass(Duration::from_secs(30));
    assert!(world.offer().is_none(), "a disabled skill counts as none, also after a reload");
    assert_eq!(change(&mut world, &["1001"], spanish(SkillChange::Enabled(true))), names(&["1001"]));
    assert!(world.offer().is_some(), "it has kept its level");
    let reply = change(&mut world, &["1001"], AgentChange::Skills(vec![("spansh".into(), SkillChange::Level(5))]));
    assert_eq!(reply, Reply::NotFound("no skill spansh; there are spanish".to_string()));
}

#[test]
fn who_joins_a_queue_is_asked_and_who_leaves_is_not() {
    let mut world = World::new(&config(2, "members = [\"1001\"]\n"), 100);
    let logout = AgentChange::State(AgentTarget::LoggedOut);
    assert_eq!(change(&mut world, &["1001"], logout), names(&["1001"]));
    world.call("", OFFER);
    assert!(world.offer().is_none());
    let (tier, position, penalty) = (1, 1, 0);
    let join = |queue: &str| AgentChange::Join {
        queue: queue.to_owned(),
        tier,
        position,
        penalty,
        delay: Duration::ZERO,
        reserve: false,
    };
    assert_eq!(change(&mut world, &["1002"], join("q")), names(&["1002"]));
    let invite = world.offer().expect("who has joined is asked");
    world.agent(&invite, 486, "");
    assert_eq!(change(&mut world, &["1002"], AgentChange::Leave("q".to_owned())), names(&["1002"]));
    world.pass(Duration::from_secs(30));
    assert!(world.offer().is_none(), "who has left is not");
    assert!(matches!(change(&mut world, &["1002"], join("none")), Reply::NotFound(_)));
    let mut world = World::new(&config(1, ""), 100);
    assert!(matches!(change(&mut world, &["1001"], AgentChange::Leave("q".to_owned())), Reply::Conflict(_)));
}

#[test]
fn a_closed_queue_takes_nobody_also_after_a_reload_and_serves_those_who_wait() {
    let text = config(1, "");
    let mut world = World::new(&text, 100);
    let logout = AgentChange::State(AgentTarget::LoggedOut);
    change(&mut world, &["1001"], logout);
    world.call("", OFFER);
    assert_eq!(set_queue(&mut world, QueueChange::State(QueueState::Closed)), Reply::Done);
    assert_eq!(world.call("", OFFER).status(), 480);
    world.reload(&text);
    assert_eq!(world.call("", OFFER).status(), 480);
    change(&mut world, &["1001"], AgentChange::State(AgentTarget::Ready));
    assert!(world.offer().is_some(), "who waits is served");
    assert_eq!(set_queue(&mut world, QueueChange::State(QueueState::Open)), Reply::Done);
    assert_eq!(world.call("", OFFER).status(), 200);
}

#[test]
fn an_emergency_lets_everybody_go_who_waits() {
    let mut world = World::new(&config(0, "answer = \"on_agent\""), 100);
    let caller = world.call("", OFFER);
    assert_eq!(set_queue(&mut world, QueueChange::State(QueueState::Emergency)), Reply::Done);
    assert_eq!(world.heard(caller).status(), 480);
    assert!(world.calls().is_empty());
    assert_eq!(world.call("", OFFER).status(), 480);
}

#[test]
fn a_queues_priority_and_strategy_and_a_calls_priority_are_set() {
    let queues = "[queues.other]\nnumbers = [\"801\"]\npriority = 3\n";
    let mut world = World::new(&config(0, queues), 100);
    let positions = |world: &mut World| {
        let Reply::Calls { rows, .. } = world.control(Control::Calls { offset: 0, limit: 10 }) else { panic!("calls") };
        rows.iter().filter_map(|row| row.position).collect::<Vec<_>>()
    };
    world.call("", OFFER);
    assert_eq!(set_queue(&mut world, QueueChange::Priority(4)), Reply::Done);
    world.call("", OFFER);
    assert_eq!(positions(&mut world), [2, 1]);
    let (call, _) = world.calls()[0];
    let first = Control::SetPriority { call, priority: 5, by: "test".into() };
    assert_eq!(world.control(first), Reply::Done);
    assert_eq!(positions(&mut world), [1, 2]);
    let nobody = Control::SetPriority { call: CallId(99), priority: 5, by: "test".into() };
    assert!(matches!(world.control(nobody), Reply::NotFound(_)));
    assert_eq!(set_queue(&mut world, QueueChange::Strategy("linear".to_owned())), Reply::Done);
    assert!(matches!(set_queue(&mut world, QueueChange::Strategy("best".to_owned())), Reply::Invalid(_)));
    assert_eq!(set_queue(&mut world, QueueChange::Threshold(Duration::from_secs(5))), Reply::Done);
}

#[test]
fn a_call_is_withdrawn_until_an_agent_talks() {
    let mut world = World::new(&config(1, ""), 100);
    let (call, _) = {
        world.talk();
        world.calls()[0]
    };
    assert!(matches!(world.control(Control::Withdraw { call, by: "test".into() }), Reply::Conflict(_)));
    world.call("", OFFER);
    let (waiting, _) = *world.calls().last().expect("two calls");
    assert_eq!(world.control(Control::Withdraw { call: waiting, by: "test".into() }), Reply::Done);
    assert_eq!(world.calls().len(), 1);
}

fn explained(world: &mut World, call: CallId) -> ExplanationView {
    let Reply::Explanation(told) = world.control(Control::Explain(call)) else { panic!("it is known") };
    *told
}

#[test]
fn a_waiting_call_is_explained_and_a_decision_names_its_candidates() {
    let queues = "requirement = 'spanish >= 5'\nsteps = [{ after = \"30s\", requirement = 'spanish' }]\n\
        [agents.anna]\npeer = \"pbx\"\nskills = { spanish = 3 }\n\
        [agents.expert]\npeer = \"pbx\"\nskills = { spanish = 8 }\ninitial = \"not-ready\"\n";
    let mut world = World::new(&config(2, queues), 100);
    world.call("", OFFER);
    world.pass(Duration::from_secs(10));
    let (call, _) = world.calls()[0];
    let told = explained(&mut world, call).waits.expect("it waits");
    assert_eq!((told.position, told.asks.as_str(), told.step), (1, "spanish >= 5", 0));
    assert_eq!(told.looks_further_seconds, Some(Duration::from_secs(20)));
    let rules: usize = told.agents.iter().map(|rule| rule.count).sum();
    assert_eq!(rules, 4, "{:?}", told.agents);
    assert!(told.agents.iter().any(|rule| rule.rule == "is not ready (initial)" && rule.count == 1));
    let skills = told.agents.iter().find(|rule| rule.rule == "skills do not meet spanish >= 5");
    let names = skills.map(|rule| rule.agents.iter().map(|name| &**name).collect::<Vec<_>>());
    assert_eq!(names, Some(vec!["anna", "1001", "1002"]), "{:?}", told.agents);
    world.pass(Duration::from_secs(21));
    assert!(world.offer().is_some());
    let asked = |queue: &str| Control::Decisions { queue: Some(queue.to_owned()), limit: 5 };
    let Reply::Decisions(rows) = world.control(asked("q")) else { panic!("decisions") };
    assert_eq!((rows.len(), &*rows[0].chosen, rows[0].strategy), (1, "anna", "longest-idle"));
    assert_eq!(rows[0].call, call.to_string());
    assert_eq!(rows[0].why, "first by longest-idle");
    let candidates: Vec<_> = rows[0].candidates.iter().map(|row| (&*row.agent, row.standing.as_str())).collect();
    assert_eq!((candidates, rows[0].others), (vec![("anna", "idle 30 s")], Some(0)), "the others speak no Spanish");
    assert_eq!(explained(&mut world, call).offers, rows, "a call tells of its offers");
    assert!(matches!(world.control(asked("none")), Reply::NotFound(_)));
    assert!(matches!(world.control(Control::Explain(CallId(99))), Reply::NotFound(_)));
}

fn row(world: &mut World) -> AgentView {
    let Reply::Agents { rows, .. } = world.control(Control::Agents { offset: 0, limit: 1 }) else { panic!("agents") };
    rows.into_iter().next().expect("an agent")
}

#[test]
fn a_row_shows_the_queue_and_since_the_log_in_the_talks_and_the_occupancy() {
    let mut world = World::new(&config(1, ""), 100);
    world.pass(Duration::from_secs(60));
    let (caller, _) = world.talk();
    world.pass(Duration::from_secs(20));
    let shown = row(&mut world);
    assert_eq!((shown.state, shown.queue.as_deref(), shown.talks), ("talking", Some("q"), 1));
    // Ready for a minute, and talking for 20 s since.
    assert_eq!(shown.occupancy, Some(250));
    let json = serde_json::to_value(&shown).expect("a row is JSON");
    assert_eq!(json["occupancy"], 0.25);
    change(&mut world, &["1001"], AgentChange::State(AgentTarget::LoggedOut));
    world.within(&caller, "BYE", 2, "");
    let shown = row(&mut world);
    assert_eq!((shown.state, shown.queue, shown.talks, shown.occupancy), ("logged_out", None, 0, None));
}

#[test]
fn who_forced_a_state_why_and_until_when_is_shown() {
    let mut world = World::new(&config(1, ""), 100);
    let by = Actor::Supervisor { name: "ann".into(), why: "new tariffs".into() };
    let pause = AgentChange::Pause(Reason::Custom("training".into()), Duration::from_secs(900));
    let set = Control::SetAgents { who: Selection::one("1001"), change: pause, by: by.clone() };
    assert_eq!(world.control(set), names(&["1001"]));
    let said = |fact: &Fact| matches!(fact, Fact::AgentState { by: actor, .. } if *actor == by);
    assert!(world.facts.iter().any(said), "the fact carries who and why");
    world.pass(Duration::from_secs(60));
    let shown = row(&mut world);
    assert_eq!((shown.state, shown.reason.as_deref()), ("not_ready", Some("training")));
    assert_eq!((shown.by.as_deref(), shown.why.as_deref()), (Some("ann"), Some("new tariffs")));
    assert_eq!(shown.ends_seconds, Some(Duration::from_secs(840)));
    world.pass(Duration::from_secs(840));
    let shown = row(&mut world);
    assert_eq!((shown.state, shown.by, shown.why, shown.ends_seconds), ("ready", None, None, None));
}

#[test]
fn what_is_wished_during_a_talk_is_shown_as_what_comes_next() {
    let mut world = World::new(&config(1, ""), 100);
    world.talk();
    change(&mut world, &["1001"], AgentChange::State(AgentTarget::LoggedOut));
    assert_eq!((row(&mut world).state, row(&mut world).next), ("talking", Some("logged_out")));
}

#[test]
fn a_wrap_up_is_changed_of_those_who_have_one_or_will() {
    let mut world = World::new(&config(2, "").replace("wrap_up = \"0s\"", "wrap_up = \"20s\""), 100);
    let longer = || AgentChange::ExtendWrapUp(Duration::from_secs(30));
    assert!(matches!(change(&mut world, &["1001-1002"], longer()), Reply::Conflict(_)), "nobody has one");
    world.talk();
    assert!(matches!(change(&mut world, &["1001-1002"], AgentChange::EndWrapUp), Reply::Conflict(_)), "nor yet");
    assert_eq!(change(&mut world, &["1001-1002"], longer()), names(&["1001"]));
    let (call, _) = world.calls()[0];
    assert_eq!(world.control(Control::HangUp { call, by: "test".into() }), Reply::Done);
    world.pass(Duration::from_secs(10));
    assert_eq!((row(&mut world).state, row(&mut world).ends_seconds), ("wrap_up", Some(Duration::from_secs(40))));
    assert_eq!(change(&mut world, &["1001-1002"], longer()), names(&["1001"]));
    assert_eq!(row(&mut world).ends_seconds, Some(Duration::from_secs(70)));
    assert_eq!(change(&mut world, &["1001-1002"], AgentChange::EndWrapUp), names(&["1001"]));
    assert_eq!(row(&mut world).state, "ready");
}

#[test]
fn a_device_in_a_call_of_its_own_is_offered_nothing_and_a_contradiction_is_shown() {
    let mut world = World::new(&config(1, ""), 100);
    change(&mut world, &["1001"], AgentChange::Device(DeviceState::Busy(Direction::Out)));
    let shown = row(&mut world);
    assert_eq!((shown.state, shown.reason.as_deref()), ("other_call", Some("out")));
    assert_eq!((shown.device, shown.device_call, shown.disagrees), ("busy", Some("out"), true));
    world.call("", OFFER);
    assert!(world.offer().is_none());
    change(&mut world, &["1001"], AgentChange::Device(DeviceState::Idle));
    assert!(world.offer().is_some(), "the waiting call finds it");
    assert!(!row(&mut world).disagrees);
}

#[test]
fn the_team_tree_counts_states_with_those_below() {
    let mut world = World::new(&config(4, TEAMS), 100);
    set(&mut world, &[], &["part"], AgentTarget::LoggedOut);
    let Reply::Teams(teams) = world.control(Control::Teams) else { panic!("teams") };
    assert_eq!(teams.len(), 1, "one stands above all: {teams:?}");
    let all = &teams[0];
    assert_eq!((&*all.name, all.total, all.agents.len(), all.teams.len()), ("all", 3, 1, 1));
    assert_eq!(all.states.iter().collect::<Vec<_>>(), [(&"logged_out", &2), (&"ready", &1)]);
    let part = &all.teams[0];
    assert_eq!((&*part.name, part.total, part.agents.len(), part.teams.len()), ("part", 2, 2, 0));
}

#[test]
fn what_was_set_is_shown_over_a_reload_and_taken_back() {
    let text = config(1, "requirement = 'spanish >= 5'\n[skills]\nspanish = \"spoken\"\n");
    let mut world = World::new(&text, 100);
    let spanish = |skill| AgentChange::Skills(vec![("spanish".into(), skill)]);
    change(&mut world, &["1001"], spanish(SkillChange::Level(7)));
    change(&mut world, &["1001"], AgentChange::Penalty("q".to_owned(), 3));
    for setting in [
        QueueChange::Threshold(Duration::from_secs(5)),
        QueueChange::Target(900),
        QueueChange::Weight(2),
        QueueChange::Priority(4),
        QueueChange::State(QueueState::Closed),
    ] {
        assert_eq!(set_queue(&mut world, setting), Reply::Done);
    }
    let named = world.node.poll_naming().expect("figures are told");
    assert_eq!((named.plan.queues[0].threshold, named.targets[0].1), (Duration::from_secs(5), 0.9));
    assert!(world.node.poll_naming().is_none(), "once");
    world.reload(&text);
    assert_eq!(world.node.naming().targets[0].1, 0.9, "a reload keeps it");
    let terms = "join q tier=0 position=0 penalty=3 delay=0s";
    assert_eq!(row(&mut world).overrides, ["skill spanish=7", terms]);
    let settings = |world: &mut World| {
        let Reply::Queue(view) = world.control(Control::Queue("q".to_owned())) else { panic!("queue") };
        *view
    };
    let shown = settings(&mut world);
    assert_eq!((shown.state, shown.target, shown.weight, shown.priority), ("closed", 900, 2, 4));
    assert_eq!(shown.overrides, ["state", "weight", "priority", "threshold", "target"]);
    change(&mut world, &["1001"], spanish(SkillChange::Default));
    assert_eq!(row(&mut world).overrides, [terms]);
    change(&mut world, &["1001"], AgentChange::Defaults(None));
    assert!(row(&mut world).overrides.is_empty());
    assert_eq!(set_queue(&mut world, QueueChange::Defaults), Reply::Done);
    let shown = settings(&mut world);
    assert_eq!((shown.state, shown.target, shown.weight, shown.priority), ("open", 800, 0, 0));
    assert!(shown.overrides.is_empty());
    assert_eq!(world.node.naming().targets[0].1, 0.8);
    assert_eq!(world.call("", OFFER).status(), 200, "the shards know too");
    assert!(world.offer().is_none(), "the skill is gone");
}

#[test]
fn a_call_waits_for_the_agent_whom_its_header_names_and_everybody_may_see_that() {
    let queues = "preferred_for = \"20s\"\npreferred_by = [\"header:X-Agent\"]\n";
    let mut world = World::new(&config(2, queues), 100);
    let named = |agent: &str| format!("X-Agent: {agent}\r\n");
    world.call(&named("1002"), OFFER);
    let invite = world.offer().expect("the agent is idle");
    assert!(invite.uri().starts_with(b"sip:1002@"));
    world.call(&named("1002"), OFFER);
    world.call(&named("9999"), OFFER);
    assert!(world.offer().expect("whom nobody knows is nobody").uri().starts_with(b"sip:1001@"));
    world.pass(Duration::from_secs(1));
    let (call, _) = world.calls()[1];
    let told = explained(&mut world, call).waits.expect("it waits");
    let waits = told.waits_for.expect("for one agent");
    assert_eq!((&*waits.agent, waits.seconds), ("1002", Duration::from_secs(19)));
    let Reply::Queue(view) = world.control(Control::Queue("q".to_owned())) else { panic!("a queue") };
    assert_eq!(view.preferred_for_seconds, Duration::from_secs(20));
}

#[test]
fn a_call_that_moves_to_another_queue_prefers_whom_that_one_names() {
    let queues = "preferred_for = \"20s\"\npreferred_by = [\"header:X-Agent\"]\n\
        [queues.other]\npreferred_for = \"1m\"\npreferred_by = [\"header:X-Manager\", \"last\"]\n\
        [queues.plain]\npreferred_for = \"50s\"\n";
    let mut world = World::new(&config(2, queues), 100);
    world.talk();
    world.talk();
    world.call("X-Agent: 1001\r\nX-Manager: 1002\r\n", OFFER);
    world.call("X-Agent: 1001\r\n", OFFER);
    let [.., (both, _), (one, _)] = world.calls()[..] else { panic!("four calls") };
    let waits = |world: &mut World, call| {
        let waits = explained(world, call).waits.expect("it waits").waits_for;
        waits.map(|waits| (waits.agent.to_string(), waits.seconds.as_secs()))
    };
    let until = |agent: &str, seconds| Some((agent.to_string(), seconds));
    let to = |world: &mut World, call, queue: &str| {
        let moved = world.control(Control::Requeue { call, queue: Some(queue.to_owned()), by: "test".into() });
        assert_eq!(moved, Reply::Done);
    };
    world.pass(Duration::from_secs(5));
    assert_eq!((waits(&mut world, both), waits(&mut world, one)), (until("1001", 15), until("1001", 15)));
    to(&mut world, both, "other");
    assert_eq!(waits(&mut world, both), until("1002", 60), "whom the other names, from now on");
    to(&mut world, one, "other");
    assert_eq!(waits(&mut world, one), until("1002", 60), "who served the caller last");
    world.pass(Duration::from_secs(5));
    to(&mut world, both, "plain");
    assert_eq!(waits(&mut world, both), until("1002", 45), "one that names nobody leaves it with what it has");
    to(&mut world, both, "q");
    assert_eq!(waits(&mut world, both), until("1001", 20));
    let prefer = Control::Prefer { call: both, agent: Some("1001".to_owned()), by: "test".into() };
    assert_eq!(world.control(prefer), Reply::Done);
    to(&mut world, both, "other");
    assert_eq!(waits(&mut world, both), until("1001", 60), "a supervisor's word goes with the call");
}

#[test]
fn who_has_talked_does_not_meet_the_same_agent_by_a_preference() {
    let queues = "preferred_for = \"20s\"\n[queues.other]\npreferred_for = \"1m\"\n\
        preferred_by = [\"header:X-Agent\", \"header:X-Manager\", \"last\"]\n";
    let mut world = World::new(&config(2, queues), 100);
    world.talk_with("X-Agent: 1001\r\nX-Manager: 1002\r\n");
    world.talk();
    let (call, _) = world.calls()[0];
    let moved = Control::Requeue { call, queue: Some("other".to_owned()), by: "test".into() };
    assert_eq!(world.control(moved), Reply::Done);
    let waits = explained(&mut world, call).waits.expect("it waits").waits_for.expect("for one agent");
    assert_eq!(&*waits.agent, "1002", "not 1001, whom it has left");
}

#[test]
fn a_supervisor_says_whom_a_call_prefers_and_it_goes_with_the_call() {
    let queues = "preferred_for = \"20s\"\n[queues.other]\npreferred_for = \"1m\"\n[queues.never]\n";
    let mut world = World::new(&config(1, queues), 100);
    world.talk();
    world.call("", OFFER);
    let (call, _) = *world.calls().last().expect("two calls");
    let prefer = |world: &mut World, agent: Option<&str>| {
        world.control(Control::Prefer { call, agent: agent.map(str::to_owned), by: "test".into() })
    };
    assert_eq!(prefer(&mut world, Some("9999")), Reply::NotFound("no agent 9999".to_string()));
    assert_eq!(prefer(&mut world, Some("1001")), Reply::Done);
    let waits = |world: &mut World| {
        explained(world, call).waits.expect("it waits").waits_for.map(|waits| waits.seconds.as_secs())
    };
    assert_eq!(waits(&mut world), Some(20));
    let back = |queue: &str| Control::Requeue { call, queue: Some(queue.to_owned()), by: "test".into() };
    assert_eq!(world.control(back("other")), Reply::Done);
    assert_eq!(waits(&mut world), Some(60), "by the other queue's time, from the same moment");
    assert_eq!(prefer(&mut world, None), Reply::Done);
    assert_eq!(waits(&mut world), None);
    assert_eq!(world.control(back("never")), Reply::Done);
    assert!(matches!(prefer(&mut world, Some("1001")), Reply::Conflict(_)));
}

#[test]
fn a_strategy_that_rings_several_takes_ports_into_account_only_while_it_is_in_force() {
    let strategy = |name: &str| QueueChange::Strategy(name.to_owned());
    for back in [strategy("linear"), QueueChange::Defaults] {
        // Three agents, one call: the caller's port and, where all ring, one for each agent.
        let mut world = World::new(&config(3, ""), 3);
        let taken = |world: &mut World| {
            world.call("", OFFER);
            !world.calls().is_empty()
        };
        for several in ["ring-all", "ring-best", "ring-progressively"] {
            assert_eq!(set_queue(&mut world, strategy(several)), Reply::Done);
            assert!(!taken(&mut world), "four ports are too many");
        }
        assert_eq!(set_queue(&mut world, back), Reply::Done);
        assert!(taken(&mut world), "two are there");
    }
}

#[test]
fn a_reserve_is_switched_and_its_thresholds_set_over_a_reload_and_explained() {
    let extra =
        "members = [\"1001\", { agents = [\"1002\"], reserve = true }]\nreserve = { waiting = 5, leave_waiting = 3 }\n";
    let text = config(2, extra);
    let mut world = World::new(&text, 100);
    change(&mut world, &["1001"], AgentChange::State(AgentTarget::LoggedOut));
    world.call("", OFFER);
    assert!(world.offer().is_none(), "one waits");
    let (call, _) = world.calls()[0];
    let rules = |world: &mut World| {
        explained(world, call)
            .waits
            .expect("it waits")
            .agents
            .into_iter()
            .map(|row| format!("{}: {}", row.agents.join(" "), row.rule))
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&mut world), ["1002: is in reserve, joins above 5 waiting", "1001: is logged out"]);
    let reserve = |world: &mut World| {
        let Reply::Queue(view) = world.control(Control::Queue("q".to_owned())) else { panic!("queue") };
        (view.reserve.expect("a reserve"), view.overrides)
    };
    let (view, overrides) = reserve(&mut world);
    assert_eq!((view.active, view.mode, view.waiting, view.leave_waiting), (false, "auto", Some(5), Some(3)));
    assert!(overrides.is_empty());
    assert_eq!(set_queue(&mut world, QueueChange::Reserve(ReserveMode::Off)), Reply::Done);
    assert_eq!(rules(&mut world)[0], "1002: is in reserve, which a supervisor keeps out");
    let nobody = ThresholdsChange { waiting: Some(0), ..ThresholdsChange::default() };
    assert_eq!(set_queue(&mut world, QueueChange::ReserveThresholds(nobody)), Reply::Done);
    let wrong = ThresholdsChange { leave_waiting: Some(9), ..ThresholdsChange::default() };
    assert!(matches!(set_queue(&mut world, QueueChange::ReserveThresholds(wrong)), Reply::Invalid(_)));
    world.reload(&text);
    let (view, overrides) = reserve(&mut world);
    assert_eq!((view.active, view.mode, view.waiting, view.leave_waiting), (false, "off", Some(0), Some(0)));
    assert_eq!(overrides, ["reserve"]);
    assert_eq!(set_queue(&mut world, QueueChange::Reserve(ReserveMode::Auto)), Reply::Done);
    assert!(world.offer().is_some(), "above nobody");
    assert!(reserve(&mut world).0.active);
}

#[test]
fn a_queue_that_lends_says_by_which_figures_and_an_explanation_says_why_it_does_not() {
    let extra = "members = [\"1001\"]\nlends_to = [\"other\"]\nthreshold = \"5s\"\n\
                 [queues.other]\nnumbers = [\"801\"]\nmembers = [\"1002\"]\n";
    let mut world = World::new(&config(2, extra), 100);
    let view = |world: &mut World, name: &str| {
        let Reply::Queue(view) = world.control(Control::Queue(name.to_owned())) else { panic!("queue") };
        *view
    };
    let lending = view(&mut world, "q").lending.expect("a lender");
    assert_eq!((lending.lends, lending.in_time, lending.decided, lending.target), (true, 0, 0, 800));
    assert_eq!(lending.to.iter().map(|loan| &*loan.queue).collect::<Vec<_>>(), ["other"]);
    let lenders = view(&mut world, "other").lenders;
    assert_eq!(lenders.iter().map(|lender| (&*lender.queue, lender.lends)).collect::<Vec<_>>(), [("q", true)]);
    change(&mut world, &["1001-1002"], AgentChange::State(AgentTarget::LoggedOut));
    world.call("", OFFER);
    world.pass(Duration::from_secs(6));
    change(&mut world, &["1001"], AgentChange::State(AgentTarget::Ready));
    let lending = view(&mut world, "q").lending.expect("a lender");
    assert_eq!((lending.lends, lending.in_time, lending.decided), (false, 0, 1));
}
