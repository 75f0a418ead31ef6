//! [`Matching`]: where callers and agents meet. Each queue has a [`Hall`]; an agent has a seat in the hall of each queue it
//! serves. A decision looks at the seats of one agent or the line of one call; it never walks agents or callers. At rest
//! nobody waits whom a ready agent may take.

mod explain;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use crate::acd::awaited::Awaited;
use crate::acd::gates::Way;
use crate::acd::hall::{Hall, Seat};
use crate::acd::lending::Loan;
use crate::acd::lost::Presence;
use crate::acd::needs;
use crate::acd::place::Place;
use crate::acd::plan::{AgentPlan, QueuePlan};
use crate::acd::rank::{Band, Rank};
use crate::acd::reach::Reach;
use crate::acd::reason::Why;
use crate::acd::requirement::Attributes;
use crate::acd::rota::Turn;
use crate::acd::routing::{Members, Membership, Skill};
use crate::acd::strategy::{History, Strategy};
use crate::base::{AgentId, CallId, IdMap, QueueId, Rng};

/// Names a line of a hall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LineId {
    hall: u32,
    line: u32,
}

/// Where a call waits for an agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) place: Place,
    /// Among those who need the same; there it stands unless it waits for one agent alone.
    pub(super) line: LineId,
    /// For whom it waits alone.
    pub(super) awaits: Option<AgentId>,
}

/// Among whom a call was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Among {
    /// Those who wait for one agent alone.
    Awaiting(AgentId),
    /// Those of a line.
    Line(LineId),
}

/// The first of some callers in the order in which they are matched: by weight, then those who wait for one agent alone, then
/// by place.
type Head = (Reverse<i32>, bool, Place, Among);

fn head(place: Place, among: Among) -> Reverse<Head> {
    Reverse((place.weight(), matches!(among, Among::Line(_)), place, among))
}

impl LineId {
    fn new(hall: u32, line: usize) -> Self {
        Self { hall, line: u32::try_from(line).expect("fewer lines than calls and reaches") }
    }
}

/// All halls.
#[derive(Debug)]
pub(super) struct Matching {
    halls: Vec<(QueueId, Hall)>,
    hall_of: IdMap<QueueId, u32>,
    members: IdMap<AgentId, Member>,
    /// Who waits for one agent alone.
    awaited: Awaited,
    /// Halls open to whoever has the skills, by a skill without which nobody will do; under the empty name those open to all.
    by_skill: BTreeMap<Arc<str>, Vec<u32>>,
    /// The queues that each set of skills was found to serve.
    teams: BTreeMap<Arc<[Skill]>, Arc<[QueueId]>>,
    /// To whom queues lend their members.
    loans: BTreeMap<QueueId, Vec<Loan>>,
    /// Halls in which callers and ready agents may stand beside each other.
    unsettled: Unsettled,
    /// Queues in which another number of agents is at work, until they have been looked at.
    manned: Vec<QueueId>,
    /// Who took the last call of queues whose halls are to be opened.
    turns: BTreeMap<QueueId, Turn>,
    rng: Rng,
}

/// Halls and lines to be looked at, agents for whom somebody waits alone, and the heads of their callers on the way. Its room is
/// kept.
#[derive(Debug, Default)]
struct Unsettled {
    /// Each once.
    halls: Vec<u32>,
    is_in: Vec<bool>,
    /// The same one may be here more than once.
    lines: Vec<LineId>,
    agents: Vec<AgentId>,
    heads: BinaryHeap<Reverse<Head>>,
    /// Heads whom only another queue's agents can take: their turn comes when every agent has been given callers of its own.
    later: BinaryHeap<Reverse<Head>>,
}

impl Unsettled {
    fn insert(&mut self, hall: u32) {
        let index = hall as usize;
        if index >= self.is_in.len() {
            self.is_in.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.is_in[index], true) {
            self.halls.push(hall);
        }
    }
}

/// An agent as the halls know it.
#[derive(Debug, Default)]
struct Member {
    seats: Vec<Seat>,
    presence: Presence,
}

/// Sets of skills whose queues are remembered, over twice the agents; beyond, all are forgotten and found anew.
const TEAMS_SPARE: usize = 64;

impl Matching {
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            halls: Vec::new(),
            hall_of: IdMap::default(),
            members: IdMap::default(),
            awaited: Awaited::default(),
            by_skill: BTreeMap::new(),
            teams: BTreeMap::new(),
            loans: BTreeMap::new(),
            unsettled: Unsettled::default(),
            manned: Vec::new(),
            turns: BTreeMap::new(),
            rng,
        }
    }

    /// Nobody waits, nobody is seated; draws and turns go on.
    pub(super) fn clear(&mut self) {
        let mut next = Self::new(self.rng.clone());
        next.turns = self.halls.iter().filter_map(|(queue, hall)| Some((*queue, hall.turn?))).collect();
        *self = next;
    }

    /// The queue is gone, and with it whose turn it was.
    pub(super) fn forget(&mut self, queue: QueueId) {
        if let Some(hall) = self.hall_of.get(&queue) {
            self.halls[*hall as usize].1.turn = None;
        }
    }

    /// Opens the hall of a queue. Queues come before agents.
    pub(super) fn open(&mut self, plan: &QueuePlan, reaches: &Arc<[Reach]>) {
        let hall = u32::try_from(self.halls.len()).expect("no more halls than queue ids");
        self.hall_of.insert(plan.id, hall);
        let turn = self.turns.remove(&plan.id);
        self.halls.push((plan.id, Hall::new(plan, Arc::clone(reaches), turn)));
        if plan.routing.members == Members::Skilled {
            let ladder = needs::ladder(&plan.routing, &Attributes::default());
            let open_to_all = needs::asks_for_attributes(&plan.routing);
            for needs in &ladder {
                let skill = needs::indispensable(needs).filter(|_| !open_to_all).cloned().unwrap_or_default();
                let halls = self.by_skill.entry(skill).or_default();
                if halls.last() != Some(&hall) {
                    halls.push(hall);
                }
            }
        }
    }

    /// Opens the hall of a queue anew, of which the requirements are the same. These agents, sorted by id, are seated in it where
    /// they were, with what has happened to them where they are listed; nobody waits in it.
    pub(super) fn open_anew<'h>(
        &mut self,
        plan: &QueuePlan,
        reaches: &Arc<[Reach]>,
        agents: impl Iterator<Item = (AgentId, Option<&'h History>)>,
    ) {
        let Some(&hall) = self.hall_of.get(&plan.id) else { return };
        let (_, room) = &mut self.halls[hall as usize];
        let next = room.emptied(plan, Arc::clone(reaches));
        let old = std::mem::replace(room, next);
        for (agent, listed) in agents {
            let Some(member) = self.members.get_mut(&agent) else { continue };
            let Some(seat) = member.seats.iter_mut().find(|seat| seat.hall == hall) else { continue };
            *seat = room.seat_anew(&old, seat);
            if room.attend(seat, Presence::Out, member.presence) {
                self.manned.push(plan.id);
            }
            if member.presence != Presence::Out {
                room.staff(seat, true);
            }
            if let Some(history) = listed {
                room.list(agent, seat, history);
            }
        }
        self.unsettled.insert(hall);
    }

    /// A queue may lend its members. Queues come before agents.
    pub(super) fn lend(&mut self, plan: &QueuePlan) {
        self.loans.insert(plan.id, plan.routing.lending.to.clone());
    }

    /// Gives an agent its seats. It is neither logged in nor listed afterwards.
    pub(super) fn seat(&mut self, agent: &AgentPlan) {
        let skills = needs::enabled(&agent.skills);
        let skilled = self.queues_of(&skills);
        let mut terms: BTreeMap<QueueId, Membership> =
            skilled.iter().map(|queue| (*queue, Membership::of(*queue))).collect();
        terms.extend(agent.memberships.iter().map(|membership| (membership.queue, membership.clone())));
        let mut ways: BTreeMap<QueueId, (Membership, Way)> = BTreeMap::new();
        for lender in agent.memberships.iter().filter_map(|membership| terms.get(&membership.queue)) {
            let loans = self.loans.get(&lender.queue).filter(|_| !lender.reserve);
            for loan in loans.into_iter().flatten().filter(|loan| !terms.contains_key(&loan.queue)) {
                let lent = (Membership::from(loan), Way::Lent(lender.queue));
                let known = ways.entry(loan.queue).or_insert_with(|| lent.clone());
                // Of several lenders the first counts, in the order of the ids.
                if lent.1 < known.1 {
                    *known = lent;
                }
            }
        }
        let own = terms.into_iter().map(|(queue, terms)| {
            let way = if terms.reserve { Way::Reserve } else { Way::Own };
            (queue, (terms, way))
        });
        ways.extend(own);
        let mut seats = Vec::with_capacity(ways.len());
        for (queue, (terms, way)) in &ways {
            let Some(&hall) = self.hall_of.get(queue) else { continue };
            seats.push(self.halls[hall as usize].1.seat(hall, &skills, terms, *way));
        }
        self.members.insert(agent.id, Member { seats, presence: Presence::Out });
    }

    /// The queues open to whoever has the skills that somebody with these may serve in some step.
    fn queues_of(&mut self, skills: &Arc<[Skill]>) -> Arc<[QueueId]> {
        if let Some(queues) = self.teams.get(skills) {
            return Arc::clone(queues);
        }
        let open_to_all: Arc<str> = Arc::default();
        let names = skills.iter().map(|skill| &skill.name).chain([&open_to_all]);
        let halls: BTreeSet<u32> = names.filter_map(|name| self.by_skill.get(name)).flatten().copied().collect();
        let queues = halls.into_iter().map(|hall| &self.halls[hall as usize]);
        let queues: Arc<[QueueId]> =
            queues.filter(|(_, hall)| hall.may_serve(skills)).map(|(queue, _)| *queue).collect();
        if self.teams.len() >= self.members.len() * 2 + TEAMS_SPARE {
            self.teams.clear();
        }
        self.teams.insert(Arc::clone(skills), Arc::clone(&queues));
        queues
    }

    /// Takes an agent's seats away.
    pub(super) fn dismiss(&mut self, agent: AgentId) {
        self.log(agent, Presence::Out);
        let Some(member) = self.members.remove(&agent) else { return };
        for seat in &member.seats {
            self.halls[seat.hall as usize].1.unseat(seat);
        }
    }

    /// An agent is present from now on, in this way.
    pub(super) fn log(&mut self, agent: AgentId, presence: Presence) {
        let Some(member) = self.members.get_mut(&agent) else { return };
        let before = std::mem::replace(&mut member.presence, presence);
        if before == presence {
            return;
        }
        let logs = (before == Presence::Out) != (presence == Presence::Out);
        for seat in &member.seats {
            let (queue, hall) = &mut self.halls[seat.hall as usize];
            if hall.attend(seat, before, presence) {
                self.manned.push(*queue);
            }
            if logs && hall.staff(seat, presence != Presence::Out) {
                self.unsettled.insert(seat.hall);
            }
        }
    }

    /// How many of a queue's own agents who may serve some caller are at work, those in reserve apart.
    pub(super) fn at_work(&self, queue: QueueId) -> u32 {
        self.hall_of.get(&queue).map_or(0, |hall| self.halls[*hall as usize].1.at_work())
    }

    /// Whether a queue's reserve joins by what callers are to expect.
    pub(super) fn set_estimates(&mut self, queue: QueueId, estimates: bool) {
        if let Some(&hall) = self.hall_of.get(&queue) {
            self.halls[hall as usize].1.set_estimates(estimates);
        }
    }

    /// A queue in which another number of agents is at work since this was asked last.
    pub(super) fn pop_manned(&mut self) -> Option<QueueId> {
        self.manned.pop()
    }

    /// The best presence among those who may take the callers of a line, in whatever step.
    pub(super) fn presence(&self, line: LineId) -> Presence {
        self.halls[line.hall as usize].1.presence(line.line as usize)
    }

    /// An agent begins to wait for a call.
    pub(super) fn list(&mut self, agent: AgentId, history: &History) {
        let Some(member) = self.members.get_mut(&agent) else { return };
        for seat in &mut member.seats {
            self.halls[seat.hall as usize].1.list(agent, seat, history);
        }
        if self.awaited.first(agent).is_some() {
            self.unsettled.agents.push(agent);
        }
    }

    /// An agent no longer waits for a call.
    pub(super) fn unlist(&mut self, agent: AgentId) {
        let Some(member) = self.members.get(&agent) else { return };
        for seat in &member.seats {
            self.halls[seat.hall as usize].1.unlist(seat);
        }
    }

    /// An agent took a call of the queue: turns go on from there.
    pub(super) fn took(&mut self, agent: AgentId, queue: QueueId) {
        let Some(&hall) = self.hall_of.get(&queue) else { return };
        let seats = self.members.get(&agent).map(|member| &member.seats);
        let seat = seats.and_then(|seats| seats.iter().find(|seat| seat.hall == hall));
        self.halls[hall as usize].1.took(agent, seat);
    }

    /// The line of a queue's caller in a reach who brings these attributes. The caller counts for it until [`Matching::quit`].
    pub(super) fn line(&mut self, queue: QueueId, attributes: Option<&Arc<Attributes>>, reach: usize) -> LineId {
        let hall = *self.hall_of.get(&queue).expect("every queue has a hall");
        LineId::new(hall, self.halls[hall as usize].1.line(attributes, reach))
    }

    /// The line of the same caller in another reach.
    pub(super) fn line_beside(&self, line: LineId, reach: usize) -> LineId {
        LineId::new(line.hall, self.halls[line.hall as usize].1.line_beside(line.line as usize, reach))
    }

    /// A caller of the line has left the queue.
    pub(super) fn quit(&mut self, line: LineId) {
        self.halls[line.hall as usize].1.quit(line.line as usize);
    }

    /// The line of the same callers that is for agents of a band, and of lower ones, alone.
    pub(super) fn banded(&mut self, line: LineId, band: Band) -> LineId {
        let banded = self.halls[line.hall as usize].1.banded(line.line as usize, band);
        LineId::new(line.hall, banded)
    }

    /// The band of an agent, as callers of a line count it.
    pub(super) fn band(&self, line: LineId, agent: AgentId) -> Option<Band> {
        let seat = self.seat_in(line.hall, agent)?;
        Some(self.halls[line.hall as usize].1.band(line.line as usize, seat))
    }

    /// True when the agent belongs to the queue of a line and has the skills that its callers' own wait asks for.
    pub(super) fn suits(&self, line: LineId, agent: AgentId) -> bool {
        let hall = &self.halls[line.hall as usize].1;
        self.seat_in(line.hall, agent).is_some_and(|seat| hall.suits(line.line as usize, seat))
    }

    /// A call begins to wait for an agent.
    pub(super) fn wait(&mut self, spot: Spot) {
        let Spot { place, line, awaits } = spot;
        match awaits {
            Some(agent) => self.awaited.insert(agent, place),
            None => self.halls[line.hall as usize].1.wait(line.line as usize, place),
        }
    }

    /// A call waits for no agent any more.
    pub(super) fn unwait(&mut self, spot: &Spot) {
        let Spot { place, line, awaits } = spot;
        match awaits {
            Some(agent) => self.awaited.remove(*agent, place),
            None => self.halls[line.hall as usize].1.unwait(line.line as usize, place),
        }
    }

    /// Who waits for an agent alone, in the order of their places.
    pub(super) fn awaiting(&self, agent: AgentId) -> impl Iterator<Item = CallId> {
        self.awaited.of(agent).map(|place| place.call)
    }

    /// The agent who is next for a call of the line, and why.
    pub(super) fn choose(&mut self, line: LineId) -> Option<(Rank, Why)> {
        self.halls[line.hall as usize].1.choose(line.line as usize, &mut self.rng)
    }

    /// Opens or closes a way into a queue for all who come by it.
    pub(super) fn turn(&mut self, queue: QueueId, way: Way, open: bool) {
        let Some(&hall) = self.hall_of.get(&queue) else { return };
        self.halls[hall as usize].1.turn(way, open);
        if open {
            self.unsettled.insert(hall);
        }
    }

    /// True when the way is open, or not, to all who come by it.
    pub(super) fn is_turned(&self, queue: QueueId, way: Way, open: bool) -> bool {
        self.hall_of.get(&queue).is_none_or(|hall| self.halls[*hall as usize].1.is_turned(way, open))
    }

    /// The best call over all queues of an agent: the heaviest queue's, and among those one that waits for the agent alone. Over
    /// those that it is lent to when its own have none.
    pub(super) fn best_call(&self, agent: AgentId) -> Option<(Place, Among)> {
        let seats = &self.members.get(&agent)?.seats;
        let mut best: Option<(bool, Place, LineId)> = None;
        for seat in seats {
            let Some((place, line)) = self.halls[seat.hall as usize].1.best_call(seat) else { continue };
            let is_lent = seat.way.is_lent();
            if best.is_none_or(|(lent, least, _)| (is_lent, place) < (lent, least)) {
                best = Some((is_lent, place, LineId::new(seat.hall, line)));
            }
        }
        if let Some(own) = self.awaited.first(agent) {
            let is_heavier = best.is_some_and(|(is_lent, place, _)| !is_lent && place.weight() < own.weight());
            if !is_heavier {
                return Some((own, Among::Awaiting(agent)));
            }
        }
        best.map(|(_, place, line)| (place, Among::Line(line)))
    }

    /// The queue of a line, and the strategy by which its callers find agents.
    pub(super) fn strategy(&self, line: LineId) -> (QueueId, &'static Strategy) {
        let (queue, hall) = &self.halls[line.hall as usize];
        (*queue, hall.strategy(line.line as usize))
    }

    fn seat_in(&self, hall: u32, agent: AgentId) -> Option<&Seat> {
        self.members.get(&agent)?.seats.iter().find(|seat| seat.hall == hall)
    }

    /// The first caller of the line may find a ready agent.
    pub(super) fn unsettle(&mut self, line: LineId) {
        if self.unsettled.lines.last() != Some(&line) {
            self.unsettled.lines.push(line);
        }
    }

    /// Callers of an agent's queues may find it ready.
    pub(super) fn unsettle_around(&mut self, agent: AgentId) {
        let Some(member) = self.members.get(&agent) else { return };
        member.seats.iter().for_each(|seat| self.unsettled.insert(seat.hall));
    }

    /// All queues at once.
    pub(super) fn unsettle_all(&mut self) {
        (0_u32..).take(self.halls.len()).for_each(|hall| self.unsettled.insert(hall));
    }

    /// True when nobody is to be looked at.
    pub(super) fn is_settled(&self) -> bool {
        let Unsettled { halls, lines, agents, heads, later, .. } = &self.unsettled;
        halls.is_empty() && lines.is_empty() && agents.is_empty() && heads.is_empty() && later.is_empty()
    }

    /// The best call among the first of each line of the halls that are not settled, and of those who wait alone for agents who
    /// have become ready; those last whom only another queue's agents can take. It is given out once, then the next: who has
    /// matched it asks for its line again ([`Matching::look_again`]).
    pub(super) fn unsettled_head(&mut self) -> Option<(Place, Among)> {
        loop {
            // Also on the way: what one match has set off may let better calls find somebody.
            self.gather_heads();
            let (next, is_last) = match self.unsettled.heads.pop() {
                Some(next) => (next, false),
                None => (self.unsettled.later.pop()?, true),
            };
            let Reverse((_, _, place, among)) = next;
            let first = self.first_among(among);
            if first != Some(place) {
                // A call has come to the line, or left it, since its first was looked at.
                self.unsettled.heads.extend(first.map(|place| head(place, among)));
            } else if is_last || !self.asks_others(among) {
                return Some((place, among));
            } else {
                self.unsettled.later.push(next);
            }
        }
    }

    fn gather_heads(&mut self) {
        let Unsettled { halls, is_in, lines, agents, heads, .. } = &mut self.unsettled;
        for hall in halls.drain(..) {
            is_in[hall as usize] = false;
            let of_hall = self.halls[hall as usize].1.heads();
            heads.extend(of_hall.map(|(place, line)| head(place, Among::Line(LineId::new(hall, line)))));
        }
        for line in lines.drain(..) {
            let first = self.halls[line.hall as usize].1.head(line.line as usize);
            heads.extend(first.map(|place| head(place, Among::Line(line))));
        }
        let own = |agent: AgentId| Some(head(self.awaited.first(agent)?, Among::Awaiting(agent)));
        heads.extend(agents.drain(..).filter_map(own));
    }

    /// True when only another queue's agents can take the first of these now.
    fn asks_others(&self, among: Among) -> bool {
        match among {
            Among::Awaiting(_) => false,
            Among::Line(line) => self.halls[line.hall as usize].1.asks_others(line.line as usize),
        }
    }

    fn first_among(&self, among: Among) -> Option<Place> {
        match among {
            Among::Awaiting(agent) => self.awaited.first(agent),
            Among::Line(line) => self.halls[line.hall as usize].1.head(line.line as usize),
        }
    }

    /// The first of a line that has been matched may have changed.
    pub(super) fn look_again(&mut self, line: LineId) {
        let first = self.first_among(Among::Line(line));
        self.unsettled.heads.extend(first.map(|place| head(place, Among::Line(line))));
    }

    /// True when the call stands where it should.
    pub(super) fn is_waiting(&self, spot: &Spot) -> bool {
        match spot.awaits {
            Some(agent) => self.awaited.contains(agent, &spot.place),
            None => self.halls[spot.line.hall as usize].1.is_waiting(spot.line.line as usize, &spot.place),
        }
    }

    /// True when the agent stands in the hall of each of its queues under its key.
    pub(super) fn is_listed(&self, agent: AgentId) -> bool {
        let Some(member) = self.members.get(&agent) else { return false };
        member.seats.iter().all(|seat| self.halls[seat.hall as usize].1.is_listed(seat))
    }

    /// The queues of which an agent may take callers in some step, in the order of the ids.
    pub(super) fn queues_served(&self, agent: AgentId) -> impl Iterator<Item = QueueId> {
        let seats = self.members.get(&agent).map_or(&[][..], |member| &member.seats);
        let halls = seats.iter().map(|seat| (&self.halls[seat.hall as usize], seat));
        halls.filter(|((_, hall), seat)| hall.serves(seat)).map(|((queue, _), _)| *queue)
    }

    /// How many seats an agent has.
    pub(super) fn seats(&self, agent: AgentId) -> usize {
        self.members.get(&agent).map_or(0, |member| member.seats.len())
    }

    /// How the halls take the agent to be present.
    pub(super) fn presence_of(&self, agent: AgentId) -> Presence {
        self.members.get(&agent).map_or(Presence::Out, |member| member.presence)
    }

    /// Seats of ready agents, waiting calls, and callers, over all halls. A broken rule in words.
    pub(super) fn entries(&self) -> Result<[usize; 3], String> {
        let mut sum = [0, self.awaited.len(), 0];
        for (queue, hall) in &self.halls {
            let entries = hall.check().map_err(|broken| format!("{queue}: {broken}"))?;
            sum.iter_mut().zip(entries).for_each(|(sum, entries)| *sum += entries);
        }
        Ok(sum)
    }

    /// Groups and ladders over all halls, and sets of skills that are remembered.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        let sum = |size: fn(&Hall) -> usize| self.halls.iter().map(|(_, hall)| size(hall)).sum();
        [sum(Hall::groups), sum(Hall::ladders), self.teams.len()]
    }

    /// A call that waits while an agent who may take it does.
    pub(super) fn unmatched(&self) -> Option<(CallId, AgentId)> {
        let mut rng = self.rng.clone();
        self.halls.iter().find_map(|(_, hall)| {
            hall.heads().find_map(|(place, line)| Some((place.call, hall.choose(line, &mut rng)?.0.agent())))
        })
    }
}
