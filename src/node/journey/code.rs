//! Feature codes: an agent's phone dials a number that means a change of its agent's state. The call is no contact; it is
//! answered, told by tones what became of it, and ended by us.
//!
//! ```text
//!   INVITE -- known ----> Asked ---- the hub has done it, or not: 200 ----> Telling ---- tone over ----> BYE
//!     |                     ^ \___ no answer in time: 500                      ^
//!     +-- unknown: 200      |                                                  |
//!           v               |                                                  |
//!         Typing -- agent # PIN # fit ---- Asked (answered before)             |
//!           +------- three wrong, or no key in time ---------------------------+
//! ```
//!
//! PINs cannot be tried out: three in a call, and after five wrong ones in a row an agent's PIN is good for nothing for five
//! minutes, on any phone and in any shard.

use std::time::Duration;

use crate::acd::Refusal;
use crate::base::limits::{CODE_CALLS_MAX, RETRY_AFTER};
use crate::base::{AgentId, Instant, LegId, PeerId, StreamId};
use crate::config::Feature;
use crate::media::{self, Signal, Source, Srtp, dtmf};
use crate::node::code_call::{CodeCall, Stage, Typed};
use crate::node::contact::Offer;
use crate::node::features::Dialled;
use crate::node::pins::Guess;
use crate::node::ports::Holder;
use crate::node::shard::{Owner, Shard, Timer, refused};
use crate::sip::message::Message;

/// The hub answers at once; longer is a fault.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Longer than our 200 is repeated (64*T1).
const ACKNOWLEDGED_BY: Duration = Duration::from_secs(40);
/// Between two keys, the first one included.
const KEY_TIME: Duration = Duration::from_secs(10);
/// What is heard of a tone after its end: the network's delay.
const TAIL: Duration = Duration::from_millis(200);
/// Wrong PINs in one call.
const WRONG_MAX: u8 = 3;

impl Shard {
    /// A number of no queue: a code, or nothing.
    pub(in crate::node) fn on_other_number(
        &mut self,
        now: Instant,
        leg: LegId,
        (peer, number): (Option<PeerId>, &str),
        request: &Message,
    ) {
        let feature = self.directory.features.meaning(peer, number);
        if let (Some(peer), Some(feature)) = (peer, feature) {
            return self.on_code(now, leg, (peer, number, feature), request);
        }
        self.commands.push_back(refused(Refusal::UnknownNumber));
        self.legs.reject(now, leg, 404, "Unknown Number", None);
    }

    /// A phone dials a code.
    fn on_code(&mut self, now: Instant, leg: LegId, (peer, code, feature): (PeerId, &str, Feature), request: &Message) {
        let agent = self.directory.features.agent_of(request);
        if agent.is_none() && !self.directory.features.asks_pins() {
            tracing::info!(code, "a code from a phone that is no agent's");
            return self.legs.reject(now, leg, 403, "Not An Agent", None);
        }
        let offer = (!request.body().is_empty()).then(|| Offer::new(request.body(), self.srtp_of(Some(peer))));
        let worker = self.ports.choose(self.directory.plan.agents.len(), self.directory.rings_at_most);
        let Some(worker) = worker.filter(|_| self.codes.len() < CODE_CALLS_MAX) else {
            return self.legs.reject(now, leg, 503, "Overloaded", Some(RETRY_AFTER));
        };
        self.ports.enter(worker);
        let Some(stream) = self.open_stream(worker, Holder::Caller, self.legs.far(leg)) else {
            self.ports.leave(worker);
            return self.legs.reject(now, leg, 503, "Overloaded", Some(RETRY_AFTER));
        };
        self.streams.insert(stream.id, leg);
        self.owners.insert(leg, Owner::Code);
        let timer = self.timers.arm(now + ANSWER_TIME, Timer::Code(leg));
        let stage = Stage::Asked { answered: false };
        let call = CodeCall { stream, peer, code: code.into(), feature, stage, timer, open: false };
        self.codes.insert(leg, call);
        if !self.describe_code(leg, offer) {
            self.forget_code(leg);
            return self.legs.reject(now, leg, 488, "No Usable Audio", None);
        }
        match agent {
            Some(agent) => self.ask_code(leg, agent),
            None => self.answer_code(now, leg, Stage::Typing(Typed::default())),
        }
    }

    /// The hub has done what was dialled, or not.
    pub(in crate::node) fn on_code_done(&mut self, now: Instant, leg: LegId, done: bool) {
        let signal = if done { Signal::Done } else { Signal::Refused };
        match self.codes.get(&leg).map(|call| &call.stage) {
            Some(Stage::Asked { answered: false }) => self.answer_code(now, leg, Stage::Telling(signal)),
            Some(Stage::Asked { answered: true }) => self.tell_code(now, leg, signal),
            Some(Stage::Typing(_) | Stage::Telling(_)) | None => {}
        }
    }

    /// Our 200 is acknowledged; what is to be heard begins.
    pub(in crate::node) fn on_code_confirmed(&mut self, now: Instant, leg: LegId, sdp: Option<&[u8]>) {
        let Some(call) = self.codes.get(&leg) else { return };
        if call.stream.far.is_none() && !sdp.is_some_and(|sdp| self.read_code_answer(leg, sdp)) {
            return self.end_code(now, leg);
        }
        let Some(call) = self.codes.get_mut(&leg) else { return };
        if std::mem::replace(&mut call.open, true) {
            return;
        }
        match &call.stage {
            Stage::Telling(signal) => {
                let signal = *signal;
                self.tell_code(now, leg, signal);
            }
            Stage::Typing(_) => self.prompt_code(now, leg, Signal::Prompt),
            Stage::Asked { .. } => {}
        }
    }

    /// A key, where it is one of such a call. False when it is not.
    pub(in crate::node) fn on_code_digit(&mut self, now: Instant, stream: StreamId, key: char) -> bool {
        let Some(leg) = self.streams.get(&stream).copied() else { return false };
        if self.owners.get(&leg) != Some(&Owner::Code) {
            return false;
        }
        self.on_code_key(now, leg, key);
        true
    }

    /// A key by SIP INFO.
    pub(in crate::node) fn on_code_info(&mut self, now: Instant, leg: LegId, content_type: &[u8], body: &[u8]) {
        if let Some(key) = dtmf::from_info(&String::from_utf8_lossy(content_type), body) {
            self.on_code_key(now, leg, key);
        }
    }

    /// Nothing came in time, or the tone is over.
    pub(in crate::node) fn on_code_time(&mut self, now: Instant, leg: LegId) {
        match self.codes.get(&leg).map(|call| &call.stage) {
            Some(Stage::Asked { answered: false }) => {
                self.forget_code(leg);
                self.legs.reject(now, leg, 500, "Server Internal Error", None);
            }
            Some(Stage::Typing(_)) => self.tell_code(now, leg, Signal::Refused),
            Some(Stage::Telling(_) | Stage::Asked { answered: true }) => self.end_code(now, leg),
            None => {}
        }
    }

    /// The leg is gone, or is to be.
    pub(in crate::node) fn forget_code(&mut self, leg: LegId) {
        self.owners.remove(&leg);
        let Some(call) = self.codes.remove(&leg) else { return };
        self.timers.cancel(call.timer);
        self.streams.remove(&call.stream.id);
        self.media.push_back(media::Command::Close { stream: call.stream.id });
        let worker = call.stream.lease.port.worker();
        self.ports.give_back(call.stream.lease, Holder::Caller);
        self.ports.leave(worker);
    }

    fn end_code(&mut self, now: Instant, leg: LegId) {
        self.forget_code(leg);
        self.legs.hang_up(now, leg);
    }

    fn on_code_key(&mut self, now: Instant, leg: LegId, key: char) {
        let Some(CodeCall { stage: Stage::Typing(typed), .. }) = self.codes.get_mut(&leg) else { return };
        let whole = typed.press(key);
        let Some((number, pin)) = whole else { return self.arm_code(now, leg, KEY_TIME) };
        if let Some(agent) = self.agent_who_typed(now, &number, &pin) {
            if let Some(call) = self.codes.get_mut(&leg) {
                call.stage = Stage::Asked { answered: true };
            }
            self.arm_code(now, leg, ANSWER_TIME);
            return self.ask_code(leg, agent);
        }
        let Some(CodeCall { stage: Stage::Typing(typed), .. }) = self.codes.get_mut(&leg) else { return };
        typed.wrong += 1;
        if typed.wrong < WRONG_MAX {
            return self.prompt_code(now, leg, Signal::Refused);
        }
        self.tell_code(now, leg, Signal::Refused);
    }

    /// Whose number and PIN these are. Who has guessed too often is not even told that it guesses right now.
    pub(in crate::node) fn agent_who_typed(&mut self, now: Instant, number: &str, pin: &str) -> Option<AgentId> {
        let features = &self.directory.features;
        let fits = features.agent_of_pin(number, pin);
        let agent = features.agent_of_number(number)?;
        if self.pins.is_locked(now, agent) {
            return None;
        }
        let guess = if fits.is_some() { Guess::Right } else { Guess::Wrong };
        if self.pins.note(now, agent, guess) {
            let agent = &self.directory.agent(agent).name;
            tracing::warn!(%agent, "wrong PINs in a row from phones; the PIN is locked for five minutes");
        }
        // With no slot for the letter the other shards do not hear of it.
        if self.has_slot() {
            self.pins.untold.push_back((agent, guess));
        }
        fits
    }

    /// Asks the hub. With no slot for the letter nothing is done.
    fn ask_code(&mut self, leg: LegId, agent: AgentId) {
        let Some(call) = self.codes.get(&leg) else { return };
        let dialled = Dialled { leg, agent, code: call.code.clone(), feature: call.feature.clone() };
        if self.has_slot() {
            self.dialled.push_back(dialled);
        }
    }

    /// Our side of the audio: the answer to the offer, or an offer. False when nothing in theirs fits.
    fn describe_code(&mut self, leg: LegId, offer: Option<Offer>) -> bool {
        let srtp = self.codes.get(&leg).map_or(Srtp::No, |call| self.srtp_of(Some(call.peer)));
        let (key, rtp) = (self.new_key(srtp), self.rtp);
        let Some(call) = self.codes.get_mut(&leg) else { return false };
        let Some(offer) = offer else {
            call.stream.ours = Some(call.stream.offer_sdp(srtp, key));
            return true;
        };
        let answer = offer.read().and_then(|offer| {
            call.stream.face(offer, rtp.as_ref());
            call.stream.answer(offer, key)
        });
        let Some((sdp, far, keys)) = answer else { return false };
        call.stream.ours = Some(sdp);
        self.media.extend(keys);
        self.set_code_far(leg, far)
    }

    fn read_code_answer(&mut self, leg: LegId, sdp: &[u8]) -> bool {
        let Some(call) = self.codes.get_mut(&leg) else { return false };
        let srtp = call.stream.answered_as(self.directory.peer(call.peer).srtp);
        let Ok(answer) = media::SessionDescription::parse_as(sdp, srtp) else { return false };
        let Some(secure) = call.stream.answered(&answer) else { return false };
        let Ok(far) = media::accept_answer(&answer, media::Codecs::G711) else { return false };
        let keys = call.stream.agree(&answer, secure);
        self.media.extend(keys);
        self.set_code_far(leg, far)
    }

    fn set_code_far(&mut self, leg: LegId, far: media::Far) -> bool {
        if !self.reaches(&far) {
            return false;
        }
        let Some(call) = self.codes.get_mut(&leg) else { return false };
        let symmetric = self.directory.peer(call.peer).symmetric_rtp;
        let far = media::Far { symmetric, ..far };
        call.stream.far = Some(far);
        self.media.push_back(media::Command::Far { stream: call.stream.id, far });
        true
    }

    /// 200; what follows begins when it is acknowledged.
    fn answer_code(&mut self, now: Instant, leg: LegId, stage: Stage) {
        let Some(call) = self.codes.get_mut(&leg) else { return };
        call.stage = stage;
        let Some(sdp) = call.stream.ours.clone() else { return };
        self.legs.answer(now, leg, &sdp);
        // Without an acknowledgement the leg ends by itself.
        self.arm_code(now, leg, ACKNOWLEDGED_BY);
    }

    /// The last tone; then we hang up.
    fn tell_code(&mut self, now: Instant, leg: LegId, signal: Signal) {
        let Some(call) = self.codes.get_mut(&leg) else { return };
        call.stage = Stage::Telling(signal);
        self.hear_code(leg, signal);
        self.arm_code(now, leg, signal.length() + TAIL);
    }

    /// A tone after which keys are awaited.
    fn prompt_code(&mut self, now: Instant, leg: LegId, signal: Signal) {
        self.hear_code(leg, signal);
        self.arm_code(now, leg, signal.length() + KEY_TIME);
    }

    fn hear_code(&mut self, leg: LegId, signal: Signal) {
        let Some(call) = self.codes.get(&leg) else { return };
        let source = Source::Tracks { tracks: vec![signal.track()], repeat: false };
        self.media.push_back(media::Command::Hear { stream: call.stream.id, source });
    }

    fn arm_code(&mut self, now: Instant, leg: LegId, after: Duration) {
        let Some(call) = self.codes.get_mut(&leg) else { return };
        let timer = self.timers.arm(now + after, Timer::Code(leg));
        self.timers.cancel(std::mem::replace(&mut call.timer, timer));
    }
}
