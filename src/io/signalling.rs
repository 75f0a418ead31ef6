//! A signalling thread's loop: its UDP sockets, one for each address family, a way to the stream connections, a shard of the
//! node, and nothing that decides. It waits (for a datagram, the node's deadline, a media event, or what its post brings:
//! requests and orders, or letters), feeds the node one input at a time, and drains what the node says: datagrams to the
//! socket, commands to the media threads, the rest to its post. It never blocks on a send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::api::handle::Health;
use crate::base::{Instant, PerFamily};
use crate::io::clock::Clock;
use crate::io::datagrams::{self, Inbound, Received, Sockets};
use crate::io::media::{MediaLink, Told};
use crate::io::post::Post;
use crate::io::streams::Outgoing;
use crate::media;
use crate::node::gate::{Gate, Next};
use crate::node::{Door, Transmit, Wire};
use crate::stats::Live;

/// Datagrams read in one turn: cheap, so the socket is emptied and waiting happens in the gate, where it is measured.
const READ_TURN_MAX: usize = 1_024;
/// Datagrams handled in one turn before timers and requests get theirs: about 1 ms of work.
const HANDLED_TURN_MAX: usize = 64;
/// Media events taken in one turn.
const EVENTS_TURN_MAX: usize = 256;
/// Requests, orders or letters taken in one turn: a listing may take 100 us, a letter a few.
const INPUTS_TURN_MAX: usize = 64;
/// The loop turns at least this often, so that its heartbeat tells a living loop from a stuck one.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Drained: the last call is gone.
    Drained,
    /// The supervisor is gone.
    Abandoned,
    /// The media thread is gone.
    MediaLost,
    /// The thread itself failed.
    Failed,
}

/// The loop with all it owns.
#[derive(Debug)]
pub(super) struct Signalling<P> {
    /// Tells the time.
    pub(super) clock: Clock,
    /// The node, and where its letters or facts go.
    pub(super) post: P,
    /// Admission.
    pub(super) gate: Gate,
    /// The live figures: how long things wait.
    pub(super) live: Arc<Live>,
    /// The way to the media threads.
    pub(super) media: MediaLink,
    /// When the media link wants to be flushed again.
    pub(super) flush_at: Option<Instant>,
    /// What the media workers tell. Its end ends the loop.
    pub(super) events: mpsc::Receiver<Told>,
    /// What `/healthz` and `/readyz` read.
    pub(super) health: Arc<Health>,
    /// The first shard's sockets, for answers to what came in there; none where those are the own ones.
    pub(super) public: Option<PerFamily<std::net::UdpSocket>>,
    /// The way to the stream connections, where there are any.
    pub(super) streams: Option<mpsc::Sender<Outgoing>>,
}

/// Whether a turn left work behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Wait for the next input.
    Idle,
    /// More is there already.
    More,
}

/// What woke the loop.
enum Woken<I> {
    Socket,
    Timer,
    Event(Option<Told>),
    Input(Option<I>),
}

impl<P: Post> Signalling<P> {
    /// Runs until the node is drained, or a neighbour thread is gone.
    pub(super) async fn run(mut self, mut outbound: Sockets) -> Ended {
        let mut inbound = Inbound::default();
        let mut sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut armed = Instant::ZERO;
        self.settle(&mut outbound);
        loop {
            let turn = self.turn(&mut inbound, &mut outbound);
            if self.post.is_over() && outbound.is_empty() {
                self.settle(&mut outbound);
                self.media.flush_now();
                return Ended::Drained;
            }
            if turn == Turn::More {
                tokio::task::yield_now().await;
                continue;
            }
            self.arm(&mut sleep, &mut armed);
            match self.wait(&outbound, &mut sleep).await {
                Woken::Socket | Woken::Timer => {}
                Woken::Event(Some((since, event))) => self.on_event(since, event),
                Woken::Event(None) => return Ended::MediaLost,
                Woken::Input(Some(input)) => self.on_input(input),
                Woken::Input(None) => return Ended::Abandoned,
            }
            self.settle(&mut outbound);
        }
    }

    /// Takes everything that is there, within the turn's bounds.
    fn turn(&mut self, inbound: &mut Inbound, outbound: &mut Sockets) -> Turn {
        let now = self.clock.now();
        self.health.beat(self.post.shard(), now, self.post.live_calls());
        outbound.flush();
        if self.post.poll_timeout().is_some_and(|at| at <= now) {
            self.post.handle_timeout(now);
            self.settle(outbound);
        }
        for _ in 0..EVENTS_TURN_MAX {
            let Ok((since, event)) = self.events.try_recv() else { break };
            self.on_event(since, event);
            self.settle(outbound);
        }
        for _ in 0..INPUTS_TURN_MAX {
            let Some(input) = self.post.try_next() else { break };
            self.on_input(input);
            self.settle(outbound);
        }
        let emptied = self.read(inbound, outbound);
        let mut begin = self.clock.now();
        for _ in 0..HANDLED_TURN_MAX {
            let Some(next) = self.gate.pop(begin) else { break };
            self.handle(begin, next);
            self.settle(outbound);
            let end = self.clock.now();
            self.live.working().decision.record_since(begin, end);
            begin = end;
        }
        let working = self.live.working();
        working.silent.add(self.gate.take_silent());
        working.silent.add(self.post.take_silent());
        working.auth_failures.add(&self.post.take_auth_failures());
        self.flush_at = self.media.flush(begin);
        if emptied && self.gate.is_empty() { Turn::Idle } else { Turn::More }
    }

    /// Reads what the sockets have, into the gate; false when there is more.
    fn read(&mut self, inbound: &mut Inbound, outbound: &Sockets) -> bool {
        let now = self.clock.now();
        let mut emptied = true;
        for socket in outbound.each() {
            emptied &= self.read_one(now, inbound, socket);
        }
        emptied
    }

    fn read_one(&mut self, now: Instant, inbound: &mut Inbound, socket: &UdpSocket) -> bool {
        for _ in 0..READ_TURN_MAX {
            match inbound.receive(socket) {
                Received::Datagram(source, payload) => {
                    let Some(payload) = self.post.keep(now, source, payload) else { continue };
                    self.gate.push(now, source, payload, |source| self.post.sender(source));
                }
                Received::Nothing => return true,
                Received::Fault => {}
            }
        }
        false
    }

    fn handle(&mut self, now: Instant, next: Next) {
        let passed = match &next {
            Next::Handle(passed) | Next::Refuse(passed) => passed,
            Next::Drop => return,
        };
        self.live.working().datagram_wait.record(passed.waited);
        match next {
            Next::Handle(passed) => self.post.handle_datagram(now, passed),
            Next::Refuse(passed) => self.post.handle_refused(now, passed),
            Next::Drop => {}
        }
    }

    fn on_event(&mut self, since: Instant, event: media::Event) {
        let now = self.clock.now();
        self.live.working().media_events.record_since(since, now);
        self.post.handle_media(now, event);
    }

    fn on_input(&mut self, input: P::Input) {
        self.post.handle_input(self.clock.now(), input, &mut self.gate);
    }

    /// Drains what the node has to say after an input.
    fn settle(&mut self, outbound: &mut Sockets) {
        while let Some(command) = self.post.poll_media() {
            self.media.command(self.clock.now(), command);
        }
        while let Some(transmit) = self.post.poll_transmit() {
            match (transmit.door, &self.public) {
                (Door::Stream(wire), _) => self.send_by_stream(wire, transmit),
                (Door::Public, Some(public)) => {
                    let public = public.towards(transmit.destination.ip());
                    datagrams::send_now(public, transmit.destination, &transmit.payload);
                }
                (Door::Public, None) | (Door::Own, _) => outbound.send(transmit.destination, transmit.payload),
            }
        }
        self.post.carry(&self.clock);
    }

    fn send_by_stream(&self, wire: Wire, transmit: Transmit) {
        let Transmit { destination, anew, payload, .. } = transmit;
        // The far end opened the connection that it wants a response by: whether to open another one is not decided here.
        let opens = anew || !payload.starts_with(b"SIP/2.0 ");
        let outgoing = Outgoing { wire, destination, opens, payload };
        if self.streams.as_ref().is_none_or(|streams| streams.try_send(outgoing).is_err()) {
            tracing::warn!(%destination, "no room for a message on its way to a connection");
        }
    }

    /// Sets the timer to the node's deadline, or to the next heartbeat when that is sooner.
    fn arm(&self, sleep: &mut std::pin::Pin<Box<Sleep>>, armed: &mut Instant) {
        let beat = self.clock.now() + HEARTBEAT;
        let wanted = [self.post.poll_timeout(), self.flush_at].into_iter().flatten().min();
        let deadline = wanted.map_or(beat, |at| at.min(beat));
        if deadline != *armed || sleep.is_elapsed() {
            *armed = deadline;
            sleep.as_mut().reset(self.clock.system(deadline).into());
        }
    }

    async fn wait(&mut self, outbound: &Sockets, sleep: &mut std::pin::Pin<Box<Sleep>>) -> Woken<P::Input> {
        tokio::select! {
            biased;
            _ = outbound.ready() => Woken::Socket,
            () = sleep.as_mut() => Woken::Timer,
            event = self.events.recv() => Woken::Event(event),
            input = self.post.next() => Woken::Input(input),
        }
    }
}

/// Binds a SIP socket with a receive buffer that holds a burst of about 4,000 messages, as far as the system allows. One that
/// is `apart` speaks IPv6 alone, and leaves the same port in IPv4 to another.
///
/// # Errors
/// The system's, when the address cannot be bound.
pub fn bind(listen: SocketAddr, apart: bool) -> std::io::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(listen), socket2::Type::DGRAM, None)?;
    if apart && listen.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    for size in [RECEIVE_BUFFER, RECEIVE_BUFFER / 4, RECEIVE_BUFFER / 16] {
        if socket.set_recv_buffer_size(size).is_ok() {
            break;
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// Bytes of the socket's receive buffer asked for; the system may grant less (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;
