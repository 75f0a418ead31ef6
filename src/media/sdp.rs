//! SDP (RFC 8866, and RFC 4566 before it): reads what peers really send, keeping only what an audio leg needs, and never
//! fails on a line it does not know. The answers of RFC 3264 are made in [`super::negotiate`]. It resolves no names: an
//! address that is not a literal is unusable.

use std::net::{IpAddr, SocketAddr};
use std::str;

use smallvec::SmallVec;

use super::codecs::Codecs;
use super::message::Codec;
use super::srtp::{Crypto, Srtp};
use crate::base::digits;
use crate::base::limits::{SDP_FORMATS_MAX, SDP_MEDIA_MAX};

/// A parsed session description: its time and the media lines in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    pub(crate) time: (u64, u64),
    pub(crate) lines: Vec<Line>,
}

/// Why bytes are no session description: the peer's fault (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The first line is not `v=0`.
    #[error("SDP does not begin with v=0")]
    Version,
    /// An `m=` line has not the form of RFC 8866 5.14, so it cannot be answered in its place.
    #[error("SDP has a malformed m= line")]
    Media,
    /// More `m=` lines than anybody needs.
    #[error("SDP has more than {SDP_MEDIA_MAX} m= lines")]
    TooManyMedia,
}

/// Who sends, from the view of the description's author (RFC 8866 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Sends and receives: the default of RFC 3264 5.1.
    #[default]
    SendRecv,
    /// Sends only.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The same stream seen from the other end.
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// What both allow: the answer to `offered.reversed()` of one who wishes `self` (RFC 3264 6.1).
    pub const fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// True when the author sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True when the author receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    const fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"sendrecv" => Some(Self::SendRecv),
            b"sendonly" => Some(Self::SendOnly),
            b"recvonly" => Some(Self::RecvOnly),
            b"inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}

/// One `m=` line with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Audio over RTP, or over SRTP where that may be.
    Audio(Audio),
    /// What this engine never accepts, with the words to refuse it by (RFC 3264 6: same media and protocol, some format).
    Other {
        /// `video`, `image`, `audio` over another transport ...
        media: Box<str>,
        /// `RTP/SAVP`, `udptl` ...
        protocol: Box<str>,
        /// The first format offered.
        format: Box<str>,
    },
}

/// What an `m=audio` line is carried by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `RTP/AVP`: RTP, or with `a=crypto` SRTP where both sides can (RFC 8643).
    Avp,
    /// `RTP/SAVP`: SRTP.
    Savp,
}

impl Profile {
    /// Its name in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP",
        }
    }
}

/// An `m=audio ... RTP/AVP` line, session-level values already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audio {
    pub(crate) port: u16,
    pub(crate) profile: Profile,
    /// The first `a=crypto` that can be used, where encryption may be: then the audio is encrypted.
    pub(crate) crypto: Option<Box<Crypto>>,
    pub(crate) connection: Connection,
    pub(crate) direction: Direction,
    /// Payload types in order of preference, each with its encoding.
    pub(crate) formats: SmallVec<[(u8, Encoding); 8]>,
    pub(crate) rtcp: Option<(u16, Connection)>,
    /// Packet time the author wishes to receive, in milliseconds.
    pub(crate) ptime_ms: Option<u16>,
    /// What `a=fmtp` says of payload types.
    pub(crate) parameters: Parameters,
}

/// `a=fmtp` lines: payload types and what is said of them.
type Parameters = SmallVec<[(u8, Box<str>); 2]>;

/// A `c=` line's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// No `c=` line.
    Absent,
    /// A name, another network, or no address at all.
    Unusable,
    /// A literal address.
    Ip(IpAddr),
}

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// A codec that we know.
    Audio(Codec),
    /// RFC 4733 telephone-event, by a clock of so many ticks in 1/8000 s.
    TelephoneEvent(u8),
    /// Anything else.
    Unknown,
}

impl SessionDescription {
    /// Reads a description of one whose audio is not encrypted. Lines end with CRLF, LF or CR; unknown lines and attributes are
    /// skipped.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        Self::parse_as(text, Srtp::No)
    }

    /// Reads a description of one whose audio may be encrypted, or must be. What is not as it must be is no audio.
    pub fn parse_as(text: &[u8], srtp: Srtp) -> Result<Self, SdpError> {
        let mut lines = lines(text);
        if lines.next().and_then(|line| line.strip_prefix(b"v=")).map(<[u8]>::trim_ascii) != Some(b"0") {
            return Err(SdpError::Version);
        }
        // Nearly all have one medium, and a caller who rings keeps what was read.
        let mut parsed = Self { time: (0, 0), lines: Vec::with_capacity(1) };
        let mut session = Level::default();
        let mut levels: Vec<Level> = Vec::new();
        for line in lines {
            let [kind, b'=', value @ ..] = line else { continue };
            let value = value.trim_ascii();
            match kind {
                b't' if levels.is_empty() => parsed.time = numbers(value),
                b'm' if levels.len() == SDP_MEDIA_MAX => return Err(SdpError::TooManyMedia),
                b'm' => {
                    parsed.lines.push(media_line(value, srtp)?);
                    levels.push(Level::default());
                }
                b'c' => levels.last_mut().unwrap_or(&mut session).on_connection(value),
                b'a' => levels.last_mut().unwrap_or(&mut session).on_attribute(value),
                _ => {}
            }
        }
        for (line, level) in parsed.lines.iter_mut().zip(levels) {
            let Line::Audio(audio) = line else { continue };
            level.apply(&session, audio);
            if !audio.is_as(srtp) {
                *line = audio.refused();
            }
        }
        Ok(parsed)
    }

    /// The first audio line with a port: the one that an answer accepts.
    pub(crate) fn audio(&self) -> Option<(usize, &Audio)> {
        self.lines.iter().enumerate().find_map(|(index, line)| match line {
            Line::Audio(audio) if audio.port != 0 => Some((index, audio)),
            Line::Audio(_) | Line::Other { .. } => None,
        })
    }

    /// What its author encrypts the audio with, if anything.
    pub fn crypto(&self) -> Option<&Crypto> {
        self.audio().and_then(|(_, audio)| audio.crypto.as_deref())
    }

    /// Where its author receives audio, unless that is a name.
    pub fn address(&self) -> Option<SocketAddr> {
        let (_, audio) = self.audio()?;
        match audio.connection {
            Connection::Ip(ip) => Some(SocketAddr::new(ip, audio.port)),
            Connection::Absent | Connection::Unusable => None,
        }
    }

    /// What its audio is carried by.
    pub fn profile(&self) -> Option<Profile> {
        self.audio().map(|(_, audio)| audio.profile)
    }

    /// The codecs of its audio that we know, in its author's order.
    pub fn codecs(&self) -> Codecs {
        self.audio().map_or(Codecs::NONE, |(_, audio)| audio.codecs().map(|(_, codec)| codec).collect())
    }

    /// The packet time that its author wishes to receive, in milliseconds, where it is one of those in use.
    pub fn ptime_ms(&self) -> Option<u8> {
        let (_, audio) = self.audio()?;
        audio.ptime_ms.and_then(|ptime| u8::try_from(ptime).ok()).filter(|ptime| PTIMES_MS.contains(ptime))
    }

    /// What it says of the format of a codec (`a=fmtp`).
    pub fn parameters(&self, codec: Codec) -> Option<&str> {
        let (_, audio) = self.audio()?;
        audio.parameters_of(audio.payload_type(codec)?)
    }
}

/// From 10 ms, one frame of G.729, to 120 ms, what an Opus packet holds.
const PTIMES_MS: std::ops::RangeInclusive<u8> = 10..=120;

impl Audio {
    /// Whether it may be accepted; what may not be encrypted has lost what it said of that.
    fn is_as(&mut self, srtp: Srtp) -> bool {
        match (srtp, self.profile) {
            (Srtp::No, profile) => {
                self.crypto = None;
                profile == Profile::Avp
            }
            (Srtp::Optional, Profile::Avp) => true,
            (Srtp::Optional, Profile::Savp) | (Srtp::Required, _) => self.crypto.is_some(),
        }
    }

    /// The same as a line that is refused.
    fn refused(&self) -> Line {
        let format = self.formats.first().map_or(0, |(payload_type, _)| *payload_type);
        Line::Other { media: "audio".into(), protocol: self.profile.as_str().into(), format: format.to_string().into() }
    }

    /// The codecs that we know, each with its payload type.
    pub(crate) fn codecs(&self) -> impl Iterator<Item = (u8, Codec)> {
        self.formats.iter().filter_map(|(payload_type, encoding)| match encoding {
            Encoding::Audio(codec) => Some((*payload_type, *codec)),
            Encoding::TelephoneEvent(_) | Encoding::Unknown => None,
        })
    }

    /// The payload type of a codec.
    pub(crate) fn payload_type(&self, codec: Codec) -> Option<u8> {
        self.codecs().find(|(_, known)| *known == codec).map(|(payload_type, _)| payload_type)
    }

    /// What is said of a payload type.
    pub(crate) fn parameters_of(&self, payload_type: u8) -> Option<&str> {
        self.parameters.iter().find(|(of, _)| *of == payload_type).map(|(_, said)| &**said)
    }

    /// The payload type of telephone-event by this clock, else by any.
    pub(crate) fn telephone_event(&self, ticks: u32) -> Option<(u8, u8)> {
        let mut first = None;
        for (payload_type, encoding) in &self.formats {
            let Encoding::TelephoneEvent(clock) = encoding else { continue };
            if u32::from(*clock) == ticks {
                return Some((*payload_type, *clock));
            }
            first.get_or_insert((*payload_type, *clock));
        }
        first
    }
}

/// True when two descriptions of one author ask for the same media: only `o=` may differ (RFC 3264 8).
pub fn same_media(a: &SessionDescription, b: &SessionDescription) -> bool {
    a.lines == b.lines
}

/// Attributes at the session's or one medium's level.
#[derive(Default)]
struct Level {
    connection: Option<Connection>,
    direction: Option<Direction>,
    maps: SmallVec<[(u8, Encoding); 8]>,
    parameters: Parameters,
    rtcp: Option<(u16, Connection)>,
    ptime_ms: Option<u16>,
    crypto: Option<Box<Crypto>>,
}

impl Level {
    /// `IN IP4 192.0.2.1`; of several lines the first counts.
    fn on_connection(&mut self, value: &[u8]) {
        self.connection.get_or_insert_with(|| connection(value));
    }

    fn on_attribute(&mut self, attribute: &[u8]) {
        if let Some(direction) = Direction::parse(attribute) {
            self.direction = Some(direction);
            return;
        }
        let Some((name, value)) = split(attribute, b':') else { return };
        match name {
            b"rtpmap" => self.on_rtpmap(value),
            b"fmtp" => self.on_fmtp(value),
            b"ptime" => self.ptime_ms = decimal(value),
            b"rtcp" => self.on_rtcp(value),
            b"crypto" if self.crypto.is_none() => self.crypto = Crypto::parse(value).map(Box::new),
            _ => {}
        }
    }

    /// `8 PCMA/8000`, optionally with `/1` (RFC 8866 6.6).
    fn on_rtpmap(&mut self, value: &[u8]) {
        let Some((payload_type, encoding)) = split(value, b' ') else { return };
        let Some(payload_type) = decimal(payload_type) else { return };
        if self.maps.len() < SDP_FORMATS_MAX {
            self.maps.push((payload_type, Encoding::parse(encoding)));
        }
    }

    fn on_fmtp(&mut self, value: &[u8]) {
        let Some((payload_type, parameters)) = split(value, b' ') else { return };
        let (Some(payload_type), Ok(parameters)) = (decimal(payload_type), str::from_utf8(parameters)) else { return };
        if self.parameters.len() < SDP_FORMATS_MAX {
            self.parameters.push((payload_type, parameters.into()));
        }
    }

    /// `53020` or `53020 IN IP6 2001:db8::1` (RFC 3605).
    fn on_rtcp(&mut self, value: &[u8]) {
        let (port, address) = split(value, b' ').unwrap_or((value, b""));
        let Some(port) = decimal(port) else { return };
        self.rtcp = Some((port, if address.is_empty() { Connection::Absent } else { connection(address) }));
    }

    /// Fills in what the lines under `m=` say, else what the session says.
    fn apply(self, session: &Self, audio: &mut Audio) {
        audio.connection = self.connection.or(session.connection).unwrap_or(Connection::Absent);
        audio.direction = self.direction.or(session.direction).unwrap_or_default();
        audio.ptime_ms = self.ptime_ms.or(session.ptime_ms);
        audio.rtcp = self.rtcp;
        // Of one medium alone (RFC 4568 4).
        audio.crypto = self.crypto;
        for (payload_type, encoding) in &mut audio.formats {
            if let Some((_, mapped)) = self.maps.iter().find(|(mapped, _)| mapped == payload_type) {
                *encoding = *mapped;
            }
        }
        audio.parameters = self.parameters;
    }
}

impl Encoding {
    /// An rtpmap's `NAME/CLOCK[/CHANNELS]`; names are compared without case (RFC 8866 6.6).
    fn parse(text: &[u8]) -> Self {
        // As nearly everybody writes them.
        match text {
            b"PCMA/8000" => return Self::Audio(Codec::Pcma),
            b"PCMU/8000" => return Self::Audio(Codec::Pcmu),
            b"telephone-event/8000" => return Self::TelephoneEvent(1),
            _ => {}
        }
        let mut parts = text.trim_ascii().split(|byte| *byte == b'/');
        let (name, clock, channels) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let mono = matches!(channels, None | Some(b"1" | b""));
        match clock {
            Some(b"8000") if mono && is("telephone-event") => Self::TelephoneEvent(1),
            Some(b"48000") if mono && is("telephone-event") => Self::TelephoneEvent(6),
            Some(b"8000") if mono => {
                let known = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::G729];
                known.into_iter().find(|codec| is(codec.as_str())).map_or(Self::Unknown, Self::Audio)
            }
            // RFC 7587 7: always said to have two channels.
            Some(b"48000") if channels == Some(b"2") && is("opus") => Self::Audio(Codec::Opus),
            _ => Self::Unknown,
        }
    }

    /// The static payload types of RFC 3551 that need no rtpmap.
    const fn of_static(payload_type: u8) -> Self {
        match payload_type {
            0 => Self::Audio(Codec::Pcmu),
            8 => Self::Audio(Codec::Pcma),
            9 => Self::Audio(Codec::G722),
            18 => Self::Audio(Codec::G729),
            _ => Self::Unknown,
        }
    }
}

/// `audio 49170[/2] RTP/AVP 0 8 101` (RFC 8866 5.14).
fn media_line(value: &[u8], srtp: Srtp) -> Result<Line, SdpError> {
    let text = str::from_utf8(value).map_err(|_| SdpError::Media)?;
    let mut words = text.split_ascii_whitespace();
    let (Some(media), Some(port), Some(protocol), Some(format)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(SdpError::Media);
    };
    let port = port.split_once('/').map_or(port, |(port, _)| port);
    let port: u16 = decimal(port.as_bytes()).ok_or(SdpError::Media)?;
    let profiles = if srtp == Srtp::No { &[Profile::Avp][..] } else { &[Profile::Avp, Profile::Savp] };
    let profile = profiles.iter().copied().find(|known| protocol.eq_ignore_ascii_case(known.as_str()));
    let Some(profile) = profile.filter(|_| media.eq_ignore_ascii_case("audio")) else {
        return Ok(Line::Other { media: media.into(), protocol: protocol.into(), format: format.into() });
    };
    let types = [format].into_iter().chain(words).filter_map(|word| decimal::<u8>(word.as_bytes()));
    let types = types.filter(|payload_type| *payload_type < 128).take(SDP_FORMATS_MAX);
    Ok(Line::Audio(Audio {
        port,
        profile,
        crypto: None,
        connection: Connection::Absent,
        direction: Direction::SendRecv,
        formats: types.map(|payload_type| (payload_type, Encoding::of_static(payload_type))).collect(),
        rtcp: None,
        ptime_ms: None,
        parameters: Parameters::new(),
    }))
}

/// `IN IP4 192.0.2.1[/TTL]` (RFC 8866 5.7). IPv4 in the form of IPv6 is IPv4: packets go by that.
fn connection(value: &[u8]) -> Connection {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(b"IN"), Some(_), Some(address)) = (words.next(), words.next(), words.next()) else {
        return Connection::Unusable;
    };
    let address = split(address, b'/').map_or(address, |(address, _)| address);
    let address: Option<IpAddr> = str::from_utf8(address).ok().and_then(|text| text.parse().ok());
    address.map_or(Connection::Unusable, |ip| Connection::Ip(ip.to_canonical()))
}

/// Two numbers; zero for what is missing or too large.
fn numbers(value: &[u8]) -> (u64, u64) {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut next = || words.next().and_then(decimal).unwrap_or(0);
    (next(), next())
}

fn decimal<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    digits::decimal(text).and_then(|number| T::try_from(number).ok())
}

/// The lines of a description, trimmed; empty ones are left out.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            while let [b'\r' | b'\n', tail @ ..] = rest {
                rest = tail;
            }
            if rest.is_empty() {
                return None;
            }
            let line;
            (line, rest) = rest.split_at(memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len()));
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some(line);
            }
        }
    })
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|byte| *byte == at)?;
    Some((text[..index].trim_ascii(), text[index + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHONE: &[u8] = b"v=0\r\no=alice 2890844526 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 49170/2 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 Telephone-Event/8000/1\r\n\
        a=fmtp:101 0-15\r\na=ptime:30\r\na=rtcp:53020\r\na=sendonly\r\n";

    #[test]
    fn a_phone_s_description_is_read() {
        let parsed = SessionDescription::parse(PHONE).unwrap();
        let (index, audio) = parsed.audio().unwrap();
        assert_eq!((index, audio.port, audio.direction, audio.ptime_ms), (0, 49170, Direction::SendOnly, Some(30)));
        assert_eq!(audio.rtcp, Some((53020, Connection::Absent)));
        assert_eq!(audio.parameters_of(101), Some("0-15"));
        let expected = [
            (9, Encoding::Audio(Codec::G722)),
            (8, Encoding::Audio(Codec::Pcma)),
            (0, Encoding::Audio(Codec::Pcmu)),
            (101, Encoding::TelephoneEvent(1)),
        ];
        assert_eq!(audio.formats.as_slice(), expected);
    }

    #[test]
    fn what_the_media_say_overrules_what_the_session_says() {
        let text =
            b"\nv=0\na=inactive\nc=IN IP4 192.0.2.1\na=ptime:20\nm=audio 1000 RTP/AVP 0\nm=audio 2000 RTP/AVP 0\n\
            c=IN IP6 2001:db8::1\na=sendrecv\na=ptime:10\n";
        let parsed = SessionDescription::parse(text).unwrap();
        let [Line::Audio(one), Line::Audio(two)] = parsed.lines.as_slice() else { panic!("two audio lines") };
        assert_eq!((one.direction, one.ptime_ms), (Direction::Inactive, Some(20)));
        assert_eq!(one.connection, Connection::Ip("192.0.2.1".parse().unwrap()));
        assert_eq!((two.direction, two.ptime_ms), (Direction::SendRecv, Some(10)));
        assert_eq!(two.connection, Connection::Ip("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn an_rtpmap_overrules_a_static_payload_type() {
        let text = b"v=0\r\nm=audio 1000 RTP/AVP 0 97\r\na=rtpmap:0 L16/8000\r\na=rtpmap: 97 pcmu/8000\r\n";
        let parsed = SessionDescription::parse(text).unwrap();
        let (_, audio) = parsed.audio().unwrap();
        assert_eq!(audio.formats.as_slice(), [(0, Encoding::Unknown), (97, Encoding::Audio(Codec::Pcmu))]);
    }

    #[test]
    fn wide_band_and_packed_codecs_are_read_with_their_clocks_and_parameters() {
        let text =
            b"v=0\r\nm=audio 1000 RTP/AVP 96 18 101 102 97\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
            a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000\r\n\
            a=rtpmap:97 opus/48000\r\na=ptime:30\r\n";
        let parsed = SessionDescription::parse(text).unwrap();
        assert_eq!(parsed.codecs().iter().collect::<Vec<_>>(), [Codec::Opus, Codec::G729]);
        assert_eq!(parsed.parameters(Codec::Opus), Some("useinbandfec=1"));
        assert_eq!((parsed.parameters(Codec::G729), parsed.parameters(Codec::G722)), (Some("annexb=no"), None));
        assert_eq!(parsed.ptime_ms(), Some(30));
        let (_, audio) = parsed.audio().unwrap();
        assert_eq!((audio.telephone_event(6), audio.telephone_event(1)), (Some((102, 6)), Some((101, 1))));
        assert_eq!(audio.formats[4], (97, Encoding::Unknown), "without channels it is no Opus");
        for (said, taken) in [("1", None), ("10", Some(10)), ("120", Some(120)), ("250", None), ("65000", None)] {
            let text = str::from_utf8(text).unwrap().replace("ptime:30", &format!("ptime:{said}"));
            assert_eq!(SessionDescription::parse(text.as_bytes()).unwrap().ptime_ms(), taken, "{said}");
        }
    }

    #[test]
    fn a_name_in_a_c_line_is_unusable_and_does_not_fall_back() {
        let text = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 1000 RTP/AVP 0\r\nc=IN IP4 host.example\r\n";
        let parsed = SessionDescription::parse(text).unwrap();
        assert_eq!(parsed.audio().unwrap().1.connection, Connection::Unusable);
    }

    #[test]
    fn what_cannot_be_answered_line_by_line_is_an_error() {
        assert_eq!(SessionDescription::parse(b""), Err(SdpError::Version));
        assert_eq!(SessionDescription::parse(b"m=audio 1000 RTP/AVP 0\r\nv=0\r\n"), Err(SdpError::Version));
        for line in ["m=audio", "m=audio 70000 RTP/AVP 0", "m=audio -1 RTP/AVP 0", "m=audio 1000 RTP/AVP"] {
            let text = format!("v=0\r\n{line}\r\n");
            assert_eq!(SessionDescription::parse(text.as_bytes()), Err(SdpError::Media), "{line}");
        }
        let many = |count| "v=0\n".to_string() + &"m=video 0 RTP/AVP 96\n".repeat(count);
        assert!(SessionDescription::parse(many(SDP_MEDIA_MAX).as_bytes()).is_ok());
        assert_eq!(SessionDescription::parse(many(SDP_MEDIA_MAX + 1).as_bytes()), Err(SdpError::TooManyMedia));
    }

    #[test]
    fn encrypted_audio_is_read_where_it_may_be_and_plain_audio_unless_it_must_not() {
        let key = |n: u8| format!("inline:{}", char::from(b'A' + n).to_string().repeat(40));
        let text = |protocol: &str, attributes: &str| {
            let text = format!("v=0\r\na=crypto:9 AES_CM_128_HMAC_SHA1_80 {}\r\nm=audio 1000 {protocol} 8\r\n", key(9));
            text + attributes
        };
        let with = format!(
            "a=crypto:1 AES_256_CM_HMAC_SHA1_80 {}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 {}\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 {}\r\n",
            key(1),
            key(2),
            key(3)
        );
        let lifetime = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {}|2^30\r\n", key(1));
        for (protocol, attributes, expected) in [
            ("RTP/AVP", "", [Some(None), Some(None), None]),
            ("RTP/AVP", &with, [Some(None), Some(Some(2)), Some(Some(2))]),
            ("rtp/savp", &with, [None, Some(Some(2)), Some(Some(2))]),
            ("RTP/SAVP", "", [None, None, None]),
            ("RTP/SAVP", &lifetime, [None, None, None]),
            ("RTP/AVP", &lifetime, [Some(None), Some(None), None]),
            ("RTP/SAVPF", &with, [None, None, None]),
        ] {
            for (srtp, expected) in [Srtp::No, Srtp::Optional, Srtp::Required].into_iter().zip(expected) {
                let parsed = SessionDescription::parse_as(text(protocol, attributes).as_bytes(), srtp).unwrap();
                let tag = parsed.audio().map(|_| parsed.crypto().map(|crypto| crypto.tag));
                assert_eq!(tag, expected, "{protocol} {attributes} {srtp:?}");
                assert_eq!(parsed.lines.len(), 1, "it is answered in its place");
            }
        }
        let one = SessionDescription::parse_as(text("RTP/SAVP", &with).as_bytes(), Srtp::Required).unwrap();
        let other = text("RTP/SAVP", &with).replace("CCCC", "DDDD");
        assert!(!same_media(&one, &SessionDescription::parse_as(other.as_bytes(), Srtp::Required).unwrap()));
    }

    #[test]
    fn formats_beyond_the_bound_are_not_kept() {
        let text =
            "v=0\r\nm=audio 1000 RTP/AVP".to_string() + &" 8".repeat(1000) + &"\r\na=rtpmap:8 PCMA/8000".repeat(1000);
        let parsed = SessionDescription::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.audio().unwrap().1.formats.len(), SDP_FORMATS_MAX);
    }

    #[test]
    fn only_the_origin_may_differ_in_the_same_media() {
        let parse = |text: &str| SessionDescription::parse(text.as_bytes()).unwrap();
        let text = str::from_utf8(PHONE).unwrap();
        let first = parse(text);
        assert!(same_media(&first, &parse(&text.replace("2890844526 7", "2890844526 8"))));
        for (from, to) in [
            ("49170", "49172"),
            ("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.9"),
            ("sendonly", "sendrecv"),
            ("9 8 0 101", "9 0 8 101"),
            ("ptime:30", "ptime:20"),
            ("fmtp:101 0-15", "fmtp:101 0-16"),
        ] {
            assert!(!same_media(&first, &parse(&text.replace(from, to))), "{from}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = SessionDescription::parse(&bytes);
            let _ = SessionDescription::parse(&[b"v=0\r\n", bytes.as_slice()].concat());
        }

        #[test]
        fn damaged_descriptions_never_panic(at in 0..PHONE.len(), byte: u8, cut in 0..PHONE.len()) {
            let mut text = PHONE.to_vec();
            text[at] = byte;
            let _ = SessionDescription::parse(&text);
            let _ = SessionDescription::parse(&text[..cut]);
        }
    }
}
