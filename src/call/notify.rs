//! REFER inside a dialog (RFC 3515): read here, decided by the owner, and its news told by NOTIFY until one tells the end.
//!
//! The subscription outlives its leg (RFC 5057 4): who has handed a call on may have hung up, or have been hung up, before the
//! outcome is known. One NOTIFY is under way at a time, so that none overtakes another, and of what happens meanwhile only the
//! latest is told. The first that is refused, or not answered, ends it.

use std::net::SocketAddr;

use crate::base::{Instant, LegId};
use crate::call::event::Event;
use crate::call::leg::State;
use crate::call::legs::{Legs, Purpose};
use crate::call::refer::{Notifier, Refer, asked};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::ServerKey;
use crate::sip::write::reason_phrase;

/// How long a subscription lasts, as its first NOTIFY says: longer than any target rings.
const EXPIRES_S: u32 = 3_600;

impl Legs {
    /// Takes a REFER: 202, and 100 as the first news for who wishes to hear any.
    pub fn accept_refer(&mut self, now: Instant, refer: Refer) {
        let Refer { leg: id, key, source, request, subscribes, .. } = refer;
        let mut writer = self.response(source, &request, 202, None);
        self.write_contact(id, &mut writer);
        if !subscribes {
            writer.line_text("Refer-Sub", b"false");
        }
        self.stack.respond(now, key, 202, writer.finish());
        let Some(leg) = self.legs.get_mut(id.0).filter(|_| subscribes) else { return };
        let number = request.cseq().map(|cseq| cseq.number).filter(|_| leg.referred > 1);
        let notifier = Notifier { dialog: None, id: number, under_way: false, status: 0, next: None };
        self.notifiers.insert(id, notifier);
        self.tell_referrer(now, id, 100);
    }

    /// Refuses a REFER; nothing has happened.
    pub fn refuse_refer(&mut self, now: Instant, refer: &Refer, status: u16) {
        self.reply(now, refer.key, refer.source, &refer.request, status);
    }

    /// Tells whoever referred on this leg how far it is: a status as an INVITE to the target would be answered with. The first
    /// of 200 or more is the last; nobody may wish to hear it.
    pub fn tell_referrer(&mut self, now: Instant, id: LegId, status: u16) {
        let Some(notifier) = self.notifiers.get_mut(&id) else { return };
        if status <= notifier.status || notifier.status >= 200 {
            return;
        }
        notifier.status = status;
        notifier.next = Some(status);
        self.notify(now, id);
    }

    pub(super) fn on_refer(&mut self, now: Instant, id: LegId, key: ServerKey, source: SocketAddr, request: Message) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.referred = leg.referred.saturating_add(1);
        let asked = match &leg.state {
            State::Talking => asked(&request),
            State::Incoming(_) | State::Calling { .. } => Err(403),
            State::Cancelling { .. } | State::Ending => Err(481),
        };
        match asked {
            Ok((to, replaces)) => {
                let refused = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"false");
                let subscribes = !request.other("Refer-Sub").is_some_and(refused);
                let refer = Refer { leg: id, key, source, request, to, replaces, subscribes };
                self.events.push_back(Event::Refer { leg: id, refer: Box::new(refer) });
            }
            Err(status) => self.reply(now, key, source, &request, status),
        }
    }

    /// A NOTIFY was answered, or was not (408).
    pub(super) fn on_notified(&mut self, now: Instant, id: LegId, status: u16) {
        let Some(notifier) = self.notifiers.get_mut(&id) else { return };
        notifier.under_way = false;
        let is_over = notifier.next.is_none() && notifier.status >= 200;
        if is_over || status >= 300 {
            self.notifiers.remove(&id);
            return;
        }
        self.notify(now, id);
    }

    /// Sends what is to be told next, unless something is under way.
    fn notify(&mut self, now: Instant, id: LegId) {
        let Some(notifier) = self.notifiers.get_mut(&id) else { return };
        if notifier.under_way {
            return;
        }
        let Some(status) = notifier.next.take() else { return };
        let living = self.legs.get_mut(id.0).map(|leg| &mut leg.dialog);
        let Some(dialog) = notifier.dialog.as_mut().or(living) else { return };
        let (key, mut writer, destination) = dialog.request(&mut self.stack, Method::Notify);
        writer.line(Name::Contact, self.contacts.of(dialog));
        match notifier.id {
            Some(number) => writer.line_fmt(Name::Event, format_args!("refer;id={number}")),
            None => writer.line(Name::Event, b"refer"),
        };
        if status < 200 {
            writer.line_text("Subscription-State", format!("active;expires={EXPIRES_S}").as_bytes());
        } else {
            writer.line_text("Subscription-State", b"terminated;reason=noresource");
        }
        notifier.under_way = true;
        let body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        self.clients.insert(key, Purpose::Notify(id));
        self.stack.send_request(
            now,
            key,
            destination,
            writer.finish_body("message/sipfrag;version=2.0", body.as_bytes()),
        );
    }
}
