//! The ladders of a hall: what callers need from step to step. A ladder is made when the first caller comes who needs it, and its
//! place is given to another some time after the last has gone, so that callers who bring ever new attributes fill nothing.

use std::sync::Arc;

use crate::acd::bits::Bits;
use crate::acd::hall::{Hall, Line, Rungs, Seat};
use crate::acd::index::Index;
use crate::acd::needs::{self, Ladder};
use crate::acd::place::Place;
use crate::acd::rank::Band;
use crate::acd::requirement::Attributes;

/// Sets of attributes whose ladder is remembered; beyond, all are forgotten and worked out anew.
const ATTRIBUTES_KNOWN_MAX: usize = 1_024;

/// Ladders that nobody stands on and that are kept for those who come: what they need has been worked out.
pub(in crate::acd) const LADDERS_KEPT: usize = 64;

impl Hall {
    /// The ladder with these needs, made when it is the first.
    pub(super) fn ladder(&mut self, needs: Ladder) -> usize {
        if let Some(&ladder) = self.ladder_ids.get(&needs) {
            return ladder;
        }
        let met_by = |needs| {
            let mut met = Bits::default();
            let seated = self.groups.iter().enumerate().filter(|(_, group)| group.seats > 0);
            seated.for_each(|(index, group)| met.put(index, needs::met_by(needs, &group.skills)));
            met
        };
        let met_by = needs.iter().map(met_by).collect();
        let rungs =
            Rungs { needs: needs.clone(), met_by, first_line: 0, callers: 0, generation: 0, is_in_unused: false };
        let ladder = match self.forget_a_ladder() {
            Some(ladder) => self.put_ladder(ladder, rungs),
            None => self.add_ladder(rungs),
        };
        self.ladder_ids.insert(needs, ladder);
        ladder
    }

    /// Puts a ladder in the place of one that is forgotten.
    fn put_ladder(&mut self, ladder: usize, rungs: Rungs) -> usize {
        let generation = self.ladders[ladder].generation + 1;
        let first_line = self.ladders[ladder].first_line;
        self.ladders[ladder] = Rungs { generation, first_line, ..rungs };
        let lines = first_line..first_line + self.reaches.len();
        let banded = self.banded.range((lines.start, Band::LEAST)..(lines.end, Band::LEAST));
        let banded: Vec<usize> = banded.map(|(_, line)| *line).collect();
        for line in lines.chain(banded) {
            self.lines[line].view = self.survey(ladder, self.lines[line].reach);
            self.open(line);
        }
        ladder
    }

    fn add_ladder(&mut self, rungs: Rungs) -> usize {
        let ladder = self.ladders.len();
        self.ladders.push(Rungs { first_line: self.lines.len(), ..rungs });
        for reach in 0..self.reaches.len() {
            self.add_line(ladder, reach, None);
        }
        ladder
    }

    /// The place of a ladder that nobody has stood on for the longest, where more than enough are kept.
    fn forget_a_ladder(&mut self) -> Option<usize> {
        while self.unused.len() > LADDERS_KEPT {
            let ladder = self.unused.pop_front()?;
            let rungs = &mut self.ladders[ladder];
            rungs.is_in_unused = false;
            if rungs.callers == 0 {
                self.ladder_ids.remove(&rungs.needs);
                return Some(ladder);
            }
        }
        None
    }

    /// The line of a caller in a reach who brings these attributes. The caller is on its ladder until [`Hall::quit`].
    pub(in crate::acd) fn line(&mut self, attributes: Option<&Arc<Attributes>>, reach: usize) -> usize {
        let ladder = match attributes {
            Some(attributes) if self.asks_for_attributes => self.ladder_for(attributes),
            Some(_) | None => 0,
        };
        self.ladders[ladder].callers += 1;
        self.ladders[ladder].first_line + reach
    }

    /// The line of the same ladder in a reach, for agents of all bands.
    pub(in crate::acd) fn line_beside(&self, line: usize, reach: usize) -> usize {
        self.ladders[self.lines[line].ladder].first_line + reach
    }

    /// A caller of the line has left the queue.
    pub(in crate::acd) fn quit(&mut self, line: usize) {
        let ladder = self.lines[line].ladder;
        let rungs = &mut self.ladders[ladder];
        rungs.callers = rungs.callers.saturating_sub(1);
        if rungs.callers == 0 && ladder > 0 && !std::mem::replace(&mut rungs.is_in_unused, true) {
            self.unused.push_back(ladder);
        }
    }

    pub(super) fn add_line(&mut self, ladder: usize, reach: usize, band: Option<Band>) -> usize {
        let view = self.survey(ladder, reach);
        let line = Line { ladder, reach, band, view, groups: Bits::default(), waiting: Index::default() };
        self.lines.push(line);
        self.heads.push(Place::LAST);
        self.open(self.lines.len() - 1);
        self.lines.len() - 1
    }

    /// The line of the same callers that is for agents up to a band alone.
    pub(in crate::acd) fn banded(&mut self, line: usize, band: Band) -> usize {
        if let Some(&banded) = self.banded.get(&(line, band)) {
            return banded;
        }
        let Line { ladder, reach, .. } = self.lines[line];
        let banded = self.add_line(ladder, reach, Some(band));
        self.banded.insert((line, band), banded);
        banded
    }

    /// The band of an agent with this seat, as callers of a line count it.
    pub(in crate::acd) fn band(&self, line: usize, seat: &Seat) -> Band {
        self.band_of(seat.group(), &self.lines[line])
    }

    pub(super) fn band_of(&self, group: usize, line: &Line) -> Band {
        Band::of(&self.groups[group].terms, self.raise(line), self.gates.way(group).is_lent())
    }

    /// True when the agent with this seat belongs to the queue and has the skills that the callers' own wait asks for. Levels,
    /// delays, penalties and being in reserve say who is asked before whom, and do not keep off whom a caller prefers.
    pub(in crate::acd) fn suits(&self, line: usize, seat: &Seat) -> bool {
        let Line { ladder, reach, .. } = &self.lines[line];
        !seat.way.is_lent() && self.ladders[*ladder].met_by[self.reaches[*reach].step].has(seat.group())
    }

    fn ladder_for(&mut self, attributes: &Arc<Attributes>) -> usize {
        if let Some(&(ladder, generation)) = self.by_attributes.get(attributes)
            && self.ladders[ladder].generation == generation
        {
            return ladder;
        }
        let ladder = self.ladder(needs::ladder(&self.routing, attributes));
        if self.by_attributes.len() >= ATTRIBUTES_KNOWN_MAX {
            self.by_attributes.clear();
        }
        self.by_attributes.insert(Arc::clone(attributes), (ladder, self.ladders[ladder].generation));
        ladder
    }
}
