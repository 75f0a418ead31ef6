//! The shell: sockets, clocks, threads, signals. The only place with tokio besides `api` and `cli`.

pub mod clock;
pub mod datagrams;
pub mod engine;
pub mod figures;
pub mod load;
pub mod media;
pub mod phones;
pub mod ports;
pub mod resolve;
pub mod serve;
pub mod signalling;
