//! Policy: who gets which call. [`Engine`] owns queues, agents and offers; it takes [`Command`]s, answers with [`Effect`]s, and
//! emits one [`Fact`] for each thing that happened. It knows nothing of SIP, sockets or clocks.

pub mod message;
pub mod plan;

pub use message::{Actor, AgentTarget, Command, Effect, EndedBy, Fact, FlowOut, OfferCause, OfferResult, Refusal, Stamped};
pub use plan::{AgentPlan, AgentState, Plan, QueuePlan, Reason};
