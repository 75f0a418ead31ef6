//! What two sides agree on for audio, as a simulated phone writes and reads it: a minimal SDP (RFC 8866) with an offer and
//! answer of one audio stream (RFC 3264). Written apart from the engine's.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::media::Codec;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// Only the writer.
    SendOnly,
    /// Only the reader.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// What answers this direction when the answerer itself wishes both (RFC 3264 6.1).
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }
}

/// One side's description of its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Where it wants RTP.
    pub address: SocketAddr,
    /// The payload types, the preferred one first, telephone-event excluded.
    pub formats: Vec<u8>,
    /// The payload type of telephone-event.
    pub dtmf: Option<u8>,
    /// Who sends, seen from the writer.
    pub direction: Direction,
}

impl Terms {
    /// Writes the body.
    pub fn write(&self, version: u32) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let family = if ip.is_ipv6() { "IP6" } else { "IP4" };
        let mut sdp = String::with_capacity(256);
        let mut line = |text: std::fmt::Arguments<'_>| {
            writeln!(sdp, "{text}\r").expect("writing to a string succeeds");
        };
        line(format_args!("v=0"));
        line(format_args!("o=- 1 {version} IN {family} {ip}"));
        line(format_args!("s=-"));
        line(format_args!("c=IN {family} {ip}"));
        line(format_args!("t=0 0"));
        let formats: Vec<String> = self.formats.iter().chain(&self.dtmf).map(u8::to_string).collect();
        line(format_args!("m=audio {port} RTP/AVP {}", formats.join(" ")));
        for format in &self.formats {
            if let Some(codec) = codec_of(*format) {
                let name = match codec {
                    Codec::Pcma => "PCMA/8000",
                    Codec::Pcmu => "PCMU/8000",
                    Codec::G722 => "G722/8000",
                    Codec::G729 => "G729/8000",
                    Codec::Opus => "opus/48000/2",
                };
                line(format_args!("a=rtpmap:{format} {name}"));
            }
        }
        if let Some(dtmf) = self.dtmf {
            line(format_args!("a=rtpmap:{dtmf} telephone-event/8000"));
            line(format_args!("a=fmtp:{dtmf} 0-15"));
        }
        line(format_args!("a={}", self.direction.as_str()));
        sdp
    }

    /// Reads a body; `None` when it has no usable audio stream.
    pub fn read(body: &str) -> Option<Self> {
        let mut ip: Option<IpAddr> = None;
        let mut media: Option<(u16, Vec<u8>)> = None;
        let mut dtmf = None;
        let mut direction = Direction::SendRecv;
        for line in body.lines() {
            let (kind, value) = line.split_once('=')?;
            match (kind, value) {
                ("c", value) => ip = value.split(' ').nth(2)?.parse().ok().or(ip),
                ("m", value) if value.starts_with("audio ") && media.is_none() => {
                    let mut words = value.split(' ').skip(1);
                    let port = words.next()?.parse().ok()?;
                    media = Some((port, words.skip(1).filter_map(|word| word.parse().ok()).collect()));
                }
                ("a", "sendrecv") => direction = Direction::SendRecv,
                ("a", "sendonly") => direction = Direction::SendOnly,
                ("a", "recvonly") => direction = Direction::RecvOnly,
                ("a", "inactive") => direction = Direction::Inactive,
                ("a", value) if value.contains(" telephone-event/") => {
                    dtmf = value.strip_prefix("rtpmap:")?.split(' ').next()?.parse().ok();
                }
                _ => {}
            }
        }
        let (port, mut formats) = media?;
        formats.retain(|format| Some(*format) != dtmf);
        (port != 0).then_some(Self { address: SocketAddr::new(ip?, port), formats, dtmf, direction })
    }

    /// The answer of a phone at `address` that can do `formats`; `None` when nothing fits.
    pub fn answer(&self, address: SocketAddr, formats: &[u8], direction: Direction) -> Option<Self> {
        let format = *self.formats.iter().find(|format| formats.contains(format))?;
        Some(Self { address, formats: vec![format], dtmf: self.dtmf, direction })
    }
}

/// The codec of a static payload type (RFC 3551), and Opus by those dynamic ones that are no telephone-event here.
pub const fn codec_of(format: u8) -> Option<Codec> {
    match format {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        9 => Some(Codec::G722),
        18 => Some(Codec::G729),
        103..=127 => Some(Codec::Opus),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_survive_writing_and_reading() {
        let terms = Terms {
            address: "10.0.1.1:4000".parse().unwrap(),
            formats: vec![0, 8],
            dtmf: Some(101),
            direction: Direction::SendOnly,
        };
        let read = Terms::read(&terms.write(2)).unwrap();
        assert_eq!(read, terms);
        let answer = read.answer("10.0.2.1:5000".parse().unwrap(), &[8], read.direction.mirrored()).unwrap();
        assert_eq!((answer.formats, answer.direction), (vec![8], Direction::RecvOnly));
        assert!(terms.answer(terms.address, &[3], Direction::SendRecv).is_none());
    }
}
