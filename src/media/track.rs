//! [`Track`]: a piece of audio encoded once in each law and shared by everybody who hears it. Only packet headers differ
//! between listeners.

use std::time::Duration;

use bytes::Bytes;

use super::codec::FRAME_SAMPLES;
use super::message::Codec;

/// Music or a prompt, ready to send in 20 ms frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pcma: Bytes,
    pcmu: Bytes,
}

impl Track {
    /// Encodes 8 kHz samples; the last frame is filled up with silence.
    pub fn from_samples(samples: &[i16]) -> Self {
        Self { pcma: encode(Codec::Pcma, samples), pcmu: encode(Codec::Pcmu, samples) }
    }

    /// How many 20 ms frames it has.
    pub const fn frames(&self) -> usize {
        self.pcma.len() / FRAME_SAMPLES
    }

    /// How long it takes.
    pub fn length(&self) -> Duration {
        Duration::from_millis(20 * self.frames() as u64)
    }

    /// The octets of one frame; `None` after the end.
    pub fn frame(&self, codec: Codec, index: usize) -> Option<&[u8]> {
        let encoded = match codec {
            Codec::Pcma => &self.pcma,
            Codec::Pcmu => &self.pcmu,
        };
        let start = index.checked_mul(FRAME_SAMPLES)?;
        encoded.get(start..start.checked_add(FRAME_SAMPLES)?)
    }
}

fn encode(codec: Codec, samples: &[i16]) -> Bytes {
    let length = samples.len().next_multiple_of(FRAME_SAMPLES);
    let padded = samples.iter().copied().chain(std::iter::repeat(0)).take(length);
    padded.map(|sample| codec.encode(sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_whole_frames_in_both_laws() {
        let samples: Vec<i16> = (0..250).map(|n| n * 100).collect();
        let track = Track::from_samples(&samples);
        assert_eq!(track.frames(), 2);
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let second = track.frame(codec, 1).unwrap();
            assert_eq!(second[89], codec.encode(24_900));
            assert!(second[90..].iter().all(|octet| *octet == codec.silence()));
            assert_eq!(track.frame(codec, 2), None);
            assert_eq!(track.frame(codec, usize::MAX), None);
        }
        assert_eq!(Track::from_samples(&[]).frames(), 0);
    }
}
