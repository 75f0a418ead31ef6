//! [`Rota`]: the ready agents of one queue in the order of one strategy. Agents stand in groups of the same skills and terms;
//! who is next for a call is the best over the groups that may take it. Groups lie in chunks whose best is known, so that of
//! many groups only those are looked at that may hold somebody better than was found before.

use crate::acd::bits::{Bits, Common, numbers};
use crate::acd::index::Index;
use crate::acd::rank::{Raise, Rank, counted};
use crate::acd::reason::{Field, Why};
use crate::acd::strategy::{Candidate, Choice, Circle, Lots, Strategy};
use crate::base::limits::CANDIDATES_MAX;
use crate::base::{AgentId, Rng};

/// Groups whose best is kept as one; the sets of groups are words of 64.
const CHUNK: usize = 8;

/// Handicaps that are drawn for at a time; where there are more, the groups are looked at once more for each so many.
const HANDICAPS: usize = 16;

/// What a choice depends on beside who is ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    pub(super) raise: Raise,
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
    /// The first of each group, [`Rank::LAST`] where nobody is ready.
    best: Vec<Rank>,
    /// The first of each chunk of groups.
    chunks: Vec<Rank>,
    /// Who else of each group is ready; most groups of a large centre are small.
    others: Vec<Index<Rank>>,
    /// Groups with others.
    crowded: Bits,
}

impl Rota {
    pub(super) fn new(strategy: &'static Strategy) -> Self {
        Self { strategy, best: Vec::new(), chunks: Vec::new(), others: Vec::new(), crowded: Bits::default() }
    }

    /// Makes room for one more group.
    pub(super) fn add_group(&mut self) {
        self.best.push(Rank::LAST);
        self.others.push(Index::default());
        self.chunks.resize(self.best.len().div_ceil(CHUNK), Rank::LAST);
    }

    /// Where an agent stands, by its border (level and penalty) and position.
    pub(super) fn rank(&self, agent: AgentId, border: [u32; 2], position: u32, candidate: &Candidate<'_>) -> Rank {
        let [level, penalty] = border;
        match self.strategy.choice {
            Choice::Least(key) => Rank::new(border, key(candidate), position, agent),
            Choice::InTurn(Circle::Configured) | Choice::Drawn(Lots::Even) => {
                Rank::new(border, [0; 2], position, agent)
            }
            Choice::InTurn(Circle::ById) => Rank::new(border, [0; 2], 0, agent),
            Choice::Drawn(Lots::ByPenalty) => Rank::new([level, 0], [u64::from(penalty), 0], position, agent),
        }
    }

    pub(super) fn list(&mut self, group: usize, rank: Rank) {
        let best = &mut self.best[group];
        if *best == Rank::LAST {
            *best = rank;
        } else {
            let other = if rank < *best { std::mem::replace(best, rank) } else { rank };
            self.others[group].insert(other);
            self.crowded.put(group, true);
        }
        let chunk = &mut self.chunks[group / CHUNK];
        if rank < *chunk {
            *chunk = rank;
        }
    }

    /// True when nobody of the group is left.
    pub(super) fn unlist(&mut self, group: usize, rank: &Rank) -> bool {
        if self.best[group] != *rank {
            let was_there = self.drop_other(group, rank);
            debug_assert!(was_there, "{} stands in the index under its key", rank.agent());
            return false;
        }
        let next = if self.crowded.has(group) { self.others[group].first() } else { None };
        if let Some(next) = &next {
            self.drop_other(group, next);
        }
        self.best[group] = next.unwrap_or(Rank::LAST);
        let chunk = group / CHUNK;
        if self.chunks[chunk] == *rank {
            let mut least = &Rank::LAST;
            for rank in self.best[chunk * CHUNK..].iter().take(CHUNK) {
                if rank < least {
                    least = rank;
                }
            }
            self.chunks[chunk] = *least;
        }
        next.is_none()
    }

    fn drop_other(&mut self, group: usize, rank: &Rank) -> bool {
        let others = &mut self.others[group];
        let was_there = others.remove(rank);
        if others.is_empty() {
            self.crowded.put(group, false);
        }
        was_there
    }

    pub(super) fn is_listed(&self, group: usize, rank: &Rank) -> bool {
        self.best[group] == *rank || self.others[group].contains(rank)
    }

    /// How many of a group are ready.
    pub(super) fn len(&self, group: usize) -> usize {
        let others = if self.crowded.has(group) { self.others[group].len() } else { 0 };
        usize::from(self.best[group] != Rank::LAST) + others
    }

    /// The first of these groups, of which all have somebody.
    fn first(&self, groups: Common<'_>, raise: Raise) -> Option<Rank> {
        let mut least = Rank::LAST;
        for (chunk, bits) in chunks(groups) {
            if self.chunks[chunk].bound(raise) >= least {
                continue;
            }
            for group in numbers(chunk * CHUNK, bits) {
                let rank = self.best[group].raised(raise);
                if rank < least {
                    least = rank;
                }
            }
        }
        (least != Rank::LAST).then_some(least)
    }

    /// Who is next among these groups, of which all have somebody, by its rank with the penalty as it counts; and why.
    pub(super) fn next(&self, groups: Common<'_>, by: By, rng: &mut Rng) -> Option<(Rank, Why)> {
        match (self.strategy.choice, by.turn) {
            (Choice::Least(_), _) | (Choice::InTurn(_), None) => Some((self.first(groups, by.raise)?, Why::First)),
            (Choice::InTurn(circle), Some(turn)) => {
                Some((self.next_in_turn(groups, circle, turn, by.raise)?, Why::After(turn.agent)))
            }
            (Choice::Drawn(Lots::Even), _) => {
                let (border, count) = self.least_border(groups, by.raise)?;
                let inside = self.inside(groups, border, by.raise);
                Some((self.draw(inside, count, rng)?.raised(by.raise), Why::Drawn))
            }
            (Choice::Drawn(Lots::ByPenalty), _) => {
                let (border, _) = self.least_border(groups, by.raise)?;
                let inside = || self.inside(groups, border, by.raise);
                let (handicap, count) = self.least_drawn(inside, by.raise, rng)?;
                let inside = inside().filter(|group| self.best[*group].key() == handicap);
                Some((self.draw(inside, count, rng)?.raised(by.raise), Why::Drawn))
            }
        }
    }

    /// The next of the groups after the one whose turn it was, of the least border of all; where nobody of it is left, the circle
    /// begins anew.
    fn next_in_turn(&self, groups: Common<'_>, circle: Circle, turn: Turn, raise: Raise) -> Option<Rank> {
        let position = if circle == Circle::ById { 0 } else { turn.position };
        let (mut border, mut behind, mut first) = (u64::MAX, Rank::LAST, Rank::LAST);
        for (chunk, bits) in chunks(groups) {
            if self.chunks[chunk].raised_border(raise) > border {
                continue;
            }
            for group in numbers(chunk * CHUNK, bits) {
                let best = self.best[group];
                let own = best.raised_border(raise);
                if own > border {
                    continue;
                }
                if own < border {
                    (border, behind, first) = (own, Rank::LAST, Rank::LAST);
                }
                let from = best.after(position, turn.agent);
                if best >= from {
                    behind = behind.min(best.raised(raise));
                    continue;
                }
                first = first.min(best.raised(raise));
                if self.crowded.has(group)
                    && let Some(next) = self.others[group].first_from(from)
                {
                    behind = behind.min(next.raised(raise));
                }
            }
        }
        [behind, first].into_iter().find(|rank| *rank != Rank::LAST)
    }

    /// The least border of these groups, and how many agents are inside.
    fn least_border(&self, groups: Common<'_>, raise: Raise) -> Option<(u64, usize)> {
        let (mut least, mut count) = (u64::MAX, 0);
        for (chunk, bits) in chunks(groups) {
            if self.chunks[chunk].raised_border(raise) > least {
                continue;
            }
            for group in numbers(chunk * CHUNK, bits) {
                let border = self.best[group].raised_border(raise);
                if border < least {
                    (least, count) = (border, 0);
                }
                if border == least {
                    count += self.len(group);
                }
            }
        }
        (count > 0).then_some((least, count))
    }

    /// Those of the groups whose agents have this border.
    fn inside(&self, groups: Common<'_>, border: u64, raise: Raise) -> impl Iterator<Item = usize> {
        let chunks = chunks(groups).filter(move |(chunk, _)| self.chunks[*chunk].raised_border(raise) <= border);
        let groups = chunks.flat_map(|(chunk, bits)| numbers(chunk * CHUNK, bits));
        groups.filter(move |group| self.best[*group].raised_border(raise) == border)
    }

    /// One of so many agents of the groups, each with the same chance.
    fn draw(&self, groups: impl Iterator<Item = usize>, count: usize, rng: &mut Rng) -> Option<Rank> {
        let mut left = rng.below(u32::try_from(count).unwrap_or(u32::MAX)) as usize;
        for group in groups {
            let len = self.len(group);
            if left < len {
                return if left == 0 { Some(self.best[group]) } else { self.others[group].nth(left - 1) };
            }
            left -= len;
        }
        None
    }

    /// The penalty of the agent who draws the least, each below `1 + penalty`, and how many have it. The least of n numbers drawn
    /// evenly is drawn in one go.
    fn least_drawn<I: Iterator<Item = usize>>(
        &self,
        groups: impl Fn() -> I,
        raise: Raise,
        rng: &mut Rng,
    ) -> Option<(u64, usize)> {
        let (mut least, mut from) = (None, Some(0));
        while let Some(lowest) = from {
            let (handicaps, next) = self.handicaps(groups(), lowest);
            for (handicap, count) in handicaps.into_iter().filter(|(_, count)| *count > 0) {
                let span = 1.0 + f64::from(counted(u32::try_from(handicap).unwrap_or(u32::MAX), raise));
                let drawn = span * (1.0 - (1.0 - rng.fraction()).powf((count as f64).recip()));
                if least.is_none_or(|(other, _)| drawn < other) {
                    least = Some((drawn, (handicap, count)));
                }
            }
            from = next;
        }
        Some(least?.1)
    }

    /// The handicaps of groups that are not below `from`, each with how many have it, as many as fit; and the first that did not.
    fn handicaps(&self, groups: impl Iterator<Item = usize>, from: u64) -> ([(u64, usize); HANDICAPS], Option<u64>) {
        let mut counts = [(u64::MAX, 0); HANDICAPS];
        let mut next = u64::MAX;
        for group in groups {
            let (handicap, len) = (self.best[group].key(), self.len(group));
            if handicap < from || handicap >= next {
                continue;
            }
            let at = counts.partition_point(|(known, _)| *known < handicap);
            if at < HANDICAPS && counts[at].0 == handicap {
                counts[at].1 += len;
                continue;
            }
            if at == HANDICAPS || counts[HANDICAPS - 1].1 > 0 {
                // The last has to go, or this one.
                next = next.min(if at == HANDICAPS { handicap } else { counts[HANDICAPS - 1].0 });
            }
            if at < HANDICAPS {
                counts[at..].rotate_right(1);
                counts[at] = (handicap, len);
            }
        }
        (counts, (next < u64::MAX).then_some(next))
    }

    /// The agents of these groups in the order of the strategy, as far as they are noted, and how many more there are.
    pub(super) fn field(&self, groups: Common<'_>, raise: Raise) -> Field {
        let mut least = [Rank::LAST; CANDIDATES_MAX];
        let mut count = 0;
        for group in groups.iter() {
            count += self.len(group);
            let best = std::iter::once(&self.best[group]);
            let others = self.crowded.has(group).then(|| self.others[group].walk()).into_iter().flatten();
            for rank in best.chain(others).map(|rank| rank.raised(raise)) {
                if rank >= least[CANDIDATES_MAX - 1] {
                    break;
                }
                keep(&mut least, rank);
            }
        }
        let len = count.min(CANDIDATES_MAX);
        let others = u32::try_from(count - len).unwrap_or(u32::MAX);
        Field { first: least.map(Rank::candidacy), len, others }
    }
}

/// The chunks of some groups in which there are some, and which.
fn chunks(groups: Common<'_>) -> impl Iterator<Item = (usize, u64)> {
    groups.words().flat_map(|(lowest, word)| chunks_of(lowest, word))
}

/// The chunks of a word of groups in which there are some, and which.
fn chunks_of(lowest: usize, word: u64) -> impl Iterator<Item = (usize, u64)> {
    let chunks = (0..64 / CHUNK).map(move |nth| (lowest / CHUNK + nth, word >> (nth * CHUNK) & ((1 << CHUNK) - 1)));
    chunks.filter(|(_, bits)| *bits != 0)
}

/// Puts a rank where it belongs, in the place of the last.
fn keep(least: &mut [Rank; CANDIDATES_MAX], rank: Rank) {
    let mut at = CANDIDATES_MAX - 1;
    while at > 0 && rank < least[at - 1] {
        least[at] = least[at - 1];
        at -= 1;
    }
    least[at] = rank;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::strategy::{History, find};
    use crate::base::Instant;

    const GROUPS: usize = 150;

    /// A rota beside a list of who is ready, which says what must come out.
    struct Beside {
        rota: Rota,
        ready: Vec<(usize, Rank)>,
        rng: Rng,
        agent: u32,
    }

    impl Beside {
        fn new(strategy: &str, seed: u64) -> Self {
            let mut rota = Rota::new(find(strategy).expect("in the table"));
            (0..GROUPS).for_each(|_| rota.add_group());
            Self { rota, ready: Vec::new(), rng: Rng::from_u64(seed), agent: 0 }
        }

        /// Half of all agents are in every tenth group.
        fn list(&mut self) {
            self.agent += 1;
            let any = self.rng.below(GROUPS as u32);
            let group = if self.rng.chance(0.5) { any / 10 * 10 } else { any };
            let border = [group % 2, group % 3];
            let mut history = History::default();
            (0..self.rng.below(9)).for_each(|calls| history.answered(Instant::from_micros(u64::from(calls))));
            let candidate = Candidate { history: &history, skill: 0 };
            let (agent, position) = (AgentId(self.agent * 7 % 1_009), self.rng.below(5));
            if self.ready.iter().any(|(_, rank)| rank.agent() == agent) {
                return;
            }
            let rank = self.rota.rank(agent, border, position, &candidate);
            self.rota.list(group as usize, rank);
            self.ready.push((group as usize, rank));
        }

        fn unlist(&mut self) {
            if self.ready.is_empty() {
                return;
            }
            let (group, rank) = self.ready.swap_remove(self.rng.below(self.ready.len() as u32) as usize);
            assert!(self.rota.is_listed(group, &rank));
            let is_empty = self.rota.unlist(group, &rank);
            assert!(!self.rota.is_listed(group, &rank));
            assert_eq!(is_empty, !self.ready.iter().any(|(other, _)| *other == group));
        }

        /// Asks for the next of some groups, and says who may be it.
        fn ask(&mut self, by: By) -> (Option<(Rank, Why)>, Vec<Rank>, Field) {
            let (mut asked, mut ready) = (Bits::default(), Bits::default());
            let odds = [0.05, 0.5, 1.0][self.rng.below(3) as usize];
            (0..GROUPS).for_each(|group| asked.put(group, self.rng.chance(odds)));
            self.ready.iter().for_each(|(group, _)| ready.put(*group, true));
            let next = self.rota.next(asked.common(&ready), by, &mut self.rng);
            let field = self.rota.field(asked.common(&ready), by.raise);
            let eligible = self.ready.iter().filter(|(group, _)| asked.has(*group));
            let mut ranks: Vec<Rank> = eligible.map(|(_, rank)| rank.raised(by.raise)).collect();
            ranks.sort_unstable();
            (next, ranks, field)
        }
    }

    #[test]
    fn every_strategy_agrees_with_a_plain_list_of_who_is_ready() {
        for (row, seed) in crate::acd::strategy::STRATEGIES.iter().zip(0..) {
            let mut beside = Beside::new(row.name, seed);
            for step in 0..2_500 {
                let grows = if step / 500 % 2 == 0 { 0.7 } else { 0.3 };
                if beside.rng.chance(grows) {
                    beside.list()
                } else {
                    beside.unlist()
                }
                let raise = [None, Some(0), Some(0), Some(1), Some(2)][beside.rng.below(5) as usize];
                let (position, agent) = (beside.rng.below(5), AgentId(beside.rng.below(1_009)));
                let turn = beside.rng.chance(0.8).then_some(Turn { position, agent });
                let (next, ranks, field) = beside.ask(By { raise, turn });
                let told: Vec<_> = field.first[..field.len].to_vec();
                let first: Vec<_> = ranks.iter().take(CANDIDATES_MAX).map(|rank| rank.candidacy()).collect();
                assert_eq!((told, field.len + field.others as usize), (first, ranks.len()), "{}", row.name);
                let Some((chosen, _)) = next else {
                    assert!(ranks.is_empty(), "{}", row.name);
                    continue;
                };
                let border = ranks.iter().filter(|rank| rank.raised_border(Some(0)) == ranks[0].raised_border(Some(0)));
                let may = match row.choice {
                    Choice::Least(_) => vec![ranks[0]],
                    Choice::InTurn(circle) => {
                        let last = turn.map_or((0, 0), |turn| (turn.position, turn.agent.0 + 1));
                        let last = if circle == Circle::ById { (0, last.1) } else { last };
                        let behind = |rank: &&&Rank| (rank.candidacy().position, rank.agent().0) >= last;
                        let next = border.clone().filter(|rank| behind(&rank)).chain(border.clone()).next();
                        vec![*next.expect("somebody")]
                    }
                    Choice::Drawn(_) => border.copied().collect(),
                };
                assert!(may.contains(&chosen), "{}: {chosen:?} of {may:?}", row.name);
            }
        }
    }

    #[test]
    fn draws_over_many_groups_give_each_agent_its_chance() {
        let mut beside = Beside::new("random", 1);
        while beside.ready.len() < 100 {
            beside.list();
        }
        let by = By { raise: None, turn: None };
        let mut ready = Bits::default();
        beside.ready.iter().for_each(|(group, _)| ready.put(*group, true));
        let least = beside.ready.iter().map(|(_, rank)| rank.raised_border(None)).min();
        let among = beside.ready.iter().filter(|(_, rank)| Some(rank.raised_border(None)) == least).count();
        let mut counts = std::collections::BTreeMap::<AgentId, usize>::new();
        for _ in 0..among * 1_000 {
            let (rank, _) = beside.rota.next(ready.common(&ready), by, &mut beside.rng).expect("somebody");
            *counts.entry(rank.agent()).or_default() += 1;
        }
        assert_eq!(counts.len(), among);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    /// More penalties than are drawn for at a time. Who has penalty p wins against n - 1 others with the chance that the least of
    /// all draws is its own.
    #[test]
    fn any_number_of_penalties_is_drawn_by_weight() {
        let mut rota = Rota::new(find("weighted-random").expect("in the table"));
        let (mut ready, mut rng, history) = (Bits::default(), Rng::from_u64(11), History::default());
        const PENALTIES: u32 = 40;
        for penalty in 0..PENALTIES {
            rota.add_group();
            // In no order, so that those kept at first give way to others.
            let group = (penalty * 7 % PENALTIES) as usize;
            (rota.best.len() <= group).then(|| (rota.best.len()..=group).for_each(|_| rota.add_group()));
            let rank = rota.rank(AgentId(penalty), [0, penalty], 0, &Candidate { history: &history, skill: 0 });
            rota.list(group, rank);
            ready.put(group, true);
        }
        let by = By { raise: None, turn: None };
        let raised = By { raise: Some(0), ..by };
        const DRAWS: usize = 40_000;
        let mut count = |by: By| {
            let mut counts = [0_usize; PENALTIES as usize];
            for _ in 0..DRAWS {
                counts[rota.next(ready.common(&ready), by, &mut rng).expect("somebody").0.agent().0 as usize] += 1;
            }
            counts
        };
        let even = count(by);
        assert!(even.iter().all(|count| (700..1_300).contains(count)), "where no penalty counts: {even:?}");
        let weighed = count(raised);
        // The integral over x of `prod (1 - x / (1 + q))` over the others, for x below 1, by 1 / (1 + p).
        let chance = |p: u32| {
            let steps = 10_000;
            let left = |x: f64, q: u32| if q == p { 1.0 } else { (1.0 - x / f64::from(1 + q)).max(0.0) };
            let at = |step: u32| f64::from(step) / f64::from(steps);
            (0..steps).map(|step| (0..PENALTIES).map(|q| left(at(step), q)).product::<f64>()).sum::<f64>()
                / f64::from(steps)
                / f64::from(1 + p)
        };
        for p in [0, 1, 5, 20, 39] {
            let (drawn, expected) = (weighed[p as usize] as f64, chance(p) * DRAWS as f64);
            assert!((drawn - expected).abs() < 5.0 * expected.sqrt() + 1.0, "{p}: {drawn} of {expected}");
        }
    }
}
