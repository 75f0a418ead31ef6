//! The transactions of a simulated phone over UDP: its own small reading of RFC 3261 section 17, written apart from the engine's.
//!
//! Repeats what was not answered, answers repeats from memory, acknowledges failures, repeats a 2xx until its ACK. Knows no
//! dialogs and makes no decisions: what is new goes up to the phone as [`Up`].

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, Rng, TimerKey, Timers};
use crate::sim::wire::Wire;

/// RFC 3261 17.1.1.1: the round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// RFC 3261 17.1.2.1: the longest interval between repeats.
pub const T2: Duration = Duration::from_secs(4);
/// RFC 3261 17: a transaction is given up after so long.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// What the transactions tell the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Up {
    /// A request not seen before, or the ACK of a 2xx.
    Request(Wire, SocketAddr),
    /// A response: each provisional, the first final one.
    Response(Wire),
    /// Our request got no final answer.
    Unanswered {
        /// Its Call-ID.
        call_id: String,
        /// Its method.
        method: String,
    },
    /// Our 2xx got no ACK.
    Unacknowledged {
        /// Its Call-ID.
        call_id: String,
    },
}

/// The transactions of one phone.
#[derive(Debug)]
pub struct Ua {
    name: String,
    address: SocketAddr,
    rng: Rng,
    outbox: VecDeque<(SocketAddr, Bytes)>,
    timers: Timers<Alarm>,
    clients: BTreeMap<Key, Client>,
    servers: BTreeMap<Key, Server>,
    acks: BTreeMap<(String, u32), (SocketAddr, Bytes)>,
}

/// Branch and method: what tells transactions apart (RFC 3261 17.1.3, 17.2.3).
type Key = (String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Alarm {
    Resend(Key),
    GiveUp(Key),
    Forget(Key),
    Repeat(Key),
    Abandon(Key),
    Erase(Key),
}

#[derive(Debug)]
struct Client {
    destination: SocketAddr,
    request: Wire,
    bytes: Bytes,
    interval: Duration,
    resend: Option<TimerKey>,
    give_up: Option<TimerKey>,
    done: bool,
    ack: Option<Bytes>,
}

#[derive(Debug)]
struct Server {
    source: SocketAddr,
    call_id: String,
    cseq: u32,
    last: Option<Bytes>,
    interval: Duration,
    repeat: Option<TimerKey>,
    abandon: Option<TimerKey>,
    success: bool,
}

impl Ua {
    /// The transactions of a phone that writes `address` into Via, and `name` at `address` into Contact.
    pub fn new(name: &str, address: SocketAddr, rng: Rng) -> Self {
        Self {
            name: name.to_string(),
            address,
            rng,
            outbox: VecDeque::new(),
            timers: Timers::default(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            acks: BTreeMap::new(),
        }
    }

    /// The address written into Via and Contact.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its host as it stands in a URI.
    pub fn host(&self) -> String {
        match self.address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }
    }

    /// The value of Contact.
    pub fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.name, self.address)
    }

    /// Those of another device at the same address and of the same name.
    pub fn beside(&mut self) -> Self {
        Self::new(&self.name, self.address, self.rng.fork())
    }

    /// A fresh token for a tag, a Call-ID or a branch.
    pub fn token(&mut self) -> String {
        format!("{:08x}", self.rng.u32())
    }

    /// A random time in `from..to`.
    pub fn pause(&mut self, from: Duration, to: Duration) -> Duration {
        from + (to.saturating_sub(from)).mul_f64(self.rng.fraction())
    }

    /// Sends a request (no ACK) in a new transaction, with a Via of its own on top. Returns it as sent.
    pub fn send(&mut self, now: Instant, destination: SocketAddr, request: &Wire) -> Wire {
        let branch = format!("z9hG4bK{}", self.token());
        self.send_with_branch(now, destination, request, &branch)
    }

    /// Sends the bytes of a request once more, as a network that duplicates would.
    pub fn repeat(&mut self, destination: SocketAddr, request: &Wire) {
        self.outbox.push_back((destination, request.encode()));
    }

    /// Sends the CANCEL of an INVITE that has had a provisional response, and bounds the wait for its final one.
    pub fn cancel(&mut self, now: Instant, destination: SocketAddr, invite: &Wire) {
        let branch = invite.branch().unwrap_or_default().to_string();
        let number = invite.cseq().map_or(1, |(number, _)| number);
        let copy = |name: &str| invite.header(name).unwrap_or_default().to_string();
        let cancel = Wire::request("CANCEL", invite.uri())
            .with("From", copy("From"))
            .with("To", copy("To"))
            .with("Call-ID", copy("Call-ID"))
            .with("CSeq", format!("{number} CANCEL"))
            .with("Max-Forwards", "70");
        self.send_with_branch(now, destination, &cancel, &branch);
        let key = (branch, "INVITE".to_string());
        if let Some(client) = self.clients.get_mut(&key) {
            client.give_up = Some(self.timers.arm(now + GIVE_UP, Alarm::GiveUp(key)));
        }
    }

    /// Sends the ACK of a 2xx and keeps it for repeats of the 2xx.
    pub fn acknowledge(&mut self, destination: SocketAddr, ack: &Wire) {
        let branch = format!("z9hG4bK{}", self.token());
        let bytes = self.with_via(ack, &branch).encode();
        let number = ack.cseq().map_or(0, |(number, _)| number);
        self.acks.insert((ack.call_id().to_string(), number), (destination, bytes.clone()));
        self.outbox.push_back((destination, bytes));
    }

    /// Answers a request that came up.
    pub fn respond(&mut self, now: Instant, request: &Wire, response: &Wire) {
        let (Some(key), Some(code)) = (key_of(request), response.code()) else { return };
        let Some(server) = self.servers.get_mut(&key) else { return };
        let bytes = response.encode();
        server.last = Some(bytes.clone());
        self.outbox.push_back((server.source, bytes));
        if code < 200 {
            return;
        }
        if key.1 == "INVITE" {
            server.success = code < 300;
            server.interval = T1;
            server.repeat = Some(self.timers.arm(now + T1, Alarm::Repeat(key.clone())));
            server.abandon = Some(self.timers.arm(now + GIVE_UP, Alarm::Abandon(key)));
        } else {
            self.timers.arm(now + GIVE_UP, Alarm::Erase(key));
        }
    }

    /// Reads a datagram; what is new comes back.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) -> Option<Up> {
        let message = Wire::parse(bytes)?;
        match message.code() {
            Some(code) => self.on_response(now, code, message),
            None => self.on_request(now, source, message),
        }
    }

    /// Time passed; what was given up comes back.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Up> {
        let mut ups = Vec::new();
        while let Some(alarm) = self.timers.pop_due(now) {
            match alarm {
                Alarm::Resend(key) => self.on_resend(now, key),
                Alarm::GiveUp(key) => ups.extend(self.on_give_up(key)),
                Alarm::Forget(key) => drop(self.clients.remove(&key)),
                Alarm::Repeat(key) => self.on_repeat(now, key),
                Alarm::Abandon(key) => ups.extend(self.on_abandon(key)),
                Alarm::Erase(key) => drop(self.servers.remove(&key)),
            }
        }
        ups
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.outbox.pop_front()
    }

    /// The dialog is over: an INVITE of ours inside it needs no answer any more.
    pub fn forget_invites(&mut self, call_id: &str) {
        for ((_, method), client) in &mut self.clients {
            if method == "INVITE" && !client.done && client.request.call_id() == call_id {
                client.done = true;
                client.resend.take().map(|timer| self.timers.cancel(timer));
                client.give_up.take().map(|timer| self.timers.cancel(timer));
            }
        }
    }

    /// True when no request of ours waits for its answer and no answer of ours for its ACK.
    pub fn is_quiet(&self) -> bool {
        self.clients.values().all(|client| client.done) && self.servers.values().all(|server| server.abandon.is_none())
    }

    /// Forgets everything: the phone has lost its power.
    pub fn clear(&mut self) {
        self.outbox.clear();
        self.timers = Timers::default();
        self.clients.clear();
        self.servers.clear();
        self.acks.clear();
    }

    fn with_via(&self, message: &Wire, branch: &str) -> Wire {
        message.clone().with_first("Via", format!("SIP/2.0/UDP {};rport;branch={branch}", self.address))
    }

    fn send_with_branch(&mut self, now: Instant, destination: SocketAddr, request: &Wire, branch: &str) -> Wire {
        let request = self.with_via(request, branch);
        let bytes = request.encode();
        let key = (branch.to_string(), request.method().unwrap_or_default().to_string());
        let client = Client {
            destination,
            request: request.clone(),
            bytes: bytes.clone(),
            interval: T1,
            resend: Some(self.timers.arm(now + T1, Alarm::Resend(key.clone()))),
            give_up: Some(self.timers.arm(now + GIVE_UP, Alarm::GiveUp(key.clone()))),
            done: false,
            ack: None,
        };
        self.clients.insert(key, client);
        self.outbox.push_back((destination, bytes));
        request
    }

    fn on_response(&mut self, now: Instant, code: u16, response: Wire) -> Option<Up> {
        let (number, method) = response.cseq()?;
        if method == "INVITE"
            && (200..300).contains(&code)
            && let Some((destination, ack)) = self.acks.get(&(response.call_id().to_string(), number))
        {
            self.outbox.push_back((*destination, ack.clone()));
            return None;
        }
        let key = (response.branch()?.to_string(), method.to_string());
        let client = self.clients.get_mut(&key)?;
        if client.done {
            if let Some(ack) = client.ack.as_ref().filter(|_| code >= 300) {
                self.outbox.push_back((client.destination, ack.clone()));
                return None;
            }
            return (key.1 == "INVITE" && (200..300).contains(&code)).then_some(Up::Response(response));
        }
        if code < 200 {
            if key.1 == "INVITE" {
                client.resend.take().map(|timer| self.timers.cancel(timer));
                client.give_up.take().map(|timer| self.timers.cancel(timer));
            } else {
                client.interval = T2;
            }
            return Some(Up::Response(response));
        }
        client.done = true;
        client.resend.take().map(|timer| self.timers.cancel(timer));
        client.give_up.take().map(|timer| self.timers.cancel(timer));
        if key.1 == "INVITE" && code >= 300 {
            let ack = ack_of_failure(&client.request, &response).encode();
            client.ack = Some(ack.clone());
            self.outbox.push_back((client.destination, ack));
        }
        self.timers.arm(now + GIVE_UP, Alarm::Forget(key));
        Some(Up::Response(response))
    }

    fn on_request(&mut self, now: Instant, source: SocketAddr, request: Wire) -> Option<Up> {
        let key = key_of(&request)?;
        let (number, method) = request.cseq()?;
        if method == "ACK" {
            return self.on_ack(now, source, number, request);
        }
        if let Some(server) = self.servers.get(&key) {
            if let Some(last) = &server.last {
                self.outbox.push_back((source, last.clone()));
            }
            return None;
        }
        let server = Server {
            source,
            call_id: request.call_id().to_string(),
            cseq: number,
            last: None,
            interval: T1,
            repeat: None,
            abandon: None,
            success: false,
        };
        self.servers.insert(key, server);
        Some(Up::Request(request, source))
    }

    /// The ACK ends the repeats of the final response; that of a 2xx belongs to the dialog as well (RFC 3261 13.3.1.4).
    fn on_ack(&mut self, now: Instant, source: SocketAddr, number: u32, ack: Wire) -> Option<Up> {
        let (key, server) = self.servers.iter_mut().find(|(key, server)| {
            key.1 == "INVITE" && server.cseq == number && server.call_id == ack.call_id() && server.abandon.is_some()
        })?;
        server.repeat.take().map(|timer| self.timers.cancel(timer));
        server.abandon.take().map(|timer| self.timers.cancel(timer));
        self.timers.arm(now + GIVE_UP, Alarm::Erase(key.clone()));
        server.success.then_some(Up::Request(ack, source))
    }

    fn on_resend(&mut self, now: Instant, key: Key) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        self.outbox.push_back((client.destination, client.bytes.clone()));
        client.interval *= 2;
        if key.1 != "INVITE" {
            client.interval = client.interval.min(T2);
        }
        client.resend = Some(self.timers.arm(now + client.interval, Alarm::Resend(key)));
    }

    fn on_give_up(&mut self, key: Key) -> Option<Up> {
        let client = self.clients.remove(&key)?;
        client.resend.map(|timer| self.timers.cancel(timer));
        Some(Up::Unanswered { call_id: client.request.call_id().to_string(), method: key.1 })
    }

    fn on_repeat(&mut self, now: Instant, key: Key) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        let Some(last) = server.last.clone() else { return };
        self.outbox.push_back((server.source, last));
        server.interval = (server.interval * 2).min(T2);
        server.repeat = Some(self.timers.arm(now + server.interval, Alarm::Repeat(key)));
    }

    fn on_abandon(&mut self, key: Key) -> Option<Up> {
        let server = self.servers.remove(&key)?;
        server.repeat.map(|timer| self.timers.cancel(timer));
        server.success.then_some(Up::Unacknowledged { call_id: server.call_id })
    }
}

fn key_of(request: &Wire) -> Option<Key> {
    Some((request.branch()?.to_string(), request.method()?.to_string()))
}

/// RFC 3261 17.1.1.3: in the INVITE's transaction, with the response's To.
fn ack_of_failure(invite: &Wire, response: &Wire) -> Wire {
    let copy = |name: &str| invite.header(name).unwrap_or_default().to_string();
    Wire::request("ACK", invite.uri())
        .with("Via", copy("Via"))
        .with("From", copy("From"))
        .with("To", response.header("To").unwrap_or_default())
        .with("Call-ID", copy("Call-ID"))
        .with("CSeq", format!("{} ACK", invite.cseq().map_or(1, |(number, _)| number)))
        .with("Max-Forwards", "70")
}
