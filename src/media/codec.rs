//! G.711: A-law and mu-law by tables computed at compile time, and conversion between the two by 256 octets. Never
//! resamples and keeps no state. What other codecs there are stands in [`super::codecs`].

use bytes::{BufMut, BytesMut};

use super::message::Codec;

/// A law of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// A-law.
    A,
    /// mu-law.
    Mu,
}

/// Samples a second of both laws.
pub const SAMPLE_RATE: u32 = 8_000;
/// Samples, and octets, of a 20 ms packet.
pub const FRAME_SAMPLES: usize = 160;

impl Law {
    /// The octet for a linear 16-bit sample.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => pcma_from_linear(sample),
            Self::Mu => pcmu_from_linear(sample),
        }
    }

    /// The linear 16-bit sample of an octet.
    pub fn decode(self, octet: u8) -> i16 {
        let table = match self {
            Self::A => &LINEAR_FROM_PCMA,
            Self::Mu => &LINEAR_FROM_PCMU,
        };
        table[usize::from(octet)]
    }

    /// The octet of a zero sample.
    pub const fn silence(self) -> u8 {
        self.encode(0)
    }
}

/// Appends `payload` to `out`, converted where the laws differ. Whatever is no G.711 is not converted.
pub fn transcode(from: Codec, to: Codec, payload: &[u8], out: &mut BytesMut) {
    match (from.law(), to.law()) {
        (Some(Law::A), Some(Law::Mu)) => out.extend(payload.iter().map(|octet| PCMU_FROM_PCMA[usize::from(*octet)])),
        (Some(Law::Mu), Some(Law::A)) => out.extend(payload.iter().map(|octet| PCMA_FROM_PCMU[usize::from(*octet)])),
        (Some(_) | None, Some(_) | None) => out.put_slice(payload),
    }
}

static LINEAR_FROM_PCMA: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = linear_from_pcma(octet as u8);
        octet += 1;
    }
    table
};

static LINEAR_FROM_PCMU: [i16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = linear_from_pcmu(octet as u8);
        octet += 1;
    }
    table
};

static PCMU_FROM_PCMA: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = pcmu_from_linear(linear_from_pcma(octet as u8));
        octet += 1;
    }
    table
};

static PCMA_FROM_PCMU: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = pcma_from_linear(linear_from_pcmu(octet as u8));
        octet += 1;
    }
    table
};

/// G.711 table 1: a 13-bit value by sign, 3 bits of segment and 4 of step, even bits inverted. Negative values are ranked
/// by one's complement, so that the law is symmetric around zero.
const fn pcma_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = (if sample < 0 { !sample } else { sample } as u16) >> 4;
    let segment = if magnitude < 32 { magnitude >> 4 } else { 12 - magnitude.leading_zeros() as u16 };
    let step = if segment == 0 { magnitude } else { magnitude >> (segment - 1) } & 0x0F;
    (sign | (segment << 4) as u8 | step as u8) ^ 0x55
}

const fn linear_from_pcma(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let (segment, step) = ((octet >> 4) & 7, ((octet & 0x0F) as i16) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if octet & 0x80 == 0 { -magnitude } else { magnitude }
}

/// G.711 table 2: a 14-bit value with a bias of 33, all bits inverted.
const fn pcmu_from_linear(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = ((if sample < 0 { !sample } else { sample } as u16) >> 2) + 33;
    let biased = if biased > 0x1FFF { 0x1FFF } else { biased };
    let segment = 10 - biased.leading_zeros() as u16;
    let step = (biased >> (segment + 1)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn linear_from_pcmu(octet: u8) -> i16 {
    let octet = !octet;
    let (segment, step) = ((octet >> 4) & 7, ((octet & 0x0F) as i16) << 3);
    let magnitude = ((step + 0x84) << segment) - 0x84;
    if octet & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_gives_the_values_of_the_recommendation() {
        for octet in 0..=255u8 {
            assert_eq!(i32::from(Law::A.decode(octet)), itu_a_expand(octet), "A-law {octet:#x}");
            assert_eq!(i32::from(Law::Mu.decode(octet)), itu_mu_expand(octet), "mu-law {octet:#x}");
        }
        assert_eq!((Law::A.decode(0xD5), Law::A.decode(0xAA), Law::A.decode(0x2A)), (8, 32_256, -32_256));
        assert_eq!((Law::Mu.decode(0xFF), Law::Mu.decode(0x80), Law::Mu.decode(0x00)), (0, 32_124, -32_124));
    }

    #[test]
    fn encoding_every_sample_gives_the_octet_of_the_recommendation() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(Law::A.encode(sample), itu_a_compress(sample), "A-law {sample}");
            assert_eq!(Law::Mu.encode(sample), itu_mu_compress(sample), "mu-law {sample}");
        }
    }

    #[test]
    fn decoding_and_encoding_again_changes_no_octet() {
        for octet in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(octet)), octet);
            let negative_zero = octet == 0x7F;
            let expected = if negative_zero { 0xFF } else { octet };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(octet)), expected);
        }
    }

    #[test]
    fn converting_to_the_other_law_and_back_stays_close() {
        let all: Vec<u8> = (0..=255).collect();
        for (from, to) in [(Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)] {
            let law = from.law().unwrap();
            let (mut there, mut back) = (BytesMut::new(), BytesMut::new());
            transcode(from, to, &all, &mut there);
            transcode(to, from, &there, &mut back);
            for (octet, octet_back) in all.iter().zip(&back) {
                let (was, is) = (i32::from(law.decode(*octet)), i32::from(law.decode(*octet_back)));
                assert!((was - is).abs() <= was.abs() / 16 + 16, "{from:?} {octet:#x}: {was} became {is}");
            }
            let mut same = BytesMut::new();
            transcode(from, from, &all, &mut same);
            assert_eq!(same, all);
        }
        assert_eq!((Law::A.silence(), Law::Mu.silence()), (0xD5, 0xFF));
    }

    /// The magnitude of segment `s`, step `m` is (2m + 33) * 2^(s-1) (2m + 1 for s = 0) in 12-bit units of 1/4096.
    fn itu_a_expand(octet: u8) -> i32 {
        let code = i32::from(octet ^ 0x55);
        let (s, m) = (code >> 4 & 7, code & 15);
        let units = if s == 0 { 2 * m + 1 } else { (2 * m + 33) * 2_i32.pow(s as u32 - 1) };
        if code >= 128 { units * 8 } else { -units * 8 }
    }

    /// The magnitude of segment `s`, step `m` is (2m + 33) * 2^s - 33 in 13-bit units.
    fn itu_mu_expand(octet: u8) -> i32 {
        let code = 255 - i32::from(octet);
        let (s, m) = (code >> 4 & 7, code & 15);
        let units = (2 * m + 33) * 2_i32.pow(s as u32) - 33;
        if code >= 128 { -units * 4 } else { units * 4 }
    }

    /// The segment search of G.711 as ITU-T G.191 words it.
    fn itu_a_compress(sample: i16) -> u8 {
        let mut value = if sample < 0 { (-i32::from(sample) - 1) / 16 } else { i32::from(sample) / 16 };
        if value > 15 {
            let mut exponent = 1;
            while value > 31 {
                value /= 2;
                exponent += 1;
            }
            value = value - 16 + exponent * 16;
        }
        if sample >= 0 {
            value += 128;
        }
        value as u8 ^ 0x55
    }

    fn itu_mu_compress(sample: i16) -> u8 {
        let magnitude = if sample < 0 { (-i32::from(sample) - 1) / 4 } else { i32::from(sample) / 4 };
        let absolute = (magnitude + 33).min(0x1FFF);
        let mut segment = 1;
        let mut rest = absolute / 64;
        while rest != 0 {
            segment += 1;
            rest /= 2;
        }
        let high = 8 - segment;
        let low = 15 - (absolute / 2_i32.pow(segment as u32)) % 16;
        let octet = (high * 16 + low) as u8;
        if sample >= 0 { octet | 0x80 } else { octet }
    }
}
