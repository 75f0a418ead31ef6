//! Waiting: the caller is answered as the queue's policy says and hears music; digits, the unanswered limit.

use crate::acd::{Command, FlowOut};
use crate::base::limits::DIGITS_MAX;
use crate::base::{CallId, Instant, LegId, StreamId};
use crate::config::{AnswerPolicy, MediaPolicy};
use crate::media::dtmf;
use crate::node::contact::{Audio, Phase};
use crate::node::shard::{Owner, Shard, Side, Timer};

impl Shard {
    /// The engine has taken the call in.
    pub(in crate::node) fn on_queued(&mut self, now: Instant, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        contact.phase = Phase::Waiting;
        let (leg, answer, media, first) = (contact.leg, contact.answer, contact.media, contact.answered.is_none());
        if !first {
            return self.play_queue(call);
        }
        if answer != AnswerPolicy::OnQueue {
            let limit = self.directory.queue(self.queue_of(call)).config.unanswered_max;
            let timer = self.timers.arm(now + limit, Timer::Unanswered(call));
            if let Some(contact) = self.contact(call) {
                contact.unanswered = Some(timer);
            }
        }
        match (answer, media) {
            (AnswerPolicy::OnAgent, _) => self.legs.ring(now, leg, 180, None),
            (AnswerPolicy::Early, MediaPolicy::None) => self.legs.ring(now, leg, 183, None),
            (AnswerPolicy::Early, MediaPolicy::Anchor) => {
                if let Some(sdp) = self.describe_caller(call, None) {
                    self.legs.ring(now, leg, 183, Some(sdp.to_vec().into()));
                    self.play_queue(call);
                }
            }
            (AnswerPolicy::OnQueue, _) => {
                self.answer_caller(now, call, None);
                self.play_queue(call);
            }
        }
    }

    pub(in crate::node) fn on_unanswered_limit(&mut self, call: CallId) {
        let Some(contact) = self.contact(call) else { return };
        contact.unanswered = None;
        self.commands.push_back(Command::Leave { call, reason: FlowOut::Unanswered });
    }

    /// A key was pressed on one side. While both talk, RFC 4733 events are relayed by the media worker itself.
    pub(in crate::node) fn on_digit(&mut self, stream: StreamId, digit: char) {
        let Some((call, side)) = self.streams.get(&stream).copied() else { return };
        self.take_digit(call, side, digit);
    }

    /// SIP INFO: a digit is taken like any other, and goes on to the other side as INFO.
    pub(in crate::node) fn on_info(&mut self, now: Instant, leg: LegId, content_type: &[u8], body: &[u8]) {
        let (call, side) = match self.owners.get(&leg) {
            Some(Owner::Caller(call)) => (*call, Side::Caller),
            Some(Owner::Agent(call)) => (*call, Side::Agent),
            Some(Owner::Released(..)) | None => return,
        };
        let Some(digit) = dtmf::parse_info(content_type, body) else { return };
        self.take_digit(call, side, digit);
        let Some(Phase::Talking { agent, .. }) = self.contact(call).map(|contact| &contact.phase) else { return };
        let agent = agent.leg;
        let other = match side {
            Side::Caller => agent,
            Side::Agent => self.contact(call).map_or(agent, |contact| contact.leg),
        };
        let text = String::from_utf8_lossy(content_type).into_owned();
        self.legs.info(now, other, &text, body);
    }

    /// Digits are personal (card numbers): counted, never logged.
    fn take_digit(&mut self, call: CallId, side: Side, digit: char) {
        tracing::debug!(%call, ?side, "digit");
        if let (Side::Caller, Some(contact)) = (side, self.contact(call)) {
            if contact.digits.len() >= DIGITS_MAX {
                contact.digits.remove(0);
            }
            contact.digits.push(digit);
        }
    }

    /// Answers the caller: with the engine's own audio, or (signalling only) with what the agent said.
    pub(in crate::node) fn answer_caller(&mut self, now: Instant, call: CallId, theirs: Option<&[u8]>) {
        let Some(contact) = self.contact(call) else { return };
        if contact.answered.is_some() {
            return;
        }
        contact.answered = Some(now);
        let leg = contact.leg;
        if let Some(timer) = contact.unanswered.take() {
            self.timers.cancel(timer);
        }
        let sdp = self.describe_caller(call, theirs);
        self.legs.answer(now, leg, sdp.as_deref().unwrap_or_default());
        self.watch(call, Side::Caller);
    }

    /// Music, after the queue's prompt.
    pub(in crate::node) fn play_queue(&mut self, call: CallId) {
        let audio = self.directory.queue(self.queue_of(call)).audio;
        let Some(Audio::Stream(stream)) = self.contact(call).map(|contact| &contact.audio) else { return };
        let stream = stream.id;
        let tracks = audio.prompt.into_iter().chain([audio.music]).collect();
        let source = crate::media::Source::Tracks { tracks, repeat: true };
        self.media.push_back(crate::media::Command::Hear { stream, source });
    }
}
