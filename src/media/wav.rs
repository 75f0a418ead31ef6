//! WAV files into samples: 8 kHz mono, 16-bit PCM (by `hound`) or G.711. Never resamples or mixes: what has another shape is
//! refused with the command that converts it.

use super::codec::{Law, SAMPLE_RATE};
use crate::base::limits::TRACK_SAMPLES_MAX;

/// Why a file cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// No RIFF/WAVE file, or cut short.
    #[error("not a readable WAV file: {0}")]
    Damaged(String),
    /// Another rate, channel count, width or encoding.
    #[error(
        "WAV is {rate} Hz, {channels} channel(s), {bits} bits, encoding {encoding}, but 8000 Hz mono 16-bit PCM is needed: \
         convert it with `sox in.wav -r 8000 -c 1 -b 16 out.wav`"
    )]
    Shape {
        /// Samples a second.
        rate: u32,
        /// Channels.
        channels: u16,
        /// Bits a sample.
        bits: u16,
        /// The format tag: 1 PCM, 3 float, 6 A-law, 7 mu-law.
        encoding: u16,
    },
    /// Longer than ten minutes.
    #[error("WAV has {samples} samples, at most {TRACK_SAMPLES_MAX} (ten minutes) are allowed")]
    TooLong {
        /// Its length.
        samples: usize,
    },
    /// No samples.
    #[error("WAV has no samples")]
    Empty,
}

/// Decodes a whole file.
///
/// # Errors
/// [`WavError`]: the file is damaged, of another shape, empty or too long.
pub fn decode(file: &[u8]) -> Result<Vec<i16>, WavError> {
    let format = Format::find(file).ok_or_else(|| WavError::Damaged("no RIFF/WAVE format chunk".into()))?;
    let samples = match format {
        Format { encoding: PCM | EXTENSIBLE, channels: 1, rate: SAMPLE_RATE, bits: 16 } => pcm(file)?,
        Format { encoding: PCMA, channels: 1, rate: SAMPLE_RATE, bits: 8 } => g711(file, Law::A)?,
        Format { encoding: PCMU, channels: 1, rate: SAMPLE_RATE, bits: 8 } => g711(file, Law::Mu)?,
        Format { encoding, channels, rate, bits } => return Err(WavError::Shape { rate, channels, bits, encoding }),
    };
    if samples.is_empty() {
        return Err(WavError::Empty);
    }
    Ok(samples)
}

const PCM: u16 = 1;
const PCMA: u16 = 6;
const PCMU: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// The begin of a `fmt ` chunk.
struct Format {
    encoding: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Format {
    fn find(file: &[u8]) -> Option<Self> {
        let chunk = chunk(file, *b"fmt ")?;
        let half = |at: usize| Some(u16::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?]));
        let rate = u32::from(half(4)?) | u32::from(half(6)?) << 16;
        Some(Self { encoding: half(0)?, channels: half(2)?, rate, bits: half(14)? })
    }
}

fn pcm(file: &[u8]) -> Result<Vec<i16>, WavError> {
    let damaged = |error: hound::Error| WavError::Damaged(error.to_string());
    let mut reader = hound::WavReader::new(file).map_err(damaged)?;
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int {
        let (rate, channels, bits) = (spec.sample_rate, spec.channels, spec.bits_per_sample);
        return Err(WavError::Shape { rate, channels, bits, encoding: 3 });
    }
    bounded(reader.len() as usize)?;
    reader.samples::<i16>().collect::<Result<_, _>>().map_err(damaged)
}

fn g711(file: &[u8], law: Law) -> Result<Vec<i16>, WavError> {
    let data = chunk(file, *b"data").ok_or_else(|| WavError::Damaged("no data chunk".into()))?;
    bounded(data.len())?;
    Ok(data.iter().map(|octet| law.decode(*octet)).collect())
}

const fn bounded(samples: usize) -> Result<(), WavError> {
    if samples > TRACK_SAMPLES_MAX {
        return Err(WavError::TooLong { samples });
    }
    Ok(())
}

/// The content of the first chunk of that name; what a chunk claims beyond the file's end is not there.
fn chunk(file: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head[..4] == name {
            return Some(&body[..length.min(body.len())]);
        }
        rest = body.get(length.checked_next_multiple_of(2)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pcm_is_decoded_exactly() {
        let samples: Vec<i16> = (0..1_000).map(|n| n * 31 - 15_000).collect();
        assert_eq!(decode(&wav(8_000, 1, &samples)), Ok(samples));
    }

    #[test]
    fn g711_is_decoded_by_its_law() {
        for (encoding, law) in [(PCMA, Law::A), (PCMU, Law::Mu)] {
            let octets: Vec<u8> = (0..=255).collect();
            let mut file = b"RIFF\0\0\0\0WAVEfact\x03\0\0\0abc\0fmt \x12\0\0\0".to_vec();
            file.extend(encoding.to_le_bytes());
            file.extend([1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0, 0, 0]);
            file.extend(b"data\0\x01\0\0");
            file.extend(&octets);
            let expected: Vec<i16> = octets.iter().map(|octet| law.decode(*octet)).collect();
            assert_eq!(decode(&file), Ok(expected));
        }
    }

    #[test]
    fn another_shape_is_refused_with_the_command_that_converts_it() {
        for file in [wav(44_100, 1, &[1, 2]), wav(8_000, 2, &[1, 2])] {
            let error = decode(&file).unwrap_err();
            assert!(matches!(error, WavError::Shape { .. }));
            assert!(error.to_string().contains("sox in.wav -r 8000 -c 1 -b 16 out.wav"), "{error}");
        }
    }

    #[test]
    fn empty_damaged_and_too_long_files_are_told_apart() {
        assert_eq!(decode(&wav(8_000, 1, &[])), Err(WavError::Empty));
        assert!(matches!(decode(b""), Err(WavError::Damaged(_))));
        assert!(matches!(decode(b"RIFF....MP3 "), Err(WavError::Damaged(_))));
        let whole = wav(8_000, 1, &[5; 400]);
        assert!(matches!(decode(&whole[..whole.len() - 100]), Err(WavError::Damaged(_))));
        let long = wav(8_000, 1, &vec![0; TRACK_SAMPLES_MAX + 1]);
        assert_eq!(decode(&long), Err(WavError::TooLong { samples: TRACK_SAMPLES_MAX + 1 }));
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in 0..60usize, byte: u8, cut in 0..100usize) {
            let mut file = wav(8_000, 1, &[7; 40]);
            file[at] = byte;
            let _ = decode(&file);
            file.truncate(cut);
            let _ = decode(&file);
        }
    }

    fn wav(sample_rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let spec =
            hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }
}
