//! The non-INVITE server transaction over UDP, RFC 3261 17.2.2. A pure machine: it sends and arms through its link.

use bytes::Bytes;

use super::event::ServerKey;
use super::link::{Alarm, Life, Link};

/// ```text
///                        | request: tell (the stack does)
///                        v
///   request: absorbed [Trying]------ 200-699: send, arm J (64*T1) --+
///                        |                                          |
///                        | 1xx: send                                |
///                        v                                          |
///  request: last 1xx [Proceeding]--- 200-699: send, arm J (64*T1) --+
///  again             1xx: send                                      |
///                                                                   v
///  request: last response again; responses: not sent           [Completed]--- J ---> (over)
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
                link.send(&payload);
                *self = Self::Proceeding { response: payload };
            }
            Self::Trying | Self::Proceeding { .. } => {
                link.send(&payload);
                link.arm(Alarm::Linger, link.config().patience());
                *self = Self::Completed { response: payload };
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
}
