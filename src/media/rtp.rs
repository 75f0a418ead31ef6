//! RTP packets (RFC 3550 5.1): a header view that allocates nothing and survives any bytes. CSRCs, header extensions and
//! padding are skipped on reading and never written.

use bytes::BytesMut;

/// The fields that matter of an RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talk-spurt or of an event (RFC 3551 4.1).
    pub marker: bool,
    /// 0..=127.
    pub payload_type: u8,
    /// One more for each packet.
    pub sequence: u16,
    /// In samples.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

/// A header with its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header,
    /// What it carries, padding removed.
    pub payload: &'a [u8],
}

/// Octets of the header as this engine writes it.
pub const HEADER_BYTES: usize = 12;

impl<'a> Packet<'a> {
    /// Reads a datagram; `None` when it is no RTP version 2 packet or cut short.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *datagram.first_chunk::<HEADER_BYTES>()?;
        let mut payload = datagram.get(header_bytes(datagram)?..)?;
        if first & PADDING != 0 {
            let padding = usize::from(*payload.last()?);
            payload = &payload[..payload.len().checked_sub(padding)?];
        }
        let header = Header {
            marker: second & MARKER != 0,
            payload_type: second & !MARKER,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Some(Self { header, payload })
    }
}

/// Octets of a packet's header with its CSRCs and its extension; `None` when it is no RTP version 2 packet or cut short there.
pub(crate) fn header_bytes(datagram: &[u8]) -> Option<usize> {
    let (fixed, rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    if fixed[0] >> 6 != VERSION {
        return None;
    }
    let mut payload = rest.get(4 * usize::from(fixed[0] & 0x0F)..)?;
    if fixed[0] & EXTENSION != 0 {
        let ([_, _, high, low], rest) = payload.split_first_chunk::<4>()?;
        payload = rest.get(4 * usize::from(u16::from_be_bytes([*high, *low]))..)?;
    }
    Some(datagram.len() - payload.len())
}

impl Header {
    /// True when these octets are RTCP sent to the RTP port although rtcp-mux was declined (RFC 5761 4).
    pub const fn is_rtcp(&self) -> bool {
        self.marker && 64 <= self.payload_type && self.payload_type < 96
    }

    /// Appends the twelve octets; the payload follows.
    pub fn write(&self, out: &mut BytesMut) {
        let mut octets = [0; HEADER_BYTES];
        octets[0] = VERSION << 6;
        octets[1] = if self.marker { MARKER } else { 0 } | self.payload_type & !MARKER;
        octets[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        octets[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        octets[8..].copy_from_slice(&self.ssrc.to_be_bytes());
        // In one go: five would each see whether there is room.
        out.extend_from_slice(&octets);
    }
}

const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;
    use webrtc_util::marshal::{Marshal, Unmarshal};

    use super::*;

    proptest! {
        #[test]
        fn another_implementation_reads_what_we_write(header in header(), payload in bytes(0..200)) {
            let mut written = BytesMut::new();
            header.write(&mut written);
            written.put_slice(&payload);
            let read = rtp::packet::Packet::unmarshal(&mut written.freeze()).unwrap();
            prop_assert_eq!(ours(&read.header), header);
            prop_assert_eq!(read.payload, payload);
            prop_assert!(!read.header.padding && !read.header.extension && read.header.csrc.is_empty());
        }

        #[test]
        fn we_read_what_another_implementation_writes(
            header in header(),
            payload in bytes(1..200),
            csrc in proptest::collection::vec(any::<u32>(), 0..16),
            extension in proptest::option::of(bytes(1..16)),
            padding: bool,
        ) {
            let mut theirs = rtp::packet::Packet { payload: payload.clone().into(), ..Default::default() };
            theirs.header = rtp::header::Header {
                version: 2,
                padding,
                marker: header.marker,
                payload_type: header.payload_type,
                sequence_number: header.sequence,
                timestamp: header.timestamp,
                ssrc: header.ssrc,
                csrc,
                ..Default::default()
            };
            if let Some(extension) = extension {
                theirs.header.set_extension(5, extension.into()).unwrap();
            }
            let datagram = theirs.marshal().unwrap();
            prop_assert_eq!(Packet::parse(&datagram), Some(Packet { header, payload: &payload }));
        }

        #[test]
        fn any_bytes_are_read_as_another_implementation_reads_them(mut datagram in bytes(0..80), version: bool) {
            if let (Some(first), true) = (datagram.first_mut(), version) {
                *first = *first & 0x3F | 0x80;
            }
            let theirs = rtp::packet::Packet::unmarshal(&mut datagram.as_slice());
            let extended = datagram.first().is_some_and(|first| first & EXTENSION != 0);
            match (Packet::parse(&datagram), theirs) {
                (Some(packet), Ok(theirs)) => {
                    prop_assert_eq!(ours(&theirs.header), packet.header);
                    prop_assert_eq!(theirs.payload, packet.payload);
                }
                // They read a header of another version, and refuse an extension's content that we skip unread.
                (None, Ok(theirs)) => prop_assert_ne!(theirs.header.version, 2),
                (Some(_), Err(_)) => prop_assert!(extended),
                (None, Err(_)) => {}
            }
        }
    }

    #[test]
    fn padding_longer_than_the_payload_is_refused() {
        let mut datagram = vec![0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
        assert_eq!(Packet::parse(&datagram).map(|packet| packet.payload.len()), Some(0));
        datagram[14] = 4;
        assert_eq!(Packet::parse(&datagram), None);
    }

    fn header() -> impl Strategy<Value = Header> {
        (any::<bool>(), 0..128u8, any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
            |(marker, payload_type, sequence, timestamp, ssrc)| Header {
                marker,
                payload_type,
                sequence,
                timestamp,
                ssrc,
            },
        )
    }

    fn bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), length)
    }

    fn ours(theirs: &rtp::header::Header) -> Header {
        Header {
            marker: theirs.marker,
            payload_type: theirs.payload_type,
            sequence: theirs.sequence_number,
            timestamp: theirs.timestamp,
            ssrc: theirs.ssrc,
        }
    }
}
