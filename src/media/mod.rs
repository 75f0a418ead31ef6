//! Media mechanism: SDP, RTP, codecs, players, digits. The worker is a pure machine that owns RTP streams and follows small
//! immutable rules (what each stream hears); it knows neither calls nor queues.

pub mod message;
pub mod negotiate;
pub mod sdp;

pub use message::{Codec, Command, Event, Far, Lease, PortId, Source, TrackId};
pub use negotiate::{Local, Unusable, accept_answer, answer, inactive_answer, offer};
pub use sdp::{Direction, SdpError, SessionDescription, same_media};
