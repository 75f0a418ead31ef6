//! Figures by interval: exact at borders, by event and by arrival, in any time zone.

use super::*;
use crate::base::WallTime;
use crate::stats::calendar::{Calendar, Grain};
use crate::stats::intervals::{AgentTime, Attribution, Intervals, Question, Unanswerable};
use crate::stats::work::{self, Workers};

/// 2026-11-23 23:50 in Shanghai, ten minutes before midnight.
const ORIGIN: i64 = 1_795_449_000;

fn start(zone: &str) -> Live {
    let live = live();
    live.set_origin(WallTime::from_micros(ORIGIN * 1_000_000));
    live.set_calendars(&[(SALES, Arc::new(Calendar::new(zone, 0, "monday").unwrap()))]);
    live
}

fn ask(live: &Live, now: u64, by: Grain, minutes: u64) -> Intervals {
    let last = secs(minutes * 60);
    live.intervals(at(now), "sales", Question { by, last, attribution: Attribution::Event, threshold: None }).unwrap()
}

fn visit(live: &Live, call: u64, joins: u64, outcome: impl Fn(CallId, Duration) -> Fact, wait: u64) {
    let call = CallId(call);
    live.fold(&Stamped {
        at: at(joins),
        fact: Fact::Offered { call, queue: SALES, dimensions: Dimensions::default() },
    });
    if wait > 20 {
        live.fold(&Stamped { at: at(joins + 20), fact: Fact::Missed { call, queue: SALES } });
    }
    live.fold(&Stamped { at: at(joins + wait), fact: outcome(call, secs(wait)) });
}

fn answers(call: CallId, wait: Duration) -> Fact {
    Fact::Answered { call, queue: SALES, agent: AgentId(0), wait, since: Instant::ZERO }
}

fn gives_up(call: CallId, wait: Duration) -> Fact {
    gave_up(call, SALES, wait, false)
}

#[test]
fn an_outcome_belongs_to_the_interval_in_which_it_happened_and_a_day_ends_at_local_midnight() {
    let live = start("Asia/Shanghai");
    visit(&live, 1, 0, answers, 10);
    visit(&live, 2, 595, answers, 4); // in the last second before midnight
    visit(&live, 3, 596, answers, 4); // at midnight
    visit(&live, 4, 610, gives_up, 30);
    let five = ask(&live, 660, Grain::Minutes(5), 10);
    let found: Vec<_> =
        five.intervals.iter().map(|i| (i.start.as_str(), i.figures.offered, i.figures.answered)).collect();
    assert_eq!(
        found,
        [("2026-11-23T23:50:00+08:00", 1, 1), ("2026-11-23T23:55:00+08:00", 2, 1), ("2026-11-24T00:00:00+08:00", 1, 1),]
    );
    assert_eq!(five.intervals.iter().map(|i| i.complete).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!((five.total.offered, five.total.answered, five.total.abandoned), (4, 3, 1));
    let days = ask(&live, 660, Grain::Day, 20);
    assert_eq!(days.intervals.iter().map(|i| i.figures.answered).collect::<Vec<_>>(), [2, 1]);
    assert!(!days.intervals[0].complete, "it began before the node did");
    assert_eq!(days.total, five.total, "the same visits, whatever the grain");
    assert_eq!((five.rolling["1m"].answered, five.rolling["5m"].answered), (0, 2), "of 23:57 to 00:01");
    assert_eq!(five.rolling["15m"], five.total);
}

#[test]
fn all_variants_come_out_of_an_interval() {
    let live = start("Asia/Shanghai");
    for call in 0..6 {
        visit(&live, call, call, answers, if call < 4 { 10 } else { 40 });
    }
    visit(&live, 10, 50, gives_up, 4);
    visit(&live, 11, 50, gives_up, 15);
    visit(&live, 12, 50, |call, wait| left(call, SALES, wait, FlowOut::Timeout), 60);
    let total = ask(&live, 200, Grain::Minutes(15), 5).total;
    let ratio = |key: &str| (total.formulas[key].numerator, total.formulas[key].denominator);
    assert_eq!(ratio("sl_f1"), (6, 8));
    assert_eq!(ratio("sl_f2"), (4, 6));
    assert_eq!(ratio("sl_f3"), (4, 8));
    assert_eq!(ratio("sl_f3o"), (4, 9));
    assert_eq!(ratio("sl_f4"), (4, 6));
    assert_eq!(ratio("sl_f5"), (5, 8));
    assert_eq!(ratio("sl_f6"), (4, 7));
    assert_eq!(ratio("sl_live"), (4, 8), "everything is decided, so it equals F3");
    assert_eq!(ratio("loss_rate"), (3, 9));
    assert_eq!(total.formulas["asa"].value, Some(20.0));
    assert_eq!(total.formulas["ata"].value, Some(9.5));
    assert_eq!(ratio("occupancy"), (0, 400_000_000), "two agents have been ready for 200 s");
    let at_15 =
        Question { by: Grain::Minutes(15), last: secs(60), attribution: Attribution::Event, threshold: Some(secs(45)) };
    let figures = live.intervals(at(200), "sales", at_15).unwrap().total;
    assert_eq!((figures.formulas["sl_f2"].numerator, figures.formulas["sl_f2"].denominator), (6, 6));
}

#[test]
fn agents_time_is_cut_at_the_borders_for_each_queue_they_serve_and_for_their_team() {
    let live = start("Asia/Shanghai");
    let goes = |second, agent, from, to| live.fold(&Stamped { at: at(second), fact: changes(agent, from, to) });
    live.set_agent_series(at(0), &[(AgentId(1), "1001".into())]);
    goes(200, 1, AgentState::Ready, AgentState::Talking);
    goes(320, 1, AgentState::Talking, AgentState::WrapUp);
    // A reload moves agent 0 from one queue to the other.
    let mut other = plan();
    other.agents[0].skills = vec!["help".into()];
    live.apply_plan(at(400), &other, &[]);
    goes(450, 1, AgentState::WrapUp, AgentState::NotReady(crate::acd::Reason::Initial));
    let time = |agents: AgentTime| [agents.handling_seconds, agents.in_service_seconds, agents.logged_in_seconds];
    let of = |name: &str| {
        let question =
            Question { by: Grain::Minutes(5), last: secs(600), attribution: Attribution::Event, threshold: None };
        let found = live.intervals(at(600), name, question).unwrap();
        let mut times: Vec<_> = found.intervals.iter().map(|interval| time(interval.figures.agents.unwrap())).collect();
        times.push(time(found.total.agents.unwrap()));
        (times, found.total.formulas["occupancy"].value.unwrap(), found.total.formulas["utilisation"].value.unwrap())
    };
    let sums = vec![[100.0, 600.0, 600.0], [150.0, 250.0, 400.0], [0.0; 3], [250.0, 850.0, 1_000.0]];
    assert_eq!(of("sales"), (sums, 250.0 / 850.0, 0.25));
    assert_eq!(of("help").0[3], [250.0, 650.0, 800.0], "the agent of both counts in both");
    let question = work::Question { by: Grain::Minutes(5), last: secs(600) };
    let team = live.work(at(600), &Workers::Team(String::new()), question).unwrap();
    assert_eq!(team.time_zone, "UTC", "the calendar of all figures");
    assert_eq!(time(team.total.agents), [250.0, 1_050.0, 1_200.0], "each agent once");
    assert_eq!((team.total.formulas.len(), team.total.formulas["occupancy"].numerator), (2, 250_000_000));
    let own = live.work(at(600), &Workers::Agent("1001".to_owned()), question).unwrap();
    assert_eq!(time(own.total.agents), [250.0, 450.0, 600.0]);
    assert_eq!(own.rolling["5m"].agents.handling_seconds, 90.0, "23:56 to 00:00");
    let unknown = [Workers::Agent("1000".to_owned()), Workers::Team("nobody".to_owned())];
    assert!(unknown.iter().all(|of| live.work(at(600), of, question) == Err(Unanswerable::UnknownValue)));
}

#[test]
fn by_arrival_an_outcome_belongs_to_the_quarter_in_which_the_caller_came() {
    let live = start("Asia/Shanghai");
    visit(&live, 1, 590, answers, 30); // comes before midnight, is answered after
    visit(&live, 2, 600, gives_up, 30);
    let question =
        Question { by: Grain::Minutes(15), last: secs(1_200), attribution: Attribution::Arrival, threshold: None };
    let cohorts = live.intervals(at(700), "sales", question).unwrap();
    let found: Vec<_> = cohorts
        .intervals
        .iter()
        .map(|i| (&i.start[11..16], i.figures.offered, i.figures.answered, i.figures.abandoned))
        .collect();
    assert_eq!(found, [("23:30", 0, 0, 0), ("23:45", 1, 1, 0), ("00:00", 1, 0, 1)]);
    let events = ask(&live, 700, Grain::Minutes(15), 20);
    let found: Vec<_> = events.intervals.iter().map(|i| (i.figures.offered, i.figures.answered)).collect();
    assert_eq!(found, [(0, 0), (1, 0), (1, 1)]);
    assert_eq!((cohorts.total.offered, cohorts.total.answered), (events.total.offered, events.total.answered));
    assert_eq!(cohorts.total.abandoned, events.total.abandoned, "both reconcile");
    assert!(cohorts.total.agents.is_none(), "agents do not arrive");
    assert!(cohorts.rolling.is_empty());
}

#[test]
fn a_queue_s_calendar_may_change_and_its_figures_stay() {
    let live = start("Asia/Shanghai");
    visit(&live, 1, 0, answers, 5);
    live.set_calendars(&[(SALES, Arc::new(Calendar::new("America/New_York", 0, "monday").unwrap()))]);
    visit(&live, 2, 10, answers, 5);
    let by_five = ask(&live, 30, Grain::Minutes(5), 2);
    assert_eq!((by_five.time_zone.as_str(), by_five.total.answered), ("America/New_York", 2));
    assert_eq!(by_five.intervals.last().unwrap().start, "2026-11-23T10:50:00-05:00");
    assert_eq!(live.total(at(30)).answered, 2);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let live = start("UTC");
    let question = Question { by: Grain::Minutes(1), last: secs(60), attribution: Attribution::Event, threshold: None };
    let why = |name: &str, question| live.intervals(at(1), name, question).unwrap_err();
    assert_eq!(why("nobody", question), Unanswerable::UnknownQueue);
    let long = Question { last: secs(8_000), ..question };
    assert!(matches!(why("sales", long), Unanswerable::TooLongAgo { .. }));
    assert!(matches!(why("sales", Question { last: Duration::MAX, ..question }), Unanswerable::TooLongAgo { .. }));
    assert_eq!(why("sales", Question { attribution: Attribution::Arrival, ..question }), Unanswerable::NoCohort);
    assert_eq!(why("sales", Question { threshold: Some(secs(21)), ..question }), Unanswerable::NoBound);
    let blind = super::live();
    assert_eq!(blind.intervals(at(1), "sales", question).unwrap_err(), Unanswerable::NoCalendar);
}
