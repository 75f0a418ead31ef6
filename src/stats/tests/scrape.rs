//! The exposition: complete, parseable, exact, and consistent while a thread writes.

use std::collections::BTreeSet;

use super::visits::fold_worked_example;
use super::*;
use crate::acd::LostCause;
use crate::base::WallTime;
use crate::stats::family::Kind;
use crate::stats::histogram_bounds;
use crate::stats::queue::Tamper;
use crate::stats::table::TABLE;

fn assert_conserved(series: &BTreeMap<&str, f64>, queue: &str) -> f64 {
    let of = |name: &str| sum(series, &format!("{name}{{queue=\"{queue}\""));
    let offered = of("acd_calls_offered_total");
    let ended = of("acd_calls_answered_total") + of("acd_calls_abandoned_total") + of("acd_calls_flowout_total");
    assert_eq!(offered, ended + of("acd_queue_waiting"), "{queue}");
    assert_eq!(of("acd_calls_answered_total"), of("acd_answer_wait_seconds_count"), "{queue}");
    assert_eq!(of("acd_calls_abandoned_total"), of("acd_abandon_wait_seconds_count"), "{queue}");
    offered
}

#[test]
fn every_family_of_the_table_is_emitted_with_its_labels_and_no_other() {
    let live = Arc::new(live());
    live.set_origin(WallTime::from_micros(1_700_000_000_000_000));
    live.apply_plan(Instant::ZERO, &plan(), &[(PeerId(0), "pbx".into())]);
    live.set_agent_series(Instant::ZERO, &[(AgentId(0), "1000".into())]);
    // An expected wait needs a handled call.
    fold(
        &live,
        [offered(SALES), answered(SALES, secs(1)), talk_ended(SALES, 0, secs(9)), wrap_up_ended(SALES, 0, secs(1))],
    );
    let text = exposition(&live, Instant::ZERO).render();
    let mut typed = BTreeSet::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("# TYPE ") {
            typed.insert(line.to_owned());
        }
    }
    let expected: BTreeSet<_> = TABLE.iter().map(|row| format!("{} {}", row.name, row.kind.as_str())).collect();
    assert_eq!(typed, expected);
    for row in &TABLE {
        let suffix = if matches!(row.kind, Kind::Histogram | Kind::Summary) { "_count" } else { "" };
        let labels: Vec<_> = row.labels.iter().map(|label| format!("{label}=")).collect();
        let name = format!("{}{suffix}", row.name);
        let line = text.lines().find(|line| line.split(['{', ' ']).next() == Some(&name)).unwrap();
        let found = labels.iter().map(|label| line.find(label).unwrap_or_else(|| panic!("{line} lacks {label}")));
        assert!(found.is_sorted(), "{line}");
        assert_eq!(line.matches("=\"").count(), row.labels.len(), "{line}");
    }
}

#[test]
fn every_series_of_a_configured_queue_is_there_before_the_first_call() {
    let live = Arc::new(live());
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    for queue in ["sales", "help"] {
        let count =
            |name: &str| series.keys().filter(|key| key.starts_with(&format!("{name}{{queue=\"{queue}\""))).count();
        assert_eq!(count("acd_calls_offered_total"), 1);
        assert_eq!(count("acd_calls_flowout_total"), FlowOut::ALL.len());
        assert_eq!(count("acd_calls_lost_total"), LostCause::ALL.len());
        assert_eq!(count("acd_offers_total"), 6);
        assert_eq!(count("acd_sl_events_total"), 5);
        assert_eq!(count("acd_queue_agents"), 11);
        assert_eq!(count("acd_answer_wait_seconds_bucket"), 15);
    }
    assert_eq!(sum(&series, "acd_calls_"), 0.0);
    assert_eq!(series["acd_invariant_violations_total"], 0.0);
    assert_eq!(series[concat!("acd_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}")], 1.0);
    assert!(!text.contains("timestamp_seconds"), "no calendar moment without an origin");
}

#[test]
fn all_variants_of_the_service_level_come_out_of_the_buckets_and_the_events() {
    let live = Arc::new(live());
    fold_worked_example(&live);
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    let answered = |le| series[format!("acd_answer_wait_seconds_bucket{{queue=\"sales\",le=\"{le}\"}}").as_str()];
    let abandoned = |le| series[format!("acd_abandon_wait_seconds_bucket{{queue=\"sales\",le=\"{le}\"}}").as_str()];
    let (a, b) = (answered("+Inf"), abandoned("+Inf"));
    let percent = |value: f64| format!("{:.2}", 100.0 * value);
    assert_eq!(percent((answered("20") + abandoned("20")) / (a + b)), "83.02", "F1");
    assert_eq!(percent(answered("20") / a), "86.00", "F2");
    assert_eq!(percent(answered("20") / (a + b)), "81.13", "F3");
    assert_eq!(percent(answered("20") / (a + b - abandoned("20"))), "82.69", "F4");
    assert_eq!(percent((answered("20") + abandoned("5")) / (a + b)), "82.08", "F5");
    assert_eq!(percent(answered("20") / (a + b - abandoned("5"))), "81.90", "F6");
    let event = |outcome| {
        series[format!("acd_sl_events_total{{queue=\"sales\",threshold=\"20\",outcome=\"{outcome}\"}}").as_str()]
    };
    let missed = event("missed") - series["acd_sl_missed_flowouts_total{queue=\"sales\",threshold=\"20\"}"];
    let decided = event("answered") + event("abandoned") + event("abandoned_short") + missed;
    assert_eq!(percent(event("answered") / decided), "81.13", "F3 live");
}

#[test]
fn histograms_are_exact_on_between_and_above_their_bounds() {
    let mut plan = plan();
    plan.queues[0].threshold = Duration::from_millis(7_500);
    let live = Arc::new(Live::new(Instant::ZERO, &plan, &histogram_bounds([])));
    let waits = [0, 3_000_000, 3_000_001, 7_500_000, 600_000_000, 600_000_001];
    for wait in waits.map(Duration::from_micros) {
        fold(&live, [offered(SALES), answered(SALES, wait)]);
    }
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    for (le, count) in [("3", 2.0), ("5", 3.0), ("7.5", 4.0), ("10", 4.0), ("300", 4.0), ("600", 5.0), ("+Inf", 6.0)] {
        let name = format!("acd_answer_wait_seconds_bucket{{queue=\"sales\",le=\"{le}\"}}");
        assert_eq!(series[name.as_str()], count, "{name}");
    }
    assert_eq!(series["acd_answer_wait_seconds_sum{queue=\"sales\"}"], 1213.500002);
}

#[test]
fn visits_add_up_in_every_scrape_while_a_thread_writes() {
    const ROUNDS: u64 = 20_000;
    let live = Arc::new(live());
    let writer = std::thread::spawn({
        let live = Arc::clone(&live);
        move || {
            for round in 0..ROUNDS {
                let wait = secs(round % 40);
                let outcome = match round % 3 {
                    0 => answered(SALES, wait),
                    1 => abandoned(SALES, wait, false),
                    _ => flowed_out(SALES, wait, FlowOut::Timeout),
                };
                let passed = (wait > secs(20)).then(|| missed(SALES));
                fold(&live, [offered(SALES), offered(HELP)].into_iter().chain(passed).chain([outcome]));
            }
        }
    });
    let exposition = exposition(&live, Instant::ZERO);
    let mut last = 0.0;
    while last < ROUNDS as f64 {
        let text = exposition.render();
        let series = parse(&text);
        let offered = assert_conserved(&series, "sales");
        assert_conserved(&series, "help");
        assert!(live.queues(Instant::ZERO).iter().all(crate::stats::QueueSnapshot::conserved));
        assert_eq!(series["acd_invariant_violations_total"], 0.0);
        assert!(offered >= last, "counters never go back");
        last = offered;
    }
    writer.join().unwrap();
    assert!(live.total(Instant::ZERO).conserved());
}

#[test]
fn a_queue_that_does_not_add_up_raises_the_alarm_in_the_same_scrape() {
    let live = Arc::new(live());
    fold_worked_example(&live);
    live.block_of(SALES).tamper(Tamper::Offered, -1);
    let exposition = exposition(&live, Instant::ZERO);
    let first = exposition.render();
    assert_eq!(parse(&first)["acd_invariant_violations_total"], 1.0);
    let second = exposition.render();
    assert_eq!(parse(&second)["acd_invariant_violations_total"], 2.0, "and goes on while it lasts");
}

/// Samples of an OpenMetrics text with counters named as in the older format; panics on what the specification forbids.
fn parse_openmetrics(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let lines: Vec<_> = text.strip_suffix("# EOF\n").unwrap().lines().collect();
    let (mut name, mut kind) = ("", "");
    for line in lines {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            (name, kind) = typed.split_once(' ').unwrap();
            assert!(!name.ends_with("_total"), "{line}");
            continue;
        }
        if let Some(unit) = line.strip_prefix("# UNIT ") {
            assert_eq!(unit, format!("{name} seconds"), "{line}");
            assert!(name.ends_with("_seconds"), "{line}");
            continue;
        }
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(help.starts_with(name), "{line}");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let suffix = sample.split('{').next().unwrap().strip_prefix(name).unwrap();
        let allowed: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["_sum", "_count"],
            _ => &[""],
        };
        assert!(allowed.contains(&suffix), "{line}");
        // A whole bound is `20.0` here and `20` there.
        let sample = if suffix == "_bucket" { sample.replace(".0\"}", "\"}") } else { sample.to_owned() };
        assert!(samples.insert(sample, value.parse().unwrap()).is_none(), "{line} comes twice");
    }
    samples
}

#[test]
fn both_formats_hold_the_same_samples() {
    let live = Arc::new(live());
    fold_worked_example(&live);
    live.set_origin(WallTime::from_micros(1_700_000_000_000_000));
    live.apply_plan(Instant::ZERO, &plan(), &[(PeerId(0), "a \"b\" \\ c\nd".into())]);
    let exposition = exposition(&live, at(10));
    let (old, new) = (exposition.render(), exposition.render_openmetrics());
    let library = prometheus::TextEncoder::new().encode_to_string(&exposition.registry().gather()).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(lines(&old), lines(&library), "each line as the library writes it; it sorts them otherwise");
    assert_eq!(old.len(), library.len());
    let old: BTreeMap<String, f64> = parse(&old).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(parse_openmetrics(&new), old);
    assert!(old.len() > 300, "{}", old.len());
}

#[test]
fn a_scrape_of_many_queues_comes_in_pages_of_one_reading() {
    let queues = (0..100).map(|id| queue(QueueId(id), &format!("queue-{id}"), &[])).collect();
    let live = Arc::new(live_of(&Plan { queues, ..Plan::default() }));
    let exposition = exposition(&live, Instant::ZERO);
    let mut pages = exposition.pages();
    let mut text = pages.next().unwrap();
    // What happens while the scraper takes its time is in none of the pages.
    fold(&live, (0..100).map(|id| offered(QueueId(id))));
    let rest: Vec<_> = pages.collect();
    assert!(rest.len() > 5 && rest.iter().all(|page| page.len() < 400_000 && page.ends_with('\n')), "{}", rest.len());
    text.extend(rest);
    assert_eq!(sum(&parse(&text), "acd_queue_waiting"), 0.0);
    let after = exposition.render();
    assert_eq!(sum(&parse(&after), "acd_queue_waiting"), 100.0);
    let open: Vec<_> = exposition.pages_openmetrics().collect();
    assert!(
        open.iter().filter(|page| page.contains("# EOF")).count() == 1 && open.last().unwrap().ends_with("# EOF\n")
    );
}

#[test]
fn label_values_are_escaped() {
    let mut plan = plan();
    plan.queues[0].name = "a \"b\" \\ c\nd".into();
    let live = Arc::new(live_of(&plan));
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    assert_eq!(series[r#"acd_calls_offered_total{queue="a \"b\" \\ c\nd",dnis_group=""}"#], 0.0);
}

#[test]
fn five_hundred_queues_and_ten_thousand_agents_are_scraped_whole() {
    let queues = (0..500).map(|id| queue(QueueId(id), &format!("queue-{id}"), &[])).collect();
    let agents = (0..10_000).map(|id| agent(id, &[], AgentState::Ready)).collect();
    let live = Arc::new(Live::new(Instant::ZERO, &Plan { queues, agents, ..Plan::default() }, &histogram_bounds([])));
    fold(&live, (0..10).map(|agent| changes(agent, AgentState::LoggedOut, AgentState::Ready)));
    for queue in (0..500).map(QueueId) {
        fold(
            &live,
            [
                offered(queue),
                answered(queue, secs(9)),
                talk_ended(queue, 0, secs(200)),
                wrap_up_ended(queue, 0, secs(9)),
            ],
        );
        fold(&live, [offered(queue), abandoned(queue, secs(30), false)]);
        fold(
            &live,
            (0..20).map(|call| Fact::Offered { call: CallId(1_000 + call), queue, dimensions: Dimensions::default() }),
        );
    }
    let text = exposition(&live, Instant::ZERO).render();
    let series = parse(&text);
    assert_eq!(series["acd_queue_agents{queue=\"queue-499\",state=\"ready\"}"], 10.0);
    assert_eq!(series.keys().filter(|name| name.starts_with("acd_calls_offered_total{")).count(), 500);
    assert_eq!(series.keys().filter(|name| name.starts_with("acd_ewt_seconds{")).count(), 1_000);
}

#[test]
fn a_peer_is_up_until_a_fact_says_otherwise_and_only_named_ones_show() {
    let live = Arc::new(live());
    fold(&live, [Fact::PeerState { peer: PeerId(1), up: false }, Fact::PeerState { peer: PeerId(5), up: false }]);
    live.apply_plan(Instant::ZERO, &plan(), &[(PeerId(0), "trunk".into()), (PeerId(1), "pbx".into())]);
    let exposition = exposition(&live, Instant::ZERO);
    let text = exposition.render();
    let series = parse(&text);
    assert_eq!((series["acd_peer_up{peer=\"trunk\"}"], series["acd_peer_up{peer=\"pbx\"}"]), (1.0, 0.0));
    assert_eq!(series.keys().filter(|name| name.starts_with("acd_peer_up")).count(), 2);
    fold(&live, [Fact::PeerState { peer: PeerId(1), up: true }]);
    let text = exposition.render();
    assert_eq!(parse(&text)["acd_peer_up{peer=\"pbx\"}"], 1.0);
}

#[test]
fn the_oldest_caller_s_calendar_moment_is_the_origin_and_its_joining() {
    let live = Arc::new(live());
    live.set_origin(WallTime::from_micros(1_700_000_000_000_000));
    fold(&live, [offered(SALES), Fact::Oldest { queue: SALES, since: Some(at(30)) }]);
    let text = exposition(&live, at(42)).render();
    let series = parse(&text);
    assert_eq!(series["acd_queue_oldest_enqueue_timestamp_seconds{queue=\"sales\"}"], 1_700_000_030.0);
    assert_eq!(series["acd_queue_oldest_enqueue_timestamp_seconds{queue=\"help\"}"], 0.0);
    assert_eq!(series["acd_queue_longest_wait_seconds{queue=\"sales\"}"], 12.0);
}

#[test]
fn a_reserve_that_is_in_and_a_queue_that_lends_show_as_one() {
    let live = Arc::new(live());
    fold(&live, [Fact::Reserve { queue: SALES, active: true }, Fact::Lending { queue: HELP, lends: true }]);
    let exposition = exposition(&live, Instant::ZERO);
    let shown = |name: &str| {
        let text = exposition.render();
        ["sales", "help"].map(|queue| parse(&text)[format!("{name}{{queue=\"{queue}\"}}").as_str()])
    };
    assert_eq!((shown("acd_queue_reserve_active"), shown("acd_queue_lends")), ([1.0, 0.0], [0.0, 1.0]));
    fold(&live, [Fact::Reserve { queue: SALES, active: false }, Fact::Lending { queue: HELP, lends: false }]);
    assert_eq!((shown("acd_queue_reserve_active"), shown("acd_queue_lends")), ([0.0, 0.0], [0.0, 0.0]));
}
