//! INVITEs of ours: responses, ACK, giving up (CANCEL held back until a provisional has come, RFC 3261 9.1), late and forked
//! answers.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::{Instant, LegId};
use crate::call::event::{Event, Failure};
use crate::call::leg::{Leg, State, Timer};
use crate::call::legs::{ALLOW, Invite, Legs, Purpose, RELEASE_AFTER, SUPPORTED};
use crate::call::session::takes_update;
use crate::sip::cause::q850;
use crate::sip::dialog::{Dialog, Outgoing};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, Door, Stack};

impl Legs {
    /// Calls somebody. `Progress`, then `Answered` or `Failed` tell how it goes.
    pub fn invite(&mut self, now: Instant, spec: &Invite<'_>) -> LegId {
        let id = LegId(self.legs.next_id());
        let tag = self.tag(id);
        let call_id = self.stack.fresh_token();
        let mut dialog = Dialog::outgoing(Outgoing {
            call_id: &call_id,
            from: spec.from,
            tag: &tag,
            uri: spec.uri,
            peer: spec.destination,
        });
        if let Some(door) = spec.behind_nat {
            dialog.pin(door == Door::Public);
        }
        let (key, mut writer, _) = dialog.request_within(&mut self.stack, Method::Invite, spec.hops);
        if self.stack.next_goes_by_tls(spec.destination) {
            dialog.keep_to_tls();
        }
        writer.line(Name::Contact, self.contacts.of(&dialog));
        writer.line(Name::Allow, ALLOW);
        writer.line(Name::Supported, SUPPORTED);
        let session = self.ask_session(&mut writer, spec);
        for (name, value) in spec.headers {
            writer.line_text(name, value);
        }
        let payload = match spec.sdp {
            Some(sdp) => writer.finish_body("application/sdp", sdp),
            None => writer.finish(),
        };
        self.clients.insert(key, Purpose::Invite(id));
        let state = State::Calling { key, provisional: false };
        self.legs.insert_with(|_| Leg { invite: Some(key), session, ..Leg::new(id, dialog, state) });
        self.stack.send_request(now, key, spec.destination, payload);
        id
    }

    /// Stops an INVITE of ours: CANCEL as soon as a provisional has come. `Failed` with `Released` follows.
    pub(super) fn give_up(&mut self, now: Instant, id: LegId, key: ClientKey, provisional: bool) {
        if provisional {
            self.send_cancel(now, id, key);
        } else {
            self.stack.give_up(now, key);
        }
        let release = Some(self.timers.arm(now + RELEASE_AFTER, Timer::Release(id)));
        if let Some(leg) = self.leg(id) {
            leg.state = State::Cancelling { key, sent: provisional, release };
        }
    }

    pub(super) fn on_invite_response(&mut self, now: Instant, id: LegId, response: &Message) {
        if response.status() == 422 && self.ask_longer(now, id, response) {
            return;
        }
        let calling = self.legs.get(id.0).is_some_and(|leg| matches!(leg.state, State::Calling { .. }));
        if calling && (101..=199).contains(&response.status()) && !self.acknowledge_provisional(now, id, response) {
            return;
        }
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        match (response.status(), &mut leg.state) {
            (100..=199, State::Calling { provisional, .. }) => {
                *provisional = true;
                if response.status() > 100 && response.to_tag().is_some() {
                    leg.dialog.establish(response);
                }
                let forwarded = response.status() == 181
                    || response.value(Name::Diversion).is_some()
                    || response.value(Name::HistoryInfo).is_some();
                self.events.push_back(Event::Progress { leg: id, status: response.status(), forwarded });
            }
            (100..=199, State::Cancelling { key, sent, release }) => {
                if std::mem::replace(sent, true) {
                    return;
                }
                let key = *key;
                if let Some(early) = release {
                    self.timers.cancel(*early);
                    *early = self.timers.arm(now + RELEASE_AFTER, Timer::Release(id));
                }
                self.send_cancel(now, id, key);
            }
            (200..=299, State::Calling { .. }) => self.on_answer(now, id, response),
            (200..=299, State::Talking | State::Ending) => self.on_repeated_answer(now, id, response),
            (200..=299, State::Cancelling { .. }) => self.on_late_answer(now, id, response),
            (status, State::Calling { .. }) => self.finish_invite(id, Failure::Status(status, q850(response))),
            (_, State::Cancelling { .. }) => self.finish_invite(id, Failure::Released),
            (_, State::Incoming(_) | State::Talking | State::Ending) => {}
        }
    }

    pub(super) fn on_invite_timeout(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(id.0) else { return };
        match leg.state {
            State::Calling { .. } => self.finish_invite(id, Failure::Timeout),
            State::Cancelling { .. } => self.finish_invite(id, Failure::Released),
            State::Incoming(_) | State::Talking | State::Ending => {}
        }
    }

    /// A 2xx whose transaction is gone or another fork's: acknowledged and ended (13.2.2.4).
    pub(super) fn on_stray(&mut self, now: Instant, source: SocketAddr, response: &Message) {
        let (Some(mut dialog), Some(cseq)) = (Dialog::of_answer(response, source), response.cseq()) else { return };
        if self.stack.is_by_tls() {
            dialog.keep_to_tls();
        }
        if self.stack.is_by_public() {
            // Its INVITE went out there.
            dialog.pin(true);
        }
        acknowledge(&mut self.stack, &dialog, cseq.number);
        self.send_bye(now, &mut dialog, Purpose::Nothing);
    }

    /// 4 s after CANCEL the owner need not wait any more; the leg itself stays for its final response.
    pub(super) fn on_release(&mut self, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        if let State::Cancelling { release, .. } = &mut leg.state
            && release.take().is_some()
        {
            self.events.push_back(Event::Failed { leg: id, failure: Failure::Released });
        }
    }

    /// The far end says BYE before it has answered, or its answer was overtaken: it has left, whatever still comes.
    pub(super) fn on_early_bye(&mut self, now: Instant, id: LegId, key: ClientKey, provisional: bool) {
        self.give_up(now, id, key, provisional);
        if let Some(Leg { state: State::Cancelling { release, .. }, .. }) = self.legs.get_mut(id.0)
            && let Some(timer) = release.take()
        {
            self.timers.cancel(timer);
        }
        self.events.push_back(Event::Failed { leg: id, failure: Failure::Left });
    }

    pub(super) fn send_cancel(&mut self, now: Instant, id: LegId, key: ClientKey) {
        let reason = self.legs.get(id.0).and_then(|leg| leg.why.header());
        if let Some(cancel) = self.stack.cancel(now, key, reason) {
            self.clients.insert(cancel, Purpose::Nothing);
        }
    }

    fn on_answer(&mut self, now: Instant, id: LegId, response: &Message) {
        let number = response.cseq().map_or(1, |cseq| cseq.number);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.dialog.establish(response);
        leg.takes_update = takes_update(response);
        leg.state = State::Talking;
        acknowledge(&mut self.stack, &leg.dialog, number);
        let taken = leg.taken.take().filter(|taken| Some(&*taken.tag) == response.to_tag());
        let sdp = body(response).or_else(|| taken.and_then(|taken| taken.sdp));
        self.settle_session(now, id, response);
        self.tell_connected(id, response);
        self.events.push_back(Event::Answered { leg: id, sdp });
    }

    /// Our ACK was lost, or another fork answered too.
    fn on_repeated_answer(&mut self, now: Instant, id: LegId, response: &Message) {
        let number = response.cseq().map_or(1, |cseq| cseq.number);
        let Some(leg) = self.legs.get(id.0) else { return };
        if response.to_tag() == leg.dialog.remote_tag() {
            return acknowledge(&mut self.stack, &leg.dialog, number);
        }
        let mut dialog = leg.dialog.clone();
        dialog.establish(response);
        acknowledge(&mut self.stack, &dialog, number);
        self.send_bye(now, &mut dialog, Purpose::Nothing);
    }

    /// The answer crossed our CANCEL: acknowledged, then ended.
    fn on_late_answer(&mut self, now: Instant, id: LegId, response: &Message) {
        let number = response.cseq().map_or(1, |cseq| cseq.number);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.dialog.establish(response);
        acknowledge(&mut self.stack, &leg.dialog, number);
        let left = std::mem::replace(&mut leg.state, State::Ending);
        let (key, writer, destination) = leg.bye(&mut self.stack);
        self.clients.insert(key, Purpose::Bye(id));
        self.stack.send_request(now, key, destination, writer.finish());
        if self.disarm_release(&left) {
            self.events.push_back(Event::Failed { leg: id, failure: Failure::Released });
        }
    }

    fn finish_invite(&mut self, id: LegId, failure: Failure) {
        let Some(leg) = self.remove(id) else { return };
        if self.disarm_release(&leg.state) {
            self.events.push_back(Event::Failed { leg: id, failure });
        }
    }

    /// True when the owner still waits for the end of this leg.
    fn disarm_release(&mut self, state: &State) -> bool {
        let State::Cancelling { release, .. } = state else { return true };
        release.is_some_and(|timer| self.timers.cancel(timer).is_some())
    }
}

pub(super) fn acknowledge(stack: &mut Stack, dialog: &Dialog, number: u32) {
    let (writer, destination) = dialog.ack(stack, number);
    stack.send_ack(destination, writer.finish());
}

/// A copy of the body that does not hold the datagram.
pub(super) fn body(message: &Message) -> Option<Bytes> {
    (!message.body().is_empty()).then(|| Bytes::copy_from_slice(message.body()))
}
