//! A running engine: the signalling, media and HTTP threads around one configuration, and the orders they take. Used by the
//! server, the demo and the loopback tests alike.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api;
use crate::api::handle::{Handle, Health};
use crate::base::limits::SHARDS_MAX;
use crate::base::{Instant, PerFamily, WallTime};
use crate::config::Config;
use crate::io::certificates::Keys;
use crate::io::clock::{self, Clock};
use crate::io::load::Loaded;
use crate::io::media::{self, MediaLink};
use crate::io::orders::Order;
use crate::io::ports::Ports;
use crate::io::resolve::own_address;
use crate::io::signalling::{self, Ended};
use crate::io::streams::{Listeners, ListenersTls};
use crate::io::threads::{Stage, Work, runtime, spawn};
use crate::io::tls::Tls;
use crate::node::{Naming, Node, OtherSetup, Parts, Resolved, Setup, figures};
use crate::stats::Live;

/// Orders that wait for the signalling thread; the supervisor gives one at a time.
const ORDERS_MAX: usize = 16;
/// How long the signalling thread may take to put a configuration in force.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// Threads at work.
#[derive(Debug)]
pub struct Engine {
    /// Where SIP is spoken.
    pub sip: SocketAddr,
    /// The same in the other address family, where it is spoken.
    pub sip_other: Option<SocketAddr>,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// RTP port pairs bound.
    pub port_pairs: usize,
    /// The control plane's handle.
    pub handle: Handle,
    orders: mpsc::Sender<Order>,
    media: MediaLink,
    /// Nothing where TLS is not spoken.
    tls: Option<OurTls>,
    ended: mpsc::Receiver<Ended>,
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
        let Loaded { config, resolved, tokens, tracks, keys, .. } = loaded;
        let sockets = bind_sip(&config)?;
        let listener = bind_http(config.http.listen)?;
        let bound = bound_to(&sockets)?;
        let (sip, sip_other) = (*bound[0].first(), bound[0].other().copied());
        let tcp = bind_tcp(&config, &bound)?;
        let (tls, listener_tls) = bind_tls(&config, keys.as_ref(), &resolved)?.unzip();
        let listeners = Listeners { tcp, tls: listener_tls };
        let http = listener.local_addr().map_err(|error| format!("http.listen: {error}"))?;
        let advertised = config.sip.advertise.unwrap_or_else(|| own_address(sip));
        let other = other_family(&config, &bound);
        let ports = bind_ports(&config, advertised)?;
        let port_pairs = ports.iter().map(Ports::len).sum();
        let leases = ports.iter().flat_map(Ports::leases).collect();

        let health = Arc::new(Health::default());
        let (media_threads, mut media, events) =
            media::prepare(clock, ports, sockets.len(), &health).map_err(|error| format!("media: {error}"))?;
        for (id, track) in tracks {
            media.load(id, &track);
        }
        let addresses: Vec<_> = bound.iter().map(|bound| SocketAddr::new(advertised, bound.first().port())).collect();
        let setup = Setup { config: Arc::clone(&config), resolved, seed, sip_address: addresses[0], leases, other };
        let mut made = match addresses.len() {
            1 => Made::Whole(Box::new(Node::new(clock.now(), setup))),
            _ => Made::Parted(Box::new(Parts::new(clock.now(), &setup, &addresses))),
        };
        let now = clock.now();
        let origin = clock::origin(now);
        made.handle_origin(now, origin);
        let live = Arc::new(figures::figures(now, &made.naming(), origin));
        let (request_sender, requests) = api::handle::requests();
        let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
        let handle = Handle::new(request_sender, Arc::new(move || clock.now()), Arc::clone(&live), Arc::clone(&health));
        handle.set_tokens(tokens);
        handle.set_numbers(config.http.numbers.clone());

        let mut threads = spawn(media_work(media_threads, &live))?;
        let (ended_sender, ended) = mpsc::channel(usize::from(SHARDS_MAX) + 1);
        let link = media.another();
        let stage = Stage {
            clock,
            live,
            health,
            media: link,
            sockets,
            listeners,
            events,
            requests,
            orders,
            ended: ended_sender,
        };
        threads.extend(match made {
            Made::Whole(node) => stage.alone(*node)?,
            Made::Parted(parts) => stage.among(*parts)?,
        });
        let (stop_http, http_stopped) = oneshot::channel();
        threads.extend(spawn(http_work(listener, handle.clone(), http_stopped))?);
        Ok(Self {
            sip,
            sip_other,
            http,
            port_pairs,
            handle,
            orders: order_sender,
            media,
            tls,
            ended,
            stop_http,
            threads,
        })
    }

    /// Puts another configuration in force; answers with what it changes that cannot change at run time.
    ///
    /// # Errors
    /// When the signalling thread does not answer.
    pub async fn reload(&mut self, loaded: Loaded) -> Result<Vec<String>, String> {
        let Loaded { config, resolved, tokens, tracks, keys, .. } = loaded;
        if let (Some(tls), Some(keys)) = (&mut self.tls, keys) {
            tls.keys = keys;
        }
        for (id, track) in tracks {
            self.media.load(id, &track);
        }
        let numbers = config.http.numbers.clone();
        let lines = self.configure(config, resolved).await?;
        self.handle.set_tokens(tokens);
        self.handle.set_numbers(numbers);
        Ok(lines)
    }

    /// The same as [`Engine::reload`] for other addresses of the same configuration.
    ///
    /// # Errors
    /// When the signalling thread does not answer.
    pub async fn configure(&self, config: Arc<Config>, resolved: Resolved) -> Result<Vec<String>, String> {
        if let Some(tls) = &self.tls {
            tls.in_force.send_replace(Arc::new(Tls::new(&tls.keys, &config, &resolved)));
        }
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
        self.ended.recv().await.unwrap_or(Ended::Failed)
    }

    /// How the signalling thread ended, if it has. Never waits; tells it once.
    pub fn try_ended(&mut self) -> Option<Ended> {
        match self.ended.try_recv() {
            Ok(ended) => Some(ended),
            Err(TryRecvError::Disconnected) => Some(Ended::Failed),
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

/// The node, in as many parts as it has shards.
enum Made {
    Whole(Box<Node>),
    Parted(Box<Parts>),
}

impl Made {
    /// The calendar's time at the start.
    fn handle_origin(&mut self, now: Instant, origin: WallTime) {
        match self {
            Self::Whole(node) => node.handle_origin(now, origin),
            Self::Parted(parts) => parts.hub.handle_origin(now, origin),
        }
    }

    /// The names that figures are kept under.
    fn naming(&self) -> Naming {
        match self {
            Self::Whole(node) => node.naming(),
            Self::Parted(parts) => parts.hub.naming(),
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

/// The media threads' work.
fn media_work(media_threads: Vec<media::MediaThread>, live: &Arc<Live>) -> Work {
    let mut work: Work = Vec::new();
    for media_thread in media_threads {
        let live = Arc::clone(live);
        let name = format!("media {}", media_thread.worker());
        work.push((name, Box::new(move || media_thread.run(&live))));
    }
    work
}

fn http_work(listener: std::net::TcpListener, handle: Handle, stop: oneshot::Receiver<()>) -> Work {
    vec![("http".to_string(), Box::new(move || run_http(listener, handle, stop)))]
}

/// Where the SIP sockets are.
fn bound_to(sockets: &[PerFamily<std::net::UdpSocket>]) -> Result<Vec<PerFamily<SocketAddr>>, String> {
    let bound = |both: &PerFamily<std::net::UdpSocket>| both.as_ref().try_map(std::net::UdpSocket::local_addr);
    sockets.iter().map(bound).collect::<Result<_, _>>().map_err(|error| format!("sip.listen: {error}"))
}

/// What we are called in the other address family, where that is spoken.
fn other_family(config: &Config, bound: &[PerFamily<SocketAddr>]) -> Option<OtherSetup> {
    let other = config.sip.other.as_ref()?;
    let ports: Option<Vec<_>> = bound.iter().map(|bound| bound.other().map(SocketAddr::port)).collect();
    let advertised = other.advertise.unwrap_or_else(|| own_address(other.listen));
    let sip_addresses = ports?.into_iter().map(|port| SocketAddr::new(advertised, port)).collect();
    Some(OtherSetup { sip_addresses, rtp: announced(config.media.other?, other.listen, advertised) })
}

/// Sockets for each shard: the port of `sip.listen` and those that follow; any, where it is 0.
fn bind_sip(config: &Config) -> Result<Vec<PerFamily<std::net::UdpSocket>>, String> {
    let spoken = config.sip.spoken();
    let bind = |shard: u8, listen: SocketAddr| {
        let port = match listen.port() {
            0 => Some(0),
            first => first.checked_add(shard.into()),
        };
        let address = SocketAddr::new(listen.ip(), port.ok_or("sip.shards: the ports end at 65535")?);
        // The address in use is the usual fault.
        let named = if shard == 0 { "sip.listen".to_string() } else { format!("sip.shards: shard {shard}") };
        signalling::bind(address, spoken.other().is_some()).map_err(|error| format!("{named} = {address}: {error}"))
    };
    (0..config.sip.shards).map(|shard| spoken.try_map(|listen| bind(shard, listen))).collect()
}

/// A listener beside each of these, where TCP is spoken too.
fn bind_tcp(config: &Config, bound: &[PerFamily<SocketAddr>]) -> Result<Vec<std::net::TcpListener>, String> {
    let beside = if config.sip.tcp { bound } else { &[] };
    let named = |address| move |error: std::io::Error| format!("sip.tcp: {address}: {error}");
    let all = beside.iter().flat_map(PerFamily::all);
    all.map(|address| listen_at(config, *address).map_err(named(address))).collect()
}

/// A listener for stream connections; with two address families IPv6 leaves the same port in IPv4 to another.
fn listen_at(config: &Config, address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = if config.sip.other.is_some() && address.is_ipv6() {
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None)?;
        socket.set_only_v6(true)?;
        // As the standard library has it.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.into()
    } else {
        std::net::TcpListener::bind(address)?
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connections that wait to be accepted, as the standard library has it.
const BACKLOG: i32 = 128;

/// What TLS is spoken with, and the way to the connections' thread.
#[derive(Debug)]
struct OurTls {
    keys: Arc<Keys>,
    in_force: watch::Sender<Arc<Tls>>,
}

/// The listener of TLS, where that is spoken, with what is in force there.
fn bind_tls(
    config: &Config,
    keys: Option<&Arc<Keys>>,
    resolved: &Resolved,
) -> Result<Option<(OurTls, ListenersTls)>, String> {
    let (Some(tls), Some(keys)) = (&config.sip.tls, keys) else { return Ok(None) };
    let bind = |address| listen_at(config, address).map_err(|error| format!("sip.tls = {address}: {error}"));
    let other = config.sip.other.as_ref().and_then(|other| other.tls);
    let listeners = [Some(tls.listen), other].into_iter().flatten().map(bind).collect::<Result<Vec<_>, _>>()?;
    let (in_force, following) = watch::channel(Arc::new(Tls::new(keys, config, resolved)));
    Ok(Some((OurTls { keys: Arc::clone(keys), in_force }, (listeners, following))))
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
fn announced(own: IpAddr, listen: SocketAddr, advertised: IpAddr) -> IpAddr {
    if own.is_unspecified() || own == listen.ip() { advertised } else { own }
}

fn bind_ports(config: &Config, advertised: IpAddr) -> Result<Vec<Ports>, String> {
    let own = config.media.address;
    let announced = announced(own, config.sip.listen, advertised);
    let hosts = PerFamily::new(own, own, config.media.other);
    let workers = config.media.workers.unwrap_or_else(media::workers);
    Ports::bind(&hosts, config.media.ports, announced, workers)
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
