//! The INVITE client transaction over UDP, RFC 3261 17.1.1 with the Accepted state of RFC 6026 7.2. A pure machine: it sends,
//! tells and arms through its link and knows no table. It never limits how long a peer may ring (timer C is a proxy's).

use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::build;
use super::event::{ClientKey, Event, FailureCause};
use super::link::{Alarm, Life, Link};
use crate::base::TimerKey;
use crate::sip::message::Message;

/// ```text
///                          INVITE: send, arm A (T1) and B (64*T1)
///                            v
///  A: send again, +-----[ Calling ]------- B: Failed ---------------> over
///  double A       +-------->| 1xx
///                           v
///                     [ Proceeding ]
///                           | cancel: send CANCEL, arm 64*T1
///                           v
///                     [ Cancelling ]------ 64*T1: Failed -----------> over
///
///  from each of these: 2xx ----------> [ Accepted ]---- M (64*T1) --> over
///                      300-699: ACK -> [ Completed ]--- D (64*T1) --> over
/// ```
/// Every 1xx and the first final response are told. Accepted tells each further 2xx; Completed answers each further 300-699
/// with the ACK and tells a 2xx as a stray. Cancelling is the Proceeding of the RFC with the limit that its 9.1 sets on a peer
/// that never answers the cancelled INVITE.
#[derive(Debug)]
pub(super) enum InviteClient {
    Calling {
        request: Bytes,
        interval: Duration,
        a: TimerKey,
        b: TimerKey,
    },
    Proceeding {
        request: Bytes,
    },
    Cancelling {
        request: Bytes,
        limit: TimerKey,
    },
    /// `ack` is missing only when the INVITE cannot be read back.
    Completed {
        ack: Option<Bytes>,
    },
    Accepted,
}

impl InviteClient {
    /// Sends the INVITE.
    pub(super) fn start(request: Bytes, link: &mut Link<'_, ClientKey>) -> Self {
        let request = link.send_to_keep(request);
        let interval = link.config().t1;
        let a = link.arm(Alarm::Retransmit, interval);
        let b = link.arm(Alarm::Timeout, link.config().patience());
        Self::Calling { request, interval, a, b }
    }

    /// A response that matches.
    pub(super) fn on_response(&mut self, source: SocketAddr, message: Message, link: &mut Link<'_, ClientKey>) {
        let status = message.status();
        let challenged = matches!(status, 401 | 407).then(|| self.request().cloned()).flatten();
        match self {
            Self::Calling { .. } | Self::Proceeding { .. } | Self::Cancelling { .. } => match status {
                ..200 => self.on_provisional(link),
                200..300 => self.on_success(link),
                300.. => self.on_failure(&message, link),
            },
            Self::Completed { ack } => {
                match status {
                    ..200 => {}
                    200..300 => link.tell(Event::Stray2xx { key: link.key, source, message }),
                    300.. => ack.iter().for_each(|ack| link.send(ack)),
                }
                return;
            }
            Self::Accepted if (200..300).contains(&status) => {}
            Self::Accepted => return,
        }
        link.tell_response(source, message, challenged);
    }

    /// The INVITE is to be cancelled: the INVITE to derive the CANCEL from, when that is allowed now (RFC 3261 9.1).
    pub(super) fn on_cancel(&mut self, link: &mut Link<'_, ClientKey>) -> Option<Bytes> {
        let Self::Proceeding { request } = self else { return None };
        let request = mem::take(request);
        let limit = link.arm(Alarm::Timeout, link.config().patience());
        self.enter(Self::Cancelling { request: request.clone(), limit }, link);
        Some(request)
    }

    /// Nobody waits for the answer: silence is not broken by sending again.
    pub(super) fn on_give_up(&mut self, link: &mut Link<'_, ClientKey>) {
        if let Self::Calling { a, .. } = self {
            link.disarm(*a);
        }
    }

    /// A timer is due.
    pub(super) fn on_alarm(&mut self, alarm: Alarm, link: &mut Link<'_, ClientKey>) -> Life {
        match (&mut *self, alarm) {
            (Self::Calling { request, interval, a, .. }, Alarm::Retransmit) => {
                link.send(request);
                *interval *= 2;
                *a = link.arm(Alarm::Retransmit, *interval);
                Life::Goes
            }
            (Self::Calling { .. } | Self::Cancelling { .. }, Alarm::Timeout) => {
                self.disarm(link);
                link.tell(Event::Failed { key: link.key, cause: FailureCause::Timeout });
                Life::Ends
            }
            (Self::Completed { .. } | Self::Accepted, Alarm::Linger) => Life::Ends,
            (Self::Calling { .. } | Self::Cancelling { .. }, Alarm::Linger)
            | (Self::Cancelling { .. }, Alarm::Retransmit)
            | (Self::Proceeding { .. }, Alarm::Retransmit | Alarm::Timeout | Alarm::Linger)
            | (Self::Completed { .. } | Self::Accepted, Alarm::Retransmit | Alarm::Timeout) => Life::Goes,
        }
    }

    fn on_provisional(&mut self, link: &mut Link<'_, ClientKey>) {
        let Self::Calling { request, .. } = self else { return };
        let request = mem::take(request);
        self.disarm(link);
        self.enter(Self::Proceeding { request }, link);
    }

    fn on_success(&mut self, link: &mut Link<'_, ClientKey>) {
        self.disarm(link);
        link.linger();
        self.enter(Self::Accepted, link);
    }

    fn on_failure(&mut self, response: &Message, link: &mut Link<'_, ClientKey>) {
        self.disarm(link);
        let ack = self.request().and_then(|request| build::ack(request, response));
        let ack = ack.map(|ack| link.send_to_keep(ack));
        link.linger();
        self.enter(Self::Completed { ack }, link);
    }

    fn request(&self) -> Option<&Bytes> {
        match self {
            Self::Calling { request, .. } | Self::Proceeding { request } | Self::Cancelling { request, .. } => {
                Some(request)
            }
            Self::Completed { .. } | Self::Accepted => None,
        }
    }

    fn disarm(&self, link: &mut Link<'_, ClientKey>) {
        match self {
            Self::Calling { a, b, .. } => {
                link.disarm(*a);
                link.disarm(*b);
            }
            Self::Cancelling { limit, .. } => link.disarm(*limit),
            Self::Proceeding { .. } | Self::Completed { .. } | Self::Accepted => {}
        }
    }

    fn enter(&mut self, next: Self, link: &Link<'_, ClientKey>) {
        link.trace(self.name(), next.name());
        *self = next;
    }

    /// The state's name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Calling { .. } => "Calling",
            Self::Proceeding { .. } => "Proceeding",
            Self::Cancelling { .. } => "Cancelling",
            Self::Completed { .. } => "Completed",
            Self::Accepted => "Accepted",
        }
    }
}
