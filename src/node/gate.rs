//! Admission under overload: what is read from the socket passes through here before the node. Messages of calls that live go
//! first, new calls wait behind them, and strangers behind those. How long a new call has waited decides whether the node is
//! overloaded, by a rule like CoDel's (RFC 8289): when some new call waits longer than [`TARGET`] all through [`INTERVAL`], or
//! more come than fit in, those that have waited too long are refused, and those that would are turned away where they come
//! in, until none was for a whole interval. It knows nothing of capacity: what it has let in lately tells how many may wait.

mod memory;
mod pace;
mod peek;
mod shares;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Silence, Silent};
use crate::base::Instant;
use crate::base::limits::{GATE_CALLS_MAX, GATE_URGENT_MAX};
use crate::sip::transaction::Door;

use memory::Memory;
use pace::{Bucket, Pace};
use peek::{Kind, Peek};
use shares::Shares;

pub use pace::INTERVAL;

/// A new call that has waited for less than this is always taken.
pub const TARGET: Duration = Duration::from_millis(50);
/// Refusals told by a response, a second; beyond that they are silent, so that a flood is not answered by a flood.
pub const REFUSALS_PER_SECOND: u32 = 20_000;
/// Of so many calls let in, one refusal may be told: refusals cost a node of any speed about the same small part of its time.
pub const CALLS_PER_REFUSAL: u32 = 4;
/// So long after the last call turned away in silence the repeats of such calls stay unheard: under a steady overload the
/// gate opens for moments, and whoever gets in then should be somebody who has just called. Longer than T1, the first repeat.
pub const SILENCE: Duration = Duration::from_secs(1);
/// Requests of strangers outside any dialog that are looked at, a second.
pub const STRANGERS_PER_SECOND: u32 = 1_000;
/// The same of one source, and as many at once: who scans from one address takes a part only. A few dozen phones behind one
/// address that all begin at once are heard within a second or two, as they repeat themselves.
pub const STRANGER_PER_SECOND: u32 = 50;
/// The same of hosts where neighbours or registered phones are, which a flood of strangers takes nothing from; beyond it they are
/// strangers.
pub const KNOWN_PER_SECOND: u32 = 1_000;
/// Messages that claim to belong to a live call and come from no neighbour, a second: the far end of a trunk's call may be
/// anywhere, a flood of such claims may not take more than a small part of the node's time.
pub const CLAIMS_PER_SECOND: u32 = 10_000;

/// The gate; see the module. Fill it by [`Gate::push`], empty it by [`Gate::pop`].
#[derive(Debug)]
pub struct Gate {
    urgent: VecDeque<Arrived>,
    /// Turned away, to be told.
    refused: VecDeque<Arrived>,
    calls: VecDeque<Arrived>,
    strangers: VecDeque<Arrived>,
    overload: Overload,
    pace: Pace,
    silenced: Memory,
    /// When a call was last turned away in silence.
    silenced_at: Option<Instant>,
    refusals: Bucket,
    /// Refusals that the calls let in have paid for, in parts of [`CALLS_PER_REFUSAL`].
    paid: u32,
    looks: Bucket,
    known: Bucket,
    shares: Shares,
    claims: Bucket,
    /// What was left without an answer since it was last asked.
    silent: Silent,
}

/// A datagram with the moment it was read.
#[derive(Debug)]
struct Arrived {
    at: Instant,
    door: Door,
    source: SocketAddr,
    payload: Bytes,
}

/// What to do with the next datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Give it to the node.
    Handle(Passed),
    /// Refuse the call without keeping state: 503 with Retry-After.
    Refuse(Passed),
    /// Refuse it by silence.
    Drop,
}

/// A datagram that has come through.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which way it came in.
    pub door: Door,
    /// From whom.
    pub source: SocketAddr,
    /// What.
    pub payload: Bytes,
    /// How long it waited.
    pub waited: Duration,
}

/// Where a datagram waits.
#[derive(Debug, Clone, Copy)]
enum Line {
    Urgent,
    Calls,
    Strangers,
}

/// Where the rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overload {
    /// No new call waits too long.
    No,
    /// Some do, since then.
    Perhaps(Instant),
    /// Those who waited too long are refused, and those who would; the last one was then.
    Yes(Instant),
}

/// Who sent a datagram, as far as the gate must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A neighbour whose calls are taken.
    Peer,
    /// A neighbour who is called, but whose calls are not taken, or a host where phones are registered.
    Called,
    /// Anybody else.
    Stranger,
}

impl Gate {
    /// An open gate.
    pub fn new(now: Instant) -> Self {
        Self {
            urgent: VecDeque::new(),
            refused: VecDeque::new(),
            calls: VecDeque::new(),
            strangers: VecDeque::new(),
            overload: Overload::No,
            pace: Pace::new(now),
            silenced: Memory::new(now),
            silenced_at: None,
            refusals: Bucket::new(now, REFUSALS_PER_SECOND),
            paid: PAID_MAX,
            looks: Bucket::new(now, STRANGERS_PER_SECOND),
            known: Bucket::new(now, KNOWN_PER_SECOND),
            shares: Shares::new(now, STRANGER_PER_SECOND),
            claims: Bucket::new(now, CLAIMS_PER_SECOND),
            silent: Silent::default(),
        }
    }

    /// Takes a datagram in. What does not fit is lost, as in a
    /// full socket buffer.
    pub fn push(&mut self, now: Instant, source: SocketAddr, payload: Bytes, sender: impl Fn(SocketAddr) -> Sender) {
        self.push_by(now, Door::Own, source, payload, sender);
    }

    /// The same for a datagram that came in by this door.
    pub fn push_by(
        &mut self,
        now: Instant,
        door: Door,
        source: SocketAddr,
        payload: Bytes,
        sender: impl Fn(SocketAddr) -> Sender,
    ) {
        let peek = Peek::new(&payload);
        let kind = peek.kind;
        let sender = sender(source);
        match kind {
            Kind::Within if sender == Sender::Stranger && !self.claims.take(now) => self.count(Silence::Claim),
            Kind::Opening | Kind::Cancel | Kind::Call if sender != Sender::Peer => {
                // Under a known host's address a flood can come too: then the others have what strangers have.
                let is_known = sender == Sender::Called && self.known.take(now);
                let is_looked_at = is_known || (self.shares.take(now, source.ip()) && self.looks.take(now));
                if !is_looked_at {
                    return self.count(Silence::Stranger);
                }
                self.put(Line::Strangers, Arrived { at: now, door, source, payload });
            }
            Kind::Within | Kind::Opening => self.put(Line::Urgent, Arrived { at: now, door, source, payload }),
            Kind::Cancel => self.put(Line::Calls, Arrived { at: now, door, source, payload }),
            Kind::Call => {
                let mark = peek.mark();
                if self.lets_in(now, mark) {
                    self.calls.push_back(Arrived { at: now, door, source, payload });
                } else if self.tells(now) {
                    self.refused.push_back(Arrived { at: now, door, source, payload });
                } else {
                    self.silence(now, mark);
                }
            }
        }
    }

    /// The next datagram: of live calls first, then refusals, then new calls in the order they came, then strangers.
    pub fn pop(&mut self, now: Instant) -> Option<Next> {
        if let Some(arrived) = self.urgent.pop_front() {
            return Some(Next::Handle(arrived.passed(now)));
        }
        if let Some(arrived) = self.refused.pop_front() {
            return Some(Next::Refuse(arrived.passed(now)));
        }
        if let Some(arrived) = self.calls.pop_front() {
            return Some(self.judge(now, arrived.passed(now)));
        }
        self.strangers.pop_front().map(|arrived| Next::Handle(arrived.passed(now)))
    }

    /// What was left without an answer since this was last asked.
    pub const fn take_silent(&mut self) -> Silent {
        std::mem::replace(&mut self.silent, [0; Silence::ALL.len()])
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.refused.is_empty() && self.calls.is_empty() && self.strangers.is_empty()
    }

    /// True while calls are being refused.
    pub fn is_overloaded(&self) -> bool {
        matches!(self.overload, Overload::Yes(_))
    }

    /// Whether a new call may wait. Until [`SILENCE`] after the last one was turned away in silence those who were stay so when
    /// their INVITEs are repeated: a fresh caller gets an answer at once, and the other is not answered after a second.
    fn lets_in(&mut self, now: Instant, mark: u64) -> bool {
        if matches!(self.overload, Overload::Yes(last) if self.calls.is_empty() && now.since(last) >= INTERVAL) {
            self.overload = Overload::No;
        }
        let overloaded = self.is_overloaded();
        let lately = self.silenced_at.is_some_and(|at| now.since(at) < SILENCE);
        if lately && self.silenced.knows(now, mark) {
            return false;
        }
        let fits = self.calls.len() < if overloaded { self.pace.within(TARGET) } else { GATE_CALLS_MAX };
        if !fits {
            self.overload = Overload::Yes(now);
        }
        fits
    }

    fn silence(&mut self, now: Instant, mark: u64) {
        self.count(Silence::Call);
        self.silenced.add(now, mark);
        // A repeat that is not heard does not prolong the silence of an overload that is over.
        if self.is_overloaded() {
            self.silenced_at = Some(now);
        }
    }

    const fn count(&mut self, kind: Silence) {
        self.silent[kind as usize] += 1;
    }

    fn put(&mut self, line: Line, arrived: Arrived) {
        let (line, bound) = match line {
            Line::Urgent => (&mut self.urgent, GATE_URGENT_MAX),
            Line::Calls => (&mut self.calls, GATE_CALLS_MAX),
            Line::Strangers => (&mut self.strangers, GATE_CALLS_MAX),
        };
        if line.len() < bound {
            line.push_back(arrived);
        } else {
            self.count(Silence::Full);
        }
    }

    /// Whether a refusal is told; pays for it.
    fn tells(&mut self, now: Instant) -> bool {
        let tells = self.paid >= CALLS_PER_REFUSAL && self.refusals.take(now);
        if tells {
            self.paid -= CALLS_PER_REFUSAL;
        }
        tells
    }

    fn judge(&mut self, now: Instant, passed: Passed) -> Next {
        let peek = Peek::new(&passed.payload);
        if peek.kind == Kind::Cancel {
            return Next::Handle(passed);
        }
        let late = passed.waited > TARGET;
        self.overload = match (self.overload, late) {
            (Overload::No, true) => Overload::Perhaps(now),
            (Overload::Perhaps(since), true) if now.since(since) >= INTERVAL => Overload::Yes(now),
            (Overload::Perhaps(since), true) => Overload::Perhaps(since),
            (Overload::Yes(_), true) => Overload::Yes(now),
            (Overload::Yes(last), false) if now.since(last) < INTERVAL => Overload::Yes(last),
            (Overload::No | Overload::Perhaps(_) | Overload::Yes(_), false) => Overload::No,
        };
        if late && self.is_overloaded() {
            if self.tells(now) {
                return Next::Refuse(passed);
            }
            self.silence(now, peek.mark());
            return Next::Drop;
        }
        self.pace.count(now);
        self.paid = (self.paid + 1).min(PAID_MAX);
        Next::Handle(passed)
    }
}

/// At most so much is paid for in advance: a tenth of a second's refusals.
const PAID_MAX: u32 = CALLS_PER_REFUSAL * REFUSALS_PER_SECOND / 10;

impl Arrived {
    fn passed(self, now: Instant) -> Passed {
        Passed { door: self.door, source: self.source, payload: self.payload, waited: now.since(self.at) }
    }
}

#[cfg(test)]
mod tests;
