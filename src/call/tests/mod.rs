//! Tests of the legs: two ends in virtual time whose wire loses what a test names (`pair`), and one end against a far end
//! that is written by hand (`table`, `far_end`).

mod challenge;
mod connected;
mod far_end;
mod pair;
mod refer;
mod reliable;
mod reoffer;
mod session;
mod subscribe;
mod table;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{Instant, LegId, Rng};
use crate::call::event::Event;
use crate::call::legs::{Invite, Legs};
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::write::respond;

/// Stands for a session description; legs do not read it.
const SDP: &[u8] = b"v=0\r\n";

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5060))
}

fn legs(last: u8) -> Legs {
    Legs::new(address(last), Rng::from_u64(last.into()))
}

fn spec(destination: SocketAddr) -> Invite<'static> {
    let from = b"\"Doe; John\" <sip:+4930@10.0.0.2>";
    Invite { uri: b"sip:1001@10.0.0.1", destination, from, headers: &[], sdp: Some(SDP), hops: 70, behind_nat: None }
}

/// What a datagram is, in two words.
fn label(payload: &Bytes) -> String {
    let message = Message::parse(payload.clone()).expect("legs send messages");
    let method = message.cseq().map_or("?", |cseq| cseq.method.as_str());
    if message.is_request() { method.to_owned() } else { format!("{} {method}", message.status()) }
}

fn describe(event: &Event) -> String {
    match event {
        Event::Incoming { .. } => "incoming".to_owned(),
        Event::Unusable => "unusable".to_owned(),
        Event::Progress { status, forwarded, .. } => {
            format!("progress {status}{}", if *forwarded { " forwarded" } else { "" })
        }
        Event::Answered { sdp, .. } => with_body("answered", sdp.as_ref()),
        Event::Failed { failure, .. } => format!("failed {failure:?}"),
        Event::Confirmed { sdp, .. } => with_body("confirmed", sdp.as_ref()),
        Event::Change { sdp, .. } => with_body("change", sdp.as_ref()),
        Event::Reoffered { answer, .. } => with_body("reoffered", answer.as_ref()),
        Event::RefreshDue { .. } => "refresh due".to_owned(),
        Event::Refer { refer, .. } => format!("refer to {}", refer.to()),
        Event::Connected { identity, .. } => format!("connected {}", String::from_utf8_lossy(identity)),
        Event::Info { .. } => "info".to_owned(),
        Event::Ended { cause, .. } => format!("ended {cause:?}"),
        Event::Register { .. } => "register".to_owned(),
        Event::Probed { alive, .. } => format!("probed {alive}"),
        Event::Subscribed { answer, .. } => format!("subscribed {answer:?}"),
        Event::Notified { notice, .. } => format!("notified {:?}", notice.standing),
        Event::Qualified { alive, .. } => format!("qualified {alive}"),
    }
}

fn with_body(word: &str, sdp: Option<&Bytes>) -> String {
    if sdp.is_some() { format!("{word} with sdp") } else { word.to_owned() }
}

/// One end at 10.0.0.2 and a far end at 10.0.0.1 whose messages the test writes.
struct Solo {
    legs: Legs,
    now: Instant,
    leg: LegId,
    near_tag: String,
    call_id: String,
    /// Our INVITE, when we call.
    invite: Option<Message>,
    sent: Vec<Message>,
    /// Further header lines of what the far end sends.
    extra: String,
}

impl Solo {
    /// Called by the far end.
    fn called(offer: &[u8]) -> Self {
        Self::called_saying("", offer)
    }

    /// Called by the far end, whose messages have these header lines from now on.
    fn called_saying(lines: &str, offer: &[u8]) -> Self {
        let mut solo = Self::new();
        solo.extra = lines.to_owned();
        solo.call_id = "call-1".to_owned();
        solo.request("INVITE", 1, offer);
        let Some(Event::Incoming { leg, .. }) = solo.legs.poll_event() else { panic!("a call comes") };
        solo.leg = leg;
        solo.look();
        solo
    }

    /// Calling the far end.
    fn calling() -> Self {
        let mut solo = Self::new();
        solo.call();
        solo
    }

    fn call(&mut self) {
        self.leg = self.legs.invite(self.now, &spec(address(1)));
        self.look();
        let invite = self.sent.pop().expect("an INVITE goes out");
        self.near_tag = String::from_utf8_lossy(invite.from_tag().unwrap()).into_owned();
        self.call_id = String::from_utf8_lossy(invite.call_id().unwrap()).into_owned();
        self.invite = Some(invite);
    }

    fn new() -> Self {
        let (near_tag, call_id) = (String::new(), String::new());
        let (legs, now, leg, extra) = (legs(2), at(0), LegId(0), String::new());
        Self { legs, now, leg, near_tag, call_id, invite: None, sent: Vec::new(), extra }
    }

    /// A request of the far end; within the dialog once our tag is known.
    fn request(&mut self, method: &str, number: u32, body: &[u8]) {
        self.request_of("far", method, number, body);
    }

    fn request_of(&mut self, far_tag: &str, method: &str, number: u32, body: &[u8]) {
        let to_tag = if self.near_tag.is_empty() { String::new() } else { format!(";tag={}", self.near_tag) };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
        let text = format!(
            "{method} sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{method}{number}{far_tag}\n\
             Max-Forwards: 70\nFrom: <sip:far@10.0.0.1>;tag={far_tag}\nTo: <sip:near@10.0.0.2>{to_tag}\n\
             Call-ID: {}\nCSeq: {number} {method}\nContact: <sip:far@10.0.0.1>\n{}{kind}Content-Length: {}\n\n",
            self.call_id,
            self.extra,
            body.len()
        );
        let mut payload = text.replace('\n', "\r\n").into_bytes();
        payload.extend_from_slice(body);
        self.take(payload.into());
    }

    /// A response of the far end to our INVITE, by the fork of this tag.
    fn response_of(&mut self, tag: &str, status: u16, body: &[u8]) {
        let invite = self.invite.clone().expect("we call");
        let mut writer = respond(&invite, address(2), status, None, tag.as_bytes());
        writer.line_fmt(Name::Contact, format_args!("<sip:{tag}@10.0.0.1>"));
        for (name, value) in self.extra.lines().filter_map(|line| line.split_once(": ")) {
            writer.line_text(name, value.as_bytes());
        }
        let payload = if body.is_empty() { writer.finish() } else { writer.finish_body("application/sdp", body) };
        self.take(payload);
    }

    fn response(&mut self, status: u16, body: &[u8]) {
        self.response_of("far", status, body);
    }

    /// The far end answers the last request of ours of this method.
    fn answer_last(&mut self, method: &str, status: u16) {
        let is_it = |message: &&Message| message.is_request() && message.method_text() == method.as_bytes();
        let request = self.sent.iter().rev().find(is_it).cloned().expect("such a request went out");
        self.take(respond(&request, address(2), status, None, b"far").finish());
    }

    fn take(&mut self, payload: Bytes) {
        let message = Message::parse(payload).expect("the test writes messages");
        self.legs.handle_message(self.now, address(1), message);
    }

    /// Time passes.
    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(next) = self.legs.poll_timeout().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.legs.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// What went out since the last look, in words; a To tag of ours is noted.
    fn look(&mut self) -> Vec<String> {
        let mut labels = Vec::new();
        while let Some(transmit) = self.legs.poll_transmit() {
            labels.push(label(&transmit.payload));
            let message = Message::parse(transmit.payload).unwrap();
            if !message.is_request() && message.status() > 100 && self.near_tag.is_empty() {
                self.near_tag = String::from_utf8_lossy(message.to_tag().unwrap()).into_owned();
            }
            self.sent.push(message);
        }
        labels
    }

    /// What was told since the last look, in words.
    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.legs.poll_event()).map(|event| describe(&event)).collect()
    }

    /// Nothing is left, 64*T1 after the last word and once more for what that brought.
    fn ends_clean(mut self) {
        self.pass(Duration::from_secs(100));
        let Legs { legs, clients, servers, timers, .. } = &self.legs;
        assert_eq!(
            (legs.len(), clients.len(), servers.len(), timers.len()),
            (0, 0, 0, 0),
            "legs, clients, servers, timers"
        );
        assert!(self.legs.notifiers.is_empty(), "nobody waits for news");
        assert_eq!(self.legs.transactions(), 0);
    }
}
