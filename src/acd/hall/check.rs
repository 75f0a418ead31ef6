//! What must hold of a hall's indexes at every moment, for tests and the census of figures.

use crate::acd::gates::Way;
use crate::acd::hall::Hall;
use crate::acd::place::Place;

impl Hall {
    /// Seats of ready agents, waiting calls, and callers of all ladders; a broken rule in words.
    pub(in crate::acd) fn check(&self) -> Result<[usize; 3], String> {
        for (index, line) in self.lines.iter().enumerate() {
            if line.waiting.first().unwrap_or(Place::LAST) != self.heads[index] {
                return Err(format!("the head of line {index} is not its first"));
            }
            if self.waiting.has(index) == line.waiting.is_empty() {
                return Err(format!("line {index} is wrong about being empty"));
            }
            if self.survey(line.ladder, line.reach) != line.view {
                return Err(format!("line {index} looks at {:?}", line.view));
            }
            for group in 0..self.groups.len() {
                let may = self.may_take(group, line);
                if may != line.groups.has(group) || may != self.groups[group].lines.has(index) {
                    return Err(format!("line {index} and group {group} disagree"));
                }
            }
        }
        for (index, group) in self.groups.iter().enumerate() {
            if group.present.iter().sum::<u32>() != group.logged_in {
                return Err(format!("group {index} is wrong about how its agents are present"));
            }
            if self.staffed.has(index) != (group.logged_in > 0) {
                return Err(format!("group {index} is wrong about being staffed"));
            }
            let is_lent = self.gates.way(index).is_lent();
            if [(&self.ready, !is_lent), (&self.lent, is_lent)]
                .map(|(set, of)| set.has(index) != (of && self.is_shown(index)))
                != [false; 2]
            {
                return Err(format!("group {index} is wrong about being ready"));
            }
            if self.rotas.iter().any(|rota| rota.len(index) != self.rotas[0].len(index)) {
                return Err(format!("group {index} is ready in one rota and not in another"));
            }
        }
        if self.groups.iter().map(|group| group.logged_in).sum::<u32>() != self.logged_in {
            return Err(format!("{} are logged in, the groups say otherwise", self.logged_in));
        }
        let own = self.groups.iter().enumerate().filter(|(index, _)| self.gates.way(*index) == Way::Own);
        // At work is the last of `PRESENT`.
        let works = own.filter(|(_, group)| group.serves).filter_map(|(_, group)| group.present.last());
        let working: u32 = works.sum();
        if working != self.at_work {
            return Err(format!("{} are at work, the groups say {working}", self.at_work));
        }
        let agents = self.rotas.first().map_or(0, |rota| (0..self.groups.len()).map(|group| rota.len(group)).sum());
        let waiting = self.lines.iter().map(|line| line.waiting.len()).sum();
        Ok([agents, waiting, self.ladders.iter().map(|rungs| rungs.callers as usize).sum()])
    }
}
