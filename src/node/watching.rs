//! What PBXs are asked about agents' devices (`device_state` of a peer): one subscription for each agent whose phone is behind
//! such a peer, from the start on, whether or not the agent is logged in, so that its state is known when it comes. Agents are
//! dealt to the shards by their ids; a shard's own Contact brings the NOTIFYs there. What is found out goes to the hub, where
//! calls of all shards meet.
//!
//! Of each PBX at most `limits::SUBSCRIBES_OPEN_MAX` answers are awaited: thousands of agents are asked about one after the
//! other, as fast as it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::acd::Command;
use crate::base::limits::SUBSCRIBES_OPEN_MAX;
use crate::base::{AgentId, Instant, PeerId, Rng};
use crate::call::{Notice, Subscribe, Subscribed, SubscriptionId};
use crate::config::DeviceWatch;
use crate::node::seen::Seen;
use crate::node::shard::{Drain, Shard, Timer};
use crate::node::watch::{Device, Leaving};
use crate::node::watched::{Link, Order, Step, Watched};

/// News that finds no slot is told after this pause.
const TELL_AGAIN: Duration = Duration::from_secs(1);
/// A node that ends waits so long for PBXs to acknowledge the end of its subscriptions.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

impl Shard {
    /// Begins to ask about the devices of the configuration in force, and ceases to ask about others.
    pub(super) fn watch_devices(&mut self, now: Instant) {
        let directory = Arc::clone(&self.directory);
        let shards = u32::from(self.watch.shards);
        let own = directory.plan.agents.iter().filter(|plan| plan.id.0 % shards == u32::from(self.id.0));
        let wanted: BTreeMap<AgentId, DeviceWatch> =
            own.filter_map(|plan| Some((plan.id, directory.agent(plan.id).watch?))).collect();
        let fits = |id: &AgentId, device: &Device| {
            let agent = directory.agent(*id);
            wanted.get(id) == Some(&device.config) && agent.peer == device.peer && agent.uri == device.uri
        };
        let gone: Vec<AgentId> =
            self.watch.devices.iter().filter(|(id, device)| !fits(id, device)).map(|(id, _)| *id).collect();
        for id in gone {
            self.unwatch(now, id);
        }
        for (id, config) in wanted {
            if self.watch.devices.contains_key(&id) {
                continue;
            }
            let agent = directory.agent(id);
            let link = if self.peers.is_up(agent.peer) { Link::Up } else { Link::Down };
            let machine = Watched::new(now, config.expires, link);
            let (peer, uri, told) = (agent.peer, Arc::clone(&agent.uri), Seen::NOTHING);
            self.watch.devices.insert(id, Device { peer, uri, config, machine, timer: None, told });
            self.with_device(now, id, |_, _| ());
        }
    }

    /// The time of a device has come.
    pub(super) fn on_watch_due(&mut self, now: Instant, id: AgentId) {
        if let Some(device) = self.watch.devices.get_mut(&id) {
            device.timer = None;
        }
        let gone = self.with_device(now, id, |device, rng| device.machine.handle_due(now, rng)).flatten();
        if let Some(gone) = gone {
            self.legs.forget_subscription(gone);
        }
    }

    /// What became of a SUBSCRIBE of ours.
    pub(super) fn on_subscribed(&mut self, now: Instant, id: SubscriptionId, token: u64, answer: Subscribed) {
        let agent = AgentId(token as u32);
        if let (Subscribed::Refused(401 | 407, _), Some(device)) = (answer, self.watch.devices.get(&agent)) {
            let peer = device.peer;
            self.on_challenge(peer);
        }
        self.with_device(now, agent, |device, rng| device.machine.handle_answer(now, id, answer, rng));
    }

    /// A PBX has told what a device does.
    pub(super) fn on_notified(&mut self, now: Instant, id: SubscriptionId, token: u64, notice: Notice) {
        let agent = AgentId(token as u32);
        let unasked = self.with_device(now, agent, |device, rng| device.machine.handle_notice(now, id, notice, rng));
        // A PBX tells of a device that comes back, though its document may say the same as of one that is gone. Without a slot
        // it waits for its next trial.
        if unasked == Some(true) && self.has_slot() {
            self.commands.push_back(Command::DeviceAlive { agent });
        }
    }

    /// A PBX has begun or ceased to answer.
    pub(super) fn on_watch_link(&mut self, now: Instant, peer: PeerId, up: bool) {
        let link = if up { Link::Up } else { Link::Down };
        let behind = self.watch.devices.iter().filter(|(_, device)| device.peer == peer);
        let agents: Vec<AgentId> = behind.map(|(id, _)| *id).collect();
        for id in agents {
            self.with_device(now, id, |device, rng| device.machine.handle_link(now, link, rng));
        }
    }

    /// The last call of a node that drains is gone: PBXs need not tell any more.
    pub(super) fn leave_when_done(&mut self, now: Instant) {
        let is_done = self.drain != Drain::No && self.contacts.is_empty();
        if !is_done || self.watch.leaving != Leaving::No || self.watch.devices.is_empty() {
            return;
        }
        self.watch.leaving = Leaving::Yes;
        self.timers.arm(now + LEAVE_WITHIN, Timer::Left);
        let all: Vec<AgentId> = self.watch.devices.keys().copied().collect();
        for id in all {
            self.unwatch(now, id);
        }
    }

    /// PBXs have had their time to acknowledge.
    pub(super) const fn on_left(&mut self) {
        self.watch.leaving = Leaving::Done;
    }

    /// Ends what is asked about a device.
    fn unwatch(&mut self, now: Instant, id: AgentId) {
        let Some(Device { peer, machine, timer, told, .. }) = self.watch.devices.remove(&id) else { return };
        if let Some((_, timer)) = timer {
            self.timers.cancel(timer);
        }
        if let Some(subscription) = machine.subscription() {
            self.legs.unsubscribe(now, subscription);
        }
        if machine.step == Step::Asking {
            self.close_window(peer);
        }
        if told != Seen::NOTHING {
            self.watch.seen.push_back((id, Seen::NOTHING));
        }
        self.pump(now, peer);
    }

    /// Gives a device's machine an input, and does what follows.
    fn with_device<T>(
        &mut self,
        now: Instant,
        id: AgentId,
        input: impl FnOnce(&mut Device, &mut Rng) -> T,
    ) -> Option<T> {
        let device = self.watch.devices.get_mut(&id)?;
        let (peer, before) = (device.peer, device.machine.step);
        let result = input(device, &mut self.rng);
        let after = device.machine.step;
        if before == Step::Asking && after != Step::Asking {
            self.close_window(peer);
        }
        if before != Step::Queued && after == Step::Queued {
            self.watch.windows.entry(peer).or_default().queue.push_back(id);
        }
        self.tell_seen(now, id);
        self.rearm(id);
        self.pump(now, peer);
        Some(result)
    }

    fn close_window(&mut self, peer: PeerId) {
        if let Some(window) = self.watch.windows.get_mut(&peer) {
            window.open = window.open.saturating_sub(1);
        }
    }

    /// Asks about as many devices as a PBX may be asked about at once.
    fn pump(&mut self, now: Instant, peer: PeerId) {
        loop {
            let Some(window) = self.watch.windows.get_mut(&peer).filter(|window| window.open < SUBSCRIBES_OPEN_MAX)
            else {
                return;
            };
            let Some(id) = window.queue.pop_front() else { return };
            self.ask(now, peer, id);
        }
    }

    fn ask(&mut self, now: Instant, peer: PeerId, id: AgentId) {
        // Nobody knows yet where it is: it counts as down, and is asked when it is found.
        let Some(destination) = self.address_of(peer) else { return };
        let Some(device) = self.watch.devices.get_mut(&id).filter(|device| device.peer == peer) else { return };
        let Some(order) = device.machine.handle_place() else { return };
        if let Some(window) = self.watch.windows.get_mut(&peer) {
            window.open += 1;
        }
        let renewed = match order {
            Order::Renew(subscription, expires) => self.legs.renew_subscription(now, subscription, expires),
            Order::Subscribe(_) => false,
        };
        let (Order::Subscribe(expires) | Order::Renew(_, expires)) = order;
        if !renewed {
            let (package, uri, token) = (device.config.package, device.uri.as_bytes(), u64::from(id.0));
            let ask = Subscribe { package, uri, destination, expires, token };
            device.machine.handle_sent(self.legs.subscribe(now, &ask));
        }
        self.rearm(id);
    }

    /// Arms the device's one timer for what it waits for.
    fn rearm(&mut self, id: AgentId) {
        let Some(device) = self.watch.devices.get_mut(&id) else { return };
        let due = device.machine.due();
        if device.timer.map(|(at, _)| at) == due {
            return;
        }
        if let Some((_, old)) = device.timer.take() {
            self.timers.cancel(old);
        }
        device.timer = due.map(|at| (at, self.timers.arm(at, Timer::Watch(id))));
    }

    /// Tells the hub what is new of a device; with no slot for it, in a moment.
    pub(super) fn tell_seen(&mut self, now: Instant, id: AgentId) {
        let has_slot = self.has_slot();
        let Some(device) = self.watch.devices.get_mut(&id) else { return };
        let seen = device.seen(&self.directory);
        if seen == device.told {
            return;
        }
        if !has_slot {
            self.timers.arm(now + TELL_AGAIN, Timer::Tell(id));
            return;
        }
        device.told = seen;
        self.watch.seen.push_back((id, seen));
    }
}
