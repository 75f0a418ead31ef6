//! Agents: counted by state in each queue they serve, their seconds whole, their calls handled once.

use super::*;
use crate::acd::Reason;

fn agents_of(live: &Live, name: &str, state: &str) -> u64 {
    live.queue(Instant::ZERO, name).unwrap().agents[state]
}

fn change(live: &Live, second: u64, agent: u32, from: AgentState, to: AgentState) {
    live.fold(&Stamped { at: at(second), fact: changes(agent, from, to) });
}

fn seconds_of(live: &Arc<Live>, second: u64) -> BTreeMap<String, f64> {
    let text = exposition(live, at(second)).render();
    let series = parse(&text);
    let own = series
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("acd_agent_state_seconds_total")?, value)));
    own.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn an_agent_is_logged_out_until_a_fact_tells_its_first_state() {
    let live = Live::new(Instant::ZERO, &plan(), &[]);
    assert_eq!(live.agents()[AgentState::LoggedOut.index()], 3);
    change(&live, 0, 1, AgentState::LoggedOut, AgentState::Ready);
    assert_eq!((agents_of(&live, "sales", "ready"), agents_of(&live, "sales", "logged_out")), (1, 1));
    assert_eq!(live.violations(), 0);
}

#[test]
fn an_agent_counts_in_each_queue_it_serves_and_moves_in_all_of_them() {
    let live = live();
    assert_eq!((agents_of(&live, "sales", "ready"), agents_of(&live, "help", "ready")), (2, 1));
    assert_eq!(agents_of(&live, "help", "logged_out"), 1);
    change(&live, 1, 1, AgentState::Ready, AgentState::Reserved);
    for name in ["sales", "help"] {
        assert_eq!(agents_of(&live, name, "reserved"), 1, "{name}");
    }
    assert_eq!((agents_of(&live, "sales", "ready"), agents_of(&live, "help", "ready")), (1, 0));
    assert_eq!(live.agents(), [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(live.violations(), 0);
}

#[test]
fn a_reload_keeps_states_moves_agents_to_their_queues_and_drops_the_removed() {
    let live = live();
    change(&live, 1, 0, AgentState::Ready, AgentState::Talking);
    let mut other = plan();
    other.agents[0].skills = vec!["help".into()];
    other.agents[1] = agent(7, &["sales", "help"], AgentState::NotReady(Reason::Initial));
    live.apply_plan(at(2), &other, &[]);
    change(&live, 2, 7, AgentState::LoggedOut, AgentState::NotReady(Reason::Initial));
    assert_eq!((agents_of(&live, "sales", "talking"), agents_of(&live, "help", "talking")), (0, 1));
    assert_eq!(agents_of(&live, "sales", "not_ready"), 1);
    assert_eq!(live.agents().iter().sum::<u64>(), 3);
    change(&live, 3, 0, AgentState::Talking, AgentState::WrapUp);
    change(&live, 4, 1, AgentState::Ready, AgentState::LoggedOut);
    assert_eq!(live.violations(), 0, "a removed agent may still end what it does");
    change(&live, 5, 1, AgentState::LoggedOut, AgentState::Ready);
    assert_eq!(live.violations(), 1, "but is forgotten when it has logged out");
}

#[test]
fn a_fact_that_leaves_a_state_the_agent_was_not_in_is_a_violation() {
    let live = live();
    change(&live, 1, 0, AgentState::Talking, AgentState::WrapUp);
    assert_eq!(live.violations(), 1);
    assert_eq!(live.agents().iter().sum::<u64>(), 3, "nobody is lost by it");
    change(&live, 1, 0, AgentState::WrapUp, AgentState::Ready);
    assert_eq!(live.violations(), 1);
}

#[test]
fn every_second_of_an_agent_lies_in_exactly_one_state() {
    let live = Arc::new(live());
    change(&live, 10, 0, AgentState::Ready, AgentState::Reserved);
    change(&live, 12, 0, AgentState::Reserved, AgentState::Ringing);
    change(&live, 20, 0, AgentState::Ringing, AgentState::NotReady(Reason::NoAnswer));
    change(&live, 50, 0, AgentState::NotReady(Reason::NoAnswer), AgentState::NotReady(Reason::Custom("tea".into())));
    let mut grown = plan();
    grown.agents.push(agent(3, &[], AgentState::Ready));
    live.apply_plan(at(60), &grown, &[]);
    change(&live, 60, 3, AgentState::LoggedOut, AgentState::Ready);
    let spent = seconds_of(&live, 100);
    assert_eq!(spent["{team=\"\",state=\"reserved\",reason=\"\"}"], 2.0);
    assert_eq!(spent["{team=\"\",state=\"ringing\",reason=\"\"}"], 8.0);
    assert_eq!(spent["{team=\"\",state=\"not_ready\",reason=\"no-answer\"}"], 30.0);
    assert_eq!(spent["{team=\"\",state=\"not_ready\",reason=\"custom\"}"], 50.0);
    assert_eq!(spent["{team=\"\",state=\"ready\",reason=\"\"}"], 10.0 + 100.0 + 40.0);
    assert_eq!(spent.values().sum::<f64>(), 3.0 * 100.0 + 40.0);
    assert_eq!(seconds_of(&live, 110).values().sum::<f64>(), 3.0 * 110.0 + 50.0, "states that last run on");
    live.apply_plan(at(110), &plan(), &[]);
    change(&live, 120, 3, AgentState::Ready, AgentState::LoggedOut);
    assert_eq!(seconds_of(&live, 200).values().sum::<f64>(), 3.0 * 200.0 + 60.0, "a removed agent's end when it goes");
}

#[test]
fn a_call_is_handled_once_with_its_wrap_up_or_without_one() {
    let live = Arc::new(live());
    let counted = |name: &str| {
        let text = exposition(&live, Instant::ZERO).render();
        parse(&text)[format!("{name}{{queue=\"sales\"}}").as_str()]
    };
    fold(&live, [changes(0, AgentState::Ready, AgentState::Talking)]);
    fold(&live, [talk_ended(SALES, 0, secs(100)), changes(0, AgentState::Talking, AgentState::WrapUp)]);
    assert_eq!((counted("acd_talk_seconds_sum"), counted("acd_handle_seconds_count")), (100.0, 0.0));
    fold(&live, [changes(0, AgentState::WrapUp, AgentState::Ready), wrap_up_ended(SALES, 0, secs(10))]);
    assert_eq!((counted("acd_handle_seconds_count"), counted("acd_handle_seconds_sum")), (1.0, 110.0));
    assert_eq!((counted("acd_wrapup_seconds_sum"), counted("acd_wrapup_seconds_count")), (10.0, 1.0));
    fold(&live, [changes(0, AgentState::Ready, AgentState::Talking), talk_ended(SALES, 0, secs(30))]);
    fold(&live, [changes(0, AgentState::Talking, AgentState::Ready)]);
    assert_eq!((counted("acd_handle_seconds_count"), counted("acd_handle_seconds_sum")), (2.0, 140.0));
    assert_eq!((counted("acd_talk_seconds_count"), live.violations()), (2.0, 0));
}

#[test]
fn an_agent_s_time_belongs_to_the_team_it_was_in_then() {
    let live = Arc::new(live());
    let team = |path: &str| (AgentId(0), Arc::from(path));
    live.set_teams(at(10), &[team("sales/east")]);
    live.fold(&Stamped { at: at(15), fact: talk_ended(SALES, 0, secs(4)) });
    live.set_teams(at(30), &[team("sales/west")]);
    live.fold(&Stamped { at: at(35), fact: changes(0, AgentState::Ready, AgentState::LoggedOut) });
    let text = exposition(&live, at(40)).render();
    let series = parse(&text);
    let ready = |path: &str| {
        series[format!("acd_agent_state_seconds_total{{team=\"{path}\",state=\"ready\",reason=\"\"}}").as_str()]
    };
    assert_eq!((ready("sales/east"), ready("sales/west")), (20.0, 5.0));
    assert_eq!(ready(""), 10.0 + 40.0, "before it had a team, and the other agent");
    assert_eq!(series["acd_team_talk_seconds_sum{team=\"sales/east\"}"], 4.0);
    let all = sum(&series, "acd_agent_state_seconds_total{");
    assert_eq!(all, 3.0 * 40.0, "three agents for forty seconds, whatever their teams");
}
