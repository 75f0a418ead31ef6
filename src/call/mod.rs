//! B2BUA mechanism: legs (one INVITE dialog each, caller's or agent's side), their offers, answers, changes and ends.
//! Knows nothing of queues or agents.
//!
//! | file | idea |
//! |---|---|
//! | `event` | what a leg tells |
//! | `leg` | one leg's state |
//! | `legs` | all legs of a shard: inputs, polls, look-up |
//! | `inbound` | requests that come: new calls, requests inside a dialog |
//! | `outbound` | INVITEs of ours, their responses, CANCEL |
//! | `change` | re-INVITE and UPDATE |
//! | `session` | what is known of a session timer |
//! | `refresh` | session timers at work |
//! | `reoffer` | other audio offered by us |
//! | `reliable` | provisionals that are acknowledged |
//! | `refer` | a REFER, and who is told how it goes |
//! | `notify` | REFER answered, its NOTIFYs |
//! | `replaces` | which leg is to be replaced |
//! | `challenge` | far ends that ask for credentials |
//! | `wallet` | those credentials |
//! | `connected` | who is connected, as the far end says |
//! | `subscription` | what a PBX says of a device, and how that is asked for |
//! | `subscribe` | SUBSCRIBE and its NOTIFYs at work |
//! | `ending` | hanging up, 2xx retransmission, probes |

pub mod event;
pub mod leg;
pub mod legs;
pub mod refer;

mod challenge;
mod change;
mod connected;
mod ending;
mod inbound;
mod notify;
mod outbound;
mod refresh;
mod reliable;
mod reoffer;
mod replaces;
mod subscribe;
mod wallet;

pub mod session;
pub mod subscription;

pub use event::{EndCause, Event, Failure};
pub use leg::{Lines, Why};
pub use legs::{Invite, Legs};
pub use refer::Refer;
pub use replaces::LegStanding;
pub use session::SessionTerms;
pub use subscription::{Ended, Notice, Standing, Subscribe, Subscribed, SubscriptionId};
pub use wallet::Wallet;

#[cfg(test)]
mod tests;
