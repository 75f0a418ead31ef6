//! Expected waits, their error, patience and load, as a queue's facts make them.

use super::*;

#[test]
fn the_expected_wait_follows_agents_handling_time_and_callers_ahead() {
    let live = live();
    assert_eq!(live.outlook(at(0), "sales").unwrap().expected_wait, None, "nothing was handled yet");
    fold(
        &live,
        [offered(SALES), answered(SALES, secs(4)), talk_ended(SALES, 0, secs(50)), wrap_up_ended(SALES, 0, secs(10))],
    );
    let outlook = live.outlook(at(0), "sales").unwrap();
    assert_eq!((outlook.agents_at_work, outlook.handle_mean_seconds), (2, Some(60.0)));
    let expected = outlook.expected_wait.unwrap();
    assert_eq!(expected.mean_seconds, 30.0, "two agents, a minute each: the next is free in half a minute");
    assert!(expected.p50_seconds < 30.0 && expected.p90_seconds > 60.0, "{expected:?}");
    fold(&live, [Fact::Offered { call: CallId(2), queue: SALES, dimensions: Dimensions::default() }]);
    assert_eq!(live.outlook(at(0), "sales").unwrap().expected_wait.unwrap().mean_seconds, 60.0);
    fold(&live, [0, 1].map(|agent| changes(agent, AgentState::Ready, AgentState::LoggedOut)));
    assert_eq!(live.outlook(at(0), "sales").unwrap().expected_wait, None, "nobody is at work");
    assert_eq!(live.outlook(at(0), "nobody"), None);
}

#[test]
fn the_estimate_s_own_error_is_measured_when_the_caller_is_answered() {
    let live = Arc::new(live());
    fold(
        &live,
        [offered(SALES), answered(SALES, secs(4)), talk_ended(SALES, 0, secs(50)), wrap_up_ended(SALES, 0, secs(10))],
    );
    let text = exposition(&live, at(0)).render();
    assert_eq!(parse(&text)["acd_ewt_seconds{queue=\"sales\",quantile=\"0.5\"}"].round(), 21.0);
    assert!(!text.contains("acd_ewt_seconds{queue=\"help\""), "unknown is no figure");
    for (call, wait) in [(2, 37), (3, 24)] {
        let (call, wait) = (CallId(call), secs(wait));
        fold(&live, [Fact::Offered { call, queue: SALES, dimensions: Dimensions::default() }]);
        fold(&live, [Fact::Answered { call, queue: SALES, agent: AgentId(0), wait, since: Instant::ZERO }]);
    }
    let text = exposition(&live, at(0)).render();
    let series = parse(&text);
    let error = |direction: &str| {
        series[format!("acd_ewt_error_seconds_sum{{queue=\"sales\",direction=\"{direction}\"}}").as_str()]
    };
    assert_eq!((error("longer"), error("shorter")), (7.0, 6.0));
}

#[test]
fn patience_counts_those_who_gave_up_against_all_who_waited() {
    let live = live();
    for (call, wait) in [(1, 10), (2, 20)] {
        fold(&live, [Fact::Offered { call: CallId(call), queue: SALES, dimensions: Dimensions::default() }]);
        fold(&live, [gave_up(CallId(call), SALES, secs(wait), false)]);
    }
    fold(
        &live,
        [offered(SALES), flowed_out(SALES, secs(5), FlowOut::Requeued), offered(HELP), answered(HELP, secs(30))],
    );
    let sales = live.outlook(at(0), "sales").unwrap().patience;
    assert_eq!(
        (sales.callers, sales.gave_up, sales.mean_patience_seconds),
        (2, 2, Some(15.0)),
        "the moved one waits on"
    );
    let help = live.outlook(at(0), "help").unwrap().patience;
    assert_eq!((help.callers, help.gave_up, help.theta_per_second), (1, 0, 0.0));
}
