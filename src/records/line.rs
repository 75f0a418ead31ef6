//! The line: an envelope (`v`, `seq`, `at_us`, `time`, `kind`) and the fields of the kind, in this order, in one object of JSON.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::acd::Stamped;
use crate::base::{Instant, WallTime};
use crate::records::names::Names;
use crate::records::schema::{self, Kind};
use crate::records::unreadable::{LINE_BYTES_MAX, Unreadable, VERSION};
use crate::records::writer::Writer;

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
        let mut to = Writer::new(text, &self.names, self.personal == Personal::Told);
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
