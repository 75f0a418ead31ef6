//! The supervisor's hand on many agents at once.

use super::*;
use crate::acd::{AgentTarget, Reason};
use crate::node::{AgentChange, Selection};

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
