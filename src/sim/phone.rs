//! What every simulated phone gives and takes: SIP datagrams, events, and the choice between caller and agent.
//!
//! Phones are pure machines driven by `(now, input)`: the simulator runs them in virtual time, the demo and the loopback tests
//! over real sockets.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::Instant;
use crate::sim::agent_phone::AgentPhone;
use crate::sim::caller::Caller;
use crate::sim::hints::Doing;
use crate::sim::session::Sound;

pub use crate::sim::event::{Outgoing, PhoneEvent};

/// A phone of either sort.
#[derive(Debug)]
pub enum Phone {
    /// It makes calls.
    Caller(Box<Caller>),
    /// It takes calls.
    Agent(Box<AgentPhone>),
}

macro_rules! both {
    ($self:expr, $phone:ident => $body:expr) => {
        match $self {
            Self::Caller($phone) => $body,
            Self::Agent($phone) => $body,
        }
    };
}

impl Phone {
    /// A SIP datagram arrived.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: &Bytes) {
        both!(self, phone => phone.handle_datagram(now, source, payload));
    }

    /// Time passed; early or repeated calls change nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        both!(self, phone => phone.handle_timeout(now));
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        both!(self, phone => phone.poll_timeout())
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        both!(self, phone => phone.poll_transmit())
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PhoneEvent> {
        both!(self, phone => phone.poll_event())
    }

    /// Loses its power without a word.
    pub fn vanish(&mut self) {
        both!(self, phone => phone.vanish());
    }

    /// Has power again, if it had lost it.
    pub fn come_back(&mut self, now: Instant) {
        match self {
            Self::Caller(phone) => phone.handset().come_back(),
            Self::Agent(phone) => phone.come_back(now),
        }
    }

    /// True when it is in no call and waits for no answer.
    pub fn is_idle(&self) -> bool {
        both!(self, phone => phone.is_idle())
    }

    /// Where and what audio to send now; `None` while it may send none. Its voice and ear are [`crate::sim::voice`]'s.
    pub fn sound(&mut self) -> Option<Sound> {
        let talk = both!(self, phone => phone.session());
        talk.and_then(|(session, _)| session.sound()).filter(|sound| sound.send)
    }

    /// What it does, as its PBX sees it. Of a caller's phone nobody asks.
    pub fn doing(&self) -> Doing {
        match self {
            Self::Caller(_) => Doing::Idle,
            Self::Agent(phone) => phone.doing(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        both!(self, phone => phone.name())
    }

    /// Where it receives RTP.
    pub fn rtp(&self) -> SocketAddr {
        both!(self, phone => phone.rtp())
    }
}
