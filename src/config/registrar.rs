//! Reads `[registrar]`, and what agents whose phones register say of it.

use std::time::Duration;

use crate::sip::auth::{Algorithm, Password};
use crate::sip::registrar::Times;

use super::credentials::{self, PASSWORD_KEYS};
use super::error::Report;
use super::reader::{Section, boolean};
use super::types::RegistrarConfig;
use super::values::{self, DAY, HOUR, SECOND};

const KEYS: [&str; 4] = ["min_expires", "max_expires", "keep_alive", "algorithms"];

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            times: Times { min: Duration::from_secs(60), max: HOUR },
            keep_alive: Duration::from_secs(30),
            algorithms: Algorithm::ALL.to_vec(),
        }
    }
}

/// `[registrar]`
pub(super) fn registrar(document: &Section<'_, '_>, report: &mut Report<'_>) -> RegistrarConfig {
    let usual = RegistrarConfig::default();
    let opened = document.get("registrar").and_then(|item| Section::open(&item, &KEYS, report));
    let Some(section) = opened else { return usual };
    let mut time = |key: &str, least: Duration| section.read(key, report, |value| values::duration(value, least, DAY));
    let min = time("min_expires", SECOND).unwrap_or(usual.times.min);
    let max = time("max_expires", SECOND).unwrap_or(usual.times.max.max(min));
    let keep_alive = time("keep_alive", Duration::ZERO).unwrap_or(usual.keep_alive);
    if max < min {
        let at = section.get("max_expires").map_or(section.at, |item| item.at);
        report.value(at, &section.child("max_expires"), "is less than min_expires");
    }
    if keep_alive > Duration::ZERO && keep_alive < SECOND {
        let at = section.get("keep_alive").map_or(section.at, |item| item.at);
        report.value(at, &section.child("keep_alive"), "more than once a second burdens the phones; \"0s\" is never");
    }
    let algorithms = credentials::algorithms(&section, report);
    RegistrarConfig { times: Times { min, max }, keep_alive, algorithms }
}

/// The password of agents whose phones register; `None` when they do not, or, reported, something is wrong.
pub(super) fn password(agents: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Password> {
    if agents.read("register", report, boolean) == Some(true) {
        for key in ["uri", "peer"] {
            if let Some(item) = agents.get(key) {
                report.whole(item.at, &item.path, "says nothing beside register: the phone tells where it is");
            }
        }
        return credentials::password(agents, report);
    }
    for key in PASSWORD_KEYS {
        if let Some(item) = agents.get(key) {
            report.whole(item.at, &item.path, "says nothing without register = true");
        }
    }
    None
}
