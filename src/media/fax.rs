//! The tone by which a fax machine calls (CNG, ITU-T T.30 4.3.1): 1,100 Hz, 38 Hz off at most, for 0.5 s, then 3 s of silence,
//! each 15 % off at most. It can be heard in G.711 only; the other codecs are passed on undecoded.
//!
//! A person who is taken for a fax is hung up on, which is worse than a fax that an agent picks up. So it takes the tone, its
//! length, and quiet before and after it: a note of a melody or a whistle has others beside it, a warning beep comes again
//! within a second.

use super::codec::{Law, SAMPLE_RATE};
use super::tone::power_at;

/// Whether a fax is sought in a far end's audio. Sought once only, from the beginning: that is when a fax calls.
#[derive(Debug, Default)]
pub(crate) enum Search {
    /// Nobody asked.
    #[default]
    Unasked,
    /// It is sought.
    On(Box<FaxDetector>),
    /// It was found, or is not sought any more.
    Over,
}

/// Looks for the tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FaxDetector {
    /// Samples of the block that is not complete yet.
    block: [i16; BLOCK],
    filled: usize,
    /// The timestamp that follows; `None` before the first packet.
    next: Option<u32>,
    /// Blocks heard in all, silence that was not sent included.
    heard: u16,
    /// How loud it was lately, fading within a second; the last block, into which a tone may reach, is left out.
    lately: i64,
    last: i64,
    stage: Stage,
}

/// What a packet tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing yet.
    Open,
    /// It is a fax.
    Fax,
    /// No fax would have been silent for so long.
    NoFax,
}

/// How far the detector is. Powers are sums of squares over a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No tone.
    Idle,
    /// The tone; `unsure` of the latest blocks may not belong to it, `missed` did not.
    Tone { blocks: u16, unsure: u16, missed: u16, power: i64 },
    /// The tone is over, and nothing else may be as loud as `limit`; `loud` blocks were.
    Pause { blocks: u16, loud: u16, limit: i64 },
}

impl Search {
    /// A fax is to be sought. Where it was sought before, this changes nothing.
    pub(crate) fn begin(&mut self) {
        if matches!(self, Self::Unasked) {
            *self = Self::On(Box::default());
        }
    }

    /// It is never to be sought any more.
    pub(crate) fn end(&mut self) {
        *self = Self::Over;
    }
}

impl Default for FaxDetector {
    fn default() -> Self {
        Self { block: [0; BLOCK], filled: 0, next: None, heard: 0, lately: 0, last: 0, stage: Stage::Idle }
    }
}

impl FaxDetector {
    /// Hears a packet of G.711, whose timestamp counts its octets. What comes late, or twice, is passed over.
    pub(crate) fn on_packet(&mut self, timestamp: u32, law: Law, payload: &[u8]) -> Verdict {
        let gap = timestamp.wrapping_sub(self.next.unwrap_or(timestamp)).cast_signed();
        if (-LATE_MAX..0).contains(&gap) {
            return Verdict::Open;
        }
        self.next = Some(timestamp.wrapping_add(payload.len() as u32));
        if self.on_gap(gap) {
            return Verdict::Fax;
        }
        for octet in payload {
            self.block[self.filled] = law.decode(*octet);
            self.filled += 1;
            if self.filled == BLOCK {
                self.filled = 0;
                let (power, is_tone) = judge(&self.block);
                if self.on_block(power, is_tone) {
                    return Verdict::Fax;
                }
            }
        }
        if self.heard > HEARD_MAX { Verdict::NoFax } else { Verdict::Open }
    }

    /// So many samples are missing: lost, or silence that was not sent, or the sender counts anew.
    fn on_gap(&mut self, samples: i32) -> bool {
        if samples == 0 {
            return false;
        }
        self.filled = 0;
        let missing = (samples / BLOCK as i32) as u16;
        match samples {
            1..=LOST_MAX => {
                self.heard = self.heard.saturating_add(missing);
                match &mut self.stage {
                    Stage::Idle => {}
                    Stage::Tone { unsure, .. } => *unsure += missing,
                    Stage::Pause { blocks, .. } => *blocks += missing,
                }
                false
            }
            SILENCE_MIN..=SILENCE_MAX => {
                // So many end whatever there was.
                let told = missing.min(2 * PAUSE);
                self.heard = self.heard.saturating_add(missing - told);
                (0..told).any(|_| self.on_block(0, false))
            }
            _ => {
                *self = Self { next: self.next, heard: self.heard, ..Self::default() };
                false
            }
        }
    }

    /// Hears a block. True when the tone, and the quiet around it, is complete.
    fn on_block(&mut self, power: i64, is_tone: bool) -> bool {
        self.heard = self.heard.saturating_add(1);
        match self.stage {
            Stage::Idle if is_tone => self.stage = Stage::Tone { blocks: 1, unsure: 0, missed: 0, power },
            Stage::Idle => {
                self.lately = self.last.max(self.lately - self.lately / FADE);
                self.last = power;
            }
            Stage::Tone { blocks, unsure, missed, power: sum } if is_tone => {
                let blocks = blocks + unsure + 1;
                self.stage = Stage::Tone { blocks, unsure: 0, missed, power: sum + power };
                if blocks > *TONE.end() {
                    self.give_up(power);
                }
            }
            Stage::Tone { blocks, unsure, missed, power: sum } => {
                let (unsure, missed) = (unsure + 1, missed + 1);
                self.stage = Stage::Tone { blocks, unsure, missed, power: sum };
                if unsure > UNSURE_MAX || missed > MISSED_MAX {
                    self.on_tone_end(blocks, unsure, sum / i64::from(blocks));
                }
            }
            Stage::Pause { blocks, loud, limit } => {
                let (blocks, loud) = (blocks + 1, loud + u16::from(power > limit));
                self.stage = Stage::Pause { blocks, loud, limit };
                if loud > LOUD_MAX {
                    self.give_up(power);
                }
                return loud <= LOUD_MAX && blocks >= PAUSE;
            }
        }
        false
    }

    /// A tone of so many blocks was over so many blocks ago.
    fn on_tone_end(&mut self, blocks: u16, ago: u16, power: i64) {
        let limit = power / QUIETER;
        if TONE.contains(&blocks) && self.lately <= limit {
            self.stage = Stage::Pause { blocks: ago, loud: 0, limit };
        } else {
            self.give_up(power);
        }
    }

    /// It was no fax, but as loud as this.
    fn give_up(&mut self, power: i64) {
        (self.stage, self.lately, self.last) = (Stage::Idle, self.lately.max(power), 0);
    }
}

/// The power of a block, and whether it is the tone. What is too quiet costs no more than a sum.
fn judge(samples: &[i16; BLOCK]) -> (i64, bool) {
    let power: i64 = samples.iter().map(|sample| i64::from(*sample).pow(2)).sum();
    let is_tone = power > POWER_MIN && power_at(samples, COEFFICIENT) > SHARE_MIN * power as f64;
    (power, is_tone)
}

/// 10 ms: of a tone that is 38 Hz off such a block still has six tenths at 1,100 Hz, of one that is 100 Hz off nothing.
const BLOCK: usize = SAMPLE_RATE as usize / 100;
/// Twice the cosine of 1,100 Hz at 8 kHz.
const COEFFICIENT: f64 = 1.298_896_096_660_367_3;
const SHARE_MIN: f64 = 0.45;
/// A tone of -43 dBm0, as quiet as lines make it: its mean square, where that of 0 dBm0 is 22,470 squared by 2.
const POWER_MIN: i64 = 12_650 * BLOCK as i64;
/// In blocks: half a second, 15 % and the blocks at both ends more or less.
const TONE: std::ops::RangeInclusive<u16> = 40..=60;
/// Blocks within the tone that noise may spoil, in a row and in all.
const UNSURE_MAX: u16 = 1;
const MISSED_MAX: u16 = 4;
/// By so much (6 dB) all else is quieter than the tone: our music comes back from a line as an echo.
const QUIETER: i64 = 4;
/// What of the loudness goes with each block: a quarter is left after 0.9 s.
const FADE: i64 = 64;
/// Blocks of quiet after the tone, and how many clicks may spoil. A fax is silent for 2.5 s at least.
const PAUSE: u16 = 100;
const LOUD_MAX: u16 = 10;
/// 30 s: a fax calls from the beginning on.
const HEARD_MAX: u16 = 3_000;
/// In samples: what comes this late is late, and no new count.
const LATE_MAX: i32 = SAMPLE_RATE as i32;
/// In samples: 60 ms are lost, 10 s were silence, and more is a new count.
const LOST_MAX: i32 = SAMPLE_RATE as i32 * 60 / 1_000;
const SILENCE_MIN: i32 = LOST_MAX + 1;
const SILENCE_MAX: i32 = SAMPLE_RATE as i32 * 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::media::tone::Tone;

    const CNG: u32 = 1_100;

    #[test]
    fn a_fax_is_known_by_its_tone_its_length_and_its_pause() {
        for law in [Law::A, Law::Mu] {
            for (hz, ms, amplitude) in [
                (CNG, 500, 8_000),
                (CNG, 500, 32_000),
                (CNG, 500, 200),
                (1_062, 500, 8_000),
                (1_138, 500, 8_000),
                (CNG, 425, 400),
                (CNG, 575, 400),
            ] {
                for offset in [0, 13, 40, 67] {
                    let samples = [silence(600), vec![0; offset], tone(hz, ms, amplitude), silence(1_100)].concat();
                    assert!(is_fax(law, &samples), "{law:?} {hz} Hz, {ms} ms, {amplitude}, {offset}");
                }
            }
        }
    }

    #[test]
    fn it_is_known_a_second_after_its_first_tone_with_packets_of_any_length() {
        let samples = [tone(CNG, 500, 8_000), silence(3_000)].concat();
        for octets in [40, 80, 160, 200, 240, 480] {
            let mut ear = Ear::new(Law::A, octets);
            assert_eq!(ear.hear(&samples), Verdict::Fax);
            let after = ear.at - Ear::START;
            assert!((12_000..12_500).contains(&after), "packets of {octets} octets: after {after} samples");
        }
    }

    #[test]
    fn noise_ten_decibels_below_hides_no_fax() {
        let mut missed = 0;
        for seed in 0..50 {
            let mut rng = Rng::from_u64(seed);
            let hz = 1_062 + rng.below(77);
            let samples = [silence(300), tone(hz, 500, 4_000), silence(1_500)].concat();
            // Even noise of a peak p has p² / 3, a tone of a peak t has t² / 2.
            let noisy = add(&samples, &noise(&mut rng, samples.len(), 1_549));
            missed += u32::from(!is_fax(Law::Mu, &noisy));
        }
        assert!(missed <= 1, "{missed} of 50");
    }

    #[test]
    fn a_click_within_the_tone_hides_no_fax_and_two_tones_are_not_one() {
        let with = |gap: &[i16]| {
            let half = tone(CNG, 250, 8_000);
            is_fax(Law::A, &[&silence(300)[..], &half, gap, &half, &silence(1_500)].concat())
        };
        assert!(with(&[20_000; 60]), "a click");
        assert!(!with(&silence(60)), "two tones");
    }

    #[test]
    fn the_echo_of_our_music_hides_no_fax() {
        let music: Vec<i16> = crate::media::tune::built_in().iter().map(|sample| sample / 4).collect();
        let samples = [silence(500), tone(CNG, 500, 4_000), silence(3_000), tone(CNG, 500, 4_000), silence(3_000)];
        assert!(is_fax(Law::A, &add(&samples.concat(), &music)));
    }

    #[test]
    fn silence_that_is_not_sent_ends_a_tone_too() {
        let mut ear = Ear::new(Law::A, 160);
        assert_eq!(ear.hear(&tone(CNG, 500, 8_000)), Verdict::Open);
        ear.at += 3 * SAMPLE_RATE;
        assert_eq!(ear.hear(&tone(CNG, 20, 8_000)), Verdict::Fax);
    }

    #[test]
    fn lost_late_and_doubled_packets_hide_no_fax() {
        let samples = [silence(600), tone(CNG, 500, 8_000), silence(1_100)].concat();
        let packets: Vec<_> = samples.chunks_exact(160).enumerate().collect();
        for lost in [32, 40, 50, 60, 70] {
            let mut detector = FaxDetector::default();
            let mut verdicts = Vec::new();
            for (n, packet) in packets.iter().filter(|(n, _)| *n != lost) {
                verdicts.push(detector.on_packet(160 * *n as u32, Law::A, &encode(Law::A, packet)));
                if n % 3 == 0 {
                    verdicts.push(detector.on_packet(160 * *n as u32, Law::A, &encode(Law::A, packet)));
                }
                if n % 7 == 0 && *n > 0 {
                    verdicts.push(detector.on_packet(160 * (*n as u32 - 1), Law::A, &[0x2A; 160]));
                }
            }
            assert!(verdicts.contains(&Verdict::Fax), "without packet {lost}");
        }
    }

    #[test]
    fn a_sender_that_counts_anew_is_heard_anew() {
        let mut ear = Ear::new(Law::A, 160);
        assert_eq!(ear.hear(&tone(CNG, 300, 8_000)), Verdict::Open);
        ear.at = ear.at.wrapping_sub(1 << 30);
        let rest = [tone(CNG, 200, 8_000), silence(1_500)].concat();
        assert_eq!(ear.hear(&rest), Verdict::Open, "no half a tone and half another");
        assert_eq!(ear.hear(&[tone(CNG, 500, 8_000), silence(1_100)].concat()), Verdict::Fax);
    }

    #[test]
    fn other_tones_are_no_fax() {
        for (hz, ms, amplitude) in [
            (CNG, 250, 8_000),
            (CNG, 380, 8_000),
            (CNG, 650, 8_000),
            (CNG, 900, 8_000),
            (CNG, 2_900, 8_000),
            (CNG, 500, 60),
            (1_200, 500, 8_000),
            (1_150, 500, 8_000),
            (1_000, 500, 8_000),
            (440, 500, 8_000),
            (550, 500, 8_000),
            (2_200, 500, 8_000),
            (2_100, 3_000, 8_000),
        ] {
            for law in [Law::A, Law::Mu] {
                let samples = [silence(605), tone(hz, ms, amplitude), silence(3_000)].concat();
                assert!(!is_fax(law, &samples), "{hz} Hz, {ms} ms, {amplitude}");
            }
        }
    }

    #[test]
    fn the_tone_among_other_sounds_is_no_fax() {
        let (note, lone) = (tone(CNG, 500, 8_000), silence(400));
        let beside = |before: &[i16], after: &[i16]| {
            is_fax(Law::A, &[&silence(900)[..], before, &note, after, &silence(2_000)].concat())
        };
        assert!(beside(&[], &[]));
        assert!(!beside(&tone(880, 500, 8_000), &[]), "the last note of a melody");
        assert!(!beside(&[], &tone(990, 500, 8_000)), "the first one");
        assert!(!beside(&[], &[lone, tone(880, 300, 8_000)].concat()), "with a rest after it");
        for beeps in 2..6 {
            let lorry = [tone(CNG, 500, 8_000), silence(500)].concat().repeat(beeps);
            assert!(!is_fax(Law::Mu, &[lorry, silence(2_000)].concat()), "a lorry that backs up, {beeps} beeps");
        }
    }

    #[test]
    fn the_keys_of_a_telephone_are_no_fax() {
        for low in [697, 770, 852, 941] {
            for high in [1_209, 1_336, 1_477, 1_633] {
                let key = add(&tone(low, 500, 6_000), &tone(high, 500, 8_000));
                assert!(!is_fax(Law::A, &[silence(300), key, silence(2_000)].concat()), "{low} and {high}");
            }
        }
    }

    #[test]
    fn music_speech_and_noise_are_no_fax() {
        let music = crate::media::tune::built_in();
        for seed in 0..40 {
            let mut rng = Rng::from_u64(seed);
            for (what, samples) in [
                ("speech", speech(&mut rng, 25)),
                ("whistling", whistling(&mut rng, 25)),
                ("noise", noise(&mut rng, 200_000, 20_000)),
                ("music", music.clone()),
            ] {
                assert!(!is_fax(Law::Mu, &samples), "{what}, seed {seed}");
            }
        }
    }

    #[test]
    fn after_half_a_minute_nobody_listens_any_more() {
        let mut ear = Ear::new(Law::A, 160);
        assert_eq!(ear.hear(&silence(30_000)), Verdict::Open);
        assert_eq!(ear.hear(&silence(20)), Verdict::NoFax);
        let mut quiet = Ear::new(Law::A, 160);
        for _ in 0..3 {
            assert_eq!(quiet.hear(&silence(1_000)), Verdict::Open);
            quiet.at += 9 * SAMPLE_RATE;
        }
        assert_eq!(quiet.hear(&silence(20)), Verdict::NoFax, "silence that is not sent counts");
    }

    #[test]
    fn whatever_comes_is_bounded() {
        let mut rng = Rng::from_u64(1);
        let mut detector = FaxDetector::default();
        for _ in 0..20_000 {
            let payload: Vec<u8> = (0..rng.below(300)).map(|_| rng.u32() as u8).collect();
            let verdict = detector.on_packet(rng.u32() >> rng.below(32), Law::Mu, &payload);
            if verdict != Verdict::Open {
                detector = FaxDetector::default();
            }
        }
        assert_eq!(FaxDetector::default().on_packet(0, Law::A, &[]), Verdict::Open);
    }

    #[test]
    fn it_is_sought_once() {
        let mut search = Search::default();
        search.begin();
        assert!(matches!(search, Search::On(_)));
        search.end();
        search.begin();
        assert!(matches!(search, Search::Over));
    }

    /// Sends samples as packets.
    struct Ear {
        detector: FaxDetector,
        law: Law,
        octets: usize,
        at: u32,
    }

    impl Ear {
        /// Timestamps turn over on the way.
        const START: u32 = 0;

        fn new(law: Law, octets: usize) -> Self {
            Self { detector: FaxDetector::default(), law, octets, at: Self::START }
        }

        /// The first verdict.
        fn hear(&mut self, samples: &[i16]) -> Verdict {
            for packet in samples.chunks(self.octets) {
                let shifted = self.at.wrapping_sub(4_000);
                let verdict = self.detector.on_packet(shifted, self.law, &encode(self.law, packet));
                self.at = self.at.wrapping_add(packet.len() as u32);
                if verdict != Verdict::Open {
                    return verdict;
                }
            }
            Verdict::Open
        }
    }

    fn is_fax(law: Law, samples: &[i16]) -> bool {
        Ear::new(law, 160).hear(samples) == Verdict::Fax
    }

    fn encode(law: Law, samples: &[i16]) -> Vec<u8> {
        samples.iter().map(|sample| law.encode(*sample)).collect()
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    fn tone(hz: u32, ms: usize, amplitude: i16) -> Vec<i16> {
        Tone::new(hz, amplitude).take(ms * 8).collect()
    }

    fn noise(rng: &mut Rng, samples: usize, peak: i16) -> Vec<i16> {
        let width = 2 * peak.unsigned_abs() as u32 + 1;
        (0..samples).map(|_| (rng.below(width) as i32 - i32::from(peak)) as i16).collect()
    }

    fn add(one: &[i16], other: &[i16]) -> Vec<i16> {
        let other = other.iter().copied().chain(std::iter::repeat(0));
        one.iter().zip(other).map(|(a, b)| a.saturating_add(b)).collect()
    }

    /// Syllables of a buzz of 90 to 400 Hz, whose harmonics are strongest near one of 300 to 2,500 Hz, with pauses between words.
    fn speech(rng: &mut Rng, seconds: usize) -> Vec<i16> {
        let mut samples = Vec::new();
        while samples.len() < seconds * SAMPLE_RATE as usize {
            let pitch = 90 + rng.below(310);
            let formant = 300 + rng.below(2_200);
            let ms = 60 + rng.below(540) as usize;
            let mut syllable = silence(ms);
            for harmonic in (1..).map(|n| n * pitch).take_while(|hz| *hz < 3_400) {
                let amplitude = 6_000 * 150 / (150 + harmonic.abs_diff(formant));
                syllable = add(&syllable, &tone(harmonic, ms, amplitude as i16));
            }
            samples.extend(syllable);
            samples.extend(silence(rng.below(400) as usize));
        }
        samples
    }

    /// Notes of the scale around the tone, 200 to 700 ms each, hardly apart.
    fn whistling(rng: &mut Rng, seconds: usize) -> Vec<i16> {
        let mut samples = Vec::new();
        while samples.len() < seconds * SAMPLE_RATE as usize {
            let hz = [831, 880, 988, 1_047, 1_109, 1_175, 1_319][rng.below(7) as usize];
            samples.extend(tone(hz, 200 + rng.below(500) as usize, 6_000));
            samples.extend(silence(rng.below(150) as usize));
        }
        samples
    }
}
