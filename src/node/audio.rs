//! The audio of a contact: leased ports, session descriptions for both sides, streams of the media worker.

use std::net::{IpAddr, SocketAddr};

use crate::base::{CallId, LegId, PeerId, QueueId, StreamId};
use crate::config::{AnswerPolicy, MediaPolicy, QueueConfig};
use crate::media::negotiate::PTIME_MS;
use crate::media::redirect::redirected;
use crate::media::{
    self, Accept, Codec, Codecs, Direction, Far, Local, MasterKey, Offered, SessionDescription, Srtp, same_media,
};
use crate::node::codecs::{meeting, read};
use crate::node::contact::{Audio, Description, Offer, Stream};
use crate::node::families::reaches;
use crate::node::ports::Holder;
use crate::node::shard::{Owner, Shard, Side};

impl Shard {
    /// Takes a port of the contact's media worker and begins a stream there, described as a far end there sees us.
    pub(in crate::node) fn open_stream(&mut self, worker: u8, holder: Holder, far: Option<IpAddr>) -> Option<Stream> {
        let mut lease = self.ports.take(worker, holder)?;
        // It may have been used in the other family before.
        if let Some(rtp) = &self.rtp {
            lease.address.set_ip(*far.map_or_else(|| rtp.first(), |far| rtp.towards(far)));
        }
        let id = self.new_stream(worker);
        // The number does not roll over with the first packets: who misses these could not decrypt the rest (RFC 3711 3.3.1).
        let (ssrc, sequence, timestamp) = (self.rng.u32(), self.rng.u32() as u16 >> 1, self.rng.u32());
        self.media.push_back(media::Command::Open { stream: id, port: lease.port, ssrc, sequence, timestamp });
        let session = self.rng.u64() >> 2;
        Some(Stream {
            id,
            lease,
            session,
            version: 1,
            far: None,
            offer: None,
            theirs: None,
            ours: None,
            digits_passed: true,
            codecs: Codecs::NONE,
            ptime_ms: PTIME_MS,
            sealed: None,
            filled: false,
        })
    }

    /// Ends a side's stream; its port goes to the end of the pool.
    pub(in crate::node) fn close_audio(&mut self, audio: Audio, holder: Holder) {
        let Audio::Stream(stream) = audio else { return };
        self.streams.remove(&stream.id);
        self.media.push_back(media::Command::Close { stream: stream.id });
        self.ports.give_back(stream.lease, holder);
    }

    /// Notes whose stream it is, so that its events find the contact.
    pub(in crate::node) fn adopt_stream(&mut self, call: CallId, side: Side) {
        let Some(stream) = self.audio_of(call, side).and_then(Audio::stream).map(|stream| stream.id) else { return };
        let leg = match side {
            Side::Caller => self.contacts.get(call.0).map(|contact| contact.leg),
            Side::Agent(leg) => Some(leg),
        };
        if let Some(leg) = leg {
            self.streams.insert(stream, leg);
        }
    }

    /// Whose stream it is.
    pub(in crate::node) fn side_of(&self, stream: StreamId) -> Option<(CallId, Side)> {
        let leg = *self.streams.get(&stream)?;
        match self.owners.get(&leg)? {
            Owner::Caller(call) => Some((*call, Side::Caller)),
            Owner::Agent(call) | Owner::Outside(call) => Some((*call, Side::Agent(leg))),
            Owner::Released(..) | Owner::Code => None,
        }
    }

    /// What the caller is told in a 183 or 200: the engine's audio, or without media what the agent said (`theirs`), or that
    /// there is none. The same again when it was told before. `None`: nothing in the caller's offer fits.
    pub(in crate::node) fn describe_caller(&mut self, call: CallId, theirs: Option<&[u8]>) -> Option<Box<[u8]>> {
        if self.contact(call)?.media == MediaPolicy::None {
            return self.describe_without_media(call, theirs);
        }
        let peer = self.contact(call)?.peer;
        let srtp = self.srtp_of(peer);
        let stream = self.contact(call)?.audio.stream_mut()?;
        if let Some(ours) = &stream.ours {
            return Some(ours.clone());
        }
        let Some(offer) = stream.offer.take() else {
            let (codecs, key) = (self.codecs_to_offer(call, peer), self.new_key(srtp));
            let stream = self.contact(call)?.audio.stream_mut()?;
            let local = stream.offering(srtp, key);
            let sdp: Box<[u8]> = media::offer(&local, &Offered::plain(codecs, Direction::SendRecv));
            (stream.codecs, stream.ours) = (codecs, Some(sdp.clone()));
            return Some(sdp);
        };
        let read = offer.read()?;
        let usable = self.usable(peer, read);
        let codecs = self.codecs_for_caller(call, usable);
        let ptime_ms = read.ptime_ms().unwrap_or(PTIME_MS);
        let agent = self.agent_format(call, codecs);
        let parameters = agent.as_ref().and_then(|agent| agent.parameters(codecs.first()?));
        let key = self.new_key(srtp);
        let rtp = self.rtp;
        let stream = self.contact(call)?.audio.stream_mut()?;
        let accept = Accept { codecs, parameters, ptime_ms, direction: Direction::SendRecv };
        stream.face(read, rtp.as_ref());
        let local = stream.answering(read, key);
        let (sdp, far) = media::answer(read, &local, &accept).ok()?;
        (stream.codecs, stream.ptime_ms) = (usable, ptime_ms);
        stream.ours = Some(sdp.clone());
        let keys = stream.agree(read, local.secure);
        stream.theirs = Some(offer.text);
        self.media.extend(keys);
        self.set_far(call, Side::Caller, far);
        Some(sdp)
    }

    /// Gives the caller of an anchored contact its stream, if it has none yet. False when there is no port.
    pub(in crate::node) fn open_caller(&mut self, call: CallId) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        let Audio::Pending(offer) = &mut contact.audio else { return true };
        if contact.media == MediaPolicy::None {
            return true;
        }
        let (offer, worker, leg) = (offer.take(), contact.worker, contact.leg);
        let Some(stream) = self.open_stream(worker, Holder::Caller, self.legs.far(leg)) else { return false };
        if let Some(contact) = self.contact(call) {
            contact.audio = Audio::Stream(Box::new(Stream { offer, ..stream }));
        }
        self.adopt_stream(call, Side::Caller);
        true
    }

    /// Whether an offer can be answered as the queue treats media. One that is handed on to the agent is the agent's to judge,
    /// but one that must be encrypted has a key.
    pub(in crate::node) fn is_usable(&self, peer: Option<PeerId>, offer: &Offer, queue: &QueueConfig) -> bool {
        if self.srtp_of(peer) == Srtp::Required && offer.read().is_none_or(|offer| offer.crypto().is_none()) {
            return false;
        }
        match (queue.media, queue.answer) {
            (MediaPolicy::Anchor, _) => {
                let reach = |offer| media::accept_answer(offer, self.usable(peer, offer)).ok();
                let far = offer.read().and_then(reach);
                far.is_some_and(|far| self.reaches(&far))
            }
            // Nothing flows, so nothing is encrypted.
            (MediaPolicy::None, AnswerPolicy::OnQueue) => {
                SessionDescription::parse(&offer.text).is_ok_and(|offer| !offer.codecs().is_empty())
            }
            (MediaPolicy::None, AnswerPolicy::OnAgent | AnswerPolicy::Early) => true,
        }
    }

    /// Without media, the agent is offered what the caller offered; a caller already answered, or without an offer, has no
    /// audio, and neither has the agent.
    pub(in crate::node) fn described_offer(&self, call: CallId, peer: PeerId, far: IpAddr) -> Option<Box<[u8]>> {
        let host = self.legs.local(Some(far));
        let contact = self.contacts.get(call.0)?;
        match (&contact.audio, contact.answered) {
            (Audio::Pending(Some(offer)), None) => Some(self.handed_on(Some(peer), &offer.text)),
            (Audio::Pending(_) | Audio::Stream(_) | Audio::Described(_), _) => {
                Some(media::offer(&nowhere(host.ip()), &Offered::plain(Codecs::G711, Direction::Inactive)))
            }
        }
    }

    /// The agent's answer to our offer; false when nothing in it can be used. Without media only a caller whose offer was
    /// handed on needs one.
    pub(in crate::node) fn accept_agent(&mut self, call: CallId, leg: LegId, sdp: Option<&[u8]>) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        if contact.media == MediaPolicy::None {
            let needed = matches!(contact.audio, Audio::Pending(Some(_)));
            if let Some(Audio::Described(described)) = contact.agent_mut(leg).map(|agent| &mut agent.audio) {
                described.theirs = sdp.map(Into::into);
            }
            return sdp.is_some() || !needed;
        }
        sdp.is_some_and(|sdp| self.apply_answer(call, Side::Agent(leg), sdp))
    }

    /// The far end has acknowledged our 2xx: the answer to an offer of ours. False when there is still none that can be used.
    pub(in crate::node) fn accept_confirmation(&mut self, call: CallId, side: Side, sdp: Option<&[u8]>) -> bool {
        if let (Some(sdp), Some(Audio::Described(described))) = (sdp, self.audio_mut(call, side)) {
            described.theirs = Some(sdp.into());
            return true;
        }
        if sdp.is_some_and(|sdp| self.apply_answer(call, side, sdp)) {
            return true;
        }
        self.audio_of(call, side).and_then(Audio::stream).is_none_or(|stream| stream.far.is_some())
    }

    /// A re-offer: our answer to it, or `None` when it cannot be used. Without an offer we describe ourselves again.
    pub(in crate::node) fn change_audio(
        &mut self,
        call: CallId,
        side: Side,
        (srtp, sdp): (Srtp, Option<&[u8]>),
    ) -> Option<Box<[u8]>> {
        let leg = self.leg_of(call, side);
        let host = self.local_to(leg);
        if let Audio::Described(described) = self.audio_mut(call, side)? {
            return described.change(sdp, &nowhere(host));
        }
        let (key, rtp) = (self.new_key(srtp), self.rtp);
        let stream = self.audio_mut(call, side)?.stream_mut()?;
        let Some(sdp) = sdp else {
            stream.version += 1;
            let codecs = match stream.far.map(|far| far.codec) {
                Some(codec) if codec.law().is_none() => Codecs::NONE.with(codec),
                Some(law) => Codecs::NONE.with(law).with(Codec::Pcma).with(Codec::Pcmu),
                None => stream.codecs,
            };
            let like = if codecs.is_plain() { None } else { read(stream.theirs.as_deref()) };
            let (ptime_ms, direction) = (stream.ptime_ms, Direction::SendRecv);
            let local = stream.offering(srtp, key);
            let ours = media::offer(&local, &Offered { codecs, like: like.as_ref(), ptime_ms, direction });
            stream.ours = Some(ours.clone());
            return Some(ours);
        };
        let offer = SessionDescription::parse_as(sdp, srtp).ok()?;
        let before = stream.theirs.as_deref().and_then(|theirs| SessionDescription::parse_as(theirs, srtp).ok());
        if let (Some(before), Some(ours)) = (before, &stream.ours)
            && stream.is_settled()
            && same_media(&before, &offer)
        {
            return Some(ours.clone());
        }
        // Not moved before it is agreed upon.
        let address = stream.facing(&offer, rtp.as_ref());
        let local = Local { address, version: u64::from(stream.version) + 1, ..stream.answering(&offer, key) };
        let current = stream.far.map(|far| far.codec);
        let usable = self.usable(self.peer_of(call, side), &offer);
        let codecs = match self.codec_heard(call, side) {
            Some(theirs) => meeting(usable, theirs),
            None if side == Side::Caller => self.codecs_for_caller(call, usable),
            None => usable,
        };
        // What is spoken stays, where it is offered again.
        let codecs = current.into_iter().filter(|codec| usable.contains(*codec)).chain(codecs.iter()).collect();
        let ptime_ms = offer.ptime_ms().unwrap_or(PTIME_MS);
        let accept = Accept { codecs, parameters: None, ptime_ms, direction: Direction::SendRecv };
        let (answer, far) = media::answer(&offer, &local, &accept).ok()?;
        let stream = self.audio_mut(call, side)?.stream_mut()?;
        stream.version += 1;
        stream.lease.address = address;
        (stream.codecs, stream.ptime_ms) = (usable, ptime_ms);
        stream.theirs = Some(sdp.into());
        stream.ours = Some(answer.clone());
        let keys = stream.agree(&offer, local.secure);
        self.media.extend(keys);
        self.set_far(call, side, far);
        Some(answer)
    }

    pub(in crate::node) fn peer_of(&self, call: CallId, side: Side) -> Option<PeerId> {
        let contact = self.contacts.get(call.0)?;
        match side {
            Side::Caller => contact.peer,
            Side::Agent(leg) => contact.audio_on(leg).map(|(_, peer)| peer),
        }
    }

    /// What we last said to this side.
    pub(in crate::node) fn last_said(&self, call: CallId, side: Side) -> Option<Box<[u8]>> {
        match self.audio_of(call, side)? {
            Audio::Stream(stream) => stream.ours.clone(),
            Audio::Described(described) => Some(described.ours.clone()),
            Audio::Pending(_) => None,
        }
    }

    /// True when this side has put the other on hold (RFC 3264 8.4), or at 0.0.0.0.
    pub(in crate::node) fn holds(&self, call: CallId, side: Side) -> bool {
        match self.audio_of(call, side) {
            Some(Audio::Stream(stream)) => stream.far.is_some_and(|far| !far.send),
            Some(Audio::Described(described)) => described.holds(),
            Some(Audio::Pending(_)) | None => false,
        }
    }

    pub(in crate::node) fn audio_of(&self, call: CallId, side: Side) -> Option<&Audio> {
        let contact = self.contacts.get(call.0)?;
        match side {
            Side::Caller => Some(&contact.audio),
            Side::Agent(leg) => contact.audio_on(leg).map(|(audio, _)| audio),
        }
    }

    pub(in crate::node) fn leg_of(&self, call: CallId, side: Side) -> Option<LegId> {
        let contact = self.contacts.get(call.0)?;
        match side {
            Side::Caller => Some(contact.leg),
            Side::Agent(leg) => contact.is_joined(leg).then_some(leg),
        }
    }

    pub(in crate::node) fn queue_of(&self, call: CallId) -> QueueId {
        self.contacts.get(call.0).map_or_else(QueueId::default, |contact| contact.queue)
    }

    pub(in crate::node) fn audio_mut(&mut self, call: CallId, side: Side) -> Option<&mut Audio> {
        let contact = self.contacts.get_mut(call.0)?;
        match side {
            Side::Caller => Some(&mut contact.audio),
            Side::Agent(leg) => contact.audio_on_mut(leg),
        }
    }

    pub(in crate::node) fn apply_answer(&mut self, call: CallId, side: Side, sdp: &[u8]) -> bool {
        let (srtp, rtp) = (self.srtp_on(call, side), self.rtp);
        let Some(stream) = self.audio_mut(call, side).and_then(Audio::stream_mut) else { return false };
        let Ok(answer) = SessionDescription::parse_as(sdp, stream.answered_as(srtp)) else { return false };
        let Some(secure) = stream.answered(&answer) else { return false };
        let Ok(far) = media::accept_answer(&answer, stream.codecs) else { return false };
        stream.ptime_ms = answer.ptime_ms().unwrap_or(PTIME_MS);
        if !reaches(rtp.as_ref(), &far) {
            return false;
        }
        stream.face(&answer, rtp.as_ref());
        stream.theirs = Some(sdp.into());
        let keys = stream.agree(&answer, secure);
        self.media.extend(keys);
        self.set_far(call, side, far);
        true
    }

    /// A side's far end belongs to another neighbour now: whether its audio is latched onto is for that one to say.
    pub(in crate::node) fn move_audio(&mut self, call: CallId, side: Side) {
        if let Some(far) = self.audio_of(call, side).and_then(Audio::stream).and_then(|stream| stream.far) {
            self.set_far(call, side, far);
        }
    }

    /// The far end of a side's stream is known, or another.
    fn set_far(&mut self, call: CallId, side: Side, far: Far) {
        let symmetric = self.peer_of(call, side).is_some_and(|peer| self.directory.peer(peer).symmetric_rtp);
        let far = Far { symmetric, ..far };
        let Some(stream) = self.audio_mut(call, side).and_then(Audio::stream_mut) else { return };
        stream.far = Some(far);
        let stream = stream.id;
        self.media.push_back(media::Command::Far { stream, far });
    }

    /// What the agent has answered, where it says more of its codec than its name.
    fn agent_format(&self, call: CallId, codecs: Codecs) -> Option<SessionDescription> {
        if codecs.is_plain() {
            return None;
        }
        let leg = self.contacts.get(call.0)?.talking()?;
        read(self.audio_of(call, Side::Agent(leg))?.stream()?.theirs.as_deref())
    }

    fn describe_without_media(&mut self, call: CallId, theirs: Option<&[u8]>) -> Option<Box<[u8]>> {
        let leg = self.contact(call)?.leg;
        let host = self.local_to(Some(leg));
        let peer = self.contact(call)?.peer;
        let theirs = theirs.map(|theirs| self.handed_on(peer, theirs));
        let contact = self.contact(call)?;
        let local = nowhere(host);
        let sdp: Box<[u8]> = match (&contact.audio, theirs) {
            (Audio::Pending(Some(_)), Some(theirs)) => theirs,
            (Audio::Pending(Some(offer)), None) => media::inactive_answer(offer.read()?, &local).ok()?,
            (Audio::Pending(None) | Audio::Stream(_) | Audio::Described(_), _) => {
                media::offer(&local, &Offered::plain(Codecs::G711, Direction::Inactive))
            }
        };
        let theirs = match &mut contact.audio {
            Audio::Pending(offer) => offer.take().map(|offer| offer.text),
            Audio::Stream(_) | Audio::Described(_) => None,
        };
        contact.audio = Audio::Described(Box::new(Description { ours: sdp.clone(), theirs }));
        Some(sdp)
    }
}

impl Description {
    /// True when the far end only sends, or nobody does though somebody could.
    fn holds(&self) -> bool {
        let read = |text: Option<&[u8]>| {
            let session = SessionDescription::parse(text?).ok()?;
            session.audio().map(|(_, audio)| (audio.port, audio.direction))
        };
        let silent = read(Some(&self.ours)).is_some_and(|(port, _)| port == DISCARD_PORT);
        let theirs = read(self.theirs.as_deref()).map(|(_, direction)| direction);
        !silent && matches!(theirs, Some(Direction::SendOnly | Direction::Inactive))
    }

    /// Without media a refresh gets ours again, and a change of direction alone is answered; audio cannot be moved.
    fn change(&mut self, sdp: Option<&[u8]>, local: &Local) -> Option<Box<[u8]>> {
        let Some(sdp) = sdp else { return Some(self.ours.clone()) };
        let parsed = [Some(sdp), self.theirs.as_deref()].map(|text| SessionDescription::parse(text?).ok());
        if let [Some(new), Some(old)] = &parsed
            && same_media(new, old)
        {
            return Some(self.ours.clone());
        }
        let answer = redirected(sdp, self.theirs.as_deref(), &self.ours, local)?;
        self.theirs = Some(sdp.into());
        self.ours = answer.clone();
        Some(answer)
    }
}

impl Stream {
    pub(in crate::node) fn local(&self) -> Local {
        let (address, version) = (self.lease.address, self.version.into());
        let origin = self.ours.as_deref().and_then(media::origin).unwrap_or_else(|| address.ip());
        Local { address, origin, session: self.session, version, secure: None }
    }

    /// Our offer of what tones are there in.
    pub(in crate::node) fn offer_sdp(&mut self, srtp: Srtp, key: Option<MasterKey>) -> Box<[u8]> {
        media::offer(&self.offering(srtp, key), &Offered::plain(Codecs::G711, Direction::SendRecv))
    }

    /// Our answer, in what tones are there in, and what the offer says of the far end; `None` when nothing in it fits. The media
    /// worker is told of the keys.
    pub(in crate::node) fn answer(
        &mut self,
        offer: &SessionDescription,
        key: Option<MasterKey>,
    ) -> Option<(Box<[u8]>, Far, Option<media::Command>)> {
        let codecs = offer.codecs().filtered(|codec| codec.law().is_some());
        let ptime_ms = offer.ptime_ms().unwrap_or(PTIME_MS);
        let accept = Accept { codecs, parameters: None, ptime_ms, direction: Direction::SendRecv };
        let local = self.answering(offer, key);
        let (sdp, far) = media::answer(offer, &local, &accept).ok()?;
        Some((sdp, far, self.agree(offer, local.secure)))
    }
}

/// Our side where nothing is received.
const fn nowhere(host: IpAddr) -> Local {
    Local { address: SocketAddr::new(host, DISCARD_PORT), origin: host, session: 1, version: 1, secure: None }
}

/// Port 9: nothing is received there.
const DISCARD_PORT: u16 = 9;
