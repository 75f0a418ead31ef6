//! The line: an envelope (`v`, `seq`, `at_us`, `time`, `kind`) and the fields of the kind, in this order, in one object of JSON.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::acd::Stamped;
use crate::base::{Instant, WallTime};
use crate::records::names::Names;
use crate::records::schema::{self, Kind};

/// The version of the form.
pub const VERSION: u64 = 1;
/// Longest line that is read: the longest facts hold a name and a supervisor's words, some hundred bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Whether lines hold what a person could be known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Personal {
    /// Left out.
    #[default]
    Withheld,
    /// Written.
    Told,
}

/// A line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counts the facts of one run of the engine, from 0.
    pub seq: u64,
    /// The calendar's time of the fact, where the writer knew it.
    pub time: Option<WallTime>,
    /// The fact with the engine's time.
    pub stamped: Stamped,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not read at all.
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Cut off, or none of ours.
    #[error("no object of JSON: {0}")]
    NoObject(String),
    /// A later program wrote it, or none.
    #[error("version {0}; this program reads versions 1 to {VERSION}")]
    UnknownVersion(u64),
    /// A kind that this version does not have.
    #[error("unknown kind `{}`", .0.escape_debug())]
    UnknownKind(String),
    /// A word that this version does not have.
    #[error("unknown word `{}` in `{field}`", word.escape_debug())]
    UnknownWord {
        /// Where.
        field: String,
        /// What stands there.
        word: String,
    },
    /// A field that every line of the kind has.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A field of another type.
    #[error("`{field}` is not {expected}")]
    Wrong {
        /// Which.
        field: String,
        /// What is written there.
        expected: String,
    },
}

/// Writes facts in their order, one line each.
#[derive(Debug)]
pub struct Scribe {
    next: u64,
    origin: Option<WallTime>,
    personal: Personal,
    names: Names,
}

impl Scribe {
    /// A scribe who has written nothing; `origin` is the calendar's time at [`Instant::ZERO`].
    pub fn new(origin: Option<WallTime>, personal: Personal) -> Self {
        Self { next: 0, origin, personal, names: Names::default() }
    }

    /// The names that stand beside the ids, for more of them to be learned.
    pub const fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Adds the fact's line with its end to `text`.
    pub fn write(&mut self, stamped: &Stamped, text: &mut String) {
        let Stamped { at, fact } = stamped;
        text.push('{');
        let mut to =
            Writer { out: text, names: &self.names, is_personal: self.personal == Personal::Told, is_first: true };
        to.number("v", VERSION);
        to.number("seq", self.next);
        to.number("at_us", at.as_micros());
        match self.origin.and_then(|origin| calendar(origin, *at)) {
            Some(time) => to.text("time", &format!("{time:.6}")),
            None => to.null("time"),
        }
        to.text("kind", Kind::of(fact).as_str());
        schema::write(fact, &mut to);
        text.push_str("}\n");
        self.next += 1;
    }
}

/// What the calendar says at a moment of the engine's time.
fn calendar(origin: WallTime, at: Instant) -> Option<Timestamp> {
    let since = i64::try_from(at.as_micros()).ok()?;
    Timestamp::from_microsecond(origin.as_micros().checked_add(since)?).ok()
}

/// Reads a line, with or without its end.
///
/// # Errors
/// Why it cannot be read.
pub fn read(text: &str) -> Result<Line, Unreadable> {
    if text.len() > LINE_BYTES_MAX {
        return Err(Unreadable::TooLong);
    }
    let object: Map<String, Json> =
        serde_json::from_str(text).map_err(|error| Unreadable::NoObject(error.to_string()))?;
    let number = |name: &str| {
        let value = object.get(name).ok_or_else(|| Unreadable::Missing(name.to_string()))?;
        let wrong = || Unreadable::Wrong { field: name.to_string(), expected: "a whole number".to_string() };
        value.as_u64().ok_or_else(wrong)
    };
    let version = number("v")?;
    if !(1..=VERSION).contains(&version) {
        return Err(Unreadable::UnknownVersion(version));
    }
    let (seq, at) = (number("seq")?, Instant::from_micros(number("at_us")?));
    let time = time(&object)?;
    let kind = object.get("kind").and_then(Json::as_str).ok_or_else(|| Unreadable::Missing("kind".to_string()))?;
    let kind = Kind::of_str(kind).ok_or_else(|| Unreadable::UnknownKind(kind.to_string()))?;
    Ok(Line { seq, time, stamped: Stamped { at, fact: schema::read(kind, &object)? } })
}

fn time(object: &Map<String, Json>) -> Result<Option<WallTime>, Unreadable> {
    let Some(value) = object.get("time").filter(|value| !value.is_null()) else { return Ok(None) };
    let time: Option<Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    let wrong = || Unreadable::Wrong { field: "time".to_string(), expected: "a moment of RFC 3339".to_string() };
    time.map(|time| Some(WallTime::from_micros(time.as_microsecond()))).ok_or_else(wrong)
}

/// Writes the fields of one object.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut String,
    pub(super) names: &'a Names,
    /// True when what a person could be known by is written.
    pub(super) is_personal: bool,
    is_first: bool,
}

impl Writer<'_> {
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        write!(self.out, "{value}").expect("writing to a string succeeds");
    }

    pub(super) fn signed(&mut self, name: &str, value: i64) {
        self.key(name);
        write!(self.out, "{value}").expect("writing to a string succeeds");
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.key(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self, name: &str) {
        self.key(name);
        self.out.push_str("null");
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quote(value);
    }

    /// An object of its own, which `fields` writes.
    pub(super) fn object(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.key(name);
        self.out.push('{');
        self.is_first = true;
        fields(self);
        self.out.push('}');
        self.is_first = false;
    }

    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        self.quote(name);
        self.out.push(':');
    }

    /// Text between quotation marks (RFC 8259, section 7).
    fn quote(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                control if control < ' ' => {
                    write!(self.out, "\\u{:04x}", control as u32).expect("writing to a string succeeds");
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}
