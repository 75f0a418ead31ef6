//! What queues and agents say of offers and answers: how often a call is offered, who wraps up how long, whose phone
//! answers by itself, who confirms by a key.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{AgentPolicy, OfferPolicy};

use super::error::Report;
use super::reader::{Section, boolean, integer, string};
use super::types::Confirm;
use super::values::{self, DAY, HOUR, SECOND};

/// The keys of `[queues.NAME]` that are read here.
pub(super) const OFFER_KEYS: [&str; 6] =
    ["offers_max", "retry", "no_answer_max", "label", "caller_prefix", "alert_info"];
/// The keys of `[agents.NAME]` that are read here.
pub(super) const POLICY_KEYS: [&str; 8] = [
    "wrap_up",
    "no_answer_max",
    "no_answer_pause",
    "reject_pause",
    "auto_answer",
    "answer_min",
    "confirm",
    "confirm_within",
];

const MINUTE: Duration = Duration::from_secs(60);
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// The longest label: phones show about so much.
const LABEL_BYTES_MAX: usize = 64;
/// What `caller_prefix` fills in.
const CALLER_PREFIX_PLACES: [&str; 3] = ["{queue}", "{wait}", "{call}"];
/// The longest Alert-Info: an address and a parameter or two.
const ALERT_INFO_BYTES_MAX: usize = 200;

/// `offers_max`, `retry` and `no_answer_max` of a queue.
pub(super) fn offers(section: &Section<'_, '_>, report: &mut Report<'_>) -> OfferPolicy {
    let default = OfferPolicy::default();
    OfferPolicy {
        max: section.read("offers_max", report, count),
        retry: section
            .read("retry", report, |value| values::duration(value, Duration::ZERO, HOUR))
            .unwrap_or(default.retry),
        no_answer_max: section.read("no_answer_max", report, count).unwrap_or(default.no_answer_max),
    }
}

/// `label` of a queue.
pub(super) fn label(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Arc<str>> {
    section.read("label", report, |value| {
        let text = string(value)?;
        let fits = text.len() <= LABEL_BYTES_MAX && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'));
        if fits { Ok(text.into()) } else { Err(format!("is at most {LABEL_BYTES_MAX} bytes without quotes")) }
    })
}

/// `caller_prefix` of a queue, which goes without a `label`.
pub(super) fn caller_prefix(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Arc<str>> {
    let item = section.get("caller_prefix")?;
    if section.get("label").is_some() {
        report.value(item.at, &item.path, "goes without `label`; write the label into it");
    }
    section.read("caller_prefix", report, |value| {
        let text = string(value)?;
        let plain = CALLER_PREFIX_PLACES.iter().fold(text.to_string(), |text, place| text.replace(place, ""));
        if plain.contains(['{', '}']) {
            return Err(format!("knows no other places than {}", CALLER_PREFIX_PLACES.join(", ")));
        }
        let fits = text.len() <= LABEL_BYTES_MAX && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'));
        if fits { Ok(text.into()) } else { Err(format!("is at most {LABEL_BYTES_MAX} bytes without quotes")) }
    })
}

/// `alert_info` of a queue.
pub(super) fn alert_info(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Arc<str>> {
    section.read("alert_info", report, |value| {
        let text = string(value)?;
        let is_uri = text.starts_with('<') && text.contains('>');
        let fits = text.len() <= ALERT_INFO_BYTES_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_uri && fits {
            return Ok(text.into());
        }
        Err(format!("is an address in <> with parameters, at most {ALERT_INFO_BYTES_MAX} printable ASCII characters"))
    })
}

/// What an agent has of its own.
pub(super) fn policy(section: &Section<'_, '_>, report: &mut Report<'_>) -> AgentPolicy {
    let default = AgentPolicy::default();
    let mut pause = |key: &str| section.read(key, report, |value| values::duration(value, Duration::ZERO, DAY));
    let (wrap_up, no_answer_pause, reject_pause) = (pause("wrap_up"), pause("no_answer_pause"), pause("reject_pause"));
    AgentPolicy {
        wrap_up,
        no_answer_max: section.read("no_answer_max", report, count),
        no_answer_pause: no_answer_pause.unwrap_or(default.no_answer_pause),
        reject_pause,
        auto_answer: section.read("auto_answer", report, boolean).unwrap_or(default.auto_answer),
        answer_min: section
            .read("answer_min", report, |value| values::duration(value, Duration::ZERO, MINUTE))
            .unwrap_or(default.answer_min),
    }
}

/// `confirm` and `confirm_within` of an agent.
pub(super) fn confirm(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Confirm> {
    let within = section
        .read("confirm_within", report, |value| values::duration(value, SECOND, MINUTE))
        .unwrap_or(CONFIRM_WITHIN);
    let digit = section.read("confirm", report, |value| match string(value)?.as_bytes() {
        [digit @ (b'0'..=b'9' | b'*' | b'#')] => Ok(char::from(*digit)),
        _ => Err("is one key: 0 to 9, * or #".to_string()),
    });
    digit.map(|digit| Confirm { digit, within })
}

fn count(value: &toml::de::DeValue<'_>) -> Result<u32, String> {
    integer(value, 1, 1_000).map(|count| u32::try_from(count).expect("the reader holds it within the range"))
}
