//! SIP traces: whole messages of a neighbour, or of the calls of a number, from when somebody asks for them until the time,
//! the messages or the bytes are used up. Each shard keeps its part in a ring of bounded bytes, masked as it is put in. While
//! no trace runs a message costs the look at one flag.

pub(super) mod mask;
pub(super) mod orders;
pub(super) mod view;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::limits::{
    TRACE_BYTES_MAX, TRACE_KEPT, TRACE_LEGS_MAX, TRACE_MESSAGES_MAX, TRACE_RING_BYTES_MAX, TRACES_MAX,
};
use crate::base::{CallId, IdMap, Instant, LegId, PeerId};
use crate::call::legs::leg_of_tag;
use crate::node::ladder::{Way, Whose};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::uri::Uri;
use crate::sip::value::NameAddr;

/// What a traced message costs in the ring beside its text.
const ROW_BYTES: usize = size_of::<Traced>();
/// Numbers of so many digits are the same when the longer one ends with the shorter: one form is national.
const NATIONAL_DIGITS: usize = 7;

/// A trace as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: u32,
    pub(super) of: Wanted,
    pub(super) from: Instant,
    pub(super) until: Instant,
    /// Numbers are kept; masked else.
    pub(super) shows_numbers: bool,
    /// Who asked.
    pub(super) by: Arc<str>,
}

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// From and to a neighbour.
    Peer(PeerId),
    /// From, to or for a number, and all legs of the calls that come so.
    Number(Box<str>),
}

/// The traces of a shard.
#[derive(Debug)]
pub(super) struct Traces {
    is_on: bool,
    running: Vec<Running>,
    ring: VecDeque<Traced>,
    /// What the ring costs.
    bytes: usize,
    /// The shard's part of the node's bounds.
    shards: usize,
    /// The number of the next message.
    next: u64,
    /// When the last of the messages may be forgotten.
    kept_until: Instant,
}

#[derive(Debug)]
struct Running {
    order: Arc<Order>,
    messages: usize,
    bytes: usize,
    is_over: bool,
    /// The INVITE in hand is of the number.
    is_in_hand: bool,
    calls: IdMap<CallId, ()>,
    legs: IdMap<LegId, ()>,
}

/// A message in the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Traced {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) way: Way,
    pub(super) far: SocketAddr,
    /// Of which traces it is.
    pub(super) traces: Vec<u32>,
    /// Its bytes on the wire.
    pub(super) length: usize,
    pub(super) text: Box<[u8]>,
}

/// How far a trace is in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) id: u32,
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// It has used up what it may.
    pub(super) is_full: bool,
}

/// What a shard says of its traces.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rows: Vec<Traced>,
    /// The number that the next ones begin with.
    pub(super) next: u64,
    /// How many are gone before the first.
    pub(super) missed: u64,
    /// How far each trace is.
    pub(super) counts: Vec<Count>,
}

impl Traces {
    /// Of one of so many shards, which share the bounds.
    pub(super) fn new(shards: u8) -> Self {
        Self {
            is_on: false,
            running: Vec::new(),
            ring: VecDeque::new(),
            bytes: 0,
            shards: usize::from(shards.max(1)),
            next: 0,
            kept_until: Instant::ZERO,
        }
    }

    /// Whether any message is wanted.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// A trace begins.
    pub(super) fn start(&mut self, order: Arc<Order>) {
        if self.running.len() >= TRACES_MAX {
            return;
        }
        self.kept_until = self.kept_until.max(order.until + TRACE_KEPT);
        self.running.push(Running {
            order,
            messages: 0,
            bytes: 0,
            is_over: false,
            is_in_hand: false,
            calls: IdMap::default(),
            legs: IdMap::default(),
        });
        self.is_on = true;
    }

    /// A trace ends before its time; its messages can still be read.
    pub(super) fn stop(&mut self, id: u32) {
        if let Some(running) = self.running.iter_mut().find(|running| running.order.id == id) {
            running.end();
        }
        self.look();
    }

    /// Time passed: traces end, and what nobody may read any more is forgotten.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for running in &mut self.running {
            if running.order.until <= now {
                running.end();
            }
        }
        self.running.retain(|running| running.order.until + TRACE_KEPT > now);
        self.look();
        if self.running.is_empty() && self.kept_until <= now {
            (self.ring, self.bytes) = (VecDeque::new(), 0);
        }
    }

    /// A leg belongs to a call.
    pub(super) fn handle_leg(&mut self, leg: LegId, call: CallId, whose: Whose) {
        for running in self.running.iter_mut().filter(|running| !running.is_over) {
            let comes = whose == Whose::Caller && running.is_in_hand;
            if running.legs.len() < TRACE_LEGS_MAX && (comes || running.calls.contains_key(&call)) {
                running.calls.insert(call, ());
                running.legs.insert(leg, ());
            }
        }
    }

    /// A message comes or goes. `is_of` tells whether its far end is this neighbour.
    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        (way, far): (Way, SocketAddr),
        message: &Message,
        is_of: impl Fn(PeerId) -> bool,
    ) {
        let of_ours = (way == Way::Received) == message.is_request();
        let leg = if of_ours { message.to_tag() } else { message.from_tag() }.and_then(leg_of_tag);
        let (messages_max, bytes_max) = (TRACE_MESSAGES_MAX / self.shards, TRACE_BYTES_MAX / self.shards);
        let mut traces = Vec::new();
        let mut shows_numbers = true;
        for running in self.running.iter_mut().filter(|running| !running.is_over) {
            running.is_in_hand = false;
            let is_wanted = running.order.until > now
                && match &running.order.of {
                    Wanted::Peer(peer) => is_of(*peer),
                    Wanted::Number(number) => {
                        let follows = leg.is_some_and(|leg| running.legs.contains_key(&leg));
                        let names = names(message, number);
                        running.is_in_hand = names && way == Way::Received;
                        follows || names
                    }
                };
            if !is_wanted {
                continue;
            }
            running.messages += 1;
            running.bytes += message.raw().len();
            traces.push(running.order.id);
            // Who reads one of them reads all.
            shows_numbers &= running.order.shows_numbers;
            if running.messages >= messages_max || running.bytes >= bytes_max {
                running.end();
            }
        }
        if !traces.is_empty() {
            let text = mask::kept(message.raw(), shows_numbers).into();
            let length = message.raw().len();
            self.keep(Traced { number: self.next, at: now, way, far, traces, length, text });
        }
        self.look();
    }

    /// A trace is listed no more.
    pub(super) fn forget(&mut self, id: u32) {
        self.running.retain(|running| running.order.id != id);
        self.look();
    }

    /// So many messages from this number on.
    pub(super) fn read(&self, from: u64, limit: usize) -> Read {
        let first = self.ring.front().map_or(self.next, |oldest| oldest.number);
        let start = from.max(first).min(self.next);
        let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
        let rows: Vec<Traced> = self.ring.iter().skip(skip).take(limit).cloned().collect();
        let next = rows.last().map_or(start, |last| last.number + 1);
        Read { rows, next, missed: start.saturating_sub(from), counts: self.counts() }
    }

    fn counts(&self) -> Vec<Count> {
        let count = |running: &Running| Count {
            id: running.order.id,
            messages: running.messages,
            bytes: running.bytes,
            is_full: running.messages >= TRACE_MESSAGES_MAX / self.shards
                || running.bytes >= TRACE_BYTES_MAX / self.shards,
        };
        self.running.iter().map(count).collect()
    }

    fn keep(&mut self, traced: Traced) {
        self.next += 1;
        self.bytes += traced.cost();
        self.ring.push_back(traced);
        while self.bytes > TRACE_RING_BYTES_MAX / self.shards {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.bytes -= oldest.cost();
        }
    }

    fn look(&mut self) {
        self.is_on = self.running.iter().any(|running| !running.is_over);
    }
}

impl Running {
    fn end(&mut self) {
        self.is_over = true;
        (self.calls, self.legs) = (IdMap::default(), IdMap::default());
    }
}

impl Traced {
    fn cost(&self) -> usize {
        ROW_BYTES + self.text.len() + self.traces.len() * size_of::<u32>()
    }
}

/// True when a message is from, to or for a number.
fn names(message: &Message, number: &str) -> bool {
    let is_it = |uri: &[u8]| Uri::parse(uri).is_ok_and(|uri| is_same(&uri.number(), number.as_bytes()));
    let asserted = || message.elements(Name::PAssertedIdentity).filter_map(NameAddr::parse);
    (message.is_request() && is_it(message.uri()))
        || [message.from(), message.to()].into_iter().flatten().any(|address| is_it(address.uri))
        || asserted().any(|address| is_it(address.uri))
}

/// Whether two texts are one number, be one of them in the national form.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    let is_number = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_digit() || b"+-.() ".contains(byte));
    if !is_number(one) || !is_number(other) {
        return false;
    }
    let digits = |text: &[u8]| text.iter().rev().copied().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let (one, other) = (digits(one), digits(other));
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    // From the end; a national form may begin with a zero that the other one lacks.
    let short = short.strip_suffix(b"0").filter(|_| short.len() != long.len()).unwrap_or(&short);
    long == short || (short.len() >= NATIONAL_DIGITS && long.starts_with(short))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn order(id: u32, of: Wanted, shows_numbers: bool) -> Arc<Order> {
        Arc::new(Order { id, of, from: at(0), until: at(600), shows_numbers, by: "ann".into() })
    }

    fn message(text: &str) -> Message {
        let text = format!("{text}\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\nCall-ID: c\nCSeq: 1 INVITE\n\n");
        Message::parse(Bytes::from(text.replace('\n', "\r\n"))).unwrap()
    }

    fn invite(from: &str, to: &str) -> Message {
        message(&format!("INVITE sip:{to}@h SIP/2.0\nFrom: <sip:{from}@h>;tag=1\nTo: <sip:{to}@h>"))
    }

    fn far() -> SocketAddr {
        "192.0.2.1:5060".parse().unwrap()
    }

    #[test]
    fn a_number_is_found_in_whatever_form() {
        for (one, other, same) in [
            ("+4930123456", "4930123456", true),
            ("030123456", "+4930123456", true),
            ("00", "+4930123456", false),
            ("800", "1800", false),
            ("800", "800", true),
            ("0800", "800", false),
            ("anna", "anna", true),
            ("anna", "annb", false),
            ("", "800", false),
            ("+49 (30) 123-456", "4930123456", true),
        ] {
            assert_eq!(is_same(one.as_bytes(), other.as_bytes()), same, "{one} {other}");
            assert_eq!(is_same(other.as_bytes(), one.as_bytes()), same, "{other} {one}");
        }
    }

    #[test]
    fn a_trace_of_a_number_follows_all_legs_of_its_calls_and_no_others() {
        let mut traces = Traces::new(1);
        assert!(!traces.is_on());
        traces.start(order(1, Wanted::Number("800".into()), true));
        assert!(traces.is_on());
        let see = |traces: &mut Traces, way, message: &Message| {
            let before = traces.next;
            traces.handle_message(at(1), (way, far()), message, |_| false);
            traces.next > before
        };
        assert!(see(&mut traces, Way::Received, &invite("1", "800")));
        traces.handle_leg(LegId(5 << 32), CallId(7), Whose::Caller);
        traces.handle_leg(LegId(6 << 32), CallId(7), Whose::Agent(crate::base::AgentId(1)));
        assert!(!see(&mut traces, Way::Received, &invite("1", "900")));
        traces.handle_leg(LegId(8 << 32), CallId(8), Whose::Caller);
        let to_agent = |leg: u64| {
            message(&format!("INVITE sip:1001@p SIP/2.0\nFrom: <sip:1@h>;tag={:x}-0a\nTo: <sip:1001@p>", leg << 32))
        };
        assert!(see(&mut traces, Way::Sent, &to_agent(6)));
        assert!(!see(&mut traces, Way::Sent, &to_agent(8)));
        let answer = message("SIP/2.0 180 Ringing\nFrom: <sip:1@h>;tag=600000000-0a\nTo: <sip:1001@p>;tag=x");
        assert!(see(&mut traces, Way::Received, &answer));
        traces.handle_timeout(at(600));
        assert!(!traces.is_on() && !see(&mut traces, Way::Received, &invite("1", "800")));
        assert_eq!(traces.read(0, 9).rows.len(), 3, "they can still be read");
        traces.handle_timeout(at(600) + TRACE_KEPT);
        assert_eq!((traces.read(0, 9).rows.len(), traces.bytes, traces.counts().len()), (0, 0, 0));
    }

    #[test]
    fn a_trace_ends_by_its_messages_and_the_ring_by_its_bytes() {
        let mut traces = Traces::new(2);
        traces.start(order(1, Wanted::Peer(PeerId(3)), false));
        let long = message(&format!("MESSAGE sip:1@h SIP/2.0\nSubject: {}", "x".repeat(1_000)));
        for _ in 0..TRACE_MESSAGES_MAX {
            traces.handle_message(at(1), (Way::Sent, far()), &long, |peer| peer == PeerId(3));
            assert!(traces.bytes <= TRACE_RING_BYTES_MAX / 2);
        }
        assert!(!traces.is_on());
        let [count] = traces.counts()[..] else { panic!("one trace") };
        assert!(count.is_full && count.messages <= TRACE_MESSAGES_MAX / 2, "{count:?}");
        let Read { rows, next, missed, .. } = traces.read(0, 10);
        assert_eq!((rows.len(), rows[0].number, next), (10, missed, missed + 10));
        assert!(missed > 0);
        let Read { rows, next, missed, .. } = traces.read(traces.next + 5, 10);
        assert_eq!((rows.len(), next, missed), (0, traces.next, 0));
    }

    #[test]
    fn who_reads_one_of_two_traces_learns_no_number_that_only_the_other_shows() {
        let mut traces = Traces::new(1);
        traces.start(order(1, Wanted::Number("4930123456".into()), true));
        traces.start(order(2, Wanted::Peer(PeerId(3)), false));
        traces.handle_message(at(1), (Way::Received, far()), &invite("4930123456", "800"), |_| true);
        let rows = traces.read(0, 10).rows;
        assert_eq!(rows[0].traces, [1, 2]);
        assert!(!String::from_utf8_lossy(&rows[0].text).contains("4930123456"));
        traces.stop(2);
        traces.handle_message(at(2), (Way::Received, far()), &invite("4930123456", "800"), |_| true);
        assert!(String::from_utf8_lossy(&traces.read(1, 10).rows[0].text).contains("4930123456"));
        traces.stop(1);
        traces.stop(9);
        assert!(!traces.is_on());
        assert_eq!(traces.counts().iter().map(|count| count.messages).collect::<Vec<_>>(), [2, 1]);
        for id in 0..20 {
            traces.start(order(10 + id, Wanted::Peer(PeerId(1)), false));
        }
        assert_eq!(traces.running.len(), TRACES_MAX);
    }
}
