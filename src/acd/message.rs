//! What goes into the ACD engine and what comes out: plain data, so that it can cross threads and be written to a scenario.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::dimension::Dimensions;
use crate::acd::outcome::{EndedBy, FlowOut, Gone, OfferCause};
use crate::acd::plan::{DeviceState, Reason};
use crate::acd::refusal::Refusal;
use crate::acd::requirement::Attributes;
use crate::acd::setting::{AgentSetting, Intervention, QueueSetting};
use crate::acd::transfer::Transfer;
use crate::base::{AgentId, CallId, CallerKey, Instant, PeerId, Pii, QueueId};

/// An input of the engine. A command about an offer carries the offer's epoch; a stale one is a no-op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A call joins a queue. `since` is the original moment when it has waited before (requeue), else `None`.
    /// Full, closed or draining queues answer with [`Effect::FlowOut`] at once; the visit is counted all the same.
    Enqueue {
        /// The call; not in any queue now.
        call: CallId,
        /// The queue it joins.
        queue: QueueId,
        /// Higher goes first.
        priority: i32,
        /// Keeps the place of a call that waited before.
        since: Option<Instant>,
        /// What else it brings.
        asks: Asks,
    },
    /// The caller hung up (or was lost) while waiting or while an agent rang: the visit is abandoned.
    CallerGone {
        /// The waiting call.
        call: CallId,
        /// How.
        how: Gone,
    },
    /// The waiting call leaves its queue by decision of the node.
    Leave {
        /// The waiting call.
        call: CallId,
        /// Why it leaves.
        reason: FlowOut,
    },
    /// A supervisor takes the waiting call out of its queue.
    TakeOut {
        /// The waiting call.
        call: CallId,
        /// What becomes of it.
        what: Intervention,
        /// Who wished it.
        by: Actor,
    },
    /// The agent's device rings (180 or 183).
    OfferRinging {
        /// The offered call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The agent answered. [`Effect::Join`] follows where the offer still stands and nobody was faster; else the offer has been
    /// taken back, and [`Effect::CancelOffer`] was or will be asked.
    OfferAnswered {
        /// The offered call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The offer failed by itself: the agent's leg is already gone.
    OfferFailed {
        /// The offered call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// What the device or the network said.
        cause: OfferCause,
    },
    /// The leg of a cancelled offer (caller gone, ring timeout, withdrawn) has come to its end: the agent is free again.
    OfferReleased {
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// Caller and agent no longer talk.
    TalkEnded {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// Which side ended it.
        by: EndedBy,
    },
    /// A supervisor has ended the call of caller and agent.
    EndTalk {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// Who wished it.
        by: Actor,
    },
    /// A supervisor puts a call that waits nowhere into a queue, as [`Command::Enqueue`] does; a talk that it was in ends with
    /// that. It joins before the agent who talked with it is matched, so that nobody overtakes it.
    Requeue {
        /// The call; not in any queue now.
        call: CallId,
        /// The agent it talked with, and the offer's epoch.
        talk: Option<(AgentId, u32)>,
        /// The queue it joins.
        queue: QueueId,
        /// Higher goes first.
        priority: i32,
        /// When it came first.
        since: Instant,
        /// What else it brings.
        asks: Asks,
        /// Who wished it.
        by: Actor,
    },
    /// Ring this agent for a call that waits in no queue: [`Effect::Offer`] or [`Effect::Unavailable`] follows.
    OfferTo {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// Lends its ring timeout and wrap-up.
        queue: QueueId,
    },
    /// Takes back what [`Command::OfferTo`] asked for: [`Effect::CancelOffer`] follows where the offer still stands.
    WithdrawOffer {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// Why.
        cause: OfferCause,
    },
    /// The agent begins or ceases to consult somebody about its caller, who holds meanwhile.
    Consults {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// True while it does.
        consults: bool,
    },
    /// A step of a transfer, to be told.
    Transfer(Box<Transfer>),
    /// A caller and the number outside that it was handed to have parted.
    OutsideEnded {
        /// The call.
        call: CallId,
        /// How long they were joined.
        talk: Duration,
        /// Which side ended it.
        by: EndedBy,
    },
    /// Somebody sets an agent's state. During a talk or an offer it takes effect afterwards.
    SetAgent {
        /// The agent.
        agent: AgentId,
        /// The state wished.
        target: AgentTarget,
        /// Who wished it.
        by: Actor,
        /// Not ready ends by itself after so long, counted from when it begins; `None`: when somebody ends it.
        lasts: Option<Duration>,
    },
    /// The agent's wrap-up lasts longer: the one that runs, or the one that follows the talk.
    ExtendWrapUp {
        /// The agent.
        agent: AgentId,
        /// By so much; bounded by `limits::WRAP_UP_MAX` in all.
        more: Duration,
        /// Who asked.
        by: Actor,
    },
    /// The agent's wrap-up ends now.
    EndWrapUp {
        /// The agent.
        agent: AgentId,
        /// Who asked.
        by: Actor,
    },
    /// Somebody outside says what the agent's device does.
    Device {
        /// The agent.
        agent: AgentId,
        /// What it does.
        device: DeviceState,
        /// Who says so.
        by: Actor,
    },
    /// The agent's device has shown life: it has registered, or its PBX has told of it unasked. One that was taken not to be
    /// there is rung again; said while it is rung, or a moment after a call has not reached it, it may be of that call and
    /// changes nothing.
    DeviceAlive {
        /// The agent.
        agent: AgentId,
    },
    /// One side of a talk holds, or nobody does any more.
    Held {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// True while one of both holds.
        held: bool,
    },
    /// From now on the agent is in this team. The engine routes by no team: it tells the fact, in the order of the others.
    SetTeam {
        /// The agent.
        agent: AgentId,
        /// The team's path from the root; `None`: in none.
        team: Option<Arc<str>>,
        /// Who wished it.
        by: Actor,
    },
    /// Somebody sets something of an agent's place in the plan.
    ChangeAgent {
        /// The agent.
        agent: AgentId,
        /// What.
        setting: AgentSetting,
        /// Who wished it.
        by: Actor,
    },
    /// Somebody sets something of a queue.
    ChangeQueue {
        /// The queue.
        queue: QueueId,
        /// What.
        setting: QueueSetting,
        /// Who wished it.
        by: Actor,
    },
    /// Somebody sets the priority of a waiting call; its place follows, its wait stays.
    SetPriority {
        /// The waiting call.
        call: CallId,
        /// Higher goes first.
        priority: i32,
        /// Who wished it.
        by: Actor,
    },
    /// Somebody sets whom a waiting call is to be offered to first, from now on for its queue's `preferred_for`. While agents are
    /// rung for it nothing changes.
    SetPreferred {
        /// The waiting call.
        call: CallId,
        /// The agent; `None`: nobody.
        agent: Option<AgentId>,
        /// Who wished it.
        by: Actor,
    },
    /// A SIP neighbour stopped or started answering. Agents behind a peer that is down are unreachable, not at fault.
    PeerState {
        /// The neighbour.
        peer: PeerId,
        /// True when it answers.
        up: bool,
    },
    /// A contact was refused before it joined a queue.
    Refused {
        /// The queue its number named, where it named one.
        queue: Option<QueueId>,
        /// Why.
        cause: Refusal,
        /// What it is told apart by, as far as it was looked at.
        dimensions: Dimensions,
    },
    /// The caller's INVITE was answered with 200.
    CallerAnswered {
        /// The call.
        call: CallId,
    },
    /// The caller pressed a key (RFC 4733 or SIP INFO).
    Digit {
        /// The call.
        call: CallId,
        /// The key; may be part of a card number, so it is personal.
        digit: Pii<char>,
    },
    /// The node drains: nothing joins any more. Callers who wait are still offered.
    Drain,
}

/// What a call brings to a queue beside its priority.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asks {
    /// What requirements may ask about.
    pub attributes: Option<Arc<Attributes>>,
    /// What figures tell it apart by.
    pub dimensions: Dimensions,
    /// Who calls, where that can be told: by this it is remembered who served the caller.
    pub caller: Option<CallerKey>,
    /// Whom it is to be offered to first.
    pub preferred: Option<Preference>,
}

/// Whom a call is to be offered to first, for the `preferred_for` of the queue that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// Whom.
    pub whom: Whom,
    /// From when that time counts.
    pub from: Instant,
}

impl Preference {
    /// What makes a preference that counts from this moment.
    pub fn from(from: Instant) -> impl Fn(Whom) -> Self {
        move |whom| Self { whom, from }
    }
}

/// An agent by name or by the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// This one.
    Agent(AgentId),
    /// Who served the caller last, within the queue's [`Routing::recall`](crate::acd::Routing::recall).
    Last,
}

/// What the engine asks the node to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The call has joined: treat it as its queue's policy says. Comes before any offer of it.
    Queued {
        /// The call.
        call: CallId,
    },
    /// Ring the agent for the call. The engine keeps the ring deadline.
    Offer {
        /// The waiting call.
        call: CallId,
        /// The reserved agent.
        agent: AgentId,
        /// The offer's epoch, to be given back in each command about it.
        epoch: u32,
        /// The queue the call waits in, or was answered from.
        queue: QueueId,
        /// By [`Command::OfferTo`]: the call waits in no queue.
        by_name: bool,
    },
    /// Stop ringing; answer with [`Command::OfferReleased`] when the leg is gone.
    CancelOffer {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// Why.
        cause: OfferCause,
    },
    /// The agent is not ready, or the call waits in a queue: nobody rings.
    Unavailable {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
    },
    /// The agent has won the call: join them. The other offers of the call have been taken back before.
    Join {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The call has left its queue and must be treated (announced, answered with a status, hung up).
    FlowOut {
        /// The call; the engine has forgotten it.
        call: CallId,
        /// The queue it left.
        queue: QueueId,
        /// Why.
        reason: FlowOut,
    },
}

/// The agent state somebody wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentTarget {
    /// Takes calls.
    Ready,
    /// Takes none, for a reason.
    NotReady(Reason),
    /// Has gone.
    LoggedOut,
}

impl AgentTarget {
    /// The label of the state wished.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady(_) => "not_ready",
            Self::LoggedOut => "logged_out",
        }
    }
}

/// Who did something to an agent or call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The engine itself, by its rules.
    Engine,
    /// A person or program through the control plane, by name.
    User(Arc<str>),
    /// A supervisor who forced it, by name, and why.
    Supervisor {
        /// Who.
        name: Arc<str>,
        /// Why, in the supervisor's words.
        why: Arc<str>,
    },
}

impl From<&str> for Actor {
    /// A person or program, by name.
    fn from(name: &str) -> Self {
        Self::User(name.into())
    }
}
