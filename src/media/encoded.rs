//! Audio that was encoded elsewhere, cut into the payloads of 20 ms packets: raw G.722 and G.729, as Asterisk's `.g722` and
//! `.g729` files hold it, and Ogg Opus (RFC 7845). Decodes nothing and checks no checksum: what is damaged sounds so.

use std::ops::Range;

use bytes::Bytes;

use super::codec::FRAME_SAMPLES;
use super::message::Codec;
use crate::base::limits::{RTP_BYTES_MAX, TRACK_SAMPLES_MAX};

/// Payloads of 20 ms each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    bytes: Bytes,
    frames: Frames,
}

/// Where they lie in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Frames {
    /// One after the other, each of so many octets.
    Even(usize),
    /// Each somewhere.
    Uneven(Vec<Range<u32>>),
}

/// Why a file cannot be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodedError {
    /// Not even one packet.
    #[error("holds no audio of 20 ms")]
    Empty,
    /// Longer than ten minutes.
    #[error("is longer than ten minutes")]
    TooLong,
    /// No Ogg pages, or cut short.
    #[error("is no readable Ogg Opus file")]
    Damaged,
    /// Packets of another length.
    #[error("has packets that are not of 20 ms; encode it with `opusenc --framesize 20`")]
    FrameSize,
}

impl Encoded {
    /// Cuts a whole file; one in a G.711 law comes as WAV and is none of these.
    ///
    /// # Errors
    /// [`EncodedError`]: it is empty, too long or damaged.
    pub fn read(codec: Codec, file: Bytes) -> Result<Self, EncodedError> {
        let frames = match codec {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => Frames::Even(FRAME_SAMPLES),
            Codec::G729 => Frames::Even(2 * G729_BYTES),
            Codec::Opus => Frames::Uneven(ogg_packets(&file)?),
        };
        let encoded = Self { bytes: file, frames };
        match encoded.frames() {
            0 => Err(EncodedError::Empty),
            count if count > FRAMES_MAX => Err(EncodedError::TooLong),
            _ => Ok(encoded),
        }
    }

    /// How many payloads there are.
    pub const fn frames(&self) -> usize {
        match &self.frames {
            Frames::Even(bytes) => self.bytes.len() / *bytes,
            Frames::Uneven(ranges) => ranges.len(),
        }
    }

    /// One of them; `None` after the end.
    pub fn frame(&self, index: usize) -> Option<&[u8]> {
        let range = match &self.frames {
            Frames::Even(bytes) => {
                let start = index.checked_mul(*bytes)?;
                start..start.checked_add(*bytes)?
            }
            Frames::Uneven(ranges) => {
                let range = ranges.get(index)?;
                range.start as usize..range.end as usize
            }
        };
        self.bytes.get(range)
    }
}

/// Octets of 10 ms of G.729.
const G729_BYTES: usize = 10;
/// Ten minutes.
const FRAMES_MAX: usize = TRACK_SAMPLES_MAX / FRAME_SAMPLES;

/// The fixed part of an Ogg page's header (RFC 3533 6).
const PAGE_BYTES: usize = 27;

/// Where the audio packets of an Ogg Opus file lie: all but the first two. A packet that goes on in another page is not of 20 ms
/// of anything that fits into one of ours.
fn ogg_packets(file: &[u8]) -> Result<Vec<Range<u32>>, EncodedError> {
    let (mut at, mut packets, mut heads) = (0, Vec::new(), 0);
    if u32::try_from(file.len()).is_err() {
        return Err(EncodedError::TooLong);
    }
    while at < file.len() {
        let head = file.get(at..at + PAGE_BYTES).filter(|head| head.starts_with(b"OggS\0"));
        let count = usize::from(head.ok_or(EncodedError::Damaged)?[PAGE_BYTES - 1]);
        let table = at + PAGE_BYTES;
        let lengths = file.get(table..table + count).ok_or(EncodedError::Damaged)?;
        let mut end = table + count;
        let mut start = end;
        for length in lengths {
            end += usize::from(*length);
            // A segment of 255 goes on in the next one (RFC 3533 5).
            if *length == 255 {
                continue;
            }
            let packet = file.get(start..end).ok_or(EncodedError::Damaged)?;
            match heads {
                0 if !packet.starts_with(b"OpusHead") => return Err(EncodedError::Damaged),
                0 | 1 => heads += 1,
                _ if is_20_ms(packet) => packets.push(start as u32..end as u32),
                _ => return Err(EncodedError::FrameSize),
            }
            start = end;
        }
        // The tags may be longer than a page.
        let goes_on = start != end;
        if end > file.len() || goes_on && heads > 1 {
            return Err(EncodedError::Damaged);
        }
        at = end;
        if packets.len() > FRAMES_MAX {
            return Err(EncodedError::TooLong);
        }
    }
    Ok(packets)
}

fn is_20_ms(packet: &[u8]) -> bool {
    Codec::Opus.length(packet) == FRAME_SAMPLES as u32 * Codec::Opus.ticks() && packet.len() <= RTP_BYTES_MAX / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// CELT, 20 ms, one frame.
    const HEAD: u8 = 31 << 3;

    #[test]
    fn raw_files_are_cut_and_their_rest_is_left_out() {
        let file: Vec<u8> = (0..345).map(|n| n as u8).collect();
        let read = Encoded::read(Codec::G722, file.clone().into()).unwrap();
        assert_eq!((read.frames(), read.frame(1), read.frame(2)), (2, Some(&file[160..320]), None));
        let read = Encoded::read(Codec::G729, file.clone().into()).unwrap();
        assert_eq!((read.frames(), read.frame(16), read.frame(17)), (17, Some(&file[320..340]), None));
        assert_eq!(read.frame(usize::MAX), None);
        assert_eq!(Encoded::read(Codec::G722, Bytes::from_static(&[1; 159])), Err(EncodedError::Empty));
        let long = vec![0; (FRAMES_MAX + 1) * 20];
        assert_eq!(Encoded::read(Codec::G729, long.into()), Err(EncodedError::TooLong));
    }

    #[test]
    fn the_packets_of_an_ogg_file_are_found_across_pages() {
        let (one, two) = (packet(HEAD, 60), packet(HEAD, 400));
        let file = [page(&[b"OpusHead........"]), page(&[b"OpusTags"]), page(&[&one, &two]), page(&[&one])];
        let read = Encoded::read(Codec::Opus, file.concat().into()).unwrap();
        let frames: Vec<&[u8]> = (0..).map_while(|index| read.frame(index)).collect();
        assert_eq!(frames, [&one[..], &two, &one]);
    }

    #[test]
    fn what_cannot_be_played_is_told_why() {
        let head = [page(&[b"OpusHead"]), page(&[b"OpusTags"])].concat();
        let read = |rest: Vec<u8>| Encoded::read(Codec::Opus, [head.clone(), rest].concat().into());
        assert_eq!(read(Vec::new()), Err(EncodedError::Empty));
        assert_eq!(read(page(&[&packet(3 << 3, 60)])), Err(EncodedError::FrameSize), "60 ms");
        assert_eq!(read(b"OggX".to_vec()), Err(EncodedError::Damaged));
        let whole = page(&[&packet(HEAD, 60)]);
        assert_eq!(read(whole[..whole.len() - 1].to_vec()), Err(EncodedError::Damaged));
        assert_eq!(Encoded::read(Codec::Opus, page(&[b"vorbis"]).into()), Err(EncodedError::Damaged));
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(at in 0..150usize, byte: u8, cut in 0..150usize) {
            let whole = [page(&[b"OpusHead"]), page(&[b"OpusTags"]), page(&[&packet(HEAD, 60)])].concat();
            let mut file = whole.clone();
            let at = at % file.len();
            file[at] = byte;
            let _ = Encoded::read(Codec::Opus, file.into());
            let _ = Encoded::read(Codec::Opus, whole[..cut.min(whole.len())].to_vec().into());
        }
    }

    fn packet(head: u8, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|n| if n == 0 { head } else { n as u8 }).collect()
    }

    fn page(packets: &[&[u8]]) -> Vec<u8> {
        let mut lengths = Vec::new();
        for packet in packets {
            lengths.extend(vec![255; packet.len() / 255]);
            lengths.push((packet.len() % 255) as u8);
        }
        let head = [b"OggS".as_slice(), &[0; 22], &[lengths.len() as u8]].concat();
        [head, lengths, packets.concat()].concat()
    }
}
