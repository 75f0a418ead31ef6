//! Reads `[feature_codes]`: numbers that agents dial on their own phones to log in and out, to pause, and to end a wrap-up.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeValue;

use super::error::Report;
use super::peers::Peers;
use super::reader::{Section, string};
use super::types::{FeatureCodesConfig, PIN_DIGITS, PhoneIdentity, Pin};
use super::values;

const KEYS: [&str; 9] =
    ["peers", "login", "logout", "ready", "not_ready", "end_wrap_up", "reasons", "identity", "pins"];
/// Longest code.
const CODE_KEYS_MAX: usize = 8;
/// Most reasons: one digit names them, from 1 on.
const REASONS_MAX: usize = 9;

/// `[feature_codes]`; agents by their names, and called numbers with the queues that they lead to.
pub(super) fn feature_codes(
    document: &Section<'_, '_>,
    peers: &Peers,
    (agents, numbers): (&[&Arc<str>], &[(&str, &str)]),
    allowed: &[Arc<str>],
    report: &mut Report<'_>,
) -> FeatureCodesConfig {
    let opened = document.get("feature_codes").and_then(|item| Section::open(&item, &KEYS, report));
    let Some(section) = opened else { return FeatureCodesConfig::default() };
    let mut known: Vec<(&str, Arc<str>)> = Vec::new();
    let mut read = |key: &'static str| {
        let code: Arc<str> = section.read(key, report, code)?;
        let item = section.get(key)?;
        if let Some((other, _)) =
            known.iter().find(|(_, other)| other.starts_with(&*code) || code.starts_with(&**other))
        {
            report.value(item.at, &item.path, format!("cannot be told from feature_codes.{other}"));
            return None;
        }
        known.push((key, Arc::clone(&code)));
        Some(code)
    };
    let mut config = FeatureCodesConfig {
        login: read("login"),
        logout: read("logout"),
        ready: read("ready"),
        not_ready: read("not_ready"),
        end_wrap_up: read("end_wrap_up"),
        ..FeatureCodesConfig::default()
    };
    config.peers = senders(&section, peers, report);
    config.reasons = reasons(&section, allowed, report);
    let words = [("asserted", PhoneIdentity::Asserted), ("from", PhoneIdentity::From)];
    config.identity = section.read("identity", report, |value| values::choice(value, &words)).unwrap_or_default();
    config.pins = pins(&section, agents, report);
    refuse_numbers(&section, &config, numbers, report);
    config
}

/// Codes come from neighbours whose calls are taken.
fn senders(section: &Section<'_, '_>, peers: &Peers, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let Some(elements) = section.elements("peers", report) else {
        if section.get("peers").is_none() {
            report.whole(section.at, &section.child("peers"), "is missing; write peers = [\"pbx\"]");
        }
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in elements {
        let name = match string(item.value) {
            Ok(name) => name,
            Err(message) => {
                report.value(item.at, &item.path, message);
                continue;
            }
        };
        match peers.read.iter().find(|peer| *peer.name == *name) {
            Some(peer) if peer.inbound => found.push(Arc::clone(&peer.name)),
            Some(_) => report.whole(item.at, &item.path, format!("`{name}` sends no calls: it has inbound = false")),
            None if peers.names.iter().any(|known| known == name) => {}
            None => report.value(item.at, &item.path, format!("no peer `{}`", name.escape_debug())),
        }
    }
    found
}

fn reasons(section: &Section<'_, '_>, allowed: &[Arc<str>], report: &mut Report<'_>) -> Vec<Arc<str>> {
    let Some(elements) = section.elements("reasons", report) else {
        return allowed.iter().take(REASONS_MAX).map(Arc::clone).collect();
    };
    let mut found: Vec<Arc<str>> = Vec::new();
    for item in elements {
        match string(item.value).map(str::trim) {
            Err(message) => report.value(item.at, &item.path, message),
            Ok(_) if found.len() == REASONS_MAX => {
                report.value(item.at, &item.path, format!("is one too many: allowed are {REASONS_MAX}"));
            }
            Ok("") => report.value(item.at, &item.path, "is empty"),
            Ok(reason) if !allowed.is_empty() && !allowed.iter().any(|known| **known == *reason) => {
                report.whole(item.at, &item.path, format!("`{}` is none of not_ready.reasons", reason.escape_debug()));
            }
            Ok(reason) => found.push(reason.into()),
        }
    }
    found
}

fn pins(section: &Section<'_, '_>, agents: &[&Arc<str>], report: &mut Report<'_>) -> BTreeMap<Arc<str>, Pin> {
    let mut pins = BTreeMap::new();
    let table = section.get("pins").and_then(|item| Section::open_map(&item, report));
    for item in table.iter().flat_map(Section::items) {
        let Some(agent) = agents.iter().copied().find(|agent| ***agent == *item.key) else {
            report.whole(item.at, &item.path, format!("no agent `{}`", item.key.escape_debug()));
            continue;
        };
        match string(item.value) {
            Ok(pin) if PIN_DIGITS.contains(&pin.len()) && pin.bytes().all(|digit| digit.is_ascii_digit()) => {
                pins.insert(Arc::clone(agent), Pin(pin.into()));
            }
            // What is wrong with a secret is told without showing it.
            Ok(_) => {
                let (least, most) = PIN_DIGITS.into_inner();
                report.value(item.at, &item.path, format!("is no PIN; write {least} to {most} digits"));
            }
            Err(message) => report.value(item.at, &item.path, message),
        }
    }
    pins
}

/// A number has one meaning.
fn refuse_numbers(
    section: &Section<'_, '_>,
    config: &FeatureCodesConfig,
    numbers: &[(&str, &str)],
    report: &mut Report<'_>,
) {
    if config.codes().next().is_none() {
        report.whole(section.at, &section.path, "names no code; write login = \"*45\"");
    }
    for (key, code) in config.codes() {
        let taken = |number: &str| number == &**code || number.starts_with(&**code) && config.meaning(number).is_some();
        let queue = numbers.iter().find(|(number, _)| taken(number));
        if let (Some((_, queue)), Some(item)) = (queue, section.get(key)) {
            report.whole(item.at, &item.path, format!("is a number of the queue {queue}"));
        }
    }
}

/// `*45`: what a phone can dial.
fn code(value: &DeValue<'_>) -> Result<Arc<str>, String> {
    let text = string(value)?;
    let keys = text.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'));
    if keys && (2..=CODE_KEYS_MAX).contains(&text.len()) {
        Ok(text.into())
    } else {
        Err(format!("`{}` is no code; write 2 to {CODE_KEYS_MAX} keys such as \"*45\"", text.escape_debug()))
    }
}
