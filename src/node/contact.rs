//! One contact: a caller's journey, its leg, its audio and its phase. Data only; the files of `journey` move it.

use std::cell::OnceCell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::acd::{Actor, Dimensions, FlowOut, Intervention, Target, TransferKind};
use crate::base::{AgentId, CallId, Instant, LegId, PeerId, Pii, QueueId, StreamId, TimerKey};
use crate::call::Lines;
use crate::config::{AnswerPolicy, MediaPolicy};
use crate::media::srtp;
use crate::media::{Codecs, Far, Lease, MasterKey, Secure, SessionDescription, Srtp};
use crate::node::directory::Called;
use crate::node::identity::Caller;
use crate::node::wishes::Wishes;

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
    /// Header lines of its INVITE for the agent's phone.
    pub(super) carried: Option<Box<Lines>>,
    /// Whom it prefers, and what that follows from in another queue.
    pub(super) wishes: Wishes,
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
    /// It is being handed on.
    pub(super) handover: Option<Box<Handover>>,
    /// Ports are reserved for whom it is handed to, as for one more contact.
    pub(super) lent: bool,
    /// What its agent has keyed in.
    pub(super) keys: Option<Box<Keys>>,
}

/// Where a contact stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The engine has been asked to take it in.
    Arriving,
    /// It waits, while these agents are rung for it.
    Waiting(Vec<AgentLeg>),
    /// It talks; while somebody is consulted about it, it holds.
    Talking { agent: AgentLeg, since: Instant },
    /// Its agent has gone, and whom it was handed to has not answered. It is in no queue.
    Alone,
    /// It talks with a number outside.
    Outside { party: Outside, since: Instant },
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
    /// How its PBX shows it, where its answer said so.
    pub(super) shown: Option<Box<str>>,
    /// Header lines of its answer for the caller, where that waits for ours.
    pub(super) carried: Option<Box<Lines>>,
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

/// A caller who is being handed on.
#[derive(Debug)]
pub(super) struct Handover {
    pub(super) kind: TransferKind,
    pub(super) target: Target,
    /// Who hands the caller on.
    pub(super) by: AgentId,
    /// The leg on which it asked so by REFER, and on which it is told how it goes; that leg may be gone.
    pub(super) referrer: Option<LegId>,
    /// The agent has talked with the target elsewhere, and goes when the target has answered us.
    pub(super) attended: bool,
    /// The target is a call in another shard.
    pub(super) beside: bool,
    pub(super) reach: Reach,
}

/// How far the target is reached.
#[derive(Debug)]
pub(super) enum Reach {
    /// The engine has been asked for an agent; these are rung.
    Ringing(Vec<AgentLeg>),
    /// The number is called.
    Calling(Outside),
    /// The agent has answered, and talks with the agent who consults.
    Agent(AgentLeg),
    /// The number has answered, and talks with the agent who consults.
    Number(Outside),
}

/// The leg of a number outside.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) leg: LegId,
    /// The neighbour that it is reached by.
    pub(super) peer: PeerId,
    /// As it was dialled, or as its PBX named it.
    pub(super) number: Pii<Arc<str>>,
    pub(super) audio: Audio,
    /// It has rung long enough.
    pub(super) ring: Option<TimerKey>,
    /// It is an agent of ours, whom the PBX has handed the caller to.
    pub(super) agent: Option<AgentId>,
}

/// The keys that an agent has pressed, as far as they may mean something.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) typed: String,
    /// A target is being keyed in.
    pub(super) target_for: Option<TransferKind>,
    /// When the last one came.
    pub(super) at: Instant,
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

/// An offer that waits for its answer, and what it says, read once. Its text may hold keys, and is not shown.
pub(super) struct Offer {
    pub(super) text: Box<[u8]>,
    read: OnceCell<Option<SessionDescription>>,
}

/// What was said about audio that the engine does not touch. Texts may hold keys, and are not shown.
pub(super) struct Description {
    /// What we last said.
    pub(super) ours: Box<[u8]>,
    /// What the far end last said, to tell an unchanged re-INVITE.
    pub(super) theirs: Option<Box<[u8]>>,
}

/// A stream of the media worker and what was negotiated for it. Texts may hold keys, and are not shown.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) lease: Lease,
    pub(super) session: u64,
    pub(super) version: u32,
    pub(super) far: Option<Far>,
    /// The caller's offer until it is answered.
    pub(super) offer: Option<Offer>,
    /// The last description of the far end, to tell an unchanged re-INVITE.
    pub(super) theirs: Option<Box<[u8]>>,
    /// What we last said.
    pub(super) ours: Option<Box<[u8]>>,
    /// Keys pressed here are passed on to whoever hears this side.
    pub(super) digits_passed: bool,
    /// What may be used here: of the far end's offer, or what we offered.
    pub(super) codecs: Codecs,
    /// The packet time that the far end wishes, in milliseconds.
    pub(super) ptime_ms: u8,
    /// The keys, where it may be encrypted.
    pub(super) sealed: Option<Box<Sealed>>,
    /// It holds and sends no music of its own, though it could: whom it holds hears the queue's.
    pub(super) filled: bool,
}

/// The keys of a stream; see `secure`.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// What we have said last.
    pub(super) said: Option<Secure>,
    /// Those in force.
    pub(super) keys: Option<srtp::Keys>,
    /// The address that the far end has said last, 0.0.0.0 apart, and its key there.
    pub(super) last: Option<(SocketAddr, MasterKey)>,
}

impl Contact {
    /// The agents' sides: who is rung for it, talks with it, or is consulted about it.
    pub(super) fn agents(&self) -> impl Iterator<Item = &AgentLeg> {
        let own = match &self.phase {
            Phase::Waiting(offers) => offers,
            Phase::Talking { agent, .. } => std::slice::from_ref(agent),
            Phase::Arriving | Phase::Alone | Phase::Outside { .. } => &[],
        };
        own.iter().chain(self.handover.iter().flat_map(|handover| handover.agents()))
    }

    /// The agent's side on this leg.
    pub(super) fn agent_mut(&mut self, leg: LegId) -> Option<&mut AgentLeg> {
        let own = match &mut self.phase {
            Phase::Waiting(offers) => offers,
            Phase::Talking { agent, .. } => std::slice::from_mut(agent),
            Phase::Arriving | Phase::Alone | Phase::Outside { .. } => &mut [],
        };
        let others = self.handover.iter_mut().flat_map(|handover| handover.agents_mut());
        own.iter_mut().chain(others).find(|agent| agent.leg == leg)
    }

    /// Those who are rung for it, where somebody may be.
    pub(super) fn offers_mut(&mut self) -> Option<&mut Vec<AgentLeg>> {
        if let Some(Handover { reach: Reach::Ringing(offers), .. }) = self.handover.as_deref_mut() {
            return Some(offers);
        }
        match &mut self.phase {
            Phase::Waiting(offers) => Some(offers),
            Phase::Arriving | Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. } => None,
        }
    }

    /// Who talks with it.
    pub(super) const fn talking_agent(&self) -> Option<AgentId> {
        match &self.phase {
            Phase::Talking { agent, .. } => Some(agent.agent),
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone | Phase::Outside { .. } => None,
        }
    }

    /// The leg to a number outside, called, consulted or talking.
    pub(super) fn outside(&self) -> Option<&Outside> {
        match &self.phase {
            Phase::Outside { party, .. } => Some(party),
            Phase::Arriving | Phase::Waiting(_) | Phase::Talking { .. } | Phase::Alone => {
                self.handover.as_ref()?.outside()
            }
        }
    }

    /// The audio and the neighbour of whoever is on this leg, the caller apart.
    pub(super) fn audio_on(&self, leg: LegId) -> Option<(&Audio, PeerId)> {
        let agent = self.agents().find(|agent| agent.leg == leg).map(|agent| (&agent.audio, agent.peer));
        let outside = || self.outside().filter(|outside| outside.leg == leg).map(|it| (&it.audio, it.peer));
        agent.or_else(outside)
    }

    /// As [`Contact::audio_on`].
    pub(super) fn audio_on_mut(&mut self, leg: LegId) -> Option<&mut Audio> {
        if self.agents().any(|agent| agent.leg == leg) {
            return self.agent_mut(leg).map(|agent| &mut agent.audio);
        }
        let outside = match &mut self.phase {
            Phase::Outside { party, .. } => Some(party),
            Phase::Arriving | Phase::Waiting(_) | Phase::Talking { .. } | Phase::Alone => {
                self.handover.as_mut().and_then(|handover| handover.outside_mut())
            }
        };
        outside.filter(|outside| outside.leg == leg).map(|outside| &mut outside.audio)
    }

    /// The leg of the agent it talks with.
    pub(super) const fn talking(&self) -> Option<LegId> {
        match &self.phase {
            Phase::Talking { agent, .. } => Some(agent.leg),
            Phase::Arriving | Phase::Waiting(_) | Phase::Alone | Phase::Outside { .. } => None,
        }
    }

    /// True when somebody on this leg hears the caller, or the agent who consults.
    pub(super) fn is_joined(&self, leg: LegId) -> bool {
        let consulted = self.handover.as_ref().and_then(|handover| handover.consulted());
        let outside = match &self.phase {
            Phase::Outside { party, .. } => Some(party.leg),
            Phase::Arriving | Phase::Waiting(_) | Phase::Talking { .. } | Phase::Alone => None,
        };
        [self.talking(), consulted, outside].contains(&Some(leg))
    }

    /// True when the caller itself waits, or is about to: nobody has it, and nobody is sought but by its queue.
    pub(super) const fn is_waiting(&self) -> bool {
        match &self.phase {
            Phase::Arriving | Phase::Waiting(_) => true,
            Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. } => false,
        }
    }

    /// True when the engine has it in a queue, or is asked to take it in.
    pub(super) fn is_in_queue(&self) -> bool {
        match &self.phase {
            Phase::Arriving | Phase::Waiting(_) => true,
            Phase::Talking { .. } | Phase::Alone | Phase::Outside { .. } => {
                self.handover.as_ref().is_some_and(|handover| handover.is_in_queue())
            }
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
            Phase::Talking { .. } if self.handover.is_some() => "consulting",
            Phase::Alone => "transferring",
            Phase::Talking { .. } | Phase::Outside { .. } => "talking",
        }
    }
}

impl Handover {
    /// One that begins: nobody is reached yet.
    pub(super) const fn to(kind: TransferKind, target: Target, by: AgentId, referrer: Option<LegId>) -> Self {
        Self { kind, target, by, referrer, attended: false, beside: false, reach: Reach::Ringing(Vec::new()) }
    }

    /// Agents who are rung or consulted.
    pub(super) fn agents(&self) -> &[AgentLeg] {
        match &self.reach {
            Reach::Ringing(offers) => offers,
            Reach::Agent(agent) => std::slice::from_ref(agent),
            Reach::Calling(_) | Reach::Number(_) => &[],
        }
    }

    /// As [`Handover::agents`].
    pub(super) fn agents_mut(&mut self) -> &mut [AgentLeg] {
        match &mut self.reach {
            Reach::Ringing(offers) => offers,
            Reach::Agent(agent) => std::slice::from_mut(agent),
            Reach::Calling(_) | Reach::Number(_) => &mut [],
        }
    }

    /// The number's leg.
    pub(super) const fn outside(&self) -> Option<&Outside> {
        match &self.reach {
            Reach::Calling(outside) | Reach::Number(outside) => Some(outside),
            Reach::Ringing(_) | Reach::Agent(_) => None,
        }
    }

    /// As [`Handover::outside`].
    pub(super) const fn outside_mut(&mut self) -> Option<&mut Outside> {
        match &mut self.reach {
            Reach::Calling(outside) | Reach::Number(outside) => Some(outside),
            Reach::Ringing(_) | Reach::Agent(_) => None,
        }
    }

    /// The leg of whoever is consulted, once it has answered.
    pub(super) const fn consulted(&self) -> Option<LegId> {
        match &self.reach {
            Reach::Agent(AgentLeg { leg, .. }) | Reach::Number(Outside { leg, .. }) => Some(*leg),
            Reach::Ringing(_) | Reach::Calling(_) => None,
        }
    }

    /// True when the call is in the target's queue.
    pub(super) const fn is_in_queue(&self) -> bool {
        matches!((&self.target, &self.reach), (Target::Queue(_), Reach::Ringing(_)))
    }
}

impl Offer {
    /// That of a neighbour whose audio is encrypted, or not.
    pub(super) fn new(text: &[u8], srtp: Srtp) -> Self {
        let read = OnceCell::new();
        // How it is to be read need not be kept then.
        if srtp != Srtp::No {
            read.get_or_init(|| SessionDescription::parse_as(text, srtp).ok());
        }
        Self { text: text.into(), read }
    }

    /// What it says; `None` when it cannot be read.
    pub(super) fn read(&self) -> Option<&SessionDescription> {
        self.read.get_or_init(|| SessionDescription::parse(&self.text).ok()).as_ref()
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("text", &Length::of(&self.text)).finish_non_exhaustive()
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, theirs } = self;
        let theirs = theirs.as_deref().map(Length::of);
        f.debug_struct("Description").field("ours", &Length::of(ours)).field("theirs", &theirs).finish()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Stream");
        shown.field("id", &self.id).field("lease", &self.lease).field("version", &self.version).field("far", &self.far);
        shown.field("offer", &self.offer).field("theirs", &self.theirs.as_deref().map(Length::of));
        shown.field("ours", &self.ours.as_deref().map(Length::of)).field("codecs", &self.codecs);
        shown.field("sealed", &self.sealed).field("filled", &self.filled).finish_non_exhaustive()
    }
}

/// What stands for a text that is not shown.
struct Length(usize);

impl Length {
    const fn of(text: &[u8]) -> Self {
        Self(text.len())
    }
}

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
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
        FlowOut::Fax => (480, "No Fax Here"),
        FlowOut::Timeout | FlowOut::Unanswered | FlowOut::OffersMax => (480, "No Agent Available"),
        FlowOut::Draining | FlowOut::EngineRestart => (503, "Draining"),
        FlowOut::Overload => (503, "Overloaded"),
        FlowOut::Withdrawn | FlowOut::Requeued => (480, "Withdrawn"),
        FlowOut::System => (500, "Server Internal Error"),
    }
}
