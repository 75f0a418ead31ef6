//! Policy: who gets which call. [`Engine`] owns queues, agents and offers; it takes [`Command`]s, answers with [`Effect`]s, and
//! emits one [`Fact`] for each thing that happened. It knows nothing of SIP, sockets or clocks.

mod agent;
mod bits;
mod check;
mod duty;
pub mod engine;
pub mod estimate;
mod explain;
mod hall;
mod index;
mod matching;
pub mod message;
mod needs;
mod offer;
mod overrides;
mod place;
pub mod plan;
mod queue;
mod reach;
mod reason;
mod reload;
pub mod requirement;
mod rota;
pub mod routing;
pub mod strategy;
mod supervise;
mod table;
mod visit;

#[cfg(test)]
mod tests;

pub use agent::AgentStatus;
pub use engine::Engine;
pub use explain::{Decision, Explanation};
pub use message::{
    Actor, AgentTarget, Asks, Command, Effect, EndedBy, Fact, FlowOut, OfferCause, OfferResult, QueueState, Refusal,
    Stamped,
};
pub use plan::{AgentPlan, AgentState, Plan, QueuePlan, Reason};
pub use queue::Counts;
pub use reason::{Candidacy, Candidates, Exclusion};
pub use routing::{Members, Membership, Order, PenaltyStep, Routing, Skill, Step, TierRules};
