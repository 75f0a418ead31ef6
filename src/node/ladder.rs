//! The last SIP messages of a shard, and from them the ladder of one call, also of one that ended a short time ago. A ring of
//! fixed places: noting a message copies at most [`TEXT_BYTES`] of it and allocates nothing; all reading is done when
//! somebody asks. OPTIONS are not noted: neighbours are asked by them all the time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::base::limits::{LADDER_LEGS_MAX, LADDER_MESSAGES_MAX, LADDER_ROWS_MAX};
use crate::base::{AgentId, CallId, Instant, LegId, Pii};
use crate::call::legs::leg_of_tag;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::uri::Uri;

/// Bytes kept of a message: its first line, the tag of our side, its Call-ID and its CSeq, each cut where it is longer.
const TEXT_BYTES: usize = 208;
const LINE_BYTES_MAX: usize = 88;
/// A longer tag is not of our making.
const TAG_BYTES_MAX: usize = 38;
const CALL_ID_BYTES_MAX: usize = 64;

const CALL_ID: &[u8] = b"\r\nCall-ID: ";
const CSEQ: &[u8] = b"\r\nCSeq: ";

/// See the module.
#[derive(Debug)]
pub(super) struct Ladders {
    kept: Vec<Kept>,
    max: usize,
    /// The oldest place, once all are taken.
    next: usize,
    /// Whose legs there were, the oldest first.
    legs: VecDeque<(LegId, CallId, Whose)>,
    /// The time of the input that is handled.
    now: Instant,
    /// Finds the Call-ID's line.
    call_id: Finder<'static>,
}

/// Whose leg a message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Caller,
    Agent(AgentId),
    Outside,
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Sent,
    Received,
}

/// A message as far as it is kept.
#[derive(Debug, Clone)]
struct Kept {
    at: Instant,
    peer: SocketAddr,
    way: Way,
    /// Where tag, Call-ID and CSeq begin, and where the text ends.
    ends: [u8; 4],
    text: [u8; TEXT_BYTES],
}

/// A place that nothing is kept in yet.
const EMPTY: Kept = Kept {
    at: Instant::ZERO,
    peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
    way: Way::Sent,
    ends: [0; 4],
    text: [0; TEXT_BYTES],
};

/// A message of a call's ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) at: Instant,
    pub(super) whose: Whose,
    pub(super) way: Way,
    pub(super) peer: SocketAddr,
    /// The first line; the number in it masked unless it was asked for.
    pub(super) line: String,
    pub(super) cseq: String,
    /// It went the same way before.
    pub(super) again: bool,
}

impl Ladders {
    /// For one of so many shards, which share the bound.
    pub(super) fn new(shards: u8) -> Self {
        let max = LADDER_MESSAGES_MAX / usize::from(shards.max(1));
        Self {
            kept: Vec::with_capacity(max),
            max,
            next: 0,
            legs: VecDeque::with_capacity(LADDER_LEGS_MAX),
            now: Instant::ZERO,
            call_id: Finder::new(CALL_ID),
        }
    }

    /// What is noted from now on happens now.
    pub(super) const fn handle_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// The time of the input that is handled.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// A leg belongs to a call.
    pub(super) fn handle_leg(&mut self, leg: LegId, call: CallId, whose: Whose) {
        if self.legs.len() == LADDER_LEGS_MAX {
            self.legs.pop_front();
        }
        self.legs.push_back((leg, call, whose));
    }

    /// Where the next message is noted.
    pub(super) const fn place(&self) -> usize {
        self.next
    }

    /// Forgets the one message at most that was noted since it was to be noted there: it is part of no call.
    pub(super) fn rewind(&mut self, place: usize) {
        if self.next != place
            && let Some(kept) = self.kept.get_mut(place)
        {
            (*kept, self.next) = (EMPTY, place);
        }
    }

    /// A message came in.
    pub(super) fn handle_received(&mut self, source: SocketAddr, message: &Message) {
        if message.method() == Method::Options {
            return;
        }
        let tag = if message.is_request() { message.to_tag() } else { message.from_tag() };
        let call_id = message.call_id().unwrap_or_default();
        let cseq = message.value(Name::CSeq).unwrap_or_default();
        self.note(Way::Received, source, tag, [message.start_line(), call_id, cseq]);
    }

    /// A message of our writing goes out. In these To stands before Call-ID, and From before To. This is in the way of every
    /// message: it looks for the Call-ID alone, and finds the others beside it.
    pub(super) fn handle_sent(&mut self, destination: SocketAddr, payload: &Bytes) {
        let first = line(payload);
        if first.starts_with(b"OPTIONS ") {
            return;
        }
        let Some(at) = self.call_id.find(payload) else { return };
        let rest = &payload[at + CALL_ID.len()..];
        let call_id = line(rest);
        let rest = rest.get(call_id.len() + 2..).unwrap_or_default();
        let cseq = match rest.strip_prefix(&CSEQ[2..]) {
            Some(cseq) => line(cseq),
            // A request that is sent again with credentials.
            None => memchr::memmem::find(rest, CSEQ).map_or(&b""[..], |at| line(&rest[at + CSEQ.len()..])),
        };
        let to = &payload[..at];
        let ours = if first.starts_with(b"SIP/") { to } else { &to[..memchr::memrchr(b'\r', to).unwrap_or(0)] };
        // We write our tag last.
        let end = &ours[ours.len().saturating_sub(TAG_BYTES_MAX)..];
        let tag = memchr::memrchr(b';', end).and_then(|at| end[at..].strip_prefix(b";tag="));
        self.note(Way::Sent, destination, tag, [first, call_id, cseq]);
    }

    /// The last messages of a call, in the order of time; none when it is unknown or too long ago.
    pub(super) fn of(&self, call: CallId, shows_numbers: bool) -> Vec<Rung> {
        let legs: Vec<_> =
            self.legs.iter().filter(|(_, of, _)| *of == call).map(|(leg, _, whose)| (*leg, *whose)).collect();
        let whose = |leg: LegId| legs.iter().find(|(known, _)| *known == leg).map(|(_, whose)| *whose);
        let (newer, older) = self.kept.split_at(self.next.min(self.kept.len()));
        let all = || older.iter().chain(newer);
        // An INVITE that comes in has no tag of ours: it is known by the Call-ID of what followed.
        let mut dialogs: Vec<(&[u8], Whose)> = Vec::new();
        for kept in all() {
            if let Some(whose) = kept.leg().and_then(whose)
                && !dialogs.iter().any(|(call_id, _)| *call_id == kept.call_id())
            {
                dialogs.push((kept.call_id(), whose));
            }
        }
        let mut rows: Vec<(&Kept, Whose)> = Vec::new();
        for kept in all() {
            let of_dialog = || dialogs.iter().find(|(call_id, _)| *call_id == kept.call_id()).map(|(_, whose)| *whose);
            rows.extend(kept.leg().and_then(whose).or_else(of_dialog).map(|whose| (kept, whose)));
        }
        let from = rows.len().saturating_sub(LADDER_ROWS_MAX);
        let again = |at: usize| rows[..at].iter().any(|(before, _)| before.is_as(rows[at].0));
        (from..rows.len()).map(|at| rows[at].0.rung(rows[at].1, shows_numbers, again(at))).collect()
    }

    /// Nothing is made of a message here but its copy.
    fn note(&mut self, way: Way, peer: SocketAddr, tag: Option<&[u8]>, [line, call_id, cseq]: [&[u8]; 3]) {
        if self.next == self.kept.len() && self.next < self.max {
            self.kept.push(EMPTY);
        }
        let Some(kept) = self.kept.get_mut(self.next) else { return };
        (kept.at, kept.peer, kept.way) = (self.now, peer, way);
        let tag = tag.filter(|tag| tag.len() <= TAG_BYTES_MAX).unwrap_or_default();
        let mut end = 0;
        for (place, (part, max)) in kept.ends.iter_mut().zip([
            (line, LINE_BYTES_MAX),
            (tag, TAG_BYTES_MAX),
            (call_id, CALL_ID_BYTES_MAX),
            (cseq, TEXT_BYTES),
        ]) {
            let bytes = part.len().min(max).min(TEXT_BYTES - end);
            kept.text[end..end + bytes].copy_from_slice(&part[..bytes]);
            end += bytes;
            *place = end as u8;
        }
        self.next = if self.next + 1 < self.max { self.next + 1 } else { 0 };
    }
}

/// The line that a text begins with.
fn line(text: &[u8]) -> &[u8] {
    let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Kept {
    fn line(&self) -> &[u8] {
        &self.text[..self.ends[0].into()]
    }

    /// As our tag names it.
    fn leg(&self) -> Option<LegId> {
        leg_of_tag(&self.text[self.ends[0].into()..self.ends[1].into()])
    }

    fn call_id(&self) -> &[u8] {
        &self.text[self.ends[1].into()..self.ends[2].into()]
    }

    fn cseq(&self) -> &[u8] {
        &self.text[self.ends[2].into()..self.ends[3].into()]
    }

    /// The same message once more.
    fn is_as(&self, other: &Self) -> bool {
        let text = |kept: &Self| ..usize::from(kept.ends[3]);
        (self.way, self.peer, self.ends) == (other.way, other.peer, other.ends)
            && self.text[text(self)] == other.text[text(other)]
    }

    fn rung(&self, whose: Whose, shows_numbers: bool, again: bool) -> Rung {
        let line = printable(self.line());
        let line = if shows_numbers { line } else { masked(&line) };
        Rung { at: self.at, whose, way: self.way, peer: self.peer, line, cseq: printable(self.cseq()), again }
    }
}

/// What came from outside, fit for a terminal.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A first line whose Request-URI does not tell the number. One that cannot be read is left out whole.
fn masked(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    let (Some(method), Some(uri), rest) = (words.next(), words.next(), words.next().unwrap_or_default()) else {
        return line.to_string();
    };
    if method.starts_with("SIP/") {
        return line.to_string();
    }
    let Ok(read) = Uri::parse(uri.as_bytes()) else { return format!("{method} *** {rest}") };
    let user = Pii::new(String::from_utf8_lossy(&read.number()).into_owned());
    format!("{method} sip:{user}@{} {rest}", String::from_utf8_lossy(read.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(first: &str, call: &str) -> Bytes {
        format!("{first}\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n\r\n")
            .into()
    }

    #[test]
    fn the_ring_is_bounded_and_forgets_the_oldest() {
        let peer = "192.0.2.1:5060".parse().unwrap();
        let mut ladders = Ladders::new(1);
        ladders.max = 4;
        ladders.handle_leg(LegId(1 << 32), CallId(7), Whose::Caller);
        for n in 0..9 {
            ladders.handle_time(Instant::ZERO);
            let text = message(&format!("SIP/2.0 18{n} R"), "x");
            let tagged = String::from_utf8(text.to_vec()).unwrap().replace("<sip:c@d>", "<sip:c@d>;tag=100000000-0a");
            ladders.handle_sent(peer, &tagged.into());
        }
        let lines: Vec<_> = ladders.of(CallId(7), false).into_iter().map(|rung| rung.line).collect();
        assert_eq!(lines, ["SIP/2.0 185 R", "SIP/2.0 186 R", "SIP/2.0 187 R", "SIP/2.0 188 R"]);
        assert!(ladders.of(CallId(8), false).is_empty());
        let bytes = LADDER_MESSAGES_MAX * size_of::<Kept>();
        assert!(bytes <= 17 << 20, "{bytes}");
    }

    #[test]
    fn numbers_are_masked_and_strange_bytes_do_no_harm() {
        assert_eq!(masked("INVITE sip:+4930123456@h SIP/2.0"), "INVITE sip:+49***(8)@h SIP/2.0");
        assert_eq!(masked("BYE <> SIP/2.0"), "BYE *** SIP/2.0");
        assert_eq!(masked("SIP/2.0 180 Ringing"), "SIP/2.0 180 Ringing");
        assert_eq!(printable(b"a\x1b[2Jb\xff"), "a [2Jb\u{fffd}");
        let mut ladders = Ladders::new(1);
        let peer = "192.0.2.1:5060".parse().unwrap();
        for text in
            ["", "\n", "INVITE", "INVITE x SIP/2.0\r\nCSeq: \r\n", "\r\nCSeq: 1 A", "\r\nCall-ID: ", "\r\nCall-ID: \r"]
        {
            ladders.handle_sent(peer, &Bytes::from(text));
        }
        ladders.handle_sent(peer, &message(&"x".repeat(9_000), &"y".repeat(9_000)));
        assert!(ladders.kept.iter().all(|kept| kept.ends.is_sorted()));
    }
}
