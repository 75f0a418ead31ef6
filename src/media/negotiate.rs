//! Offer and answer (RFC 3264) for an engine that passes a handful of codecs and telephone-event: writes our descriptions and
//! reads from the far one where to send and what. Never sends to an unspecified, multicast or broadcast address, and declines
//! rtcp-mux by leaving it out (RFC 5761 5.1.1).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use super::codecs::Codecs;
use super::message::{Codec, Far};
use super::sdp::{Audio, Connection, Direction, Line, Profile, SessionDescription, lines};
use super::srtp::{ATTRIBUTE_BYTES_MAX, Crypto, MasterKey, write};
use crate::base::Digits;

/// Our side of a session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Where we receive RTP; RTCP is one port above.
    pub address: SocketAddr,
    /// `o=` address: what it was when we first described ourselves, wherever the audio has moved since (RFC 3264 8).
    pub origin: IpAddr,
    /// `o=` session id, one for the dialog.
    pub session: u64,
    /// `o=` version, one more for each change (RFC 3264 8).
    pub version: u64,
    /// What we encrypt with, where the audio may be encrypted.
    pub secure: Option<Secure>,
}

/// How audio of ours is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secure {
    /// What an offer says. An answer says what the offer said.
    pub profile: Profile,
    /// What we send with.
    pub key: MasterKey,
}

/// Why a well-formed description cannot be used: answered with 488, the session stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No `m=audio` line over RTP/AVP with a port, or over SRTP where that may or must be.
    #[error("no audio over a profile that may be used")]
    NoAudio,
    /// Audio without a codec that may be used.
    #[error("no codec offered that may be used")]
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

/// The same by Opus' clock, where Opus is offered.
const DTMF_48_PAYLOAD_TYPE: u8 = 102;

/// The packet time that nearly everybody uses, and which we play music in.
pub const PTIME_MS: u8 = 20;

/// What an offer of ours says.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// The codecs, the preferred one first.
    pub codecs: Codecs,
    /// Whose words about formats are repeated: its payload types and parameters.
    pub like: Option<&'a SessionDescription>,
    /// The packet time that we wish to receive, in milliseconds.
    pub ptime_ms: u8,
    /// Who sends.
    pub direction: Direction,
}

impl Offered<'_> {
    /// These codecs in the usual form.
    pub const fn plain(codecs: Codecs, direction: Direction) -> Self {
        Self { codecs, like: None, ptime_ms: PTIME_MS, direction }
    }
}

/// What of an offer is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a> {
    /// What may be taken: the first of these that is offered.
    pub codecs: Codecs,
    /// What is said of its format; `None`: what the offer says.
    pub parameters: Option<&'a str>,
    /// The packet time that we wish to receive, in milliseconds.
    pub ptime_ms: u8,
    /// Who sends, as we wish it.
    pub direction: Direction,
}

/// A format in a description of ours.
#[derive(Debug, Clone, Copy)]
struct Format<'a> {
    payload_type: u8,
    codec: Codec,
    parameters: Option<&'a str>,
}

/// Telephone-events in a description of ours: payload type and clock.
type Events = SmallVec<[(u8, u8); 2]>;

/// An offer of codecs in order of preference, with telephone-event.
pub fn offer(local: &Local, offered: &Offered<'_>) -> Box<[u8]> {
    let mut text = head(local, (0, 0));
    let (formats, events) = formats(offered);
    let profile = local.secure.map_or(Profile::Avp, |secure| secure.profile);
    let crypto = local.secure.map(|secure| Crypto::offer(secure.key));
    let port = (local.address.port(), profile);
    audio_line(&mut text, port, (&formats, &events), offered.ptime_ms, (offered.direction, crypto));
    text.into()
}

/// The answer to `offer`: its first audio line is accepted with one codec; every other `m=` line is refused in its place with
/// port 0. The direction that we wish is limited by the offer (RFC 3264 6.1).
///
/// # Errors
/// [`Unusable`]: nothing in the offer can be accepted.
pub fn answer(offer: &SessionDescription, local: &Local, accept: &Accept<'_>) -> Result<(Box<[u8]>, Far), Unusable> {
    let (index, audio) =
        offer.audio().filter(|(_, audio)| audio.crypto.is_none() || local.secure.is_some()).ok_or(Unusable::NoAudio)?;
    let codec = accept.codecs.iter().find_map(|codec| Some((audio.payload_type(codec)?, codec)));
    let far = far(audio, codec.ok_or(Unusable::NoCodec)?, accept.direction)?;
    let family = far.address.is_ipv4() == local.address.is_ipv4();
    if !family && !far.address.ip().is_unspecified() {
        return Err(Unusable::AddressFamily);
    }
    let accept = Accept { direction: mirrored(audio, accept.direction), ..*accept };
    Ok((answer_text(offer, index, (local, local.address.port()), &far, &accept), far))
}

/// An answer for a call without media: the audio line is accepted, inactive, at the discard port.
///
/// # Errors
/// [`Unusable::NoAudio`] or [`Unusable::NoCodec`].
pub fn inactive_answer(offer: &SessionDescription, local: &Local) -> Result<Box<[u8]>, Unusable> {
    let (index, audio) = offer.audio().ok_or(Unusable::NoAudio)?;
    let (payload_type, codec) = audio.codecs().next().ok_or(Unusable::NoCodec)?;
    let far = Far {
        address: local.address,
        rtcp: local.address,
        codec,
        payload_type,
        dtmf: audio.telephone_event(codec.ticks()).map(|(payload_type, _)| payload_type),
        send: false,
        receive: false,
        symmetric: false,
    };
    let (codecs, direction) = (Codecs::NONE, Direction::Inactive);
    let accept = Accept { codecs, parameters: None, ptime_ms: PTIME_MS, direction };
    Ok(answer_text(offer, index, (local, DISCARD_PORT), &far, &accept))
}

/// What the answer to an offer of ours says: its first codec of those that we offered counts.
///
/// # Errors
/// [`Unusable`]: the audio was refused or cannot be reached.
pub fn accept_answer(answer: &SessionDescription, offered: Codecs) -> Result<Far, Unusable> {
    let (_, audio) = answer.audio().ok_or(Unusable::NoAudio)?;
    let codec = audio.codecs().find(|(_, codec)| offered.contains(*codec));
    far(audio, codec.ok_or(Unusable::NoCodec)?, Direction::SendRecv)
}

/// Port 9 (RFC 863): accepted, but nothing arrives there.
const DISCARD_PORT: u16 = 9;

/// The formats of an offer. A payload type that was given to a codec stays its own (RFC 3264 8.3.2).
fn formats<'a>(offered: &Offered<'a>) -> (SmallVec<[Format<'a>; 4]>, Events) {
    let like = offered.like.and_then(|like| like.audio()).map(|(_, audio)| audio);
    let mut used: SmallVec<[u8; 8]> = SmallVec::new();
    let mut take = |wished: u8| {
        let free = (FIRST_DYNAMIC..128).find(|payload_type| !used.contains(payload_type));
        let taken = if used.contains(&wished) { free.unwrap_or(wished) } else { wished };
        used.push(taken);
        taken
    };
    let format = |codec: Codec| {
        let theirs = like.and_then(|audio| Some((audio, audio.payload_type(codec)?)));
        let parameters = theirs.and_then(|(audio, payload_type)| audio.parameters_of(payload_type));
        let wished = theirs.map_or_else(|| codec.payload_type(), |(_, payload_type)| payload_type);
        Format { payload_type: take(wished), codec, parameters }
    };
    let formats = offered.codecs.iter().map(format).collect();
    let mut event = |ticks: u8, usual: u8| {
        let theirs = like.and_then(|audio| audio.telephone_event(ticks.into())).filter(|(_, clock)| *clock == ticks);
        (take(theirs.map_or(usual, |(payload_type, _)| payload_type)), ticks)
    };
    let mut events: Events = SmallVec::new();
    events.push(event(1, DTMF_PAYLOAD_TYPE));
    if offered.codecs.contains(Codec::Opus) {
        events.push(event(Codec::Opus.ticks() as u8, DTMF_48_PAYLOAD_TYPE));
    }
    (formats, events)
}

/// The first payload type that stands for nothing by itself (RFC 3551 6).
const FIRST_DYNAMIC: u8 = 96;

fn far(audio: &Audio, (payload_type, codec): (u8, Codec), wish: Direction) -> Result<Far, Unusable> {
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
        dtmf: audio.telephone_event(codec.ticks()).map(|(payload_type, _)| payload_type),
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

fn answer_text(
    offer: &SessionDescription,
    accepted: usize,
    (local, port): (&Local, u16),
    far: &Far,
    accept: &Accept<'_>,
) -> Box<[u8]> {
    let mut text = head(local, offer.time);
    for (index, line) in offer.lines.iter().enumerate() {
        match line {
            Line::Audio(audio) if index == accepted => {
                let Far { payload_type, codec, .. } = *far;
                let theirs = || audio.parameters_of(payload_type).filter(|_| codec.law().is_none());
                let format = Format { payload_type, codec, parameters: accept.parameters.or_else(theirs) };
                let events: Events = audio.telephone_event(codec.ticks()).into_iter().collect();
                let answers = |(theirs, secure): (&Crypto, Secure)| Crypto { key: secure.key, ..*theirs };
                let crypto = audio.crypto.as_deref().zip(local.secure).map(answers);
                let port = (port, audio.profile);
                audio_line(&mut text, port, (&[format], &events), accept.ptime_ms, (accept.direction, crypto));
            }
            Line::Audio(audio) => {
                let format = audio.formats.first().map_or(0, |(payload_type, _)| *payload_type);
                refused_line(&mut text, "audio", audio.profile.as_str(), Digits::decimal(format.into()).as_bytes());
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
    put(&mut text, b" ");
    let before = text.len();
    put_address(&mut text, local.origin);
    let origin = before..text.len();
    put(&mut text, b"\r\ns=-\r\nc=");
    match local.address.ip() {
        here if here == local.origin => text.extend_from_within(origin),
        moved => put_address(&mut text, moved),
    }
    put(&mut text, b"\r\nt=");
    put_number(&mut text, time.0);
    put(&mut text, b" ");
    put_number(&mut text, time.1);
    put(&mut text, b"\r\n");
    text
}

/// The address of the `o=` line of what we have said.
pub fn origin(ours: &[u8]) -> Option<IpAddr> {
    let line = lines(ours).find_map(|line| line.strip_prefix(b"o="))?;
    std::str::from_utf8(line).ok()?.rsplit(' ').next()?.parse().ok()
}

/// `IN IP4 192.0.2.1`.
fn put_address(text: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            put(text, b"IN IP4 ");
            put_number(text, a.into());
            for octet in [b, c, d] {
                put(text, b".");
                put_number(text, octet.into());
            }
        }
        IpAddr::V6(ip) => write!(text, "IN IP6 {ip}").expect("a Vec grows as needed"),
    }
}

fn audio_line(
    text: &mut Vec<u8>,
    (port, profile): (u16, Profile),
    (formats, events): (&[Format<'_>], &[(u8, u8)]),
    ptime_ms: u8,
    (direction, crypto): (Direction, Option<Crypto>),
) {
    put(text, b"m=audio ");
    put_number(text, port.into());
    put(text, b" ");
    put(text, profile.as_str().as_bytes());
    let audio = formats.iter().map(|format| format.payload_type);
    for payload_type in audio.chain(events.iter().map(|(payload_type, _)| *payload_type)) {
        put(text, b" ");
        put_number(text, payload_type.into());
    }
    put(text, b"\r\n");
    for Format { payload_type, codec, parameters } in formats {
        put(text, b"a=rtpmap:");
        put_number(text, (*payload_type).into());
        put(text, b" ");
        put(text, codec.rtpmap().as_bytes());
        put(text, b"\r\n");
        let Some(parameters) = parameters else { continue };
        put(text, b"a=fmtp:");
        put_number(text, (*payload_type).into());
        put(text, b" ");
        put(text, parameters.as_bytes());
        put(text, b"\r\n");
    }
    for (payload_type, ticks) in events {
        put(text, b"a=rtpmap:");
        put_number(text, (*payload_type).into());
        put(text, if *ticks == 1 { b" telephone-event/8000\r\n" } else { b" telephone-event/48000\r\n" });
        put(text, b"a=fmtp:");
        put_number(text, (*payload_type).into());
        put(text, b" 0-16\r\n");
    }
    put(text, b"a=ptime:");
    put_number(text, ptime_ms.into());
    put(text, b"\r\na=");
    put(text, direction.as_str().as_bytes());
    put(text, b"\r\n");
    if let Some(crypto) = crypto {
        text.reserve(ATTRIBUTE_BYTES_MAX);
        write(&crypto, text);
    }
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
    use crate::media::Srtp;

    const LOCAL: &str = "198.51.100.1:10000";

    #[test]
    fn an_offer_names_the_codecs_in_order_with_digits_and_packet_time() {
        let text = offer(&local(LOCAL), &Offered::plain(codecs(&[Codec::Pcmu, Codec::Pcma]), Direction::SendRecv));
        let expected = "v=0\r\no=strowger 5 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
            m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
        assert_eq!(&text[..], expected.as_bytes());
    }

    #[test]
    fn an_answer_takes_the_first_of_ours_that_is_offered() {
        let offered = audio("9 0 8 96", "a=rtpmap:96 telephone-event/8000\r\n");
        let take = |of: &SessionDescription, list: &[Codec]| {
            answer(of, &local(LOCAL), &Accept { codecs: codecs(list), ..accept(Direction::SendRecv) })
        };
        let (text, far) = take(&offered, &[Codec::Opus, Codec::Pcma, Codec::Pcmu]).unwrap();
        assert_eq!((far.codec, far.payload_type, far.dtmf), (Codec::Pcma, 8, Some(96)));
        assert_eq!(far.address, "192.0.2.1:4000".parse().unwrap());
        assert_eq!(far.rtcp, "192.0.2.1:4001".parse().unwrap());
        assert!(far.send && far.receive);
        assert!(has(&text, "m=audio 10000 RTP/AVP 8 96\r\n"));
        assert!(has(&text, "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\n"));
        assert_eq!(take(&offered, &[Codec::G722, Codec::Pcma]).unwrap().1.codec, Codec::G722);
        let (_, far) = take(&audio("0", ""), &[Codec::Pcma, Codec::Pcmu]).unwrap();
        assert_eq!((far.codec, far.dtmf), (Codec::Pcmu, None));
        assert_eq!(take(&offered, &[Codec::Opus]).unwrap_err(), Unusable::NoCodec);
    }

    #[test]
    fn formats_keep_their_payload_types_parameters_and_packet_time() {
        let like = audio(
            "101 18 8 97 98",
            "a=rtpmap:101 opus/48000/2\r\na=fmtp:101 useinbandfec=1\r\na=fmtp:18 annexb=no\r\n\
             a=rtpmap:97 telephone-event/8000\r\na=rtpmap:98 telephone-event/48000\r\na=ptime:40\r\n",
        );
        let offered = Offered { like: Some(&like), ptime_ms: 40, ..Offered::plain(like.codecs(), Direction::SendRecv) };
        let text = offer(&local(LOCAL), &offered);
        assert!(has(&text, "m=audio 10000 RTP/AVP 101 18 8 97 98\r\n"));
        for line in [
            "a=rtpmap:101 opus/48000/2\r\na=fmtp:101 useinbandfec=1\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n",
            "a=rtpmap:97 telephone-event/8000\r\n",
            "a=rtpmap:98 telephone-event/48000\r\n",
            "a=ptime:40\r\n",
        ] {
            assert!(has(&text, line), "{line}");
        }
        let take = |codec: Codec, parameters| {
            let accept = Accept { codecs: codecs(&[codec]), parameters, ptime_ms: 40, direction: Direction::SendRecv };
            answer(&like, &local(LOCAL), &accept).unwrap()
        };
        let (text, far) = take(Codec::Opus, None);
        assert_eq!((far.payload_type, far.dtmf), (101, Some(98)), "events by the clock of the audio");
        assert!(has(&text, "RTP/AVP 101 98\r\n") && has(&text, "a=fmtp:101 useinbandfec=1\r\n"));
        assert!(has(&text, "a=ptime:40\r\n"));
        let (text, far) = take(Codec::G729, Some("annexb=yes"));
        assert_eq!((far.payload_type, far.dtmf), (18, Some(97)));
        assert!(has(&text, "a=fmtp:18 annexb=yes\r\n"));
        assert!(!has(&take(Codec::Pcma, None).0, "a=fmtp:8"));
    }

    #[test]
    fn a_payload_type_never_stands_for_two_things() {
        let like = audio("101 8", "a=rtpmap:101 opus/48000/2\r\n");
        let offered = Offered { like: Some(&like), ..Offered::plain(like.codecs(), Direction::SendRecv) };
        let text = offer(&local(LOCAL), &offered);
        assert!(has(&text, "RTP/AVP 101 8 96 102\r\n") && has(&text, "a=rtpmap:96 telephone-event/8000\r\n"));
        let every = Offered::plain(Codec::ALL.into_iter().collect(), Direction::SendRecv);
        assert!(has(&offer(&local(LOCAL), &every), "RTP/AVP 8 0 9 18 107 101 102\r\n"));
    }

    #[test]
    fn every_line_is_answered_in_order_and_all_but_one_refused() {
        let offered = parse(
            "v=0\r\nc=IN IP4 192.0.2.1\r\nt=5 6\r\nm=video 5000 RTP/AVP 96 97\r\nm=audio 4000 RTP/SAVP 8\r\n\
             m=audio 0 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\nm=audio 4004 RTP/AVP 0 8\r\nm=image 9 udptl t38\r\n",
        );
        let (text, far) = answer(&offered, &local(LOCAL), &accept(Direction::SendRecv)).unwrap();
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
                let (text, far) = answer(&offered_text, &local(LOCAL), &accept(wish)).unwrap();
                assert!(has(&text, &format!("a={}\r\n", expected.as_str())), "{offered:?} {wish:?}");
                assert_eq!((far.send, far.receive), (expected.sends(), expected.receives()));
            }
        }
    }

    #[test]
    fn an_unspecified_address_is_hold_and_never_sent_to() {
        let held = parse("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n");
        let (text, far) = answer(&held, &local(LOCAL), &accept(Direction::SendRecv)).unwrap();
        assert!(!far.send && far.receive);
        assert!(has(&text, "a=recvonly\r\n"));
        let six = "[2001:db8::9]:10000";
        assert!(!answer(&held, &local(six), &accept(Direction::SendRecv)).unwrap().1.send);
        assert!(!accept_answer(&held, Codecs::G711).unwrap().send);
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        let with = |c: &str| parse(&format!("v=0\r\n{c}m=audio 4000 RTP/AVP 8\r\n"));
        let refused = |c: &str| answer(&with(c), &local(LOCAL), &accept(Direction::SendRecv)).unwrap_err();
        assert_eq!(refused(""), Unusable::NoAddress);
        assert_eq!(refused("c=IN IP4 host.example\r\n"), Unusable::NoAddress);
        assert_eq!(refused("c=IN IP4 224.2.1.1/127\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP4 255.255.255.255\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 ff02::1\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 ::ffff:224.0.0.1\r\n"), Unusable::BadAddress);
        assert_eq!(refused("c=IN IP6 2001:db8::1\r\n"), Unusable::AddressFamily);
        let mapped = answer(&with("c=IN IP6 ::ffff:192.0.2.9\r\n"), &local(LOCAL), &accept(Direction::SendRecv));
        assert_eq!(mapped.unwrap().1.address.to_string(), "192.0.2.9:4000");
        assert_eq!(accept_answer(&audio("18", ""), Codecs::G711), Err(Unusable::NoCodec));
        assert_eq!(
            accept_answer(&parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 8\r\n"), Codecs::G711),
            Err(Unusable::NoAudio)
        );
        assert_eq!(accept_answer(&parse("v=0\r\n"), Codecs::G711), Err(Unusable::NoAudio));
    }

    #[test]
    fn rtcp_goes_where_the_far_end_says_if_that_can_be_reached() {
        let rtcp = |attribute: &str| accept_answer(&audio("8", attribute), Codecs::G711).unwrap().rtcp.to_string();
        assert_eq!(rtcp("a=rtcp:53020\r\n"), "192.0.2.1:53020");
        assert_eq!(rtcp("a=rtcp:53020 IN IP4 192.0.2.7\r\n"), "192.0.2.7:53020");
        for bad in ["a=rtcp:53020 IN IP4 224.0.0.1\r\n", "a=rtcp:0\r\n", "a=rtcp:x\r\n", "a=rtcp:5 IN IP6 ::1\r\n"] {
            assert_eq!(rtcp(bad), "192.0.2.1:4001", "{bad}");
        }
    }

    #[test]
    fn an_ipv6_offer_is_answered_by_ipv6() {
        let offered = parse("v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4000 RTP/AVP 8\r\n");
        let (text, far) = answer(&offered, &local("[2001:db8::9]:10000"), &accept(Direction::SendRecv)).unwrap();
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
    fn keys_are_offered_and_answered_in_the_profile_and_by_the_tag_that_was_offered() {
        let mut rng = crate::base::Rng::from_u64(4);
        let [ours, theirs] = [(); 2].map(|()| MasterKey::new(&mut rng));
        for (profile, srtp) in [(Profile::Savp, Srtp::Required), (Profile::Avp, Srtp::Optional)] {
            let secured = |key| Local { secure: Some(Secure { profile, key }), ..local(LOCAL) };
            let text = offer(&secured(ours), &Offered::plain(Codecs::G711, Direction::SendRecv));
            assert!(has(&text, &format!("m=audio 10000 {} 8 0 101\r\n", profile.as_str())));
            let offered = SessionDescription::parse_as(&text, srtp).unwrap();
            assert_eq!(offered.crypto(), Some(&Crypto::offer(ours)));
            assert_eq!(
                answer(&offered, &local(LOCAL), &accept(Direction::SendRecv)),
                Err(Unusable::NoAudio),
                "no key of ours"
            );
            // Whatever ours would offer.
            let other = Local { secure: Some(Secure { profile: Profile::Savp, key: theirs }), ..local(LOCAL) };
            let (text, far) = answer(&offered, &other, &accept(Direction::SendRecv)).unwrap();
            assert!(far.send && has(&text, &format!("m=audio 10000 {} 8 101\r\n", profile.as_str())));
            let answered = SessionDescription::parse_as(&text, srtp).unwrap();
            assert!(answered.crypto().unwrap().answers(&Crypto::offer(ours)));
            assert_eq!((answered.crypto().unwrap().key, answered.profile()), (theirs, Some(profile)));
        }
        let plain = audio("8", "");
        let secured = Local { secure: Some(Secure { profile: Profile::Savp, key: ours }), ..local(LOCAL) };
        let (text, _) = answer(&plain, &secured, &accept(Direction::SendRecv)).unwrap();
        assert!(has(&text, "m=audio 10000 RTP/AVP 8\r\n") && !has(&text, "crypto"));
        let offer = parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 8\r\n");
        assert_eq!(answer(&offer, &secured, &accept(Direction::SendRecv)), Err(Unusable::NoAudio));
    }

    #[test]
    fn rtcp_mux_is_declined_by_leaving_it_out() {
        let (text, _) = answer(&audio("8", "a=rtcp-mux\r\n"), &local(LOCAL), &accept(Direction::SendRecv)).unwrap();
        assert!(!has(&text, "rtcp-mux"));
    }

    proptest! {
        #[test]
        fn our_offer_and_our_answer_understand_each_other(wish in 0..4usize, pcma_first: bool, port in 1..65_535u16) {
            let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
            let order = if pcma_first { [Codec::Pcma, Codec::Pcmu] } else { [Codec::Pcmu, Codec::Pcma] };
            let ours = local(&format!("198.51.100.1:{port}"));
            let offered = SessionDescription::parse(&offer(&ours, &Offered::plain(codecs(&order), directions[wish]))).unwrap();
            let accept = Accept { codecs: offered.codecs(), ..accept(Direction::SendRecv) };
            let (text, theirs) = answer(&offered, &local(LOCAL), &accept).unwrap();
            let mine = accept_answer(&SessionDescription::parse(&text).unwrap(), Codecs::G711).unwrap();
            prop_assert_eq!(theirs.address, ours.address);
            prop_assert_eq!((mine.codec, mine.payload_type, mine.dtmf), (order[0], order[0].payload_type(), Some(101)));
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
        let address: SocketAddr = address.parse().unwrap();
        Local { address, origin: address.ip(), session: 5, version: 1, secure: None }
    }

    #[test]
    fn audio_that_moves_to_the_other_family_leaves_the_origin_as_it_was() {
        let moved = Local { address: "[2001:db8::2]:20000".parse().unwrap(), version: 2, ..local(LOCAL) };
        let text = offer(&moved, &Offered::plain(Codecs::G711, Direction::SendRecv));
        assert_eq!(origin(&text), Some(local(LOCAL).origin));
        assert!(has(&text, "o=strowger 5 2 IN IP4 ") && has(&text, "\r\nc=IN IP6 2001:db8::2\r\n"));
    }

    fn codecs(list: &[Codec]) -> Codecs {
        list.iter().copied().collect()
    }

    fn accept(direction: Direction) -> Accept<'static> {
        Accept { codecs: Codecs::G711, parameters: None, ptime_ms: PTIME_MS, direction }
    }

    fn has(text: &[u8], part: &str) -> bool {
        std::str::from_utf8(text).unwrap().contains(part)
    }
}
