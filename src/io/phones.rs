//! The simulator's phones over real sockets: each phone has a SIP and an RTP socket of its own on loopback, sends one tone
//! while it may, and listens for the other side's. One thread drives them all. Used by the demo and the loopback tests.

use std::collections::{BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::base::{Instant, Rng};
use crate::io::clock::Clock;

use crate::media::tone::{AGENT_HZ, CALLER_HZ};
use crate::sim::agent_phone::{AgentPhone, Manner};
use crate::sim::caller::{Caller, Dial};
use crate::sim::handset::Setup;
use crate::sim::phone::{Phone, PhoneEvent};
use crate::sim::voice::{Ear, Voice};
use crate::sip::auth::Credentials;

/// The largest datagram a phone reads.
const DATAGRAM_MAX: usize = 65_535;
/// Sockets told readable by one poll.
const READY_MAX: usize = 1_024;

/// Which of a phone's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sip,
    Rtp,
}

/// Names one phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PhoneId(usize);

/// A phone with its sockets and its audio.
#[derive(Debug)]
struct Line {
    phone: Phone,
    sip: UdpSocket,
    rtp: UdpSocket,
    address: SocketAddr,
    voice: Voice,
    ear: Ear,
    due: Option<Instant>,
}

/// All phones of a process.
#[derive(Debug)]
pub struct Phones {
    clock: Clock,
    poll: Poll,
    ready: Events,
    lines: Vec<Line>,
    due: BTreeSet<(Instant, usize)>,
    events: VecDeque<(PhoneId, PhoneEvent)>,
    rng: Rng,
    scratch: Vec<u8>,
}

impl Phones {
    /// No phones yet.
    ///
    /// # Errors
    /// The system's, when no poll can be made.
    pub fn new(clock: Clock, rng: Rng) -> std::io::Result<Self> {
        Ok(Self {
            clock,
            poll: Poll::new()?,
            ready: Events::with_capacity(READY_MAX),
            lines: Vec::new(),
            due: BTreeSet::new(),
            events: VecDeque::new(),
            rng,
            scratch: vec![0; DATAGRAM_MAX],
        })
    }

    /// A caller's phone that dials through `engine`; it prefers the first of `formats` (RTP payload types 0 and 8).
    ///
    /// # Errors
    /// The system's, when no socket can be had.
    pub fn add_caller(&mut self, name: &str, engine: SocketAddr, formats: &[u8]) -> std::io::Result<PhoneId> {
        let host = loopback(engine);
        self.add(name, host, formats, CALLER_HZ, AGENT_HZ, |setup| Phone::Caller(Box::new(Caller::new(setup, engine))))
    }

    /// An agent's phone that treats every call in one manner until told otherwise.
    ///
    /// # Errors
    /// The system's, when no socket can be had.
    pub fn add_agent(&mut self, name: &str, manner: Manner, formats: &[u8]) -> std::io::Result<PhoneId> {
        self.add_agent_at(Ipv4Addr::LOCALHOST.into(), name, manner, formats)
    }

    /// The same at this host.
    ///
    /// # Errors
    /// The system's, when no socket can be had.
    pub fn add_agent_at(
        &mut self,
        host: IpAddr,
        name: &str,
        manner: Manner,
        formats: &[u8],
    ) -> std::io::Result<PhoneId> {
        let make = |setup| Phone::Agent(Box::new(AgentPhone::new(setup, manner)));
        self.add(name, host, formats, AGENT_HZ, CALLER_HZ, make)
    }

    /// Where a phone speaks SIP.
    pub fn address(&self, id: PhoneId) -> SocketAddr {
        self.lines[id.0].address
    }

    /// True when a phone is in no call and no transaction.
    pub fn is_idle(&self, id: PhoneId) -> bool {
        self.lines[id.0].phone.is_idle()
    }

    /// What a phone hears.
    pub fn ear(&mut self, id: PhoneId) -> &mut Ear {
        &mut self.lines[id.0].ear
    }

    /// Dials from a caller's phone; an agent's phone does nothing.
    pub fn dial(&mut self, id: PhoneId, dial: Dial) {
        let now = self.clock.now();
        let line = &mut self.lines[id.0];
        line.ear.clear();
        if let Phone::Caller(caller) = &mut line.phone {
            caller.dial(now, dial);
        }
        self.settle(id.0, now);
    }

    /// An agent's phone registers from now on; a caller's does nothing.
    pub fn register(&mut self, id: PhoneId, registrar: SocketAddr, credentials: Arc<Credentials>) {
        let now = self.clock.now();
        if let Phone::Agent(agent) = &mut self.lines[id.0].phone {
            agent.register(now, registrar, credentials);
            agent.handle_timeout(now);
        }
        self.settle(id.0, now);
    }

    /// Hangs up.
    pub fn hang_up(&mut self, id: PhoneId) {
        let now = self.clock.now();
        match &mut self.lines[id.0].phone {
            Phone::Caller(caller) => caller.hang_up(now),
            Phone::Agent(agent) => agent.hang_up(now),
        }
        self.settle(id.0, now);
    }

    /// How an agent's phone treats the next call; a caller's phone does nothing.
    pub fn set_manner(&mut self, id: PhoneId, manner: Manner) {
        if let Phone::Agent(agent) = &mut self.lines[id.0].phone {
            agent.set_manner(manner);
        }
    }

    /// The next thing that happened at a phone.
    pub fn poll_event(&mut self) -> Option<(PhoneId, PhoneEvent)> {
        self.events.pop_front()
    }

    /// Waits for a datagram or a deadline, at most for `patience`, and lets the phones act.
    ///
    /// # Errors
    /// The system's, when the poll fails.
    pub fn turn(&mut self, patience: Duration) -> std::io::Result<()> {
        let wait = self.due.first().map_or(patience, |(at, _)| self.clock.until(*at).min(patience));
        if let Err(error) = self.poll.poll(&mut self.ready, Some(wait))
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        let ready: Vec<usize> = self.ready.iter().map(|event| event.token().0).collect();
        for token in ready {
            let kind = if token % 2 == 0 { Kind::Sip } else { Kind::Rtp };
            self.read(token / 2, kind);
        }
        let now = self.clock.now();
        while let Some(&(at, index)) = self.due.first() {
            if at > now {
                break;
            }
            self.lines[index].phone.handle_timeout(now);
            self.settle(index, now);
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        host: IpAddr,
        formats: &[u8],
        says: u32,
        hears: u32,
        make: impl FnOnce(Setup) -> Phone,
    ) -> std::io::Result<PhoneId> {
        let any = SocketAddr::new(host, 0);
        let (mut sip, mut rtp) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        let index = self.lines.len();
        let registry = self.poll.registry();
        registry.register(&mut sip, Token(index * 2), Interest::READABLE)?;
        registry.register(&mut rtp, Token(index * 2 + 1), Interest::READABLE)?;
        let (address, rtp_address) = (sip.local_addr()?, rtp.local_addr()?);
        let mut rng = self.rng.fork();
        let voice = Voice::new(says, &mut rng);
        let setup = Setup { name: name.to_string(), sip: address, rtp: rtp_address, formats: formats.to_vec(), rng };
        let phone = make(setup);
        self.lines.push(Line { phone, sip, rtp, address, voice, ear: Ear::new(hears), due: None });
        Ok(PhoneId(index))
    }

    /// Reads one socket empty, as its poll tells it only once.
    fn read(&mut self, index: usize, kind: Kind) {
        loop {
            let line = &mut self.lines[index];
            let socket = match kind {
                Kind::Sip => &line.sip,
                Kind::Rtp => &line.rtp,
            };
            let (length, source) = match socket.recv_from(&mut self.scratch) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // An ICMP error about an earlier datagram.
                Err(_) => continue,
            };
            let now = self.clock.now();
            let datagram = &self.scratch[..length];
            match kind {
                Kind::Sip => {
                    line.phone.handle_datagram(now, source, &Bytes::copy_from_slice(datagram));
                    self.settle(index, now);
                }
                Kind::Rtp => line.ear.hear(now, datagram),
            }
        }
    }

    /// Sends what a phone has to send, speaks when it is time, and notes its next deadline.
    fn settle(&mut self, index: usize, now: Instant) {
        let line = &mut self.lines[index];
        while let Some(outgoing) = line.phone.poll_transmit() {
            // Lost as on a wire; SIP repeats what matters.
            let _ = line.sip.send_to(&outgoing.payload, outgoing.destination);
        }
        while let Some(event) = line.phone.poll_event() {
            self.events.push_back((PhoneId(index), event));
        }
        let sound = line.phone.sound();
        while let Some((destination, packet)) = line.voice.speak(now, sound) {
            let _ = line.rtp.send_to(&packet, destination);
        }
        let due = [line.phone.poll_timeout(), line.voice.next()].into_iter().flatten().min();
        if let Some(old) = std::mem::replace(&mut line.due, due) {
            self.due.remove(&(old, index));
        }
        if let Some(due) = due {
            self.due.insert((due, index));
        }
    }
}

/// The loopback host that speaks with this one.
const fn loopback(far: SocketAddr) -> IpAddr {
    if far.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) }
}
