//! [`Rank`]: where a ready agent stands among the others who may take a call, as one key.

use crate::acd::reason::Candidacy;
use crate::acd::routing::Membership;
use crate::base::AgentId;

/// The least is next. Four numbers that are compared one after the other, most often the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Level and penalty: inside a border the strategy decides.
    border: u64,
    key: [u64; 2],
    /// Position and id.
    who: u64,
}

/// What penalties below count as; `None`: no penalty counts.
pub(super) type Raise = Option<u32>;

/// No penalty counts as another.
const AS_IT_IS: Raise = Some(0);

impl Rank {
    /// Behind everybody.
    pub(super) const LAST: Self = Self { border: u64::MAX, key: [u64::MAX; 2], who: u64::MAX };

    pub(super) fn new([level, penalty]: [u32; 2], key: [u64; 2], position: u32, AgentId(agent): AgentId) -> Self {
        Self { border: join(level, penalty), key, who: join(position, agent) }
    }

    /// Behind an agent, before all others of the same border whom only position and id tell apart.
    pub(super) fn after(self, position: u32, AgentId(agent): AgentId) -> Self {
        Self { key: [0; 2], who: join(position, agent).saturating_add(1), ..self }
    }

    pub(super) const fn agent(self) -> AgentId {
        AgentId(split(self.who)[1])
    }

    /// The strategy's key, its first number.
    pub(super) const fn key(self) -> u64 {
        self.key[0]
    }

    /// Level and penalty, as it counts, as one number.
    pub(super) fn raised_border(self, raise: Raise) -> u64 {
        if raise == AS_IT_IS {
            return self.border;
        }
        let [level, penalty] = split(self.border);
        join(level, counted(penalty, raise))
    }

    /// With the penalty as it counts.
    pub(super) fn raised(self, raise: Raise) -> Self {
        if raise == AS_IT_IS {
            return self;
        }
        Self { border: self.raised_border(raise), ..self }
    }

    /// With the penalties as they count, no later than any that is no earlier than this without.
    pub(super) fn bound(self, raise: Raise) -> Self {
        if raise == AS_IT_IS { self } else { Self { key: [0; 2], who: 0, ..self.raised(raise) } }
    }

    pub(super) fn candidacy(self) -> Candidacy {
        let ([level, penalty], [position, agent]) = (split(self.border), split(self.who));
        Candidacy { agent: AgentId(agent), level, penalty, key: self.key, position }
    }
}

/// Agents of one tier and penalty, as it counts: the lower is asked first, and those whom another queue lends come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Band {
    is_lent: bool,
    level: u32,
    penalty: u32,
}

impl Band {
    /// Before all others.
    pub(super) const LEAST: Self = Self { is_lent: false, level: 0, penalty: 0 };

    /// The band of an agent on these terms.
    pub(super) fn of(terms: &Membership, raise: Raise, is_lent: bool) -> Self {
        Self { is_lent, level: terms.level, penalty: counted(terms.penalty, raise) }
    }
}

/// What a penalty counts as.
pub(super) fn counted(penalty: u32, raise: Raise) -> u32 {
    raise.map_or(0, |raise| penalty.max(raise))
}

const fn join(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const fn split(both: u64) -> [u32; 2] {
    [(both >> 32) as u32, both as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn level_goes_before_penalty_before_key_before_position_before_id() {
        let rank = |level, penalty, first, then, position, agent| {
            Rank::new([level, penalty], [first, then], position, AgentId(agent))
        };
        let sorted = [
            rank(0, 9, 9, 9, 9, 9),
            rank(1, 0, 9, 9, 9, 9),
            rank(1, 1, 0, 9, 9, 9),
            rank(1, 1, 1, 0, 9, 9),
            rank(1, 1, 1, 1, 0, 9),
            rank(1, 1, 1, 1, 1, 0),
            rank(1, 1, 1, 1, 1, 1),
            Rank::LAST,
        ];
        assert!(sorted.is_sorted());
        assert_eq!(
            rank(2, 3, 4, 5, 6, 7).candidacy(),
            Candidacy { agent: AgentId(7), level: 2, penalty: 3, key: [4, 5], position: 6 }
        );
        assert_eq!(rank(2, 3, 4, 5, 6, 7).after(6, AgentId(7)), rank(2, 3, 0, 0, 6, 8));
    }

    #[test]
    fn a_bound_holds_for_all_that_are_no_earlier() {
        let mut rng = Rng::from_u64(3);
        let mut draw = || {
            let mut small = || rng.below(4);
            let (level, penalty, key) = (small(), small(), u64::from(small()));
            Rank::new([level, penalty], [key, 0], small(), AgentId(small()))
        };
        for _ in 0..20_000 {
            let (a, b) = (draw(), draw());
            for raise in [None, Some(0), Some(1), Some(2), Some(9)] {
                assert!(a.min(b).bound(raise) <= a.max(b).raised(raise), "{a:?} {b:?} {raise:?}");
                assert!(a.bound(raise) <= a.raised(raise));
            }
        }
    }
}
