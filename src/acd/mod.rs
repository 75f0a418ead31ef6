//! Policy: who gets which call. [`Engine`] owns queues, agents and offers; it takes [`Command`]s, answers with [`Effect`]s, and
//! emits one [`Fact`] for each thing that happened. It knows nothing of SIP, sockets or clocks.
//!
//! # Who is next
//!
//! A waiting call has one key, its place: the queue's weight (heavier first), then what the queue's [`Order`] makes of
//! priority and wait, then the queue's id, then the order of arrival. The same key orders callers inside a queue and between
//! queues that share agents, and time alone never changes it, so that nothing is sorted again. With [`Order::Ageing`] a
//! caller of priority p is overtaken only by callers of priority q > p who come less than `(q - p) * unit` later: inside a weight
//! nobody waits behind newcomers for longer than `(q_max - p) * unit`. Weights are strict, and starve who is lighter.
//!
//! # Who takes it
//!
//! Callers of a queue who need the same and have waited into the same span between two changes stand in one *line*; agents of
//! the same skills and terms stand in one *group*. Which group may take which line changes only with the plan, with who is
//! logged in, and when a caller moves on to another line. A group may take a line when
//!
//! 1. it belongs to the queue: by [`Membership`], or by its skills where [`Members::Skilled`] says so;
//! 2. its skills meet the requirement of the line's step, in which the attributes of the call are filled in. The step is the
//!    last that the wait has reached; while nobody logged in meets it, it is the first later one that somebody meets, for as
//!    long as that is so: who logs in brings the earlier step back, which takes nothing from agents who already ring. Bumps of
//!    priority come with the wait alone;
//! 3. its tier has joined, its delay has passed, and its penalty is inside the window. Penalties count only while more of the
//!    queue's members are logged in than its limit says;
//! 4. nothing holds it back: a member in reserve takes callers while the queue's [`ReserveRule`] has the reserve in. Whether it
//!    is in or out, a logged-in reserve counts as logged in.
//!
//! A queue may lend its members to others ([`Lending`]) while its own service level holds. A lent agent is asked when nobody of
//! the other queue's own is ready, and takes the other queue's callers when its own queues have none for it.
//!
//! A caller who prefers an agent waits for him alone at first; who is worth waiting for, and for how long, stands in `prefer`.
//! Nobody else may take such a call meanwhile, and he takes it before others of its weight.
//!
//! An agent who becomes ready takes the least place over all its lines; a call that comes takes the first agent by the
//! strategy of its step. What supervisors change at run time lies over the plan and wins over it, reloads included.
//!
//! A caller whom a supervisor takes out of a talk and puts into a queue joins before the agent of that talk is free: another
//! ready agent is offered the call first. The agent then takes the first in line, which is the same caller where nobody else
//! was ready and nobody came before: another agent is a wish, the order of the line is a promise.

mod absence;
mod agent;
mod awaited;
mod bits;
mod bond;
mod check;
mod dimension;
mod direct;
mod duty;
pub mod engine;
pub mod estimate;
mod explain;
mod fact;
mod gates;
mod hall;
mod index;
mod lending;
mod lost;
mod matching;
pub mod message;
mod needs;
mod offer;
mod outcome;
mod overrides;
mod place;
pub mod plan;
mod prefer;
mod queue;
mod rank;
mod reach;
mod reason;
mod recall;
mod refusal;
mod reload;
pub mod requirement;
mod reserve;
mod ringing;
mod rota;
pub mod routing;
mod setting;
mod silence;
pub mod strategy;
mod supervise;
mod table;
mod transfer;
mod unproven;
mod visit;
mod watch;
mod workday;

#[cfg(test)]
mod tests;

pub use agent::AgentStatus;
pub use bond::{Bond, Walk};
pub use dimension::{Dimension, Dimensions, ValueId};
pub use engine::Engine;
pub use explain::Explanation;
pub use fact::{Fact, Repair, Stamped};
pub use lending::{Lending, Loan};
pub use lost::{CutShort, LostCause};
pub use message::{Actor, AgentTarget, Asks, Command, Effect, Preference, Whom};
pub use outcome::{EndedBy, FlowOut, Gone, OfferCause, OfferResult};
pub use overrides::{AgentOverrides, QueueOverrides};
pub use plan::{
    AgentPlan, AgentPolicy, AgentState, DeviceState, Direction, Intake, OfferPolicy, Plan, QueuePlan, Reason, Share,
};
pub use prefer::Unpreferred;
pub use queue::Counts;
pub use reason::{Candidacy, Decision, Exclusion, PREFERRED, Why};
pub use refusal::Refusal;
pub use reserve::{ReserveMode, ReserveRule, ReserveThresholds};
pub use routing::{Members, Membership, Order, PenaltyStep, QueueState, Routing, Skill, Step, TierRules};
pub use setting::{AgentSetting, Intervention, Laid, QueueSetting};
pub use silence::{Silence, Silent};
pub use transfer::{Target, Transfer, TransferFailure, TransferKind, TransferOutcome, TransferStep};
pub use unproven::{Proving, Unproven, Unprovens};
pub use watch::{LendingStatus, ReserveStatus};
pub use workday::Workday;
