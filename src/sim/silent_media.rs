//! A stand-in for the media worker in worlds without audio: a prompt that does not repeat
//! ends after two seconds, and a watched stream falls silent after its limit, since nobody sends RTP there. Of far ends that are
//! said to be fax machines the tone is heard after a second.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, StreamId, TimerKey, Timers};
use crate::media::{Command, Event, Lease, PortId, Source};

/// See the module.
#[derive(Debug, Default)]
pub struct SilentMedia {
    leases: BTreeSet<PortId>,
    open: BTreeMap<StreamId, Stream>,
    timers: Timers<Event>,
    outbox: VecDeque<Event>,
    faxes: BTreeSet<SocketAddr>,
}

#[derive(Debug)]
struct Stream {
    port: PortId,
    watch: Option<TimerKey>,
    play: Option<TimerKey>,
    far: Option<SocketAddr>,
    /// The tone of a fax machine is listened for.
    listens: bool,
    tone: Option<TimerKey>,
}

const PROMPT: Duration = Duration::from_secs(2);
/// How long it takes to know the tone of a fax machine.
const TONE: Duration = Duration::from_secs(1);

impl SilentMedia {
    /// A stand-in that knows these ports.
    pub fn new(leases: &[Lease]) -> Self {
        Self { leases: leases.iter().map(|lease| lease.port).collect(), ..Self::default() }
    }

    /// A command arrived.
    ///
    /// # Errors
    /// A command that breaks the contract, in words: a port opened twice, a stream never opened.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), String> {
        match command {
            Command::Open { stream, port, .. } => return self.on_open(stream, port),
            Command::Close { stream } => {
                let open = self.open.remove(&stream).ok_or_else(|| format!("{stream} is closed but not open"))?;
                for timer in open.watch.into_iter().chain(open.play).chain(open.tone) {
                    self.timers.cancel(timer);
                }
                if !self.leases.contains(&open.port) {
                    return Err("a stream holds a port that is not leased".to_string());
                }
            }
            Command::Secure { stream, .. } | Command::Digits { stream, .. } => {
                self.stream(stream)?;
            }
            Command::Far { stream, far } => {
                self.stream(stream)?.0.far = Some(far.address);
                self.listen(now, stream)?;
            }
            Command::Fax { stream } => {
                self.stream(stream)?.0.listens = true;
                self.listen(now, stream)?;
            }
            Command::Hear { stream, source } => {
                let (open, timers) = self.stream(stream)?;
                open.play.take().map(|timer| timers.cancel(timer));
                match source {
                    Source::Tracks { repeat: false, .. } => {
                        open.play = Some(timers.arm(now + PROMPT, Event::Played { stream }));
                    }
                    Source::Tracks { repeat: true, .. } | Source::Silence => {}
                    Source::Relay(other) => {
                        // Somebody hears it: it is listened to no more.
                        let (open, timers) = self.stream(other)?;
                        open.listens = false;
                        open.tone.take().map(|timer| timers.cancel(timer));
                    }
                }
            }
            Command::Watch { stream, silence } => {
                let (open, timers) = self.stream(stream)?;
                open.watch.take().map(|timer| timers.cancel(timer));
                open.watch = silence.map(|limit| timers.arm(now + limit, Event::Silent { stream }));
            }
        }
        Ok(())
    }

    /// Whoever sends audio from there is a fax machine.
    pub fn fax_from(&mut self, far: SocketAddr) {
        self.faxes.insert(far);
    }

    fn listen(&mut self, now: Instant, stream: StreamId) -> Result<(), String> {
        let Self { open, timers, faxes, .. } = self;
        let open = open.get_mut(&stream).ok_or_else(|| format!("a command names {stream}, not open"))?;
        if open.listens && open.tone.is_none() && open.far.is_some_and(|far| faxes.contains(&far)) {
            open.tone = Some(timers.arm(now + TONE, Event::Fax { stream }));
        }
        Ok(())
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(event) = self.timers.pop_due(now) {
            self.outbox.push_back(event);
        }
    }

    /// When `handle_timeout` is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next event for the node.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.pop_front()
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.open.len()
    }

    fn on_open(&mut self, stream: StreamId, port: PortId) -> Result<(), String> {
        if self.open.values().any(|open| open.port == port) {
            return Err(format!("{stream} opens port {} that another stream holds", port.0));
        }
        match self.open.insert(stream, Stream { port, watch: None, play: None, far: None, listens: false, tone: None })
        {
            Some(_) => Err(format!("{stream} is opened twice")),
            None => Ok(()),
        }
    }

    fn stream(&mut self, stream: StreamId) -> Result<(&mut Stream, &mut Timers<Event>), String> {
        let Self { open, timers, .. } = self;
        open.get_mut(&stream).map(|open| (open, timers)).ok_or_else(|| format!("a command names {stream}, not open"))
    }
}
