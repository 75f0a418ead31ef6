//! Reads whom a queue's calls prefer: for how long they wait for him alone, and where he is named.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::de::DeValue;

use crate::base::limits::RECALL_AGE_MAX;

use super::error::{Report, did_you_mean};
use super::reader::{Section, string};
use super::types::{PreferredConfig, PreferredSource};
use super::values::{self, HOUR, SECOND};

/// The keys of `[queues.NAME]` that are read here.
pub(super) const PREFERRED_KEYS: [&str; 3] = ["preferred_for", "preferred_by", "preferred_within"];

/// `preferred_for`, `preferred_by`, `preferred_within`; `attributes` are those that some number's calls bring.
pub(super) fn preferred(
    section: &Section<'_, '_>,
    attributes: &BTreeSet<String>,
    report: &mut Report<'_>,
) -> PreferredConfig {
    let default = PreferredConfig::default();
    let wait = section.read("preferred_for", report, |value| values::duration(value, SECOND, HOUR));
    let sources = section.list("preferred_by", report, |value| source(value, attributes));
    let by: Vec<_> = sources.unwrap_or_default().into_iter().map(|(source, _)| source).collect();
    let within = section.read("preferred_within", report, |value| values::duration(value, SECOND, RECALL_AGE_MAX));
    if let Some(item) = section.get("preferred_by").filter(|_| section.get("preferred_for").is_none()) {
        report.value(item.at, &item.path, "says nothing without preferred_for");
    }
    let goes_back = by.contains(&PreferredSource::Last);
    if let Some(item) = section.get("preferred_within").filter(|_| !goes_back) {
        report.value(item.at, &item.path, "says nothing without \"last\" in preferred_by");
    }
    PreferredConfig { wait: wait.unwrap_or(Duration::ZERO), by, within: within.unwrap_or(default.within) }
}

/// `header:X-Agent`, `attribute:agent`, `last`.
fn source(value: &DeValue<'_>, attributes: &BTreeSet<String>) -> Result<PreferredSource, String> {
    let text = string(value)?;
    if let Some(header) = text.strip_prefix("header:") {
        return values::header_name(header).map(|name| PreferredSource::Header(name.to_string()));
    }
    if let Some(name) = text.strip_prefix("attribute:") {
        if !attributes.contains(name) {
            let hint = did_you_mean(name, attributes.iter().map(String::as_str));
            return Err(format!("the attribute `{}` is brought by no number's calls{hint}", name.escape_debug()));
        }
        return Ok(PreferredSource::Attribute(name.into()));
    }
    values::choice(
        value,
        &[
            ("last", PreferredSource::Last),
            // Only named in the error: the forms themselves are read above.
            ("header:NAME", PreferredSource::Last),
            ("attribute:NAME", PreferredSource::Last),
        ],
    )
}
