//! What explanations ask of the halls: questions, which change nothing.

use crate::acd::matching::{LineId, Matching};
use crate::acd::rank::Rank;
use crate::acd::reason::{Exclusion, Field};
use crate::acd::requirement::Residual;
use crate::acd::strategy::History;
use crate::base::{AgentId, Instant};

impl Matching {
    /// What a line asks for now, and how many steps that is.
    pub(in crate::acd) fn view(&self, line: LineId) -> (&Residual, usize) {
        self.halls[line.hall as usize].1.view(line.line as usize)
    }

    /// The first rule that keeps an agent from the callers of a line who wait since then.
    pub(in crate::acd) fn excludes(&self, line: LineId, agent: AgentId, since: Instant) -> Exclusion {
        self.seat_in(line.hall, agent).map_or(Exclusion::NotAMember, |seat| {
            self.halls[line.hall as usize].1.excludes(line.line as usize, seat, since)
        })
    }

    /// Whom there is to choose from for a call of the line.
    pub(in crate::acd) fn field(&self, line: LineId) -> Field {
        self.halls[line.hall as usize].1.field(line.line as usize)
    }

    /// Where an agent stands, or would, among those who may take callers of the line.
    pub(in crate::acd) fn rank(&self, line: LineId, agent: AgentId, history: &History) -> Option<Rank> {
        let seat = self.seat_in(line.hall, agent)?;
        Some(self.halls[line.hall as usize].1.rank(line.line as usize, agent, seat, history))
    }
}
