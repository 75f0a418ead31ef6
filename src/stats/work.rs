//! Agents' time by interval, as programs read it: of a team with those below it, or of one agent. Occupancy and utilisation come
//! with their parts, so that whoever adds intervals or teams adds those and never the values.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::base::WallTime;
use crate::stats::calendar::{Calendar, Grain};
use crate::stats::formula::{AgentSeconds, FORMULAS, Inputs};
use crate::stats::intervals::{AgentTime, Figure, Interval, ROLLING, Unanswerable, spans};
use crate::stats::moment::Moment;
use crate::stats::staff::{Staff, StaffReading, Stretch};

/// Whose time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workers {
    /// A team's and of those below it, by its path from the root (`sales/east`); everybody's where it is empty. An agent's time
    /// is that of the team it was in then.
    Team(String),
    /// Of an agent that has figures of its own (`figures.agent_series`).
    Agent(String),
}

/// The question for intervals.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// How long each is.
    pub by: Grain,
    /// How far back from now.
    pub last: Duration,
}

/// Intervals, oldest first; the last one is in progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Work {
    /// `1m` ... `60m`, `day`, `week`, `month`.
    pub by: &'static str,
    /// The IANA name of the zone whose calendar it is.
    pub time_zone: String,
    /// Intervals that overlap the time asked for.
    pub intervals: Vec<Interval<Figures>>,
    /// The sum over `intervals`.
    pub total: Figures,
    /// The last 1, 5, 15, 30 and 60 minutes up to now, by minutes.
    pub rolling: BTreeMap<&'static str, Figures>,
}

/// Agents' time, and the formulas that come out of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The parts.
    pub agents: AgentTime,
    /// Every formula of agents' time by its key.
    pub formulas: BTreeMap<&'static str, Figure>,
}

impl Figures {
    fn of(spent: AgentSeconds) -> Self {
        let inputs = Inputs::of_agents(spent);
        let formulas = FORMULAS.iter().filter(|formula| !formula.is_of_visits());
        let formulas = formulas.filter_map(|formula| Some((formula.key, Figure::of(formula, &inputs)?)));
        Self { agents: AgentTime::of(spent), formulas: formulas.collect() }
    }
}

/// True for the team itself and for those below it; everybody is in the empty path.
pub(super) fn is_in(team: &str, path: &str) -> bool {
    path.is_empty() || team.strip_prefix(path).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Answers a question about these agents together. `origin` is when the node started.
pub(super) fn answer(
    staffs: &[&Staff],
    question: Question,
    calendar: &Calendar,
    origin: WallTime,
    now: Moment,
) -> Result<Work, Unanswerable> {
    let Question { by, last } = question;
    let wall = now.wall.ok_or(Unanswerable::NoCalendar)?;
    let staffs: Vec<StaffReading> = staffs.iter().map(|staff| staff.read(now)).collect();
    let together = |spent: &dyn Fn(&StaffReading) -> Option<AgentSeconds>| {
        let mut total = AgentSeconds::default();
        for staff in &staffs {
            total.add(&spent(staff).ok_or(Unanswerable::TimeTooLongAgo)?);
        }
        Ok(total)
    };
    let mut total = AgentSeconds::default();
    let mut intervals = Vec::new();
    for span in spans(calendar, by, last, wall).ok_or(Unanswerable::TimeTooLongAgo)? {
        let stretch = Stretch::of(by, span, calendar);
        let spent = together(&|staff| staff.spent(stretch))?;
        total.add(&spent);
        intervals.push(Interval::of(span, calendar, (origin, wall), Figures::of(spent)));
    }
    let mut rolling = BTreeMap::new();
    for (name, minutes) in ROLLING {
        rolling.insert(name, Figures::of(together(&|staff| staff.rolling(minutes))?));
    }
    let time_zone = calendar.zone().to_owned();
    Ok(Work { by: by.as_str(), time_zone, intervals, total: Figures::of(total), rolling })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_is_the_teams_whose_path_begins_with_its_own() {
        let paths = ["", "sales", "sales/east", "salesmen"];
        let in_sales: Vec<_> = paths.into_iter().filter(|team| is_in(team, "sales")).collect();
        assert_eq!(in_sales, ["sales", "sales/east"]);
        assert!(paths.into_iter().all(|team| is_in(team, "")));
    }
}
