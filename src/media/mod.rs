//! Media mechanism: SDP, RTP, codecs, players, digits. [`Worker`] is a pure machine that owns RTP streams and follows small
//! immutable rules (what each stream hears); it knows neither calls nor queues.

pub mod codec;
pub mod codecs;
pub mod dtmf;
pub mod encoded;
mod fax;
mod latch;
pub mod message;
pub mod negotiate;
pub mod outbox;
mod outgoing;
mod pacer;
mod player;
pub mod pool;
mod reception;
pub mod redirect;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod signal;
pub mod srtp;
mod stream;
pub mod tone;
pub mod track;
pub mod tune;
pub mod wav;
pub mod worker;

pub use codecs::Codecs;
pub use encoded::EncodedError;
pub use message::{Codec, Command, Event, Far, Lease, PortId, Source, TrackId};
pub use negotiate::{Accept, Local, Offered, Secure, Unusable, accept_answer, answer, inactive_answer, offer, origin};
pub use outbox::{Kind as PortKind, Link, Transmit};
pub use pool::Pool;
pub use sdp::{Direction, Profile, SdpError, SessionDescription, same_media};
pub use signal::Signal;
pub use srtp::{Crypto, Keys, MasterKey, Srtp};
pub use track::Track;
pub use wav::WavError;
pub use worker::Worker;
