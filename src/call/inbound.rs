//! Requests that come: new calls, and requests inside a dialog. The UA core's checks (RFC 3261 8.2) stand here; what a call
//! means is decided by the owner.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, LegId};
use crate::call::ending::Answer;
use crate::call::event::{EndCause, Event};
use crate::call::leg::{Answers, Incoming, Leg, Probing, Reliable, State, Timer, Why};
use crate::call::legs::{AGAIN, ALLOW, Legs, REFRESH, SUPPORTED};
use crate::call::session::{Session, takes_update};
use crate::sip::check;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::ServerKey;
use crate::sip::write::{self, Writer};

impl Legs {
    /// Sends a provisional (180, 183 ...) and repeats it each minute until the final response.
    pub fn ring(&mut self, now: Instant, id: LegId, status: u16, sdp: Option<Bytes>) {
        let Some(incoming) = self.incoming(id) else { return };
        incoming.provisional = Some((status, sdp));
        if let Some(timer) = incoming.refresh.take() {
            self.timers.cancel(timer);
        }
        self.on_refresh(now, id);
    }

    /// True when a caller who made no offer can be made one in a provisional (RFC 3262 5).
    pub fn takes_early_offer(&self, id: LegId) -> bool {
        match self.legs.get(id.0).map(|leg| &leg.state) {
            Some(State::Incoming(incoming)) => incoming.reliable.is_some() && !incoming.offered,
            Some(State::Calling { .. } | State::Cancelling { .. } | State::Talking | State::Ending) | None => false,
        }
    }

    /// Answers the call: 200, repeated until its ACK comes. `sdp` is the answer, or our offer when the INVITE had none.
    pub fn answer(&mut self, now: Instant, id: LegId, sdp: &[u8]) {
        if self.holds_answer(id, sdp) {
            return;
        }
        let described = self.end_reliable(id);
        let contact = self.contacts.own.clone();
        let Some(incoming) = self.incoming(id) else { return };
        let (key, number, offer) = (incoming.key, incoming.number, !incoming.offered && !described);
        let refresh = incoming.refresh.take();
        let mut writer = incoming.response(200, "OK");
        writer.line(Name::Contact, &contact);
        writer.line(Name::Allow, ALLOW);
        writer.line(Name::Supported, SUPPORTED);
        if let Some(leg) = self.leg(id) {
            leg.write_session(&mut writer);
            leg.state = State::Talking;
        }
        self.write_carried(id, &mut writer);
        let response = if described { writer.finish() } else { writer.finish_body("application/sdp", sdp) };
        if let Some(timer) = refresh {
            self.timers.cancel(timer);
        }
        self.servers.remove(&key);
        self.start_session(now, id);
        self.send_until_acknowledged(now, id, Answer { of: Answers::Call, key, number, response, offer });
    }

    /// Rejects the call; the leg is gone. `retry_after` goes with a 503.
    pub fn reject(&mut self, now: Instant, id: LegId, status: u16, reason: &str, retry_after: Option<Duration>) {
        self.end_reliable(id);
        let Some(incoming) = self.incoming(id) else { return };
        let key = incoming.key;
        let refresh = incoming.refresh.take();
        let mut writer = incoming.response(status, reason);
        if let Some(after) = retry_after {
            writer.line_fmt(Name::RetryAfter, format_args!("{}", after.as_secs()));
        }
        self.stack.respond(now, key, status, writer.finish());
        if let Some(timer) = refresh {
            self.timers.cancel(timer);
        }
        self.servers.remove(&key);
        self.remove(id);
    }

    pub(super) fn on_request(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: Message) {
        if request.to_tag().is_some() {
            return self.on_inside_dialog(now, key, source, request);
        }
        match request.method() {
            Method::Invite => self.on_invite(now, key, source, request),
            Method::Register if self.registers => {
                self.events.push_back(Event::Register { key, source, request: Box::new(request) });
            }
            Method::Options => self.answer_options(now, key, source, &request),
            Method::Bye | Method::Info | Method::Update | Method::Prack => self.dismiss(key, source, &request, 481),
            // Whom it would hand on is not said.
            Method::Refer => self.dismiss(key, source, &request, 403),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => self.refuse_method(now, key, source, &request),
        }
    }

    /// 487 for the INVITE that its caller cancelled.
    pub(super) fn on_cancelled(&mut self, now: Instant, key: ServerKey) {
        let Some(id) = self.servers.get(&key).copied() else { return };
        self.reject(now, id, 487, "Request Terminated", None);
        self.events.push_back(Event::Ended { leg: id, cause: EndCause::Cancelled });
    }

    /// Sends the provisional (again); a minute later once more.
    pub(super) fn on_refresh(&mut self, now: Instant, id: LegId) {
        if self.incoming(id).is_some_and(|incoming| incoming.is_reliable()) {
            self.send_reliable(now, id);
        } else {
            self.send_provisional(now, id);
        }
        let timer = self.timers.arm(now + REFRESH, Timer::Refresh(id));
        match self.incoming(id) {
            Some(incoming) => incoming.refresh = Some(timer),
            None => drop(self.timers.cancel(timer)),
        }
        if self.legs.get(id.0).is_some_and(|leg| leg.probing == Probing::Again) {
            self.send_probe(now, id);
        }
    }

    /// The caller knows no dialog: where that began with a provisional that was lost, the next one makes it (RFC 3261 12.1.2).
    /// True when it is on its way.
    pub(super) fn repeat_provisional(&mut self, now: Instant, id: LegId) -> bool {
        let Some(incoming) = self.incoming(id) else { return false };
        if incoming.is_reliable() || incoming.provisional.is_none() {
            return false;
        }
        let old = incoming.refresh.take();
        self.send_provisional(now, id);
        let timer = self.timers.arm(now + AGAIN, Timer::Refresh(id));
        if let Some(incoming) = self.incoming(id) {
            incoming.refresh = Some(timer);
        }
        if let Some(old) = old {
            self.timers.cancel(old);
        }
        true
    }

    fn send_provisional(&mut self, now: Instant, id: LegId) {
        let contact = self.contacts.own.clone();
        let Some(incoming) = self.incoming(id) else { return };
        let Some((status, sdp)) = incoming.provisional.clone() else { return };
        let key = incoming.key;
        let mut writer = incoming.provisional_response(status);
        writer.line(Name::Contact, &contact);
        let payload = match sdp {
            Some(sdp) => writer.finish_body("application/sdp", &sdp),
            None => writer.finish(),
        };
        self.stack.respond(now, key, status, payload);
    }

    fn on_invite(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: Message) {
        if let Err(code) = usable_body(&request) {
            self.events.push_back(Event::Unusable);
            return self.refuse_body(now, key, source, &request, code);
        }
        let Ok(session) = self.agree(&request, None) else {
            return self.refuse_interval(now, key, source, &request);
        };
        let id = LegId(self.legs.next_id());
        let tag = self.tag(id);
        let Some(mut dialog) = Dialog::incoming(&request, source, &tag) else {
            let writer = self.response(source, &request, 400, Some("Missing or unusable Contact"));
            return self.stack.respond(now, key, 400, writer.finish());
        };
        if self.stack.is_by_tls() {
            dialog.keep_to_tls();
        }
        let incoming = Incoming {
            key,
            number: request.cseq().map_or(0, |cseq| cseq.number),
            headers: headers(&request, source, &tag),
            offered: !request.body().is_empty(),
            provisional: None,
            refresh: None,
            reliable: reliable(&request).map(Box::new),
        };
        self.servers.insert(key, id);
        let session = session.map(|agreed| Box::new(Session::Agreed(agreed)));
        let takes_update = takes_update(&request);
        let state = State::Incoming(Box::new(incoming));
        self.legs.insert_with(|_| Leg { session, takes_update, ..Leg::new(id, dialog, state) });
        self.events.push_back(Event::Incoming { leg: id, source, request: Box::new(request) });
    }

    fn on_inside_dialog(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: Message) {
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        if request.method() == Method::Notify && self.on_notify(now, key, source, &request, number) {
            return;
        }
        let Some(leg) = self.find(&request) else {
            return self.dismiss(key, source, &request, 481);
        };
        let id = leg.id;
        if !leg.dialog.accept_sequence(number) {
            return self.reply(now, key, source, &request, 500);
        }
        match request.method() {
            Method::Bye => self.on_bye(now, id, key, source, &request),
            Method::Invite | Method::Update => self.on_change(now, id, key, source, request),
            Method::Info => self.on_info(now, id, key, source, &request),
            Method::Prack => self.on_prack(now, id, key, source, &request),
            Method::Options => self.answer_options(now, key, source, &request),
            Method::Refer => self.on_refer(now, id, key, source, request),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => self.refuse_method(now, key, source, &request),
        }
    }

    fn on_info(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: &Message) {
        self.reply(now, key, source, request, 200);
        let content_type = Bytes::copy_from_slice(request.value(Name::ContentType).unwrap_or_default());
        let body = Bytes::copy_from_slice(request.body());
        self.events.push_back(Event::Info { leg: id, content_type, body });
    }

    fn refuse_method(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message) {
        let mut writer = self.response(source, request, 405, None);
        writer.line(Name::Allow, ALLOW);
        self.finish(now, key, request, 405, writer);
    }

    pub(super) fn refuse_body(
        &mut self,
        now: Instant,
        key: ServerKey,
        source: SocketAddr,
        request: &Message,
        code: u16,
    ) {
        let mut writer = self.response(source, request, code, None);
        if code == 415 {
            writer.line(Name::Accept, b"application/sdp");
            writer.line(Name::AcceptEncoding, b"identity");
        }
        self.stack.respond(now, key, code, writer.finish());
    }

    pub(super) fn incoming(&mut self, id: LegId) -> Option<&mut Incoming> {
        match &mut self.leg(id)?.state {
            State::Incoming(incoming) => Some(incoming),
            State::Calling { .. } | State::Cancelling { .. } | State::Talking | State::Ending => None,
        }
    }
}

impl Leg {
    pub(super) const fn new(id: LegId, dialog: Dialog, state: State) -> Self {
        let (probing, why) = (Probing::No, Why::Unsaid);
        let called = matches!(state, State::Calling { .. });
        Self {
            id,
            dialog,
            state,
            invite: None,
            unacknowledged: None,
            change: None,
            session: None,
            reoffer: None,
            taken: None,
            referred: 0,
            probing,
            takes_update: false,
            called,
            why,
        }
    }
}

impl Incoming {
    /// A provisional with the kept header lines.
    pub(super) fn provisional_response(&self, status: u16) -> Writer {
        self.response(status, if status == 180 { "Ringing" } else { "Session Progress" })
    }

    /// Whether what the caller is to be told now is told reliably.
    fn is_reliable(&self) -> bool {
        let describes = self.provisional.as_ref().is_some_and(|(_, sdp)| sdp.is_some());
        self.reliable.as_ref().is_some_and(|reliable| reliable.required || reliable.described || describes)
    }

    /// A response with the kept header lines.
    fn response(&self, status: u16, reason: &str) -> Writer {
        let mut writer = Writer::response(status, reason);
        writer.lines(&self.headers);
        writer
    }
}

/// Whether provisionals are acknowledged.
fn reliable(request: &Message) -> Option<Reliable> {
    let says = |name| request.elements(name).any(|tag| tag.eq_ignore_ascii_case(b"100rel"));
    let required = says(Name::Require);
    let may_be_offered = required || (request.body().is_empty() && says(Name::Supported));
    may_be_offered.then(|| Reliable { required, ..Reliable::default() })
}

/// What every response to an INVITE says, its routes included (RFC 3261 12.1.1).
fn headers(request: &Message, source: SocketAddr, tag: &[u8]) -> Box<[u8]> {
    let mut writer = write::respond(request, source, 200, None, tag);
    writer.copy(request, Name::RecordRoute);
    writer.into_headers()
}

/// What is wrong with the body of an INVITE or UPDATE: 415 (with Accept) or 406.
pub(super) fn usable_body(request: &Message) -> Result<(), u16> {
    if !check::body_is_sdp_or_absent(request) || !check::body_is_plain(request) {
        return Err(415);
    }
    if check::accepts_sdp(request) { Ok(()) } else { Err(406) }
}
