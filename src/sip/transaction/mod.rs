//! The transaction layer of RFC 3261 section 17 with RFC 6026, over UDP and over streams: bytes and time in, bytes and
//! events out. [`Stack`] holds every transaction of a shard; one file has each of the four machines. It never retransmits a
//! 2xx nor acknowledges one, and it knows no dialog: those belong to its user.

mod build;
mod clients;
mod event;
mod hash;
mod inbound;
mod invite_client;
mod invite_server;
mod key;
mod link;
mod local;
mod other;
mod outbound;
mod request_client;
mod request_server;
mod stack;
mod streams;
#[cfg(test)]
mod tests;

pub use event::{ClientKey, Door, Event, FailureCause, Home, Refused, ServerKey, StackConfig, Transmit, Wire};
pub use hash::Secret;
pub use key::shard_of_branch;
pub use local::LocalNetworks;
pub use outbound::HOPS_MAX;
pub use stack::Stack;
