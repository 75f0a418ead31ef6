//! Reads `[queues.NAME]`, and refuses a number that leads to two queues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::limits;

use super::error::{Report, did_you_mean};
use super::reader::{Item, Section, boolean, integer, number, string};
use super::types::{AnswerPolicy, MediaPolicy, QueueConfig};
use super::values::{self, DAY, HOUR, SECOND};

const QUEUE_KEYS: [&str; 18] = [
    "numbers",
    "skills",
    "strategy",
    "priority",
    "answer",
    "media",
    "music",
    "prompt",
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
];

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

/// All `[queues.NAME]` in the order of the text. `strategies` are the names of the strategy table.
pub(super) fn queues(
    document: &Section<'_, '_>,
    strategies: &[&'static str],
    report: &mut Report<'_>,
) -> Vec<QueueConfig> {
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
    items.iter().filter_map(|item| queue(item, strategies, &mut numbers, report)).collect()
}

fn queue(
    item: &Item<'_, '_>,
    strategies: &[&'static str],
    taken: &mut Numbers,
    report: &mut Report<'_>,
) -> Option<QueueConfig> {
    if let Err(message) = values::name(&item.key) {
        report.value(item.at, &item.path, message);
    }
    let section = Section::open(item, &QUEUE_KEYS, report)?;
    let name: Arc<str> = item.key.as_ref().into();
    let duration = |key: &str, default: Duration, min: Duration, max: Duration, report: &mut Report<'_>| {
        section.read(key, report, |value| values::duration(value, min, max)).unwrap_or(default)
    };
    Some(QueueConfig {
        numbers: numbers(&section, &name, taken, report),
        name,
        skills: skills(&section, report),
        strategy: strategy(&section, strategies, report),
        priority: section
            .read("priority", report, |value| integer(value, i32::MIN.into(), i32::MAX.into()))
            .map_or(0, |priority| i32::try_from(priority).expect("the reader holds it within i32")),
        answer: section
            .read("answer", report, |value| values::choice(value, &ANSWERS))
            .unwrap_or(AnswerPolicy::OnQueue),
        media: section.read("media", report, |value| values::choice(value, &MEDIA)).unwrap_or(MediaPolicy::Anchor),
        music: section.read("music", report, values::path),
        prompt: section.read("prompt", report, values::path),
        waiting_max: section.read("waiting_max", report, waiting_max),
        wait_max: section.read("wait_max", report, |value| values::duration(value, SECOND, DAY)),
        unanswered_max: duration("unanswered_max", UNANSWERED_MAX, SECOND, HOUR, report),
        ring_timeout: duration("ring_timeout", RING_TIMEOUT, SECOND, HOUR, report),
        ring_step: duration("ring_step", RING_STEP, SECOND, HOUR, report),
        wrap_up: duration("wrap_up", WRAP_UP, Duration::ZERO, DAY, report),
        threshold: duration("threshold", THRESHOLD, SECOND, DAY, report),
        target: section.read("target", report, target).unwrap_or(TARGET),
        short_abandon: duration("short_abandon", SHORT_ABANDON, Duration::ZERO, HOUR, report),
        open: section.read("open", report, boolean).unwrap_or(true),
    })
}

const ANSWERS: [(&str, AnswerPolicy); 3] =
    [("on_queue", AnswerPolicy::OnQueue), ("on_agent", AnswerPolicy::OnAgent), ("early", AnswerPolicy::Early)];
const MEDIA: [(&str, MediaPolicy); 2] = [("anchor", MediaPolicy::Anchor), ("none", MediaPolicy::None)];

fn numbers(section: &Section<'_, '_>, queue: &Arc<str>, taken: &mut Numbers, report: &mut Report<'_>) -> Vec<String> {
    let mut numbers = Vec::new();
    for (number, at) in section.list("numbers", report, values::called_number).unwrap_or_default() {
        if let Some((other, first)) = taken.get(number) {
            let whose =
                if other == queue { "is listed twice".to_string() } else { format!("leads to `{other}` already") };
            let message = format!("`{number}` {whose} (line {})", report.line(*first));
            report.value(at, &section.child("numbers"), message);
            continue;
        }
        taken.insert(number.to_string(), (Arc::clone(queue), at));
        numbers.push(number.to_string());
    }
    numbers
}

/// `skills` of a queue or an agent: names, each once.
pub(super) fn skills(section: &Section<'_, '_>, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let mut skills: Vec<Arc<str>> = Vec::new();
    for (skill, at) in section.list("skills", report, |value| values::name(string(value)?)).unwrap_or_default() {
        if skills.iter().any(|other| **other == *skill) {
            report.value(at, &section.child("skills"), format!("`{skill}` is listed twice"));
            continue;
        }
        skills.push(skill.into());
    }
    skills
}

fn strategy(section: &Section<'_, '_>, known: &[&'static str], report: &mut Report<'_>) -> &'static str {
    let strategy = section.read("strategy", report, |value| {
        let text = string(value)?;
        known.iter().copied().find(|name| *name == text).ok_or_else(|| {
            let hint = did_you_mean(text, known.iter().copied());
            format!("unknown strategy `{}`, known are {}{hint}", text.escape_debug(), known.join(", "))
        })
    });
    strategy.unwrap_or(STRATEGY)
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
