//! How a phone of a world stays registered (RFC 3261 10.2): it asks at once, answers a challenge, asks again at half of its
//! time, and 5 s after a failure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Instant;
use crate::sim::ua::Ua;
use crate::sim::wire::Wire;
use crate::sip::auth::{Credentials, answer};
use crate::sip::message::Message;

/// For how long a phone asks to be registered.
const EXPIRES: Duration = Duration::from_secs(20);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// The registration of one phone; see the module.
#[derive(Debug)]
pub struct Registration {
    registrar: SocketAddr,
    credentials: Arc<Credentials>,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The request under way, as it was sent.
    asked: Option<Wire>,
    due: Option<Instant>,
    /// It takes back what it is registered for, and comes again later.
    leaves: bool,
    /// It names another place of the same phone beside its own.
    twice: bool,
}

impl Registration {
    /// A phone that registers now.
    pub fn new(ua: &mut Ua, now: Instant, registrar: SocketAddr, credentials: Arc<Credentials>) -> Self {
        let (call_id, tag) = (format!("{}@{}", ua.token(), ua.address().ip()), ua.token());
        Self { registrar, credentials, call_id, tag, cseq: 0, asked: None, due: Some(now), leaves: false, twice: false }
    }

    /// The phone has power again: it registers at once.
    pub fn restart(&mut self, now: Instant) {
        self.asked = None;
        self.due = Some(now);
    }

    /// It takes its registration back, and registers again after a while.
    pub const fn leave(&mut self, now: Instant) {
        if self.due.is_some() {
            self.leaves = true;
            self.due = Some(now);
        }
    }

    /// From now on it names two places.
    pub const fn double(&mut self) {
        self.twice = true;
    }

    /// It asks no more: what it is registered for runs out.
    pub fn retire(&mut self) {
        self.asked = None;
        self.due = None;
    }

    /// Asks, when it is time.
    pub fn handle_timeout(&mut self, ua: &mut Ua, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.cseq += 1;
            let request = self.request(ua);
            self.asked = Some(ua.send(now, self.registrar, &request));
        }
    }

    /// When `handle_timeout` is wanted next.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// True when a message belongs to it.
    pub fn owns(&self, call_id: &str) -> bool {
        self.call_id == call_id
    }

    /// The registrar has answered.
    pub fn on_response(&mut self, ua: &mut Ua, now: Instant, response: &Wire) {
        let code = response.code().unwrap_or_default();
        if code < 200 || response.cseq().is_none_or(|(cseq, _)| cseq != self.cseq) {
            return;
        }
        let Some(asked) = self.asked.take() else { return };
        match code {
            200..=299 => {
                self.leaves = false;
                self.due = Some(now + EXPIRES / 2);
            }
            401 | 407 => self.prove(ua, now, &asked, response),
            _ => self.due = Some(now + PAUSE),
        }
    }

    /// The registrar did not answer.
    pub fn on_silence(&mut self, now: Instant) {
        if self.asked.take().is_some() {
            self.due = Some(now + PAUSE);
        }
    }

    fn prove(&mut self, ua: &mut Ua, now: Instant, asked: &Wire, challenge: &Wire) {
        let Some((name, proof)) = proof(ua, asked, challenge, &self.credentials) else {
            self.due = Some(now + PAUSE);
            return;
        };
        self.cseq += 1;
        let request = self.request(ua).with(name, proof);
        self.asked = Some(ua.send(now, self.registrar, &request));
    }

    fn request(&self, ua: &Ua) -> Wire {
        let name = &self.credentials.username;
        let record = format!("<sip:{name}@{}>", self.registrar);
        let expires = if self.leaves { 0 } else { EXPIRES.as_secs() };
        let request = Wire::request("REGISTER", &format!("sip:{}", self.registrar))
            .with("Max-Forwards", "70")
            .with("From", format!("{record};tag={}", self.tag))
            .with("To", record)
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{} REGISTER", self.cseq))
            .with("Contact", ua.contact())
            .with("Expires", expires.to_string());
        if self.twice { request.with("Contact", format!("<sip:{name}@{}:5070>", ua.host())) } else { request }
    }
}

/// What answers the challenge that a request got: a header and its value.
pub(super) fn proof(
    ua: &mut Ua,
    asked: &Wire,
    challenge: &Wire,
    credentials: &Credentials,
) -> Option<(&'static str, String)> {
    let (request, response) = (Message::parse(asked.encode()).ok()?, Message::parse(challenge.encode()).ok()?);
    let random = u64::from(ua.pause(Duration::ZERO, Duration::from_secs(1)).subsec_nanos());
    let proof = answer(&response, &request, credentials, random)?;
    let name = if challenge.code() == Some(401) { "Authorization" } else { "Proxy-Authorization" };
    Some((name, String::from_utf8_lossy(&proof.value).into_owned()))
}
