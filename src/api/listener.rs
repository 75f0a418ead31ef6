//! The HTTP listener with its bounds: at most [`CONNECTIONS_MAX`] connections at once (more wait in the system's queue), and
//! one that sends nothing for [`IDLE_MAX`] is closed, so that nobody can hold them all for ever.

use std::io::{Error, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at once: below the open files that are kept from RTP.
const CONNECTIONS_MAX: usize = 128;
/// Longer than the usual scrape interval of a minute, so that scrapers keep their connection.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Pause after a failed accept (no open files left), as hot retries would not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener within bounds.
#[derive(Debug)]
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Bounded {
    /// Puts bounds on a listener.
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, source)) => {
                    return (Connection { stream, idle: Box::pin(sleep(IDLE_MAX)), _permit: permit }, source);
                }
                Err(error) => {
                    tracing::debug!(%error, "accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that counts, and ends when idle.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if read.is_ready() {
            self.idle.as_mut().set(sleep(IDLE_MAX));
            return read;
        }
        if self.idle.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::serve::Listener;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }

    async fn listener() -> (Bounded, SocketAddr) {
        let bounded = Bounded::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = bounded.local_addr().unwrap();
        (bounded, address)
    }

    #[test]
    fn more_connections_wait_until_one_ends() {
        run(async {
            let (mut bounded, address) = listener().await;
            let mut held = Vec::new();
            for _ in 0..CONNECTIONS_MAX {
                held.push((TcpStream::connect(address).await.unwrap(), bounded.accept().await));
            }
            let _one_more = TcpStream::connect(address).await.unwrap();
            assert_eq!(bounded.permits.available_permits(), 0);
            let mut accept = Box::pin(bounded.accept());
            let waits = std::future::poll_fn(|context| Poll::Ready(accept.as_mut().poll(context).is_pending())).await;
            assert!(waits);
            held.pop();
            accept.await;
        });
    }

    #[test]
    fn an_idle_connection_is_closed() {
        run(async {
            let (mut bounded, address) = listener().await;
            let _silent = TcpStream::connect(address).await.unwrap();
            let (mut connection, _) = bounded.accept().await;
            connection.idle.as_mut().set(sleep(Duration::ZERO));
            let ended = connection.read(&mut [0; 8]).await;
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::TimedOut);
        });
    }
}
