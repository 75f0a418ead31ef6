//! The table of routing strategies: how a queue chooses among the agents who could take a call. A new strategy is a file
//! and a row here; the configuration's names and the reference follow from the table.

mod fewest_calls;
mod least_occupied;
mod least_skilled;
mod least_talk;
mod linear;
mod longest_idle;
mod most_skilled;
mod random;
mod ring_all;
mod ring_best;
mod ring_progressively;
mod round_robin;
mod round_robin_ordered;
mod row;
mod weighted_random;

pub(crate) use row::OCCUPANCY_WINDOW;
pub use row::{Candidate, Choice, Circle, History, Lots, Measure, Reading, Ring, Strategy};

/// Every strategy; the first is the default.
pub static STRATEGIES: [&Strategy; 14] = [
    &longest_idle::LONGEST_IDLE,
    &fewest_calls::FEWEST_CALLS,
    &least_talk::LEAST_TALK,
    &least_occupied::LEAST_OCCUPIED,
    &most_skilled::MOST_SKILLED,
    &least_skilled::LEAST_SKILLED,
    &round_robin::ROUND_ROBIN,
    &round_robin_ordered::ROUND_ROBIN_ORDERED,
    &linear::LINEAR,
    &random::RANDOM,
    &weighted_random::WEIGHTED_RANDOM,
    &ring_all::RING_ALL,
    &ring_best::RING_BEST,
    &ring_progressively::RING_PROGRESSIVELY,
];

/// The strategy of that name.
pub fn find(name: &str) -> Option<&'static Strategy> {
    STRATEGIES.into_iter().find(|row| row.name == name)
}

/// How many agents the strategy of that name rings at once.
pub fn ring_of(name: &str) -> Ring {
    find(name).map_or(Ring::One, |row| row.ring)
}

/// Every name, in the order of the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    STRATEGIES.into_iter().map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name_and_explains_itself() {
        for row in STRATEGIES {
            assert!(std::ptr::eq(find(row.name).expect("found"), row));
            assert!(row.docs.ends_with('.') && row.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        }
        assert_eq!(names().count(), STRATEGIES.len());
        assert!(find("nobody").is_none());
    }
}
