//! Agents' own series, where the configuration asks for them: seconds by state, talks, offers by result, and the state itself.
//! A person's series begin when it is listed and end when it is not any more. At most [`SeriesMax::agents`] agents have series
//! of their own, in the order of the configuration; what comes after counts in [`OTHER`], and is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::{AgentId, Instant};
use crate::stats::agents::{ByState, KIND_COUNT, Person};
use crate::stats::cells::Sum;
use crate::stats::hand::Hand;
use crate::stats::series::{OTHER, SeriesMax};

/// See the module. Only the one writer changes it; the list behind the lock is replaced whole.
#[derive(Debug)]
pub(super) struct Persons {
    max: usize,
    hand: Arc<Hand>,
    list: RwLock<Arc<BTreeMap<AgentId, Arc<Person>>>>,
    overflow: AtomicU64,
}

/// Copies of all.
#[derive(Debug)]
pub(super) struct PersonsReading {
    pub(super) persons: Vec<PersonReading>,
    pub(super) overflow: u64,
}

/// A person's copy.
#[derive(Debug)]
pub(super) struct PersonReading {
    pub(super) name: Arc<str>,
    pub(super) micros: [u64; KIND_COUNT],
    pub(super) states: ByState,
    pub(super) talks: Sum,
    /// In the order of [`crate::acd::OfferResult::ALL`].
    pub(super) offers: Vec<u64>,
}

impl Persons {
    /// Nobody is listed; days and months begin as the hand tells.
    pub(super) fn new(max: &SeriesMax, hand: Arc<Hand>) -> Self {
        Self { max: max.agents, hand, list: RwLock::default(), overflow: AtomicU64::new(0) }
    }

    /// The agents to be listed from now on, and no others; who was keeps its series.
    pub(super) fn set(&self, agents: &[(AgentId, Arc<str>)]) {
        let before = self.list();
        let others = before.values().find(|person| *person.name == *OTHER);
        let person = |name: Arc<str>| Arc::new(Person::new(name, Arc::clone(&self.hand)));
        let others = others.cloned().unwrap_or_else(|| person(OTHER.into()));
        let mut list = BTreeMap::new();
        let kept = |id: &AgentId| before.get(id).filter(|person| *person.name != *OTHER);
        let mut room = self.max.saturating_sub(agents.iter().filter(|(id, _)| kept(id).is_some()).count());
        for (id, name) in agents {
            let own = match kept(id) {
                Some(own) => Arc::clone(own),
                None if room > 0 && **name != *OTHER => {
                    room -= 1;
                    person(Arc::clone(name))
                }
                None => {
                    let is_new = !before.contains_key(id);
                    self.overflow.fetch_add(u64::from(is_new), Ordering::Relaxed);
                    Arc::clone(&others)
                }
            };
            list.insert(*id, own);
        }
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }

    /// Who is listed.
    pub(super) fn list(&self) -> Arc<BTreeMap<AgentId, Arc<Person>>> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Copies of all.
    pub(super) fn read(&self, now: Instant) -> PersonsReading {
        let list = self.list();
        let own = list.values().filter(|person| *person.name != *OTHER);
        let others = list.values().find(|person| *person.name == *OTHER);
        let persons = own.chain(others).map(|person| PersonReading::new(person, now)).collect();
        PersonsReading { persons, overflow: self.overflow.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
impl Persons {
    /// The guard of what readers look into.
    pub(super) fn hold(&self) -> crate::stats::tests::hold::Guard<'_> {
        Box::new(self.list.write().unwrap())
    }
}

impl PersonReading {
    fn new(person: &Person, now: Instant) -> Self {
        let times = &person.times;
        Self {
            name: Arc::clone(&person.name),
            micros: times.read(now),
            states: times.by_state(),
            talks: times.talks(),
            offers: person.offers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(ids: std::ops::Range<u32>) -> Vec<(AgentId, Arc<str>)> {
        ids.map(|id| (AgentId(id), Arc::from(format!("a{id}")))).collect()
    }

    #[test]
    fn who_stays_keeps_its_series_and_who_goes_has_none() {
        let persons = Persons::new(&SeriesMax { agents: 3, ..SeriesMax::default() }, Arc::new(Hand::new()));
        persons.set(&agents(0..2));
        let first = Arc::clone(&persons.list()[&AgentId(1)]);
        persons.set(&agents(1..6));
        let list = persons.list();
        assert!(Arc::ptr_eq(&first, &list[&AgentId(1)]));
        assert!(!list.contains_key(&AgentId(0)));
        let names: Vec<_> = persons.read(Instant::ZERO).persons.iter().map(|person| person.name.to_string()).collect();
        assert_eq!(names, ["a1", "a2", "a3", "other"]);
        assert!(Arc::ptr_eq(&list[&AgentId(4)], &list[&AgentId(5)]));
        persons.set(&agents(1..6));
        assert_eq!(persons.read(Instant::ZERO).overflow, 2, "each counts once");
        persons.set(&[]);
        assert!(persons.read(Instant::ZERO).persons.is_empty());
    }
}
