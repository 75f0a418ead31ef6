//! What the stack does with a message from the network: check it, find its transaction, absorb what came before, and tell
//! the user what is new. Never keeps a request: what a transaction needs of it is its key.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::clients::ClientMachine;
use super::event::{ClientKey, Door, Event, Refused, ServerKey, Wire};
use super::invite_server::InviteServer;
use super::key::{ByMatch, ByMerge, serial_of};
use super::request_server::RequestServer;
use super::stack::{Server, ServerMachine, Stack};
use crate::base::{Instant, limits};
use crate::sip::check::{Refusal, acceptable_response, check};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::value::SIP_PORT;
use crate::sip::write::{Writer, reason_phrase, respond};

impl Stack {
    /// Takes a datagram in. One that is no SIP message is dropped.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, datagram: Bytes) {
        if let Ok(message) = Message::parse(datagram) {
            self.handle_message(now, source, message);
        }
    }

    /// Takes a message in that the caller has parsed.
    pub fn handle_message(&mut self, now: Instant, source: SocketAddr, message: Message) {
        if let Door::Stream(wire) = self.output.door {
            self.streams.open(source, wire);
        }
        if message.is_request() {
            self.on_request(now, source, message);
        } else {
            self.on_response(now, source, message);
        }
    }

    /// An INVITE that the user has no room for: 503 with Retry-After, no transaction, and nothing at all when that would be
    /// longer than the INVITE.
    pub fn refuse_invite(&mut self, now: Instant, source: SocketAddr, message: &Message) -> Refused {
        if check(message).is_err() || !self.read_key(message, None, message.to_tag().unwrap_or_default()) {
            return Refused::Not;
        }
        if let Some(&key) = self.by_match.get(self.key.matching()) {
            self.on_repeated_request(now, key);
            return Refused::Before;
        }
        self.refuse(source, message, overloaded());
        if self.output.transmits.back().is_some_and(|refusal| refusal.payload.len() > message.raw().len()) {
            self.output.transmits.pop_back();
        }
        Refused::Now
    }

    /// True when a request is no new one: it repeats a live transaction's, or it is refused whatever it asks for.
    pub fn is_known(&mut self, message: &Message) -> bool {
        let readable = check(message).is_ok() && self.read_key(message, None, message.to_tag().unwrap_or_default());
        !readable || self.by_match.contains_key(self.key.matching())
    }

    fn on_request(&mut self, now: Instant, source: SocketAddr, message: Message) {
        let method = message.method();
        if let Err(refusal) = check(&message) {
            if method != Method::Ack {
                self.refuse(source, &message, refusal);
            }
            return;
        }
        if method == Method::Ack {
            self.on_ack(now, source, message);
            return;
        }
        if !self.read_key(&message, None, message.to_tag().unwrap_or_default()) {
            return;
        }
        if let Some(&key) = self.by_match.get(self.key.matching()) {
            self.on_repeated_request(now, key);
        } else if method == Method::Cancel {
            self.on_cancel(now, source, message);
        } else {
            self.on_new_request(now, source, message);
        }
    }

    /// Reads the key of a message into hand; see [`super::key::KeyText::read`].
    fn read_key(&mut self, message: &Message, method: Option<Method>, to_tag: &[u8]) -> bool {
        let (Some(via), Some(cseq)) = (message.top_via(), message.cseq()) else { return false };
        let method = method.map_or(cseq.method_text, |method| method.as_str().as_bytes());
        self.key.read(message, &via, method, to_tag)
    }

    fn on_repeated_request(&mut self, now: Instant, key: ServerKey) {
        let Some(server) = self.servers.get_mut(key.0) else { return };
        let mut link = self.output.link(now, key, server.peer).by(server.door);
        match &server.machine {
            ServerMachine::Invite(invite) => invite.on_request(&mut link),
            ServerMachine::Request(request) => request.on_request(&mut link),
        }
    }

    fn on_new_request(&mut self, now: Instant, source: SocketAddr, message: Message) {
        self.make_room(now);
        if self.key.merging().is_some_and(|merging| self.by_merge.contains_key(merging)) {
            self.refuse(source, &message, Refusal::new(482, reason_phrase(482)));
            return;
        }
        if !self.has_room(message.to_tag().is_some()) {
            self.refuse(source, &message, overloaded());
            return;
        }
        let machine = if message.method() == Method::Invite {
            let trying = respond(&message, source, 100, None, b"").finish();
            ServerMachine::Invite(InviteServer::new(trying))
        } else {
            ServerMachine::Request(RequestServer::Trying)
        };
        let key = self.open(source, &message, machine);
        self.output.tell(Event::Request { key, source, message });
    }

    /// RFC 3261 9.2. The INVITE is answered by the user; the CANCEL is a transaction of its own.
    fn on_cancel(&mut self, now: Instant, source: SocketAddr, message: Message) {
        let to_tag = message.to_tag().unwrap_or_default();
        let found = self.read_key(&message, Some(Method::Invite), to_tag);
        let invite = self.by_match.get(self.key.matching()).copied().filter(|_| found);
        let Some((invite, server)) = invite.and_then(|key| Some((key, self.servers.get_mut(key.0)?))) else {
            self.refuse(source, &message, Refusal::new(481, reason_phrase(481)));
            return;
        };
        let ServerMachine::Invite(machine) = &server.machine else { return };
        let pending = machine.is_pending();
        let tag = machine.response().and_then(to_tag_of);
        let tag = tag.unwrap_or_else(|| Bytes::copy_from_slice(&self.fresh_token()));
        let answer = self.finish(respond(&message, source, 200, None, &tag));
        if self.has_room(true) && self.read_key(&message, None, to_tag) {
            let key = self.open(source, &message, ServerMachine::Request(RequestServer::Trying));
            self.respond(now, key, 200, answer);
        } else {
            self.respond_stateless(source, answer);
        }
        if pending {
            self.output.tell(Event::Cancelled { key: invite, message });
        }
    }

    fn on_ack(&mut self, now: Instant, source: SocketAddr, message: Message) {
        let Some(key) = self.acknowledged(&message) else {
            self.output.tell(Event::Ack { source, message });
            return;
        };
        let Some(server) = self.servers.get_mut(key.0) else { return };
        let ServerMachine::Invite(invite) = &mut server.machine else { return };
        invite.on_ack(source, message, &mut self.output.link(now, key, server.peer).by(server.door));
    }

    /// The INVITE transaction an ACK belongs to. That of an RFC 2543 peer carries the tag of our response, which the INVITE
    /// had not (17.2.3).
    fn acknowledged(&mut self, message: &Message) -> Option<ServerKey> {
        let to_tag = message.to_tag().unwrap_or_default();
        if !self.read_key(message, Some(Method::Invite), to_tag) {
            return None;
        }
        if let Some(&key) = self.by_match.get(self.key.matching()) {
            return Some(key);
        }
        if message.top_via()?.has_unique_branch() || !self.read_key(message, Some(Method::Invite), b"") {
            return None;
        }
        let key = *self.by_match.get(self.key.matching())?;
        let ServerMachine::Invite(invite) = &self.servers.get_mut(key.0)?.machine else { return None };
        let same_tag = invite.response().is_none_or(|response| to_tag_of(response).is_some_and(|tag| tag == to_tag));
        same_tag.then_some(key)
    }

    fn on_response(&mut self, now: Instant, source: SocketAddr, message: Message) {
        if !acceptable_response(&message) {
            return;
        }
        let (Some(via), Some(cseq)) = (message.top_via(), message.cseq()) else { return };
        let Some(ip) = via.host_ip() else { return };
        let home = self.output.home(ip);
        let by_tls = self.output.door == Door::Stream(Wire::Tls);
        let sent_by = home.tls.filter(|_| by_tls).unwrap_or(home.sent_by);
        let is_ours = |port| port == sent_by.port() || !by_tls && home.public.is_some_and(|it| it.port() == port);
        if ip != sent_by.ip() && !self.output.is_inside(ip) || !is_ours(via.port.unwrap_or(SIP_PORT)) {
            return;
        }
        let Some(serial) = via.branch.and_then(|branch| serial_of(self.branches, branch)) else { return };
        let key = ClientKey(serial << 1 | u64::from(cseq.method == Method::Cancel));
        let method = cseq.method;
        let Some(client) = self.clients.get_mut(key).filter(|client| client.method == method) else {
            if method == Method::Invite && (200..300).contains(&message.status()) {
                self.output.tell(Event::Stray2xx { key, source, message });
            }
            return;
        };
        let mut link = self.output.link(now, key, client.peer).by(client.door);
        match &mut client.machine {
            ClientMachine::Invite(invite) => invite.on_response(source, message, &mut link),
            ClientMachine::Request(request) => request.on_response(source, message, &mut link),
        }
    }

    /// Whether one more transaction fits. Requests outside dialogs, which begin calls, leave a quarter to those inside, which
    /// end them.
    fn has_room(&self, in_dialog: bool) -> bool {
        self.live() < if in_dialog { self.room } else { self.room / 4 * 3 }
    }

    /// Files a new server transaction under the key in hand.
    fn open(&mut self, source: SocketAddr, message: &Message, machine: ServerMachine) -> ServerKey {
        let peer = self.answer_to(message, source);
        if let ServerMachine::Invite(InviteServer::Proceeding { response }) = &machine {
            self.output.send(self.output.door, peer, response.clone());
        }
        let text = self.key.share();
        let merging = self.key.merging().is_some() && message.method() != Method::Cancel;
        let server = Server { peer, door: self.output.door, key: Arc::clone(&text), machine };
        let key = ServerKey(self.servers.insert_with(|_| server));
        if merging {
            self.by_merge.insert(ByMerge(Arc::clone(&text)), key);
        }
        self.by_match.insert(ByMatch(text), key);
        key
    }

    /// Answers without a transaction. The To tag follows from the request's bytes (RFC 3261 8.2.7).
    fn refuse(&mut self, source: SocketAddr, request: &Message, refusal: Refusal) {
        let tag = self.steady_tag(request);
        let mut writer = respond(request, source, refusal.code, Some(&refusal.reason), &tag);
        if let Some((name, value)) = refusal.extra {
            writer.line(name, &value);
        }
        let answer = self.finish(writer);
        let destination = self.answer_to(request, source);
        self.output.is_stateless = true;
        self.output.send(self.output.door, destination, answer);
    }

    /// Where the response goes to a request from `source`: a stream's by the connection that the request came by.
    pub(super) fn answer_to(&self, message: &Message, source: SocketAddr) -> SocketAddr {
        if self.output.door.is_stream() {
            return source;
        }
        message.top_via().map_or(source, |via| via.response_target(source))
    }

    fn finish(&self, mut writer: Writer) -> Bytes {
        writer.line(Name::Server, self.output.config.server.as_bytes());
        writer.finish()
    }
}

/// The To tag of a response of ours.
fn to_tag_of(response: &Bytes) -> Option<Bytes> {
    let message = Message::parse(response.clone()).ok()?;
    message.to_tag().map(|tag| message.raw().slice_ref(tag))
}

/// 503 with Retry-After.
fn overloaded() -> Refusal {
    let retry_after = limits::RETRY_AFTER.as_secs().to_string().into_bytes();
    Refusal { extra: Some((Name::RetryAfter, retry_after)), ..Refusal::new(503, reason_phrase(503)) }
}
