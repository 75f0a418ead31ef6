//! What explanations ask of a hall: questions, which change nothing.

use crate::acd::gates::Way;
use crate::acd::hall::{Hall, Line, Seat};
use crate::acd::needs;
use crate::acd::rank::Rank;
use crate::acd::reason::{Exclusion, Field};
use crate::acd::requirement::Residual;
use crate::acd::routing::{Membership, PenaltyStep};
use crate::acd::strategy::{Candidate, History};
use crate::base::{AgentId, Instant};

impl Hall {
    /// What a line asks for now, and how many steps that is.
    pub(in crate::acd) fn view(&self, line: usize) -> (&Residual, usize) {
        let Line { ladder, view, .. } = &self.lines[line];
        (&self.ladders[*ladder].needs[view.step], view.step)
    }

    /// The first rule that keeps an agent with this seat from the callers of a line who wait since then.
    pub(in crate::acd) fn excludes(&self, line: usize, seat: &Seat, since: Instant) -> Exclusion {
        let (line, group) = (&self.lines[line], &self.groups[seat.group()]);
        let &Membership { level, penalty, delay, .. } = &group.terms;
        let PenaltyStep { min, max, .. } = self.reaches[line.reach].window;
        let needs = &self.ladders[line.ladder].needs[line.view.step];
        if !self.ladders[line.ladder].met_by[line.view.step].has(seat.group()) {
            return Exclusion::Skills(needs.why_not(&|name| needs::level(&group.skills, name)));
        }
        if level > line.view.level {
            return Exclusion::Level { level, joined: line.view.level };
        }
        if delay > self.reaches[line.reach].after {
            return Exclusion::Delay(since + delay);
        }
        if self.penalties_count() && !(min..=max).contains(&penalty) {
            return Exclusion::Penalty { penalty, min, max };
        }
        if line.band.is_some_and(|band| self.band_of(seat.group(), line) > band) {
            return Exclusion::Outranked;
        }
        match seat.way {
            Way::Reserve if !self.gates.is_open(seat.group()) => Exclusion::Reserve,
            Way::Lent(lender) if !self.gates.is_open(seat.group()) => Exclusion::NotLent(lender),
            Way::Own | Way::Reserve | Way::Lent(_) => Exclusion::None,
        }
    }

    /// Whom there is to choose from for a call of the line.
    pub(in crate::acd) fn field(&self, line: usize) -> Field {
        let line = &self.lines[line];
        self.rota(line).field(self.asked(line), self.raise(line))
    }

    /// Where an agent with this seat stands, or would, among those who may take callers of the line.
    pub(in crate::acd) fn rank(&self, line: usize, agent: AgentId, seat: &Seat, history: &History) -> Rank {
        let (line, candidate) = (&self.lines[line], Candidate { history, skill: seat.skill });
        self.rota(line).rank(agent, seat.border, seat.position, &candidate).raised(self.raise(line))
    }
}
