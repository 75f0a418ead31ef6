//! [`Player`]: where one listener is in a list of tracks. Tracks are shared; a player is a position.

use std::sync::Arc;

use smallvec::SmallVec;

use super::message::Codec;
use super::track::Track;

/// A position in a list of tracks.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    tracks: SmallVec<[Arc<Track>; 2]>,
    repeat: bool,
    index: usize,
    frame: usize,
}

impl Player {
    /// The begin of the first track. Tracks without a frame are left out, so that repeating them does not spin.
    pub(crate) fn new(tracks: impl Iterator<Item = Arc<Track>>, repeat: bool) -> Self {
        Self { tracks: tracks.filter(|track| track.frames() != 0).collect(), repeat, index: 0, frame: 0 }
    }

    /// True when the last track repeats.
    pub(crate) const fn repeats(&self) -> bool {
        self.repeat
    }

    /// The next 20 ms, none of it where the track is not there in this codec; `None` at the end.
    pub(crate) fn next(&mut self, codec: Codec) -> Option<&[u8]> {
        let track = self.tracks.get(self.index)?;
        if self.frame >= track.frames_in(codec) {
            let last = self.index + 1 == self.tracks.len();
            if !(last && self.repeat) {
                self.index += 1;
            }
            self.frame = 0;
        }
        self.frame += 1;
        self.tracks.get(self.index)?.frame(codec, self.frame - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::Law;

    #[test]
    fn the_last_track_repeats_and_the_others_do_not() {
        assert_eq!(heard(&[2, 0, 1], true, 6), [0x10, 0x11, 0x30, 0x30, 0x30, 0x30]);
        assert_eq!(heard(&[1, 2], false, 6), [0x10, 0x20, 0x21]);
        assert!(heard(&[], true, 6).is_empty());
        assert!(heard(&[0], true, 6).is_empty());
    }

    /// Which frames are heard, of tracks of so many frames; all octets of frame `f` of track `t` are `16 * (t + 1) + f`.
    fn heard(frames: &[u8], repeat: bool, count: usize) -> Vec<u8> {
        let tracks = frames.iter().zip((0x10..).step_by(0x10)).map(|(frames, first)| {
            let octets = (first..first + frames).flat_map(|octet| [octet; 160]);
            let samples: Vec<i16> = octets.map(|octet| Law::A.decode(octet)).collect();
            Arc::new(Track::from_samples(&samples))
        });
        let mut player = Player::new(tracks, repeat);
        (0..count).map_while(|_| player.next(Codec::Pcma).map(|frame| frame[0])).collect()
    }
}
