//! The INVITE server transaction, RFC 3261 17.2.1 with the Accepted state of RFC 6026 7.1. A pure machine: it sends,
//! tells and arms through its link. It never repeats a 2xx: that is its user's duty (RFC 3261 13.3.1.4).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::event::{Event, ServerKey};
use super::link::{Alarm, Life, Link};
use crate::base::TimerKey;
use crate::sip::message::Message;

/// ```text
///                              INVITE: send 100
///                                v
///  INVITE: last 1xx again, +-[ Proceeding ]--- 2xx: send ----------------------+
///  1xx: send               +---->| 300-699: send, arm G (T1) and H (64*T1)     v
///                                v                                        [ Accepted ]--- L (64*T1) --> over
///  INVITE: send again,     +-[ Completed ]---- H: Unacknowledged --> over      2xx: send, ACK: tell
///  G: send again, double   +---->| ACK                                         INVITE: absorbed
///     up to T2                   v
///                            [ Confirmed ]---- I (T4) -------------> over
///                                INVITE, ACK: absorbed
/// ```
/// Accepted keeps nothing: it outlives each answered call by half a minute.
#[derive(Debug)]
pub(super) enum InviteServer {
    Proceeding {
        response: Bytes,
    },
    Completed {
        response: Bytes,
        interval: Duration,
        g: TimerKey,
        h: TimerKey,
    },
    Confirmed,
    /// `acknowledged` tells that the caller has the 2xx.
    Accepted {
        acknowledged: bool,
    },
}

impl InviteServer {
    /// The machine of an INVITE answered with `trying`, which goes out at once: the user may take longer than 200 ms.
    pub(super) fn new(trying: Bytes) -> Self {
        Self::Proceeding { response: trying }
    }

    /// The response sent last, while it is needed.
    pub(super) fn response(&self) -> Option<&Bytes> {
        match self {
            Self::Proceeding { response } | Self::Completed { response, .. } => Some(response),
            Self::Confirmed | Self::Accepted { .. } => None,
        }
    }

    /// True until the first final response, while a CANCEL has an effect.
    pub(super) const fn is_pending(&self) -> bool {
        matches!(self, Self::Proceeding { .. })
    }

    /// True from a 2xx to its ACK: the caller may still repeat the INVITE.
    pub(super) const fn awaits_ack(&self) -> bool {
        matches!(self, Self::Accepted { acknowledged: false })
    }

    /// The INVITE came again.
    pub(super) fn on_request(&self, link: &mut Link<'_, ServerKey>) {
        match self {
            Self::Proceeding { response } | Self::Completed { response, .. } => link.send(response),
            Self::Confirmed | Self::Accepted { .. } => {}
        }
    }

    /// The user answers. A final response after the first is the user's mistake and is not sent, but for
    /// 2xx after 2xx.
    pub(super) fn respond(&mut self, code: u16, payload: Bytes, link: &mut Link<'_, ServerKey>) {
        match (&mut *self, code) {
            (Self::Proceeding { response }, ..200) => {
                *response = link.send_to_keep(payload);
            }
            (Self::Proceeding { .. }, 200..300) => {
                link.send(&payload);
                link.linger();
                self.enter(Self::Accepted { acknowledged: false }, link);
            }
            (Self::Proceeding { .. }, 300..) => {
                let response = link.send_to_keep(payload);
                let interval = link.first_interval();
                let g = link.arm(Alarm::Retransmit, interval);
                let h = link.arm(Alarm::Timeout, link.config().patience());
                self.enter(Self::Completed { response, interval, g, h }, link);
            }
            (Self::Accepted { .. }, 200..300) => link.send(&payload),
            (Self::Accepted { .. }, ..200 | 300..) | (Self::Completed { .. } | Self::Confirmed, _) => {}
        }
    }

    /// An ACK that matches.
    pub(super) fn on_ack(&mut self, source: SocketAddr, message: Message, link: &mut Link<'_, ServerKey>) {
        match self {
            Self::Proceeding { .. } | Self::Confirmed => {}
            Self::Completed { g, h, .. } => {
                link.disarm(*g);
                link.disarm(*h);
                link.arm(Alarm::Linger, link.absorption());
                self.enter(Self::Confirmed, link);
            }
            Self::Accepted { acknowledged } => {
                *acknowledged = true;
                link.tell(Event::Ack { source, message });
            }
        }
    }

    /// A timer is due.
    pub(super) fn on_alarm(&mut self, alarm: Alarm, link: &mut Link<'_, ServerKey>) -> Life {
        match (self, alarm) {
            (Self::Completed { response, interval, g, .. }, Alarm::Retransmit) => {
                link.send(response);
                *interval = (*interval * 2).min(link.config().t2);
                *g = link.arm(Alarm::Retransmit, *interval);
                Life::Goes
            }
            (Self::Completed { g, .. }, Alarm::Timeout) => {
                link.disarm(*g);
                link.tell(Event::Unacknowledged { key: link.key });
                Life::Ends
            }
            (Self::Confirmed | Self::Accepted { .. }, Alarm::Linger) => Life::Ends,
            (Self::Proceeding { .. }, Alarm::Retransmit | Alarm::Timeout | Alarm::Linger)
            | (Self::Completed { .. }, Alarm::Linger)
            | (Self::Confirmed | Self::Accepted { .. }, Alarm::Retransmit | Alarm::Timeout) => Life::Goes,
        }
    }

    fn enter(&mut self, next: Self, link: &Link<'_, ServerKey>) {
        link.trace(self.name(), next.name());
        *self = next;
    }

    /// The state's name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed { .. } => "Completed",
            Self::Confirmed => "Confirmed",
            Self::Accepted { .. } => "Accepted",
        }
    }
}
