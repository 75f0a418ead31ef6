//! Reads `lends_to = ["billing", { queue = "support", tier = 2 }]` of a queue: to whom it lends its members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::error::{Report, did_you_mean};
use super::reader::{Item, Section, integer, string};
use super::types::{LendingConfig, LoanConfig};
use super::values::{self, HOUR};

const LOAN_KEYS: [&str; 4] = ["queue", "tier", "penalty", "delay"];

const MINUTE: Duration = Duration::from_secs(60);

/// Over how long the service level of a queue that lends is measured.
const WINDOW: Duration = Duration::from_secs(30 * 60);
/// How long a queue lends nobody when its service level has fallen below the target.
const PAUSE: Duration = Duration::from_secs(60);

/// The queues of a text, and whether each lists its members.
pub(super) type Listings = BTreeMap<String, bool>;

/// What the queues of the text say of members, read before the queues themselves.
pub(super) fn listings(document: &Section<'_, '_>) -> Listings {
    let queues = document.get("queues");
    let table = queues.as_ref().and_then(|item| item.value.as_table());
    let lists = |value: &toml::de::DeValue<'_>| value.as_table().is_some_and(|queue| queue.get("members").is_some());
    table.into_iter().flatten().map(|(name, value)| (name.get_ref().to_string(), lists(value.get_ref()))).collect()
}

/// What the queue in `section` lends.
pub(super) fn lending(section: &Section<'_, '_>, known: &Listings, report: &mut Report<'_>) -> LendingConfig {
    let items = section.elements("lends_to", report);
    for key in ["lend_window", "lend_pause"] {
        if let Some(item) = section.get(key).filter(|_| items.is_none()) {
            report.value(item.at, &item.path, "says nothing without lends_to");
        }
    }
    if let Some(item) = section.get("lends_to").filter(|_| section.get("members").is_none()) {
        report.value(item.at, &item.path, "says nothing without members: only they are lent");
    }
    let mut to: Vec<LoanConfig> = Vec::new();
    let mut taken = BTreeSet::new();
    for item in items.into_iter().flatten() {
        let Some(loan) = loan(&item, report) else { continue };
        let own = section.path.strip_prefix("queues.").unwrap_or_default().trim_matches('"');
        match known.get(&*loan.queue) {
            None => {
                let hint = did_you_mean(&loan.queue, known.keys().map(String::as_str));
                report.whole(item.at, &item.path, format!("unknown queue `{}`{hint}", loan.queue));
            }
            Some(_) if *loan.queue == *own => report.value(item.at, &item.path, "is the queue itself"),
            Some(false) => {
                let why = "lists no members: everybody serves it whose skills fit";
                report.value(item.at, &item.path, format!("`{}` {why}", loan.queue));
            }
            Some(true) if !taken.insert(Arc::clone(&loan.queue)) => {
                report.value(item.at, &item.path, format!("`{}` stands here already", loan.queue));
            }
            Some(true) => to.push(loan),
        }
    }
    LendingConfig {
        to,
        window: section.read("lend_window", report, window).unwrap_or(WINDOW),
        pause: section
            .read("lend_pause", report, |value| values::duration(value, Duration::ZERO, HOUR))
            .unwrap_or(PAUSE),
    }
}

fn loan(item: &Item<'_, '_>, report: &mut Report<'_>) -> Option<LoanConfig> {
    if !item.value.is_table() {
        return match string(item.value) {
            Ok(name) => Some(LoanConfig { queue: name.into(), tier: 1, penalty: 0, delay: Duration::ZERO }),
            Err(message) => {
                report.value(item.at, &item.path, message);
                None
            }
        };
    }
    let section = Section::open(item, &LOAN_KEYS, report)?;
    let number = |key: &str, min: u32, report: &mut Report<'_>| {
        let number = section.read(key, report, |value| integer(value, min.into(), u32::MAX.into()))?;
        u32::try_from(number).ok()
    };
    let (tier, penalty) = (number("tier", 1, report), number("penalty", 0, report));
    let delay = section.read("delay", report, |value| values::duration(value, Duration::ZERO, HOUR));
    let queue = section.required("queue", "\"billing\"", report, |value| string(value).map(Arc::from))?;
    Some(LoanConfig { queue, tier: tier.unwrap_or(1), penalty: penalty.unwrap_or(0), delay: delay.unwrap_or_default() })
}

/// Whole minutes.
fn window(value: &toml::de::DeValue<'_>) -> Result<Duration, String> {
    let window = values::duration(value, MINUTE, HOUR)?;
    if window.as_secs().is_multiple_of(60) && window.subsec_nanos() == 0 {
        return Ok(window);
    }
    Err("is counted in whole minutes, like \"30m\"".to_string())
}
