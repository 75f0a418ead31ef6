//! Every fact comes back from its line as it was; what is wrong with a line is named; the page is the table, written out.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::{
    Actor, AgentSetting, AgentState, DeviceState, Dimension, Dimensions, Direction, Fact, FlowOut, Intervention, Laid,
    LostCause, Membership, Plan, QueueSetting, QueueState, Reason, Refusal, Repair, ReserveMode, ReserveThresholds,
    Skill, Stamped, Target, TransferFailure, TransferKind, TransferStep, ValueId, strategy,
};
use crate::base::{AgentId, CallId, Instant, PeerId, Pii, QueueId, Rng, WallTime};
use crate::records::schema::{self, Kind, TABLE};
use crate::records::value::WITHHELD;
use crate::records::words::{Own, Plain, Word};
use crate::records::{Broken, LINE_BYTES_MAX, Personal, Replay, Scribe, Unreadable, read};

/// Draws a value of a field: every enumeration over all of its values, every optional one also absent.
pub(super) trait Draw {
    fn draw(rng: &mut Rng) -> Self;
}

fn pick<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.below(values.len() as u32) as usize]
}

impl<W: Word> Draw for W {
    fn draw(rng: &mut Rng) -> Self {
        pick(rng, W::WORDS).0
    }
}

macro_rules! draws {
    ($($type:ty: $rng:ident => $draw:expr;)*) => {
        $(impl Draw for $type {
            fn draw($rng: &mut Rng) -> Self {
                $draw
            }
        })*
    };
}

draws! {
    bool: rng => rng.chance(0.5);
    u32: rng => { let far = rng.chance(0.2); if far { u32::MAX } else { rng.below(1_000) } };
    i32: rng => rng.u32() as Self;
    AgentSetting: rng => match rng.below(7) {
        0 => Self::Skill(Skill { name: Draw::draw(rng), level: rng.below(11) as u8, enabled: rng.chance(0.5) }),
        1 => {
            let queue = Draw::draw(rng);
            let (level, penalty, position) = (Draw::draw(rng), Draw::draw(rng), Draw::draw(rng));
            let (delay, reserve) = (Draw::draw(rng), Draw::draw(rng));
            Self::Membership(queue, Some(Membership { queue, level, penalty, position, delay, reserve }))
        }
        2 => Self::Membership(Draw::draw(rng), None),
        3 => Self::Penalty(Draw::draw(rng), Draw::draw(rng)),
        4 => Self::Defaults(Laid::All),
        5 => Self::Defaults(Laid::Skill(Draw::draw(rng))),
        _ => Self::Defaults(Laid::Membership(Draw::draw(rng))),
    };
    QueueSetting: rng => match rng.below(9) {
        7 => Self::Reserve(Draw::draw(rng)),
        8 => Self::ReserveThresholds(ReserveThresholds {
            waiting: Draw::draw(rng),
            wait: Draw::draw(rng),
            leave_waiting: Draw::draw(rng),
            leave_wait: Draw::draw(rng),
            estimate: Draw::draw(rng),
            leave_estimate: Draw::draw(rng),
            at_least: Draw::draw(rng),
        }),
        0 => Self::State(Draw::draw(rng)),
        1 => Self::Strategy(pick(rng, &strategy::names().collect::<Vec<_>>())),
        2 => Self::Threshold(Draw::draw(rng)),
        3 => Self::Weight(Draw::draw(rng)),
        4 => Self::Priority(Draw::draw(rng)),
        5 => Self::Target(rng.below(1_001) as u16),
        _ => Self::Defaults,
    };
    Intervention: rng => match rng.below(3) {
        0 => Self::HangUp,
        1 => Self::Withdraw,
        _ => Self::Requeue(Draw::draw(rng)),
    };
    Target: rng => match rng.below(3) {
        0 => Self::Agent(Draw::draw(rng)),
        1 => Self::Queue(Draw::draw(rng)),
        _ => Self::Number(Pii::new(Draw::draw(rng))),
    };
    TransferStep: rng => match rng.below(5) {
        0 => Self::Begun(Draw::draw(rng)),
        1 => Self::Answered,
        2 => Self::Completed,
        3 => Self::Cancelled,
        _ => Self::Failed(Draw::draw(rng)),
    };
    Dimensions: rng => Dimension::ALL.into_iter().fold(Self::default(), |all, dimension| {
        all.with(dimension, ValueId(rng.u32() as u16 >> pick(rng, &[0, 8, 15])))
    });
    Duration: rng => Self::from_micros(rng.u64() >> pick(rng, &[0, 20, 40, 63]));
    Instant: rng => Self::from_micros(rng.u64() >> pick(rng, &[0, 20, 40, 63]));
    CallId: rng => Self(rng.u64() >> pick(rng, &[0, 40]));
    QueueId: rng => Self(u32::draw(rng));
    AgentId: rng => Self(u32::draw(rng));
    PeerId: rng => Self(u32::draw(rng));
    Pii<char>: rng => Self::new(pick(rng, &['0', '#', '*', 'D', '"', '\\', '\u{1F4DE}']));
    Arc<str>: rng => pick(rng, &["", "lunch", "busy", "a \"b\" \\ \n\u{1}\u{7f}", "午餐", "sales/east"]).into();
    Actor: rng => match rng.below(3) {
        0 => Self::Engine,
        1 => Self::User(Draw::draw(rng)),
        _ => Self::Supervisor { name: Draw::draw(rng), why: Draw::draw(rng) },
    };
    Reason: rng => if rng.chance(0.5) { Own::draw(rng).reason() } else { Self::Custom(Draw::draw(rng)) };
    AgentState: rng => match rng.below(3) {
        0 => Plain::draw(rng).state(),
        1 => Self::NotReady(Draw::draw(rng)),
        _ => Self::OtherCall(Draw::draw(rng)),
    };
    DeviceState: rng => match rng.below(6) {
        0 => Self::Unknown,
        1 => Self::Idle,
        2 => Self::Ringing,
        3 => Self::Offline,
        4 => Self::Stale,
        _ => Self::Busy(Draw::draw(rng)),
    };
}

impl<T: Draw> Draw for Option<T> {
    fn draw(rng: &mut Rng) -> Self {
        rng.chance(0.7).then(|| T::draw(rng))
    }
}

/// 2026-11-23T23:50:00+08:00.
const ORIGIN: WallTime = WallTime::from_micros(1_795_449_000_000_000);

fn scribe(personal: Personal) -> Scribe {
    Scribe::new(Some(ORIGIN), personal)
}

fn line(fact: Fact) -> String {
    let mut text = String::new();
    scribe(Personal::Withheld).write(&Stamped { at: Instant::from_micros(1_500_000), fact }, &mut text);
    text
}

#[test]
fn every_fact_comes_back_from_its_line_as_it_was() {
    let mut rng = Rng::from_u64(1);
    let mut scribe = scribe(Personal::Told);
    let mut replay = Replay::new();
    let mut text = String::new();
    for round in 0..300 {
        for kind in Kind::ALL {
            let at = Instant::from_micros(round * 1_000_003);
            let stamped = Stamped { at, fact: schema::draw(*kind, &mut rng) };
            text.clear();
            scribe.write(&stamped, &mut text);
            assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "one line: {text}");
            let found = read(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let calendar = ORIGIN.as_micros() + at.as_micros() as i64;
            assert_eq!((&found.stamped, found.time), (&stamped, Some(WallTime::from_micros(calendar))), "{text}");
            assert_eq!(replay.take(&text).unwrap().as_ref(), Some(&stamped));
        }
    }
}

#[test]
fn a_line_holds_the_fields_of_the_table_and_no_others() {
    let mut rng = Rng::from_u64(2);
    let envelope = ["v", "seq", "at_us", "time", "kind"];
    for row in TABLE {
        let known: BTreeSet<String> =
            envelope.iter().map(ToString::to_string).chain(row.fields.iter().flat_map(schema::Field::keys)).collect();
        let count = envelope.len() + row.fields.iter().map(|field| field.keys().len()).sum::<usize>();
        assert_eq!(known.len(), count, "{}: two fields share a key", row.kind.as_str());
        for _ in 0..20 {
            let fact = schema::draw(row.kind, &mut rng);
            assert_eq!(Kind::of(&fact), row.kind);
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line(fact)).unwrap();
            let unknown: Vec<_> = object.keys().filter(|key| !known.contains(*key)).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", row.kind.as_str());
        }
    }
}

#[test]
fn words_are_those_of_the_metrics_labels() {
    assert!(FlowOut::ALL.into_iter().all(|value| value.as_str() == value.word()));
    assert!(ReserveMode::WORDS.iter().all(|(value, word)| value.as_str() == *word));
    assert!(TransferKind::WORDS.iter().all(|(value, word)| value.as_str() == *word));
    assert!(TransferFailure::WORDS.iter().all(|(value, word)| value.as_str() == *word));
    assert!(QueueState::WORDS.iter().all(|(value, word)| value.as_str() == *word));
    assert!(Refusal::ALL.into_iter().all(|value| value.as_str() == value.word()));
    assert!(Repair::ALL.into_iter().all(|value| value.as_str() == value.word()));
    assert!(Direction::ALL.into_iter().all(|value| value.as_str() == value.word()));
    assert!(Plain::WORDS.iter().all(|(value, word)| value.state().as_str() == *word));
    assert!(Own::WORDS.iter().all(|(value, word)| value.reason().as_str() == *word));
}

#[test]
fn what_a_caller_pressed_is_left_out_unless_it_is_asked_for() {
    let stamped = Stamped { at: Instant::ZERO, fact: Fact::Digit { call: CallId(7), digit: Pii::new('5') } };
    let text = |personal| {
        let mut text = String::new();
        scribe(personal).write(&stamped, &mut text);
        text
    };
    assert!(!text(Personal::Withheld).contains("digit\":\"5") && text(Personal::Told).contains("digit\":\"5"));
    let found = read(&text(Personal::Withheld)).unwrap().stamped.fact;
    assert_eq!(found, Fact::Digit { call: CallId(7), digit: Pii::new(WITHHELD) });
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    let good = r#"{"v":1,"seq":0,"at_us":5,"time":null,"kind":"missed","call":"c7","queue_id":2}"#;
    assert!(read(good).is_ok());
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        read(&good.replace(from, to)).unwrap_err().to_string()
    };
    assert_eq!(change("\"v\":1", "\"v\":4"), "version 4; this program reads versions 1 to 3");
    assert_eq!(change("\"v\":1", "\"v\":0"), "version 0; this program reads versions 1 to 3");
    assert_eq!(change("\"v\":1,", ""), "`v` is missing");
    assert_eq!(change("missed", "mist\\n"), "unknown kind `mist\\n`");
    assert_eq!(change(",\"kind\":\"missed\"", ""), "`kind` is missing");
    assert_eq!(change("\"call\":\"c7\",", ""), "`call` is missing");
    assert_eq!(change("2}", "null}"), "`queue_id` is missing");
    assert_eq!(change("2}", "-2}"), "`queue_id` is not a whole number");
    assert_eq!(change("2}", "5000000000}"), "`queue_id` is not a whole number below 2^32");
    assert!(change("\"c7\"", "\"c07\"").starts_with("`call` is not"));
    assert!(change("\"c7\"", "7").starts_with("`call` is not a text"));
    assert!(change("null", "\"noon\"").starts_with("`time` is not"));
    assert!(change("}", "").starts_with("no object of JSON"));
    assert!(change(good, "[1]").starts_with("no object of JSON"));
    let flowed = line(Fact::FlowedOut {
        call: CallId(1),
        queue: QueueId(0),
        wait: Duration::ZERO,
        reason: FlowOut::Full,
        cause: Some(LostCause::QueueFull),
    });
    let error = read(&flowed.replace("\"full\"", "\"fool\"")).unwrap_err();
    assert_eq!(error, Unreadable::UnknownWord { field: "reason".to_string(), word: "fool".to_string() });
    assert_eq!(read(&" ".repeat(LINE_BYTES_MAX + 1)), Err(Unreadable::TooLong));
    assert!(read(&"[".repeat(LINE_BYTES_MAX)).is_err(), "deep nesting ends");
}

#[test]
fn fields_of_a_later_writer_are_passed_over_and_an_earlier_writer_s_absence_is_null() {
    let later =
        r#"{"v":1,"seq":0,"at_us":5,"mood":"good","kind":"refused","queue_id":2,"cause":"closed","x":{"y":[1]}}"#;
    let (queue, cause, dimensions) = (Some(QueueId(2)), Refusal::Closed, Dimensions::default());
    assert_eq!(read(later).unwrap().stamped.fact, Fact::Refused { queue, cause, dimensions });
    let earlier = r#"{"v":1,"seq":0,"at_us":5,"kind":"refused","cause":"closed"}"#;
    assert_eq!(read(earlier).unwrap().stamped.fact, Fact::Refused { queue: None, cause, dimensions });
}

#[test]
fn facts_are_read_once_and_none_is_left_out() {
    let mut lines = Vec::new();
    let mut scribe = scribe(Personal::Withheld);
    for second in [0, 1, 1, 2] {
        let mut text = String::new();
        let fact = Fact::CallerAnswered { call: CallId(second) };
        scribe.write(&Stamped { at: Instant::from_micros(second * 1_000_000), fact }, &mut text);
        lines.push(text);
    }
    let mut replay = Replay::new();
    assert!(replay.take(&lines[0]).unwrap().is_some());
    assert_eq!(replay.take(&lines[0]), Ok(None), "the same fact again");
    assert_eq!(replay.take(&lines[2]), Err(Broken::Gap { expected: 1, found: 2 }));
    assert!(replay.take(&lines[1]).unwrap().is_some(), "it stays where it was");
    let earlier = lines[2].replace("\"at_us\":1000000", "\"at_us\":999999");
    assert!(matches!(replay.take(&earlier), Err(Broken::Earlier { seq: 2, .. })));
    let error = replay.take("{").unwrap_err().to_string();
    assert!(error.starts_with("the fact after number 1: no object of JSON"), "{error}");
    assert!(replay.take(&lines[2]).unwrap().is_some() && replay.take(&lines[3]).unwrap().is_some());
}

/// The page `configs/records/FACTS.md` is the table, written out. `STROWGER_REWRITE=1` writes it anew.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/records/FACTS.md");

#[test]
fn the_page_of_facts_is_what_the_table_says() {
    let page = page();
    if std::env::var_os("STROWGER_REWRITE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(found, page, "run this test with STROWGER_REWRITE=1 to write the page anew");
}

#[test]
fn every_line_of_the_page_can_be_read() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("    {")).collect();
    assert_eq!(lines.len(), TABLE.len());
    let mut replay = Replay::new();
    for (text, row) in lines.iter().zip(TABLE) {
        let found = replay.take(text).unwrap_or_else(|error| panic!("{error}: {text}")).unwrap();
        assert_eq!(Kind::of(&found.fact), row.kind);
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let mut rng = Rng::from_u64(17);
    let mut scribe = scribe(Personal::Told);
    scribe.names_mut().learn(&Plan::default(), &[]);
    for row in TABLE {
        writeln!(page, "\n## {}\n\n{}\n\n| field | form | meaning |\n|---|---|---|", row.kind.as_str(), row.meaning)
            .unwrap();
        for field in row.fields {
            let keys: Vec<_> = field.keys().iter().map(|key| format!("`{key}`")).collect();
            writeln!(page, "| {} | {} | {} |", keys.join(" "), field.form, field.meaning).unwrap();
        }
        page.push_str("\n    ");
        // Short ones are read more easily.
        let drawn: Vec<Fact> = (0..12).map(|_| schema::draw(row.kind, &mut rng)).collect();
        let fact = drawn.into_iter().min_by_key(|fact| line(fact.clone()).len()).unwrap();
        scribe.write(&Stamped { at: Instant::from_micros(1_500_000), fact }, &mut page);
    }
    page
}

const HEAD: &str = "\
# Facts of Strowger

Written from the table in `src/records/schema.rs` by a test; do not edit. The engine tells each thing that happens once, as a
fact, and every figure is a sum over facts: the live ones, later reports, and those of a simulation are made by the same code.

A fact is one line of JSON in UTF-8:

| field | form | meaning |
|---|---|---|
| `v` | a whole number | the version of this form: 3 |
| `seq` | a whole number | counts the facts of one run of the engine from 0, without a gap |
| `at_us` | microseconds | the engine's time of the fact, from the engine's start; never goes back |
| `time` | RFC 3339 in UTC, or `null` | the calendar's time of the same moment |
| `kind` | a word | what happened; the other fields follow from it |

## What a reader may rely on

* Fields may be added within a version. A reader ignores fields that it does not know, and takes one that is missing for `null`.
* A field never changes its meaning, its type or its unit. A field that goes, a new kind and a new word raise `v`. A program reads
  every version up to its own and refuses a later one by name.
* The same `seq` again is the same fact again and counts once; a `seq` left out is a fact lost.
* Queue visits and contacts are told apart: `offered` begins a visit, and `answered`, `abandoned` or `flowed_out` ends it. A contact is
  all visits of one `call`: it begins with the first, and goes on when a visit ends with `flowed_out` for the reason `requeued` or a talk
  with `talk_ended` by a `supervisor`.
* Ids are stable for one run of the engine, also over reloads; names stand beside them where they are known.
* No line holds the caller's number. What a caller pressed is left out unless personal data is asked for.

The examples are drawn: they show the form, not a call.
";
