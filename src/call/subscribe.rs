//! SUBSCRIBE of ours and the NOTIFYs that come in its dialog. Here is the mechanism; when to ask, again or no more is the owner's
//! to say. A refusal or silence ends a subscription, also where it was to be refreshed: the owner begins anew, and what the far
//! end still sends into the old one is answered 481.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, LegId};
use crate::call::event::Event;
use crate::call::leg::Timer;
use crate::call::legs::{Legs, Purpose, TRANSACTION_TIME, leg_of_tag};
use crate::call::subscription::{Standing, Subscribe, Subscribed, Subscription, SubscriptionId, read, seconds};
use crate::sip::dialog::{Dialog, Outgoing};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::package::Package;
use crate::sip::transaction::ServerKey;
use crate::sip::write::Writer;

/// Who sent a NOTIFY that another has overtaken may send it again, with what holds then; without this it would have to give the
/// subscription up (RFC 6665 4.2.2).
const AGAIN_AFTER: &[u8] = b"1";

impl Legs {
    /// Asks a PBX to tell what a device does. [`Event::Subscribed`] tells what became of it, [`Event::Notified`] what the device
    /// does, in either order.
    pub fn subscribe(&mut self, now: Instant, ask: &Subscribe<'_>) -> SubscriptionId {
        let id = SubscriptionId(self.subscriptions.next_id());
        let tag = self.tag(LegId(id.0));
        let call_id = self.stack.fresh_token();
        let from = format!("<sip:strowger@{}>", self.host);
        let dialog = Dialog::outgoing(Outgoing {
            call_id: &call_id,
            from: from.as_bytes(),
            tag: &tag,
            uri: ask.uri,
            peer: ask.destination,
        });
        self.subscriptions.insert_with(|_| Subscription { dialog, package: ask.package, token: Some(ask.token) });
        self.ask(now, id, ask.expires);
        id
    }

    /// Asks for more time; the PBX says in any case again what the device does. False when it is gone.
    pub fn renew_subscription(&mut self, now: Instant, id: SubscriptionId, expires: Duration) -> bool {
        self.ask(now, id, expires)
    }

    /// Ends a subscription: nothing is told of it any more.
    pub fn unsubscribe(&mut self, now: Instant, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.get_mut(id.0) else { return };
        subscription.token = None;
        self.timers.arm(now + TRANSACTION_TIME, Timer::Unsubscribed(id));
        self.ask(now, id, Duration::ZERO);
    }

    /// Forgets a subscription that the far end has forgotten, too.
    pub fn forget_subscription(&mut self, id: SubscriptionId) {
        self.subscriptions.remove(id.0);
    }

    /// Subscriptions that live, or are being ended.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    fn ask(&mut self, now: Instant, id: SubscriptionId, expires: Duration) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(id.0) else { return false };
        let (key, mut writer, destination) = subscription.dialog.request(&mut self.stack, Method::Subscribe);
        writer.line(Name::Contact, &self.contacts.own);
        writer.line(Name::Event, subscription.package.event());
        writer.line(Name::Accept, subscription.package.media_type());
        writer.line_fmt(Name::Expires, format_args!("{}", expires.as_secs()));
        self.clients.insert(key, Purpose::Subscribe(id));
        self.stack.send_request(now, key, destination, writer.finish());
        true
    }

    pub(super) fn on_subscribed(&mut self, id: SubscriptionId, response: &Message) {
        let Some(subscription) = self.subscriptions.get_mut(id.0) else { return };
        let status = response.status();
        if (200..300).contains(&status) {
            if subscription.dialog.remote_tag().is_some() {
                subscription.dialog.refresh_target(response);
            } else {
                subscription.dialog.establish(response);
            }
            if let Some(token) = subscription.token {
                let answer = Subscribed::Until(seconds(response.value(Name::Expires)));
                self.events.push_back(Event::Subscribed { id, token, answer });
            }
            return;
        }
        let wait = match status {
            423 => seconds(response.other("Min-Expires")),
            _ => seconds(response.value(Name::RetryAfter)),
        };
        self.on_unsubscribed(id, Subscribed::Refused(status, wait));
    }

    /// It is gone.
    pub(super) fn on_unsubscribed(&mut self, id: SubscriptionId, answer: Subscribed) {
        let Some(Subscription { token: Some(token), .. }) = self.subscriptions.remove(id.0) else { return };
        self.events.push_back(Event::Subscribed { id, token, answer });
    }

    /// A NOTIFY inside a dialog: false when it is of no subscription of ours.
    pub(super) fn on_notify(
        &mut self,
        now: Instant,
        key: ServerKey,
        source: SocketAddr,
        request: &Message,
        number: u32,
    ) -> bool {
        let Some(id) = request.to_tag().and_then(leg_of_tag).map(|leg| SubscriptionId(leg.0)) else { return false };
        let subscription = self.subscriptions.get_mut(id.0).filter(|it| it.dialog.matches(request));
        let Some(subscription) = subscription else { return false };
        let (token, package) = (subscription.token, subscription.package);
        let (status, notice) = match read(request, package) {
            Ok(_) if !subscription.dialog.accept_sequence(number) => (500, None),
            Ok(notice) => {
                subscription.dialog.refresh_target(request);
                let unreadable = matches!(notice.document, Some(Err(_)));
                (if unreadable { 400 } else { 200 }, Some(notice))
            }
            Err(status) => (status, None),
        };
        self.respond_in(now, key, source, request, (status, None), |writer| explain(writer, status, package));
        let Some(notice) = notice else { return true };
        if matches!(notice.standing, Standing::Terminated(_)) {
            self.subscriptions.remove(id.0);
        }
        if let Some(token) = token {
            self.events.push_back(Event::Notified { id, token, notice: Box::new(notice) });
        }
        true
    }
}

/// What goes with the status of a refused NOTIFY.
fn explain(writer: &mut Writer, status: u16, package: Package) {
    match status {
        415 => writer.line(Name::Accept, package.media_type()),
        489 => writer.line_text("Allow-Events", package.event()),
        500 => writer.line(Name::RetryAfter, AGAIN_AFTER),
        _ => writer,
    };
}
