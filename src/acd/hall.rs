//! [`Hall`]: one queue's side of the matching. Callers of the same needs and reach stand in one *line*; agents of the same
//! skills and terms stand in one *group*. Which group may take which line is kept as two sets of bits that change only
//! with the plan and with who is logged in, so that a decision meets two sets and compares the heads of what is left: callers
//! and agents who do not fit cost nothing.

mod check;
mod explain;
mod ladders;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::acd::bits::{Bits, Common, numbers};
use crate::acd::gates::{Gates, Way};
use crate::acd::index::Index;
use crate::acd::lost::Presence;
use crate::acd::needs::{self, Ladder};
use crate::acd::place::Place;
use crate::acd::plan::QueuePlan;
use crate::acd::rank::{Band, Raise, Rank};
use crate::acd::reach::Reach;
use crate::acd::reason::Why;
use crate::acd::requirement::Attributes;
use crate::acd::rota::{By, Rota, Turn};
use crate::acd::routing::{Members, Membership, Routing, Skill};
use crate::acd::strategy::{self, Candidate, History, Strategy};
use crate::base::{AgentId, Rng};

/// See the module.
#[derive(Debug)]
pub(super) struct Hall {
    reaches: Arc<[Reach]>,
    /// While nobody of the levels that have joined is logged in, the next joins.
    skip_empty: bool,
    routing: Routing,
    /// Callers need different things by what they bring.
    asks_for_attributes: bool,
    /// Ladders and their generations, by what callers bring.
    by_attributes: BTreeMap<Arc<Attributes>, (usize, u32)>,
    rotas: Vec<Rota>,
    /// Who took the last call; survives a reload.
    pub(super) turn: Option<Turn>,
    /// The rota by steps reached.
    rota_of: Vec<usize>,
    ladders: Vec<Rungs>,
    ladder_ids: BTreeMap<Ladder, usize>,
    /// Ladders that nobody stood on when they were put here, each once; the first is forgotten first.
    unused: VecDeque<usize>,
    /// For each ladder one for each reach, and those for some bands alone.
    lines: Vec<Line>,
    /// The lines for some bands alone, by the line for all.
    banded: BTreeMap<(usize, Band), usize>,
    /// The first of each line, [`Place::LAST`] where nobody waits.
    heads: Vec<Place>,
    /// Lines in which somebody waits.
    waiting: Bits,
    groups: Vec<Group>,
    group_ids: BTreeMap<GroupKey, usize>,
    /// Groups without a seat.
    free: Vec<usize>,
    /// Which groups are held back for now.
    gates: Gates,
    /// Groups of the queue's own agents of which somebody is ready and may take calls.
    ready: Bits,
    /// The same of other queues' agents, who are asked when nobody of those is.
    lent: Bits,
    /// Groups of which somebody is logged in.
    staffed: Bits,
    /// Groups of which somebody is present in each way, in the order of [`PRESENT`].
    present: [Bits; PRESENT.len()],
    /// How many are logged in.
    logged_in: u32,
    /// How many of its own agents who may serve some caller are at work, those in reserve apart.
    at_work: u32,
    /// Its reserve joins by what callers are to expect.
    estimates: bool,
}

/// A ladder, with the groups that meet each step of it.
#[derive(Debug)]
struct Rungs {
    needs: Ladder,
    met_by: Vec<Bits>,
    /// The line of its first reach; those of the others follow.
    first_line: usize,
    /// Callers on it, those being offered included.
    callers: u32,
    /// How often its place was given to another.
    generation: u32,
    is_in_unused: bool,
}

/// Callers of the same needs and reach.
#[derive(Debug)]
struct Line {
    ladder: usize,
    reach: usize,
    /// Agents of higher bands are out: those of this one ring already.
    band: Option<Band>,
    /// What it looks at now.
    view: View,
    /// Who may take its callers.
    groups: Bits,
    waiting: Index<Place>,
}

/// Where a line looks: its reach's step and level, or further while nobody there is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) step: usize,
    pub(super) level: u32,
}

/// Agents of the same skills and terms.
#[derive(Debug)]
struct Group {
    skills: Arc<[Skill]>,
    terms: Membership,
    skill: u32,
    /// Some caller may be for it in some step.
    serves: bool,
    /// The lines it may take calls of.
    lines: Bits,
    seats: u32,
    logged_in: u32,
    /// How many are present in each way, in the order of [`PRESENT`].
    present: [u32; PRESENT.len()],
}

impl Group {
    fn key(&self, way: Way) -> GroupKey {
        (Arc::clone(&self.skills), self.terms.level, self.terms.penalty, self.terms.delay, way)
    }
}

/// The ways of being present, the best last.
const PRESENT: [Presence; 3] = [Presence::Paused, Presence::Unreachable, Presence::AtWork];

type GroupKey = (Arc<[Skill]>, u32, u32, std::time::Duration, Way);

/// An agent's place in a hall.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) hall: u32,
    pub(super) way: Way,
    group: u32,
    position: u32,
    /// Level and penalty.
    border: [u32; 2],
    /// The weighted sum of levels.
    skill: u32,
    /// In each rota, while the agent is ready.
    ranks: SmallVec<[Rank; 1]>,
}

impl Seat {
    const fn group(&self) -> usize {
        self.group as usize
    }
}

impl Hall {
    pub(super) fn new(plan: &QueuePlan, reaches: Arc<[Reach]>, turn: Option<Turn>) -> Self {
        let mut hall = Self {
            reaches,
            skip_empty: plan.routing.tiers.is_some_and(|rules| rules.skip_empty),
            asks_for_attributes: needs::asks_for_attributes(&plan.routing),
            by_attributes: BTreeMap::new(),
            routing: plan.routing.clone(),
            rotas: Vec::new(),
            turn,
            rota_of: Vec::new(),
            ladders: Vec::new(),
            ladder_ids: BTreeMap::new(),
            unused: VecDeque::new(),
            lines: Vec::new(),
            banded: BTreeMap::new(),
            heads: Vec::new(),
            waiting: Bits::default(),
            groups: Vec::new(),
            group_ids: BTreeMap::new(),
            free: Vec::new(),
            gates: Gates::default(),
            ready: Bits::default(),
            lent: Bits::default(),
            staffed: Bits::default(),
            present: Default::default(),
            logged_in: 0,
            at_work: 0,
            estimates: plan.routing.reserve.thresholds.estimate.is_some(),
        };
        let mut name = plan.strategy;
        for step in std::iter::once(None).chain(plan.routing.steps.iter().map(|step| step.strategy)) {
            name = step.unwrap_or(name);
            // The configuration refuses names that are not in the table.
            let rota = hall.add_rota(strategy::find(name).unwrap_or(strategy::STRATEGIES[0]));
            hall.rota_of.push(rota);
        }
        hall.ladder(needs::ladder(&plan.routing, &Attributes::default()));
        hall
    }

    /// The hall anew, with the gates as they are and nobody in it.
    pub(super) fn emptied(&self, plan: &QueuePlan, reaches: Arc<[Reach]>) -> Self {
        Self { gates: self.gates.emptied(), ..Self::new(plan, reaches, self.turn) }
    }

    fn add_rota(&mut self, strategy: &'static Strategy) -> usize {
        if let Some(rota) = self.rotas.iter().position(|rota| std::ptr::eq(rota.strategy, strategy)) {
            return rota;
        }
        self.rotas.push(Rota::new(strategy));
        self.rotas.len() - 1
    }

    /// True when somebody with these skills may meet some caller's needs in some step.
    pub(super) fn may_serve(&self, skills: &[Skill]) -> bool {
        self.asks_for_attributes || self.ladders[0].needs.iter().any(|needs| needs::met_by(needs, skills))
    }

    /// True when who has this seat belongs to the queue, and may take some caller in some step.
    pub(super) fn serves(&self, seat: &Seat) -> bool {
        self.groups[seat.group()].serves && !seat.way.is_lent()
    }

    /// Where callers of a ladder look in a reach: the first step from the reach's own on that somebody logged in meets, and
    /// there the levels that have joined, or the next that somebody is of.
    fn survey(&self, ladder: usize, reach: usize) -> View {
        let (reach, met_by) = (&self.reaches[reach], &self.ladders[ladder].met_by);
        let is_met = |step: &usize| !met_by[*step].common(&self.staffed).is_empty();
        let step = (reach.step..met_by.len()).find(is_met).unwrap_or(reach.step);
        let mut level = reach.level;
        if self.skip_empty {
            let levels = met_by[step].common(&self.staffed).iter().map(|group| self.groups[group].terms.level);
            level = levels.min().map_or(level, |least| level.max(least));
        }
        View { step, level }
    }

    fn may_take(&self, group: usize, line: &Line) -> bool {
        let terms = &self.groups[group].terms;
        self.ladders[line.ladder].met_by[line.view.step].has(group)
            && terms.level <= line.view.level
            && self.reaches[line.reach].admits(terms, self.penalties_count())
            && line.band.is_none_or(|band| self.band_of(group, line) <= band)
    }

    /// False while so few members are logged in that penalties count for nothing.
    fn penalties_count(&self) -> bool {
        let limit = self.routing.penalty_members_limit;
        limit == 0 || self.routing.members == Members::Skilled || self.logged_in > limit
    }

    /// What penalties below count as for callers of a line; `None`: no penalty counts.
    fn raise(&self, line: &Line) -> Raise {
        self.penalties_count().then(|| self.reaches[line.reach].window.raise)
    }

    /// Works out who may take calls of a line.
    fn open(&mut self, index: usize) {
        for group in 0..self.groups.len() {
            let may = self.may_take(group, &self.lines[index]);
            self.lines[index].groups.put(group, may);
            self.groups[group].lines.put(index, may);
        }
    }

    /// The seat of an agent with these skills on these terms, who comes by this way.
    pub(super) fn seat(&mut self, hall: u32, skills: &Arc<[Skill]>, terms: &Membership, way: Way) -> Seat {
        let key = (Arc::clone(skills), terms.level, terms.penalty, terms.delay, way);
        let index = self.group_ids.get(&key).copied().unwrap_or_else(|| self.add_group(key, terms));
        let group = &mut self.groups[index];
        group.seats += 1;
        Seat {
            hall,
            way,
            group: u32::try_from(index).expect("fewer groups than agents"),
            position: terms.position,
            border: [terms.level, terms.penalty],
            skill: group.skill,
            ranks: SmallVec::new(),
        }
    }

    /// The seat of who had this one in a hall of the same queue.
    pub(super) fn seat_anew(&mut self, old: &Self, seat: &Seat) -> Seat {
        let Group { skills, terms, .. } = &old.groups[seat.group()];
        self.seat(seat.hall, skills, &Membership { position: seat.position, ..terms.clone() }, seat.way)
    }

    /// An agent has left, logged out: with the last seat of a group its place is free.
    pub(super) fn unseat(&mut self, seat: &Seat) {
        let index = seat.group();
        let group = &mut self.groups[index];
        group.seats -= 1;
        if group.seats > 0 {
            return;
        }
        for line in std::mem::take(&mut group.lines).iter() {
            self.lines[line].groups.put(index, false);
        }
        self.group_ids.remove(&group.key(seat.way));
        self.ladders.iter_mut().flat_map(|rungs| &mut rungs.met_by).for_each(|met| met.put(index, false));
        self.gates.forget_group(index);
        self.free.push(index);
    }

    fn add_group(&mut self, key: GroupKey, terms: &Membership) -> usize {
        let index = self.free.pop().unwrap_or(self.groups.len());
        let skills = Arc::clone(&key.0);
        let skill = needs::level_sum(&self.routing, &skills);
        for rungs in &mut self.ladders {
            for (needs, met) in rungs.needs.iter().zip(&mut rungs.met_by) {
                met.put(index, needs::met_by(needs, &skills));
            }
        }
        let serves = self.may_serve(&skills);
        self.gates.put_group(index, key.4);
        let (lines, seats, logged_in, present) = (Bits::default(), 0, 0, [0; PRESENT.len()]);
        let group = Group { skills, terms: terms.clone(), skill, serves, lines, seats, logged_in, present };
        match self.groups.get_mut(index) {
            Some(place) => *place = group,
            None => {
                self.groups.push(group);
                self.rotas.iter_mut().for_each(Rota::add_group);
            }
        }
        for line in 0..self.lines.len() {
            let may = self.may_take(index, &self.lines[line]);
            self.lines[line].groups.put(index, may);
            self.groups[index].lines.put(line, may);
        }
        self.group_ids.insert(key, index);
        index
    }

    /// Somebody of the seat's group has logged in (`true`) or out. True when callers look elsewhere now. Whoever is lent does not
    /// count: the queue looks for its own agents as if nobody lent it any.
    pub(super) fn staff(&mut self, seat: &Seat, present: bool) -> bool {
        if seat.way.is_lent() {
            return false;
        }
        let counted = self.penalties_count();
        let group = &mut self.groups[seat.group()];
        let before = group.logged_in > 0;
        for count in [&mut group.logged_in, &mut self.logged_in] {
            *count = if present { *count + 1 } else { count.saturating_sub(1) };
        }
        let after = group.logged_in > 0;
        let turns = counted != self.penalties_count();
        if before == after && !turns {
            return false;
        }
        self.staffed.put(seat.group(), after);
        let mut moved = false;
        for index in 0..self.lines.len() {
            let line = &self.lines[index];
            let view = self.survey(line.ladder, line.reach);
            if view != line.view || turns {
                self.lines[index].view = view;
                self.open(index);
                moved = true;
            }
        }
        moved
    }

    /// Somebody of the seat's group is present in another way. Whoever is lent does not count here either. True when another
    /// number of agents is at work, and that is asked for.
    pub(super) fn attend(&mut self, seat: &Seat, from: Presence, to: Presence) -> bool {
        if seat.way.is_lent() {
            return false;
        }
        let group = &mut self.groups[seat.group()];
        let works = |presence| group.serves && seat.way == Way::Own && presence == Presence::AtWork;
        let (before, after) = (works(from), works(to));
        self.at_work = (self.at_work + u32::from(after)).saturating_sub(u32::from(before));
        for (at, presence) in PRESENT.into_iter().enumerate() {
            let count = &mut group.present[at];
            *count = (*count + u32::from(presence == to)).saturating_sub(u32::from(presence == from));
            self.present[at].put(seat.group(), *count > 0);
        }
        self.estimates && before != after
    }

    /// Whether its reserve joins by what callers are to expect.
    pub(super) const fn set_estimates(&mut self, estimates: bool) {
        self.estimates = estimates;
    }

    /// How many of its own agents who may serve some caller are at work, those in reserve apart.
    pub(super) const fn at_work(&self) -> u32 {
        self.at_work
    }

    /// The best presence among those who may take the callers of a line, in whatever step.
    pub(super) fn presence(&self, line: usize) -> Presence {
        let met_by = &self.ladders[self.lines[line].ladder].met_by;
        let is_there = |at: &usize| met_by.iter().any(|met| !met.common(&self.present[*at]).is_empty());
        (0..PRESENT.len()).rev().find(is_there).map_or(Presence::Out, |at| PRESENT[at])
    }

    /// An agent begins to wait for a call.
    pub(super) fn list(&mut self, agent: AgentId, seat: &mut Seat, history: &History) {
        let (group, candidate) = (seat.group(), Candidate { history, skill: seat.skill });
        seat.ranks.clear();
        for rota in &mut self.rotas {
            let rank = rota.rank(agent, seat.border, seat.position, &candidate);
            rota.list(group, rank);
            seat.ranks.push(rank);
        }
        if self.gates.is_open(group) {
            self.put_shown(group, seat.way, true);
        }
    }

    /// An agent no longer waits for a call.
    pub(super) fn unlist(&mut self, seat: &Seat) {
        let (group, mut is_gone) = (seat.group(), false);
        for (rota, rank) in self.rotas.iter_mut().zip(&seat.ranks) {
            is_gone = rota.unlist(group, rank);
        }
        if is_gone {
            self.put_shown(group, seat.way, false);
        }
    }

    /// Opens or closes the way for all groups that come by it.
    pub(super) fn turn(&mut self, way: Way, open: bool) {
        self.gates.turn(way, open);
        let mut index = 0;
        while let Some(group) = self.gates.behind(way, index) {
            self.show(group);
            index += 1;
        }
    }

    /// True when the way is open, or not, to all who come by it.
    pub(super) fn is_turned(&self, way: Way, open: bool) -> bool {
        self.gates.is_turned(way, open)
    }

    /// Puts a group where callers find it, if somebody of it is ready and nothing holds it back.
    fn show(&mut self, group: usize) {
        self.put_shown(group, self.gates.way(group), self.is_shown(group));
    }

    fn put_shown(&mut self, group: usize, way: Way, shown: bool) {
        let set = if way.is_lent() { &mut self.lent } else { &mut self.ready };
        set.put(group, shown);
    }

    fn is_shown(&self, group: usize) -> bool {
        self.gates.is_open(group) && self.rotas.first().is_some_and(|rota| rota.len(group) > 0)
    }

    /// The agent took a call of the queue: turns go on from there.
    pub(super) fn took(&mut self, agent: AgentId, seat: Option<&Seat>) {
        self.turn = Some(Turn { position: seat.map_or(0, |seat| seat.position), agent });
    }

    /// A call begins to wait for an agent.
    pub(super) fn wait(&mut self, line: usize, place: Place) {
        self.lines[line].waiting.insert(place);
        self.heads[line] = self.heads[line].min(place);
        self.waiting.put(line, true);
    }

    /// A call waits for no agent any more, if it did.
    pub(super) fn unwait(&mut self, line: usize, place: &Place) {
        let waiting = &mut self.lines[line].waiting;
        waiting.remove(place);
        if self.heads[line] == *place {
            let head = waiting.first();
            self.heads[line] = head.unwrap_or(Place::LAST);
            self.waiting.put(line, head.is_some());
        }
    }

    /// The agent who is next for a call of the line, and why.
    pub(super) fn choose(&self, line: usize, rng: &mut Rng) -> Option<(Rank, Why)> {
        let line = &self.lines[line];
        let groups = self.asked(line);
        if groups.is_empty() {
            return None;
        }
        self.rota(line).next(groups, By { raise: self.raise(line), turn: self.turn }, rng)
    }

    /// Who is asked for callers of a line: the queue's own agents, and when none of them is ready, those of others.
    fn asked<'a>(&'a self, line: &'a Line) -> Common<'a> {
        let own = line.groups.common(&self.ready);
        if own.is_empty() { line.groups.common(&self.lent) } else { own }
    }

    /// True when only another queue's agents could take the callers of the line.
    pub(super) fn asks_others(&self, line: usize) -> bool {
        !self.lent.is_empty() && self.lines[line].groups.common(&self.ready).is_empty()
    }

    /// The strategy by which a line's callers find agents.
    pub(super) fn strategy(&self, line: usize) -> &'static Strategy {
        self.rota(&self.lines[line]).strategy
    }

    fn rota(&self, line: &Line) -> &Rota {
        &self.rotas[self.rota_of[line.view.step]]
    }

    /// The call that is next for an agent with this seat, and its line.
    pub(super) fn best_call(&self, seat: &Seat) -> Option<(Place, usize)> {
        if seat.way != Way::Own && !self.gates.is_open(seat.group()) {
            return None;
        }
        let mut best = None;
        let mut least = &Place::LAST;
        for (lowest, word) in self.groups[seat.group()].lines.common(&self.waiting).words() {
            for line in numbers(lowest, word) {
                if self.heads[line] < *least {
                    (best, least) = (Some(line), &self.heads[line]);
                }
            }
        }
        best.map(|line| (*least, line))
    }

    /// The first of each line in which somebody waits.
    pub(super) fn heads(&self) -> impl Iterator<Item = (Place, usize)> {
        self.waiting.iter().map(|line| (self.heads[line], line))
    }

    /// The first of a line.
    pub(super) fn head(&self, line: usize) -> Option<Place> {
        self.waiting.has(line).then(|| self.heads[line])
    }

    pub(super) fn is_waiting(&self, line: usize, place: &Place) -> bool {
        self.lines[line].waiting.contains(place)
    }

    pub(super) fn is_listed(&self, seat: &Seat) -> bool {
        let rotas = self.rotas.iter().zip(&seat.ranks);
        rotas.len() == seat.ranks.len() && rotas.clone().all(|(rota, rank)| rota.is_listed(seat.group(), rank))
    }

    #[cfg(test)]
    pub(super) const fn groups(&self) -> usize {
        self.groups.len()
    }

    #[cfg(test)]
    pub(super) const fn ladders(&self) -> usize {
        self.ladders.len()
    }
}
