//! Queue visits: conservation, service-level events, losses, waits.

use std::collections::BTreeSet;

use super::*;
use crate::acd::{OfferCause, Refusal};
use crate::base::Rng;
use crate::stats::QueueSnapshot;
use crate::stats::queue::Tamper;

fn read(live: &Live, name: &str) -> QueueSnapshot {
    live.queue(Instant::ZERO, name).unwrap()
}

fn events(live: &Live, name: &str) -> [u64; 6] {
    let events = read(live, name).service_level_events;
    [events.answered, events.abandoned, events.abandoned_short, events.flowout, events.missed, events.missed_flowout]
}

/// A visit whose wait passes T is told by `Missed` first.
fn visit(outcome: Fact, wait: Duration) -> Vec<Fact> {
    let mut facts = vec![offered(SALES)];
    if wait > secs(20) {
        facts.push(missed(SALES));
    }
    facts.push(outcome);
    facts
}

/// The worked example of FEATURES section 4: A=1000, B=60, A(20)=860, B(20)=20, B(5)=10.
pub(super) fn fold_worked_example(live: &Live) {
    let answers = [(860, secs(20)), (140, secs(45))];
    let abandons = [(10, secs(5)), (10, secs(12)), (40, secs(61))];
    for (times, wait) in answers {
        (0..times).for_each(|_| fold(live, visit(answered(SALES, wait), wait)));
    }
    for (times, wait) in abandons {
        (0..times).for_each(|_| fold(live, visit(abandoned(SALES, wait, false), wait)));
    }
}

#[test]
fn the_worked_example_has_a_service_level_of_81_13_percent() {
    let live = live();
    assert_eq!(read(&live, "sales").service_level, None, "no call, no figure");
    fold_worked_example(&live);
    let sales = read(&live, "sales");
    assert_eq!((sales.offered, sales.answered, sales.abandoned, sales.abandoned_short), (1060, 1000, 60, 10));
    assert_eq!(events(&live, "sales"), [860, 10, 10, 0, 180, 0]);
    assert_eq!(format!("{:.4}", sales.service_level.unwrap()), "0.8113");
    let mean = (860.0 * 20.0 + 140.0 * 45.0) / 1000.0;
    assert!((sales.answer_wait_mean_seconds.unwrap() - mean).abs() < 1e-9);
    assert_eq!(sales.threshold_seconds, Some(20.0));
}

#[test]
fn a_wait_of_exactly_the_threshold_is_in_and_a_microsecond_more_is_out() {
    let live = live();
    let over = secs(20) + Duration::from_micros(1);
    fold(&live, visit(answered(SALES, secs(20)), secs(20)));
    assert_eq!(events(&live, "sales"), [1, 0, 0, 0, 0, 0]);
    fold(&live, visit(answered(SALES, over), over));
    assert_eq!(events(&live, "sales"), [1, 0, 0, 0, 1, 0]);
}

#[test]
fn an_abandon_of_exactly_the_short_limit_is_short() {
    let live = live();
    fold(&live, visit(abandoned(SALES, secs(5), true), secs(5)));
    fold(&live, visit(abandoned(SALES, secs(5) + Duration::from_micros(1), true), secs(5)));
    assert_eq!(read(&live, "sales").abandoned_short, 1);
    assert_eq!(events(&live, "sales"), [0, 1, 1, 0, 0, 0]);
}

#[test]
fn a_missed_visit_counts_as_missed_once_whatever_happens_after() {
    let live = live();
    let wait = secs(21);
    fold(&live, [offered(SALES), missed(SALES)]);
    assert_eq!(read(&live, "sales").service_level, Some(0.0), "missed counts before the visit ends");
    fold(&live, [answered(SALES, wait)]);
    fold(&live, visit(abandoned(SALES, wait, true), wait));
    fold(&live, visit(flowed_out(SALES, wait, FlowOut::Timeout), wait));
    assert_eq!(events(&live, "sales"), [0, 0, 0, 0, 3, 1]);
    fold(&live, visit(answered(SALES, secs(1)), secs(1)));
    assert_eq!(read(&live, "sales").service_level, Some(1.0 / 3.0), "the missed that flowed out is not in F3");
}

#[test]
fn a_flow_out_within_the_threshold_leaves_f3_alone_and_an_untargeted_one_gives_no_event() {
    let live = live();
    fold(&live, visit(answered(SALES, secs(1)), secs(1)));
    fold(&live, visit(flowed_out(SALES, secs(0), FlowOut::Full), secs(0)));
    fold(&live, visit(flowed_out(SALES, secs(0), FlowOut::Closed), secs(0)));
    fold(&live, visit(flowed_out(SALES, secs(9), FlowOut::Emergency), secs(9)));
    fold(&live, visit(flowed_out(SALES, secs(4), FlowOut::Fax), secs(4)));
    assert_eq!(events(&live, "sales"), [1, 0, 0, 1, 0, 0]);
    assert_eq!(read(&live, "sales").service_level, Some(1.0));
}

#[test]
fn another_threshold_starts_the_events_afresh_and_a_visit_across_it_still_gives_one() {
    let live = live();
    fold_worked_example(&live);
    fold(&live, [offered(SALES)]);
    let mut shorter = plan();
    shorter.queues[0].threshold = secs(7);
    assert_eq!(live.apply_plan(at(9), &shorter, &[]), vec![secs(7)], "7 s is no bound of this process");
    assert_eq!(events(&live, "sales"), [0; 6]);
    fold(&live, [answered(SALES, secs(8))]);
    assert_eq!(events(&live, "sales"), [0, 0, 0, 0, 1, 0]);
    assert_eq!(read(&live, "sales").answered, 1001, "all other figures go on");
    assert!(live.apply_plan(at(9), &plan(), &[]).is_empty());
}

#[test]
fn conservation_is_seen_to_break_when_any_one_fold_is_broken() {
    for cell in [Tamper::Offered, Tamper::Answered, Tamper::Abandoned, Tamper::FlowedOut, Tamper::Waiting] {
        let live = live();
        fold_worked_example(&live);
        fold(&live, visit(flowed_out(SALES, secs(0), FlowOut::Full), secs(0)));
        fold(&live, [offered(SALES)]);
        assert!(read(&live, "sales").conserved());
        live.block_of(SALES).tamper(cell, -1);
        assert!(!read(&live, "sales").conserved(), "{cell:?} not counted goes unnoticed");
        assert!(!live.total(Instant::ZERO).conserved());
        live.block_of(SALES).tamper(cell, 1);
        assert!(read(&live, "sales").conserved());
    }
}

#[test]
fn an_outcome_without_its_offered_is_a_violation_and_shows() {
    for outcome in
        [answered(SALES, secs(1)), abandoned(SALES, secs(1), false), flowed_out(SALES, secs(1), FlowOut::Full)]
    {
        let live = live();
        fold(&live, [outcome]);
        assert_eq!(live.violations(), 1);
        assert!(!read(&live, "sales").conserved());
        assert_eq!(read(&live, "sales").waiting, 0);
    }
    let live = live();
    fold(&live, [offered(QueueId(99))]);
    assert_eq!(live.violations(), 1, "no plan ever named this queue");
}

#[test]
fn every_lost_visit_has_one_cause_and_the_untargeted_and_requeued_are_no_losses() {
    let live = Arc::new(live());
    for reason in FlowOut::ALL {
        fold(&live, visit(flowed_out(SALES, secs(1), reason), secs(1)));
    }
    let by_flow_out: BTreeSet<_> = FlowOut::ALL.into_iter().filter_map(cause_of).collect();
    for cause in LostCause::ALL.into_iter().filter(|cause| !by_flow_out.contains(cause)) {
        let wait = secs(9);
        fold(&live, visit(Fact::Abandoned { call: CALL, queue: SALES, wait, while_ringing: false, cause }, wait));
    }
    let refused = |queue, cause| Fact::Refused { queue, cause, dimensions: Dimensions::default() };
    fold(&live, [refused(Some(SALES), Refusal::Closed), refused(Some(SALES), Refusal::Emergency)]);
    fold(&live, [refused(None, Refusal::Overload)]);
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    for cause in LostCause::ALL {
        let name = format!("acd_calls_lost_total{{queue=\"sales\",dnis_group=\"\",cause=\"{}\"}}", cause.as_str());
        assert_eq!(series[name.as_str()], 1.0, "{name}");
    }
    assert_eq!(sum(&series, "acd_calls_lost_total{"), LostCause::ALL.len() as f64);
    assert_eq!(series["acd_calls_untargeted_total{reason=\"closed\"}"], 2.0, "refused, and flowed out");
    assert_eq!(series["acd_calls_refused_total{cause=\"overload\"}"], 1.0);
    assert_eq!(series["acd_calls_untargeted_total{reason=\"emergency\"}"], 2.0);
    assert_eq!(series["acd_calls_untargeted_total{reason=\"fax\"}"], 1.0);
    assert!(!series.contains_key("acd_calls_refused_total{cause=\"fax\"}"), "no call is refused for it");
    assert_eq!(sum(&series, "acd_calls_untargeted_total{"), 5.0);
}

#[test]
fn a_talk_cut_short_is_counted_beside_the_answered() {
    let live = Arc::new(live());
    let ended = |talk, by| Fact::TalkEnded {
        call: CALL,
        queue: SALES,
        agent: AgentId(0),
        talk: Duration::from_millis(talk),
        hold: Duration::ZERO,
        by,
    };
    fold(&live, [ended(1_000, EndedBy::Agent), ended(2_000, EndedBy::Agent), ended(0, EndedBy::System)]);
    fold(&live, [ended(60_000, EndedBy::Agent), ended(10, EndedBy::Supervisor)]);
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    assert_eq!(series["acd_calls_cut_short_total{queue=\"sales\",cause=\"agent_hangup_on_answer\"}"], 2.0);
    assert_eq!(series["acd_calls_cut_short_total{queue=\"sales\",cause=\"answered_without_talk\"}"], 1.0);
    assert_eq!(sum(&series, "acd_calls_cut_short_total{"), 3.0);
}

#[test]
fn the_longest_wait_runs_from_the_oldest_and_is_zero_when_nobody_waits() {
    let live = live();
    fold(&live, [offered(SALES), Fact::Oldest { queue: SALES, since: Some(at(3)) }]);
    assert_eq!(live.queue(at(10), "sales").unwrap().longest_wait_seconds, 7.0);
    assert_eq!(live.queue(at(2), "sales").unwrap().longest_wait_seconds, 0.0, "a clock behind the fact");
    assert_eq!(live.total(at(10)).longest_wait_seconds, 7.0);
    fold(&live, [answered(SALES, secs(7))]);
    assert_eq!(live.queue(at(11), "sales").unwrap().longest_wait_seconds, 0.0, "also before the head is told");
}

#[test]
fn offers_count_by_result_and_their_ringing() {
    let live = Arc::new(live());
    let ended = |cause| Fact::OfferEnded { call: CALL, queue: HELP, agent: AgentId(1), epoch: 1, cause, ring: secs(4) };
    fold(&live, [OfferCause::Answered, OfferCause::Busy, OfferCause::Declined, OfferCause::PeerFault].map(ended));
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    assert_eq!(series["acd_offers_total{queue=\"help\",result=\"rejected\"}"], 2.0);
    assert_eq!(series["acd_offers_total{queue=\"help\",result=\"accepted\"}"], 1.0);
    assert_eq!(series["acd_offers_total{queue=\"help\",result=\"failed\"}"], 1.0);
    assert_eq!(series["acd_offer_ring_seconds_bucket{queue=\"help\",le=\"3\"}"], 0.0);
    assert_eq!(series["acd_offer_ring_seconds_bucket{queue=\"help\",le=\"5\"}"], 4.0);
    assert_eq!(series["acd_offer_ring_seconds_sum{queue=\"help\"}"], 16.0);
}

/// What a queue's figures should be, kept the slow way: every visit.
#[derive(Default)]
struct Model {
    /// Waits by outcome.
    ended: Vec<(Outcome, Duration)>,
    /// True for those past T.
    waiting: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Answered,
    Abandoned,
    FlowedOut,
}

impl Model {
    fn count(&self, outcome: Outcome, late: bool) -> u64 {
        self.ended.iter().filter(|(what, wait)| *what == outcome && (*wait > secs(20)) == late).count() as u64
    }

    fn check(&self, sales: &QueueSnapshot) {
        let all = |outcome| self.count(outcome, false) + self.count(outcome, true);
        assert_eq!(sales.offered, (self.ended.len() + self.waiting.len()) as u64);
        assert_eq!(sales.answered, all(Outcome::Answered));
        assert_eq!(sales.abandoned, all(Outcome::Abandoned));
        assert_eq!(sales.flowed_out, all(Outcome::FlowedOut));
        assert_eq!(sales.waiting, self.waiting.len() as u64);
        assert!(sales.conserved());
        let events = sales.service_level_events;
        let missed_waiting = self.waiting.iter().filter(|missed| **missed).count() as u64;
        let missed = [Outcome::Answered, Outcome::Abandoned, Outcome::FlowedOut].map(|what| self.count(what, true));
        assert_eq!(events.answered, self.count(Outcome::Answered, false));
        assert_eq!(events.abandoned + events.abandoned_short, self.count(Outcome::Abandoned, false));
        assert_eq!(events.flowout, self.count(Outcome::FlowedOut, false));
        assert_eq!(events.missed, missed.iter().sum::<u64>() + missed_waiting);
        assert_eq!(events.missed_flowout, missed[2]);
    }
}

#[test]
fn random_visits_count_as_a_slow_model_counts_them() {
    for seed in 0..20 {
        let mut rng = Rng::from_u64(seed);
        let (live, mut model) = (live(), Model::default());
        for _ in 0..400 {
            step(&mut rng, &live, &mut model);
            model.check(&read(&live, "sales"));
        }
        assert_eq!(live.violations(), 0);
    }
}

fn step(rng: &mut Rng, live: &Live, model: &mut Model) {
    let choice = rng.below(5);
    let waiting = model.waiting.len() as u32;
    if choice < 2 || waiting == 0 {
        model.waiting.push(false);
        return fold(live, [offered(SALES)]);
    }
    let place = rng.below(waiting) as usize;
    if choice == 2 {
        if !std::mem::replace(&mut model.waiting[place], true) {
            fold(live, [missed(SALES)]);
        }
        return;
    }
    let late = model.waiting.swap_remove(place);
    let wait = if late { secs(20) + Duration::from_micros(1) } else { Duration::from_millis(rng.below(20_001).into()) };
    let (outcome, fact) = match rng.below(3) {
        0 => (Outcome::Answered, answered(SALES, wait)),
        1 => (Outcome::Abandoned, abandoned(SALES, wait, rng.chance(0.5))),
        _ => (Outcome::FlowedOut, flowed_out(SALES, wait, FlowOut::Timeout)),
    };
    model.ended.push((outcome, wait));
    fold(live, [fact]);
}

#[test]
fn a_removed_queue_keeps_its_figures_and_an_added_one_starts_at_zero() {
    let live = live();
    fold(&live, [offered(SALES)]);
    let mut other = plan();
    other.queues[0] = queue(QueueId(2), "night", &[]);
    live.apply_plan(at(1), &other, &[]);
    let names: Vec<_> = live.queues(at(1)).into_iter().map(|queue| (queue.name, queue.removed)).collect();
    assert_eq!(names, [("sales".into(), true), ("help".into(), false), ("night".into(), false)]);
    fold(&live, [answered(SALES, secs(2))]);
    assert_eq!((read(&live, "sales").answered, read(&live, "night").offered), (1, 0));
    assert_eq!(live.total(at(1)).offered, 1);
    live.apply_plan(at(2), &plan(), &[]);
    assert_eq!((read(&live, "sales").offered, read(&live, "sales").removed), (1, false));
}

#[test]
fn the_overview_serialises_as_total_and_queues_that_add_up() {
    let live = live();
    live.set_targets(&[(SALES, 0.8), (HELP, 0.8), (QueueId(99), 0.5)]);
    fold_worked_example(&live);
    fold(&live, [offered(HELP), answered(HELP, secs(1))]);
    let json = serde_json::to_value(live.overview(Instant::ZERO)).unwrap();
    let total = &json["total"];
    for figure in ["offered", "answered", "abandoned", "flowed_out", "waiting"] {
        let of = |name: &str| json["queues"][name][figure].as_u64().unwrap();
        assert_eq!(total[figure].as_u64().unwrap(), of("sales") + of("help"), "{figure}");
    }
    assert_eq!(json["queues"]["help"]["service_level"], 1.0);
    assert_eq!(total["service_level"], 861.0 / 1061.0, "a ratio of sums, not a mean of ratios");
    assert_eq!((&total["target"], &total["threshold_seconds"]), (&0.8.into(), &20.0.into()));
    assert_eq!(total["agents"]["ready"], 2, "each agent once, though one serves both queues");
    let states: BTreeSet<_> = total["agents"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(states, AgentState::LABELS.into());
}
