//! SRTP and SRTCP (RFC 3711) with keys from SDP (`a=crypto`, RFC 4568): the attribute's grammar, keys that never show
//! themselves, and `Guard`, which encrypts what a stream sends and decrypts what it receives. AES in counter mode with
//! HMAC-SHA1, which everybody has who has SDES; no MKI, no key derivation but the first.

mod attribute;
mod cipher;
mod guard;
mod keys;
mod window;

pub(crate) use attribute::{ATTRIBUTE_BYTES_MAX, write};
pub use attribute::{Crypto, OFFERED_TAG};
pub(crate) use guard::Guard;
pub use keys::{Keys, MasterKey, Srtp, Suite};
pub(crate) use keys::{RTCP_OVERHEAD, RTP_OVERHEAD};
