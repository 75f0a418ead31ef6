//! Which codec each leg speaks. Nothing is transcoded but the two laws of G.711, so those who hear each other share one: agents
//! are offered what the caller can do, and where they choose another codec than the caller hears by now, one of both is offered
//! that by a re-INVITE.

use crate::acd::EndedBy;
use crate::base::{CallId, Instant, LegId, PeerId};
use crate::media::negotiate::PTIME_MS;
use crate::media::{self, Codec, Codecs, Direction, Local, Offered, SessionDescription, Srtp};
use crate::node::contact::{Audio, Phase, Stream};
use crate::node::shard::{Owner, Shard, Side};

impl Shard {
    /// The codecs of an offer that may be used with a neighbour, best first.
    pub(in crate::node) fn usable(&self, peer: Option<PeerId>, offer: &SessionDescription) -> Codecs {
        offer.codecs().allowed(self.directory.codecs(peer))
    }

    /// What a caller who may use these is answered with: what the agent speaks; while it waits, what there is music in. A
    /// caller who offers nothing of that hears nothing, but is not turned away.
    pub(in crate::node) fn codecs_for_caller(&self, call: CallId, usable: Codecs) -> Codecs {
        if let Some(theirs) = self.agent_codec(call) {
            return meeting(usable, theirs);
        }
        let music = self.music_codecs(call);
        let heard = usable.filtered(|codec| music.contains(codec));
        if heard.is_empty() { usable } else { heard }
    }

    /// What we offer a caller who made no offer.
    pub(in crate::node) fn codecs_to_offer(&self, call: CallId, peer: Option<PeerId>) -> Codecs {
        let music = self.music_codecs(call);
        let wished =
            self.directory.codecs(peer).map_or(Codecs::G711, |allowed| allowed.filtered(|it| music.contains(it)));
        if wished.is_empty() { Codecs::G711 } else { wished }
    }

    /// What an agent is offered, or a number outside: what the caller hears first, then what else it can do.
    pub(in crate::node) fn codecs_for_agent(&self, call: CallId, peer: PeerId) -> Codecs {
        let contact = self.contacts.get(call.0);
        let stream = contact.and_then(|contact| contact.audio.stream());
        let caller = contact.and_then(|contact| contact.peer);
        let usable = match stream.map(|stream| (stream, stream.offer.as_ref())) {
            Some((stream, _)) if stream.far.is_some() => stream.codecs,
            Some((_, Some(offer))) => offer.read().map_or(Codecs::NONE, |offer| self.usable(caller, offer)),
            Some((_, None)) | None => Codecs::G711,
        };
        let first = stream.and_then(|stream| stream.far).map(|far| far.codec).or_else(|| usable.first());
        let mut offered = Codecs::NONE;
        for codec in first.into_iter().chain(usable.iter()) {
            offered.push(codec);
            if codec.law().is_some() {
                Codecs::G711.iter().for_each(|law| offered.push(law));
            }
        }
        offered.allowed(self.directory.codecs(Some(peer)))
    }

    /// Our offer for the leg of an agent or a number outside: formats and packet time as the caller's.
    pub(in crate::node) fn offer_of(
        &mut self,
        call: CallId,
        peer: PeerId,
        stream: &mut Stream,
        codecs: Codecs,
    ) -> Box<[u8]> {
        let srtp = self.srtp_of(Some(peer));
        let local = stream.offering(srtp, self.new_key(srtp));
        let sdp = self.offer_like(call, &local, codecs);
        (stream.codecs, stream.ours) = (codecs, Some(sdp.clone()));
        sdp
    }

    fn offer_like(&self, call: CallId, local: &Local, codecs: Codecs) -> Box<[u8]> {
        let caller = self.audio_of(call, Side::Caller).and_then(Audio::stream);
        let pending = caller.and_then(|caller| caller.offer.as_ref()).and_then(|offer| offer.read());
        let said = || read(caller?.theirs.as_deref());
        let theirs = if codecs.is_plain() || pending.is_some() { None } else { said() };
        let like = pending.or(theirs.as_ref()).filter(|_| !codecs.is_plain());
        let told = pending.map(|offer| offer.ptime_ms().unwrap_or(PTIME_MS));
        let ptime_ms = told.or_else(|| caller.map(|caller| caller.ptime_ms)).unwrap_or(PTIME_MS);
        let offered = Offered { codecs, like, ptime_ms, direction: Direction::SendRecv };
        media::offer(local, &offered)
    }

    /// Those who hear each other on this call share a codec, or are about to.
    pub(in crate::node) fn realign(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let consulted = contact.handover.as_ref().map(|handover| handover.consulted());
        let pair = match (&contact.phase, consulted) {
            (Phase::Talking { agent, .. }, None) => Some((Side::Caller, Side::Agent(agent.leg))),
            (Phase::Talking { agent, .. }, Some(Some(leg))) => Some((Side::Agent(agent.leg), Side::Agent(leg))),
            (Phase::Outside { party, .. }, _) => Some((Side::Caller, Side::Agent(party.leg))),
            (Phase::Talking { .. } | Phase::Arriving | Phase::Waiting(_) | Phase::Alone, _) => None,
        };
        if let Some((one, other)) = pair {
            self.align(now, call, one, other);
        }
    }

    /// These two are to hear each other: where their codecs differ, one of both is offered the other's.
    pub(in crate::node) fn align(&mut self, now: Instant, call: CallId, one: Side, other: Side) {
        let codecs = [one, other].map(|side| self.codec_of(call, side));
        let [Some(ones), Some(others)] = codecs else { return };
        if ones.becomes(others) {
            return;
        }
        for (side, codec) in [(one, others), (other, ones)] {
            let meeting = meeting(self.codecs_of(call, side), codec);
            if !meeting.is_empty() {
                return self.reoffer(now, call, side, meeting);
            }
        }
        tracing::info!(%call, ?ones, ?others, "both sides share no codec");
        let leg = match other {
            Side::Agent(leg) => leg,
            Side::Caller => return,
        };
        self.owners.remove(&leg);
        self.legs.hang_up(now, leg);
        self.on_side_gone(now, call, other, EndedBy::System);
    }

    /// The caller is to hear the queue's music: where there is none in its codec, it is offered one in which there is.
    pub(in crate::node) fn align_music(&mut self, now: Instant, call: CallId) {
        let Some(codec) = self.codec_of(call, Side::Caller) else { return };
        let music = self.music_codecs(call);
        if music.contains(codec) || self.contacts.get(call.0).is_none_or(|contact| contact.answered.is_none()) {
            return;
        }
        let heard = self.codecs_of(call, Side::Caller).filtered(|codec| music.contains(codec));
        if !heard.is_empty() {
            self.reoffer(now, call, Side::Caller, heard);
        }
    }

    /// A far end has answered our offer of another codec.
    pub(in crate::node) fn on_reoffered(&mut self, now: Instant, leg: LegId, offer: Box<[u8]>, answer: Option<&[u8]>) {
        let (call, side) = match self.owners.get(&leg).copied() {
            Some(Owner::Caller(call)) => (call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (call, Side::Agent(leg)),
            Some(Owner::Released(..) | Owner::Code) | None => return,
        };
        if answer.is_some_and(|sdp| self.apply_answer(call, side, sdp)) {
            if let Some(stream) = self.audio_mut(call, side).and_then(Audio::stream_mut) {
                stream.ours = Some(offer);
            }
            self.tell_hold(call);
        } else if let (Some(refused), Some(stream)) =
            (read(Some(&offer)), self.audio_mut(call, side).and_then(Audio::stream_mut))
        {
            // The session is as before. What was refused is not offered again.
            tracing::info!(%call, ?side, "another codec was refused");
            let refused = refused.codecs();
            let current = stream.far.map(|far| far.codec);
            stream.codecs = stream.codecs.filtered(|codec| Some(codec) == current || !refused.contains(codec));
        }
        self.realign(now, call);
    }

    /// The codec of the far end of whoever this side hears by now, if it hears one.
    pub(in crate::node) fn codec_heard(&self, call: CallId, side: Side) -> Option<Codec> {
        let other = self.other_end(call, side)?;
        let is_caller = self.contacts.get(call.0).is_some_and(|contact| contact.leg == other);
        self.codec_of(call, if is_caller { Side::Caller } else { Side::Agent(other) })
    }

    /// In what all of the music of the call's queue is there.
    pub(in crate::node) fn music_codecs(&self, call: CallId) -> Codecs {
        self.directory.queue(self.queue_of(call)).audio.codecs
    }

    fn reoffer(&mut self, now: Instant, call: CallId, side: Side, codecs: Codecs) {
        let Some(leg) = self.leg_of(call, side) else { return };
        let srtp = self.srtp_on(call, side);
        let key = self.new_key(srtp);
        let Some(stream) = self.audio_mut(call, side).and_then(Audio::stream_mut) else { return };
        stream.version += 1;
        let said = [stream.theirs.as_deref(), stream.ours.as_deref()].map(read);
        let like = said.iter().flatten().find(|said| codecs.iter().all(|codec| said.codecs().contains(codec)));
        let ptime_ms = stream.ptime_ms;
        let offered = Offered { codecs, like, ptime_ms, direction: Direction::SendRecv };
        let sdp = media::offer(&stream.offering(srtp, key), &offered);
        tracing::debug!(%call, ?side, ?codecs, "another codec is offered");
        self.legs.reoffer(now, leg, &sdp);
    }

    fn codec_of(&self, call: CallId, side: Side) -> Option<Codec> {
        self.audio_of(call, side)?.stream()?.far.map(|far| far.codec)
    }

    fn codecs_of(&self, call: CallId, side: Side) -> Codecs {
        self.audio_of(call, side).and_then(Audio::stream).map_or(Codecs::NONE, |stream| stream.codecs)
    }

    /// The agent's codec, once known.
    fn agent_codec(&self, call: CallId) -> Option<Codec> {
        let leg = self.contacts.get(call.0)?.talking()?;
        self.codec_of(call, Side::Agent(leg))
    }
}

/// Of these, what can be heard by who speaks `theirs`, that itself first.
pub(in crate::node) fn meeting(usable: Codecs, theirs: Codec) -> Codecs {
    let wished = [theirs].into_iter().chain(usable.iter());
    wished.filter(|codec| usable.contains(*codec) && codec.becomes(theirs)).collect()
}

pub(in crate::node) fn read(text: Option<&[u8]>) -> Option<SessionDescription> {
    // What is asked is what it says of formats, encrypted or not.
    SessionDescription::parse_as(text?, Srtp::Optional).ok()
}
