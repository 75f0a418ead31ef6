//! A test phone's mouth and ear: [`Voice`] speaks one tone in RTP, 20 ms a packet; [`Ear`] decodes what it hears, notes when the
//! other side's tone was there, and keeps the packets when it is asked to record. What goes by the name of another codec than
//! G.711 is A-law inside: nobody between the phones looks.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Instant, Rng};
use crate::media::Codec;
use crate::media::codec::{FRAME_SAMPLES, Law};
use crate::media::tone::{Tone, share};
use crate::sim::session::Sound;
use crate::sim::terms::codec_of;

/// One packet's time.
const FRAME: Duration = Duration::from_millis(20);
/// A voice that is late by more than this begins anew instead of catching up.
const LATE_MAX: Duration = Duration::from_millis(200);
/// Loudness of the tone: a quarter of full scale.
pub const AMPLITUDE: i16 = 8_192;
/// The fixed RTP header (RFC 3550 5.1).
const HEADER: usize = 12;
/// Packets recorded: five minutes.
const RECORD_MAX: usize = 15_000;
/// A frame belongs to the other side when this part of its power is the other side's tone.
const SHARE_MIN: f64 = 0.6;

/// Speaks one tone.
#[derive(Debug)]
pub struct Voice {
    tone: Tone,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    next: Option<Instant>,
    /// It calls as a fax machine does: packets so far.
    fax: Option<u32>,
}

impl Voice {
    /// A silent voice of `hz`.
    pub fn new(hz: u32, rng: &mut Rng) -> Self {
        Self {
            tone: Tone::new(hz, AMPLITUDE),
            ssrc: rng.u32(),
            sequence: 0,
            timestamp: rng.u32(),
            next: None,
            fax: None,
        }
    }

    /// From now on it calls as a fax machine does: 1,100 Hz for half a second, each 3.5 s (T.30 4.3.1).
    pub const fn call_as_fax(&mut self) {
        (self.tone, self.fax) = (Tone::new(1_100, AMPLITUDE), Some(0));
    }

    /// When [`Voice::speak`] is wanted next.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The packet due at `now`, while there is somewhere to send to.
    pub fn speak(&mut self, now: Instant, sound: Option<Sound>) -> Option<(SocketAddr, Vec<u8>)> {
        let known = |sound: Sound| Some((sound, codec_of(sound.format)?)).filter(|(_, codec)| head(*codec).is_some());
        let Some((sound, codec)) = sound.and_then(known) else {
            self.next = None;
            return None;
        };
        let mut due = *self.next.get_or_insert(now);
        if due > now {
            return None;
        }
        if now - due > LATE_MAX {
            due = now;
        }
        self.next = Some(due + FRAME);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32 * codec.ticks());
        let mut packet = Vec::with_capacity(HEADER + FRAME_SAMPLES);
        packet.extend_from_slice(&[0x80, sound.format]);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(head(codec).unwrap_or_default());
        let sounds = self.fax.is_none_or(|packets| packets % 175 < 25);
        self.fax = self.fax.map(|packets| packets + 1);
        let samples = self.tone.by_ref().take(FRAME_SAMPLES).map(|sample| if sounds { sample } else { 0 });
        packet.extend(samples.map(|sample| law_of(codec).encode(sample)));
        Some((sound.far, packet))
    }
}

/// A packet as it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// When it arrived.
    pub at: Instant,
    /// Its synchronisation source.
    pub ssrc: u32,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its codec.
    pub codec: Codec,
    /// Its decoded audio.
    pub samples: Vec<i16>,
}

/// Listens for one tone.
#[derive(Debug)]
pub struct Ear {
    hz: u32,
    far_since: Option<Instant>,
    record: Option<Vec<Heard>>,
}

impl Ear {
    /// An ear for the other side's tone.
    pub fn new(hz: u32) -> Self {
        Self { hz, far_since: None, record: None }
    }

    /// When the other side was first heard in this call.
    pub fn far_since(&self) -> Option<Instant> {
        self.far_since
    }

    /// Keeps what is heard from now on, at most five minutes.
    pub fn record(&mut self) {
        self.record = Some(Vec::new());
    }

    /// What was recorded.
    pub fn recorded(&self) -> &[Heard] {
        self.record.as_deref().unwrap_or_default()
    }

    /// Another call begins: the other side was not heard yet.
    pub fn clear(&mut self) {
        self.far_since = None;
    }

    /// An RTP packet arrived; what is no audio is passed over.
    pub fn hear(&mut self, now: Instant, packet: &[u8]) {
        let Some(heard) = read(now, packet) else { return };
        if self.far_since.is_none() && share(&heard.samples, self.hz) > SHARE_MIN {
            self.far_since = Some(now);
        }
        if let Some(record) = &mut self.record
            && record.len() < RECORD_MAX
        {
            record.push(heard);
        }
    }
}

fn read(at: Instant, packet: &[u8]) -> Option<Heard> {
    let (header, payload) = packet.split_at_checked(HEADER)?;
    if header[0] != 0x80 {
        return None;
    }
    let codec = codec_of(header[1] & 0x7f)?;
    let word = |from: usize| header[from..from + 4].iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    Some(Heard {
        at,
        ssrc: word(8),
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: word(4),
        codec,
        samples: payload.strip_prefix(head(codec)?)?.iter().map(|octet| law_of(codec).decode(*octet)).collect(),
    })
}

/// The law in which a phone speaks by the name of a codec.
pub fn law_of(codec: Codec) -> Law {
    codec.law().unwrap_or(Law::A)
}

/// What stands before the audio of a packet: of Opus the octet that tells 20 ms (RFC 6716 3.1). `None`: not spoken.
const fn head(codec: Codec) -> Option<&'static [u8]> {
    match codec {
        Codec::Pcma | Codec::Pcmu | Codec::G722 => Some(&[]),
        Codec::Opus => Some(&[31 << 3]),
        // Twenty octets are no tone.
        Codec::G729 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{AGENT_HZ, CALLER_HZ};

    #[test]
    fn an_ear_hears_the_tone_that_a_voice_speaks_and_no_other() {
        let mut voice = Voice::new(CALLER_HZ, &mut Rng::from_u64(1));
        let sound = Sound { far: "127.0.0.1:4000".parse().unwrap(), format: 8, dtmf: None, send: true };
        let (mut ear, mut other) = (Ear::new(CALLER_HZ), Ear::new(AGENT_HZ));
        ear.record();
        let at = |millis: u64| Instant::from_micros(millis * 1_000);
        for millis in (0..100).step_by(10) {
            if let Some((_, packet)) = voice.speak(at(millis), Some(sound)) {
                ear.hear(at(millis), &packet);
                other.hear(at(millis), &packet);
            }
        }
        assert_eq!(ear.far_since(), Some(at(0)));
        assert_eq!(other.far_since(), None);
        let sequences: Vec<u16> = ear.recorded().iter().map(|heard| heard.sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5]);
        assert!(voice.speak(at(200), None).is_none());
        assert_eq!(voice.next(), None);
    }
}
