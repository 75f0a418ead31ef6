//! The signalling thread's loop: one UDP socket, the node, and nothing that decides. It waits (for a datagram, the node's
//! deadline, a media event, a request or an order), feeds the node one input at a time, and drains what the node says:
//! datagrams to the socket, commands to the media thread, facts into the live figures. It never blocks on a send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use crate::api::handle::{Health, Request};
use crate::base::Instant;
use crate::config::Config;
use crate::io::clock::Clock;
use crate::io::datagrams::{Inbound, Outbound, Received};
use crate::io::figures;
use crate::io::media::{MediaLink, Told};
use crate::media;
use crate::node::gate::{Gate, Next};
use crate::node::{Node, Resolved};
use crate::stats::Live;

/// Datagrams read in one turn: cheap, so the socket is emptied and waiting happens in the gate, where it is measured.
const READ_TURN_MAX: usize = 1_024;
/// Datagrams handled in one turn before timers and requests get theirs: about 1 ms of work.
const HANDLED_TURN_MAX: usize = 64;
/// Media events taken in one turn.
const EVENTS_TURN_MAX: usize = 256;
/// Requests of the control plane taken in one turn: a listing may take 100 us.
const REQUESTS_TURN_MAX: usize = 8;
/// The loop turns at least this often, so that its heartbeat tells a living loop from a stuck one.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// An order of the supervisor to the signalling thread.
#[derive(Debug)]
pub enum Order {
    /// Another configuration, or the same one with other addresses.
    Reload {
        /// The configuration.
        config: Arc<Config>,
        /// What the supervisor looked up for it.
        resolved: Resolved,
        /// Gets the lines about what cannot change at run time.
        answer: oneshot::Sender<Vec<String>>,
    },
    /// No new calls; waiting callers flow out after the limit.
    Drain {
        /// How long waiting callers are still offered.
        limit: Duration,
    },
}

/// Where the inputs besides datagrams come from.
#[derive(Debug)]
pub struct Inbox {
    /// Requests of the control plane.
    pub requests: mpsc::Receiver<Request>,
    /// Orders of the supervisor. Its end ends the loop.
    pub orders: mpsc::Receiver<Order>,
    /// What the media worker tells. Its end ends the loop.
    pub events: mpsc::Receiver<Told>,
}

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
pub struct Signalling {
    /// Tells the time.
    pub clock: Clock,
    /// The engine.
    pub node: Node,
    /// Admission.
    pub gate: Gate,
    /// The live figures it writes.
    pub live: Arc<Live>,
    /// The way to the media thread.
    pub media: MediaLink,
    /// When the media link wants to be flushed again.
    pub flush_at: Option<Instant>,
    /// The other inputs.
    pub inbox: Inbox,
    /// What `/healthz` and `/readyz` read.
    pub health: Arc<Health>,
    /// Repairs of the engine already counted.
    pub repairs: u64,
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
enum Woken {
    Socket,
    Timer,
    Event(Option<Told>),
    Request(Request),
    Order(Option<Order>),
}

impl Signalling {
    /// Runs until the node is drained, or a neighbour thread is gone.
    pub async fn run(mut self, socket: UdpSocket) -> Ended {
        let mut inbound = Inbound::default();
        let mut outbound = Outbound::new(socket);
        let mut sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut armed = Instant::ZERO;
        self.settle(&mut outbound);
        loop {
            let turn = self.turn(&mut inbound, &mut outbound);
            if self.node.is_drained() && outbound.is_empty() {
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
                Woken::Request(request) => self.on_request(request),
                Woken::Order(Some(order)) => self.on_order(order),
                Woken::Order(None) => return Ended::Abandoned,
            }
            self.settle(&mut outbound);
        }
    }

    /// Takes everything that is there, within the turn's bounds.
    fn turn(&mut self, inbound: &mut Inbound, outbound: &mut Outbound) -> Turn {
        let now = self.clock.now();
        self.health.beat(now, self.node.live_calls());
        self.count_repairs();
        outbound.flush();
        if self.node.poll_timeout().is_some_and(|at| at <= now) {
            self.node.handle_timeout(now);
            self.settle(outbound);
        }
        for _ in 0..EVENTS_TURN_MAX {
            let Ok((since, event)) = self.inbox.events.try_recv() else { break };
            self.on_event(since, event);
            self.settle(outbound);
        }
        for _ in 0..REQUESTS_TURN_MAX {
            let Ok(request) = self.inbox.requests.try_recv() else { break };
            self.on_request(request);
            self.settle(outbound);
        }
        while let Ok(order) = self.inbox.orders.try_recv() {
            self.on_order(order);
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
        self.flush_at = self.media.flush(begin);
        if emptied && self.gate.is_empty() { Turn::Idle } else { Turn::More }
    }

    /// Reads what the socket has, into the gate; false when there is more.
    fn read(&mut self, inbound: &mut Inbound, outbound: &Outbound) -> bool {
        let now = self.clock.now();
        for _ in 0..READ_TURN_MAX {
            match inbound.receive(outbound.socket()) {
                Received::Datagram(source, payload) => {
                    self.gate.push(now, source, payload, |source| self.node.sender(source));
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
            Next::Handle(passed) => self.node.handle_datagram(now, passed.source, passed.payload),
            Next::Refuse(passed) => self.node.handle_refused(now, passed.source, passed.payload),
            Next::Drop => {}
        }
    }

    fn on_event(&mut self, since: Instant, event: media::Event) {
        let now = self.clock.now();
        self.live.working().media_events.record_since(since, now);
        self.node.handle_media(now, event);
    }

    /// Drains what the node has to say after an input.
    fn settle(&mut self, outbound: &mut Outbound) {
        while let Some(command) = self.node.poll_media() {
            self.media.command(self.clock.now(), command);
        }
        while let Some(transmit) = self.node.poll_transmit() {
            outbound.send(transmit.destination, transmit.payload);
        }
        while let Some(stamped) = self.node.poll_fact() {
            self.live.fold(&stamped);
        }
    }

    /// What the engine had to repair is a broken invariant, and is seen where the others are.
    fn count_repairs(&mut self) {
        let repairs = self.node.repairs();
        if repairs > self.repairs {
            self.live.count_violations(repairs - self.repairs);
            self.repairs = repairs;
        }
    }

    fn on_request(&mut self, request: Request) {
        let now = self.clock.now();
        self.live.working().requests.record_since(request.asked, now);
        let reply = self.node.handle_control(now, request.control);
        // An asker that has gone needs no answer.
        drop(request.answer.send(reply));
    }

    fn on_order(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Reload { config, resolved, answer } => {
                let targets = Arc::clone(&config);
                let mut lines = self.node.handle_reload(now, config, resolved);
                lines.extend(figures::apply(&self.live, now, &targets, &self.node));
                // A supervisor that does not wait for the lines has none to log.
                drop(answer.send(lines));
            }
            Order::Drain { limit } => self.node.handle_drain(now, limit),
        }
    }

    /// Sets the timer to the node's deadline, or to the next heartbeat when that is sooner.
    fn arm(&self, sleep: &mut std::pin::Pin<Box<Sleep>>, armed: &mut Instant) {
        let beat = self.clock.now() + HEARTBEAT;
        let wanted = [self.node.poll_timeout(), self.flush_at].into_iter().flatten().min();
        let deadline = wanted.map_or(beat, |at| at.min(beat));
        if deadline != *armed || sleep.is_elapsed() {
            *armed = deadline;
            sleep.as_mut().reset(self.clock.system(deadline).into());
        }
    }

    async fn wait(&mut self, outbound: &Outbound, sleep: &mut std::pin::Pin<Box<Sleep>>) -> Woken {
        tokio::select! {
            biased;
            _ = outbound.ready() => Woken::Socket,
            () = sleep.as_mut() => Woken::Timer,
            event = self.inbox.events.recv() => Woken::Event(event),
            Some(request) = self.inbox.requests.recv() => Woken::Request(request),
            order = self.inbox.orders.recv() => Woken::Order(order),
        }
    }
}

/// Binds the SIP socket with a receive buffer that holds a burst of about 4,000 messages, as far as the system allows.
///
/// # Errors
/// The system's, when the address cannot be bound.
pub fn bind(listen: SocketAddr) -> std::io::Result<std::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(listen), socket2::Type::DGRAM, None)?;
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
