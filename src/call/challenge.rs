//! Far ends that ask who we are (401, 407): the request is repeated with our credentials, inside the same dialog and for the
//! same purpose (RFC 3261 22.2). Who has none, or was refused with them, takes the response as any other failure.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::Instant;
use crate::call::leg::State;
use crate::call::legs::{Legs, Purpose, leg_of_tag};
use crate::call::wallet::Wallet;
use crate::sip::auth;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, HOPS_MAX};
use crate::sip::write::Writer;

impl Legs {
    /// From now on these are our credentials, and phones may register or not.
    pub fn set_wallet(&mut self, wallet: Arc<Wallet>, registers: bool) {
        self.wallet = wallet;
        self.registers = registers;
    }

    /// A request of ours was answered with 401 or 407. True when it is repeated: then nothing has come to an end.
    pub(super) fn on_challenged(
        &mut self,
        now: Instant,
        key: ClientKey,
        destination: SocketAddr,
        response: &Message,
        request: Bytes,
    ) -> bool {
        let Some(purpose) = self.clients.get(&key).copied() else { return false };
        let wanted = match purpose {
            Purpose::Invite(leg) => self
                .legs
                .get(leg.0)
                .is_some_and(|leg| matches!(&leg.state, State::Calling { key: own, .. } if *own == key)),
            Purpose::Bye(_)
            | Purpose::Probe(_)
            | Purpose::Refresh(_)
            | Purpose::Notify(_)
            | Purpose::Subscribe(_)
            | Purpose::Nothing => true,
            // Whoever asks for credentials is alive.
            Purpose::Qualify(_) => false,
        };
        let Some(credentials) = self.wallet.find(destination).filter(|_| wanted).map(Arc::clone) else { return false };
        let Ok(request) = Message::parse(request) else { return false };
        let random = self.rng.u64();
        // A CANCEL is never repeated with credentials (RFC 3261 22.1).
        if request.method() == Method::Cancel {
            return false;
        }
        let Some(answer) = auth::answer(response, &request, &credentials, random) else { return false };
        let Some(number) = self.next_number(&request) else { return false };
        let hops = request.max_forwards().unwrap_or(HOPS_MAX);
        let (again, writer) = self.stack.start_request_within(request.method(), request.uri(), hops);
        let payload = repeat(writer, &request, number, &answer);
        self.clients.remove(&key);
        self.clients.insert(again, purpose);
        if let Purpose::Invite(leg) = purpose
            && let Some(leg) = self.leg(leg)
        {
            leg.invite = Some(again);
            leg.state = State::Calling { key: again, provisional: false };
        }
        if let Purpose::Refresh(leg) = purpose {
            self.on_refresh_repeated(leg, key, again);
        }
        self.stack.send_request(now, again, destination, payload);
        true
    }

    /// The CSeq number of a request that is repeated: the next of its dialog, where that lives.
    fn next_number(&mut self, request: &Message) -> Option<u32> {
        let number = request.cseq()?.number;
        let id = request.from_tag().and_then(leg_of_tag);
        let leg = id.and_then(|id| self.legs.get_mut(id.0)).map(|leg| &mut leg.dialog);
        let subscription = id.and_then(|id| self.subscriptions.get_mut(id.0)).map(|it| &mut it.dialog);
        match leg.into_iter().chain(subscription).find(|dialog| dialog.is_of(request)) {
            Some(dialog) => Some(dialog.next_number()),
            None => number.checked_add(1),
        }
    }
}

/// The request again with credentials and another number; all else as it was.
fn repeat(mut writer: Writer, request: &Message, number: u32, answer: &auth::Answer) -> Bytes {
    let ours = [Name::Via, Name::MaxForwards, Name::CSeq, Name::ContentLength, Name::ContentType, answer.name];
    for (name, text, value) in request.headers().filter(|(name, ..)| !ours.contains(name)) {
        match std::str::from_utf8(text) {
            Ok(text) if name == Name::Other => writer.line_text(text, value),
            Ok(_) | Err(_) => writer.line(name, value),
        };
    }
    writer.line_fmt(Name::CSeq, format_args!("{number} {}", request.method().as_str()));
    writer.line(answer.name, &answer.value);
    let content_type = request.value(Name::ContentType).and_then(|text| std::str::from_utf8(text).ok());
    match content_type.filter(|_| !request.body().is_empty()) {
        Some(content_type) => writer.finish_body(content_type, request.body()),
        None => writer.finish(),
    }
}
