//! Session timers at work (RFC 4028): one end refreshes the session by UPDATE or re-INVITE, and a session that is not refreshed
//! in time is over, so that neither end keeps a call that the other has lost. [`Event::Probed`] tells that a far end is gone.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, LegId};
use crate::call::event::Event;
use crate::call::leg::{Leg, State, Timer};
use crate::call::legs::{ALLOW, Invite, Legs, Purpose, SUPPORTED, SUPPORTED_UNTIMED};
use crate::call::outbound::{acknowledge, body};
use crate::call::session::{
    Agreed, Asked, End, INTERVAL_MAX, INTERVAL_MIN, Refreshing, Session, SessionTerms, TooShort, said, seconds,
    takes_update, write_wish,
};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::write::Writer;

impl Legs {
    /// What a 2xx of ours inside the dialog says of the session.
    pub(super) fn write_session(&self, id: LegId, writer: &mut Writer) {
        if let Some(leg) = self.legs.get(id.0).filter(|leg| matches!(leg.state, State::Talking)) {
            leg.write_session(writer);
        }
    }

    /// Changes what is asked of sessions from now on.
    pub fn set_session_terms(&mut self, terms: SessionTerms) {
        self.terms = terms;
    }

    /// The session that an INVITE or a refresh asks for; `running` is the one there is.
    ///
    /// # Errors
    /// Its interval is too short: answered with 422.
    pub(super) fn agree(
        &self,
        request: &Message,
        running: Option<(Duration, bool)>,
    ) -> Result<Option<Agreed>, TooShort> {
        let asked = request.has(Name::SessionExpires);
        if !asked && self.terms.expires.is_none() && running.is_none() {
            return Ok(None);
        }
        let said = said(request);
        let wished = self.terms.expires.filter(|_| said.known);
        let Some(interval) = said.interval.or_else(|| running.map(|(interval, _)| interval)).or(wished) else {
            return Ok(None);
        };
        // What runs may run on, though a reload asks for more or less of new calls.
        let min = running.map_or(self.terms.min, |(interval, _)| self.terms.min.min(interval));
        // A proxy may have asked: whoever knows no session timers is not to be refused for it (RFC 4028 9).
        if said.interval.is_some_and(|interval| interval < min) && said.known {
            return Err(TooShort);
        }
        let floor = min.max(seconds(request, Name::MinSe).unwrap_or_default());
        let wanted = self.terms.expires.unwrap_or(INTERVAL_MAX);
        let ceiling = running.map_or(wanted, |(interval, _)| wanted.max(interval));
        let interval = interval.min(ceiling).max(floor).min(INTERVAL_MAX);
        let ours = running.map(|(_, ours)| ours);
        let refresher = match (said.by_client, said.known) {
            (Some(false), _) | (None | Some(true), false) => End::Us,
            (Some(true), true) => End::Far,
            (None, true) if ours == Some(true) => End::Us,
            (None, true) => End::Far,
        };
        Ok(Some(Agreed::new(interval, refresher, said.known, takes_update(request))))
    }

    /// 422 with the shortest interval that we take.
    pub(super) fn refuse_interval(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message) {
        let min = self.terms.min.as_secs();
        let mut writer = self.response(source, request, 422, None);
        writer.line_fmt(Name::MinSe, format_args!("{min}"));
        self.stack.respond(now, key, 422, writer.finish());
    }

    /// Whether the interval that a re-INVITE or UPDATE asks for may stand.
    pub(super) fn is_long_enough(&mut self, id: LegId, request: &Message) -> bool {
        let running = self.running(id);
        self.agree(request, running).is_ok()
    }

    /// A re-INVITE or UPDATE is accepted: it refreshes the session, or begins to limit it.
    pub(super) fn take_refresh(&mut self, now: Instant, id: LegId, request: &Message) {
        let running = self.running(id);
        let Ok(Some(fresh)) = self.agree(request, running) else { return };
        let Some(leg) = self.legs.get_mut(id.0).filter(|leg| matches!(leg.state, State::Talking)) else { return };
        let called = leg.invite.is_some();
        match leg.agreed() {
            Some(agreed) => {
                // Allow need not be said again.
                let by_update = fresh.by_update || agreed.by_update;
                (agreed.interval, agreed.refresher) = (fresh.interval, fresh.refresher);
                (agreed.known, agreed.by_update) = (fresh.known, by_update);
            }
            None => leg.session = Some(Box::new(Session::Agreed(Agreed { called, ..fresh }))),
        }
        self.start_session(now, id);
    }

    /// The interval that runs, and whether we refresh it.
    fn running(&mut self, id: LegId) -> Option<(Duration, bool)> {
        let agreed = self.legs.get_mut(id.0)?.agreed()?;
        Some((agreed.interval, agreed.refresher == End::Us))
    }

    /// Our INVITE asks for a session timer, where the node is told to.
    pub(super) fn ask_session(&self, writer: &mut Writer, spec: &Invite<'_>) -> Option<Box<Session>> {
        let expires = self.terms.expires?;
        write_wish(writer, expires.max(self.terms.min), self.terms.min);
        // Only the lines are kept: start line, Via and the dialog's own are written anew.
        let mut lines = Writer::response(200, "");
        for (name, value) in spec.headers {
            lines.line_text(name, value);
        }
        let (headers, sdp) = (lines.into_headers(), spec.sdp.map(Into::into));
        let asked = Asked { headers, sdp, destination: spec.destination, hops: spec.hops };
        Some(Box::new(Session::Asked(asked)))
    }

    /// The far end finds our interval too short (422): the INVITE goes out once more. False when it cannot.
    pub(super) fn ask_longer(&mut self, now: Instant, id: LegId, refusal: &Message) -> bool {
        let Some(min) = seconds(refusal, Name::MinSe).filter(|min| *min <= INTERVAL_MAX) else { return false };
        let Some(leg) = self.legs.get_mut(id.0) else { return false };
        let State::Calling { key: old, .. } = leg.state else { return false };
        if leg.dialog.remote_tag().is_some() || !matches!(leg.session.as_deref(), Some(Session::Asked(_))) {
            return false;
        }
        // Once: whoever asks for more again refuses the call.
        let Some(Session::Asked(asked)) = leg.session.take().map(|session| *session) else { return false };
        let (key, mut writer, _) = leg.dialog.request_within(&mut self.stack, Method::Invite, asked.hops);
        (leg.state, leg.invite) = (State::Calling { key, provisional: false }, Some(key));
        writer.line(Name::Contact, self.contacts.of(&leg.dialog));
        writer.line(Name::Allow, ALLOW);
        writer.line(Name::Supported, SUPPORTED);
        let expires = self.terms.expires.unwrap_or_default();
        write_wish(&mut writer, expires.max(min), min);
        writer.lines(&asked.headers);
        let payload = match &asked.sdp {
            Some(sdp) => writer.finish_body("application/sdp", sdp),
            None => writer.finish(),
        };
        self.clients.remove(&old);
        self.clients.insert(key, Purpose::Invite(id));
        self.stack.send_request(now, key, asked.destination, payload);
        true
    }

    /// Our INVITE is answered: what the 2xx says is agreed. Whoever says nothing has no session timer.
    pub(super) fn settle_session(&mut self, now: Instant, id: LegId, response: &Message) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        leg.session = None;
        if !response.has(Name::SessionExpires) {
            return;
        }
        let said = said(response);
        let Some(interval) = said.interval else { return };
        // What the 2xx says counts at the far end too, also below what we ask for: it gives the session up by that. No session
        // is shorter than 90 s (RFC 4028 5).
        let interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        let refresher = if said.by_client == Some(false) { End::Far } else { End::Us };
        let agreed = Agreed::new(interval, refresher, said.known, takes_update(response));
        leg.session = Some(Box::new(Session::Agreed(Agreed { called: true, ..agreed })));
        self.start_session(now, id);
    }

    /// The session begins, or is refreshed.
    pub(super) fn start_session(&mut self, now: Instant, id: LegId) {
        let Some(agreed) = self.legs.get_mut(id.0).and_then(Leg::agreed) else { return };
        // RFC 4028 10: half-way for who refreshes; who waits gives up a little before the end.
        agreed.ends = now + (agreed.interval - (agreed.interval / 3).min(Duration::from_secs(32)));
        let due = match agreed.refresher {
            End::Us => now + agreed.interval / 2,
            End::Far => agreed.ends,
        };
        if let Some(timer) = agreed.timer.replace(self.timers.arm(due, Timer::Session(id))) {
            self.timers.cancel(timer);
        }
    }

    /// A refresh is due, or the session is over.
    pub(super) fn on_session_due(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let free = leg.change.is_none() && leg.unacknowledged.is_none() && leg.reoffering().is_none();
        let talking = matches!(leg.state, State::Talking);
        let Some(agreed) = leg.agreed() else { return };
        agreed.timer = None;
        if !talking {
            return;
        }
        if now >= agreed.ends {
            return self.events.push_back(Event::Probed { leg: id, alive: false });
        }
        if agreed.refreshing != Refreshing::No || !free {
            return self.refresh_later(now, id, RETRY);
        }
        if !agreed.by_update {
            self.refresh_later(now, id, RETRY);
            return self.events.push_back(Event::RefreshDue { leg: id });
        }
        agreed.timer = Some(self.timers.arm(agreed.ends, Timer::Session(id)));
        agreed.refreshing = Refreshing::Update;
        if let Some((key, writer, destination)) = self.refresh_request(id, Method::Update, Purpose::Refresh(id)) {
            self.stack.send_request(now, key, destination, writer.finish());
        }
    }

    /// Refreshes the session by a re-INVITE that says `sdp` again; asked for by [`Event::RefreshDue`].
    pub fn refresh(&mut self, now: Instant, id: LegId, sdp: &[u8]) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let busy = leg.change.is_some() || leg.unacknowledged.is_some() || leg.reoffering().is_some();
        if !matches!(leg.state, State::Talking) || busy {
            return;
        }
        let Some(agreed) = leg.agreed().filter(|agreed| agreed.refreshing == Refreshing::No) else { return };
        if let Some(timer) = agreed.timer.replace(self.timers.arm(agreed.ends, Timer::Session(id))) {
            self.timers.cancel(timer);
        }
        let Some((key, writer, destination)) = self.refresh_request(id, Method::Invite, Purpose::Refresh(id)) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        // A repeated 2xx still finds the leg.
        if let Some(old) = leg.invite.replace(key) {
            self.clients.remove(&old);
        }
        if let Some(agreed) = leg.agreed() {
            agreed.refreshing = Refreshing::Invite(key);
        }
        self.stack.send_request(now, key, destination, writer.finish_body("application/sdp", sdp));
    }

    /// The answer to a refresh of ours.
    pub(super) fn on_refreshed(&mut self, now: Instant, id: LegId, key: ClientKey, response: &Message) {
        let status = response.status();
        if status < 200 {
            return;
        }
        let invite = response.method() == Method::Invite;
        if !invite || status >= 300 {
            self.clients.remove(&key);
        }
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if invite && status < 300 {
            acknowledge(&mut self.stack, &leg.dialog, response.cseq().map_or(0, |cseq| cseq.number));
        }
        if self.on_reoffered(now, id, key, response) {
            return;
        }
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        let Some(agreed) = leg.agreed().filter(|agreed| agreed.refreshing != Refreshing::No) else { return };
        agreed.refreshing = Refreshing::No;
        match status {
            200..=299 => {
                leg.dialog.refresh_target(response);
                if invite {
                    self.events.push_back(Event::Confirmed { leg: id, sdp: body(response) });
                }
                self.renew_session(now, id, response);
            }
            408 | 481 => self.events.push_back(Event::Probed { leg: id, alive: false }),
            422 => {
                agreed.interval = seconds(response, Name::MinSe).unwrap_or(agreed.interval).min(INTERVAL_MAX);
                self.refresh_later(now, id, RETRY);
            }
            405 | 501 if !invite => {
                agreed.by_update = false;
                self.refresh_later(now, id, Duration::ZERO);
            }
            491 => self.refresh_after_glare(now, id),
            300.. | ..200 => {
                let rest = agreed.ends.since(now) / 2;
                self.refresh_later(now, id, rest.max(RETRY));
            }
        }
    }

    /// A request of ours inside the dialog is taken: where there is a session timer, it begins anew as the 2xx says.
    pub(super) fn renew_session(&mut self, now: Instant, id: LegId, response: &Message) {
        let leg = self.legs.get_mut(id.0).filter(|leg| matches!(leg.state, State::Talking));
        let Some(agreed) = leg.and_then(Leg::agreed) else { return };
        let said = said(response);
        if let Some(interval) = said.interval {
            agreed.interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
            agreed.refresher = if said.by_client == Some(false) { End::Far } else { End::Us };
        }
        self.start_session(now, id);
    }

    /// A refresh of ours goes out again with credentials.
    pub(super) fn on_refresh_repeated(&mut self, id: LegId, old: ClientKey, again: ClientKey) {
        let Some(leg) = self.legs.get_mut(id.0) else { return };
        if leg.reinvite() != Some(old) {
            return;
        }
        leg.invite = Some(again);
        if leg.reoffering() == Some(old) {
            return leg.repeat_reoffer(old, again);
        }
        if let Some(agreed) = leg.agreed() {
            agreed.refreshing = Refreshing::Invite(again);
        }
    }

    /// Nobody answers our refresh.
    pub(super) fn on_refresh_timeout(&mut self, id: LegId) {
        if self.legs.get(id.0).is_some_and(|leg| matches!(leg.state, State::Talking)) {
            self.events.push_back(Event::Probed { leg: id, alive: false });
        }
    }

    /// The leg ends: a re-INVITE of ours is not waited for.
    pub(super) fn drop_refresh(&mut self, now: Instant, id: LegId) {
        if let Some(key) = self.legs.get(id.0).and_then(Leg::reinvite) {
            self.send_cancel(now, id, key);
        }
    }

    /// Two re-INVITEs met (RFC 3261 14.1): whose Call-ID it is waits longer.
    fn refresh_after_glare(&mut self, now: Instant, id: LegId) {
        let called = self.legs.get_mut(id.0).and_then(Leg::agreed).is_some_and(|agreed| agreed.called);
        let tens = if called { 210 + self.rng.below(191) } else { self.rng.below(201) };
        self.refresh_later(now, id, Duration::from_millis(u64::from(tens) * 10));
    }

    fn refresh_later(&mut self, now: Instant, id: LegId, after: Duration) {
        let Some(agreed) = self.legs.get_mut(id.0).and_then(Leg::agreed) else { return };
        let due = (now + after).min(agreed.ends);
        if let Some(timer) = agreed.timer.replace(self.timers.arm(due, Timer::Session(id))) {
            self.timers.cancel(timer);
        }
    }

    /// Begins an UPDATE or re-INVITE that refreshes the session, or, without a session timer, asks for nothing: then the far
    /// end is not to begin one (RFC 4028 9), which it would have us refresh.
    pub(super) fn refresh_request(
        &mut self,
        id: LegId,
        method: Method,
        purpose: Purpose,
    ) -> Option<(ClientKey, Writer, SocketAddr)> {
        let leg = self.legs.get_mut(id.0)?;
        let (key, mut writer, destination) = leg.dialog.request(&mut self.stack, method);
        writer.line(Name::Contact, self.contacts.of(&leg.dialog));
        writer.line(Name::Allow, ALLOW);
        // Before the answer there is no session to refresh.
        let talking = matches!(leg.state, State::Talking);
        match leg.agreed().filter(|_| talking) {
            Some(agreed) => {
                writer.line(Name::Supported, SUPPORTED);
                agreed.write(&mut writer, true);
            }
            None => drop(writer.line(Name::Supported, SUPPORTED_UNTIMED)),
        }
        self.clients.insert(key, purpose);
        Some((key, writer, destination))
    }
}

impl Leg {
    fn agreed(&mut self) -> Option<&mut Agreed> {
        match self.session.as_deref_mut() {
            Some(Session::Agreed(agreed)) => Some(agreed),
            Some(Session::Asked(_)) | None => None,
        }
    }

    /// A re-INVITE of ours waits for its answer.
    pub(super) fn reinvite(&self) -> Option<ClientKey> {
        match self.session.as_deref() {
            Some(Session::Agreed(Agreed { refreshing: Refreshing::Invite(key), .. })) => Some(*key),
            Some(Session::Agreed(_) | Session::Asked(_)) | None => self.reoffering(),
        }
    }

    /// A refresh of ours, by either method, waits for its answer.
    pub(super) fn refreshes(&self) -> bool {
        match self.session.as_deref() {
            Some(Session::Agreed(agreed)) => agreed.refreshing != Refreshing::No,
            Some(Session::Asked(_)) | None => false,
        }
    }

    /// What a 2xx of ours says of the session.
    pub(super) fn write_session(&self, writer: &mut Writer) {
        if let Some(Session::Agreed(agreed)) = self.session.as_deref() {
            agreed.write(writer, false);
        }
    }
}

/// A refresh that finds the session in the middle of a change comes again so much later.
const RETRY: Duration = Duration::from_secs(1);
