//! [`Track`]: a piece of audio encoded once in each law, and in what else there are files of, shared by everybody who hears
//! it. Only packet headers differ between listeners.

use std::time::Duration;

use bytes::Bytes;

use super::codec::{FRAME_SAMPLES, Law};
use super::codecs::Codecs;
use super::encoded::Encoded;
use super::message::Codec;

/// Music or a prompt, ready to send in 20 ms frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pcma: Bytes,
    pcmu: Bytes,
    /// The same in other codecs.
    others: Vec<(Codec, Encoded)>,
}

impl Track {
    /// Encodes 8 kHz samples; the last frame is filled up with silence.
    pub fn from_samples(samples: &[i16]) -> Self {
        Self { pcma: encode(Law::A, samples), pcmu: encode(Law::Mu, samples), others: Vec::new() }
    }

    /// Adds the same in another codec.
    pub fn with(mut self, codec: Codec, encoded: Encoded) -> Self {
        self.others.push((codec, encoded));
        self
    }

    /// How many 20 ms frames it has.
    pub const fn frames(&self) -> usize {
        self.pcma.len() / FRAME_SAMPLES
    }

    /// How many it has in this codec; as many of silence where it is not there in it.
    pub fn frames_in(&self, codec: Codec) -> usize {
        match codec {
            Codec::Pcma | Codec::Pcmu => self.frames(),
            Codec::G722 | Codec::G729 | Codec::Opus => self.other(codec).map_or_else(|| self.frames(), Encoded::frames),
        }
    }

    /// How long it takes.
    pub fn length(&self) -> Duration {
        Duration::from_millis(20 * self.frames() as u64)
    }

    /// In what it is there.
    pub fn codecs(&self) -> Codecs {
        Codecs::G711.iter().chain(self.others.iter().map(|(codec, _)| *codec)).collect()
    }

    /// The octets of one frame: none where it is not there in this codec. `None` after the end.
    pub fn frame(&self, codec: Codec, index: usize) -> Option<&[u8]> {
        let encoded = match codec {
            Codec::Pcma => &self.pcma,
            Codec::Pcmu => &self.pcmu,
            Codec::G722 | Codec::G729 | Codec::Opus => {
                return match self.other(codec) {
                    Some(encoded) => encoded.frame(index),
                    None => (index < self.frames()).then_some(&[]),
                };
            }
        };
        let start = index.checked_mul(FRAME_SAMPLES)?;
        encoded.get(start..start.checked_add(FRAME_SAMPLES)?)
    }

    fn other(&self, codec: Codec) -> Option<&Encoded> {
        self.others.iter().find(|(other, _)| *other == codec).map(|(_, encoded)| encoded)
    }
}

fn encode(law: Law, samples: &[i16]) -> Bytes {
    let length = samples.len().next_multiple_of(FRAME_SAMPLES);
    let padded = samples.iter().copied().chain(std::iter::repeat(0)).take(length);
    padded.map(|sample| law.encode(sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_whole_frames_in_both_laws() {
        let samples: Vec<i16> = (0..250).map(|n| n * 100).collect();
        let track = Track::from_samples(&samples);
        assert_eq!(track.frames(), 2);
        for (codec, law) in [(Codec::Pcma, Law::A), (Codec::Pcmu, Law::Mu)] {
            let second = track.frame(codec, 1).unwrap();
            assert_eq!(second[89], law.encode(24_900));
            assert!(second[90..].iter().all(|octet| *octet == law.silence()));
            assert_eq!(track.frame(codec, 2), None);
            assert_eq!(track.frame(codec, usize::MAX), None);
        }
        assert_eq!(Track::from_samples(&[]).frames(), 0);
    }

    #[test]
    fn in_another_codec_it_is_what_the_file_has_or_silence() {
        let encoded = Encoded::read(Codec::G729, vec![7; 60].into()).unwrap();
        let track = Track::from_samples(&[0; 320]).with(Codec::G729, encoded);
        assert_eq!(track.frame(Codec::G729, 2), Some(&[7; 20][..]));
        assert_eq!((track.frame(Codec::G729, 3), track.frames_in(Codec::G729)), (None, 3));
        assert_eq!(track.frame(Codec::Opus, 1), Some(&[][..]));
        assert_eq!((track.frame(Codec::Opus, 2), track.frames_in(Codec::Opus)), (None, 2));
        assert_eq!(track.codecs().iter().collect::<Vec<_>>(), [Codec::Pcma, Codec::Pcmu, Codec::G729]);
    }
}
