//! Header lines that may go on from one side of a call to the other, by the list (`carry_headers`) of the neighbour that its
//! caller comes from. `journey::carry` says which messages do.

use std::sync::Arc;

use crate::base::LegId;
use crate::base::limits::{CARRIED_BYTES_MAX, CARRIED_HEADERS_MAX};
use crate::call::Lines;
use crate::node::identity::Caller;
use crate::sip::message::Message;
use crate::sip::name::Name;

/// Lines of the message that is being handled.
#[derive(Debug)]
pub(super) struct Heard {
    /// The leg that it came on, as it says: of use only when that leg tells what it did.
    pub(super) leg: LegId,
    /// The leg that they are for.
    pub(super) other: LegId,
    pub(super) lines: Box<Lines>,
}

/// The header lines of a caller's INVITE that go on to the agent's phone. `None`, and nothing allocated, when there are none.
pub(super) fn of_invite(request: &Message, names: &[Arc<str>], caller: &Caller) -> Option<Box<Lines>> {
    // Who was called, and by whom, is as private as the caller (RFC 5806 6, RFC 7044 10.1.3).
    let is_private = |known, _: &str| caller.is_unknown() && matches!(known, Name::Diversion | Name::HistoryInfo);
    listed(request, names, is_private)
}

/// Those of an answer or a BYE. What is about an INVITE alone stays: it would tell the caller which numbers its call has been at.
/// So do charging records, which no phone has a say in (RFC 7315 4.6).
pub(super) fn of_other(message: &Message, names: &[Arc<str>]) -> Option<Box<Lines>> {
    listed(message, names, |known, name| {
        matches!(known, Name::Diversion | Name::HistoryInfo | Name::Subject)
            || name.eq_ignore_ascii_case("P-Charging-Vector")
    })
}

/// The lines of a list. Bounded in number and in bytes; one that does not fit is left out whole, and so is one with bytes that
/// no header field may have.
fn listed(message: &Message, names: &[Arc<str>], stays: impl Fn(Name, &str) -> bool) -> Option<Box<Lines>> {
    if names.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    let mut room = CARRIED_BYTES_MAX;
    for (known, name, value) in message.headers() {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let is_usable = !value.iter().any(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127));
        // The list has long names; a compact one is the same (RFC 3261 7.3.3).
        let long = if known == Name::Other { name } else { known.as_str() };
        if stays(known, name) || !is_listed(long, names) || !is_usable {
            continue;
        }
        let bytes = name.len() + value.len();
        if lines.len() == CARRIED_HEADERS_MAX || bytes > room {
            continue;
        }
        room -= bytes;
        lines.push((name.into(), value.into()));
    }
    (!lines.is_empty()).then(|| Box::new(Lines(lines)))
}

/// A name, or the beginning of names, that the trunk's list has; what is ours is nobody else's to say.
fn is_listed(name: &str, names: &[Arc<str>]) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    let fits = |listed: &Arc<str>| listed.strip_suffix('*').map_or_else(|| listed.eq_ignore_ascii_case(name), begins);
    !begins("X-Strowger") && names.iter().any(fits)
}
