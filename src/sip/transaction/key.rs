//! What makes two requests one transaction (RFC 3261 17.2.3, with the fallback for RFC 2543 peers) or two copies of one
//! request (8.2.2.2), as bytes: every part has its length before it, so that different requests never give equal bytes.
//! Also the branch of our own requests, which says by itself whose response it is.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::hash::Secret;
use crate::base::ShardId;
use crate::base::digits::hexadecimal;
use crate::sip::message::Message;
use crate::sip::value::{SIP_PORT, Via};

/// A request's key texts: the matching part, then the merging part. One buffer is used for every message; only the key of
/// a new transaction is copied out.
#[derive(Debug, Default)]
pub(super) struct KeyText {
    /// The length of the matching part in four bytes, then both parts.
    bytes: Vec<u8>,
}

/// Bytes before the matching part.
const PREFIX: usize = 4;

impl KeyText {
    /// Writes the key of the transaction that `message` belongs to, `method` and `to_tag` being those of the request that
    /// created it (they differ for ACK and CANCEL). False when the message lacks what matching needs.
    pub(super) fn read(&mut self, message: &Message, via: &Via<'_>, method: &[u8], to_tag: &[u8]) -> bool {
        let (Some(cseq), Some(call_id)) = (message.cseq(), message.call_id()) else { return false };
        let from_tag = message.from_tag().unwrap_or_default();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; PREFIX]);
        self.part(method);
        self.part(via.host);
        let host = self.bytes.len() - via.host.len();
        self.bytes[host..].make_ascii_lowercase();
        self.bytes.extend_from_slice(&via.port.unwrap_or(SIP_PORT).to_le_bytes());
        self.part(via.branch.unwrap_or_default());
        if !via.has_unique_branch() {
            self.bytes.extend_from_slice(&cseq.number.to_le_bytes());
            for part in [message.uri(), call_id, from_tag, to_tag] {
                self.part(part);
            }
        }
        let matching = u32::try_from(self.bytes.len() - PREFIX).expect("a key is not much longer than its message");
        self.bytes[..PREFIX].copy_from_slice(&matching.to_le_bytes());
        if to_tag.is_empty() {
            self.bytes.extend_from_slice(&cseq.number.to_le_bytes());
            for part in [method, call_id, from_tag] {
                self.part(part);
            }
        }
        true
    }

    /// The part that names the transaction.
    pub(super) fn matching(&self) -> &[u8] {
        split(&self.bytes).0
    }

    /// The part that two copies of one request have in common; `None` inside a dialog, where 8.2.2.2 does not apply.
    pub(super) fn merging(&self) -> Option<&[u8]> {
        Some(split(&self.bytes).1).filter(|part| !part.is_empty())
    }

    /// The key to keep.
    pub(super) fn share(&self) -> Arc<[u8]> {
        Arc::from(self.bytes.as_slice())
    }

    fn part(&mut self, part: &[u8]) {
        let length = u32::try_from(part.len()).expect("a part is shorter than its message");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(part);
    }
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((prefix, parts)) = bytes.split_first_chunk::<PREFIX>() else { return (&[], &[]) };
    parts.split_at(u32::from_le_bytes(*prefix) as usize)
}

/// A kept key that compares by its matching part.
#[derive(Debug, Clone)]
pub(super) struct ByMatch(pub(super) Arc<[u8]>);

/// A kept key that compares by its merging part.
#[derive(Debug, Clone)]
pub(super) struct ByMerge(pub(super) Arc<[u8]>);

impl Borrow<[u8]> for ByMatch {
    fn borrow(&self) -> &[u8] {
        split(&self.0).0
    }
}

impl Borrow<[u8]> for ByMerge {
    fn borrow(&self) -> &[u8] {
        split(&self.0).1
    }
}

macro_rules! compare_borrowed {
    ($($name:ident)*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                let (one, two): (&[u8], &[u8]) = (self.borrow(), other.borrow());
                one == two
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                let bytes: &[u8] = self.borrow();
                bytes.hash(state);
            }
        }
    )*};
}

compare_borrowed!(ByMatch ByMerge);

/// The magic cookie of RFC 3261 8.1.1.7.
pub(super) const COOKIE: &str = "z9hG4bK";

/// The branch of our request number `serial`: the cookie, then this in hexadecimal, then the number. It cannot be guessed
/// without the secret, never repeats, and needs no table to be recognised.
pub(super) fn branch_proof(secret: Secret, serial: u64) -> u64 {
    secret.digest(&serial.to_le_bytes())
}

/// The number of our request that a response's branch names; `None` for a branch that is not ours.
pub(super) fn serial_of(secret: Secret, branch: &[u8]) -> Option<u64> {
    let (proof, serial) = branch.strip_prefix(COOKIE.as_bytes())?.split_at_checked(16)?;
    let (proof, serial) = (hexadecimal(proof)?, hexadecimal(serial)?);
    (proof == branch_proof(secret, serial)).then_some(serial)
}

/// Where the shard's number begins in the number of a request.
pub(super) const SHARD_AT: u32 = 48;

/// The shard whose request has this branch, taken at its word: that shard proves it.
pub fn shard_of_branch(branch: &[u8]) -> Option<ShardId> {
    let (_, serial) = branch.strip_prefix(COOKIE.as_bytes())?.split_at_checked(16)?;
    u8::try_from(hexadecimal(serial)? >> SHARD_AT).ok().map(ShardId)
}
