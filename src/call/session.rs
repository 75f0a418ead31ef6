//! What a leg knows of its session timer, and what messages say of one (RFC 4028). Data only: `refresh` acts.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, TimerKey};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::ClientKey;
use crate::sip::value::{Params, decimal};
use crate::sip::write::Writer;

/// What the node asks of sessions; from the next call on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTerms {
    /// The interval that we ask for; `None`: only the far end asks.
    pub expires: Option<Duration>,
    /// The shortest that we take (Min-SE).
    pub min: Duration,
}

impl Default for SessionTerms {
    fn default() -> Self {
        Self { expires: None, min: INTERVAL_MIN }
    }
}

/// What a leg has of a session timer.
#[derive(Debug)]
pub(super) enum Session {
    /// Our INVITE asks for one.
    Asked(Asked),
    /// Both ends have one; it runs once the call is answered.
    Agreed(Agreed),
}

/// What it takes to send our INVITE again with a longer interval, when the far end says 422.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) headers: Box<[u8]>,
    pub(super) sdp: Option<Box<[u8]>>,
    pub(super) destination: SocketAddr,
    pub(super) hops: u32,
}

/// A session timer that both ends know.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) interval: Duration,
    pub(super) refresher: End,
    /// The far end knows session timers: it may be asked to (Require).
    pub(super) known: bool,
    /// The far end takes UPDATE.
    pub(super) by_update: bool,
    /// The call is ours, and its Call-ID.
    pub(super) called: bool,
    /// When it is over without a refresh.
    pub(super) ends: Instant,
    pub(super) timer: Option<TimerKey>,
    pub(super) refreshing: Refreshing,
}

/// Who refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Us,
    Far,
}

/// A refresh of ours that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refreshing {
    No,
    Update,
    Invite(ClientKey),
}

/// What a message says of session timers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) interval: Option<Duration>,
    /// `true`: `refresher=uac`.
    pub(super) by_client: Option<bool>,
    pub(super) known: bool,
}

impl Agreed {
    pub(super) const fn new(interval: Duration, refresher: End, known: bool, by_update: bool) -> Self {
        let (called, ends, timer, refreshing) = (false, Instant::ZERO, None, Refreshing::No);
        Self { interval, refresher, known, by_update, called, ends, timer, refreshing }
    }

    /// Who refreshes, as the sender of a request (`request`) or of its answer writes it.
    pub(super) fn write(&self, writer: &mut Writer, request: bool) {
        let role = if (self.refresher == End::Us) == request { "uac" } else { "uas" };
        writer.line_fmt(Name::SessionExpires, format_args!("{};refresher={role}", self.interval.as_secs()));
        if self.known && !request {
            writer.line(Name::Require, b"timer");
        }
    }
}

impl Session {
    /// The timer that runs for it.
    pub(super) fn timer(&self) -> Option<TimerKey> {
        match self {
            Self::Asked(_) => None,
            Self::Agreed(agreed) => agreed.timer,
        }
    }
}

/// An interval below our Min-SE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooShort;

/// The shortest interval there is (RFC 4028 5).
pub const INTERVAL_MIN: Duration = Duration::from_secs(90);
/// The longest that we keep: a day.
pub const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
/// Our INVITE's wish.
pub(super) fn write_wish(writer: &mut Writer, expires: Duration, min: Duration) {
    writer.line_fmt(Name::SessionExpires, format_args!("{}", expires.as_secs()));
    writer.line_fmt(Name::MinSe, format_args!("{}", min.as_secs()));
}

pub(super) fn said(message: &Message) -> Said {
    let value = message.value(Name::SessionExpires);
    let known = [Name::Supported, Name::Require]
        .iter()
        .any(|name| message.elements(*name).any(|tag| tag.eq_ignore_ascii_case(b"timer")));
    let role = value.and_then(|value| Params::find(after(value), "refresher"));
    let by_client = match role {
        Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(true),
        Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(false),
        Some(_) | None => None,
    };
    Said { interval: seconds(message, Name::SessionExpires), by_client, known }
}

/// The delta-seconds of a Session-Expires or Min-SE, without its parameters.
pub(super) fn seconds(message: &Message, name: Name) -> Option<Duration> {
    let value = message.value(name)?;
    let number = &value[..value.len() - after(value).len()];
    let number = decimal(number.trim_ascii()).filter(|number| *number <= u32::MAX.into())?;
    Some(Duration::from_secs(number))
}

/// What stands behind the first part of a value: its parameters.
fn after(value: &[u8]) -> &[u8] {
    value.iter().position(|byte| *byte == b';').map_or(&[], |at| &value[at..])
}

pub(super) fn takes_update(message: &Message) -> bool {
    message.elements(Name::Allow).any(|method| method == Method::Update.as_str().as_bytes())
}
