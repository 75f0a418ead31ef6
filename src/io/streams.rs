//! SIP over TCP and over TLS: one thread accepts connections, opens those that a shard asks for, cuts what comes into
//! messages and hands them to the shard that they belong to. A connection is known by the far end's address. It is bounded in
//! number, in what waits for it, and in how long it may take over a handshake or a message; whoever keeps none of that is hung
//! up on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::base::limits::{
    HANDSHAKES_MAX, HANDSHAKES_PER_SECOND, STREAM_PENDING_MAX, STREAMS_MAX, STREAMS_PER_ADDRESS_MAX,
};
use crate::io::certificates::names_of;
use crate::io::clock::Clock;
use crate::io::lifeline;
use crate::io::post::Strayed;
use crate::io::tls::Tls;
use crate::node::{Door, Names, Router, Wire};
use crate::sip::framing::{Frame, Framer};
use crate::stats::{Direction, Handshake, Live};

/// A message has so long to come whole, and a connection that was accepted to say its first.
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// A connection that says nothing for so long is closed: a dialog's next request opens another.
const IDLE_MAX: Duration = Duration::from_secs(3_600);
/// A connection has so long to be opened, a handshake included.
const CONNECT_TIME: Duration = Duration::from_secs(4);
/// Whoever connects to us has so long for the handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// The far end has so long to take something.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// What is still to be said on a connection that nothing is read from any more has so long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Accepting failed for want of files: try again later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of one read.
const READ: usize = 16 * 1024;
/// Connections that wait to be entered into the table.
const HAPPENED_MAX: usize = 64;

/// A message on its way to a connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) wire: Wire,
    pub(super) destination: SocketAddr,
    /// Where there is no connection, one is opened for it.
    pub(super) opens: bool,
    pub(super) payload: Bytes,
}

/// What is in force for TLS, now and later.
pub(super) type InForce = watch::Receiver<Arc<Tls>>;

/// Where connections by TLS come in, with what is in force there.
pub(super) type ListenersTls = (Vec<std::net::TcpListener>, InForce);

/// Where connections come in.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Plain ones.
    pub(super) tcp: Vec<std::net::TcpListener>,
    /// Those by TLS.
    pub(super) tls: Option<ListenersTls>,
}

impl Listeners {
    /// True when there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.tls.is_none()
    }
}

/// Where messages go to.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) clock: Clock,
    /// None where there is one shard.
    pub(super) router: Option<Router>,
    /// The ways to the shards, by their numbers.
    pub(super) shards: Vec<mpsc::Sender<Strayed>>,
    /// Where handshakes are counted.
    pub(super) live: Arc<Live>,
}

impl Delivery {
    /// Waits until the shard takes it: a connection is not read faster than its messages are handled.
    async fn message(&self, (wire, source): Id, payload: Bytes) {
        let owner = self.router.as_ref().and_then(|router| router.owner(&payload)).map_or(0, |owner| owner.0);
        let message = Strayed::Message { at: self.clock.now(), door: Door::Stream(wire), source, payload };
        if let Some(shard) = self.shards.get(usize::from(owner)) {
            // The shard is gone only when the process ends.
            let _ = shard.send(message).await;
        }
    }

    async fn certified(&self, far: SocketAddr, names: &Names) {
        for shard in &self.shards {
            // As above.
            let _ = shard.send(Strayed::Certified(far, Arc::clone(names))).await;
        }
    }

    async fn closed(&self, (wire, far): Id) {
        for shard in &self.shards {
            // As above.
            let _ = shard.send(Strayed::Closed(wire, far)).await;
        }
    }

    fn count(&self, direction: Direction, handshake: Handshake) {
        self.live.working().handshakes.count(direction, handshake);
    }
}

/// What a connection is known by.
type Id = (Wire, SocketAddr);

/// What the tasks tell the table.
#[derive(Debug)]
enum Happened {
    Accepted(TcpStream, Id),
    /// A handshake has ended well.
    Shaken(Id, u64),
    /// A connection is gone; by a handshake that has failed for this reason.
    Closed(Id, u64, Option<String>),
}

/// A connection in the table.
#[derive(Debug)]
struct Connection {
    number: u64,
    /// Its handshake is under way, and the far end, which is no neighbour, has begun it.
    shaking: bool,
    queue: mpsc::Sender<Bytes>,
}

/// The thread with all its connections.
#[derive(Debug)]
pub(super) struct Streams {
    delivery: Delivery,
    tls: Option<InForce>,
    table: BTreeMap<Id, Connection>,
    happened: mpsc::Sender<Happened>,
    next: u64,
    /// The second that handshakes of strangers are counted in, and how many it has had.
    begun: (Instant, u32),
    /// Why a handshake with a neighbour has failed: said once.
    failed: BTreeMap<IpAddr, String>,
}

/// Runs until no shard is left that could send.
///
/// # Errors
/// The system's, when a listener cannot be used.
pub(super) async fn run(
    listeners: Listeners,
    mut outgoing: mpsc::Receiver<Outgoing>,
    delivery: Delivery,
) -> std::io::Result<()> {
    let (happened, mut happenings) = mpsc::channel(HAPPENED_MAX);
    let Listeners { tcp, tls } = listeners;
    let mut tls_in_force = None;
    for listener in tcp {
        tokio::spawn(accept(Wire::Tcp, TcpListener::from_std(listener)?, happened.clone()));
    }
    if let Some((listeners, in_force)) = tls {
        for listener in listeners {
            tokio::spawn(accept(Wire::Tls, TcpListener::from_std(listener)?, happened.clone()));
        }
        tls_in_force = Some(in_force);
    }
    let mut streams = Streams {
        delivery,
        tls: tls_in_force,
        table: BTreeMap::new(),
        happened,
        next: 0,
        begun: (Instant::now(), 0),
        failed: BTreeMap::new(),
    };
    loop {
        tokio::select! {
            message = outgoing.recv() => match message {
                Some(outgoing) => streams.send(outgoing),
                None => break,
            },
            Some(happened) = happenings.recv() => match happened {
                Happened::Accepted(stream, id) => streams.accept(stream, id),
                Happened::Shaken(id, number) => streams.on_shaken(id, number),
                Happened::Closed(id, number, fault) => streams.forget(id, number, fault),
            },
        }
    }
    drop(streams);
    // What was said last is written.
    sleep(ACCEPT_PAUSE).await;
    Ok(())
}

async fn accept(wire: Wire, listener: TcpListener, happened: mpsc::Sender<Happened>) {
    loop {
        match listener.accept().await {
            Ok((stream, far)) => {
                if happened.send(Happened::Accepted(stream, (wire, far))).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Streams {
    fn accept(&mut self, stream: TcpStream, id: Id) {
        let (wire, far) = id;
        if self.table.len() >= STREAMS_MAX || !self.has_room_for(far.ip()) {
            tracing::warn!(%far, connections = self.table.len(), "no room for a connection");
            return;
        }
        let is_stranger = wire == Wire::Tls && !self.is_neighbour(far.ip());
        if is_stranger && !self.may_shake() {
            self.delivery.count(Direction::In, Handshake::Refused);
            tracing::debug!(%far, "too many handshakes");
            return;
        }
        self.open(id, Some(stream), is_stranger);
    }

    /// False when this host has all the connections that one may have.
    fn has_room_for(&self, host: IpAddr) -> bool {
        self.table.keys().filter(|(_, other)| other.ip() == host).count() < STREAMS_PER_ADDRESS_MAX
    }

    fn is_neighbour(&self, host: IpAddr) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.borrow().is_neighbour(host))
    }

    /// Whether a stranger may begin a handshake: each takes this thread's time before anybody has proven anything.
    fn may_shake(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.begun.0) >= Duration::from_secs(1) {
            self.begun = (now, 0);
        }
        let under_way = self.table.values().filter(|connection| connection.shaking).count();
        if self.begun.1 >= HANDSHAKES_PER_SECOND || under_way >= HANDSHAKES_MAX {
            return false;
        }
        self.begun.1 += 1;
        true
    }

    fn send(&mut self, outgoing: Outgoing) {
        let Outgoing { wire, destination, opens, payload } = outgoing;
        let id = (wire, destination);
        if let Some(connection) = self.table.get(&id) {
            let Err(refused) = connection.queue.try_send(payload.clone()) else { return };
            self.table.remove(&id);
            if let TrySendError::Full(_) = refused {
                tracing::warn!(%destination, "a connection takes nothing any more and is closed");
                return;
            }
        }
        // Where a response goes is what a request has named: it takes no more places than whoever sent that may take itself.
        let is_response = payload.starts_with(b"SIP/2.0 ");
        let has_room = self.table.len() < STREAMS_MAX && (!is_response || self.has_room_for(destination.ip()));
        if !opens || !has_room {
            tracing::debug!(%destination, "no connection, message dropped");
            return;
        }
        let queue = self.open(id, None, false);
        if queue.try_send(payload).is_err() {
            tracing::debug!(%destination, "a connection ended at once");
        }
    }

    fn open(&mut self, id: Id, accepted: Option<TcpStream>, shaking: bool) -> mpsc::Sender<Bytes> {
        self.next += 1;
        let number = self.next;
        let (queue, waiting) = mpsc::channel(STREAM_PENDING_MAX);
        self.table.insert(id, Connection { number, shaking, queue: queue.clone() });
        let line = Line { id, number, happened: self.happened.clone(), delivery: self.delivery.clone() };
        let (pongs, tls) = (queue.downgrade(), self.tls.clone());
        tokio::spawn(async move {
            let fault = line.serve(accepted, tls, waiting, &pongs).await.err();
            line.delivery.closed(id).await;
            // The table is gone only when the process ends.
            let _ = line.happened.send(Happened::Closed(id, number, fault)).await;
        });
        queue
    }

    fn on_shaken(&mut self, id: Id, number: u64) {
        if let Some(connection) = self.table.get_mut(&id).filter(|connection| connection.number == number) {
            connection.shaking = false;
        }
        self.failed.remove(&id.1.ip());
    }

    /// Why a handshake with a neighbour fails is said once: one that does not answer is asked every two seconds.
    fn forget(&mut self, id: Id, number: u64, fault: Option<String>) {
        if self.table.get(&id).is_some_and(|connection| connection.number == number) {
            self.table.remove(&id);
        }
        let Some(fault) = fault else { return };
        let far = id.1;
        if !self.is_neighbour(far.ip()) {
            tracing::debug!(%far, fault, "no TLS");
        } else if self.failed.get(&far.ip()) != Some(&fault) {
            tracing::warn!(%far, fault, "no TLS with a peer");
            self.failed.insert(far.ip(), fault);
        }
    }
}

/// One connection.
#[derive(Debug)]
struct Line {
    id: Id,
    number: u64,
    happened: mpsc::Sender<Happened>,
    delivery: Delivery,
}

impl Line {
    /// From its beginning to its end.
    ///
    /// # Errors
    /// Why it has not become a connection by TLS.
    async fn serve(
        &self,
        accepted: Option<TcpStream>,
        tls: Option<InForce>,
        waiting: mpsc::Receiver<Bytes>,
        pongs: &mpsc::WeakSender<Bytes>,
    ) -> Result<(), String> {
        let (wire, far) = self.id;
        let begin = Instant::now();
        let patience = if accepted.is_some() { MESSAGE_TIME } else { IDLE_MAX };
        let direction = if accepted.is_some() { Direction::In } else { Direction::Out };
        let mut stream = match accepted {
            Some(stream) => stream,
            None => match timeout(CONNECT_TIME, TcpStream::connect(far)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(%error, %far, "connect");
                    return Ok(());
                }
                Err(_) => {
                    tracing::debug!(%far, "connect takes too long");
                    return Ok(());
                }
            },
        };
        if let Err(error) = lifeline::watch(&stream) {
            tracing::debug!(%error, %far, "not watched");
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %far, "no delay");
        }
        let why = match (wire, tls) {
            (Wire::Tcp, _) => {
                let (reader, writer) = stream.split();
                self.converse(reader, writer, patience, waiting, pongs).await
            }
            (Wire::Tls, Some(tls)) => {
                let tls = Arc::clone(&tls.borrow());
                let (result, why) = match direction {
                    Direction::In => {
                        within(begin + HANDSHAKE_TIME, tls.acceptor().accept(stream)).await.map(|stream| {
                            let names = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                            (names.map(|own| names_of(own, far.ip())), tokio_rustls::TlsStream::from(stream))
                        })
                    }
                    Direction::Out => {
                        let (connector, name) = tls.connector(far);
                        let stream = within(begin + CONNECT_TIME, connector.connect(name, stream)).await;
                        stream.map(|stream| (None, tokio_rustls::TlsStream::from(stream)))
                    }
                }
                .map_or_else(|(result, why)| (result, Err(why)), |stream| (Handshake::Done, Ok(stream)));
                self.delivery.count(direction, result);
                drop(tls);
                let (names, stream) = why?;
                if let Some(names) = names {
                    self.delivery.certified(far, &names).await;
                }
                // As above.
                let _ = self.happened.send(Happened::Shaken(self.id, self.number)).await;
                let (reader, writer) = tokio::io::split(stream);
                self.converse(reader, writer, patience, waiting, pongs).await
            }
            (Wire::Tls, None) => "TLS is not spoken",
        };
        tracing::debug!(%far, why, "connection ends");
        Ok(())
    }

    async fn converse(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        patience: Duration,
        waiting: mpsc::Receiver<Bytes>,
        pongs: &mpsc::WeakSender<Bytes>,
    ) -> &'static str {
        tokio::select! {
            why = read(self.id, reader, patience, pongs, &self.delivery) => why,
            why = write(writer, waiting) => why,
        }
    }
}

/// A handshake until its deadline; else how it ended and why.
async fn within<T>(
    deadline: Instant,
    handshake: impl Future<Output = std::io::Result<T>>,
) -> Result<T, (Handshake, String)> {
    match timeout_at(deadline, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err((Handshake::Failed, error.to_string())),
        Err(_) => Err((Handshake::Late, "the handshake takes too long".to_string())),
    }
}

/// Reads until the end; tells why it ended.
async fn read(
    id: Id,
    mut stream: impl AsyncRead + Unpin,
    patience: Duration,
    pongs: &mpsc::WeakSender<Bytes>,
    delivery: &Delivery,
) -> &'static str {
    let mut framer = Framer::default();
    let mut scratch = vec![0; READ];
    let mut deadline = Instant::now() + patience;
    let mut late = false;
    loop {
        let length = match timeout_at(deadline, stream.read(&mut scratch)).await {
            Ok(Ok(0)) => return "closed by the far end",
            Ok(Ok(length)) => length,
            Ok(Err(_)) => return "broken",
            Err(_) => return "silent for too long",
        };
        framer.push(&scratch[..length]);
        let mut whole = false;
        while let Some(frame) = framer.poll() {
            whole = true;
            match frame {
                Frame::Message(message) => delivery.message(id, message).await,
                Frame::Ping => {
                    if let Some(queue) = pongs.upgrade()
                        && queue.try_send(Bytes::from_static(b"\r\n")).is_err()
                    {
                        return "takes nothing";
                    }
                }
                Frame::Last(head) => {
                    delivery.message(id, head).await;
                    sleep(LAST_WORDS).await;
                    return "a message without an end";
                }
                Frame::Broken(fault) => {
                    tracing::debug!(far = %id.1, %fault, "stream");
                    return "no SIP";
                }
            }
        }
        // Each message has its time from its first byte on, however slowly the rest of it drips in.
        let now = Instant::now();
        match framer.is_partial() {
            true if whole || !late => (deadline, late) = (now + MESSAGE_TIME, true),
            true => {}
            false if whole => (deadline, late) = (now + IDLE_MAX, false),
            // A line break alone is no reason to wait longer for somebody who has said nothing.
            false => {}
        }
    }
}

/// Writes what waits until nobody sends any more; tells why it ended.
async fn write(mut stream: impl AsyncWrite + Unpin, mut waiting: mpsc::Receiver<Bytes>) -> &'static str {
    while let Some(payload) = waiting.recv().await {
        let mut rest = &payload[..];
        while !rest.is_empty() {
            match timeout(WRITE_TIME, stream.write(rest)).await {
                Ok(Ok(0) | Err(_)) => return "broken",
                Ok(Ok(written)) => rest = &rest[written..],
                Err(_) => return "takes nothing",
            }
        }
        match timeout(WRITE_TIME, stream.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "broken",
            Err(_) => return "takes nothing",
        }
    }
    // Whoever goes says so, where the wire knows how.
    match timeout(LAST_WORDS, stream.shutdown()).await {
        Ok(Ok(())) => "not wanted any more",
        Ok(Err(_)) | Err(_) => "broken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::Plan;

    /// As many connections with this host as one may have.
    fn full_for(host: IpAddr) -> Streams {
        let clock = Clock::start();
        let live = Arc::new(Live::new(clock.now(), &Plan::default(), &[]));
        let delivery = Delivery { clock, router: None, shards: Vec::new(), live };
        let ports = (1..).take(STREAMS_PER_ADDRESS_MAX);
        let connection = |port| {
            let queue = mpsc::channel(1).0;
            ((Wire::Tcp, SocketAddr::new(host, port)), Connection { number: 0, shaking: false, queue })
        };
        Streams {
            delivery,
            tls: None,
            table: ports.map(connection).collect(),
            happened: mpsc::channel(1).0,
            next: 0,
            begun: (Instant::now(), 0),
            failed: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn responses_open_no_more_connections_with_a_host_than_it_may_open_itself() {
        let host = IpAddr::from([127, 0, 0, 1]);
        let mut streams = full_for(host);
        let mut after = |host, payload: &'static [u8]| {
            let destination = SocketAddr::new(host, 60_000);
            let payload = Bytes::from_static(payload);
            streams.send(Outgoing { wire: Wire::Tcp, destination, opens: true, payload });
            streams.table.len() - STREAMS_PER_ADDRESS_MAX
        };
        assert_eq!(after(host, b"SIP/2.0 200 OK\r\n\r\n"), 0);
        assert_eq!(after(IpAddr::from([127, 0, 0, 2]), b"SIP/2.0 200 OK\r\n\r\n"), 1, "another host's");
        assert_eq!(after(host, b"OPTIONS sip:a SIP/2.0\r\n\r\n"), 2, "a request goes to where the node is told to");
    }
}
