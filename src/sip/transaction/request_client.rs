//! The non-INVITE client transaction over UDP, RFC 3261 17.1.2. A pure machine: it sends, tells and arms through its link.

use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::event::{ClientKey, Event, FailureCause};
use super::link::{Alarm, Life, Link};
use crate::base::TimerKey;
use crate::sip::message::Message;

/// ```text
///                            request: send, arm E (T1) and F (64*T1)
///                              v
///  E: send again, double +-[ Trying ]------- F: Failed ----> over
///     up to T2           +---->| 1xx
///                              v
///  E: send again, E = T2 +-[ Proceeding ]--- F: Failed ----> over
///                        +---->|
///                              v 200-699 (from Trying too)
///                          [ Completed ]---- K (T4) -------> over
/// ```
/// Every 1xx and the first final response are told; Completed absorbs the rest.
#[derive(Debug)]
pub(super) enum RequestClient {
    Trying { request: Bytes, interval: Duration, e: TimerKey, f: TimerKey },
    Proceeding { request: Bytes, e: TimerKey, f: TimerKey },
    Completed,
}

impl RequestClient {
    /// Sends the request.
    pub(super) fn start(request: Bytes, link: &mut Link<'_, ClientKey>) -> Self {
        let request = link.send_to_keep(request);
        let interval = link.config().t1;
        let e = link.arm(Alarm::Retransmit, interval);
        let f = link.arm(Alarm::Timeout, link.config().patience());
        Self::Trying { request, interval, e, f }
    }

    /// A response that matches.
    pub(super) fn on_response(&mut self, source: SocketAddr, message: Message, link: &mut Link<'_, ClientKey>) {
        let (request, e, f) = match self {
            Self::Trying { request, e, f, .. } | Self::Proceeding { request, e, f } => (request, *e, *f),
            Self::Completed => return,
        };
        let request = mem::take(request);
        let mut challenged = None;
        if message.status() < 200 {
            self.enter(Self::Proceeding { request, e, f }, link);
        } else {
            challenged = matches!(message.status(), 401 | 407).then_some(request);
            link.disarm(e);
            link.disarm(f);
            link.arm(Alarm::Linger, link.config().t4);
            self.enter(Self::Completed, link);
        }
        link.tell_response(source, message, challenged);
    }

    /// A timer is due.
    pub(super) fn on_alarm(&mut self, alarm: Alarm, link: &mut Link<'_, ClientKey>) -> Life {
        match (self, alarm) {
            (Self::Trying { request, interval, e, .. }, Alarm::Retransmit) => {
                link.send(request);
                *interval = (*interval * 2).min(link.config().t2);
                *e = link.arm(Alarm::Retransmit, *interval);
                Life::Goes
            }
            (Self::Proceeding { request, e, .. }, Alarm::Retransmit) => {
                link.send(request);
                *e = link.arm(Alarm::Retransmit, link.config().t2);
                Life::Goes
            }
            (Self::Trying { e, .. } | Self::Proceeding { e, .. }, Alarm::Timeout) => {
                link.disarm(*e);
                link.tell(Event::Failed { key: link.key, cause: FailureCause::Timeout });
                Life::Ends
            }
            (Self::Completed, Alarm::Linger) => Life::Ends,
            (Self::Trying { .. } | Self::Proceeding { .. }, Alarm::Linger)
            | (Self::Completed, Alarm::Retransmit | Alarm::Timeout) => Life::Goes,
        }
    }

    fn enter(&mut self, next: Self, link: &Link<'_, ClientKey>) {
        link.trace(self.name(), next.name());
        *self = next;
    }

    /// The state's name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Trying { .. } => "Trying",
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed => "Completed",
        }
    }
}
