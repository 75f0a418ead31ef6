//! Which shard a datagram belongs to, whatever socket it came in by.
//!
//! | datagram | told by |
//! |---|---|
//! | request inside a dialog | the To tag, which is ours and carries the leg |
//! | response | the branch of the top Via, which is ours and carries the shard |
//! | REGISTER | the first |
//! | INVITE with Replaces | the tag of ours that it names |
//! | first contact: INVITE, its repetitions, CANCEL, ACK of a refusal; other requests | a keyed hash of the Call-ID |
//!
//! A tag or branch is taken at its word: the shard that it names proves it, and answers 481 or nothing. No more of a datagram
//! is read than this needs: the shard that has it reads the message, once.

use bytes::Bytes;

use crate::base::{Rng, ShardId};
use crate::call::legs::leg_of_tag;
use crate::sip::glance::Glance;
use crate::sip::name::Method;
use crate::sip::replaces::Replaces;
use crate::sip::transaction::{Secret, shard_of_branch};

/// See the module. All shards of a node have the same.
#[derive(Debug, Clone, Copy)]
pub struct Router {
    shards: u8,
    secret: Secret,
}

impl Router {
    pub(super) fn new(shards: u8, rng: &mut Rng) -> Self {
        Self { shards, secret: Secret::draw(rng) }
    }

    /// The shard that has to handle a datagram; `None` when any may: it is no SIP, or a response to nobody.
    pub fn owner(&self, payload: &Bytes) -> Option<ShardId> {
        match Glance::new(payload)? {
            Glance::Response { branch } => shard_of_branch(branch?).filter(|shard| shard.0 < self.shards),
            // Phones and their registrations are the first shard's.
            Glance::Request { method: Method::Register, .. } => Some(ShardId(0)),
            Glance::Request { to_tag, call_id, replaces, .. } => {
                // Who takes another's place goes where that one is.
                let replaced = || Replaces::parse(replaces?).map(|dialog| dialog.to_tag);
                let named = to_tag.or_else(replaced).and_then(leg_of_tag).map(|leg| leg.shard());
                let named = named.filter(|shard| shard.0 < self.shards);
                named.or_else(|| Some(self.of_call(call_id?)))
            }
        }
    }

    /// A call's shard; nobody without the secret can aim calls at one.
    fn of_call(&self, call_id: &[u8]) -> ShardId {
        let share = (u128::from(self.secret.digest(call_id)) * u128::from(self.shards)) >> 64;
        ShardId(share as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(shards: u8) -> Router {
        Router::new(shards, &mut Rng::from_u64(1))
    }

    fn request(method: &str, call: u32, to_tag: &str) -> Bytes {
        format!(
            "{method} sip:800@acd SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call}{method}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:800@acd>{to_tag}\r\ni: call-{call}\r\nCSeq: 1 {method}\r\n\r\n"
        )
        .into()
    }

    #[test]
    fn all_of_a_first_contact_goes_to_one_shard_and_calls_to_all_alike() {
        let router = router(3);
        let mut calls = [0; 3];
        for call in 0..3_000 {
            let owner = router.owner(&request("INVITE", call, "")).unwrap();
            assert_eq!(router.owner(&request("CANCEL", call, "")), Some(owner));
            assert_eq!(router.owner(&request("ACK", call, ";tag=0123456789abcdef")), Some(owner), "our stateless tag");
            calls[usize::from(owner.0)] += 1;
        }
        assert!(calls.iter().all(|share| (900..1_100).contains(share)), "{calls:?}");
    }

    #[test]
    fn a_dialog_goes_where_our_tag_says_and_a_response_where_our_branch_says() {
        let router = router(3);
        let tagged = |shard: u64| router.owner(&request("BYE", 1, &format!(";tag={:x}-00ff", shard << 56 | 1 << 32)));
        assert_eq!([0, 1, 2].map(tagged), [0, 1, 2].map(|shard| Some(ShardId(shard))));
        assert_eq!(tagged(3), router.owner(&request("INVITE", 1, "")), "there is no such shard");
        let replacing = |shard: u64| {
            let dialog = format!("Replaces: a@b;to-tag={:x}-00ff;from-tag=x", shard << 56 | 1 << 32);
            let invite = String::from_utf8(request("INVITE", 1, "").to_vec()).unwrap();
            router.owner(&invite.replacen("CSeq", &format!("{dialog}\r\nCSeq"), 1).into())
        };
        assert_eq!([0, 1, 2].map(replacing), [0, 1, 2].map(|shard| Some(ShardId(shard))), "who is to be replaced");
        assert_eq!(replacing(7), router.owner(&request("INVITE", 1, "")), "the dialog is none of ours");
        let answered = |serial: u64| {
            let via = format!("Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK0123456789abcdef{serial:x}");
            router.owner(&format!("SIP/2.0 200 OK\r\n{via}\r\nCSeq: 1 BYE\r\n\r\n").into())
        };
        assert_eq!(
            [7, 1 << 48 | 7, 2 << 48, 3 << 48, 1 << 60].map(answered),
            [Some(ShardId(0)), Some(ShardId(1)), Some(ShardId(2)), None, None]
        );
        assert_eq!((router.owner(&"\r\n\r\n".into()), router.owner(&"hello".into())), (None, None));
    }
}
