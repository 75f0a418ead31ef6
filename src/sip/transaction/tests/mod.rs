//! Tests of the transaction layer: samples, and a world of two stacks in virtual time whose wire loses or doubles what
//! a test names.

mod exchange;
mod matching;
mod room;
mod streams;
mod table;
mod torture;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::{ClientKey, Event, Refused, ServerKey, Stack, StackConfig, Transmit};
use crate::base::{Instant, Rng};
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::write::{Writer, respond};

/// One way through the wire.
const LATENCY: Duration = Duration::from_millis(10);

pub(super) fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

pub(super) fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5060))
}

pub(super) fn stack(last: u8) -> Stack {
    Stack::new(StackConfig::new(address(last)), Rng::from_u64(u64::from(last)))
}

/// Text with bare line feeds as a datagram.
pub(super) fn datagram(text: &str) -> Bytes {
    Bytes::from(text.replace('\n', "\r\n"))
}

/// Adds the header fields a user of the stack has to add.
pub(super) fn complete(mut writer: Writer, method: Method, sequence: u32, to_tag: &str) -> Bytes {
    let to = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    writer.line(Name::From, b"<sip:alice@10.0.0.1>;tag=a");
    writer.line_fmt(Name::To, format_args!("<sip:bob@10.0.0.2>{to}"));
    writer.line(Name::CallId, b"call-1@10.0.0.1");
    writer.line_fmt(Name::CSeq, format_args!("{sequence} {}", method.as_str()));
    writer.line(Name::Route, b"<sip:10.0.0.2;lr>");
    writer.line(Name::Contact, b"<sip:alice@10.0.0.1>");
    writer.finish()
}

/// What a datagram is, in two words.
pub(super) fn label(payload: &Bytes) -> String {
    let message = Message::parse(payload.clone()).expect("stacks send messages");
    let method = message.cseq().map_or("?", |cseq| cseq.method.as_str());
    if message.is_request() { method.to_owned() } else { format!("{} {method}", message.status()) }
}

/// Everything a stack wants to send, as (label, destination).
pub(super) fn sent(stack: &mut Stack) -> Vec<(String, SocketAddr)> {
    std::iter::from_fn(|| stack.poll_transmit()).map(|t| (label(&t.payload), t.destination)).collect()
}

/// Everything a stack wants to tell.
pub(super) fn told(stack: &mut Stack) -> Vec<String> {
    std::iter::from_fn(|| stack.poll_event()).map(|event| describe(&event)).collect()
}

pub(super) fn describe(event: &Event) -> String {
    match event {
        Event::Request { message, .. } => format!("request {}", message.method().as_str()),
        Event::Ack { .. } => "ack".to_owned(),
        Event::Cancelled { .. } => "cancelled".to_owned(),
        Event::Response { message, .. } => format!("response {} {}", message.status(), message.method().as_str()),
        Event::Stray2xx { .. } => "stray".to_owned(),
        Event::Challenged { message, .. } => format!("challenged {}", message.status()),
        Event::Failed { cause, .. } => format!("failed {cause:?}"),
        Event::Unacknowledged { .. } => "unacknowledged".to_owned(),
    }
}

/// The key of the only request told.
pub(super) fn request_of(stack: &mut Stack) -> (ServerKey, Message) {
    let Some(Event::Request { key, message, .. }) = stack.poll_event() else { panic!("a request is told") };
    (key, message)
}

/// What the called phone does with an INVITE, and what the calling one does then.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// Responses to the INVITE, each with its delay in milliseconds after the INVITE.
    pub(super) answers: Vec<(u64, u16)>,
    /// The calling phone cancels when it sees this status.
    pub(super) cancel_on: Option<u16>,
    /// The calling phone sends BYE this many milliseconds after the 2xx.
    pub(super) bye_after: Option<u64>,
}

/// What a phone does later.
#[derive(Debug, Clone)]
enum Task {
    Answer(u16),
    Repeat2xx { payload: Bytes, interval: Duration },
    Bye,
    Arrive { to: usize, source: SocketAddr, payload: Bytes },
}

/// What the wire does to a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    /// It arrives, and a copy this many milliseconds later.
    Twice(u64),
}

impl From<bool> for Fate {
    /// True for lost.
    fn from(lost: bool) -> Self {
        if lost { Self::Lost } else { Self::Arrives }
    }
}

/// The fate of a datagram, given its number from 1 and its label.
type Wire = Box<dyn FnMut(usize, &str) -> Fate>;

/// Two phones, 0 calls 1; each is a stack with the few duties of a stack's user.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) stacks: [Stack; 2],
    /// `ms who what`, in order: what was sent (`>` or `x` when lost) and what was told.
    pub(super) log: Vec<String>,
    tasks: BTreeMap<(Instant, usize), Task>,
    armed: usize,
    script: Script,
    wire: Wire,
    sent: usize,
    invite: Option<ClientKey>,
    incoming: Option<(ServerKey, Message)>,
    answered: bool,
    acknowledged: bool,
}

impl World {
    /// A world with a wire; see [`Fate`].
    pub(super) fn new<F: Into<Fate>>(script: Script, mut wire: impl FnMut(usize, &str) -> F + 'static) -> Self {
        let mut world = Self {
            now: Instant::ZERO,
            stacks: [stack(1), stack(2)],
            log: Vec::new(),
            tasks: BTreeMap::new(),
            armed: 0,
            script,
            wire: Box::new(move |number, label| wire(number, label).into()),
            sent: 0,
            invite: None,
            incoming: None,
            answered: false,
            acknowledged: false,
        };
        let (key, writer) = world.stacks[0].start_request(Method::Invite, b"sip:bob@10.0.0.2");
        world.stacks[0].send_request(world.now, key, address(2), complete(writer, Method::Invite, 1, ""));
        world.invite = Some(key);
        world
    }

    /// Runs until nothing is left to happen.
    pub(super) fn run(&mut self) {
        loop {
            self.drain();
            let deadlines = self.stacks.iter().filter_map(Stack::poll_timeout);
            let task = self.tasks.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = deadlines.chain(task).min() else { return };
            assert!(next >= self.now, "time does not go back");
            self.now = next;
            assert!(self.now < at(1_000_000), "the world comes to rest");
            while let Some(entry) = self.tasks.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let task = entry.remove();
                self.on_task(task);
                self.drain();
            }
            self.stacks.iter_mut().for_each(|stack| stack.handle_timeout(next));
        }
    }

    /// How often a line with this text is in the log.
    pub(super) fn count(&self, text: &str) -> usize {
        self.log.iter().filter(|line| line.split_once(' ').is_some_and(|(_, what)| what == text)).count()
    }

    /// The moments of the log's lines with this text, in milliseconds.
    pub(super) fn times(&self, text: &str) -> Vec<u64> {
        let lines = self.log.iter().filter_map(|line| line.split_once(' '));
        lines
            .filter(|(_, what)| *what == text)
            .map(|(at, _)| at.parse().expect("a line begins with its time"))
            .collect()
    }

    fn later(&mut self, after: Duration, task: Task) {
        self.armed += 1;
        self.tasks.insert((self.now + after, self.armed), task);
    }

    fn note(&mut self, text: &str) {
        self.log.push(format!("{} {text}", self.now.as_millis()));
    }

    fn drain(&mut self) {
        for end in 0..2 {
            while let Some(Transmit { destination, payload, .. }) = self.stacks[end].poll_transmit() {
                let label = label(&payload);
                self.sent += 1;
                let fate = (self.wire)(self.sent, &label);
                self.note(&format!("{end}{} {label}", if fate == Fate::Lost { 'x' } else { '>' }));
                assert_eq!(destination, address(2 - end as u8), "{label}");
                let arrival = Task::Arrive { to: 1 - end, source: address(1 + end as u8), payload };
                match fate {
                    Fate::Lost => continue,
                    Fate::Arrives => {}
                    Fate::Twice(after) => self.later(LATENCY + Duration::from_millis(after), arrival.clone()),
                }
                self.later(LATENCY, arrival);
            }
            if let Some(event) = self.stacks[end].poll_event() {
                self.note(&format!("{end}: {}", describe(&event)));
                self.on_event(end, event);
                return self.drain();
            }
        }
    }

    fn on_task(&mut self, task: Task) {
        match task {
            Task::Arrive { to, source, payload } => self.stacks[to].handle_datagram(self.now, source, payload),
            Task::Answer(code) => self.answer(code),
            Task::Repeat2xx { payload, interval } if !self.acknowledged && interval < Duration::from_secs(32) => {
                let (key, _) = self.incoming.as_ref().expect("a 2xx answers an INVITE");
                self.stacks[1].respond(self.now, *key, 200, payload.clone());
                let interval = (interval * 2).min(Duration::from_secs(4));
                self.later(interval, Task::Repeat2xx { payload, interval });
            }
            Task::Repeat2xx { .. } => {}
            Task::Bye => {
                let (key, writer) = self.stacks[0].start_request(Method::Bye, b"sip:bob@10.0.0.2");
                self.stacks[0].send_request(self.now, key, address(2), complete(writer, Method::Bye, 2, "b"));
            }
        }
    }

    fn answer(&mut self, code: u16) {
        if self.answered {
            return;
        }
        let (key, message) = self.incoming.clone().expect("an INVITE came");
        let payload = respond(&message, address(1), code, None, b"b").finish();
        self.stacks[1].respond(self.now, key, code, payload.clone());
        self.answered = code >= 200;
        if (200..300).contains(&code) {
            let interval = Duration::from_millis(500);
            self.later(interval, Task::Repeat2xx { payload, interval });
        }
    }

    fn on_event(&mut self, end: usize, event: Event) {
        match event {
            Event::Request { key, message, .. } if message.method() == Method::Invite => {
                self.incoming = Some((key, message));
                for (after, code) in self.script.answers.clone() {
                    self.later(Duration::from_millis(after), Task::Answer(code));
                }
            }
            Event::Request { key, message, source } => {
                let payload = respond(&message, source, 200, None, b"b").finish();
                self.stacks[end].respond(self.now, key, 200, payload);
            }
            Event::Ack { .. } => self.acknowledged = true,
            Event::Cancelled { key, .. } => {
                assert_eq!(Some(key), self.incoming.as_ref().map(|(key, _)| *key));
                self.answer(487);
            }
            Event::Response { key, message, .. } => self.on_response(key, &message),
            Event::Challenged { .. } | Event::Stray2xx { .. } | Event::Failed { .. } | Event::Unacknowledged { .. } => {
            }
        }
    }

    fn on_response(&mut self, key: ClientKey, message: &Message) {
        if Some(key) != self.invite {
            return;
        }
        if self.script.cancel_on == Some(message.status()) {
            self.stacks[0].cancel(self.now, key, None);
        }
        if (200..300).contains(&message.status()) {
            let (_, writer) = self.stacks[0].start_request(Method::Ack, b"sip:bob@10.0.0.2");
            self.stacks[0].send_ack(address(2), complete(writer, Method::Ack, 1, "b"));
            if let Some(after) = self.script.bye_after.take() {
                self.later(Duration::from_millis(after), Task::Bye);
            }
        }
    }
}
