//! One contact: a caller's journey, its leg, its audio and its phase. Data only; the files of `journey` move it.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::acd::{Actor, Dimensions, FlowOut, Intervention};
use crate::base::{AgentId, CallId, Instant, LegId, PeerId, QueueId, StreamId, TimerKey};
use crate::config::{AnswerPolicy, MediaPolicy};
use crate::media::{Far, Lease, SessionDescription};
use crate::node::directory::Called;
use crate::node::identity::Caller;

/// A contact; see the module.
#[derive(Debug)]
pub(super) struct Contact {
    pub(super) id: CallId,
    pub(super) queue: QueueId,
    pub(super) number: Box<str>,
    /// What its number meant when it came.
    pub(super) called: Arc<Called>,
    /// What figures tell it apart by.
    pub(super) dimensions: Dimensions,
    pub(super) caller: Caller,
    /// The neighbour it comes from.
    pub(super) peer: Option<PeerId>,
    /// What is left of its Max-Forwards.
    pub(super) hops: u8,
    /// The caller's leg.
    pub(super) leg: LegId,
    /// When it first joined a queue; its place and its wait count from here.
    pub(super) joined: Instant,
    /// The 200 to the caller: the start of billing.
    pub(super) answered: Option<Instant>,
    pub(super) answer: AnswerPolicy,
    pub(super) media: MediaPolicy,
    /// The media worker that carries both legs' audio, if there is any.
    pub(super) worker: u8,
    pub(super) audio: Audio,
    /// Until when the queue's prompt is played.
    pub(super) prompt: Option<Instant>,
    /// The limit of waiting unanswered.
    pub(super) unanswered: Option<TimerKey>,
    /// The next probe of an answered call whose audio we do not see.
    pub(super) probe: Option<TimerKey>,
    pub(super) phase: Phase,
    /// One of both holds, as the engine has been told.
    pub(super) held: bool,
    /// What a supervisor has asked for, until the engine has let it go.
    pub(super) moving: Option<Box<Moving>>,
}

/// Where a contact stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The engine has been asked to take it in.
    Arriving,
    /// It waits, while these agents are rung for it.
    Waiting(Vec<AgentLeg>),
    /// It talks.
    Talking { agent: AgentLeg, since: Instant },
}

/// A supervisor's hand on a contact that waits.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) what: Intervention,
    pub(super) by: Actor,
}

/// The agent's side of a contact.
#[derive(Debug)]
pub(super) struct AgentLeg {
    pub(super) agent: AgentId,
    /// The neighbour it was reached by.
    pub(super) peer: PeerId,
    pub(super) epoch: u32,
    pub(super) leg: LegId,
    pub(super) audio: Audio,
    pub(super) rang: bool,
    pub(super) stage: Stage,
}

/// How far an agent's side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its INVITE has no final answer. No provisional by the timer is the peer's fault.
    Calling(Option<TimerKey>),
    /// It has answered, and must press its key by the timer.
    Confirming(TimerKey),
    /// It has answered, and the engine has been asked whether it wins the call; joined, when it talks.
    Answered,
}

/// One side's audio.
#[derive(Debug)]
pub(super) enum Audio {
    /// None yet; the caller's offer, when it made one, waits for an answer.
    Pending(Option<Offer>),
    /// The engine sends and receives.
    Stream(Box<Stream>),
    /// Signalling only.
    Described(Box<Description>),
}

/// An offer that waits for its answer, and what it says, read once.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) text: Box<[u8]>,
    read: OnceCell<Option<SessionDescription>>,
}

/// What was said about audio that the engine does not touch.
#[derive(Debug)]
pub(super) struct Description {
    /// What we last said.
    pub(super) ours: Box<[u8]>,
    /// What the far end last said, to tell an unchanged re-INVITE.
    pub(super) theirs: Option<Box<[u8]>>,
}

/// A stream of the media worker and what was negotiated for it.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) lease: Lease,
    pub(super) session: u64,
    pub(super) version: u64,
    pub(super) far: Option<Far>,
    /// The caller's offer until it is answered.
    pub(super) offer: Option<Offer>,
    /// The last description of the far end, to tell an unchanged re-INVITE.
    pub(super) theirs: Option<Box<[u8]>>,
    /// What we last said.
    pub(super) ours: Option<Box<[u8]>>,
}

impl Contact {
    /// The agents' sides: who is rung for it, or who talks with it.
    pub(super) fn agents(&self) -> &[AgentLeg] {
        match &self.phase {
            Phase::Waiting(offers) => offers,
            Phase::Talking { agent, .. } => std::slice::from_ref(agent),
            Phase::Arriving => &[],
        }
    }

    /// The agent's side on this leg.
    pub(super) fn agent(&self, leg: LegId) -> Option<&AgentLeg> {
        self.agents().iter().find(|agent| agent.leg == leg)
    }

    /// The agent's side on this leg.
    pub(super) fn agent_mut(&mut self, leg: LegId) -> Option<&mut AgentLeg> {
        match &mut self.phase {
            Phase::Waiting(offers) => offers.iter_mut().find(|agent| agent.leg == leg),
            Phase::Talking { agent, .. } => (agent.leg == leg).then_some(agent),
            Phase::Arriving => None,
        }
    }

    /// The leg of the agent it talks with.
    pub(super) const fn talking(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Talking { agent, .. } => Some(agent.leg),
            Phase::Arriving | Phase::Waiting(_) => None,
        }
    }

    /// True while the caller hears the queue's prompt.
    pub(super) fn hears_prompt(&self, now: Instant) -> bool {
        self.talking().is_none() && self.prompt.is_some_and(|until| now < until)
    }

    /// The label of its state for the control plane.
    pub(super) const fn state(&self) -> &'static str {
        if self.moving.is_some() {
            return "ending";
        }
        match &self.phase {
            Phase::Waiting(offers) if !offers.is_empty() => "offering",
            Phase::Arriving | Phase::Waiting(_) => "waiting",
            Phase::Talking { .. } => "talking",
        }
    }
}

impl Offer {
    pub(super) fn new(text: &[u8]) -> Self {
        Self { text: text.into(), read: OnceCell::new() }
    }

    /// What it says; `None` when it cannot be read.
    pub(super) fn read(&self) -> Option<&SessionDescription> {
        self.read.get_or_init(|| SessionDescription::parse(&self.text).ok()).as_ref()
    }
}

impl Audio {
    /// The stream, if there is one.
    pub(super) const fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            Self::Pending(_) | Self::Described(_) => None,
        }
    }

    /// The stream, if there is one.
    pub(super) const fn stream_mut(&mut self) -> Option<&mut Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            Self::Pending(_) | Self::Described(_) => None,
        }
    }
}

/// The final response to a caller who is let go unanswered, and its reason phrase. 503 only for drain and overload: carriers
/// take a trunk that answers 503 out of service.
pub(super) const fn status_of(reason: FlowOut) -> (u16, &'static str) {
    match reason {
        FlowOut::Full => (486, "Queue Full"),
        FlowOut::Closed => (480, "Queue Closed"),
        FlowOut::Emergency => (480, "Emergency"),
        FlowOut::Timeout | FlowOut::Unanswered | FlowOut::OffersMax => (480, "No Agent Available"),
        FlowOut::Draining => (503, "Draining"),
        FlowOut::Overload => (503, "Overloaded"),
        FlowOut::Withdrawn | FlowOut::Requeued => (480, "Withdrawn"),
        FlowOut::System => (500, "Server Internal Error"),
    }
}
