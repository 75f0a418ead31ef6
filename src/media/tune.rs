//! The built-in music on hold: a short tune computed at start, so that a node without a WAV file still sounds like a queue.
//! Integer arithmetic only: the same samples on every machine.

use super::codec::SAMPLE_RATE;
use super::tone::{phase_step, sine};

/// The tune, 16 seconds at 8 kHz: broken chords like a music box, quiet (peak below a third of full scale), and it ends as
/// softly as it begins, so that it can be repeated.
pub fn built_in() -> Vec<i16> {
    let mut mix = vec![0_i32; CHORDS.len() * BEATS * BEAT_SAMPLES];
    for (bar, chord) in CHORDS.iter().enumerate() {
        let start = bar * BEATS * BEAT_SAMPLES;
        pluck(&mut mix[start..], chord[0] / 2, BASS);
        for (beat, note) in PATTERN.iter().enumerate() {
            pluck(&mut mix[start + beat * BEAT_SAMPLES..], chord[*note], MELODY);
        }
    }
    mix.into_iter().map(|sample| sample.clamp(-PEAK, PEAK) as i16).collect()
}

/// C, A minor, F, G, each twice with another voicing; pitches in hundredths of a hertz, equal temperament on A = 440 Hz.
const CHORDS: [[u64; 4]; 8] = [
    [26_163, 32_963, 39_200, 52_325],
    [22_000, 26_163, 32_963, 44_000],
    [17_461, 26_163, 34_923, 44_000],
    [19_600, 24_694, 29_366, 39_200],
    [26_163, 39_200, 52_325, 65_926],
    [22_000, 32_963, 52_325, 65_926],
    [17_461, 34_923, 44_000, 52_325],
    [19_600, 29_366, 39_200, 49_388],
];

/// Which note of the chord each beat plays.
const PATTERN: [usize; BEATS] = [0, 1, 2, 3, 2, 3, 2, 1];
const BEATS: usize = 8;
/// A quarter of a second.
const BEAT_SAMPLES: usize = SAMPLE_RATE as usize / 4;
/// The loudest sample let through.
const PEAK: i32 = 10_000;

/// How a note sounds.
#[derive(Clone, Copy)]
struct Voice {
    /// Peak of the fundamental.
    amplitude: i32,
    /// What remains of the loudness after each sample, in 1/65,536.
    decay: i64,
    /// Samples until the note is over.
    samples: usize,
}

const MELODY: Voice = Voice { amplitude: 3_600, decay: 65_516, samples: 3 * BEAT_SAMPLES };
const BASS: Voice = Voice { amplitude: 2_400, decay: 65_528, samples: BEATS * BEAT_SAMPLES };
/// Samples of the soft begin and end of a note: 10 ms and 40 ms.
const ATTACK: usize = 80;
const RELEASE: usize = 320;

/// Adds one note with its octave at a quarter of the loudness; what would sound beyond the end is cut by the release.
fn pluck(mix: &mut [i32], centihertz: u64, voice: Voice) {
    let samples = voice.samples.min(mix.len());
    let step = phase_step(centihertz);
    let (mut phase, mut level) = (0_u32, i64::from(voice.amplitude) << 16);
    for (index, out) in mix[..samples].iter_mut().enumerate() {
        let soft = (index.min(ATTACK) * RELEASE / ATTACK).min(samples - index).min(RELEASE) as i64;
        let wave = i64::from(sine(phase)) * 4 + i64::from(sine(phase.wrapping_mul(2)));
        *out += ((wave * (level >> 16) * soft) / (4 * i64::from(i16::MAX) * RELEASE as i64)) as i32;
        phase = phase.wrapping_add(step);
        level = (level * voice.decay) >> 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{AGENT_HZ, CALLER_HZ, share};

    #[test]
    fn the_tune_is_short_audible_and_not_loud() {
        let tune = built_in();
        assert_eq!(tune.len(), 16 * SAMPLE_RATE as usize);
        assert_eq!(tune.len() % 160, 0);
        assert!(tune.iter().all(|sample| i32::from(sample.abs()) < PEAK), "never clipped");
        for second in tune.chunks(SAMPLE_RATE as usize) {
            let power = second.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / second.len() as f64;
            assert!((600.0..6_000.0).contains(&power.sqrt()), "{}", power.sqrt());
        }
    }

    #[test]
    fn the_tune_begins_and_ends_softly_and_never_jumps() {
        let tune = built_in();
        assert!(tune[0].abs() < 50 && tune[tune.len() - 1].abs() < 200);
        assert!(tune.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 5_000));
    }

    #[test]
    fn the_tune_is_never_taken_for_a_test_phone() {
        for fifth in built_in().chunks(SAMPLE_RATE as usize / 5) {
            assert!(share(fifth, CALLER_HZ) < 0.02 && share(fifth, AGENT_HZ) < 0.02);
        }
    }
}
