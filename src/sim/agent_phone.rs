//! An agent's phone: takes calls, and answers, refuses, ignores or rings for ever as it was told.
//!
//! `Idle -> Ringing -> Talking -> Idle`. A second call while one is there is refused with 486 and told as
//! [`PhoneEvent::Doubled`], unless the first was met with silence: the engine never offers an agent two calls at once, but gives
//! one up that gets no provisional response.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, Timers};
use crate::sim::event::{Outgoing, PhoneEvent};
use crate::sim::fork::Fork;
use crate::sim::handset::{Habits, Handset, Setup};
use crate::sim::hints::Doing;
use crate::sim::registration::Registration;
use crate::sim::session::Session;
use crate::sim::ua::Up;
use crate::sim::wire::Wire;
use crate::sip::auth::Credentials;

/// What the phone and its person do with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// The first answer on the wire.
    pub first: First,
    /// What the person does.
    pub then: Then,
    /// What the person does once talking.
    pub habits: Habits,
    /// The payload types that it can do; empty: those of its phone.
    pub formats: Vec<u8>,
    /// Another device rings with it, and answers when it does.
    pub forks: bool,
}

impl Manner {
    /// Rings at once and answers after `after`.
    pub fn answers(after: Duration) -> Self {
        let (first, then) = (First::Ringing, Then::Answer(after));
        Self { first, then, habits: Habits::default(), formats: Vec::new(), forks: false }
    }
}

/// The provisional response a device sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// 180.
    Ringing,
    /// 183 with SDP.
    Progress,
    /// 100 only.
    Trying,
    /// None at all.
    Nothing,
}

/// What happens after the first response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Answers after a time.
    Answer(Duration),
    /// Refuses with a code after a time.
    Refuse(u16, Duration),
    /// Nothing, for ever.
    Nothing,
    /// Rings (180) only after a time, and then for ever.
    RingAfter(Duration),
    /// Answers in the moment the CANCEL comes: the two cross on the wire.
    AnswerOnCancel,
}

/// What a phone does besides the calls that come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Nothing.
    Nothing,
    /// It rings for another call.
    Rings,
    /// It is in another call.
    Talks,
    /// It is unplugged: its PBX knows, and says 480 for it.
    Away,
    /// Its PBX has handed its call here to somebody else, without a word on this leg.
    Left,
}

/// An agent's phone; see the module.
#[derive(Debug)]
pub struct AgentPhone {
    handset: Handset,
    manner: Manner,
    next: VecDeque<Manner>,
    state: State,
    timers: Timers<Alarm>,
    calls: u64,
    prompt: bool,
    /// What it does besides the calls that come here.
    own: Own,
    registration: Option<Registration>,
    /// The device that answered beside it.
    fork: Option<Box<Fork>>,
}

/// What a timer is for, with the number of the call it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    Decided(u64),
    RangOut(u64),
}

/// A device stops ringing by itself after so long (480).
const RINGS_AT_MOST: Duration = Duration::from_secs(120);

#[derive(Debug)]
enum State {
    Idle,
    Ringing(Box<Ringing>),
    Talking { session: Box<Session> },
}

/// A call that rings, or that the device keeps to itself.
#[derive(Debug)]
struct Ringing {
    session: Session,
    invite: Wire,
    tag: String,
    source: SocketAddr,
    manner: Manner,
}

impl AgentPhone {
    /// A phone that answers every call in the same manner until told otherwise.
    pub fn new(setup: Setup, manner: Manner) -> Self {
        Self {
            handset: Handset::new(setup),
            manner,
            next: VecDeque::new(),
            state: State::Idle,
            timers: Timers::default(),
            calls: 0,
            prompt: false,
            own: Own::Nothing,
            registration: None,
            fork: None,
        }
    }

    /// The phone registers from now on.
    pub fn register(&mut self, now: Instant, registrar: SocketAddr, credentials: Arc<Credentials>) {
        self.registration = Some(Registration::new(&mut self.handset.ua, now, registrar, credentials));
    }

    /// The phone takes its registration back for a while, if it registers.
    pub const fn unregister(&mut self, now: Instant) {
        if let Some(registration) = &mut self.registration {
            registration.leave(now);
        }
    }

    /// The phone names two places, if it registers.
    pub const fn register_twice(&mut self) {
        if let Some(registration) = &mut self.registration {
            registration.double();
        }
    }

    /// The phone registers no more.
    pub fn retire(&mut self) {
        if let Some(registration) = &mut self.registration {
            registration.retire();
        }
    }

    /// Has power again, if it had lost it.
    pub fn come_back(&mut self, now: Instant) {
        if self.handset.is_gone()
            && let Some(registration) = &mut self.registration
        {
            registration.restart(now);
        }
        self.handset.come_back();
    }

    /// The manner from the next call on.
    pub fn set_manner(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// The manner of the next call only; several are used in order.
    pub fn push_manner(&mut self, manner: Manner) {
        self.next.push_back(manner);
    }

    /// What it does besides from now on.
    pub const fn set_own(&mut self, own: Own) {
        self.own = own;
    }

    /// What it does, as its PBX sees it.
    pub const fn doing(&self) -> Doing {
        match (&self.state, self.own) {
            (State::Idle, Own::Away) => Doing::Away,
            (State::Idle, Own::Nothing | Own::Left) | (State::Talking { .. }, Own::Left) => Doing::Idle,
            (State::Talking { .. }, _) | (_, Own::Talks) => Doing::Talks,
            (State::Ringing(_), _) | (_, Own::Rings) => Doing::Rings,
        }
    }

    /// Hangs up a talk, or answers a ringing call with 603.
    pub fn hang_up(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {}
            ringing @ State::Ringing(_) => {
                self.state = ringing;
                self.refuse(now, 603);
            }
            State::Talking { mut session } => {
                session.bye(&mut self.handset.ua, now);
                self.handset.end_talk(PhoneEvent::EndedByUs);
            }
        }
    }

    /// Answers a ringing call now.
    pub fn answer(&mut self, now: Instant) {
        let State::Ringing(ringing) = std::mem::replace(&mut self.state, State::Idle) else { return };
        let Ringing { mut session, invite, tag, source, manner } = *ringing;
        match session.accept(&self.handset.ua, now, &invite, &tag) {
            Some(response) => {
                let response = match &manner.habits.presents {
                    Some(number) => response.with("P-Asserted-Identity", format!("<sip:{number}@pbx.example>")),
                    None => response,
                };
                self.handset.ua.respond(now, &invite, &response);
                self.handset.begin_talk(now, &manner.habits);
                self.handset.tell(PhoneEvent::Answered);
                self.state = State::Talking { session: Box::new(session) };
                if manner.forks {
                    let (ua, audio) = (self.handset.ua.beside(), self.handset.audio().clone());
                    self.fork = Some(Box::new(Fork::answer(ua, now, &invite, source, audio)));
                }
            }
            None => self.handset.ua.respond(now, &invite, &Wire::response(&invite, 488, &tag)),
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
            State::Idle | State::Ringing(_) => None,
        }
    }

    /// The call, answered or not.
    pub const fn call(&self) -> Option<&Session> {
        match &self.state {
            State::Idle => None,
            State::Ringing(ringing) => Some(&ringing.session),
            State::Talking { session } => Some(session),
        }
    }

    /// Loses its power without a word.
    pub fn vanish(&mut self) {
        self.handset.vanish();
        self.state = State::Idle;
        self.timers = Timers::default();
        self.fork = None;
    }

    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: &Bytes) {
        if self.handset.is_gone() {
            return;
        }
        if let Some(fork) = &mut self.fork
            && Wire::parse(payload).is_some_and(|message| fork.owns(&message))
        {
            return fork.handle_datagram(now, source, payload);
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
        if let Some(registration) = &mut self.registration {
            registration.handle_timeout(&mut self.handset.ua, now);
        }
        if let Some(fork) = &mut self.fork {
            fork.handle_timeout(now);
        }
        while let Some(alarm) = self.timers.pop_due(now) {
            match alarm {
                Alarm::Decided(call) if call == self.calls => self.on_decided(now),
                Alarm::RangOut(call) if call == self.calls => self.refuse(now, 480),
                Alarm::Decided(_) | Alarm::RangOut(_) => {}
            }
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
            State::Idle | State::Ringing(_) => None,
        };
        let registration = self.registration.as_ref().and_then(Registration::poll_timeout);
        let fork = self.fork.as_ref().and_then(|fork| fork.poll_timeout());
        [self.handset.poll_timeout(session), self.timers.next(), registration, fork].into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        let beside = self.fork.as_mut().and_then(|fork| fork.poll_transmit());
        beside.map(|(destination, payload)| Outgoing { destination, payload }).or_else(|| self.handset.poll_transmit())
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PhoneEvent> {
        self.handset.poll_event()
    }

    /// True when it is in no call and waits for no answer.
    pub fn is_idle(&self) -> bool {
        let alone = self.fork.as_ref().is_none_or(|fork| fork.is_idle());
        alone && matches!(self.state, State::Idle) && self.handset.ua.is_quiet()
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
            Up::Request(request, source) => self.on_request(now, &request, source),
            Up::Response(response) => {
                if let Some(registration) = &mut self.registration
                    && registration.owns(response.call_id())
                {
                    registration.on_response(&mut self.handset.ua, now, &response);
                    return;
                }
                if let State::Talking { session } = &mut self.state
                    && session.call_id == response.call_id()
                {
                    let event = session.on_response(&mut self.handset.ua, now, &response);
                    if self.handset.on_session(event) {
                        self.state = State::Idle;
                    }
                }
            }
            Up::Unanswered { call_id, method } => {
                if let Some(registration) = &mut self.registration
                    && registration.owns(&call_id)
                {
                    registration.on_silence(now);
                }
                if method == "INVITE" && self.has_call(&call_id) {
                    self.hang_up(now);
                }
            }
            Up::Unacknowledged { call_id } => {
                if self.has_call(&call_id) {
                    self.hang_up(now);
                }
            }
        }
    }

    fn on_request(&mut self, now: Instant, request: &Wire, source: SocketAddr) {
        if request.method() == Some("INVITE") && request.to_tag().is_none() {
            self.on_call(now, request, source);
            return;
        }
        if request.method() == Some("CANCEL") {
            self.on_cancel(now, request);
            return;
        }
        match &mut self.state {
            State::Ringing(ringing)
                if ringing.session.call_id == request.call_id() && request.method() == Some("PRACK") =>
            {
                self.handset.ua.respond(now, request, &Wire::response(request, 200, ""));
            }
            State::Talking { session } if session.call_id == request.call_id() => {
                let event = session.on_request(&mut self.handset.ua, now, request);
                if self.handset.on_session(event) {
                    self.state = State::Idle;
                }
            }
            State::Idle | State::Ringing(_) | State::Talking { .. } => self.handset.on_stray(now, request),
        }
    }

    fn on_call(&mut self, now: Instant, invite: &Wire, source: SocketAddr) {
        let tag = self.handset.ua.token();
        if !matches!(self.state, State::Idle) {
            let handed_on = matches!(&self.state, State::Talking { session } if session.is_handed_on());
            // The node has ended the answer that it heard first, and cannot know that another is on its way.
            let forked = self.fork.as_ref().is_some_and(|fork| self.has_call_of(fork));
            if self.prompt && !handed_on && !forked && self.own != Own::Left {
                self.handset.tell(PhoneEvent::Doubled);
            }
            self.handset.ua.respond(now, invite, &Wire::response(invite, 486, &tag));
            return;
        }
        if self.own == Own::Left {
            self.own = Own::Nothing;
        }
        if self.own != Own::Nothing {
            let code = if self.own == Own::Away { 480 } else { 486 };
            self.handset.ua.respond(now, invite, &Wire::response(invite, code, &tag));
            return;
        }
        self.handset.tell(PhoneEvent::Incoming);
        self.calls += 1;
        let manner = self.next.pop_front().unwrap_or_else(|| self.manner.clone());
        let mut audio = self.handset.audio().clone();
        if !manner.formats.is_empty() {
            audio.formats.clone_from(&manner.formats);
        }
        let mut session = Session::incoming(invite, &tag, source, audio);
        session.set_timer(manner.habits.timer);
        session.set_says(&manner.habits.says);
        session.set_provisionals(manner.habits.provisionals);
        if !invite.body.is_empty() && session.sound().is_none() {
            self.handset.ua.respond(now, invite, &Wire::response(invite, 488, &tag));
            return;
        }
        self.prompt = manner.first != First::Nothing;
        let contact = self.handset.ua.contact();
        let provisional = match manner.first {
            First::Ringing => Some(Wire::response(invite, 180, &tag).with("Contact", contact)),
            First::Progress => {
                session.accept(&self.handset.ua, now, invite, &tag).map(|response| response.with_code(183))
            }
            First::Trying => Some(Wire::response(invite, 100, "")),
            First::Nothing => None,
        };
        if let Some(provisional) = provisional {
            let provisional = if manner.first == First::Trying { provisional } else { session.ring(provisional) };
            self.handset.ua.respond(now, invite, &provisional);
        }
        match manner.then {
            Then::Answer(after) | Then::Refuse(_, after) | Then::RingAfter(after) => {
                self.timers.arm(now + after, Alarm::Decided(self.calls));
            }
            Then::Nothing | Then::AnswerOnCancel => {}
        }
        if (manner.first, manner.then) == (First::Nothing, Then::Nothing) {
            return;
        }
        self.state = State::Ringing(Box::new(Ringing { session, invite: invite.clone(), tag, source, manner }));
        self.timers.arm(now + RINGS_AT_MOST, Alarm::RangOut(self.calls));
        self.handle_timeout(now);
    }

    fn on_decided(&mut self, now: Instant) {
        let State::Ringing(ringing) = &self.state else { return };
        let Ringing { invite, tag, manner, .. } = &**ringing;
        match manner.then {
            Then::Refuse(code, _) => self.refuse(now, code),
            Then::Answer(_) => self.answer(now),
            Then::RingAfter(_) => self.handset.ua.respond(now, invite, &Wire::response(invite, 180, tag)),
            Then::Nothing | Then::AnswerOnCancel => {}
        }
    }

    fn refuse(&mut self, now: Instant, code: u16) {
        let State::Ringing(ringing) = &self.state else { return };
        let Ringing { invite, tag, .. } = &**ringing;
        let mut response = Wire::response(invite, code, tag);
        if (300..400).contains(&code) {
            response = response.with("Contact", "<sip:elsewhere@10.9.9.9>");
        }
        self.handset.ua.respond(now, invite, &response);
        self.handset.end_talk(PhoneEvent::EndedByUs);
        self.state = State::Idle;
    }

    fn on_cancel(&mut self, now: Instant, cancel: &Wire) {
        let State::Ringing(ringing) = &self.state else {
            // RFC 3261 9.2: the transaction is known, but its final response is out: 200, without effect.
            let code = if self.has_call(cancel.call_id()) { 200 } else { 481 };
            self.handset.ua.respond(now, cancel, &Wire::response(cancel, code, "late"));
            return;
        };
        let Ringing { session, invite, tag, manner, .. } = &**ringing;
        if session.call_id != cancel.call_id() {
            self.handset.on_stray(now, cancel);
            return;
        }
        if manner.then == Then::AnswerOnCancel {
            let ok = Wire::response(cancel, 200, tag);
            self.answer(now);
            self.handset.ua.respond(now, cancel, &ok);
            return;
        }
        self.handset.ua.respond(now, cancel, &Wire::response(cancel, 200, tag));
        self.handset.ua.respond(now, invite, &Wire::response(invite, 487, tag));
        self.handset.end_talk(PhoneEvent::EndedByFar);
        self.state = State::Idle;
    }

    fn has_call_of(&self, fork: &Fork) -> bool {
        self.call().is_some_and(|session| fork.is_in(&session.call_id))
    }

    fn has_call(&self, call_id: &str) -> bool {
        match &self.state {
            State::Idle => false,
            State::Ringing(ringing) => ringing.session.call_id == call_id,
            State::Talking { session } => session.call_id == call_id,
        }
    }
}
