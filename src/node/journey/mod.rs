//! A caller's way, one file a phase. The only place that knows both calls and queues.
//!
//! ```text
//!   arrive --Queued--> wait --Offer--> offer --answered--> talk --BYE--> gone
//!     |                 |  ^             |                  |
//!     |                 |  +-- failed ---+                  +-- requeue --> wait
//!     |                 |                                   +-- transfer -> wait, talk, outside
//!     +--- FlowOut -----+-----------------------> leave --> gone
//! ```

mod arrive;
mod carry;
mod code;
mod leave;
mod offer;
mod prefer;
mod replace;
mod talk;
mod transfer;
mod wait;
