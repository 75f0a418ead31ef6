//! Reads `[transfer]`: where numbers outside are called, what a hang-up amid a consultation means, and the keys by which
//! agents hand callers on.

use std::sync::Arc;

use toml::de::DeValue;

use super::error::Report;
use super::peers::Peers;
use super::reader::{Section, string};
use super::types::{Codes, OnHangUp, OutsideConfig, RING_TIMEOUT, TransferConfig};
use super::values::{self, HOUR, SECOND};

const KEYS: [&str; 9] =
    ["peer", "uri", "numbers", "ring_timeout", "on_hang_up", "blind", "consult", "complete", "cancel"];
/// What stands for the number in `uri`.
const PLACE: &str = "{number}";
/// Longest code: people press it amid a talk.
const CODE_KEYS_MAX: usize = 4;
/// Most beginnings of numbers.
const NUMBERS_MAX: usize = 256;

/// `[transfer]`
pub(super) fn transfer(document: &Section<'_, '_>, peers: &Peers, report: &mut Report<'_>) -> TransferConfig {
    let opened = document.get("transfer").and_then(|item| Section::open(&item, &KEYS, report));
    let Some(section) = opened else { return TransferConfig::default() };
    let ring_timeout =
        section.read("ring_timeout", report, |value| values::duration(value, SECOND, HOUR)).unwrap_or(RING_TIMEOUT);
    let on_hang_up = section
        .read("on_hang_up", report, |value| {
            values::choice(value, &[("complete", OnHangUp::Complete), ("requeue", OnHangUp::Requeue)])
        })
        .unwrap_or(OnHangUp::Complete);
    TransferConfig {
        outside: outside(&section, peers, report),
        ring_timeout,
        on_hang_up,
        codes: codes(&section, report),
    }
}

fn outside(section: &Section<'_, '_>, peers: &Peers, report: &mut Report<'_>) -> Option<OutsideConfig> {
    let uri = section.read("uri", report, template);
    let numbers = section.list("numbers", report, beginning).unwrap_or_default();
    let Some(item) = section.get("peer") else {
        for key in ["uri", "numbers"] {
            if let Some(item) = section.get(key) {
                report.whole(item.at, &item.path, "says nothing without transfer.peer");
            }
        }
        return None;
    };
    if numbers.len() > NUMBERS_MAX {
        report.whole(item.at, &section.child("numbers"), format!("names {}; allowed are {NUMBERS_MAX}", numbers.len()));
    }
    let name = section.read("peer", report, string)?;
    let Some(peer) = peers.read.iter().find(|peer| *peer.name == *name) else {
        if !peers.names.iter().any(|known| known == name) {
            report.value(item.at, &item.path, format!("no peer `{}`", name.escape_debug()));
        }
        return None;
    };
    let uri = uri.unwrap_or_else(|| format!("sip:{PLACE}@{}", peer.address));
    let numbers = numbers.into_iter().map(|(number, _)| number).collect();
    Some(OutsideConfig { peer: Arc::clone(&peer.name), uri, numbers })
}

/// A SIP URI with a place for the number.
fn template(value: &DeValue<'_>) -> Result<String, String> {
    let text = string(value)?;
    if text.matches(PLACE).count() != 1 {
        return Err(format!(
            "`{}` names {PLACE} not once; write it like \"sip:{PLACE}@pbx.example\"",
            text.escape_debug()
        ));
    }
    values::sip_uri(&text.replace(PLACE, "0"), None).map(|_| text.to_string())
}

/// How a number begins.
fn beginning(value: &DeValue<'_>) -> Result<String, String> {
    let text = string(value)?;
    let digits = text.strip_prefix('+').unwrap_or(text);
    let good = !text.is_empty() && text.len() <= 32 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if good { Ok(text.to_string()) } else { Err(format!("`{}` is no beginning of a number", text.escape_debug())) }
}

/// Codes are told apart key by key: none begins another.
fn codes(section: &Section<'_, '_>, report: &mut Report<'_>) -> Codes {
    let mut known: Vec<(&str, Arc<str>)> = Vec::new();
    let mut read = |key: &'static str| {
        let code: Arc<str> = section.read(key, report, code)?;
        let other = known.iter().find(|(_, other)| other.starts_with(&*code) || code.starts_with(&**other));
        if let (Some((other, _)), Some(item)) = (other, section.get(key)) {
            report.value(item.at, &item.path, format!("cannot be told from transfer.{other}"));
            return None;
        }
        known.push((key, Arc::clone(&code)));
        Some(code)
    };
    Codes { blind: read("blind"), consult: read("consult"), complete: read("complete"), cancel: read("cancel") }
}

/// `*2`: it begins with a key that no number begins with.
fn code(value: &DeValue<'_>) -> Result<Arc<str>, String> {
    let text = string(value)?;
    let keys = text.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#'));
    if keys && text.starts_with(['*', '#']) && (2..=CODE_KEYS_MAX).contains(&text.len()) {
        Ok(text.into())
    } else {
        Err(format!("`{}` is no code; write 2 to {CODE_KEYS_MAX} keys, the first * or #", text.escape_debug()))
    }
}
