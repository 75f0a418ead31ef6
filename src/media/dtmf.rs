//! Digits: telephone-event packets (RFC 4733) and the bodies of SIP INFO. A key press is told once, at its first packet,
//! however many packets of it are lost, repeated or late. In-band tones are not looked for.

use super::rtp::Header;

/// The payload of a telephone-event packet (RFC 4733 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0..=9 the digits, 10 `*`, 11 `#`, 12..=15 `A` to `D`, 16 flash.
    pub event: u8,
    /// The key was released.
    pub end: bool,
    /// Loudness below 0 dBm0, 0..=63.
    pub volume: u8,
    /// How long so far, in samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; redundant events behind the first are ignored.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<4>()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    /// The payload.
    pub const fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, if self.end { 0x80 } else { 0 } | self.volume & 0x3F, high, low]
    }

    /// The key (`0-9*#A-D`); `None` for flash and what is no key.
    pub fn digit(self) -> Option<char> {
        KEYS.get(usize::from(self.event)).map(|key| char::from(*key))
    }
}

/// Tells key presses from the packets of one far end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receiver {
    last: Option<Press>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Press {
    ssrc: u32,
    timestamp: u32,
    latest: TelephoneEvent,
}

impl Receiver {
    /// Reads a telephone-event packet: the key, if this is the first packet of its press. The timestamp names the press
    /// (RFC 4733 2.2.1), so neither the marker nor the end bit is needed.
    pub fn on_packet(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let event = TelephoneEvent::parse(payload)?;
        let press = Press { ssrc: header.ssrc, timestamp: header.timestamp, latest: event };
        let Some(last) = &mut self.last else {
            self.last = Some(press);
            return event.digit();
        };
        if last.ssrc == press.ssrc {
            let later = press.timestamp.wrapping_sub(last.timestamp) as i32;
            if later == 0 {
                last.latest = TelephoneEvent { end: last.latest.end || event.end, ..event };
                return None;
            }
            if (-LATE_MAX..0).contains(&later) {
                return None;
            }
            if !header.marker && last.continues(&press) {
                *last = press;
                return None;
            }
        }
        *last = press;
        event.digit()
    }
}

impl Press {
    /// True when `next` is a further segment of this press: a key held longer than the duration can tell goes on with a new
    /// timestamp right behind (RFC 4733 2.5.1.3).
    fn continues(&self, next: &Self) -> bool {
        let end = self.timestamp.wrapping_add(u32::from(self.latest.duration));
        !self.latest.end && self.latest.event == next.latest.event && next.timestamp == end
    }
}

/// Packets of an earlier press may come so late, in samples: 5 s.
const LATE_MAX: i32 = 40_000;

/// The packets of a key press, one each 20 ms with the same timestamp: whether the marker is set, and the payload. The last
/// one is sent three times (RFC 4733 2.5.1.4). `None` when `digit` is no key.
pub fn key_press(digit: char, packets: u16) -> Option<impl Iterator<Item = (bool, [u8; 4])>> {
    let key = u8::try_from(digit.to_ascii_uppercase()).ok()?;
    let event = KEYS.iter().position(|known| *known == key)? as u8;
    let packets = packets.clamp(1, u16::MAX / FRAME);
    Some((1..=packets + 3).map(move |n| {
        let payload = TelephoneEvent { event, end: n > packets, volume: 10, duration: n.min(packets) * FRAME };
        (n == 1, payload.to_bytes())
    }))
}

/// The key in an INFO's body: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`); `None` for another type, or
/// for what is no key.
pub fn from_info(content_type: &str, body: &[u8]) -> Option<char> {
    let media_type = content_type.split(';').next()?.trim();
    let relay = media_type.eq_ignore_ascii_case("application/dtmf-relay");
    if !relay && !media_type.eq_ignore_ascii_case("application/dtmf") {
        return None;
    }
    let mut lines = std::str::from_utf8(body).ok()?.lines().map(str::trim);
    let signal = lines.clone().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("signal").then_some(value.trim())
    });
    let signal = if relay { signal? } else { signal.or_else(|| lines.find(|line| !line.is_empty()))? };
    key(signal)
}

/// A key by its character, or by its event number where that has two digits.
fn key(signal: &str) -> Option<char> {
    let mut characters = signal.chars();
    let (Some(only), None) = (characters.next(), characters.next()) else {
        let number: usize = signal.parse().ok().filter(|number| (10..16).contains(number))?;
        return KEYS.get(number).map(|key| char::from(*key));
    };
    let upper = only.to_ascii_uppercase();
    KEYS.iter().map(|key| char::from(*key)).find(|key| *key == upper)
}

const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// Samples of 20 ms.
const FRAME: u16 = 160;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_key_is_told_once_for_a_press() {
        for (digit, timestamp) in "0123456789*#ABCD".chars().zip((0..).step_by(8_000)) {
            let mut receiver = Receiver::default();
            let told: Vec<char> =
                press(digit, timestamp).iter().filter_map(|(h, p)| receiver.on_packet(h, p)).collect();
            assert_eq!(told, [digit]);
        }
        assert!(key_press('x', 5).is_none());
    }

    #[test]
    fn the_same_key_again_is_told_again_even_when_ends_are_lost() {
        let mut receiver = Receiver::default();
        let packets = press('5', 1_000).into_iter().take(3).chain(press('5', 9_000).into_iter().skip(1));
        let told: String = packets.filter_map(|(h, p)| receiver.on_packet(&h, &p)).collect();
        assert_eq!(told, "55");
    }

    #[test]
    fn one_packet_of_a_press_is_enough() {
        for index in 0..press('7', 0).len() {
            let (header, payload) = press('7', 0)[index];
            assert_eq!(Receiver::default().on_packet(&header, &payload), Some('7'));
        }
    }

    #[test]
    fn a_late_packet_of_an_earlier_press_is_not_a_press() {
        let mut receiver = Receiver::default();
        let (one, two) = (press('1', u32::MAX - 100), press('2', 3_000));
        let told: String =
            [one[0], two[0], one[3], two[1]].iter().filter_map(|(h, p)| receiver.on_packet(h, p)).collect();
        assert_eq!(told, "12");
    }

    #[test]
    fn a_key_held_for_longer_than_a_duration_can_tell_is_one_press() {
        let segment = |timestamp, duration, end| {
            let payload = TelephoneEvent { event: 3, end, volume: 0, duration }.to_bytes();
            (header(timestamp, false), payload)
        };
        let mut receiver = Receiver::default();
        let packets = [segment(100, 65_535, false), segment(65_635, 160, false), segment(65_635, 320, true)];
        let told: String = packets.iter().filter_map(|(h, p)| receiver.on_packet(h, p)).collect();
        assert_eq!(told, "3");
    }

    #[test]
    fn a_flash_and_garbage_are_no_keys() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.on_packet(&header(0, true), &[16, 0, 0, 160]), None);
        assert_eq!(receiver.on_packet(&header(8_000, true), &[200, 0, 0, 160]), None);
        assert_eq!(receiver.on_packet(&header(16_000, true), &[5, 0, 0]), None);
        assert_eq!(receiver.on_packet(&header(16_000, true), &[5, 0, 0, 160, 99]), Some('5'));
    }

    #[test]
    fn info_bodies_are_read() {
        let relay = |body: &str| from_info("Application/DTMF-Relay; charset=utf-8", body.as_bytes());
        assert_eq!(relay("Signal=5\r\nDuration=160"), Some('5'));
        assert_eq!(relay("Duration = 100\r\nsignal = #\r\n"), Some('#'));
        assert_eq!(relay("Signal=d"), Some('D'));
        assert_eq!(relay("Signal=11\r\n"), Some('#'));
        assert_eq!(relay("Signal=16"), None);
        assert_eq!(relay("5"), None);
        assert_eq!(relay(""), None);
        assert_eq!(from_info("application/dtmf", b"\r\n* \r\n"), Some('*'));
        assert_eq!(from_info("application/dtmf", b"Signal=9"), Some('9'));
        assert_eq!(from_info("application/dtmf", b"\xFF"), None);
        assert_eq!(from_info("text/plain", b"5"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(payloads in proptest::collection::vec((any::<u32>(), any::<[u8; 4]>()), 0..20), body: Vec<u8>) {
            let mut receiver = Receiver::default();
            for (timestamp, payload) in payloads {
                receiver.on_packet(&header(timestamp, false), &payload);
            }
            from_info("application/dtmf", &body);
            from_info("application/dtmf-relay", &body);
        }
    }

    fn press(digit: char, timestamp: u32) -> Vec<(Header, [u8; 4])> {
        key_press(digit, 5).unwrap().map(|(marker, payload)| (header(timestamp, marker), payload)).collect()
    }

    fn header(timestamp: u32, marker: bool) -> Header {
        Header { marker, payload_type: 101, sequence: 0, timestamp, ssrc: 1 }
    }
}
