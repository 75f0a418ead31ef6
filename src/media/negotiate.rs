//! Offer and answer (RFC 3264) for an engine that speaks G.711 and telephone-event: writes our descriptions and reads from
//! the far one where to send and what. Never sends to an unspecified, multicast or broadcast address, and declines
//! rtcp-mux by leaving it out (RFC 5761 5.1.1).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::message::{Codec, Far};
use super::sdp::{Audio, Connection, Direction, Encoding, Line, SessionDescription};
use crate::base::Digits;

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
pub fn offer(local: &Local, codecs: &[Codec], direction: Direction) -> Box<[u8]> {
    let mut text = head(local, (0, 0));
    let codecs = codecs.iter().map(|codec| (codec.payload_type(), *codec));
    audio_line(&mut text, local.address.port(), codecs, Some(DTMF_PAYLOAD_TYPE), direction);
    text.into()
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
) -> Result<(Box<[u8]>, Far), Unusable> {
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
pub fn inactive_answer(offer: &SessionDescription, local: &Local) -> Result<Box<[u8]>, Unusable> {
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
        symmetric: false,
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

/// The codec that an answer without a preference takes; `None` when it could take none.
pub fn first_codec(offer: &SessionDescription) -> Option<Codec> {
    let (_, audio) = offer.audio()?;
    codec(audio, None).map(|(_, codec)| codec)
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
        symmetric: false,
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

/// True for an address that one host can have: not unspecified, multicast or broadcast.
pub(crate) fn unicast(ip: IpAddr) -> bool {
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
) -> Box<[u8]> {
    let mut text = head(local, offer.time);
    for (index, line) in offer.lines.iter().enumerate() {
        match line {
            Line::Audio(_) if index == accepted => {
                audio_line(&mut text, port, [(far.payload_type, far.codec)], far.dtmf, direction);
            }
            Line::Audio(audio) => {
                let format = audio.formats.first().map_or(0, |(payload_type, _)| *payload_type);
                refused_line(&mut text, "audio", "RTP/AVP", Digits::decimal(format.into()).as_bytes());
            }
            Line::Other { media, protocol, format } => refused_line(&mut text, media, protocol, format.as_bytes()),
        }
    }
    text.into()
}

fn head(local: &Local, time: (u64, u64)) -> Vec<u8> {
    let mut text = Vec::with_capacity(TEXT_BYTES);
    put(&mut text, b"v=0\r\no=strowger ");
    put_number(&mut text, local.session);
    put(&mut text, b" ");
    put_number(&mut text, local.version);
    let before = text.len();
    put_address(&mut text, local.address.ip());
    let address = before..text.len();
    put(&mut text, b"\r\ns=-\r\nc=");
    // Behind the space that parts it from the version.
    text.extend_from_within(address.start + 1..address.end);
    put(&mut text, b"\r\nt=");
    put_number(&mut text, time.0);
    put(&mut text, b" ");
    put_number(&mut text, time.1);
    put(&mut text, b"\r\n");
    text
}

/// ` IN IP4 192.0.2.1`.
fn put_address(text: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            put(text, b" IN IP4 ");
            put_number(text, a.into());
            for octet in [b, c, d] {
                put(text, b".");
                put_number(text, octet.into());
            }
        }
        IpAddr::V6(ip) => write!(text, " IN IP6 {ip}").expect("a Vec grows as needed"),
    }
}

fn audio_line(
    text: &mut Vec<u8>,
    port: u16,
    codecs: impl IntoIterator<Item = (u8, Codec)> + Clone,
    dtmf: Option<u8>,
    direction: Direction,
) {
    put(text, b"m=audio ");
    put_number(text, port.into());
    put(text, b" RTP/AVP");
    for payload_type in codecs.clone().into_iter().map(|(payload_type, _)| payload_type).chain(dtmf) {
        put(text, b" ");
        put_number(text, payload_type.into());
    }
    put(text, b"\r\n");
    for (payload_type, codec) in codecs {
        put(text, b"a=rtpmap:");
        put_number(text, payload_type.into());
        put(text, b" ");
        put(text, codec.name().as_bytes());
        put(text, b"/8000\r\n");
    }
    if let Some(dtmf) = dtmf {
        put(text, b"a=rtpmap:");
        put_number(text, dtmf.into());
        put(text, b" telephone-event/8000\r\na=fmtp:");
        put_number(text, dtmf.into());
        put(text, b" 0-16\r\n");
    }
    put(text, b"a=ptime:20\r\na=");
    put(text, direction.as_str().as_bytes());
    put(text, b"\r\n");
}

fn refused_line(text: &mut Vec<u8>, media: &str, protocol: &str, format: &[u8]) {
    for part in [b"m=", media.as_bytes(), b" 0 ", protocol.as_bytes(), b" ", format, b"\r\n"] {
        put(text, part);
    }
}

/// Room for a usual answer with two media lines, so that writing does not grow the buffer.
const TEXT_BYTES: usize = 320;

fn put(text: &mut Vec<u8>, part: &[u8]) {
    text.extend_from_slice(part);
}

fn put_number(text: &mut Vec<u8>, number: u64) {
    if number < 10 {
        return text.push(b'0' + number as u8);
    }
    put(text, Digits::decimal(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCAL: &str = "198.51.100.1:10000";

    #[test]
    fn an_offer_names_the_codecs_in_order_with_digits_and_packet_time() {
        let text = offer(&local(LOCAL), &[Codec::Pcmu, Codec::Pcma], Direction::SendRecv);
        let expected = "v=0\r\no=strowger 5 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
            m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
        assert_eq!(&text[..], expected.as_bytes());
    }

    #[test]
    fn an_answer_takes_the_preferred_codec_or_the_first_of_ours() {
        let offered = audio("9 0 8 96", "a=rtpmap:96 telephone-event/8000\r\n");
        let (text, far) = answer(&offered, &local(LOCAL), Some(Codec::Pcma), Direction::SendRecv).unwrap();
        assert_eq!((far.codec, far.payload_type, far.dtmf), (Codec::Pcma, 8, Some(96)));
        assert_eq!(far.address, "192.0.2.1:4000".parse().unwrap());
        assert_eq!(far.rtcp, "192.0.2.1:4001".parse().unwrap());
        assert!(far.send && far.receive);
        assert!(has(&text, "m=audio 10000 RTP/AVP 8 96\r\n"));
        assert!(has(&text, "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\n"));
        let (_, far) = answer(&offered, &local(LOCAL), None, Direction::SendRecv).unwrap();
        assert_eq!(far.codec, Codec::Pcmu);
        let (_, far) = answer(&audio("0", ""), &local(LOCAL), Some(Codec::Pcma), Direction::SendRecv).unwrap();
        assert_eq!((far.codec, far.dtmf), (Codec::Pcmu, None));
    }

    #[test]
    fn every_line_is_answered_in_order_and_all_but_one_refused() {
        let offered = parse(
            "v=0\r\nc=IN IP4 192.0.2.1\r\nt=5 6\r\nm=video 5000 RTP/AVP 96 97\r\nm=audio 4000 RTP/SAVP 8\r\n\
             m=audio 0 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\nm=audio 4004 RTP/AVP 0 8\r\nm=image 9 udptl t38\r\n",
        );
        let (text, far) = answer(&offered, &local(LOCAL), None, Direction::SendRecv).unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
        let expected = [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 0 RTP/AVP 8",
            "m=audio 10000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
        ];
        assert_eq!(lines, expected);
        assert!(text.contains("t=5 6\r\n"), "RFC 3264 6: the same t= line");
        assert_eq!(far.address.port(), 4002);
    }

    /// RFC 3264 6.1, every cell.
    #[test]
    fn the_direction_is_mirrored_and_limited_by_our_wish() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        let table = [
            (SendRecv, [SendRecv, SendOnly, RecvOnly, Inactive]),
            (SendOnly, [RecvOnly, Inactive, RecvOnly, Inactive]),
            (RecvOnly, [SendOnly, SendOnly, Inactive, Inactive]),
            (Inactive, [Inactive; 4]),
        ];
        for (offered, answers) in table {
            for (wish, expected) in [SendRecv, SendOnly, RecvOnly, Inactive].into_iter().zip(answers) {
                let offered_text = audio("8", &format!("a={}\r\n", offered.as_str()));
                let (text, far) = answer(&offered_text, &local(LOCAL), None, wish).unwrap();
                assert!(has(&text, &format!("a={}\r\n", expected.as_str())), "{offered:?} {wish:?}");
                assert_eq!((far.send, far.receive), (expected.sends(), expected.receives()));
            }
        }
    }

    #[test]
    fn an_unspecified_address_is_hold_and_never_sent_to() {
        let held = parse("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n");
        let (text, far) = answer(&held, &local(LOCAL), None, Direction::SendRecv).unwrap();
        assert!(!far.send && far.receive);
        assert!(has(&text, "a=recvonly\r\n"));
        let six = "[2001:db8::9]:10000";
        assert!(!answer(&held, &local(six), None, Direction::SendRecv).unwrap().1.send);
        assert!(!accept_answer(&held).unwrap().send);
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        let with = |c: &str| parse(&format!("v=0\r\n{c}m=audio 4000 RTP/AVP 8\r\n"));
        let refused = |c: &str| answer(&with(c), &local(LOCAL), None, Direction::SendRecv).unwrap_err();
        assert_eq!(refused(""), Unusable::NoAddress);
        assert_eq!(refused("c=IN IP4 host.example\r\n"), Unusable::NoAddress);
        assert_eq!(refused("c=IN IP4 224.2.1.1/127\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP4 255.255.255.255\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 ff02::1\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 ::ffff:224.0.0.1\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 2001:db8::1\r\n"), Unusable::AddressFamily);
        assert_eq!(accept_answer(&audio("18", "")), Err(Unusable::NoCodec));
        assert_eq!(
            accept_answer(&parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 8\r\n")),
            Err(Unusable::NoAudio)
        );
        assert_eq!(accept_answer(&parse("v=0\r\n")), Err(Unusable::NoAudio));
    }

    #[test]
    fn rtcp_goes_where_the_far_end_says_if_that_can_be_reached() {
        let rtcp = |attribute: &str| accept_answer(&audio("8", attribute)).unwrap().rtcp.to_string();
        assert_eq!(rtcp("a=rtcp:53020\r\n"), "192.0.2.1:53020");
        assert_eq!(rtcp("a=rtcp:53020 IN IP4 192.0.2.7\r\n"), "192.0.2.7:53020");
        for bad in ["a=rtcp:53020 IN IP4 224.0.0.1\r\n", "a=rtcp:0\r\n", "a=rtcp:x\r\n", "a=rtcp:5 IN IP6 ::1\r\n"] {
            assert_eq!(rtcp(bad), "192.0.2.1:4001", "{bad}");
        }
    }

    #[test]
    fn an_ipv6_offer_is_answered_by_ipv6() {
        let offered = parse("v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 8\r\n");
        let (text, far) = answer(&offered, &local("[2001:db8::9]:10000"), None, Direction::SendRecv).unwrap();
        assert_eq!(far.address, "[2001:db8::1]:4000".parse().unwrap());
        assert!(has(&text, "c=IN IP6 2001:db8::9\r\n"));
    }

    #[test]
    fn a_call_without_media_is_accepted_inactive_at_the_discard_port() {
        let text = inactive_answer(&audio("0 101", "a=rtpmap:101 telephone-event/8000\r\n"), &local(LOCAL)).unwrap();
        assert!(has(&text, "m=audio 9 RTP/AVP 0 101\r\n") && has(&text, "a=inactive\r\n"));
        assert_eq!(inactive_answer(&parse("v=0\r\n"), &local(LOCAL)), Err(Unusable::NoAudio));
    }

    #[test]
    fn rtcp_mux_is_declined_by_leaving_it_out() {
        let (text, _) = answer(&audio("8", "a=rtcp-mux\r\n"), &local(LOCAL), None, Direction::SendRecv).unwrap();
        assert!(!has(&text, "rtcp-mux"));
    }

    proptest! {
        #[test]
        fn our_offer_and_our_answer_understand_each_other(wish in 0..4usize, pcma_first: bool, port in 1..65_535u16) {
            let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
            let codecs = if pcma_first { [Codec::Pcma, Codec::Pcmu] } else { [Codec::Pcmu, Codec::Pcma] };
            let ours = local(&format!("198.51.100.1:{port}"));
            let offered = SessionDescription::parse(&offer(&ours, &codecs, directions[wish])).unwrap();
            let (text, theirs) = answer(&offered, &local(LOCAL), None, Direction::SendRecv).unwrap();
            let mine = accept_answer(&SessionDescription::parse(&text).unwrap()).unwrap();
            prop_assert_eq!(theirs.address, ours.address);
            prop_assert_eq!((mine.codec, mine.payload_type, mine.dtmf), (codecs[0], codecs[0].payload_type(), Some(101)));
            prop_assert_eq!((mine.send, mine.receive), (theirs.receive, theirs.send));
            prop_assert_eq!(mine.send, directions[wish].sends());
        }
    }

    fn parse(text: &str) -> SessionDescription {
        SessionDescription::parse(text.as_bytes()).unwrap()
    }

    fn audio(formats: &str, attributes: &str) -> SessionDescription {
        parse(&format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP {formats}\r\n{attributes}"))
    }

    fn local(address: &str) -> Local {
        Local { address: address.parse().unwrap(), session: 5, version: 1 }
    }

    fn has(text: &[u8], part: &str) -> bool {
        std::str::from_utf8(text).unwrap().contains(part)
    }
}
