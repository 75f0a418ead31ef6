//! Reads `[feature_codes]`: numbers that agents dial on their own phones to log in and out, to pause, and to end a wrap-up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::de::DeValue;

use super::error::Report;
use super::peers::Peers;
use super::reader::{Section, string};
use super::values;
use crate::base::secret::same;

const KEYS: [&str; 9] =
    ["peers", "login", "logout", "ready", "not_ready", "end_wrap_up", "reasons", "identity", "pins"];
/// Longest code.
const CODE_KEYS_MAX: usize = 8;
/// Most reasons: one digit names them, from 1 on.
const REASONS_MAX: usize = 9;
/// Shortest and longest PIN.
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;
/// What an agent is not ready for who says no more, where no reasons are configured.
const NO_REASON: &str = "phone";

/// `[feature_codes]`: what agents dial on their phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeatureCodesConfig {
    /// `peers = ["pbx"]`: the neighbours whose calls may be codes. Required; each must be inbound.
    pub peers: Vec<Arc<str>>,
    /// `login = "*45"`: logged in and ready. Default none, as of all codes.
    pub login: Option<Arc<str>>,
    /// `logout = "*46"`
    pub logout: Option<Arc<str>>,
    /// `ready = "*47"`: for who is logged in.
    pub ready: Option<Arc<str>>,
    /// `not_ready = "*48"`: alone for the first reason, or with a digit after it for the reason of that place, from 1 on.
    pub not_ready: Option<Arc<str>>,
    /// `end_wrap_up = "*49"`
    pub end_wrap_up: Option<Arc<str>>,
    /// `reasons = ["lunch", "meeting"]`: what the digits mean. Default: the first nine of `[not_ready] reasons`.
    pub reasons: Vec<Arc<str>>,
    /// `identity = "asserted" | "from"`: whose word says which phone it is. Default `asserted`.
    pub identity: PhoneIdentity,
    /// `pins = { 1001 = "4711" }`: who may say on a phone that is not known who it is. Default none: such a call is refused.
    pub pins: BTreeMap<Arc<str>, Pin>,
}

/// How the phone that dials a code is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PhoneIdentity {
    /// By P-Asserted-Identity alone: the PBX has authenticated the phone.
    #[default]
    Asserted,
    /// By P-Asserted-Identity, else by From: only for a PBX that does not let phones write their From themselves.
    From,
}

/// The digits by which an agent is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Box<str>);

/// What a code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// Logged in and ready.
    Login,
    /// Logged out.
    Logout,
    /// Ready.
    Ready,
    /// Not ready, for this.
    NotReady(Arc<str>),
    /// The wrap-up ends.
    EndWrapUp,
}

impl FeatureCodesConfig {
    /// What a dialled number asks for.
    pub fn meaning(&self, number: &str) -> Option<Feature> {
        let is = |code: &Option<Arc<str>>| code.as_deref() == Some(number);
        if is(&self.login) {
            return Some(Feature::Login);
        }
        if is(&self.logout) {
            return Some(Feature::Logout);
        }
        if is(&self.ready) {
            return Some(Feature::Ready);
        }
        if is(&self.end_wrap_up) {
            return Some(Feature::EndWrapUp);
        }
        let which = match number.strip_prefix(self.not_ready.as_deref()?)? {
            "" => return Some(Feature::NotReady(self.reasons.first().map_or_else(|| NO_REASON.into(), Arc::clone))),
            digit => digit.parse::<usize>().ok().filter(|_| digit.len() == 1)?,
        };
        self.reasons.get(which.checked_sub(1)?).map(|reason| Feature::NotReady(Arc::clone(reason)))
    }

    /// The codes by their keys.
    pub fn codes(&self) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
        let all = [
            ("login", &self.login),
            ("logout", &self.logout),
            ("ready", &self.ready),
            ("not_ready", &self.not_ready),
            ("end_wrap_up", &self.end_wrap_up),
        ];
        all.into_iter().filter_map(|(key, code)| Some((key, code.as_ref()?)))
    }
}

impl Pin {
    /// Whether these are its digits; takes as long for a wrong one as for the right one.
    pub fn fits(&self, typed: &str) -> bool {
        // Of one length, so that nothing tells how many digits there are; no text has that byte.
        let filled = |digits: &str| {
            let mut places = [u8::MAX; *PIN_DIGITS.end() + 1];
            places.iter_mut().zip(digits.bytes()).for_each(|(place, digit)| *place = digit);
            places
        };
        same(&filled(&self.0), &filled(typed))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

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
