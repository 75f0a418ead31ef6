//! A re-INVITE of ours that offers other audio (RFC 3261 14.1): one at a time on each leg, later while the dialog is busy, again
//! after it has met one of the far end's. [`Event::Reoffered`] tells the outcome.

use std::time::Duration;

use crate::base::{Instant, LegId, TimerKey};
use crate::call::event::Event;
use crate::call::leg::{Leg, Reoffer, State, Timer};
use crate::call::legs::{Legs, Purpose};
use crate::call::outbound::body;
use crate::sip::message::Message;
use crate::sip::name::Method;
use crate::sip::transaction::ClientKey;

impl Legs {
    /// Offers other audio on a leg that talks. While another such offer is out nothing is done: its outcome tells when to ask
    /// again; one that still waits is replaced.
    pub fn reoffer(&mut self, now: Instant, id: LegId, sdp: &[u8]) {
        let Some(leg) = self.leg(id).filter(|leg| matches!(leg.state, State::Talking)) else { return };
        match &mut leg.reoffer {
            Some(waiting) if waiting.key.is_none() => waiting.sdp = sdp.into(),
            Some(_) => {}
            None => {
                leg.reoffer = Some(Box::new(Reoffer { sdp: sdp.into(), key: None, timer: None, tries: 0 }));
                self.send_reoffer(now, id);
            }
        }
    }

    /// The dialog may be free by now.
    pub(super) fn on_reoffer_due(&mut self, now: Instant, id: LegId) {
        let Some(reoffer) = self.leg(id).and_then(|leg| leg.reoffer.as_mut()) else { return };
        reoffer.timer = None;
        reoffer.tries += 1;
        if reoffer.tries > TRIES_MAX {
            return self.end_reoffer(id, None);
        }
        self.send_reoffer(now, id);
    }

    /// The answer to a re-INVITE of ours; false when it is no such offer's.
    pub(super) fn on_reoffered(&mut self, now: Instant, id: LegId, key: ClientKey, response: &Message) -> bool {
        let Some(leg) = self.legs.get_mut(id.0) else { return false };
        let Some(reoffer) = leg.reoffer.as_mut().filter(|reoffer| reoffer.key == Some(key)) else { return false };
        match response.status() {
            200..=299 => {
                leg.dialog.refresh_target(response);
                self.end_reoffer(id, Some(response));
                self.renew_session(now, id, response);
            }
            // Two re-INVITEs met: whose Call-ID it is waits longer.
            491 => {
                reoffer.key = None;
                let tens = if leg.called { 210 + self.rng.below(191) } else { self.rng.below(201) };
                self.reoffer_later(now, id, Duration::from_millis(u64::from(tens) * 10));
            }
            408 | 481 => self.events.push_back(Event::Probed { leg: id, alive: false }),
            300.. | ..200 => self.end_reoffer(id, None),
        }
        true
    }

    fn send_reoffer(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get(id.0) else { return };
        let free = leg.change.is_none() && leg.unacknowledged.is_none() && !leg.refreshes();
        if !matches!(leg.state, State::Talking) || !free {
            return self.reoffer_later(now, id, BUSY);
        }
        let Some((key, writer, destination)) = self.refresh_request(id, Method::Invite, Purpose::Refresh(id)) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(reoffer) = &mut leg.reoffer else { return };
        reoffer.key = Some(key);
        let request = writer.finish_body("application/sdp", &reoffer.sdp);
        // A repeated 2xx still finds the leg.
        if let Some(old) = leg.invite.replace(key) {
            self.clients.remove(&old);
        }
        self.stack.send_request(now, key, destination, request);
    }

    fn reoffer_later(&mut self, now: Instant, id: LegId, after: Duration) {
        let timer = self.timers.arm(now + after, Timer::Reoffer(id));
        let reoffer = self.legs.get_mut(id.0).and_then(|leg| leg.reoffer.as_mut());
        let before = reoffer.map_or(Some(timer), |reoffer| reoffer.timer.replace(timer));
        if let Some(before) = before {
            self.timers.cancel(before);
        }
    }

    fn end_reoffer(&mut self, id: LegId, accepted: Option<&Message>) {
        let Some(reoffer) = self.legs.get_mut(id.0).and_then(|leg| leg.reoffer.take()) else { return };
        if let Some(timer) = reoffer.timer {
            self.timers.cancel(timer);
        }
        let (offer, answer) = (reoffer.sdp, accepted.map(|response| body(response).unwrap_or_default()));
        self.events.push_back(Event::Reoffered { leg: id, offer, answer });
    }
}

impl Leg {
    /// The re-INVITE by which other audio is offered.
    pub(super) fn reoffering(&self) -> Option<ClientKey> {
        self.reoffer.as_ref().and_then(|reoffer| reoffer.key)
    }

    /// What waits for the dialog to be free.
    pub(super) fn reoffer_timer(&self) -> Option<TimerKey> {
        self.reoffer.as_ref().and_then(|reoffer| reoffer.timer)
    }

    /// It goes out again with credentials.
    pub(super) fn repeat_reoffer(&mut self, old: ClientKey, again: ClientKey) {
        if let Some(reoffer) = self.reoffer.as_mut().filter(|reoffer| reoffer.key == Some(old)) {
            reoffer.key = Some(again);
        }
    }
}

/// A dialog in the middle of another exchange is looked at again so much later.
const BUSY: Duration = Duration::from_millis(200);
/// So often: longer than any transaction lives.
const TRIES_MAX: u8 = 170;
