//! How legs end: hanging up in every state, BYE from the far end, the 2xx that waits for its ACK, probes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, LegId};
use crate::call::event::{EndCause, Event};
use crate::call::leg::{Answers, Probing, State, Timer, Unacknowledged, Why};
use crate::call::legs::{Legs, Purpose, TRANSACTION_TIME};
use crate::call::outbound::body;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::name::Method;
use crate::sip::transaction::ServerKey;

/// RFC 3261 T1 and T2: the 2xx is repeated at these distances (13.3.1.4).
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// A 2xx of ours to an INVITE.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) of: Answers,
    pub(super) key: ServerKey,
    pub(super) number: u32,
    pub(super) response: Bytes,
    /// It carries our offer.
    pub(super) offer: bool,
}

impl Legs {
    /// Hangs up, as the leg's state asks: 480 for a caller not answered, CANCEL, or BYE. An INVITE of ours that is given up
    /// tells `Failed` with `Released`; otherwise nothing more is told of this leg.
    pub fn hang_up(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        match &leg.state {
            State::Incoming(_) => self.reject(now, id, 480, "Temporarily Unavailable", None),
            State::Calling { key, provisional } => {
                let (key, provisional) = (*key, *provisional);
                self.give_up(now, id, key, provisional);
            }
            State::Talking if leg.unacknowledged.as_ref().is_some_and(|ok| ok.of == Answers::Call) => {
                leg.state = State::Ending;
            }
            State::Talking => self.end(now, id),
            State::Cancelling { .. } | State::Ending => {}
        }
    }

    /// As [`Legs::hang_up`]; the CANCEL or BYE says why, the BYE of an answer that crosses our CANCEL too.
    pub fn hang_up_because(&mut self, now: Instant, id: LegId, why: Why) {
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.why = why;
        }
        self.hang_up(now, id);
    }

    /// Asks the far end whether it still knows the dialog; [`Event::Probed`] tells. By an UPDATE that changes nothing where it
    /// says that it takes that, for an Asterisk answers no OPTIONS inside a dialog that it knows; else by OPTIONS, for who does
    /// not take UPDATE may refuse it before it looks for the dialog (RFC 3261 8.2.1). A caller not answered may be asked too,
    /// once it rings: the 180 has made a dialog (12.1).
    pub fn probe(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.probing != Probing::Yes && matches!(leg.state, State::Talking | State::Incoming(_)) {
            leg.probing = Probing::Yes;
            self.send_probe(now, id);
        }
    }

    pub(super) fn send_probe(&mut self, now: Instant, id: LegId) {
        let Some(takes_update) = self.legs.get(id.0).map(|leg| leg.takes_update) else { return };
        let method = if takes_update { Method::Update } else { Method::Options };
        let Some((key, writer, destination)) = self.refresh_request(id, method, Purpose::Probe(id)) else { return };
        self.stack.send_request(now, key, destination, writer.finish());
    }

    /// Sends SIP INFO inside the dialog; nobody waits for the answer.
    pub fn info(&mut self, now: Instant, id: LegId, content_type: &str, body: &[u8]) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if !matches!(leg.state, State::Talking) {
            return;
        }
        let (key, writer, destination) = leg.dialog.request(&mut self.stack, Method::Info);
        self.clients.insert(key, Purpose::Nothing);
        self.stack.send_request(now, key, destination, writer.finish_body(content_type, body));
    }

    pub(super) fn on_bye(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: &Message) {
        self.reply(now, key, source, request, 200);
        let Some(leg) = self.legs.get(id.0) else { return };
        match &leg.state {
            State::Incoming(_) => {
                self.reject(now, id, 487, "Request Terminated", None);
                self.events.push_back(Event::Ended { leg: id, cause: EndCause::Cancelled });
            }
            State::Talking => {
                self.refuse_change(now, id, 487);
                self.drop_refresh(now, id);
                self.remove(id);
                self.events.push_back(Event::Ended { leg: id, cause: EndCause::Bye });
            }
            State::Ending => drop(self.remove(id)),
            State::Calling { key, provisional } => {
                let (key, provisional) = (*key, *provisional);
                self.on_early_bye(now, id, key, provisional);
            }
            State::Cancelling { .. } => {}
        }
    }

    pub(super) fn on_ack(&mut self, now: Instant, ack: &Message) {
        let sdp = body(ack);
        let Some(leg) = self.find(ack) else { return };
        let id = leg.id;
        let number = ack.cseq().map(|cseq| cseq.number);
        let Some(unacknowledged) = leg.unacknowledged.take_if(|ok| number == Some(ok.number)) else { return };
        let ending = matches!(leg.state, State::Ending);
        self.timers.cancel(unacknowledged.timer);
        if ending {
            return self.end(now, id);
        }
        self.events.push_back(Event::Confirmed { leg: id, sdp: sdp.filter(|_| unacknowledged.offer) });
    }

    /// Sends a 2xx to an INVITE and repeats it until its ACK comes or 64*T1 have passed.
    pub(super) fn send_until_acknowledged(&mut self, now: Instant, id: LegId, answer: Answer) {
        let Answer { of, key, number, response, offer } = answer;
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let kept = Bytes::copy_from_slice(&response);
        self.stack.respond(now, key, 200, response);
        let timer = self.timers.arm(now + T1, Timer::Retransmit(id));
        let give_up = now + TRANSACTION_TIME;
        let fresh = Unacknowledged { of, key, number, response: kept, offer, interval: T1, give_up, timer };
        if let Some(old) = leg.unacknowledged.replace(Box::new(fresh)) {
            self.timers.cancel(old.timer);
        }
    }

    pub(super) fn on_retransmit(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(unacknowledged) = &mut leg.unacknowledged else { return };
        if now >= unacknowledged.give_up {
            leg.unacknowledged = None;
            let told = matches!(leg.state, State::Ending);
            self.end(now, id);
            if !told {
                self.events.push_back(Event::Ended { leg: id, cause: EndCause::Unacknowledged });
            }
            return;
        }
        unacknowledged.interval = (unacknowledged.interval * 2).min(T2);
        let next = (now + unacknowledged.interval).min(unacknowledged.give_up);
        unacknowledged.timer = self.timers.arm(next, Timer::Retransmit(id));
        self.stack.respond(now, unacknowledged.key, 200, unacknowledged.response.clone());
    }

    /// The answer to a probe. A 2xx to an UPDATE is as to any other.
    pub(super) fn on_probe_answered(&mut self, now: Instant, id: LegId, response: &Message) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if (200..300).contains(&response.status()) && response.method() == Method::Update {
            leg.dialog.refresh_target(response);
            self.renew_session(now, id, response);
        } else if response.status() == 481
            && std::mem::replace(&mut leg.probing, Probing::Again) == Probing::Yes
            && self.repeat_provisional(now, id)
        {
            return;
        }
        self.on_probed(id, !matches!(response.status(), 408 | 481));
    }

    pub(super) fn on_probed(&mut self, id: LegId, alive: bool) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.probing = Probing::No;
        self.events.push_back(Event::Probed { leg: id, alive });
    }

    pub(super) fn send_bye(&mut self, now: Instant, dialog: &mut Dialog, purpose: Purpose) {
        let (key, writer, destination) = dialog.request(&mut self.stack, Method::Bye);
        self.clients.insert(key, purpose);
        self.stack.send_request(now, key, destination, writer.finish());
    }

    /// BYE; the leg stays until its final response.
    fn end(&mut self, now: Instant, id: LegId) {
        self.refuse_change(now, id, 487);
        self.drop_refresh(now, id);
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.state = State::Ending;
        if let Some(unacknowledged) = leg.unacknowledged.take() {
            self.timers.cancel(unacknowledged.timer);
        }
        let (key, mut writer, destination) = leg.bye(&mut self.stack);
        self.write_carried(id, &mut writer);
        self.clients.insert(key, Purpose::Bye(id));
        self.stack.send_request(now, key, destination, writer.finish());
    }
}
