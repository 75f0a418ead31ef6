//! Live figures: one versioned block of atomics for each queue and each group of agents with the same skills, written by one
//! thread as a fold of facts and read by anyone without stopping it; the metrics exposition reads such copies.
//!
//! [`Live`] folds and answers, [`export`] writes the Prometheus text, [`table`] is the one list of metric names. Nothing here
//! reads a clock, and nothing is counted from two sources.

mod agents;
mod block;
mod bounds;
pub mod calendar;
mod cells;
mod contacts;
mod contradiction;
pub mod counts;
mod credentials;
mod emit;
mod encode;
pub mod export;
pub mod family;
pub mod formula;
mod hand;
pub mod handshakes;
mod hours;
pub mod intervals;
mod live;
pub mod losses;
mod moment;
pub mod openmetrics;
mod outlook;
pub mod patience;
mod period;
mod persons;
mod queue;
mod reading;
pub mod rules;
mod series;
mod silence;
mod snapshot;
mod spread;
mod staff;
pub mod table;
mod teams;
mod values;
pub mod window;
pub mod work;

#[cfg(test)]
mod tests;

pub use bounds::histogram_bounds;
pub use credentials::AuthFailures;
pub use handshakes::{Direction, Handshake, Handshakes};
pub use live::Live;
pub use outlook::Outlook;
pub use period::Period;
pub use series::{OTHER, SeriesMax};
pub use silence::Silences;
pub use snapshot::{Overview, QueueSnapshot};
pub use spread::{SPREAD_BOUNDS, Spread, Working};
