//! A second device that rings with an agent's phone, as behind a proxy that forks, and answers in the same moment: whichever
//! answer the node hears last it has to acknowledge and end (RFC 3261 13.2.2.4).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::Instant;
use crate::sim::session::{Audio, Session, SessionEvent};
use crate::sim::ua::{Ua, Up};
use crate::sim::wire::Wire;

/// Whoever took it there hangs up after so long.
const TALKS: Duration = Duration::from_secs(12);

/// A device in one call; see the module.
#[derive(Debug)]
pub(super) struct Fork {
    ua: Ua,
    call_id: String,
    tag: String,
    session: Option<Session>,
    leaves: Instant,
}

impl Fork {
    /// It answers an INVITE that came from there.
    pub(super) fn answer(mut ua: Ua, now: Instant, invite: &Wire, source: SocketAddr, audio: Audio) -> Self {
        let tag = ua.token();
        let mut session = Session::incoming(invite, &tag, source, audio);
        // Its own server transaction begins with the INVITE that both devices got.
        drop(ua.handle_datagram(now, source, &invite.encode()));
        let response = session.accept(&ua, now, invite, &tag);
        let session = response.map(|response| {
            ua.respond(now, invite, &response);
            session
        });
        Self { ua, call_id: invite.call_id().to_string(), tag, session, leaves: now + TALKS }
    }

    /// True when a message is for it, and not for the phone beside it.
    pub(super) fn owns(&self, message: &Wire) -> bool {
        let tag = if message.method().is_some() { message.to_tag() } else { message.from_tag() };
        message.call_id() == self.call_id && tag == Some(self.tag.as_str())
    }

    /// True when it answered this call.
    pub(super) fn is_in(&self, call_id: &str) -> bool {
        self.call_id == call_id
    }

    /// A datagram arrived.
    pub(super) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, payload: &Bytes) {
        if let Some(up) = self.ua.handle_datagram(now, source, payload) {
            self.on_up(now, up);
        }
    }

    /// Time passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for up in self.ua.handle_timeout(now) {
            self.on_up(now, up);
        }
        if self.leaves <= now {
            self.hang_up(now);
        }
        if let Some(session) = &mut self.session {
            session.handle_timeout(&mut self.ua, now);
        }
    }

    /// When `handle_timeout` is wanted next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let talk = self.session.as_ref().map(|_| self.leaves);
        let session = self.session.as_ref().and_then(Session::poll_timeout);
        [talk, session, self.ua.poll_timeout()].into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.ua.poll_transmit()
    }

    /// True when it is in no call and waits for nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.session.is_none() && self.ua.is_quiet()
    }

    fn hang_up(&mut self, now: Instant) {
        if let Some(mut session) = self.session.take() {
            session.bye(&mut self.ua, now);
        }
    }

    fn on_up(&mut self, now: Instant, up: Up) {
        let Some(session) = &mut self.session else {
            if let Up::Request(request, _) = up
                && request.method() != Some("ACK")
            {
                self.ua.respond(now, &request, &Wire::response(&request, 481, ""));
            }
            return;
        };
        let event = match up {
            Up::Request(request, _) => session.on_request(&mut self.ua, now, &request),
            Up::Response(response) => session.on_response(&mut self.ua, now, &response),
            Up::Unanswered { .. } | Up::Unacknowledged { .. } => return self.hang_up(now),
        };
        if event == Some(SessionEvent::Ended) {
            self.session = None;
        }
    }
}
