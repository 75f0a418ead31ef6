//! Waiting: the caller is answered as the queue's policy says and hears music; digits, the unanswered limit.

use crate::acd::{Command, FlowOut};
use crate::base::{CallId, Instant, LegId, Pii, StreamId};
use crate::config::{AnswerPolicy, FaxPolicy, MediaPolicy};
use crate::media::dtmf;
use crate::node::contact::{Audio, Phase, Stream};
use crate::node::shard::{Owner, Shard, Side, Timer};

impl Shard {
    /// The engine has taken the call in. One that cannot be treated is let go, and no agent is rung for it meanwhile.
    /// A call about which a queue is consulted is treated by the agent who does.
    pub(in crate::node) fn on_queued(&mut self, now: Instant, call: CallId) {
        let phase = self.contacts.get(call.0).map(|contact| &contact.phase);
        if matches!(phase, Some(Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. })) {
            return;
        }
        match self.treat(now, call) {
            Ok(()) => {
                if let Some(contact) = self.contact(call) {
                    contact.phase = Phase::Waiting(Vec::new());
                }
            }
            Err(reason) => self.commands.push_back(Command::Leave { call, reason }),
        }
    }

    /// Answers or rings as the queue's policy says, and plays.
    fn treat(&mut self, now: Instant, call: CallId) -> Result<(), FlowOut> {
        let Some(contact) = self.contact(call) else { return Ok(()) };
        let (leg, answer, media, answered) = (contact.leg, contact.answer, contact.media, contact.answered.is_some());
        if !self.open_caller(call) {
            return Err(FlowOut::Overload);
        }
        if answered {
            self.play_queue(now, call);
            return Ok(());
        }
        if answer != AnswerPolicy::OnQueue {
            self.limit_unanswered(now, call);
        }
        match (answer, media) {
            (AnswerPolicy::OnAgent, _) | (AnswerPolicy::Early, MediaPolicy::None) => {
                self.legs.ring(now, leg, 180, None);
                Ok(())
            }
            (AnswerPolicy::Early, MediaPolicy::Anchor) => self.ring_with_music(now, call, leg),
            (AnswerPolicy::OnQueue, _) => {
                if !self.answer_caller(now, call, None) {
                    return Err(FlowOut::System);
                }
                self.play_queue(now, call);
                Ok(())
            }
        }
    }

    /// 183 with music. A caller who made no offer is made one there where it acknowledges provisionals, and answers it in its
    /// PRACK (RFC 3262 5); by an unreliable one it cannot be (RFC 3261 13.2.1): it rings.
    fn ring_with_music(&mut self, now: Instant, call: CallId, leg: LegId) -> Result<(), FlowOut> {
        let asked = |stream: &Stream| stream.offer.is_some() || stream.far.is_some();
        let has_asked = self.audio_of(call, Side::Caller).and_then(Audio::stream).is_some_and(asked);
        if !has_asked && !self.legs.takes_early_offer(leg) {
            self.legs.ring(now, leg, 180, None);
            return Ok(());
        }
        let sdp = self.describe_caller(call, None).ok_or(FlowOut::System)?;
        self.legs.ring(now, leg, 183, Some(sdp.into_vec().into()));
        self.play_queue(now, call);
        Ok(())
    }

    /// The limit of waiting unanswered begins; a call that moves between queues has one limit for all.
    fn limit_unanswered(&mut self, now: Instant, call: CallId) {
        let limit = self.directory.queue(self.queue_of(call)).config.unanswered_max;
        let Some(contact) = self.contacts.get_mut(call.0) else { return };
        if contact.unanswered.is_none() {
            contact.unanswered = Some(self.timers.arm(now + limit, Timer::Unanswered(call)));
        }
    }

    pub(in crate::node) fn on_unanswered_limit(&mut self, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        contact.unanswered = None;
        self.commands.push_back(Command::Leave { call, reason: FlowOut::Unanswered });
    }

    /// A key was pressed on one side. While both talk, RFC 4733 events are relayed by the media worker itself.
    pub(in crate::node) fn on_digit(&mut self, now: Instant, stream: StreamId, digit: char) {
        if self.on_code_digit(now, stream, digit) {
            return;
        }
        let Some((call, side)) = self.side_of(stream) else { return };
        self.take_digit(now, call, side, digit);
    }

    /// SIP INFO: a digit is taken like any other, and goes on to the other side as INFO, unless it is kept.
    pub(in crate::node) fn on_info(&mut self, now: Instant, leg: LegId, content_type: &[u8], body: &[u8]) {
        let (call, side) = match self.owners.get(&leg) {
            Some(Owner::Caller(call)) => (*call, Side::Caller),
            Some(Owner::Agent(call) | Owner::Outside(call)) => (*call, Side::Agent(leg)),
            Some(Owner::Code) => return self.on_code_info(now, leg, content_type, body),
            Some(Owner::Released(..)) | None => return,
        };
        let text = String::from_utf8_lossy(content_type).into_owned();
        let Some(digit) = dtmf::from_info(&text, body) else { return };
        if let Some(other) = self.other_end(call, side).filter(|_| !self.keeps_key(call, side)) {
            self.legs.info(now, other, &text, body);
        }
        self.take_digit(now, call, side, digit);
    }

    /// Digits are personal (card numbers): told to the hub, never logged. With no slot for a letter one is lost.
    fn take_digit(&mut self, now: Instant, call: CallId, side: Side, digit: char) {
        tracing::debug!(%call, ?side, "digit");
        match side {
            Side::Caller if self.has_slot() => {
                self.commands.push_back(Command::Digit { call, digit: Pii::new(digit) });
            }
            Side::Caller => {}
            Side::Agent(leg) if self.contact(call).is_some_and(|contact| contact.talking() == Some(leg)) => {
                self.on_talker_key(now, call, digit);
            }
            Side::Agent(leg) => self.on_key(call, leg, digit),
        }
    }

    /// Answers the caller: with the engine's own audio, or (signalling only) with what the agent said. False when its offer
    /// cannot be answered: it is still unanswered.
    pub(in crate::node) fn answer_caller(&mut self, now: Instant, call: CallId, theirs: Option<&[u8]>) -> bool {
        let Some(contact) = self.contact(call) else { return false };
        if contact.answered.is_some() {
            return true;
        }
        let Some(sdp) = self.describe_caller(call, theirs) else { return false };
        let Some(contact) = self.contact(call) else { return false };
        contact.answered = Some(now);
        let leg = contact.leg;
        let carried = match &mut contact.phase {
            Phase::Talking { agent, .. } => agent.carried.take(),
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone | Phase::Outside { .. } => None,
        };
        if let Some(timer) = contact.unanswered.take() {
            self.timers.cancel(timer);
        }
        if let Some(lines) = carried {
            self.legs.carry(leg, lines);
        }
        self.legs.answer(now, leg, &sdp);
        self.commands.push_back(Command::CallerAnswered { call });
        self.watch(call, Side::Caller);
        self.arm_probe(now, call);
        true
    }

    /// A fax machine is let go while it waits, unless its queue (it may have been moved) takes it like others. Who talks is the
    /// agent's to judge.
    pub(in crate::node) fn on_fax(&mut self, stream: StreamId) {
        let Some((call, Side::Caller)) = self.side_of(stream) else { return };
        let may_leave = self.contact(call).is_some_and(|contact| contact.is_waiting() && contact.moving.is_none());
        if may_leave && self.directory.queue(self.queue_of(call)).config.fax == FaxPolicy::Detect {
            tracing::info!(%call, "a fax machine calls");
            self.commands.push_back(Command::Leave { call, reason: FlowOut::Fax });
        }
    }

    /// Music, after the queue's prompt.
    pub(in crate::node) fn play_queue(&mut self, now: Instant, call: CallId) {
        let queue = self.directory.queue(self.queue_of(call));
        let (audio, seeks_fax) = (queue.audio, queue.config.fax == FaxPolicy::Detect);
        let Some(contact) = self.contact(call) else { return };
        let Audio::Stream(stream) = &contact.audio else { return };
        let stream = stream.id;
        contact.prompt = audio.prompt.map(|prompt| now + prompt.length);
        let tracks = audio.prompt.map(|prompt| prompt.track).into_iter().chain([audio.music]).collect();
        let source = crate::media::Source::Tracks { tracks, repeat: true };
        let seeks_fax = seeks_fax && contact.is_waiting();
        self.media.push_back(crate::media::Command::Hear { stream, source });
        if seeks_fax {
            self.media.push_back(crate::media::Command::Fax { stream });
        }
        self.align_music(now, call);
    }
}
