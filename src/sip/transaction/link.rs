//! The hands of the four machines: what they send, tell and arm goes through a [`Link`], which knows whose it is. Queues
//! only; nothing here decides.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::event::{ClientKey, Door, Event, Home, ServerKey, StackConfig, Transmit, Wire};
use super::local::LocalNetworks;
use super::other::OtherHome;
use super::streams;
use crate::base::{Instant, TimerKey, Timers, limits};
use crate::sip::message::Message;

/// Whose timer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Client(ClientKey),
    Server(ServerKey),
}

impl From<ClientKey> for Owner {
    fn from(key: ClientKey) -> Self {
        Self::Client(key)
    }
}

impl From<ServerKey> for Owner {
    fn from(key: ServerKey) -> Self {
        Self::Server(key)
    }
}

/// What an expired timer means to its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    /// Timers A, E and G.
    Retransmit,
    /// Timers B, F and H, and the limit of RFC 3261 9.1 after a CANCEL.
    Timeout,
    /// Timers D, I, J, K, L and M, or a lingering transaction's room is needed.
    Linger,
}

/// Whether a transaction outlives an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Life {
    Goes,
    Ends,
}

/// Everything the machines put out.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) config: StackConfig,
    /// Our own side of a NAT.
    pub(super) local: Option<Arc<LocalNetworks>>,
    /// The other address family, where it is spoken.
    pub(super) other: Option<Box<OtherHome>>,
    /// By which the message in hand came.
    pub(super) door: Door,
    pub(super) timers: Timers<(Owner, Alarm)>,
    /// Those that are over but for repeats, until 64*T1 after their end: one duration for all, so they stand in order of time.
    pub(super) lingering: VecDeque<(Instant, Owner)>,
    pub(super) transmits: VecDeque<Transmit>,
    /// Something was answered without a transaction.
    pub(super) is_stateless: bool,
    pub(super) events: VecDeque<Event>,
}

impl Output {
    pub(super) fn new(config: StackConfig) -> Self {
        Self {
            config,
            local: None,
            other: None,
            door: Door::Own,
            timers: Timers::default(),
            lingering: VecDeque::new(),
            transmits: VecDeque::new(),
            is_stateless: false,
            events: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, door: Door, destination: SocketAddr, mut payload: Bytes) {
        debug_assert!(self.transmits.len() < limits::OUTBOX_MAX, "the caller drains poll_transmit");
        let other = self.other.as_deref().filter(|other| other.faces(destination));
        let (home, local) = match other {
            Some(other) => {
                payload = other.rewrite(&payload);
                (&other.home, &other.local)
            }
            None => (&self.config.home, &self.local),
        };
        if let Door::Stream(wire) = door {
            payload = streams::over_stream(&payload, wire, home);
        }
        if let Some(local) = local.as_ref().filter(|local| local.covers(destination.ip())) {
            let tls = home.tls.filter(|_| door == Door::Stream(Wire::Tls));
            let other = self.other.as_deref().map(|other| (&other.home, &other.local));
            let names = |(home, local): (&Home, &Option<Arc<LocalNetworks>>)| {
                local.as_ref().map(|local| local.names(home.sent_by.ip()))
            };
            let described = [names((&self.config.home, &self.local)), other.and_then(names)];
            payload = local.rewrite(&payload, (tls.unwrap_or(home.sent_by), home.public), &described);
        }
        self.transmits.push_back(Transmit { door, destination, anew: false, payload });
    }

    /// What we are called by a far end.
    pub(super) fn home(&self, far: IpAddr) -> &Home {
        let other = self.other.as_deref().filter(|other| other.home.sent_by.is_ipv4() == far.is_ipv4());
        other.map_or(&self.config.home, |other| &other.home)
    }

    /// True when this is what we are called on our own side of a NAT.
    pub(super) fn is_inside(&self, ip: IpAddr) -> bool {
        let other = self.other.as_ref().and_then(|other| other.local.as_ref());
        self.local.iter().chain(other).any(|local| local.address == ip)
    }

    pub(super) fn tell(&mut self, event: Event) {
        debug_assert!(self.events.len() < limits::OUTBOX_MAX, "the caller drains poll_event");
        self.events.push_back(event);
    }

    /// The next deadline of a timer or of a lingering transaction.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let lingering = self.lingering.front().map(|(at, _)| *at);
        self.timers.next().into_iter().chain(lingering).min()
    }

    /// Takes the earliest of both that is due at `now`; of two at one moment the timer.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Owner, Alarm)> {
        let front = self.lingering.front().map(|(at, _)| *at);
        match (self.timers.next(), front) {
            (timer, Some(at)) if at <= now && timer.is_none_or(|timer| at < timer) => {
                self.lingering.pop_front().map(|(_, owner)| (owner, Alarm::Linger))
            }
            _ => self.timers.pop_due(now),
        }
    }

    /// The hands of one transaction during one input.
    pub(super) fn link<K>(&mut self, now: Instant, key: K, peer: SocketAddr) -> Link<'_, K> {
        Link { output: self, now, key, peer, door: Door::Own }
    }
}

/// The hands of one transaction during one input.
#[derive(Debug)]
pub(super) struct Link<'a, K> {
    output: &'a mut Output,
    now: Instant,
    /// The transaction's own key.
    pub(super) key: K,
    peer: SocketAddr,
    door: Door,
}

impl<K: Copy + Into<Owner>> Link<'_, K> {
    /// The same, sending by another door.
    pub(super) fn by(self, door: Door) -> Self {
        Self { door, ..self }
    }

    /// Sends to the transaction's peer.
    pub(super) fn send(&mut self, payload: &Bytes) {
        self.output.send(self.door, self.peer, payload.clone());
    }

    /// Sends to the transaction's peer and gives a copy to keep: a fresh payload stands in a block shared with many, which is
    /// used again only when none of them is kept.
    pub(super) fn send_to_keep(&mut self, payload: Bytes) -> Bytes {
        let kept = Bytes::copy_from_slice(&payload);
        self.output.send(self.door, self.peer, payload);
        kept
    }

    /// Tells the transaction user.
    pub(super) fn tell(&mut self, event: Event) {
        self.output.tell(event);
    }

    /// Tells a response; `challenged`: the request that a 401 or 407 answers.
    pub(super) fn tell_response(&mut self, source: SocketAddr, message: Message, challenged: Option<Bytes>)
    where
        K: Into<ClientKey>,
    {
        let (key, destination) = (self.key.into(), self.peer);
        self.tell(match challenged {
            Some(request) => Event::Challenged { key, source, destination, message, request },
            None => Event::Response { key, source, message },
        });
    }

    /// Arms a timer of this transaction.
    pub(super) fn arm(&mut self, alarm: Alarm, after: Duration) -> TimerKey {
        self.output.timers.arm(self.now + after, (self.key.into(), alarm))
    }

    /// The first interval of repeats, timers A, E and G: T1, and on a stream, which loses nothing, more than the transaction
    /// lives (RFC 3261 17.1.1.2).
    pub(super) fn first_interval(&self) -> Duration {
        if self.door.is_stream() { self.config().patience() * 2 } else { self.config().t1 }
    }

    /// How long repeats of the far end are absorbed, timers I and K: T4, and nothing on a stream (17.1.2.2, 17.2.1).
    pub(super) fn absorption(&self) -> Duration {
        if self.door.is_stream() { Duration::ZERO } else { self.config().t4 }
    }

    /// The same for timers D and J, which on a stream are nothing (17.1.1.2, 17.2.2) and else [`Self::linger`].
    pub(super) fn linger_for_repeats(&mut self) {
        if self.door.is_stream() {
            self.arm(Alarm::Linger, Duration::ZERO);
        } else {
            self.linger();
        }
    }

    /// The transaction is over but for repeats: [`Alarm::Linger`] comes 64*T1 from now, or earlier when room is short.
    pub(super) fn linger(&mut self) {
        let until = self.now + self.config().patience();
        self.output.lingering.push_back((until, self.key.into()));
    }

    /// Disarms a timer of this transaction; one that has just expired is gone already.
    pub(super) fn disarm(&mut self, timer: TimerKey) {
        self.output.timers.cancel(timer);
    }

    /// Logs a change of state.
    pub(super) fn trace(&self, from: &'static str, to: &'static str) {
        let owner: Owner = self.key.into();
        tracing::trace!(?owner, from, to, "transaction");
    }

    /// T1, T2, T4.
    pub(super) fn config(&self) -> &StackConfig {
        &self.output.config
    }
}
