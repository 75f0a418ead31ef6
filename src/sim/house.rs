//! The node as a world has it: whole, or in parts whose letters take a while, first in, first out for each pair, by the seed.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acd::{Plan, Stamped};
use crate::base::limits::CALL_LETTERS_MAX;
use crate::base::{CallId, Instant, PerFamily, Rng, ShardId, WallTime};
use crate::config::Config;
use crate::media;
use crate::node::{self, Control, Door, Down, Naming, Node, Parts, Reply, Resolved, Ticket, Transmit, Up, Wire};

/// The node; see the module.
#[derive(Debug)]
pub(super) struct House {
    rooms: Rooms,
    /// Those of each shard; calls come in at the first's.
    addresses: Vec<PerFamily<SocketAddr>>,
    replies: VecDeque<Reply>,
}

#[derive(Debug)]
enum Rooms {
    Whole(Box<Node>),
    Parted(Box<Parted>),
}

/// Hub and shards with what is on its way between them.
#[derive(Debug)]
struct Parted {
    parts: Parts,
    way: BTreeMap<(Instant, u64), Letter>,
    sequence: u64,
    /// When the last letter of each pair arrives, so that none overtakes another.
    last: BTreeMap<(Post, Post), Instant>,
    /// The longest time a letter takes.
    lag: Duration,
    rng: Rng,
    /// Letters that the hub has taken of each shard.
    taken: Vec<u64>,
    /// Letters of each call on their way up.
    rising: BTreeMap<CallId, usize>,
    /// Letters between shards and hub on their way.
    under_way: usize,
    /// The first letter too many.
    crowd: Option<CallId>,
}

/// Who sends and receives letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Post {
    Hub,
    Shard(ShardId),
}

#[derive(Debug)]
enum Letter {
    Up(ShardId, Up),
    Down(ShardId, Down),
    /// A datagram that came in by another shard's socket.
    Passed(ShardId, Door, SocketAddr, Bytes),
}

impl House {
    /// A node of so many shards; letters between them take up to `lag`.
    pub(super) fn new(setup: node::Setup, shards: u8, lag: Duration, rng: Rng) -> Self {
        let public = setup.sip_address;
        let other = |shard: u8| setup.other.as_ref().and_then(|it| it.sip_addresses.get(usize::from(shard)).copied());
        let address = |shard| SocketAddr::new(public.ip(), public.port() + u16::from(shard));
        let both = |shard| PerFamily::new(public.ip(), address(shard), other(shard));
        let addresses: Vec<_> = (0..shards.max(1)).map(both).collect();
        let rooms = match addresses.len() {
            1 => Rooms::Whole(Box::new(Node::new(Instant::ZERO, setup))),
            _ => {
                let first: Vec<_> = addresses.iter().map(|both| *both.first()).collect();
                Rooms::Parted(Box::new(Parted::new(Parts::new(Instant::ZERO, &setup, &first), lag, rng)))
            }
        };
        Self { rooms, addresses, replies: VecDeque::new() }
    }

    /// True when SIP is spoken at this address.
    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        self.addresses.iter().any(|both| both.all().any(|own| *own == address))
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, to: SocketAddr, from: SocketAddr, payload: Bytes) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_datagram(now, from, payload),
            Rooms::Parted(parted) => {
                let at = self.addresses.iter().position(|both| both.all().any(|own| *own == to)).unwrap_or_default();
                parted.handle_datagram(now, ShardId(at as u8), from, payload);
            }
        }
    }

    /// A message by a stream connection.
    pub(super) fn handle_message(&mut self, now: Instant, from: SocketAddr, payload: Bytes) {
        let door = Door::Stream(Wire::Tcp);
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_message(now, door, from, payload),
            Rooms::Parted(parted) => {
                let owner = parted.parts.router.owner(&payload).unwrap_or(ShardId(0));
                parted.parts.shards[usize::from(owner.0)].handle_datagram(now, door, from, payload);
                parted.post(now);
            }
        }
    }

    /// A stream connection is gone.
    pub(super) fn handle_closed(&mut self, now: Instant, far: SocketAddr) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_closed(now, far, Wire::Tcp),
            Rooms::Parted(parted) => {
                for shard in &mut parted.parts.shards {
                    shard.handle_closed(now, far, Wire::Tcp);
                }
                parted.post(now);
            }
        }
    }

    pub(super) fn handle_media(&mut self, now: Instant, event: media::Event) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_media(now, event),
            Rooms::Parted(parted) => {
                parted.parts.shards[usize::from(event.stream().shard().0)].handle_media(now, event);
                parted.post(now);
            }
        }
    }

    /// The control plane asks; [`House::poll_reply`] tells, perhaps later.
    pub(super) fn handle_control(&mut self, now: Instant, control: Control) {
        match &mut self.rooms {
            Rooms::Whole(node) => self.replies.push_back(node.handle_control(now, control)),
            Rooms::Parted(parted) => {
                parted.parts.hub.handle_control(now, Ticket(0), control);
                parted.post(now);
            }
        }
    }

    pub(super) fn handle_reload(&mut self, now: Instant, config: Arc<Config>) -> Vec<String> {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_reload(now, config, Resolved::default()),
            Rooms::Parted(parted) => {
                let kept = parted.parts.hub.handle_reload(now, config, &Resolved::default());
                parted.post(now);
                kept
            }
        }
    }

    pub(super) fn handle_drain(&mut self, now: Instant, limit: Duration) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_drain(now, limit),
            Rooms::Parted(parted) => {
                parted.parts.hub.handle_drain(now, limit);
                parted.post(now);
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_timeout(now),
            Rooms::Parted(parted) => parted.handle_timeout(now),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.rooms {
            Rooms::Whole(node) => node.poll_timeout(),
            Rooms::Parted(parted) => parted.poll_timeout(),
        }
    }

    pub(super) fn poll_reply(&mut self) -> Option<Reply> {
        match &mut self.rooms {
            Rooms::Whole(_) => self.replies.pop_front(),
            Rooms::Parted(parted) => parted.parts.hub.poll_reply().map(|(_, reply)| reply),
        }
    }

    /// The next datagram to send, and from which address.
    pub(super) fn poll_transmit(&mut self) -> Option<(SocketAddr, Transmit)> {
        match &mut self.rooms {
            Rooms::Whole(node) => {
                let transmit = node.poll_transmit()?;
                Some((*self.addresses[0].towards(transmit.destination.ip()), transmit))
            }
            Rooms::Parted(parted) => {
                let mut shards = parted.parts.shards.iter_mut().zip(&self.addresses);
                let (transmit, own) =
                    shards.find_map(|(shard, own)| shard.poll_transmit().map(|transmit| (transmit, own)))?;
                let from = match transmit.door {
                    Door::Own | Door::Stream(_) => own,
                    Door::Public => &self.addresses[0],
                };
                Some((*from.towards(transmit.destination.ip()), transmit))
            }
        }
    }

    pub(super) fn poll_media(&mut self) -> Option<media::Command> {
        match &mut self.rooms {
            Rooms::Whole(node) => node.poll_media(),
            Rooms::Parted(parted) => parted.parts.shards.iter_mut().find_map(node::Shard::poll_media),
        }
    }

    pub(super) fn poll_fact(&mut self) -> Option<Stamped> {
        match &mut self.rooms {
            Rooms::Whole(node) => node.poll_fact(),
            Rooms::Parted(parted) => parted.parts.hub.poll_fact(),
        }
    }

    /// The calendar's time at the start.
    pub(super) fn handle_origin(&mut self, now: Instant, origin: WallTime) {
        match &mut self.rooms {
            Rooms::Whole(node) => node.handle_origin(now, origin),
            Rooms::Parted(parted) => parted.parts.hub.handle_origin(now, origin),
        }
    }

    /// What figures are kept by.
    pub(super) fn naming(&self) -> Naming {
        match &self.rooms {
            Rooms::Whole(node) => node.naming(),
            Rooms::Parted(parted) => parted.parts.hub.naming(),
        }
    }

    /// The same, when a supervisor has changed it since it was last asked.
    pub(super) fn poll_naming(&mut self) -> Option<Naming> {
        match &mut self.rooms {
            Rooms::Whole(node) => node.poll_naming(),
            Rooms::Parted(parted) => parted.parts.hub.poll_naming(),
        }
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        match &self.rooms {
            Rooms::Whole(node) => node.plan(),
            Rooms::Parted(parted) => parted.parts.hub.plan(),
        }
    }

    /// Calls that live.
    pub(super) fn live_calls(&self) -> usize {
        match &self.rooms {
            Rooms::Whole(node) => node.live_calls(),
            Rooms::Parted(parted) => parted.parts.shards.iter().map(node::Shard::live_calls).sum(),
        }
    }

    /// Legs and transactions that live.
    pub(super) fn live_dialogs(&self) -> (usize, usize) {
        match &self.rooms {
            Rooms::Whole(node) => node.live_dialogs(),
            Rooms::Parted(parted) => {
                let all = parted.parts.shards.iter().map(node::Shard::live_dialogs);
                all.fold((0, 0), |(legs, transactions), (more, others)| (legs + more, transactions + others))
            }
        }
    }

    /// True when no letter is on its way.
    pub(super) fn is_still(&self) -> bool {
        match &self.rooms {
            Rooms::Whole(_) => true,
            Rooms::Parted(parted) => parted.way.is_empty(),
        }
    }

    pub(super) fn repairs(&self) -> u64 {
        match &self.rooms {
            Rooms::Whole(node) => node.repairs(),
            Rooms::Parted(parted) => parted.parts.hub.repairs(),
        }
    }

    /// What must hold of the node; what must hold between its parts, while nothing is on its way between them.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.rooms {
            Rooms::Whole(node) => node.check(),
            Rooms::Parted(parted) => parted.check(),
        }
    }
}

impl Parted {
    fn new(parts: Parts, lag: Duration, rng: Rng) -> Self {
        let taken = vec![0; parts.shards.len()];
        Self {
            parts,
            way: BTreeMap::new(),
            sequence: 0,
            last: BTreeMap::new(),
            lag,
            rng,
            taken,
            rising: BTreeMap::new(),
            under_way: 0,
            crowd: None,
        }
    }

    fn handle_datagram(&mut self, now: Instant, at: ShardId, from: SocketAddr, payload: Bytes) {
        match self.parts.router.owner(&payload).filter(|owner| *owner != at) {
            Some(owner) => {
                let door = if at == ShardId(0) { Door::Public } else { Door::Own };
                self.send(now, Post::Shard(at), Post::Shard(owner), Letter::Passed(owner, door, from, payload));
            }
            None => {
                self.parts.shards[usize::from(at.0)].handle_datagram(now, Door::Own, from, payload);
                self.post(now);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.way.first_key_value().is_some_and(|(key, _)| key.0 <= now) {
            let (_, letter) = self.way.pop_first().expect("just seen");
            self.arrive(now, letter);
        } else if self.parts.hub.poll_timeout().is_some_and(|at| at <= now) {
            self.parts.hub.handle_timeout(now);
        } else {
            for shard in &mut self.parts.shards {
                shard.handle_timeout(now);
            }
        }
        self.post(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let way = self.way.first_key_value().map(|(key, _)| key.0);
        let shards = self.parts.shards.iter().filter_map(node::Shard::poll_timeout);
        shards.chain(way).chain(self.parts.hub.poll_timeout()).min()
    }

    fn arrive(&mut self, now: Instant, letter: Letter) {
        match letter {
            Letter::Up(shard, up) => {
                if let Some(rising) = up.call().and_then(|call| self.rising.get_mut(&call)) {
                    *rising -= 1;
                }
                self.under_way -= 1;
                self.parts.hub.handle_up(shard, up);
                let index = usize::from(shard.0);
                self.taken[index] += 1;
                self.parts.shards[index].handle_taken(self.taken[index]);
            }
            Letter::Down(shard, down) => {
                self.under_way -= 1;
                self.parts.shards[usize::from(shard.0)].handle_down(now, down);
            }
            Letter::Passed(shard, door, from, payload) => {
                self.parts.shards[usize::from(shard.0)].handle_datagram(now, door, from, payload);
            }
        }
    }

    /// Sends what the parts have written.
    fn post(&mut self, now: Instant) {
        for index in 0..self.parts.shards.len() {
            let shard = ShardId(index as u8);
            while let Some(up) = self.parts.shards[index].poll_up(now) {
                if let Some(call) = up.call() {
                    let rising = self.rising.entry(call).or_default();
                    *rising += 1;
                    if *rising > CALL_LETTERS_MAX {
                        self.crowd = self.crowd.or(Some(call));
                    }
                }
                self.under_way += 1;
                self.send(now, Post::Shard(shard), Post::Hub, Letter::Up(shard, up));
            }
        }
        while let Some((shard, down)) = self.parts.hub.poll_down() {
            self.under_way += 1;
            self.send(now, Post::Hub, Post::Shard(shard), Letter::Down(shard, down));
        }
    }

    fn send(&mut self, now: Instant, from: Post, to: Post, letter: Letter) {
        let delay = self.lag.mul_f64(self.rng.fraction());
        let last = self.last.entry((from, to)).or_insert(now);
        *last = (*last).max(now + delay);
        self.sequence += 1;
        self.way.insert((*last, self.sequence), letter);
    }

    fn check(&self) -> Result<(), String> {
        if let Some(call) = self.crowd {
            return Err(format!("{call} has more than {CALL_LETTERS_MAX} letters under way"));
        }
        self.parts.hub.check()?;
        for shard in &self.parts.shards {
            shard.check()?;
            if self.under_way == 0 {
                shard.check_beside(&self.parts.hub)?;
            }
        }
        Ok(())
    }
}
