//! re-INVITE and UPDATE (RFC 3261 14, RFC 3311): judged for glare here, decided by the owner.

use std::net::SocketAddr;

use crate::base::{Instant, LegId};
use crate::call::ending::Answer;
use crate::call::event::Event;
use crate::call::inbound::usable_body;
use crate::call::leg::{Answers, Change, State};
use crate::call::legs::{ALLOW, Legs, SUPPORTED};
use crate::call::outbound::body;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::ServerKey;
use crate::sip::write::Writer;

impl Legs {
    /// Accepts the pending change: 200 with the answer (or our offer, when the re-INVITE had none).
    pub fn accept_change(&mut self, now: Instant, id: LegId, sdp: Option<&[u8]>) {
        let Some(leg) = self.leg(id) else { return };
        let Some(change) = leg.change.take() else { return };
        leg.dialog.refresh_target(&change.request);
        self.take_refresh(now, id, &change.request);
        let mut writer = self.response(change.source, &change.request, 200, None);
        self.write_contact(id, &mut writer);
        writer.line(Name::Allow, ALLOW);
        writer.line(Name::Supported, SUPPORTED);
        self.write_session(id, &mut writer);
        let response = match sdp {
            Some(sdp) => writer.finish_body("application/sdp", sdp),
            None => writer.finish(),
        };
        if change.method == Method::Invite {
            let number = change.request.cseq().map_or(0, |cseq| cseq.number);
            let (of, offer) = (Answers::Change, !change.offered);
            self.send_until_acknowledged(now, id, Answer { of, key: change.key, number, response, offer });
        } else {
            self.stack.respond(now, change.key, 200, response);
        }
    }

    /// Refuses the pending change; the session stays as it was.
    pub fn refuse_change(&mut self, now: Instant, id: LegId, status: u16) {
        let Some(change) = self.leg(id).and_then(|leg| leg.change.take()) else { return };
        self.reply(now, change.key, change.source, &change.request, status);
    }

    pub(super) fn on_change(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: Message) {
        let method = request.method();
        if let Err(code) = usable_body(&request) {
            return self.refuse_body(now, key, source, &request, code);
        }
        let offered = !request.body().is_empty();
        let Some(leg) = self.leg(id) else { return };
        if let Some(status) = glare(leg, method, offered) {
            return self.refuse_glare(now, key, source, &request, status);
        }
        if !self.is_long_enough(id, &request) {
            return self.refuse_interval(now, key, source, &request);
        }
        let Some(leg) = self.leg(id) else { return };
        if method == Method::Update && !offered {
            leg.dialog.refresh_target(&request);
            self.take_refresh(now, id, &request);
            let mut writer = self.response(source, &request, 200, None);
            self.write_contact(id, &mut writer);
            writer.line(Name::Allow, ALLOW);
            self.write_session(id, &mut writer);
            self.stack.respond(now, key, 200, writer.finish());
            return self.tell_connected(id, &request);
        }
        let sdp = body(&request);
        self.events.push_back(Event::Change { leg: id, sdp });
        self.tell_connected(id, &request);
        if let Some(leg) = self.leg(id) {
            leg.change = Some(Box::new(Change { key, source, request, method, offered }));
        }
    }

    pub(super) fn write_contact(&self, id: LegId, writer: &mut Writer) {
        let contact = self.legs.get(id.0).map_or(&self.contacts.own, |leg| self.contacts.of(&leg.dialog));
        writer.line(Name::Contact, contact);
    }

    /// 491, or 500 with a Retry-After of 0 to 10 s (RFC 3261 14.2, RFC 3311 5.2).
    fn refuse_glare(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message, status: u16) {
        let mut writer = self.response(source, request, status, None);
        if status == 500 {
            writer.line(Name::RetryAfter, b"1");
        }
        self.stack.respond(now, key, status, writer.finish());
    }
}

/// The status that refuses a change which crosses an exchange of ours.
fn glare(leg: &crate::call::leg::Leg, method: Method, offered: bool) -> Option<u16> {
    if leg.change.is_some() {
        return Some(500);
    }
    if leg.reinvite().is_some() && (method == Method::Invite || offered) {
        return Some(491);
    }
    match &leg.state {
        State::Incoming(_) if method == Method::Invite || offered => Some(500),
        State::Calling { .. } if method == Method::Invite || offered => Some(491),
        State::Cancelling { .. } | State::Ending => Some(481),
        State::Talking
            if leg.unacknowledged.as_ref().is_some_and(|ok| ok.offer) && (method == Method::Invite || offered) =>
        {
            Some(491)
        }
        State::Talking | State::Incoming(_) | State::Calling { .. } => None,
    }
}
