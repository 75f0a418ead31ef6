//! The three signals by which a phone that dials a feature code is told what became of it. Integer arithmetic, as all tones.

use std::time::Duration;

use super::codec::SAMPLE_RATE;
use super::message::TrackId;
use super::tone::Tone;

/// What a phone is told without words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Done: two notes, the second higher.
    Done,
    /// Not done: three low tones.
    Refused,
    /// Key something in: one short high tone.
    Prompt,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Prompt];

    /// Its track, far from those of files, which are counted from 0 on.
    pub const fn track(self) -> TrackId {
        TrackId(u32::MAX - self as u32)
    }

    /// Frequency in hertz (0: a pause) and length in milliseconds of each part; each is whole frames of 20 ms.
    const fn parts(self) -> &'static [(u32, u32)] {
        match self {
            Self::Done => &[(0, 100), (660, 140), (0, 40), (880, 240), (0, 80)],
            Self::Refused => &[(0, 100), (380, 240), (0, 140), (380, 240), (0, 140), (380, 240), (0, 80)],
            Self::Prompt => &[(0, 100), (780, 300)],
        }
    }

    /// How long it takes.
    pub fn length(self) -> Duration {
        Duration::from_millis(self.parts().iter().map(|(_, ms)| u64::from(*ms)).sum())
    }

    /// Its samples at 8 kHz.
    pub fn samples(self) -> Vec<i16> {
        let part = |(hz, ms): &(u32, u32)| {
            let amplitude = if *hz == 0 { 0 } else { AMPLITUDE };
            Tone::new(*hz, amplitude).take((*ms * SAMPLE_RATE / 1_000) as usize)
        };
        self.parts().iter().flat_map(part).collect()
    }
}

/// About as loud as a dial tone.
const AMPLITUDE: i16 = 6_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::share;

    #[test]
    fn signals_are_whole_frames_and_are_told_apart() {
        for signal in Signal::ALL {
            let samples = signal.samples();
            assert_eq!(samples.len() % 160, 0, "{signal:?}");
            assert_eq!(samples.len() as u128, signal.length().as_millis() * 8, "{signal:?}");
            assert!(signal.track().0 > 1_000_000);
        }
        // From so many milliseconds on, for a tenth of a second.
        for (signal, ms, hz) in [
            (Signal::Done, 120, 660),
            (Signal::Done, 300, 880),
            (Signal::Refused, 120, 380),
            (Signal::Refused, 900, 380),
            (Signal::Prompt, 120, 780),
        ] {
            let heard = &signal.samples()[ms * 8..][..800];
            assert!(share(heard, hz) > 0.95, "{signal:?} at {ms} ms");
        }
    }
}
