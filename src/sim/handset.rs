//! What a caller's and an agent's phone have in common: transactions, events, and what a person does during a talk
//! ([`Habits`]): hang up, hold, press keys, or lose power without a word.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, Rng, Timers};
use crate::sim::event::{Outgoing, PhoneEvent};
use crate::sim::session::{Audio, Provisionals, Session, SessionEvent, SessionTimer};
use crate::sim::terms::Direction;
use crate::sim::ua::Ua;
use crate::sim::wire::Wire;

/// What a phone is.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name, the user part of its URI.
    pub name: String,
    /// Where it speaks SIP.
    pub sip: SocketAddr,
    /// Where it receives RTP.
    pub rtp: SocketAddr,
    /// Its payload types, the preferred one first (0 mu-law, 8 A-law).
    pub formats: Vec<u8>,
    /// Seeds tags and branches.
    pub rng: Rng,
}

/// What a person does during a talk, each after a time since the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Habits {
    /// Hangs up.
    pub hang_up: Option<Duration>,
    /// Holds, and resumes after the second time.
    pub hold: Option<(Duration, Duration)>,
    /// The phone loses power: no message any more, neither sent nor read.
    pub vanish: Option<Duration>,
    /// The PBX shows it by this number in its answer.
    pub presents: Option<String>,
    /// Presses these keys, 200 ms apart.
    pub digits: Option<(Duration, String)>,
    /// What its phone knows of session timers.
    pub timer: Option<SessionTimer>,
    /// How provisional responses go: a caller's phone requires it, an agent's does it.
    pub provisionals: Provisionals,
    /// Header lines that its phone adds to its INVITE or its answer, and to its BYE.
    pub says: Vec<(String, String)>,
}

/// A moment of [`Habits`].
#[derive(Debug, Clone, PartialEq, Eq)]
enum Habit {
    HangUp,
    Hold,
    Resume,
    Vanish,
    Press(char),
}

/// The common part of a phone.
#[derive(Debug)]
pub struct Handset {
    /// Its transactions.
    pub ua: Ua,
    name: String,
    audio: Audio,
    events: VecDeque<PhoneEvent>,
    habits: Timers<Habit>,
    gone: bool,
}

impl Handset {
    /// A phone on its hook.
    pub fn new(setup: Setup) -> Self {
        Self {
            ua: Ua::new(&setup.name, setup.sip, setup.rng),
            name: setup.name,
            audio: Audio { rtp: setup.rtp, formats: setup.formats },
            events: VecDeque::new(),
            habits: Timers::default(),
            gone: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its audio abilities.
    pub const fn audio(&self) -> &Audio {
        &self.audio
    }

    /// Another choice of payload types from the next call on.
    pub fn set_formats(&mut self, formats: Vec<u8>) {
        self.audio.formats = formats;
    }

    /// True while it has no power.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Loses its power: every call and transaction is forgotten without a word.
    pub fn vanish(&mut self) {
        self.gone = true;
        self.ua.clear();
        self.habits = Timers::default();
    }

    /// Has power again.
    pub const fn come_back(&mut self) {
        self.gone = false;
    }

    /// The talk begins: the person's habits run from now on.
    pub fn begin_talk(&mut self, now: Instant, habits: &Habits) {
        self.habits = Timers::default();
        if let Some(after) = habits.hang_up {
            self.habits.arm(now + after, Habit::HangUp);
        }
        if let Some((hold, resume)) = habits.hold {
            self.habits.arm(now + hold, Habit::Hold);
            self.habits.arm(now + hold + resume, Habit::Resume);
        }
        if let Some(after) = habits.vanish {
            self.habits.arm(now + after, Habit::Vanish);
        }
        if let Some((after, digits)) = &habits.digits {
            for (index, digit) in (0u32..).zip(digits.chars()) {
                self.habits.arm(now + *after + Duration::from_millis(200) * index, Habit::Press(digit));
            }
        }
    }

    /// The talk is over: habits stop, the event is told.
    pub fn end_talk(&mut self, event: PhoneEvent) {
        self.habits = Timers::default();
        self.events.push_back(event);
    }

    /// Tells an event.
    pub fn tell(&mut self, event: PhoneEvent) {
        self.events.push_back(event);
    }

    /// Runs the habits due now on the talk; true when it has ended.
    pub fn on_habits(&mut self, now: Instant, session: &mut Session) -> bool {
        session.handle_timeout(&mut self.ua, now);
        while let Some(habit) = self.habits.pop_due(now) {
            match habit {
                Habit::HangUp => {
                    session.bye(&mut self.ua, now);
                    self.end_talk(PhoneEvent::EndedByUs);
                    return true;
                }
                Habit::Hold => session.change(&mut self.ua, now, Direction::SendOnly),
                Habit::Resume => session.change(&mut self.ua, now, Direction::SendRecv),
                Habit::Press(digit) => session.press(&mut self.ua, now, digit),
                Habit::Vanish => {
                    self.vanish();
                    return true;
                }
            }
        }
        false
    }

    /// Turns what a dialog says into events; true when the talk has ended.
    pub fn on_session(&mut self, event: Option<SessionEvent>) -> bool {
        match event {
            Some(SessionEvent::Ended) => {
                self.end_talk(PhoneEvent::EndedByFar);
                return true;
            }
            Some(SessionEvent::Changed) => self.tell(PhoneEvent::Changed),
            Some(SessionEvent::Refused(code)) => self.tell(PhoneEvent::Refused(code)),
            None => {}
        }
        false
    }

    /// Answers a request that belongs to no call of this phone.
    pub fn on_stray(&mut self, now: Instant, request: &Wire) {
        let code = match request.method() {
            Some("OPTIONS") if request.to_tag().is_none() => 200,
            // It still wishes to hear what became of the call that it has handed on.
            Some("NOTIFY") => 200,
            Some("ACK") | None => return,
            Some(_) => 481,
        };
        let tag = self.ua.token();
        self.ua.respond(now, request, &Wire::response(request, code, &tag));
    }

    /// The earliest deadline of transactions and habits.
    pub fn poll_timeout(&self, session: Option<&Session>) -> Option<Instant> {
        if self.gone {
            return None;
        }
        [self.ua.poll_timeout(), self.habits.next(), session.and_then(Session::poll_timeout)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        let (destination, payload) = self.ua.poll_transmit()?;
        Some(Outgoing { destination, payload })
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<PhoneEvent> {
        self.events.pop_front()
    }
}
