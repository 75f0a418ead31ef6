//! The thread of the ACD engine when there are several shards: it takes their letters, the requests of the control plane and
//! the orders of the supervisor, sends letters down, and writes the live figures. It never blocks on a send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use crate::api::handle::{Health, Request};
use crate::base::{Instant, ShardId};
use crate::io::clock::Clock;
use crate::io::orders::{self, Order};
use crate::io::post::Company;
use crate::io::signalling::{Ended, HEARTBEAT};
use crate::node::{Down, Hub, Reply, Ticket, Up};
use crate::stats::Live;

/// Letters taken in one turn before timers, requests and orders get theirs.
const LETTERS_TURN_MAX: usize = 256;
/// Requests of the control plane taken in one turn: a listing may take 100 us.
const REQUESTS_TURN_MAX: usize = 8;

/// The loop with all it owns.
#[derive(Debug)]
pub(super) struct HubLoop {
    pub(super) clock: Clock,
    pub(super) hub: Hub,
    pub(super) live: Arc<Live>,
    pub(super) health: Arc<Health>,
    pub(super) company: Arc<Company>,
    /// The shards' letters. Its end ends the loop.
    pub(super) up: mpsc::Receiver<(ShardId, Up)>,
    /// The ways to the shards, by their numbers.
    pub(super) down: Vec<mpsc::Sender<(Instant, Down)>>,
    /// Requests of the control plane.
    pub(super) requests: mpsc::Receiver<Request>,
    /// Orders of the supervisor. Its end ends the loop.
    pub(super) orders: mpsc::Receiver<Order>,
    /// Who waits for an answer; as many as requests under way to the shards.
    pub(super) asked: BTreeMap<Ticket, oneshot::Sender<Reply>>,
    pub(super) tickets: u64,
    /// Repairs of the engine already counted.
    pub(super) repairs: u64,
}

/// What woke the loop.
enum Woken {
    Timer,
    Letter(Option<(ShardId, Up)>),
    Request(Request),
    Order(Option<Order>),
}

impl HubLoop {
    /// Runs until the shards have ended.
    pub(super) async fn run(mut self) -> Ended {
        let mut sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        self.settle();
        loop {
            if self.turn().is_err() {
                return Ended::Failed;
            }
            if !self.up.is_empty() || !self.requests.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            let beat = self.clock.now() + HEARTBEAT;
            let deadline = self.hub.poll_timeout().map_or(beat, |at| at.min(beat));
            sleep.as_mut().reset(self.clock.system(deadline).into());
            match self.wait(&mut sleep).await {
                Woken::Timer => {}
                Woken::Letter(Some((shard, up))) => self.on_letter(shard, up),
                Woken::Letter(None) => return Ended::Drained,
                Woken::Request(request) => self.on_request(request),
                Woken::Order(Some(order)) => self.on_order(order),
                Woken::Order(None) => return Ended::Abandoned,
            }
            if self.settle().is_none() {
                return Ended::Failed;
            }
        }
    }

    /// Takes everything that is there, within the turn's bounds. An error: a shard takes no letters any more.
    fn turn(&mut self) -> Result<(), ()> {
        let now = self.clock.now();
        self.health.beat_hub(now);
        if self.hub.poll_timeout().is_some_and(|at| at <= now) {
            self.hub.handle_timeout(now);
            self.settle().ok_or(())?;
        }
        for _ in 0..LETTERS_TURN_MAX {
            let Ok((shard, up)) = self.up.try_recv() else { break };
            self.on_letter(shard, up);
            self.settle().ok_or(())?;
        }
        for _ in 0..REQUESTS_TURN_MAX {
            let Ok(request) = self.requests.try_recv() else { break };
            self.on_request(request);
            self.settle().ok_or(())?;
        }
        while let Ok(order) = self.orders.try_recv() {
            self.on_order(order);
            self.settle().ok_or(())?;
        }
        orders::count_repairs(&self.live, self.hub.repairs(), &mut self.repairs);
        Ok(())
    }

    fn on_letter(&mut self, shard: ShardId, up: Up) {
        self.live.working().letters_up.record_since(up.at(), self.clock.now());
        self.hub.handle_up(shard, up);
        self.company.take(shard);
    }

    fn on_request(&mut self, request: Request) {
        let now = self.clock.now();
        self.live.working().requests.record_since(request.asked, now);
        // Those who have given up waiting leave no trace.
        self.asked.retain(|_, answer| !answer.is_closed());
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.asked.insert(ticket, request.answer);
        self.hub.handle_control(now, ticket, request.control);
    }

    fn on_order(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Reload { config, resolved, answer } => {
                let lines = self.hub.handle_reload(now, config, &resolved);
                orders::answer_reload(&self.live, now, &self.hub.naming(), lines, answer);
            }
            Order::Drain { limit } => self.hub.handle_drain(now, limit),
        }
    }

    /// Drains what the hub has to say; `None` when a shard has no room for a letter, which ends the process rather than a
    /// letter.
    fn settle(&mut self) -> Option<()> {
        let now = self.clock.now();
        while let Some((shard, down)) = self.hub.poll_down() {
            self.company.write(shard);
            if let Err(mpsc::error::TrySendError::Full(_)) = self.down[usize::from(shard.0)].try_send((now, down)) {
                tracing::error!(%shard, "a shard takes no letters");
                return None;
            }
        }
        while let Some((ticket, reply)) = self.hub.poll_reply() {
            // An asker that has gone needs no answer.
            let _ = self.asked.remove(&ticket).map(|answer| answer.send(reply));
        }
        orders::follow(&self.live, now, self.hub.poll_naming());
        while let Some(stamped) = self.hub.poll_fact() {
            self.live.fold(&stamped);
        }
        Some(())
    }

    async fn wait(&mut self, sleep: &mut std::pin::Pin<Box<Sleep>>) -> Woken {
        tokio::select! {
            biased;
            () = sleep.as_mut() => Woken::Timer,
            letter = self.up.recv() => Woken::Letter(letter),
            Some(request) = self.requests.recv() => Woken::Request(request),
            order = self.orders.recv() => Woken::Order(order),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::WallTime;
    use crate::config;
    use crate::node::{Parts, Resolved, Setup, figures};

    #[test]
    fn a_letter_for_which_a_shard_has_no_room_ends_the_loop_rather_than_being_lost() {
        let addresses = ["192.0.2.2:5060", "192.0.2.2:5061"].map(|text| text.parse().unwrap());
        let (config, resolved) = (Arc::new(config::built_in()), Resolved::default());
        let setup =
            Setup { config, resolved, seed: [7; 32], sip_address: addresses[0], leases: Vec::new(), other: None };
        let clock = Clock::start();
        let Parts { hub, .. } = Parts::new(clock.now(), &setup, &addresses);
        let live = Arc::new(figures::figures(clock.now(), &hub.naming(), WallTime::from_micros(0)));
        let (down, mut shards): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(2)).unzip();
        let ((_, up), (_, requests), (_, orders)) = (mpsc::channel(1), mpsc::channel(1), mpsc::channel(1));
        let (health, company) = (Arc::new(Health::default()), Arc::new(Company::new(2)));
        let (asked, tickets, repairs) = (BTreeMap::new(), 0, 0);
        let mut hub =
            HubLoop { clock, hub, live, health, company, up, down, requests, orders, asked, tickets, repairs };
        for _ in 0..2 {
            hub.on_order(Order::Drain { limit: Duration::ZERO });
            assert_eq!(hub.settle(), Some(()), "two letters fit");
        }
        hub.on_order(Order::Drain { limit: Duration::ZERO });
        assert_eq!(hub.settle(), None);
        assert_eq!(std::iter::from_fn(|| shards[0].try_recv().ok()).count(), 2, "what fitted is there, in order");
    }
}
