//! Reliable provisionals (RFC 3262): ours to a caller that requires them, or that can be made an offer by them, repeated until
//! the PRACK comes, and PRACKs of ours for those that an agent's phone sends so. A 2xx waits for the PRACK of a provisional
//! that carried a description (section 3).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, LegId};
use crate::call::event::{EndCause, Event};
use crate::call::leg::{Reliable, Sent, State, Taken, Timer};
use crate::call::legs::{Legs, Purpose, TRANSACTION_TIME};
use crate::call::outbound::body;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::ServerKey;
use crate::sip::value::decimal;

/// The first distance at which a provisional is repeated; each one is double the one before (section 3).
const T1: Duration = Duration::from_millis(500);

impl Legs {
    /// Sends what the caller is to be told now, or as soon as the provisional before it is acknowledged.
    pub(super) fn send_reliable(&mut self, now: Instant, id: LegId) {
        let contact = self.contacts.own.clone();
        let first = 1 + self.rng.below(i32::MAX.unsigned_abs());
        let Some(incoming) = self.incoming(id) else { return };
        let Some((status, sdp)) = incoming.provisional.clone() else { return };
        let offered = incoming.offered;
        let Some(reliable) = incoming.reliable.as_deref_mut() else { return };
        if reliable.sent.is_some() {
            reliable.waiting = true;
            return;
        }
        // What both agreed on is not said twice. Without an offer in the INVITE the first one must carry ours (section 5):
        // where there is none yet, the 100 has to do.
        let sdp = sdp.filter(|_| !reliable.described);
        if !offered && !reliable.described && sdp.is_none() {
            return;
        }
        reliable.number = if reliable.number == 0 { first } else { reliable.number + 1 };
        reliable.described |= sdp.is_some();
        let number = reliable.number;
        let key = incoming.key;
        let mut writer = incoming.provisional_response(status);
        writer.line(Name::Contact, &contact);
        writer.line(Name::Require, b"100rel");
        writer.line_fmt(Name::RSeq, format_args!("{number}"));
        let response = match &sdp {
            Some(sdp) => writer.finish_body("application/sdp", sdp),
            None => writer.finish(),
        };
        let kept = Bytes::copy_from_slice(&response);
        self.stack.respond(now, key, status, response);
        let timer = self.timers.arm(now + T1, Timer::Reliable(id));
        let give_up = now + TRANSACTION_TIME;
        let sent = Sent { status, response: kept, described: sdp.is_some(), interval: T1, give_up, timer };
        if let Some(reliable) = self.reliable(id) {
            reliable.sent = Some(sent);
        }
    }

    /// No PRACK has come: the provisional goes out again, and after 64*T1 the call is over (section 3).
    pub(super) fn on_reliable_due(&mut self, now: Instant, id: LegId) {
        let Some(incoming) = self.incoming(id) else { return };
        let key = incoming.key;
        let Some(sent) = incoming.reliable.as_deref_mut().and_then(|reliable| reliable.sent.as_mut()) else { return };
        if now >= sent.give_up {
            self.reject(now, id, 504, "Server Time-out", None);
            return self.events.push_back(Event::Ended { leg: id, cause: EndCause::Unacknowledged });
        }
        sent.interval *= 2;
        let (due, status, response) = ((now + sent.interval).min(sent.give_up), sent.status, sent.response.clone());
        let timer = self.timers.arm(due, Timer::Reliable(id));
        if let Some(sent) = self.reliable(id).and_then(|reliable| reliable.sent.as_mut()) {
            sent.timer = timer;
        }
        self.stack.respond(now, key, status, response);
    }

    /// The caller acknowledges a provisional: what waited for it goes out.
    pub(super) fn on_prack(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: &Message) {
        let rack = request.value(Name::RAck).and_then(rack);
        let Some(incoming) = self.incoming(id) else { return self.on_late_prack(now, id, key, source, request) };
        let (invite, offered) = (incoming.number, incoming.offered);
        let Some(reliable) = incoming.reliable.as_deref_mut().filter(|it| rack == Some((it.number, invite))) else {
            return self.reply(now, key, source, request, 481);
        };
        let Some(sent) = reliable.sent.take() else { return self.reply(now, key, source, request, 481) };
        let waiting = std::mem::take(&mut reliable.waiting);
        let answer = reliable.answer.take();
        self.timers.cancel(sent.timer);
        // Our offer is answered here. Another one of theirs would have to be answered at once: it comes again by UPDATE.
        let answers = sent.described && !offered;
        let code = if request.body().is_empty() || answers { 200 } else { 488 };
        self.reply(now, key, source, request, code);
        if answers {
            self.events.push_back(Event::Confirmed { leg: id, sdp: body(request) });
        }
        match answer {
            Some(sdp) => self.answer(now, id, &sdp),
            None if waiting => self.send_reliable(now, id),
            None => {}
        }
    }

    /// Our 2xx overtook the PRACK: a 481 would end the dialog for some (RFC 5057 5.1).
    fn on_late_prack(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: &Message) {
        let answered = self.leg(id).is_some_and(|leg| matches!(leg.state, State::Talking));
        self.reply(now, key, source, request, if answered { 200 } else { 481 });
    }

    /// True when the 2xx has to wait for a PRACK: it is sent then.
    pub(super) fn holds_answer(&mut self, id: LegId, sdp: &[u8]) -> bool {
        let Some(reliable) = self.reliable(id) else { return false };
        if reliable.sent.as_ref().is_none_or(|sent| !sent.described) {
            return false;
        }
        reliable.answer = Some(sdp.into());
        true
    }

    /// The INVITE gets its final response: its provisionals are not repeated any more. True when both have already described
    /// themselves.
    pub(super) fn end_reliable(&mut self, id: LegId) -> bool {
        let Some(reliable) = self.reliable(id) else { return false };
        let (described, sent) = (reliable.described, reliable.sent.take());
        if let Some(sent) = sent {
            self.timers.cancel(sent.timer);
        }
        described
    }

    /// A provisional came for our INVITE: PRACK, when it asks for one. False when it repeats one that has had it.
    pub(super) fn acknowledge_provisional(&mut self, now: Instant, id: LegId, response: &Message) -> bool {
        let required = response.elements(Name::Require).any(|tag| tag.eq_ignore_ascii_case(b"100rel"));
        let number = response.value(Name::RSeq).and_then(|value| decimal(value.trim_ascii()));
        let (true, Some(number), Some(tag)) = (required, number, response.to_tag()) else { return true };
        let Some(leg) = self.legs.get_mut(id.0) else { return true };
        let invite = response.cseq().map_or(1, |cseq| cseq.number);
        let same = leg.taken.as_deref().filter(|taken| &*taken.tag == tag);
        match same.map(|taken| taken.number) {
            Some(seen) if number <= seen => return false,
            // One before it is missing, and comes again (section 4).
            Some(seen) if number > seen + 1 => return true,
            Some(_) | None => {}
        }
        let before = same.and_then(|taken| taken.sdp.clone());
        leg.taken = Some(Box::new(Taken { tag: tag.into(), number, sdp: body(response).or(before) }));
        leg.dialog.establish(response);
        let (key, mut writer, destination) = leg.dialog.request(&mut self.stack, Method::Prack);
        writer.line_fmt(Name::RAck, format_args!("{number} {invite} INVITE"));
        self.clients.insert(key, Purpose::Nothing);
        self.stack.send_request(now, key, destination, writer.finish());
        true
    }

    fn reliable(&mut self, id: LegId) -> Option<&mut Reliable> {
        match &mut self.leg(id)?.state {
            State::Incoming(incoming) => incoming.reliable.as_deref_mut(),
            State::Calling { .. } | State::Cancelling { .. } | State::Talking | State::Ending => None,
        }
    }
}

/// `RSeq CSeq INVITE`: both numbers.
fn rack(value: &[u8]) -> Option<(u32, u32)> {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut number = || decimal(words.next()?).and_then(|number| u32::try_from(number).ok());
    let numbers = (number()?, number()?);
    (words.next() == Some(b"INVITE") && words.next().is_none()).then_some(numbers)
}
