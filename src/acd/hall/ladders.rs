//! The ladders of a hall: what callers need from step to step. A ladder is made when the first caller comes who needs it, and its
//! place is given to another some time after the last has gone, so that callers who bring ever new attributes fill nothing.

use std::sync::Arc;

use crate::acd::bits::Bits;
use crate::acd::hall::{Hall, Line, Rungs};
use crate::acd::index::Index;
use crate::acd::needs::{self, Ladder};
use crate::acd::place::Place;
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
        let rungs = Rungs { needs: needs.clone(), met_by, callers: 0, generation: 0, is_in_unused: false };
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
        self.ladders[ladder] = Rungs { generation, ..rungs };
        for line in ladder * self.reaches.len()..(ladder + 1) * self.reaches.len() {
            self.lines[line].view = self.survey(ladder, self.lines[line].reach);
            self.open(line);
        }
        ladder
    }

    fn add_ladder(&mut self, rungs: Rungs) -> usize {
        let ladder = self.ladders.len();
        self.ladders.push(rungs);
        for reach in 0..self.reaches.len() {
            let view = self.survey(ladder, reach);
            let line = Line { ladder, reach, view, groups: Bits::default(), waiting: Index::default() };
            self.lines.push(line);
            self.heads.push(Place::LAST);
            self.open(self.lines.len() - 1);
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
        ladder * self.reaches.len() + reach
    }

    /// The line of the same ladder in another reach.
    pub(in crate::acd) fn line_beside(&self, line: usize, reach: usize) -> usize {
        self.lines[line].ladder * self.reaches.len() + reach
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
