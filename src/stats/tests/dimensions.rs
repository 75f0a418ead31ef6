//! Contacts by number group, campaign, region and trunk, and agents with series of their own: they add up, they are bounded, and
//! they come and go with the configuration.

use super::*;
use crate::acd::{OfferCause, Refusal, ValueId};
use crate::base::Rng;
use crate::stats::SeriesMax;

const MOST: SeriesMax = SeriesMax { values: [3, 1, 2, 2], agents: 2 };

fn names(values: [&[&str]; 4]) -> [Vec<Arc<str>>; 4] {
    values.map(|names| names.iter().map(|name| Arc::from(*name)).collect())
}

/// Figures with few places: numbers 800 and 801 lead to `sales`, 802 to `help`, and 803 finds no place.
fn centre() -> Live {
    let live = Live::with_series(Instant::ZERO, &plan(), &crate::stats::histogram_bounds([]), &MOST);
    live.set_values(
        &names([
            &["", "800", "801", "802", "803"],
            &["", "spring"],
            &["unknown", "北京", "上海", "广州"],
            &["", "pbx"],
        ]),
        &[(SALES, ValueId(1)), (SALES, ValueId(2)), (HELP, ValueId(3)), (HELP, ValueId(4))],
    );
    live
}

fn from(number: u16, region: u16) -> Dimensions {
    let campaign = ValueId(number % 2);
    Dimensions::default()
        .with(Dimension::Number, ValueId(number))
        .with(Dimension::Campaign, campaign)
        .with(Dimension::Region, ValueId(region))
        .with(Dimension::Trunk, ValueId(1))
}

fn page(live: &Arc<Live>) -> String {
    exposition(live, at(100)).render()
}

#[test]
fn the_numbers_of_a_queue_have_their_series_before_the_first_call() {
    let text = page(&Arc::new(centre()));
    let series = parse(&text);
    for (queue, group) in [("sales", "800"), ("sales", "801"), ("help", "802"), ("help", "other")] {
        assert_eq!(
            series[format!("acd_calls_offered_total{{queue=\"{queue}\",dnis_group=\"{group}\"}}").as_str()],
            0.0
        );
    }
    assert_eq!(
        series.keys().filter(|name| name.starts_with("acd_calls_lost_total{queue=\"sales\"")).count(),
        2 * LostCause::ALL.len()
    );
    assert_eq!(series["acd_region_contacts_offered_total{region=\"上海\"}"], 0.0);
    assert_eq!(series.get("acd_region_contacts_offered_total{region=\"other\"}"), None, "nobody is there yet");
    assert_eq!(series["acd_series_overflow_total{label=\"dnis_group\"}"], 1.0);
    assert_eq!(series["acd_series_overflow_total{label=\"region\"}"], 1.0);
    assert_eq!(series["acd_series_overflow_total{label=\"campaign\"}"], 0.0);
    assert!(!text.contains("广州"));
}

#[test]
fn contacts_add_up_over_every_dimension_and_visits_over_numbers_in_random_journeys() {
    let mut rng = Rng::from_u64(11);
    let live = Arc::new(centre());
    live.set_origin(crate::base::WallTime::from_micros(1_700_000_000_000_000));
    let mut open: Vec<(CallId, QueueId, Dimensions)> = Vec::new();
    for second in 0..6_000 {
        let fold = |fact| live.fold(&Stamped { at: at(second), fact });
        if open.is_empty() || rng.below(3) == 0 {
            let (call, queue) = (CallId(second), QueueId(rng.below(2)));
            let dimensions = from(rng.below(6) as u16, rng.below(5) as u16);
            if rng.below(20) == 0 {
                let causes = [Refusal::Closed, Refusal::Unusable, Refusal::Draining, Refusal::Overload];
                let cause = causes[rng.below(4) as usize];
                fold(Fact::Refused { queue: Some(queue), cause, dimensions });
                continue;
            }
            fold(Fact::Offered { call, queue, dimensions });
            open.push((call, queue, dimensions));
            continue;
        }
        let (call, queue, dimensions) = open.swap_remove(rng.below(open.len() as u32) as usize);
        let wait = secs(rng.below(40).into());
        match rng.below(4) {
            0 => fold(gave_up(call, queue, wait, false)),
            1 => fold(left(call, queue, wait, FlowOut::ALL[rng.below(10) as usize])),
            2 => {
                fold(Fact::Answered { call, queue, agent: AgentId(0), wait, since: Instant::ZERO });
                fold(Fact::TalkEnded {
                    call,
                    queue,
                    agent: AgentId(0),
                    talk: secs(1),
                    hold: secs(0),
                    by: EndedBy::Agent,
                });
            }
            _ => {
                fold(left(call, queue, wait, FlowOut::Requeued));
                fold(Fact::Offered { call, queue: HELP, dimensions });
                open.push((call, HELP, dimensions));
            }
        }
        assert_eq!(live.check_sums(at(second)), Ok(()));
    }
    let text = page(&live);
    let series = parse(&text);
    assert_eq!(series["acd_invariant_violations_total"], 0.0);
    assert!(series["acd_number_contacts_offered_total{dnis_group=\"other\"}"] > 100.0);
    for tally in ["offered_total", "served_total", "lost_total", "untargeted_total", "in_progress"] {
        let of = |family: &str| sum(&series, &format!("{family}_{tally}{{"));
        let by_queue = of("acd_contacts");
        assert!(by_queue > 0.0, "{tally}");
        for dimension in ["number", "campaign", "region", "trunk"] {
            assert_eq!(of(&format!("acd_{dimension}_contacts")), by_queue, "{dimension} {tally}");
        }
    }
    // Each value by itself, and each cause over all.
    for region in ["unknown", "北京", "上海", "other"] {
        let of = |tally: &str| sum(&series, &format!("acd_region_contacts_{tally}{{region=\"{region}\""));
        let ended = of("served_total") + of("lost_total") + of("untargeted_total") + of("in_progress");
        assert_eq!(of("offered_total"), ended, "{region}");
    }
    let overview = live.overview(at(6_000));
    let visits: f64 = sum(&series, "acd_calls_offered_total{");
    assert_eq!(visits, overview.total.offered as f64);
    assert_eq!(sum(&series, "acd_calls_offered_total{queue=\"help\""), overview.queues["help"].offered as f64);
}

#[test]
fn hours_hold_what_the_counters_do() {
    use crate::stats::losses::{By, Question};
    let live = Arc::new(centre());
    live.set_origin(crate::base::WallTime::from_micros(1_700_000_000_000_000));
    for call in 0..10 {
        let (queue, dimensions) = (QueueId(call % 2), from(call as u16 % 5, call as u16 % 3));
        let call = CallId(call.into());
        live.fold(&Stamped { at: at(call.0 * 1_000), fact: Fact::Offered { call, queue, dimensions } });
        let fact = gave_up(call, queue, secs(1_000), call.0.is_multiple_of(3));
        live.fold(&Stamped { at: at(call.0 * 1_000 + 500), fact });
    }
    let mut totals = Vec::new();
    for by in By::ALL {
        let question = Question { by, last: secs(86_400), value: None };
        let losses = live.losses(at(20_000), &question).unwrap();
        let of_rows: u64 = losses.rows.iter().map(|row| row.outcome.lost).sum();
        let of_hours: u64 = losses.rows.iter().flat_map(|row| &row.hours).map(|hour| hour.outcome.lost).sum();
        assert_eq!((of_rows, of_hours), (10, 10), "{}", by.as_str());
        totals.push(losses.total);
    }
    assert!(totals.iter().all(|total| *total == totals[0]), "{totals:?}");
    assert_eq!((totals[0].lost_by["caller_while_ringing"], totals[0].lost_by["caller_in_queue"]), (4, 6));
}

#[test]
fn an_agent_that_is_listed_has_its_state_seconds_talks_and_offers() {
    let live = Arc::new(centre());
    let fold = |seconds, fact| live.fold(&Stamped { at: at(seconds), fact });
    fold(0, changes(0, AgentState::LoggedOut, AgentState::Ready));
    let listed = |ids: &[u32]| -> Vec<(AgentId, Arc<str>)> {
        ids.iter().map(|id| (AgentId(*id), Arc::from(format!("{}", 1000 + id)))).collect()
    };
    live.set_agent_series(at(10), &listed(&[0, 1]));
    fold(30, changes(0, AgentState::Ready, AgentState::Ringing));
    let (call, queue, agent) = (CALL, SALES, AgentId(0));
    fold(50, Fact::OfferEnded { call, queue, agent, epoch: 1, cause: OfferCause::NoAnswer, ring: secs(20) });
    fold(50, changes(0, AgentState::Ringing, AgentState::Talking));
    fold(60, talk_ended(SALES, 0, secs(10)));
    let text = page(&live);
    let series = parse(&text);
    let state =
        |agent: &str, state: &str| series[format!("acd_agent_state{{agent=\"{agent}\",state=\"{state}\"}}").as_str()];
    assert_eq!((state("1000", "talking"), state("1000", "ready"), state("1001", "logged_out")), (1.0, 0.0, 1.0));
    assert_eq!(sum(&series, "acd_agent_state{agent=\"1000\""), 1.0, "one state at a time");
    let spent = |state: &str| {
        series[format!("acd_agent_seconds_total{{agent=\"1000\",state=\"{state}\",reason=\"\"}}").as_str()]
    };
    assert_eq!((spent("ready"), spent("ringing"), spent("talking")), (20.0, 20.0, 50.0), "since it is listed");
    assert_eq!(series["acd_agent_talk_seconds_sum{agent=\"1000\"}"], 10.0);
    assert_eq!(series["acd_agent_offers_total{agent=\"1000\",result=\"timed_out\"}"], 1.0);
    // The third finds no place.
    live.set_agent_series(at(100), &listed(&[0, 1, 2]));
    let text = page(&live);
    let series = parse(&text);
    assert_eq!(series["acd_agent_state{agent=\"other\",state=\"logged_out\"}"], 1.0);
    assert_eq!(series["acd_series_overflow_total{label=\"agent\"}"], 1.0);
    assert_eq!(series["acd_agent_talk_seconds_sum{agent=\"1000\"}"], 10.0, "who stays keeps its series");
    // A removed agent's series end, and so do all when the key does.
    let mut less = plan();
    less.agents.retain(|agent| agent.id != AgentId(1));
    live.apply_plan(at(100), &less, &[]);
    live.set_agent_series(at(100), &listed(&[0]));
    let text = page(&live);
    assert!(text.contains("agent=\"1000\"") && !text.contains("agent=\"1001\"") && !text.contains("agent=\"other\""));
    live.set_agent_series(at(100), &[]);
    assert!(!page(&live).contains("acd_agent_state{"));
    let text = page(&live);
    let series = parse(&text);
    assert_eq!(sum(&series, "acd_agent_state_seconds_total{"), 3.0 * 100.0, "the teams' books do not notice");
}
