//! [`Rota`]: the ready agents of one queue in the order of one strategy. Agents stand in groups of the same skills and terms;
//! who is next for a call is the best over the groups that may take it. Groups lie in chunks whose best is known, so that of
//! many groups only those are looked at that may hold somebody better than was found before.

use smallvec::SmallVec;

use crate::acd::bits::{Bits, Common, numbers};
use crate::acd::index::Index;
use crate::acd::rank::{Raise, Rank, counted};
use crate::acd::reason::Candidates;
use crate::acd::strategy::{Candidate, Choice, Circle, Lots, Strategy};
use crate::base::limits::CANDIDATES_MAX;
use crate::base::{AgentId, Rng};

/// Groups whose best is kept as one; the sets of groups are words of 64.
const CHUNK: usize = 8;

/// Handicaps whose agents draw together.
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

/// The first of each group of some, the least first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Firsts {
    ranks: [Rank; CANDIDATES_MAX],
    /// How many groups there are, those included that found no room.
    pub(super) groups: u32,
}

impl Firsts {
    fn first(&self) -> Option<Rank> {
        (self.groups > 0).then_some(self.ranks[0])
    }

    pub(super) fn candidates(&self) -> Candidates {
        SmallVec::from_buf_and_len(self.ranks.map(Rank::candidacy), CANDIDATES_MAX.min(self.groups as usize))
    }
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

    /// The first of each of these groups, of which all have somebody.
    fn firsts(&self, groups: Common<'_>, raise: Raise) -> Firsts {
        let mut found = Firsts { ranks: [Rank::LAST; CANDIDATES_MAX], groups: 0 };
        let least = &mut found.ranks;
        for (lowest, word) in groups.words() {
            found.groups += word.count_ones();
            for (chunk, bits) in chunks_of(lowest, word) {
                if self.chunks[chunk].bound(raise) >= least[CANDIDATES_MAX - 1] {
                    continue;
                }
                for group in numbers(chunk * CHUNK, bits) {
                    let rank = self.best[group].raised(raise);
                    if rank < least[CANDIDATES_MAX - 1] {
                        keep(least, rank);
                    }
                }
            }
        }
        found
    }

    /// Those of the groups whose agents have this level and penalty.
    fn inside(&self, groups: Common<'_>, border: u64, raise: Raise) -> impl Iterator<Item = usize> {
        let of = move |rank: Rank| rank.raised(raise).border();
        let chunks = groups.words().flat_map(|(lowest, word)| chunks_of(lowest, word));
        let chunks = chunks.filter(move |(chunk, _)| of(self.chunks[*chunk]) <= border);
        let groups = chunks.flat_map(|(chunk, bits)| numbers(chunk * CHUNK, bits));
        groups.filter(move |group| of(self.best[*group]) == border)
    }

    /// Who is next among these groups, of which all have somebody; and their firsts.
    pub(super) fn next(&self, groups: Common<'_>, by: By, rng: &mut Rng) -> Option<(AgentId, Firsts)> {
        let firsts = self.firsts(groups, by.raise);
        let first = firsts.first()?;
        let inside = || self.inside(groups, first.border(), by.raise);
        let chosen = match self.strategy.choice {
            Choice::Least(_) => Some(first),
            Choice::InTurn(circle) => self.next_in_turn(inside(), circle, by).or(Some(first)),
            Choice::Drawn(Lots::Even) => self.draw(inside, rng),
            Choice::Drawn(Lots::ByPenalty) => {
                let handicap = self.least_drawn(inside(), by.raise, rng)?;
                self.draw(|| inside().filter(move |group| self.best[*group].key() == handicap), rng)
            }
        };
        Some((chosen?.agent(), firsts))
    }

    /// The next of the groups after the one whose turn it was; `None`: the circle begins anew.
    fn next_in_turn(&self, groups: impl Iterator<Item = usize>, circle: Circle, by: By) -> Option<Rank> {
        let Turn { position, agent } = by.turn?;
        let position = if circle == Circle::ById { 0 } else { position };
        let next = |group: usize| {
            let best = self.best[group];
            let from = best.after(position, agent);
            if best >= from {
                return Some(best);
            }
            if self.crowded.has(group) { self.others[group].first_from(from) } else { None }
        };
        groups.filter_map(next).min_by_key(|rank| rank.raised(by.raise))
    }

    /// One of the groups' agents, each with the same chance.
    fn draw<I: Iterator<Item = usize>>(&self, mut groups: impl FnMut() -> I, rng: &mut Rng) -> Option<Rank> {
        let count = groups().fold(0, |sum, group| sum + self.len(group));
        let mut left = rng.below(u32::try_from(count).unwrap_or(u32::MAX)) as usize;
        for group in groups() {
            let len = self.len(group);
            if left < len {
                return if left == 0 { Some(self.best[group]) } else { self.others[group].nth(left - 1) };
            }
            left -= len;
        }
        None
    }

    /// The penalty of the agent who draws the least, each below `1 + penalty`. The least of n numbers drawn evenly is drawn in one
    /// go.
    fn least_drawn(&self, groups: impl Iterator<Item = usize>, raise: Raise, rng: &mut Rng) -> Option<u64> {
        let mut counts = SmallVec::<[(u64, usize); HANDICAPS]>::new();
        for group in groups {
            let (handicap, len) = (self.best[group].key(), self.len(group));
            match counts.iter_mut().find(|(known, _)| *known == handicap) {
                Some((_, count)) => *count += len,
                None => counts.push((handicap, len)),
            }
        }
        let mut least = (f64::INFINITY, None);
        for (handicap, count) in counts {
            let span = 1.0 + f64::from(counted(u32::try_from(handicap).unwrap_or(u32::MAX), raise));
            let drawn = span * (1.0 - (1.0 - rng.fraction()).powf((count as f64).recip()));
            if drawn < least.0 {
                least = (drawn, Some(handicap));
            }
        }
        least.1
    }
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
        fn ask(&mut self, by: By) -> (Option<(AgentId, Firsts)>, Vec<Rank>, Vec<Rank>) {
            let (mut asked, mut ready) = (Bits::default(), Bits::default());
            let odds = [0.05, 0.5, 1.0][self.rng.below(3) as usize];
            (0..GROUPS).for_each(|group| asked.put(group, self.rng.chance(odds)));
            self.ready.iter().for_each(|(group, _)| ready.put(*group, true));
            let next = self.rota.next(asked.common(&ready), by, &mut self.rng);
            let eligible = self.ready.iter().filter(|(group, _)| asked.has(*group));
            let mut ranks: Vec<(usize, Rank)> = eligible.map(|(group, rank)| (*group, rank.raised(by.raise))).collect();
            ranks.sort_unstable_by_key(|(_, rank)| *rank);
            let mut firsts: Vec<Rank> = Vec::new();
            let mut groups = Vec::new();
            for (group, rank) in &ranks {
                if !groups.contains(group) {
                    groups.push(*group);
                    firsts.push(*rank);
                }
            }
            (next, ranks.into_iter().map(|(_, rank)| rank).collect(), firsts)
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
                let (next, ranks, firsts) = beside.ask(By { raise, turn });
                let Some((chosen, told)) = next else {
                    assert!(ranks.is_empty(), "{}", row.name);
                    continue;
                };
                assert_eq!(told.groups as usize, firsts.len());
                let best: Vec<_> = firsts.iter().take(CANDIDATES_MAX).map(|rank| rank.candidacy()).collect();
                assert_eq!(told.candidates()[..], best[..], "{}", row.name);
                let border = ranks.iter().filter(|rank| rank.border() == ranks[0].border());
                let may = match row.choice {
                    Choice::Least(_) => vec![ranks[0].agent()],
                    Choice::InTurn(circle) => {
                        let last = turn.map_or((0, 0), |turn| (turn.position, turn.agent.0 + 1));
                        let last = if circle == Circle::ById { (0, last.1) } else { last };
                        let behind = |rank: &&&Rank| (rank.candidacy().position, rank.agent().0) >= last;
                        let next = border.clone().filter(|rank| behind(&rank)).chain(border.clone()).next();
                        vec![next.expect("somebody").agent()]
                    }
                    Choice::Drawn(_) => border.map(|rank| rank.agent()).collect(),
                };
                assert!(may.contains(&chosen), "{}: {chosen} of {may:?}", row.name);
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
        let least = beside.ready.iter().map(|(_, rank)| rank.raised(None).border()).min();
        let among = beside.ready.iter().filter(|(_, rank)| Some(rank.raised(None).border()) == least).count();
        let mut counts = std::collections::BTreeMap::<AgentId, usize>::new();
        for _ in 0..among * 1_000 {
            let (agent, _) = beside.rota.next(ready.common(&ready), by, &mut beside.rng).expect("somebody");
            *counts.entry(agent).or_default() += 1;
        }
        assert_eq!(counts.len(), among);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
