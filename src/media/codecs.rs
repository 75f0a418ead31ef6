//! The codecs that pass: their names, payload types and clocks, and [`Codecs`], some of them in order of preference. G.711 is
//! made and converted here; the others go through bit for bit, and are played from files that were encoded elsewhere.

use super::codec::Law;
use super::message::Codec;

impl Codec {
    /// Every codec, as we prefer them.
    pub const ALL: [Self; COUNT] = [Self::Pcma, Self::Pcmu, Self::G722, Self::G729, Self::Opus];

    /// The static payload type of RFC 3551; for Opus, which has none, the one of our offers.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
            Self::G722 => 9,
            Self::G729 => 18,
            Self::Opus => 107,
        }
    }

    /// Its name, clock and channels in an rtpmap. The clock of G.722 is 8 kHz by an old mistake (RFC 3551 4.5.2).
    pub const fn rtpmap(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA/8000",
            Self::Pcmu => "PCMU/8000",
            Self::G722 => "G722/8000",
            Self::G729 => "G729/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// Its name in a configuration, and the ending of files in it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
            Self::G722 => "g722",
            Self::G729 => "g729",
            Self::Opus => "opus",
        }
    }

    /// Its law, for G.711.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::Pcma => Some(Law::A),
            Self::Pcmu => Some(Law::Mu),
            Self::G722 | Self::G729 | Self::Opus => None,
        }
    }

    /// True when what comes in it can be sent in `other`: they are the same, or both G.711.
    pub const fn becomes(self, other: Self) -> bool {
        self as u8 == other as u8 || self.law().is_some() && other.law().is_some()
    }

    /// Ticks of its RTP clock in 1/8000 s.
    pub const fn ticks(self) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 | Self::G729 => 1,
            Self::Opus => 6,
        }
    }

    /// How long a payload is, in ticks of its clock.
    pub fn length(self, payload: &[u8]) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 => payload.len() as u32,
            // Frames of 10 ms in ten octets, and at the end perhaps one of silence in two (RFC 3551 4.5.6).
            Self::G729 => (payload.len() as u32).div_ceil(10) * 80,
            Self::Opus => opus_length(payload),
        }
    }
}

/// How many codecs there are.
const COUNT: usize = 5;

/// RFC 6716 3.1: the first octet tells how long a frame is, and how many there are.
fn opus_length(payload: &[u8]) -> u32 {
    let [head, rest @ ..] = payload else { return 0 };
    let configuration = head >> 3;
    let step = usize::from(configuration & 3);
    let frame = match configuration {
        0..=11 => [480, 960, 1_920, 2_880][step],
        12..=15 => [480, 960][step & 1],
        16.. => [120, 240, 480, 960][step],
    };
    let frames = match head & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => rest.first().map_or(0, |count| u32::from(count & 0x3F)),
    };
    (frame * frames).min(OPUS_LENGTH_MAX)
}

/// A packet holds at most 120 ms.
const OPUS_LENGTH_MAX: u32 = 5_760;

/// Some codecs, the preferred one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codecs([Option<Codec>; COUNT]);

impl Codecs {
    /// No codec.
    pub const NONE: Self = Self([None; COUNT]);
    /// What every phone can do.
    pub const G711: Self = Self([Some(Codec::Pcma), Some(Codec::Pcmu), None, None, None]);

    /// Adds one at the end, unless it is there.
    pub fn push(&mut self, codec: Codec) {
        for place in &mut self.0 {
            match place {
                Some(there) if *there == codec => return,
                Some(_) => {}
                None => {
                    *place = Some(codec);
                    return;
                }
            }
        }
    }

    /// The same, and this one at the end.
    pub fn with(mut self, codec: Codec) -> Self {
        self.push(codec);
        self
    }

    /// The codecs in order.
    pub fn iter(self) -> impl Iterator<Item = Codec> + Clone {
        self.0.into_iter().flatten()
    }

    /// The preferred one.
    pub const fn first(self) -> Option<Codec> {
        self.0[0]
    }

    /// True when there is none.
    pub const fn is_empty(self) -> bool {
        self.0[0].is_none()
    }

    /// True when this one is there.
    pub fn contains(self, codec: Codec) -> bool {
        self.iter().any(|there| there == codec)
    }

    /// True when there is nothing but G.711, which needs no words about its format.
    pub fn is_plain(self) -> bool {
        self.iter().all(|codec| codec.law().is_some())
    }

    /// Those that pass `keep`.
    pub fn filtered(self, keep: impl Fn(Codec) -> bool) -> Self {
        self.iter().filter(|codec| keep(*codec)).collect()
    }

    /// Those that are allowed, in the order of what is allowed; all as they are, where nobody says.
    pub fn allowed(self, allowed: Option<Self>) -> Self {
        allowed.map_or(self, |allowed| allowed.filtered(|codec| self.contains(codec)))
    }
}

impl FromIterator<Codec> for Codecs {
    fn from_iter<T: IntoIterator<Item = Codec>>(codecs: T) -> Self {
        let mut all = Self::NONE;
        codecs.into_iter().for_each(|codec| all.push(codec));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_and_each_codec_once() {
        let list: Codecs = [Codec::G722, Codec::Pcmu, Codec::G722, Codec::Pcma].into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), [Codec::G722, Codec::Pcmu, Codec::Pcma]);
        assert!(list.contains(Codec::Pcma) && !list.contains(Codec::Opus) && !list.is_plain());
        assert_eq!(list.first(), Some(Codec::G722));
        assert!(Codecs::NONE.is_empty() && Codecs::NONE.is_plain() && Codecs::G711.is_plain());
        let all: Codecs = Codec::ALL.into_iter().chain(Codec::ALL).collect();
        assert_eq!(all.iter().count(), COUNT);
    }

    #[test]
    fn what_is_allowed_sets_the_order() {
        let offered: Codecs = [Codec::G722, Codec::Pcmu, Codec::Pcma].into_iter().collect();
        assert_eq!(offered.allowed(None), offered);
        let allowed = offered.allowed(Some([Codec::Opus, Codec::Pcma, Codec::G722].into_iter().collect()));
        assert_eq!(allowed.iter().collect::<Vec<_>>(), [Codec::Pcma, Codec::G722]);
    }

    #[test]
    fn only_the_two_laws_become_each_other() {
        for from in Codec::ALL {
            for to in Codec::ALL {
                let laws = from.law().is_some() && to.law().is_some();
                assert_eq!(from.becomes(to), from == to || laws, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn a_payload_tells_its_length() {
        assert_eq!(Codec::Pcma.length(&[0; 240]), 240);
        assert_eq!(Codec::G722.length(&[0; 160]), 160, "20 ms at 64 kbit/s, by the clock of 8 kHz");
        assert_eq!((Codec::G729.length(&[0; 20]), Codec::G729.length(&[0; 12])), (160, 160));
        // Configurations of RFC 6716 table 2: SILK 60 ms, hybrid 20 ms, CELT 2.5 and 20 ms.
        for (configuration, ticks) in [(3, 2_880), (13, 960), (16, 120), (31, 960)] {
            assert_eq!(Codec::Opus.length(&[configuration << 3, 0]), ticks);
            assert_eq!(Codec::Opus.length(&[configuration << 3 | 1, 0]), 2 * ticks);
        }
        assert_eq!(Codec::Opus.length(&[31 << 3 | 3, 3]), 2_880);
        assert_eq!((Codec::Opus.length(&[3 << 3 | 3, 63]), Codec::Opus.length(&[])), (5_760, 0));
    }
}
