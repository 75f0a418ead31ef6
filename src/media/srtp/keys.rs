//! What is configured, said and kept of encryption: [`Srtp`], [`Suite`], [`MasterKey`], [`Keys`].

use std::fmt;

use crate::base::Rng;

/// Whether a neighbour's audio is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Srtp {
    /// Never: `a=crypto` is not read, `RTP/SAVP` is refused.
    #[default]
    No,
    /// Where the far end can, else in the clear; offered as RFC 8643 does it: `RTP/AVP` with `a=crypto`.
    Optional,
    /// Always: audio without a key is refused, `RTP/SAVP` is offered.
    Required,
}

/// How packets are encrypted and authenticated (RFC 4568 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`: tags of 80 bits.
    Sha1Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`: RTP has tags of 32 bits, RTCP of 80.
    Sha1Tag32,
}

impl Suite {
    /// Both, the better one first.
    pub const ALL: [Self; 2] = [Self::Sha1Tag80, Self::Sha1Tag32];

    /// Its name in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Octets of the tag behind an RTP packet.
    pub(super) const fn tag_bytes(self) -> usize {
        match self {
            Self::Sha1Tag80 => TAG_BYTES_MAX,
            Self::Sha1Tag32 => 4,
        }
    }
}

/// A master key and its salt: what one side encrypts with. It is not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey(pub(super) [u8; KEY_BYTES + SALT_BYTES]);

/// Octets of a master key (RFC 3711 8.2).
pub(super) const KEY_BYTES: usize = 16;
/// Octets of its salt.
pub(super) const SALT_BYTES: usize = 14;
/// Octets of the longest authentication tag.
pub(super) const TAG_BYTES_MAX: usize = 10;
/// What SRTP adds to a packet at most.
pub(crate) const RTP_OVERHEAD: usize = TAG_BYTES_MAX;
/// What SRTCP adds: the index (RFC 3711 3.4) and the tag.
pub(crate) const RTCP_OVERHEAD: usize = 4 + TAG_BYTES_MAX;

impl MasterKey {
    /// A new one, from the node's cryptographic generator.
    pub fn new(rng: &mut Rng) -> Self {
        Self(rng.bytes())
    }

    pub(super) fn key(&self) -> [u8; KEY_BYTES] {
        std::array::from_fn(|at| self.0[at])
    }

    pub(super) fn salt(&self) -> [u8; SALT_BYTES] {
        std::array::from_fn(|at| self.0[KEY_BYTES + at])
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What both sides of a stream encrypt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// How, the same for both.
    pub suite: Suite,
    /// What we send with.
    pub ours: MasterKey,
    /// What the far end sends with.
    pub theirs: MasterKey,
    /// The far end is another than before, which knows nothing of what was sent: with a key that is another too counting begins
    /// anew (RFC 3711 3.3.1). Ours may stay, where a 183 and the 200 answer one offer of ours from different far ends; counting
    /// goes on then, since no part of a key's stream may be used twice.
    pub fresh: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_drawn_and_do_not_show_themselves() {
        let mut rng = Rng::from_u64(1);
        let (one, other) = (MasterKey::new(&mut rng), MasterKey::new(&mut rng));
        assert_ne!(one, other);
        let keys = Keys { suite: Suite::Sha1Tag80, ours: one, theirs: other, fresh: true };
        assert_eq!(format!("{keys:?}"), "Keys { suite: Sha1Tag80, ours: ***, theirs: ***, fresh: true }");
    }
}
