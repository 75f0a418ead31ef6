//! What both sides know and make of it: algorithms, users with their passwords, and the response that proves one.

use std::fmt;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::Sha256;

/// A hash that responses are made by (RFC 8760 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `SHA-256`.
    Sha256,
    /// `MD5`: weak, and what most phones and PBXs know.
    Md5,
}

impl Algorithm {
    /// All of them, the better one first: who is challenged takes the first that it knows (RFC 8760 2.4).
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    /// The text on the wire and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The algorithm of a text, any letter case.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| text.eq_ignore_ascii_case(one.as_str().as_bytes()))
    }

    /// The hash of these parts, a colon between each two, in hexadecimal digits.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Hash {
        match self {
            Self::Sha256 => Hash::of(&digest::<Sha256>(parts)),
            Self::Md5 => Hash::of(&digest::<Md5>(parts)),
        }
    }
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize()
}

/// A hash in hexadecimal digits, lower case (RFC 7616 3.1: LHEX).
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash {
    text: [u8; 64],
    length: usize,
}

impl Hash {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self { text, length: (2 * bytes.len()).min(64) }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// A user and the password that both sides know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `username`.
    pub username: String,
    /// `password`, or where the shell finds it.
    pub password: Password,
}

impl Credentials {
    /// The password, once it is known.
    pub fn secret(&self) -> Option<&str> {
        match &self.password {
            Password::Text(text) => Some(text),
            Password::File(_) | Password::Variable(_) => None,
        }
    }
}

/// A password, or where it is. The shell puts the text in place of the others.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Text(String),
    /// A file whose text it is, white space around it apart; relative to the configuration's directory.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl fmt::Debug for Password {
    /// Where it is; never the password itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "in ${name}"),
        }
    }
}

/// What a response is made of (RFC 7616 3.4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) username: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) nonce: &'a [u8],
    /// The count and our nonce, with `qop=auth`; none as RFC 2069 had it.
    pub(super) counted: Option<(&'a [u8], &'a [u8])>,
}

impl Claim<'_> {
    /// The response that proves the password.
    pub(super) fn response(&self, password: &str) -> Hash {
        let user = self.algorithm.hash(&[self.username, self.realm, password.as_bytes()]);
        let what = self.algorithm.hash(&[self.method, self.uri]);
        match self.counted {
            Some((count, cnonce)) => {
                self.algorithm.hash(&[user.as_bytes(), self.nonce, count, cnonce, b"auth", what.as_bytes()])
            }
            None => self.algorithm.hash(&[user.as_bytes(), self.nonce, what.as_bytes()]),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) of a text, its first 64 bits.
pub(super) fn keyed(key: &[u8; 32], text: &[u8]) -> u64 {
    // A key shorter than a block is filled up with zeros.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    mac.update(text);
    mac.finalize().into_bytes().iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_that_of_rfc_4231() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(keyed(&key, b"what do ya want for nothing?"), 0x5bdc_c146_bf60_754e);
    }
}
