//! What the engine tells: facts, the only source of metrics, records and events. Each thing that happens is one fact, told once.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::dimension::Dimensions;
use crate::acd::lost::LostCause;
use crate::acd::message::Actor;
use crate::acd::outcome::{EndedBy, FlowOut, OfferCause};
use crate::acd::plan::{AgentState, DeviceState};
use crate::acd::refusal::Refusal;
use crate::acd::setting::{AgentSetting, Intervention, QueueSetting};
use crate::acd::transfer::Transfer;
use crate::base::{AgentId, CallId, Instant, PeerId, Pii, QueueId};

/// A fact with its moment. Facts are the only source of metrics, records and events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub fact: Fact,
}

/// One thing that happened, emitted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A queue visit began.
    Offered {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// What figures tell the contact apart by, the same in each of its visits.
        dimensions: Dimensions,
    },
    /// The visit ended with an agent.
    Answered {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// Who answered.
        agent: AgentId,
        /// From joining (the original moment after a requeue) to the answer.
        wait: Duration,
        /// When this visit began to wait, for the live longest wait.
        since: Instant,
    },
    /// The visit ended because the caller hung up.
    Abandoned {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// From joining to hanging up.
        wait: Duration,
        /// An agent was ringing.
        while_ringing: bool,
        /// Why the visit is lost.
        cause: LostCause,
    },
    /// The visit ended for another reason.
    FlowedOut {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// From joining to leaving.
        wait: Duration,
        /// Why.
        reason: FlowOut,
        /// Why the visit is lost; `None` when it is untargeted, or goes on in another queue.
        cause: Option<LostCause>,
    },
    /// The wait passed the queue's service-level threshold, undecided ("Decisions" 3). At most once a visit.
    Missed {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
    },
    /// The head of a queue changed: who has waited longest since when (`None`: nobody waits).
    Oldest {
        /// The queue.
        queue: QueueId,
        /// The earliest moment of joining among those who wait.
        since: Option<Instant>,
    },
    /// A call waits for one agent alone, until then; or no longer (`None`), and is everybody's.
    Preferred {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// The end of it, which may come earlier.
        until: Option<Instant>,
    },
    /// A supervisor set whom a waiting call prefers.
    PreferenceSet {
        /// The call.
        call: CallId,
        /// The agent; `None`: nobody.
        agent: Option<AgentId>,
        /// By whom.
        by: Actor,
    },
    /// A queue's reserve joined its agents, or left them.
    Reserve {
        /// The queue.
        queue: QueueId,
        /// True when it joined.
        active: bool,
    },
    /// A queue began to lend its members, or ceased to.
    Lending {
        /// The queue.
        queue: QueueId,
        /// True when it began.
        lends: bool,
    },
    /// An agent was reserved for a call and rings, or soon will.
    OfferMade {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
    },
    /// The offer ended.
    OfferEnded {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// The offer's epoch.
        epoch: u32,
        /// How; `cause.result()` is the metric's label.
        cause: OfferCause,
        /// From the offer to its end.
        ring: Duration,
    },
    /// Caller and agent parted.
    TalkEnded {
        /// The call.
        call: CallId,
        /// The queue it was answered from.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// How long they were joined.
        talk: Duration,
        /// How much of that one of both held, or the agent consulted somebody.
        hold: Duration,
        /// Which side ended it.
        by: EndedBy,
    },
    /// An agent who was rung by name for a call that is handed on has answered: they talk. No visit is part of it.
    Reached {
        /// The call.
        call: CallId,
        /// The queue that the caller was answered from.
        queue: QueueId,
        /// Who answered.
        agent: AgentId,
    },
    /// A caller is handed on, or somebody is consulted: how far that is.
    Transfer(Transfer),
    /// A caller who was handed to a number outside, and whoever is there, have parted.
    OutsideEnded {
        /// The call.
        call: CallId,
        /// How long they were joined.
        talk: Duration,
        /// Which side ended it; the agent's is that of the number. With [`EndedBy::Transfer`] the caller has taken the place of
        /// another call's, and the talk goes on there.
        by: EndedBy,
    },
    /// The agent's wrap-up after a talk ended.
    WrapUpEnded {
        /// The queue the talk belonged to.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// How long it took.
        wrap_up: Duration,
    },
    /// Somebody made a wrap-up longer.
    WrapUpExtended {
        /// The queue the talk belonged to.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// By so much.
        more: Duration,
        /// By whom.
        by: Actor,
    },
    /// An offer was answered faster than a person can. It is accepted all the same.
    InstantAnswer {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// From the offer to the answer.
        after: Duration,
    },
    /// What an agent's device does began or ceased to contradict the agent's state.
    Disagreement {
        /// The agent.
        agent: AgentId,
        /// What the device does.
        device: DeviceState,
        /// True when it contradicts from now on.
        disagrees: bool,
    },
    /// Engine and legs did not agree, and it was put right. Never happens unless the node has a fault.
    Repaired {
        /// What was wrong.
        kind: Repair,
        /// The agent it concerned.
        agent: Option<AgentId>,
        /// The call it concerned.
        call: Option<CallId>,
    },
    /// An agent's state changed.
    AgentState {
        /// The agent.
        agent: AgentId,
        /// The state left.
        from: AgentState,
        /// The state entered.
        to: AgentState,
        /// How long the left state lasted.
        spent: Duration,
        /// By whom.
        by: Actor,
    },
    /// From now on the agent is in another team; what it did before stays with the team it was in.
    AgentTeam {
        /// The agent.
        agent: AgentId,
        /// The team by its path from the root (`sales/east`); `None`: in none.
        team: Option<Arc<str>>,
        /// By whom; the engine where the configuration says so.
        by: Actor,
    },
    /// Somebody set something of an agent's place in the plan.
    AgentSet {
        /// The agent.
        agent: AgentId,
        /// What.
        setting: AgentSetting,
        /// By whom.
        by: Actor,
    },
    /// Somebody set something of a queue.
    QueueSet {
        /// The queue.
        queue: QueueId,
        /// What.
        setting: QueueSetting,
        /// By whom.
        by: Actor,
    },
    /// Somebody set the priority of a waiting call.
    PrioritySet {
        /// The call.
        call: CallId,
        /// Higher goes first.
        priority: i32,
        /// By whom.
        by: Actor,
    },
    /// A supervisor took a hand in a call. What came of it follows.
    Supervised {
        /// The call.
        call: CallId,
        /// What was done.
        what: Intervention,
        /// By whom.
        by: Actor,
    },
    /// An agent's device does something else, as somebody outside says.
    Device {
        /// The agent.
        agent: AgentId,
        /// What it does.
        device: DeviceState,
        /// Who says so.
        by: Actor,
    },
    /// A SIP neighbour went down or came back.
    PeerState {
        /// The neighbour.
        peer: PeerId,
        /// True when it answers.
        up: bool,
    },
    /// The caller's INVITE was answered with 200: billing begins here, whoever talks.
    CallerAnswered {
        /// The call.
        call: CallId,
    },
    /// The caller pressed a key.
    Digit {
        /// The call.
        call: CallId,
        /// The key, personal.
        digit: Pii<char>,
    },
    /// A contact was refused before it joined a queue.
    Refused {
        /// The queue its number named.
        queue: Option<QueueId>,
        /// Why.
        cause: Refusal,
        /// What figures tell it apart by; nothing where no queue is named.
        dimensions: Dimensions,
    },
}

/// What the engine and the legs did not agree on (FEATURES F8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    /// The leg of a cancelled offer is gone, or did not end by the reservation's deadline, and nobody has said so: the agent was
    /// freed.
    Release,
    /// An agent was reserved for a call, and no leg rang: it was freed.
    Offer,
    /// An agent was taken to talk, and no leg did: it was freed.
    Talk,
    /// A call waited whose caller is gone: it flowed out.
    GhostCall,
    /// A caller waited of whom no queue knows: it was let go.
    OrphanCall,
    /// An agent's leg rang or talked of which no reservation knows: it was hung up.
    OrphanLeg,
}

impl Repair {
    /// Every kind, in the order of the metric table.
    pub const ALL: [Self; 6] =
        [Self::Release, Self::Offer, Self::Talk, Self::GhostCall, Self::OrphanCall, Self::OrphanLeg];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Offer => "offer",
            Self::Talk => "talk",
            Self::GhostCall => "ghost_call",
            Self::OrphanCall => "orphan_call",
            Self::OrphanLeg => "orphan_leg",
        }
    }
}
