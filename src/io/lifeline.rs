//! Notices that the far end of a stream connection is gone without a word: a machine that lost power, a NAT that forgot. The
//! system asks it while nothing is said, and gives up sooner than by itself on what is not acknowledged.

use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;

/// After so long without a word the far end is asked, so often, in such intervals: gone after a minute.
const IDLE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// What was sent is acknowledged by then, or the connection is closed: the time of a transaction (64*T1, RFC 3261 17) is nearly
/// over, and the next message opens another connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// Has the system watch a connection.
///
/// # Errors
/// The system's; the connection can be used all the same.
pub(super) fn watch(stream: &TcpStream) -> std::io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, IDLE)?;
    sockopt::set_tcp_keepintvl(stream, INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED.as_millis() as u32)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_watches_a_connection() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            watch(&stream).unwrap();
            assert!(sockopt::socket_keepalive(&stream).unwrap());
            assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), IDLE);
            assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 20_000);
        });
    }
}
