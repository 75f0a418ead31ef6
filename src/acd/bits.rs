//! [`Bits`]: a set of small numbers, kept as words so that two sets meet sixty-four numbers at a time.

use smallvec::SmallVec;

/// A set of small numbers; up to 128 of them lie in the set itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Bits(SmallVec<[u64; 2]>);

/// What two sets both hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'a>(&'a [u64], &'a [u64]);

impl Bits {
    #[inline]
    pub(super) fn put(&mut self, index: usize, present: bool) {
        let (word, bit) = (index / 64, 1 << (index % 64));
        match self.0.get_mut(word) {
            Some(word) if present => *word |= bit,
            Some(word) => *word &= !bit,
            None if present => {
                self.0.resize(word + 1, 0);
                self.0[word] |= bit;
            }
            None => {}
        }
    }

    #[inline]
    pub(super) fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// What both sets hold.
    pub(super) fn common<'a>(&'a self, other: &'a Self) -> Common<'a> {
        Common(&self.0, &other.0)
    }

    /// Every number, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| numbers(index * 64, *word))
    }
}

impl<'a> Common<'a> {
    /// The words of it that are not empty, each with its lowest number.
    pub(super) fn words(self) -> impl Iterator<Item = (usize, u64)> + 'a {
        let words = self.0.iter().zip(self.1).enumerate();
        words.map(|(index, (a, b))| (index * 64, a & b)).filter(|(_, word)| *word != 0)
    }

    /// Every number, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> + 'a {
        self.words().flat_map(|(lowest, word)| numbers(lowest, word))
    }

    pub(super) fn is_empty(self) -> bool {
        self.words().next().is_none()
    }
}

/// The numbers of one word, lowest first.
pub(super) fn numbers(lowest: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        (word != 0).then(|| {
            word &= word - 1;
            lowest + bit
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_any_length_meet_in_order() {
        let of = |numbers: &[usize]| {
            let mut bits = Bits::default();
            numbers.iter().for_each(|&number| bits.put(number, true));
            bits
        };
        let (a, b) = (of(&[0, 3, 63, 64, 200]), of(&[3, 63, 64, 65]));
        assert_eq!(a.common(&b).iter().collect::<Vec<_>>(), [3, 63, 64]);
        assert_eq!(b.common(&a).iter().collect::<Vec<_>>(), [3, 63, 64]);
        assert_eq!(b.common(&a).words().collect::<Vec<_>>(), [(0, 1 << 3 | 1 << 63), (64, 1)]);
        assert_eq!(a.iter().collect::<Vec<_>>(), [0, 3, 63, 64, 200]);
        assert!(a.has(200) && !b.has(200) && !a.has(1_000));
        assert!(of(&[200]).common(&b).is_empty() && !a.common(&b).is_empty());
    }

    #[test]
    fn what_is_taken_out_is_gone_and_taking_out_what_was_never_there_is_nothing() {
        let mut bits = Bits::default();
        bits.put(500, false);
        bits.put(5, true);
        assert!(!bits.is_empty());
        bits.put(5, false);
        assert_eq!(bits.iter().count(), 0);
        assert!(bits.is_empty());
    }
}
