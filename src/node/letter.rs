//! What a signalling shard and the [`Hub`](crate::node::Hub) tell each other: plain data, first in, first out for each pair.
//! Upward commands of the shard, stamped with its time; downward effects to the shard that owns the call, and what all must
//! know. Who carries letters need not understand them.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Actor, Bond, Command, Effect, Preference, Target, TransferKind};
use crate::base::{AgentId, CallId, Instant, LegId, PeerId, QueueId};
use crate::config::Config;
use crate::node::directory::Directory;
use crate::node::features::Dialled;
use crate::node::message::{CallView, Consulted, Reply};
use crate::node::phones::Registered;
use crate::node::pins::Guess;
use crate::node::seen::Seen;
use crate::node::trace::{Order, Read};

/// A letter of a shard to the hub.
#[derive(Debug)]
pub struct Up {
    /// When the shard wrote it.
    pub(super) at: Instant,
    pub(super) said: Said,
}

/// A letter of the hub to one shard.
#[derive(Debug, Clone)]
pub struct Down {
    pub(super) told: Told,
}

impl Up {
    /// When the shard wrote it.
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The call that it is about, if it is about one.
    pub fn call(&self) -> Option<CallId> {
        let Said::Command(command) = &self.said else { return None };
        match command {
            Command::Enqueue { call, .. }
            | Command::CallerGone { call, .. }
            | Command::Leave { call, .. }
            | Command::TakeOut { call, .. }
            | Command::EndTalk { call, .. }
            | Command::Requeue { call, .. }
            | Command::OfferRinging { call, .. }
            | Command::OfferAnswered { call, .. }
            | Command::OfferFailed { call, .. }
            | Command::TalkEnded { call, .. }
            | Command::OfferTo { call, .. }
            | Command::WithdrawOffer { call, .. }
            | Command::Consults { call, .. }
            | Command::OutsideEnded { call, .. }
            | Command::CallerAnswered { call }
            | Command::Held { call, .. }
            | Command::SetPriority { call, .. }
            | Command::SetPreferred { call, .. }
            | Command::Digit { call, .. } => Some(*call),
            Command::Transfer(transfer) => Some(transfer.call),
            Command::OfferReleased { .. }
            | Command::SetAgent { .. }
            | Command::ExtendWrapUp { .. }
            | Command::EndWrapUp { .. }
            | Command::Device { .. }
            | Command::DeviceAlive { .. }
            | Command::SetTeam { .. }
            | Command::ChangeAgent { .. }
            | Command::ChangeQueue { .. }
            | Command::PeerState { .. }
            | Command::Refused { .. }
            | Command::Drain => None,
        }
    }
}

/// What a shard says.
#[derive(Debug)]
pub(super) enum Said {
    /// For the ACD engine.
    Command(Command),
    /// An agent has dialled a feature code.
    Dialled(Dialled),
    /// What was keyed in as an agent's PIN.
    Guessed(AgentId, Guess),
    /// Where a phone that registers is now; `None`: nowhere.
    Registered(PeerId, Option<Arc<Registered>>),
    /// What a PBX has said of an agent's device, or that it says nothing.
    Seen(AgentId, Seen),
    /// What the hub has asked.
    Answer(Ticket, Answer),
}

/// What the hub tells.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// By the ACD engine, about a call of this shard.
    Effect(Effect),
    /// Another configuration is in force. Comes before any effect that names what it adds.
    Reload(Arc<Config>, Arc<Directory>),
    /// No new calls; who still waits after the limit flows out.
    Drain(Duration),
    /// A neighbour stopped or started answering, as some shard has found.
    Peer(PeerId, bool),
    /// Where a phone that registers is now, as the first shard has found. Comes before the offers that need it.
    Registered(PeerId, Option<Arc<Registered>>),
    /// The control plane asks something about calls.
    Ask(Ticket, Ask),
    /// The queue takes the call that [`Answer::Movable`] was said of; who wished it.
    Move(CallId, QueueId, Actor),
    /// The agent's device is idle though the talk goes on: its PBX has handed the caller on.
    DeviceLeft { call: CallId, agent: AgentId, epoch: u32 },
    /// What was keyed in as an agent's PIN on a call of another shard.
    Guessed(AgentId, Guess),
    /// What was dialled on this leg has been done, or not.
    Dialled(LegId, bool),
    /// A supervisor has said whom the call prefers.
    Prefer(CallId, Option<Preference>),
    /// A trace begins.
    Trace(Arc<Order>),
    /// It ends before its time.
    Untrace(u32),
    /// It is listed no more.
    Forget(u32),
    /// The engine does not know this: it is to be given up.
    LetGo(Bond),
}

/// Names a request of the control plane until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What only the shard of a call can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// So many calls in the order of their slots, those before left out.
    Calls { offset: usize, limit: usize },
    /// The call ends, by the wish of somebody.
    HangUp(CallId, Actor),
    /// As [`Ask::HangUp`], unless the caller talks.
    Withdraw(CallId, Actor),
    /// Whether the call may be moved into the queue of this name, or back into its own, and who wishes it.
    Requeue(CallId, Option<String>, Actor),
    /// A talking caller is handed on, as somebody wishes.
    Transfer(CallId, TransferKind, Target, Actor),
    /// A consultation ends so.
    Consultation(CallId, Consulted),
    /// The messages of a call, and whether with the numbers.
    Ladder(CallId, bool),
    /// So many contacts of registered phones, those before left out.
    Registrations { offset: usize, limit: usize },
    /// Traced messages from this number on.
    Traces { from: u64, limit: usize },
    /// The census: what the shard holds from this slot on.
    Held { from: usize },
    /// The census: which of these it does not hold.
    Hold(Vec<Bond>),
}

/// What a shard answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// The calls asked for, without their places in the queues, and how many the shard has.
    Calls { rows: Vec<(CallId, CallView)>, total: usize },
    /// The call may be moved if the queue is not full; one that `stays` has its place there already.
    Movable { call: CallId, queue: QueueId, stays: bool, by: Actor },
    /// What a chunk of its slots holds, and where the rest begins.
    Held { bonds: Vec<Bond>, next: Option<usize> },
    /// Traced messages, and how far the traces are.
    Traces(Read),
    /// What it does not hold.
    Missing(Vec<Bond>),
    /// As it stands.
    Reply(Reply),
}
