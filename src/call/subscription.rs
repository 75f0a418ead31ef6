//! A subscription to what a device does (RFC 6665) as data, by its dialogs (RFC 4235) or its presence (RFC 3856), and its NOTIFY
//! as it is read; `subscribe` asks and answers.

use std::net::SocketAddr;
use std::time::Duration;

use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::package::{Document, Package};
use crate::sip::value::{MediaType, Params};
use crate::sip::xml::Unreadable;

/// Names a subscription of a shard; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub(super) u64);

/// A subscription that lives, or is being ended.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) dialog: Dialog,
    pub(super) package: Package,
    /// What its owner gave; `None`: nobody wishes to hear of it any more.
    pub(super) token: Option<u64>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subscribe<'a> {
    /// By what the device is told of.
    pub package: Package,
    /// The device, also the Request-URI.
    pub uri: &'a [u8],
    /// Where it goes.
    pub destination: SocketAddr,
    /// For how long.
    pub expires: Duration,
    /// Comes back in the events.
    pub token: u64,
}

/// What became of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It holds for so long, where that was said.
    Until(Option<Duration>),
    /// Refused by this status, with the time after which it may be tried again (Retry-After), or for which it is to be asked at
    /// least (Min-Expires).
    Refused(u16, Option<Duration>),
    /// No answer.
    Unanswered,
}

/// A NOTIFY, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where the subscription stands.
    pub standing: Standing,
    /// What the device does, where it has a body.
    pub document: Option<Result<Document, Unreadable>>,
}

/// Where a subscription stands, as a NOTIFY says (RFC 6665 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds, for so long where that is said.
    Active(Option<Duration>),
    /// Nobody has decided yet whether it may be.
    Pending,
    /// It is over; by its reason it may be begun again at once, after a time, or not at all.
    Terminated(Ended),
}

/// Why a subscription was ended by the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// `deactivated`, `timeout`, or nothing said: begin anew.
    Anew,
    /// `probation`, `giveup`: begin anew after this time, where one is said.
    Later(Option<Duration>),
    /// `rejected`, `noresource`, `invariant`: there is nothing to hear.
    Vain,
}

/// What a NOTIFY says.
///
/// # Errors
/// The status that refuses it: of another package, without Subscription-State, or with another body.
pub(super) fn read(request: &Message, package: Package) -> Result<Notice, u16> {
    let event = request.value(Name::Event).map(|value| value.split(|byte| *byte == b';').next().unwrap_or_default());
    if event.map(<[u8]>::trim_ascii) != Some(package.event()) {
        return Err(489);
    }
    let standing = request.other("Subscription-State").and_then(standing).ok_or(400_u16)?;
    if request.body().is_empty() {
        return Ok(Notice { standing, document: None });
    }
    let media = request.value(Name::ContentType).and_then(MediaType::parse);
    if !media.is_some_and(|media| package.takes(&media)) {
        return Err(415);
    }
    Ok(Notice { standing, document: Some(package.parse(request.body())) })
}

fn standing(value: &[u8]) -> Option<Standing> {
    let cut = memchr::memchr(b';', value).unwrap_or(value.len());
    let (word, params) = (value[..cut].trim_ascii(), &value[cut..]);
    let is = |text: &str| word.eq_ignore_ascii_case(text.as_bytes());
    if is("active") {
        return Some(Standing::Active(seconds(Params::find(params, "expires"))));
    }
    if is("pending") {
        return Some(Standing::Pending);
    }
    if !is("terminated") {
        // RFC 6665 4.1.3: a word that is not known is a subscription that lives.
        return (!word.is_empty()).then_some(Standing::Pending);
    }
    let after = seconds(Params::find(params, "retry-after"));
    let reason = Params::find(params, "reason").unwrap_or_default().to_ascii_lowercase();
    Some(Standing::Terminated(match &reason[..] {
        b"rejected" | b"noresource" | b"invariant" => Ended::Vain,
        b"probation" | b"giveup" => Ended::Later(after),
        _ => after.map_or(Ended::Anew, |after| Ended::Later(Some(after))),
    }))
}

/// A count of seconds, with what may stand behind it (a parameter, a comment) left out.
pub(super) fn seconds(value: Option<&[u8]>) -> Option<Duration> {
    let value = value?.trim_ascii();
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    let text = std::str::from_utf8(&value[..end]).ok()?;
    text.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_subscription_is_read_in_all_its_forms() {
        let secs = Duration::from_secs;
        for (text, expected) in [
            ("active;expires=600", Standing::Active(Some(secs(600)))),
            ("Active", Standing::Active(None)),
            ("pending;expires=3", Standing::Pending),
            ("waiting", Standing::Pending),
            ("terminated", Standing::Terminated(Ended::Anew)),
            ("terminated;reason=timeout", Standing::Terminated(Ended::Anew)),
            ("terminated;reason=Deactivated", Standing::Terminated(Ended::Anew)),
            ("terminated;reason=probation;retry-after=9", Standing::Terminated(Ended::Later(Some(secs(9))))),
            ("terminated;reason=giveup", Standing::Terminated(Ended::Later(None))),
            ("terminated;reason=noresource", Standing::Terminated(Ended::Vain)),
            ("terminated ; reason=rejected;retry-after=1", Standing::Terminated(Ended::Vain)),
        ] {
            assert_eq!(standing(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!((standing(b""), standing(b";x=1")), (None, None));
        assert_eq!(seconds(Some(b" 120 (in two minutes);duration=3")), Some(secs(120)));
        assert_eq!((seconds(Some(b"-1")), seconds(Some(b"99999999999")), seconds(None)), (None, None, None));
    }
}
