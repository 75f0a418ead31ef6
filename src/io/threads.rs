//! Starts the signalling threads around a node: one with the engine inline, or one for each shard and one for the engine.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::api::handle::{Health, Request};
use crate::base::limits::{DOWN_LETTERS_MAX, PASSED_MAX, STREAM_OUT_MAX, UP_LETTERS_MAX};
use crate::base::{PerFamily, ShardId};
use crate::io::clock::Clock;
use crate::io::datagrams::Sockets;
use crate::io::hub::HubLoop;
use crate::io::media::{MediaLink, Told};
use crate::io::orders::Order;
use crate::io::post::{Alone, Among, Company, Post};
use crate::io::signalling::{Ended, Signalling};
use crate::io::streams::{self, Delivery, Listeners, Outgoing};
use crate::node::gate::Gate;
use crate::node::{Node, Parts};
use crate::stats::Live;

/// What the threads are given.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) clock: Clock,
    pub(super) live: Arc<Live>,
    pub(super) health: Arc<Health>,
    pub(super) media: MediaLink,
    /// The SIP sockets by the shards' numbers.
    pub(super) sockets: Vec<PerFamily<UdpSocket>>,
    /// Where stream connections come in; none where there are none.
    pub(super) listeners: Listeners,
    /// What the media workers tell, by the shards' numbers.
    pub(super) events: Vec<mpsc::Receiver<Told>>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) orders: mpsc::Receiver<Order>,
    /// Who ends, and why: the first one that tells ends all.
    pub(super) ended: mpsc::Sender<Ended>,
}

/// Threads with their names, ready to run: nothing runs before all are made.
pub(super) type Work = Vec<(String, Box<dyn FnOnce() + Send>)>;

impl Stage {
    /// One thread for everything but media and HTTP.
    pub(super) fn alone(mut self, node: Node) -> Result<Vec<JoinHandle<()>>, String> {
        let (Some(socket), Some(events)) = (self.sockets.pop(), self.events.pop()) else {
            return Err("a signalling thread needs a socket and media events".to_string());
        };
        let live = Arc::clone(&self.live);
        let ended = self.ended.clone();
        let (stray_sender, strays) = mpsc::channel(PASSED_MAX);
        let (clock, health, media) = (self.clock, self.health, self.media.another());
        let post = Alone { node, live: self.live, requests: self.requests, orders: self.orders, strays, repairs: 0 };
        let mut signalling = signalling(post, clock, live, media, events, health, None);
        let delivery = Delivery { clock, router: None, shards: vec![stray_sender], live: Arc::clone(&signalling.live) };
        let (streams, mut work) = streams(self.listeners, delivery);
        signalling.streams = streams;
        work.push(("signalling".to_string(), Box::new(move || run_signalling(signalling, socket, &ended))));
        spawn(work)
    }

    /// A thread for each shard, and one for the ACD engine.
    pub(super) fn among(self, parts: Parts) -> Result<Vec<JoinHandle<()>>, String> {
        let count = parts.shards.len();
        let Parts { hub, shards, router } = parts;
        let company = Arc::new(Company::new(count));
        let (up_sender, up) = mpsc::channel(UP_LETTERS_MAX * count);
        let mut down = Vec::new();
        let (stray_senders, stray_receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel(PASSED_MAX)).unzip();
        let delivery = Delivery {
            clock: self.clock,
            router: Some(router),
            shards: stray_senders.clone(),
            live: Arc::clone(&self.live),
        };
        let (streams, mut work) = streams(self.listeners, delivery);
        let public = another(self.sockets.first().ok_or("no socket")?)?;
        let given = shards.into_iter().zip(self.sockets).zip(self.events).zip(stray_receivers);
        for (number, (((shard, socket), events), strays)) in (0..).zip(given) {
            let (down_sender, down_receiver) = mpsc::channel(DOWN_LETTERS_MAX);
            down.push(down_sender);
            let post = Among {
                id: ShardId(number),
                node: shard,
                router,
                live: Arc::clone(&self.live),
                company: Arc::clone(&company),
                up: up_sender.clone(),
                down: down_receiver,
                strays,
                shards: stray_senders.clone(),
            };
            let other = (number > 0).then(|| another(&public)).transpose()?;
            let (clock, live, health) = (self.clock, Arc::clone(&self.live), Arc::clone(&self.health));
            let mut signalling = signalling(post, clock, live, self.media.another(), events, health, other);
            signalling.streams = streams.clone();
            let ended = self.ended.clone();
            work.push((format!("signalling {number}"), Box::new(move || run_signalling(signalling, socket, &ended))));
        }
        let hub = HubLoop {
            clock: self.clock,
            hub,
            live: self.live,
            health: self.health,
            company,
            up,
            down,
            requests: self.requests,
            orders: self.orders,
            asked: BTreeMap::new(),
            tickets: 0,
            repairs: 0,
        };
        let ended = self.ended;
        work.push(("acd".to_string(), Box::new(move || run(&ended, true, || Ok(hub.run())))));
        spawn(work)
    }
}

/// The thread of the stream connections, and the way to it; nothing where nobody listens.
fn streams(listeners: Listeners, delivery: Delivery) -> (Option<mpsc::Sender<Outgoing>>, Work) {
    if listeners.is_empty() {
        return (None, Vec::new());
    }
    let (sender, outgoing) = mpsc::channel(STREAM_OUT_MAX);
    let run = || runtime()?.block_on(streams::run(listeners, outgoing, delivery));
    let run_or_tell = move || {
        if let Err(error) = run() {
            tracing::error!(%error, "streams");
        }
    };
    (Some(sender), vec![("streams".to_string(), Box::new(run_or_tell))])
}

fn signalling<P: Post>(
    post: P,
    clock: Clock,
    live: Arc<Live>,
    media: MediaLink,
    events: mpsc::Receiver<Told>,
    health: Arc<Health>,
    public: Option<PerFamily<UdpSocket>>,
) -> Signalling<P> {
    let gate = Gate::new(clock.now());
    Signalling { clock, post, gate, live, media, flush_at: None, events, health, public, streams: None }
}

/// The same sockets for another thread.
fn another(sockets: &PerFamily<UdpSocket>) -> Result<PerFamily<UdpSocket>, String> {
    sockets.as_ref().try_map(UdpSocket::try_clone).map_err(|error| format!("sip: {error}"))
}

fn run_signalling<P: Post>(signalling: Signalling<P>, sockets: PerFamily<UdpSocket>, ended: &mpsc::Sender<Ended>) {
    let tells = signalling.post.ends_all();
    run(ended, tells, || Ok(signalling.run(Sockets::new(sockets)?)));
}

/// Runs a loop to its end and tells why it ended; a thread whose loop panics tells that it failed. One that has drained tells
/// so only when it is the last that `tells`.
fn run<F: Future<Output = Ended>>(
    ended: &mpsc::Sender<Ended>,
    tells: bool,
    begin: impl FnOnce() -> std::io::Result<F>,
) {
    let mut report = Report { ended, end: Ended::Failed, tells };
    let end = runtime().and_then(|runtime| runtime.block_on(async { Ok(begin()?.await) }));
    match end {
        Ok(end) => report.end = end,
        Err(error) => tracing::error!(%error, "thread"),
    }
}

/// Tells the supervisor when it goes out of scope.
struct Report<'a> {
    ended: &'a mpsc::Sender<Ended>,
    end: Ended,
    tells: bool,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if self.tells || self.end != Ended::Drained {
            // Nobody waits when the process is about to exit anyway.
            let _ = self.ended.try_send(self.end);
        }
    }
}

/// A runtime for one thread.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Starts threads.
///
/// # Errors
/// The system's, when one cannot be started, in words.
pub(super) fn spawn(work: Work) -> Result<Vec<JoinHandle<()>>, String> {
    let start = |(name, run): (String, Box<dyn FnOnce() + Send>)| {
        thread::Builder::new().name(name.clone()).spawn(run).map_err(|error| format!("thread {name}: {error}"))
    };
    work.into_iter().map(start).collect()
}
