//! Offer and answer (RFC 3264) for an engine that speaks G.711 and telephone-event: writes our descriptions and reads from
//! the far one where to send and what. Never sends to an unspecified, multicast or broadcast address, and declines
//! rtcp-mux by leaving it out (RFC 5761 5.1.1).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};

use super::message::{Codec, Far};
use super::sdp::{Audio, Connection, Direction, Encoding, Line, SessionDescription};

/// Our side of a session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Where we receive RTP; RTCP is one port above.
    pub address: SocketAddr,
    /// `o=` session id, one for the dialog.
    pub session: u64,
    /// `o=` version, one more for each change (RFC 3264 8).
    pub version: u64,
}

/// Why a well-formed description cannot be used: answered with 488, the session stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No `m=audio` line over RTP/AVP with a port.
    #[error("no audio over RTP/AVP")]
    NoAudio,
    /// Audio without G.711.
    #[error("neither PCMA nor PCMU offered")]
    NoCodec,
    /// No `c=` line, or its address is a name.
    #[error("no usable connection address")]
    NoAddress,
    /// Multicast or broadcast.
    #[error("connection address is not unicast")]
    BadAddress,
    /// IPv6 where we have IPv4, or the reverse.
    #[error("connection address is of another family than ours")]
    AddressFamily,
}

/// The telephone-event payload type of our offers: what most phones use. In answers the far end's choice is kept.
pub(crate) const DTMF_PAYLOAD_TYPE: u8 = 101;

/// An offer of `codecs` in order of preference, with telephone-event and 20 ms packets.
pub fn offer(local: &Local, codecs: &[Codec], direction: Direction) -> Bytes {
    let mut text = head(local, (0, 0));
    let codecs = codecs.iter().map(|codec| (codec.payload_type(), *codec));
    audio_line(&mut text, local.address.port(), codecs, Some(DTMF_PAYLOAD_TYPE), direction);
    text.freeze()
}

/// The answer to `offer`: its first audio line is accepted with `preferred` if offered, else its first G.711 codec; every
/// other `m=` line is refused in its place with port 0. `direction` is what we wish; the offer limits it (RFC 3264 6.1).
///
/// # Errors
/// [`Unusable`]: nothing in the offer can be accepted.
pub fn answer(
    offer: &SessionDescription,
    local: &Local,
    preferred: Option<Codec>,
    direction: Direction,
) -> Result<(Bytes, Far), Unusable> {
    let (index, audio) = offer.audio().ok_or(Unusable::NoAudio)?;
    let far = far(audio, preferred, direction)?;
    let family = far.address.is_ipv4() == local.address.is_ipv4();
    if !family && !far.address.ip().is_unspecified() {
        return Err(Unusable::AddressFamily);
    }
    let direction = mirrored(audio, direction);
    Ok((answer_text(offer, index, local, local.address.port(), &far, direction), far))
}

/// An answer for a call without media: the audio line is accepted, inactive, at the discard port.
///
/// # Errors
/// [`Unusable::NoAudio`] or [`Unusable::NoCodec`].
pub fn inactive_answer(offer: &SessionDescription, local: &Local) -> Result<Bytes, Unusable> {
    let (index, audio) = offer.audio().ok_or(Unusable::NoAudio)?;
    let (payload_type, codec) = codec(audio, None).ok_or(Unusable::NoCodec)?;
    let far = Far {
        address: local.address,
        rtcp: local.address,
        codec,
        payload_type,
        dtmf: telephone_event(audio),
        send: false,
        receive: false,
    };
    Ok(answer_text(offer, index, local, DISCARD_PORT, &far, Direction::Inactive))
}

/// What the answer to an offer of ours says.
///
/// # Errors
/// [`Unusable`]: the audio was refused or cannot be reached.
pub fn accept_answer(answer: &SessionDescription) -> Result<Far, Unusable> {
    let (_, audio) = answer.audio().ok_or(Unusable::NoAudio)?;
    far(audio, None, Direction::SendRecv)
}

impl Codec {
    /// The static payload type of RFC 3551.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// The encoding's name in an rtpmap.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }
}

/// Port 9 (RFC 863): accepted, but nothing arrives there.
const DISCARD_PORT: u16 = 9;

fn far(audio: &Audio, preferred: Option<Codec>, wish: Direction) -> Result<Far, Unusable> {
    let (payload_type, codec) = codec(audio, preferred).ok_or(Unusable::NoCodec)?;
    let Connection::Ip(ip) = audio.connection else { return Err(Unusable::NoAddress) };
    if !ip.is_unspecified() && !unicast(ip) {
        return Err(Unusable::BadAddress);
    }
    let direction = mirrored(audio, wish);
    let address = SocketAddr::new(ip, audio.port);
    Ok(Far {
        address,
        rtcp: rtcp(audio, address),
        codec,
        payload_type,
        dtmf: telephone_event(audio),
        send: direction.sends(),
        receive: direction.receives(),
    })
}

/// Our direction: what we wish, limited by theirs; an unspecified address is the old way of hold (RFC 3264 8.4).
fn mirrored(audio: &Audio, wish: Direction) -> Direction {
    let held = matches!(audio.connection, Connection::Ip(ip) if ip.is_unspecified());
    let theirs = if held { audio.direction.and(Direction::SendOnly) } else { audio.direction };
    wish.and(theirs.reversed())
}

/// `a=rtcp` (RFC 3605), else one port above RTP (RFC 3550 11).
fn rtcp(audio: &Audio, rtp: SocketAddr) -> SocketAddr {
    let above = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    match audio.rtcp {
        Some((port, Connection::Ip(ip))) if port != 0 && unicast(ip) && ip.is_ipv4() == rtp.is_ipv4() => {
            SocketAddr::new(ip, port)
        }
        Some((port, Connection::Absent)) if port != 0 => SocketAddr::new(rtp.ip(), port),
        Some(_) | None => above,
    }
}

fn unicast(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
    }
}

fn codec(audio: &Audio, preferred: Option<Codec>) -> Option<(u8, Codec)> {
    let mut first = None;
    for (payload_type, encoding) in &audio.formats {
        let Encoding::G711(codec) = encoding else { continue };
        if preferred.is_none_or(|preferred| preferred == *codec) {
            return Some((*payload_type, *codec));
        }
        first.get_or_insert((*payload_type, *codec));
    }
    first
}

fn telephone_event(audio: &Audio) -> Option<u8> {
    let found = audio.formats.iter().find(|(_, encoding)| *encoding == Encoding::TelephoneEvent);
    found.map(|(payload_type, _)| *payload_type)
}

fn answer_text(
    offer: &SessionDescription,
    accepted: usize,
    local: &Local,
    port: u16,
    far: &Far,
    direction: Direction,
) -> Bytes {
    let mut text = head(local, offer.time);
    for (index, line) in offer.lines.iter().enumerate() {
        match line {
            Line::Audio(_) if index == accepted => {
                audio_line(&mut text, port, [(far.payload_type, far.codec)], far.dtmf, direction);
            }
            Line::Audio(audio) => {
                let format = audio.formats.first().map_or(0, |(payload_type, _)| *payload_type);
                refused_line(&mut text, "audio", "RTP/AVP", format_args!("{format}"));
            }
            Line::Other { media, protocol, format } => {
                refused_line(&mut text, media, protocol, format_args!("{format}"));
            }
        }
    }
    text.freeze()
}

fn head(local: &Local, time: (u64, u64)) -> BytesMut {
    let mut text = BytesMut::with_capacity(TEXT_BYTES);
    let ip = local.address.ip();
    let family = if ip.is_ipv4() { 4 } else { 6 };
    put(
        &mut text,
        format_args!(
            "v=0\r\no=strowger {} {} IN IP{family} {ip}\r\ns=-\r\nc=IN IP{family} {ip}\r\nt={} {}\r\n",
            local.session, local.version, time.0, time.1
        ),
    );
    text
}

fn audio_line(
    text: &mut BytesMut,
    port: u16,
    codecs: impl IntoIterator<Item = (u8, Codec)> + Clone,
    dtmf: Option<u8>,
    direction: Direction,
) {
    put(text, format_args!("m=audio {port} RTP/AVP"));
    for (payload_type, _) in codecs.clone() {
        put(text, format_args!(" {payload_type}"));
    }
    if let Some(dtmf) = dtmf {
        put(text, format_args!(" {dtmf}"));
    }
    put(text, format_args!("\r\n"));
    for (payload_type, codec) in codecs {
        put(text, format_args!("a=rtpmap:{payload_type} {}/8000\r\n", codec.name()));
    }
    if let Some(dtmf) = dtmf {
        put(text, format_args!("a=rtpmap:{dtmf} telephone-event/8000\r\na=fmtp:{dtmf} 0-16\r\n"));
    }
    put(text, format_args!("a=ptime:20\r\na={}\r\n", direction.as_str()));
}

fn refused_line(text: &mut BytesMut, media: &str, protocol: &str, format: std::fmt::Arguments<'_>) {
    put(text, format_args!("m={media} 0 {protocol} {format}\r\n"));
}

/// Room for a usual answer with two media lines, so that writing does not grow the buffer.
const TEXT_BYTES: usize = 320;

fn put(text: &mut BytesMut, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a BytesMut grows as needed");
}
