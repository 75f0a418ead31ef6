//! Encryption of a stream's audio where its neighbour is configured for it (SRTP, keys in SDP: RFC 4568): which key is said, and
//! which are in force.
//!
//! A key of ours is new in each offer of ours, and in an answer when the far end is another than before: one with another
//! address and another key, which begins to count packets anew, also after a hold at no address. Else it stays: where the far
//! end alone takes a new key, only that changes.
//!
//! Keys stand in SIP, so they go over TLS alone. Neighbours with `srtp` are reached, and believed, over TLS only; a phone that
//! registers may come any way, and has its audio encrypted where that was TLS. What a call of such a phone has begun with stays,
//! however the phone registers meanwhile.

use std::net::SocketAddr;

use crate::base::{CallId, PeerId};
use crate::config::Transport;
use crate::media::redirect::without_keys;
use crate::media::{Command, Crypto, Keys, Local, MasterKey, Profile, Secure, SessionDescription, Srtp};
use crate::node::contact::{Audio, Stream};
use crate::node::shard::{Shard, Side};
use crate::sip::transaction::Wire;

impl Shard {
    /// Whether the audio of a neighbour is encrypted, in a call that begins.
    pub(in crate::node) fn srtp_of(&self, peer: Option<PeerId>) -> Srtp {
        let Some(id) = peer else { return Srtp::No };
        let peer = self.directory.peer(id);
        match peer.srtp {
            Srtp::Optional if peer.account.is_some() && !self.is_by_tls(id) => Srtp::No,
            srtp @ (Srtp::No | Srtp::Optional | Srtp::Required) => srtp,
        }
    }

    /// Whether the audio of one side of a call is encrypted.
    pub(in crate::node) fn srtp_on(&self, call: CallId, side: Side) -> Srtp {
        let Some(id) = self.peer_of(call, side) else { return Srtp::No };
        let peer = self.directory.peer(id);
        let has_begun =
            || self.audio_of(call, side).and_then(Audio::stream).is_some_and(|stream| stream.sealed.is_some());
        if peer.srtp != Srtp::No && peer.account.is_some() && !has_begun() { Srtp::No } else { peer.srtp }
    }

    /// True when the message in hand may be answered with keys.
    pub(in crate::node) fn may_tell_keys(&self, srtp: Srtp) -> bool {
        srtp == Srtp::No || self.certified.wire() == Some(Wire::Tls)
    }

    /// What one end has said, for a neighbour to whom it goes on as it is: keys go over TLS alone.
    pub(in crate::node) fn handed_on(&self, peer: Option<PeerId>, text: &[u8]) -> Box<[u8]> {
        let is_by_tls = peer.is_some_and(|id| {
            let peer = self.directory.peer(id);
            if peer.account.is_some() { self.is_by_tls(id) } else { peer.transport == Transport::Tls }
        });
        if is_by_tls { text.into() } else { without_keys(text).unwrap_or_else(|| text.into()) }
    }

    fn is_by_tls(&self, phone: PeerId) -> bool {
        self.phones.get(phone).is_some_and(|phone| phone.wire == Some(Wire::Tls))
    }

    /// A key to say to such a neighbour.
    pub(in crate::node) fn new_key(&mut self, srtp: Srtp) -> Option<MasterKey> {
        (srtp != Srtp::No).then(|| MasterKey::new(&mut self.rng))
    }
}

impl Stream {
    /// Our side of an offer, with this new key.
    pub(in crate::node) fn offering(&mut self, srtp: Srtp, key: Option<MasterKey>) -> Local {
        let sealed = self.sealed.as_deref();
        let profile = match (srtp, sealed.filter(|sealed| sealed.keys.is_some()).and_then(|sealed| sealed.said)) {
            (Srtp::No, _) => None,
            (Srtp::Optional | Srtp::Required, Some(said)) => Some(said.profile),
            (Srtp::Optional, None) => Some(Profile::Avp),
            (Srtp::Required, None) => Some(Profile::Savp),
        };
        let secure = profile.zip(key).map(|(profile, key)| Secure { profile, key });
        if secure.is_some() || sealed.is_some() {
            self.sealed.get_or_insert_default().said = secure;
        }
        Local { secure, ..self.local() }
    }

    /// Our side of an answer to this offer, with this key if one of ours does not stay; nothing is changed until it is agreed
    /// upon.
    pub(in crate::node) fn answering(&self, offer: &SessionDescription, key: Option<MasterKey>) -> Local {
        let secure = offer.crypto().and_then(|_| offer.profile()).zip(key).map(|(profile, new)| {
            let stays = self.keys().filter(|_| !self.is_elsewhere(offer));
            Secure { profile, key: stays.map_or(new, |keys| keys.ours) }
        });
        Local { secure, ..self.local() }
    }

    /// As what an answer to our last offer is to be read.
    pub(in crate::node) fn answered_as(&self, srtp: Srtp) -> Srtp {
        match (self.said(), srtp) {
            (None, _) => Srtp::No,
            (Some(_), Srtp::No | Srtp::Optional) => Srtp::Optional,
            (Some(_), Srtp::Required) => Srtp::Required,
        }
    }

    /// What an answer to our last offer makes of our side; `None` when it takes what was not offered.
    pub(in crate::node) fn answered(&self, answer: &SessionDescription) -> Option<Option<Secure>> {
        let Some(theirs) = answer.crypto() else { return Some(None) };
        let said = self.said().filter(|said| theirs.answers(&Crypto::offer(said.key)));
        said.map(|said| Some(Secure { profile: answer.profile().unwrap_or(said.profile), ..said }))
    }

    /// Offer and answer are there: what the media worker is to know, if anything has changed. To be told before the far end is.
    pub(in crate::node) fn agree(&mut self, theirs: &SessionDescription, ours: Option<Secure>) -> Option<Command> {
        let (before, stream) = (self.keys().copied(), self.id);
        let Some((crypto, ours)) = theirs.crypto().zip(ours) else {
            self.sealed = None;
            return before.map(|_| Command::Secure { stream, keys: None });
        };
        let fresh = before.is_none() || self.is_elsewhere(theirs);
        let keys = Keys { suite: crypto.suite, ours: ours.key, theirs: crypto.key, fresh };
        let sealed = self.sealed.get_or_insert_default();
        (sealed.said, sealed.keys) = (Some(ours), Some(keys));
        sealed.last = place(theirs).or(sealed.last);
        let is_same = before.is_some_and(|before| Keys { fresh, ..before } == keys);
        (!is_same).then(|| Command::Secure { stream, keys: Some(Box::new(keys)) })
    }

    /// True unless our last offer has not been answered: what we have said last does not hold then.
    pub(in crate::node) fn is_settled(&self) -> bool {
        self.said().map(|said| said.key) == self.keys().map(|keys| keys.ours)
    }

    fn said(&self) -> Option<Secure> {
        self.sealed.as_ref().and_then(|sealed| sealed.said)
    }

    fn keys(&self) -> Option<&Keys> {
        self.sealed.as_ref().and_then(|sealed| sealed.keys.as_ref())
    }

    /// True when this is said by another far end than the last, which has heard nothing so far. A hold at no address in between
    /// says neither that it is the same nor that it is another.
    fn is_elsewhere(&self, said: &SessionDescription) -> bool {
        let last = self.sealed.as_ref().and_then(|sealed| sealed.last);
        last.zip(place(said)).is_some_and(|((address, key), (other, new))| address != other && key != new)
    }
}

/// Whose audio a description tells of: where it is, and its key; `None` where it has no address (a hold at 0.0.0.0).
fn place(said: &SessionDescription) -> Option<(SocketAddr, MasterKey)> {
    let address = said.address().filter(|address| !address.ip().is_unspecified())?;
    Some((address, said.crypto()?.key))
}
