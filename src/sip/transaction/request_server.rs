//! The non-INVITE server transaction, RFC 3261 17.2.2. A pure machine: it sends and arms through its link.

use bytes::Bytes;

use super::event::ServerKey;
use super::link::{Alarm, Life, Link};

/// ```text
///                              request: the stack tells it
///                                v
///  request: absorbed         [ Trying ]
///                                | 1xx: send
///                                v
///  request: last 1xx again,  [ Proceeding ]
///  1xx: send                     |
///                                v 200-699 (from Trying too): send
///  request: send again       [ Completed ]---- J (64*T1) ---> over
/// ```
#[derive(Debug)]
pub(super) enum RequestServer {
    Trying,
    Proceeding { response: Bytes },
    Completed { response: Bytes },
}

impl RequestServer {
    /// The request came again.
    pub(super) fn on_request(&self, link: &mut Link<'_, ServerKey>) {
        match self {
            Self::Trying => {}
            Self::Proceeding { response } | Self::Completed { response } => link.send(response),
        }
    }

    /// The user answers. A second final response is the user's mistake and is not sent.
    pub(super) fn respond(&mut self, code: u16, payload: Bytes, link: &mut Link<'_, ServerKey>) {
        match self {
            Self::Trying | Self::Proceeding { .. } if code < 200 => {
                let response = link.send_to_keep(payload);
                self.enter(Self::Proceeding { response }, link);
            }
            Self::Trying | Self::Proceeding { .. } => {
                let response = link.send_to_keep(payload);
                link.linger_for_repeats();
                self.enter(Self::Completed { response }, link);
            }
            Self::Completed { .. } => {}
        }
    }

    /// A timer is due.
    pub(super) fn on_alarm(&self, alarm: Alarm) -> Life {
        match (self, alarm) {
            (Self::Completed { .. }, Alarm::Linger) => Life::Ends,
            (Self::Completed { .. }, Alarm::Retransmit | Alarm::Timeout)
            | (Self::Trying | Self::Proceeding { .. }, Alarm::Retransmit | Alarm::Timeout | Alarm::Linger) => {
                Life::Goes
            }
        }
    }

    fn enter(&mut self, next: Self, link: &Link<'_, ServerKey>) {
        link.trace(self.name(), next.name());
        *self = next;
    }

    /// The state's name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Trying => "Trying",
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed { .. } => "Completed",
        }
    }
}
