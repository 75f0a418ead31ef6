//! Media mechanism: SDP, RTP, codecs, players, digits. The worker is a pure machine that owns RTP streams and follows small
//! immutable rules (what each stream hears); it knows neither calls nor queues.

pub mod codec;
pub mod message;
pub mod negotiate;
pub mod pool;
pub mod sdp;
pub mod tone;
pub mod track;
pub mod tune;
pub mod wav;

pub use message::{Codec, Command, Event, Far, Lease, PortId, Source, TrackId};
pub use negotiate::{Local, Unusable, accept_answer, answer, inactive_answer, offer};
pub use pool::Pool;
pub use sdp::{Direction, SdpError, SessionDescription, same_media};
pub use track::Track;
pub use wav::WavError;
