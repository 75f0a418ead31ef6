//! The RTP and RTCP sockets: pairs of neighbouring ports bound at the start, as many as the range and the limit of open files
//! allow. Pairs that another program holds are skipped. With two address families each port is bound in both, and what is sent
//! goes by the socket of the destination's: a lease is good for far ends of either.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::base::PerFamily;
use crate::media::outbox::Kind;
use crate::media::{Lease, Link, PortId, Transmit};

/// The poll's token of the waker; sockets have the tokens below.
pub const WAKE: Token = Token(usize::MAX);
/// Open files kept for everything but RTP: SIP, HTTP connections, files.
const FILES_RESERVED: u64 = 256;

/// A bound pair.
#[derive(Debug)]
struct Pair {
    lease: Lease,
    /// RTP and RTCP.
    sockets: PerFamily<[UdpSocket; 2]>,
    /// The far end that the RTP socket is connected to.
    linked: Option<SocketAddr>,
}

/// The bound pairs of one media worker, by the index in their [`PortId`].
#[derive(Debug)]
pub struct Ports {
    worker: u8,
    pairs: Vec<Pair>,
}

/// A socket that has something to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readable {
    /// The pair, by its index.
    pub pair: u32,
    /// Which of the two.
    pub kind: Kind,
    /// It is that of the other address family.
    pub other: bool,
}

impl Readable {
    /// The socket a token stands for; `None` for [`WAKE`].
    pub fn from_token(token: Token) -> Option<Self> {
        if token == WAKE {
            return None;
        }
        let kind = if token.0.is_multiple_of(2) { Kind::Rtp } else { Kind::Rtcp };
        Some(Self { pair: u32::try_from(token.0 / 4).ok()?, kind, other: token.0 & 2 != 0 })
    }
}

impl Ports {
    /// Binds pairs on these hosts in the range `first..=last` (even to odd), each announced with the host `advertise`, and
    /// shares them out between `workers` as evenly as it goes; a worker without a pair is left out. Raises the limit of open
    /// files as far as the system allows and stops at it.
    ///
    /// # Errors
    /// Without any pair: what was in the way last, in words that begin with the key.
    pub fn bind(
        hosts: &PerFamily<IpAddr>,
        range: (u16, u16),
        advertise: IpAddr,
        workers: u8,
    ) -> Result<Vec<Self>, String> {
        let mut pairs = bind_pairs(hosts, range, advertise)?;
        let mut shared = Vec::new();
        for worker in 0..workers {
            let rest = pairs.split_off(pairs.len().div_ceil(usize::from(workers - worker)));
            for (index, pair) in (0..).zip(&mut pairs) {
                pair.lease.port = PortId::new(worker, index);
            }
            shared.push(Self { worker, pairs: std::mem::replace(&mut pairs, rest) });
        }
        shared.retain(|ports| !ports.is_empty());
        Ok(shared)
    }

    /// The worker whose they are.
    pub const fn worker(&self) -> u8 {
        self.worker
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
            for (number, socket) in pair.sockets.all_mut().flatten().enumerate() {
                registry.register(socket, Token(index * 4 + number), Interest::READABLE)?;
            }
        }
        Ok(())
    }

    /// Sends a datagram. What a full socket or an unreachable network does not take is lost, as on a full wire.
    pub fn send(&self, transmit: &Transmit) {
        let Some(pair) = self.pair(transmit.port) else { return };
        let Transmit { destination, payload, .. } = transmit;
        let [rtp, rtcp] = pair.sockets.towards(destination.ip());
        let sent = match transmit.kind {
            Kind::Rtp if pair.linked == Some(*destination) => match rtp.send(payload) {
                // A connected socket tells first that an earlier packet found nobody.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => rtp.send(payload),
                sent => sent,
            },
            Kind::Rtp => rtp.send_to(payload, *destination),
            Kind::Rtcp => rtcp.send_to(payload, *destination),
        };
        if let Err(error) = sent {
            tracing::trace!(%error, %destination, "media send");
        }
    }

    /// Connects the RTP socket to its far end, or lets it go: sending to a connected socket costs a tenth less, and the system
    /// drops what comes from elsewhere. Not where the socket takes packets for every address of the host: a connected one
    /// takes only those for the address that its own packets go out from.
    pub fn link(&mut self, link: Link) {
        let Some(pair) = usize::try_from(link.port.index()).ok().and_then(|index| self.pairs.get_mut(index)) else {
            return;
        };
        if let Some(before) = pair.linked
            && link.far.is_none_or(|far| far.is_ipv4() != before.is_ipv4())
        {
            let [rtp, _] = pair.sockets.towards(before.ip());
            match rustix::net::connect_unspec(rtp) {
                Ok(()) => pair.linked = None,
                Err(error) => tracing::error!(%error, ?link, "an RTP socket keeps the far end it has"),
            }
        }
        let Some(far) = link.far else { return };
        let [rtp, _] = pair.sockets.towards(far.ip());
        if rtp.local_addr().is_ok_and(|local| local.ip().is_unspecified()) {
            return;
        }
        match rtp.connect(far) {
            Ok(()) => pair.linked = link.far,
            Err(error) => tracing::error!(%error, ?link, "an RTP socket keeps the far end it has"),
        }
    }

    /// One socket of a pair.
    pub fn socket(&self, readable: Readable) -> Option<&UdpSocket> {
        let sockets = &self.pairs.get(usize::try_from(readable.pair).ok()?)?.sockets;
        let [rtp, rtcp] = if readable.other { sockets.other()? } else { sockets.first() };
        Some(match readable.kind {
            Kind::Rtp => rtp,
            Kind::Rtcp => rtcp,
        })
    }

    fn pair(&self, port: PortId) -> Option<&Pair> {
        self.pairs.get(usize::try_from(port.index()).ok()?)
    }
}

/// Binds pairs as long as there is room for open files.
fn bind_pairs(hosts: &PerFamily<IpAddr>, (first, last): (u16, u16), advertise: IpAddr) -> Result<Vec<Pair>, String> {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let each = 2 * hosts.all().count() as u64;
    let room = usize::try_from(files.saturating_sub(FILES_RESERVED) / each).unwrap_or(usize::MAX);
    let mut pairs = Vec::new();
    let (mut taken, mut wrong) = (0, None);
    let mut even = first.next_multiple_of(2);
    while pairs.len() < room && even < last {
        match hosts.try_map(|host| bind_pair(host, even, hosts.other().is_some()).map_err(|error| (host, error))) {
            Ok(sockets) => {
                pairs.push(Pair {
                    lease: Lease { port: PortId(0), address: SocketAddr::new(advertise, even) },
                    sockets,
                    linked: None,
                });
            }
            Err((host, error)) => {
                tracing::debug!(%host, %error, port = even, "RTP port skipped");
                taken += 1;
                wrong = Some((host, error));
            }
        }
        let Some(next) = even.checked_add(2) else { break };
        even = next;
    }
    if pairs.is_empty() {
        return Err(no_pair(hosts, (first, last), wrong));
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
    Ok(pairs)
}

/// Why no pair can be had; `wrong` is what the system has said last, and of which host.
fn no_pair(hosts: &PerFamily<IpAddr>, (first, last): (u16, u16), wrong: Option<(IpAddr, std::io::Error)>) -> String {
    let (host, error) = match wrong {
        Some((host, error)) if error.kind() == ErrorKind::AddrNotAvailable => {
            return format!("media.address = {host}: {error}");
        }
        Some((host, error)) => (host, error.to_string()),
        None => (*hosts.first(), "the limit of open files leaves no room".to_string()),
    };
    format!("media.ports = {first}-{last}: no pair of ports on {host} can be had: {error}")
}

/// RTP and RTCP; where they are `apart`, IPv6 leaves the same port in IPv4 to another.
fn bind_pair(host: IpAddr, even: u16, apart: bool) -> std::io::Result<[UdpSocket; 2]> {
    let bind = |port| {
        let address = SocketAddr::new(host, port);
        if !apart || address.is_ipv4() {
            return UdpSocket::bind(address);
        }
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None)?;
        socket.set_only_v6(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(UdpSocket::from_std(socket.into()))
    };
    Ok([bind(even)?, bind(even + 1)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the first lease.
    const RTP: Readable = Readable { pair: 0, kind: Kind::Rtp, other: false };

    #[test]
    fn a_token_names_its_socket() {
        assert_eq!(Readable::from_token(Token(13)), Some(Readable { pair: 3, kind: Kind::Rtcp, other: false }));
        assert_eq!(Readable::from_token(Token(14)), Some(Readable { pair: 3, kind: Kind::Rtp, other: true }));
        assert_eq!(Readable::from_token(WAKE), None);
    }

    #[test]
    fn a_pair_held_by_another_program_is_skipped() {
        let localhost: IpAddr = "127.0.0.1".parse().unwrap();
        let held = std::net::UdpSocket::bind((localhost, 0)).unwrap();
        let even = held.local_addr().unwrap().port() & !1;
        let ports =
            Ports::bind(&PerFamily::new(localhost, localhost, None), (even, even.saturating_add(1)), localhost, 2);
        let error = ports.unwrap_err();
        assert!(error.starts_with(&format!("media.ports = {even}-")) && error.contains("on 127.0.0.1 "), "{error}");
    }

    #[test]
    fn an_address_that_is_not_ours_is_named() {
        let [ours, strange]: [IpAddr; 2] = ["127.0.0.1", "2001:db8::bad"].map(|ip| ip.parse().unwrap());
        let hosts = PerFamily::new(ours, ours, Some(strange));
        let gone = std::io::Error::from(ErrorKind::AddrNotAvailable);
        let told = no_pair(&hosts, (47_170, 47_173), Some((strange, gone)));
        assert!(told.starts_with("media.address = 2001:db8::bad: "), "{told}");
        // Whatever the system says of it, which may speak no IPv6 at all.
        let told = Ports::bind(&PerFamily::new(strange, strange, Some(ours)), (47_170, 47_173), ours, 1).unwrap_err();
        assert!(told.contains("2001:db8::bad"), "{told}");
        assert!(
            no_pair(&hosts, (2, 5), None).ends_with("on 127.0.0.1 can be had: the limit of open files leaves no room")
        );
    }

    #[test]
    fn workers_share_the_pairs() {
        let localhost: IpAddr = "127.0.0.1".parse().unwrap();
        let ports = Ports::bind(&PerFamily::new(localhost, localhost, None), (47_100, 47_109), localhost, 3).unwrap();
        let mut leases: Vec<Lease> = ports.iter().flat_map(Ports::leases).collect();
        let pairs = leases.len();
        assert!(ports.len() <= 3);
        for ports in &ports {
            let numbers: Vec<PortId> = ports.leases().iter().map(|lease| lease.port).collect();
            assert_eq!(
                numbers,
                (0..ports.len() as u32).map(|index| PortId::new(ports.worker(), index)).collect::<Vec<_>>()
            );
            assert!(ports.len().abs_diff(pairs / 3) <= 1);
        }
        leases.dedup_by_key(|lease| lease.address);
        assert_eq!(leases.len(), pairs, "no pair belongs to two");
    }

    #[test]
    fn a_linked_socket_hears_its_far_end_alone_and_afterwards_everybody_again() {
        let localhost: IpAddr = "127.0.0.1".parse().unwrap();
        let mut ports = Ports::bind(&PerFamily::new(localhost, localhost, None), (47_110, 47_139), localhost, 1)
            .unwrap()
            .pop()
            .expect("some pair is free");
        let lease = ports.leases()[0];
        let [far, stranger] = [(); 2].map(|()| std::net::UdpSocket::bind((localhost, 0)).unwrap());
        let heard = |ports: &Ports| {
            far.send_to(b"end", lease.address).unwrap();
            let mut sources = Vec::new();
            loop {
                match ports.socket(RTP).unwrap().recv_from(&mut [0; 100]) {
                    Ok((1, source)) => sources.push(source.port()),
                    Ok(_) => return sources,
                    Err(_) => std::thread::yield_now(),
                }
            }
        };
        let both = [&far, &stranger].map(|socket| socket.local_addr().unwrap().port());
        let speak = || [&far, &stranger].map(|socket| socket.send_to(b"x", lease.address).unwrap());
        let to_far = Link { port: lease.port, far: Some(far.local_addr().unwrap()) };
        ports.link(to_far);
        speak();
        assert_eq!(heard(&ports), both[..1]);
        for destination in [&far, &stranger] {
            let destination = destination.local_addr().unwrap();
            let payload = bytes::Bytes::from_static(b"y");
            ports.send(&Transmit { port: lease.port, kind: Kind::Rtp, destination, payload });
        }
        for socket in [&far, &stranger] {
            assert_eq!(socket.recv_from(&mut [0; 100]).unwrap().1, lease.address, "from the same port either way");
        }
        ports.link(Link { far: None, ..to_far });
        speak();
        assert_eq!(heard(&ports), both);
        assert_eq!(ports.socket(RTP).unwrap().local_addr().unwrap(), lease.address);
    }

    #[test]
    fn a_far_end_that_is_not_there_yet_costs_no_packet_of_those_after() {
        let localhost: IpAddr = "127.0.0.1".parse().unwrap();
        let mut ports = Ports::bind(&PerFamily::new(localhost, localhost, None), (47_140, 47_169), localhost, 1)
            .unwrap()
            .pop()
            .expect("some pair is free");
        let port = ports.leases()[0].port;
        let late = std::net::UdpSocket::bind((localhost, 0)).unwrap();
        let destination = late.local_addr().unwrap();
        drop(late);
        ports.link(Link { port, far: Some(destination) });
        let packet = || Transmit { port, kind: Kind::Rtp, destination, payload: bytes::Bytes::from_static(b"z") };
        ports.send(&packet());
        let late = std::net::UdpSocket::bind(destination).unwrap();
        ports.send(&packet());
        assert_eq!(late.recv_from(&mut [0; 100]).unwrap().0, 1);
    }
}
