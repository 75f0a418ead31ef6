//! [`Rota`]: the ready agents of one queue in the order of one strategy. Agents stand in groups of the same skills and terms;
//! who is next for a call is the best over the groups that may take it.

use crate::acd::index::Index;
use crate::acd::reason::{Candidacy, Candidates};
use crate::acd::routing::Membership;
use crate::acd::strategy::{Candidate, Choice, Circle, Lots, Strategy};
use crate::base::limits::CANDIDATES_MAX;
use crate::base::{AgentId, Rng};

/// Where a ready agent stands among the others; the least is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    level: u32,
    penalty: u32,
    key: (u64, u64),
    position: u32,
    pub(super) agent: AgentId,
}

impl Rank {
    const LAST: Self = Self {
        level: u32::MAX,
        penalty: u32::MAX,
        key: (u64::MAX, u64::MAX),
        position: u32::MAX,
        agent: AgentId(u32::MAX),
    };

    /// The penalty of who draws by it.
    fn handicap(&self) -> u32 {
        u32::try_from(self.key.0).unwrap_or(u32::MAX)
    }

    fn candidacy(&self) -> Candidacy {
        let &Self { level, penalty, key: (first, then), position, agent } = self;
        Candidacy { agent, level, penalty, key: [first, then], position }
    }

    /// With the penalty as it counts.
    fn raised(self, raise: Option<u32>) -> Self {
        Self { penalty: counted(self.penalty, raise), ..self }
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
    /// The band of an agent on these terms.
    pub(super) fn of(terms: &Membership, raise: Option<u32>, is_lent: bool) -> Self {
        Self { is_lent, level: terms.level, penalty: counted(terms.penalty, raise) }
    }
}

/// What a penalty counts as: no lower than `raise`, or nothing at all.
fn counted(penalty: u32, raise: Option<u32>) -> u32 {
    raise.map_or(0, |raise| penalty.max(raise))
}

/// What a choice depends on beside who is ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    /// Penalties below count as this; `None`: no penalty counts.
    pub(super) raise: Option<u32>,
    /// Whose turn it was last.
    pub(super) turn: Option<Turn>,
}

/// Who took the last call of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) position: u32,
    pub(super) agent: AgentId,
}

/// Ready agents in the order of one strategy; see the module.
#[derive(Debug)]
pub(super) struct Rota {
    pub(super) strategy: &'static Strategy,
    groups: Vec<Index<Rank>>,
    /// The first of each group.
    best: Vec<Rank>,
}

impl Rota {
    pub(super) const fn new(strategy: &'static Strategy) -> Self {
        Self { strategy, groups: Vec::new(), best: Vec::new() }
    }

    /// What the first of each group is compared by, the least first.
    pub(super) fn candidates(&self, groups: impl Iterator<Item = usize>, raise: Option<u32>) -> Candidates {
        let mut least = [Rank::LAST; CANDIDATES_MAX];
        let mut count = 0;
        for rank in groups.map(|group| self.best[group].raised(raise)) {
            if rank >= least[CANDIDATES_MAX - 1] {
                continue;
            }
            count = (count + 1).min(CANDIDATES_MAX);
            let mut at = count - 1;
            while at > 0 && rank < least[at - 1] {
                least[at] = least[at - 1];
                at -= 1;
            }
            least[at] = rank;
        }
        least[..count].iter().map(Rank::candidacy).collect()
    }

    /// True when the first of the candidates is who is next.
    pub(super) const fn takes_first(&self) -> bool {
        matches!(self.strategy.choice, Choice::Least(_))
    }

    /// Makes room for one more group.
    pub(super) fn add_group(&mut self) {
        self.groups.push(Index::default());
        self.best.push(Rank::LAST);
    }

    /// Where an agent on these terms stands.
    pub(super) fn rank(&self, agent: AgentId, terms: &Membership, candidate: &Candidate<'_>) -> Rank {
        let &Membership { level, penalty, position, .. } = terms;
        let rank = Rank { level, penalty, key: (0, 0), position, agent };
        match self.strategy.choice {
            Choice::Least(key) => Rank { key: key(candidate).into(), ..rank },
            Choice::InTurn(Circle::Configured) | Choice::Drawn(Lots::Even) => rank,
            Choice::InTurn(Circle::ById) => Rank { position: 0, ..rank },
            Choice::Drawn(Lots::ByPenalty) => Rank { penalty: 0, key: (u64::from(penalty), 0), ..rank },
        }
    }

    pub(super) fn list(&mut self, group: usize, rank: Rank) {
        self.groups[group].insert(rank);
        self.best[group] = self.best[group].min(rank);
    }

    /// True when nobody of the group is left.
    pub(super) fn unlist(&mut self, group: usize, rank: &Rank) -> bool {
        let was_there = self.groups[group].remove(rank);
        debug_assert!(was_there, "{} stands in the index under its key", rank.agent);
        if self.best[group] == *rank {
            self.best[group] = self.groups[group].first().unwrap_or(Rank::LAST);
        }
        self.groups[group].is_empty()
    }

    pub(super) fn is_listed(&self, group: usize, rank: &Rank) -> bool {
        self.groups[group].contains(rank)
    }

    /// How many of a group are ready.
    pub(super) fn len(&self, group: usize) -> usize {
        self.groups[group].len()
    }

    /// Who is next among these groups.
    pub(super) fn next(&self, groups: impl Iterator<Item = usize>, by: By, rng: &mut Rng) -> Option<AgentId> {
        match self.strategy.choice {
            Choice::Least(_) => Some(groups.map(|group| self.best[group].raised(by.raise)).min()?.agent),
            Choice::InTurn(circle) => {
                Some(groups.filter_map(|group| self.next_in_turn(group, circle, by)).min()?.2.agent)
            }
            Choice::Drawn(lots) => self.draw(groups, by.raise, lots, rng),
        }
    }

    /// The next of a group after the one whose turn it was; last among equals, whether the circle began anew before it.
    fn next_in_turn(&self, group: usize, circle: Circle, by: By) -> Option<([u32; 2], bool, Rank)> {
        let first = self.groups[group].first()?;
        let behind = by.turn.and_then(|Turn { position, agent: AgentId(agent) }| {
            let position = if circle == Circle::ById { 0 } else { position };
            self.groups[group].first_from(Rank { position, agent: AgentId(agent.saturating_add(1)), ..first })
        });
        let anew = by.turn.is_some() && behind.is_none();
        let rank = behind.unwrap_or(first).raised(by.raise);
        Some(([rank.level, rank.penalty], anew, rank))
    }

    /// Draws among the groups of the least level and penalty. The least of n numbers drawn evenly is drawn in one go.
    fn draw(
        &self,
        groups: impl Iterator<Item = usize>,
        raise: Option<u32>,
        lots: Lots,
        rng: &mut Rng,
    ) -> Option<AgentId> {
        let mut chosen = None;
        let mut least = ([u32::MAX; 2], f64::INFINITY);
        for group in groups {
            let rank = self.best[group];
            let (border, span) = match lots {
                Lots::Even => ([rank.level, counted(rank.penalty, raise)], 1.0),
                Lots::ByPenalty => ([rank.level, 0], 1.0 + f64::from(counted(rank.handicap(), raise))),
            };
            if border > least.0 {
                continue;
            }
            let count = self.groups[group].len() as f64;
            let drawn = span * (1.0 - (1.0 - rng.fraction()).powf(count.recip()));
            if (border, drawn) < least {
                least = (border, drawn);
                chosen = Some(group);
            }
        }
        let group = &self.groups[chosen?];
        let index = rng.below(u32::try_from(group.len()).unwrap_or(u32::MAX));
        group.nth(index as usize).map(|rank| rank.agent)
    }
}
