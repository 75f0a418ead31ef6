//! [`Bits`]: a set of small numbers, kept as words so that two sets meet sixty-four numbers at a time.

/// A set of small numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn put(&mut self, index: usize, present: bool) {
        let word = index / 64;
        if word >= self.0.len() {
            if !present {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (index % 64);
        if present {
            self.0[word] |= bit;
        } else {
            self.0[word] &= !bit;
        }
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// What both sets hold, in order.
    pub(super) fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        self.0.iter().zip(&other.0).enumerate().flat_map(|(index, (a, b))| numbers(index, a & b))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| numbers(index, *word))
    }
}

/// The numbers of one word, lowest first.
fn numbers(index: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros() as usize;
        (word != 0).then(|| {
            word &= word - 1;
            index * 64 + bit
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
        assert_eq!(a.common(&b).collect::<Vec<_>>(), [3, 63, 64]);
        assert_eq!(b.common(&a).collect::<Vec<_>>(), [3, 63, 64]);
        assert_eq!(a.iter().collect::<Vec<_>>(), [0, 3, 63, 64, 200]);
        assert!(a.has(200) && !b.has(200) && !a.has(1_000));
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
