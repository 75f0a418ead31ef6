//! Every count is a fold over facts: the facts of simulated days, written as lines, read back and folded again, give every figure
//! that was kept live. And a fact that is lost, doubled or changed on the way is noticed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strowger::acd::Stamped;
use strowger::base::{Instant, WallTime};
use strowger::node::{Naming, figures};
use strowger::records::{Kind, Personal, Replay, Scribe};
use strowger::sim::books::Note;
use strowger::sim::ladder::Detail;
use strowger::sim::oracle::Oracle;
use strowger::sim::workload;
use strowger::sim::world::World;
use strowger::stats::Live;
use strowger::stats::calendar::Grain;
use strowger::stats::export::Exposition;
use strowger::stats::intervals::{Attribution, Question};

/// Worlds whose facts are written and read back; each is some minutes around a midnight, with reloads, outages and supervisors.
const WORLDS: u64 = 40;

#[test]
fn facts_written_read_back_and_folded_again_give_every_live_figure() {
    let mut folded = 0;
    for seed in 0..WORLDS {
        let (world, wrong) = workload::live_through(seed, Detail::Nothing, true);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?}");
        let (origin, notes) = day_of(&world);
        let text = written(origin, notes);
        let read = read_back(&text, notes);
        for (found, told) in facts(&read).zip(facts(notes)) {
            assert_eq!(found, told, "seed {seed}");
        }
        let live = fold(origin, &read);
        folded += facts(&read).count();
        for (again, kept) in figures_of(&live, world.now()).iter().zip(figures_of(world.books().live(), world.now())) {
            assert_eq!(*again, kept, "seed {seed}");
        }
    }
    assert!(folded > 50 * WORLDS as usize, "only {folded} facts: the worlds are too small to prove anything");
}

#[test]
fn a_fact_lost_or_doubled_is_noticed_by_the_laws_or_by_the_figures() {
    let mut told: BTreeMap<Kind, [u32; 2]> = BTreeMap::new();
    for seed in 0..5 {
        let (world, _) = workload::live_through(seed, Detail::Nothing, true);
        let (origin, notes) = day_of(&world);
        let whole = figures_of(&fold(origin, notes), world.now());
        for place in 0..notes.len() {
            let Note::Fact(Stamped { fact, .. }) = &notes[place] else { continue };
            let kind = Kind::of(fact);
            let seen = told.entry(kind).or_default();
            // A few of each kind prove it.
            if seen[0] + seen[1] >= 8 {
                continue;
            }
            let mut less = notes.to_vec();
            less.remove(place);
            let mut more = notes.to_vec();
            more.insert(place, notes[place].clone());
            for (what, notes) in [(0, less), (1, more)] {
                let live = fold(origin, &notes);
                let is_lawful = live.violations() == 0 && laws(&notes, world.now(), &live).is_ok();
                let is_same = figures_of(&live, world.now()) == whole;
                seen[what] += 1;
                let how = ["lost", "doubled"][what];
                let is_right =
                    if counts_nothing(kind) { is_same } else { !is_lawful || !is_same || is_made_good(kind) };
                assert!(is_right, "seed {seed}, {place} {how}: {fact:?}");
                assert!(!is_lawful || !ends_a_visit(kind), "seed {seed}: the law itself finds {fact:?}");
            }
        }
    }
    let kinds: Vec<_> = told.keys().filter(|kind| ends_a_visit(**kind)).collect();
    assert_eq!(kinds.len(), 4, "each of the four was tried: {told:?}");
}

#[test]
fn a_line_changed_left_out_or_cut_off_is_an_error_and_a_line_doubled_changes_nothing() {
    let (world, _) = workload::live_through(3, Detail::Nothing, true);
    let (origin, notes) = day_of(&world);
    let text = written(origin, notes);
    let lines: Vec<&str> = text.lines().collect();
    let read = |lines: &[&str]| {
        let mut replay = Replay::new();
        lines.iter().map(|line| replay.take(line)).collect::<Result<Vec<_>, _>>()
    };
    let all = read(&lines).unwrap();
    for place in [0, 1, lines.len() / 2, lines.len() - 2] {
        let mut less = lines.clone();
        less.remove(place);
        assert!(read(&less).is_err(), "line {place} left out");
        let cut = &lines[place][..lines[place].len() - 1];
        let mut broken = lines.clone();
        broken[place] = cut;
        assert!(read(&broken).is_err(), "line {place} cut off");
        let mut doubled = lines.clone();
        doubled.insert(place, lines[place]);
        let once: Vec<_> = read(&doubled).unwrap().into_iter().flatten().collect();
        assert_eq!(once, all.iter().flatten().cloned().collect::<Vec<_>>(), "line {place} doubled");
    }
}

/// Kinds that no figure counts: they are for call records and boards, or tell what ends with a counted fact.
fn counts_nothing(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OfferMade
            | Kind::CallerAnswered
            | Kind::Digit
            | Kind::WrapUpExtended
            | Kind::AgentSet
            | Kind::QueueSet
            | Kind::PrioritySet
            | Kind::Supervised
            | Kind::Device
            | Kind::Preferred
            | Kind::PreferenceSet
    )
}

/// Kinds that say how something is from now on, where a second one changes nothing and a later one makes good for one that was
/// lost, and the passing of the threshold, which the outcome tells again.
fn is_made_good(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Oldest
            | Kind::PeerState
            | Kind::AgentTeam
            | Kind::Missed
            | Kind::Transfer
            | Kind::Reserve
            | Kind::Lending
    )
}

/// Kinds of which the law of conservation itself tells.
fn ends_a_visit(kind: Kind) -> bool {
    matches!(kind, Kind::Offered | Kind::Answered | Kind::Abandoned | Kind::FlowedOut)
}

/// What the figures were made of, from the first plan on.
fn day_of(world: &World) -> (WallTime, &[Note]) {
    (world.books().origin(), world.books().notes())
}

fn facts(notes: &[Note]) -> impl Iterator<Item = &Stamped> {
    notes.iter().filter_map(|note| match note {
        Note::Fact(stamped) => Some(stamped),
        Note::Naming(..) => None,
    })
}

fn written(origin: WallTime, notes: &[Note]) -> String {
    let mut scribe = Scribe::new(Some(origin), Personal::Told);
    let mut text = String::new();
    for note in notes {
        match note {
            Note::Naming(_, naming) => {
                scribe.names_mut().learn(&naming.plan, &naming.peers);
                scribe.names_mut().learn_values(&naming.values);
            }
            Note::Fact(stamped) => scribe.write(stamped, &mut text),
        }
    }
    text
}

/// The facts from their lines, and the plans where they were.
fn read_back(text: &str, notes: &[Note]) -> Vec<Note> {
    let (mut lines, mut replay) = (text.lines(), Replay::new());
    let read = |note: &Note| match note {
        Note::Naming(now, naming) => Note::Naming(*now, naming.clone()),
        Note::Fact(_) => Note::Fact(read_one(&mut replay, lines.next())),
    };
    notes.iter().map(read).collect()
}

fn read_one(replay: &mut Replay, line: Option<&str>) -> Stamped {
    let line = line.expect("a line for each fact");
    replay.take(line).unwrap_or_else(|error| panic!("{error}: {line}")).expect("each line comes once")
}

/// Figures as text.
fn json(figures: &impl serde::Serialize) -> String {
    serde_json::to_string(figures).expect("figures are JSON")
}

/// The first note is the plan at the start.
fn fold(origin: WallTime, notes: &[Note]) -> Arc<Live> {
    let Some((Note::Naming(now, naming), rest)) = notes.split_first() else { panic!("a day begins with a plan") };
    let live = figures::figures(*now, naming, origin);
    for note in rest {
        match note {
            Note::Naming(now, naming) => drop(figures::follow(&live, *now, naming)),
            Note::Fact(stamped) => live.fold(stamped),
        }
    }
    Arc::new(live)
}

/// Everything that can be asked of the figures: every metric, every queue, every interval by event and by arrival.
fn figures_of(live: &Arc<Live>, now: Instant) -> Vec<String> {
    let mut all = vec![Exposition::new(Arc::clone(live), move || now).render()];
    all.push(json(&live.overview(now).total));
    let hour = Duration::from_secs(3_600);
    for queue in live.queues(now) {
        all.push(json(&queue));
        for by in Grain::ALL {
            for attribution in [Attribution::Event, Attribution::Arrival] {
                let answer =
                    live.intervals(now, &queue.name, Question { by, last: hour, attribution, threshold: None });
                all.push(answer.map_or_else(|error| error.to_string(), |found| json(&found)));
            }
        }
    }
    all
}

/// The conservation checker of the simulator, over the same facts.
fn laws(notes: &[Note], now: Instant, live: &Live) -> Result<(), String> {
    let Some(Note::Naming(_, naming)) = notes.first() else { panic!("a day begins with a plan") };
    let plan = |naming: &Naming| Arc::new(naming.plan.clone());
    let mut oracle = Oracle::new(plan(naming));
    for note in notes {
        match note {
            Note::Naming(_, naming) => oracle.set_plan(plan(naming)),
            Note::Fact(stamped) => oracle.observe(stamped)?,
        }
    }
    oracle.finish()?;
    match live.queues(now).iter().find(|queue| !queue.conserved()) {
        Some(queue) => Err(format!("{} is not conserved", queue.name)),
        None => Ok(()),
    }
}
