//! The shell: sockets, clocks, threads, signals. The only place with tokio besides `api` and `cli`.

pub mod certificates;
pub mod clock;
pub mod datagrams;
pub mod engine;
pub mod hub;
mod lifeline;
pub mod load;
pub mod media;
pub mod orders;
pub mod phones;
pub mod ports;
mod post;
pub mod resolve;
pub mod serve;
pub mod signalling;
mod streams;
mod threads;
mod tls;
