//! Media mechanism: SDP, RTP, codecs, players, digits. [`Worker`] is a pure machine that owns RTP streams and follows small
//! immutable rules (what each stream hears); it knows neither calls nor queues.

pub mod message;

pub use message::{Codec, Command, Event, Far, Lease, PortId, Source, TrackId};
