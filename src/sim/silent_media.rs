//! A stand-in for the media worker in worlds without audio: a prompt that does not repeat
//! ends after two seconds, and a watched stream falls silent after its limit, since nobody sends RTP there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
}

#[derive(Debug)]
struct Stream {
    port: PortId,
    watch: Option<TimerKey>,
    play: Option<TimerKey>,
}

const PROMPT: Duration = Duration::from_secs(2);

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
                for timer in open.watch.into_iter().chain(open.play) {
                    self.timers.cancel(timer);
                }
                if !self.leases.contains(&open.port) {
                    return Err("a stream holds a port that is not leased".to_string());
                }
            }
            Command::Secure { stream, .. }
            | Command::Far { stream, .. }
            | Command::Digits { stream, .. }
            | Command::Fax { stream } => {
                self.stream(stream)?;
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
                        self.stream(other)?;
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
        match self.open.insert(stream, Stream { port, watch: None, play: None }) {
            Some(_) => Err(format!("{stream} is opened twice")),
            None => Ok(()),
        }
    }

    fn stream(&mut self, stream: StreamId) -> Result<(&mut Stream, &mut Timers<Event>), String> {
        let Self { open, timers, .. } = self;
        open.get_mut(&stream).map(|open| (open, timers)).ok_or_else(|| format!("a command names {stream}, not open"))
    }
}
