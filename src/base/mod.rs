//! What every room stands on: time as integers, ids as types, seeded randomness, and every bound with its reason.
//! Imports nothing of the project.

pub mod digits;
pub mod families;
pub mod idmap;
pub mod ids;
pub mod limits;
pub mod networks;
pub mod origin;
pub mod pii;
pub mod rng;
pub mod secret;
pub mod slots;
pub mod steady;
pub mod time;
pub mod timers;

pub use digits::Digits;
pub use families::PerFamily;
pub use idmap::IdMap;
pub use ids::{AgentId, CallId, CallerKey, LegId, PeerId, QueueId, ShardId, StreamId};
pub use origin::origin;
pub use pii::Pii;
pub use rng::Rng;
pub use slots::Slots;
pub use steady::SteadyMap;
pub use time::{Instant, WallTime};
pub use timers::{TimerKey, Timers};
