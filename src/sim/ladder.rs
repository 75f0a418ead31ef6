//! The record of a world: who sent what to whom and when, one short stable line each, and a hash over every byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::Instant;
use crate::sim::terms::{Direction, Terms};
use crate::sim::wire::{Start, Wire, uri_of, user_of};

/// What a ladder shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing: only the hash is kept.
    Nothing,
    /// Messages and facts.
    Everything,
    /// How many of each message between each pair, and the facts by count: for worlds too large to read.
    Counts,
}

/// The record; see the module.
#[derive(Debug)]
pub struct Ladder {
    detail: Detail,
    lines: Vec<String>,
    counts: BTreeMap<String, u64>,
    hash: u64,
}

impl Ladder {
    /// An empty record.
    pub const fn new(detail: Detail) -> Self {
        Self { detail, lines: Vec::new(), counts: BTreeMap::new(), hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// What is kept.
    pub const fn detail(&self) -> Detail {
        self.detail
    }

    /// True when lines or counts are kept.
    pub fn is_kept(&self) -> bool {
        self.detail != Detail::Nothing
    }

    /// Adds bytes to the hash (FNV-1a, 64 bits).
    pub fn absorb(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The hash over all that was absorbed.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Records a message; `fate` tells what the network did to it (empty: it arrives once).
    pub fn message(&mut self, now: Instant, from: &str, to: &str, what: &str, fate: &str) {
        match self.detail {
            Detail::Nothing => {}
            Detail::Everything => {
                let mut line = format!("{:>9}  {from:<5} -> {to:<5}  {what}", now.to_string());
                if !fate.is_empty() {
                    write!(line, "  ({fate})").expect("writing to a string succeeds");
                }
                self.lines.push(line);
            }
            Detail::Counts => {
                self.count(format!("{from} -> {to}: {what}{}", if fate == "lost" { " (lost)" } else { "" }))
            }
        }
    }

    /// Records anything else: a fact, a step of the script.
    pub fn note(&mut self, now: Instant, kind: &str, what: &str) {
        match self.detail {
            Detail::Nothing => {}
            Detail::Everything => self.lines.push(format!("{:>9}  {kind:<4} {what}", now.to_string())),
            Detail::Counts => self.count(format!("{kind} {what}")),
        }
    }

    /// The whole record as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for (what, count) in &self.counts {
            writeln!(text, "{count:>6} x {what}").expect("writing to a string succeeds");
        }
        text
    }

    fn count(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// A message in a few words: method and number, or code and method; its audio terms. Without numbers when only counted.
pub fn summary(message: &Wire, detail: Detail) -> String {
    let mut text = match &message.start {
        Start::Request { method, uri }
            if message.to_tag().is_none() && !user_of(uri).is_empty() && detail != Detail::Counts =>
        {
            format!("{method} {}", user_of(uri))
        }
        Start::Request { method, .. } if method == "INVITE" && message.to_tag().is_some() => "re-INVITE".to_string(),
        Start::Request { method, .. } => method.clone(),
        Start::Response { code, .. } => format!("{code} {}", message.cseq().map_or("", |(_, method)| method)),
    };
    if let Some(to) = message.header("Refer-To") {
        write!(text, " to {}", user_of(uri_of(to))).expect("writing to a string succeeds");
    }
    if message.header("Replaces").or_else(|| message.header("Refer-To")).is_some_and(|it| it.contains("to-tag")) {
        text.push_str(" in another's place");
    }
    if matches!(message.start, Start::Request { .. })
        && message.to_tag().is_some()
        && let Some(identity) = message.header("P-Asserted-Identity")
    {
        write!(text, ", now {}", user_of(uri_of(identity))).expect("writing to a string succeeds");
    }
    if let Some(told) = message.body.strip_prefix("SIP/2.0 ") {
        write!(text, ", {}", told.trim_end()).expect("writing to a string succeeds");
    }
    if let Some(device) = device_in(&message.body) {
        text.push_str(&device);
        if let Some((_, reason)) = message.header("Subscription-State").and_then(|text| text.split_once("reason=")) {
            write!(text, ", ended: {reason}").expect("writing to a string succeeds");
        }
    }
    if let Some(seconds) = message.header("Retry-After") {
        write!(text, ", retry after {seconds}").expect("writing to a string succeeds");
    }
    if message.header("Call-Info").is_some_and(|info| info.contains("answer-after")) {
        text.push_str(", answer by yourself");
    }
    if let Some(reason) = message.header("Reason") {
        let cause = reason.split_once("text=").map_or(reason, |(_, text)| text.trim_matches('"'));
        write!(text, ", reason {cause}").expect("writing to a string succeeds");
    }
    // What a phone was told to say (`saying`).
    for (name, value) in message.headers().filter(|(name, _)| name.starts_with("X-PBX-") || *name == "X-Other") {
        write!(text, ", {name} {value}").expect("writing to a string succeeds");
    }
    if let Some(expires) = message.header("Session-Expires") {
        write!(text, ", expires {expires}").expect("writing to a string succeeds");
    }
    if message.body.contains("m=image") {
        text.push_str(", fax");
    }
    if let Some(number) = message.header("RAck") {
        let about = number.split_once(' ').map_or(number, |(_, about)| about);
        write!(text, " of {about}").expect("writing to a string succeeds");
    }
    if message.header("RSeq").is_some() {
        text.push_str(", reliable");
    }
    if let Some(terms) = Terms::read(&message.body) {
        let formats: Vec<String> = terms.formats.iter().map(u8::to_string).collect();
        write!(text, ", sdp {}", formats.join(" ")).expect("writing to a string succeeds");
        if terms.direction != Direction::SendRecv {
            write!(text, " {}", terms.direction.as_str()).expect("writing to a string succeeds");
        }
    }
    text
}

/// What a PBX says of a device, where it does.
fn device_in(body: &str) -> Option<String> {
    let inside = |begin, end| Some(body.split_once(begin)?.1.split_once(end)?.0);
    let dialog = inside("<state>", "</state>").map(|state| format!(", dialog {state}"));
    dialog.or_else(|| {
        let (basic, note) = (inside("<basic>", "</basic>")?, inside("<note>", "</note>")?);
        Some(format!(", presence {basic} ({note})"))
    })
}
