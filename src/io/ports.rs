//! The RTP and RTCP sockets: pairs of neighbouring ports bound at the start, as many as the range and the limit of open files
//! allow. Pairs that another program holds are skipped.

use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::media::outbox::Kind;
use crate::media::{Lease, PortId};

/// The poll's token of the waker; sockets have the tokens below.
pub const WAKE: Token = Token(usize::MAX);
/// Open files kept for everything but RTP: SIP, HTTP connections, files.
const FILES_RESERVED: u64 = 256;

/// A bound pair.
#[derive(Debug)]
struct Pair {
    lease: Lease,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

/// All bound pairs, by [`PortId`].
#[derive(Debug, Default)]
pub struct Ports {
    pairs: Vec<Pair>,
}

/// A socket that has something to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readable {
    /// The pair.
    pub port: PortId,
    /// Which of the two.
    pub kind: Kind,
}

impl Readable {
    /// The socket a token stands for; `None` for [`WAKE`].
    pub fn from_token(token: Token) -> Option<Self> {
        if token == WAKE {
            return None;
        }
        let kind = if token.0.is_multiple_of(2) { Kind::Rtp } else { Kind::Rtcp };
        Some(Self { port: PortId(u32::try_from(token.0 / 2).ok()?), kind })
    }
}

impl Ports {
    /// Binds pairs on `address` in the range `first..=last` (even to odd), each announced with the host `advertise`. Raises
    /// the limit of open files as far as the system allows and stops at it.
    pub fn bind(address: IpAddr, (first, last): (u16, u16), advertise: IpAddr) -> Self {
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
        let room = usize::try_from(files.saturating_sub(FILES_RESERVED) / 2).unwrap_or(usize::MAX);
        let mut pairs = Vec::new();
        let mut taken = 0;
        let mut even = first.next_multiple_of(2);
        while pairs.len() < room && even < last {
            match bind_pair(address, even) {
                Ok((rtp, rtcp)) => {
                    let port = PortId(u32::try_from(pairs.len()).expect("a port range has fewer than 2^16 pairs"));
                    pairs.push(Pair { lease: Lease { port, address: SocketAddr::new(advertise, even) }, rtp, rtcp });
                }
                Err(error) => {
                    tracing::debug!(%error, port = even, "RTP port skipped");
                    taken += 1;
                }
            }
            let Some(next) = even.checked_add(2) else { break };
            even = next;
        }
        if pairs.len() >= room {
            tracing::warn!(
                pairs = pairs.len(),
                files,
                "the limit of open files ends the RTP ports; raise it for more calls"
            );
        }
        if taken > 0 {
            tracing::warn!(taken, "RTP ports held by another program are skipped");
        }
        Self { pairs }
    }

    /// How many pairs are bound.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True without a pair: no call can have audio.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The leases to give out.
    pub fn leases(&self) -> Vec<Lease> {
        self.pairs.iter().map(|pair| pair.lease).collect()
    }

    /// Registers all sockets for reading.
    ///
    /// # Errors
    /// The system's.
    pub fn register(&mut self, registry: &Registry) -> std::io::Result<()> {
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            registry.register(&mut pair.rtp, Token(index * 2), Interest::READABLE)?;
            registry.register(&mut pair.rtcp, Token(index * 2 + 1), Interest::READABLE)?;
        }
        Ok(())
    }

    /// One socket of a pair.
    pub fn socket(&self, port: PortId, kind: Kind) -> Option<&UdpSocket> {
        let pair = self.pairs.get(usize::try_from(port.0).ok()?)?;
        Some(match kind {
            Kind::Rtp => &pair.rtp,
            Kind::Rtcp => &pair.rtcp,
        })
    }
}

fn bind_pair(address: IpAddr, even: u16) -> std::io::Result<(UdpSocket, UdpSocket)> {
    let rtp = UdpSocket::bind(SocketAddr::new(address, even))?;
    let rtcp = UdpSocket::bind(SocketAddr::new(address, even + 1))?;
    Ok((rtp, rtcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_socket() {
        assert_eq!(Readable::from_token(Token(7)), Some(Readable { port: PortId(3), kind: Kind::Rtcp }));
        assert_eq!(Readable::from_token(Token(6)), Some(Readable { port: PortId(3), kind: Kind::Rtp }));
        assert_eq!(Readable::from_token(WAKE), None);
    }

    #[test]
    fn a_pair_held_by_another_program_is_skipped() {
        let localhost: IpAddr = "127.0.0.1".parse().unwrap();
        let held = std::net::UdpSocket::bind((localhost, 0)).unwrap();
        let even = held.local_addr().unwrap().port() & !1;
        let ports = Ports::bind(localhost, (even, even.saturating_add(1)), localhost);
        assert!(ports.is_empty());
    }
}
