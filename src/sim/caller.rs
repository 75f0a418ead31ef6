//! A caller's phone: dials a number, waits as long as its patience lasts, talks, hangs up at the stage it was told to.
//!
//! `Idle -> Inviting -> Talking -> Idle`; a hang-up before the answer is a CANCEL, held back until a provisional response has
//! come (RFC 3261 9.1), and a 2xx that crosses it is acknowledged and ended by BYE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, TimerKey, Timers};
use crate::sim::event::{Outgoing, PhoneEvent};
use crate::sim::handset::{Habits, Handset, Setup};
use crate::sim::registration::proof;
use crate::sim::session::Session;
use crate::sim::ua::Up;
use crate::sim::wire::Wire;
use crate::sip::auth::Credentials;

/// One call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// The number.
    pub number: String,
    /// Hangs up so long after dialling, answered or not.
    pub patience: Option<Duration>,
    /// Hangs up at this stage.
    pub quit: Quit,
    /// The 2xx is acknowledged.
    pub acknowledges: Acknowledges,
    /// How the INVITE goes out.
    pub invite: Invite,
    /// The agent whom the INVITE names in `X-Agent`, as a front end that knows the caller does.
    pub names: Option<String>,
    /// The extension that the exchange asserts of who calls (RFC 3325).
    pub asserts: Option<String>,
    /// The dialog whose place it is to take (RFC 3891).
    pub replaces: Option<String>,
    /// What the person does once answered.
    pub habits: Habits,
}

impl Dial {
    /// What its INVITE says beyond every other.
    fn headers(&self) -> Vec<(&'static str, String)> {
        let names = self.names.iter().map(|agent| ("X-Agent", agent.clone()));
        let asserts = self.asserts.iter().map(|who| ("P-Asserted-Identity", format!("<sip:{who}@pbx.invalid>")));
        let replaces = self.replaces.iter().map(|dialog| ("Replaces", dialog.clone()));
        names.chain(asserts).chain(replaces).collect()
    }

    /// An ordinary call.
    pub fn to(number: &str) -> Self {
        Self {
            number: number.to_string(),
            patience: None,
            quit: Quit::Never,
            acknowledges: Acknowledges::Always,
            invite: Invite::WithOffer,
            names: None,
            asserts: None,
            replaces: None,
            habits: Habits::default(),
        }
    }
}

/// The stage at which a caller hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quit {
    /// By patience and habits only.
    Never,
    /// As soon as the INVITE is out.
    AtOnce,
    /// At the first provisional response.
    OnTrying,
    /// At the first 180 or 183.
    OnRinging,
    /// Right at the answer.
    OnAnswer,
}

/// Whether a caller acknowledges the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledges {
    /// As it must.
    Always,
    /// Never: a broken phone.
    Never,
}

/// How a caller's INVITE goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invite {
    /// With an SDP offer.
    WithOffer,
    /// Without: the offer comes in the 200, the answer goes in the ACK.
    WithoutOffer,
    /// With an offer, and the same datagram twice.
    Twice,
}

/// A caller's phone; see the module.
#[derive(Debug)]
pub struct Caller {
    handset: Handset,
    engine: SocketAddr,
    state: State,
    patience: Timers<()>,
    armed: Option<TimerKey>,
    credentials: Option<Arc<Credentials>>,
}

#[derive(Debug)]
enum State {
    Idle,
    Inviting(Box<Inviting>),
    Talking { session: Box<Session> },
}

/// A call without a final answer yet.
#[derive(Debug)]
struct Inviting {
    session: Session,
    dial: Dial,
    invite: Wire,
    heard: bool,
    exit: Exit,
}

/// How far a hang-up before the answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Stays,
    Wishes,
    Cancelled,
}

impl Caller {
    /// A caller's phone that dials through `engine`.
    pub fn new(setup: Setup, engine: SocketAddr) -> Self {
        let (handset, patience) = (Handset::new(setup), Timers::default());
        Self { handset, engine, state: State::Idle, patience, armed: None, credentials: None }
    }

    /// By what its exchange proves itself where it is asked to.
    pub fn set_credentials(&mut self, credentials: Option<Arc<Credentials>>) {
        self.credentials = credentials;
    }

    /// Dials; a phone that is in a call does nothing.
    pub fn dial(&mut self, now: Instant, dial: Dial) {
        if !matches!(self.state, State::Idle) || self.handset.is_gone() {
            return;
        }
        let uri = format!("sip:{}@{}", dial.number, self.engine);
        let name = self.handset.name().to_string();
        let audio = self.handset.audio().clone();
        let mut session = Session::outgoing(&mut self.handset.ua, &name, &uri, self.engine, audio);
        let with_offer = dial.invite != Invite::WithoutOffer;
        session.set_timer(dial.habits.timer);
        session.set_says(&dial.habits.says);
        session.set_provisionals(dial.habits.provisionals);
        let invite = session.invite(&mut self.handset.ua, now, with_offer, &dial.headers());
        if dial.invite == Invite::Twice {
            self.handset.ua.repeat(self.engine, &invite);
        }
        self.armed.take().map(|timer| self.patience.cancel(timer));
        self.armed = dial.patience.map(|patience| self.patience.arm(now + patience, ()));
        let exit = if dial.quit == Quit::AtOnce { Exit::Wishes } else { Exit::Stays };
        self.state = State::Inviting(Box::new(Inviting { session, dial, invite, heard: false, exit }));
    }

    /// Hangs up: CANCEL before the answer, BYE after it.
    pub fn hang_up(&mut self, now: Instant) {
        let ua = &mut self.handset.ua;
        match &mut self.state {
            State::Idle => {}
            State::Inviting(inviting) => {
                let Inviting { session, invite, heard, exit, .. } = &mut **inviting;
                if *exit != Exit::Cancelled {
                    *exit = if *heard { Exit::Cancelled } else { Exit::Wishes };
                    if *heard {
                        ua.cancel(now, session.destination(), invite);
                    }
                }
            }
            State::Talking { session } => {
                session.bye(ua, now);
                self.handset.end_talk(PhoneEvent::EndedByUs);
                self.state = State::Idle;
            }
        }
    }

    /// The common part, for what any phone can do.
    pub const fn handset(&mut self) -> &mut Handset {
        &mut self.handset
    }

    /// The talk, if there is one.
    pub const fn session(&mut self) -> Option<(&mut Session, &mut Handset)> {
        match &mut self.state {
            State::Talking { session } => Some((session, &mut self.handset)),
            State::Idle | State::Inviting(_) => None,
        }
    }

    /// The call, answered or not.
    pub const fn call(&self) -> Option<&Session> {
        match &self.state {
            State::Idle => None,
            State::Inviting(inviting) => Some(&inviting.session),
            State::Talking { session } => Some(session),
        }
    }

    /// Loses its power without a word.
    pub fn vanish(&mut self) {
        self.handset.vanish();
        self.state = State::Idle;
        self.patience = Timers::default();
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: &Bytes) {
        if self.handset.is_gone() {
            return;
        }
        if let Some(up) = self.handset.ua.handle_datagram(now, source, payload) {
            self.on_up(now, up);
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.handset.is_gone() {
            return;
        }
        for up in self.handset.ua.handle_timeout(now) {
            self.on_up(now, up);
        }
        if self.patience.pop_due(now).is_some() {
            self.armed = None;
            self.hang_up(now);
        }
        if let State::Talking { session } = &mut self.state
            && self.handset.on_habits(now, session)
        {
            self.state = State::Idle;
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.handset.is_gone() {
            return None;
        }
        let session = match &self.state {
            State::Talking { session } => Some(&**session),
            State::Idle | State::Inviting(_) => None,
        };
        [self.handset.poll_timeout(session), self.patience.next()].into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.handset.poll_transmit()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PhoneEvent> {
        self.handset.poll_event()
    }

    /// True when it is in no call and waits for no answer.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.handset.ua.is_quiet()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.handset.name()
    }

    /// Where it receives RTP.
    pub const fn rtp(&self) -> SocketAddr {
        self.handset.audio().rtp
    }

    fn on_up(&mut self, now: Instant, up: Up) {
        match up {
            Up::Request(request, _) => self.on_request(now, &request),
            Up::Response(response) => self.on_response(now, &response),
            Up::Unanswered { call_id, method } => self.on_unanswered(now, &call_id, &method),
            Up::Unacknowledged { call_id } => {
                if self.session_of(&call_id) {
                    self.hang_up(now);
                }
            }
        }
    }

    fn on_request(&mut self, now: Instant, request: &Wire) {
        match &mut self.state {
            State::Talking { session } if session.call_id == request.call_id() => {
                let event = session.on_request(&mut self.handset.ua, now, request);
                if self.handset.on_session(event) {
                    self.state = State::Idle;
                }
            }
            // The 180 has made a dialog: a request in it belongs to this call.
            State::Inviting(inviting)
                if inviting.heard
                    && matches!(request.method(), Some("UPDATE" | "OPTIONS"))
                    && inviting.session.call_id == request.call_id() =>
            {
                self.handset.ua.respond(now, request, &Wire::response(request, 200, ""));
            }
            State::Idle | State::Inviting(_) | State::Talking { .. } => self.handset.on_stray(now, request),
        }
    }

    fn on_response(&mut self, now: Instant, response: &Wire) {
        match &mut self.state {
            State::Inviting(inviting) if inviting.session.call_id == response.call_id() => {
                if response.cseq().is_some_and(|(_, method)| method == "INVITE") {
                    self.on_invite_response(now, response);
                }
            }
            State::Talking { session } if session.call_id == response.call_id() => {
                let event = session.on_response(&mut self.handset.ua, now, response);
                if self.handset.on_session(event) {
                    self.state = State::Idle;
                }
            }
            State::Idle | State::Inviting(_) | State::Talking { .. } => {}
        }
    }

    fn on_invite_response(&mut self, now: Instant, response: &Wire) {
        let code = response.code().unwrap_or_default();
        if code < 200 {
            self.on_provisional(now, code, response);
            return;
        }
        if code == 401 && self.prove(now, response) {
            return;
        }
        let State::Inviting(inviting) = std::mem::replace(&mut self.state, State::Idle) else { return };
        let Inviting { mut session, dial, exit, .. } = *inviting;
        if code >= 300 {
            self.armed.take().map(|timer| self.patience.cancel(timer));
            self.handset.tell(PhoneEvent::Failed(code));
            return;
        }
        let with_offer = dial.invite != Invite::WithoutOffer;
        let acknowledges = dial.acknowledges == Acknowledges::Always;
        session.on_success(&mut self.handset.ua, now, response, with_offer, acknowledges);
        self.handset.tell(PhoneEvent::Answered);
        self.handset.begin_talk(now, &dial.habits);
        let leaves = exit != Exit::Stays || dial.quit == Quit::OnAnswer;
        self.state = State::Talking { session: Box::new(session) };
        if leaves {
            self.hang_up(now);
        }
    }

    /// The INVITE goes out again with the proof that was asked for; false when there is none, or nobody waits any more.
    fn prove(&mut self, now: Instant, challenge: &Wire) -> bool {
        let State::Inviting(inviting) = &mut self.state else { return false };
        let Inviting { session, invite, heard, exit, .. } = &mut **inviting;
        let Some(credentials) = self.credentials.as_ref().filter(|_| *exit == Exit::Stays) else { return false };
        let ua = &mut self.handset.ua;
        let Some(proof) = proof(ua, invite, challenge, credentials) else { return false };
        *invite = session.invite_again(ua, now, invite, proof);
        *heard = false;
        true
    }

    fn on_provisional(&mut self, now: Instant, code: u16, response: &Wire) {
        let State::Inviting(inviting) = &mut self.state else { return };
        let Inviting { session, dial, heard, exit, .. } = &mut **inviting;
        *heard = true;
        session.on_provisional(response);
        let with_offer = dial.invite != Invite::WithoutOffer;
        session.acknowledge_provisional(&mut self.handset.ua, now, response, with_offer);
        let rings = matches!(code, 180 | 183);
        let leaves = *exit == Exit::Wishes || dial.quit == Quit::OnTrying || (dial.quit == Quit::OnRinging && rings);
        match code {
            180 => self.handset.tell(PhoneEvent::Ringing),
            183 => self.handset.tell(PhoneEvent::EarlyMedia),
            _ => {}
        }
        if leaves {
            self.hang_up(now);
        }
    }

    fn on_unanswered(&mut self, now: Instant, call_id: &str, method: &str) {
        if !self.session_of(call_id) {
            return;
        }
        match (&self.state, method) {
            (State::Inviting(_), "INVITE") => {
                self.handset.tell(PhoneEvent::Unanswered);
                self.state = State::Idle;
            }
            (State::Talking { .. }, "INVITE") => self.hang_up(now),
            _ => {}
        }
    }

    fn session_of(&self, call_id: &str) -> bool {
        match &self.state {
            State::Idle => false,
            State::Inviting(inviting) => inviting.session.call_id == call_id,
            State::Talking { session } => session.call_id == call_id,
        }
    }
}
