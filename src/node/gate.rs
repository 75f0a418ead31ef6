//! Admission under overload: what is read from the socket passes through here before the node. Messages of calls that live go
//! first, new calls wait behind them, and strangers behind those. How long a new call has waited decides whether the node is
//! overloaded, by a rule like CoDel's (RFC 8289): when some new call waits longer than [`TARGET`] all through [`INTERVAL`],
//! those that have waited too long are refused until none has for a whole interval. It knows nothing of capacity.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::Instant;
use crate::base::limits::{GATE_CALLS_MAX, GATE_URGENT_MAX};
use crate::sip::transaction::Door;

/// A new call that has waited for less than this is always taken.
pub const TARGET: Duration = Duration::from_millis(50);
/// Waiting for longer is tolerated for this time: a burst is not an overload.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// Refusals told by a response, a second; beyond that they are silent, so that a flood is not answered by a flood.
pub const REFUSALS_PER_SECOND: u32 = 20_000;
/// Requests of strangers outside any dialog that are looked at, a second.
pub const STRANGERS_PER_SECOND: u32 = 1_000;

/// The gate; see the module. Fill it by [`Gate::push`], empty it by [`Gate::pop`].
#[derive(Debug)]
pub struct Gate {
    urgent: VecDeque<Arrived>,
    calls: VecDeque<Arrived>,
    strangers: VecDeque<Arrived>,
    overload: Overload,
    refusals: Bucket,
    looks: Bucket,
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

/// Where the rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overload {
    /// No new call waits too long.
    No,
    /// Some do, since then.
    Perhaps(Instant),
    /// Those who waited too long are refused; the last one was then.
    Yes(Instant),
}

/// Who sent a datagram, as far as the gate must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A neighbour whose calls are taken.
    Peer,
    /// Anybody else.
    Stranger,
}

impl Gate {
    /// An open gate.
    pub fn new(now: Instant) -> Self {
        Self {
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            strangers: VecDeque::new(),
            overload: Overload::No,
            refusals: Bucket::new(now, REFUSALS_PER_SECOND),
            looks: Bucket::new(now, STRANGERS_PER_SECOND),
        }
    }

    /// Takes a datagram in. `sender` is asked only about what belongs to no live call. What does not fit is lost, as in a
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
        let (queue, bound) = match kind(&payload) {
            Kind::Within => (&mut self.urgent, GATE_URGENT_MAX),
            Kind::Call | Kind::Opening if sender(source) == Sender::Stranger => {
                if !self.looks.take(now) {
                    return;
                }
                (&mut self.strangers, GATE_CALLS_MAX)
            }
            Kind::Call => (&mut self.calls, GATE_CALLS_MAX),
            Kind::Opening => (&mut self.urgent, GATE_URGENT_MAX),
        };
        if queue.len() < bound {
            queue.push_back(Arrived { at: now, door, source, payload });
        }
    }

    /// The next datagram: of live calls first, then new calls in the order they came, then strangers.
    pub fn pop(&mut self, now: Instant) -> Option<Next> {
        if let Some(arrived) = self.urgent.pop_front() {
            return Some(Next::Handle(arrived.passed(now)));
        }
        if let Some(arrived) = self.calls.pop_front() {
            let passed = arrived.passed(now);
            return Some(if is_cancel(&passed.payload) { Next::Handle(passed) } else { self.judge(now, passed) });
        }
        self.strangers.pop_front().map(|arrived| Next::Handle(arrived.passed(now)))
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.calls.is_empty() && self.strangers.is_empty()
    }

    /// True while calls are being refused.
    pub fn is_overloaded(&self) -> bool {
        matches!(self.overload, Overload::Yes(_))
    }

    fn judge(&mut self, now: Instant, passed: Passed) -> Next {
        let late = passed.waited > TARGET;
        self.overload = match (self.overload, late) {
            (Overload::No, true) => Overload::Perhaps(now),
            (Overload::Perhaps(since), true) if now.since(since) >= INTERVAL => Overload::Yes(now),
            (Overload::Perhaps(since), true) => Overload::Perhaps(since),
            (Overload::Yes(_), true) => Overload::Yes(now),
            (Overload::Yes(last), false) if now.since(last) < INTERVAL => Overload::Yes(last),
            (Overload::No | Overload::Perhaps(_) | Overload::Yes(_), false) => Overload::No,
        };
        match self.overload {
            Overload::Yes(_) if late && self.refusals.take(now) => Next::Refuse(passed),
            Overload::Yes(_) if late => Next::Drop,
            Overload::No | Overload::Perhaps(_) | Overload::Yes(_) => Next::Handle(passed),
        }
    }
}

impl Arrived {
    fn passed(self, now: Instant) -> Passed {
        Passed { door: self.door, source: self.source, payload: self.payload, waited: now.since(self.at) }
    }
}

/// A bucket of tokens that fills at a rate and holds a tenth of a second's worth.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    /// Millionths of a token.
    level: u64,
    filled: Instant,
}

impl Bucket {
    fn new(now: Instant, per_second: u32) -> Self {
        Self { per_second, level: u64::from(per_second) * 100_000, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let more = now.since(self.filled).as_micros().min(1_000_000) as u64 * u64::from(self.per_second);
        self.level = (self.level + more).min(u64::from(self.per_second) * 100_000);
        self.filled = now;
        let Some(rest) = self.level.checked_sub(1_000_000) else { return false };
        self.level = rest;
        true
    }
}

/// What a datagram is, told from its bytes without reading the message: no more work for what may be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A response, or a request inside a dialog.
    Within,
    /// An INVITE that begins a call, or the CANCEL of one, which must not overtake it.
    Call,
    /// Another request outside any dialog: OPTIONS, CANCEL ... and what is no SIP.
    Opening,
}

/// In doubt (a folded or repeated To) a request counts as one inside a dialog, which is harmless.
fn kind(payload: &[u8]) -> Kind {
    if payload.starts_with(b"SIP/2.0 ") || to_line(payload).is_some_and(has_tag) {
        return Kind::Within;
    }
    if payload.starts_with(b"INVITE ") || is_cancel(payload) { Kind::Call } else { Kind::Opening }
}

fn is_cancel(payload: &[u8]) -> bool {
    payload.starts_with(b"CANCEL ")
}

fn to_line(payload: &[u8]) -> Option<&[u8]> {
    let mut rest = payload;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        let ([b't' | b'T', b'o' | b'O', after @ ..] | [b't' | b'T', after @ ..]) = rest else { continue };
        if after.trim_ascii_start().starts_with(b":") {
            return Some(&rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]);
        }
    }
    None
}

fn has_tag(line: &[u8]) -> bool {
    memchr::memchr_iter(b';', line).any(|at| line[at..].len() >= 5 && line[at..at + 5].eq_ignore_ascii_case(b";tag="))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:800@acd SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:800@acd>\r\n\r\n";
    const BYE: &[u8] = b"BYE sip:800@acd SIP/2.0\r\nTo: <sip:800@acd>;tag=2\r\n\r\n";
    const OPTIONS: &[u8] = b"OPTIONS sip:acd SIP/2.0\r\nTo: <sip:acd>\r\n\r\n";

    #[test]
    fn a_new_call_is_told_by_its_first_line_and_the_missing_tag() {
        assert_eq!(kind(INVITE), Kind::Call);
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\nTimestamp: 1\r\nt : <sip:x>\r\n"), Kind::Call);
        assert_eq!(kind(b"INVITE sip:x SIP/2.0\r\nTo: <sip:x>;a=b;TAG=2\r\n"), Kind::Within);
        assert_eq!(kind(b"SIP/2.0 200 OK\r\nTo: <sip:x>\r\n"), Kind::Within);
        assert_eq!((kind(BYE), kind(OPTIONS)), (Kind::Within, Kind::Opening));
        assert_eq!((kind(b"INVITE"), kind(b""), kind(b"\r\n\r\n")), (Kind::Opening, Kind::Opening, Kind::Opening));
    }

    #[test]
    fn messages_of_live_calls_go_first_then_calls_then_strangers() {
        let mut gate = Gate::new(ms(0));
        gate.push(ms(0), source(9), OPTIONS.into(), |_| Sender::Stranger);
        gate.push(ms(0), source(9), INVITE.into(), |_| Sender::Stranger);
        gate.push(ms(0), source(1), INVITE.into(), |_| Sender::Peer);
        gate.push(ms(1), source(2), BYE.into(), |_| unreachable!("a live call's message is not asked about"));
        gate.push(ms(1), source(3), OPTIONS.into(), |_| Sender::Peer);
        let order: Vec<_> = std::iter::from_fn(|| gate.pop(ms(2))).map(|next| handled(&next)).collect();
        assert_eq!(order, [source(2), source(3), source(1), source(9), source(9)]);
        assert!(gate.is_empty());
    }

    #[test]
    fn a_cancel_never_overtakes_its_invite_and_is_never_refused() {
        let mut gate = Gate::new(ms(0));
        let cancel = b"CANCEL sip:800@acd SIP/2.0\r\nTo: <sip:800@acd>\r\n\r\n".as_slice();
        for payload in [INVITE, cancel] {
            gate.push(ms(0), source(1), payload.into(), |_| Sender::Peer);
        }
        let starts: Vec<_> = std::iter::from_fn(|| gate.pop(ms(1))).map(|next| first_byte(&next)).collect();
        assert_eq!(starts, [b'I', b'C']);
        wait(&mut gate, 0, 51);
        wait(&mut gate, 200, 51);
        gate.push(ms(1_149), source(1), cancel.into(), |_| Sender::Peer);
        assert!(gate.is_overloaded());
        assert!(matches!(gate.pop(ms(1_201)), Some(Next::Handle(_))));
    }

    #[test]
    fn a_burst_is_taken_whole_and_an_overload_is_refused_until_it_is_over() {
        let mut gate = Gate::new(ms(0));
        // 199 ms of waiting too long is a burst.
        for at in 0..200 {
            assert!(matches!(wait(&mut gate, at, 51), Next::Handle(_)), "{at}");
        }
        // From 200 ms after the first late one on, those who waited too long are refused, others not.
        assert!(matches!(wait(&mut gate, 200, 51), Next::Refuse(_)));
        assert!(matches!(wait(&mut gate, 201, 50), Next::Handle(_)));
        assert!(gate.is_overloaded());
        assert!(matches!(wait(&mut gate, 399, 51), Next::Refuse(_)));
        // A whole interval without a late one ends it; then a late one begins anew.
        assert!(matches!(wait(&mut gate, 598, 50), Next::Handle(_)));
        assert!(gate.is_overloaded());
        assert!(matches!(wait(&mut gate, 599, 50), Next::Handle(_)));
        assert!(!gate.is_overloaded());
        assert!(matches!(wait(&mut gate, 600, 51), Next::Handle(_)));
    }

    #[test]
    fn refusals_and_strangers_beyond_their_rate_are_silent() {
        let mut gate = Gate::new(ms(0));
        wait(&mut gate, 0, 51);
        wait(&mut gate, 200, 51);
        let mut told = 0_u32;
        for _ in 0..3 * REFUSALS_PER_SECOND / 10 {
            match wait(&mut gate, 210, 51) {
                Next::Refuse(_) => told += 1,
                Next::Drop => {}
                Next::Handle(_) => panic!("overloaded"),
            }
        }
        // One tenth of a second's worth, less the one before.
        assert!(told.abs_diff(REFUSALS_PER_SECOND / 10) <= 1, "{told}");
        for _ in 0..STRANGERS_PER_SECOND {
            gate.push(ms(300), source(9), INVITE.into(), |_| Sender::Stranger);
        }
        assert_eq!(gate.strangers.len(), STRANGERS_PER_SECOND as usize / 10);
    }

    #[test]
    fn a_full_gate_loses_new_calls_and_keeps_messages_of_live_ones() {
        let mut gate = Gate::new(ms(0));
        for _ in 0..=GATE_CALLS_MAX {
            gate.push(ms(0), source(1), INVITE.into(), |_| Sender::Peer);
        }
        gate.push(ms(0), source(2), BYE.into(), |_| Sender::Peer);
        assert_eq!((gate.calls.len(), gate.urgent.len()), (GATE_CALLS_MAX, 1));
    }

    /// A call that is popped at `at` after having waited.
    fn wait(gate: &mut Gate, at: u64, waited: u64) -> Next {
        gate.push(ms(1_000 + at - waited), source(1), INVITE.into(), |_| Sender::Peer);
        gate.pop(ms(1_000 + at)).unwrap()
    }

    fn first_byte(next: &Next) -> u8 {
        let Next::Handle(passed) = next else { panic!("{next:?}") };
        passed.payload[0]
    }

    fn handled(next: &Next) -> SocketAddr {
        let Next::Handle(passed) = next else { panic!("{next:?}") };
        passed.source
    }

    fn ms(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn source(n: u8) -> SocketAddr {
        ([192, 0, 2, n], 5060).into()
    }
}
