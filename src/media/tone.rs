//! Sine tones and their detection (Goertzel): what test phones send and how received audio is judged. The generator is
//! integer arithmetic over a table computed at compile time, so its samples are the same on every machine.

use std::f64::consts::TAU;

use super::codec::SAMPLE_RATE;

/// What a test phone that calls sends, in hertz: no harmonic of the built-in tune, no frequency of a telephone key.
pub const CALLER_HZ: u32 = 1_150;
/// What a test phone of an agent sends, in hertz.
pub const AGENT_HZ: u32 = 1_950;

/// A sine generator at 8 kHz.
#[derive(Debug, Clone)]
pub struct Tone {
    phase: u32,
    step: u32,
    amplitude: i16,
}

impl Tone {
    /// A tone of `hz` (below 4,000) whose peak is `amplitude`.
    pub const fn new(hz: u32, amplitude: i16) -> Self {
        Self { phase: 0, step: phase_step(hz as u64 * 100), amplitude }
    }
}

impl Iterator for Tone {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        let sample = i32::from(sine(self.phase)) * i32::from(self.amplitude) / i32::from(i16::MAX);
        self.phase = self.phase.wrapping_add(self.step);
        Some(i16::try_from(sample).expect("a product with a fraction is no larger than its factor"))
    }
}

/// The part of the samples' power that lies at `hz`, between 0 (none, or silence) and 1 (a pure tone).
pub fn share(samples: &[i16], hz: u32) -> f64 {
    let total: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if total == 0.0 {
        return 0.0;
    }
    power_at(samples, 2.0 * (TAU * f64::from(hz) / f64::from(SAMPLE_RATE)).cos()) / total
}

/// The power at one frequency, as a sum of squares over the samples (Goertzel); `coefficient` is twice the cosine of the
/// frequency's angle from sample to sample.
pub(crate) fn power_at(samples: &[i16], coefficient: f64) -> f64 {
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let zero = f64::from(*sample) + coefficient * one - two;
        two = one;
        one = zero;
    }
    2.0 * (one * one + two * two - coefficient * one * two) / samples.len() as f64
}

/// How far a full turn of 2^32 goes in one sample at `centihertz`.
pub(crate) const fn phase_step(centihertz: u64) -> u32 {
    ((centihertz << 32) / (SAMPLE_RATE as u64 * 100)) as u32
}

/// The sine of a phase (a full turn is 2^32), full scale [`i16::MAX`].
pub(crate) fn sine(phase: u32) -> i16 {
    SINE[(phase >> (32 - SINE_BITS)) as usize]
}

const SINE_BITS: u32 = 10;

static SINE: [i16; 1 << SINE_BITS] = {
    let mut table = [0; 1 << SINE_BITS];
    let mut index = 0;
    while index < table.len() {
        table[index] = (series(index as f64 * TAU / table.len() as f64) * i16::MAX as f64) as i16;
        index += 1;
    }
    table
};

/// The power series of the sine around pi, to 31 powers: exact to below one step of 16 bits within a turn.
const fn series(angle: f64) -> f64 {
    let x = angle - std::f64::consts::PI;
    let (mut term, mut sum, mut power) = (-x, -x, 1.0);
    while power < 31.0 {
        term = -term * x * x / ((power + 1.0) * (power + 2.0));
        sum += term;
        power += 2.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_sine() {
        for (index, value) in SINE.iter().enumerate() {
            let expected = (index as f64 * TAU / 1024.0).sin() * f64::from(i16::MAX);
            assert!((expected - f64::from(*value)).abs() < 1.01, "{index}");
        }
    }

    #[test]
    fn a_tone_is_found_at_its_frequency_only() {
        let samples: Vec<i16> = Tone::new(CALLER_HZ, 8_000).take(1_600).collect();
        assert!(share(&samples, CALLER_HZ) > 0.99);
        assert!(share(&samples, AGENT_HZ) < 0.001);
        assert!(samples.iter().all(|sample| sample.abs() <= 8_000));
        assert!(samples.iter().any(|sample| *sample > 7_900));
        assert_eq!(share(&[0; 160], CALLER_HZ), 0.0);
        assert_eq!(share(&[], CALLER_HZ), 0.0);
    }

    #[test]
    fn two_tones_share_the_power() {
        let both = Tone::new(CALLER_HZ, 8_000).zip(Tone::new(AGENT_HZ, 8_000)).map(|(a, b)| a + b);
        let both: Vec<i16> = both.take(1_600).collect();
        for hz in [CALLER_HZ, AGENT_HZ] {
            assert!((share(&both, hz) - 0.5).abs() < 0.02);
        }
    }
}
