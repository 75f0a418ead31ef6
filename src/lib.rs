//! Strowger: an automatic call distributor, a SIP back-to-back user agent that stands beside a PBX.
//!
//! # The one idea
//!
//! From SIP bytes to routing decision the engine is a deterministic state machine driven by `(now, input)`. It reads no
//! clock, opens no socket, starts no task. Sockets, clocks, threads and tokio live in a thin shell (`io`, `api`, `cli`),
//! and the simulator (`sim`) runs the very same object in virtual time.
//!
//! # Code map
//!
//! | room | what it is | may import |
//! |---|---|---|
//! | [`base`] | time, ids, randomness, limits | nothing |
//! | [`acd`] | policy: who gets which call | base |
//! | [`sip`] | RFC 3261 mechanism, bytes in, bytes out | base |
//! | [`media`] | SDP, RTP, codecs, players: the media worker | base |
//! | [`call`] | B2BUA legs; knows nothing of queues | base, sip, media |
//! | [`stats`] | live figures in versioned atomic blocks; folds of facts | base, acd, call |
//! | [`records`] | facts as versioned lines, written and read back | base, acd, call |
//! | [`config`] | text to typed configuration, all errors at once | base, acd, sip, media, call, stats |
//! | [`node`] | the whole node: the only place that knows calls and queues | all of the above |
//! | [`sim`] | a world in virtual time: network, phones, oracle | node and all above |
//! | `io`, `api`, `cli` | the shell (feature `node`) | see `tests/tidy.rs` |
//!
//! # Threads
//!
//! | thread | owns | talks to |
//! |---|---|---|
//! | signalling | [`node::Node`] (shard and ACD engine) behind [`node::gate::Gate`], the SIP socket, the writing of [`stats::Live`] | media: commands; HTTP: answers |
//! | media | [`media::Worker`], the RTP and RTCP sockets | signalling: events |
//! | http | the control plane | signalling: requests; reads [`stats::Live`] |
//!
//! With several shards (`sip.shards`, `serve --shards`) the first line becomes two:
//!
//! | thread | owns | talks to |
//! |---|---|---|
//! | signalling 0, 1 ... | [`node::Shard`] behind its [`node::gate::Gate`], a SIP socket and port of its own | acd: letters; each other: datagrams that [`node::Router`] finds to be another's; media: commands |
//! | acd | [`node::Hub`] (ACD engine and control plane), the writing of [`stats::Live`] | signalling: letters; HTTP: answers |
//!
//! Messages between them are data; nobody blocks on a send. Between shard and engine they are data too
//! ([`acd::Command`], [`acd::Effect`] in [`node::Up`] and [`node::Down`]), carried inline while there is one shard. Letters
//! have slots reserved when a call is admitted (`base::limits`), so that none is lost; the engine's word stands where two
//! cross. What a fault of the node loses all the same is healed by a census that compares the two (`node::census`) and
//! counted in `acd_repaired_total`. A closed RTP port is the shard's again at once:
//! the worker takes commands in order, and a packet counts for a stream only from its negotiated source.
//!
//! # A call's way
//!
//! INVITE -> `sip::transaction` -> `call` (caller's leg) -> `node::journey` arrive (whose number, is there room) ->
//! [`acd::Command::Enqueue`] -> [`acd::Effect::Queued`] (180, 183 or 200 with music) -> [`acd::Effect::Offer`] -> `call` (agent's
//! leg) -> answered: the legs are joined -> BYE from either side -> wrap-up -> ready. Every step is a [`acd::Fact`]; figures,
//! and later records, are folds of facts.
//!
//! # Verbs
//!
//! `handle_*` takes an input, `poll_*` yields an output and is drained until `None`, `on_*` is a private reaction.
//! `poll_timeout` tells the next deadline; an early or repeated `handle_timeout` changes nothing.
//!
//! # Glossary
//!
//! *Contact*: one caller's journey. *Queue visit*: one stay in one queue. *Offer*: one attempt to give a waiting call to an
//! agent. *Leg*: one SIP dialog of ours. *Wrap-up*: an agent's time after the talk. *Abandon*: the caller hangs up before
//! an agent answers. *Flow-out*: the visit ends for another reason without an agent.

pub mod acd;
pub mod base;
pub mod call;
pub mod config;
pub mod media;
pub mod node;
pub mod records;
pub mod sim;
pub mod sip;
pub mod stats;

#[cfg(feature = "node")]
pub mod api;
#[cfg(feature = "node")]
pub mod cli;
#[cfg(feature = "node")]
pub mod io;
