//! Facts as others read them: one line of JSON each, versioned, with the engine's time and the calendar's. Pure encoding,
//! decoding and reading back in order; where lines are kept is the shell's matter.
//!
//! The one list of kinds and fields is in `schema`, and from it come the encoding, the decoding, the page
//! `configs/records/FACTS.md` and the generator of the tests: a new fact, or a new field of one, does not build until it has its
//! line there.
//!
//! # What a reader may rely on
//!
//! * `v` is the version of the form, [`VERSION`] now. A program reads every version up to its own and refuses later ones by name.
//! * Fields may be added within a version: readers ignore fields they do not know, and take one that is missing for `null`. A
//!   field never changes its meaning, type or unit; one that goes, a new kind and a new word raise the version.
//! * `seq` counts the facts of one run of the engine from 0 without a gap. The same number again is the same fact again, and is
//!   passed over; a number left out is a fact lost, and an error.
//! * No line holds a caller's number, and what a caller pressed is left out unless it is asked for ([`Personal`]).

mod line;
mod names;
mod replay;
mod schema;
mod setting;
mod transfer;
mod unreadable;
mod value;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub use line::{Line, Personal, Scribe, read};
pub use names::Names;
pub use replay::{Broken, Replay};
pub use schema::{Field, Kind, Row, TABLE};
pub use unreadable::{LINE_BYTES_MAX, Unreadable, VERSION};
