//! SIP over TCP: one thread accepts connections, opens those that a shard sends a request by, cuts what comes into messages and
//! hands them to the shard that they belong to. A connection is known by the far end's address. It is bounded in number, in
//! what waits for it, and in how long it may take over a message; whoever keeps none of that is hung up on.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::base::limits::{STREAM_PENDING_MAX, STREAMS_MAX, STREAMS_PER_ADDRESS_MAX};
use crate::io::clock::Clock;
use crate::io::post::Strayed;
use crate::node::{Door, Router};
use crate::sip::framing::{Frame, Framer};

/// A message has so long to come whole, and a connection that was accepted to say its first.
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// A connection that says nothing for so long is closed: a dialog's next request opens another.
const IDLE_MAX: Duration = Duration::from_secs(3_600);
/// A connection has so long to be opened.
const CONNECT_TIME: Duration = Duration::from_secs(4);
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

/// A message with its destination.
pub(super) type Outgoing = (SocketAddr, Bytes);

/// Where messages go to.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) clock: Clock,
    /// None where there is one shard.
    pub(super) router: Option<Router>,
    /// The ways to the shards, by their numbers.
    pub(super) shards: Vec<mpsc::Sender<Strayed>>,
}

impl Delivery {
    /// Waits until the shard takes it: a connection is not read faster than its messages are handled.
    async fn message(&self, source: SocketAddr, payload: Bytes) {
        let owner = self.router.as_ref().and_then(|router| router.owner(&payload)).map_or(0, |owner| owner.0);
        let message = Strayed::Message { at: self.clock.now(), door: Door::Stream, source, payload };
        if let Some(shard) = self.shards.get(usize::from(owner)) {
            // The shard is gone only when the process ends.
            let _ = shard.send(message).await;
        }
    }

    async fn closed(&self, far: SocketAddr) {
        for shard in &self.shards {
            // As above.
            let _ = shard.send(Strayed::Closed(far)).await;
        }
    }
}

/// What the tasks tell the table.
#[derive(Debug)]
enum Happened {
    Accepted(TcpStream, SocketAddr),
    Closed(SocketAddr, u64),
}

/// A connection in the table.
#[derive(Debug)]
struct Connection {
    number: u64,
    queue: mpsc::Sender<Bytes>,
}

/// The thread with all its connections.
#[derive(Debug)]
pub(super) struct Streams {
    delivery: Delivery,
    table: BTreeMap<SocketAddr, Connection>,
    happened: mpsc::Sender<Happened>,
    next: u64,
}

/// Runs until no shard is left that could send.
///
/// # Errors
/// The system's, when a listener cannot be used.
pub(super) async fn run(
    listeners: Vec<std::net::TcpListener>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    delivery: Delivery,
) -> std::io::Result<()> {
    let (happened, mut happenings) = mpsc::channel(HAPPENED_MAX);
    for listener in listeners {
        tokio::spawn(accept(TcpListener::from_std(listener)?, happened.clone()));
    }
    let mut streams = Streams { delivery, table: BTreeMap::new(), happened, next: 0 };
    loop {
        tokio::select! {
            message = outgoing.recv() => match message {
                Some((destination, payload)) => streams.send(destination, payload),
                None => break,
            },
            Some(happened) = happenings.recv() => match happened {
                Happened::Accepted(stream, far) => streams.accept(stream, far),
                Happened::Closed(far, number) => streams.forget(far, number),
            },
        }
    }
    drop(streams);
    // What was said last is written.
    sleep(ACCEPT_PAUSE).await;
    Ok(())
}

async fn accept(listener: TcpListener, happened: mpsc::Sender<Happened>) {
    loop {
        match listener.accept().await {
            Ok((stream, far)) => {
                if happened.send(Happened::Accepted(stream, far)).await.is_err() {
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
    fn accept(&mut self, stream: TcpStream, far: SocketAddr) {
        let of_host = |host: IpAddr| self.table.keys().filter(|other| other.ip() == host).count();
        if self.table.len() >= STREAMS_MAX || of_host(far.ip()) >= STREAMS_PER_ADDRESS_MAX {
            tracing::warn!(%far, connections = self.table.len(), "no room for a connection");
            return;
        }
        self.open(far, Some(stream));
    }

    fn send(&mut self, destination: SocketAddr, payload: Bytes) {
        if let Some(connection) = self.table.get(&destination) {
            let Err(refused) = connection.queue.try_send(payload.clone()) else { return };
            self.table.remove(&destination);
            if let TrySendError::Full(_) = refused {
                tracing::warn!(%destination, "a connection takes nothing any more and is closed");
                return;
            }
        }
        // The far end opened the connection that it wants a response by, and closed it.
        if payload.starts_with(b"SIP/2.0 ") || self.table.len() >= STREAMS_MAX {
            tracing::debug!(%destination, "no connection, message dropped");
            return;
        }
        let queue = self.open(destination, None);
        if queue.try_send(payload).is_err() {
            tracing::debug!(%destination, "a connection ended at once");
        }
    }

    fn open(&mut self, far: SocketAddr, stream: Option<TcpStream>) -> mpsc::Sender<Bytes> {
        self.next += 1;
        let number = self.next;
        let (queue, waiting) = mpsc::channel(STREAM_PENDING_MAX);
        self.table.insert(far, Connection { number, queue: queue.clone() });
        let (delivery, happened, pongs) = (self.delivery.clone(), self.happened.clone(), queue.downgrade());
        tokio::spawn(async move {
            serve(far, stream, waiting, pongs, &delivery).await;
            delivery.closed(far).await;
            // The table is gone only when the process ends.
            let _ = happened.send(Happened::Closed(far, number)).await;
        });
        queue
    }

    fn forget(&mut self, far: SocketAddr, number: u64) {
        if self.table.get(&far).is_some_and(|connection| connection.number == number) {
            self.table.remove(&far);
        }
    }
}

/// One connection from its beginning to its end.
async fn serve(
    far: SocketAddr,
    accepted: Option<TcpStream>,
    waiting: mpsc::Receiver<Bytes>,
    pongs: mpsc::WeakSender<Bytes>,
    delivery: &Delivery,
) {
    let patience = if accepted.is_some() { MESSAGE_TIME } else { IDLE_MAX };
    let stream = match accepted {
        Some(stream) => stream,
        None => match timeout(CONNECT_TIME, TcpStream::connect(far)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, %far, "connect"),
            Err(_) => return tracing::debug!(%far, "connect takes too long"),
        },
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %far, "no delay");
    }
    let why = tokio::select! {
        why = read(far, &stream, patience, &pongs, delivery) => why,
        why = write(&stream, waiting) => why,
    };
    tracing::debug!(%far, why, "connection ends");
}

/// Reads until the end; tells why it ended.
async fn read(
    far: SocketAddr,
    stream: &TcpStream,
    patience: Duration,
    pongs: &mpsc::WeakSender<Bytes>,
    delivery: &Delivery,
) -> &'static str {
    let mut framer = Framer::default();
    let mut scratch = vec![0; READ];
    let mut deadline = Instant::now() + patience;
    let mut late = false;
    loop {
        match timeout_at(deadline, stream.readable()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "broken",
            Err(_) => return "silent for too long",
        }
        let length = match stream.try_read(&mut scratch) {
            Ok(0) => return "closed by the far end",
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => return "broken",
        };
        framer.push(&scratch[..length]);
        let mut whole = false;
        while let Some(frame) = framer.poll() {
            whole = true;
            match frame {
                Frame::Message(message) => delivery.message(far, message).await,
                Frame::Ping => {
                    if let Some(queue) = pongs.upgrade()
                        && queue.try_send(Bytes::from_static(b"\r\n")).is_err()
                    {
                        return "takes nothing";
                    }
                }
                Frame::Last(head) => {
                    delivery.message(far, head).await;
                    sleep(LAST_WORDS).await;
                    return "a message without an end";
                }
                Frame::Broken(fault) => {
                    tracing::debug!(%far, %fault, "stream");
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
async fn write(stream: &TcpStream, mut waiting: mpsc::Receiver<Bytes>) -> &'static str {
    while let Some(payload) = waiting.recv().await {
        let mut rest = &payload[..];
        while !rest.is_empty() {
            match timeout(WRITE_TIME, stream.writable()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return "broken",
                Err(_) => return "takes nothing",
            }
            match stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return "broken",
            }
        }
    }
    "not wanted any more"
}
