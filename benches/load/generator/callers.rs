//! The calling side: many callers on one socket. Each calls, is answered, and talks for a fixed time or stays; all delays are
//! constant, so every kind of deadline is a queue in order.

use std::collections::VecDeque;
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;

use crate::histogram::Histogram;
use crate::message::{Lines, Name, Templates, address, respond};
use crate::rtp::Rtp;
use crate::socket::{self, Batch, Reader};
use crate::system;

/// T1 (RFC 3261 17.1.1.1), after which an INVITE that nothing answered is sent once more, and a BYE up to [`BYES_MAX`] times.
const T1: u64 = 500_000_000;
const BYES_MAX: u8 = 8;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Before anything is measured.
    Warm,
    /// Measured: talks and hangs up.
    Load,
    /// Waits in a queue without media.
    Waiting,
    /// Hears music.
    Music,
    /// Talks to an agent, nobody sending audio.
    Talking,
    /// Talks to an agent, both sending audio.
    Relay,
}

impl Kind {
    /// The number it dials: a queue of the engine's configuration.
    const fn number(self) -> &'static str {
        match self {
            Self::Warm | Self::Load | Self::Talking | Self::Relay => "800",
            Self::Waiting => "801",
            Self::Music => "802",
        }
    }

    /// Waits, listens or talks for as long as the run lasts.
    const fn stays(self) -> bool {
        match self {
            Self::Warm | Self::Load => false,
            Self::Waiting | Self::Music | Self::Talking | Self::Relay => true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    /// The INVITE is out.
    Calling,
    /// It was given up: a CANCEL is out.
    Cancelled,
    Talking,
    Staying,
    /// The BYE of a call that was complete.
    Leaving,
    /// The BYE of a call that has failed already.
    Clearing,
}

#[derive(Debug)]
struct Call {
    serial: u32,
    state: State,
    kind: Kind,
    sent: u64,
    heard: bool,
    byes: u8,
    media_port: u16,
    to: Vec<u8>,
    target: Vec<u8>,
    /// Where the target is.
    remote: SocketAddrV4,
}

/// What became of the measured calls.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) attempts: u64,
    /// Answered, talked and hung up.
    pub(crate) ok: u64,
    /// INVITEs that were sent again.
    pub(crate) repeated: u64,
    pub(crate) refused_503: u64,
    pub(crate) refused_other: u64,
    /// Without an answer within the patience.
    pub(crate) timed_out: u64,
    /// Of these, those that heard nothing at all.
    pub(crate) unheard: u64,
    /// Hung up by the engine, or its BYE was never answered.
    pub(crate) broken: u64,
    /// From the INVITE to the 200.
    pub(crate) setup: Histogram,
    /// How late the generator itself was.
    pub(crate) late: Histogram,
}

/// How callers behave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) talk: u64,
    pub(crate) patience: u64,
    /// INVITEs that are due together go together: for more of them than one by one can be sent.
    pub(crate) batches: bool,
}

/// All callers.
#[derive(Debug)]
pub(crate) struct Callers {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) figures: Figures,
    /// Warm and measured calls that live.
    pub(crate) open: usize,
    /// Calls that stay, and are answered.
    pub(crate) staying: usize,
    engine: SocketAddrV4,
    habits: Habits,
    templates: Templates,
    calls: Vec<Call>,
    free: Vec<u32>,
    serial: u32,
    hang_ups: VecDeque<(u64, Name)>,
    repeats: VecDeque<(u64, Name)>,
    patience: VecDeque<(u64, Name)>,
    out: Vec<u8>,
    batch: Batch,
}

impl Callers {
    /// Callers of an engine.
    pub(crate) fn new(engine: SocketAddrV4, habits: Habits, seed: u32) -> Result<Self, String> {
        let socket = Arc::new(socket::open()?);
        // Two runs against one engine have two ports, so the names of their calls differ.
        let port = socket::port(&socket);
        let templates = Templates::new(port, engine, seed ^ u32::from(port) << 16);
        Ok(Self {
            socket,
            figures: Figures::default(),
            open: 0,
            staying: 0,
            engine,
            habits,
            templates,
            calls: Vec::new(),
            free: Vec::new(),
            serial: 0,
            hang_ups: VecDeque::new(),
            repeats: VecDeque::new(),
            patience: VecDeque::new(),
            out: Vec::with_capacity(2_048),
            batch: Batch::default(),
        })
    }

    /// One call, which should have begun at `due`.
    pub(crate) fn start(&mut self, due: u64, kind: Kind, rtp: &Rtp) {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = self.calls.len() as u32;
            self.calls.push(Call {
                serial: 0,
                state: State::Free,
                kind,
                sent: 0,
                heard: false,
                byes: 0,
                media_port: rtp.port(slot),
                to: Vec::new(),
                target: Vec::new(),
                remote: self.engine,
            });
            slot
        });
        self.serial += 1;
        let name = Name { slot, serial: self.serial };
        let now = system::now();
        let call = &mut self.calls[slot as usize];
        (call.serial, call.state, call.kind, call.sent) = (self.serial, State::Calling, kind, now);
        (call.heard, call.byes) = (false, 0);
        match kind {
            Kind::Load => {
                self.figures.attempts += 1;
                self.figures.late.add(now.saturating_sub(due));
                self.open += 1;
            }
            Kind::Warm => self.open += 1,
            Kind::Waiting | Kind::Music | Kind::Talking | Kind::Relay => {}
        }
        self.templates.invite(&mut self.out, name, kind.number(), call.media_port);
        self.send_invite();
        self.repeats.push_back((now + T1, name));
        self.patience.push_back((now + self.habits.patience, name));
    }

    /// Takes what arrived; tells how many datagrams.
    pub(crate) fn read(&mut self, reader: &mut Reader, rtp: &Rtp) -> usize {
        let socket = Arc::clone(&self.socket);
        reader.read(&socket, |at, source, datagram| self.on_datagram(at, source, datagram, rtp))
    }

    /// Does what is due.
    pub(crate) fn fire(&mut self, now: u64) {
        while let Some(name) = pop_due(&mut self.hang_ups, now) {
            if self.state(name) == State::Talking {
                self.bye(now, name, State::Leaving);
            }
        }
        while let Some(name) = pop_due(&mut self.repeats, now) {
            self.repeat(now, name);
        }
        while let Some(name) = pop_due(&mut self.patience, now) {
            match self.state(name) {
                State::Calling => self.give_up(now, name),
                State::Cancelled => self.release(name),
                State::Free | State::Talking | State::Staying | State::Leaving | State::Clearing => {}
            }
        }
    }

    /// The caller has waited long enough. Who has heard nothing may not cancel (RFC 3261 9.1): a late answer is hung up on.
    fn give_up(&mut self, now: u64, name: Name) {
        let call = &mut self.calls[name.slot as usize];
        let (kind, heard) = (call.kind, call.heard);
        call.state = State::Cancelled;
        self.patience.push_back((now + self.habits.patience, name));
        self.count(kind, |figures| &mut figures.timed_out);
        if heard {
            self.templates.cancel(&mut self.out, name, kind.number());
            self.send();
        } else {
            self.count(kind, |figures| &mut figures.unheard);
        }
    }

    /// When something is due.
    pub(crate) fn next(&self) -> u64 {
        let queues = [&self.hang_ups, &self.repeats, &self.patience];
        queues.iter().filter_map(|queue| queue.front()).map(|(at, _)| *at).min().unwrap_or(u64::MAX)
    }

    fn on_datagram(&mut self, at: u64, source: SocketAddrV4, datagram: &[u8], rtp: &Rtp) {
        let lines = Lines::read(datagram);
        let known = self.templates.name(lines.call_id).filter(|name| self.state(*name) != State::Free);
        let Some(status) = lines.status() else { return self.on_request(&lines, source, known) };
        // A 2xx of a call that is forgotten comes from an engine that is far behind; its own timers end it.
        let Some(name) = known else { return };
        let call = &mut self.calls[name.slot as usize];
        call.heard = true;
        match (lines.method(), status) {
            (b"INVITE", 200..300) => self.on_answer(at, name, &lines, rtp),
            (b"INVITE", 300..) => self.on_refusal(name, status, &lines),
            (b"BYE", 200..) => {
                if call.state == State::Leaving {
                    let kind = call.kind;
                    self.count(kind, |figures| &mut figures.ok);
                }
                self.release(name);
            }
            _ => {}
        }
    }

    fn on_answer(&mut self, at: u64, name: Name, lines: &Lines<'_>, rtp: &Rtp) {
        let call = &mut self.calls[name.slot as usize];
        let first = matches!(call.state, State::Calling | State::Cancelled);
        self.templates.ack(&mut self.out, name, lines.to, Some(lines.contact), "");
        call.remote = address(lines.contact).unwrap_or(self.engine);
        let remote = call.remote;
        if first {
            call.to.clear();
            call.to.extend_from_slice(lines.to);
            call.target.clear();
            call.target.extend_from_slice(lines.contact);
        }
        let (state, kind, sent) = (call.state, call.kind, call.sent);
        self.send_to(remote);
        if !first {
            return;
        }
        if state == State::Cancelled {
            return self.bye(at, name, State::Clearing);
        }
        if kind == Kind::Load {
            self.figures.setup.add(at.saturating_sub(sent));
        }
        let call = &mut self.calls[name.slot as usize];
        if kind.stays() {
            call.state = State::Staying;
            self.staying += 1;
        } else {
            call.state = State::Talking;
            self.hang_ups.push_back((system::now() + self.habits.talk, name));
        }
        if kind == Kind::Relay {
            rtp.speak(rtp.index(name.slot), lines.media_port());
        }
    }

    fn on_refusal(&mut self, name: Name, status: u16, lines: &Lines<'_>) {
        let call = &self.calls[name.slot as usize];
        let (state, kind) = (call.state, call.kind);
        self.templates.ack(&mut self.out, name, lines.to, None, kind.number());
        self.send();
        match (state, status) {
            (State::Calling, 503) => self.count(kind, |figures| &mut figures.refused_503),
            (State::Calling, _) => self.count(kind, |figures| &mut figures.refused_other),
            _ => {}
        }
        self.release(name);
    }

    fn on_request(&mut self, lines: &Lines<'_>, source: SocketAddrV4, known: Option<Name>) {
        if lines.start.starts_with(b"ACK ") {
            return;
        }
        respond(&mut self.out, "200 OK", lines, b"", None);
        let _ = self.socket.send_to(&self.out, source);
        if let Some(name) = known.filter(|_| lines.start.starts_with(b"BYE ")) {
            let call = &self.calls[name.slot as usize];
            if matches!(call.state, State::Talking | State::Leaving) {
                let kind = call.kind;
                self.count(kind, |figures| &mut figures.broken);
            }
            self.release(name);
        }
    }

    fn repeat(&mut self, now: u64, name: Name) {
        let call = &self.calls[name.slot as usize];
        match self.state(name) {
            State::Calling if !call.heard => {
                let kind = call.kind;
                self.templates.invite(&mut self.out, name, kind.number(), call.media_port);
                self.send_invite();
                self.count(kind, |figures| &mut figures.repeated);
            }
            State::Leaving | State::Clearing if call.byes >= BYES_MAX => {
                if self.state(name) == State::Leaving {
                    let kind = call.kind;
                    self.count(kind, |figures| &mut figures.broken);
                }
                self.release(name);
            }
            state @ (State::Leaving | State::Clearing) => self.bye(now, name, state),
            State::Free | State::Calling | State::Cancelled | State::Talking | State::Staying => {}
        }
    }

    fn bye(&mut self, now: u64, name: Name, state: State) {
        let call = &mut self.calls[name.slot as usize];
        call.state = state;
        call.byes += 1;
        self.templates.bye(&mut self.out, name, &call.to, &call.target);
        let remote = call.remote;
        self.repeats.push_back((now.max(system::now()) + T1, name));
        self.send_to(remote);
    }

    /// Free when the slot has another call by now.
    fn state(&self, name: Name) -> State {
        let call = self.calls.get(name.slot as usize).filter(|call| call.serial == name.serial);
        call.map_or(State::Free, |call| call.state)
    }

    fn count(&mut self, kind: Kind, counter: impl FnOnce(&mut Figures) -> &mut u64) {
        if kind == Kind::Load {
            *counter(&mut self.figures) += 1;
        }
    }

    fn release(&mut self, name: Name) {
        let call = &mut self.calls[name.slot as usize];
        if call.state == State::Staying {
            self.staying -= 1;
        }
        call.state = State::Free;
        if !call.kind.stays() {
            self.open -= 1;
        }
        self.free.push(name.slot);
    }

    /// Sends the INVITEs that were gathered.
    pub(crate) fn flush(&mut self) {
        self.batch.flush(&self.socket, self.engine);
    }

    fn send_invite(&mut self) {
        if self.habits.batches {
            self.batch.add(&self.socket, self.engine, &self.out);
        } else {
            self.send();
        }
    }

    fn send(&self) {
        self.send_to(self.engine);
    }

    fn send_to(&self, destination: SocketAddrV4) {
        // What a full buffer loses is lost as on a wire.
        let _ = self.socket.send_to(&self.out, destination);
    }
}

fn pop_due(queue: &mut VecDeque<(u64, Name)>, now: u64) -> Option<Name> {
    queue.front().filter(|(at, _)| *at <= now)?;
    queue.pop_front().map(|(_, name)| name)
}
