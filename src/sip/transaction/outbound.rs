//! What the stack does for its user: requests of ours and their CANCEL, answers to requests of others, tokens. Each request
//! gets a branch that names it (see `key`), so no table of branches exists.

use std::net::SocketAddr;

use bytes::Bytes;

use super::build;
use super::clients::{Client, ClientMachine};
use super::event::{ClientKey, Door, ServerKey, Transmit};
use super::invite_client::InviteClient;
use super::key::branch_proof;
use super::request_client::RequestClient;
use super::stack::{ServerMachine, Stack};
use crate::base::Instant;
use crate::base::digits::{Digits, padded_hex};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::write::Writer;

/// Max-Forwards of a request of our own (RFC 3261 8.1.1.6).
pub const HOPS_MAX: u32 = 70;

impl Stack {
    /// Begins a request: start line, Via with a fresh branch and Max-Forwards are written. The caller adds the other header
    /// fields, finishes it and passes it to [`Self::send_request`] (or [`Self::send_ack`] for the ACK of a 2xx).
    pub fn start_request(&mut self, method: Method, uri: &[u8]) -> (ClientKey, Writer) {
        self.start_request_within(method, uri, HOPS_MAX)
    }

    /// The same for a request made on behalf of another one: Max-Forwards is `hops`, so that loops end.
    pub fn start_request_within(&mut self, method: Method, uri: &[u8], hops: u32) -> (ClientKey, Writer) {
        self.serial += 1;
        let proof = branch_proof(self.branches, self.serial);
        let mut writer = Writer::request(method, uri);
        let serial = Digits::hex(self.serial);
        let public = self.public_via.as_ref().filter(|_| self.streams.asks_for_public());
        let via = public.unwrap_or(&self.via);
        writer.line_of(Name::Via, &[via, &padded_hex(proof), serial.as_bytes(), b";rport"]);
        writer.line(Name::MaxForwards, Digits::decimal(hops.into()).as_bytes());
        (ClientKey(self.serial << 1), writer)
    }

    /// Sends the request begun as `key` and starts its client transaction.
    pub fn send_request(&mut self, now: Instant, key: ClientKey, destination: SocketAddr, payload: Bytes) {
        self.make_room(now);
        let method = Method::from_bytes(payload.split(|&byte| byte == b' ').next().unwrap_or_default());
        let door = self.streams.door(destination);
        let mut link = self.output.link(now, key, destination).by(door);
        let machine = if method == Method::Invite {
            ClientMachine::Invite(InviteClient::start(payload, &mut link))
        } else {
            ClientMachine::Request(RequestClient::start(payload, &mut link))
        };
        let replaced = self.clients.insert(key, Client { peer: destination, door, method, machine });
        debug_assert!(replaced.is_none(), "a key is used for one request");
    }

    /// Sends the ACK of a 2xx, which is no transaction (RFC 3261 13.2.2.4).
    pub fn send_ack(&mut self, destination: SocketAddr, payload: Bytes) {
        let door = self.streams.door(destination);
        self.output.send(door, destination, payload);
    }

    /// Cancels an INVITE that has a provisional but no final response (RFC 3261 9.1): the key of the CANCEL's own
    /// transaction. `reason` is the value of its Reason header (RFC 3326). `None` when there is no such INVITE, or when it is
    /// cancelled already. An INVITE without a final response 64*T1 later fails.
    pub fn cancel(&mut self, now: Instant, key: ClientKey, reason: Option<&[u8]>) -> Option<ClientKey> {
        let client = self.clients.get_mut(key)?;
        let ClientMachine::Invite(invite) = &mut client.machine else { return None };
        let (peer, door) = (client.peer, client.door);
        let request = invite.on_cancel(&mut self.output.link(now, key, peer).by(door))?;
        if door != Door::Own {
            self.streams.ask(Some((peer, door)));
        }
        let cancel = ClientKey(key.0 | 1);
        self.send_request(now, cancel, peer, build::cancel(&request, reason)?);
        Some(cancel)
    }

    /// The user waits no longer for this request: an INVITE that has no response yet is not sent again, though one that comes
    /// is still told; any other request is forgotten.
    pub fn give_up(&mut self, now: Instant, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let mut link = self.output.link(now, key, client.peer).by(client.door);
        match &mut client.machine {
            ClientMachine::Invite(invite) => invite.on_give_up(&mut link),
            ClientMachine::Request(_) => {
                self.clients.remove(key);
            }
        }
    }

    /// Sends a response, whose status is `code`, in its server transaction. Nothing is sent when that transaction is over or
    /// has another final response.
    pub fn respond(&mut self, now: Instant, key: ServerKey, code: u16, payload: Bytes) {
        let Some(server) = self.servers.get_mut(key.0) else { return };
        let mut link = self.output.link(now, key, server.peer).by(server.door);
        match &mut server.machine {
            ServerMachine::Invite(invite) => invite.respond(code, payload, &mut link),
            ServerMachine::Request(request) => request.respond(code, payload, &mut link),
        }
    }

    /// Sends a response without a transaction, where its Via says (RFC 3261 18.2.2); `source` is the request's.
    pub fn respond_stateless(&mut self, source: SocketAddr, payload: Bytes) {
        self.output.is_stateless = true;
        let response = Message::parse(payload.clone()).ok();
        let destination = response.map_or(source, |response| self.answer_to(&response, source));
        self.output.send(self.output.door, destination, payload);
    }

    /// Sends the final response to a request that has changed nothing, and forgets both: a repeat is answered anew, and alike.
    pub fn dismiss(&mut self, key: ServerKey, payload: Bytes) {
        let Some(server) = self.servers.get_mut(key.0) else { return };
        let (door, peer) = (server.door, server.peer);
        self.output.is_stateless = true;
        self.output.send(door, peer, payload);
        self.close(key);
    }

    /// The To tag of a response that nothing is remembered of: it follows from the request's bytes (RFC 3261 8.2.7).
    pub fn steady_tag(&self, request: &Message) -> [u8; 16] {
        padded_hex(self.tags.digest(request.raw()))
    }

    /// True when something was answered without a transaction since this was last asked.
    pub const fn take_stateless(&mut self) -> bool {
        std::mem::replace(&mut self.output.is_stateless, false)
    }

    /// Takes back those of the messages not yet drained that are not to be kept.
    pub fn retain_transmits(&mut self, keep: impl FnMut(&mut Transmit) -> bool) {
        self.output.transmits.retain_mut(keep);
    }

    /// Sixteen hexadecimal digits that cannot be guessed, for tags and Call-IDs.
    pub fn fresh_token(&mut self) -> [u8; 16] {
        padded_hex(self.rng.u64())
    }
}
