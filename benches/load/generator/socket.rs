//! Datagrams in batches with the kernel's time of arrival, which the generator's own scheduling does not blur.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::system;

const BATCH: usize = 32;
const DATAGRAM_MAX: usize = 2_048;
/// Asked for; the system may grant less.
const BUFFER: usize = 8 << 20;

/// A socket on loopback with a free port, non-blocking, stamped.
pub(crate) fn open() -> Result<UdpSocket, String> {
    open_at(0)
}

/// The same on a given port.
pub(crate) fn open_at(port: u16) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(("127.0.0.1", port)).map_err(|error| format!("socket: {error}"))?;
    socket.set_nonblocking(true).map_err(|error| format!("socket: {error}"))?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(|error| format!("timestamps: {error}"))?;
    // Beyond the system's limit only for the privileged; less is still some.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        let _ = setsockopt(&socket, sockopt::RcvBuf, &BUFFER);
    }
    Ok(socket)
}

/// The port of a socket.
pub(crate) fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().map_or(0, |address| address.port())
}

/// Memory for reading batches.
#[derive(Debug)]
pub(crate) struct Reader {
    headers: MultiHeaders<SockaddrIn>,
    memory: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        let headers = MultiHeaders::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
        Self { headers, memory: vec![0; BATCH * DATAGRAM_MAX] }
    }
}

impl Reader {
    /// Reads a batch if something is there; `each` gets the moment of arrival, the source and the datagram. Tells how many.
    pub(crate) fn read(&mut self, socket: &UdpSocket, mut each: impl FnMut(u64, SocketAddrV4, &[u8])) -> usize {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.memory.chunks_exact_mut(DATAGRAM_MAX).map(|chunk| [IoSliceMut::new(chunk)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(results) = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) else {
            return 0;
        };
        let mut count = 0;
        for result in results {
            count += 1;
            let stamp = result.cmsgs().ok().and_then(|mut all| {
                all.find_map(|one| {
                    let ControlMessageOwned::ScmTimestampns(time) = one else { return None };
                    Some(system::nanos(time.into()))
                })
            });
            let (Some(source), Some(datagram)) = (result.address, result.iovs().next()) else { continue };
            each(stamp.unwrap_or_else(system::now), source.into(), datagram);
        }
        count
    }
}

/// Datagrams of one size for one destination that go to the kernel in one piece (UDP GSO), which cuts it again when it delivers
/// them: several times cheaper for the sender, the same for the receiver.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    text: Vec<u8>,
    size: usize,
}

impl Batch {
    /// What the kernel takes at once: 64 datagrams, and not more than fit in one.
    const DATAGRAMS_MAX: usize = 64;
    const BYTES_MAX: usize = 60_000;

    /// Keeps a datagram until [`Batch::flush`]; makes room first.
    pub(crate) fn add(&mut self, socket: &UdpSocket, destination: SocketAddrV4, datagram: &[u8]) {
        let is_full = self.text.len() + datagram.len() > Self::BYTES_MAX.min(Self::DATAGRAMS_MAX * self.size);
        if datagram.len() != self.size || is_full {
            self.flush(socket, destination);
        }
        self.size = datagram.len();
        self.text.extend_from_slice(datagram);
    }

    /// Sends what is kept. What a full buffer loses is lost as on a wire.
    pub(crate) fn flush(&mut self, socket: &UdpSocket, destination: SocketAddrV4) {
        if self.text.len() > self.size {
            let size = self.size as u16;
            let cut = [ControlMessage::UdpGsoSegments(&size)];
            let address = SockaddrIn::from(destination);
            let whole = [IoSlice::new(&self.text)];
            let sent = sendmsg(socket.as_raw_fd(), &whole, &cut, MsgFlags::MSG_DONTWAIT, Some(&address));
            if sent.is_err() {
                // An older kernel cuts nothing.
                self.text.chunks(self.size).for_each(|datagram| drop(socket.send_to(datagram, destination)));
            }
        } else if !self.text.is_empty() {
            drop(socket.send_to(&self.text, destination));
        }
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_arrives_as_the_datagrams_it_was_made_of() {
        let (from, to) = (open().unwrap(), open().unwrap());
        let destination = SocketAddrV4::new([127, 0, 0, 1].into(), port(&to));
        let mut batch = Batch::default();
        let datagrams: Vec<Vec<u8>> = (0..100u8).map(|n| vec![n; if n < 90 { 700 } else { 300 }]).collect();
        datagrams.iter().for_each(|datagram| batch.add(&from, destination, datagram));
        batch.flush(&from, destination);
        batch.flush(&from, destination);
        let mut arrived = Vec::new();
        let mut reader = Reader::default();
        while reader.read(&to, |_, _, datagram| arrived.push(datagram.to_vec())) > 0 {}
        assert_eq!(arrived, datagrams);
    }
}
