//! Where a signalling loop stands: [`Alone`], with the ACD engine inline, or [`Among`] other shards, with letters to the hub's
//! thread and datagrams passed between the shards. Carries; decides nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::acd::{Silent, Unprovens};
use crate::api::handle::Request;
use crate::base::{Instant, ShardId};
use crate::io::clock::Clock;
use crate::io::orders::{self, Order};
use crate::media;
use crate::node::gate::{Gate, Passed, Sender};
use crate::node::{Door, Down, Names, Node, Router, Shard, Transmit, Up, Wire};
use crate::stats::Live;

/// What a signalling loop needs of where it stands.
pub(super) trait Post {
    /// What comes in besides datagrams and media events.
    type Input;

    /// Its number.
    fn shard(&self) -> ShardId;
    /// Who an address is to the gate.
    fn sender(&self, source: SocketAddr) -> Sender;
    /// Passes a datagram on that is another shard's; gives back one that is not.
    fn keep(&self, now: Instant, source: SocketAddr, payload: Bytes) -> Option<Bytes>;
    fn handle_datagram(&mut self, now: Instant, passed: Passed);
    fn handle_refused(&mut self, now: Instant, passed: Passed);
    fn handle_media(&mut self, now: Instant, event: media::Event);
    fn handle_input(&mut self, now: Instant, input: Self::Input, gate: &mut Gate);
    /// Takes in what came in elsewhere.
    fn on_stray(&mut self, now: Instant, stray: Strayed, gate: &mut Gate);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self) -> Option<Transmit>;
    fn poll_media(&mut self) -> Option<media::Command>;
    /// Credentials that were not good since this was last asked.
    fn take_auth_failures(&mut self) -> Unprovens;
    /// What was left without an answer behind the gate, likewise.
    fn take_silent(&mut self) -> Silent;
    /// Carries away what else the node says, once it is drained of datagrams and media commands.
    fn carry(&mut self, clock: &Clock);
    fn live_calls(&self) -> usize;
    /// True when nothing is left to do for others once this loop has drained.
    fn ends_all(&self) -> bool;
    /// True when all is over: no call lives, here or elsewhere.
    fn is_over(&self) -> bool;
    /// The next input if there is one.
    fn try_next(&mut self) -> Option<Self::Input>;
    /// The next input; `None` when whoever gives orders is gone. May be dropped while it waits.
    async fn next(&mut self) -> Option<Self::Input>;
}

/// What both do alike: the node, or the shard, is handed on as it is.
macro_rules! as_the_node_does {
    () => {
        fn on_stray(&mut self, now: Instant, stray: Strayed, gate: &mut Gate) {
            match stray {
                Strayed::Message { at, door, source, payload } => {
                    self.live.working().passed.record_since(at, now);
                    gate.push_by(now, door, source, payload, |source| self.node.sender(source));
                }
                Strayed::Certified(far, names) => self.node.handle_certified(far, names),
                Strayed::Closed(wire, far) => self.node.handle_closed(now, far, wire),
            }
        }

        fn sender(&self, source: SocketAddr) -> Sender {
            self.node.sender(source)
        }

        fn handle_media(&mut self, now: Instant, event: media::Event) {
            self.node.handle_media(now, event);
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.node.handle_timeout(now);
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.node.poll_timeout()
        }

        fn poll_transmit(&mut self) -> Option<Transmit> {
            self.node.poll_transmit()
        }

        fn poll_media(&mut self) -> Option<media::Command> {
            self.node.poll_media()
        }

        fn take_auth_failures(&mut self) -> Unprovens {
            self.node.take_auth_failures()
        }

        fn take_silent(&mut self) -> Silent {
            self.node.take_silent()
        }

        fn live_calls(&self) -> usize {
            self.node.live_calls()
        }
    };
}

/// The only shard, with the engine inline.
#[derive(Debug)]
pub(super) struct Alone {
    pub(super) node: Node,
    /// The live figures it writes.
    pub(super) live: Arc<Live>,
    /// Requests of the control plane.
    pub(super) requests: mpsc::Receiver<Request>,
    /// Orders of the supervisor. Its end ends the loop.
    pub(super) orders: mpsc::Receiver<Order>,
    /// What came by a stream connection.
    pub(super) strays: mpsc::Receiver<Strayed>,
    /// Repairs of the engine already counted.
    pub(super) repairs: u64,
}

/// An input of [`Alone`].
#[derive(Debug)]
pub(super) enum Asked {
    Request(Request),
    Order(Order),
    Stray(Strayed),
}

impl Post for Alone {
    type Input = Asked;

    as_the_node_does!();

    fn shard(&self) -> ShardId {
        ShardId(0)
    }

    fn keep(&self, _: Instant, _: SocketAddr, payload: Bytes) -> Option<Bytes> {
        Some(payload)
    }

    fn handle_datagram(&mut self, now: Instant, passed: Passed) {
        self.node.handle_message(now, passed.door, passed.source, passed.payload);
    }

    fn handle_refused(&mut self, now: Instant, passed: Passed) {
        self.node.handle_refused(now, passed.door, passed.source, passed.payload);
    }

    fn handle_input(&mut self, now: Instant, input: Asked, gate: &mut Gate) {
        match input {
            Asked::Stray(stray) => self.on_stray(now, stray, gate),
            Asked::Request(request) => {
                self.live.working().requests.record_since(request.asked, now);
                let reply = self.node.handle_control(now, request.control);
                // An asker that has gone needs no answer.
                drop(request.answer.send(reply));
            }
            Asked::Order(Order::Reload { config, resolved, answer }) => {
                let lines = self.node.handle_reload(now, config, resolved);
                orders::answer_reload(&self.live, now, &self.node.naming(), lines, answer);
            }
            Asked::Order(Order::Drain { limit }) => self.node.handle_drain(now, limit),
        }
    }

    fn carry(&mut self, clock: &Clock) {
        orders::follow(&self.live, clock.now(), self.node.poll_naming());
        while let Some(stamped) = self.node.poll_fact() {
            self.live.fold(&stamped);
        }
        orders::count_repairs(&self.live, self.node.repairs(), &mut self.repairs);
    }

    fn ends_all(&self) -> bool {
        true
    }

    fn is_over(&self) -> bool {
        self.node.is_drained()
    }

    fn try_next(&mut self) -> Option<Asked> {
        let order = self.orders.try_recv().ok().map(Asked::Order);
        let request = order.or_else(|| self.requests.try_recv().ok().map(Asked::Request));
        request.or_else(|| self.strays.try_recv().ok().map(Asked::Stray))
    }

    async fn next(&mut self) -> Option<Asked> {
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => Some(Asked::Request(request)),
            order = self.orders.recv() => order.map(Asked::Order),
            Some(stray) = self.strays.recv() => Some(Asked::Stray(stray)),
        }
    }
}

/// What came in by another shard's socket, or by a stream connection.
#[derive(Debug)]
pub(super) enum Strayed {
    /// A message.
    Message { at: Instant, door: Door, source: SocketAddr, payload: Bytes },
    /// The far end of a TLS connection has shown a good certificate with these names.
    Certified(SocketAddr, Names),
    /// A stream connection is gone.
    Closed(Wire, SocketAddr),
}

/// What all shards know of each other: when the last of them is drained, all end.
#[derive(Debug)]
pub(super) struct Company {
    drained: Vec<AtomicBool>,
    over: AtomicBool,
    /// Letters that the hub has taken of each.
    taken: Vec<AtomicU64>,
    /// Letters of each on their way down.
    down: Vec<AtomicUsize>,
}

impl Company {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            drained: (0..shards).map(|_| AtomicBool::new(false)).collect(),
            over: AtomicBool::new(false),
            taken: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            down: (0..shards).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// The hub has taken one more letter of a shard.
    pub(super) fn take(&self, shard: ShardId) {
        self.taken[usize::from(shard.0)].fetch_add(1, Ordering::Relaxed);
    }

    /// The hub has written a letter to a shard.
    pub(super) fn write(&self, shard: ShardId) {
        self.down[usize::from(shard.0)].fetch_add(1, Ordering::Relaxed);
    }
}

/// One of several shards.
#[derive(Debug)]
pub(super) struct Among {
    pub(super) id: ShardId,
    pub(super) node: Shard,
    pub(super) router: Router,
    pub(super) live: Arc<Live>,
    pub(super) company: Arc<Company>,
    pub(super) up: mpsc::Sender<(ShardId, Up)>,
    /// The hub's letters. Its end ends the loop.
    pub(super) down: mpsc::Receiver<(Instant, Down)>,
    pub(super) strays: mpsc::Receiver<Strayed>,
    /// The ways to the shards, this one included, by their numbers.
    pub(super) shards: Vec<mpsc::Sender<Strayed>>,
}

/// An input of [`Among`].
#[derive(Debug)]
pub(super) enum Delivered {
    Letter(Instant, Down),
    Stray(Strayed),
}

impl Post for Among {
    type Input = Delivered;

    as_the_node_does!();

    fn shard(&self) -> ShardId {
        self.id
    }

    fn keep(&self, now: Instant, source: SocketAddr, payload: Bytes) -> Option<Bytes> {
        let Some(owner) = self.router.owner(&payload).filter(|owner| *owner != self.id) else { return Some(payload) };
        let door = if self.id == ShardId(0) { Door::Public } else { Door::Own };
        let stray = Strayed::Message { at: now, door, source, payload };
        if self.shards[usize::from(owner.0)].try_send(stray).is_err() {
            tracing::debug!(%owner, "datagram lost on its way between shards");
        }
        None
    }

    fn handle_datagram(&mut self, now: Instant, passed: Passed) {
        self.node.handle_datagram(now, passed.door, passed.source, passed.payload);
    }

    fn handle_refused(&mut self, now: Instant, passed: Passed) {
        self.node.handle_refused(now, passed.door, passed.source, passed.payload);
    }

    fn handle_input(&mut self, now: Instant, input: Delivered, gate: &mut Gate) {
        match input {
            Delivered::Letter(at, down) => {
                self.live.working().letters_down.record_since(at, now);
                self.company.down[usize::from(self.id.0)].fetch_sub(1, Ordering::Relaxed);
                self.node.handle_down(now, down);
            }
            Delivered::Stray(stray) => self.on_stray(now, stray, gate),
        }
    }

    /// Sends the letters. Their slots are reserved, so the queue always has room; without the hub there is nothing to say.
    fn carry(&mut self, clock: &Clock) {
        let now = clock.now();
        self.node.handle_taken(self.company.taken[usize::from(self.id.0)].load(Ordering::Relaxed));
        while let Some(up) = self.node.poll_up(now) {
            if let Err(TrySendError::Full(_)) = self.up.try_send((self.id, up)) {
                self.live.count_violations(1);
                tracing::error!(shard = %self.id, "a letter finds no slot");
            }
        }
    }

    fn ends_all(&self) -> bool {
        false
    }

    fn is_over(&self) -> bool {
        let Company { drained, over, down, .. } = &*self.company;
        let own = usize::from(self.id.0);
        let drained_here = self.node.is_drained() && down[own].load(Ordering::Relaxed) == 0;
        drained[own].store(drained_here, Ordering::Release);
        if drained_here && drained.iter().all(|drained| drained.load(Ordering::Acquire)) {
            over.store(true, Ordering::Release);
        }
        over.load(Ordering::Acquire)
    }

    fn try_next(&mut self) -> Option<Delivered> {
        let letter = self.down.try_recv().ok().map(|(at, down)| Delivered::Letter(at, down));
        letter.or_else(|| self.strays.try_recv().ok().map(Delivered::Stray))
    }

    async fn next(&mut self) -> Option<Delivered> {
        tokio::select! {
            biased;
            letter = self.down.recv() => letter.map(|(at, down)| Delivered::Letter(at, down)),
            Some(stray) = self.strays.recv() => Some(Delivered::Stray(stray)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::WallTime;
    use crate::config;
    use crate::node::{Parts, Resolved, Setup, figures};

    /// The first of two shards, with room for so many datagrams on the way to each, and where they arrive.
    fn first_of_two(room: usize) -> (Among, Vec<mpsc::Receiver<Strayed>>) {
        let sip_address: SocketAddr = "192.0.2.2:5060".parse().unwrap();
        let (config, resolved) = (Arc::new(config::built_in()), Resolved::default());
        let setup = Setup { config, resolved, seed: [7; 32], sip_address, leases: Vec::new(), other: None };
        let clock = Clock::start();
        let Parts { hub, mut shards, router } =
            Parts::new(clock.now(), &setup, &[sip_address, "192.0.2.2:5061".parse().unwrap()]);
        let live = Arc::new(figures::figures(clock.now(), &hub.naming(), WallTime::from_micros(0)));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(room)).unzip();
        let ((up, _), (_, down), (_, strays)) = (mpsc::channel(1), mpsc::channel(1), mpsc::channel(1));
        let (id, company) = (ShardId(0), Arc::new(Company::new(2)));
        let node = shards.swap_remove(0);
        (Among { id, node, router, live, company, up, down, strays, shards: senders }, receivers)
    }

    fn options(call: u32) -> Bytes {
        format!("OPTIONS sip:acd SIP/2.0\r\nTo: <sip:acd>\r\nCall-ID: call-{call}\r\n\r\n").into()
    }

    #[test]
    fn a_datagram_for_which_there_is_no_room_on_its_way_is_lost_and_nobody_waits() {
        let (among, mut receivers) = first_of_two(3);
        let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let now = Instant::ZERO;
        let strays = (0..).filter(|call| among.router.owner(&options(*call)) == Some(ShardId(1)));
        for call in strays.take(10) {
            assert_eq!(among.keep(now, source, options(call)), None, "it is another shard's");
        }
        assert_eq!(std::iter::from_fn(|| receivers[1].try_recv().ok()).count(), 3);
        assert!(receivers[0].try_recv().is_err());
        let own = (0..).find(|call| among.router.owner(&options(*call)) == Some(ShardId(0))).unwrap();
        assert_eq!(among.keep(now, source, options(own)), Some(options(own)));
    }
}
