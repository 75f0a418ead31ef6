//! A running engine: the signalling, media and HTTP threads around one configuration, and the orders they take. Used by the
//! server, the demo and the loopback tests alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::api;
use crate::api::handle::{Handle, Health};
use crate::config::Config;
use crate::io::clock::Clock;
use crate::io::figures;
use crate::io::load::Loaded;
use crate::io::media::{self, MediaLink};
use crate::io::ports::Ports;
use crate::io::resolve::own_address;
use crate::io::signalling::{self, Ended, Inbox, Order, Signalling};
use crate::node::gate::Gate;
use crate::node::{Node, Resolved, Setup};

/// Orders that wait for the signalling thread; the supervisor gives one at a time.
const ORDERS_MAX: usize = 16;
/// How long the signalling thread may take to put a configuration in force.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// Threads at work.
#[derive(Debug)]
pub struct Engine {
    /// Where SIP is spoken.
    pub sip: SocketAddr,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// RTP port pairs bound.
    pub port_pairs: usize,
    /// The control plane's handle.
    pub handle: Handle,
    orders: mpsc::Sender<Order>,
    media: MediaLink,
    ended: oneshot::Receiver<Ended>,
    stop_http: oneshot::Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Binds every socket and starts the threads. From the return on, SIP is answered.
    ///
    /// # Errors
    /// What cannot be bound or started, in words.
    pub fn start(loaded: Loaded, seed: [u8; 32]) -> Result<Self, String> {
        let clock = Clock::start();
        let Loaded { config, resolved, tokens, tracks } = loaded;
        let socket = signalling::bind(config.sip.listen).map_err(|error| {
            format!("sip.listen = {}: {error}", config.sip.listen) // the address in use is the usual fault
        })?;
        let listener = bind_http(config.http.listen)?;
        let sip = socket.local_addr().map_err(|error| format!("sip.listen: {error}"))?;
        let http = listener.local_addr().map_err(|error| format!("http.listen: {error}"))?;
        let advertised = config.sip.advertise.unwrap_or_else(|| own_address(sip));
        let ports = bind_ports(&config, advertised)?;
        let port_pairs = ports.iter().map(Ports::len).sum();
        let leases = ports.iter().flat_map(Ports::leases).collect();

        let health = Arc::new(Health::default());
        let (media_threads, mut media, mut events) =
            media::prepare(clock, ports, 1, &health).map_err(|error| format!("media: {error}"))?;
        let events = events.pop().ok_or("media: no way for its events")?;
        for (id, track) in tracks {
            media.load(id, &track);
        }
        let sip_address = SocketAddr::new(advertised, sip.port());
        let setup = Setup { config: Arc::clone(&config), resolved, seed, sip_address, leases };
        let node = Node::new(clock.now(), setup);
        let live = Arc::new(figures::start(&clock, &config, &node));
        let (request_sender, requests) = api::handle::requests();
        let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
        let handle = Handle::new(request_sender, Arc::new(move || clock.now()), Arc::clone(&live), Arc::clone(&health));
        handle.set_tokens(tokens);

        let mut threads = Vec::new();
        for media_thread in media_threads {
            let live = Arc::clone(&live);
            let name = format!("media {}", media_thread.worker());
            threads.push(spawn(&name, move || media_thread.run(&live))?);
        }
        let signalling = Signalling {
            clock,
            node,
            gate: Gate::new(clock.now()),
            live,
            media: media.another(),
            flush_at: None,
            inbox: Inbox { requests, orders, events },
            health,
            repairs: 0,
        };
        let (ended_sender, ended) = oneshot::channel();
        let (stop_http, http_stopped) = oneshot::channel();
        let api_handle = handle.clone();
        threads.push(spawn("signalling", move || run_signalling(signalling, socket, ended_sender))?);
        threads.push(spawn("http", move || run_http(listener, api_handle, http_stopped))?);
        Ok(Self { sip, http, port_pairs, handle, orders: order_sender, media, ended, stop_http, threads })
    }

    /// Puts another configuration in force; answers with what it changes that cannot change at run time.
    ///
    /// # Errors
    /// When the signalling thread does not answer.
    pub async fn reload(&mut self, loaded: Loaded) -> Result<Vec<String>, String> {
        let Loaded { config, resolved, tokens, tracks } = loaded;
        for (id, track) in tracks {
            self.media.load(id, &track);
        }
        let lines = self.configure(config, resolved).await?;
        self.handle.set_tokens(tokens);
        Ok(lines)
    }

    /// The same as [`Engine::reload`] for other addresses of the same configuration.
    ///
    /// # Errors
    /// When the signalling thread does not answer.
    pub async fn configure(&self, config: Arc<Config>, resolved: Resolved) -> Result<Vec<String>, String> {
        let (answer, lines) = oneshot::channel();
        let order = Order::Reload { config, resolved, answer };
        self.orders.try_send(order).map_err(|_| "the signalling thread takes no orders".to_string())?;
        match tokio::time::timeout(RELOAD_MAX, lines).await {
            Ok(Ok(lines)) => Ok(lines),
            Ok(Err(_)) | Err(_) => Err("the signalling thread does not answer".to_string()),
        }
    }

    /// Takes no new calls from now on; waiting callers flow out after `limit`; [`Engine::ended`] tells the end.
    pub fn drain(&self, limit: Duration) {
        self.handle.health.drain();
        if self.orders.try_send(Order::Drain { limit }).is_err() {
            tracing::error!("the signalling thread takes no orders");
        }
    }

    /// Waits until the signalling thread has ended.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.ended).await.unwrap_or(Ended::Failed)
    }

    /// How the signalling thread ended, if it has. Never waits; tells it once.
    pub fn try_ended(&mut self) -> Option<Ended> {
        match self.ended.try_recv() {
            Ok(ended) => Some(ended),
            Err(TryRecvError::Closed) => Some(Ended::Failed),
            Err(TryRecvError::Empty) => None,
        }
    }

    /// Stops what still runs and waits for the threads.
    pub fn finish(self) {
        let Self { orders, media, stop_http, threads, .. } = self;
        drop((orders, media));
        // The HTTP thread may have ended by itself.
        let _ = stop_http.send(());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread panicked");
            }
        }
    }
}

/// A fresh seed of the operating system's generator.
///
/// # Errors
/// When the system has no randomness.
pub fn system_seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no randomness: {error}"))?;
    Ok(seed)
}

fn bind_http(listen: SocketAddr) -> Result<std::net::TcpListener, String> {
    let bind = || {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|error: std::io::Error| format!("http.listen = {listen}: {error}"))
}

/// RTP is announced with the advertised host, unless it is received on an address of its own.
fn bind_ports(config: &Config, advertised: std::net::IpAddr) -> Result<Vec<Ports>, String> {
    let own = config.media.address;
    let announced = if own.is_unspecified() || own == config.sip.listen.ip() { advertised } else { own };
    let ports = Ports::bind(own, config.media.ports, announced, config.media.workers.unwrap_or_else(media::workers));
    if ports.is_empty() {
        let (first, last) = config.media.ports;
        return Err(format!("media.ports = {first}-{last}: no pair of ports on {own} can be had"));
    }
    Ok(ports)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, String> {
    thread::Builder::new().name(name.to_string()).spawn(run).map_err(|error| format!("thread {name}: {error}"))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn run_signalling(signalling: Signalling, socket: std::net::UdpSocket, ended: oneshot::Sender<Ended>) {
    let run = || {
        let runtime = runtime()?;
        let end = runtime.block_on(async {
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            Ok::<_, std::io::Error>(signalling.run(socket).await)
        })?;
        // Nobody waits when the process is about to exit anyway.
        let _ = ended.send(end);
        Ok(())
    };
    if let Err(error) = run() {
        let error: std::io::Error = error;
        tracing::error!(%error, "signalling");
    }
}

fn run_http(listener: std::net::TcpListener, handle: Handle, stop: oneshot::Receiver<()>) {
    let run = || {
        runtime()?.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            api::serve(listener, handle, async { drop(stop.await) }).await
        })
    };
    if let Err(error) = run() {
        let error: std::io::Error = error;
        tracing::error!(%error, "http");
    }
}
