//! One dialog of a simulated phone from its confirmation to its end (RFC 3261 sections 12 and 15): requests inside it, both
//! ways, and its audio terms. Knows not whether its phone called or was called.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::Instant;
use crate::sim::terms::{Direction, Terms, codec_of};
use crate::sim::ua::Ua;
use crate::sim::wire::{Wire, uri_of, user_of};

/// A dialog; see the module.
#[derive(Debug)]
pub struct Session {
    /// Its Call-ID.
    pub call_id: String,
    local: String,
    remote: String,
    target: String,
    destination: SocketAddr,
    cseq: u32,
    caller: bool,
    rtp: SocketAddr,
    formats: Vec<u8>,
    direction: Direction,
    version: u32,
    far: Option<Terms>,
    change: Option<Change>,
    retry: Option<(Instant, Direction)>,
    timer: Option<SessionTimer>,
    provisionals: Provisionals,
    /// Header lines of its INVITE or answer, and of its BYE.
    says: Vec<(String, String)>,
    /// The RSeq of the last reliable provisional: of ours, or acknowledged.
    reliable: Option<u32>,
    /// When a refresh of ours is due, and the interval.
    refresh: Option<(Instant, Duration)>,
    /// The PBX has put somebody else on this end.
    handed_on: bool,
}

/// What a phone knows of session timers (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    /// The interval that a caller asks for.
    pub asks: Option<Duration>,
    /// Who refreshes: the phone of an agent says so, a caller may.
    pub refresher: Option<&'static str>,
    /// It takes UPDATE.
    pub updates: bool,
}

/// Whether provisional responses are acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Provisionals {
    /// As RFC 3261 has them.
    #[default]
    Plain,
    /// By PRACK (RFC 3262).
    Reliable,
}

/// A re-INVITE of ours under way.
#[derive(Debug, Clone, Copy)]
struct Change {
    cseq: u32,
    direction: Direction,
}

/// How a far end tells that somebody else is connected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// UPDATE without a body.
    ByUpdate,
    /// re-INVITE.
    ByReInvite,
}

/// What a dialog tells its phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// The far end hung up, or a request of ours found the dialog gone.
    Ended,
    /// The audio terms may have changed.
    Changed,
    /// Our re-INVITE was refused with this code; the session stays.
    Refused(u16),
}

/// Which audio a phone can do.
#[derive(Debug, Clone)]
pub struct Audio {
    /// Where it wants RTP.
    pub rtp: SocketAddr,
    /// Its payload types, the preferred one first.
    pub formats: Vec<u8>,
}

/// Where and what to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// The far end.
    pub far: SocketAddr,
    /// The payload type both use.
    pub format: u8,
    /// The payload type of telephone-event.
    pub dtmf: Option<u8>,
    /// We send.
    pub send: bool,
}

impl Session {
    /// The dialog of a call we make to `uri` through `destination`; its remote tag comes with the answer.
    pub fn outgoing(ua: &mut Ua, name: &str, uri: &str, destination: SocketAddr, audio: Audio) -> Self {
        let tag = ua.token();
        Self {
            call_id: format!("{name}-{}", ua.token()),
            local: format!("\"{name}\" <sip:{name}@{}>;tag={tag}", ua.host()),
            remote: format!("<{uri}>"),
            target: uri.to_string(),
            destination,
            cseq: 1,
            caller: true,
            rtp: audio.rtp,
            formats: audio.formats,
            direction: Direction::SendRecv,
            version: 1,
            far: None,
            change: None,
            retry: None,
            timer: None,
            provisionals: Provisionals::Plain,
            says: Vec::new(),
            reliable: None,
            refresh: None,
            handed_on: false,
        }
    }

    /// The dialog of a call that came to us, with our tag.
    pub fn incoming(invite: &Wire, tag: &str, source: SocketAddr, audio: Audio) -> Self {
        let target = invite.header("Contact").map(uri_of).unwrap_or_default().to_string();
        Self {
            call_id: invite.call_id().to_string(),
            local: format!("{};tag={tag}", invite.header("To").unwrap_or_default()),
            remote: invite.header("From").unwrap_or_default().to_string(),
            destination: address_of(&target).unwrap_or(source),
            target,
            cseq: 0,
            caller: false,
            rtp: audio.rtp,
            formats: audio.formats,
            direction: Direction::SendRecv,
            version: 1,
            far: Terms::read(&invite.body),
            change: None,
            retry: None,
            timer: None,
            provisionals: Provisionals::Plain,
            says: Vec::new(),
            reliable: None,
            refresh: None,
            handed_on: false,
        }
    }

    /// A request inside the dialog, with the next number (ACK and the INVITE of an outgoing call: the current one).
    fn request(&self, ua: &Ua, method: &str, number: u32) -> Wire {
        Wire::request(method, &self.target)
            .with("From", self.local.clone())
            .with("To", self.remote.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{number} {method}"))
            .with("Max-Forwards", "70")
            .with("Contact", ua.contact())
    }

    /// The phone knows session timers.
    pub const fn set_timer(&mut self, timer: Option<SessionTimer>) {
        self.timer = timer;
    }

    /// Sends the INVITE that opens the dialog; returned as sent, for a CANCEL.
    pub fn invite(&mut self, ua: &mut Ua, now: Instant, with_offer: bool, headers: &[(&str, String)]) -> Wire {
        let mut invite = self.request(ua, "INVITE", self.cseq);
        if self.provisionals == Provisionals::Reliable {
            invite = invite.with("Require", "100rel");
        }
        for (name, value) in headers {
            invite = invite.with(name, value.as_str());
        }
        invite = self.saying(invite);
        if let Some(timer) = self.timer {
            let role = timer.refresher.map(|role| format!(";refresher={role}")).unwrap_or_default();
            invite = timer.allow(invite.with("Supported", "timer"));
            if let Some(asks) = timer.asks {
                invite = invite.with("Session-Expires", format!("{}{role}", asks.as_secs()));
            }
        }
        if with_offer {
            invite = invite.with_body("application/sdp", self.description().write(self.version));
        }
        ua.send(now, self.destination, &invite)
    }

    /// Sends that INVITE again, with a header more; returned as sent.
    pub fn invite_again(&mut self, ua: &mut Ua, now: Instant, invite: &Wire, (name, value): (&str, String)) -> Wire {
        self.cseq += 1;
        let again = invite.clone().without(&["Via", "CSeq", "Content-Length"]);
        let again = again.with("CSeq", format!("{} INVITE", self.cseq)).with(name, value);
        ua.send(now, self.destination, &again)
    }

    /// Where the dialog's requests go.
    pub const fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// Provisional responses are reliable.
    pub const fn set_provisionals(&mut self, provisionals: Provisionals) {
        self.provisionals = provisionals;
    }

    /// The phone adds these header lines to its INVITE or its answer, and to its BYE.
    pub fn set_says(&mut self, says: &[(String, String)]) {
        self.says = says.to_vec();
    }

    /// A provisional response of ours, reliable where it is to be.
    pub fn ring(&mut self, response: Wire) -> Wire {
        if self.provisionals == Provisionals::Plain {
            return response;
        }
        let number = self.reliable.map_or(70, |number| number + 1);
        self.reliable = Some(number);
        response.with("Require", "100rel").with("RSeq", number.to_string())
    }

    /// Acknowledges a reliable provisional response to our INVITE, once.
    pub fn acknowledge_provisional(&mut self, ua: &mut Ua, now: Instant, response: &Wire, with_offer: bool) {
        let Some(number) = response.header("RSeq").and_then(|number| number.parse().ok()) else { return };
        if self.reliable.is_some_and(|seen| number <= seen) {
            return;
        }
        self.reliable = Some(number);
        self.remote = response.header("To").unwrap_or_default().to_string();
        self.learn_target(response);
        let invite = response.cseq().map_or(1, |(number, _)| number);
        self.cseq += 1;
        let mut prack = self.request(ua, "PRACK", self.cseq).with("RAck", format!("{number} {invite} INVITE"));
        if !with_offer
            && !response.body.is_empty()
            && let Some(answer) = self.answer()
        {
            prack = prack.with_body("application/sdp", answer.write(self.version));
        }
        ua.send(now, self.destination, &prack);
    }

    /// Takes early media's terms from a provisional response.
    pub fn on_provisional(&mut self, response: &Wire) {
        // The terms of an ACK come by here too: that is a request, whose To is we ourselves.
        let is_ours = self.caller && response.method().is_none();
        if let Some(remote) = response.header("To").filter(|to| is_ours && to.contains(";tag=")) {
            self.remote = remote.to_string();
        }
        if let Some(terms) = Terms::read(&response.body) {
            self.far = Some(terms);
        }
    }

    /// The 2xx of our INVITE: learns tag, target and terms, and acknowledges unless told not to.
    pub fn on_success(&mut self, ua: &mut Ua, now: Instant, response: &Wire, with_offer: bool, acknowledge: bool) {
        self.refresh = refresh_of(response, "uac").map(|interval| (now + interval / 2, interval));
        self.remote = response.header("To").unwrap_or_default().to_string();
        self.learn_target(response);
        self.on_provisional(response);
        if !acknowledge {
            return;
        }
        let number = response.cseq().map_or(self.cseq, |(number, _)| number);
        let mut ack = self.request(ua, "ACK", number);
        if !with_offer
            && !response.body.is_empty()
            && let Some(answer) = self.answer()
        {
            ack = ack.with_body("application/sdp", answer.write(self.version));
        }
        ua.acknowledge(self.destination, &ack);
    }

    /// The 200 of a call that came to us: the answer to its offer, or our offer when it had none. `None`: no format fits.
    pub fn accept(&mut self, ua: &Ua, now: Instant, invite: &Wire, tag: &str) -> Option<Wire> {
        let body = if self.far.is_some() { self.answer()? } else { self.description() };
        let mut response = Wire::response(invite, 200, tag).with("Contact", ua.contact());
        if let Some(timer) = self.timer {
            response = timer.allow(response);
        }
        if let (Some(timer), Some(expires)) = (self.timer, invite.header("Session-Expires")) {
            let role = timer.refresher.unwrap_or("uac");
            response = response.with("Session-Expires", format!("{expires};refresher={role}"));
            response = response.with("Require", "timer");
            self.refresh = refresh_of(&response, "uas").map(|interval| (now + interval / 2, interval));
        }
        Some(self.saying(response).with_body("application/sdp", body.write(self.version)))
    }

    /// The same with what the phone adds.
    fn saying(&self, message: Wire) -> Wire {
        self.says.iter().fold(message, |message, (name, value)| message.with(name, value.as_str()))
    }

    /// Hangs up.
    pub fn bye(&mut self, ua: &mut Ua, now: Instant) {
        ua.forget_invites(&self.call_id);
        self.cseq += 1;
        let bye = self.saying(self.request(ua, "BYE", self.cseq));
        ua.send(now, self.destination, &bye);
    }

    /// Sends a re-INVITE that wishes `direction`; one at a time.
    pub fn change(&mut self, ua: &mut Ua, now: Instant, direction: Direction) {
        if self.change.is_some() {
            return;
        }
        self.version += 1;
        let offer = Terms { direction, ..self.description() };
        let body = offer.write(self.version);
        self.reinvite(ua, now, direction, body);
    }

    /// Sends a re-INVITE that offers T.38 in place of audio.
    pub fn fax(&mut self, ua: &mut Ua, now: Instant) {
        if self.change.is_some() {
            return;
        }
        let (ip, port) = (self.rtp.ip(), self.rtp.port());
        let body = format!(
            "v=0\r\no=- 1 9 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n\
             m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n"
        );
        self.reinvite(ua, now, self.direction, body);
    }

    fn reinvite(&mut self, ua: &mut Ua, now: Instant, direction: Direction, body: String) {
        self.cseq += 1;
        self.change = Some(Change { cseq: self.cseq, direction });
        let invite = self.request(ua, "INVITE", self.cseq).with_body("application/sdp", body);
        ua.send(now, self.destination, &invite);
    }

    /// The dialog as the far end is to be named it (RFC 3891): its tag, then ours.
    pub fn replaced(&self) -> String {
        let tag = |party: &str| party.rsplit_once(";tag=").map_or_else(String::new, |(_, tag)| tag.to_string());
        format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote), tag(&self.local))
    }

    /// Asks by REFER that the call be handed to a URI; without news where it wishes to hear none (RFC 4488).
    pub fn refer(&mut self, ua: &mut Ua, now: Instant, to: &str, news: bool) {
        self.cseq += 1;
        let mut refer = self.request(ua, "REFER", self.cseq).with("Refer-To", format!("<{to}>"));
        if !news {
            refer = refer.with("Refer-Sub", "false");
        }
        ua.send(now, self.destination, &refer);
    }

    /// As a PBX that has put somebody else on this end: tells so by UPDATE, or by a re-INVITE with the terms as they are.
    pub fn connect(&mut self, ua: &mut Ua, now: Instant, number: &str, by: Told) {
        self.handed_on |= user_of(uri_of(&ua.contact())) != number;
        let method = if by == Told::ByUpdate { "UPDATE" } else { "INVITE" };
        self.cseq += 1;
        let mut request = self.request(ua, method, self.cseq);
        request = request.with("P-Asserted-Identity", format!("<sip:{number}@{}>", ua.host()));
        if by == Told::ByReInvite {
            self.change = Some(Change { cseq: self.cseq, direction: self.direction });
            self.version += 1;
            request = request.with_body("application/sdp", self.description().write(self.version));
        }
        ua.send(now, self.destination, &request);
    }

    /// True when its phone is no longer in this call: the PBX has put somebody else on its end.
    pub const fn is_handed_on(&self) -> bool {
        self.handed_on
    }

    /// Sends a key press by SIP INFO.
    pub fn press(&mut self, ua: &mut Ua, now: Instant, digit: char) {
        self.cseq += 1;
        let body = format!("Signal={digit}\r\nDuration=160\r\n");
        let info = self.request(ua, "INFO", self.cseq).with_body("application/dtmf-relay", body);
        ua.send(now, self.destination, &info);
    }

    /// A request inside this dialog (its Call-ID is ours).
    pub fn on_request(&mut self, ua: &mut Ua, now: Instant, request: &Wire) -> Option<SessionEvent> {
        match request.method()? {
            "ACK" => {
                self.on_provisional(request);
                Some(SessionEvent::Changed)
            }
            "BYE" => {
                ua.respond(now, request, &Wire::response(request, 200, ""));
                ua.forget_invites(&self.call_id);
                Some(SessionEvent::Ended)
            }
            "INVITE" | "UPDATE" => self.on_offer(ua, now, request),
            // As an Asterisk, which takes UPDATE, and answers no OPTIONS inside a dialog that it knows.
            "OPTIONS" if self.timer.is_some_and(|timer| timer.updates) => None,
            "OPTIONS" | "INFO" | "NOTIFY" => {
                ua.respond(now, request, &Wire::response(request, 200, ""));
                None
            }
            _ => {
                ua.respond(now, request, &Wire::response(request, 501, ""));
                None
            }
        }
    }

    /// A response to a re-INVITE, BYE or INFO of ours.
    pub fn on_response(&mut self, ua: &mut Ua, now: Instant, response: &Wire) -> Option<SessionEvent> {
        let (number, _) = response.cseq()?;
        let code = response.code()?;
        let change = self.change.filter(|change| change.cseq == number && code >= 200)?;
        self.change = None;
        match code {
            200..300 => {
                self.direction = change.direction;
                self.learn_target(response);
                self.on_provisional(response);
                let ack = self.request(ua, "ACK", number);
                ua.acknowledge(self.destination, &ack);
                Some(SessionEvent::Changed)
            }
            408 | 481 => {
                self.bye(ua, now);
                Some(SessionEvent::Ended)
            }
            491 => {
                // RFC 3261 14.1: who made the Call-ID waits longer.
                let (from, to) = if self.caller { (2_100, 4_000) } else { (0, 2_000) };
                let pause = ua.pause(Duration::from_millis(from), Duration::from_millis(to));
                self.retry = Some((now + pause, change.direction));
                Some(SessionEvent::Refused(code))
            }
            _ => Some(SessionEvent::Refused(code)),
        }
    }

    /// Time passed: repeats a re-INVITE that met another.
    pub fn handle_timeout(&mut self, ua: &mut Ua, now: Instant) {
        if let Some((_, direction)) = self.retry.take_if(|(at, _)| *at <= now) {
            self.change(ua, now, direction);
        }
        if let Some((at, interval)) = self.refresh.filter(|(at, _)| *at <= now) {
            self.refresh = Some((at + interval / 2, interval));
            self.cseq += 1;
            let expires = format!("{};refresher=uac", interval.as_secs());
            let update = self.request(ua, "UPDATE", self.cseq).with("Supported", "timer");
            ua.send(now, self.destination, &update.with("Session-Expires", expires));
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.retry.map(|(at, _)| at), self.refresh.map(|(at, _)| at)].into_iter().flatten().min()
    }

    /// The direction this side wishes.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Where and what to send now; `None` before the far end's terms are known.
    pub fn sound(&self) -> Option<Sound> {
        let far = self.far.as_ref()?;
        let format =
            *far.formats.iter().find(|format| codec_of(**format).is_some() && self.formats.contains(format))?;
        let we = matches!(self.direction, Direction::SendRecv | Direction::SendOnly);
        let they = matches!(far.direction, Direction::SendRecv | Direction::RecvOnly);
        let send = we && they && !far.address.ip().is_unspecified();
        Some(Sound { far: far.address, format, dtmf: far.dtmf, send })
    }

    fn on_offer(&mut self, ua: &mut Ua, now: Instant, request: &Wire) -> Option<SessionEvent> {
        if self.change.is_some() {
            ua.respond(now, request, &Wire::response(request, 491, ""));
            return None;
        }
        self.learn_target(request);
        let contact = ua.contact();
        let mut response = Wire::response(request, 200, "").with("Contact", contact);
        if let (Some(_), Some(expires)) = (self.timer, request.header("Session-Expires")) {
            response = response.with("Session-Expires", expires).with("Require", "timer");
        }
        if request.body.is_empty() && request.method() == Some("UPDATE") {
            ua.respond(now, request, &response);
            return None;
        }
        let held = self.far.take();
        self.far = Terms::read(&request.body);
        let body = if request.body.is_empty() { Some(self.description()) } else { self.answer() };
        let Some(body) = body else {
            self.far = held;
            ua.respond(now, request, &Wire::response(request, 488, ""));
            return None;
        };
        if request.body.is_empty() {
            self.far = held;
        }
        self.version += 1;
        ua.respond(now, request, &response.with_body("application/sdp", body.write(self.version)));
        Some(SessionEvent::Changed)
    }

    fn learn_target(&mut self, message: &Wire) {
        let Some(contact) = message.header("Contact") else { return };
        self.target = uri_of(contact).to_string();
        if let Some(address) = address_of(&self.target) {
            self.destination = address;
        }
    }

    fn description(&self) -> Terms {
        Terms { address: self.rtp, formats: self.formats.clone(), dtmf: Some(101), direction: self.direction }
    }

    fn answer(&self) -> Option<Terms> {
        let far = self.far.as_ref()?;
        let direction = match self.direction {
            Direction::SendRecv => far.direction.mirrored(),
            Direction::SendOnly | Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
        };
        far.answer(self.rtp, &self.formats, direction)
    }
}

impl SessionTimer {
    fn allow(self, message: Wire) -> Wire {
        if self.updates { message.with("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE") } else { message }
    }
}

/// The interval, where the end of this role refreshes.
fn refresh_of(message: &Wire, role: &str) -> Option<Duration> {
    let (seconds, refresher) = message.header("Session-Expires")?.split_once(";refresher=")?;
    (refresher == role).then(|| seconds.parse().ok().map(Duration::from_secs))?
}

/// The numeric address of a SIP URI, port 5060 when it has none.
pub fn address_of(uri: &str) -> Option<SocketAddr> {
    let rest = uri.split_once(':')?.1.split([';', '?']).next()?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.parse().ok().or_else(|| Some(SocketAddr::new(host.trim_matches(['[', ']']).parse().ok()?, 5060)))
}
