//! Transfers: an agent's caller is handed on to another agent, to a queue or to a number outside, at once (blind) or after a
//! word with whoever answers there (a consultation). All legs of a call live in one shard and one media worker; callers stay
//! in their dialog throughout, and no leg is ever re-invited.
//!
//! ```text
//!                                 +---- target queue takes it ----> Waiting (a new visit, with its time and priority)
//!   Talking(A) ---- blind --------+---- agent, number: Alone ---- answers ----> Talking(B), Outside(number)
//!       |                                     |  fails: back to the queue it was answered from, with its time
//!       +-- consult --> Talking(A) + handover: Ringing, Calling ---- answers ----> Agent(B), Number
//!             ^                   |   |  \_ complete, A hangs up: as blind from here     |   |
//!             +-- cancel, fails --+   |                                                  |   +- complete, A hangs up:
//!             +-- cancel, B hangs up -+--------------------------------------------------+      Talking(B), Outside(number)
//! ```
//!
//! | event | consulting, target rings | consulting, target talks | alone, target rings |
//! |---|---|---|---|
//! | target answers | A and target talk | - | caller and target talk: completed |
//! | target fails, refuses, is busy, rings out | back to the caller: failed | - | back to its queue: failed |
//! | target's queue lets it go | back to the caller: failed | - | - |
//! | target hangs up | - | back to the caller: cancelled | - |
//! | complete | as blind from here | caller and target talk: completed | - |
//! | cancel | back to the caller: cancelled | back to the caller: cancelled | - |
//! | A hangs up (`on_hang_up = "complete"`) | as blind from here | caller and target talk: completed | - |
//! | A hangs up (`on_hang_up = "requeue"`) | caller back to its queue: cancelled | the same | - |
//! | caller hangs up | all end: failed | all end: failed | all end: failed |
//! | supervisor hangs up | all end: failed | all end: failed | all end: failed |
//! | supervisor requeues | target and A let go, into the queue: failed | the same | the same |
//! | second transfer asked for | refused | refused | refused |
//!
//! An agent asks so through the control plane, by keys, or by REFER from its phone (RFC 3515), which is taken as a blind
//! transfer: 202, its leg ends, and NOTIFY tells how it goes. A REFER with Replaces is an attended one: `attended`.
//!
//! A PBX may carry a transfer out by itself, and only tell who is connected now: `connected`.
//!
//! What each hears: the caller its queue's music until it is joined with somebody; A a tune while the target rings, then the
//! target; the target A, then the caller. A is in the state `consult` from the consultation's begin to its end, and in wrap-up
//! when it has handed the caller on. An agent who is rung or talks has the states of any call. A queue is a new visit of the
//! same contact, which counts whether or not it is answered. An agent by name is rung outside any queue, and only when ready.
//!
//! The engine owns reservations and visits, this the legs; what crosses between them is met by these rules:
//!
//! * a direct offer for which there is no handover any more fails as withdrawn;
//! * who is given up after it has answered may have won: the end of its talk is told too, which the engine passes over where
//!   it has not;
//! * a visit is left by `Leave` whenever a consultation with a queue ends; its flow-out is passed over.

mod attended;
mod begin;
mod connected;
mod end;
mod keys;
mod reach;
mod refer;
