//! What is read of the live figures: consistent copies, by any thread at any moment.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::acd::{AgentState, Dimension};
use crate::base::Instant;
use crate::stats::agents::{ByState, STATES};
use crate::stats::intervals::{self, Intervals, Question, Unanswerable};
use crate::stats::live::{Live, Roster};
use crate::stats::losses::{self, Losses};
use crate::stats::outlook::Outlook;
use crate::stats::reading::{PeerReading, QueueReading, Reading, TeamReading};
use crate::stats::snapshot::{Overview, QueueSnapshot};
use crate::stats::spread::{Working, WorkingReading};
use crate::stats::staff::Staff;
use crate::stats::work::{self, Work, Workers};

impl Live {
    /// Every queue that ever was configured, by id; each is a consistent copy.
    pub fn queues(&self, now: Instant) -> Vec<QueueSnapshot> {
        self.snapshots(now).0
    }

    /// Copies of all queues, and each agent once by state.
    fn snapshots(&self, now: Instant) -> (Vec<QueueSnapshot>, ByState) {
        let (roster, wall) = (self.roster(), self.moment(now).wall);
        let reading = self.read_of(&roster, now);
        let copies = roster.queues.iter().zip(&reading.queues);
        (copies.map(|(queue, copy)| QueueSnapshot::of(queue, copy, now, wall)).collect(), reading.agents)
    }

    /// One queue's figures by interval.
    ///
    /// # Errors
    /// Why the question cannot be answered.
    pub fn intervals(&self, now: Instant, name: &str, question: Question) -> Result<Intervals, Unanswerable> {
        let queue = self.names.get(name).map(|queue| Arc::clone(&queue)).ok_or(Unanswerable::UnknownQueue)?;
        let origin = self.origin.get().copied().ok_or(Unanswerable::NoCalendar)?;
        intervals::answer(&queue, question, origin, self.moment(now))
    }

    /// Agents' time by interval of the calendar of figures: of those of a team, or of one agent that is listed.
    ///
    /// # Errors
    /// Why the question cannot be answered.
    pub fn work(&self, now: Instant, of: &Workers, question: work::Question) -> Result<Work, Unanswerable> {
        let (teams, persons) = (self.teams.list(), self.persons.list());
        let staffs: Vec<&Staff> = match of {
            Workers::Team(path) => {
                teams.iter().filter(|(team, _)| work::is_in(team, path)).map(|(_, t)| t.staff()).collect()
            }
            Workers::Agent(name) => {
                persons.values().filter(|person| *person.name == **name).map(|person| person.times.staff()).collect()
            }
        };
        if staffs.is_empty() {
            return Err(Unanswerable::UnknownValue);
        }
        let origin = self.origin.get().copied().ok_or(Unanswerable::NoCalendar)?;
        work::answer(&staffs, question, &self.hand.calendar(), origin, self.moment(now))
    }

    /// What is to be expected of a queue: waits, patience, load and its trend.
    pub fn outlook(&self, now: Instant, name: &str) -> Option<Outlook> {
        let queue = self.names.get(name).map(|queue| Arc::clone(&queue))?;
        let reading = self.read(now);
        let found = reading.queues.iter().find(|other| other.name == queue.name)?;
        Some(Outlook::of(&queue, found, self.moment(now).wall))
    }

    /// One queue by its name.
    pub fn queue(&self, now: Instant, name: &str) -> Option<QueueSnapshot> {
        let queue = Arc::clone(&*self.names.get(name)?);
        let roster = self.roster();
        let place = roster.queues.iter().position(|other| other.id == queue.id)?;
        let mut agents = ByState::default();
        for membership in roster.groups.iter().filter(|membership| membership.queues.contains(&place)) {
            membership.group.add_to(&mut agents);
        }
        let theta = queue.patience().theta();
        let reading = QueueReading { name: Arc::clone(&queue.name), cells: queue.read(), agents, theta };
        Some(QueueSnapshot::of(&queue, &reading, now, self.moment(now).wall))
    }

    /// All queues and their sum, from the same copies.
    pub fn overview(&self, now: Instant) -> Overview {
        let (queues, agents) = self.snapshots(now);
        Overview::new(queues, &agents)
    }

    /// The sum over all queues: of queue visits, so a requeued caller counts in each queue; each agent counts once.
    pub fn total(&self, now: Instant) -> QueueSnapshot {
        self.overview(now).total
    }

    /// Where the engine's own time goes; its threads write it.
    pub const fn working(&self) -> &Working {
        &self.working
    }

    /// Agents by state, each once, in the order of [`AgentState::LABELS`].
    pub fn agents(&self) -> [u64; AgentState::LABELS.len()] {
        let mut agents = ByState::default();
        for membership in &self.roster().groups {
            membership.group.add_to(&mut agents);
        }
        agents
    }

    /// Contacts lost by cause and hour, of each queue or of each value of a dimension.
    ///
    /// # Errors
    /// Why the question cannot be answered.
    pub fn losses(&self, now: Instant, question: &losses::Question) -> Result<Losses, Unanswerable> {
        let wall = self.moment(now).wall.ok_or(Unanswerable::NoCalendar)?;
        let calendar = self.hand.calendar();
        match question.by {
            losses::By::Queue => {
                let roster = self.roster();
                let rows = roster.queues.iter().map(|queue| (Arc::clone(&queue.name), queue.hours()));
                losses::losses(question, &calendar, wall, rows)
            }
            losses::By::Value(dimension) => {
                let rows = self.values.of(dimension).values().map(|value| (Arc::clone(&value.name), &value.hours));
                losses::losses(question, &calendar, wall, rows)
            }
        }
    }

    /// Checks that contacts add up the same over the queues and over the values of each dimension. Exact while no fact is being
    /// folded.
    ///
    /// # Errors
    /// The first sum that differs, in words.
    pub fn check_sums(&self, now: Instant) -> Result<(), String> {
        let reading = self.read(now);
        let by_queue = reading.contacts();
        for (dimension, shelf) in Dimension::ALL.into_iter().zip(&reading.values) {
            let by_value = shelf.contacts();
            if by_value != by_queue {
                return Err(format!("contacts by queue {by_queue:?}, by {} {by_value:?}", dimension.as_str()));
            }
        }
        Ok(())
    }

    /// Everything, for the exposition.
    pub(in crate::stats) fn read(&self, now: Instant) -> Reading {
        self.read_of(&self.roster(), now)
    }

    fn read_of(&self, roster: &Roster, now: Instant) -> Reading {
        let mut by_queue = vec![ByState::default(); roster.queues.len()];
        let mut agents = ByState::default();
        for membership in &roster.groups {
            let mut group = ByState::default();
            membership.group.add_to(&mut group);
            add(&mut agents, &group);
            for queue in &membership.queues {
                add(&mut by_queue[*queue], &group);
            }
        }
        let queues = roster.queues.iter().zip(by_queue);
        Reading {
            now,
            queues: queues
                .map(|(queue, agents)| QueueReading {
                    name: Arc::clone(&queue.name),
                    cells: queue.read(),
                    agents,
                    theta: queue.patience().theta(),
                })
                .collect(),
            agents,
            groups: self.values.of(Dimension::Number).names(),
            values: self.values.read(),
            persons: self.persons.read(now),
            teams: self.teams.list().iter().map(|(path, times)| TeamReading::new(path, times, now)).collect(),
            teams_overflow: self.teams.overflow(),
            refused: std::array::from_fn(|cause| self.refused[cause].load(Ordering::Relaxed)),
            repaired: std::array::from_fn(|kind| self.repaired[kind].load(Ordering::Relaxed)),
            disagreements: self.disagreements.load(Ordering::Relaxed),
            peers: roster.peers.iter().map(|(name, up)| PeerReading::new(name, up)).collect(),
            working: WorkingReading::of(&self.working),
            origin: self.origin.get().copied(),
        }
    }
}

fn add(total: &mut ByState, more: &ByState) {
    for state in 0..STATES {
        total[state] += more[state];
    }
}
