//! Reading and writing datagrams on the SIP socket: many small messages cut from one block of memory, and a bounded list of
//! what the socket would not take at once. Knows nothing of SIP.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::base::PerFamily;
use crate::base::limits::MESSAGE_BYTES_MAX;

/// Messages are cut from blocks of this size. A message that the node keeps holds its whole block, so a block is small.
const BLOCK: usize = 16 * 1024;
/// Full blocks remembered to be used again: their datagrams are handled in this turn or the next.
const FULL_MAX: usize = 3;
/// Datagrams that wait for a full socket; more are dropped, which SIP's retransmissions repair.
const PENDING_MAX: usize = 4_096;

/// What one read of the socket gave.
#[derive(Debug)]
pub enum Received {
    /// A datagram with its source.
    Datagram(SocketAddr, Bytes),
    /// Nothing is there.
    Nothing,
    /// An error that concerns an earlier datagram (ICMP port unreachable): read on.
    Fault,
}

/// The reading side.
#[derive(Debug)]
pub struct Inbound {
    scratch: Vec<u8>,
    block: BytesMut,
    /// Blocks read full, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self { scratch: vec![0; MESSAGE_BYTES_MAX], block: BytesMut::new(), full: VecDeque::new() }
    }
}

impl Inbound {
    /// Reads one datagram if there is one. Never waits.
    pub fn receive(&mut self, socket: &UdpSocket) -> Received {
        match socket.try_recv_from(&mut self.scratch) {
            Ok((length, source)) => Received::Datagram(source, self.keep(length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(error) => {
                tracing::debug!(%error, "receive");
                Received::Fault
            }
        }
    }

    fn keep(&mut self, length: usize) -> Bytes {
        if length > BLOCK / 4 {
            return Bytes::copy_from_slice(&self.scratch[..length]);
        }
        if self.block.capacity() < length {
            self.next_block();
        }
        self.block.extend_from_slice(&self.scratch[..length]);
        self.block.split().freeze()
    }

    /// Goes on with the oldest full block when nothing of it is held any more, else with a new one: for each of that size the
    /// allocator would first gather the small pieces that calls have left.
    fn next_block(&mut self) {
        self.full.push_back(std::mem::take(&mut self.block));
        let oldest = if self.full.len() > FULL_MAX { self.full.pop_front() } else { None };
        let reclaimed = oldest.and_then(|mut block| block.try_reclaim(BLOCK).then_some(block));
        self.block = reclaimed.unwrap_or_else(|| BytesMut::with_capacity(BLOCK));
    }
}

/// The writing side of one socket; owns it.
#[derive(Debug)]
pub struct Outbound {
    socket: UdpSocket,
    pending: VecDeque<(SocketAddr, Bytes)>,
}

impl Outbound {
    /// Writes to `socket`.
    pub fn new(socket: UdpSocket) -> Self {
        Self { socket, pending: VecDeque::new() }
    }

    /// The socket, for reading.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// True when nothing waits for the socket.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Sends, or keeps for later, in order. What cannot be sent at all is dropped: SIP repeats what matters.
    pub fn send(&mut self, destination: SocketAddr, payload: Bytes) {
        if self.pending.is_empty() {
            match self.socket.try_send_to(&payload, destination) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return log_failure(result, destination),
            }
        }
        if self.pending.len() >= PENDING_MAX {
            tracing::warn!(%destination, "send buffer full, datagram dropped");
            return;
        }
        self.pending.push_back((destination, payload));
    }

    /// Sends what waited, as far as the socket takes it.
    pub fn flush(&mut self) {
        while let Some((destination, payload)) = self.pending.front() {
            match self.socket.try_send_to(payload, *destination) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                result => log_failure(result, *destination),
            }
            self.pending.pop_front();
        }
    }

    /// Waits until a datagram can be read, or written when some wait for that.
    pub async fn ready(&self) {
        let interest =
            if self.pending.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        if let Err(error) = self.socket.ready(interest).await {
            tracing::error!(%error, "socket");
        }
    }
}

/// The sockets of a signalling thread: one for each address family that is spoken, and each sends to its own.
#[derive(Debug)]
pub struct Sockets(PerFamily<Outbound>);

impl Sockets {
    /// Reads from and writes to these.
    ///
    /// # Errors
    /// The system's, when one cannot be waited for.
    pub fn new(sockets: PerFamily<std::net::UdpSocket>) -> std::io::Result<Self> {
        sockets.try_map(|socket| Ok(Outbound::new(UdpSocket::from_std(socket)?))).map(Self)
    }

    /// All of them, for reading.
    pub fn each(&self) -> impl Iterator<Item = &UdpSocket> {
        self.0.all().map(Outbound::socket)
    }

    /// True when nothing waits for a socket.
    pub fn is_empty(&self) -> bool {
        self.0.all().all(Outbound::is_empty)
    }

    /// As [`Outbound::send`].
    pub fn send(&mut self, destination: SocketAddr, payload: Bytes) {
        self.0.towards_mut(destination.ip()).send(destination, payload);
    }

    /// As [`Outbound::flush`].
    pub fn flush(&mut self) {
        self.0.all_mut().for_each(Outbound::flush);
    }

    /// As [`Outbound::ready`], for any of them.
    pub async fn ready(&self) {
        let Some(other) = self.0.other() else { return self.0.first().ready().await };
        tokio::select! {
            () = self.0.first().ready() => {}
            () = other.ready() => {}
        }
    }
}

/// Sends by a socket that is another thread's to wait for. What it does not take at once is lost: SIP repeats what matters.
pub fn send_now(socket: &std::net::UdpSocket, destination: SocketAddr, payload: &[u8]) {
    log_failure(socket.send_to(payload, destination), destination);
}

fn log_failure(result: Result<usize, Error>, destination: SocketAddr) {
    if let Err(error) = result {
        tracing::debug!(%error, %destination, "send");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_messages_share_a_block_and_large_ones_do_not() {
        let mut inbound = Inbound::default();
        inbound.scratch[..3].copy_from_slice(b"abc");
        let (a, b) = (inbound.keep(3), inbound.keep(2));
        assert_eq!((&a[..], &b[..]), (&b"abc"[..], &b"ab"[..]));
        assert_eq!(a.as_ptr().wrapping_add(3), b.as_ptr());
        assert_eq!(inbound.keep(BLOCK).len(), BLOCK);
        let many: Vec<Bytes> = (0..100).map(|_| inbound.keep(1000)).collect();
        assert!(many.iter().all(|message| message.len() == 1000 && message.starts_with(b"abc")));
    }
}
