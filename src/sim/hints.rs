//! What a simulated PBX tells of its phones: SUBSCRIBE is answered, NOTIFY says what a phone does, as Asterisk writes it: by
//! dialog-info in full documents, with a direction only while it rings, or by presence with a note and activities. Written apart
//! from the engine's own reading of these.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::Instant;
use crate::sim::ua::Ua;
use crate::sim::wire::{Wire, uri_of, user_of};

/// What a phone does, as its PBX sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Idle,
    /// It is not registered: dialog-info has no word for it.
    Away,
    /// It is rung.
    Rings,
    /// It is in a call.
    Talks,
}

/// The subscriptions of one PBX; see the module.
#[derive(Debug, Default)]
pub struct Hints {
    live: Vec<Subscription>,
    refuses: Option<u16>,
}

#[derive(Debug)]
struct Subscription {
    user: String,
    event: Event,
    source: SocketAddr,
    target: String,
    call_id: String,
    ours: String,
    theirs: String,
    number: u32,
    version: u32,
    until: Instant,
    told: Option<Doing>,
}

/// What was subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Dialog,
    Presence,
}

/// The longest time that it grants.
const EXPIRES_MAX: Duration = Duration::from_secs(3_600);

impl Hints {
    /// From now on each SUBSCRIBE is refused by this status; `None`: taken again.
    pub const fn refuse(&mut self, status: Option<u16>) {
        self.refuses = status;
    }

    /// Forgets all subscriptions without a word, as a PBX that starts anew.
    pub fn forget(&mut self) {
        self.live.clear();
    }

    /// Ends all subscriptions for a reason.
    pub fn end(&mut self, ua: &mut Ua, now: Instant, reason: &str) {
        for mut subscription in std::mem::take(&mut self.live) {
            subscription.notify(ua, now, &format!("terminated;reason={reason}"), Doing::Idle);
        }
    }

    /// A SUBSCRIBE, new or again; `doing` is what the phone does, `None` when there is no such phone.
    pub fn on_subscribe(
        &mut self,
        ua: &mut Ua,
        now: Instant,
        request: &Wire,
        source: SocketAddr,
        doing: impl Fn(&str) -> Option<Doing>,
    ) {
        let seconds = request.header("Expires").and_then(|text| text.parse().ok()).unwrap_or(0);
        let expires = Duration::from_secs(seconds).min(EXPIRES_MAX);
        let user = user_of(request.uri()).to_string();
        let event = Event::asked_for(request);
        let known = self.live.iter().position(|it| it.call_id == request.call_id());
        let tag = ua.token();
        let known_user = known.map(|place| self.live[place].user.clone());
        let status = match (self.refuses, request.to_tag(), &known_user) {
            (Some(status), ..) => status,
            (None, Some(_), None) => 481,
            (None, None, _) if event.is_none() => 489,
            (None, None, _) if doing(&user).is_none() => 404,
            (None, ..) => 200,
        };
        let response = Wire::response(request, status, &tag);
        if status != 200 {
            return ua.respond(now, request, &response);
        }
        let response = response.with("Contact", ua.contact()).with("Expires", expires.as_secs().to_string());
        ua.respond(now, request, &response);
        let place = known.unwrap_or_else(|| {
            self.live.push(Subscription {
                user,
                event: event.unwrap_or(Event::Dialog),
                source,
                target: uri_of(request.header("Contact").unwrap_or_default()).to_string(),
                call_id: request.call_id().to_string(),
                ours: response.header("To").unwrap_or_default().to_string(),
                theirs: request.header("From").unwrap_or_default().to_string(),
                number: 0,
                version: 0,
                until: now,
                told: None,
            });
            self.live.len() - 1
        });
        let subscription = &mut self.live[place];
        subscription.until = now + expires;
        subscription.told = None;
        self.look(ua, now, doing);
    }

    /// The answer to a NOTIFY.
    pub fn on_response(&mut self, response: &Wire) {
        let refused = response.code().is_some_and(|code| code >= 300) && response.header("Retry-After").is_none();
        if refused {
            self.live.retain(|it| it.call_id != response.call_id());
        }
    }

    /// A NOTIFY was not answered.
    pub fn on_unanswered(&mut self, call_id: &str) {
        self.live.retain(|it| it.call_id != call_id);
    }

    /// Tells what is new, and ends what has run out.
    pub fn look(&mut self, ua: &mut Ua, now: Instant, doing: impl Fn(&str) -> Option<Doing>) {
        for subscription in &mut self.live {
            let doing = doing(&subscription.user).unwrap_or(Doing::Idle);
            if subscription.until <= now {
                subscription.notify(ua, now, "terminated;reason=timeout", doing);
            } else if subscription.told != Some(doing) {
                let left = subscription.until.since(now).as_secs();
                subscription.notify(ua, now, &format!("active;expires={left}"), doing);
            }
        }
        self.live.retain(|it| it.until > now);
    }

    /// When [`Hints::look`] is wanted at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.live.iter().map(|it| it.until).min()
    }
}

impl Subscription {
    fn notify(&mut self, ua: &mut Ua, now: Instant, standing: &str, doing: Doing) {
        self.number += 1;
        let (event, media, body) = match self.event {
            Event::Dialog => ("dialog", "application/dialog-info+xml", self.dialogs(doing)),
            Event::Presence => ("presence", "application/pidf+xml", self.presence(doing)),
        };
        self.version += 1;
        self.told = Some(doing);
        let request = Wire::request("NOTIFY", &self.target)
            .with("From", self.ours.clone())
            .with("To", self.theirs.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{} NOTIFY", self.number))
            .with("Max-Forwards", "70")
            .with("Contact", ua.contact())
            .with("Event", event)
            .with("Subscription-State", standing)
            .with_body(media, body);
        ua.send(now, self.source, &request);
    }

    fn dialogs(&self, doing: Doing) -> String {
        let (direction, state) = match doing {
            Doing::Idle | Doing::Away => ("", "terminated"),
            Doing::Rings => (" direction=\"recipient\"", "early"),
            Doing::Talks => ("", "confirmed"),
        };
        let user = &self.user;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{}\" \
             state=\"full\" entity=\"sip:{user}@pbx\">\n <dialog id=\"{user}\"{direction}>\n  <state>{state}</state>\n </dialog>\n\
             </dialog-info>\n",
            self.version
        )
    }

    fn presence(&self, doing: Doing) -> String {
        let (basic, note) = match doing {
            Doing::Idle => ("open", "Ready"),
            Doing::Away => ("closed", "Unavailable"),
            Doing::Rings => ("open", "Ringing"),
            Doing::Talks => ("open", "On the phone"),
        };
        let person = match doing {
            Doing::Idle | Doing::Away => " <dm:person />\n",
            Doing::Rings | Doing::Talks => {
                " <dm:person>\n  <rpid:activities>\n   <rpid:on-the-phone />\n  </rpid:activities>\n </dm:person>\n"
            }
        };
        let user = &self.user;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence entity=\"sip:{user}@pbx\" xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\">\n \
             <note>{note}</note>\n <tuple id=\"{user}\">\n  <status>\n   <basic>{basic}</basic>\n  </status>\n  \
             <contact priority=\"1\">sip:{user}@pbx</contact>\n </tuple>\n{person}</presence>\n"
        )
    }
}

impl Event {
    /// What is asked for in words that it knows.
    fn asked_for(request: &Wire) -> Option<Self> {
        match (request.header("Event")?, request.header("Accept")?) {
            ("dialog", "application/dialog-info+xml") => Some(Self::Dialog),
            ("presence", "application/pidf+xml") => Some(Self::Presence),
            _ => None,
        }
    }
}
