//! One direction's session keys, and what is done with them: AES in counter mode and a truncated HMAC-SHA1 (RFC 3711 4).

use std::fmt;

use aes::Aes128;
use aes::cipher::{InnerIvInit, KeyInit as _, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::keys::{KEY_BYTES, MasterKey, SALT_BYTES, TAG_BYTES_MAX};
use crate::base::secret;

/// Of what packets the keys are: the labels of RFC 3711 4.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
}

/// The session keys of one direction, for RTP or for RTCP.
#[derive(Clone)]
pub(super) struct Cipher {
    aes: Aes128,
    salt: [u8; SALT_BYTES],
    auth: Hmac<Sha1>,
    tag_bytes: usize,
}

/// Octets of the key of the authentication.
const AUTH_BYTES: usize = 20;

impl Cipher {
    /// The keys that follow from a master key; packets carry tags of so many octets.
    pub(super) fn new(master: &MasterKey, of: Of, tag_bytes: usize) -> Self {
        let first = match of {
            Of::Rtp => 0,
            Of::Rtcp => 3,
        };
        let master_aes = Aes128::new(&master.key().into());
        let derive = |label: u8, out: &mut [u8]| {
            let mut salt = master.salt();
            salt[SALT_BYTES - 7] ^= label;
            apply(&master_aes, &salt, out);
        };
        let (mut key, mut auth, mut salt) = ([0; KEY_BYTES], [0; AUTH_BYTES], [0; SALT_BYTES]);
        derive(first, &mut key);
        derive(first + 1, &mut auth);
        derive(first + 2, &mut salt);
        Self { aes: Aes128::new(&key.into()), salt, auth: keyed(&auth), tag_bytes }
    }

    /// Octets of a tag.
    pub(super) const fn tag_bytes(&self) -> usize {
        self.tag_bytes
    }

    /// Encrypts, or decrypts, the payload of the packet of this index (RFC 3711 4.1.1).
    pub(super) fn crypt(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        let mut salt = self.salt;
        let numbers = ssrc.to_be_bytes().into_iter().chain(index.to_be_bytes().into_iter().skip(2));
        salt.iter_mut().skip(4).zip(numbers).for_each(|(octet, number)| *octet ^= number);
        apply(&self.aes, &salt, payload);
    }

    /// The tag of a packet and what is authenticated with it; its first octets are sent.
    pub(super) fn tag(&self, packet: &[u8], more: &[u8]) -> [u8; TAG_BYTES_MAX] {
        let mut mac = self.auth.clone();
        mac.update(packet);
        mac.update(more);
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }

    /// Whether this is the packet's tag.
    pub(super) fn verifies(&self, packet: &[u8], more: &[u8], tag: &[u8]) -> bool {
        tag.len() == self.tag_bytes && secret::same(&self.tag(packet, more)[..self.tag_bytes], tag)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An HMAC takes a key of any length; this one fits a block.
fn keyed(key: &[u8; AUTH_BYTES]) -> Hmac<Sha1> {
    let mut block = hmac::digest::Key::<Hmac<Sha1>>::default();
    block[..AUTH_BYTES].copy_from_slice(key);
    Hmac::new(&block)
}

/// The key stream that begins at this salt, the counter behind it at zero.
fn apply(aes: &Aes128, salt: &[u8; SALT_BYTES], data: &mut [u8]) {
    let mut block = [0; KEY_BYTES];
    block[..SALT_BYTES].copy_from_slice(salt);
    let core = CtrCore::<&Aes128, Ctr128BE>::inner_iv_init(aes, &block.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3711 B.2.
    #[test]
    fn the_key_stream_is_that_of_the_rfc() {
        let aes = Aes128::new(&octets::<16>("2B7E151628AED2A6ABF7158809CF4F3C").into());
        let mut stream = vec![0; 16 * 0xFF02];
        apply(&aes, &octets("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), &mut stream);
        assert_eq!(stream[..16], octets::<16>("E03EAD0935C95E80E166B16DD92B4EB4"));
        assert_eq!(stream[16..32], octets::<16>("D23513162B02D0F72A43A2FE4A5F97AB"));
        assert_eq!(stream[32..48], octets::<16>("41E95B3BB0A2E8DD477901E4FCA894C0"));
        assert_eq!(stream[16 * 0xFEFF..][..16], octets::<16>("EC8CDF7398607CB0F2D21675EA9EA1E4"));
        assert_eq!(stream[16 * 0xFF00..][..16], octets::<16>("362B7C3C6773516318A077D7FC5073AE"));
        assert_eq!(stream[16 * 0xFF01..][..16], octets::<16>("6A2CC3787889374FBEB4C81B17BA6C44"));
    }

    /// RFC 3711 B.3.
    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let mut master = [0; 30];
        master[..16].copy_from_slice(&octets::<16>("E1F97A0D3E018BE0D64FA32C06DE4139"));
        master[16..].copy_from_slice(&octets::<14>("0EC675AD498AFEEBB6960B3AABE6"));
        let cipher = Cipher::new(&MasterKey(master), Of::Rtp, 10);
        let (mut own, mut expected) = ([0; 16], [0; 16]);
        let aes = Aes128::new(&octets::<16>("C61E7A93744F39EE10734AFE3FF7A087").into());
        let salt = octets("30CBBC08863D8C85D49DB34A9AE1");
        assert_eq!(cipher.salt, salt);
        apply(&cipher.aes, &salt, &mut own);
        apply(&aes, &salt, &mut expected);
        assert_eq!(own, expected);
        let auth = keyed(&octets("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
        let whole = auth.chain_update(b"any").finalize().into_bytes();
        assert_eq!(cipher.tag(b"an", b"y"), whole[..10]);
        assert!(cipher.verifies(b"an", b"y", &whole[..10]) && !cipher.verifies(b"an", b"y", &whole[..9]));
        assert!(!cipher.verifies(b"any", b"y", &whole[..10]));
        assert_eq!(format!("{cipher:?}"), "***");
    }

    fn octets<const N: usize>(digits: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }
}
