//! Several phones behind one SIP address, as a PBX or a trunk has them: a request that opens a dialog goes by the user of its
//! Request-URI, everything else by its Call-ID. Answers OPTIONS to itself, and tells what its phones do to who subscribes.
//! Rewrites nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Instant, Rng};
use crate::sim::hints::{Doing, Hints};
use crate::sim::phone::{Outgoing, Phone, PhoneEvent};
use crate::sim::ua::{Ua, Up};
use crate::sim::wire::{Wire, user_of};
use crate::sip::auth::Credentials;

/// An address with its phones; see the module.
#[derive(Debug)]
pub struct Exchange {
    name: String,
    ua: Ua,
    phones: Vec<Phone>,
    routes: BTreeMap<String, usize>,
    outbox: VecDeque<(usize, Outgoing)>,
    hints: Hints,
    guard: Option<Guard>,
    now: Instant,
}

/// Who calls or subscribes here has to name this user and our nonce. The proof itself is not judged.
#[derive(Debug)]
struct Guard {
    credentials: Arc<Credentials>,
    nonce: String,
    /// Branches of those that were asked.
    asked: BTreeSet<String>,
}

impl Guard {
    /// True when a request is to be asked for its proof, or belongs to one that was.
    fn doubts(&mut self, message: &Wire) -> bool {
        let (Some(method), Some(branch)) = (message.method(), message.branch()) else { return false };
        if self.asked.contains(branch) {
            return true;
        }
        let proof = message.header("Authorization").or_else(|| message.header("Proxy-Authorization"));
        let said = |text: &str| proof.is_some_and(|proof| proof.contains(&format!("\"{text}\"")));
        let proven = said(&self.nonce) && said(&self.credentials.username) && said("strowger.example");
        let asks = matches!(method, "INVITE" | "SUBSCRIBE") && message.to_tag().is_none() && !proven;
        if asks {
            self.asked.insert(branch.to_string());
        }
        asks
    }

    /// It asks as a proxy does where its user is called so.
    fn challenge(&self, request: &Wire, tag: &str) -> Wire {
        let (code, name) = match self.credentials.username.as_str() {
            "proxy" => (407, "Proxy-Authenticate"),
            _ => (401, "WWW-Authenticate"),
        };
        let value = format!("Digest realm=\"strowger.example\",nonce=\"{}\",algorithm=MD5,qop=\"auth\"", self.nonce);
        Wire::response(request, code, tag).with(name, value)
    }
}

impl Exchange {
    /// An address without phones yet, that answers OPTIONS with 200.
    pub fn new(name: &str, address: SocketAddr, rng: Rng) -> Self {
        Self {
            name: name.to_string(),
            ua: Ua::new(name, address, rng),
            phones: Vec::new(),
            routes: BTreeMap::new(),
            outbox: VecDeque::new(),
            hints: Hints::default(),
            guard: None,
            now: Instant::ZERO,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From now on it asks who calls to prove that they are this user.
    pub fn ask_for(&mut self, credentials: &Arc<Credentials>) {
        if self.guard.is_none() {
            let nonce = self.ua.token();
            self.guard = Some(Guard { credentials: Arc::clone(credentials), nonce, asked: BTreeSet::new() });
        }
    }

    /// Its SIP address.
    pub const fn address(&self) -> SocketAddr {
        self.ua.address()
    }

    /// Adds a phone; its index is for [`Exchange::phone`].
    pub fn add(&mut self, phone: Phone) -> usize {
        self.phones.push(phone);
        self.phones.len() - 1
    }

    /// A phone by its index.
    ///
    /// # Panics
    /// When `add` never gave this index.
    pub fn phone(&mut self, index: usize) -> &mut Phone {
        &mut self.phones[index]
    }

    /// What it tells of its phones.
    pub const fn hints(&mut self) -> (&mut Hints, &mut Ua) {
        (&mut self.hints, &mut self.ua)
    }

    /// Somebody is about to do something at a phone.
    pub fn handle_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// All phones.
    pub fn phones(&self) -> &[Phone] {
        &self.phones
    }

    /// Which phone a message belongs to; `None`: to the address itself.
    pub fn recipient(&self, message: &Wire) -> Option<usize> {
        if let Some(index) = self.routes.get(message.call_id()) {
            return Some(*index);
        }
        if message.method() == Some("SUBSCRIBE") {
            return None;
        }
        let user = user_of(message.uri());
        self.phones.iter().position(|phone| phone.name() == user)
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: &Bytes) {
        let Some(message) = Wire::parse(payload) else { return };
        self.now = now;
        let doubts = self.guard.as_mut().is_some_and(|guard| guard.doubts(&message));
        match self.recipient(&message).filter(|_| !doubts) {
            Some(index) => {
                if message.method() == Some("INVITE") && message.to_tag().is_none() {
                    self.routes.insert(message.call_id().to_string(), index);
                }
                self.phones[index].handle_datagram(now, source, payload);
            }
            None => self.on_own(now, source, payload),
        }
    }

    /// Time passed; early or repeated calls change nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for up in self.ua.handle_timeout(now) {
            if let Up::Unanswered { call_id, .. } = up {
                self.hints.on_unanswered(&call_id);
            }
        }
        for phone in &mut self.phones {
            if phone.poll_timeout().is_some_and(|at| at <= now) {
                phone.handle_timeout(now);
            }
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = self.ua.poll_timeout().into_iter().chain(self.hints.poll_timeout());
        self.phones.iter().filter_map(Phone::poll_timeout).chain(own).min()
    }

    /// The next datagram to send, with the phone that sends it (`None`: the address itself).
    pub fn poll_transmit(&mut self) -> Option<(Option<usize>, Outgoing)> {
        if self.outbox.is_empty() {
            self.collect();
        }
        if let Some((index, outgoing)) = self.outbox.pop_front() {
            return Some((Some(index), outgoing));
        }
        let (destination, payload) = self.ua.poll_transmit()?;
        Some((None, Outgoing { destination, payload }))
    }

    /// Takes what the phones send, and learns the Call-IDs of the calls they make.
    fn collect(&mut self) {
        for (index, phone) in self.phones.iter_mut().enumerate() {
            while let Some(outgoing) = phone.poll_transmit() {
                let opens = [&b"INVITE "[..], b"REGISTER "].iter().any(|method| outgoing.payload.starts_with(method));
                if opens && let Some(invite) = Wire::parse(&outgoing.payload) {
                    self.routes.entry(invite.call_id().to_string()).or_insert(index);
                }
                self.outbox.push_back((index, outgoing));
            }
        }
        let Self { hints, ua, phones, now, .. } = self;
        hints.look(ua, *now, |user| doing(phones, user));
    }

    /// The next thing that happened at a phone, with its name.
    pub fn poll_event(&mut self) -> Option<(String, PhoneEvent)> {
        self.phones.iter_mut().find_map(|phone| phone.poll_event().map(|event| (phone.name().to_string(), event)))
    }

    fn on_own(&mut self, now: Instant, source: SocketAddr, payload: &[u8]) {
        let request = match self.ua.handle_datagram(now, source, payload) {
            Some(Up::Request(request, _)) => request,
            Some(Up::Response(response)) => return self.hints.on_response(&response),
            Some(Up::Unanswered { .. } | Up::Unacknowledged { .. }) | None => return,
        };
        if let Some(guard) =
            self.guard.as_ref().filter(|guard| guard.asked.contains(request.branch().unwrap_or_default()))
            && matches!(request.method(), Some("INVITE" | "SUBSCRIBE"))
        {
            let tag = self.ua.token();
            let challenge = guard.challenge(&request, &tag);
            return self.ua.respond(now, &request, &challenge);
        }
        if request.method() == Some("SUBSCRIBE") {
            let Self { hints, ua, phones, .. } = self;
            return hints.on_subscribe(ua, now, &request, source, |user| doing(phones, user));
        }
        let code = match request.method() {
            Some("OPTIONS") => Some(200),
            Some("ACK") | None => None,
            Some("INVITE") => Some(404),
            Some(_) => Some(481),
        };
        if let Some(code) = code {
            let tag = self.ua.token();
            self.ua.respond(now, &request, &Wire::response(&request, code, &tag));
        }
    }
}

/// What the phone of this name does; `None`: there is none.
fn doing(phones: &[Phone], user: &str) -> Option<Doing> {
    phones.iter().find(|phone| phone.name() == user).map(Phone::doing)
}
