//! Which packets have been there (RFC 3711 3.3.2): by their index, which for RTP is the sequence number extended by how often it
//! has rolled over.

/// The highest index so far, and which of those right below it have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    highest: u64,
    /// Bit n: `highest - n` has been there.
    seen: u64,
}

/// How far back a packet may come late: 1.2 s of audio.
const WIDTH: u64 = u64::BITS as u64;

impl Window {
    /// One that begins with this packet.
    pub(super) const fn new(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// True for a packet that has not been there, and is not too late to tell.
    pub(super) const fn takes(&self, index: u64) -> bool {
        index > self.highest || (self.highest - index < WIDTH && self.seen >> (self.highest - index) & 1 == 0)
    }

    /// A packet that it takes has come.
    pub(super) fn mark(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < WIDTH { self.seen << ahead | 1 } else { 1 };
            self.highest = index;
        } else if self.highest - index < WIDTH {
            self.seen |= 1 << (self.highest - index);
        }
    }

    /// The index of an RTP packet: the nearest to the highest one with this sequence number (RFC 3711 3.3.1).
    pub(super) fn index_of(&self, sequence: u16) -> u64 {
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.checked_add_signed(ahead.into()).unwrap_or_else(|| sequence.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_packet_is_taken_once_and_none_too_late() {
        let mut window = Window::new(1_000);
        assert!(!window.takes(1_000) && window.takes(999) && window.takes(937) && !window.takes(936));
        window.mark(999);
        window.mark(1_005);
        assert!(!window.takes(999) && !window.takes(1_000) && window.takes(1_004) && !window.takes(940));
        window.mark(5_000);
        assert!(!window.takes(1_005) && window.takes(4_999) && !window.takes(5_000));
    }

    #[test]
    fn a_sequence_number_rolls_over_both_ways() {
        let window = Window::new(65_534);
        assert_eq!(window.index_of(65_535), 65_535);
        assert_eq!(window.index_of(3), 65_536 + 3);
        let window = Window::new(3 * 65_536 + 2);
        assert_eq!(window.index_of(65_530), 2 * 65_536 + 65_530);
        assert_eq!(Window::new(2).index_of(65_530), 65_530, "there is nothing before the first round");
    }

    proptest! {
        #[test]
        fn what_it_takes_is_what_a_set_would(indices in proptest::collection::vec(0..300u64, 1..200)) {
            let mut known = std::collections::BTreeSet::from([100]);
            let mut window = Window::new(100);
            for index in indices {
                let highest = *known.last().unwrap();
                let expected = index > highest || (highest - index < WIDTH && !known.contains(&index));
                // What lies before its beginning it cannot have seen, and takes.
                prop_assert_eq!(window.takes(index), expected);
                if expected {
                    window.mark(index);
                    known.insert(index);
                }
            }
        }
    }
}
