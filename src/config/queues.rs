//! Reads `[queues.NAME]`, and refuses a number that leads to two queues. What its keys say of routing is read by `routing`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::QueueState;
use crate::acd::requirement::{Attributes, Value};
use crate::base::limits::{self, ATTRIBUTES_MAX};

use super::error::{Report, did_you_mean};
use super::peer_manners::FaxPolicy;
use super::policy::{OFFER_KEYS, alert_info, caller_prefix, label, offers};
use super::preferred::PREFERRED_KEYS;
use super::reader::{Item, Section, boolean, expected, integer, number, string};
use super::routing::{Known, ROUTING_KEYS, routing, strategy};
use super::types::{AnswerPolicy, MediaPolicy, NumberConfig, QueueConfig};
use super::values::{self, DAY, HOUR, SECOND};

/// The keys of `[queues.NAME]` beside those of routing.
const QUEUE_KEYS: [&str; 19] = [
    "numbers",
    "strategy",
    "priority",
    "answer",
    "media",
    "music",
    "prompt",
    "fax",
    "waiting_max",
    "wait_max",
    "unanswered_max",
    "ring_timeout",
    "ring_step",
    "wrap_up",
    "threshold",
    "target",
    "short_abandon",
    "open",
    "emergency",
];
const NUMBER_KEYS: [&str; 6] = ["number", "priority", "attributes", "preferred", "group", "campaign"];

/// The strategy of a queue that names none.
pub(super) const STRATEGY: &str = "longest-idle";
const UNANSWERED_MAX: Duration = Duration::from_secs(170);
const RING_TIMEOUT: Duration = Duration::from_secs(20);
const RING_STEP: Duration = Duration::from_secs(5);
const WRAP_UP: Duration = Duration::from_secs(10);
const THRESHOLD: Duration = Duration::from_secs(20);
const TARGET: f64 = 0.8;
const SHORT_ABANDON: Duration = Duration::from_secs(5);

/// The called numbers seen so far: number to queue and byte.
type Numbers = BTreeMap<String, (Arc<str>, usize)>;

/// All `[queues.NAME]` in the order of the text.
pub(super) fn queues(document: &Section<'_, '_>, known: &Known<'_>, report: &mut Report<'_>) -> Vec<QueueConfig> {
    let map = document.get("queues").and_then(|item| Section::open_map(&item, report));
    let items = map.as_ref().map(Section::items).unwrap_or_default();
    if items.is_empty() {
        report.whole(0, "queues", "is missing; write [queues.NAME] for at least one queue");
    }
    if items.len() > limits::QUEUES_MAX {
        let at = items.first().map_or(0, |item| item.at);
        report.value(at, "queues", format!("{} queues; allowed are {}", items.len(), limits::QUEUES_MAX));
        return Vec::new();
    }
    let mut numbers = Numbers::new();
    items.iter().filter_map(|item| queue(item, known, &mut numbers, report)).collect()
}

fn queue(item: &Item<'_, '_>, known: &Known<'_>, taken: &mut Numbers, report: &mut Report<'_>) -> Option<QueueConfig> {
    if let Err(message) = values::name(&item.key) {
        report.value(item.at, &item.path, message);
    }
    let keys = [&QUEUE_KEYS[..], &ROUTING_KEYS, &OFFER_KEYS, &PREFERRED_KEYS].concat();
    let section = Section::open(item, &keys, report)?;
    let name: Arc<str> = item.key.as_ref().into();
    let duration = |key: &str, default: Duration, min: Duration, max: Duration, report: &mut Report<'_>| {
        section.read(key, report, |value| values::duration(value, min, max)).unwrap_or(default)
    };
    let threshold = duration("threshold", THRESHOLD, SECOND, DAY, report);
    Some(QueueConfig {
        numbers: numbers(&section, &name, known, taken, report),
        name,
        routing: routing(&section, known, threshold, report),
        strategy: strategy(&section, known.strategies, report).unwrap_or(STRATEGY),
        priority: section.read("priority", report, priority).unwrap_or(0),
        answer: section
            .read("answer", report, |value| values::choice(value, &ANSWERS))
            .unwrap_or(AnswerPolicy::OnQueue),
        media: section.read("media", report, |value| values::choice(value, &MEDIA)).unwrap_or(MediaPolicy::Anchor),
        music: section.read("music", report, values::path),
        prompt: section.read("prompt", report, values::path),
        fax: section.read("fax", report, |value| values::choice(value, &FAX)).unwrap_or(FaxPolicy::Ignore),
        waiting_max: section.read("waiting_max", report, waiting_max),
        wait_max: section.read("wait_max", report, |value| values::duration(value, SECOND, DAY)),
        unanswered_max: duration("unanswered_max", UNANSWERED_MAX, SECOND, HOUR, report),
        ring_timeout: duration("ring_timeout", RING_TIMEOUT, SECOND, HOUR, report),
        ring_step: duration("ring_step", RING_STEP, SECOND, HOUR, report),
        offers: offers(&section, report),
        label: label(&section, report),
        caller_prefix: caller_prefix(&section, report),
        alert_info: alert_info(&section, report),
        wrap_up: duration("wrap_up", WRAP_UP, Duration::ZERO, DAY, report),
        threshold,
        target: section.read("target", report, target).unwrap_or(TARGET),
        short_abandon: duration("short_abandon", SHORT_ABANDON, Duration::ZERO, HOUR, report),
        state: state(&section, report),
    })
}

/// `open` and `emergency`.
fn state(section: &Section<'_, '_>, report: &mut Report<'_>) -> QueueState {
    let open = section.read("open", report, boolean).unwrap_or(true);
    match section.read("emergency", report, boolean) {
        Some(true) => QueueState::Emergency,
        Some(false) | None if open => QueueState::Open,
        Some(false) | None => QueueState::Closed,
    }
}

const ANSWERS: [(&str, AnswerPolicy); 3] =
    [("on_queue", AnswerPolicy::OnQueue), ("on_agent", AnswerPolicy::OnAgent), ("early", AnswerPolicy::Early)];
const FAX: [(&str, FaxPolicy); 2] = [("ignore", FaxPolicy::Ignore), ("detect", FaxPolicy::Detect)];
const MEDIA: [(&str, MediaPolicy); 2] = [("anchor", MediaPolicy::Anchor), ("none", MediaPolicy::None)];

/// `numbers`: each a text, or a table that says what its calls bring.
fn numbers(
    section: &Section<'_, '_>,
    queue: &Arc<str>,
    known: &Known<'_>,
    taken: &mut Numbers,
    report: &mut Report<'_>,
) -> Vec<NumberConfig> {
    let mut numbers = Vec::new();
    for item in section.elements("numbers", report).unwrap_or_default() {
        let Some(number) = number_of(&item, known, report) else { continue };
        if let Some((other, first)) = taken.get(&number.number) {
            let whose =
                if other == queue { "is listed twice".to_string() } else { format!("leads to `{other}` already") };
            let message = format!("`{}` {whose} (line {})", number.number, report.line(*first));
            report.value(item.at, &section.child("numbers"), message);
            continue;
        }
        taken.insert(number.number.clone(), (Arc::clone(queue), item.at));
        numbers.push(number);
    }
    numbers
}

fn number_of(item: &Item<'_, '_>, known: &Known<'_>, report: &mut Report<'_>) -> Option<NumberConfig> {
    if !item.value.is_table() {
        return match values::called_number(item.value) {
            Ok(number) => Some(NumberConfig {
                number: number.to_string(),
                priority: None,
                group: None,
                campaign: None,
                attributes: Arc::default(),
                preferred: None,
            }),
            Err(message) => {
                report.value(item.at, &item.path, message);
                None
            }
        };
    }
    let section = Section::open(item, &NUMBER_KEYS, report)?;
    let priority = section.read("priority", report, priority);
    let attributes = attributes(&section, report);
    let preferred = section.read("preferred", report, |value| {
        let name = string(value)?;
        let hint = did_you_mean(name, known.agents.iter().copied());
        known.agents.contains(name).then(|| name.into()).ok_or_else(|| format!("unknown agent `{name}`{hint}"))
    });
    let named = |value| string(value).and_then(values::name).map(Arc::from);
    let group = section.read("group", report, named);
    let campaign = section.read("campaign", report, named);
    let number = section.required("number", "\"800\"", report, values::called_number)?.to_string();
    let attributes = Arc::new(attributes);
    Some(NumberConfig { number, priority, group, campaign, attributes, preferred })
}

/// `attributes = { tier = "gold", lvl = 3 }`.
fn attributes(section: &Section<'_, '_>, report: &mut Report<'_>) -> Attributes {
    let mut attributes = Attributes::default();
    let map = section.get("attributes").and_then(|item| Section::open_map(&item, report));
    for item in map.iter().flat_map(Section::items) {
        let value = match (item.value.as_str(), item.value.is_integer()) {
            (Some(text), _) if text.chars().any(char::is_control) || text.contains(['"', '\'']) => {
                Err("may not hold quotes or control characters: no requirement could name it".to_string())
            }
            (Some(text), _) => Ok(Value::Text(text.into())),
            (None, true) => integer(item.value, i64::MIN, i64::MAX).map(Value::Number),
            (None, false) => Err(expected("a string or an integer", item.value)),
        };
        let name = values::name(&item.key).map(Arc::from);
        let set = name.and_then(|name| Ok(attributes.set(name, value?)));
        match set {
            Ok(true) => {}
            Ok(false) => report.value(item.at, &item.path, format!("is one too many: allowed are {ATTRIBUTES_MAX}")),
            Err(message) => report.value(item.at, &item.path, message),
        }
    }
    attributes
}

fn priority(value: &toml::de::DeValue<'_>) -> Result<i32, String> {
    let priority = integer(value, i32::MIN.into(), i32::MAX.into())?;
    Ok(i32::try_from(priority).expect("the reader holds it within i32"))
}

fn waiting_max(value: &toml::de::DeValue<'_>) -> Result<u32, String> {
    if value.as_integer().is_some_and(|integer| integer.as_str() == "0") {
        return Err("0 would let nobody wait; write open = false to close the queue".to_string());
    }
    let most = u32::try_from(limits::CALLS_MAX).expect("the bound on live calls is below four thousand million");
    let waiting = integer(value, 1, most.into())?;
    Ok(u32::try_from(waiting).expect("the reader holds it below the bound on live calls"))
}

fn target(value: &toml::de::DeValue<'_>) -> Result<f64, String> {
    let target = number(value)?;
    if target > 0.0 && target <= 1.0 {
        return Ok(target);
    }
    let hint = if target > 1.0 && target <= 100.0 { format!("; write {}", target / 100.0) } else { String::new() };
    Err(format!("{target} is no fraction above 0 and up to 1{hint}"))
}
